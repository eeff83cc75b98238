/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses the encoding; the rest comes out the same in any
 * pieces. Strict base64 and the encoder undo each other. */
#include "base/base64.h"
#include "message/transfer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t decode(
	enum transfer kind, str in, size_t piece, struct buf *out)
{
	struct transfer_decoder d;

	transfer_decoder_init(&d, kind);
	for (size_t at = 0; at < in.n; at += piece)
		transfer_decoder_feed(
			&d, str_take(str_skip(in, at), piece), out);
	transfer_decoder_finish(&d, out);
	return d.damage;
}

static void check_base64(str in)
{
	struct buf encoded = BUF_UNBOUNDED, decoded = BUF_UNBOUNDED;

	base64_add(&encoded, in);
	if (base64_decode(&decoded, buf_str(&encoded)) ||
		!str_eq(buf_str(&decoded), in))
		abort();
	buf_reset(&decoded);
	buf_reset(&encoded);
	if (base64_decode(&decoded, in) == OK) {
		base64_add(&encoded, buf_str(&decoded));
		if (!str_eq(buf_str(&encoded), in))
			abort();
	}
	buf_fini(&encoded);
	buf_fini(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str in = str_of((const char *)data, size);
	struct buf whole = BUF_UNBOUNDED;
	enum transfer kind;
	uint64_t damage;

	if (transfer_parse(in, &kind) && kind != TRANSFER_IDENTITY)
		abort();
	if (!size)
		return 0;
	kind = (enum transfer)(data[0] & 3);
	in = str_skip(in, 1);
	check_base64(in);
	damage = decode(kind, in, in.n + 1, &whole);
	if (whole.n > in.n)
		abort();
	for (size_t piece = 1; piece < 8; piece++) {
		struct buf pieces = BUF_UNBOUNDED;

		if (decode(kind, in, piece, &pieces) != damage ||
			!str_eq(buf_str(&pieces), buf_str(&whole)))
			abort();
		buf_fini(&pieces);
	}
	buf_fini(&whole);
	return 0;
}
