/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "message/dovecot.h"
#include "message/eol.h"
#include "message/flags.h"

#define NONE UINT64_MAX

static const struct {
	const char *file;
	const char *unique; /* NULL: not a message */
	uint64_t flags;
	uint32_t keywords;
	bool is_forwarded;
	uint64_t size, wire_size;
	int64_t delivered;
	const char *why;
} names[] = {
	{"1700000000.M1P2.host,S=1234,W=1260:2,FRSa",
		"1700000000.M1P2.host,S=1234,W=1260",
		FLAG_FLAGGED | FLAG_ANSWERED | FLAG_SEEN, 1, false, 1234, 1260,
		1700000000, "Dovecot's"},
	{"1.a.b:2,DFPRSTaz", "1.a.b",
		FLAG_DRAFT | FLAG_FLAGGED | FLAG_ANSWERED | FLAG_SEEN |
			FLAG_DELETED,
		1u | 1u << 25, true, NONE, NONE, 1, "all"},
	{"1.a.b", "1.a.b", 0, 0, false, NONE, NONE, 1, "in new/"},
	{"1.a.b:2,", "1.a.b", 0, 0, false, NONE, NONE, 1, "no flags"},
	{"1.a.b:2,S,U=5", "1.a.b", FLAG_SEEN, 0, false, NONE, NONE, 1,
		"fields behind the flags"},
	{"1.a.b,U=5,W=7,S=x:2,SQ9", "1.a.b,U=5,W=7,S=x", FLAG_SEEN, 0, false,
		NONE, 7, 1, "mbsync's U; sizes that are none; odd letters"},
	{"1.a.b;2,F", "1.a.b", FLAG_FLAGGED, 0, false, NONE, NONE, 1,
		"no colons on that file system"},
	{"1.a:b:1,x:2,T", "1.a:b:1,x", FLAG_DELETED, 0, false, NONE, NONE, 1,
		"the last counts"},
	{"mail.eml", "mail.eml", 0, 0, false, NONE, NONE, -1, "no time"},
	{"99999999999.x", "99999999999.x", 0, 0, false, NONE, NONE, -1,
		"no time either"},
	{".hidden", NULL, 0, 0, false, 0, 0, 0, "hidden"},
	{"", NULL, 0, 0, false, 0, 0, 0, "empty"},
	{":2,S", NULL, 0, 0, false, 0, 0, 0, "flags only"},
	{"a/b", NULL, 0, 0, false, 0, 0, 0, "a path"},
};

static void test_names(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct maildir_name name;
		enum err e = maildir_name_parse(str_c(names[i].file), &name);

		assert_int_equal(e, names[i].unique ? OK : ERR_INVALID);
		if (e)
			continue;
		assert_str(name.unique, names[i].unique);
		assert_int_equal(name.flags, names[i].flags);
		assert_int_equal(name.keywords, names[i].keywords);
		assert_int_equal(name.is_forwarded, names[i].is_forwarded);
		assert_true(name.size == names[i].size);
		assert_true(name.wire_size == names[i].wire_size);
		assert_true(name.delivered == names[i].delivered);
	}
}

static void test_flags_are_written(void **unused)
{
	struct buf out = BUF_UNBOUNDED;

	(void)unused;
	maildir_name_add_flags(&out,
		FLAG_SEEN | FLAG_DRAFT | FLAG_DELETED | FLAG_FLAGGED |
			FLAG_ANSWERED,
		true, 1u << 3 | 1u);
	assert_str(buf_str(&out), ":2,DFPRSTad");
	buf_reset(&out);
	maildir_name_add_flags(&out, 0, false, 0);
	assert_str(buf_str(&out), ":2,");
	buf_fini(&out);
}

static const struct {
	const char *directory;
	const char *mailbox; /* NULL: none */
	bool both_ways;
	const char *why;
} folders[] = {
	{"", "INBOX", true, "the tree's root"},
	{".", "INBOX", false, "the same"},
	{".Sent", "Sent", true, "plain"},
	{".Archive.2025.May", "Archive/2025/May", true, "nested"},
	{".INBOX.Sub", "INBOX/Sub", true, "below INBOX"},
	{".inbox", "INBOX", false, "a second INBOX"},
	{".Entw&APw-rfe", "Entwürfe", true, "modified UTF-7"},
	{".Entwürfe", "Entwürfe", false, "Dovecot with UTF-8 names"},
	{".&ZeVnLIqe-.R&-D", "日本語/R&D", true, "several components"},
	{".R&D", "R&D", false, "not UTF-7, so it is what it is"},
	{".v1\\2e0.b", "v1.0/b", true, "listescape"},
	{".a\\5c2eb", "a\\2eb", true, "its backslash"},
	{".\\7eann.~b", "~ann/~b", true, "its tilde, at the start only"},
	{".AC\\DC", "AC\\DC", false, "a backslash that escapes nothing"},
	{".a..b", NULL, false, "an empty component"},
	{".a.", NULL, false, "an empty last one"},
	{"..", NULL, false, "the parent directory"},
	{"cur", NULL, false, "not a folder"},
	{".a/b", NULL, false, "a path"},
	{".a\xff", NULL, false, "neither UTF-7 nor UTF-8"},
};

static void test_folders(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		struct buf out = BUF_UNBOUNDED;
		struct arena arena;
		str mailbox;
		enum err e;

		arena_init(&arena, 64 * 1024);
		e = maildir_folder_decode(
			&arena, str_c(folders[i].directory), &mailbox);
		assert_int_equal(e, folders[i].mailbox ? OK : ERR_INVALID);
		if (!e)
			assert_str(mailbox, folders[i].mailbox);
		if (folders[i].both_ways) {
			maildir_folder_encode(&out, mailbox);
			assert_str(buf_str(&out), folders[i].directory);
		}
		arena_fini(&arena);
		buf_fini(&out);
	}
}

static const struct {
	const char *text;
	const char *expected;
	const char *why;
} uidlists[] = {
	{"3 V12 N30 Gabc\n25 W13 Gff :1.a,S=2:2,S\n26 :1.b x\n",
		"12 30 abc; 25 1.a,S=2 ff; 26 1.b x ; 0",
		"version 3; a name with a blank"},
	{"1 12 30\n25 1.a\n26 1.b:2,\n", "12 30 ; 25 1.a ; 26 1.b ; 0",
		"version 1"},
	{"3 V12 N5\n7 :a\n", "12 8 ; 7 a ; 0", "UIDNEXT is behind"},
	{"3 V12 N5\n3 :a\n3 :b\n2 :c\n4 :d\n", "12 5 ; 3 a ; 4 d ; 2",
		"UIDs ascend"},
	{"3 V12 N5\nx :a\n0 :b\n99999999999 :c\n4294967295 :d\n1 .e\n2 :\n"
	 "3 :.f\n\n4 :g",
		"12 5 ; 9", "lines that make no sense; a line cut off"},
	{"3 V12 N5 Xa\n", "12 5 ; 0", "fields of later versions"},
	{"3 V0 N5\n", "-", "no UIDVALIDITY"},
	{"3 V12\n", "-", "no UIDNEXT"},
	{"3 V12 N5", "-", "header cut off"},
	{"", "-", "empty"},
	{"x\n", "-", "no header"},
	{"4 V12 N5\n", "v", "a later version"},
};

static void test_uidlists(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(uidlists); i++) {
		struct buf out = BUF_UNBOUNDED;
		struct dovecot_uidlist list;
		struct dovecot_uid entry;
		enum err e =
			dovecot_uidlist_begin(&list, str_c(uidlists[i].text));

		if (e) {
			buf_add_c(&out, e == ERR_VERSION ? "v" : "-");
		} else {
			buf_addf(&out, "%u %u %.*s", list.uid_validity,
				list.uid_next, STR_ARG(list.guid));
			while (dovecot_uidlist_next(&list, &entry))
				buf_addf(&out, "; %u %.*s %.*s", entry.uid,
					STR_ARG(entry.unique),
					STR_ARG(entry.guid));
			buf_addf(&out, "; %zu", list.skipped);
		}
		assert_str(buf_str(&out), uidlists[i].expected);
		buf_fini(&out);
	}
}

static void test_keywords(void **unused)
{
	str keywords[MAILDIR_KEYWORDS];

	(void)unused;
	dovecot_keywords_parse(
		STR("0 $Forwarded\n25 z\n26 much\nx y\n1 a b\n2\n3 c"),
		keywords);
	assert_str(keywords[0], "$Forwarded");
	assert_str(keywords[25], "z");
	assert_str(keywords[1], "a b");
	assert_str(keywords[2], "");
	assert_str(keywords[3], "c");
	assert_str(keywords[4], "");
}

static const struct {
	const char *text;
	char separator;
	const char *expected;
	const char *why;
} subscriptions[] = {
	{"Sent\nArchive.2025\nEntw&APw-rfe\n", '.',
		"Sent;Archive/2025;Entwürfe;", "Maildir++"},
	{"Sent\r\nINBOX\nA..B\n\nx", '.', "Sent;INBOX;x;",
		"CRLF, a bad name, no last line end"},
	{"Archive/2025\nv1.0\n", '/', "Archive/2025;v1.0;", "LAYOUT=fs"},
	{"V\t2\n\nArchive\t2025\nv1.0\n", '.', "Archive/2025;v1.0;",
		"version 2"},
	{"", '.', "", "empty"},
};

static void test_subscriptions(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(subscriptions); i++) {
		struct buf out = BUF_UNBOUNDED;
		struct dovecot_subscriptions s;
		struct arena arena;
		str mailbox;

		arena_init(&arena, 64 * 1024);
		dovecot_subscriptions_begin(&s, str_c(subscriptions[i].text),
			subscriptions[i].separator);
		while (dovecot_subscriptions_next(&s, &arena, &mailbox))
			buf_addf(&out, "%.*s;", STR_ARG(mailbox));
		assert_str(buf_str(&out), subscriptions[i].expected);
		arena_fini(&arena);
		buf_fini(&out);
	}
}

static const struct {
	const char *bytes;
	const char *expected;
	const char *why;
} ends[] = {
	{"a\nb\n", "a\r\nb\r\n", "LF"},
	{"a\r\nb\r\n", "a\r\nb\r\n", "CRLF stays"},
	{"a\rb\r\r\nc", "a\rb\r\r\nc", "a lone CR stays"},
	{"\n\n\r\n", "\r\n\r\n\r\n", "blank lines"},
	{"", "", "nothing"},
	{"a\r", "a\r", "CR at the end"},
};

static void test_line_ends(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		str all = str_c(ends[i].bytes);

		for (size_t chunk = 1; chunk <= all.n + 1; chunk++) {
			struct buf out = BUF_UNBOUNDED;
			struct eol eol = {0};

			for (str rest = all; rest.n;
				rest = str_skip(rest, chunk))
				eol_add(&eol, &out, str_take(rest, chunk));
			assert_str(buf_str(&out), ends[i].expected);
			buf_fini(&out);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_flags_are_written),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_uidlists),
		cmocka_unit_test(test_keywords),
		cmocka_unit_test(test_subscriptions),
		cmocka_unit_test(test_line_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
