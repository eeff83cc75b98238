/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "message/charset.h"
#include "message/encoded_word.h"
#include "message/utf8.h"

static const struct {
	const char *in, *expected, *why;
} rows[] = {
	{"", "", ""},
	{"plain text", "plain text", ""},
	/* RFC 2047 section 8 */
	{"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>",
		"Keith Moore <moore@cs.utk.edu>", ""},
	{"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>",
		"Keld Jørn Simonsen <keld@dkuug.dk>", ""},
	{"=?ISO-8859-1?Q?Andr=E9?= Pirard <PIRARD@vm1.ulg.ac.be>",
		"André Pirard <PIRARD@vm1.ulg.ac.be>", ""},
	{"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
	 " =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
		"If you can read this you understand the example.", ""},
	{"Nathaniel Borenstein <nsb@thumper.bellcore.com>\r\n"
	 "      (=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=)",
		"Nathaniel Borenstein <nsb@thumper.bellcore.com>      "
		"(םולש ןב ילטפנ)",
		""},
	{"(=?ISO-8859-1?Q?a?=)", "(a)", ""},
	{"(=?ISO-8859-1?Q?a?= b)", "(a b)", ""},
	{"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)", ""},
	{"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)", ""},
	{"(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)", ""},
	{"(=?ISO-8859-1?Q?a_b?=)", "(a b)", ""},
	{"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)", ""},
	/* RFC 2231 section 5 */
	{"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore", "language"},
	/* broken mailers */
	{"=?utf-8?B?4g==?= =?utf-8?B?gqw=?=", "€", "character in two words"},
	{"=?utf-8?Q?=E2=82?= =?UTF-8?Q?=AC?=", "€", "and in Q"},
	{"=?utf-8?Q?=E2=82?= x", "\uFFFD x", "and lost"},
	{"=?utf-8?Q?a?==?utf-8?Q?b?=", "ab", "no space between"},
	{"a=?utf-8?Q?b?=c", "abc", "no space around"},
	{"=?utf-8?Q?a b?=", "a b", "blank in a word"},
	{"\"=?utf-8?Q?a?=\"", "\"a\"", "in quotes"},
	{"=?utf-8?Q?"
	 "?=x",
		"x", "empty word"},
	{"=?utf-8?q?=C3=A9=?=", "é=", "cut escape"},
	{"=?utf-8?b?w6k?=", "é", "no padding"},
	{"=?utf-8?b?w6 k=?=", "é", "blank in base64"},
	{"=?utf-8?q?a?b?=", "a?b", "question mark in Q"},
	{"=?iso-2022-jp?B?GyRCJDMbKEI=?= =?iso-2022-jp?B?GyRCJHMbKEI=?=",
		"こん", "stateful"},
	{"=?us-ascii?Q?=E9?=", "é", "mislabelled"},
	/* not words */
	{"=?no-such?Q?a?=", "=?no-such?Q?a?=", "unknown charset"},
	{"=?utf-8?Q?a?= =?no-such?Q?b?=", "a =?no-such?Q?b?=",
		"white space beside what stays"},
	{"=?utf-8?X?a?=", "=?utf-8?X?a?=", "unknown encoding"},
	{"=?utf-8?Q?a", "=?utf-8?Q?a", "no end"},
	{"=?utf-8?B?***?=", "=?utf-8?B?***?=", "not base64"},
	{"=?utf-8?Q", "=?utf-8?Q", "cut off"},
	{"=?", "=?", ""},
	{"=?"
	 "?Q?a?=",
		"=?"
		"?Q?a?=",
		"no charset"},
	{"=?=?utf-8?Q?a?=", "=?a", "beginning twice"},
	{"a = b?=", "a = b?=", ""},
	/* raw bytes */
	{"caf\xC3\xA9", "café", "UTF-8"},
	{"caf\xE9 \x93x\x94", "café “x”", "windows-1252"},
	{"\xE9 =?utf-8?Q?=C3=A9?= \xE9", "é é é", "beside words"},
	/* folding */
	{"a\r\n b", "a b", ""},
	{"a\r\n\tb", "a\tb", ""},
	{"a\n b", "a b", "bare LF"},
	{"a\r\nb", "a b", "not a fold, but cannot stay"},
	{"a\r\n", "a", "the field's end"},
	{"=?utf-8?Q?a?=\r\n =?utf-8?Q?b?=\r\n c", "ab c", ""},
};

static void test_table(void **unused)
{
	struct arena arena;

	(void)unused;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = BUF_UNBOUNDED;

		encoded_word_decode(&out, str_c(rows[i].in));
		assert_str(buf_str(&out), rows[i].expected);
		assert_str(encoded_word_decode_str(&arena, str_c(rows[i].in)),
			rows[i].expected);
		buf_fini(&out);
	}
	assert_true(str_is_none(encoded_word_decode_str(&arena, str_none())));
	arena_fini(&arena);
	charset_cache_clear();
}

/* What a hostile mailer could make slow: a million of beginnings, of words of
 * one byte, of charsets that change. Each must end; the fuzzer's and the
 * sanitizers' clocks see to the rest. */
static void test_long(void **unused)
{
	static const char *const pieces[] = {"=?a?q?", "=?",
		"=?utf-8?q?a?=", "=?utf-8?b?",
		"=?utf-8?q?a?= =?koi8-r?q?b?= ", "?=", "\xE9"};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		struct buf in = BUF_UNBOUNDED, out = BUF_UNBOUNDED;

		while (in.n < 200000)
			buf_add_c(&in, pieces[i]);
		encoded_word_decode(&out, buf_str(&in));
		assert_true(utf8_is_valid(buf_str(&out)));
		assert_true(out.n > 0 && out.n <= 4 * in.n);
		buf_fini(&in);
		buf_fini(&out);
	}
	charset_cache_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
