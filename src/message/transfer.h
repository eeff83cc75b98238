/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer: MIME content transfer encodings (RFC 2045 section 6), streaming
 * and independent of how the input is split. A decoder needs no memory but
 * the struct.
 *
 * Decoding never fails; it reads what can be read, as every client does:
 * - base64: bytes outside the alphabet are skipped; "=" ends the run, and
 *   what follows starts afresh (concatenated base64); a trailing incomplete
 *   group gives the whole bytes it has.
 * - quoted-printable: "=" not followed by two hex digits (either case) or by
 *   a line end stays as it is; blanks before a line end are dropped; line
 *   ends come out as they are.
 * - uuencode ("x-uuencode", "uuencode", "x-uue"): from the begin line to the
 * end line.
 *
 * The decoder counts what a strict one would refuse (`damage`). BINARY
 * (RFC 3516 section 4.3) answers UNKNOWN-CTE for an encoding that is not known
 * (transfer_parse: ERR_CTE); for damaged input it sends what can be read,
 * since a client that asked for the decoded part can do no better itself.
 */
#ifndef MESSAGE_TRANSFER_H
#define MESSAGE_TRANSFER_H

#include "base/buf.h"
#include "base/str.h"

enum transfer {
	TRANSFER_IDENTITY, /* 7bit, 8bit, binary, or none given */
	TRANSFER_BASE64,
	TRANSFER_QP,
	TRANSFER_UUENCODE,
};

/* The value of a Content-Transfer-Encoding field; comments and blanks around
 * the token are ignored, an absent or empty one is 7bit. ERR_CTE for anything
 * else; *transfer_r is then TRANSFER_IDENTITY. */
MUST enum err transfer_parse(str value, enum transfer *transfer_r);

/* The longest run of blanks at a line end that quoted-printable drops, and the
 * longest line of uuencode. */
#define TRANSFER_HELD 128

struct transfer_decoder {
	enum transfer kind;
	uint64_t damage; /* places that were not as the RFC says */
	/* private */
	uint32_t bits;	      /* base64: digits collected */
	unsigned char digits; /* base64: how many */
	unsigned char state;  /* per kind */
	unsigned char held_n;
	char held[TRANSFER_HELD]; /* what the next bytes decide about */
};

void transfer_decoder_init(struct transfer_decoder *, enum transfer);
/* Appends what `in` completes: at most in.n + TRANSFER_HELD bytes, for which
 * `out` must have room (else its error is ERR_TOOBIG). */
void transfer_decoder_feed(struct transfer_decoder *, str in, struct buf *out);
/* The end of the input; the decoder is then as after init. */
void transfer_decoder_finish(struct transfer_decoder *, struct buf *out);

#endif
