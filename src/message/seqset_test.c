/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "message/seqset.h"

static void test_parse(void **unused)
{
	static const struct {
		const char *in;
		size_t taken; /* 0: refused */
		const char *why;
	} rows[] = {
		{"1", 1, ""},
		{"*", 1, ""},
		{"$", 1, ""},
		{"1:*", 3, ""},
		{"*:4", 3, ""},
		{"2,4:7,9,12:*", 12, "RFC 9051 section 9"},
		{"4294967295", 10, "the largest"},
		{"3:1 rest", 3, "stops at a blank"},
		{"0", 0, ""},
		{"01", 0, "nz-number begins with another digit"},
		{"4294967296", 0, "2^32"},
		{"99999999999999999999999", 0, ""},
		{"1,", 0, ""},
		{",1", 0, ""},
		{"1:", 0, ""},
		{":1", 0, ""},
		{"", 0, ""},
		{"a", 0, ""},
		{"-1", 0, ""},
		{"$,1", 1, "$ stands alone"},
		{"1,$", 0, "$ stands alone"},
		{"1:2:3", 3, "the rest is somebody else's"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cursor c = cursor_of(str_c(rows[i].in));
		struct buf out = BUF_UNBOUNDED;
		struct arena arena;

		arena_init(&arena, 1 << 16);
		struct seqset s = seqset_parse(&c, &arena);
		if (cursor_ok(&c) != (rows[i].taken > 0))
			fail_msg("%s %s", rows[i].in, rows[i].why);
		seqset_print(&out, &s);
		assert_true(str_eq(
			buf_str(&out), str_of(rows[i].in, rows[i].taken)));
		buf_fini(&out);
		arena_fini(&arena);
	}
}

static void test_numbers(void **unused)
{
	static const struct {
		const char *in;
		uint32_t largest;
		const char *expected;
		bool exceeds;
	} rows[] = {
		{"1", 5, "1", false},
		{"*", 5, "5", false},
		{"3:*", 5, "3:5", false},
		{"*:3", 5, "3:5", false},
		{"559:*", 7, "7", true},
		{"3,1:4294967295", 7, "1:7", true},
		{"5:2,1", 5, "1:5", false},
		{"9", 5, "", true},
		{"*", 0, "", true},
		{"1:*", 0, "", true},
		{"1", 0, "", true},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cursor c = cursor_of(str_c(rows[i].in));
		struct buf out = BUF_UNBOUNDED;
		struct uidset set = UIDSET_EMPTY;
		struct arena arena;

		arena_init(&arena, 1 << 16);
		struct seqset s = seqset_parse(&c, &arena);
		seqset_add_to(&s, rows[i].largest, &set);
		uidset_print(&set, &out);
		assert_str(buf_str(&out), rows[i].expected);
		assert_int_equal(
			seqset_exceeds(&s, rows[i].largest), rows[i].exceeds);
		uidset_fini(&set);
		buf_fini(&out);
		arena_fini(&arena);
	}
}

static void test_budget(void **unused)
{
	struct arena arena;
	struct buf in = BUF_UNBOUNDED;

	(void)unused;
	arena_init(&arena, 1024);
	while (in.n < 4096)
		buf_add_c(&in, "1,");
	buf_add_c(&in, "1");
	struct cursor c = cursor_of(buf_str(&in));
	struct seqset s = seqset_parse(&c, &arena);
	assert_int_equal(c.err, ERR_LIMIT);
	assert_int_equal(s.count, 0);
	buf_fini(&in);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
