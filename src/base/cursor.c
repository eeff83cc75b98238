/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"

struct cursor cursor_of(str s)
{
	const char *p = s.p ? s.p : "";

	return (struct cursor){.at = p, .end = p + s.n, .start = p};
}

void cursor_fail(struct cursor *c, enum err e, const char *expected)
{
	if (c->err)
		return;
	c->err = e;
	c->err_at = cursor_pos(c);
	c->err_expected = expected;
}

int cursor_peek(const struct cursor *c)
{
	if (c->err || c->at == c->end)
		return -1;
	return (unsigned char)*c->at;
}

bool cursor_accept(struct cursor *c, char byte)
{
	if (cursor_peek(c) != (unsigned char)byte)
		return false;
	c->at++;
	return true;
}

bool cursor_accept_str(struct cursor *c, str s)
{
	if (c->err || !str_starts(str_of(c->at, cursor_left(c)), s))
		return false;
	c->at += s.n;
	return true;
}

bool cursor_accept_istr(struct cursor *c, str s)
{
	if (c->err || !str_istarts(str_of(c->at, cursor_left(c)), s))
		return false;
	c->at += s.n;
	return true;
}

void cursor_expect(struct cursor *c, char byte, const char *expected)
{
	if (!cursor_accept(c, byte))
		cursor_fail(c, ERR_INVALID, expected);
}

str cursor_take(struct cursor *c, size_t n)
{
	str taken;

	if (!c->err && n > cursor_left(c))
		cursor_fail(c, ERR_INVALID, "more bytes");
	if (c->err)
		return str_of("", 0);
	taken = str_of(c->at, n);
	c->at += n;
	return taken;
}

str cursor_until(struct cursor *c, char byte)
{
	return cursor_take(
		c, c->err ? 0
			  : str_find_byte(str_of(c->at, cursor_left(c)), byte));
}

str cursor_rest(struct cursor *c)
{
	return cursor_take(c, c->err ? 0 : cursor_left(c));
}

static uint64_t take_be(struct cursor *c, size_t bytes)
{
	str s = cursor_take(c, bytes);
	uint64_t value = 0;

	for (size_t i = 0; i < s.n; i++)
		value = value << 8 | (unsigned char)s.p[i];
	return value;
}

uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)take_be(c, 1);
}

uint16_t cursor_be16(struct cursor *c)
{
	return (uint16_t)take_be(c, 2);
}

uint32_t cursor_be32(struct cursor *c)
{
	return (uint32_t)take_be(c, 4);
}

uint64_t cursor_be64(struct cursor *c)
{
	return take_be(c, 8);
}

uint64_t cursor_long_varint(struct cursor *c)
{
	const char *at = c->at;
	uint64_t value = 0;

	if (c->err)
		return 0;
	for (unsigned shift = 0; shift < 64 && at != c->end; shift += 7) {
		uint64_t byte = (unsigned char)*at++;

		if (shift == 63 && byte > 1)
			break;
		value |= (byte & 0x7f) << shift;
		if (byte < 0x80) {
			c->at = at;
			return value;
		}
	}
	c->at = at;
	cursor_fail(c, ERR_INVALID, "a varint of at most 64 bits");
	return 0;
}

str cursor_sized(struct cursor *c)
{
	uint64_t n = cursor_varint(c);

	if (!c->err && n > cursor_left(c))
		cursor_fail(c, ERR_INVALID, "more bytes");
	return cursor_take(c, c->err ? 0 : (size_t)n);
}
