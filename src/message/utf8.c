/* SPDX-License-Identifier: Apache-2.0 */
#include "message/utf8.h"

/* The range of the second byte for a lead byte, and the length; length 0 for
 * a byte that begins nothing (Unicode, table 3-7). */
struct lead {
	unsigned char length, low, high;
};

static struct lead lead_of(unsigned char b)
{
	if (b < 0x80)
		return (struct lead){1, 0, 0};
	if (b < 0xC2 || b > 0xF4)
		return (struct lead){0, 0, 0};
	if (b < 0xE0)
		return (struct lead){2, 0x80, 0xBF};
	if (b < 0xF0)
		return (struct lead){
			3, b == 0xE0 ? 0xA0 : 0x80, b == 0xED ? 0x9F : 0xBF};
	return (struct lead){
		4, b == 0xF0 ? 0x90 : 0x80, b == 0xF4 ? 0x8F : 0xBF};
}

/* How many bytes at p could begin the character that its lead byte announces;
 * *whole_r when they are all of it. */
static size_t sequence_length(const char *p, size_t n, bool *whole_r)
{
	struct lead lead = lead_of((unsigned char)p[0]);
	size_t i;

	*whole_r = false;
	if (!lead.length)
		return 1;
	for (i = 1; i < lead.length && i < n; i++) {
		unsigned char b = (unsigned char)p[i];
		unsigned char low = i == 1 ? lead.low : 0x80;
		unsigned char high = i == 1 ? lead.high : 0xBF;

		if (b < low || b > high)
			return i;
	}
	*whole_r = i == lead.length;
	return i;
}

/* The index of the first byte at or after `at` that is not ASCII, or s.n. */
static size_t skip_ascii(str s, size_t at)
{
	uint64_t eight;

	for (; s.n - at >= sizeof eight; at += sizeof eight) {
		memcpy(&eight, s.p + at, sizeof eight);
		if (eight & UINT64_C(0x8080808080808080))
			break;
	}
	while (at < s.n && (unsigned char)s.p[at] < 0x80)
		at++;
	return at;
}

bool utf8_is_ascii(str s)
{
	return skip_ascii(s, 0) == s.n;
}

bool utf8_is_valid(str s)
{
	bool whole;

	for (size_t at = 0; (at = skip_ascii(s, at)) < s.n;) {
		at += sequence_length(s.p + at, s.n - at, &whole);
		if (!whole)
			return false;
	}
	return true;
}

uint32_t utf8_next(str s, size_t *at)
{
	static const unsigned char mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
	const char *p = s.p + *at;
	bool whole;
	size_t n;
	uint32_t c;

	if ((unsigned char)p[0] < 0x80) {
		++*at;
		return (unsigned char)p[0];
	}
	n = sequence_length(p, s.n - *at, &whole);
	c = (unsigned char)p[0] & mask[n];
	*at += n;
	if (!whole)
		return UTF8_REPLACEMENT;
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)p[i] & 0x3F);
	return c;
}

size_t utf8_cut(str s)
{
	for (size_t back = 1; back < UTF8_MAX && back <= s.n; back++) {
		const char *p = s.p + s.n - back;
		bool whole;

		if (((unsigned char)*p & 0xC0) == 0x80)
			continue;
		if (sequence_length(p, back, &whole) == back && !whole &&
			lead_of((unsigned char)*p).length > back)
			return back;
		return 0;
	}
	return 0;
}

size_t utf8_encode(uint32_t c, char p[UTF8_MAX])
{
	static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		p[i] = (char)(0x80 | (c & 0x3F));
	p[0] = (char)(lead[n] | c);
	return n;
}

void utf8_add(struct buf *b, uint32_t code_point)
{
	char p[UTF8_MAX];

	buf_add(b, str_of(p, utf8_encode(code_point, p)));
}

void utf8_add_repaired(struct buf *b, str s)
{
	size_t good = 0, at = 0;

	while ((at = skip_ascii(s, at)) < s.n) {
		bool whole;
		size_t n = sequence_length(s.p + at, s.n - at, &whole);

		if (!whole) {
			buf_add(b, str_of(s.p + good, at - good));
			utf8_add(b, UTF8_REPLACEMENT);
			good = at + n;
		}
		at += n;
	}
	buf_add(b, str_of(s.p + good, at - good));
}
