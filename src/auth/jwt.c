/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/jwt.h"
#include "auth/jwt_key.h"
#include "auth/text.h"
#include "base/base64.h"
#include "base/cursor.h"

/* Numbers of a token, which JSON does not bound. */
#define SECONDS_MAX 9007199254740992.0 /* 2^53 */

static enum err fail(const char **why_r, enum err e, const char *why)
{
	*why_r = why;
	return e;
}

/* -------- the form -------- */

/* Compact serialisation, RFC 7515 section 7.1. */
struct parts {
	str input; /* what was signed: header "." payload */
	struct buf header, payload, signature;
};

static void parts_fini(struct parts *p)
{
	buf_fini(&p->header);
	buf_fini(&p->payload);
	buf_fini(&p->signature);
}

static bool split(str token, struct parts *p)
{
	struct cursor c = cursor_of(token);
	str header, payload, signature;

	*p = (struct parts){.header = BUF_UNBOUNDED,
		.payload = BUF_UNBOUNDED,
		.signature = BUF_UNBOUNDED};
	header = cursor_until(&c, '.');
	cursor_expect(&c, '.', "the payload");
	payload = cursor_until(&c, '.');
	p->input = str_take(token, cursor_pos(&c));
	cursor_expect(&c, '.', "the signature");
	signature = cursor_rest(&c);
	return cursor_ok(&c) && signature.n > 0 &&
	       base64_decode_url(&p->header, header) == OK &&
	       base64_decode_url(&p->payload, payload) == OK &&
	       base64_decode_url(&p->signature, signature) == OK;
}

/* -------- the header -------- */

/* RFC 7519 section 5.1, RFC 9068 section 2.1. Tokens for other things have
 * other types ("logout+jwt"), and are signed with the same key. */
static bool is_type_of_ours(const json_t *header)
{
	static const char *const types[] = {
		"JWT", "at+jwt", "application/at+jwt", "application/jwt"};
	const json_t *type = json_object_get(header, "typ");

	if (!type)
		return true;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (json_is_string(type) &&
			str_ieq_c(str_c(json_string_value(type)), types[i]))
			return true;
	return false;
}

/* RFC 7515 section 4.1.11: extensions that must be understood; there are none
 * here. b64 (RFC 7797) is one that would change what was signed. */
static enum err check_header(const json_t *header, const char **why_r)
{
	const json_t *id = json_object_get(header, "kid");

	if (json_object_get(header, "crit") || json_object_get(header, "b64"))
		return fail(why_r, ERR_INVALID, "critical extension");
	if (id && !json_is_string(id))
		return fail(why_r, ERR_INVALID, "malformed key ID");
	if (!is_type_of_ours(header))
		return fail(why_r, ERR_INVALID, "another type of token");
	return OK;
}

/* The key's kind and its own "alg" decide, never the token alone. */
static bool fits(const struct jwt_key *key, const struct jwt_algorithm *a,
	const char *id)
{
	return key->kind == a->kind &&
	       (!key->algorithm || key->algorithm == a) &&
	       (!id || (key->id && strcmp(key->id, id) == 0));
}

static enum err check_signature(const struct parts *p, const json_t *header,
	const struct jwt_keys *keys, const char **why_r)
{
	const char *name = jwt_json_string(header, "alg"),
		   *id = jwt_json_string(header, "kid");
	const struct jwt_algorithm *a = name ? jwt_algorithm_find(name) : NULL;
	bool tried = false;

	if (!a)
		return fail(why_r, ERR_INVALID, "unknown algorithm");
	for (size_t i = 0; i < keys->count; i++) {
		if (!fits(&keys->keys[i], a, id))
			continue;
		tried = true;
		if (jwt_key_verify(&keys->keys[i], a, p->input,
			    buf_str(&p->signature)))
			return OK;
	}
	if (!tried)
		return fail(why_r, ERR_NOTFOUND, "no such key");
	return fail(why_r, ERR_AUTH, "wrong signature");
}

/* -------- the claims -------- */

/* NumericDate, RFC 7519 section 2: a number, whole or not. absent: the value
 * when there is none. */
static bool read_date(
	const json_t *claims, const char *name, int64_t absent, int64_t *date_r)
{
	const json_t *value = json_object_get(claims, name);
	double seconds;

	*date_r = absent;
	if (!value)
		return true;
	seconds = json_number_value(value);
	if (!json_is_number(value) ||
		!(seconds > -SECONDS_MAX && seconds < SECONDS_MAX))
		return false;
	*date_r = (int64_t)seconds;
	return true;
}

static enum err check_dates(const json_t *claims, const struct jwt_expected *x,
	int64_t *expires_r, const char **why_r)
{
	int64_t from, issued;

	if (!read_date(claims, "exp", INT64_MAX, expires_r) ||
		!read_date(claims, "nbf", x->now, &from) ||
		!read_date(claims, "iat", x->now, &issued))
		return fail(why_r, ERR_INVALID, "malformed date");
	if (x->now - x->leeway >= *expires_r)
		return fail(why_r, ERR_EXPIRED, "expired");
	if (from > x->now + x->leeway || issued > x->now + x->leeway)
		return fail(why_r, ERR_AGAIN, "not valid yet");
	return OK;
}

static bool is_string(const json_t *value, str expected)
{
	return json_is_string(value) &&
	       str_eq(str_of(json_string_value(value),
			      json_string_length(value)),
		       expected);
}

/* A string, or an array of strings that has it. */
static bool is_among(const json_t *value, str expected)
{
	size_t n = json_array_size(value);

	if (is_string(value, expected))
		return true;
	for (size_t i = 0; i < n; i++)
		if (is_string(json_array_get(value, i), expected))
			return true;
	return false;
}

static bool has_word(const char *words, str word)
{
	struct cursor c = cursor_of(str_c(words));

	for (;;) {
		if (str_eq(cursor_until(&c, ' '), word))
			return true;
		if (!cursor_accept(&c, ' '))
			return false;
	}
}

/* "scope" is words (RFC 8693 section 4.2); "scp" is Microsoft's and Okta's,
 * words or an array. */
static bool has_scope(const json_t *claims, str scope)
{
	static const char *const names[] = {"scope", "scp"};

	for (size_t i = 0; i < 2; i++) {
		const json_t *value = json_object_get(claims, names[i]);

		if (json_is_string(value)
				? has_word(json_string_value(value), scope)
				: is_among(value, scope))
			return true;
	}
	return false;
}

static enum err check_purpose(
	const json_t *claims, const struct jwt_expected *x, const char **why_r)
{
	if (x->issuer.n &&
		!is_string(json_object_get(claims, "iss"), x->issuer))
		return fail(why_r, ERR_AUTH, "another issuer");
	if (x->audience.n &&
		!is_among(json_object_get(claims, "aud"), x->audience))
		return fail(why_r, ERR_AUTH, "for another audience");
	if (x->scope.n && !has_scope(claims, x->scope))
		return fail(why_r, ERR_DENIED, "scope is missing");
	return OK;
}

/* Control characters would be no name, but a line in somebody's log. */
static bool is_name(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0 && s.n <= JWT_NAME_MAX && text_is_utf8(s);
}

/* An issuer may let people write what they like as their address. */
static bool is_unverified(const json_t *claims, const char *claim)
{
	const json_t *verified = json_object_get(claims, "email_verified");

	return strcmp(claim, "email") == 0 && verified &&
	       !json_is_true(verified);
}

static enum err read_name(const json_t *claims, const struct jwt_expected *x,
	struct jwt_claims *c, const char **why_r)
{
	char claim[64] = "sub";
	const char *name, *subject = jwt_json_string(claims, "sub");

	if (x->name_claim.n >= sizeof claim)
		return fail(why_r, ERR_INVALID, "no name");
	if (x->name_claim.n) {
		memcpy(claim, x->name_claim.p, x->name_claim.n);
		claim[x->name_claim.n] = '\0';
	}
	name = jwt_json_string(claims, claim);
	if (!name || !is_name(str_c(name)))
		return fail(why_r, ERR_INVALID, "no name");
	if (is_unverified(claims, claim))
		return fail(why_r, ERR_DENIED, "address is not verified");
	buf_add_c(&c->name, name);
	if (subject && is_name(str_c(subject)))
		buf_add_c(&c->subject, subject);
	return OK;
}

static enum err check_claims(const json_t *claims, const struct jwt_expected *x,
	struct jwt_claims *c, const char **why_r)
{
	enum err e = check_purpose(claims, x, why_r);

	if (!e)
		e = check_dates(claims, x, &c->expires, why_r);
	return e ? e : read_name(claims, x, c, why_r);
}

/* The signature first: nothing is believed before. */
static enum err verify(const struct parts *p, const struct jwt_keys *keys,
	const struct jwt_expected *x, struct jwt_claims *c, const char **why_r)
{
	json_t *header = jwt_json_parse(buf_str(&p->header)), *claims = NULL;
	enum err e;

	if (!header)
		return fail(why_r, ERR_INVALID, "malformed header");
	e = check_header(header, why_r);
	if (!e)
		e = check_signature(p, header, keys, why_r);
	json_decref(header);
	if (e)
		return e;
	claims = jwt_json_parse(buf_str(&p->payload));
	if (!claims)
		return fail(why_r, ERR_INVALID, "malformed claims");
	if (json_object_get(claims, "exp"))
		e = check_claims(claims, x, c, why_r);
	else
		e = fail(why_r, ERR_INVALID, "never expires");
	json_decref(claims);
	return e;
}

enum err jwt_verify(str token, const struct jwt_keys *keys,
	const struct jwt_expected *x, struct jwt_claims *c, const char **why_r)
{
	struct parts p;
	enum err e;

	*why_r = "";
	*c = (struct jwt_claims){
		.name = BUF_UNBOUNDED, .subject = BUF_UNBOUNDED};
	if (token.n > JWT_TOKEN_MAX)
		return fail(why_r, ERR_INVALID, "too long");
	if (split(token, &p))
		e = verify(&p, keys, x, c, why_r);
	else
		e = fail(why_r, ERR_INVALID, "not a token");
	parts_fini(&p);
	if (e)
		jwt_claims_fini(c);
	return e;
}

enum err jwt_introspection_read(str json, const struct jwt_expected *x,
	struct jwt_claims *c, const char **why_r)
{
	json_t *answer = jwt_json_parse(json);
	enum err e;

	*why_r = "";
	*c = (struct jwt_claims){
		.name = BUF_UNBOUNDED, .subject = BUF_UNBOUNDED};
	if (!json_is_boolean(json_object_get(answer, "active")))
		e = fail(why_r, ERR_INVALID, "not an answer to introspection");
	else if (!json_is_true(json_object_get(answer, "active")))
		e = fail(why_r, ERR_AUTH, "not active");
	else
		e = check_claims(answer, x, c, why_r);
	json_decref(answer);
	if (e)
		jwt_claims_fini(c);
	return e;
}

void jwt_claims_fini(struct jwt_claims *c)
{
	buf_fini(&c->name);
	buf_fini(&c->subject);
}
