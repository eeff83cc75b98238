/* SPDX-License-Identifier: Apache-2.0 */
#include "session/drive.h"

/* Steps of a busy client before others get their turn. */
#define TURN_STEPS 64

/* And before it is no longer short. */
#define QUICK_STEPS 6

/* TURN: nothing is to be waited for. */
static enum session_want want_after(enum err e, enum session_want again)
{
	if (e == OK)
		return SESSION_WANT_TURN;
	return e == ERR_AGAIN ? again : SESSION_WANT_CLOSE;
}

static enum session_want flush(struct session *s)
{
	return want_after(session_flush(s), SESSION_WANT_OUTPUT);
}

static enum session_want wait_for_input(
	struct session *s, enum session_step step, size_t room)
{
	enum session_want want = flush(s);

	if (want != SESSION_WANT_TURN)
		return want;
	if (step == SESSION_STEP_BYTES)
		return SESSION_WANT_INPUT;
	return want_after(session_read(s, room), SESSION_WANT_INPUT);
}

/* Answers that wait for nothing but this one go out before it; those of a
 * pipelining client go together. */
static enum session_want wait_for_answer(struct session *s)
{
	if (!s->in.n && session_flush(s) == ERR_CLOSED)
		return SESSION_WANT_CLOSE;
	return SESSION_WANT_ANSWER;
}

static enum session_want after(
	struct session *s, enum session_step step, size_t room)
{
	switch (step) {
	case SESSION_STEP_INPUT:
	case SESSION_STEP_BYTES:
		return wait_for_input(s, step, room);
	case SESSION_STEP_OUTPUT:
		return flush(s);
	case SESSION_STEP_ANSWER:
		return wait_for_answer(s);
	case SESSION_STEP_LEAVE:
		return session_leave(s);
	case SESSION_STEP_CLOSE:
		return SESSION_WANT_CLOSE;
	default:
		return SESSION_WANT_TURN;
	}
}

enum session_want session_drive(struct session *s, size_t room,
	enum session_step (*step)(struct session *))
{
	enum session_want want = SESSION_WANT_TURN;

	for (int i = 0; i < TURN_STEPS && want == SESSION_WANT_TURN; i++) {
		if (i == QUICK_STEPS)
			session_take_time();
		/* Before a step that may have as much to say again. */
		if (s->out.n - s->out_at >= SESSION_OUT_HIGH)
			want = flush(s);
		if (want == SESSION_WANT_TURN)
			want = after(s, step(s), room);
	}
	return want;
}
