/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes that others wrote: read, and verified if that is cheap. No input is
 * another password's hash and its own. */
#include "auth/password.h"
#include "auth/password_form.h"
#include "auth/scram.h"
#include "base/secret.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_hash(const char *hash)
{
	struct password_form form;
	enum err one, two;

	if (password_form_parse(hash, &form))
		return;
	if (form.cost > PASSWORD_COST_MAX)
		abort();
	if (form.cost < 2) {
		one = password_form_verify(&form, STR("Taube"));
		two = password_form_verify(&form, STR("Specht"));
		if (one == OK && two == OK)
			abort();
	}
	password_form_fini(&form);
}

static void check_keys(str text)
{
	struct buf printed = BUF_UNBOUNDED;
	struct scram_keys keys, again;

	if (scram_keys_parse(text, &keys) == OK) {
		scram_keys_print(&keys, &printed);
		if (scram_keys_parse(buf_str(&printed), &again) ||
			memcmp(&keys, &again, sizeof keys) != 0)
			abort();
	}
	buf_fini(&printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secret hash = secret_of(str_of((const char *)data, size));

	if (!memchr(hash.p, 0, hash.n))
		check_hash(hash.p);
	check_keys(str_of(hash.p, hash.n));
	secret_fini(&hash);
	return 0;
}
