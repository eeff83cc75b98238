/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dots: a message as the answer to RETR and TOP (RFC 1939 sections 3 and 5):
 * every line ends with CRLF, a "." at the beginning of a line is doubled, and
 * ".CRLF" ends it all. Stored mail may have bare LF at line ends; it is sent
 * as CRLF, so that also a client that takes LF for an end of a line cannot
 * find one that is not. A lone CR is a byte of its line. For streams in pieces
 * of any size.
 */
#ifndef WIRE_POP3_DOTS_H
#define WIRE_POP3_DOTS_H

#include "base/buf.h"

struct pop3_dots {
	bool after_cr;	/* the last byte was CR */
	bool amid_line; /* bytes came since the last line's end */
	bool in_body;	/* behind the empty line */
	bool top;	/* TOP: `lines` more of the body, no more */
	bool full;	/* TOP: nothing more is wanted */
	uint32_t lines;
	uint64_t octets; /* so far, as LIST counts: without what was doubled */
};

void pop3_dots_init(struct pop3_dots *);
void pop3_dots_init_top(struct pop3_dots *, uint32_t lines);
/* Appends at most twice as many bytes. */
void pop3_dots_feed(struct pop3_dots *, struct buf *out, str bytes);
/* For a message of which is known that every line ends with CRLF, the last one
 * too (RETR only): the bytes from `from` on were appended as they are. */
void pop3_dots_double(struct pop3_dots *, struct buf *out, size_t from);
/* Ends the last line, if need be, and the answer. */
void pop3_dots_finish(struct pop3_dots *, struct buf *out);

#endif
