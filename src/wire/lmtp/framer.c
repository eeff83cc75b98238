/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/lmtp/framer.h"

static struct lmtp_frame frame_of(
	struct lmtp_framer *f, enum lmtp_frame_kind kind, str input, size_t n)
{
	f->at = 0;
	f->skipping = kind == LMTP_FRAME_SKIP;
	return (struct lmtp_frame){kind, n, str_take(input, n < 2 ? 0 : n - 2)};
}

struct lmtp_frame lmtp_framer_step(struct lmtp_framer *f, str input)
{
	/* A CR at the end of what was searched may belong to it. */
	size_t from = f->at ? f->at - 1 : 0;
	size_t n = from + str_find(str_skip(input, from), STR("\r\n")) + 2;
	bool ends = n <= input.n;

	if (ends && (f->skipping || n > LMTP_LINE_MAX))
		return frame_of(f, LMTP_FRAME_TOOLONG, input, n);
	if (ends)
		return frame_of(f, LMTP_FRAME_LINE, input, n);
	if (input.n >= LMTP_LINE_MAX || (f->skipping && input.n > 1)) {
		/* All but what may be half of its end. */
		n = input.n - (input.p[input.n - 1] == '\r');
		return frame_of(f, LMTP_FRAME_SKIP, input, n);
	}
	f->at = input.n;
	return (struct lmtp_frame){LMTP_FRAME_MORE, 0, str_of("", 0)};
}
