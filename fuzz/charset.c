/* SPDX-License-Identifier: Apache-2.0 */
/* The first line names a charset; the rest comes out the same, and as valid
 * UTF-8, in one piece, byte by byte, and in two pieces. */
#include "message/charset.h"
#include "message/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(
	struct charset_decoder *d, str in, size_t piece, struct buf *out)
{
	for (size_t at = 0; at < in.n; at += piece)
		charset_decoder_feed(d, str_take(str_skip(in, at), piece), out);
	charset_decoder_finish(d, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str in = str_of((const char *)data, size);
	str name = str_take(in, str_find_byte(in, '\n'));
	str text = str_skip(in, name.n + 1);
	struct buf whole = BUF_UNBOUNDED;
	struct charset_decoder *d;

	if (charset_decoder_open(name, &d))
		return 0;
	feed(d, text, text.n + 1, &whole);
	if (!utf8_is_valid(buf_str(&whole)))
		abort();
	for (size_t piece = 1; piece < 8; piece++) {
		struct buf pieces = BUF_UNBOUNDED;

		feed(d, text, piece, &pieces);
		if (!str_eq(buf_str(&pieces), buf_str(&whole)))
			abort();
		buf_fini(&pieces);
	}
	charset_decoder_close(d);
	buf_fini(&whole);
	return 0;
}
