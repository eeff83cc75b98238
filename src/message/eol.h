/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eol: mail on the wire and in the store has CRLF at line ends; files have a
 * bare LF mostly. A bare LF becomes CRLF; CRLF stays, and so does a lone CR,
 * which is part of a line. For streams in pieces of any size.
 */
#ifndef MESSAGE_EOL_H
#define MESSAGE_EOL_H

#include "base/buf.h"

struct eol {
	bool after_cr; /* the last byte so far was CR */
};

/* Appends at most twice as many bytes as it is given. */
void eol_add(struct eol *, struct buf *out, str bytes);

/* What of this a message needs: all that POP3 has to know to tell its size. */
struct eol_count {
	uint64_t bare;	/* LF without CR */
	bool after_cr;	/* the last byte so far was CR */
	bool amid_line; /* bytes came since the last LF */
	bool in_line;	/* and one of them was not CR, or two */
	bool in_body;	/* behind the first empty line */
	bool eightbit;	/* bytes above ASCII before it */
};

void eol_count(struct eol_count *, str bytes);
/* How many bytes more there are when every LF is CRLF and the last line has
 * an end too. */
uint64_t eol_growth(const struct eol_count *);

#endif
