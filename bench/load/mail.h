/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail: the messages that servers are measured with, the same for each, made
 * from a seed. Realistic ones have sizes of a log-normal distribution (median
 * near 7 KB, mean near 23 KB, one in 400 near 1 MB), threads, parts,
 * attachments and several charsets; small ones are short notices of some
 * hundred bytes. Lines end with CRLF.
 */
#ifndef LOAD_MAIL_H
#define LOAD_MAIL_H

#include "base/buf.h"

#include <time.h>

enum mail_kind { MAIL_REALISTIC, MAIL_SMALL };

struct mail {
	str text;
	str body;	     /* of text, behind the empty line */
	char id[64];	     /* Message-ID with its brackets */
	const char *subtype; /* "mixed", "alternative", "plain", "html" */
	time_t date;	     /* as in Date and INTERNALDATE */
};

/* mail=realistic or mail=small, as the command line says. */
enum mail_kind mail_kind_wanted(void);

/* Message number n (0 and on) of a kind; the text is in `out`, emptied
 * before. */
struct mail mail_make(enum mail_kind, uint64_t n, struct buf *out);

/* The first `count`, kept in memory for as long as the program runs. */
const struct mail *mail_make_all(enum mail_kind, uint64_t count);

/* "01-Jan-2024 10:00:00 +0000", a static buffer. */
const char *mail_internaldate(const struct mail *);

/* Fails unless the bytes are those. */
void mail_check(const struct mail *, str bytes);

/* As SMTP and POP3 send it: dots doubled where a line begins with one, and the
 * line with a dot at the end. */
void mail_stuff(const struct mail *, struct buf *out);

/* splitmix64: the source of all chance here. */
uint64_t dice_roll(uint64_t *state);

#endif
