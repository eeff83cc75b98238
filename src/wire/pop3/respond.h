/* SPDX-License-Identifier: Apache-2.0 */
/*
 * respond: POP3's answers. Errors become words in one function; codes are
 * those of RFC 2449, 3206 and 6856 (RESP-CODES, AUTH-RESP-CODE, UTF8).
 */
#ifndef WIRE_POP3_RESPOND_H
#define WIRE_POP3_RESPOND_H

#include "base/buf.h"

/* "+OK text" */
void pop3_put_ok(struct buf *out, const char *text);
/* "-ERR text", for what the client did wrong: no code. */
void pop3_put_wrong(struct buf *out, const char *text);
/* "-ERR [CODE] words" of what went wrong. `text`: other words, unless absent
 * or empty; what is not printable ASCII in them is left out. */
void pop3_put_error(struct buf *out, enum err, str text);
/* "+ base64": a challenge (RFC 5034 section 4). */
void pop3_put_challenge(struct buf *out, str bytes);

/* A line has 512 octets at most (RFC 2449 section 4). */
#define POP3_TEXT_MAX 400

struct pop3_capability_view {
	bool stls;	     /* TLS can be begun now */
	unsigned mechanisms; /* that are usable (base/mechanism.h) */
};

/* What a session is told of what was before login (session/handover.h): the
 * capabilities that were announced then must be announced again (RFC 2449
 * section 5). Decoding takes any bytes; what is wrong is nothing. */
struct pop3_before {
	bool utf8;	     /* UTF8 was said */
	unsigned mechanisms; /* usable before login */
};

void pop3_before_encode(const struct pop3_before *, struct buf *);
struct pop3_before pop3_before_decode(str);

/* The lines of CAPA's answer, without its first and last. */
void pop3_put_capabilities(
	struct buf *out, const struct pop3_capability_view *);
/* All that answers LANG (RFC 6856 section 3); the texts are English. `range`
 * may be absent: the list is asked for. */
void pop3_put_lang(struct buf *out, str range);

#endif
