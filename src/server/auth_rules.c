/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "server/auth_private.h"

#include <stdlib.h>

struct auth_rules *rules_new(const struct config *config)
{
	struct auth_rules *r = xcalloc(1, sizeof *r);

	r->references = 1;
	r->sources = config->accounts_sources;
	for (size_t i = 0; i < r->sources.count; i++)
		if (r->sources.list[i] != ACCOUNT_SOURCE_BUILTIN)
			r->outside = true;
	r->cache_ms = config->login_cache;
	r->rehash = config->login_rehash;
	r->apop = words_have(
		&config->login_mechanisms, MECHANISM_NUMBER_APOP + 1);
	if (config->login_scram)
		r->scram_iterations = (uint32_t)config->login_scram_iterations;
	r->master_users = config->login_master_users;
	r->master_separator = xstrdup(config->login_master_separator);
	r->anonymous = xstrdup(config->login_anonymous);
	r->oauth_scope = xstrdup(config->oauth_scope);
	r->resolve = resolve_rules_new(config->accounts_domains,
		config->accounts_postmaster, config->accounts_separators);
	return r;
}

struct auth_rules *rules_take(struct auth_rules *r)
{
	r->references++;
	return r;
}

void rules_drop(struct auth_rules *r)
{
	if (--r->references)
		return;
	resolve_rules_free(r->resolve);
	free(r->master_separator);
	free(r->anonymous);
	free(r->oauth_scope);
	free(r);
}
