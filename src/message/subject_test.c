/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/buf.h"
#include "message/msgid.h"
#include "message/subject.h"

static const struct {
	const char *in, *expected;
	bool reply;
	const char *why;
} subjects[] = {
	{"hello", "hello", false, "plain"},
	{"  hello \t  world ", "hello world", false, "(1) blanks"},
	{"Re: hello", "hello", true, "subj-refwd"},
	{"re : hello", "hello", true, "*WSP before the colon"},
	{"FWD: fw: Re:hello", "hello", true, "again and again"},
	{"Re[2]: hello", "hello", true, "a blob before the colon"},
	{"Re [list] : hello", "hello", true, "blanks around it"},
	{"hello (fwd)", "hello", true, "subj-trailer"},
	{"hello (fwd) (FWD)  ", "hello", true, "trailers"},
	{"[list] hello", "hello", false, "(4) a blob is no reply"},
	{"[a] [b] Re: [c] hello", "hello", true, "blobs before and after"},
	{"[list]", "[list]", false, "a blob alone is the base"},
	{"[a] [b]", "[b]", false, "the last blob is the base"},
	{"Re: [a]", "[a]", true, "likewise after a leader"},
	{"[fwd: hello]", "hello", true, "(6)"},
	{"[Fwd: Re: [x] hello (fwd)]", "hello", true, "(6), then all again"},
	{"[fwd: [fwd: a]]", "a", true, "(6) twice"},
	{"[a] [fwd: b]", "b", true, "a blob, then (6)"},
	{"[fwd: a] b", "b", false, "here it is a blob"},
	{"[unclosed hello", "[unclosed hello", false, "not a blob"},
	{"Reply: hello", "Reply: hello", false, "not a leader"},
	{"re", "re", false, "no colon"},
	{"Re:", "", true, "nothing left"},
	{"(fwd)", "", true, "nothing left"},
	{"", "", false, "empty"},
	{"[\xc3\xa4] b", "b", false, "BLOBCHAR includes 8-bit"},
	{"Fwd: Re: [a][b] [c] d [e]", "d [e]", true, "a blob inside stays"},
	{"Aw: hello", "Aw: hello", false, "only what the RFC says"},
};

static void test_subjects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(subjects); i++) {
		struct arena arena;
		bool reply;
		arena_init(&arena, 100000);
		str base = subject_base(&arena, str_c(subjects[i].in), &reply);
		if (!str_eq_c(base, subjects[i].expected) ||
			reply != subjects[i].reply)
			print_error(
				"%s (%s)\n", subjects[i].in, subjects[i].why);
		assert_str(base, subjects[i].expected);
		assert_int_equal(reply, subjects[i].reply);
		arena_fini(&arena);
	}
}

static const struct {
	const char *in, *expected, *why;
} ids[] = {
	{"<a@b>", "a@b|", "one"},
	{"<a@b> <c@d>\r\n <e@f>", "a@b|c@d|e@f|", "folded"},
	{"<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>",
		"01KF8JCEOCBS0045PS@xxx.yyy.com|", "RFC 5256's example"},
	{"<\"a\\\"> b\"@c>", "a\"> b@c|", "quoted pair and > inside quotes"},
	{"Your message of \"Mon\" <a@b> and <c@d>", "a@b|c@d|", "words"},
	{"<a@\r\n b>", "a@b|", "folded inside"},
	{"<a@b><c@d>", "a@b|c@d|", "no blank between"},
	{"<> <a>", "a|", "an empty id is none; @ may be missing"},
	{"<a@b", "", "not closed"},
	{"a@b", "", "no brackets"},
	{"", "", "nothing"},
};

static void test_ids(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		struct buf out = BUF_UNBOUNDED;
		str rest = str_c(ids[i].in);
		while (msgid_next(&rest, &out))
			buf_add_byte(&out, '|');
		if (!str_eq_c(buf_str(&out), ids[i].expected))
			print_error("%s (%s)\n", ids[i].in, ids[i].why);
		assert_str(buf_str(&out), ids[i].expected);
		buf_fini(&out);
	}
}

static void test_message_id(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{"<a@b>", "a@b"},
		{" a@b ", "a@b"},
		{"two words", ""},
		{"<a@b", ""},
		{"<a@b> <c@d>", "a@b"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = BUF_UNBOUNDED;
		msgid_add(&out, str_c(rows[i][0]));
		assert_str(buf_str(&out), rows[i][1]);
		buf_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_message_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
