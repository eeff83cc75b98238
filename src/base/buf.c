/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->err = OK;
}

char *buf_reserve(struct buf *b, size_t n)
{
	if (b->err)
		return NULL;
	if (n > b->max || b->n > b->max - n) {
		b->err = ERR_TOOBIG;
		return NULL;
	}
	if (b->n + n > b->cap) {
		size_t cap = b->cap ? b->cap : 64;

		while (cap < b->n + n)
			cap = cap > SIZE_MAX / 2 ? b->n + n : cap * 2;
		b->p = xrealloc(b->p, cap, 1);
		b->cap = cap;
	}
	return b->p + b->n;
}

void buf_added(struct buf *b, size_t n)
{
	assert(n <= b->cap - b->n);
	b->n += n;
}

void buf_add(struct buf *b, str s)
{
	char *room;

	if (s.n == 0)
		return;
	room = buf_reserve(b, s.n);
	if (!room)
		return;
	memcpy(room, s.p, s.n);
	b->n += s.n;
}

void buf_add_byte(struct buf *b, char c)
{
	bool fits = b->n < b->cap && b->n < b->max && !b->err;
	char *room = fits ? b->p + b->n : buf_reserve(b, 1);

	if (!room)
		return;
	*room = c;
	b->n++;
}

void buf_add_u64(struct buf *b, uint64_t value)
{
	char digits[20];
	size_t i = sizeof digits;

	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buf_add(b, str_of(digits + i, sizeof digits - i));
}

void buf_vaddf(struct buf *b, const char *format, va_list ap)
{
	va_list again;
	size_t left = b->cap < b->max ? b->cap - b->n : 0;
	char *room;
	int n;

	/* Mostly it fits; else what it takes is known then. */
	va_copy(again, ap);
	n = vsnprintf(left ? b->p + b->n : NULL, left, format, again);
	va_end(again);
	if (n < 0 || b->err)
		return;
	if ((size_t)n >= left) {
		room = buf_reserve(b, (size_t)n + 1);
		if (!room)
			return;
		vsnprintf(room, (size_t)n + 1, format, ap);
	}
	b->n += (size_t)n;
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	buf_vaddf(b, format, ap);
	va_end(ap);
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->n);
	if (n == 0)
		return;
	b->n -= n;
	if (b->n)
		memmove(b->p, b->p + n, b->n);
}

void buf_truncate(struct buf *b, size_t n)
{
	assert(n <= b->n);
	b->n = n;
}

static void add_be(struct buf *b, uint64_t value, size_t bytes)
{
	char *room = buf_reserve(b, bytes);

	if (!room)
		return;
	for (size_t i = 0; i < bytes; i++)
		room[i] = (char)(value >> (8 * (bytes - 1 - i)));
	b->n += bytes;
}

void buf_add_be16(struct buf *b, uint16_t value)
{
	add_be(b, value, 2);
}

void buf_add_be32(struct buf *b, uint32_t value)
{
	add_be(b, value, 4);
}

void buf_add_be64(struct buf *b, uint64_t value)
{
	add_be(b, value, 8);
}

void buf_add_varint(struct buf *b, uint64_t value)
{
	char bytes[VARINT_MAX];

	buf_add(b, str_of(bytes, (size_t)(varint_put(bytes, value) - bytes)));
}

void buf_add_sized(struct buf *b, str s)
{
	buf_add_varint(b, s.n);
	buf_add(b, s);
}
