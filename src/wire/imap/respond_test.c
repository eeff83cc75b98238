/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "wire/imap/capability.h"
#include "wire/imap/parse.h"
#include "wire/imap/respond.h"

#include <stdlib.h>

/* What the call appended. */
#define assert_put(expected, call)                                             \
	do {                                                                   \
		struct buf *out = &(struct buf){.max = SIZE_MAX};              \
		call;                                                          \
		assert_str(buf_str(out), expected);                            \
		buf_fini(out);                                                 \
	} while (0)

static void test_strings(void **unused)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *string, *string_utf8, *astring;
	} rows[] = {
		{"", 0, "\"\"", "\"\"", "\"\""},
		{"foo]", 4, "\"foo]\"", "\"foo]\"", "foo]"},
		{"a b", 3, "\"a b\"", "\"a b\"", "\"a b\""},
		{"a*", 2, "\"a*\"", "\"a*\"", "\"a*\""},
		{"nil", 3, "\"nil\"", "\"nil\"", "\"nil\""},
		{"a\"\\", 3, "\"a\\\"\\\\\"", "\"a\\\"\\\\\"", "\"a\\\"\\\\\""},
		{"a\rb", 3, "{3}\r\na\rb", "{3}\r\na\rb", "{3}\r\na\rb"},
		{"a\nb", 3, "{3}\r\na\nb", "{3}\r\na\nb", "{3}\r\na\nb"},
		{"a\0b", 3,
			"{3}\r\na\x80"
			"b",
			"{3}\r\na\x80"
			"b",
			"{3}\r\na\x80"
			"b"},
		{"\xc3\xa9", 2, "{2}\r\n\xc3\xa9", "\"\xc3\xa9\"",
			"{2}\r\n\xc3\xa9"},
		{"\xe9", 1, "{1}\r\n\xe9", "{1}\r\n\xe9", "{1}\r\n\xe9"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str s = str_of(rows[i].bytes, rows[i].n);

		assert_put(rows[i].string, imap_put_string(out, s, false));
		assert_put(rows[i].string, imap_put_nstring(out, s, false));
		assert_put(rows[i].string_utf8, imap_put_string(out, s, true));
		assert_put(rows[i].astring, imap_put_astring(out, s, false));
	}
	assert_put("NIL", imap_put_nstring(out, str_none(), false));
	assert_put("~{5}\r\n", imap_put_literal8(out, 5));
}

static void test_mailboxes(void **unused)
{
	(void)unused;
	assert_put("INBOX", imap_put_mailbox(out, STR("INBOX"), false));
	assert_put("&AOk-/x", imap_put_mailbox(out, STR("\xc3\xa9/x"), false));
	assert_put("\"\xc3\xa9/x\"",
		imap_put_mailbox(out, STR("\xc3\xa9/x"), true));
	assert_put("a&-b", imap_put_mailbox(out, STR("a&b"), false));
	assert_put("a&b", imap_put_mailbox(out, STR("a&b"), true));
	assert_put("\"a b\"", imap_put_mailbox(out, STR("a b"), false));
}

static void test_flags_sets_dates(void **unused)
{
	static const str keywords[] = {STR_LIT("foo"), STR_LIT("$Junk")};
	struct uidset a = UIDSET_EMPTY, b = UIDSET_EMPTY;
	struct date date = {0, 60};

	(void)unused;
	assert_put("()", imap_put_flags(out, 0, false, NULL, 0));
	assert_put("(\\Seen $Junk)",
		imap_put_flags(out, FLAG_SEEN | flags_keyword_bit(1), false,
			keywords, 2));
	assert_put("\" 1-Jan-1970 01:00:00 +0100\"",
		imap_put_date_time(out, date));
	uidset_add_range(&a, 304, 304);
	uidset_add_range(&a, 319, 320);
	uidset_add_range(&b, 3956, 3958);
	assert_put("304,319:320", imap_put_set(out, &a));
	assert_put("[APPENDUID 38505 3956:3958] ",
		imap_put_appenduid(out, 38505, &b));
	assert_put("[COPYUID 38505 304,319:320 3956:3958] ",
		imap_put_copyuid(out, 38505, &a, &b));
	uidset_clear(&b);
	assert_put("", imap_put_appenduid(out, 38505, &b));
	assert_put("", imap_put_copyuid(out, 38505, &a, &b));
	uidset_fini(&a);
}

static void test_sections(void **unused)
{
	static const struct {
		const char *item, *name;
	} rows[] = {
		{"BODY.PEEK[]", "BODY[]"},
		{"body[1.2.header.fields (a \"b c\")]<5.10>",
			"BODY[1.2.HEADER.FIELDS (a \"b c\")]<5>"},
		{"BINARY.PEEK[1]<0.5>", "BINARY[1]<0>"},
		{"BINARY.SIZE[2.1]", "BINARY.SIZE[2.1]"},
		{"RFC822", "RFC822"},
		{"RFC822.HEADER", "RFC822.HEADER"},
		{"RFC822.TEXT", "RFC822.TEXT"},
		{"BODY[3.MIME]", "BODY[3.MIME]"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		struct imap_command cmd;

		arena_init(&arena, 65536);
		assert_ok(imap_parse(&arena,
			arena_strf(&arena, "a FETCH 1 %s", rows[i].item), false,
			&cmd));
		assert_put(rows[i].name,
			imap_put_section(out, cmd.fetch.sections, false));
		arena_fini(&arena);
	}
}

static void test_text(void **unused)
{
	(void)unused;
	assert_put("a  b?", imap_put_text(out, STR("a\r\nb\xe9"), true));
	assert_put("\xc3\xa9", imap_put_text(out, STR("\xc3\xa9"), true));
	assert_put("??", imap_put_text(out, STR("\xc3\xa9"), false));
	assert_put("ALERT] x", imap_put_text(out, STR("[[ALERT] x"), false));
}

static void test_results(void **unused)
{
	static const struct {
		enum imap_verb verb;
		enum err err;
		const char *starts;
	} rows[] = {
		{IMAP_SELECT, ERR_NOTFOUND, "a NO [NONEXISTENT] "},
		{IMAP_SELECT, ERR_INVALID, "a NO [NONEXISTENT] "},
		{IMAP_CREATE, ERR_EXISTS, "a NO [ALREADYEXISTS] "},
		{IMAP_CREATE, ERR_INVALID, "a NO [CANNOT] "},
		{IMAP_COPY, ERR_NOTFOUND, "a NO [TRYCREATE] "},
		{IMAP_COPY, ERR_EXPUNGED, "a NO [EXPUNGEISSUED] "},
		{IMAP_APPEND, ERR_NOTFOUND, "a NO [TRYCREATE] "},
		{IMAP_APPEND, ERR_QUOTA, "a NO [OVERQUOTA] "},
		{IMAP_APPEND, ERR_TOOBIG, "a NO [TOOBIG] "},
		{IMAP_REPLACE, ERR_NOTFOUND, "a NO [TRYCREATE] "},
		{IMAP_REPLACE, ERR_EXPUNGED, "a NO [EXPUNGEISSUED] "},
		{IMAP_DELETE, ERR_HASCHILDREN, "a NO [HASCHILDREN] "},
		{IMAP_SEARCH, ERR_CHARSET,
			"a NO [BADCHARSET (UTF-8 US-ASCII)] "},
		{IMAP_FETCH, ERR_CTE, "a NO [UNKNOWN-CTE] "},
		{IMAP_FETCH, ERR_INVALID, "a BAD "},
		{IMAP_LOGIN, ERR_AUTH, "a NO [AUTHENTICATIONFAILED] "},
		{IMAP_LOGIN, ERR_DENIED, "a NO [AUTHORIZATIONFAILED] "},
		{IMAP_RENAME, ERR_DENIED, "a NO [NOPERM] "},
		{IMAP_STORE, ERR_READONLY, "a NO [READ-ONLY] "},
		{IMAP_NOOP, ERR_CORRUPT, "a NO [CORRUPTION] "},
		{IMAP_NOOP, ERR_UNAVAILABLE, "a NO [UNAVAILABLE] "},
		{IMAP_NOOP, (enum err)999, "a NO [SERVERBUG] "},
	};
	struct buf line = BUF_UNBOUNDED;

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		buf_reset(&line);
		imap_put_error(&line, STR("a"), rows[i].verb, rows[i].err);
		assert_str(str_take(buf_str(&line), strlen(rows[i].starts)),
			rows[i].starts);
		assert_true(str_ends(buf_str(&line), STR("\r\n")));
	}
	buf_fini(&line);
	assert_put("a OK done\r\n", imap_put_ok(out, STR("a"), "done"));
	assert_put("* ID NIL\r\n", imap_put_id(out, "", "1"));
	assert_put("* ID (\"name\" \"a\\\"b\")\r\n",
		imap_put_id(out, "a\"b", NULL));
	assert_put("* ID (\"name\" \"x\" \"version\" \"1\")\r\n",
		imap_put_id(out, "x", "1"));
	assert_put("* BAD what\r\n", imap_put_bad(out, str_none(), "what"));
}

/* Every meaning has words of its own; SERVERBUG is for what is none. */
static void test_all_errors(void **unused)
{
	static const enum err all[] = {
#define X(name, text) name,
		ERR_TABLE(X)
#undef X
	};

	(void)unused;
	for (size_t i = 1; i < COUNT_OF(all); i++) {
		struct buf out = BUF_UNBOUNDED;

		imap_put_error(&out, STR("a"), IMAP_NOOP, all[i]);
		assert_int_equal(
			str_find(buf_str(&out), STR("SERVERBUG")), out.n);
		buf_fini(&out);
	}
}

static void test_parse_errors(void **unused)
{
	static const struct {
		const char *text, *answer;
	} rows[] = {
		{"a FOO", "a BAD Unknown command\r\n"},
		{"", "* BAD Expected a tag at byte 1\r\n"},
		{"a SELECT", "a BAD Expected a space at byte 9\r\n"},
		{"a SEARCH CHARSET x-none ALL",
			"a NO [BADCHARSET (UTF-8 US-ASCII)] The charset is not "
			"known\r\n"},
		{"a LIST (FOO) \"\" *",
			"a BAD Expected a selection option at byte 9\r\n"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		struct imap_command cmd;
		enum err e;

		arena_init(&arena, 65536);
		e = imap_parse(&arena, str_c(rows[i].text), false, &cmd);
		assert_put(rows[i].answer, imap_put_parse_error(out, &cmd, e));
		arena_fini(&arena);
	}
}

static void test_table(void **unused)
{
	const struct imap_capability_view view = {.tls_available = true};
	const struct imap_capability_view authenticated = {
		.authenticated = true, .tls = true, .unauthenticate = true};
	struct buf caps = BUF_UNBOUNDED;

	(void)unused;
	buf_add_c(&caps, " ");
	imap_put_capabilities(&caps, &view);
	buf_add_c(&caps, " ");
	imap_put_capabilities(&caps, &authenticated);
	buf_add_c(&caps, " ");
	for (int v = IMAP_UNKNOWN + 1; v < IMAP_VERB_COUNT; v++) {
		const struct imap_command_row *row =
			imap_command_row((enum imap_verb)v);
		struct buf word = BUF_UNBOUNDED;

		assert_int_equal(row->verb, v);
		assert_ptr_equal(imap_command_find(row->name), row);
		assert_int_not_equal(row->states, 0);
		if (row->capability) {
			buf_addf(&word, " %s ", row->capability);
			if (str_find(buf_str(&caps), buf_str(&word)) == caps.n)
				fail_msg(
					"%s is not announced", row->capability);
		}
		buf_fini(&word);
	}
	assert_int_equal(imap_command_find(STR(""))->verb, IMAP_UNKNOWN);
	buf_fini(&caps);
}

static void test_may_expunge(void **unused)
{
	static const struct {
		const char *text;
		bool expected;
	} rows[] = {
		{"a NOOP", true},
		{"a FETCH 1 FLAGS", false},
		{"a STORE 1 FLAGS x", false},
		{"a SEARCH ALL", false},
		{"a UID FETCH 1 FLAGS", true},
		{"a UID STORE 1 FLAGS x", true},
		{"a UID SEARCH ALL", true},
		{"a COPY 1 x", true},
		{"a IDLE", true},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		struct imap_command cmd;

		arena_init(&arena, 65536);
		assert_ok(imap_parse(&arena, str_c(rows[i].text), false, &cmd));
		assert_int_equal(imap_may_expunge(&cmd), rows[i].expected);
		arena_fini(&arena);
	}
}

static void test_sequences(void **unused)
{
	static const struct {
		const char *expected;
		size_t n;
		uint32_t numbers[6];
	} rows[] = {
		{"5", 1, {5}},
		{"1:6", 6, {1, 2, 3, 4, 5, 6}},
		{"23765,23764,23763,23761", 4, {23765, 23764, 23763, 23761}},
		{"4,1:3,9,8", 6, {4, 1, 2, 3, 9, 8}},
		{"4294967294:4294967295,1:2", 4,
			{4294967294, 4294967295, 1, 2}},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = BUF_UNBOUNDED;

		imap_put_sequence(&out, rows[i].numbers, rows[i].n);
		assert_str(buf_str(&out), rows[i].expected);
		buf_fini(&out);
	}
}

static void test_threads(void **unused)
{
	/* RFC 5256, BASE.7.2.THREAD; number, parent, first, next */
	static const struct thread_node none[] = {{0}},
					one[] = {{.first = 1},
						{.number = 166, .next = 2},
						{.number = 167}},
					example[] = {{.first = 1}, {2, 0, 0, 2},
						{3, 0, 3, 0}, {6, 2, 4, 0},
						{4, 3, 5, 6}, {23, 4, 0, 0},
						{44, 3, 7, 0}, {7, 6, 8, 0},
						{96, 7, 0, 0}},
					dummy[] = {{.first = 3}, {3, 3, 0, 2},
						{5, 3, 4, 0}, {0, 0, 1, 5},
						{6, 2, 0, 0}, {7, 0, 0, 0}};
	static const struct {
		const struct thread_node *nodes;
		const char *expected;
	} rows[] = {
		{none, ""},
		{one, " (166)(167)"},
		{example, " (2)(3 6 (4 23)(44 7 96))"},
		{dummy, " ((3)(5 6))(7)"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = BUF_UNBOUNDED;

		imap_put_threads(&out, rows[i].nodes);
		assert_str(buf_str(&out), rows[i].expected);
		buf_fini(&out);
	}
}

/* 1 (2)(3 (4)(5 (6)(7 … */
static void test_deep_threads(void **unused)
{
	enum { N = 300001 };
	struct thread_node *nodes = xcalloc(N + 1, sizeof *nodes);
	struct buf out = BUF_UNBOUNDED;

	(void)unused;
	nodes[0].first = 1;
	for (uint32_t i = 1; i <= N; i++) {
		nodes[i].number = 1;
		nodes[i].parent = i == 1 ? 0 : i % 2 ? i - 2 : i - 1;
		nodes[i].first = i % 2 && i < N ? i + 1 : 0;
		nodes[i].next = i % 2 ? 0 : i + 1;
	}
	imap_put_threads(&out, nodes);
	assert_int_equal(out.n, 1 + 3 + (N - 1) / 2 * 7);
	assert_true(str_starts(buf_str(&out), STR(" (1 (1)(1 (1)(1 (1)")));
	assert_true(str_ends(buf_str(&out), STR("))))))")));
	buf_fini(&out);
	free(nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_mailboxes),
		cmocka_unit_test(test_flags_sets_dates),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_all_errors),
		cmocka_unit_test(test_parse_errors),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_sequences),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_deep_threads),
		cmocka_unit_test(test_may_expunge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
