/* SPDX-License-Identifier: Apache-2.0 */
/*
 * framer: cuts a client's bytes into command lines. Only CRLF ends a line (RFC
 * 5321 section 2.3.8); a CR or LF alone stays in it, and the parser refuses
 * it: what one side takes for one line and the other for two is how commands
 * are smuggled. The bytes of messages do not come here: those of DATA go
 * through lmtp_dot, those of BDAT are counted.
 *
 * The caller keeps the unconsumed bytes in one buffer and calls
 * lmtp_framer_step() with all of them; then it removes frame.n of them.
 *
 *	MORE	read more; the buffer needs room for LMTP_LINE_MAX bytes
 *	LINE	frame.line is a line without its end
 *	SKIP	forget n bytes: they are of a line that is too long
 *	TOOLONG	the end of such a line: answer, and go on
 */
#ifndef WIRE_LMTP_FRAMER_H
#define WIRE_LMTP_FRAMER_H

#include "base/str.h"

/* With CRLF. RFC 5321 section 4.5.3.1.4: 512, and what extensions add: SIZE 26
 * (RFC 1870), BODY 16 (RFC 3030), SMTPUTF8 10 (RFC 6531), RET, ENVID, NOTIFY
 * and ORCPT up to 1036 in all (RFC 3461 section 5.4), AUTH 500 (RFC 4954); and
 * paths may be longer than 256 here. */
#define LMTP_LINE_MAX 4096

enum lmtp_frame_kind {
	LMTP_FRAME_MORE,
	LMTP_FRAME_LINE,
	LMTP_FRAME_SKIP,
	LMTP_FRAME_TOOLONG,
};

struct lmtp_frame {
	enum lmtp_frame_kind kind;
	size_t n;
	str line; /* into the input */
};

/* Zeroed memory begins. */
struct lmtp_framer {
	size_t at;     /* the input was searched up to here */
	bool skipping; /* a line that is too long */
};

struct lmtp_frame lmtp_framer_step(struct lmtp_framer *, str input);

#endif
