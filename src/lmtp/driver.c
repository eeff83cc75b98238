/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session's steps (session/drive.h): bytes in, commands and messages to
 * those who act on them, answers out.
 */
#include "base/alloc.h"
#include "lmtp/private.h"
#include "session/drive.h"

#include <stdlib.h>

#define ERRORS_MAX 20
#define PIECE (64 * 1024)

static struct lmtp *lmtp_of(struct session *session)
{
	return (struct lmtp *)(void *)session;
}

static void open_session(struct session *session, const struct handover *h)
{
	struct lmtp *s = lmtp_of(session);
	struct session_limits limits = session_service_limits(session->service);

	(void)h;
	s->state = LMTP_NEW;
	arena_init(&s->t.arena, limits.command_memory);
	lmtp_put_greeting(lmtp_out(s), str_c(limits.host));
}

static void refuse(const struct handover *h, enum err e, struct buf *out)
{
	(void)h;
	lmtp_put(out,
		e == ERR_LIMIT ? LMTP_SAY_END_BUSY : LMTP_SAY_END_UNAVAILABLE);
}

static void close_lmtp(struct session *session)
{
	struct lmtp *s = lmtp_of(session);

	lmtp_transaction_end(s);
	arena_fini(&s->t.arena);
	free(s->helo);
	for (size_t i = 0; i < LMTP_XCLIENT_COUNT; i++)
		free(s->told[i]);
}

static void end(struct lmtp *s, enum lmtp_say say)
{
	lmtp_put(lmtp_out(s), say);
	s->ended = true;
}

/* A pipelining client's DATA without recipients is no mistake, nor is a
 * mailbox that does not exist. */
static bool is_mistake(enum lmtp_say say)
{
	unsigned code = lmtp_say_code(say);

	return (code / 10 == 50 || code == 555) &&
	       say != LMTP_SAY_NO_RECIPIENTS;
}

void lmtp_say(struct lmtp *s, enum lmtp_say say)
{
	if (lmtp_say_code(say) == 421) {
		end(s, say);
		return;
	}
	lmtp_put(lmtp_out(s), say);
	if (is_mistake(say) && ++s->errors >= ERRORS_MAX)
		end(s, LMTP_SAY_END_ERRORS);
}

/* ------------------------------------------------------------------ lines */

static enum session_step next_line(struct lmtp *s)
{
	struct buf *in = &s->session.in;
	struct lmtp_frame frame = lmtp_framer_step(&s->framer, buf_str(in));

	switch (frame.kind) {
	case LMTP_FRAME_MORE:
		if (!s->session.told_stop)
			return SESSION_STEP_INPUT;
		end(s, LMTP_SAY_END_STOPPING);
		return SESSION_STEP_CLOSE;
	case LMTP_FRAME_LINE:
		lmtp_execute(s, frame.line);
		break;
	case LMTP_FRAME_TOOLONG:
		lmtp_say(s, LMTP_SAY_LINE_TOO_LONG);
		break;
	case LMTP_FRAME_SKIP:
		break;
	}
	buf_consume(in, frame.n);
	return SESSION_STEP_ON;
}

/* --------------------------------------------------------------- messages */

/* Of DATA: how much of it is the message's. */
static size_t take_data(struct lmtp *s, str bytes)
{
	size_t n = 0;

	while (n < bytes.n) {
		struct lmtp_dot_piece piece =
			lmtp_dot_step(&s->dot, str_skip(bytes, n));

		n += piece.n;
		lmtp_message_take(s, piece.bytes);
		if (piece.end) {
			s->doing = LMTP_DOING_LINES;
			lmtp_message_end(s);
			break;
		}
	}
	return n;
}

/* RFC 3030 section 2: "If a failure occurs after a BDAT command is received,
 * the receiver-SMTP MUST accept and discard the associated message data before
 * sending the appropriate 5XX or 4XX code." */
static void end_chunk(struct lmtp *s)
{
	s->doing = LMTP_DOING_LINES;
	if (s->wrong)
		lmtp_say(s, s->wrong);
	else if (s->last)
		lmtp_message_end(s);
	else if (s->state == LMTP_SENDER)
		lmtp_say(s, LMTP_SAY_NO_RECIPIENTS);
	else if (s->t.err)
		lmtp_say(s, lmtp_say_of(s->t.err, true));
	else
		lmtp_say(s, LMTP_SAY_CHUNK_OK);
}

static size_t take_chunk(struct lmtp *s, str bytes)
{
	bytes = str_take(bytes, s->left < bytes.n ? (size_t)s->left : bytes.n);
	if (!s->wrong)
		lmtp_message_take(s, bytes);
	s->left -= bytes.n;
	if (!s->left)
		end_chunk(s);
	return bytes.n;
}

static size_t take_bytes(struct lmtp *s, str bytes)
{
	return s->doing == LMTP_DOING_DATA ? take_data(s, bytes)
					   : take_chunk(s, bytes);
}

/* What is in the buffer, then straight from the socket; what a client sent
 * behind the message comes into the buffer. */
static enum session_step take_body(struct lmtp *s)
{
	struct buf *in = &s->session.in;
	UNSET char piece[PIECE];
	size_t n, taken;
	enum err e;

	if (in->n || (s->doing == LMTP_DOING_CHUNK && !s->left)) {
		buf_consume(in, take_bytes(s, buf_str(in)));
		return SESSION_STEP_ON;
	}
	if (session_flush(&s->session) == ERR_AGAIN)
		return SESSION_STEP_OUTPUT;
	e = session_read_into(&s->session, piece, sizeof piece, &n);
	if (e)
		return e == ERR_AGAIN ? SESSION_STEP_BYTES : SESSION_STEP_CLOSE;
	taken = take_bytes(s, str_of(piece, n));
	buf_add(in, str_of(piece + taken, n - taken));
	return SESSION_STEP_ON;
}

/* ------------------------------------------------------------------- loop */

static enum session_step leave(struct lmtp *s)
{
	char piece[4096];
	size_t n;
	enum err e = session_flush(&s->session);

	buf_reset(&s->session.in);
	if (!e) {
		session_say_no_more(&s->session);
		e = session_read_into(&s->session, piece, sizeof piece, &n);
	} else if (e == ERR_AGAIN) {
		return SESSION_STEP_OUTPUT;
	}
	if (e)
		return e == ERR_AGAIN ? SESSION_STEP_BYTES : SESSION_STEP_CLOSE;
	return SESSION_STEP_ON;
}

static enum session_step step(struct session *session)
{
	struct lmtp *s = lmtp_of(session);

	if (s->ended)
		return SESSION_STEP_CLOSE;
	switch (s->doing) {
	case LMTP_DOING_ASKING:
		return lmtp_answered(s) ? SESSION_STEP_ON : SESSION_STEP_ANSWER;
	case LMTP_DOING_DATA:
	case LMTP_DOING_CHUNK:
		return take_body(s);
	case LMTP_DOING_LEAVE:
		return leave(s);
	default:
		return next_line(s);
	}
}

/* What comes from outside the command stream. A message that is on its way is
 * taken to its end. */
static void handle_events(struct lmtp *s, unsigned events)
{
	if (events & SESSION_STOP)
		s->session.told_stop = true;
	if (s->doing == LMTP_DOING_LEAVE)
		s->ended |= events & (SESSION_STOP | SESSION_EXPIRED);
	else if (s->session.told_stop && s->doing == LMTP_DOING_LINES)
		end(s, LMTP_SAY_END_STOPPING);
	else if (events & SESSION_EXPIRED && s->doing != LMTP_DOING_ASKING)
		end(s, LMTP_SAY_END_IDLE);
}

static enum session_want run(struct session *session, unsigned events)
{
	handle_events(lmtp_of(session), events);
	return session_drive(session, LMTP_LINE_MAX, step);
}

const struct session_protocol lmtp_protocol = {
	.name = "lmtp",
	.size = sizeof(struct lmtp),
	/* RFC 5321 section 4.5.3.2.7: "An SMTP server SHOULD have a timeout of
	 * at least 5 minutes while it is awaiting the next command" */
	.idle_ms = 5 * 60 * 1000,
	.idle_short = true,
	.needs = TICKET_MAY_DELIVER,
	.open = open_session,
	.quick = true,
	.run = run,
	.close = close_lmtp,
	.refuse = refuse,
};
