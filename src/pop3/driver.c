/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session's loop: a line at a time through the parser to its executor,
 * answers out. Whenever it would have to wait it says for what, and returns
 * (session/session.h).
 */
#include "base/log.h"
#include "pop3/private.h"

/* Commands of a pipelining client before others get their turn. */
#define TURN_COMMANDS 32
#define BAD_MAX 20
/* Input at a time; lines are shorter. */
#define INPUT_ROOM 4096

/* What one step of the loop came to. */
enum step {
	STEP_ON,     /* go on at once */
	STEP_INPUT,  /* a whole line is not there */
	STEP_OUTPUT, /* much output waits */
	STEP_CLOSE,
};

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

static enum step wrong(struct pop3 *s, const char *text)
{
	pop3_put_wrong(pop3_out(s), text);
	return ++s->bad > BAD_MAX ? STEP_CLOSE : STEP_ON;
}

static enum step execute(struct pop3 *s, str line)
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
	log_debug("pop3", "command", LOG_C("session", s->session.id),
		LOG_C("verb", pop3_commands[c.verb].name));
	e = executors[c.verb](s, &c);
	if (e && e != ERR_AGAIN)
		pop3_put_error(pop3_out(s), e, STR(""));
	return s->quit ? STEP_CLOSE : STEP_ON;
}

static enum step next_line(struct pop3 *s)
{
	struct buf *in = &s->session.in;
	struct pop3_frame frame = pop3_framer_step(&s->framer, buf_str(in));
	enum step step = STEP_ON;

	switch (frame.kind) {
	case POP3_FRAME_MORE:
		return STEP_INPUT;
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
static enum step open_maildrop(struct pop3 *s)
{
	enum err e = maildrop_open(s);

	s->doing = POP3_DOING_NOTHING;
	if (e) {
		log_error("pop3", "maildrop cannot be opened", LOG_ERR(e),
			LOG_C("session", s->session.id),
			LOG_C("account", s->session.account));
		pop3_put_error(pop3_out(s),
			e == ERR_DENIED ? e : ERR_UNAVAILABLE, STR(""));
		return STEP_CLOSE;
	}
	pop3_put_ok(pop3_out(s), "Logged in");
	return STEP_ON;
}

/* ------------------------------------------------------------------- loop */

static enum step go_on(struct pop3 *s, enum err e)
{
	if (e == ERR_AGAIN)
		return STEP_OUTPUT;
	s->doing = POP3_DOING_NOTHING;
	return STEP_ON;
}

static enum step step_on(struct pop3 *s)
{
	switch (s->doing) {
	case POP3_DOING_OPEN:
		return open_maildrop(s);
	case POP3_DOING_LIST:
		return go_on(s, pop3_list_more(s));
	case POP3_DOING_RETR:
		return go_on(s, pop3_retr_more(s));
	default:
		return next_line(s);
	}
}

/* RFC 1939 section 3, of the autologout timer: "the server should close the
 * TCP connection without removing any messages or sending any response". So
 * it is when the server stops, but an answer under way is finished. */
static bool is_over(struct pop3 *s, unsigned events)
{
	if (events & SESSION_STOP)
		s->session.told_stop = true;
	if (events & SESSION_EXPIRED)
		return true;
	return s->session.told_stop && s->doing == POP3_DOING_NOTHING;
}

static enum session_want wait_for_input(struct pop3 *s)
{
	enum err e = session_flush(&s->session);

	if (e)
		return e == ERR_AGAIN ? SESSION_WANT_OUTPUT
				      : SESSION_WANT_CLOSE;
	e = session_read(&s->session, INPUT_ROOM);
	if (e == OK)
		return SESSION_WANT_TURN;
	return e == ERR_AGAIN ? SESSION_WANT_INPUT : SESSION_WANT_CLOSE;
}

static enum session_want run(struct session *session, unsigned events)
{
	struct pop3 *s = pop3_of(session);
	enum session_want want = SESSION_WANT_TURN;

	for (int turn = 0; want == SESSION_WANT_TURN; turn++) {
		enum step step;
		enum err e;

		if (is_over(s, events))
			return SESSION_WANT_CLOSE;
		if (pop3_out(s)->n - session->out_at >= SESSION_OUT_HIGH) {
			e = session_flush(session);
			if (e)
				return e == ERR_AGAIN ? SESSION_WANT_OUTPUT
						      : SESSION_WANT_CLOSE;
		}
		step = step_on(s);
		if (step == STEP_CLOSE)
			return SESSION_WANT_CLOSE;
		if (step == STEP_INPUT)
			want = wait_for_input(s);
		else if (step == STEP_OUTPUT &&
			 session_flush(session) == ERR_AGAIN)
			return SESSION_WANT_OUTPUT;
		else if (turn >= TURN_COMMANDS)
			return SESSION_WANT_TURN;
	}
	return want;
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
	.open = open_session,
	.run = run,
	.close = close_session,
	.refuse = refuse,
};
