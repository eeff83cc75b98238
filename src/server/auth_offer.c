/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be offered. A client takes the strongest mechanism that it knows and
 * does not fall back when that fails, so that one which does not work for
 * everybody must not be offered to anybody (docs/decisions/0008): SCRAM only
 * when all accounts are built-in ones and have keys.
 */
#include "base/log.h"
#include "server/auth_private.h"

static const unsigned scram_1 = MECHANISM_SCRAM_SHA_1 |
				MECHANISM_SCRAM_SHA_1_PLUS,
		      scram_256 = MECHANISM_SCRAM_SHA_256 |
				  MECHANISM_SCRAM_SHA_256_PLUS,
		      passwords = MECHANISM_PLAIN | MECHANISM_LOGIN,
		      tokens = MECHANISM_OAUTHBEARER | MECHANISM_XOAUTH2,
		      commands = MECHANISM_APOP;

/* What the configuration gives a meaning to. */
static unsigned possible(const struct auth *a)
{
	const struct config *config = a->role.config;
	unsigned bits = passwords | scram_1 | scram_256 | commands;

	if (words_have(&config->accounts_sources, ACCOUNT_SOURCE_OAUTH))
		bits |= tokens;
	if (*config->tls_client_ca)
		bits |= MECHANISM_EXTERNAL;
	if (*config->login_anonymous)
		bits |= MECHANISM_ANONYMOUS;
	return bits;
}

static unsigned scram_for_all(const struct auth *a)
{
	bool scram1 = false, scram256 = false;

	if (a->rules->outside || accounts_all_have_scram(a->context.accounts,
					 &scram1, &scram256))
		return 0;
	return (scram1 ? scram_1 : 0) | (scram256 ? scram_256 : 0);
}

static unsigned listed(const struct auth *a)
{
	const struct words *words = &a->role.config->login_mechanisms;
	unsigned bits = 0;

	for (size_t i = 0; i < words->count; i++) {
		if (words->list[i] == 0) /* "auto" */
			bits |= ~(scram_1 | scram_256 | commands) |
				scram_for_all(a);
		else
			bits |= mechanisms[words->list[i] - 1].bit;
	}
	return bits;
}

void offer_tell(struct peer *p)
{
	struct buf payload = BUF_UNBOUNDED;

	if (p->kind != PEER_FRONT)
		return;
	buf_add_varint(&payload, p->auth->offered);
	peer_tell(p, IPC_AUTH_OFFER, 0, buf_str(&payload));
	buf_fini(&payload);
}

static void log_offer(unsigned offered)
{
	struct buf names = BUF_UNBOUNDED;

	for (size_t i = 0; i < MECHANISM_COUNT; i++)
		if (offered & mechanisms[i].bit)
			buf_addf(&names, "%s%s", names.n ? " " : "",
				mechanisms[i].name);
	log_info("auth", "mechanisms", LOG_STR("offered", buf_str(&names)));
	buf_fini(&names);
}

void offer_update(struct auth *a)
{
	unsigned bits = listed(a) & possible(a);

	if (bits == a->offered)
		return;
	a->offered = bits;
	log_offer(bits);
	for (size_t i = 0; i < a->peer_count; i++)
		offer_tell(a->peers[i]);
}
