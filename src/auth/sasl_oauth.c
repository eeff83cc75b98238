/* SPDX-License-Identifier: Apache-2.0 */
/* OAUTHBEARER (RFC 7628) and XOAUTH2 (Google's, and Microsoft's): both show a
 * bearer token (RFC 6750) that somebody else verifies. */
#include "auth/sasl_steps.h"
#include "auth/text.h"
#include "base/cursor.h"

#include <assert.h>

#define KVSEP '\x01'

/* RFC 6750 section 2.1:
 *	b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
 */
static bool is_b64token(str s)
{
	size_t n = s.n;

	while (n > 0 && s.p[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++)
		if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) &&
			(!s.p[i] || !strchr("-._~+/", s.p[i])))
			return false;
	return n > 0;
}

/* RFC 6750 section 2.1:
 *	credentials = "Bearer" 1*SP b64token
 * The scheme has no case (RFC 7628 section 4). */
static bool read_credentials(struct sasl *s, str value)
{
	struct cursor c = cursor_of(value);
	str token;

	if (!cursor_accept_istr(&c, STR("Bearer ")))
		return false;
	while (cursor_accept(&c, ' '))
		;
	token = cursor_rest(&c);
	if (!is_b64token(token))
		return false;
	s->token = secret_of(token);
	return true;
}

/* RFC 5801 section 4, without the flag for mechanisms that are not standard;
 * there is no channel binding here (RFC 7628 section 3):
 *	gs2-header = ("n" / "y") "," [ "a=" saslname ] ","
 */
static bool read_gs2_header(struct sasl *s, struct cursor *c)
{
	if (!cursor_accept(c, 'n') && !cursor_accept(c, 'y'))
		return false;
	cursor_expect(c, ',', "a comma after the flag");
	if (cursor_accept_str(c, STR("a=")) &&
		!sasl_read_saslname(cursor_until(c, ','), &s->authcid))
		return false;
	cursor_expect(c, ',', "a comma after the name");
	return cursor_ok(c);
}

/* value = *(VCHAR / SP / HTAB / CR / LF ) */
static bool is_value(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < ' ' || s.p[i] > '~') && s.p[i] != '\t' &&
			s.p[i] != '\r' && s.p[i] != '\n')
			return false;
	return true;
}

/* kvpair = key "=" value kvsep ; key = 1*(ALPHA)
 * Those that are not known are ignored; `auth` is there once. host and port
 * tell nothing that the connection does not. */
static bool read_kvpair(struct cursor *c, str *auth_r)
{
	const char *from = c->at;
	str key, value;

	while (c->at < c->end && ascii_is_alpha(*c->at))
		c->at++;
	key = str_of(from, (size_t)(c->at - from));
	cursor_expect(c, '=', "an equals sign after the key");
	value = cursor_until(c, KVSEP);
	cursor_expect(c, KVSEP, "the end of the value");
	if (!cursor_ok(c) || key.n == 0 || !is_value(value))
		return false;
	if (!str_ieq_c(key, "auth"))
		return true;
	if (!str_is_none(*auth_r))
		return false;
	*auth_r = value;
	return true;
}

/* *kvpair kvsep, and no more. */
static bool read_kvpairs(struct cursor *c, str *auth_r)
{
	*auth_r = str_none();
	while (cursor_peek(c) != KVSEP)
		if (!read_kvpair(c, auth_r))
			return false;
	cursor_expect(c, KVSEP, "the end");
	return cursor_ok(c) && cursor_done(c) && !str_is_none(*auth_r);
}

/* A client that shows no token asks which scope it needs, and where (RFC 7628
 * section 4.3). */
static enum sasl_step answer_discovery(struct sasl *s, struct buf *challenge)
{
	s->reason = "no token";
	sasl_token_refused(s, "invalid_token", challenge);
	return SASL_CHALLENGE;
}

/* RFC 7628 section 3.1:
 *	client-resp = (gs2-header kvsep *kvpair kvsep) / kvsep
 * The second form is only an answer to an error. The name in the header is
 * whose mail is wanted, which is all that OAuth knows of who it is: authcid.
 */
enum sasl_step sasl_oauthbearer_step(
	struct sasl *s, str response, struct buf *challenge)
{
	struct cursor c = cursor_of(response);
	str auth;

	if (str_is_none(response))
		return SASL_CHALLENGE;
	if (!read_gs2_header(s, &c) || !cursor_accept(&c, KVSEP) ||
		!read_kvpairs(&c, &auth))
		return sasl_malformed(s, "malformed credentials");
	if (auth.n == 0)
		return answer_discovery(s, challenge);
	if (!read_credentials(s, auth))
		return sasl_malformed(s, "not a bearer token");
	return SASL_TOKEN;
}

/*
 * developers.google.com/gmail/imap/xoauth2-protocol:
 *	"user=" {User} ^A "auth=Bearer " {Access Token} ^A ^A
 */
enum sasl_step sasl_xoauth2_step(
	struct sasl *s, str response, struct buf *challenge)
{
	struct cursor c = cursor_of(response);
	str user, auth;

	(void)challenge;
	if (str_is_none(response))
		return SASL_CHALLENGE;
	if (!cursor_accept_str(&c, STR("user=")))
		return sasl_malformed(s, "malformed credentials");
	user = cursor_until(&c, KVSEP);
	cursor_expect(&c, KVSEP, "the end of the name");
	if (user.n == 0 || user.n > SASL_NAME_MAX || !text_is_utf8(user) ||
		str_find_byte(user, '\0') < user.n || !read_kvpairs(&c, &auth))
		return sasl_malformed(s, "malformed credentials");
	if (!read_credentials(s, auth))
		return sasl_malformed(s, "not a bearer token");
	buf_add(&s->authcid, user);
	return SASL_TOKEN;
}

/* A string of JSON (RFC 8259 section 7). */
static void add_json(struct buf *out, const char *z)
{
	buf_add_byte(out, '"');
	for (; *z; z++) {
		if ((unsigned char)*z < ' ') {
			buf_addf(out, "\\u%04x", (unsigned)*z);
			continue;
		}
		if (*z == '"' || *z == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, *z);
	}
	buf_add_byte(out, '"');
}

static void add_member(struct buf *out, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	buf_add_c(out, out->n ? "," : "{");
	add_json(out, name);
	buf_add_byte(out, ':');
	add_json(out, value);
}

/* XOAUTH2 has HTTP's numbers. */
static const char *http_status(const char *status)
{
	return strcmp(status, "insufficient_scope") == 0 ? "403" : "401";
}

void sasl_token_refused(
	struct sasl *s, const char *status, struct buf *challenge)
{
	bool xoauth2 = s->mechanism->bit == MECHANISM_XOAUTH2;

	assert(xoauth2 || s->mechanism->bit == MECHANISM_OAUTHBEARER);
	buf_reset(challenge);
	add_member(challenge, "status", xoauth2 ? http_status(status) : status);
	if (xoauth2)
		add_member(challenge, "schemes", "bearer");
	add_member(challenge, "scope", s->facts.oauth_scope);
	if (!xoauth2)
		add_member(challenge, "openid-configuration",
			s->facts.oauth_configuration);
	buf_add_byte(challenge, '}');
	if (!*s->reason)
		s->reason = "token refused";
	s->refused = true;
	s->over = false;
}
