/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/test.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int ends[2];

static int setup(void **state)
{
	(void)state;
	return pipe2(ends, O_CLOEXEC | O_NONBLOCK);
}

static int teardown(void **state)
{
	(void)state;
	log_setup("culver", 2, LOG_LOGFMT);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* The line that these fields make, without what stands before them. */
static str written(enum log_format format, const struct log_field *fields,
	size_t count, char *room, size_t size)
{
	ssize_t n;
	str line;
	size_t at;

	log_setup("front", ends[1], format);
	log_write(LOG_INFO, "net", "m", fields, count);
	n = read(ends[0], room, size);
	assert_true(n > 0);
	line = str_of(room, (size_t)n);
	at = str_find(line, format == LOG_JSON ? STR("\"m\"") : STR("msg=m"));
	assert_true(at < line.n);
	return str_skip(line, at + (format == LOG_JSON ? 3 : 5));
}

static const struct {
	enum log_format format;
	str value, expected;
	const char *why;
} rows[] = {
	{LOG_LOGFMT, STR_LIT("ann"), STR_LIT(" v=ann\n"), "plain"},
	{LOG_LOGFMT, STR_LIT(""), STR_LIT(" v=\"\"\n"), "empty"},
	{LOG_LOGFMT, STR_LIT("a b=\"c\\"), STR_LIT(" v=\"a b=\\\"c\\\\\"\n"),
		"what has a meaning"},
	{LOG_LOGFMT, STR_LIT("a\nlevel=error"),
		STR_LIT(" v=\"a\\u000alevel=error\"\n"), "a forged line"},
	{LOG_LOGFMT, STR_LIT("\x1b[2J"), STR_LIT(" v=\"\\u001b[2J\"\n"),
		"a terminal's command"},
	{LOG_LOGFMT,
		STR_LIT("\xc2\x9b"
			"2J"),
		STR_LIT(" v=\"\\u009b2J\"\n"),
		"the same in one character (C1)"},
	{LOG_LOGFMT,
		STR_LIT("\x9b"
			"2J"),
		STR_LIT(" v=\"\\ufffd2J\"\n"), "the same in one byte"},
	{LOG_LOGFMT, STR_LIT("J\xc3\xb6rg"), STR_LIT(" v=\"J\xc3\xb6rg\"\n"),
		"names in their script"},
	{LOG_JSON, STR_LIT("\xf0\x9f\x95\x8a"),
		STR_LIT(",\"v\":\"\xf0\x9f\x95\x8a\"}\n"), "four bytes"},
	{LOG_JSON,
		STR_LIT("a\xff"
			"b"),
		STR_LIT(",\"v\":\"a\\ufffdb\"}\n"), "JSON is UTF-8"},
	{LOG_JSON, STR_LIT("\xc3"), STR_LIT(",\"v\":\"\\ufffd\"}\n"),
		"half a character"},
	{LOG_JSON, STR_LIT("\xc0\x8a"), STR_LIT(",\"v\":\"\\ufffd\\ufffd\"}\n"),
		"a line end written too long"},
	{LOG_JSON, STR_LIT("\xed\xa0\x80"),
		STR_LIT(",\"v\":\"\\ufffd\\ufffd\\ufffd\"}\n"), "a surrogate"},
	{LOG_JSON, STR_LIT("\xf4\x90\x80\x80"),
		STR_LIT(",\"v\":\"\\ufffd\\ufffd\\ufffd\\ufffd\"}\n"),
		"beyond Unicode"},
};

static void test_values(void **state)
{
	char room[1024];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct log_field f = LOG_STR("v", rows[i].value);
		str line = written(rows[i].format, &f, 1, room, sizeof room);

		if (!str_eq(line, rows[i].expected))
			fail_msg("%s: %.*s", rows[i].why, STR_ARG(line));
	}
}

/* A field that does not fit is left out, and what is there stays well formed.
 */
static void test_long_line(void **state)
{
	static char controls[2000], letters[3000], room[16384];
	const struct log_field fields[] = {LOG_STR("a", STR("b")),
		LOG_STR("v", str_of(controls, sizeof controls)),
		LOG_STR("w", STR("x"))};
	const struct log_field cut =
		LOG_STR("v", str_of(letters, sizeof letters));
	str line;

	(void)state;
	memset(controls, 1, sizeof controls);
	memset(letters, 'x', sizeof letters);
	line = written(LOG_JSON, fields, 3, room, sizeof room);
	assert_true(str_eq_c(line, ",\"a\":\"b\"}\n"));
	line = written(LOG_LOGFMT, &cut, 1, room, sizeof room);
	assert_int_equal(line.n, strlen(" v=") + 2048 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_long_line),
	};

	return cmocka_run_group_tests_name("log", tests, setup, teardown);
}
