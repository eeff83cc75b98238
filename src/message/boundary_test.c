/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "message/boundary.h"

#define NONE UINT32_MAX

/* Open boundaries are given outermost first, at levels 0, 1, 2. */
static const struct {
	const char *open[3];
	const char *line;
	uint32_t level;
	bool closes;
	const char *why;
} rows[] = {
	{{"a"}, "--a", 0, false, "exact"},
	{{"a"}, "--a--", 0, true, "close"},
	{{"a"}, "--a-", 0, false, "half a close"},
	{{"a"}, "--a-x-", 0, false, "not a close"},
	{{"a"}, "--a \t\r", 0, false, "blanks"},
	{{"a"}, "--abc", 0, false, "its beginning suffices"},
	{{"a"}, "--b", NONE, false, "another"},
	{{"a"}, "-a", NONE, false, "one dash"},
	{{"a"}, "a", NONE, false, "no dash"},
	{{"a"}, "", NONE, false, "nothing"},
	{{"a"}, "--", NONE, false, "only dashes"},
	{{"ab"}, "--a", NONE, false, "not all of it"},
	{{"a", "ab"}, "--ab", 1, false, "the longest"},
	{{"ab", "a"}, "--ab", 0, false, "in whatever order"},
	{{"ab", "a"}, "--ac", 1, false, "the shorter"},
	{{"a", "abc"}, "--ab--", 0, false,
		"began the longer, is the shorter, and no close"},
	{{"a", "a--"}, "--a--", 1, false, "a boundary that ends in dashes"},
	{{"a", "a--"}, "--a----", 1, true, "and its close"},
	{{"a", "a", "a"}, "--a--", 2, true, "of equals the innermost"},
	{{"--"}, "----", 0, false, "a boundary of dashes"},
	{{"\xff", "\x01"}, "--\xff", 0, false, "bytes above 127"},
	{{"b", "a", "c"}, "--a", 1, false, "three"},
	{{0}, "--a", NONE, false, "none open"},
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct boundary_set set = {0};
		for (uint32_t k = 0; k < 3 && rows[i].open[k]; k++)
			boundary_set_add(&set, str_c(rows[i].open[k]), k);
		for (size_t piece = 1; piece < 9; piece++) {
			struct boundary_line l = BOUNDARY_LINE;
			for (str s = str_c(rows[i].line); s.n;
				s = str_skip(s, piece))
				boundary_line_feed(
					&l, &set, str_take(s, piece));
			if ((l.found ? l.level : NONE) != rows[i].level ||
				(l.found && boundary_line_closes(&l) !=
						    rows[i].closes))
				fail_msg("%s (%s)", rows[i].line, rows[i].why);
		}
		boundary_set_fini(&set);
	}
}

static void test_remove(void **state)
{
	(void)state;
	struct boundary_set set = {0};
	struct boundary_line l = BOUNDARY_LINE;
	boundary_set_add(&set, STR("a"), 0);
	boundary_set_add(&set, STR("a"), 1);
	boundary_set_remove(&set, 1);
	boundary_set_remove(&set, 7);
	boundary_line_feed(&l, &set, STR("--a"));
	assert_true(l.found);
	assert_int_equal(l.level, 0);
	boundary_set_remove(&set, 0);
	l = BOUNDARY_LINE;
	boundary_line_feed(&l, &set, STR("--a"));
	assert_false(l.found);
	boundary_set_fini(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
