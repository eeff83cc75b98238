/* SPDX-License-Identifier: Apache-2.0 */
/* POP3's lines and commands: what they are does not depend on how the input
 * was split, and a command that is printed reads the same. And the input as a
 * message: its answer has one end, is as long as LIST says, and gives the
 * message back; its surrogate does not depend on the split either, and has no
 * UTF-8 in its header. */
#include "message/downgrade.h"
#include "message/eol.h"
#include "message/utf8.h"
#include "wire/pop3/command.h"
#include "wire/pop3/dots.h"
#include "wire/pop3/framer.h"
#include "wire/pop3/uidl.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 64 };

static void check(bool ok)
{
	if (!ok)
		abort();
}

static bool same(const struct pop3_command *a, const struct pop3_command *b)
{
	return a->verb == b->verb && str_eq(a->text, b->text) &&
	       str_eq(a->more, b->more) && a->number == b->number &&
	       a->lines == b->lines;
}

static void check_line(str line)
{
	struct buf out = BUF_UNBOUNDED;
	struct pop3_command c, again;
	const char *why;

	if (pop3_parse(line, &c) == OK) {
		pop3_print(&c, &out);
		check(pop3_parse(buf_str(&out), &again) == OK);
		check(same(&c, &again));
	}
	buf_reset(&out);
	if (pop3_uidl_check(line, &why) == OK) {
		pop3_uidl_add(&out, line, UINT32_MAX, UINT32_MAX);
		check(out.n > 0 && out.n <= POP3_UIDL_MAX);
	}
	buf_fini(&out);
}

static void frame_all(str rest, size_t piece, struct buf *out)
{
	struct buf in = BUF_UNBOUNDED;
	struct pop3_framer f;

	pop3_framer_init(&f, LIMIT);
	while (rest.n) {
		struct pop3_frame frame;

		buf_add(&in, str_take(rest, piece));
		rest = str_skip(rest, piece);
		while ((frame = pop3_framer_step(&f, buf_str(&in))).kind !=
			POP3_FRAME_MORE) {
			check(frame.n > 0 && frame.n <= in.n);
			if (frame.kind == POP3_FRAME_LINE)
				buf_add_sized(out, frame.text);
			else if (frame.kind == POP3_FRAME_ERROR)
				buf_add_c(out, "too long");
			if (frame.kind == POP3_FRAME_LINE)
				check_line(frame.text);
			buf_consume(&in, frame.n);
		}
		check(in.n < LIMIT);
	}
	buf_fini(&in);
}

static void check_lines(str input, size_t piece)
{
	struct buf whole = BUF_UNBOUNDED, split = BUF_UNBOUNDED;

	frame_all(input, input.n, &whole);
	frame_all(input, piece, &split);
	check(str_eq(buf_str(&whole), buf_str(&split)));
	buf_fini(&whole);
	buf_fini(&split);
}

/* As a client reads it, by either end of a line. */
static void take_off(str answer, struct buf *out)
{
	while (!str_eq_c(answer, ".\r\n")) {
		size_t n = str_find_byte(answer, '\n') + 1;

		check(n <= answer.n && n >= 2 && answer.p[n - 2] == '\r');
		check(!str_eq_c(str_take(answer, n), ".\r\n"));
		if (answer.p[0] == '.')
			buf_add(out, str_of(answer.p + 1, n - 1));
		else
			buf_add(out, str_take(answer, n));
		answer = str_skip(answer, n);
	}
}

/* Of what has its ends of lines the shorter way has the same answer. */
static void check_doubled(str input, size_t piece, str answer)
{
	struct buf doubled = BUF_UNBOUNDED;
	struct pop3_dots d;

	pop3_dots_init(&d);
	for (str rest = input; rest.n; rest = str_skip(rest, piece)) {
		size_t from = doubled.n;

		buf_add(&doubled, str_take(rest, piece));
		pop3_dots_double(&d, &doubled, from);
	}
	pop3_dots_finish(&d, &doubled);
	check(str_eq(buf_str(&doubled), answer));
	buf_fini(&doubled);
}

static void check_message(str input, size_t piece)
{
	struct buf answer = BUF_UNBOUNDED, back = BUF_UNBOUNDED;
	struct buf wanted = BUF_UNBOUNDED;
	struct eol_count count = {0};
	struct eol eol = {0};
	struct pop3_dots d;

	pop3_dots_init(&d);
	for (str rest = input; rest.n; rest = str_skip(rest, piece)) {
		pop3_dots_feed(&d, &answer, str_take(rest, piece));
		eol_count(&count, str_take(rest, piece));
	}
	pop3_dots_finish(&d, &answer);
	take_off(buf_str(&answer), &back);
	eol_add(&eol, &wanted, input);
	if (input.n && input.p[input.n - 1] != '\n')
		buf_add_c(&wanted, "\r\n");
	check(str_eq(buf_str(&back), buf_str(&wanted)));
	check(d.octets == back.n && back.n == input.n + eol_growth(&count));
	if (!eol_growth(&count))
		check_doubled(input, piece, buf_str(&answer));
	buf_fini(&answer);
	buf_fini(&back);
	buf_fini(&wanted);
}

static void downgrade_all(str rest, size_t piece, struct buf *out)
{
	struct downgrade d;

	downgrade_init(&d);
	for (; rest.n; rest = str_skip(rest, piece)) {
		downgrade_feed(&d, str_take(rest, piece), out);
		check(d.field.n <= DOWNGRADE_FIELD_MAX);
	}
	downgrade_finish(&d, out);
	downgrade_fini(&d);
}

static void check_surrogate(str input, size_t piece)
{
	struct buf whole = BUF_UNBOUNDED, split = BUF_UNBOUNDED;
	struct buf again = BUF_UNBOUNDED;

	downgrade_all(input, input.n, &whole);
	downgrade_all(input, piece, &split);
	check(str_eq(buf_str(&whole), buf_str(&split)));
	/* Of a header that is UTF-8 throughout nothing is left to do. */
	downgrade_all(buf_str(&whole), whole.n, &again);
	if (utf8_is_valid(input))
		check(str_eq(buf_str(&whole), buf_str(&again)));
	buf_fini(&whole);
	buf_fini(&split);
	buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = str_of((const char *)data, size);
	size_t piece = size ? 1 + data[0] % 8 : 1;

	input = str_skip(input, 1);
	check_lines(input, piece);
	check_message(input, piece);
	check_surrogate(input, piece);
	return 0;
}
