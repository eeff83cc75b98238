/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are kept (mail/kept.h): the second time nothing of a message is
 * read, and what is told is what would be told without.
 */
#include "imap/fixture.h"
#include "mail/layout.h"

#define MESSAGES 40

static void fill(struct client *c, unsigned from, unsigned to)
{
	char text[256];

	for (unsigned i = from; i <= to; i++) {
		char header[128];
		int n = snprintf(header, sizeof header,
			"From: a@b\r\nSubject: no. %u\r\nMessage-ID: <%u@x>\r\n"
			"%s\r\n",
			i % 7, i, i % 5 ? "" : "References: <1@x>\r\n");

		snprintf(text, sizeof text,
			"a APPEND INBOX (\\Seen) \"17-Jul-1996 02:44:25 "
			"-0700\" {%d+}\r\n%s\r\n",
			n, header);
		say(c, text);
		hear(c, "a OK");
	}
}

static void begin_filled(struct world *w, struct client *c)
{
	world_begin(w);
	client_begin(w, c);
	fill(c, 1, MESSAGES);
	say(c, "b SELECT INBOX\r\n");
	hear(c, "b OK");
}

static void set_limit(struct world *w, size_t answers)
{
	struct mail_limits limits = mail_limits_of(w->mail);

	limits.answers = answers;
	mail_set_limits(w->mail, &limits);
}

/* Everything up to the tagged OK, to be freed. */
static char *answer(struct client *c, const char *command)
{
	char text[512];
	str all;

	snprintf(text, sizeof text, "t %s\r\n", command);
	say(c, text);
	all = hear(c, "t OK");
	return xstrndup(all.p, all.n);
}

static uint64_t reads(struct world *w)
{
	struct store_stats stats;

	store_stats(w->store, &stats);
	return stats.gets + stats.scans + stats.scanned;
}

static const struct {
	const char *command;
	bool kept;
	const char *why;
} asked[] = {
	{"FETCH 1:* (ENVELOPE INTERNALDATE RFC822.SIZE FLAGS)", true, "a list"},
	{"FETCH 1:* BODYSTRUCTURE", true, "a first item that is kept"},
	{"FETCH 1:* (FLAGS BODY PREVIEW EMAILID SAVEDATE THREADID)", true,
		"other items"},
	{"UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)] FLAGS)", true,
		"header fields"},
	{"FETCH 1:* BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT)]", true,
		"the others"},
	{"FETCH 1:* BODY[HEADER]", true, "which would set \\Seen"},
	{"FETCH 1:* RFC822.HEADER", true, "the old name"},
	{"SORT (SUBJECT REVERSE ARRIVAL) UTF-8 ALL", true, "an order"},
	{"UID SORT (REVERSE SUBJECT) UTF-8 UID 3:30", true, "of some"},
	{"THREAD REFERENCES UTF-8 ALL", true, "threads"},
	{"UID THREAD ORDEREDSUBJECT UTF-8 2:17", true, "of some"},
	{"FETCH 1:* BODY.PEEK[TEXT]", false, "bodies are not kept"},
	{"FETCH 1:* BODY.PEEK[HEADER]<0.10>", false, "nor are partials"},
	{"FETCH 1:15 ENVELOPE", false, "nor what few messages have"},
	{"SORT (ARRIVAL) UTF-8 SUBJECT 3", false, "a search reads"},
};

static void test_second_time_is_as_the_first(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		struct world w;
		struct client c;
		uint64_t first, second, least;
		char *before, *again, *without;

		begin_filled(&w, &c);
		free(answer(&c, "NOOP"));
		least = reads(&w);
		before = answer(&c, asked[i].command);
		first = reads(&w) - least;
		again = answer(&c, asked[i].command);
		second = reads(&w) - least - first;
		set_limit(&w, 0);
		without = answer(&c, asked[i].command);
		assert_string_equal(before, again);
		assert_string_equal(before, without);
		if ((second <= 6) != asked[i].kept)
			print_error("%s: %llu reads, then %llu\n", asked[i].why,
				(unsigned long long)first,
				(unsigned long long)second);
		assert_int_equal(second <= 6, asked[i].kept);
		assert_true(first > 10);
		free(before);
		free(again);
		free(without);
		client_end(&c);
		world_end(&w);
	}
}

/* What changes is told as it is now; another session numbers as it does; one
 * that has UIDs only, or other flags, is told them. */
static void test_what_changes_is_not_kept(void **unused)
{
	struct world w;
	struct client c, d;

	(void)unused;
	begin_filled(&w, &c);
	free(answer(&c, "FETCH 1:* (FLAGS RFC822.SIZE ENVELOPE)"));
	free(answer(&c, "FETCH 1:* ENVELOPE"));
	client_begin(&w, &d);
	say(&d, "b SELECT INBOX\r\n");
	hear(&d, "b OK");
	free(answer(&c, "STORE 2 +FLAGS.SILENT (\\Flagged)"));
	free(answer(&c, "STORE 1 +FLAGS.SILENT (\\Deleted)"));
	free(answer(&c, "EXPUNGE"));
	expect(&c, "e FETCH 1 (FLAGS RFC822.SIZE ENVELOPE)\r\n", "e OK",
		"* 1 FETCH (FLAGS (\\Flagged \\Seen \\Recent) RFC822.SIZE 48 "
		"ENVELOPE (NIL \"no. 2\" ((NIL NIL \"a\" \"b\")) ((NIL NIL "
		"\"a\" \"b\")) ((NIL NIL \"a\" \"b\")) NIL NIL NIL NIL "
		"\"<2@x>\"))\r\ne OK FETCH completed\r\n");
	/* It was not told of the expunge. */
	say(&d, "e FETCH 2 (FLAGS ENVELOPE)\r\n");
	assert_true(str_starts(hear(&d, "e OK"),
		STR("* 2 FETCH (FLAGS (\\Flagged \\Seen) ENVELOPE (NIL "
		    "\"no. 2\"")));
	say(&d, "e FETCH 1 ENVELOPE\r\n");
	assert_true(str_starts(
		hear(&d, "e OK"), STR("* 1 FETCH (ENVELOPE (NIL \"no. 1\"")));
	client_end(&d);
	/* Those that come are told too, kept ones beside them. */
	fill(&c, 1, 3);
	for (int i = 0; i < 2; i++) {
		char *all = answer(&c, "FETCH 1:* ENVELOPE");
		str rest = str_c(all);
		unsigned lines = 0;
		size_t at;

		while ((at = str_find(rest, STR(" FETCH (ENVELOPE"))) <
			rest.n) {
			rest = str_skip(rest, at + 1);
			lines++;
		}
		assert_int_equal(lines, MESSAGES + 2);
		free(all);
	}
	/* RFC 9586. */
	free(answer(&c, "ENABLE UIDONLY"));
	say(&c, "g UID FETCH 2 (FLAGS RFC822.SIZE ENVELOPE)\r\n");
	assert_true(str_starts(hear(&c, "g OK"),
		STR("* 2 UIDFETCH (FLAGS (\\Flagged \\Seen \\Recent) "
		    "RFC822.SIZE 48 ENVELOPE (")));
	client_end(&c);
	world_end(&w);
}

/* Text that is not the same for those who know UTF-8. */
static void test_of_each_mode_its_own(void **unused)
{
	struct world w;
	struct client c;
	char *quoted, *literal, *again;

	(void)unused;
	begin_filled(&w, &c);
	say(&c, "a APPEND INBOX {45+}\r\nContent-Type: text/plain; "
		"charset=utf-8\r\n\r\n\xc3\xa9\r\n");
	hear(&c, "a OK");
	literal = answer(&c, "FETCH 1:* PREVIEW");
	free(answer(&c, "ENABLE UTF8=ACCEPT"));
	quoted = answer(&c, "FETCH 1:* PREVIEW");
	assert_true(strstr(literal, "* 41 FETCH (PREVIEW {2}"));
	assert_true(strstr(quoted, "* 41 FETCH (PREVIEW \"\xc3\xa9\""));
	again = answer(&c, "FETCH 1:* PREVIEW");
	assert_string_equal(quoted, again);
	free(literal);
	free(quoted);
	free(again);
	client_end(&c);
	world_end(&w);
}

/* A session that searches again is told what it finds now. */
static void test_found_again_after_changes(void **unused)
{
	struct world w;
	struct client c;
	char *all, *less, *again;

	(void)unused;
	begin_filled(&w, &c);
	all = answer(&c, "UID SORT (SUBJECT) UTF-8 UNFLAGGED");
	free(answer(&c, "STORE 7 +FLAGS.SILENT (\\Flagged)"));
	less = answer(&c, "UID SORT (SUBJECT) UTF-8 UNFLAGGED");
	assert_true(strstr(all, " 7 "));
	assert_null(strstr(less, " 7 "));
	free(answer(&c, "STORE 7 -FLAGS.SILENT (\\Flagged)"));
	again = answer(&c, "UID SORT (SUBJECT) UTF-8 UNFLAGGED");
	assert_string_equal(all, again);
	free(all);
	free(less);
	free(again);
	all = answer(&c, "THREAD REFERENCES UTF-8 ALL");
	free(answer(&c, "STORE 7 +FLAGS.SILENT (\\Deleted)"));
	free(answer(&c, "EXPUNGE"));
	less = answer(&c, "THREAD REFERENCES UTF-8 ALL");
	set_limit(&w, 0);
	again = answer(&c, "THREAD REFERENCES UTF-8 ALL");
	assert_string_not_equal(all, less);
	assert_string_equal(less, again);
	free(all);
	free(less);
	free(again);
	client_end(&c);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second_time_is_as_the_first),
		cmocka_unit_test(test_what_changes_is_not_kept),
		cmocka_unit_test(test_of_each_mode_its_own),
		cmocka_unit_test(test_found_again_after_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
