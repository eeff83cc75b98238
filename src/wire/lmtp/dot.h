/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dot: the message of DATA (RFC 5321 section 4.5.2): finds its end and takes
 * away the dots that the client put before lines that begin with one. Only
 * CRLF "." CRLF ends it, and only behind CRLF a dot is taken away: a CR or LF
 * alone is a byte like others, here and wherever the message came from, so
 * that nobody hides a second message in a first one. Nothing else is changed.
 *
 *	while (input.n && !piece.end) {
 *		piece = lmtp_dot_step(&dot, input);
 *		take piece.bytes; input = str_skip(input, piece.n);
 *	}
 *
 * Holds back no bytes but the end's own; any split gives the same message.
 */
#ifndef WIRE_LMTP_DOT_H
#define WIRE_LMTP_DOT_H

#include "base/str.h"

/* Zeroed memory begins a message. */
struct lmtp_dot {
	enum {
		LMTP_DOT_LINE,	 /* a line begins */
		LMTP_DOT_INSIDE, /* of a line */
		LMTP_DOT_CR,	 /* behind a CR inside */
		LMTP_DOT_DOT,	 /* a line that begins with a dot */
		LMTP_DOT_DOT_CR,
	} state;
};

struct lmtp_dot_piece {
	size_t n;  /* bytes of input that are done with; perhaps none */
	str bytes; /* of the message; into the input, or static */
	bool end;  /* the message is over, n bytes into the input */
};

struct lmtp_dot_piece lmtp_dot_step(struct lmtp_dot *, str input);

#endif
