/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hostile input costs, for test_cost.py, which runs this under callgrind:
 *
 *	attack-cost list		"KIND NAME" of each row
 *	attack-cost TIMES NAME...	runs these, messages and mailboxes so
 *many times as large
 *
 * Each row is input that was made up to be dear. A session in this process, on
 * the memory engine, takes it; the instructions of that alone are counted, and
 * dumped as "NAME BYTES": bytes that came and went. The first row of each kind
 * is what people send.
 */
#include "base/log.h"
#include "imap/imap.h"
#include "session/ticket.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_DUMP_STATS_AT(text) ((void)(text))
#endif

#define STACK (1024 * 1024)
/* What a row is first run with, uncounted: libraries make tables at first use.
 */
#define WARM_UP 512

enum kind {
	MESSAGE, /* it is appended, and asked for in every way */
	COMMAND, /* a command, in a mailbox with some mail */
	BYTES,	 /* the same, a byte at a time */
	MAILBOX, /* many messages; what follows is asked of them */
};

/* head, unit again and again, tail; in unit %u counts up, %d counts down. */
struct row {
	const char *name;
	enum kind kind;
	size_t size;
	const char *head, *unit, *tail;
	const char *then; /* MAILBOX: what is asked */
};

#define KB *1024

static const struct row rows[] = {
	{"header", MESSAGE, 32 KB,
		"From: Ann Example <ann@example.org>\r\n"
		"To: Bob <bob@example.net>, \"C., D.\" <cd@example.com>\r\n"
		"Subject: Re: [list] minutes of the meeting\r\n"
		"Date: Tue, 3 Mar 2026 10:11:12 +0100\r\n"
		"Message-ID: <1@example.org>\r\n",
		"Received: from m%u.example.org (m.example.org [192.0.2.1])\r\n"
		"\tby mx.example.net with ESMTPS id 4Q%u;\r\n"
		"\tTue, 3 Mar 2026 10:11:12 +0100\r\n"
		"X-Spam-Flag: NO\r\nMIME-Version: 1.0\r\n",
		"\r\n", NULL},
	{"message", MESSAGE, 32 KB,
		"From: Ann Example <ann@example.org>\r\n"
		"To: Bob <bob@example.net>, \"C., D.\" <cd@example.com>\r\n"
		"Subject: Re: [list] minutes of the meeting\r\n"
		"Date: Tue, 3 Mar 2026 10:11:12 +0100\r\n"
		"Message-ID: <1@example.org>\r\n"
		"References: <a@example.org> <b@example.org>\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n"
		"--=_b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
		"The quick brown fox jumps over the lazy dog, number %u.\r\n",
		"--=_b--\r\n", NULL},

	/* Headers. */
	{"many fields", MESSAGE, 32 KB, "", "a: b\r\n", "\r\n", NULL},
	{"many subjects", MESSAGE, 32 KB, "", "Subject: b\r\n", "\r\n", NULL},
	{"empty fields", MESSAGE, 32 KB, "", ":\r\n", "\r\n", NULL},
	{"one long field", MESSAGE, 32 KB, "Subject: ", "x", "\r\n\r\n", NULL},
	{"folds", MESSAGE, 32 KB, "Subject: a", "\r\n b", "\r\n\r\n", NULL},
	{"empty folds", MESSAGE, 32 KB, "To: a", "\r\n ", "\r\n\r\n", NULL},
	{"carriage returns", MESSAGE, 32 KB, "Subject: a", "\r", "\r\n\r\n",
		NULL},
	{"addresses", MESSAGE, 32 KB, "To: a@b", ",a@b", "\r\n\r\n", NULL},
	{"commas", MESSAGE, 32 KB, "To: a@b", ",", "\r\n\r\n", NULL},
	{"comments", MESSAGE, 32 KB, "To: ", "(", "\r\n\r\n", NULL},
	{"closed comments", MESSAGE, 32 KB, "From: ", "(a)", "\r\n\r\n", NULL},
	{"comments in a date", MESSAGE, 32 KB, "Date: ", "(", "\r\n\r\n", NULL},
	{"quotes", MESSAGE, 32 KB, "From: ", "\"", "\r\n\r\n", NULL},
	{"quoted pairs", MESSAGE, 32 KB, "From: \"", "\\a", "\" <a@b>\r\n\r\n",
		NULL},
	{"groups", MESSAGE, 32 KB, "To: ", "a:", "\r\n\r\n", NULL},
	{"closed groups", MESSAGE, 32 KB, "To: ", "a:;", "\r\n\r\n", NULL},
	{"angles", MESSAGE, 32 KB, "To: ", "<", "\r\n\r\n", NULL},
	{"routes", MESSAGE, 32 KB, "To: <", "@a,", ":b@c>\r\n\r\n", NULL},
	{"words", MESSAGE, 32 KB, "From: ", "a ", "<a@b>\r\n\r\n", NULL},
	{"dots", MESSAGE, 32 KB, "From: a", ".a", "@b\r\n\r\n", NULL},
	{"at signs", MESSAGE, 32 KB, "From: ", "a@", "\r\n\r\n", NULL},
	{"continued parameters", MESSAGE, 32 KB, "Content-Type: text/plain",
		";\r\n a*%u=x", "\r\n\r\n", NULL},
	{"backwards", MESSAGE, 32 KB, "Content-Type: text/plain",
		";\r\n a*%d*=x", "\r\n\r\n", NULL},
	{"parameters", MESSAGE, 32 KB, "Content-Type: text/plain", "; a%u=x",
		"\r\n\r\n", NULL},
	{"the same parameter", MESSAGE, 32 KB, "Content-Disposition: inline",
		"; a=x", "\r\n\r\n", NULL},
	{"languages", MESSAGE, 32 KB, "Content-Language: en", ", en",
		"\r\n\r\n", NULL},
	{"encoded words", MESSAGE, 32 KB,
		"Subject:", " =?utf-8?q?a?=", "\r\n\r\n", NULL},
	{"encoded words, base64", MESSAGE, 32 KB,
		"Subject:", " =?utf-8?b?YQ==?=", "\r\n\r\n", NULL},
	{"encoded charsets", MESSAGE, 32 KB, "From:",
		" =?iso-2022-jp?q?=1B$Ba?= =?big5?q?=a4?= =?koi8-r?q?a?=",
		" <a@b>\r\n\r\n", NULL},
	{"unknown charsets", MESSAGE, 32 KB,
		"Subject:", " =?x%u?q?a?=", "\r\n\r\n", NULL},
	{"encoded beginnings", MESSAGE, 32 KB, "Subject: ", "=?", "\r\n\r\n",
		NULL},
	{"encoded ends", MESSAGE, 32 KB, "Subject: =?utf-8?q?", "?", "\r\n\r\n",
		NULL},
	{"replies", MESSAGE, 32 KB, "Subject:", " Re:", "\r\n\r\n", NULL},
	{"blobs", MESSAGE, 32 KB, "Subject: ", "[a]", "\r\n\r\n", NULL},
	{"open blobs", MESSAGE, 32 KB, "Subject: ", "[", "\r\n\r\n", NULL},
	{"replies with blobs", MESSAGE, 32 KB, "Subject: ", "re[a]", "\r\n\r\n",
		NULL},
	{"forwards", MESSAGE, 32 KB, "Subject: ", "[fwd:", "\r\n\r\n", NULL},
	{"trailers", MESSAGE, 32 KB, "Subject: a", "(fwd)", "\r\n\r\n", NULL},
	{"references", MESSAGE, 32 KB, "References:", " <%u@x>", "\r\n\r\n",
		NULL},
	{"open references", MESSAGE, 32 KB, "References:", " <a", "\r\n\r\n",
		NULL},
	{"replied to", MESSAGE, 32 KB, "In-Reply-To:", " a<", "\r\n\r\n", NULL},

	/* Parts. */
	{"parts", MESSAGE, 32 KB,
		"Content-Type: multipart/mixed; boundary=b\r\n", "\r\n--b\r\n",
		"", NULL},
	{"nested", MESSAGE, 32 KB, "",
		"Content-Type: multipart/x; boundary=b%u\r\n\r\n--b%u\r\n", "",
		NULL},
	{"nested alike", MESSAGE, 32 KB, "",
		"Content-Type: multipart/x; boundary=b\r\n\r\n--b\r\n", "",
		NULL},
	{"messages", MESSAGE, 32 KB, "", "Content-Type: message/rfc822\r\n\r\n",
		"", NULL},
	{"digests", MESSAGE, 32 KB, "",
		"Content-Type: multipart/digest; boundary=b%u\r\n\r\n--b%u\r\n"
		"\r\n",
		"", NULL},
	{"dashes", MESSAGE, 32 KB,
		"Content-Type: multipart/x; boundary=\"------------b\"\r\n\r\n",
		"-", "", NULL},
	{"lines of dashes", MESSAGE, 32 KB,
		"Content-Type: multipart/x; boundary=b\r\n\r\n", "--\r\n", "",
		NULL},
	{"line feeds", MESSAGE, 32 KB, "\r\n", "\n", "", NULL},

	/* Bodies. */
	{"tags", MESSAGE, 32 KB, "Content-Type: text/html\r\n\r\n", "<a", "",
		NULL},
	{"html comments", MESSAGE, 32 KB, "Content-Type: text/html\r\n\r\n",
		"<!--", "", NULL},
	{"scripts", MESSAGE, 32 KB, "Content-Type: text/html\r\n\r\n",
		"<script>", "", NULL},
	{"closed scripts", MESSAGE, 32 KB, "Content-Type: text/html\r\n\r\n",
		"<script></script", "", NULL},
	{"character references", MESSAGE, 32 KB,
		"Content-Type: text/html\r\n\r\n", "&", "", NULL},
	{"equals signs", MESSAGE, 32 KB,
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n", "=", "",
		NULL},
	{"blanks at the end", MESSAGE, 32 KB,
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n", " ", "",
		NULL},
	{"base64 rubbish", MESSAGE, 32 KB,
		"Content-Transfer-Encoding: base64\r\n\r\n", "=A", "", NULL},
	{"uuencoded", MESSAGE, 32 KB,
		"Content-Transfer-Encoding: x-uuencode\r\n\r\n",
		"begin 644 a\n", "", NULL},
	{"escapes", MESSAGE, 32 KB,
		"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n",
		"\x1b$B\x1b(B", "", NULL},
	{"utf-7", MESSAGE, 32 KB,
		"Content-Type: text/plain; charset=utf-7\r\n\r\n", "+-", "",
		NULL},
	{"no utf-8", MESSAGE, 32 KB,
		"Content-Type: text/plain; charset=utf-8\r\n\r\n", "\xf0\x80",
		"", NULL},
	{"combining marks", MESSAGE, 32 KB,
		"Content-Type: text/plain; charset=utf-8\r\n\r\na",
		"\xcc\x80\xcc\xa3", "", NULL},
	{"combining marks in a field", MESSAGE, 32 KB, "Subject: a",
		"\xcc\x80\xcc\xa3", "\r\n\r\n", NULL},

	/* Commands. */
	{"search", COMMAND, 8 KB, "a SEARCH", " SUBJECT hello FROM ann UNSEEN",
		"\r\n", NULL},
	{"sets", COMMAND, 8 KB, "a FETCH 1", ",1", " FLAGS\r\n", NULL},
	{"ranges", COMMAND, 8 KB, "a FETCH 1", ",1:*", " FLAGS\r\n", NULL},
	{"UIDs backwards", COMMAND, 8 KB, "a UID FETCH 1", ",%d", " FLAGS\r\n",
		NULL},
	{"UIDs", COMMAND, 8 KB, "a UID SEARCH UID 1", ",%u", "\r\n", NULL},
	{"NOT", COMMAND, 8 KB, "a SEARCH", " NOT", " ALL\r\n", NULL},
	{"OR", COMMAND, 8 KB, "a SEARCH", " OR SEEN", " ALL\r\n", NULL},
	{"OR of lists", COMMAND, 8 KB, "a SEARCH ALL", " OR (SEEN) (SEEN)",
		"\r\n", NULL},
	{"keys", COMMAND, 8 KB, "a SEARCH", " UNSEEN", "\r\n", NULL},
	{"keys that read", COMMAND, 8 KB, "a SEARCH", " NOT BODY z", "\r\n",
		NULL},
	{"keys that read a field", COMMAND, 8 KB, "a SEARCH",
		" NOT HEADER x%u z", "\r\n", NULL},
	{"keys of one field", COMMAND, 8 KB, "a SEARCH", " NOT SUBJECT z",
		"\r\n", NULL},
	{"a long key", COMMAND, 8 KB, "a SEARCH TEXT \"", "a", "\"\r\n", NULL},
	{"a periodic key", COMMAND, 8 KB, "a SEARCH TEXT \"", "ab", "c\"\r\n",
		NULL},
	{"field names", COMMAND, 8 KB, "a FETCH 1:* BODY.PEEK[HEADER.FIELDS (a",
		" b%u", ")]\r\n", NULL},
	{"other field names", COMMAND, 8 KB,
		"a FETCH 1:* BODY.PEEK[HEADER.FIELDS.NOT (a", " b%u", ")]\r\n",
		NULL},
	{"sections", COMMAND, 8 KB, "a FETCH 1 (FLAGS",
		" BODY.PEEK[HEADER.FIELDS (a)]", ")\r\n", NULL},
	{"deep sections", COMMAND, 8 KB, "a FETCH 1 BODY[1", ".1", "]\r\n",
		NULL},
	{"sort keys", COMMAND, 8 KB, "a SORT (DATE", " SUBJECT",
		") UTF-8 ALL\r\n", NULL},
	{"patterns", COMMAND, 8 KB, "a LIST \"\" (a", " *", ")\r\n", NULL},
	{"stars", COMMAND, 8 KB, "a LIST \"\" \"", "*a", "b\"\r\n", NULL},
	{"percents", COMMAND, 8 KB, "a LIST \"\" \"", "%%a*", "b\"\r\n", NULL},
	{"levels", COMMAND, 512, "a CREATE ", "a/", "a\r\n", NULL},
	{"shifted names", COMMAND, 8 KB, "a STATUS \"", "&AGE-", "\" ()\r\n",
		NULL},
	{"keywords", COMMAND, 8 KB, "a STORE 1 +FLAGS.SILENT (a", " k%u",
		")\r\n", NULL},
	{"the same keyword", COMMAND, 8 KB, "a STORE 1 +FLAGS.SILENT (a", " a",
		")\r\n", NULL},
	{"ID", COMMAND, 8 KB, "a ID (\"a\" \"b\"", " \"a\" \"b\"", ")\r\n",
		NULL},
	{"brackets", COMMAND, 8 KB, "a SELECT INBOX ", "(", "\r\n", NULL},
	{"known UIDs", COMMAND, 8 KB,
		"e ENABLE QRESYNC\r\na SELECT INBOX (QRESYNC (1 1 1", ",%u",
		"))\r\n", NULL},
	{"watched names", COMMAND, 8 KB, "a NOTIFY SET (MAILBOXES (a", " b%u",
		") (MessageNew MessageExpunge))\r\n", NULL},
	{"entries", COMMAND, 8 KB, "a GETMETADATA INBOX (/private/a",
		" /private/b%u", ")\r\n", NULL},
	{"commands", COMMAND, 8 KB, "", "a NOOP\r\n", "", NULL},
	{"messages at once", COMMAND, 8 KB, "a APPEND INBOX", " {3+}\r\na:b",
		"\r\n", NULL},
	{"literals", COMMAND, 8 KB, "a SEARCH", " SUBJECT {1+}\r\na", "\r\n",
		NULL},
	{"bytes of commands", BYTES, 1 KB, "", "a NOOP\r\n", "", NULL},
	{"bytes of a line", BYTES, 1 KB, "a SEARCH SUBJECT \"", "a", "\"\r\n",
		NULL},
	{"bytes of literals", BYTES, 1 KB, "a SEARCH", " SUBJECT {1+}\r\na",
		"\r\n", NULL},
	{"bytes of a message", BYTES, 1 KB, "a APPEND INBOX {%zu+}\r\n", "a",
		"\r\n", NULL},

	/* Many messages. */
	{"a mailbox", MAILBOX, 64 KB, "",
		"Subject: hello %u\r\nMessage-ID: <%u@x>\r\n\r\n", "",
		"a THREAD REFERENCES UTF-8 ALL\r\n"
		"a SORT (SUBJECT) UTF-8 ALL\r\na SEARCH SUBJECT x\r\n"},
	{"one subject", MAILBOX, 64 KB, "",
		"Subject: Re: hello\r\nMessage-ID: <%u@x>\r\n\r\n", "",
		"a THREAD REFERENCES UTF-8 ALL\r\n"
		"a THREAD ORDEREDSUBJECT UTF-8 ALL\r\n"
		"a SORT (SUBJECT) UTF-8 ALL\r\n"},
	{"one Message-ID", MAILBOX, 64 KB, "",
		"Subject: hello %u\r\nMessage-ID: <1@x>\r\n\r\n", "",
		"a THREAD REFERENCES UTF-8 ALL\r\n"},
	{"a chain", MAILBOX, 64 KB, "",
		"Message-ID: <%u@x>\r\nIn-Reply-To: <%p@x>\r\n\r\n", "",
		"a THREAD REFERENCES UTF-8 ALL\r\n"},
	{"a chain backwards", MAILBOX, 64 KB, "",
		"Message-ID: <%p@x>\r\nIn-Reply-To: <%u@x>\r\n\r\n", "",
		"a THREAD REFERENCES UTF-8 ALL\r\n"},
	{"cycles", MAILBOX, 64 KB, "",
		"Message-ID: <%u@x>\r\nReferences: <%d@x> <%u@x> "
		"<%p@x>\r\n\r\n",
		"", "a THREAD REFERENCES UTF-8 ALL\r\n"},
	{"one parent", MAILBOX, 64 KB, "",
		"Message-ID: <%u@x>\r\nIn-Reply-To: <0@x>\r\n\r\n", "",
		"a THREAD REFERENCES UTF-8 ALL\r\n"},
	{"many keys", MAILBOX, 64 KB, "", "Subject: hello %u\r\n\r\n", "",
		"a SEARCH OR SUBJECT a OR FROM b OR NOT SEEN OR TO c BODY d\r\n"
		"a SORT (ARRIVAL CC DATE FROM SIZE SUBJECT TO) UTF-8 ALL\r\n"},
};

/* ---------------------------------------------------------------- sessions */

static struct loop *loop;
static struct pool *pool;

struct talk {
	struct store *store;
	struct mail *mail;
	struct session_service *service;
	int fd;
	uint64_t heard;
};

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* Lets the session work, and takes what it says. */
static void pump(struct talk *t)
{
	static char piece[65536];
	ssize_t n;

	loop_run_once(loop, 0);
	pool_drain(pool);
	while ((n = recv(t->fd, piece, sizeof piece, MSG_DONTWAIT)) > 0)
		t->heard += (uint64_t)n;
}

static void talk_begin(struct talk *t)
{
	struct handover h = {.protocol = STR("imap"),
		.tag = STR("L"),
		.session = STR("cost"),
		.remote = STR("127.0.0.1:1")};
	int fds[2];

	*t = (struct talk){.store = store_open_memory()};
	t->mail = mail_new(t->store, NULL);
	t->service = session_service_new(loop, pool, t->mail, NULL);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	t->fd = fds[0];
	session_begin(t->service, &imap_protocol, fds[1], &h,
		&(struct ticket){.account = 1,
			.name = STR("ann"),
			.rights = TICKET_MAY_ALL});
	pump(t);
}

/* All of it, in pieces of that many bytes, until it was answered. */
static void talk_say(struct talk *t, str text, size_t piece)
{
	uint64_t before;

	while (text.n) {
		str now = str_take(text, piece);
		ssize_t n =
			send(t->fd, now.p, now.n, MSG_DONTWAIT | MSG_NOSIGNAL);

		must(n > 0 || errno == EAGAIN || errno == EPIPE);
		if (n < 0 && errno == EPIPE)
			return;
		text = str_skip(text, n > 0 ? (size_t)n : 0);
		pump(t);
	}
	do {
		before = t->heard;
		pump(t);
	} while (t->heard != before);
}

static void talk_end(struct talk *t)
{
	close(t->fd);
	while (session_service_count(t->service)) {
		loop_run_once(loop, 0);
		pool_drain(pool);
	}
	loop_run_once(loop, 0);
	session_service_free(t->service);
	mail_free(t->mail);
	store_close(t->store);
}

/* --------------------------------------------------------------- the input */

/* "%u" the number, "%p" the one before, "%d" counted from the other end. */
static void put_unit(struct buf *out, const char *unit, unsigned i)
{
	for (; *unit; unit++) {
		if (*unit != '%') {
			buf_add_byte(out, *unit);
			continue;
		}
		switch (*++unit) {
		case 'u':
			buf_add_u64(out, i);
			break;
		case 'p':
			buf_add_u64(out, i - 1);
			break;
		case 'd':
			buf_add_u64(out, 1000000 - i);
			break;
		default:
			buf_add_byte(out, *unit);
		}
	}
}

static void put_units(struct buf *out, const struct row *row, size_t size)
{
	size_t end = out->n + size;

	for (unsigned i = 1; out->n < end; i++)
		put_unit(out, row->unit, i);
}

static const char *const asked_of_message[] = {
	"f FETCH 1 (ENVELOPE BODYSTRUCTURE PREVIEW BODY.PEEK[TEXT])\r\n",
	"f FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT)] BINARY.PEEK[1])\r\n",
	"s SEARCH OR SUBJECT zzz TEXT zzz\r\n",
	"s SORT (SUBJECT FROM TO DATE) UTF-8 ALL\r\n",
	"s THREAD REFERENCES UTF-8 ALL\r\n",
};

static void make_message(struct buf *out, const struct row *row, size_t size)
{
	struct buf text = BUF_UNBOUNDED;

	buf_add_c(&text, row->head);
	put_units(&text, row, size);
	buf_add_c(&text, row->tail);
	buf_addf(out, "a APPEND INBOX {%zu+}\r\n", text.n);
	buf_add(out, buf_str(&text));
	buf_add_c(out, "\r\ns SELECT INBOX\r\n");
	for (size_t i = 0; i < sizeof asked_of_message / sizeof(char *); i++)
		buf_add_c(out, asked_of_message[i]);
	buf_fini(&text);
}

static void make_command(struct buf *out, const struct row *row, size_t size)
{
	if (strstr(row->head, "%zu"))
		buf_addf(out, "a APPEND INBOX {%zu+}\r\n", size);
	else
		buf_add_c(out, row->head);
	put_units(out, row, size);
	buf_add_c(out, row->tail);
}

static void make_mailbox(struct buf *out, const struct row *row, size_t size)
{
	struct buf text = BUF_UNBOUNDED;

	for (unsigned i = 1; out->n < size; i++) {
		buf_reset(&text);
		put_unit(&text, row->unit, i);
		buf_addf(out, "a APPEND INBOX {%zu+}\r\n", text.n);
		buf_add(out, buf_str(&text));
		buf_add_c(out, "\r\n");
	}
	buf_add_c(out, "s SELECT INBOX\r\n");
	buf_fini(&text);
}

/* What there is before a command. */
static void some_mail(struct talk *t)
{
	static const struct row row = {.unit = "From: ann@example.org\r\n"
					       "Subject: hello %u\r\n\r\n"
					       "How are you?\r\n"};
	struct buf mail = BUF_UNBOUNDED;

	make_mailbox(&mail, &row, 2048);
	talk_say(t, buf_str(&mail), 65536);
	buf_fini(&mail);
}

/* -------------------------------------------------------------- one measure */

static void dump(const char *row, uint64_t bytes)
{
	char name[100];

	snprintf(name, sizeof name, "%s|%llu", row, (unsigned long long)bytes);
	CALLGRIND_DUMP_STATS_AT(name);
	CALLGRIND_STOP_INSTRUMENTATION;
}

static void measure(const struct row *row, size_t size, bool counted)
{
	struct buf input = BUF_UNBOUNDED;
	struct talk t;

	talk_begin(&t);
	if (row->kind == MESSAGE)
		make_message(&input, row, size);
	else if (row->kind == MAILBOX)
		make_mailbox(&input, row, size);
	else
		make_command(&input, row, size);
	if (row->kind != MESSAGE && row->kind != MAILBOX)
		some_mail(&t);
	if (row->kind == MAILBOX)
		talk_say(&t, buf_str(&input), 65536);
	t.heard = 0;
	if (counted)
		CALLGRIND_START_INSTRUMENTATION;
	talk_say(&t, row->kind == MAILBOX ? str_c(row->then) : buf_str(&input),
		row->kind == BYTES ? 1 : 65536);
	if (counted)
		dump(row->name, input.n + t.heard);
	talk_end(&t);
	buf_fini(&input);
}

static bool is_wanted(const struct row *row, int argc, char **argv)
{
	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], row->name) == 0)
			return true;
	return argc == 2;
}

/* Commands have their limits; what is longer would be refused, and cheap. */
static size_t size_of(const struct row *row, size_t times)
{
	bool grows = row->kind == MESSAGE || row->kind == MAILBOX;

	return row->size * (grows ? times : 1);
}

int main(int argc, char **argv)
{
	bool list = argc == 2 && strcmp(argv[1], "list") == 0;
	size_t times = argc > 1 ? (size_t)atoi(argv[1]) : 1;

	log_set_level(LOG_ERROR);
	must(loop_new(&loop) == OK);
	pool = pool_new(1, STACK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (list)
			printf("%d %s\n", rows[i].kind, rows[i].name);
		if (list || !is_wanted(&rows[i], argc, argv))
			continue;
		measure(&rows[i], WARM_UP, false);
		measure(&rows[i], size_of(&rows[i], times), true);
	}
	pool_free(pool);
	loop_free(loop);
	return 0;
}
