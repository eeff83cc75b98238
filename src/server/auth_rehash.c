/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/secret.h"
#include "server/auth_private.h"

#include <stdlib.h>

/* Logins that show a password; those beyond come again. */
#define REHASHES_MAX 64

struct rehash {
	struct pool_job job;
	struct auth *auth;
	uint64_t account;
	struct secret password;
	char *before; /* the hash that it was verified against */
	bool hash, scram1, scram256;
	uint32_t iterations;
	/* Found. */
	bool changed;
};

/* APOP needs what no hash has. */
static bool is_for_apop(const struct exchange *x)
{
	return x->rules->apop && password_verify_apop(STR(""), STR(""),
					 x->row.hash) != ERR_UNSUPPORTED;
}

static char *make_keys(const struct rehash *r, enum scram_hash hash)
{
	struct scram_keys keys;
	struct buf text = BUF_UNBOUNDED;
	char *copy = NULL;

	if (scram_keys_make(hash, str_of(r->password.p, r->password.n),
		    r->iterations, &keys) == OK) {
		scram_keys_print(&keys, &text);
		copy = xstrndup(text.p, text.n);
	}
	secret_wipe(&keys, sizeof keys);
	buf_fini(&text);
	return copy;
}

static void rehash_done(struct loop *loop, void *arg)
{
	struct rehash *r = arg;
	struct auth *a = r->auth;

	(void)loop;
	a->working--;
	a->rehashing--;
	if (r->changed)
		offer_update(a);
	secret_fini(&r->password);
	secret_wipe(r->before, strlen(r->before));
	free(r->before);
	free(r);
	auth_check_end(a);
}

static void store(struct rehash *r, const char *hash, const char *scram1,
	const char *scram256)
{
	enum err e = accounts_rehash(r->auth->context.accounts, r->account,
		r->before, hash, scram1, scram256);

	r->changed = e == OK;
	if (!e)
		log_info("auth", "password hashed anew",
			LOG_U64("id", r->account));
	else if (e != ERR_CONFLICT && e != ERR_NOTFOUND)
		log_error("auth", "password could not be hashed anew",
			LOG_U64("id", r->account), LOG_ERR(e));
}

static void run_rehash(struct pool_job *job)
{
	struct rehash *r = LOOP_OWNER(job, struct rehash, job);
	struct buf hash = BUF_UNBOUNDED;
	char *made = NULL, *scram1 = NULL, *scram256 = NULL;

	if (r->hash && password_hash(str_of(r->password.p, r->password.n),
			       &hash) == OK)
		made = xstrndup(hash.p, hash.n);
	if (r->scram1)
		scram1 = make_keys(r, SCRAM_SHA_1);
	if (r->scram256)
		scram256 = make_keys(r, SCRAM_SHA_256);
	if (made || scram1 || scram256)
		store(r, made ? made : r->before, scram1, scram256);
	buf_fini(&hash);
	free(made);
	free(scram1);
	free(scram256);
	loop_post(r->auth->loop, rehash_done, r);
}

void rehash_later(struct exchange *x)
{
	struct auth *a = x->auth;
	const struct account *row = &x->row;
	bool scram = x->rules->scram_iterations > 0;
	struct rehash what = {.auth = a,
		.account = row->id,
		.hash = password_is_weaker(row->hash) && !is_for_apop(x),
		.scram1 = scram && !*row->scram1,
		.scram256 = scram && !*row->scram256,
		.iterations = x->rules->scram_iterations};
	struct rehash *r;

	if (!x->rules->rehash || a->rehashing >= REHASHES_MAX ||
		!(what.hash || what.scram1 || what.scram256))
		return;
	r = xcalloc(1, sizeof *r);
	*r = what;
	r->password = secret_of(str_of(x->sasl.password.p, x->sasl.password.n));
	r->before = xstrdup(row->hash);
	r->job.run = run_rehash;
	a->working++;
	a->rehashing++;
	pool_submit(a->lanes[LANE_OTHERS].hashing, &r->job);
}
