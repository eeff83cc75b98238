/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/buf.h"
#include "base/uidset.h"

static void assert_prints(const struct uidset *set, const char *expected)
{
	struct buf b = BUF_UNBOUNDED;

	uidset_print(set, &b);
	assert_str(buf_str(&b), expected);
	buf_fini(&b);
}

static void test_rank_and_select(void **unused)
{
	struct uidset set = UIDSET_EMPTY;

	(void)unused;
	assert_int_equal(uidset_select(&set, 1), 0);
	uidset_add_range(&set, 20, 10);
	uidset_add(&set, UINT32_MAX);
	assert_int_equal(uidset_count(&set), 12);
	assert_int_equal(uidset_rank(&set, 10), 1);
	assert_int_equal(uidset_rank(&set, 20), 11);
	assert_int_equal(uidset_select(&set, 12), UINT32_MAX);
	assert_int_equal(uidset_select(&set, 13), 0);
	assert_int_equal(uidset_next(&set, 21), UINT32_MAX);
	assert_int_equal(uidset_next(&set, 1), 10);
	assert_prints(&set, "10:20,4294967295");
	uidset_fini(&set);
}

static void test_algebra_with_empty_sets(void **unused)
{
	struct uidset a = UIDSET_EMPTY, b = UIDSET_EMPTY;

	(void)unused;
	uidset_and(&a, &b);
	uidset_or(&a, &b);
	uidset_andnot(&a, &b);
	assert_true(uidset_is_empty(&a) && uidset_eq(&a, &b));
	uidset_add_range(&a, 1, 5);
	uidset_or(&b, &a);
	uidset_remove_range(&b, 2, 3);
	uidset_andnot(&a, &b);
	assert_prints(&a, "2:3");
	uidset_and(&a, &b);
	assert_true(uidset_is_empty(&a));
	assert_int_equal(uidset_min(&a), 0);
	uidset_fini(&a);
	uidset_fini(&b);
}

static void test_iterates_over_read_ahead_borders(void **unused)
{
	struct uidset set = UIDSET_EMPTY;
	struct uidset_iter it;
	uint32_t from, to, n, expected = 1;

	(void)unused;
	uidset_add_range(&set, 1, 1000);
	it = uidset_iter(&set, 1);
	while ((n = uidset_iter_next(&it)))
		assert_int_equal(n, expected++);
	assert_int_equal(expected, 1001);
	it = uidset_iter(&set, 500);
	assert_true(uidset_iter_next_range(&it, &from, &to));
	assert_int_equal(from, 500);
	assert_int_equal(to, 1000);
	assert_false(uidset_iter_next_range(&it, &from, &to));
	uidset_fini(&set);
}

static void test_encoding_round_trip_and_damage(void **unused)
{
	static const char *const damaged[] = {"\x80", "\x05", "\x00\x01",
		"\xff\xff\xff\xff\x0f\x05", "\x01\xff\xff\xff\xff\x7f"};
	struct uidset a = UIDSET_EMPTY, b = UIDSET_EMPTY;
	struct buf bytes = BUF_UNBOUNDED;

	(void)unused;
	for (uint32_t i = 1; i < 100000; i += 7)
		uidset_add_range(&a, i, i + i % 5);
	uidset_add(&a, UINT32_MAX);
	uidset_encode(&a, &bytes);
	assert_ok(uidset_decode(&b, buf_str(&bytes)));
	assert_true(uidset_eq(&a, &b));
	for (size_t i = 0; i < COUNT_OF(damaged); i++)
		assert_int_equal(
			uidset_decode(
				&b, str_of(damaged[i],
					    i == 2 ? 2 : strlen(damaged[i]))),
			ERR_CORRUPT);
	buf_fini(&bytes);
	uidset_fini(&a);
	uidset_fini(&b);
}

static void test_runs_are_what_was_added(void **unused)
{
	static const uint32_t numbers[] = {
		5, 6, 7, 9, 1, 2, 2, 3, UINT32_MAX - 1, UINT32_MAX, 1};
	struct uidset one_by_one = UIDSET_EMPTY, set = UIDSET_EMPTY;
	struct uidset_run run = {0};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		uidset_add(&one_by_one, numbers[i]);
		uidset_run_add(&set, &run, numbers[i]);
	}
	uidset_run_end(&set, &run);
	uidset_run_end(&set, &run);
	assert_true(uidset_eq(&one_by_one, &set));
	assert_int_equal(uidset_count(&set), 9);
	uidset_fini(&one_by_one);
	uidset_fini(&set);
}

/* As many as there can be are told in a moment. */
static void test_long_runs(void **unused)
{
	static const struct {
		uint32_t ranges[3][2];
		const char *text;
	} rows[] = {
		{{{1, UINT32_MAX}}, "1:4294967295"},
		{{{1, UINT32_MAX - 1}}, "1:4294967294"},
		{{{2, 65}, {67, 3000000000}}, "2:65,67:3000000000"},
		{{{1, 64}, {66, 66}, {4000000000, UINT32_MAX}},
			"1:64,66,4000000000:4294967295"},
		{{{65536, 131071}, {131073, 131073}, {UINT32_MAX, UINT32_MAX}},
			"65536:131071,131073,4294967295"},
		{{{5, 68}, {69, 69}, {70, 200}}, "5:200"},
		{{{1, 65535}, {131072, 196607}}, "1:65535,131072:196607"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct uidset set = UIDSET_EMPTY, same = UIDSET_EMPTY;
		struct buf text = BUF_UNBOUNDED;

		for (int n = 0; n < 3; n++)
			if (rows[i].ranges[n][0])
				uidset_add_range(&set, rows[i].ranges[n][0],
					rows[i].ranges[n][1]);
		assert_prints(&set, rows[i].text);
		uidset_encode(&set, &text);
		assert_ok(uidset_decode(&same, buf_str(&text)));
		assert_true(uidset_eq(&set, &same));
		uidset_fini(&set);
		uidset_fini(&same);
		buf_fini(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rank_and_select),
		cmocka_unit_test(test_algebra_with_empty_sets),
		cmocka_unit_test(test_iterates_over_read_ahead_borders),
		cmocka_unit_test(test_encoding_round_trip_and_damage),
		cmocka_unit_test(test_runs_are_what_was_added),
		cmocka_unit_test(test_long_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
