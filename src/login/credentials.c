/* SPDX-License-Identifier: Apache-2.0 */
#include "login/credentials.h"
#include "base/secret.h"
#include "base/base64.h"

#include <assert.h>

static unsigned usable(const struct login *l, bool tls)
{
	const struct login_settings *s = l->settings;

	return mechanisms_usable(&(struct mechanism_view){.offered = s->offered,
		.tls = tls,
		.plaintext = s->plaintext,
		.has_certificate = l->has_certificate});
}

bool credentials_tokens(const struct login *l)
{
	return l->settings->offered &
	       (MECHANISM_OAUTHBEARER | MECHANISM_XOAUTH2);
}

unsigned credentials_usable(const struct login *l)
{
	return usable(l, l->tls);
}

/* OK (ASK), or why it may not be used. */
static enum credentials_step admit(
	const struct login *l, const struct mechanism_row *row)
{
	if (row && credentials_usable(l) & row->bit)
		return CREDENTIALS_ASK;
	if (row && usable(l, true) & row->bit)
		return CREDENTIALS_NEEDS_TLS;
	return CREDENTIALS_UNKNOWN;
}

static void set_mechanism(struct login *l, const char *name)
{
	assert(strlen(name) < sizeof l->mechanism);
	memcpy(l->mechanism, name, strlen(name) + 1);
}

static enum credentials_step ask(struct login *l, bool has_response)
{
	l->exchange++;
	l->has_response = has_response;
	return CREDENTIALS_ASK;
}

/* In one piece: growing would leave copies. */
static bool decode(struct login *l, str text)
{
	if (buf_reserve(&l->response, text.n / 4 * 3 + 1) &&
		base64_decode(&l->response, text) == OK &&
		buf_err(&l->response) == OK &&
		l->response.n <= LOGIN_RESPONSE_MAX)
		return true;
	/* The next command begins anew. */
	if (l->response.p)
		secret_wipe(l->response.p, l->response.n);
	buf_reset(&l->response);
	return false;
}

enum credentials_step credentials_begin(
	struct login *l, str mechanism, str initial)
{
	const struct mechanism_row *row = mechanism_find(mechanism);
	enum credentials_step step = admit(l, row);

	if (step != CREDENTIALS_ASK)
		return step;
	set_mechanism(l, row->name);
	if (str_is_none(initial))
		return row->flags & MECHANISM_SERVER_FIRST
			       ? ask(l, false)
			       : CREDENTIALS_CHALLENGE;
	/* LOGIN too: curl sends the name with it, where SASL-IR is announced.
	 */
	/* RFC 4959, RFC 5034: "=" stands for an empty response. */
	if (!str_eq_c(initial, "=") && !decode(l, initial))
		return CREDENTIALS_NOT_BASE64;
	return ask(l, true);
}

enum credentials_step credentials_continue(
	struct login *l, str line, bool *told_r)
{
	enum credentials_step step = CREDENTIALS_CANCELLED;

	*told_r = l->exchange > 0;
	if (!str_eq_c(line, "*"))
		step = decode(l, line) ? ask(l, true) : CREDENTIALS_NOT_BASE64;
	if (step != CREDENTIALS_ASK)
		l->exchange = 0;
	return step;
}

enum credentials_step credentials_password(
	struct login *l, str user, str password)
{
	enum credentials_step step = admit(l, mechanism_find(STR("PLAIN")));

	if (step != CREDENTIALS_ASK)
		return step;
	if (memchr(user.p, 0, user.n) || memchr(password.p, 0, password.n) ||
		!buf_reserve(&l->response, user.n + password.n + 2))
		return CREDENTIALS_IMPOSSIBLE;
	buf_add_byte(&l->response, 0);
	buf_add(&l->response, user);
	buf_add_byte(&l->response, 0);
	buf_add(&l->response, password);
	set_mechanism(l, "PLAIN");
	return ask(l, true);
}

enum credentials_step credentials_apop(
	struct login *l, str user, str stamp, str digest)
{
	if (!(l->settings->offered & MECHANISM_APOP))
		return CREDENTIALS_UNKNOWN;
	if (memchr(user.p, 0, user.n) || memchr(digest.p, 0, digest.n) ||
		!buf_reserve(&l->response, user.n + stamp.n + digest.n + 2))
		return CREDENTIALS_IMPOSSIBLE;
	buf_add(&l->response, user);
	buf_add_byte(&l->response, 0);
	buf_add(&l->response, stamp);
	buf_add_byte(&l->response, 0);
	buf_add(&l->response, digest);
	set_mechanism(l, "APOP");
	return ask(l, true);
}
