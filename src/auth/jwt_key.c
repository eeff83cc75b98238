/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/jwt_key.h"
#include "base/alloc.h"
#include "base/base64.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#define DEPTH_MAX 16
#define RSA_BITS_MIN 2048 /* RFC 7518 section 3.3 */
#define RSA_BITS_MAX 8192 /* verifying takes a millisecond */
#define RSA_EXPONENT_BITS_MAX 33
#define OCT_MIN 32 /* RFC 7518 section 3.2 */

static const struct jwt_algorithm algorithms[] = {
	{"RS256", JWT_RSA, EVP_sha256, false, 0},
	{"RS384", JWT_RSA, EVP_sha384, false, 0},
	{"RS512", JWT_RSA, EVP_sha512, false, 0},
	{"PS256", JWT_RSA, EVP_sha256, true, 0},
	{"PS384", JWT_RSA, EVP_sha384, true, 0},
	{"PS512", JWT_RSA, EVP_sha512, true, 0},
	{"ES256", JWT_P256, EVP_sha256, false, 32},
	{"ES384", JWT_P384, EVP_sha384, false, 48},
	{"EdDSA", JWT_ED25519, NULL, false, 0},
	{"HS256", JWT_OCT, EVP_sha256, false, 0},
};

const struct jwt_algorithm *jwt_algorithm_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(algorithms); i++)
		if (strcmp(name, algorithms[i].name) == 0)
			return &algorithms[i];
	return NULL;
}

/* -------- JSON -------- */

/* Jansson recurses; brackets in strings do not count. */
static bool is_shallow(str s)
{
	int depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']'))
			depth--;
		if (depth > DEPTH_MAX)
			return false;
	}
	return true;
}

json_t *jwt_json_parse(str s)
{
	json_t *value = is_shallow(s) ? json_loadb(s.p, s.n,
						JSON_REJECT_DUPLICATES, NULL)
				      : NULL;

	if (json_is_object(value))
		return value;
	json_decref(value);
	return NULL;
}

const char *jwt_json_string(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* -------- keys -------- */

/* base64url of min..max bytes. */
static bool read_bytes(const json_t *jwk, const char *name, size_t min,
	size_t max, struct buf *out)
{
	const char *text = jwt_json_string(jwk, name);

	buf_init(out, max);
	return text && base64_decode_url(out, str_c(text)) == OK &&
	       out->n >= min;
}

/* Takes over the builder. */
static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *builder)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (params && context && EVP_PKEY_fromdata_init(context) > 0 &&
		EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) <=
			0)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	return key;
}

static BIGNUM *number_of(const struct buf *b)
{
	return BN_bin2bn((const unsigned char *)b->p, (int)b->n, NULL);
}

static EVP_PKEY *rsa_of(const BIGNUM *n, const BIGNUM *e)
{
	OSSL_PARAM_BLD *builder;

	if (BN_num_bits(n) < RSA_BITS_MIN || BN_num_bits(n) > RSA_BITS_MAX ||
		!BN_is_odd(n) || !BN_is_odd(e) || BN_is_one(e) ||
		BN_num_bits(e) > RSA_EXPONENT_BITS_MAX)
		return NULL;
	builder = OSSL_PARAM_BLD_new();
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e);
	return key_from("RSA", builder);
}

/* RFC 7518 section 6.3.1 */
static bool read_rsa(const json_t *jwk, struct jwt_key *key)
{
	struct buf modulus, exponent;
	bool good = read_bytes(
		jwk, "n", RSA_BITS_MIN / 8, RSA_BITS_MAX / 8, &modulus);
	BIGNUM *n = NULL, *e = NULL;

	key->kind = JWT_RSA;
	if (read_bytes(jwk, "e", 1, 8, &exponent) && good) {
		n = number_of(&modulus);
		e = number_of(&exponent);
		key->public = rsa_of(n, e);
	}
	BN_free(n);
	BN_free(e);
	buf_fini(&modulus);
	buf_fini(&exponent);
	return key->public;
}

/* Is the point on the curve? */
static EVP_PKEY *checked(EVP_PKEY *key)
{
	EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;

	if (context && EVP_PKEY_public_check(context) <= 0) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	EVP_PKEY_CTX_free(context);
	return key;
}

static EVP_PKEY *ec_of(const char *group, str x, str y)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	struct buf point = BUF_UNBOUNDED;
	EVP_PKEY *key;

	buf_add_byte(&point, POINT_CONVERSION_UNCOMPRESSED);
	buf_add(&point, x);
	buf_add(&point, y);
	OSSL_PARAM_BLD_push_utf8_string(
		builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	OSSL_PARAM_BLD_push_octet_string(
		builder, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n);
	key = key_from("EC", builder);
	buf_fini(&point);
	return checked(key);
}

static const struct {
	const char *name, *group;
	enum jwt_kind kind;
	size_t size; /* of a coordinate; never shorter */
} curves[] = {
	{"P-256", SN_X9_62_prime256v1, JWT_P256, 32},
	{"P-384", SN_secp384r1, JWT_P384, 48},
};

/* RFC 7518 section 6.2.1 */
static bool read_ec(const json_t *jwk, struct jwt_key *key)
{
	const char *name = jwt_json_string(jwk, "crv");
	struct buf x, y;
	bool good;

	for (size_t i = 0; name && i < COUNT_OF(curves); i++) {
		if (strcmp(name, curves[i].name) != 0)
			continue;
		key->kind = curves[i].kind;
		good = read_bytes(jwk, "x", curves[i].size, curves[i].size, &x);
		if (read_bytes(jwk, "y", curves[i].size, curves[i].size, &y) &&
			good)
			key->public = ec_of(
				curves[i].group, buf_str(&x), buf_str(&y));
		buf_fini(&x);
		buf_fini(&y);
	}
	return key->public;
}

/* RFC 8037 section 2 */
static bool read_okp(const json_t *jwk, struct jwt_key *key)
{
	const char *name = jwt_json_string(jwk, "crv");
	struct buf x;

	if (!name || strcmp(name, "Ed25519") != 0)
		return false;
	key->kind = JWT_ED25519;
	if (read_bytes(jwk, "x", 32, 32, &x))
		key->public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519,
			NULL, (const unsigned char *)x.p, x.n);
	buf_fini(&x);
	return key->public;
}

/* RFC 7518 section 6.4 */
static bool read_oct(const json_t *jwk, struct jwt_key *key)
{
	struct buf k;
	bool good = read_bytes(jwk, "k", OCT_MIN, 1024, &k);

	key->kind = JWT_OCT;
	if (good)
		key->secret = secret_of(buf_str(&k));
	if (k.p)
		secret_wipe(k.p, k.cap);
	buf_fini(&k);
	return good;
}

static const struct {
	const char *type;
	bool (*read)(const json_t *, struct jwt_key *);
} types[] = {
	{"RSA", read_rsa},
	{"EC", read_ec},
	{"OKP", read_okp},
	{"oct", read_oct},
};

static bool has_string(const json_t *array, const char *value)
{
	size_t i;
	json_t *item;

	json_array_foreach((json_t *)(uintptr_t)array, i,
		item) if (json_is_string(item) &&
			  strcmp(json_string_value(item), value) ==
				  0) return true;
	return false;
}

/* RFC 7517 sections 4.2 and 4.3: is it there to verify signatures? */
static bool is_for_verifying(const json_t *jwk)
{
	const json_t *use = json_object_get(jwk, "use"),
		     *operations = json_object_get(jwk, "key_ops");

	if (use && (!json_is_string(use) ||
			   strcmp(json_string_value(use), "sig") != 0))
		return false;
	return !operations || has_string(operations, "verify");
}

static void key_fini(struct jwt_key *key)
{
	free(key->id);
	EVP_PKEY_free(key->public);
	secret_fini(&key->secret);
}

/* "alg" and "kid", when they are there. */
static bool read_labels(const json_t *jwk, struct jwt_key *key)
{
	const json_t *id = json_object_get(jwk, "kid"),
		     *algorithm = json_object_get(jwk, "alg");

	if ((id && !json_is_string(id)) ||
		(algorithm && !json_is_string(algorithm)))
		return false;
	if (id)
		key->id = xstrdup(json_string_value(id));
	if (!algorithm)
		return true;
	key->algorithm = jwt_algorithm_find(json_string_value(algorithm));
	return key->algorithm && key->algorithm->kind == key->kind;
}

/* False: of no use, and nothing to be freed. */
static bool read_key(const json_t *jwk, struct jwt_key *key)
{
	const char *type = jwt_json_string(jwk, "kty");

	*key = (struct jwt_key){0};
	for (size_t i = 0; type && i < COUNT_OF(types); i++) {
		if (strcmp(type, types[i].type) != 0)
			continue;
		if (is_for_verifying(jwk) && types[i].read(jwk, key) &&
			read_labels(jwk, key))
			return true;
	}
	key_fini(key);
	return false;
}

enum err jwt_keys_parse(str json, struct jwt_keys **keys_r, size_t *skipped_r)
{
	json_t *set, *list, *jwk;
	struct jwt_keys *keys;
	size_t i;

	*keys_r = NULL;
	*skipped_r = 0;
	if (json.n > JWT_KEYS_MAX)
		return ERR_TOOBIG;
	set = jwt_json_parse(json);
	list = json_object_get(set, "keys");
	if (!json_is_array(list)) {
		json_decref(set);
		return ERR_INVALID;
	}
	keys = xcalloc(1, sizeof *keys);
	json_array_foreach(list, i,
		jwk) if (keys->count < JWT_KEYS_COUNT_MAX &&
			 read_key(jwk, &keys->keys[keys->count])) keys->count++;
	else ++*skipped_r;
	json_decref(set);
	*keys_r = keys;
	return OK;
}

size_t jwt_keys_count(const struct jwt_keys *keys)
{
	return keys->count;
}

void jwt_keys_free(struct jwt_keys *keys)
{
	for (size_t i = 0; keys && i < keys->count; i++)
		key_fini(&keys->keys[i]);
	free(keys);
}

/* -------- signatures -------- */

static const unsigned char *bytes(str s)
{
	return (const unsigned char *)s.p;
}

static bool verify_hmac(const struct jwt_key *key,
	const struct jwt_algorithm *a, str input, str signature)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned size;

	return HMAC(a->md(), key->secret.p, (int)key->secret.n, bytes(input),
		       input.n, mac, &size) &&
	       secret_eq(signature, str_of((char *)mac, size));
}

/* RFC 7518 section 3.5: MGF1 with the same hash, a salt as long as it. */
static bool set_padding(const struct jwt_algorithm *a, EVP_PKEY_CTX *context)
{
	if (!a->pss)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) >
		       0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(
		       context, RSA_PSS_SALTLEN_DIGEST) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(context, a->md()) > 0;
}

static bool verify_public(const struct jwt_key *key,
	const struct jwt_algorithm *a, str input, str signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *inner; /* the context's */
	bool good;

	good = context &&
	       EVP_DigestVerifyInit(context, &inner, a->md ? a->md() : NULL,
		       NULL, key->public) > 0 &&
	       set_padding(a, inner) &&
	       EVP_DigestVerify(context, bytes(signature), signature.n,
		       bytes(input), input.n) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

/* RFC 7518 section 3.4: R and S one after the other. OpenSSL wants them as
 * DER. */
static bool verify_ecdsa(const struct jwt_key *key,
	const struct jwt_algorithm *a, str input, str signature)
{
	ECDSA_SIG *sig;
	BIGNUM *r, *s;
	unsigned char *der = NULL;
	int n;
	bool good = false;

	if (signature.n != 2 * a->half)
		return false;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(bytes(signature), (int)a->half, NULL);
	s = BN_bin2bn(bytes(signature) + a->half, (int)a->half, NULL);
	ECDSA_SIG_set0(sig, r, s);
	n = i2d_ECDSA_SIG(sig, &der);
	if (n > 0)
		good = verify_public(
			key, a, input, str_of((char *)der, (size_t)n));
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	return good;
}

bool jwt_key_verify(const struct jwt_key *key, const struct jwt_algorithm *a,
	str input, str signature)
{
	if (a->kind != key->kind)
		return false;
	if (a->kind == JWT_OCT)
		return verify_hmac(key, a, input, signature);
	if (a->half)
		return verify_ecdsa(key, a, input, signature);
	return verify_public(key, a, input, signature);
}
