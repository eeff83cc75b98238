/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drive: the loop that the protocols share. A protocol's dialogue is a row of
 * steps; each works in plain sequential code and says what the next one has to
 * wait for. The loop sends what is to be sent before it waits for the client,
 * lets no output pile up, and gives others their turn.
 */
#ifndef SESSION_DRIVE_H
#define SESSION_DRIVE_H

#include "session/session.h"

/* What one step came to. */
enum session_step {
	SESSION_STEP_ON,     /* the next one, at once */
	SESSION_STEP_INPUT,  /* more bytes have to be in session.in */
	SESSION_STEP_BYTES,  /* more bytes, which the step itself reads */
	SESSION_STEP_OUTPUT, /* the client has to take the output first */
	SESSION_STEP_ANSWER, /* session_answer's has to be there */
	SESSION_STEP_LEAVE,  /* it is over, but not the connection */
	SESSION_STEP_CLOSE,  /* it is over */
};

/* For a protocol's `run`: steps, until one would have to wait. `room`: bytes of
 * unread input at most; a client that sends more than that without making a
 * step possible is cut off. */
MUST enum session_want session_drive(struct session *, size_t room,
	enum session_step (*step)(struct session *));

#endif
