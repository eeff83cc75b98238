/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges over all mechanisms: the first byte chooses one, the second what
 * the connection is; then responses, apart by 0xff, a byte that none may have
 * ("@" alone: none). What PLAIN took apart is what came; nothing is proven with
 * SCRAM without the password; an account is found by the name that it was
 * stored under.
 */
#include "auth/accounts.h"
#include "auth/sasl.h"
#include "base/cursor.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sasl_binding bindings[] = {
	{STR_LIT("tls-exporter"), STR_LIT("\1\2\3")}};

/* Of nobody: no input has the password. */
static const struct scram_keys *keys_for(enum scram_hash hash)
{
	static struct scram_keys keys[2];

	if (!keys[hash].iterations &&
		scram_keys_make(hash, STR("a password"), 4096, &keys[hash]))
		abort();
	return &keys[hash];
}

static void check_plain(const struct sasl *s, str input)
{
	struct buf again = BUF_UNBOUNDED;

	buf_add(&again, buf_str(&s->authzid));
	buf_add_byte(&again, '\0');
	buf_add(&again, buf_str(&s->authcid));
	buf_add_byte(&again, '\0');
	buf_add(&again, str_of(s->password.p, s->password.n));
	if (!str_eq(buf_str(&again), input))
		abort();
	buf_fini(&again);
}

static void check_step(const struct sasl *s, enum sasl_step step, str response)
{
	bool scram = strncmp(s->mechanism->name, "SCRAM", 5) == 0;

	if (s->authcid.n > 255 || s->authzid.n > 255 || s->trace.n > 1020)
		abort();
	if (step == SASL_VERIFY && s->mechanism->bit == MECHANISM_PLAIN)
		check_plain(s, response);
	if (step == SASL_TOKEN && s->token.n == 0)
		abort();
	if (step == SASL_DONE && scram)
		abort();
	if ((step == SASL_MALFORMED || step == SASL_WRONG) && !*s->reason)
		abort();
}

static enum sasl_step one_step(
	struct sasl *s, str response, bool known, struct buf *challenge)
{
	enum sasl_step step = sasl_step(s, response, challenge);

	check_step(s, step, response);
	if (step == SASL_KEYS)
		return sasl_set_keys(s,
			known ? keys_for(sasl_scram_hash(s)) : NULL, challenge);
	if (step == SASL_TOKEN) {
		sasl_token_refused(s, "invalid_token", challenge);
		return SASL_CHALLENGE;
	}
	return step == SASL_WRONG && challenge->n ? SASL_CHALLENGE : step;
}

static void check_exchange(str input)
{
	struct cursor c = cursor_of(input);
	unsigned mechanism = cursor_u8(&c), facts = cursor_u8(&c);
	struct buf challenge = BUF_UNBOUNDED;
	struct sasl s;

	sasl_init(&s, &mechanisms[mechanism % MECHANISM_COUNT],
		&(struct sasl_facts){.bindings = bindings,
			.binding_count = facts & 1,
			.announced =
				facts & 2 ? MECHANISM_SCRAM_SHA_256_PLUS : 0,
			.certificate = facts & 4 ? STR("ann") : STR(""),
			.decoy_secret = STR("decoy"),
			.decoy_iterations = 4096});
	s.fixed_nonce = "server"; /* so that an input can go on */
	for (enum sasl_step step = SASL_CHALLENGE; step == SASL_CHALLENGE;) {
		str response = cursor_until(&c, '\xff');

		step = one_step(&s,
			str_eq_c(response, "@") ? str_none() : response,
			facts & 8, &challenge);
		if (!cursor_accept(&c, '\xff'))
			break;
	}
	sasl_fini(&s);
	buf_fini(&challenge);
}

static void check_name(str input)
{
	struct buf once = BUF_UNBOUNDED, twice = BUF_UNBOUNDED;

	if (account_name_prepare(input, &once) == OK &&
		(account_name_prepare(buf_str(&once), &twice) != OK ||
			!str_eq(buf_str(&once), buf_str(&twice))))
		abort();
	buf_fini(&once);
	buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = str_of((const char *)data, size);

	check_exchange(input);
	check_name(input);
	return 0;
}
