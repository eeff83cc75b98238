/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/test.h"
#include "wire/lmtp/dot.h"

/* input, message, bytes of input behind the end (-1: no end), why */
static const struct row {
	const char *in;
	const char *out;
	int left;
	const char *why;
} rows[] = {
	{".\r\n", "", 0, "an empty message"},
	{"\r\n.\r\n", "\r\n", 0, "an empty line"},
	{"a\r\n.\r\nQUIT\r\n", "a\r\n", 6, "what follows is a command"},
	{"..\r\n.\r\n", ".\r\n", 0, "a line that is a dot"},
	{".a\r\n.\r\n", "a\r\n", 0, "a dot of a client that does not stuff"},
	{"...a\r\n.\r\n", "..a\r\n", 0, "one dot of three goes"},
	{"a.b\r\na.\r\n.\r\n", "a.b\r\na.\r\n", 0, "dots inside stay"},
	{"\r\n..\r\n", "\r\n.\r\n", -1, "no end"},
	/* What is no end: each has ended messages in some server. */
	{"a\n.\n", "a\n.\n", -1, "LF . LF"},
	{"a\n.\r\n", "a\n.\r\n", -1, "LF . CRLF"},
	{"a\r\n.\n", "a\r\n\n", -1, "CRLF . LF: a line's dot, then LF"},
	{"a\r.\r", "a\r.\r", -1, "CR . CR"},
	{"a\r.\r\n", "a\r.\r\n", -1, "CR . CRLF"},
	{"a\r\n.\r", "a\r\n", -1, "CRLF . CR: not yet"},
	{"a\r\n.\rb", "a\r\n\rb", -1, "CRLF . CR and no LF"},
	{"a\r\n.\r\r\n", "a\r\n\r\r\n", -1, "CRLF . CR CRLF"},
	{"a\n\r.\r\n", "a\n\r.\r\n", -1, "LFCR . CRLF"},
	{"a\r\r\n.\r\n", "a\r\r\n", 0, "CR CRLF . CRLF: CRLF is behind CR"},
	{"a\r\n\r.\r\n", "a\r\n\r.\r\n", -1, "CRLF CR . CRLF"},
	{"a\n\n.\n\n", "a\n\n.\n\n", -1, "LFLF . LFLF"},
	{"a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", 0, "then the real one"},
	{"a\n.\nMAIL FROM:<x>\n.\r\n\r\n.\r\nz",
		"a\n.\nMAIL FROM:<x>\n.\r\n\r\n", 1, "all of it is message"},
	{".\r.\r\n.\r\n", "\r.\r\n", 0, "a dot, CR, a dot"},
	{".", "", -1, "perhaps the end"},
	{"\r", "\r", -1, "perhaps a line's end"},
	{"", "", -1, "nothing"},
};

/* Feeds one part; false at the end of the message. */
static bool feed(struct lmtp_dot *d, str part, struct buf *out, size_t *used)
{
	while (part.n) {
		struct lmtp_dot_piece piece = lmtp_dot_step(d, part);

		buf_add(out, piece.bytes);
		part = str_skip(part, piece.n);
		*used += piece.n;
		if (piece.end)
			return false;
	}
	return true;
}

static void check(const struct row *row, size_t first, size_t second)
{
	str in = str_c(row->in);
	struct lmtp_dot d = {0};
	struct buf out = BUF_UNBOUNDED;
	size_t used = 0;
	bool goes_on = feed(&d, str_take(in, first), &out, &used);

	if (goes_on)
		goes_on = feed(
			&d, str_take(str_skip(in, first), second), &out, &used);
	if (goes_on)
		goes_on = feed(&d, str_skip(in, first + second), &out, &used);
	assert_str(buf_str(&out), row->out);
	assert_int_equal(goes_on ? -1 : (int)(in.n - used), row->left);
	buf_fini(&out);
}

static void every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t n = strlen(rows[i].in);

		for (size_t first = 0; first <= n; first++)
			for (size_t second = 0; first + second <= n; second++)
				check(&rows[i], first, second);
	}
}

static void byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str in = str_c(rows[i].in);
		struct lmtp_dot d = {0};
		struct buf out = BUF_UNBOUNDED;
		size_t used = 0;

		for (size_t at = 0; at < in.n; at++)
			if (!feed(&d, str_take(str_skip(in, at), 1), &out,
				    &used))
				break;
		assert_str(buf_str(&out), rows[i].out);
		buf_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_split),
		cmocka_unit_test(byte_by_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
