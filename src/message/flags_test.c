/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "message/flags.h"

static void test_names(void **unused)
{
	(void)unused;
	assert_int_equal(flags_system_bit(STR("\\Seen")), FLAG_SEEN);
	assert_int_equal(flags_system_bit(STR("\\DELETED")), FLAG_DELETED);
	assert_int_equal(flags_system_bit(STR("\\Recent")), 0);
	assert_int_equal(flags_system_bit(STR("Seen")), 0);
	for (uint64_t bit = 1; bit <= FLAGS_SYSTEM; bit <<= 1)
		assert_int_equal(flags_system_bit(flags_system_name(bit)), bit);
	assert_true(str_is_none(flags_system_name(1 << 5)));
	assert_str(flags_keyword_spelling(STR("$mdnsent")), "$MDNSent");
	assert_str(flags_keyword_spelling(STR("Foo")), "Foo");
	assert_true(flags_keyword_eq(STR("foo"), STR("FOO")));
}

static void test_keywords(void **unused)
{
	static const struct {
		const char *in;
		bool valid;
	} rows[] = {
		{"$Forwarded", true},
		{"a", true},
		{"NonJunk", true},
		{"a.b-c_d:e/f", true},
		{"[x", true},
		{"", false},
		{"a b", false},
		{"a\\b", false},
		{"\\Foo", false},
		{"(a", false},
		{"a)", false},
		{"a]", false},
		{"{1}", false},
		{"a*", false},
		{"a%", false},
		{"\"a\"", false},
		{"caf\xC3\xA9", false},
		{"a\tb", false},
		{"a\x7F", false},
	};
	char longest[FLAGS_KEYWORD_LENGTH_MAX + 1];

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (flags_keyword_is_valid(str_c(rows[i].in)) != rows[i].valid)
			fail_msg("%s", rows[i].in);
	memset(longest, 'a', sizeof longest);
	assert_true(flags_keyword_is_valid(
		str_of(longest, FLAGS_KEYWORD_LENGTH_MAX)));
	assert_false(flags_keyword_is_valid(str_of(longest, sizeof longest)));
}

static void test_list(void **unused)
{
	static const char *const names[] = {"\\seen", "foo", "$forwarded",
		"FOO", "\\Draft", "\\recent", "\\Seen"};
	struct flag_list list = {0};
	struct arena arena;
	struct buf out = BUF_UNBOUNDED;

	(void)unused;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_ok(flag_list_add(&arena, &list, str_c(names[i])));
	assert_int_equal(list.system, FLAG_SEEN | FLAG_DRAFT);
	assert_true(list.recent);
	assert_int_equal(list.count, 2);
	flag_list_print(&out, &list);
	assert_str(buf_str(&out), "\\Seen \\Draft \\Recent foo $Forwarded");
	assert_int_equal(
		flag_list_add(&arena, &list, STR("\\Foo")), ERR_INVALID);
	assert_int_equal(flag_list_add(&arena, &list, STR("")), ERR_INVALID);
	while (list.count < FLAGS_KEYWORD_MAX)
		assert_ok(flag_list_add(
			&arena, &list, arena_strf(&arena, "k%zu", list.count)));
	assert_int_equal(flag_list_add(&arena, &list, STR("more")), ERR_LIMIT);
	assert_ok(flag_list_add(&arena, &list, STR("K9")));
	buf_fini(&out);
	arena_fini(&arena);
}

static void test_print(void **unused)
{
	const str keywords[] = {STR("a"), str_none(), STR("c"), STR("")};
	static const struct {
		uint64_t flags;
		bool recent;
		const char *expected;
	} rows[] = {
		{0, false, ""},
		{0, true, "\\Recent"},
		{FLAGS_SYSTEM, false,
			"\\Answered \\Flagged \\Deleted \\Seen \\Draft"},
		{FLAG_SEEN | UINT64_C(1) << 8, true, "\\Seen \\Recent a"},
		{UINT64_C(15) << 8, false, "a c"},
		{UINT64_MAX << 11, false, ""},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = BUF_UNBOUNDED;

		flags_print(&out, rows[i].flags, rows[i].recent, keywords,
			COUNT_OF(keywords));
		assert_str(buf_str(&out), rows[i].expected);
		buf_fini(&out);
	}
	assert_true(flags_keyword_bit(0) == 1 << 8);
	assert_true(
		flags_keyword_bit(FLAGS_KEYWORD_MAX - 1) == UINT64_C(1) << 63);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_keywords),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
