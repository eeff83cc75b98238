/* SPDX-License-Identifier: Apache-2.0 */
/*
 * framer: cuts a client's byte stream into lines. It alone sees partial input.
 *
 *	MORE   no whole line is there yet: read more. Nothing is consumed.
 *	LINE   frame.text is a line without its end; act on it, then consume
 *	       frame.n bytes.
 *	SKIP   forget frame.n bytes: of a line that was refused.
 *	ERROR  the line is too long: say so, once; consume frame.n.
 *
 * A line ends with CRLF; a bare LF is taken too (people at a terminal). The
 * limit counts the end (RFC 2449 section 4 asks for 255 octets at least; the
 * callers allow more, since clients send tokens as initial responses of AUTH,
 * which RFC 5034 section 4 forbids, and responses have no limit there).
 */
#ifndef WIRE_POP3_FRAMER_H
#define WIRE_POP3_FRAMER_H

#include "base/str.h"

/* Before login: SASL responses. */
#define POP3_LINE_LOGIN 8192
/* The same where tokens may be sent, 16 KiB of them in base64. */
#define POP3_LINE_TOKEN 24576
#define POP3_LINE_SESSION 512

enum pop3_frame_kind {
	POP3_FRAME_MORE,
	POP3_FRAME_LINE,
	POP3_FRAME_SKIP,
	POP3_FRAME_ERROR,
};

struct pop3_frame {
	enum pop3_frame_kind kind;
	str text;
	size_t n;
};

struct pop3_framer {
	size_t limit;
	size_t seen;   /* of the input: no LF is there */
	bool skipping; /* up to the end of a line that was refused */
};

void pop3_framer_init(struct pop3_framer *, size_t limit);
/* input: all that is not consumed yet. It has room for `limit` bytes. */
struct pop3_frame pop3_framer_step(struct pop3_framer *, str input);

#endif
