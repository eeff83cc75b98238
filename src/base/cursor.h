/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor: bytes are read only through it, and its error sticks: a failed read
 * gives zero or an empty str, and every later one too, so that parsers are
 * straight lines with one check at the end (cursor_ok).
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/str.h"

struct cursor {
	const char *at;
	const char *end;
	const char *start;
	enum err err;
	/* Where and what was expected when the error was born. */
	size_t err_at;
	const char *err_expected;
};

struct cursor cursor_of(str);

static inline bool cursor_ok(const struct cursor *c)
{
	return c->err == OK;
}

static inline bool cursor_done(const struct cursor *c)
{
	return c->at == c->end;
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

static inline size_t cursor_pos(const struct cursor *c)
{
	return (size_t)(c->at - c->start);
}

/* Keeps the first error. `expected` must outlive the cursor. */
void cursor_fail(struct cursor *, enum err, const char *expected);

/* The next byte without taking it, as 0..255; -1 at the end or after an
 * error. */
int cursor_peek(const struct cursor *);
/* Takes one byte if it is c. */
bool cursor_accept(struct cursor *, char c);
bool cursor_accept_str(struct cursor *, str);
/* ASCII case-insensitive. */
bool cursor_accept_istr(struct cursor *, str);
/* Takes one byte, which must be c. */
void cursor_expect(struct cursor *, char c, const char *expected);
/* Exactly n bytes; ERR_INVALID when there are fewer. */
str cursor_take(struct cursor *, size_t n);
/* All bytes up to, not including, the first c (or all that is left). */
str cursor_until(struct cursor *, char c);
str cursor_rest(struct cursor *);

/* Binary, for stored values. */
uint8_t cursor_u8(struct cursor *);
uint16_t cursor_be16(struct cursor *);
uint32_t cursor_be32(struct cursor *);
uint64_t cursor_be64(struct cursor *);
uint64_t cursor_long_varint(struct cursor *);
static inline uint64_t cursor_varint(struct cursor *c)
{
	if (!c->err && c->at != c->end && !(*c->at & 0x80))
		return (unsigned char)*c->at++;
	return cursor_long_varint(c);
}
/* As buf_add_sized wrote it. */
str cursor_sized(struct cursor *);

#endif
