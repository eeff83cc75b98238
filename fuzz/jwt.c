/* SPDX-License-Identifier: Apache-2.0 */
/* The first line is a token, what follows a set of keys; with fixed ones too,
 * for which no input has a signature. */
#include "auth/jwt.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char fixed[] =
	"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
	"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"1\","
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

static enum err check(str token, const struct jwt_keys *keys)
{
	struct jwt_expected x = {.now = 1000, .name_claim = STR("sub")};
	struct jwt_claims claims;
	const char *why;
	enum err e = jwt_verify(token, keys, &x, &claims, &why);

	if ((e == OK) != (*why == '\0'))
		abort();
	if (!e && (claims.name.n == 0 || claims.name.n > JWT_NAME_MAX ||
			  claims.expires <= 1000))
		abort();
	if (!e)
		jwt_claims_fini(&claims);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = str_of((const char *)data, size);
	size_t line = str_find_byte(input, '\n');
	static struct jwt_keys *ours;
	struct jwt_keys *keys;
	size_t skipped;

	if (!ours && jwt_keys_parse(str_c(fixed), &ours, &skipped))
		abort();
	if (check(str_take(input, line), ours) == OK)
		abort();
	if (jwt_keys_parse(str_skip(input, line + 1), &keys, &skipped))
		return 0;
	(void)check(str_take(input, line), keys);
	jwt_keys_free(keys);
	return 0;
}
