/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encoded_word: header field bodies as people read them, in UTF-8.
 *
 * - Folding is undone: CRLF (or bare LF, CR) before a blank disappears, any
 *   other one becomes a space (RFC 5322 section 2.2.3).
 * - Encoded words (RFC 2047, with RFC 2231's language) are decoded; white
 *   space between two of them goes. Neighbours in the same charset are
 *   converted together, so that a character that a bad mailer cut in two
 *   still comes out.
 * - As all clients must: words without white space around them, longer than 75
 *   characters, with blanks inside Q text, and inside quoted strings are
 *   decoded too. A word that is not well formed, or whose charset is not
 *   known, stays as it is.
 * - Bytes above 127 outside encoded words are UTF-8 if the whole value's
 *   are (RFC 6532), else windows-1252.
 * - NUL and other control characters stay; the result is always valid UTF-8.
 *
 * Linear time; the output is at most about four times the input.
 */
#ifndef MESSAGE_ENCODED_WORD_H
#define MESSAGE_ENCODED_WORD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

void encoded_word_decode(struct buf *out, str value);
/* Allocated only if anything changes; an absent value stays absent. */
str encoded_word_decode_str(struct arena *, str value);

#endif
