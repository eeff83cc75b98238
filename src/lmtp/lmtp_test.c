/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dialogues, each run four ways that must come to the same: a line at a time, a
 * byte at a time, all at once (pipelined), and cut in two at every byte.
 *
 *	C: a line of the client		C> bytes without a line's end
 *	S: a line of the server
 *	= what is stored at the end: ann INBOX 1
 */
#include "lmtp/fixture.h"
#include "store/fault.h"

enum mode { BY_LINE, BY_BYTE, AT_ONCE, MODES };

#define HELLO                                                                  \
	"S: 220 localhost LMTP Culver\n"                                       \
	"C: LHLO client.example\n"                                             \
	"S: 250-localhost\n"                                                   \
	"S: 250-PIPELINING\n"                                                  \
	"S: 250-8BITMIME\n"                                                    \
	"S: 250-SMTPUTF8\n"                                                    \
	"S: 250-CHUNKING\n"                                                    \
	"S: 250-BINARYMIME\n"                                                  \
	"S: 250-SIZE 67108864\n"                                               \
	"S: 250 ENHANCEDSTATUSCODES\n"
#define MAIL "C: MAIL FROM:<chris@bar.com>\nS: 250 2.1.0 Sender ok\n"
#define RCPT(who) "C: RCPT TO:<" who ">\nS: 250 2.1.5 <" who "> Recipient ok\n"
#define DATA "C: DATA\nS: 354 Send the message; end with <CRLF>.<CRLF>\n"
#define DELIVERED(who) "S: 250 2.0.0 <" who "> Delivered\n"
#define CHUNK "S: 250 2.0.0 Chunk received\n"
#define QUIT "C: QUIT\nS: 221 2.0.0 Bye\n"

static const struct row {
	const char *why;
	const char *script;
} scripts[] = {
	{"RFC 2033 section 4.2's example",
		HELLO MAIL RCPT("ann@foo.edu") "C: RCPT TO:<jones@foo.edu>\n"
					       "S: 550 5.1.1 <jones@foo.edu> "
					       "No such recipient here\n" RCPT(
						       "full@foo.edu") DATA
		"C: Blah blah blah...\n"
		"C: ...etc. etc. etc.\n"
		"C: .\n" DELIVERED("ann@foo.edu") "S: 452 4.2.2 <full@foo.edu> "
						  "Over quota\n" QUIT
						  "= ann INBOX 1\n"
						  "= full INBOX 0\n"},
	{"two messages in a session", HELLO MAIL RCPT("ann@x") DATA
		"C: a\nC: .\n" DELIVERED("ann@x") MAIL RCPT("ann@x") DATA
		"C: b\nC: .\n" DELIVERED("ann@x") QUIT "= ann INBOX 2\n"},
	{"recipients that mean the same account: one copy, an answer each",
		HELLO MAIL RCPT("ann@x") RCPT("bob@x") RCPT("ann@y")
			RCPT("ann@x") RCPT("both@x") DATA
		"C: a\nC: .\n" DELIVERED("ann@x") DELIVERED("bob@x") DELIVERED(
			"ann@y") DELIVERED("ann@x") DELIVERED("both@x") QUIT
		"= ann INBOX 1\n= bob INBOX 1\n"},
	{"an alias of which one is over quota: the worst is told",
		HELLO MAIL RCPT("full@x") RCPT("ann@x") DATA
		"C: a\nC: .\n"
		"S: 452 4.2.2 <full@x> Over quota\n" DELIVERED("ann@x") QUIT
		"= ann INBOX 1\n"},
	{"RFC 2033 section 4.2: DATA without recipients", HELLO
		"C: DATA\nS: 503 5.5.1 Say MAIL first\n" MAIL
		"C: DATA\nS: 503 5.5.1 No valid recipients\n"
		"C: RCPT TO:<jones@x>\n"
		"S: 550 5.1.1 <jones@x> No such recipient here\n"
		"C: DATA\nS: 503 5.5.1 No valid recipients\n" RCPT("ann@x") DATA
		"C: .\n" DELIVERED("ann@x") QUIT "= ann INBOX 1\n"},
	{"RFC 2033 section 4.1: not SMTP",
		"S: 220 localhost LMTP Culver\n"
		"C: EHLO x\nS: 500 5.5.1 This is LMTP: say LHLO\n"
		"C: HELO x\nS: 500 5.5.1 This is LMTP: say LHLO\n"
		"C: MAIL FROM:<a@b>\nS: 503 5.5.1 Say LHLO first\n" QUIT},
	{"what auth says of recipients", HELLO MAIL
		"C: RCPT TO:<off@x>\n"
		"S: 550 5.2.1 <off@x> The account takes no mail\n"
		"C: RCPT TO:<away@x>\n"
		"S: 451 4.3.0 <away@x> Cannot be done now\n"
		"C: RCPT TO:<many@x>\n"
		"S: 452 4.5.3 <many@x> Too many recipients at once\n" RCPT(
			"ann@x") QUIT},
	{"RSET, LHLO and QUIT forget",
		HELLO MAIL RCPT(
			"ann@x") "C: RSET\nS: 250 2.0.0 Forgotten\n"
				 "C: DATA\nS: 503 5.5.1 Say MAIL first\n" MAIL
					 RCPT("ann@x") "C: MAIL FROM:<a@b>\n"
						       "S: 503 5.5.1 A "
						       "transaction is open "
						       "already\n" QUIT
						       "= ann INBOX 0\n"},
	{"commands of any time",
		"S: 220 localhost LMTP Culver\n"
		"C: NOOP\nS: 250 2.0.0 Ok\n"
		"C: VRFY ann\n"
		"S: 252 2.5.2 Ask by RCPT whether it is accepted\n"
		"C: HELP\n"
		"S: 214 2.0.0 LHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY "
		"HELP XCLIENT\n"
		"C: EXPN x\nS: 502 5.5.1 Not implemented\n"
		"C: FOO\nS: 500 5.5.1 Unknown command\n" QUIT},
	{"XCLIENT from somebody who may not",
		HELLO "C: XCLIENT ADDR=192.0.2.1\n"
		      "S: 550 5.7.0 XCLIENT is not for you\n" QUIT},
	{"a web page's request", "S: 220 localhost LMTP Culver\n"
				 "C: POST / HTTP/1.1\n"
				 "S: 421 4.7.0 This is not a web server\n"},
	{"dots, and what is no end of a message", HELLO MAIL RCPT("ann@x") DATA
		"C: ..a\nC> b\n.\nC: \nC: ..\nC: .\n" DELIVERED("ann@x") QUIT
		"= ann INBOX 1\n"},
	{"RFC 1870: too large, as announced",
		HELLO "C: MAIL FROM:<a@b> SIZE=67108865\n"
		      "S: 552 5.3.4 The message is too large\n"
		      "C: MAIL FROM:<a@b> SIZE=67108864\n"
		      "S: 250 2.1.0 Sender ok\n" QUIT},
	{"RFC 3461: parameters of reports",
		HELLO "C: MAIL FROM:<a@b> RET=HDRS ENVID=QQ314159\n"
		      "S: 250 2.1.0 Sender ok\n"
		      "C: RCPT TO:<ann@x> NOTIFY=SUCCESS ORCPT=rfc822;a@x\n"
		      "S: 250 2.1.5 <ann@x> Recipient ok\n"
		      "C: RCPT TO:<ann@x> NOTIFY=MAYBE\n"
		      "S: 501 5.5.4 A parameter is malformed\n"
		      "C: RCPT TO:<ann@x> FOO=1\n"
		      "S: 555 5.5.4 Unknown parameter\n" QUIT},
	{"RFC 6531: what is not ASCII",
		HELLO "C: MAIL FROM:<\xc3\xa4@b>\n"
		      "S: 550 5.6.7 Not ASCII, without SMTPUTF8\n"
		      "C: MAIL FROM:<a@b>\nS: 250 2.1.0 Sender ok\n"
		      "C: RCPT TO:<\xc3\xa4@x>\n"
		      "S: 553 5.6.7 Not ASCII, without SMTPUTF8\n"
		      "C: RSET\nS: 250 2.0.0 Forgotten\n"
		      "C: MAIL FROM:<\xc3\xa4@b> SMTPUTF8\n"
		      "S: 250 2.1.0 Sender ok\n"
		      "C: RCPT TO:<ann+\xc3\xa4@x>\n"
		      "S: 250 2.1.5 <ann+\xc3\xa4@x> Recipient ok\n" QUIT},

	/* BDAT. */
	{"RFC 3030 section 4.1's example",
		HELLO MAIL RCPT(
			"ann@random.com") "C: BDAT 86 LAST\n"
					  "C: To: Susan@random.com\n"
					  "C: From: Sam@random.com\n"
					  "C: Subject: This is a bodyless test "
					  "message\n" DELIVERED(
						  "ann@random.com") QUIT
		"= ann INBOX 1\n"},
	{"RFC 3030 section 4.2's example, shorter", HELLO
		"C: MAIL FROM:<ned@x> BODY=BINARYMIME\n"
		"S: 250 2.1.0 Sender ok\n" RCPT("ann@x") RCPT(
			"bob@x") "C: BDAT 10\nC> 0123456\n.\r" CHUNK
				 "C: BDAT 3\nC> \r\n.C: BDAT 0 LAST\n" CHUNK
					 DELIVERED("ann@x") DELIVERED("bob@x")
						 QUIT
		"= ann INBOX 1\n= bob INBOX 1\n"},
	{"RFC 3030 section 3: BINARYMIME and DATA",
		HELLO "C: MAIL FROM:<ned@x> BODY=BINARYMIME\n"
		      "S: 250 2.1.0 Sender ok\n" RCPT(
			      "ann@x") "C: DATA\nS: 503 5.5.1 BINARYMIME comes "
				       "by BDAT only\n" QUIT "= ann INBOX 0\n"},
	{"RFC 3030 section 2: BDAT and DATA in one transaction",
		HELLO MAIL RCPT(
			"ann@x") "C: BDAT 1\nC> a" CHUNK
				 "C: DATA\nS: 503 5.5.1 BDAT has begun: go on, "
				 "or say RSET\n"
				 "C: RCPT TO:<bob@x>\n"
				 "S: 503 5.5.1 BDAT has begun: go on, or say "
				 "RSET\n"
				 "C: RSET\nS: 250 2.0.0 Forgotten\n" MAIL RCPT(
					 "ann@x") DATA
		"C: .\n" DELIVERED("ann@x") QUIT "= ann INBOX 1\n"},
	{"RFC 3030 section 2: BDAT behind LAST; its bytes are no commands",
		HELLO MAIL RCPT("ann@x") "C: BDAT 1 LAST\nC> a" DELIVERED(
			"ann@x") "C: BDAT 6\nC: QUIT\n"
				 "S: 503 5.5.1 Say MAIL first\n" QUIT
				 "= ann INBOX 1\n"},
	{"BDAT before LHLO, and before MAIL",
		"S: 220 localhost LMTP Culver\n"
		"C: BDAT 6 LAST\nC: QUIT\nS: 503 5.5.1 Say LHLO first\n" QUIT},
	{"RFC 2033 section 4.3: without recipients BDAT LAST has no answer",
		HELLO MAIL "C: RCPT TO:<jones@x>\n"
			   "S: 550 5.1.1 <jones@x> No such recipient here\n"
			   "C: BDAT 3\nC> abc"
			   "S: 503 5.5.1 No valid recipients\n"
			   "C: BDAT 6 LAST\nC: QUIT\n"
			   "C: NOOP\nS: 250 2.0.0 Ok\n" QUIT},
	{"a chunk whose size cannot be read: what follows is no command",
		HELLO MAIL RCPT(
			"ann@x") "C: BDAT 1e3 LAST\n"
				 "S: 501 5.5.4 The argument is malformed\n"
				 "S: 421 4.5.4 What follows cannot be told "
				 "from commands\n"},
};

/* A script, taken apart. */
struct step {
	bool from_client;
	str text; /* of the client with its line's end; of the server with
		     CRLF */
};

struct script {
	struct buf room;
	struct step steps[128];
	size_t count, lines;
	str stored; /* the lines of "=" */
};

static str add_text(struct buf *room, str text, bool line)
{
	size_t at = room->n;

	buf_add(room, text);
	if (line)
		buf_add_c(room, "\r\n");
	return str_of(room->p + at, room->n - at);
}

/* "C> " goes on to the next line that begins with "S: " or "C: ": it may have
 * line ends. */
static size_t raw_length(str text)
{
	for (size_t n = 0; n < text.n; n++) {
		str rest = str_skip(text, n);

		if (str_starts(rest, STR("S: ")) ||
			str_starts(rest, STR("C: ")) ||
			str_starts(rest, STR("C> ")))
			return n;
	}
	return text.n;
}

static void read_script(struct script *s, const char *text)
{
	str rest = str_c(text);

	*s = (struct script){.room = BUF_UNBOUNDED};
	/* So that nothing moves. */
	assert_non_null(buf_reserve(&s->room, rest.n * 2));
	while (rest.n && rest.p[0] != '=') {
		struct step *step = &s->steps[s->count++];
		bool raw = rest.p[1] == '>';
		size_t n = raw ? raw_length(str_skip(rest, 3))
			       : str_find_byte(str_skip(rest, 3), '\n');

		assert_true(s->count < COUNT_OF(s->steps));
		step->from_client = rest.p[0] == 'C';
		step->text = add_text(
			&s->room, str_take(str_skip(rest, 3), n), !raw);
		s->lines += !step->from_client;
		rest = str_skip(rest, 3 + n + !raw);
	}
	s->stored = rest;
}

static void check_stored(struct world *w, str lines)
{
	while (lines.n) {
		char name[16], mailbox[16];
		unsigned count, number = 1;
		struct buf bytes = BUF_UNBOUNDED;

		assert_int_equal(sscanf(lines.p, "= %15s %15s %u", name,
					 mailbox, &count),
			3);
		while (strcmp(people[number], name) != 0)
			number++;
		assert_int_equal(stored(w, number, mailbox, &bytes), count);
		lines = str_skip(lines, str_find_byte(lines, '\n') + 1);
		buf_fini(&bytes);
	}
}

static void add_all(const struct script *s, struct buf *in, struct buf *out)
{
	for (size_t i = 0; i < s->count; i++)
		buf_add(s->steps[i].from_client ? in : out, s->steps[i].text);
}

static void play_lines(const struct script *s, int fd, struct buf *got)
{
	size_t lines = 0;

	for (size_t i = 0; i < s->count; i++) {
		if (s->steps[i].from_client) {
			hear(fd, got, lines);
			say(fd, s->steps[i].text);
		} else {
			lines++;
		}
	}
}

/* The input in two parts, or byte by byte when cut is 0. */
static void play_cut(const struct script *s, int fd, size_t cut)
{
	struct buf in = BUF_UNBOUNDED, out = BUF_UNBOUNDED;

	add_all(s, &in, &out);
	if (cut) {
		say(fd, str_take(buf_str(&in), cut));
		usleep(300);
		say(fd, str_skip(buf_str(&in), cut));
	} else {
		for (size_t i = 0; i < in.n; i++) {
			say(fd, str_take(str_skip(buf_str(&in), i), 1));
			usleep(i % 16 ? 0 : 100);
		}
	}
	buf_fini(&in);
	buf_fini(&out);
}

/* cut: where the input is cut in two; SIZE_MAX: a line at a time. */
static void play(const struct row *row, size_t cut)
{
	struct world w;
	struct script s;
	struct buf got = BUF_UNBOUNDED, in = BUF_UNBOUNDED,
		   expected = BUF_UNBOUNDED;
	int fd;

	read_script(&s, row->script);
	add_all(&s, &in, &expected);
	world_begin(&w, NULL);
	fd = client_begin(&w, TICKET_MAY_DELIVER, "192.0.2.7:4000");
	if (cut == SIZE_MAX)
		play_lines(&s, fd, &got);
	else
		play_cut(&s, fd, cut);
	/* One more than there should be, or the end. */
	shutdown(fd, SHUT_WR);
	hear(fd, &got, s.lines + 1);
	close(fd);
	if (!str_eq(buf_str(&got), buf_str(&expected)))
		print_error("%s (cut %zd)\ngot\n%.*s", row->why, (ssize_t)cut,
			STR_ARG(buf_str(&got)));
	assert_true(str_eq(buf_str(&got), buf_str(&expected)));
	check_stored(&w, s.stored);
	world_end(&w);
	buf_fini(&got);
	buf_fini(&in);
	buf_fini(&expected);
	buf_fini(&s.room);
}

static size_t input_size(const struct row *row)
{
	struct script s;
	struct buf in = BUF_UNBOUNDED, out = BUF_UNBOUNDED;
	size_t n;

	read_script(&s, row->script);
	add_all(&s, &in, &out);
	n = in.n;
	buf_fini(&in);
	buf_fini(&out);
	buf_fini(&s.room);
	return n;
}

static void dialogues(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		play(&scripts[i], SIZE_MAX);
		play(&scripts[i], 0);
		play(&scripts[i], input_size(&scripts[i]));
	}
}

static void every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		size_t n = input_size(&scripts[i]);

		for (size_t cut = 1; cut < n; cut++)
			play(&scripts[i], cut);
	}
}

/* ------------------------------------------------------- one at a time */

struct visit {
	struct world w;
	int fd;
	struct buf got;
};

static void visit_begin_as(struct visit *v, uint32_t rights, const char *remote)
{
	world_begin(&v->w, NULL);
	v->got = BUF_UNBOUNDED;
	v->fd = client_begin(&v->w, rights, remote);
}

static void visit_begin(struct visit *v)
{
	visit_begin_as(v, TICKET_MAY_DELIVER, "192.0.2.7:4000");
}

static void visit_end(struct visit *v)
{
	close(v->fd);
	world_end(&v->w);
	buf_fini(&v->got);
}

/* Sends, and hears all up to the end of the session. */
static str talk(struct visit *v, const char *text)
{
	buf_reset(&v->got);
	say(v->fd, str_c(text));
	hear(v->fd, &v->got, SIZE_MAX);
	return buf_str(&v->got);
}

static bool has(str text, const char *part)
{
	return str_find(text, str_c(part)) < text.n;
}

/* The date is what differs each time. */
static void cut_date(struct buf *bytes)
{
	str text = buf_str(bytes);
	size_t at = str_find(text, STR(";\r\n\t")) + 4;
	size_t n = str_find(str_skip(text, at), STR("\r\n"));

	assert_true(at + n < bytes->n);
	/* "Sun, 22 Nov 2026 06:02:12 +0000" */
	assert_int_equal(n, 31);
	memmove(bytes->p + at, bytes->p + at + n, bytes->n - at - n);
	bytes->n -= n;
}

static void check_trace(uint32_t rights, const char *remote,
	const char *dialogue, const char *expected)
{
	struct visit v;
	struct buf bytes = BUF_UNBOUNDED;

	visit_begin_as(&v, rights, remote);
	talk(&v, dialogue);
	assert_int_equal(stored(&v.w, 1, "INBOX", &bytes), 1);
	cut_date(&bytes);
	assert_str(buf_str(&bytes), expected);
	buf_fini(&bytes);
	visit_end(&v);
}

/* RFC 5321 section 4.4 */
static void trace(void **state)
{
	(void)state;
	check_trace(TICKET_MAY_DELIVER, "192.0.2.7:4000",
		"LHLO client.example\r\nMAIL FROM:<chris@bar.com>\r\n"
		"RCPT TO:<ann@x>\r\nDATA\r\nReturn-Path: <old>\r\n\r\n"
		"..a\r\n.\r\nQUIT\r\n",
		"Return-Path: <chris@bar.com>\r\n"
		"Delivered-To: ann@x\r\n"
		"Received: from client.example ([192.0.2.7])\r\n"
		"\tby localhost with LMTP id abc123\r\n"
		"\tfor <ann@x>;\r\n\t\r\n"
		"Return-Path: <old>\r\n\r\n.a\r\n");
	/* A bounce, to two addresses of hers: "for" would tell of others. */
	check_trace(TICKET_MAY_DELIVER, "[2001:db8::1]:4000",
		"LHLO [192.0.2.9]\r\nMAIL FROM:<>\r\nRCPT TO:<ann@x>\r\n"
		"RCPT TO:<bob@x>\r\nRCPT TO:<ann@y>\r\nRCPT TO:<ann@x>\r\n"
		"DATA\r\n.\r\nQUIT\r\n",
		"Return-Path: <>\r\n"
		"Delivered-To: ann@x\r\nDelivered-To: ann@y\r\n"
		"Received: from [192.0.2.9] ([IPv6:2001:db8::1])\r\n"
		"\tby localhost with LMTP id abc123;\r\n\t\r\n");
	/* A Unix socket; RFC 6531 section 4.3. */
	check_trace(TICKET_MAY_DELIVER, "-",
		"LHLO x\r\nMAIL FROM:<\xc3\xa4@b> SMTPUTF8\r\n"
		"RCPT TO:<ann@x>\r\nDATA\r\n.\r\nQUIT\r\n",
		"Return-Path: <\xc3\xa4@b>\r\nDelivered-To: ann@x\r\n"
		"Received: from x\r\n"
		"\tby localhost with UTF8LMTP id abc123\r\n"
		"\tfor <ann@x>;\r\n\t\r\n");
	/* What XCLIENT told. */
	check_trace(TICKET_MAY_DELIVER | TICKET_MAY_XCLIENT, "192.0.2.7:4000",
		"LHLO x\r\nXCLIENT ADDR=IPV6:2001:db8::9 NAME=far.example "
		"HELO=far.example\r\nLHLO x\r\nMAIL FROM:<a@b>\r\n"
		"RCPT TO:<ann@x>\r\nDATA\r\n.\r\nQUIT\r\n",
		"Return-Path: <a@b>\r\nDelivered-To: ann@x\r\n"
		"Received: from far.example (far.example "
		"[IPv6:2001:db8::9])\r\n"
		"\tby localhost with LMTP id abc123\r\n"
		"\tfor <ann@x>;\r\n\t\r\n");
}

/* Its XCLIENT is announced, and begins the session anew. */
static void xclient(void **state)
{
	struct visit v;
	str got;

	(void)state;
	visit_begin_as(&v, TICKET_MAY_DELIVER | TICKET_MAY_XCLIENT, "-");
	got = talk(&v, "LHLO x\r\nMAIL FROM:<a@b>\r\n"
		       "XCLIENT NAME=a.example\r\nRSET\r\n"
		       "XCLIENT NAME=a.example\r\n"
		       "MAIL FROM:<a@b>\r\nQUIT\r\n");
	assert_true(has(got, "250-XCLIENT NAME ADDR PORT PROTO HELO\r\n"));
	assert_true(str_ends(got, STR("250 2.1.0 Sender ok\r\n"
				      "503 5.5.1 Not within a transaction\r\n"
				      "250 2.0.0 Forgotten\r\n"
				      "220 localhost LMTP Culver\r\n"
				      "503 5.5.1 Say LHLO first\r\n"
				      "221 2.0.0 Bye\r\n")));
	visit_end(&v);
}

#define TO_ANN "LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<ann@x>\r\n"

/* A connection that is cut amid a message leaves nothing. */
static void cut_off(void **state)
{
	static const char *const rows[] = {
		TO_ANN "DATA\r\nSubject: a\r\n\r\nb",
		TO_ANN "DATA\r\nSubject: a\r\n\r\nb\r\n.\r",
		TO_ANN "DATA\r\nSubject: a\r\n\r\nb\r\n.\n",
		TO_ANN "DATA\r\nSubject: a\n.\n",
		TO_ANN "BDAT 100 LAST\r\nSubject: a\r\n\r\nb",
		TO_ANN "BDAT 3\r\nabc",
		TO_ANN "BDAT 3\r\nabcRSET\r\n",
		TO_ANN "BDAT 3\r\nabcBDAT 0 LAST",
	};
	struct buf bytes = BUF_UNBOUNDED;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct visit v;

		visit_begin(&v);
		say(v.fd, str_c(rows[i]));
		shutdown(v.fd, SHUT_WR);
		hear(v.fd, &v.got, SIZE_MAX);
		assert_false(has(buf_str(&v.got), "Delivered"));
		assert_int_equal(stored(&v.w, 1, "INBOX", &bytes), 0);
		visit_end(&v);
	}
}

static void too_many_errors(void **state)
{
	struct visit v;
	struct buf text = BUF_UNBOUNDED;
	str got;

	(void)state;
	visit_begin(&v);
	for (int i = 0; i < 19; i++)
		buf_add_c(&text, "FOO\r\n");
	/* No mistakes: whom it cannot deliver to, and what that makes of DATA.
	 */
	buf_add_c(&text, "LHLO x\r\nMAIL FROM:<a@b>\r\n");
	for (int i = 0; i < 30; i++)
		buf_add_c(&text, "RCPT TO:<nobody@x>\r\nDATA\r\n");
	buf_add_c(&text, "NOOP\r\nFOO\r\nNOOP\r\n");
	buf_add_byte(&text, 0);
	got = talk(&v, text.p);
	assert_true(str_ends(got, STR("250 2.0.0 Ok\r\n"
				      "500 5.5.1 Unknown command\r\n"
				      "421 4.7.0 Too many errors\r\n")));
	buf_fini(&text);
	visit_end(&v);
}

static void set_limits(struct world *w, unsigned recipients, bool for_good,
	uint64_t literal, uint64_t duplicates_ms)
{
	struct session_limits limits = session_service_limits(w->service);

	limits.recipients = recipients;
	limits.quota_for_good = for_good;
	limits.literal = literal;
	limits.duplicates_ms = duplicates_ms;
	session_service_set_limits(w->service, &limits);
}

static void settings(void **state)
{
	struct buf bytes = BUF_UNBOUNDED;
	struct visit v;
	str got;

	(void)state;
	world_begin(&v.w, NULL);
	v.got = BUF_UNBOUNDED;
	set_limits(&v.w, 2, true, 1000, 3600000);
	v.fd = client_begin(&v.w, TICKET_MAY_DELIVER, "-");
	got = talk(&v,
		"LHLO x\r\nMAIL FROM:<a@b> SIZE=1001\r\n"
		"MAIL FROM:<a@b> SIZE=1000\r\n"
		"RCPT TO:<ann@x>\r\nRCPT TO:<full@x>\r\nRCPT TO:<bob@x>\r\n"
		"DATA\r\nMessage-ID: <1@x>\r\n\r\n.\r\n"
		"MAIL FROM:<a@b>\r\nRCPT TO:<ann@x>\r\n"
		"DATA\r\nMessage-ID: <1@x>\r\n\r\n.\r\nQUIT\r\n");
	assert_true(has(got, "250-SIZE 1000\r\n"));
	assert_true(has(got, "552 5.3.4 The message is too large\r\n"));
	assert_true(has(got, "\r\n452 4.5.3 Too many recipients"));
	assert_true(has(got, "\r\n552 5.2.2 <full@x> Over quota\r\n"));
	assert_true(str_ends(got, STR("250 2.0.0 <ann@x> Delivered\r\n"
				      "221 2.0.0 Bye\r\n")));
	/* The second one was there already. */
	assert_int_equal(stored(&v.w, 1, "INBOX", &bytes), 1);
	buf_fini(&bytes);
	visit_end(&v);
}

/* Aliases that mean many: as many accounts as there may be recipients, more
 * for the first one alone; who means one account is let in. */
static void many_accounts(void **state)
{
	struct buf bytes = BUF_UNBOUNDED;
	struct visit v;

	(void)state;
	visit_begin(&v);
	assert_true(str_ends(
		talk(&v,
			TO_ANN "RCPT TO:<some@x>\r\nRCPT TO:<bob@x>\r\nRSET\r\n"
			       "MAIL FROM:<>\r\nRCPT TO:<some@x>\r\n"
			       "RCPT TO:<some@y>\r\nRCPT TO:<both@x>\r\n"
			       "RCPT TO:<ann@x>\r\nDATA\r\n.\r\nQUIT\r\n"),
		STR("452 4.5.3 <some@x> Too many recipients at once\r\n"
		    "250 2.1.5 <bob@x> Recipient ok\r\n"
		    "250 2.0.0 Forgotten\r\n"
		    "250 2.1.0 Sender ok\r\n"
		    "250 2.1.5 <some@x> Recipient ok\r\n"
		    "250 2.1.5 <some@y> Recipient ok\r\n"
		    "452 4.5.3 <both@x> Too many recipients at once\r\n"
		    "250 2.1.5 <ann@x> Recipient ok\r\n"
		    "354 Send the message; end with <CRLF>.<CRLF>\r\n"
		    "250 2.0.0 <some@x> Delivered\r\n"
		    "250 2.0.0 <some@y> Delivered\r\n"
		    "250 2.0.0 <ann@x> Delivered\r\n"
		    "221 2.0.0 Bye\r\n")));
	assert_int_equal(stored(&v.w, 1, "INBOX", &bytes), 1);
	assert_int_equal(stored(&v.w, 1099, "INBOX", &bytes), 1);
	buf_fini(&bytes);
	visit_end(&v);
}

/* Each recipient hears of what is too large once it is over; then all goes on.
 */
static void too_large(void **state)
{
	static const struct {
		const char *before, *after, *said;
	} rows[] = {
		{"DATA\r\n", "\r\n.\r\n",
			"552 5.3.4 <ann@x> The message is too large\r\n"
			"552 5.3.4 <bob@x> The message is too large\r\n"},
		{"BDAT 300000 LAST\r\n", "",
			"552 5.3.4 <ann@x> The message is too large\r\n"
			"552 5.3.4 <bob@x> The message is too large\r\n"},
		{"BDAT 300000\r\n", "BDAT 2 LAST\r\nab",
			"552 5.3.4 The message is too large\r\n"
			"552 5.3.4 <ann@x> The message is too large\r\n"
			"552 5.3.4 <bob@x> The message is too large\r\n"},
	};
	const struct mail_limits limits = {.literal = 200000,
		.mailboxes = 100,
		.view_cache = 1 << 20,
		.history = 86400};
	struct buf big = BUF_UNBOUNDED, bytes = BUF_UNBOUNDED;

	(void)state;
	memset(buf_reserve(&big, 300000), 'x', 300000);
	buf_added(&big, 300000);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct visit v;
		str got;

		world_begin(&v.w, &limits);
		v.got = BUF_UNBOUNDED;
		v.fd = client_begin(&v.w, TICKET_MAY_DELIVER, "-");
		say(v.fd, STR(TO_ANN "RCPT TO:<bob@x>\r\n"));
		say(v.fd, str_c(rows[i].before));
		say(v.fd, buf_str(&big));
		say(v.fd, str_c(rows[i].after));
		got = talk(&v, TO_ANN "DATA\r\n.\r\nQUIT\r\n");
		assert_true(has(got, rows[i].said));
		assert_true(str_ends(got, STR("250 2.0.0 <ann@x> Delivered\r\n"
					      "221 2.0.0 Bye\r\n")));
		assert_int_equal(stored(&v.w, 1, "INBOX", &bytes), 1);
		visit_end(&v);
	}
	buf_fini(&big);
	buf_fini(&bytes);
}

/* RFC 1870 section 6.1: what is as large as was announced is taken; our own
 * fields before it do not count. */
static void just_fits(void **state)
{
	const struct mail_limits limits = {.literal = 200000,
		.mailboxes = 100,
		.view_cache = 1 << 20,
		.history = 86400};
	struct buf message = BUF_UNBOUNDED;
	struct visit v;

	(void)state;
	memset(buf_reserve(&message, 200000), 'x', 200000);
	buf_added(&message, 200000);
	world_begin(&v.w, &limits);
	v.got = BUF_UNBOUNDED;
	set_limits(&v.w, 100, false, limits.literal, 0);
	v.fd = client_begin(&v.w, TICKET_MAY_DELIVER, "-");
	say(v.fd, STR("LHLO x\r\nMAIL FROM:<a@b> SIZE=200000\r\n"
		      "RCPT TO:<ann@x>\r\nBDAT 200000 LAST\r\n"));
	say(v.fd, buf_str(&message));
	assert_true(has(talk(&v, "QUIT\r\n"), "250 2.0.0 <ann@x> Delivered"));
	buf_fini(&message);
	visit_end(&v);
}

/* The server ends: between messages at once, amid one behind it. */
static void stopping(void **state)
{
	struct buf bytes = BUF_UNBOUNDED;
	struct visit v;
	int amid;

	(void)state;
	visit_begin(&v);
	amid = client_begin(&v.w, TICKET_MAY_DELIVER, "-");
	hear(v.fd, &v.got, 1);
	say(amid, STR(TO_ANN "DATA\r\nabc"));
	buf_reset(&v.got);
	hear(amid, &v.got, 12);
	assert_true(has(buf_str(&v.got), "354 "));
	session_service_stop(v.w.service);
	buf_reset(&v.got);
	hear(v.fd, &v.got, SIZE_MAX);
	assert_str(
		buf_str(&v.got), "421 4.3.2 The server is shutting down\r\n");
	say(amid, STR("\r\n.\r\n"));
	buf_reset(&v.got);
	hear(amid, &v.got, SIZE_MAX);
	assert_str(buf_str(&v.got),
		"250 2.0.0 <ann@x> Delivered\r\n"
		"421 4.3.2 The server is shutting down\r\n");
	assert_int_equal(stored(&v.w, 1, "INBOX", &bytes), 1);
	buf_fini(&bytes);
	close(amid);
	visit_end(&v);
}

/* RFC 5321 section 4.5.3.2: five minutes; here less. */
static void silence(void **state)
{
	static const char *const rows[] = {
		"NOOP\r\n", TO_ANN "DATA\r\n", TO_ANN "BDAT 10\r\nabc"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct session_limits limits;
		struct buf bytes = BUF_UNBOUNDED;
		struct visit v;

		world_begin(&v.w, NULL);
		v.got = BUF_UNBOUNDED;
		limits = session_service_limits(v.w.service);
		limits.idle_ms = 50;
		session_service_set_limits(v.w.service, &limits);
		v.fd = client_begin(&v.w, TICKET_MAY_DELIVER, "-");
		assert_true(str_ends(talk(&v, rows[i]),
			STR("421 4.4.2 Silent for too long\r\n")));
		assert_int_equal(stored(&v.w, 1, "INBOX", &bytes), 0);
		visit_end(&v);
	}
}

/* The last word comes though the client was speaking. */
static void speaking_on(void **state)
{
	char chunk[4096];
	struct visit v;

	(void)state;
	memset(chunk, 'x', sizeof chunk);
	visit_begin(&v);
	say(v.fd, STR(TO_ANN "BDAT 1MB LAST\r\n"));
	for (int i = 0; i < 256; i++) {
		usleep(i % 64 ? 0 : 1000);
		say(v.fd, str_of(chunk, sizeof chunk));
	}
	hear(v.fd, &v.got, SIZE_MAX);
	assert_true(str_ends(
		buf_str(&v.got), STR("501 5.5.4 The argument is malformed\r\n"
				     "421 4.5.4 What follows cannot be told "
				     "from commands\r\n")));
	visit_end(&v);
}

static void check_fault(struct visit *v, struct store_fault *fault, uint64_t n,
	unsigned on, enum err e)
{
	static const char *const who[] = {"", "<ann@x>", "<bob@x>"};
	uint32_t before[3], after;
	struct buf bytes = BUF_UNBOUNDED;
	str got;

	for (unsigned i = 1; i < 3; i++)
		before[i] = stored(&v->w, i, "INBOX", &bytes);
	v->fd = client_begin(&v->w, TICKET_MAY_DELIVER, "-");
	fault_arm(fault, on, n, e);
	got = talk(v, TO_ANN "RCPT TO:<bob@x>\r\nDATA\r\n"
			     "Message-ID: <1@x>\r\n\r\n.\r\nQUIT\r\n");
	fault->nth = 0;
	for (unsigned i = 1; i < 3; i++) {
		char good[64], bad[64];

		snprintf(good, sizeof good, "\n250 2.0.0 %s", who[i]);
		snprintf(bad, sizeof bad, "\n45%s %s",
			e == ERR_NOSPACE ? "2 4.3.1" : "1 4.3.0", who[i]);
		after = stored(&v->w, i, "INBOX", &bytes);
		assert_true(has(got, good) != has(got, bad));
		assert_int_equal(after, before[i] + has(got, good));
	}
	close(v->fd);
	buf_fini(&bytes);
}

/* Whatever the store refuses: each recipient is told to come again, or has the
 * message; never both, never neither. */
static void faults(void **state)
{
	static const enum err errors[] = {ERR_IO, ERR_NOSPACE};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(errors); i++) {
		struct store_fault fault = {0};
		struct visit v = {.got = BUF_UNBOUNDED};
		bool fired = true;

		world_begin_on(&v.w,
			store_open_fault(store_open_memory(), &fault), NULL);
		for (uint64_t n = 1; fired; n++) {
			check_fault(&v, &fault, n, FAULT_ANY, errors[i]);
			fired = fault_fired(&fault);
		}
		world_end(&v.w);
		buf_fini(&v.got);
	}
}

/* An account that is over its quota before the message comes, alone and not. */
static void over_quota_before(void **state)
{
	struct buf bytes = BUF_UNBOUNDED;
	struct visit v;
	str got;

	(void)state;
	visit_begin(&v);
	talk(&v, TO_ANN "DATA\r\nabc\r\n.\r\nQUIT\r\n");
	close(v.fd);
	assert_ok(mail_account_set_quota(v.w.mail, 1, 1));
	v.fd = client_begin(&v.w, TICKET_MAY_DELIVER, "-");
	got = talk(&v, TO_ANN "DATA\r\nabc\r\n.\r\nMAIL FROM:<>\r\n"
			      "RCPT TO:<ann@x>\r\nRCPT TO:<both@x>\r\n"
			      "RCPT TO:<bob@x>\r\n"
			      "BDAT 1\r\naBDAT 0 LAST\r\nQUIT\r\n");
	assert_true(has(got, "354 Send the message; end with <CRLF>.<CRLF>\r\n"
			     "452 4.2.2 <ann@x> Over quota\r\n"));
	/* Of an alias the worst is told: bob has it, and has it once. */
	assert_true(str_ends(
		got, STR("250 2.0.0 Chunk received\r\n"
			 "452 4.2.2 <ann@x> Over quota\r\n"
			 "452 4.2.2 <both@x> Over quota\r\n"
			 "250 2.0.0 <bob@x> Delivered\r\n221 2.0.0 Bye\r\n")));
	assert_int_equal(stored(&v.w, 1, "INBOX", &bytes), 1);
	assert_int_equal(stored(&v.w, 2, "INBOX", &bytes), 1);
	buf_fini(&bytes);
	visit_end(&v);
}

/* Where the detail leads. */
static void details(void **state)
{
	const struct mail_user ann = {.account = 1, .rights = RIGHT_ALL};
	struct buf bytes = BUF_UNBOUNDED;
	struct mailbox_ref ref;
	struct visit v;

	(void)state;
	visit_begin(&v);
	assert_ok(mailbox_create(v.w.mail, &ann, STR("Lists"), 0, 0, &ref));
	talk(&v, "LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<ann+Lists@x>\r\n"
		 "DATA\r\n.\r\nMAIL FROM:<a@b>\r\n"
		 "RCPT TO:<ann+none@x>\r\nRCPT TO:<ann+Lists@x>\r\n"
		 "DATA\r\n.\r\nMAIL FROM:<a@b>\r\n"
		 "RCPT TO:<both+Lists@x>\r\nDATA\r\n.\r\nQUIT\r\n");
	assert_int_equal(stored(&v.w, 1, "Lists", &bytes), 2);
	/* One with no mailbox of the name, one whose detail is bob's. */
	assert_int_equal(stored(&v.w, 1, "INBOX", &bytes), 2);
	buf_fini(&bytes);
	visit_end(&v);
}

/* Many on one connection, pipelined, then read: no answer is lost. */
static void pipelined(void **state)
{
	struct buf text = BUF_UNBOUNDED, bytes = BUF_UNBOUNDED;
	struct visit v;
	size_t answers = 0;
	str got;

	(void)state;
	visit_begin(&v);
	buf_add_c(&text, "LHLO x\r\n");
	for (int i = 0; i < 500; i++)
		buf_addf(&text,
			"MAIL FROM:<a@b>\r\nRCPT TO:<ann@x>\r\n"
			"RCPT TO:<bob@x>\r\nBDAT 3\r\nabcBDAT 1 LAST\r\nd");
	buf_add_c(&text, "QUIT\r\n");
	buf_add_byte(&text, 0);
	got = talk(&v, text.p);
	for (size_t i = 0; i < got.n; i++)
		answers += got.p[i] == '\n';
	assert_int_equal(answers, 1 + 8 + 500 * 6 + 1);
	assert_int_equal(stored(&v.w, 2, "INBOX", &bytes), 500);
	buf_fini(&text);
	buf_fini(&bytes);
	visit_end(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dialogues),
		cmocka_unit_test(every_cut),
		cmocka_unit_test(trace),
		cmocka_unit_test(xclient),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(too_many_errors),
		cmocka_unit_test(settings),
		cmocka_unit_test(many_accounts),
		cmocka_unit_test(too_large),
		cmocka_unit_test(just_fits),
		cmocka_unit_test(stopping),
		cmocka_unit_test(silence),
		cmocka_unit_test(speaking_on),
		cmocka_unit_test(faults),
		cmocka_unit_test(over_quota_before),
		cmocka_unit_test(details),
		cmocka_unit_test(pipelined),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
