/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/test.h"
#include "wire/lmtp/framer.h"

/* Lines as they come out: "|" behind each, "!" for one too long. */
static void run(str in, size_t chunk, struct buf *out)
{
	struct lmtp_framer f = {0};
	struct buf held = BUF_UNBOUNDED;

	while (in.n) {
		str part = str_take(in, chunk);
		struct lmtp_frame frame;

		in = str_skip(in, part.n);
		buf_add(&held, part);
		while ((frame = lmtp_framer_step(&f, buf_str(&held))).kind !=
			LMTP_FRAME_MORE) {
			if (frame.kind == LMTP_FRAME_LINE) {
				buf_add(out, frame.line);
				buf_add_byte(out, '|');
			} else if (frame.kind == LMTP_FRAME_TOOLONG) {
				buf_add_byte(out, '!');
			}
			buf_consume(&held, frame.n);
		}
		assert_true(held.n < LMTP_LINE_MAX);
	}
	buf_fini(&held);
}

static void check(str in, const char *expected)
{
	for (size_t chunk = 1; chunk <= in.n; chunk++) {
		struct buf out = BUF_UNBOUNDED;

		run(in, chunk, &out);
		assert_str(buf_str(&out), expected);
		buf_fini(&out);
	}
}

static void lines(void **state)
{
	static const struct {
		const char *in;
		const char *out;
		const char *why;
	} rows[] = {
		{"NOOP\r\n", "NOOP|", "a line"},
		{"NOOP\r\nQUIT\r\n", "NOOP|QUIT|", "two at once"},
		{"NOOP", "", "not yet"},
		{"\r\n", "|", "an empty one"},
		{"NOOP\n", "", "LF is no end"},
		{"NOOP\nQUIT\r\n", "NOOP\nQUIT|", "nor makes it two"},
		{"NOOP\rQUIT\r\n", "NOOP\rQUIT|", "nor does CR"},
		{"NOOP\r\r\n", "NOOP\r|", "CR CRLF"},
		{"NOOP\n\r\n", "NOOP\n|", "LF CRLF"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check(str_c(rows[i].in), rows[i].out);
}

static str line_of(struct buf *room, size_t n)
{
	for (size_t i = 0; i < n - 2; i++)
		buf_add_byte(room, 'x');
	buf_add_c(room, "\r\nNOOP\r\n");
	return buf_str(room);
}

static void long_lines(void **state)
{
	static const size_t over[] = {
		1, 2, 100, LMTP_LINE_MAX, 3 * LMTP_LINE_MAX + 1};
	static const size_t chunks[] = {
		1, 2, 3, 1000, LMTP_LINE_MAX - 1, LMTP_LINE_MAX, 100000};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(over); i++) {
		struct buf room = BUF_UNBOUNDED;
		str in = line_of(&room, LMTP_LINE_MAX + over[i]);

		for (size_t c = 0; c < COUNT_OF(chunks); c++) {
			struct buf out = BUF_UNBOUNDED;

			run(in, chunks[c], &out);
			assert_str(buf_str(&out), "!NOOP|");
			buf_fini(&out);
		}
		buf_fini(&room);
	}
}

static void longest_line(void **state)
{
	struct buf room = BUF_UNBOUNDED, out = BUF_UNBOUNDED;

	(void)state;
	run(line_of(&room, LMTP_LINE_MAX), 1, &out);
	assert_int_equal(out.n, LMTP_LINE_MAX - 2 + 1 + 5);
	buf_fini(&room);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(longest_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
