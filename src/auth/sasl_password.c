/* SPDX-License-Identifier: Apache-2.0 */
/* PLAIN and LOGIN: the mechanisms that show the password. And APOP, which does
 * not. */
#include "auth/password.h"
#include "auth/sasl_steps.h"
#include "auth/text.h"
#include "base/cursor.h"

static bool has_nul(str s)
{
	return str_find_byte(s, '\0') < s.n;
}

static bool is_name(str s)
{
	return s.n <= SASL_NAME_MAX && !has_nul(s) && text_is_utf8(s);
}

static bool is_password(str s)
{
	return s.n > 0 && s.n <= PASSWORD_MAX && !has_nul(s) && text_is_utf8(s);
}

/*
 * RFC 4616 section 2:
 *	message   = [authzid] UTF8NUL authcid UTF8NUL passwd
 *	authcid   = 1*SAFE ; MUST accept up to 255 octets
 *	authzid   = 1*SAFE ; MUST accept up to 255 octets
 *	passwd    = 1*SAFE ; MUST accept up to 255 octets
 */
enum sasl_step sasl_plain_step(
	struct sasl *s, str response, struct buf *challenge)
{
	struct cursor c = cursor_of(response);
	str authzid, authcid, password;

	(void)challenge;
	if (str_is_none(response)) /* the client speaks first */
		return SASL_CHALLENGE;
	authzid = cursor_until(&c, '\0');
	cursor_expect(&c, '\0', "NUL after the authorization identity");
	authcid = cursor_until(&c, '\0');
	cursor_expect(&c, '\0', "NUL after the authentication identity");
	password = cursor_rest(&c);
	if (!cursor_ok(&c) || authcid.n == 0 || !is_name(authzid) ||
		!is_name(authcid) || !is_password(password))
		return sasl_malformed(s, "malformed credentials");
	buf_add(&s->authzid, authzid);
	buf_add(&s->authcid, authcid);
	s->password = secret_of(password);
	return SASL_VERIFY;
}

/*
 * No RFC has LOGIN; draft-murchison-sasl-login-00 describes what was found:
 * the server asks for the name and then for the password. The draft's prompts
 * are "User Name" and "Password"; all clients are used to these here, which is
 * what sendmail and Exchange send, and some compare. Some clients give the
 * name as an initial response.
 */
enum sasl_step sasl_login_step(
	struct sasl *s, str response, struct buf *challenge)
{
	if (str_is_none(response)) {
		buf_add_c(challenge, "Username:");
		return SASL_CHALLENGE;
	}
	if (s->authcid.n == 0) {
		if (response.n == 0 || !is_name(response))
			return sasl_malformed(s, "malformed name");
		buf_add(&s->authcid, response);
		buf_add_c(challenge, "Password:");
		return SASL_CHALLENGE;
	}
	if (!is_password(response))
		return sasl_malformed(s, "malformed password");
	s->password = secret_of(response);
	return SASL_VERIFY;
}

/* POP3's command as one response: name NUL timestamp NUL digest. The timestamp
 * is not the client's: the front made it. */
enum sasl_step sasl_apop_step(
	struct sasl *s, str response, struct buf *challenge)
{
	struct cursor c = cursor_of(response);
	str name, stamp, digest;

	(void)challenge;
	name = cursor_until(&c, '\0');
	cursor_expect(&c, '\0', "NUL after the name");
	stamp = cursor_until(&c, '\0');
	cursor_expect(&c, '\0', "NUL after the timestamp");
	digest = cursor_rest(&c);
	if (!cursor_ok(&c) || name.n == 0 || !is_name(name) || stamp.n == 0 ||
		stamp.n > SASL_NAME_MAX || !is_password(digest))
		return sasl_malformed(s, "malformed credentials");
	buf_add(&s->authcid, name);
	buf_add(&s->stamp, stamp);
	s->password = secret_of(digest);
	return SASL_VERIFY;
}
