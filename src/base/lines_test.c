/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/lines.h"

#include <unistd.h>

static int fds[2];
static struct lines l;

static int setup(void **state)
{
	(void)state;
	assert_int_equal(pipe(fds), 0);
	lines_init(&l, fds[0], 8);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lines_fini(&l);
	close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
	return 0;
}

static void feed(const char *z)
{
	assert_ok(fd_write_all(fds[1], str_c(z)));
}

static void end(void)
{
	close(fds[1]);
	fds[1] = -1;
}

static void takes_lines_of_any_split(void **state)
{
	str line;

	(void)state;
	feed("a\n\nbcd\nef");
	assert_ok(lines_next(&l, &line));
	assert_str(line, "a");
	assert_ok(lines_next(&l, &line));
	assert_str(line, "");
	assert_ok(lines_next(&l, &line));
	assert_str(line, "bcd");
	feed("g\n1234567\n");
	assert_ok(lines_next(&l, &line));
	assert_str(line, "efg");
	assert_ok(lines_next(&l, &line)); /* just fits */
	assert_str(line, "1234567");
	feed("half");
	end();
	assert_int_equal(lines_next(&l, &line), ERR_CLOSED);
}

static void line_has_a_bound(void **state)
{
	str line;

	(void)state;
	feed("12345678\n");
	assert_int_equal(lines_next(&l, &line), ERR_TOOBIG);
}

static void bytes_between_lines(void **state)
{
	char room[16];
	str line;
	size_t n;

	(void)state;
	feed("x\nab\ncdefghij\n");
	assert_ok(lines_next(&l, &line));
	assert_str(line, "x");
	for (size_t got = 0; got < 11; got += n)
		assert_ok(lines_read(&l, room + got, 11 - got, &n));
	assert_str(str_of(room, 11), "ab\ncdefghij");
	assert_ok(lines_next(&l, &line));
	assert_str(line, "");
	end();
	assert_int_equal(lines_read(&l, room, 1, &n), ERR_CLOSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(takes_lines_of_any_split),
		T(line_has_a_bound),
		T(bytes_between_lines),
#undef T
	};

	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
