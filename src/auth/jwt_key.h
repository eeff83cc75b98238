/* SPDX-License-Identifier: Apache-2.0 */
/* jwt_key: one key of a JWK Set, and its algorithms; for jwt.c alone. */
#ifndef AUTH_JWT_KEY_H
#define AUTH_JWT_KEY_H

#include "auth/jwt.h"
#include "base/secret.h"

#include <jansson.h>
#include <openssl/evp.h>

enum jwt_kind { JWT_RSA, JWT_P256, JWT_P384, JWT_ED25519, JWT_OCT };

/* RFC 7518 section 3.1, RFC 8037 section 3.1. */
struct jwt_algorithm {
	const char *name;
	enum jwt_kind kind;
	const EVP_MD *(*md)(void); /* NULL: the algorithm has its own */
	bool pss;
	size_t half; /* ECDSA: bytes of R, and of S */
};

struct jwt_key {
	enum jwt_kind kind;
	char *id;			       /* "kid", or NULL */
	const struct jwt_algorithm *algorithm; /* "alg", or NULL: any of its
						  kind */
	EVP_PKEY *public;		       /* all but OCT */
	struct secret secret;		       /* OCT */
};

struct jwt_keys {
	size_t count;
	struct jwt_key keys[JWT_KEYS_COUNT_MAX];
};

/* NULL: not one of ours. */
const struct jwt_algorithm *jwt_algorithm_find(const char *name);

/* An object; NULL when it is not one, or breaks the rules of jwt.h. The caller
 * calls json_decref. */
json_t *jwt_json_parse(str);
/* The member's value; NULL when it is absent or no string. Until the object
 * goes. */
const char *jwt_json_string(const json_t *object, const char *name);

/* Is this the signature of `input`? Its length need not be right. */
bool jwt_key_verify(const struct jwt_key *, const struct jwt_algorithm *,
	str input, str signature);

#endif
