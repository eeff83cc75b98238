/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session's steps (session/drive.h): bytes through the framer, a command at
 * a time through the parser to its executor, answers out.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "imap/private.h"
#include "session/drive.h"
#include "wire/imap/parse.h"

#include <stdio.h>
#include <stdlib.h>

#define BAD_MAX 20
#define BODY_PIECE (64 * 1024)
/* So much of what follows a message is read with it: the end of the command,
 * and the next ones. */
#define BODY_BEHIND 4096

static struct imap *imap_of(struct session *session)
{
	return (struct imap *)(void *)session;
}

static void set_limits(struct imap *s)
{
	struct session_limits limits =
		session_service_limits(s->session.service);

	s->limits = (struct imap_framer_limits)IMAP_FRAMER_LIMITS_SESSION;
	if (limits.line)
		s->limits.line = limits.line;
	s->limits.body = limits.literal;
	snprintf(s->metadata_toobig, sizeof s->metadata_toobig,
		"NO [METADATA MAXSIZE %u] The value is too large",
		mail_limits_of(imap_mail(s)).annotation);
	s->limits.metadata_toobig = s->metadata_toobig;
	s->limits.skip = limits.literal * 2 + (16 << 20);
	if (limits.literal_minus)
		s->limits.nonsync = IMAP_LITERAL_MINUS;
}

static void open_session(struct session *session, const struct handover *h)
{
	struct imap *s = imap_of(session);

	set_limits(s);
	s->wants = IMAP_WANTS_ALL;
	imap_framer_init(&s->framer, &s->limits);
	buf_add(imap_out(s), h->tag);
	buf_add_c(imap_out(s), " OK ");
	buf_add_c(imap_out(s), "[CAPABILITY ");
	imap_tell_capabilities(s);
	buf_add_c(imap_out(s), "] Logged in\r\n");
}

static void refuse(const struct handover *h, enum err e, struct buf *out)
{
	buf_addf(out, "%.*s NO [%s] %s\r\n* BYE Try again later\r\n",
		STR_ARG(h->tag), e == ERR_LIMIT ? "LIMIT" : "UNAVAILABLE",
		e == ERR_LIMIT ? "Too many connections of this account"
			       : "Cannot be served now");
}

static void close_imap(struct session *session)
{
	struct imap *s = imap_of(session);

	imap_fetch_abort(s);
	imap_append_forget(s);
	imap_unselect(s);
	imap_notify_end(s);
	uidset_fini(&s->own_added);
	uidset_fini(&s->own_expunged);
	uidset_fini(&s->own);
	uidset_fini(&s->own_changes);
	uidset_fini(&s->to_tell);
	uidset_fini(&s->to_date);
	uidset_fini(&s->told_between);
}

/* A command is over, or nothing came of it. Those of APPENDs that wait are
 * needed still. */
static void forget_command(struct imap *s)
{
	if (s->doing == IMAP_DOING_NOTHING && !s->waiting) {
		s->command = NULL;
		arena_reset(imap_arena(s));
	}
}

static void settle(struct imap *s)
{
	imap_append_settle(s);
	forget_command(s);
}

static enum session_step execute(struct imap *s, str text)
{
	struct arena *arena = imap_arena(s);
	struct imap_command *c = ARENA_NEW(arena, struct imap_command);
	enum err e;

	/* Its own copy: a command that goes on outlives the input buffer. */
	e = imap_parse(arena, arena_str(arena, text), imap_dialect(s), c);
	s->command = c;
	if (e) {
		imap_put_parse_error(imap_out(s), c, e);
		/* RFC 5182 section 2.1: a NO empties the saved result. */
		if ((e == ERR_CHARSET || e == ERR_LIMIT) &&
			(c->verb == IMAP_SEARCH || c->verb == IMAP_ESEARCH) &&
			c->search.returns & IMAP_SEARCH_SAVE)
			uidset_clear(&s->saved);
		/* A charset that is not known is no broken client. */
		if (e != ERR_CHARSET)
			s->bad++;
	} else {
		s->bad = 0;
		imap_execute(s, c);
	}
	forget_command(s);
	if (s->bad > BAD_MAX) {
		buf_add_c(imap_out(s), "* BYE Too many bad commands\r\n");
		return SESSION_STEP_CLOSE;
	}
	return s->logged_out ? SESSION_STEP_CLOSE : SESSION_STEP_ON;
}

/* An APPEND or REPLACE is over. */
static void complete_append(struct imap *s, struct imap_command *c, enum err e,
	struct imap_reply *r)
{
	imap_append_settle(s);
	imap_append_abort(s);
	imap_complete(s, c, e, r);
	forget_command(s);
}

/* APPEND or REPLACE up to its first literal. */
static enum err first_body(struct imap *s, str text)
{
	struct arena *arena = imap_arena(s);
	struct imap_command *c = ARENA_NEW(arena, struct imap_command);
	struct imap_reply reply = {.code = BUF_UNBOUNDED};
	enum err e =
		imap_parse(arena, arena_str(arena, text), imap_dialect(s), c);
	const char *bad = e ? NULL : imap_why_not_now(s, c);

	if (e || bad || !imap_append_may_join(s, c))
		imap_append_settle(s);
	s->command = c;
	if (e)
		imap_put_parse_error(imap_out(s), c, e);
	else if (bad)
		imap_put_bad(imap_out(s), c->tag, bad);
	if (e || bad) {
		forget_command(s);
		return ERR_INVALID;
	}
	e = imap_append_begin(s, c, &reply);
	if (e)
		complete_append(s, c, e, &reply);
	else
		buf_fini(&reply.code);
	return e;
}

/* What stands between two literals of an APPEND. */
static enum err next_body(struct imap *s, str text)
{
	struct imap_reply reply = {.code = BUF_UNBOUNDED};
	enum err e = imap_append_next(s, s->command, text, &reply);

	if (e)
		complete_append(s, s->command, e, &reply);
	else
		buf_fini(&reply.code);
	return e;
}

static enum session_step begin_body(
	struct imap *s, const struct imap_frame *frame)
{
	enum err e = s->doing == IMAP_DOING_AFTER_BODY
			     ? next_body(s, frame->text)
			     : first_body(s, frame->text);

	if (e) {
		imap_framer_refuse(&s->framer);
		return SESSION_STEP_ON;
	}
	s->doing = IMAP_DOING_BODY;
	s->body_left = frame->body;
	if (frame->sync)
		buf_add_c(imap_out(s), "+ OK\r\n");
	return SESSION_STEP_ON;
}

/* The line after the last literal ends the command; `more`: something follows.
 */
static enum session_step end_body(struct imap *s, str text, bool more)
{
	struct imap_reply reply = {.code = BUF_UNBOUNDED};
	struct imap_command *c = s->command;
	enum err e = imap_append_next(s, c, text, &reply);

	if (!e && (more || s->waiting) && imap_append_wait(s, c)) {
		forget_command(s);
		return SESSION_STEP_ON;
	}
	imap_append_settle(s);
	if (!e)
		e = imap_append_end(s, c, &reply);
	complete_append(s, c, e, &reply);
	return SESSION_STEP_ON;
}

static enum session_step handle_line(struct imap *s, str text, bool more)
{
	struct imap_reply reply = {.code = BUF_UNBOUNDED};
	enum err e;

	switch (s->doing) {
	case IMAP_DOING_AFTER_BODY:
		return end_body(s, text, more);
	case IMAP_DOING_IDLE:
		e = imap_idle_line(s, text);
		reply.bad = e != OK;
		reply.text = e ? "Expected DONE" : "IDLE terminated";
		imap_complete(s, s->command, e, &reply);
		forget_command(s);
		return SESSION_STEP_ON;
	default:
		return execute(s, text);
	}
}

static enum session_step handle_error(
	struct imap *s, const struct imap_frame *frame)
{
	str tag = str_is_none(frame->tag) && s->command ? s->command->tag
							: frame->tag;

	buf_add(imap_out(s), frame->fatal ? STR("*") : tag);
	buf_addf(imap_out(s), " %s\r\n", frame->reply);
	if (s->doing == IMAP_DOING_AFTER_BODY) {
		imap_append_abort(s);
		s->doing = IMAP_DOING_NOTHING;
		forget_command(s);
	}
	return frame->fatal || ++s->bad > BAD_MAX ? SESSION_STEP_CLOSE
						  : SESSION_STEP_ON;
}

/* Meanwhile there may be news to tell. */
static enum session_step wait_for_input(struct imap *s)
{
	imap_notify_between(s);
	if (imap_notify_waits(s))
		return SESSION_STEP_OUTPUT;
	return imap_notify_has_arrived(s) ? SESSION_STEP_ON
					  : SESSION_STEP_INPUT;
}

/* Is it another APPEND, as far as can be seen? */
static bool goes_on(const struct imap *s, const struct imap_frame *frame)
{
	switch (frame->kind) {
	case IMAP_FRAME_MORE:
	case IMAP_FRAME_BODY:
	case IMAP_FRAME_SKIP:
		return true;
	case IMAP_FRAME_COMMAND:
		return s->doing == IMAP_DOING_AFTER_BODY;
	default:
		return false;
	}
}

static enum session_step next_frame(struct imap *s)
{
	struct buf *in = &s->session.in;
	struct imap_frame frame = imap_framer_step(&s->framer, buf_str(in));
	enum session_step step = SESSION_STEP_ON;

	if (s->waiting && !goes_on(s, &frame))
		settle(s);
	switch (frame.kind) {
	case IMAP_FRAME_MORE:
		return wait_for_input(s);
	case IMAP_FRAME_CONTINUE:
		/* The literal may be there: not every client waits. */
		buf_add_c(imap_out(s), "+ OK\r\n");
		return SESSION_STEP_ON;
	case IMAP_FRAME_COMMAND:
		step = handle_line(s, frame.text, in->n > frame.n);
		break;
	case IMAP_FRAME_BODY:
		step = begin_body(s, &frame);
		break;
	case IMAP_FRAME_SKIP:
		break;
	case IMAP_FRAME_ERROR:
		step = handle_error(s, &frame);
		break;
	}
	buf_consume(in, frame.n);
	if (s->compress_next) {
		session_compress(&s->session);
		s->compress_next = false;
	}
	return step;
}

/* The message of an APPEND: what is in the buffer, then straight from the
 * socket, with some of what follows. A store that refuses it is told at the
 * end; its bytes are read. */
static enum session_step take_body(struct imap *s)
{
	struct buf *in = &s->session.in;
	UNSET char piece[BODY_PIECE];
	size_t n = in->n;
	const char *from = in->p;
	enum err e;

	if (s->body_left == 0) {
		s->doing = IMAP_DOING_AFTER_BODY;
		return SESSION_STEP_ON;
	}
	if (n == 0) {
		if (session_flush(&s->session) == ERR_AGAIN)
			return SESSION_STEP_OUTPUT;
		if (s->body_left < sizeof piece - BODY_BEHIND)
			n = (size_t)s->body_left + BODY_BEHIND;
		else
			n = sizeof piece;
		e = session_read_into(&s->session, piece, n, &n);
		if (e)
			return e == ERR_AGAIN ? SESSION_STEP_BYTES
					      : SESSION_STEP_CLOSE;
		from = piece;
		if (n > s->body_left)
			buf_add(in, str_of(piece + s->body_left,
					    n - (size_t)s->body_left));
	}
	if (n > s->body_left)
		n = (size_t)s->body_left;
	session_take_time();
	if (imap_append_bytes(s, str_of(from, n))) {
		/* Remembered by the upload. */
	}
	if (from != piece)
		buf_consume(in, n);
	s->body_left -= n;
	if (s->body_left == 0)
		s->doing = IMAP_DOING_AFTER_BODY;
	return SESSION_STEP_ON;
}

static void put_bye(struct imap *s, const char *text)
{
	buf_addf(imap_out(s), "* BYE %s\r\n", text);
}

/* The items of what arrived were sent; nothing is answered. A message that is
 * gone by now has none. */
static enum session_step end_news(struct imap *s)
{
	s->fetch_is_news = false;
	s->doing = s->idling ? IMAP_DOING_IDLE : IMAP_DOING_NOTHING;
	imap_contexts_fetched(s);
	if (!s->session.told_stop)
		return SESSION_STEP_ON;
	put_bye(s, "[UNAVAILABLE] The server ends this session");
	return SESSION_STEP_CLOSE;
}

static enum session_step fetch_step(struct imap *s)
{
	struct imap_reply reply = {.code = BUF_UNBOUNDED};
	enum err e;

	if (imap_fetch_is_short(s))
		session_may_last();
	else
		session_take_time();
	e = imap_fetch_more(s);
	if (e == ERR_AGAIN)
		return SESSION_STEP_OUTPUT;
	if (s->session.closed)
		return SESSION_STEP_CLOSE; /* within a literal */
	if (s->fetch_is_news)
		return end_news(s);
	if (s->command->verb != IMAP_FETCH)
		imap_select_reply(s, &reply);
	imap_complete(s, s->command, e, &reply);
	forget_command(s);
	return SESSION_STEP_ON;
}

/* The next mailbox of an ESEARCH. */
static enum session_step search_step(struct imap *s)
{
	struct imap_reply reply = {.code = BUF_UNBOUNDED};
	enum err e;

	session_take_time();
	e = imap_esearch_more(s, &reply);
	if (e == ERR_AGAIN)
		return SESSION_STEP_OUTPUT;
	imap_complete(s, s->command, e, &reply);
	forget_command(s);
	return SESSION_STEP_ON;
}

static size_t input_room(const struct imap *s)
{
	return s->limits.line + s->limits.literals + 2;
}

static enum session_step do_step(struct imap *s)
{
	if (s->leaving)
		return SESSION_STEP_LEAVE;
	if (imap_notify_fetch(s))
		return fetch_step(s);
	switch (s->doing) {
	case IMAP_DOING_FETCH:
		return fetch_step(s);
	case IMAP_DOING_SEARCH:
		return search_step(s);
	case IMAP_DOING_BODY:
		return take_body(s);
	default:
		return next_frame(s);
	}
}

/* APPENDs wait for what is on its way already, and for nothing else. */
static enum session_step step(struct session *session)
{
	struct imap *s = imap_of(session);
	enum session_step step = do_step(s);

	if (step == SESSION_STEP_ON || !s->waiting)
		return step;
	if (step == SESSION_STEP_INPUT && !session_read(session, input_room(s)))
		return SESSION_STEP_ON;
	settle(s);
	return step;
}

static enum session_want bye(struct imap *s, const char *text)
{
	put_bye(s, text);
	return SESSION_WANT_CLOSE;
}

/* News for a client that reads them; for others they wait in the store, and
 * one telling is as long as many. */
static void tell_idler(struct imap *s)
{
	if (imap_out(s)->n - s->session.out_at >= SESSION_OUT_HIGH &&
		session_flush(&s->session))
		return;
	if (imap_sync(s, true, true))
		log_warn("imap", "cannot tell changes",
			LOG_C("session", s->session.id));
}

/* What comes from outside the command stream. */
static enum session_want handle_events(struct imap *s, unsigned events)
{
	/* That the server stops, the client hears elsewhere then. */
	if (s->leaving)
		return events & SESSION_EXPIRED ? SESSION_WANT_CLOSE
						: SESSION_WANT_TURN;
	if (events & SESSION_STOP)
		s->session.told_stop = true;
	if (s->session.told_stop && s->doing != IMAP_DOING_FETCH &&
		s->doing != IMAP_DOING_BODY)
		return bye(s, "[UNAVAILABLE] The server ends this session");
	if (events & SESSION_EXPIRED)
		return bye(s, "[UNAVAILABLE] Idle for too long");
	if (s->doing == IMAP_DOING_IDLE && s->selected)
		tell_idler(s);
	return SESSION_WANT_TURN;
}

static enum session_want run(struct session *session, unsigned events)
{
	struct imap *s = imap_of(session);
	enum session_want want = handle_events(s, events);

	if (want != SESSION_WANT_TURN)
		return want;
	want = session_drive(session, input_room(s), step);
	/* Others have their turn, or the client does not read. */
	if (s->waiting) {
		settle(s);
		return session_flush(session) == ERR_CLOSED ? SESSION_WANT_CLOSE
							    : want;
	}
	return want;
}

const struct session_protocol imap_protocol = {
	.name = "imap",
	.size = sizeof(struct imap),
	.idle_ms = 30 * 60 * 1000,
	.needs = TICKET_MAY_READ,
	.quick = true,
	.open = open_session,
	.run = run,
	.close = close_imap,
	.refuse = refuse,
	.stranded = "* BYE [UNAVAILABLE] Connect again\r\n",
};
