/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/buf.h"
#include "base/cursor.h"

static void test_error_sticks(void **unused)
{
	struct buf b;

	(void)unused;
	buf_init(&b, 10);
	buf_add_c(&b, "123456");
	buf_add_c(&b, "7890x");
	buf_add_c(&b, "7");
	assert_int_equal(buf_err(&b), ERR_TOOBIG);
	assert_str(buf_str(&b), "123456");
	buf_reset(&b);
	buf_addf(&b, "%d", 42);
	assert_str(buf_str(&b), "42");
	buf_fini(&b);
}

static void test_formatted_text_stays_within_the_maximum(void **unused)
{
	struct buf b;

	(void)unused;
	buf_init(&b, 12);
	buf_addf(&b, "%s-%d", "abc", 7);
	assert_str(buf_str(&b), "abc-7");
	buf_addf(&b, "%s", "wxyz");
	assert_str(buf_str(&b), "abc-7wxyz");
	buf_addf(&b, "%s", "more than fits");
	assert_int_equal(buf_err(&b), ERR_TOOBIG);
	assert_str(buf_str(&b), "abc-7wxyz");
	buf_addf(&b, "%s", "");
	assert_str(buf_str(&b), "abc-7wxyz");
	buf_fini(&b);
}

static void test_binary_round_trip(void **unused)
{
	static const uint64_t values[] = {
		0, 1, 127, 128, 300, UINT32_MAX, INT64_MAX, UINT64_MAX};
	struct buf b = BUF_UNBOUNDED;
	struct cursor c;

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		buf_add_varint(&b, values[i]);
		buf_add_be64(&b, values[i]);
		buf_add_be32(&b, (uint32_t)values[i]);
		buf_add_sized(&b, STR("name"));
	}
	c = cursor_of(buf_str(&b));
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		assert_true(cursor_varint(&c) == values[i]);
		assert_true(cursor_be64(&c) == values[i]);
		assert_true(cursor_be32(&c) == (uint32_t)values[i]);
		assert_str(cursor_sized(&c), "name");
	}
	assert_true(cursor_ok(&c) && cursor_done(&c));
	assert_int_equal(cursor_u8(&c), 0);
	assert_int_equal(c.err, ERR_INVALID);
	buf_fini(&b);
}

static void test_wrong_varints_are_refused(void **unused)
{
	static const struct {
		str bytes;
		const char *why;
	} rows[] = {
		{STR_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
			"it does not end"},
		{STR_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
			"65 bits"},
		{STR_LIT(""), "nothing is there"},
		{STR_LIT("\x80"), "it is cut off"},
		{STR_LIT("\xff\xff\xff"), "it is cut off later"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cursor c = cursor_of(rows[i].bytes);

		assert_int_equal(cursor_varint(&c), 0);
		if (c.err != ERR_INVALID)
			fail_msg("%s", rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_sticks),
		cmocka_unit_test(test_formatted_text_stays_within_the_maximum),
		cmocka_unit_test(test_binary_round_trip),
		cmocka_unit_test(test_wrong_varints_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
