/* SPDX-License-Identifier: Apache-2.0 */
/* Input as an LMTP server reads it: what parses is printed, parses again and is
 * printed the same; and the message of DATA, cut at any places, is what a naive
 * reader of the whole finds. The first byte is the size of the cuts. */
#include "wire/lmtp/command.h"
#include "wire/lmtp/dot.h"
#include "wire/lmtp/framer.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(str line, bool utf8)
{
	struct buf first = BUF_UNBOUNDED, second = BUF_UNBOUNDED;
	struct lmtp_command cmd;
	struct arena arena;
	enum lmtp_say say;

	arena_init(&arena, 1 << 20);
	say = lmtp_parse(&arena, line, utf8, &cmd);
	if (say) {
		lmtp_put_about(&first, say, line);
	} else {
		lmtp_print(&first, &cmd);
		if (lmtp_parse(&arena, buf_str(&first), utf8, &cmd)) {
			fprintf(stderr, "%.*s\n", STR_ARG(buf_str(&first)));
			abort();
		}
		lmtp_print(&second, &cmd);
		if (!str_eq(buf_str(&first), buf_str(&second)))
			abort();
	}
	buf_fini(&first);
	buf_fini(&second);
	arena_fini(&arena);
}

static void check_lines(str in, bool utf8)
{
	struct lmtp_framer framer = {0};
	struct lmtp_frame frame;

	while ((frame = lmtp_framer_step(&framer, in)).kind !=
		LMTP_FRAME_MORE) {
		if (frame.kind == LMTP_FRAME_LINE)
			check_line(frame.line, utf8);
		in = str_skip(in, frame.n);
	}
}

/* All at once: the end is the first CRLF "." CRLF, with a CRLF before the
 * message; then the dots go. Returns bytes used, or in.n + 1 without an end. */
static size_t naive(str in, struct buf *out)
{
	struct buf whole = BUF_UNBOUNDED;
	size_t end, used;
	str text;

	buf_add_c(&whole, "\r\n");
	buf_add(&whole, in);
	text = buf_str(&whole);
	end = str_find(text, STR("\r\n.\r\n"));
	used = end == text.n ? in.n + 1 : end + 3;
	text = str_take(text, end + 2);
	for (size_t i = 2; i < text.n; i++)
		if (text.p[i] != '.' || text.p[i - 1] != '\n' ||
			text.p[i - 2] != '\r')
			buf_add_byte(out, text.p[i]);
	buf_fini(&whole);
	return used;
}

static size_t in_pieces(str in, size_t cut, struct buf *out)
{
	struct lmtp_dot dot = {0};
	size_t used = 0;

	while (used < in.n) {
		str part = str_take(str_skip(in, used), cut);

		while (part.n) {
			struct lmtp_dot_piece piece = lmtp_dot_step(&dot, part);

			buf_add(out, piece.bytes);
			part = str_skip(part, piece.n);
			used += piece.n;
			if (piece.end)
				return used;
		}
	}
	return in.n + 1;
}

static void check_message(str in, size_t cut)
{
	struct buf a = BUF_UNBOUNDED, b = BUF_UNBOUNDED;
	size_t n = naive(in, &a), m = in_pieces(in, cut, &b);

	/* Without an end a CR behind the dot is held back. */
	if (n != m || (n <= in.n && !str_eq(buf_str(&a), buf_str(&b))) ||
		!str_starts(buf_str(&a), buf_str(&b)))
		abort();
	buf_fini(&a);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str in = str_of((const char *)data, size);

	if (!size)
		return 0;
	check_lines(str_skip(in, 1), data[0] & 1);
	check_message(str_skip(in, 1), data[0] % 16 + 1u);
	return 0;
}
