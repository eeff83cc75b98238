/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/arena.h"
#include "base/buf.h"
#include "message/mbox.h"
#include "message/mbox_status.h"

#include <stdlib.h>

/* A file in memory, read in pieces of at most `chunk` bytes. */
struct file {
	str text;
	size_t chunk;
};

static enum err read_at(
	void *closure, uint64_t offset, char *room, size_t size, size_t *n_r)
{
	const struct file *file = closure;
	str rest = str_skip(file->text, offset);

	rest = str_take(rest, size < file->chunk ? size : file->chunk);
	memcpy(room, rest.p, rest.n);
	*n_r = rest.n;
	return OK;
}

/* Messages as "(sender){content}", the sender with "@" when there was a date;
 * then "!" when the file is bad. */
static void describe(
	str text, enum mbox_dialect dialect, size_t chunk, struct buf *out)
{
	struct file file = {text, chunk};
	struct mbox m;
	struct mbox_from from;
	enum err e;

	mbox_init(&m, (struct mbox_input){read_at, &file}, dialect);
	while ((e = mbox_next(&m, &from)) == OK) {
		str bytes;

		buf_addf(out, "(%.*s%s){", STR_ARG(from.sender),
			from.has_date ? " at" : "");
		while (mbox_read(&m, &bytes) == OK && bytes.n)
			buf_add(out, bytes);
		buf_add_c(out, "}");
	}
	if (e != ERR_NOTFOUND)
		buf_add_c(out, "!");
	mbox_fini(&m);
}

#define F "From a@b Mon Jan  1 00:00:00 2001\n"
#define H "A: b\n"

static const struct {
	enum mbox_dialect dialect;
	const char *text;
	const char *expected;
	const char *why;
} splits[] = {
	{MBOX_AUTO, "", "", "an empty file"},
	{MBOX_AUTO, "\n\r\n\n", "", "blank lines only"},
	{MBOX_AUTO, F H "\nx\n", "(a@b at){" H "\nx\n}", "one"},
	{MBOX_AUTO, F H "\nx\n\n" F H "\ny\n\n",
		"(a@b at){" H "\nx\n}(a@b at){" H "\ny\n}", "two"},
	{MBOX_AUTO, F H "\nx", "(a@b at){" H "\nx}", "no last line end"},
	{MBOX_AUTO, F H "\nx\n\n\n\n" F H "\n\n",
		"(a@b at){" H "\nx\n\n\n}(a@b at){" H "\n}",
		"one blank line is the file's, others the message's"},
	{MBOX_AUTO, F H "\n" F H, "(a@b at){" H "}(a@b at){" H "}",
		"headers only"},
	{MBOX_AUTO, F H "\nx\n" F H, "(a@b at){" H "\nx\n}(a@b at){" H "}",
		"no blank line before a dated From_ line (mailman)"},
	{MBOX_AUTO, F "\n" F H, "(a@b at){}(a@b at){" H "}",
		"an empty message"},
	{MBOX_AUTO, F F H, "(a@b at){" H "}", "two From_ lines: one message"},
	{MBOX_AUTO, "\r\n" F H, "(a@b at){" H "}", "blank lines before"},
	{MBOX_AUTO, "\xef\xbb\xbf" F H, "(a@b at){" H "}", "a byte order mark"},
	{MBOX_AUTO, "Hello\n" F H, "!", "no mbox"},
	{MBOX_AUTO, "From : a@b\nTo: c\n\nx", "!",
		"a field with a blank before its colon (RFC 5322 4.5)"},
	{MBOX_AUTO, "From \r\n" H "\r\nx\r\n\r\nFrom \r\n" H "\r\ny\r\n\r\n",
		"(){" H "\r\nx\r\n}(){" H "\r\ny\r\n}", "Thunderbird"},
	{MBOX_AUTO, "From - \n" H "\nx\n\nFrom -\n" H "\ny\n",
		"(-){" H "\nx\n}(-){" H "\ny\n}", "Netscape"},
	{MBOX_AUTO, F H "\nx\nFrom here\nB: to\n\nFrom there\nC: to\n",
		"(a@b at){" H "\nx\nFrom here\nB: to\n}(there){C: to\n}",
		"without a date only after a blank line"},
	{MBOX_AUTO, F H "\nx\nFrom - \nB: c\n",
		"(a@b at){" H "\nx\n}(-){B: c\n}", "Netscape without one"},
	{MBOX_AUTO, F H "\nx\n\nFrom here to there:\nNote: that\n",
		"(a@b at){" H "\nx\n\nFrom here to there:\nNote: that\n}",
		"words, not a sender"},
	{MBOX_AUTO, F H "\nx\n\nFrom here\nhttp://there\n",
		"(a@b at){" H "\nx\n\nFrom here\nhttp://there\n}",
		"no header after it"},
	{MBOX_AUTO, F H "\nx\nFrom Monday on, 10:00\n",
		"(a@b at){" H "\nx\nFrom Monday on, 10:00\n}", "no date"},
	{MBOX_AUTO, F H "\nx\nFrom a Thu, 17 Oct 2013 02:13:03 +0200\nB: c\n",
		"(a@b at){" H "\nx\n}(a at){B: c\n}", "Kolab's date"},
	{MBOX_AUTO, "From upi at papat.org  Wed Feb  1 19:06:04 2006\n" H,
		"(upi at papat.org at){" H "}", "mailman's sender"},
	{MBOX_AUTO, "From \"Mon ami\"@b Mon Jan  1 00:00:00 MET 2001\n" H,
		"(\"Mon ami\"@b at){" H "}", "a sender like a day; a zone"},
	{MBOX_AUTO, "From a Mon Jan  1 00:00 2001 remote from x\n" H,
		"(a at){" H "}", "UUCP; no seconds"},

	{MBOX_AUTO, F H "\n>From a\n>>From b\n> From c\nx>From d\n>Fromage\n",
		"(a@b at){" H "\nFrom a\n>From b\n> From c\nx>From d\n>Fromage"
		"\n}",
		"mboxrd"},
	{MBOX_AUTO, F ">From x\n\n>From y", "(a@b at){>From x\n\nFrom y}",
		"in the header it is old mail's, not an escape"},
	{MBOX_O, F H "\n>From a\n>>From b\n",
		"(a@b at){" H "\nFrom a\n>>From b\n}", "mboxo"},
	{MBOX_RD, F H "Content-Length: 5\n\n>From\n>From \n\n" F H,
		"(a@b at){" H "Content-Length: 5\n\n>From\nFrom \n}(a@b at)"
		"{" H "}",
		"mboxrd does not ask for lengths"},

	{MBOX_AUTO, F "Content-Length: 44\n\n>From " F "\nxx\n\n" F H,
		"(a@b at){Content-Length: 44\n\n>From " F "\nxx\n}(a@b at){" H
		"}",
		"mboxcl2: as long as it says, and nothing is an escape"},
	{MBOX_AUTO, F "Content-Length: 34\n\n" F "\n" F H,
		"(a@b at){Content-Length: 34\n\n" F "}(a@b at){" H "}",
		"a body that starts with a From_ line"},
	{MBOX_CL, F "content-length:  9 \n\n>From x\ny\n" F H,
		"(a@b at){content-length:  9 \n\nFrom x\ny\n}(a@b at){" H "}",
		"mboxcl: both; no blank line, the last line end not counted"},
	{MBOX_AUTO, F "Content-Length: 3\r\n\r\nxyz\r\n\r\n" F H,
		"(a@b at){Content-Length: 3\r\n\r\nxyz\r\n}(a@b at){" H "}",
		"the last line end is not counted (Netscape)"},
	{MBOX_AUTO, F "Content-Length: 1\n\nxyz\n\n" F H,
		"(a@b at){Content-Length: 1\n\nxyz\n}(a@b at){" H "}",
		"too short: not believed"},
	{MBOX_AUTO, F "Content-Length: 99\n\nxyz\n\n" F H,
		"(a@b at){Content-Length: 99\n\nxyz\n}(a@b at){" H "}",
		"too long: not believed"},
	{MBOX_CL2, F "Content-Length: 3\n\nx From y\n\n" F H,
		"(a@b at){Content-Length: 3\n\nx From y\n}(a@b at){" H "}",
		"ends in the middle of a line: not believed"},
	{MBOX_AUTO, F "Content-Length: 18446744073709551615\n\nx\n\n" F H,
		"(a@b at){Content-Length: 18446744073709551615\n\nx\n}"
		"(a@b at){" H "}",
		"absurd"},
	{MBOX_AUTO, F "Content-Length: 0\n\n\n" F H,
		"(a@b at){Content-Length: 0\n\n}(a@b at){" H "}", "no body"},
	{MBOX_AUTO, F "Content-Length: 4\n\nxyz\n",
		"(a@b at){Content-Length: 4\n\nxyz\n}", "up to the end"},
	{MBOX_AUTO, F "X: y\n\nContent-Length: 4\n\nxyz\n\n" F H,
		"(a@b at){X: y\n\nContent-Length: 4\n\nxyz\n}(a@b at){" H "}",
		"in the body it is nothing"},
};

static void test_splits(void **unused)
{
	static const size_t chunks[] = {1, 7, 1 << 20};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(splits); i++) {
		for (size_t k = 0; k < COUNT_OF(chunks); k++) {
			struct buf out = BUF_UNBOUNDED;

			describe(str_c(splits[i].text), splits[i].dialect,
				chunks[k], &out);
			assert_str(buf_str(&out), splits[i].expected);
			buf_fini(&out);
		}
	}
}

static void test_date_of_a_from_line(void **unused)
{
	struct file file = {STR("From x Sat Feb  6 23:42:23 2010\nA: b\n"), 99};
	struct mbox m;
	struct mbox_from from;

	(void)unused;
	mbox_init(&m, (struct mbox_input){read_at, &file}, MBOX_AUTO);
	assert_ok(mbox_next(&m, &from));
	assert_true(from.date.seconds == 1265499743);
	assert_int_equal(from.date.zone, 0);
	mbox_fini(&m);
}

/* Across windows: a body much larger than one, with escapes everywhere. */
static void test_large_messages(void **unused)
{
	struct buf text = BUF_UNBOUNDED, expected = BUF_UNBOUNDED;
	struct buf out = BUF_UNBOUNDED;

	(void)unused;
	for (int k = 0; k < 3; k++) {
		buf_add_c(&text, F H "\n");
		buf_add_c(&expected, "(a@b at){" H "\n");
		for (int i = 0; i < 20000; i++) {
			buf_addf(&text, ">From %d\n%d\n\n", i, i * k);
			buf_addf(&expected, "From %d\n%d\n\n", i, i * k);
		}
		for (int i = 0; i < 200000; i++) {
			buf_add_byte(&text, 'x');
			buf_add_byte(&expected, 'x');
		}
		buf_add_c(&text, "\n\n");
		buf_add_c(&expected, "\n}");
	}
	describe(buf_str(&text), MBOX_AUTO, 4093, &out);
	assert_true(str_eq(buf_str(&out), buf_str(&expected)));
	buf_fini(&text);
	buf_fini(&expected);
	buf_fini(&out);
}

static enum err fail_at_100(
	void *closure, uint64_t offset, char *room, size_t size, size_t *n_r)
{
	(void)closure;
	if (offset >= 100)
		return ERR_IO;
	*n_r = size < 50 ? size : 50;
	memset(room, 'x', *n_r);
	if (offset == 0)
		memcpy(room, "From x\nA: b\n\n", 13);
	return OK;
}

static void test_errors_of_the_input_are_passed_on(void **unused)
{
	struct mbox m;
	struct mbox_from from;
	str bytes;

	(void)unused;
	mbox_init(&m, (struct mbox_input){fail_at_100, NULL}, MBOX_AUTO);
	assert_int_equal(mbox_next(&m, &from), ERR_IO);
	assert_int_equal(mbox_read(&m, &bytes), ERR_IO);
	mbox_fini(&m);
}

static void test_likely(void **unused)
{
	(void)unused;
	assert_true(mbox_is_likely(STR("From a@b Mon")));
	assert_true(mbox_is_likely(STR("\xef\xbb\xbf\r\nFrom \r\n")));
	assert_false(mbox_is_likely(STR("From: a@b")));
	assert_false(mbox_is_likely(STR("From  : a@b")));
	assert_false(mbox_is_likely(STR("")));
}

static const struct {
	const char *head;
	const char *flags;
	const char *more;
	const char *why;
} statuses[] = {
	{"A: b\n\nStatus: RO\n", "", "", "the body's is nothing"},
	{"Status: RO\nX-Status: AF\n", "\\Answered \\Flagged \\Seen", "known",
		"mutt, Dovecot"},
	{"STATUS: O\r\nX-Status: DT\r\n\r\n", "\\Deleted \\Draft", "known",
		"old but not seen"},
	{"X-Keywords: $Forwarded  work\n\t\\bad {x} Work\n", "$Forwarded work",
		"known", "folded, invalid, twice"},
	{"X-Mozilla-Status: 1007\nX-Mozilla-Status2: 00800000\n"
	 "X-Mozilla-Keys: $label1                \n",
		"\\Answered \\Flagged \\Seen $Forwarded $MDNSent $label1",
		"known", "Thunderbird"},
	{"X-Mozilla-Status: 0009\n", "\\Seen", "known expunged",
		"deleted, not compacted"},
	{"X-Mozilla-Status2: 00200000\n", "\\Deleted", "known",
		"copied from IMAP"},
	{"X-Mozilla-Status: zz01\n", "", "known", "no number"},
	{"Date: x\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
	 "X-IMAP: 1 2\nStatus: RO\n",
		"\\Seen", "known data", "UW, alpine"},
	{"Status", "", "known", "cut off"},
};

static void test_statuses(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(statuses); i++) {
		struct buf flags = BUF_UNBOUNDED, more = BUF_UNBOUNDED;
		struct mbox_status status;
		struct arena arena;

		arena_init(&arena, 64 * 1024);
		mbox_status_parse(&arena, str_c(statuses[i].head), &status);
		flag_list_print(&flags, &status.flags);
		assert_str(buf_str(&flags), statuses[i].flags);
		buf_addf(&more, "%s%s%s", status.known ? "known" : "",
			status.is_expunged ? " expunged" : "",
			status.is_folder_data ? " data" : "");
		assert_str(buf_str(&more), statuses[i].more);
		arena_fini(&arena);
		buf_fini(&flags);
		buf_fini(&more);
	}
}

/* ---- real mail ---- */

static str read_whole(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct buf b = BUF_UNBOUNDED;
	size_t n;

	assert_non_null(f);
	do {
		n = fread(buf_reserve(&b, 65536), 1, 65536, f);
		buf_added(&b, n);
	} while (n);
	fclose(f);
	return str_of(b.p, b.n);
}

/* The list of the corpus counts dated From_ lines. Where more messages are. */
static const struct {
	const char *path;
	int messages;
	const char *why;
} undated[] = {
	{"mimekit/mbox/content-length.mbox", 29, "four have no date"},
	{"gmime/mbox/input/substring.mbox", 3, "none has a date"},
	{"mimekit/mbox/issue1189.mbox", 4, "none has a date"},
};

static int expected_messages(const char *path, int listed)
{
	for (size_t i = 0; i < COUNT_OF(undated); i++)
		if (strcmp(undated[i].path, path) == 0)
			return undated[i].messages;
	return listed;
}

static int count_messages(str text)
{
	struct file file = {text, 10007};
	struct mbox m;
	struct mbox_from from;
	int count = 0;

	if (!mbox_is_likely(text))
		return 1; /* a message by itself */
	mbox_init(&m, (struct mbox_input){read_at, &file}, MBOX_AUTO);
	while (mbox_next(&m, &from) == OK)
		count++;
	mbox_fini(&m);
	return count;
}

static void test_corpus(void **unused)
{
	const char *corpus = getenv("CULVER_CORPUS");
	char line[1024], path[512];
	char *list;
	FILE *f;
	int files = 0;

	(void)unused;
	if (!corpus)
		skip();
	list = xasprintf("%s/MANIFEST.tsv", corpus);
	f = fopen(list, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		int listed, expected, count;
		char *file;
		str text;

		if (sscanf(line, "%511s %*s %d", path, &listed) != 2 ||
			!str_ends(str_c(path), STR(".mbox")))
			continue;
		file = xasprintf("%s/%s", corpus, path);
		text = read_whole(file);
		expected = expected_messages(path, listed);
		count = count_messages(text);
		if (count != expected)
			print_error("%s\n", path);
		assert_int_equal(count, expected);
		files++;
		free((char *)(uintptr_t)text.p);
		free(file);
	}
	assert_true(files > 0);
	fclose(f);
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_splits),
		cmocka_unit_test(test_date_of_a_from_line),
		cmocka_unit_test(test_large_messages),
		cmocka_unit_test(test_errors_of_the_input_are_passed_on),
		cmocka_unit_test(test_likely),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_corpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
