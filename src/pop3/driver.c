/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session's steps (session/drive.h): a line at a time through the parser to
 * its executor, answers out.
 */
#include "base/log.h"
#include "pop3/private.h"
#include "session/drive.h"

#define BAD_MAX 20
/* Input at a time; lines are shorter. */
#define INPUT_ROOM 4096

static struct pop3 *pop3_of(struct session *session)
{
	return (struct pop3 *)(void *)session;
}

/* ---------------------------------------------------------- other commands */

static enum err noop(struct pop3 *s, const struct pop3_command *c)
{
	(void)c;
	pop3_put_ok(pop3_out(s), "Nothing done");
	return OK;
}

static enum err capa(struct pop3 *s, const struct pop3_command *c)
{
	struct pop3_capability_view view = {.mechanisms = s->before.mechanisms};

	(void)c;
	pop3_put_ok(pop3_out(s), "Capabilities:");
	pop3_put_capabilities(pop3_out(s), &view);
	buf_add_c(pop3_out(s), ".\r\n");
	return OK;
}

static enum err lang(struct pop3 *s, const struct pop3_command *c)
{
	pop3_put_lang(pop3_out(s), c->text);
	return OK;
}

/* --------------------------------------------------------------- dispatch */

static pop3_executor *const executors[POP3_VERB_COUNT] = {
	[POP3_CAPA] = capa,
	[POP3_LANG] = lang,
	[POP3_NOOP] = noop,
	[POP3_STAT] = pop3_stat,
	[POP3_LIST] = pop3_list,
	[POP3_UIDL] = pop3_uidl,
	[POP3_RETR] = pop3_retr,
	[POP3_TOP] = pop3_top,
	[POP3_DELE] = pop3_dele,
	[POP3_RSET] = pop3_rset,
	[POP3_QUIT] = pop3_quit,
};

static enum session_step wrong(struct pop3 *s, const char *text)
{
	pop3_put_wrong(pop3_out(s), text);
	return ++s->bad > BAD_MAX ? SESSION_STEP_CLOSE : SESSION_STEP_ON;
}

static enum session_step execute(struct pop3 *s, str line)
{
	struct pop3_command c;
	enum err e = pop3_parse(line, &c);

	if (e == ERR_NOTFOUND)
		return wrong(s, "Unknown command");
	if (!(pop3_commands[c.verb].states & POP3_TRANSACTION) ||
		!executors[c.verb])
		return wrong(s, "Already logged in");
	if (e)
		return wrong(s, "The arguments are wrong");
	s->bad = 0;
	if (c.verb == POP3_LIST || c.verb == POP3_UIDL || c.verb == POP3_QUIT)
		session_take_time();
	else
		session_may_last();
	log_debug("pop3", "command", LOG_C("session", s->session.id),
		LOG_C("verb", pop3_commands[c.verb].name));
	e = executors[c.verb](s, &c);
	if (e && e != ERR_AGAIN)
		pop3_put_error(pop3_out(s), e, STR(""));
	return s->quit ? SESSION_STEP_CLOSE : SESSION_STEP_ON;
}

static enum session_step next_line(struct pop3 *s)
{
	struct buf *in = &s->session.in;
	struct pop3_frame frame = pop3_framer_step(&s->framer, buf_str(in));
	enum session_step step = SESSION_STEP_ON;

	switch (frame.kind) {
	case POP3_FRAME_MORE:
		return SESSION_STEP_INPUT;
	case POP3_FRAME_LINE:
		step = execute(s, frame.text);
		break;
	case POP3_FRAME_ERROR:
		step = wrong(s, "The line is too long");
		break;
	case POP3_FRAME_SKIP:
		break;
	}
	buf_consume(in, frame.n);
	return step;
}

/* The login's answer. A maildrop that cannot be opened ends the session: the
 * client's next command would be for one that could. */
static enum session_step open_maildrop(struct pop3 *s)
{
	enum err e = maildrop_open(s);

	s->doing = POP3_DOING_NOTHING;
	if (e) {
		log_error("pop3", "maildrop cannot be opened", LOG_ERR(e),
			LOG_C("session", s->session.id),
			LOG_C("account", s->session.account));
		pop3_put_error(pop3_out(s),
			e == ERR_DENIED ? e : ERR_UNAVAILABLE, STR(""));
		return SESSION_STEP_CLOSE;
	}
	pop3_put_ok(pop3_out(s), "Logged in");
	return SESSION_STEP_ON;
}

/* ------------------------------------------------------------------- loop */

static enum session_step go_on(struct pop3 *s, enum err e)
{
	if (e == ERR_AGAIN)
		return SESSION_STEP_OUTPUT;
	s->doing = POP3_DOING_NOTHING;
	return SESSION_STEP_ON;
}

static enum session_step step(struct session *session)
{
	struct pop3 *s = pop3_of(session);

	switch (s->doing) {
	case POP3_DOING_OPEN:
		session_take_time();
		return open_maildrop(s);
	case POP3_DOING_LIST:
		session_take_time();
		return go_on(s, pop3_list_more(s));
	case POP3_DOING_RETR:
		return go_on(s, pop3_retr_more(s));
	default:
		return session->told_stop ? SESSION_STEP_CLOSE : next_line(s);
	}
}

/* RFC 1939 section 3, of the autologout timer: "the server should close the
 * TCP connection without removing any messages or sending any response". So
 * it is when the server stops, but an answer under way is finished. */
static enum session_want run(struct session *session, unsigned events)
{
	if (events & SESSION_STOP)
		session->told_stop = true;
	if (events & SESSION_EXPIRED)
		return SESSION_WANT_CLOSE;
	return session_drive(session, INPUT_ROOM, step);
}

static void open_session(struct session *session, const struct handover *h)
{
	struct pop3 *s = pop3_of(session);

	pop3_framer_init(&s->framer, POP3_LINE_SESSION);
	s->before = pop3_before_decode(h->state);
	s->doing = POP3_DOING_OPEN;
}

static void close_session(struct session *session)
{
	struct pop3 *s = pop3_of(session);

	pop3_list_abort(s);
	pop3_retr_abort(s);
	maildrop_close(s);
}

static void refuse(const struct handover *h, enum err e, struct buf *out)
{
	(void)h;
	pop3_put_error(out, e == ERR_LIMIT ? e : ERR_UNAVAILABLE, STR(""));
}

const struct session_protocol pop3_protocol = {
	.name = "pop3",
	.size = sizeof(struct pop3),
	.idle_ms = 10 * 60 * 1000,
	.quick = true,
	.needs = TICKET_MAY_READ,
	.open = open_session,
	.run = run,
	.close = close_session,
	.refuse = refuse,
};
