/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/secret.h"

static void test_comparisons(void **unused)
{
	(void)unused;
	assert_true(str_eq(STR("a"), STR("a")));
	assert_false(str_eq(STR("a"), STR("A")));
	assert_true(str_ieq(STR("InBoX"), STR("inbox")));
	assert_true(str_cmp(STR("ab"), STR("abc")) < 0);
	assert_true(str_cmp(STR("b"), STR("abc")) > 0);
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_false(str_starts(STR("a"), STR("ab")));
	assert_true(str_ends(STR("abc"), STR("bc")));
	assert_int_equal(str_find(STR("hello"), STR("ll")), 2);
	assert_int_equal(str_find(STR("hello"), STR("xx")), 5);
	assert_str(str_trim(STR(" \tx y\r\n")), "x y");
	assert_true(secret_eq(STR("same"), STR("same")));
	assert_false(secret_eq(STR("same"), STR("sama")));
	assert_false(secret_eq(STR("same"), STR("")));
	assert_false(secret_eq(STR(""), STR("same")));
}

static void test_numbers(void **unused)
{
	static const struct {
		const char *text;
		uint64_t max;
		enum err expected;
		uint64_t value;
	} rows[] = {
		{"0", 10, OK, 0},
		{"10", 10, OK, 10},
		{"11", 10, ERR_INVALID, 0},
		{"", 10, ERR_INVALID, 0},
		{"-1", 10, ERR_INVALID, 0},
		{"1x", 10, ERR_INVALID, 0},
		{"18446744073709551615", UINT64_MAX, OK, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, ERR_INVALID, 0},
		{"9", 5, ERR_INVALID, 0},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t value = 0;

		assert_int_equal(
			str_to_u64(str_c(rows[i].text), rows[i].max, &value),
			rows[i].expected);
		assert_true(value == rows[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comparisons),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
