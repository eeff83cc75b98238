/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "message/fold.h"

static const struct {
	const char *in, *folded, *why;
} rows[] = {
	{"", "", ""},
	{"Hello, World 1", "HELLO, WORLD 1", "ASCII"},
	{"\u01C4", "Dz\u030C", "RFC 5051 section 2: DZ with caron"},
	{"\u01C6", "Dz\u030C", "and the small one"},
	{"é", "E\u0301", "titlecase, then decomposition"},
	{"e\u0301", "E\u0301", "decomposed already"},
	{"ß", "ß", "simple mappings only"},
	{"ÿ", "Y\u0308", ""},
	{"привет", "ПРИВЕТ", "Cyrillic"},
	{"й", "И\u0306", ""},
	{"ς", "Σ", "final sigma"},
	{"ｆｕｌｌ", "FULL", "full width: compatibility"},
	{"ﬁ", "fi", "no titlecase of its own, then decomposed"},
	{"ǆ", "Dz\u030C", ""},
	{"①", "1", ""},
	{"한", "\u1112\u1161\u11AB", "Hangul"},
	{"漢字", "漢字", "ideographs"},
	{"\uF900", "\u8C48", "compatibility ideograph"},
	{"😀", "😀", ""},
	{"\U00010428", "\U00010400", "Deseret: case beyond the BMP"},
	{"ı", "I", "dotless i"},
	{"İ", "I\u0307", ""},
	{"\u1E9B\u0323", "S\u0307\u0323",
		"long s with dot: its titlecase is decomposed; the marks are "
		"not reordered"},
	{"\xFFx", "\uFFFDX", "malformed"},
};

static void test_table(void **unused)
{
	struct arena arena;

	(void)unused;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_str(fold_str(&arena, str_c(rows[i].in)), rows[i].folded);
	arena_fini(&arena);
}

/* fold(a + b) == fold(a) + fold(b), at every byte. */
static void test_splits(void **unused)
{
	struct buf text = BUF_UNBOUNDED, whole = BUF_UNBOUNDED;

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		buf_add_c(&text, rows[i].in);
	fold_add(&whole, buf_str(&text));
	assert_true(whole.n <= text.n * FOLD_GROWTH);
	for (size_t piece = 1; piece < 9; piece++) {
		struct buf out = BUF_UNBOUNDED;
		struct fold f;

		fold_init(&f);
		for (size_t at = 0; at < text.n; at += piece)
			fold_feed(&f,
				str_take(str_skip(buf_str(&text), at), piece),
				&out);
		fold_finish(&f, &out);
		assert_true(str_eq(buf_str(&out), buf_str(&whole)));
		buf_fini(&out);
	}
	buf_fini(&text);
	buf_fini(&whole);
}

/* No code point passes the growth that the header promises. */
static void test_growth(void **unused)
{
	(void)unused;
	for (uint32_t c = 0; c <= 0x10FFFF; c++) {
		struct buf in = BUF_UNBOUNDED, out = BUF_UNBOUNDED;

		if (c >= 0xD800 && c <= 0xDFFF)
			continue;
		utf8_add(&in, c);
		fold_add(&out, buf_str(&in));
		if (!out.n || out.n > in.n * FOLD_GROWTH ||
			!utf8_is_valid(buf_str(&out)))
			fail_msg("U+%04X gives %zu bytes", c, out.n);
		buf_fini(&in);
		buf_fini(&out);
	}
}

static void test_order(void **unused)
{
	static const struct {
		const char *a, *b;
		int order;
	} pairs[] = {
		{"", "", 0},
		{"", "a", -1},
		{"abc", "ABC", 0},
		{"abc", "abd", -1},
		{"b", "ABC", 1},
		{"e\u0301", "É", 0},
		{"z", "é", 1},
		{"ab", "abc", -1},
		{"ｆ", "F", 0},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		str a = str_c(pairs[i].a), b = str_c(pairs[i].b);

		assert_int_equal(fold_cmp(a, b), pairs[i].order);
		assert_int_equal(fold_cmp(b, a), -pairs[i].order);
		assert_int_equal(fold_eq(a, b), pairs[i].order == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_splits),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
