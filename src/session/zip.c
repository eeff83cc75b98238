/* SPDX-License-Identifier: Apache-2.0 */
#include "session/zip.h"
#include "base/alloc.h"
#include "base/secret.h"

#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

#define WINDOW_BITS 15
#define WINDOW ((size_t)1 << WINDOW_BITS)
/* Raw: without zlib's header and checksum. */
#define RAW (-WINDOW_BITS)

struct zip {
	z_stream *inflater, *deflater; /* NULL: forgotten */
	struct buf window;	       /* of the inflater that was forgotten */
	struct buf in;		       /* fed and not consumed, from in_at on */
	size_t in_at;
	size_t barren; /* bytes fed since something came out */
	bool drained;  /* the inflater has nothing left to give */
	bool said;     /* the block that is being read gave some bytes */
	bool marked;  /* what was read last is a flush's mark, an empty block */
	enum err err; /* of reading; sticks */
	size_t held;  /* by zlib */
};

/* zlib's memory is counted: each piece has its size in front. */
static void *count_alloc(void *arg, unsigned count, unsigned size)
{
	struct zip *z = arg;
	size_t n = (size_t)count * size;
	size_t *piece = xmalloc(2 * sizeof(size_t) + n);

	*piece = n;
	z->held += n;
	return piece + 2;
}

static void count_free(void *arg, void *p)
{
	struct zip *z = arg;
	size_t *piece = (size_t *)p - 2;

	z->held -= *piece;
	free(piece);
}

static z_stream *new_stream(struct zip *z)
{
	z_stream *s = xcalloc(1, sizeof *s);

	s->zalloc = count_alloc;
	s->zfree = count_free;
	s->opaque = z;
	return s;
}

struct zip *zip_new(void)
{
	struct zip *z = xcalloc(1, sizeof *z);

	z->window = z->in = BUF_UNBOUNDED;
	return z;
}

static void forget_deflater(struct zip *z)
{
	if (!z->deflater)
		return;
	/* Says that not all was sent; the rest is a stream's end, which never
	 * comes. */
	(void)deflateEnd(z->deflater);
	free(z->deflater);
	z->deflater = NULL;
}

static void forget_inflater(struct zip *z)
{
	if (!z->inflater)
		return;
	(void)inflateEnd(z->inflater);
	free(z->inflater);
	z->inflater = NULL;
}

void zip_free(struct zip *z)
{
	if (!z)
		return;
	forget_deflater(z);
	forget_inflater(z);
	buf_fini(&z->window);
	/* What came raw may be the next login (zip_end). */
	secret_wipe(z->in.p, z->in.cap);
	buf_fini(&z->in);
	free(z);
}

size_t zip_memory(const struct zip *z)
{
	return sizeof *z + z->window.cap + z->in.cap + z->held;
}

/* ---------------------------------------------------------------- reading */

static void need_inflater(struct zip *z)
{
	if (z->inflater)
		return;
	z->inflater = new_stream(z);
	if (inflateInit2(z->inflater, RAW) != Z_OK ||
		inflateSetDictionary(z->inflater, (const Bytef *)z->window.p,
			(uInt)z->window.n) != Z_OK)
		abort(); /* out of memory */
	buf_fini(&z->window);
}

void zip_feed(struct zip *z, str bytes)
{
	buf_consume(&z->in, z->in_at);
	z->in_at = 0;
	buf_add(&z->in, bytes);
	z->barren += bytes.n;
}

size_t zip_barren(const struct zip *z)
{
	return z->barren;
}

/* At a block's end, with no bits left over, the window is all there is to the
 * state (zlib.h on data_type). */
static bool at_block_end(const z_stream *s)
{
	return (s->data_type & 128) && (s->data_type & 7) == 0;
}

/* Up to the end of a block, of the input, or of the room. */
static void inflate_block(struct zip *z, char *room, uInt space, size_t *n_r)
{
	z_stream *s = z->inflater;
	int r;

	s->next_in = (Bytef *)z->in.p + z->in_at;
	s->avail_in = (uInt)(z->in.n - z->in_at);
	s->next_out = (Bytef *)room;
	s->avail_out = space;
	r = inflate(s, Z_BLOCK);
	z->in_at = z->in.n - s->avail_in;
	*n_r = space - s->avail_out;
	z->drained = s->avail_out > 0;
	z->said = z->said || *n_r;
	z->marked = at_block_end(s) && !z->said;
	if (s->data_type & 128)
		z->said = false;
	/* At the end of the last block, which zlib says at the next call. */
	if (r == Z_STREAM_END || (s->data_type & (64 | 128)) == (64 | 128))
		z->err = ERR_CLOSED;
	else if (r != Z_OK && r != Z_BUF_ERROR)
		z->err = ERR_INVALID;
}

enum err zip_read(struct zip *z, char *room, size_t n, size_t *n_r)
{
	uInt space = n < UINT32_MAX ? (uInt)n : UINT32_MAX;

	assert(n);
	*n_r = 0;
	/* Asked without need it would forget that it is at a block's end. */
	while (!z->err && !*n_r &&
		!(z->in_at == z->in.n && (!z->inflater || z->drained))) {
		need_inflater(z);
		inflate_block(z, room, space, n_r);
	}
	if (*n_r)
		z->barren = 0;
	if (*n_r)
		return OK;
	return z->err ? z->err : ERR_AGAIN;
}

/* Python's zlib, flushed and then finished, says both: a mark, and after it an
 * empty last block. No command begins so. */
static str skip_last_block(str rest)
{
	return str_starts(rest, STR("\003\000")) ? str_skip(rest, 2) : rest;
}

enum err zip_end(struct zip *z, str *rest_r)
{
	while (!z->err && !z->marked && z->in_at < z->in.n) {
		char none;
		size_t n;

		need_inflater(z);
		inflate_block(z, &none, 1, &n);
		if (n)
			z->err = ERR_INVALID;
	}
	if (z->err != ERR_CLOSED && !z->marked)
		return z->err ? z->err : ERR_AGAIN;
	*rest_r = str_skip(buf_str(&z->in), z->in_at);
	if (z->marked)
		*rest_r = skip_last_block(*rest_r);
	return OK;
}

/* ---------------------------------------------------------------- writing */

void zip_write(struct zip *z, str bytes, struct buf *out)
{
	z_stream *s = z->deflater;

	assert(bytes.n <= UINT32_MAX);
	if (!bytes.n)
		return;
	if (!s) {
		s = z->deflater = new_stream(z);
		if (deflateInit2(s, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW, 8,
			    Z_DEFAULT_STRATEGY) != Z_OK)
			abort(); /* out of memory */
	}
	s->next_in = (Bytef *)(uintptr_t)bytes.p;
	s->avail_in = (uInt)bytes.n;
	do {
		s->avail_out = 16384;
		s->next_out = (Bytef *)buf_reserve(out, s->avail_out);
		if (!s->next_out || deflate(s, Z_SYNC_FLUSH) == Z_STREAM_ERROR)
			abort(); /* out is unbounded */
		buf_added(out, 16384 - s->avail_out);
	} while (s->avail_out == 0);
}

/* All that was written ended at a byte's edge, so the last block can be written
 * without what compressed it: it has no bytes, and fixed codes (RFC 1951
 * section 3.2.6). */
void zip_finish(struct zip *z, struct buf *out)
{
	forget_deflater(z);
	buf_add(out, STR("\003\000"));
}

/* ---------------------------------------------------------------- waiting */

static void keep_window(struct zip *z)
{
	uInt n = 0;

	if (!z->inflater || z->err || !at_block_end(z->inflater))
		return;
	if (inflateGetDictionary(z->inflater, NULL, &n) != Z_OK || n > WINDOW)
		abort();
	if (n && inflateGetDictionary(z->inflater,
			 (Bytef *)buf_reserve(&z->window, n), &n) != Z_OK)
		abort();
	buf_added(&z->window, n);
	forget_inflater(z);
}

void zip_park(struct zip *z)
{
	assert(z->in_at == z->in.n || z->err);
	forget_deflater(z);
	keep_window(z);
	buf_fini(&z->in);
	z->in_at = 0;
}
