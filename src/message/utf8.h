/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8: strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing
 * above U+10FFFF.
 */
#ifndef MESSAGE_UTF8_H
#define MESSAGE_UTF8_H

#include "base/buf.h"
#include "base/str.h"

#define UTF8_REPLACEMENT 0xFFFDu
/* The longest encoding of a code point. */
#define UTF8_MAX 4

bool utf8_is_valid(str);
bool utf8_is_ascii(str);

/* The code point at *at, which must be < s.n; *at moves past it. A malformed
 * sequence gives U+FFFD once and moves past its longest prefix that could
 * have begun a character (at least one byte), as Unicode recommends. */
uint32_t utf8_next(str s, size_t *at);

/* How many bytes at the end of s begin a character that s cuts off (0..3);
 * for streams: keep them back and put them before the next chunk. */
size_t utf8_cut(str s);

/* Writes 1..4 bytes, returns how many. The code point must be valid. */
size_t utf8_encode(uint32_t code_point, char p[UTF8_MAX]);
void utf8_add(struct buf *, uint32_t code_point);
/* Appends s with every malformed sequence replaced by U+FFFD. */
void utf8_add_repaired(struct buf *, str s);

#endif
