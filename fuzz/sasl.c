/* SPDX-License-Identifier: Apache-2.0 */
/* What PLAIN took apart is what came; an account is found by the name that it
 * was stored under. */
#include "auth/accounts.h"
#include "auth/sasl.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plain(str input)
{
	struct buf challenge = BUF_UNBOUNDED, again = BUF_UNBOUNDED;
	struct sasl s;

	sasl_init(&s, mechanism_find(STR("PLAIN")), &(struct sasl_facts){0});
	if (sasl_step(&s, input, &challenge) == SASL_VERIFY) {
		buf_add(&again, buf_str(&s.authzid));
		buf_add_byte(&again, '\0');
		buf_add(&again, buf_str(&s.authcid));
		buf_add_byte(&again, '\0');
		buf_add(&again, str_of(s.password.p, s.password.n));
		if (!str_eq(buf_str(&again), input))
			abort();
	}
	sasl_fini(&s);
	buf_fini(&again);
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

	check_plain(input);
	check_name(input);
	return 0;
}
