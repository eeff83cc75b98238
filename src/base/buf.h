/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf: a growing byte buffer with an upper bound. The error sticks: once an
 * append would pass the bound, ERR_TOOBIG is kept, that append and all later
 * ones do nothing, and the check is at the end (buf_err).
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

#include <stdarg.h>

struct buf {
	char *p;    /* owned; NULL while nothing was added */
	size_t n;   /* bytes in use */
	size_t cap; /* bytes allocated */
	size_t max; /* bytes allowed; SIZE_MAX for our own data */
	enum err err;
};

#define BUF_UNBOUNDED ((struct buf){.max = SIZE_MAX})

void buf_init(struct buf *, size_t max);
/* Gives the memory back; the buf may be used again. */
void buf_fini(struct buf *);
/* Empties, keeps the memory, clears the error. */
void buf_reset(struct buf *);

void buf_add(struct buf *, str);
static inline void buf_add_c(struct buf *b, const char *z)
{
	buf_add(b, str_c(z));
}
void buf_add_byte(struct buf *, char c);
void buf_add_u64(struct buf *, uint64_t decimal);
void buf_addf(struct buf *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *, const char *format, va_list)
	__attribute__((format(printf, 2, 0)));

/* Room for n more bytes at the end; NULL when that passes the bound, and for
 * 0 bytes of an empty buf. Write there, then buf_added() with what was really
 * written. */
char *buf_reserve(struct buf *, size_t n);
void buf_added(struct buf *, size_t n);
/* Removes n bytes from the front. Moves the rest: not for loops over bytes. */
void buf_consume(struct buf *, size_t n);
/* Cuts back to n bytes. */
void buf_truncate(struct buf *, size_t n);

/* Binary, for stored values: big-endian and LEB128. */
void buf_add_be16(struct buf *, uint16_t);
void buf_add_be32(struct buf *, uint32_t);
void buf_add_be64(struct buf *, uint64_t);
void buf_add_varint(struct buf *, uint64_t);
/* A varint at `at`, where there is room for VARINT_MAX bytes; its end. */
#define VARINT_MAX 10
static inline char *varint_put(char *at, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*at++ = (char)(value | 0x80);
	*at++ = (char)value;
	return at;
}
/* A varint length, then the bytes. */
void buf_add_sized(struct buf *, str);

static inline str buf_str(const struct buf *b)
{
	return (str){b->p ? b->p : "", b->n};
}

static inline enum err buf_err(const struct buf *b)
{
	return b->err;
}

#endif
