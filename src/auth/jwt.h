/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt: JSON Web Tokens (RFC 7519) that are signed (JWS compact form, RFC 7515),
 * checked with the public keys of their issuer (a JWK Set, RFC 7517). Pure: who
 * fetches the keys, and what time it is, is the caller.
 *
 * Algorithms (RFC 7518, RFC 8037): RS256/384/512, PS256/384/512, ES256,
 * ES384, EdDSA with Ed25519, and HS256. The key says which of them it is for,
 * by its kind and by its own "alg", and the token must say the same: nothing is
 * ever HMACed with a public key, and "none" is no algorithm. Keys in the token
 * (jwk, jku, x5c, x5u) are not looked at.
 *
 * JSON is read strictly: no member twice, no NUL, nesting up to 16.
 */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include "base/buf.h"

#define JWT_TOKEN_MAX (16 * 1024) /* bytes */
#define JWT_KEYS_MAX (256 * 1024) /* bytes of a JWK Set */
#define JWT_KEYS_COUNT_MAX 64	  /* keys of one that are kept */
#define JWT_NAME_MAX 255	  /* bytes of the name */

struct jwt_keys;

/* Keys that are of no use here (encryption, unknown kinds and curves, RSA
 * below 2048 or above 8192 bits) are left out, as RFC 7517 section 5 says;
 * *skipped_r counts them. ERR_INVALID: not a JWK Set; ERR_TOOBIG. The caller
 * calls jwt_keys_free. */
MUST enum err jwt_keys_parse(
	str json, struct jwt_keys **keys_r, size_t *skipped_r);
size_t jwt_keys_count(const struct jwt_keys *);
/* Takes NULL. */
void jwt_keys_free(struct jwt_keys *);

/* What a good token says. Empty strs are not checked. */
struct jwt_expected {
	str issuer;	/* "iss" is this */
	str audience;	/* "aud" is this, or has it among others */
	str scope;	/* "scope" (RFC 8693 section 4.2) or "scp" has this
			   word */
	str name_claim; /* whose value is the account's name; "sub" if empty */
	int64_t now;	/* seconds since 1970 */
	int64_t leeway; /* seconds that clocks may differ */
};

struct jwt_claims {
	struct buf name;    /* 1..JWT_NAME_MAX bytes of UTF-8, no controls */
	struct buf subject; /* "sub", or empty */
	int64_t expires;
};

/* *why_r is a literal for the log; "" with OK. Errors:
 * ERR_INVALID	not a token, or a claim is missing or malformed
 * ERR_NOTFOUND	no key fits; the issuer may have new ones by now
 * ERR_AUTH	the signature is wrong, or it is for others (iss, aud)
 * ERR_EXPIRED	"exp" is past
 * ERR_AGAIN	"nbf" or "iat" is to come
 * ERR_DENIED	the scope is missing, or "email" is the name and is not
 *		verified
 * claims_r: the caller calls jwt_claims_fini after OK. */
MUST enum err jwt_verify(str token, const struct jwt_keys *,
	const struct jwt_expected *, struct jwt_claims *claims_r,
	const char **why_r);
void jwt_claims_fini(struct jwt_claims *);

/* The same for what the issuer answers when it is asked about a token (RFC 7662
 * section 2.2): JSON with "active" and claims, of which "exp" may be missing.
 * ERR_AUTH also when the token is not active. */
MUST enum err jwt_introspection_read(str json, const struct jwt_expected *,
	struct jwt_claims *claims_r, const char **why_r);

#endif
