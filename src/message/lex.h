/* SPDX-License-Identifier: Apache-2.0 */
/* lex: the smallest pieces of header syntax (RFC 5322 section 3.2). */
#ifndef MESSAGE_LEX_H
#define MESSAGE_LEX_H

#include "base/str.h"

static inline bool lex_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A blank, a line end, or NUL, which is nothing in a header either. */
static inline bool lex_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* The index of the first byte at or after `at` that is neither white space nor
 * in a comment (nested, with quoted-pairs). A comment that is not closed takes
 * the rest. */
size_t lex_skip_cfws(str s, size_t at);

/* 0..15, or -1. */
int lex_hex_value(char c);
/* The byte that the two hex digits at s.p[at] mean, or -1. */
int lex_hex_byte(str s, size_t at);

#endif
