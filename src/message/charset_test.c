/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "message/charset.h"
#include "message/utf8.h"

#include <pthread.h>
#include <unicode/ucnv.h>

static const struct {
	const char *charset;
	str in;
	const char *expected, *why;
} rows[] = {
	{"utf-8", STR_LIT("caf\xC3\xA9"), "café", ""},
	{"UTF8", STR_LIT("\xFF!"), "\uFFFD!", "malformed"},
	{"utf-8", STR_LIT("\xE2\x82"), "\uFFFD", "cut off"},
	{"us-ascii", STR_LIT("plain"), "plain", ""},
	{"us-ascii", STR_LIT("\xC3\xA9 \xE9"), "é é", "mislabelled, both ways"},
	{"", STR_LIT("\xE2\x82\xAC\x80"), "€€", "no label"},
	{"iso-8859-1", STR_LIT("\xE9\x80\x93"), "é€“", "windows-1252"},
	{"Latin1", STR_LIT("\xE9\x85"), "é…", "alias, own table"},
	{"IBM819", STR_LIT("\xE9\x85"), "é…", "alias, ICU's table"},
	{"cp367", STR_LIT("\xC3\xA9"), "é", "alias of us-ascii"},
	{"windows-1252", STR_LIT("\x81"), "\xC2\x81", "free byte"},
	{"iso-8859-2", STR_LIT("\xB1\xE6"), "ąć", ""},
	{"ISO-8859-5", STR_LIT("\xB4\xD0"), "Да", ""},
	{"iso-8859-8-i", STR_LIT("\xF9"), "ש", "-i says only the order"},
	{"iso-8859-9", STR_LIT("\x80\xFE"), "€ş", "windows-1254"},
	{"iso-8859-15", STR_LIT("\xA4"), "€", ""},
	{"koi8-r", STR_LIT("\xF0\xD2\xC9\xD7\xC5\xD4"), "Привет", ""},
	{"windows-1251", STR_LIT("\xCF\xF0\xE8"), "При", ""},
	{"cp1251", STR_LIT("\xCF\xF0\xE8"), "При", ""},
	{"iso-2022-jp", STR_LIT("\x1B$B$3$s\x1B(B!"), "こん!", ""},
	{"ISO-2022-JP", STR_LIT("\x1B$B$3$"), "こ\uFFFD", "cut off"},
	{"shift_jis", STR_LIT("\x82\xB1\x82\xF1"), "こん", ""},
	{"x-sjis", STR_LIT("\x82\xB1\x82\xF1"), "こん", ""},
	{"euc-jp", STR_LIT("\xA4\xB3\xA4\xF3"), "こん", ""},
	{"gb18030", STR_LIT("\xC4\xE3\xBA\xC3"), "你好", ""},
	{"gb2312", STR_LIT("\xC4\xE3\x96\x52"), "你朢", "GBK labelled GB2312"},
	{"gb18030", STR_LIT("\x94\x39\xFC\x36"), "😀", "four bytes"},
	{"hz-gb-2312", STR_LIT("~{VPND~}!"), "中文!", ""},
	{"big5", STR_LIT("\xA4\xA4\xA4\xE5"), "中文", ""},
	{"euc-kr", STR_LIT("\xC7\xD1\xB1\xDB"), "한글", ""},
	{"ks_c_5601-1987", STR_LIT("\xC7\xD1\x8C\x63"), "한똠",
		"windows-949's own"},
	{"iso-2022-kr", STR_LIT("\x1B$)C\x0EGQ1[\x0F!"), "한글!", ""},
	{"utf-7", STR_LIT("Hi Mom -+Jjo--!"), "Hi Mom -☺-!", "RFC 2152"},
	{"unicode-1-1-utf-7", STR_LIT("A+ImIDkQ."), "A≢Α.", "RFC 2152"},
	{"utf-16be", STR_LIT("\0A\xD8\x3D\xDE\x00"), "A😀", ""},
	{"utf-16le", STR_LIT("A\0\x3D\xD8\x00\xDE"), "A😀", ""},
	{"utf-16",
		STR_LIT("\xFF\xFE"
			"A\0"),
		"A", "byte order mark"},
	{"utf-16be", STR_LIT("\xDE\x00\0A"), "\uFFFDA", "lone surrogate"},
	{"utf-16be", STR_LIT("\xD8\x3D"), "\uFFFD", "half a pair"},
	{"utf-16be", STR_LIT("\0A\0"), "A\uFFFD", "half a unit"},
	{"utf-32be", STR_LIT("\0\1\xF6\x00"), "😀", ""},
	{"tis-620", STR_LIT("\xCA"), "ส", ""},
	{"macintosh", STR_LIT("\x8E"), "é", ""},
	{"x-mac-roman", STR_LIT("\x8E"), "é", "after dropping or not"},
	{" \"koi8-r\" ", STR_LIT("\xF0"), "П", "quotes and blanks"},
	{"x-koi8-r", STR_LIT("\xF0"), "П", "x- dropped"},
};

static void test_table(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = BUF_UNBOUNDED;

		if (charset_add_utf8(&out, str_c(rows[i].charset), rows[i].in))
			fail_msg("%s is not known", rows[i].charset);
		if (!str_eq_c(buf_str(&out), rows[i].expected))
			print_error("%s %s\n", rows[i].charset, rows[i].why);
		assert_str(buf_str(&out), rows[i].expected);
		buf_fini(&out);
	}
	charset_cache_clear();
}

/* Each input in two pieces at every place, and byte by byte. */
static void test_splits(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct charset_decoder *d;
		struct buf out = BUF_UNBOUNDED;

		assert_ok(charset_decoder_open(str_c(rows[i].charset), &d));
		for (size_t cut = 0; cut <= rows[i].in.n; cut++) {
			buf_reset(&out);
			charset_decoder_feed(
				d, str_take(rows[i].in, cut), &out);
			charset_decoder_feed(
				d, str_skip(rows[i].in, cut), &out);
			charset_decoder_finish(d, &out);
			assert_str(buf_str(&out), rows[i].expected);
		}
		buf_reset(&out);
		for (size_t k = 0; k < rows[i].in.n; k++)
			charset_decoder_feed(
				d, str_of(rows[i].in.p + k, 1), &out);
		charset_decoder_finish(d, &out);
		assert_str(buf_str(&out), rows[i].expected);
		charset_decoder_close(d);
		buf_fini(&out);
	}
	charset_cache_clear();
}

static void feed_pieces(
	struct charset_decoder *d, str in, size_t piece, struct buf *out)
{
	buf_reset(out);
	for (size_t at = 0; at < in.n; at += piece)
		charset_decoder_feed(d, str_take(str_skip(in, at), piece), out);
	charset_decoder_finish(d, out);
}

/* Every charset that ICU knows takes noise, shift sequences among it, and makes
 * the same valid UTF-8 of it in any pieces. */
static void test_all(void **unused)
{
	struct buf whole = BUF_UNBOUNDED, pieces = BUF_UNBOUNDED;
	static const char *const shifts[] = {"\x1B$B", "\x1B(B", "\x1B$)C",
		"\x0E", "\x0F", "+AOk-", "~{", "~}", "&AOk-", "\x81"};
	uint32_t seed = 1;
	char noise[300];

	(void)unused;
	for (size_t i = 0; i < sizeof noise;) {
		const char *shift = "";

		seed = seed * 1664525 + 1013904223;
		noise[i++] = (char)(seed >> 24);
		if (seed >> 16 & 7)
			continue;
		shift = shifts[(seed >> 19) % COUNT_OF(shifts)];
		while (*shift && i < sizeof noise)
			noise[i++] = *shift++;
	}
	for (int32_t i = 0; i < ucnv_countAvailable(); i++) {
		const char *name = ucnv_getAvailableName(i);
		str in = str_of(noise, sizeof noise);
		struct charset_decoder *d;

		/* Variants are chosen with a comma, which mail never does;
		 * X11's is refused. */
		if (strchr(name, ',') || strstr(name, "x11-"))
			continue;
		if (charset_decoder_open(str_c(name), &d))
			fail_msg("%s", name);
		feed_pieces(d, in, in.n, &whole);
		if (!utf8_is_valid(buf_str(&whole)) || !whole.n)
			fail_msg("%s", name);
		for (size_t piece = 1; piece < 20; piece++) {
			feed_pieces(d, in, piece, &pieces);
			if (!str_eq(buf_str(&whole), buf_str(&pieces)))
				fail_msg("%s in pieces of %zu", name, piece);
		}
		charset_decoder_close(d);
	}
	buf_fini(&whole);
	buf_fini(&pieces);
	charset_cache_clear();
}

static void test_unknown(void **unused)
{
	static const str names[] = {
		STR_LIT("no-such-charset"),
		STR_LIT("x-"),
		STR_LIT("x11-compound-text"),
		STR_LIT("../../etc/passwd"),
		STR_LIT("utf-8\0x"),
		STR_LIT("ISO-2022-JP,version=1"),
		STR_LIT("utf-8;q=1"),
		STR_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct charset_decoder *d;
		struct buf out = BUF_UNBOUNDED;

		if (charset_is_known(names[i]))
			fail_msg("%.*s is known", STR_ARG(names[i]));
		assert_int_equal(
			charset_decoder_open(names[i], &d), ERR_CHARSET);
		assert_null(d);
		assert_int_equal(charset_add_utf8(&out, names[i], STR("x")),
			ERR_CHARSET);
		assert_int_equal(out.n, 0);
	}
	assert_true(charset_is_known(STR("UTF-8")));
	assert_true(charset_is_known(str_none()));
}

static void test_unlabelled(void **unused)
{
	struct buf out = BUF_UNBOUNDED;

	(void)unused;
	charset_add_unlabelled(&out, STR("caf\xC3\xA9 "));
	charset_add_unlabelled(&out, STR("caf\xE9"));
	assert_str(buf_str(&out), "café café");
	buf_fini(&out);
}

/* Returns its argument, or NULL when a result was wrong. */
static void *convert_often(void *arg)
{
	for (int i = 0; i < 200; i++) {
		struct buf out = BUF_UNBOUNDED;

		if (charset_add_utf8(&out, str_c(rows[i % 40].charset),
			    rows[i % 40].in) ||
			!str_eq_c(buf_str(&out), rows[i % 40].expected))
			return NULL;
		buf_fini(&out);
	}
	return arg;
}

/* The cache is shared: converters are never used by two at once. */
static void test_threads(void **unused)
{
	pthread_t threads[4];

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
					 convert_often, threads),
			0);
	for (size_t i = 0; i < COUNT_OF(threads); i++) {
		void *result;

		pthread_join(threads[i], &result);
		assert_ptr_equal(result, threads);
	}
	charset_cache_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_splits),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_unlabelled),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
