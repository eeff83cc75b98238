/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions in this process: what the transcripts in tests/transcripts ask for
 * in full, here in the small. */
#include "imap/fixture.h"
#include "mail/layout.h"

static void test_fetch_store_expunge(void **unused)
{
	struct world w;
	struct client c;

	(void)unused;
	world_begin(&w);
	client_begin(&w, &c);
	say(&c, "a SELECT INBOX\r\n");
	hear(&c, "a OK");
	say(&c, "b APPEND INBOX (\\Seen) \"17-Jul-1996 02:44:25 -0700\" "
		"{33}\r\n");
	hear(&c, "+ OK");
	say(&c, "Subject: Hello\r\n\r\nHow are you?\r\n\r\n");
	hear(&c, "b OK [APPENDUID");
	expect(&c,
		"c FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE "
		"BODY[TEXT]<4.3>)\r\n",
		"c OK",
		"* 1 FETCH (FLAGS (\\Seen \\Recent) INTERNALDATE "
		"\"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 33 "
		"BODY[TEXT]<4> {3}\r\nare)\r\n"
		"c OK FETCH completed\r\n");
	expect(&c, "d STORE 1 -FLAGS (\\Seen)\r\n", "d OK",
		"* 1 FETCH (FLAGS (\\Recent))\r\nd OK STORE completed\r\n");
	expect(&c, "e FETCH 1 BODY[HEADER.FIELDS (SUBJECT)]\r\n", "e OK",
		"* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[HEADER.FIELDS "
		"(SUBJECT)] {18}\r\nSubject: Hello\r\n\r\n)\r\n"
		"e OK FETCH completed\r\n");
	expect(&c, "f SEARCH BODY \"ARE you\"\r\n", "f OK",
		"* SEARCH 1\r\nf OK SEARCH completed\r\n");
	expect(&c, "g STORE 1 +FLAGS.SILENT (\\Deleted)\r\n", "g OK",
		"g OK STORE completed\r\n");
	expect(&c, "h EXPUNGE\r\n", "h OK",
		"* 1 EXPUNGE\r\nh OK EXPUNGE completed\r\n");
	client_end(&c);
	world_end(&w);
}

#define APPEND(tag, text) tag " APPEND INBOX {5+}\r\n" text "\r\n"

/* Each of these stands in the text behind the one before. */
static void assert_in_order(str text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t at = str_find(text, str_c(words[i]));

		if (at == text.n)
			fail_msg("no \"%s\" there", words[i]);
		text = str_skip(text, at);
	}
}

/* APPENDs that are sent at once are one write; when one of them fails, the
 * others do not, and their UIDs are in their order. */
static void test_appends_share_a_write(void **unused)
{
	static const char *const all[] = {"* 4 EXISTS", "a1 OK [APPENDUID ",
		" 1] ", "a2 OK [APPENDUID ", " 2] ", "a3 OK [APPENDUID ",
		" 3] ", "a4 OK [APPENDUID ", " 4] "};
	static const char *const some[] = {"* 5 EXISTS", "b1 OK [APPENDUID ",
		" 5] ", "b2 NO [OVERQUOTA]", "* 6 EXISTS", "b3 OK [APPENDUID ",
		" 6] ", "b4 NO [OVERQUOTA]"};
	struct store_stats before, after;
	struct world w;
	struct client c;

	(void)unused;
	world_begin(&w);
	client_begin(&w, &c);
	say(&c, "s SELECT INBOX\r\n");
	hear(&c, "s OK");
	store_stats(w.store, &before);
	say(&c, APPEND("a1", "one..") APPEND("a2", "two..")
			APPEND("a3", "three") APPEND("a4", "four."));
	assert_in_order(hear(&c, "a4 OK"), all, COUNT_OF(all));
	store_stats(w.store, &after);
	assert_int_equal(after.commits - before.commits, 1);
	assert_int_equal(after.syncs - before.syncs, 1);
	/* Room for one great message, or two small ones. */
	assert_ok(mail_account_set_quota(w.mail, 1, 4 * 5 + 13));
	say(&c, APPEND("b1", "five.") "b2 APPEND INBOX {9+}\r\n"
				      "too great\r\n" APPEND("b3", "six..")
					      APPEND("b4", "seven"));
	assert_in_order(hear(&c, "b4 NO"), some, COUNT_OF(some));
	expect(&c, "d UID FETCH 4:* BODY.PEEK[]\r\n", "d OK",
		"* 4 FETCH (UID 4 BODY[] {5}\r\nfour.)\r\n"
		"* 5 FETCH (UID 5 BODY[] {5}\r\nfive.)\r\n"
		"* 6 FETCH (UID 6 BODY[] {5}\r\nsix..)\r\n"
		"d OK UID FETCH completed\r\n");
	client_end(&c);
	world_end(&w);
}

static enum err drop_bodies(struct store_txn *txn, void *arg)
{
	struct buf prefix = BUF_UNBOUNDED;

	(void)arg;
	key_account_prefix(&prefix, 1, 'c');
	store_delete_prefix(txn, buf_str(&prefix));
	key_account_prefix(&prefix, 1, 'f');
	store_delete_prefix(txn, buf_str(&prefix));
	buf_fini(&prefix);
	return OK;
}

/* What clients ask for over and over was kept apart from the messages: it is
 * sent though their bytes are gone, and one record is read for each message.
 * With a body section it is as if nothing had been begun. */
static void test_lists_are_fetched_without_bodies(void **unused)
{
	struct world w;
	struct client c;
	struct store_stats before, after;

	(void)unused;
	world_begin(&w);
	client_begin(&w, &c);
	say(&c, "a APPEND INBOX {21+}\r\nSubject: One\r\n\r\n1\r\n\r\n\r\n"
		"a APPEND INBOX {21+}\r\nSubject: Two\r\n\r\n2\r\n\r\n\r\n"
		"b SELECT INBOX\r\n");
	hear(&c, "b OK");
	assert_ok(store_write(w.store, STR("test"), drop_bodies, NULL));
	store_stats(w.store, &before);
	expect(&c, "c FETCH 1:* (FLAGS RFC822.SIZE ENVELOPE BODYSTRUCTURE)\r\n",
		"c OK",
		"* 1 FETCH (FLAGS (\\Recent) RFC822.SIZE 21 ENVELOPE (NIL "
		"\"One\" NIL NIL NIL NIL NIL NIL NIL NIL) BODYSTRUCTURE "
		"(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
		"\"7BIT\" 5 2 NIL NIL NIL NIL))\r\n"
		"* 2 FETCH (FLAGS (\\Recent) RFC822.SIZE 21 ENVELOPE (NIL "
		"\"Two\" NIL NIL NIL NIL NIL NIL NIL NIL) BODYSTRUCTURE "
		"(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
		"\"7BIT\" 5 2 NIL NIL NIL NIL))\r\n"
		"c OK FETCH completed\r\n");
	store_stats(w.store, &after);
	/* And one for the view, one for what is to be told at the end. */
	assert_in_range(
		after.gets + after.scanned - before.gets - before.scanned, 2,
		2 + 2);
	expect(&c, "d FETCH 1 BODY.PEEK[]\r\n", "d NO",
		"d NO [CORRUPTION] Stored data is damaged\r\n");
	/* What can be known without their bytes is. */
	expect(&c, "e SEARCH OR UID 1 BODY here\r\n", "e OK",
		"* SEARCH 1\r\n"
		"* NO [CORRUPTION] Damaged and not looked at: UID 2\r\n"
		"e OK SEARCH completed\r\n");
	client_end(&c);
	world_end(&w);
}

/* Parts of one record cost one, however many are asked for at once. */
static void test_partials_of_one_record(void **unused)
{
	struct world w;
	struct client c;
	struct store_stats before, after;

	(void)unused;
	world_begin(&w);
	client_begin(&w, &c);
	say(&c, "a APPEND INBOX {24+}\r\nSubject: One\r\n\r\n012345\r\n\r\n"
		"b APPEND INBOX {22+}\r\nSubject: Two\r\n\r\nabcd\r\n\r\n"
		"c SELECT INBOX\r\n");
	hear(&c, "c OK");
	store_stats(w.store, &before);
	expect(&c,
		"d FETCH 1:2 (BODY.PEEK[1]<0.2> BODY.PEEK[1]<2.2> "
		"BODY.PEEK[1]<4.9> BODY.PEEK[1]<1.1> BODY.PEEK[]<0.3> "
		"BODY.PEEK[1]<100.1> BODY.PEEK[TEXT]<0.1> "
		"BODY.PEEK[HEADER.FIELDS (X)]<0.1> BODY.PEEK[]<20.9>)\r\n",
		"d OK",
		"* 1 FETCH (BODY[1]<0> {2}\r\n01 BODY[1]<2> {2}\r\n23 "
		"BODY[1]<4> {4}\r\n45\r\n BODY[1]<1> {1}\r\n1 BODY[]<0> "
		"{3}\r\nSub BODY[1]<100> {0}\r\n BODY[TEXT]<0> {1}\r\n0 "
		"BODY[HEADER.FIELDS (X)]<0> {1}\r\n\r BODY[]<20> {4}\r\n"
		"45\r\n)\r\n"
		"* 2 FETCH (BODY[1]<0> {2}\r\nab BODY[1]<2> {2}\r\ncd "
		"BODY[1]<4> {2}\r\n\r\n BODY[1]<1> {1}\r\nb BODY[]<0> "
		"{3}\r\nSub BODY[1]<100> {0}\r\n BODY[TEXT]<0> {1}\r\na "
		"BODY[HEADER.FIELDS (X)]<0> {1}\r\n\r BODY[]<20> {2}\r\n"
		"\r\n)\r\n"
		"d OK FETCH completed\r\n");
	store_stats(w.store, &after);
	/* Of each message a digest, and a record twice: the filter reads for
	 * itself; and the views. */
	assert_in_range(
		after.gets + after.scanned - before.gets - before.scanned, 4,
		10);
	client_end(&c);
	world_end(&w);
}

static void test_two_sessions_and_idle(void **unused)
{
	struct world w;
	struct client a, b;

	(void)unused;
	world_begin(&w);
	client_begin(&w, &a);
	client_begin(&w, &b);
	say(&a, "a SELECT INBOX\r\n");
	hear(&a, "a OK");
	say(&b, "b SELECT INBOX\r\n");
	hear(&b, "b OK");
	say(&a, "c IDLE\r\n");
	hear(&a, "+ idling");
	say(&b, "d APPEND INBOX {3+}\r\nabc\r\n");
	hear(&b, "d OK");
	/* Which of the two is told that it is \\Recent is open. */
	assert_true(str_starts(hear(&a, "RECENT"), STR("* 1 EXISTS\r\n* ")));
	say(&b, "e STORE 1 FLAGS \\Deleted\r\n");
	hear(&b, "e OK");
	hear(&a, "\\Deleted");
	say(&b, "f EXPUNGE\r\n");
	hear(&b, "f OK");
	assert_str(hear(&a, "EXPUNGE"), "* 1 EXPUNGE\r\n");
	expect(&a, "DONE\r\n", "c OK", "c OK IDLE terminated\r\n");
	client_end(&a);
	client_end(&b);
	world_end(&w);
}

/* A ticket that lets only read: nothing is written, whatever is asked. */
static void test_read_only(void **unused)
{
	static const struct {
		const char *command, *answer;
	} rows[] = {
		{"SELECT INBOX", "a OK [READ-ONLY]"},
		{"FETCH 1 BODY[]", "a OK"},
		{"EXAMINE INBOX", "a OK [READ-ONLY]"},
		{"SELECT INBOX", "a OK [READ-ONLY]"},
		{"STATUS box (MESSAGES)", "a OK"},
		{"LIST \"\" *", "a OK"},
		{"STORE 1 +FLAGS (\\Seen)", "a NO"},
		{"STORE 1 +FLAGS (\\Deleted)", "a NO"},
		{"EXPUNGE", "a NO"},
		{"COPY 1 box", "a NO"},
		{"MOVE 1 box", "a NO"},
		{"APPEND INBOX {3+}\r\na:b", "a NO"},
		{"CREATE new", "a NO"},
		{"DELETE box", "a NO"},
		{"RENAME box new", "a NO"},
		{"RENAME INBOX new", "a NO"},
		{"SUBSCRIBE box", "a NO"},
		{"UNSUBSCRIBE box", "a NO"},
		{"CLOSE", "a OK"},
		{"NOOP", "a OK"},
	};
	struct store_stats before, after;
	struct world w;
	struct client c;

	(void)unused;
	world_begin(&w);
	client_begin(&w, &c);
	say(&c, "a CREATE box\r\n");
	hear(&c, "a OK");
	say(&c, "b APPEND INBOX (\\Deleted) {3+}\r\na:b\r\n");
	hear(&c, "b OK");
	client_end(&c);
	store_stats(w.store, &before);
	client_begin_with(&w, &c, TICKET_MAY_READ);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char line[128];

		snprintf(line, sizeof line, "a %s\r\n", rows[i].command);
		say(&c, line);
		hear(&c, rows[i].answer);
	}
	client_end(&c);
	store_stats(w.store, &after);
	assert_int_equal(after.commits, before.commits);
	world_end(&w);
}

/* Ten thousand names are kept, looked up by halving; what is longer than a
 * session may keep is refused, and the session goes on. */
static void test_notify_of_many_mailboxes(void **unused)
{
	struct buf text = BUF_UNBOUNDED;
	struct world w;
	struct client a, b;

	(void)unused;
	world_begin(&w);
	client_begin(&w, &a);
	client_begin(&w, &b);
	say(&b, "a CREATE m9999\r\n");
	hear(&b, "a OK");
	buf_add_c(&text, "a NOTIFY SET (mailboxes (");
	for (int i = 0; i < 10000; i++)
		buf_addf(&text, "m%d%s", i, i < 9999 ? " " : "");
	buf_add_c(&text, ") (MailboxName MessageNew MessageExpunge))\r\n");
	buf_add_byte(&text, '\0');
	say(&a, text.p);
	hear(&a, "a OK");
	say(&b, "b RENAME m9999 m9998\r\n");
	hear(&b, "b OK");
	hear(&a, "(\"OLDNAME\" (m9999))\r\n");
	buf_reset(&text);
	buf_add_c(&text, "c NOTIFY SET (mailboxes (");
	for (int i = 0; i < 30000; i++)
		buf_add_c(&text, "a ");
	buf_add_c(&text, "a) (MailboxName))\r\n");
	buf_add_byte(&text, '\0');
	say(&a, text.p);
	hear(&a, "c NO [NOTIFICATIONOVERFLOW]");
	/* What was asked before is in force. */
	say(&b, "d DELETE m9998\r\n");
	hear(&b, "d OK");
	hear(&a, "* LIST (\\NonExistent");
	client_end(&a);
	client_end(&b);
	buf_fini(&text);
	world_end(&w);
}

/* Watchers that are told alike get the same words, of which the first makes
 * them; others get theirs. */
static void test_many_watchers(void **unused)
{
	static const struct {
		const char *enable, *select;
		const char *arrival, *flags, *expunge;
	} rows[] = {
		{"NOOP", "SELECT", "* 3 EXISTS\r\n* ",
			"* 2 FETCH (UID 2 FLAGS (\\Deleted))\r\n",
			"* 2 EXPUNGE\r\n"},
		{"ENABLE IMAP4rev2", "SELECT", "* 3 EXISTS\r\n",
			"* 2 FETCH (UID 2 FLAGS (\\Deleted))\r\n",
			"* 2 EXPUNGE\r\n"},
		{"ENABLE IMAP4rev2 CONDSTORE", "EXAMINE", "* 3 EXISTS\r\n",
			"* 2 FETCH (UID 2 MODSEQ (5) FLAGS (\\Deleted))\r\n",
			"* 2 EXPUNGE\r\n"},
		{"ENABLE IMAP4rev2 QRESYNC", "SELECT", "* 3 EXISTS\r\n",
			"* 2 FETCH (UID 2 MODSEQ (5) FLAGS (\\Deleted))\r\n",
			"* VANISHED 2\r\n"},
		{"ENABLE IMAP4rev2 UIDONLY", "SELECT", "* 3 EXISTS\r\n",
			"* 2 UIDFETCH (FLAGS (\\Deleted))\r\n",
			"* VANISHED 2\r\n"},
	};
	struct client watchers[COUNT_OF(rows) * 3], c;
	struct world w;
	size_t n = COUNT_OF(watchers);

	(void)unused;
	world_begin(&w);
	client_begin(&w, &c);
	say(&c, "a APPEND INBOX {1+}\r\nx {1+}\r\ny\r\nb SELECT INBOX\r\n");
	hear(&c, "b OK");
	for (size_t i = 0; i < n; i++) {
		char line[128];

		client_begin(&w, &watchers[i]);
		snprintf(line, sizeof line, "a %s\r\nb %s INBOX\r\nc IDLE\r\n",
			rows[i / 3].enable, rows[i / 3].select);
		say(&watchers[i], line);
		hear(&watchers[i], "+ idling");
	}
	say(&c, "c NOOP\r\nd APPEND INBOX {1+}\r\nz\r\n");
	hear(&c, "d OK");
	for (size_t i = 0; i < n; i++)
		assert_true(str_starts(hear(&watchers[i], rows[i / 3].arrival),
			str_c(rows[i / 3].arrival)));
	say(&c, "e UID STORE 2 +FLAGS.SILENT (\\Deleted)\r\n");
	hear(&c, "e OK");
	for (size_t i = 0; i < n; i++)
		assert_str(hear(&watchers[i], rows[i / 3].flags),
			rows[i / 3].flags);
	say(&c, "f EXPUNGE\r\n");
	hear(&c, "f OK");
	for (size_t i = 0; i < n; i++)
		assert_str(hear(&watchers[i], rows[i / 3].expunge),
			rows[i / 3].expunge);
	for (size_t i = 0; i < n; i++) {
		expect(&watchers[i], "DONE\r\n", "c OK",
			"c OK IDLE terminated\r\n");
		say(&watchers[i], "d UID SEARCH RETURN (ALL) ALL\r\n");
		hear(&watchers[i], ") UID ALL 1,3\r\n");
		client_end(&watchers[i]);
	}
	client_end(&c);
	world_end(&w);
}

/* More happens to names than is kept for somebody who does not read: he is
 * told that he was not told. */
static void test_notify_overflow(void **unused)
{
	struct mail_user user = {.account = 1, .rights = RIGHT_ALL};
	struct world w;
	struct client c;
	str all;

	(void)unused;
	world_begin(&w);
	client_begin(&w, &c);
	say(&c, "a NOTIFY SET (personal (SubscriptionChange))\r\n");
	hear(&c, "a OK");
	/* It is busy meanwhile: a message is coming. */
	say(&c, "b APPEND INBOX {6}\r\n");
	hear(&c, "+ OK");
	for (int i = 0; i < 1001; i++)
		assert_ok(
			mailbox_subscribe(w.mail, &user, STR("x"), i % 2 == 0));
	say(&c, "a: b\r\n\r\n");
	all = hear(&c, "b OK");
	assert_true(str_starts(all, STR("* OK [NOTIFICATIONOVERFLOW] ")));
	/* As after NOTIFY NONE. */
	assert_ok(mailbox_subscribe(w.mail, &user, STR("x"), true));
	expect(&c, "c NOOP\r\n", "c OK", "c OK NOOP completed\r\n");
	say(&c, "d NOTIFY SET (personal (SubscriptionChange))\r\n");
	hear(&c, "d OK");
	assert_ok(mailbox_subscribe(w.mail, &user, STR("x"), false));
	hear(&c, "* LIST (");
	client_end(&c);
	world_end(&w);
}

/* One word to everybody who asked, from several writers at once. */
static void test_notify_at_once(void **unused)
{
	struct world w;
	struct client watchers[4], writers[2];

	(void)unused;
	world_begin(&w);
	for (size_t i = 0; i < COUNT_OF(watchers); i++) {
		client_begin(&w, &watchers[i]);
		say(&watchers[i], i % 2 ? "a SELECT INBOX\r\n" : "a NOOP\r\n");
		hear(&watchers[i], "a OK");
		say(&watchers[i],
			"b NOTIFY SET (selected (MessageNew (UID FLAGS) "
			"MessageExpunge FlagChange)) (personal (MailboxName "
			"MessageNew MessageExpunge FlagChange))\r\n");
		hear(&watchers[i], "b OK");
	}
	for (size_t i = 0; i < COUNT_OF(writers); i++)
		client_begin(&w, &writers[i]);
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < COUNT_OF(writers); i++)
			say(&writers[i], "c APPEND INBOX {3+}\r\nabc\r\n"
					 "d SELECT INBOX\r\n"
					 "e STORE 1 +FLAGS \\Deleted\r\n"
					 "f EXPUNGE\r\ng UNSELECT\r\n");
		for (size_t i = 0; i < COUNT_OF(writers); i++)
			hear(&writers[i], "g OK");
	}
	say(&writers[0], "h CREATE end\r\n");
	hear(&writers[0], "h OK");
	for (size_t i = 0; i < COUNT_OF(watchers); i++)
		hear(&watchers[i], "* LIST (\\HasNoChildren) \"/\" end");
	for (size_t i = 0; i < COUNT_OF(watchers); i++)
		client_end(&watchers[i]);
	for (size_t i = 0; i < COUNT_OF(writers); i++)
		client_end(&writers[i]);
	world_end(&w);
}

/* "1,3,5,…": so many ranges. */
static void add_ranges(struct buf *text, int count)
{
	for (int i = 0; i < count; i++)
		buf_addf(text, i ? ",%d" : "%d", 2 * i + 1);
}

/* Sets of a million ranges: refused when they are over the line's limit or the
 * command's memory, served else, in linear time. */
static void test_a_million_ranges(void **unused)
{
	static const struct {
		int ranges;
		const char *answer, *why;
	} rows[] = {
		{1000000, "OK", "within both bounds"},
		{1600000, "NO [LIMIT]", "more memory than a command may take"},
		{2500000, "BAD [LIMIT]", "a longer line than there may be"},
	};
	static const struct {
		const char *head, *tail;
	} commands[] = {
		{"a UID FETCH ", " (FLAGS) (CHANGEDSINCE 1 VANISHED)\r\n"},
		{"a SELECT INBOX (QRESYNC (1 1 ", "))\r\n"},
		{"a UID STORE ", " +FLAGS.SILENT (\\Seen)\r\n"},
		{"a UID SEARCH UID ", "\r\n"},
	};
	struct buf text = BUF_UNBOUNDED;
	struct session_limits limits;
	struct world w;
	struct client c;

	(void)unused;
	world_begin(&w);
	limits = session_service_limits(w.service);
	limits.line = 16 << 20;
	limits.command_memory = 20 << 20;
	session_service_set_limits(w.service, &limits);
	client_begin(&w, &c);
	say(&c, "a APPEND INBOX {1+}\r\nx {1+}\r\ny {1+}\r\nz\r\n"
		"b ENABLE QRESYNC\r\nc SELECT INBOX\r\n");
	hear(&c, "c OK");
	for (size_t i = 0; i < COUNT_OF(rows) * COUNT_OF(commands); i++) {
		size_t row = i / COUNT_OF(commands);
		size_t command = i % COUNT_OF(commands);
		char answer[32];

		buf_reset(&text);
		buf_add_c(&text, commands[command].head);
		add_ranges(&text, rows[row].ranges);
		buf_add_c(&text, commands[command].tail);
		buf_add_byte(&text, '\0');
		say_all(&c, text.p);
		snprintf(answer, sizeof answer, "a %s", rows[row].answer);
		hear(&c, answer);
		say(&c, "b NOOP\r\n");
		hear(&c, "b OK");
	}
	buf_fini(&text);
	client_end(&c);
	world_end(&w);
}

/* Autologout, with a reason (RFC 9051 section 5.4). */
static void test_silence_ends_a_session(void **unused)
{
	struct session_limits limits;
	struct world w;
	struct client c;

	(void)unused;
	world_begin(&w);
	limits = session_service_limits(w.service);
	limits.idle_ms = 1;
	session_service_set_limits(w.service, &limits);
	client_begin(&w, &c);
	/* It may have come with the greeting already. */
	if (str_find(buf_str(&c.in), STR("* BYE")) == c.in.n)
		hear(&c, "* BYE [UNAVAILABLE] Idle for too long");
	close(c.fd);
	buf_fini(&c.in);
	world_end(&w);
}

/* RFC 9585: how far a search is, at every chance. */
static void test_progress(void **unused)
{
	static const char *const searches[] = {
		"c SEARCH TEXT nothing\r\n",
		"c UID SEARCH RETURN (COUNT) BODY nothing\r\n",
		"c SORT (SUBJECT) UTF-8 BODY nothing\r\n",
		"c THREAD REFERENCES UTF-8 BODY nothing\r\n",
	};
	struct session_limits limits;
	struct world w;
	struct client c;

	(void)unused;
	world_begin(&w);
	limits = session_service_limits(w.service);
	limits.progress_ms = -1;
	session_service_set_limits(w.service, &limits);
	client_begin(&w, &c);
	for (int i = 0; i < 40; i++) {
		say(&c, "a APPEND INBOX {15+}\r\na: b\r\n\r\nfound\r\n\r\n");
		hear(&c, "a OK");
	}
	say(&c, "b SELECT INBOX\r\n");
	hear(&c, "b OK");
	for (size_t i = 0; i < COUNT_OF(searches); i++) {
		str all;

		say(&c, searches[i]);
		all = hear(&c, "c OK");
		assert_true(str_starts(all,
			STR("* OK [INPROGRESS (\"c\" 16 40)] Still working\r\n"
			    "* OK [INPROGRESS (\"c\" 32 40)] Still working\r\n"
			    "* ")));
		assert_true(str_find(all, STR(" 40 40)")) == all.n);
	}
	/* A tag that cannot be told. */
	say(&c, "d] SEARCH TEXT nothing\r\n");
	assert_true(str_starts(hear(&c, "d] OK"),
		STR("* OK [INPROGRESS (NIL 16 40)] Still working\r\n")));
	/* Not every search takes long. */
	expect(&c, "e SEARCH 1\r\n", "e OK",
		"* SEARCH 1\r\ne OK SEARCH completed\r\n");
	client_end(&c);
	world_end(&w);
}

/* What changes many messages is one write, and tells from within. */
static void test_progress_of_changes(void **unused)
{
	static const struct {
		const char *command;
		const char *told; /* of which messages, in order */
		bool rest;	  /* what else is told is not compared */
	} rows[] = {
		{"c UID COPY 1:* INBOX\r\n", "256 300", true},
		{"c UID STORE 1:* +FLAGS.SILENT (\\Flagged)\r\n",
			"256 600,512 600", false},
		{"c FETCH 1:70 BODY[TEXT]\r\n", "32 70,64 70", true},
		{"c FETCH 1:70 BODY[TEXT]\r\n", "32 70,64 70", true},
		{"c FETCH 70 BODY[TEXT]\r\n", "", true},
		{"c UID MOVE 1:300 other\r\n", "256 300", true},
		{"c SELECT other\r\n", "", true},
		{"c UID STORE 1:* FLAGS.SILENT (\\Deleted)\r\n", "256 300",
			false},
		{"c UID EXPUNGE 1:10\r\n", "", true},
		{"c CLOSE\r\n", "256 290", false},
		{"c RENAME INBOX old\r\n", "256 300", false},
		{"c SELECT old\r\n", "", true},
		{"c STORE 1:* FLAGS (\\Deleted)\r\n", "256 300", true},
		{"c EXPUNGE\r\n", "256 300", true},
	};
	struct session_limits limits;
	struct buf many = BUF_UNBOUNDED;
	struct world w;
	struct client c;

	(void)unused;
	world_begin(&w);
	limits = session_service_limits(w.service);
	limits.progress_ms = -1;
	session_service_set_limits(w.service, &limits);
	client_begin(&w, &c);
	say(&c, "a CREATE other\r\n");
	hear(&c, "a OK");
	buf_add_c(&many, "b APPEND INBOX");
	for (int i = 0; i < 300; i++)
		buf_add_c(&many, " {5+}\r\n\r\nx\r\n");
	buf_add(&many, str_of("\r\n", 3));
	say(&c, many.p);
	assert_true(str_starts(hear(&c, "b OK"),
		STR("* OK [INPROGRESS (\"b\" 256 300)] Still working\r\nb")));
	say(&c, "b SELECT INBOX\r\n");
	hear(&c, "b OK");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf told = BUF_UNBOUNDED;
		str all, rest;

		say(&c, rows[i].command);
		rest = all = hear(&c, "c OK");
		for (;;) {
			str begin = STR("* OK [INPROGRESS (\"c\" ");
			size_t at = str_find(rest, begin);

			if (at == rest.n)
				break;
			rest = str_skip(rest, at + begin.n);
			buf_add_c(&told, told.n ? "," : "");
			buf_add(&told,
				str_take(rest, str_find_byte(rest, ')')));
		}
		assert_str(buf_str(&told), rows[i].told);
		if (!rows[i].rest)
			assert_true(str_starts(
				str_skip(rest,
					told.n ? str_find_byte(rest, '\n') + 1
					       : 0),
				STR("c OK")));
		buf_fini(&told);
	}
	buf_fini(&many);
	client_end(&c);
	world_end(&w);
}

/* RFC 9738: what one command may save. */
static void test_save_limit(void **unused)
{
	struct session_limits limits;
	struct world w;
	struct client c;

	(void)unused;
	world_begin(&w);
	limits = session_service_limits(w.service);
	limits.save = 2;
	limits.copy = 3;
	session_service_set_limits(w.service, &limits);
	client_begin(&w, &c);
	say(&c, "a CAPABILITY\r\n");
	assert_true(str_find(hear(&c, "a OK"), STR(" SAVELIMIT=2")) < c.in.n);
	for (int i = 0; i < 2; i++) {
		say(&c, "b APPEND INBOX {1+}\r\nx {1+}\r\ny\r\n");
		hear(&c, "b OK");
	}
	expect(&c, "c APPEND INBOX {1+}\r\nx {1+}\r\ny {1+}\r\nz\r\n", "c NO",
		"c NO [MESSAGELIMIT 2] Too many messages\r\n");
	expect(&c, "c APPEND INBOX {1+}\r\nx {1+}\r\ny {1}\r\n", "c NO",
		"c NO [MESSAGELIMIT 2] Too many messages\r\n");
	say(&c, "d SELECT INBOX\r\n");
	assert_true(str_find(hear(&c, "d OK"), STR("* 4 EXISTS")) < c.in.n);
	expect(&c, "e COPY 1:* INBOX\r\n", "e NO",
		"e NO [MESSAGELIMIT 2 3] Too many messages, try a smaller "
		"subset\r\n");
	expect(&c, "e UID COPY 1:* INBOX\r\n", "e NO",
		"e NO [MESSAGELIMIT 2 3] Too many messages, try a smaller "
		"subset\r\n");
	/* Not announced, but let pass. */
	say(&c, "f COPY 2:4 INBOX\r\n");
	hear(&c, "f OK [COPYUID");
	/* Section 3.2. */
	expect(&c, "g SEARCH UIDAFTER 5\r\n", "g OK",
		"* SEARCH 6 7\r\ng OK SEARCH completed\r\n");
	expect(&c, "g UID SEARCH UIDBEFORE 3 UIDAFTER 1\r\n", "g OK",
		"* SEARCH 2\r\ng OK UID SEARCH completed\r\n");
	expect(&c, "g SEARCH OR UIDBEFORE 1 UIDAFTER 4294967295\r\n", "g OK",
		"* SEARCH\r\ng OK SEARCH completed\r\n");
	expect(&c, "g SEARCH NOT UIDBEFORE 4294967295\r\n", "g OK",
		"* SEARCH\r\ng OK SEARCH completed\r\n");
	/* MOVE is not limited. */
	say(&c, "h MOVE 1:* INBOX\r\n");
	hear(&c, "h OK");
	client_end(&c);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fetch_store_expunge),
		cmocka_unit_test(test_appends_share_a_write),
		cmocka_unit_test(test_lists_are_fetched_without_bodies),
		cmocka_unit_test(test_partials_of_one_record),
		cmocka_unit_test(test_two_sessions_and_idle),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_notify_of_many_mailboxes),
		cmocka_unit_test(test_many_watchers),
		cmocka_unit_test(test_notify_overflow),
		cmocka_unit_test(test_notify_at_once),
		cmocka_unit_test(test_silence_ends_a_session),
		cmocka_unit_test(test_a_million_ranges),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_progress_of_changes),
		cmocka_unit_test(test_save_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
