/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "player.h"

#include <zlib.h>

struct zip {
	z_stream in, out;
};

static void pack(void *coder, str plain, struct buf *out)
{
	struct zip *z = coder;
	unsigned char piece[4096];

	z->out.next_in = (unsigned char *)(uintptr_t)plain.p;
	z->out.avail_in = (uInt)plain.n;
	do {
		z->out.next_out = piece;
		z->out.avail_out = sizeof piece;
		if (deflate(&z->out, Z_SYNC_FLUSH) == Z_STREAM_ERROR)
			abort();
		buf_add(out,
			str_of((char *)piece, sizeof piece - z->out.avail_out));
	} while (z->out.avail_out == 0);
}

static bool unpack(void *coder, str packed, struct buf *out)
{
	struct zip *z = coder;
	unsigned char piece[4096];
	int e;

	z->in.next_in = (unsigned char *)(uintptr_t)packed.p;
	z->in.avail_in = (uInt)packed.n;
	do {
		z->in.next_out = piece;
		z->in.avail_out = sizeof piece;
		e = inflate(&z->in, Z_SYNC_FLUSH);
		if (e != Z_OK && e != Z_BUF_ERROR && e != Z_STREAM_END)
			return false;
		buf_add(out,
			str_of((char *)piece, sizeof piece - z->in.avail_out));
	} while (z->in.avail_out == 0);
	return true;
}

void pack_begin(struct talk *t)
{
	struct zip *z = xcalloc(1, sizeof *z);

	if (inflateInit2(&z->in, -15) || deflateInit2(&z->out, 6, Z_DEFLATED,
						 -15, 8, Z_DEFAULT_STRATEGY))
		abort();
	t->coder = z;
	t->pack = pack;
	t->unpack = unpack;
}

void pack_end(struct talk *t)
{
	struct zip *z = t->coder;

	if (!z)
		return;
	inflateEnd(&z->in);
	deflateEnd(&z->out);
	free(z);
	t->coder = NULL;
}
