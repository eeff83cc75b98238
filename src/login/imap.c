/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP in the not authenticated state (RFC 9051 sections 3.1, 6.1, 6.2). */
#include "base/arena.h"
#include "base/base64.h"
#include "base/secret.h"
#include "login/credentials.h"
#include "wire/http.h"
#include "wire/imap/capability.h"
#include "wire/imap/parse.h"
#include "wire/imap/respond.h"

#include <assert.h>

enum { BAD_MAX = 10, ARENA_BUDGET = 32 * 1024 };

static const struct imap_framer_limits limits = IMAP_FRAMER_LIMITS_LOGIN;
static const struct imap_framer_limits token_limits = IMAP_FRAMER_LIMITS_TOKEN;

static struct imap_capability_view view_of(const struct login *l)
{
	return (struct imap_capability_view){.tls = l->tls,
		.tls_available = l->settings->tls_available,
		.mechanisms = credentials_usable(l),
		.literal_minus = l->settings->literal_minus};
}

static void put_capabilities(const struct login *l, struct buf *out)
{
	struct imap_capability_view view = view_of(l);

	imap_put_capabilities(out, &view);
}

static void begin(struct login *l)
{
	imap_framer_init(
		&l->framer, credentials_tokens(l) ? &token_limits : &limits);
	l->answering = false;
}

static void greet(struct login *l, struct buf *out)
{
	buf_add_c(out, "* OK [CAPABILITY ");
	put_capabilities(l, out);
	buf_add_c(out, "] Culver ready\r\n");
}

static void bye(struct login *l, enum login_bye why, struct buf *out)
{
	static const char *const words[] = {
		[LOGIN_BYE_SHUTDOWN] = "the server is shutting down",
		[LOGIN_BYE_SLOW] = "no login in time",
		[LOGIN_BYE_TOO_MANY] = "too many connections",
		[LOGIN_BYE_TOO_MANY_OF_PEER] =
			"too many connections from your address",
	};

	(void)l;
	buf_addf(out, "* BYE [UNAVAILABLE] %s\r\n", words[why]);
}

static enum login_want end(struct login *l, const char *why)
{
	l->end = why;
	return LOGIN_CLOSE;
}

/* A wrong command, answered already. */
static enum login_want after_bad(struct login *l, struct buf *out)
{
	if (++l->bad < BAD_MAX)
		return LOGIN_MORE;
	buf_add_c(out, "* BYE Too many wrong commands\r\n");
	return end(l, "too many wrong commands");
}

static enum login_want bad(
	struct login *l, str tag, const char *text, struct buf *out)
{
	imap_put_bad(out, tag, text);
	return after_bad(l, out);
}

static void no(str tag, const char *text, struct buf *out)
{
	buf_addf(out, "%.*s NO %s\r\n", STR_ARG(tag), text);
}

/* ------------------------------------------------------- LOGIN and SASL */

/* False when it is longer than mail would take it. */
static bool keep_tag(struct login *l, str tag)
{
	buf_reset(&l->tag);
	buf_add(&l->tag, tag);
	return !buf_err(&l->tag);
}

static enum login_want bad_tag(struct login *l, str tag, struct buf *out)
{
	return bad(l, tag, "The tag is too long", out);
}

static void put_challenge(struct login *l, str bytes, struct buf *out)
{
	buf_add_c(out, "+ ");
	base64_add(out, bytes);
	buf_add_c(out, "\r\n");
	l->answering = true;
	imap_framer_set_line_mode(&l->framer, true);
}

/* The words for a step of an exchange. */
static enum login_want follow(
	struct login *l, str tag, enum credentials_step step, struct buf *out)
{
	switch (step) {
	case CREDENTIALS_ASK:
		return LOGIN_AUTH;
	case CREDENTIALS_CHALLENGE:
		put_challenge(l, STR(""), out);
		break;
	case CREDENTIALS_UNKNOWN:
		no(tag, "Authentication mechanism not supported", out);
		break;
	case CREDENTIALS_NEEDS_TLS:
		no(tag, "[PRIVACYREQUIRED] Begin TLS first", out);
		break;
	case CREDENTIALS_NOT_BASE64:
		return bad(l, tag, "Not base64", out);
	case CREDENTIALS_CANCELLED:
		return bad(l, tag, "AUTHENTICATE cancelled", out);
	case CREDENTIALS_IMPOSSIBLE:
		return bad(l, tag, "No name or password can be so", out);
	}
	return LOGIN_MORE;
}

static enum login_want do_login(
	struct login *l, const struct imap_command *c, struct buf *out)
{
	if (!keep_tag(l, c->tag))
		return bad_tag(l, c->tag, out);
	return follow(l, c->tag,
		credentials_password(l, c->login.user, c->login.password), out);
}

static enum login_want do_authenticate(
	struct login *l, const struct imap_command *c, struct buf *out)
{
	if (!keep_tag(l, c->tag))
		return bad_tag(l, c->tag, out);
	return follow(l, c->tag,
		credentials_begin(
			l, c->authenticate.mechanism, c->authenticate.initial),
		out);
}

/* RFC 9051 section 6.2.2: "If the client wishes to cancel an authentication
 * exchange, it issues a line consisting of a single "*"." */
static enum login_want take_response(struct login *l, str line, struct buf *out)
{
	bool told;
	enum credentials_step step;
	enum login_want want;

	l->answering = false;
	imap_framer_set_line_mode(&l->framer, false);
	step = credentials_continue(l, line, &told);
	want = follow(l, buf_str(&l->tag), step, out);
	return told && want == LOGIN_MORE ? LOGIN_CANCEL : want;
}

static void fail(struct login *l, enum err err, str reason, struct buf *out)
{
	const char *code = "[AUTHENTICATIONFAILED]";

	if (err == ERR_DENIED)
		code = "[AUTHORIZATIONFAILED]";
	else if (err == ERR_EXPIRED)
		code = "[EXPIRED]";
	else if (err == ERR_UNAVAILABLE)
		code = "[UNAVAILABLE]";
	if (!reason.n)
		reason = err == ERR_UNAVAILABLE
				 ? STR("Logins are not possible just now")
				 : STR("Authentication failed");
	buf_addf(out, "%.*s NO %s ", STR_ARG(buf_str(&l->tag)), code);
	imap_put_text(out, reason, false);
	buf_add_c(out, "\r\n");
	if (l->failures && l->failures >= l->settings->failures_max)
		buf_add_c(out, "* BYE Too many failed logins\r\n");
}

/* --------------------------------------------------------- other commands */

static enum login_want do_capability(
	struct login *l, const struct imap_command *c, struct buf *out)
{
	buf_add_c(out, "* CAPABILITY ");
	put_capabilities(l, out);
	buf_add_c(out, "\r\n");
	imap_put_ok(out, c->tag, "CAPABILITY completed");
	return LOGIN_MORE;
}

static enum login_want do_noop(
	struct login *l, const struct imap_command *c, struct buf *out)
{
	(void)l;
	imap_put_ok(out, c->tag, "NOOP completed");
	return LOGIN_MORE;
}

static enum login_want do_logout(
	struct login *l, const struct imap_command *c, struct buf *out)
{
	buf_add_c(out, "* BYE Logging out\r\n");
	imap_put_ok(out, c->tag, "LOGOUT completed");
	return end(l, "logout");
}

/* For logs, as much as fits: a field goes in whole or not at all. */
static void keep_id(struct login *l, const struct imap_id *field)
{
	buf_reset(&l->id);
	l->id_count = 0;
	for (; field && l->id_count < HANDOVER_ID_MAX; field = field->next) {
		size_t before = l->id.n;

		if (field->field.n > HANDOVER_ID_FIELD_MAX ||
			field->value.n > HANDOVER_ID_FIELD_MAX)
			continue;
		buf_add_sized(&l->id, field->field);
		buf_add_varint(&l->id, !str_is_none(field->value));
		buf_add_sized(&l->id, field->value);
		if (buf_err(&l->id)) {
			l->id.err = OK;
			buf_truncate(&l->id, before);
			return;
		}
		l->id_count++;
	}
}

/* RFC 2971 */
static enum login_want do_id(
	struct login *l, const struct imap_command *c, struct buf *out)
{
	keep_id(l, c->id);
	imap_put_id(out, l->settings->id_name, l->settings->id_version);
	imap_put_ok(out, c->tag, "ID completed");
	return LOGIN_MORE;
}

/* RFC 9051 section 6.2.1. What the client sent behind the command can only be
 * the beginning of TLS (a handshake record: 22); anything else was put there
 * to be taken for a command that came under TLS. */
static enum login_want do_starttls(
	struct login *l, const struct imap_command *c, struct buf *out)
{
	str behind = login_leftover(l);

	if (l->tls)
		return bad(l, c->tag, "TLS is active already", out);
	if (!l->settings->tls_available) {
		no(c->tag, "[UNAVAILABLE] TLS is not configured", out);
		return LOGIN_MORE;
	}
	if (behind.n && behind.p[0] != 22) {
		buf_add_c(out, "* BYE Bytes in clear after STARTTLS\r\n");
		return end(l, "bytes in clear after STARTTLS");
	}
	imap_put_ok(out, c->tag, "Begin TLS");
	return LOGIN_STARTTLS;
}

static const struct {
	enum imap_verb verb;
	enum login_want (*run)(
		struct login *, const struct imap_command *, struct buf *);
} commands[] = {
	{IMAP_CAPABILITY, do_capability},
	{IMAP_NOOP, do_noop},
	{IMAP_LOGOUT, do_logout},
	{IMAP_ID, do_id},
	{IMAP_STARTTLS, do_starttls},
	{IMAP_AUTHENTICATE, do_authenticate},
	{IMAP_LOGIN, do_login},
};

static enum login_want execute(
	struct login *l, const struct imap_command *c, struct buf *out)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (commands[i].verb == c->verb)
			return commands[i].run(l, c, out);
	}
	return bad(l, c->tag, "Log in first", out);
}

static enum login_want take_command(struct login *l, str text, struct buf *out)
{
	struct imap_command c = {0};
	enum login_want want;
	struct arena arena;
	enum err err;

	if (http_is_request(text)) {
		buf_add_c(out, "* BYE This is not a web server\r\n");
		return end(l, "an HTTP request");
	}
	arena_init(&arena, ARENA_BUDGET);
	err = imap_parse(&arena, text, false, &c);
	if (err && imap_command_row(c.verb)->verb != IMAP_UNKNOWN &&
		!(imap_command_row(c.verb)->states & IMAP_NOT_AUTHENTICATED)) {
		want = bad(l, c.tag, "Log in first", out);
	} else if (err) {
		imap_put_parse_error(out, &c, err);
		want = after_bad(l, out);
	} else {
		want = execute(l, &c, out);
	}
	imap_command_wipe(&c);
	arena_fini(&arena);
	return want;
}

static enum login_want take_error(
	struct login *l, const struct imap_frame *frame, struct buf *out)
{
	str tag = str_is_none(frame->tag) ? STR("*") : frame->tag;

	buf_addf(out, "%.*s %s\r\n", STR_ARG(tag), frame->reply);
	return frame->fatal ? end(l, "input over the limits")
			    : after_bad(l, out);
}

static bool step(struct login *l, struct buf *out, enum login_want *want_r)
{
	struct imap_frame frame = imap_framer_step(&l->framer, login_input(l));

	*want_r = LOGIN_MORE;
	switch (frame.kind) {
	case IMAP_FRAME_MORE:
		return true;
	case IMAP_FRAME_CONTINUE:
		/* What it asks for may have come unasked. */
		buf_add_c(out, "+ OK\r\n");
		return false;
	case IMAP_FRAME_COMMAND:
		l->taken = frame.n;
		*want_r = l->answering ? take_response(l, frame.text, out)
				       : take_command(l, frame.text, out);
		l->taken = 0;
		break;
	case IMAP_FRAME_ERROR:
		*want_r = take_error(l, &frame, out);
		break;
	case IMAP_FRAME_BODY: /* none within these limits */
		assert(false);
		break;
	case IMAP_FRAME_SKIP:
		break;
	}
	login_consume(l, frame.n);
	return *want_r != LOGIN_MORE;
}

const struct login_protocol login_imap = {
	.name = "imap",
	.begin = begin,
	.greet = greet,
	.step = step,
	.challenge = put_challenge,
	.fail = fail,
	.bye = bye,
};
