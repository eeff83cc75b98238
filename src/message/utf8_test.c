/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "message/utf8.h"

static void test_validity(void **unused)
{
	static const struct {
		str in;
		bool valid;
		const char *repaired, *why;
	} rows[] = {
		{STR_LIT(""), true, "", "empty"},
		{STR_LIT("abc"), true, "abc", "ASCII"},
		{STR_LIT("\xC3\xA9"), true, "\xC3\xA9", "two bytes"},
		{STR_LIT("\xE2\x82\xAC"), true, "\xE2\x82\xAC", "three"},
		{STR_LIT("\xF0\x9F\x98\x80"), true, "\xF0\x9F\x98\x80", "four"},
		{STR_LIT("\xF4\x8F\xBF\xBF"), true, "\xF4\x8F\xBF\xBF",
			"the last code point"},
		{STR_LIT("\xF4\x90\x80\x80"), false, "\uFFFD\uFFFD\uFFFD\uFFFD",
			"beyond the last"},
		{STR_LIT("\xC0\x80"), false, "\uFFFD\uFFFD", "overlong NUL"},
		{STR_LIT("\xE0\x80\xAF"), false, "\uFFFD\uFFFD\uFFFD",
			"overlong slash"},
		{STR_LIT("\xED\xA0\x80"), false, "\uFFFD\uFFFD\uFFFD",
			"surrogate"},
		{STR_LIT("\x80"), false, "\uFFFD", "continuation alone"},
		{STR_LIT("\xE2\x82"), false, "\uFFFD", "cut off: one mark"},
		{STR_LIT("\xE2\x82x"), false, "\uFFFDx", "interrupted"},
		{STR_LIT("\xF0\x9F\x98\xE2\x82\xAC"), false,
			"\uFFFD\xE2\x82\xAC", "interrupted by another"},
		{STR_LIT("\xFF"), false, "\uFFFD", "never"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = BUF_UNBOUNDED, again = BUF_UNBOUNDED;

		if (utf8_is_valid(rows[i].in) != rows[i].valid)
			fail_msg("%s", rows[i].why);
		utf8_add_repaired(&out, rows[i].in);
		assert_str(buf_str(&out), rows[i].repaired);
		for (size_t at = 0; at < rows[i].in.n;)
			utf8_add(&again, utf8_next(rows[i].in, &at));
		assert_str(buf_str(&again), rows[i].repaired);
		buf_fini(&out);
		buf_fini(&again);
	}
}

static void test_every_code_point(void **unused)
{
	(void)unused;
	for (uint32_t c = 0; c <= 0x10FFFF; c++) {
		char p[UTF8_MAX];
		size_t at = 0, n;

		if (c >= 0xD800 && c <= 0xDFFF)
			continue;
		n = utf8_encode(c, p);
		if (!utf8_is_valid(str_of(p, n)) ||
			utf8_next(str_of(p, n), &at) != c || at != n)
			fail_msg("U+%04X", c);
		for (size_t cut = 1; cut < n; cut++)
			if (utf8_cut(str_of(p, cut)) != cut)
				fail_msg("U+%04X cut at %zu", c, cut);
		if (utf8_cut(str_of(p, n)))
			fail_msg("U+%04X is whole", c);
	}
}

static void test_cut(void **unused)
{
	static const struct {
		str in;
		size_t cut;
	} rows[] = {
		{STR_LIT(""), 0},
		{STR_LIT("\x80\x80\x80\x80"), 0},
		{STR_LIT("\xC3"), 1},
		{STR_LIT("\xE0\x80"), 0},
		{STR_LIT("\xF0\x9F\x98"), 3},
		{STR_LIT("x\xF0\x9F\x98x"), 0},
		{STR_LIT("\xE2\x82\xC3"), 1},
		{STR_LIT("\xFF"), 0},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(utf8_cut(rows[i].in), rows[i].cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_validity),
		cmocka_unit_test(test_every_code_point),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
