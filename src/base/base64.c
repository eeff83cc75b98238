/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#define LETTERS                                                                \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"                                           \
	"abcdefghijklmnopqrstuvwxyz0123456789"

struct alphabet {
	char last[2]; /* the digits 62 and 63 */
	bool padded;
};

static const struct alphabet plain = {{'+', '/'}, true};
static const struct alphabet url = {{'-', '_'}, false};

static char letter_of(const struct alphabet *a, uint32_t digit)
{
	return digit < 62 ? LETTERS[digit] : a->last[digit - 62];
}

/* 64: not a digit. */
static uint32_t digit_of(const struct alphabet *a, char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint32_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint32_t)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0') + 52;
	if (c == a->last[0])
		return 62;
	return c == a->last[1] ? 63 : 64;
}

static void add(const struct alphabet *a, struct buf *out, str in)
{
	for (size_t i = 0; i < in.n; i += 3) {
		size_t n = in.n - i < 3 ? in.n - i : 3;
		uint32_t bits = 0;
		char quad[4];

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 |
			       (k < n ? (unsigned char)in.p[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			quad[k] =
				k > n ? '='
				      : letter_of(a, bits >> (18 - 6 * k) & 63);
		buf_add(out, str_of(quad, a->padded ? 4 : n + 1));
	}
}

/* Up to four digits, which give one byte less. */
static enum err decode_quad(
	const struct alphabet *a, struct buf *out, str digits)
{
	uint32_t bits = 0;

	if (digits.n < 2)
		return ERR_INVALID;
	for (size_t k = 0; k < digits.n; k++) {
		uint32_t digit = digit_of(a, digits.p[k]);

		if (digit > 63)
			return ERR_INVALID;
		bits |= digit << (18 - 6 * k);
	}
	if (digits.n < 4 && bits << (8 * digits.n) != 0)
		return ERR_INVALID;
	for (size_t k = 0; k + 1 < digits.n; k++)
		buf_add_byte(out, (char)(bits >> (16 - 8 * k)));
	return OK;
}

static enum err decode(const struct alphabet *a, struct buf *out, str digits)
{
	size_t start = out->n;
	enum err e = OK;

	for (size_t i = 0; i < digits.n && !e; i += 4)
		e = decode_quad(a, out, str_take(str_skip(digits, i), 4));
	if (!e)
		return buf_err(out);
	buf_truncate(out, start);
	return e;
}

void base64_add(struct buf *out, str in)
{
	add(&plain, out, in);
}

enum err base64_decode(struct buf *out, str in)
{
	size_t pad = 0;

	if (in.n % 4)
		return ERR_INVALID;
	while (pad < 2 && pad < in.n && in.p[in.n - 1 - pad] == '=')
		pad++;
	return decode(&plain, out, str_take(in, in.n - pad));
}

void base64_add_url(struct buf *out, str in)
{
	add(&url, out, in);
}

enum err base64_decode_url(struct buf *out, str in)
{
	return decode(&url, out, in);
}
