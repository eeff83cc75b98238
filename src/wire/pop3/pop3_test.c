/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mechanism.h"
#include "base/test.h"
#include "wire/pop3/command.h"
#include "message/eol.h"
#include "wire/pop3/dots.h"
#include "wire/pop3/framer.h"
#include "wire/pop3/respond.h"
#include "wire/pop3/uidl.h"

/* --------------------------------------------------------------- commands */

static const struct {
	const char *line;
	enum err err;
	enum pop3_verb verb;
	const char *printed; /* NULL: as the line */
	const char *why;
} commands[] = {
	{"STAT", OK, POP3_STAT, NULL, "RFC 1939 section 5"},
	{"stat", OK, POP3_STAT, "STAT", "keywords are case-insensitive"},
	{"STAT ", OK, POP3_STAT, "STAT", "a space behind"},
	{"STAT 1", ERR_INVALID, POP3_STAT, NULL, "no argument is taken"},
	{"LIST", OK, POP3_LIST, NULL, "of all"},
	{"LIST 2", OK, POP3_LIST, NULL, "of one"},
	{"LIST 007", OK, POP3_LIST, "LIST 7", "zeros in front"},
	{"LIST 0", ERR_INVALID, POP3_LIST, NULL, "numbers begin with 1"},
	{"LIST -1", ERR_INVALID, POP3_LIST, NULL, "no sign"},
	{"LIST +1", ERR_INVALID, POP3_LIST, NULL, "no sign"},
	{"LIST 1x", ERR_INVALID, POP3_LIST, NULL, "not a number"},
	{"LIST 1 2", ERR_INVALID, POP3_LIST, NULL, "one number"},
	{"LIST  1", ERR_INVALID, POP3_LIST, NULL, "a single space"},
	{"RETR 99999999999999999999", OK, POP3_RETR, "RETR 4294967295",
		"no such message, whatever the number"},
	{"RETR", ERR_INVALID, POP3_RETR, NULL, "which one?"},
	{"RETR ", ERR_INVALID, POP3_RETR, NULL, "which one?"},
	{"TOP 1 0", OK, POP3_TOP, NULL, "no lines"},
	{"TOP 1 10", OK, POP3_TOP, NULL, "RFC 1939 section 7"},
	{"TOP 1", ERR_INVALID, POP3_TOP, NULL, "how many lines?"},
	{"TOP 1 -1", ERR_INVALID, POP3_TOP, NULL, "non-negative"},
	{"DELE 1", OK, POP3_DELE, NULL, ""},
	{"UIDL 2", OK, POP3_UIDL, NULL, ""},
	{"USER mrose", OK, POP3_USER, NULL, ""},
	{"USER", ERR_INVALID, POP3_USER, NULL, "who?"},
	{"USER ", ERR_INVALID, POP3_USER, NULL, "who?"},
	{"USER a b", OK, POP3_USER, NULL, "names may hold spaces"},
	{"PASS  a ", OK, POP3_PASS, NULL, "so may passwords, anywhere"},
	{"PASS \xc3\xa4", OK, POP3_PASS, NULL, "RFC 6856 section 2.2"},
	{"APOP mrose c4c9334bac560ecc979e58001b3e22fb", OK, POP3_APOP, NULL,
		"RFC 1939 section 7"},
	{"APOP a b c4c9334b", OK, POP3_APOP, NULL, "a name with a space"},
	{"APOP mrose", ERR_INVALID, POP3_APOP, NULL, "no digest"},
	{"AUTH", OK, POP3_AUTH, NULL, "as before CAPA"},
	{"AUTH PLAIN", OK, POP3_AUTH, NULL, "RFC 5034 section 4"},
	{"AUTH PLAIN =", OK, POP3_AUTH, NULL, "an empty initial response"},
	{"AUTH PLAIN dGVzdAB0ZXN0AHRlc3Q=", OK, POP3_AUTH, NULL, ""},
	{"AUTH PLAIN a b", ERR_INVALID, POP3_AUTH, NULL, "too much"},
	{"LANG", OK, POP3_LANG, NULL, "RFC 6856 section 3"},
	{"LANG *", OK, POP3_LANG, NULL, ""},
	{"UTF8", OK, POP3_UTF8, NULL, "RFC 6856 section 2.1"},
	{"UTF8 USER", ERR_INVALID, POP3_UTF8, NULL, "has no parameters"},
	{"CAPA", OK, POP3_CAPA, NULL, "RFC 2449"},
	{"STLS", OK, POP3_STLS, NULL, "RFC 2595"},
	{"", ERR_NOTFOUND, POP3_UNKNOWN, NULL, "an empty line"},
	{" STAT", ERR_NOTFOUND, POP3_UNKNOWN, NULL, "a space in front"},
	{"XTND XMIT", ERR_NOTFOUND, POP3_UNKNOWN, NULL, "not ours"},
	{"STATS", ERR_NOTFOUND, POP3_UNKNOWN, NULL, "a longer word"},
};

static void test_commands(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		const char *line = commands[i].line;
		struct buf out = BUF_UNBOUNDED;
		struct pop3_command c;
		enum err e = pop3_parse(str_c(line), &c);

		if (e != commands[i].err || c.verb != commands[i].verb)
			fail_msg("\"%s\": %s (%s)", line, err_words(e),
				commands[i].why);
		if (!e) {
			pop3_print(&c, &out);
			assert_str(buf_str(&out), commands[i].printed
							  ? commands[i].printed
							  : line);
		}
		buf_fini(&out);
	}
}

static void test_arguments(void **unused)
{
	struct pop3_command c;

	(void)unused;
	assert_ok(pop3_parse(STR("TOP 3 12"), &c));
	assert_int_equal(c.number, 3);
	assert_int_equal(c.lines, 12);
	assert_ok(pop3_parse(STR("PASS  two  words "), &c));
	assert_str(c.text, " two  words ");
	assert_ok(pop3_parse(STR("AUTH PLAIN ="), &c));
	assert_str(c.text, "PLAIN");
	assert_str(c.more, "=");
	assert_ok(pop3_parse(STR("APOP a b 00ff"), &c));
	assert_str(c.text, "a b");
	assert_str(c.more, "00ff");
}

/* ----------------------------------------------------------------- framer */

static const struct {
	size_t limit;
	const char *input;
	const char *expected; /* lines in <>, "!" for a refusal */
	const char *why;
} frames[] = {
	{512, "a\r\nb\r\n", "<a><b>", "two lines"},
	{512, "a\nb\n", "<a><b>", "bare LF"},
	{512, "a\rb\r\n", "<a\rb>", "CR alone ends nothing"},
	{512, "\r\n\n", "<><>", "empty ones"},
	{512, "a", "", "not whole"},
	{8, "123456\r\n1\r\n", "<123456><1>", "as long as may be"},
	{8, "1234567\r\n1\r\n", "!<1>", "too long"},
	{8, "12345678\n1\r\n", "!<1>", "too long"},
	{8, "123456781234567812345678\r\n1\r\n", "!<1>", "much too long"},
};

/* Fed piece by piece into a buffer of the limit's size. */
static void run_framer(size_t row, size_t piece, struct buf *out)
{
	str rest = str_c(frames[row].input);
	struct buf in = BUF_UNBOUNDED;
	struct pop3_framer f;

	pop3_framer_init(&f, frames[row].limit);
	while (rest.n || in.n) {
		struct pop3_frame frame;
		size_t room = frames[row].limit - in.n;

		buf_add(&in, str_take(rest, piece < room ? piece : room));
		rest = str_skip(rest, piece < room ? piece : room);
		for (;;) {
			frame = pop3_framer_step(&f, buf_str(&in));
			if (frame.kind == POP3_FRAME_MORE)
				break;
			if (frame.kind == POP3_FRAME_LINE)
				buf_addf(out, "<%.*s>", STR_ARG(frame.text));
			else if (frame.kind == POP3_FRAME_ERROR)
				buf_add_c(out, "!");
			buf_consume(&in, frame.n);
		}
		if (!rest.n)
			break;
	}
	buf_fini(&in);
}

static void test_framer(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(frames); i++) {
		for (size_t piece = 1; piece < 30; piece++) {
			struct buf out = BUF_UNBOUNDED;

			run_framer(i, piece, &out);
			assert_str(buf_str(&out), frames[i].expected);
			buf_fini(&out);
		}
	}
}

/* ------------------------------------------------------------------- dots */

static const struct {
	const char *message;
	int lines; /* -1: RETR */
	const char *expected;
	const char *why;
} messages[] = {
	{"", -1, ".\r\n", "an empty message"},
	{"a: b\r\n\r\nc\r\n", -1, "a: b\r\n\r\nc\r\n.\r\n", "as it is"},
	{"a", -1, "a\r\n.\r\n", "the last line has no end"},
	{"a\n.\nb\n", -1, "a\r\n..\r\nb\r\n.\r\n", "bare LF"},
	{"a\r\n.\r\nb\r\n", -1, "a\r\n..\r\nb\r\n.\r\n", "a dot alone"},
	{"..\r\n.a\r\n", -1, "...\r\n..a\r\n.\r\n", "dots in front"},
	{".", -1, "..\r\n.\r\n", "a dot is all"},
	{"a\r.\rb\n", -1, "a\r.\rb\r\n.\r\n", "CR alone is of its line"},
	{"a\r.\r\n", -1, "a\r.\r\n.\r\n", "and what follows is amid it"},
	{"\r.\r\n", -1, "\r.\r\n.\r\n", "also at its beginning"},
	{"a\r\r\n.\r\n", -1, "a\r\r\n..\r\n.\r\n", "two CR"},
	{"a\r", -1, "a\r\r\n.\r\n", "a CR at the end ends nothing"},
	{"\r", -1, "\r\r\n.\r\n", "nor one that is all"},
	{"h: 1\r\n\r\na\r\nb\r\nc\r\n", 0, "h: 1\r\n\r\n.\r\n",
		"TOP n 0: the header and the empty line"},
	{"h: 1\r\n\r\na\r\nb\r\nc\r\n", 2, "h: 1\r\n\r\na\r\nb\r\n.\r\n",
		"two lines"},
	{"h: 1\r\n\r\na\r\nb\r\nc\r\n", 9, "h: 1\r\n\r\na\r\nb\r\nc\r\n.\r\n",
		"all of it, RFC 1939 section 7"},
	{"h: 1\n\n.\n\nc\n", 2, "h: 1\r\n\r\n..\r\n\r\n.\r\n",
		"bare LF, an empty line in the body"},
	{"h: 1\r\nno body", 1, "h: 1\r\nno body\r\n.\r\n", "no empty line"},
	{"\r\na\r\nb\r\n", 1, "\r\na\r\n.\r\n", "no header"},
};

/* The same, of what has its ends of lines already; false: it does not. */
static bool double_dots(str message, size_t piece, struct buf *out)
{
	struct eol_count count = {0};
	struct pop3_dots d;

	eol_count(&count, message);
	if (eol_growth(&count))
		return false;
	pop3_dots_init(&d);
	for (; message.n; message = str_skip(message, piece)) {
		size_t from = out->n;

		buf_add(out, str_take(message, piece));
		pop3_dots_double(&d, out, from);
	}
	pop3_dots_finish(&d, out);
	return true;
}

static void test_doubled_dots(void **unused)
{
	unsigned doubled = 0;

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(messages); i++) {
		for (size_t piece = 1; piece < 9; piece++) {
			struct buf out = BUF_UNBOUNDED;

			if (messages[i].lines < 0 &&
				double_dots(str_c(messages[i].message), piece,
					&out)) {
				assert_str(buf_str(&out), messages[i].expected);
				doubled++;
			}
			buf_fini(&out);
		}
	}
	assert_true(doubled > 32);
}

static void test_dots(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(messages); i++) {
		for (size_t piece = 1; piece < 9; piece++) {
			str rest = str_c(messages[i].message);
			struct buf out = BUF_UNBOUNDED;
			struct pop3_dots d;

			if (messages[i].lines < 0)
				pop3_dots_init(&d);
			else
				pop3_dots_init_top(
					&d, (uint32_t)messages[i].lines);
			for (; rest.n; rest = str_skip(rest, piece))
				pop3_dots_feed(&d, &out, str_take(rest, piece));
			pop3_dots_finish(&d, &out);
			assert_str(buf_str(&out), messages[i].expected);
			buf_fini(&out);
		}
	}
}

/* ------------------------------------------------------------------- uidl */

static const struct {
	const char *format;
	const char *expected; /* NULL: refused */
	const char *why;
} formats[] = {
	{"%08Xu%08Xv", "00000a2c4d1f0b3e", "Dovecot's default"},
	{"%u", "2604", ""},
	{"%v.%u", "1293880126.2604", "Cyrus'"},
	{"%v-%u", "1293880126-2604", "Courier's"},
	{"%Xv%Xu", "4d1f0b3ea2c", ""},
	{"UID%u-%v", "UID2604-1293880126", "Courier's, other"},
	{"%%%u", "%2604", ""},
	{"%010u", "0000002604", ""},
	{"%v", NULL, "all the same"},
	{"", NULL, "none"},
	{"%", NULL, "cut off"},
	{"%0", NULL, "cut off"},
	{"%g%u", NULL, "not known here"},
	{"%u %v", NULL, "a space"},
	{"%8u", NULL, "Dovecot would cut it off"},
	{"%00000000080u", NULL, "too long"},
	{"%0999999999999999999999u", NULL, "much too long"},
	{"%08%", NULL, ""},
};

static void test_uidl(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(formats); i++) {
		struct buf out = BUF_UNBOUNDED;
		const char *why;
		enum err e = pop3_uidl_check(str_c(formats[i].format), &why);

		if (e != (formats[i].expected ? OK : ERR_INVALID))
			fail_msg("\"%s\": %s", formats[i].format, err_words(e));
		if (!e) {
			assert_null(why);
			pop3_uidl_add(&out, str_c(formats[i].format),
				1293880126, 2604);
			assert_str(buf_str(&out), formats[i].expected);
		} else {
			assert_non_null(why);
		}
		buf_fini(&out);
	}
}

/* ---------------------------------------------------------------- answers */

static const struct {
	enum err err;
	const char *text;
	const char *expected;
} errors[] = {
	{ERR_AUTH, "", "-ERR [AUTH] Authentication failed\r\n"},
	{ERR_DENIED, "", "-ERR [AUTH] You may not log in here\r\n"},
	{ERR_EXPIRED, "", "-ERR [AUTH] The credentials have expired\r\n"},
	{ERR_LIMIT, "", "-ERR [IN-USE] Too many sessions of this account\r\n"},
	{ERR_IO, "",
		"-ERR [SYS/TEMP] The server cannot read or write its "
		"store\r\n"},
	{ERR_CORRUPT, "", "-ERR [SYS/PERM] Stored data is damaged\r\n"},
	{ERR_CHARSET, "", "-ERR [UTF8] The message needs UTF8\r\n"},
	{ERR_NOTFOUND, "", "-ERR No such message\r\n"},
	{OK, "", "-ERR [SYS/PERM] Internal error\r\n"},
	{ERR_AUTH, "a\r\n+OK [x] \xc3\xa4", "-ERR [AUTH] a+OK (x) \r\n"},
};

static void test_errors(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(errors); i++) {
		struct buf out = BUF_UNBOUNDED;

		pop3_put_error(&out, errors[i].err, str_c(errors[i].text));
		assert_str(buf_str(&out), errors[i].expected);
		buf_fini(&out);
	}
	/* Every meaning has words, and no line is longer than it may be. */
	for (int e = 0; e <= ERR_CLOSED; e++) {
		char longest[2000];
		struct buf out = BUF_UNBOUNDED;

		memset(longest, 'x', sizeof longest);
		pop3_put_error(
			&out, (enum err)e, str_of(longest, sizeof longest));
		assert_true(str_starts(buf_str(&out), STR("-ERR ")));
		assert_true(out.n <= 512);
		buf_fini(&out);
	}
}

static void test_before(void **unused)
{
	struct pop3_before in = {true, MECHANISM_PLAIN | MECHANISM_LOGIN}, out;
	struct buf b = BUF_UNBOUNDED;

	(void)unused;
	pop3_before_encode(&in, &b);
	out = pop3_before_decode(buf_str(&b));
	assert_true(out.utf8);
	assert_int_equal(out.mechanisms, in.mechanisms);
	out = pop3_before_decode(STR(""));
	assert_false(out.utf8);
	assert_int_equal(out.mechanisms, 0);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_framer),
		cmocka_unit_test(test_dots),
		cmocka_unit_test(test_doubled_dots),
		cmocka_unit_test(test_uidl),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
