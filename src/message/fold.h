/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold: the form in which text is compared, i;unicode-casemap (RFC 5051):
 * every code point becomes its simple titlecase, then its full compatibility
 * decomposition. So "é" finds "E" + acute, full-width letters find ASCII ones;
 * "ß" does not find "SS", nor "ﬁ" "FI" (the comparator says so).
 *
 * It maps single code points, without reordering, so the folded form of a
 * concatenation is the concatenation of the folded forms: substring search
 * over a stream is exact whatever its split.
 *
 * Malformed UTF-8 becomes U+FFFD. (RFC 5051 section 2 (1)(b) would compare
 * such strings as octets; charset decoding comes first here, so there are
 * none.)
 *
 * The output is at most FOLD_GROWTH bytes per byte of input.
 */
#ifndef MESSAGE_FOLD_H
#define MESSAGE_FOLD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "message/utf8.h"

#define FOLD_GROWTH 12

struct fold {
	char held[UTF8_MAX]; /* a character's first bytes */
	unsigned char held_n;
};

void fold_init(struct fold *);
/* Appends the folded form of the characters that `utf8` completes. */
void fold_feed(struct fold *, str utf8, struct buf *out);
/* The end; the fold is then as after init. */
void fold_finish(struct fold *, struct buf *out);

/* All at once. */
void fold_add(struct buf *out, str utf8);
str fold_str(struct arena *, str utf8);

/* Order of folded forms (RFC 5051: i;octet after preparation), without making
 * them. */
int fold_cmp(str a, str b);
bool fold_eq(str a, str b);

#endif
