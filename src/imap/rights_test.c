/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every command of the table, in every state, with every right missing: it is
 * refused, nothing in the store changes, and nothing is told that the rights
 * hide. A command without a row here fails the test, and so does a row that
 * asks for a right that the command does not need.
 */
#include "imap/fixture.h"
#include "base/cursor.h"
#include "mail/mail.h"
#include "wire/imap/command.h"

/* As if it were a right: the mailbox was opened by SELECT, for writing. */
#define OPENED_FOR_WRITING (1u << 16)
/* Of a mailbox that was opened by EXAMINE, or for somebody who only reads. */
#define WRITERS (RIGHT_ALL & ~(uint32_t)(RIGHT_LOOKUP | RIGHT_READ))

#define L RIGHT_LOOKUP
#define R RIGHT_READ
#define S RIGHT_SEEN
#define W RIGHT_WRITE
#define I RIGHT_INSERT
#define K RIGHT_CREATE
#define X RIGHT_DELETE
#define T RIGHT_DELETED
#define E RIGHT_EXPUNGE
#define O OPENED_FOR_WRITING
/* RFC 5464 section 3.3 */
#define ANNOTATED (R | S | W | I)

/* What the mail, its keywords and annotations say, and the name of a mailbox
 * that is there; one of the same length is not. */
#define SECRET "xyzzy"
#define THERE "secret"
#define ABSENT "absent"

struct row {
	enum imap_verb verb;
	bool uid;
	const char *arguments; /* '@' stands for the mailbox's name */
	/* Without one of these it is refused; with them it is not. */
	uint32_t needs;
	/* And one of these, unless there are none here. */
	uint32_t one_of;
	/* Without one of these it is taken, and changes nothing. */
	uint32_t changes_with;
	bool changes; /* with all of them it does */
};

#define READS 0, 0, false
#define WRITES 0, 0, true

static const struct row rows[] = {
	/* any state */
	{IMAP_CAPABILITY, false, "", 0, READS},
	{IMAP_NOOP, false, "", 0, READS},
	{IMAP_LOGOUT, false, "", 0, READS},
	{IMAP_ID, false, " NIL", 0, READS},

	/* not authenticated: refused in all other states */
	{IMAP_STARTTLS, false, "", 0, READS},
	{IMAP_AUTHENTICATE, false, " PLAIN AGFubgB4", 0, READS},
	{IMAP_LOGIN, false, " bob x", 0, READS},

	/* authenticated */
	{IMAP_ENABLE, false, " IMAP4rev2", 0, READS},
	{IMAP_SELECT, false, " @", L | R, 0, WRITERS, true}, /* \Recent */
	{IMAP_EXAMINE, false, " @", L | R, READS},
	{IMAP_CREATE, false, " new", L | K, WRITES},
	{IMAP_DELETE, false, " @", L | X, WRITES},
	{IMAP_RENAME, false, " @ new", L | K | X, WRITES},
	{IMAP_RENAME, false, " INBOX new", L | K | X, WRITES},
	{IMAP_SUBSCRIBE, false, " INBOX", W, WRITES},
	{IMAP_UNSUBSCRIBE, false, " @", W, WRITES},
	{IMAP_LIST, false, " \"\" *", 0, READS},
	{IMAP_LIST, false,
		" \"\" * RETURN (STATUS (MESSAGES SIZE) METADATA "
		"(/private/comment) SUBSCRIBED CHILDREN)",
		0, READS},
	{IMAP_LSUB, false, " \"\" *", 0, READS},
	{IMAP_NAMESPACE, false, "", 0, READS},
	{IMAP_STATUS, false, " @ (MESSAGES UIDNEXT SIZE)", L | R, READS},
	{IMAP_APPEND, false, " @ {3+}\r\na:b", L | I, WRITES},
	{IMAP_APPEND, false, " @ CATENATE (URL /INBOX/;UID=1)", L | I | R,
		WRITES},
	{IMAP_GETMETADATA, false, " @ /private/comment", L, ANNOTATED, 0,
		false},
	{IMAP_GETMETADATA, false, " \"\" /private/comment", 0, ANNOTATED, 0,
		false},
	{IMAP_SETMETADATA, false, " @ (/private/comment \"x\")", L | W, WRITES},
	{IMAP_SETMETADATA, false, " \"\" (/private/comment \"x\")", W, WRITES},
	{IMAP_IDLE, false, "\r\nDONE", 0, READS},
	{IMAP_NOTIFY, false,
		" SET STATUS (PERSONAL (MessageNew MessageExpunge))", 0, READS},
	{IMAP_COMPRESS, false, " DEFLATE", 0, READS},
	{IMAP_ESEARCH, false, " IN (mailboxes @ subtree INBOX) ALL", 0, READS},
	{IMAP_ESEARCH, true, " IN (personal) RETURN (COUNT) UNSEEN", 0, READS},

	/* selected */
	{IMAP_CHECK, false, "", 0, READS},
	{IMAP_CLOSE, false, "", 0, 0, E | O, true},
	{IMAP_UNSELECT, false, "", 0, READS},
	{IMAP_EXPUNGE, false, "", E | O, WRITES},
	{IMAP_EXPUNGE, true, " 1:*", E | O, WRITES},
	{IMAP_SEARCH, false, " ALL", 0, READS},
	{IMAP_SEARCH, false, " FILTER f", W, READS},
	{IMAP_SEARCH, true, " ALL", 0, READS},
	{IMAP_SORT, false, " (ARRIVAL) UTF-8 ALL", 0, READS},
	{IMAP_SORT, true, " (ARRIVAL) UTF-8 ALL", 0, READS},
	{IMAP_THREAD, false, " REFERENCES UTF-8 ALL", 0, READS},
	{IMAP_THREAD, true, " REFERENCES UTF-8 ALL", 0, READS},
	{IMAP_SEARCH, true, " RETURN (UPDATE (UID)) ALL", 0, READS},
	{IMAP_CANCELUPDATE, false, " \"a\"", 0, READS},
	{IMAP_FETCH, false, " 1 (FLAGS ENVELOPE)", 0, READS},
	{IMAP_FETCH, false, " 1 BODY[]", 0, 0, S | O, true},
	{IMAP_FETCH, true, " 1 BODY[]", 0, 0, S | O, true},
	{IMAP_STORE, false, " 1 +FLAGS (\\Seen)", S | O, WRITES},
	{IMAP_STORE, false, " 2 +FLAGS (\\Deleted)", T | O, WRITES},
	{IMAP_STORE, false, " 1 +FLAGS (\\Flagged)", W | O, WRITES},
	{IMAP_STORE, false, " 1 -FLAGS (" SECRET ")", W | O, WRITES},
	{IMAP_STORE, true, " 1 +FLAGS (\\Seen)", S | O, WRITES},
	{IMAP_COPY, false, " 1 @", L | I, WRITES},
	{IMAP_COPY, true, " 1 @", L | I, WRITES},
	{IMAP_MOVE, false, " 1 @", L | I | T | E | O, WRITES},
	{IMAP_MOVE, true, " 1 @", L | I | T | E | O, WRITES},
	{IMAP_REPLACE, false, " 1 @ {3+}\r\na:b", L | I | T | E | O, WRITES},
	{IMAP_REPLACE, true, " 1 @ {3+}\r\na:b", L | I | T | E | O, WRITES},
	{IMAP_REPLACE, true, " 1 @ CATENATE (URL ;UID=2)", L | I | T | E | O,
		WRITES},
};

static const uint32_t masks[] = {
	RIGHT_ALL,
	/* what tickets give */
	L | R,
	0,
	/* one is missing */
	RIGHT_ALL & ~L,
	RIGHT_ALL & ~R,
	RIGHT_ALL & ~S,
	RIGHT_ALL & ~W,
	RIGHT_ALL & ~I,
	RIGHT_ALL & ~K,
	RIGHT_ALL & ~X,
	RIGHT_ALL & ~T,
	RIGHT_ALL & ~E,
	RIGHT_ALL & ~(uint32_t)RIGHT_ADMIN,
	/* nothing but one */
	L,
	R,
	W,
	L | R | S,
	L | R | W,
	L | R | T,
	L | R | E,
	L | R | I,
};

enum opened { NOT_SELECTED, SELECTED, EXAMINED, OPENED_COUNT };

static const char *const opened_by[] = {
	"", "o SELECT INBOX\r\n", "o EXAMINE INBOX\r\n"};

/* -------------------------------------------------------------- the world */

/* What the session that begins next may do. */
static uint32_t rights_now;

static void open_limited(struct session *s, const struct handover *h)
{
	s->user.rights = rights_now;
	imap_protocol.open(s, h);
}

static struct session_protocol limited;

static void dial(struct world *w, struct client *c, uint32_t rights)
{
	rights_now = rights;
	client_begin_by(w, c, &limited, TICKET_MAY_READ);
}

/* Waits until the session is gone, so that it changes nothing any more. */
static void hang_up(struct world *w, struct client *c)
{
	shutdown(c->fd, SHUT_WR);
	world_await_sessions(w, 0);
	close(c->fd);
	buf_fini(&c->in);
}

/* All keys and values. */
static void dump(struct world *w, struct buf *all)
{
	struct store_txn *txn = store_begin_read(w->store);
	struct store_iter *it = store_scan(txn, STR("\1"), STR(""));
	str key, value;

	buf_reset(all);
	while (store_iter_next(it, &key, &value)) {
		buf_add_sized(all, key);
		buf_add_sized(all, value);
	}
	assert_ok(store_iter_end(it));
	store_end_read(txn);
}

static enum err load(struct store_txn *txn, void *arg)
{
	struct cursor c = cursor_of(buf_str(arg));

	while (!cursor_done(&c)) {
		str key = cursor_sized(&c);

		store_put(txn, key, cursor_sized(&c));
	}
	return OK;
}

static void world_begin_with(struct world *w, struct buf *all)
{
	struct store *store = store_open_memory();

	assert_ok(store_write(store, STR("test"), load, all));
	world_begin_on(w, store);
}

/* At the end nothing in INBOX is \\Recent any more: who opens it changes
 * nothing. */
static const char *const beginnings[] = {
	"CREATE " THERE,
	"SUBSCRIBE " THERE,
	"APPEND INBOX (\\Deleted " SECRET ") {18+}\r\nSubject: " SECRET
	"\r\n\r\n",
	"APPEND INBOX (\\Flagged) {18+}\r\nSubject: " SECRET "\r\n\r\n",
	"APPEND " THERE " {18+}\r\nSubject: " SECRET "\r\n\r\n",
	"SETMETADATA " THERE " (/private/comment \"" SECRET "\")",
	"SETMETADATA \"\" (/private/comment \"" SECRET "\")",
	"SETMETADATA \"\" (/private/filters/values/f \"ALL\")",
	"SELECT INBOX",
};

static void make_mail(struct buf *all)
{
	struct world w;
	struct client c;

	world_begin(&w);
	dial(&w, &c, RIGHT_ALL);
	for (size_t i = 0; i < COUNT_OF(beginnings); i++) {
		say(&c, "b ");
		say(&c, beginnings[i]);
		say(&c, "\r\n");
		hear(&c, "b OK");
	}
	hang_up(&w, &c);
	dump(&w, all);
	world_end(&w);
}

/* --------------------------------------------------------------- one case */

static void put_command(
	struct buf *out, const struct row *row, const char *mailbox)
{
	buf_reset(out);
	buf_add_c(out, row->uid ? "TAG UID " : "TAG ");
	buf_add(out, imap_command_row(row->verb)->name);
	for (const char *p = row->arguments; *p; p++) {
		if (*p == '@')
			buf_add_c(out, mailbox);
		else
			buf_add_byte(out, *p);
	}
	buf_add_c(out, "\r\n");
	buf_add_byte(out, '\0');
}

/* The answer; false when the mailbox could not be opened before. */
static bool ask(struct world *w, const struct row *row, uint32_t rights,
	enum opened how, const char *mailbox, struct buf *answer)
{
	struct buf command = BUF_UNBOUNDED;
	struct client c;
	bool ready;

	dial(w, &c, rights);
	if (how != NOT_SELECTED)
		say(&c, opened_by[how]);
	ready = how == NOT_SELECTED ||
		str_find(hear(&c, "o "), STR("o OK")) < c.in.n;
	if (ready) {
		put_command(&command, row, mailbox);
		say(&c, command.p);
		buf_reset(answer);
		buf_add(answer, hear(&c, "TAG "));
	}
	hang_up(w, &c);
	buf_fini(&command);
	return ready;
}

struct trial {
	const struct row *row;
	uint32_t rights; /* with OPENED_FOR_WRITING */
	enum opened how;
	struct world *w;
	struct buf *before;
	struct buf answer, after;
};

static bool says(const struct trial *t, const char *words)
{
	str all = buf_str(&t->answer);

	return str_find(all, str_c(words)) < all.n;
}

static unsigned complaints;

static void complain(const struct trial *t, const char *what)
{
	print_error("%s%s%s, state %d, rights %#x: %s\n%.*s\n",
		t->row->uid ? "UID " : "",
		imap_command_row(t->row->verb)->name.p, t->row->arguments,
		t->how, t->rights, what, STR_ARG(buf_str(&t->answer)));
	complaints++;
}

#define TRIAL(t, condition)                                                    \
	do {                                                                   \
		if (!(condition))                                              \
			complain((t), #condition);                             \
	} while (0)

static bool is_in_state(const struct trial *t)
{
	unsigned state =
		t->how == NOT_SELECTED ? IMAP_AUTHENTICATED : IMAP_SELECTED;

	return imap_command_row(t->row->verb)->states & state;
}

static bool is_refused(const struct trial *t)
{
	const struct row *row = t->row;

	return (t->rights & row->needs) != row->needs ||
	       (row->one_of && !(t->rights & row->one_of));
}

/* SELECT's \Recent needs one right of several; all others each of theirs. */
static bool is_changed(const struct trial *t)
{
	uint32_t held = t->rights & t->row->changes_with;

	if (!t->row->changes || is_refused(t) || !is_in_state(t))
		return false;
	return t->row->verb == IMAP_SELECT ? held != 0
					   : held == t->row->changes_with;
}

static void check_answer(const struct trial *t)
{
	if (!is_in_state(t))
		TRIAL(t, says(t, "TAG BAD "));
	else if (is_refused(t))
		TRIAL(t, says(t, "TAG NO "));
	else
		TRIAL(t, says(t, "TAG OK "));
}

/* What may not be looked up looks as if it did not exist. */
static void check_hidden(struct trial *t)
{
	struct buf other = BUF_UNBOUNDED;
	bool named = strchr(t->row->arguments, '@');

	if (!(t->rights & ANNOTATED) || !is_in_state(t) || is_refused(t))
		TRIAL(t, !says(t, SECRET));
	if (t->rights & L)
		return;
	TRIAL(t, !says(t, THERE));
	if (!named || !is_refused(t))
		return;
	assert_true(ask(t->w, t->row, t->rights, t->how, ABSENT, &other));
	TRIAL(t, str_eq(buf_str(&other), buf_str(&t->answer)));
	buf_fini(&other);
}

static void check_store(struct trial *t)
{
	bool same;

	dump(t->w, &t->after);
	same = str_eq(buf_str(&t->after), buf_str(t->before));
	TRIAL(t, same == !is_changed(t));
	if (same)
		return;
	world_end(t->w);
	world_begin_with(t->w, t->before);
}

static void try_row(struct world *w, struct buf *all, const struct row *row,
	uint32_t rights, enum opened how)
{
	struct trial t = {
		row, rights, how, w, all, BUF_UNBOUNDED, BUF_UNBOUNDED};

	if (how == SELECTED && rights & WRITERS)
		t.rights |= OPENED_FOR_WRITING;
	if (ask(w, row, rights, how, THERE, &t.answer)) {
		check_answer(&t);
		check_hidden(&t);
		check_store(&t);
	} else {
		assert_int_not_equal(rights & (L | R), L | R);
	}
	buf_fini(&t.answer);
	buf_fini(&t.after);
}

/* ------------------------------------------------------------------ tests */

static void test_every_command_with_every_right_missing(void **unused)
{
	struct buf all = BUF_UNBOUNDED;
	struct world w;

	(void)unused;
	make_mail(&all);
	world_begin_with(&w, &all);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t m = 0; m < COUNT_OF(masks); m++)
			for (int how = 0; how < OPENED_COUNT; how++)
				try_row(&w, &all, &rows[i], masks[m],
					(enum opened)how);
	world_end(&w);
	buf_fini(&all);
	assert_int_equal(complaints, 0);
}

static bool has_row(enum imap_verb verb, bool uid)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].verb == verb && rows[i].uid == uid)
			return true;
	print_error("rights_test.c has no row for %s%s\n", uid ? "UID " : "",
		imap_command_row(verb)->name.p);
	return false;
}

/* These take names of mailboxes that are not there, too. */
static bool takes_mailbox(enum imap_verb verb)
{
	if (verb == IMAP_CREATE || verb == IMAP_SUBSCRIBE)
		return true;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].verb == verb && strchr(rows[i].arguments, '@'))
			return true;
	return false;
}

static bool changes(enum imap_verb verb)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].verb == verb && rows[i].changes)
			return true;
	return false;
}

/* RFC 4314 section 4: flags that may not be set are left out, and COPY and
 * APPEND do not fail for it. */
static void test_flags_that_may_not_be_set(void **unused)
{
	static const struct {
		const char *command;
		uint32_t rights;
		const char *flags;
	} cases[] = {
		{"COPY 1 " THERE, RIGHT_ALL, "(\\Deleted " SECRET ")"},
		{"COPY 1 " THERE, RIGHT_ALL & ~T, "(" SECRET ")"},
		{"COPY 1 " THERE, RIGHT_ALL & ~W, "(\\Deleted)"},
		{"COPY 1 " THERE, L | R | I, "()"},
		{"MOVE 1 " THERE, RIGHT_ALL & ~W, "(\\Deleted)"},
		{"APPEND " THERE " (\\Seen \\Deleted \\Flagged " SECRET
		 ") {3+}\r\na:b",
			RIGHT_ALL & ~W, "(\\Deleted \\Seen)"},
		{"APPEND " THERE " (\\Seen new) {3+}\r\na:b", RIGHT_ALL & ~S,
			"(new)"},
		{"APPEND " THERE " (\\Seen new) {3+}\r\na:b", L | I, "()"},
	};
	struct buf all = BUF_UNBOUNDED;

	(void)unused;
	make_mail(&all);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct world w;
		struct client c;
		char wanted[80];
		str heard;

		world_begin_with(&w, &all);
		dial(&w, &c, cases[i].rights);
		say(&c, "o SELECT INBOX\r\nTAG ");
		say(&c, cases[i].command);
		say(&c, "\r\n");
		hear(&c, "TAG OK");
		hang_up(&w, &c);
		dial(&w, &c, RIGHT_ALL);
		say(&c, "e ENABLE IMAP4rev2\r\no EXAMINE " THERE "\r\n");
		hear(&c, "o OK");
		say(&c, "TAG FETCH * FLAGS\r\n");
		heard = hear(&c, "TAG OK");
		snprintf(wanted, sizeof wanted, "* 2 FETCH (FLAGS %s)",
			cases[i].flags);
		assert_str(str_take(heard, strlen(wanted)), wanted);
		hang_up(&w, &c);
		world_end(&w);
	}
	buf_fini(&all);
}

/* A new command comes with what it needs. */
static void test_no_command_was_forgotten(void **unused)
{
	(void)unused;
	for (int v = IMAP_UNKNOWN + 1; v < IMAP_VERB_COUNT; v++) {
		enum imap_verb verb = (enum imap_verb)v;
		unsigned flags = imap_command_row(verb)->flags;

		/* Only where a setting allows it; it asks for no right. */
		if (verb == IMAP_UNAUTHENTICATE)
			continue;
		assert_true(has_row(verb, false));
		assert_true(!(flags & IMAP_HAS_UID) || has_row(verb, true));
		assert_true(!(flags & IMAP_CHANGES) || changes(verb));
		assert_true(
			!(flags & IMAP_TAKES_MAILBOX) || takes_mailbox(verb));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_command_with_every_right_missing),
		cmocka_unit_test(test_flags_that_may_not_be_set),
		cmocka_unit_test(test_no_command_was_forgotten),
	};

	limited = imap_protocol;
	limited.open = open_limited;
	return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
