/* SPDX-License-Identifier: Apache-2.0 */
/* POP3 in the AUTHORIZATION state (RFC 1939 section 4; RFC 2449, 2595, 5034,
 * 6856). */
#include "base/secret.h"
#include "login/credentials.h"
#include "message/utf8.h"
#include "wire/http.h"
#include "wire/pop3/command.h"
#include "wire/pop3/respond.h"

#include <stdio.h>

enum { BAD_MAX = 10 };

static void begin(struct login *l)
{
	pop3_framer_init(&l->lines,
		credentials_tokens(l) ? POP3_LINE_TOKEN : POP3_LINE_LOGIN);
	l->answering = false;
}

/* RFC 1939 section 7: a timestamp that "MUST be different each time the POP3
 * server issues a banner greeting". */
static void make_stamp(struct login *l)
{
	unsigned char random[16];
	size_t n = 0;

	secret_random(random, sizeof random);
	l->stamp[n++] = '<';
	for (size_t i = 0; i < sizeof random; i++, n += 2)
		snprintf(l->stamp + n, 3, "%02x", random[i]);
	snprintf(l->stamp + n, sizeof l->stamp - n, "@culver>");
}

static void greet(struct login *l, struct buf *out)
{
	if (l->settings->offered & MECHANISM_APOP)
		make_stamp(l);
	buf_addf(out, "+OK Culver ready%s%s\r\n", *l->stamp ? " " : "",
		l->stamp);
}

static void bye(struct login *l, enum login_bye why, struct buf *out)
{
	static const char *const words[] = {
		[LOGIN_BYE_SHUTDOWN] = "The server is shutting down",
		[LOGIN_BYE_SLOW] = "No login in time",
		[LOGIN_BYE_TOO_MANY] = "Too many connections",
		[LOGIN_BYE_TOO_MANY_OF_PEER] =
			"Too many connections from your address",
	};

	(void)l;
	pop3_put_error(out, ERR_UNAVAILABLE, str_c(words[why]));
}

static enum login_want end(struct login *l, const char *why)
{
	l->end = why;
	return LOGIN_CLOSE;
}

static enum login_want wrong(struct login *l, const char *text, struct buf *out)
{
	pop3_put_wrong(out, text);
	return ++l->bad < BAD_MAX ? LOGIN_MORE
				  : end(l, "too many wrong commands");
}

/* ----------------------------------------------------------- credentials */

static void put_challenge(struct login *l, str bytes, struct buf *out)
{
	pop3_put_challenge(out, bytes);
	l->answering = true;
}

/* The words for a step of an exchange. */
static enum login_want follow(
	struct login *l, enum credentials_step step, struct buf *out)
{
	switch (step) {
	case CREDENTIALS_ASK:
		return LOGIN_AUTH;
	case CREDENTIALS_CHALLENGE:
		put_challenge(l, STR(""), out);
		break;
	case CREDENTIALS_UNKNOWN:
		pop3_put_wrong(out, "That way to log in is not supported");
		break;
	case CREDENTIALS_NEEDS_TLS:
		/* Not AUTH (RFC 3206): the credentials may be right. */
		pop3_put_wrong(out, "Begin TLS first");
		break;
	case CREDENTIALS_NOT_BASE64:
		return wrong(l, "Not base64", out);
	case CREDENTIALS_CANCELLED:
		return wrong(l, "AUTH cancelled", out);
	case CREDENTIALS_IMPOSSIBLE:
		return wrong(l, "No name or password can be so", out);
	}
	return LOGIN_MORE;
}

/* RFC 6856 section 2.2: "The server MUST reject UTF-8 usernames or passwords
 * that fail to comply with the formal syntax in UTF-8". Whether there is such
 * a user is not told. */
static enum login_want do_user(
	struct login *l, const struct pop3_command *c, struct buf *out)
{
	if (!(credentials_usable(l) & MECHANISM_PLAIN))
		return follow(
			l, credentials_password(l, STR(""), STR("")), out);
	buf_reset(&l->user);
	buf_add(&l->user, c->text);
	if (buf_err(&l->user) || !utf8_is_valid(c->text)) {
		buf_reset(&l->user);
		return wrong(l, "No name can be so", out);
	}
	pop3_put_ok(out, "And the password?");
	return LOGIN_MORE;
}

static enum login_want do_pass(
	struct login *l, const struct pop3_command *c, struct buf *out)
{
	enum credentials_step step;

	if (l->user.n == 0)
		return wrong(l, "USER comes first", out);
	if (!utf8_is_valid(c->text))
		return wrong(l, "No password can be so", out);
	step = credentials_password(l, buf_str(&l->user), c->text);
	/* RFC 1939 section 7: a PASS that failed is followed by USER. */
	buf_reset(&l->user);
	return follow(l, step, out);
}

static enum login_want do_apop(
	struct login *l, const struct pop3_command *c, struct buf *out)
{
	if (!*l->stamp)
		return follow(l, CREDENTIALS_UNKNOWN, out);
	return follow(
		l, credentials_apop(l, c->text, str_c(l->stamp), c->more), out);
}

/* Microsoft's clients ask for the mechanisms so, as they did before CAPA. */
static enum login_want list_mechanisms(struct login *l, struct buf *out)
{
	unsigned usable = credentials_usable(l);

	pop3_put_ok(out, "Mechanisms:");
	for (size_t i = 0; i < MECHANISM_COUNT; i++)
		if (mechanisms[i].bit & usable)
			buf_addf(out, "%s\r\n", mechanisms[i].name);
	buf_add_c(out, ".\r\n");
	return LOGIN_MORE;
}

static enum login_want do_auth(
	struct login *l, const struct pop3_command *c, struct buf *out)
{
	if (str_is_none(c->text))
		return list_mechanisms(l, out);
	return follow(l, credentials_begin(l, c->text, c->more), out);
}

/* RFC 5034 section 4: "If the client wishes to cancel the authentication
 * exchange, it issues a line with a single "*"." */
static enum login_want take_response(struct login *l, str line, struct buf *out)
{
	bool told;
	enum credentials_step step = credentials_continue(l, line, &told);
	enum login_want want;

	l->answering = false;
	want = follow(l, step, out);
	return told && want == LOGIN_MORE ? LOGIN_CANCEL : want;
}

static void fail(struct login *l, enum err err, str reason, struct buf *out)
{
	(void)l;
	/* RFC 3206 section 6: "any authentication error caused by a problem
	 * with the user's credentials". */
	if (err == ERR_INVALID)
		err = ERR_AUTH;
	if (!reason.n && err == ERR_UNAVAILABLE)
		reason = STR("Logins are not possible just now");
	pop3_put_error(out, err, reason);
}

static void hand_over(const struct login *l, struct buf *state)
{
	pop3_before_encode(
		&(struct pop3_before){l->utf8, credentials_usable(l)}, state);
}

/* --------------------------------------------------------- other commands */

static enum login_want do_capa(
	struct login *l, const struct pop3_command *c, struct buf *out)
{
	struct pop3_capability_view view = {
		.stls = l->settings->tls_available && !l->tls,
		.mechanisms = credentials_usable(l)};

	(void)c;
	pop3_put_ok(out, "Capabilities:");
	pop3_put_capabilities(out, &view);
	buf_add_c(out, ".\r\n");
	return LOGIN_MORE;
}

/* What the client sent behind the command can only be the beginning of TLS (a
 * handshake record: 22); anything else was put there to be taken for a command
 * that came under TLS. */
static enum login_want do_stls(
	struct login *l, const struct pop3_command *c, struct buf *out)
{
	str behind = login_leftover(l);

	(void)c;
	if (l->tls)
		return wrong(l, "TLS is active already", out);
	if (!l->settings->tls_available) {
		pop3_put_wrong(out, "TLS is not configured");
		return LOGIN_MORE;
	}
	if (behind.n && behind.p[0] != 22) {
		pop3_put_wrong(out, "Bytes in clear after STLS");
		return end(l, "bytes in clear after STLS");
	}
	pop3_put_ok(out, "Begin TLS");
	return LOGIN_STARTTLS;
}

static enum login_want do_utf8(
	struct login *l, const struct pop3_command *c, struct buf *out)
{
	(void)c;
	l->utf8 = true;
	pop3_put_ok(out, "UTF8 enabled");
	return LOGIN_MORE;
}

static enum login_want do_lang(
	struct login *l, const struct pop3_command *c, struct buf *out)
{
	(void)l;
	pop3_put_lang(out, c->text);
	return LOGIN_MORE;
}

static enum login_want do_quit(
	struct login *l, const struct pop3_command *c, struct buf *out)
{
	(void)c;
	pop3_put_ok(out, "Bye");
	return end(l, "quit");
}

static enum login_want (*const executors[POP3_VERB_COUNT])(
	struct login *, const struct pop3_command *, struct buf *) = {
	[POP3_USER] = do_user,
	[POP3_PASS] = do_pass,
	[POP3_APOP] = do_apop,
	[POP3_AUTH] = do_auth,
	[POP3_CAPA] = do_capa,
	[POP3_STLS] = do_stls,
	[POP3_UTF8] = do_utf8,
	[POP3_LANG] = do_lang,
	[POP3_QUIT] = do_quit,
};

static enum login_want take_command(struct login *l, str line, struct buf *out)
{
	struct pop3_command c;
	enum err e = pop3_parse(line, &c);

	/* A password may end so. */
	if (http_is_request(line) &&
		pop3_commands[c.verb].arguments != POP3_ARGS_REST) {
		pop3_put_wrong(out, "This is not a web server");
		return end(l, "an HTTP request");
	}
	if (e == ERR_NOTFOUND)
		return wrong(l, "Unknown command", out);
	if (!(pop3_commands[c.verb].states & POP3_AUTHORIZATION))
		return wrong(l, "Log in first", out);
	if (!executors[c.verb])
		return wrong(l, "Not supported", out);
	if (e)
		return wrong(l, "The arguments are wrong", out);
	return executors[c.verb](l, &c, out);
}

static bool step(struct login *l, struct buf *out, enum login_want *want_r)
{
	struct pop3_frame frame = pop3_framer_step(&l->lines, login_input(l));

	*want_r = LOGIN_MORE;
	switch (frame.kind) {
	case POP3_FRAME_MORE:
		return true;
	case POP3_FRAME_LINE:
		l->taken = frame.n;
		*want_r = l->answering ? take_response(l, frame.text, out)
				       : take_command(l, frame.text, out);
		l->taken = 0;
		break;
	case POP3_FRAME_ERROR:
		pop3_put_wrong(out, "The line is too long");
		*want_r = end(l, "input over the limits");
		break;
	case POP3_FRAME_SKIP:
		break;
	}
	login_consume(l, frame.n);
	return *want_r != LOGIN_MORE;
}

const struct login_protocol login_pop3 = {
	.name = "pop3",
	.begin = begin,
	.greet = greet,
	.step = step,
	.challenge = put_challenge,
	.fail = fail,
	.bye = bye,
	.hand_over = hand_over,
};
