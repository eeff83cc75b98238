/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "message/mailbox_name.h"
#include "message/utf8.h"

static void test_canonical(void **unused)
{
	static const struct {
		str in;
		enum err expected;
		const char *name, *why;
	} rows[] = {
		{STR_LIT("a"), OK, "a", ""},
		{STR_LIT("a/b/c"), OK, "a/b/c", ""},
		{STR_LIT("a/"), OK, "a", "children will follow"},
		{STR_LIT("inbox"), OK, "INBOX", ""},
		{STR_LIT("InBox/Sent"), OK, "INBOX/Sent", "first component"},
		{STR_LIT("a/inbox"), OK, "a/inbox", "not the first"},
		{STR_LIT("inboxes"), OK, "inboxes", ""},
		{STR_LIT("e\u0301"), OK, "é", "NFC"},
		{STR_LIT("\u212B"), OK, "Å", "singleton"},
		{STR_LIT("ﬁ"), OK, "ﬁ", "not NFKC"},
		{STR_LIT("日本語/受信"), OK, "日本語/受信", ""},
		{STR_LIT(". /../%*\"\\&~#"), OK, ". /../%*\"\\&~#",
			"no file system cares"},
		{STR_LIT(""), ERR_INVALID, NULL, ""},
		{STR_LIT("/"), ERR_INVALID, NULL, ""},
		{STR_LIT("/a"), ERR_INVALID, NULL, ""},
		{STR_LIT("a//b"), ERR_INVALID, NULL, ""},
		{STR_LIT("a//"), ERR_INVALID, NULL, ""},
		{STR_LIT("a\nb"), ERR_INVALID, NULL, "control"},
		{STR_LIT("a\0b"), ERR_INVALID, NULL, "NUL"},
		{STR_LIT("a\x7F"), ERR_INVALID, NULL, "DEL"},
		{STR_LIT("a\xC2\x85"), ERR_INVALID, NULL, "C1"},
		{STR_LIT("a\u2028"), ERR_INVALID, NULL, "line separator"},
		{STR_LIT("a\uFEFF"), ERR_INVALID, NULL, "byte order mark"},
		{STR_LIT("a\uFFFF"), ERR_INVALID, NULL, "noncharacter"},
		{STR_LIT("a\U0001FFFE"), ERR_INVALID, NULL, "noncharacter"},
		{STR_LIT("a\xFF"), ERR_INVALID, NULL, "not UTF-8"},
		{STR_LIT("a\xED\xA0\x80"), ERR_INVALID, NULL, "surrogate"},
	};
	struct arena arena;

	(void)unused;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str name = str_none();
		enum err e = mailbox_name_canonical(&arena, rows[i].in, &name);

		if (e != rows[i].expected)
			fail_msg("%.*s (%s): %s", STR_ARG(rows[i].in),
				rows[i].why, err_words(e));
		assert_int_equal(mailbox_name_is_canonical(rows[i].in),
			!e && str_eq(name, rows[i].in));
		if (e)
			continue;
		assert_str(name, rows[i].name);
		assert_true(mailbox_name_is_canonical(name));
	}
	arena_fini(&arena);
}

static void test_bounds(void **unused)
{
	struct arena arena;
	struct buf deep = BUF_UNBOUNDED, wide = BUF_UNBOUNDED;
	str name;

	(void)unused;
	arena_init(&arena, 1 << 20);
	for (int i = 0; i < MAILBOX_DEPTH_MAX; i++)
		buf_add_c(&deep, i ? "/a" : "a");
	assert_ok(mailbox_name_canonical(&arena, buf_str(&deep), &name));
	assert_int_equal(
		mailbox_name_rebase(&arena, name, STR("a"), STR("b/c"), &name),
		ERR_TOOBIG);
	buf_add_c(&deep, "/a");
	assert_int_equal(mailbox_name_canonical(&arena, buf_str(&deep), &name),
		ERR_TOOBIG);
	while (wide.n < MAILBOX_NAME_MAX)
		buf_add_c(&wide, "e\u0301aa");
	assert_int_equal(wide.n, MAILBOX_NAME_MAX);
	assert_ok(mailbox_name_canonical(&arena, buf_str(&wide), &name));
	assert_int_equal(name.n, MAILBOX_NAME_MAX / 5 * 4);
	while (wide.n < 3 * MAILBOX_NAME_MAX)
		buf_add_byte(&wide, 'a');
	for (size_t n = MAILBOX_NAME_MAX + 500; n < wide.n; n += 100)
		assert_int_equal(mailbox_name_canonical(&arena,
					 str_take(buf_str(&wide), n), &name),
			ERR_TOOBIG);
	buf_fini(&deep);
	buf_fini(&wide);
	arena_fini(&arena);
}

static void test_hierarchy(void **unused)
{
	struct arena arena;
	str name;

	(void)unused;
	arena_init(&arena, 1 << 20);
	assert_str(mailbox_name_parent(STR("a/b/c")), "a/b");
	assert_str(mailbox_name_parent(STR("a")), "");
	assert_str(mailbox_name_leaf(STR("a/b/c")), "c");
	assert_str(mailbox_name_leaf(STR("a")), "a");
	assert_int_equal(mailbox_name_depth(STR("a/b/c")), 3);
	assert_true(mailbox_name_is_below(STR("a/b/c"), STR("a")));
	assert_true(mailbox_name_is_below(STR("a/b/c"), STR("a/b")));
	assert_false(mailbox_name_is_below(STR("a"), STR("a")));
	assert_false(mailbox_name_is_below(STR("ab"), STR("a")));
	assert_false(mailbox_name_is_below(STR("b/a"), STR("a")));
	assert_ok(mailbox_name_rebase(
		&arena, STR("a/b"), STR("a"), STR("x/y"), &name));
	assert_str(name, "x/y/b");
	assert_ok(mailbox_name_rebase(
		&arena, STR("a"), STR("a"), STR("x"), &name));
	assert_str(name, "x");
	assert_true(mailbox_name_is_inbox(STR("inBOX")));
	assert_false(mailbox_name_is_inbox(STR("INBOX/a")));
	arena_fini(&arena);
}

static void test_utf7(void **unused)
{
	static const struct {
		const char *utf7, *utf8, *why;
	} good[] = {
		{"", "", ""},
		{"INBOX", "INBOX", ""},
		{"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語",
			"RFC 3501 section 5.1.3"},
		{"&-", "&", ""},
		{"&-&-", "&&", ""},
		{"a&-b", "a&b", ""},
		{"&AOk-", "é", ""},
		{"&AOk-&-", "é&", "& after base64"},
		{"&AOk-a&AOk-", "éaé", ""},
		{"&Jjo-!", "☺!", "RFC 3501's remedy"},
		{"&2D3eAA-", "😀", "surrogates"},
		{"&AAo-", "\n", "controls are not direct"},
		{"+-", "+-", "UTF-7's own shift means nothing"},
	};
	static const struct {
		const char *utf7, *why;
	} bad[] = {
		{"&", "no end"},
		{"&AOk", "no end"},
		{"&Jjo!", "RFC 3501: implicit shift"},
		{"&U,BTFw-&ZeVnLIqe-", "RFC 3501: superfluous shift"},
		{"&AGE-", "printable in base64"},
		{"&AOkAYQ-", "printable at the end"},
		{"&ACY-", "ampersand in base64"},
		{"&AOl-", "unused bits"},
		{"&AOkA-", "too many bits"},
		{"&A-", "no unit"},
		{"&2D0-", "half a pair"},
		{"&3gDYPQ-", "pair reversed"},
		{"&2D3YPQ-", "two first halves"},
		{"&AO/-", "slash is not a digit here"},
		{"&AOk=-", "padding"},
		{"\xC3\xA9", "8 bit"},
		{"a\tb", "control"},
		{"a\x7F", "DEL"},
	};
	struct buf out = BUF_UNBOUNDED;

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		buf_reset(&out);
		mailbox_name_add_utf7(&out, str_c(good[i].utf8));
		assert_str(buf_str(&out), good[i].utf7);
		buf_reset(&out);
		if (mailbox_name_decode_utf7(&out, str_c(good[i].utf7)))
			fail_msg("%s: %s", good[i].utf7, good[i].why);
		assert_str(buf_str(&out), good[i].utf8);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		buf_reset(&out);
		if (!mailbox_name_decode_utf7(&out, str_c(bad[i].utf7)))
			fail_msg("%s: %s", bad[i].utf7, bad[i].why);
	}
	buf_fini(&out);
}

static void test_utf7_every_code_point(void **unused)
{
	struct buf utf8 = BUF_UNBOUNDED, utf7 = BUF_UNBOUNDED,
		   back = BUF_UNBOUNDED;

	(void)unused;
	for (uint32_t c = 0; c <= 0x10FFFF; c++) {
		if (c >= 0xD800 && c <= 0xDFFF)
			continue;
		buf_reset(&utf8);
		buf_reset(&utf7);
		buf_reset(&back);
		buf_add_byte(&utf8, 'x');
		utf8_add(&utf8, c);
		mailbox_name_add_utf7(&utf7, buf_str(&utf8));
		if (mailbox_name_decode_utf7(&back, buf_str(&utf7)) ||
			!str_eq(buf_str(&back), buf_str(&utf8)))
			fail_msg("U+%04X", c);
	}
	buf_fini(&utf8);
	buf_fini(&utf7);
	buf_fini(&back);
}

static void test_patterns(void **unused)
{
	static const struct {
		const char *pattern, *name;
		bool matches, below;
	} rows[] = {
		{"*", "a", true, true},
		{"*", "a/b", true, true},
		{"%", "a", true, false},
		{"%", "a/b", false, false},
		{"%/%", "a/b", true, false},
		{"%/%", "a", false, true},
		{"a/%", "a/b", true, false},
		{"a/%", "a/b/c", false, false},
		{"a/*", "a/b/c", true, true},
		{"a/*", "a", false, true},
		{"a*", "a", true, true},
		{"*c", "a/b/c", true, true},
		{"*c", "a/b/cd", false, true},
		{"%c", "abc", true, false},
		{"a%c%e", "abcde", true, false},
		{"a%c%e", "ab/cde", false, false},
		{"a*c%e", "ab/cc/ce", true, true},
		{"a*c%e", "ab/cc/c/e", false, true},
		{"*a*b*", "xxaxxbxx", true, true},
		{"a", "a", true, false},
		{"a", "A", false, false},
		{"a", "ab", false, false},
		{"ab", "a", false, false},
		{"a/b", "a", false, true},
		{"inbox", "INBOX", true, false},
		{"iNb%", "INBOX", true, false},
		{"inbox/%", "INBOX/Sent", true, false},
		{"INBOX/sent", "INBOX/Sent", false, false},
		{"inboxes", "INBOXES", false, false},
		{"%", "", true, false},
		{"", "", true, false},
		{"", "a", false, false},
		{"%é", "caf\xC3\xA9", true, false},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str name = str_c(rows[i].name),
		    pattern = str_c(rows[i].pattern);

		if (mailbox_name_matches(name, pattern) != rows[i].matches)
			fail_msg("%s on %s", rows[i].pattern, rows[i].name);
		if (mailbox_name_may_match_below(name, pattern) !=
			rows[i].below)
			fail_msg("%s below %s", rows[i].pattern, rows[i].name);
	}
}

static void test_pattern_canonical(void **unused)
{
	static const struct {
		const char *reference, *pattern, *expected;
	} rows[] = {
		{"", "*", "*"},
		{"a/", "%", "a/%"},
		{"", "a**b%%c*%d%*e", "a*b%c*d*e"},
		{"", "e\u0301%", "é%"},
		{"e", "\u0301", "é"},
	};
	struct arena arena;
	struct buf longest = BUF_UNBOUNDED;
	str pattern;

	(void)unused;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_ok(mailbox_pattern_canonical(&arena,
			str_c(rows[i].reference), str_c(rows[i].pattern),
			&pattern));
		assert_str(pattern, rows[i].expected);
	}
	assert_int_equal(mailbox_pattern_canonical(
				 &arena, STR(""), STR("\xFF"), &pattern),
		ERR_INVALID);
	while (longest.n <= MAILBOX_NAME_MAX)
		buf_add_c(&longest, "a*");
	assert_int_equal(mailbox_pattern_canonical(
				 &arena, STR(""), buf_str(&longest), &pattern),
		ERR_TOOBIG);
	/* The worst of patterns on the worst of names. */
	buf_truncate(&longest, MAILBOX_NAME_MAX - 1);
	buf_add_byte(&longest, 'b');
	assert_ok(mailbox_pattern_canonical(
		&arena, STR(""), buf_str(&longest), &pattern));
	char name[MAILBOX_NAME_MAX];
	memset(name, 'a', sizeof name);
	assert_false(mailbox_name_matches(str_of(name, sizeof name), pattern));
	buf_fini(&longest);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_hierarchy),
		cmocka_unit_test(test_utf7),
		cmocka_unit_test(test_utf7_every_code_point),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_pattern_canonical),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
