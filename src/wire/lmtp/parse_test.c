/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "wire/lmtp/command.h"

/* line, the line printed again or NULL, what is said else, why */
static const struct row {
	const char *line;
	const char *printed;
	enum lmtp_say say;
	const char *why;
} rows[] = {
	{"NOOP", "NOOP", 0, ""},
	{"noop what ever", "NOOP what ever", 0, "RFC 5321 4.1.1.9"},
	{"RSET ", "RSET", 0, "RFC 5321 4.1.1: trailing white space"},
	{"RSET x", NULL, LMTP_SAY_NO_ARGUMENT, ""},
	{"DATA", "DATA", 0, ""},
	{"DATA 1", NULL, LMTP_SAY_NO_ARGUMENT, ""},
	{"", NULL, LMTP_SAY_UNKNOWN_COMMAND, ""},
	{"STARTTLS", NULL, LMTP_SAY_UNKNOWN_COMMAND, "not announced"},
	{"POST / HTTP/1.1", NULL, LMTP_SAY_END_HTTP, "a web page's doing"},
	{"NOOP / HTTP/1.1", NULL, LMTP_SAY_END_HTTP, "its method is free"},
	{"HELO x", NULL, LMTP_SAY_SAY_LHLO, "RFC 2033 4.1"},
	{"EHLO x", NULL, LMTP_SAY_SAY_LHLO, "RFC 2033 4.1"},
	{"EXPN list", NULL, LMTP_SAY_NOT_IMPLEMENTED, ""},
	{"NOOP\rQUIT", NULL, LMTP_SAY_BAD_LINE, "CR in a command"},
	{"NOOP\nQUIT", NULL, LMTP_SAY_BAD_LINE, "LF in a command"},
	{"NOOP \xff", NULL, LMTP_SAY_BAD_LINE, "no UTF-8"},
	{"VRFY pat", "VRFY pat", 0, ""},
	{"VRFY", NULL, LMTP_SAY_BAD_ARGUMENT, ""},
	{"HELP", "HELP", 0, ""},
	{"HELP MAIL", "HELP MAIL", 0, ""},

	{"LHLO foo.edu", "LHLO foo.edu", 0, "RFC 2033 4.2"},
	{"LHLO [192.0.2.1]", "LHLO [192.0.2.1]", 0, ""},
	{"lhlo my_host", "LHLO my_host", 0, "names in use"},
	{"LHLO", NULL, LMTP_SAY_BAD_ARGUMENT, ""},
	{"LHLO a b", NULL, LMTP_SAY_BAD_ARGUMENT, ""},
	{"LHLO a(b", NULL, LMTP_SAY_BAD_ARGUMENT, "it comes into Received"},
	{"LHLO \xc3\xa4", NULL, LMTP_SAY_BAD_ARGUMENT, "RFC 6531 3.7.1"},

	/* Paths. */
	{"MAIL FROM:<>", "MAIL FROM:<>", 0, "a bounce"},
	{"MAIL FROM:<chris@bar.com>", "MAIL FROM:<chris@bar.com>", 0, ""},
	{"mail from:<Chris@Bar.Com>", "MAIL FROM:<Chris@Bar.Com>", 0,
		"case stays"},
	{"MAIL FROM: <a@b>", "MAIL FROM:<a@b>", 0, "a common mistake"},
	{"MAIL FROM:<@x.org,@y.org:a@b.org>", "MAIL FROM:<a@b.org>", 0,
		"RFC 5321 appendix C: source routes"},
	{"MAIL FROM:<@x.org:>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<@x.org a@b.org>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<\"a b\"@c>", "MAIL FROM:<\"a b\"@c>", 0, ""},
	{"MAIL FROM:<\"ab\"@c>", "MAIL FROM:<ab@c>", 0,
		"RFC 5321 4.1.2: the minimum quoting"},
	{"MAIL FROM:<\"Joe\\,Smith\"@c>", "MAIL FROM:<\"Joe,Smith\"@c>", 0,
		"RFC 5321 4.1.2"},
	{"MAIL FROM:<\"a\\\"\\\\\"@c>", "MAIL FROM:<\"a\\\"\\\\\"@c>", 0, ""},
	{"MAIL FROM:<\"a>b@c\"@d>", "MAIL FROM:<\"a>b@c\"@d>", 0,
		"the path goes on behind a quoted >"},
	{"MAIL FROM:<\"\"@c>", "MAIL FROM:<\"\"@c>", 0, "*QcontentSMTP"},
	{"MAIL FROM:<\"a@c>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<\"a\\", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<a..b@docomo.ne.jp>", "MAIL FROM:<\"a..b\"@docomo.ne.jp>",
		0, "addresses that were given out"},
	{"MAIL FROM:<.a.@c>", "MAIL FROM:<\".a.\"@c>", 0, "the same"},
	{"MAIL FROM:<a@b_c.org>", "MAIL FROM:<a@b_c.org>", 0, "in use"},
	{"MAIL FROM:<root>", "MAIL FROM:<root>", 0, "local users"},
	{"MAIL FROM:<a@[192.0.2.1]>", "MAIL FROM:<a@[192.0.2.1]>", 0, ""},
	{"MAIL FROM:<a@[IPv6:2001:db8::1]>", "MAIL FROM:<a@[IPv6:2001:db8::1]>",
		0, ""},
	{"MAIL FROM:<a@[IPv6:::ffff:192.0.2.1]>",
		"MAIL FROM:<a@[IPv6:::ffff:192.0.2.1]>", 0, "IPv6v4-comp"},
	{"MAIL FROM:<a@[x400:c=de]>", "MAIL FROM:<a@[x400:c=de]>", 0,
		"General-address-literal"},
	{"MAIL FROM:<a@[192.0.2.256]>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<a@[IPv6:1::2::3]>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<a@[]>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<a@[1.2.3.4>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<a@>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<a@b.>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<a@b..c>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<a@-b>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<a@b-.c>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<@b>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<a b@c>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<a@b", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:a@b", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL FROM:<a@b>x", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"MAIL", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"MAIL <a@b>", NULL, LMTP_SAY_BAD_SENDER, ""},
	{"RCPT TO:<a@b>", "RCPT TO:<a@b>", 0, ""},
	{"RCPT TO:<Postmaster>", "RCPT TO:<Postmaster>", 0, "RFC 5321 4.1.1.3"},
	{"RCPT TO:<a+b@c>", "RCPT TO:<a+b@c>", 0, ""},
	{"RCPT TO:<>", NULL, LMTP_SAY_BAD_RECIPIENT, ""},
	{"RCPT FROM:<a@b>", NULL, LMTP_SAY_BAD_RECIPIENT, ""},

	/* SMTPUTF8. */
	{"MAIL FROM:<\xc3\xa4@b\xc3\xa4r.org> SMTPUTF8",
		"MAIL FROM:<\xc3\xa4@b\xc3\xa4r.org> SMTPUTF8", 0,
		"RFC 6531 3.3"},
	{"MAIL FROM:<\xc3\xa4@b.org>", NULL, LMTP_SAY_SENDER_NOT_ASCII,
		"RFC 6531 3.5"},
	{"MAIL FROM:<a@b> SMTPUTF8=1", NULL, LMTP_SAY_BAD_PARAMETER,
		"RFC 6531 3.4: no value"},
	{"MAIL FROM:<\"\xc3\xa4 \"@b> SMTPUTF8",
		"MAIL FROM:<\"\xc3\xa4 \"@b> SMTPUTF8", 0,
		"qtextSMTP =/ UTF8-non-ascii"},
	{"MAIL FROM:<\"\\\xc3\xa4\"@b> SMTPUTF8", NULL, LMTP_SAY_BAD_SENDER,
		"quoted-pairSMTP is ASCII"},
	{"RCPT TO:<\xc3\xa4@b.org>", NULL, LMTP_SAY_RECIPIENT_NOT_ASCII, ""},

	/* Parameters. */
	{"MAIL FROM:<a@b> SIZE=1000", "MAIL FROM:<a@b> SIZE=1000", 0,
		"RFC 1870"},
	{"MAIL FROM:<a@b> size=0", "MAIL FROM:<a@b> SIZE=0", 0, ""},
	{"MAIL FROM:<a@b> SIZE=99999999999999999999",
		"MAIL FROM:<a@b> SIZE=18446744073709551615", 0, "1*20DIGIT"},
	{"MAIL FROM:<a@b> SIZE=100000000000000000000", NULL,
		LMTP_SAY_BAD_PARAMETER, "21 of them"},
	{"MAIL FROM:<a@b> SIZE", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"MAIL FROM:<a@b> SIZE=", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"MAIL FROM:<a@b> SIZE=-1", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"MAIL FROM:<a@b> SIZE=1 SIZE=1", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"MAIL FROM:<a@b> BODY=8bitmime", "MAIL FROM:<a@b> BODY=8BITMIME", 0,
		"RFC 6152"},
	{"MAIL FROM:<a@b> BODY=7BIT", "MAIL FROM:<a@b> BODY=7BIT", 0, ""},
	{"MAIL FROM:<a@b> BODY=BINARYMIME", "MAIL FROM:<a@b> BODY=BINARYMIME",
		0, "RFC 3030"},
	{"MAIL FROM:<a@b> BODY=9BIT", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"MAIL FROM:<a@b> RET=HDRS ENVID=QQ314159",
		"MAIL FROM:<a@b> RET=HDRS ENVID=QQ314159", 0, "RFC 3461 4.5"},
	{"MAIL FROM:<a@b> ENVID=a+2Bb+20c+3D",
		"MAIL FROM:<a@b> ENVID=a+2Bb+20c+3D", 0, "xtext"},
	{"MAIL FROM:<a@b> ENVID=+41", "MAIL FROM:<a@b> ENVID=A", 0, ""},
	{"MAIL FROM:<a@b> ENVID=+4", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"MAIL FROM:<a@b> ENVID=+0a", NULL, LMTP_SAY_BAD_PARAMETER,
		"upper case"},
	{"MAIL FROM:<a@b> ENVID=+0A", NULL, LMTP_SAY_BAD_PARAMETER,
		"a line's end in disguise"},
	{"MAIL FROM:<a@b> ENVID=a ENVID=b", NULL, LMTP_SAY_BAD_PARAMETER,
		"RFC 3461 4.4: not twice"},
	{"MAIL FROM:<a@b> RET=SOME", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"MAIL FROM:<a@b> AUTH=<>", "MAIL FROM:<a@b> AUTH=<>", 0, "RFC 4954"},
	{"MAIL FROM:<a@b> AUTH=e+3Dmc2@example.com",
		"MAIL FROM:<a@b> AUTH=e+3Dmc2@example.com", 0, "its example"},
	{"MAIL FROM:<a@b> FOO=1", NULL, LMTP_SAY_UNKNOWN_PARAMETER, ""},
	{"MAIL FROM:<a@b> NOTIFY=NEVER", NULL, LMTP_SAY_UNKNOWN_PARAMETER,
		"RCPT's"},
	{"MAIL FROM:<a@b>  SIZE=1", "MAIL FROM:<a@b> SIZE=1", 0, "two spaces"},
	{"RCPT TO:<a@b> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Carol@Ivory.EDU",
		"RCPT TO:<a@b> NOTIFY=SUCCESS,FAILURE "
		"ORCPT=rfc822;Carol@Ivory.EDU",
		0, "RFC 3461 appendix"},
	{"RCPT TO:<a@b> NOTIFY=NEVER", "RCPT TO:<a@b> NOTIFY=NEVER", 0, ""},
	{"RCPT TO:<a@b> NOTIFY=never,SUCCESS", NULL, LMTP_SAY_BAD_PARAMETER,
		"NEVER alone"},
	{"RCPT TO:<a@b> NOTIFY=DELAY,", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"RCPT TO:<a@b> NOTIFY=DELAY NOTIFY=DELAY", NULL,
		LMTP_SAY_BAD_PARAMETER, "not twice"},
	{"RCPT TO:<a@b> ORCPT=rfc822;", "RCPT TO:<a@b> ORCPT=rfc822;", 0,
		"xtext may be empty"},
	{"RCPT TO:<a@b> ORCPT=Carol", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"RCPT TO:<a@b> ORCPT=;x", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"RCPT TO:<a@b> SIZE=1", NULL, LMTP_SAY_UNKNOWN_PARAMETER, ""},

	/* RFC 3030. */
	{"BDAT 86 LAST", "BDAT 86 LAST", 0, ""},
	{"bdat 0 last", "BDAT 0 LAST", 0, ""},
	{"BDAT 100000", "BDAT 100000", 0, ""},
	{"BDAT", NULL, LMTP_SAY_BAD_ARGUMENT, ""},
	{"BDAT LAST", NULL, LMTP_SAY_BAD_ARGUMENT, ""},
	{"BDAT -1", NULL, LMTP_SAY_BAD_ARGUMENT, ""},
	{"BDAT 1 FIRST", NULL, LMTP_SAY_BAD_ARGUMENT, ""},
	{"BDAT 1 LAST 2", NULL, LMTP_SAY_BAD_ARGUMENT, ""},
	{"BDAT 99999999999999999999", NULL, LMTP_SAY_BAD_ARGUMENT, ""},

	/* XCLIENT_README's example, and others. */
	{"XCLIENT NAME=spike.porcupine.org ADDR=168.100.189.2 PROTO=ESMTP",
		"XCLIENT NAME=spike.porcupine.org ADDR=168.100.189.2 "
		"PROTO=ESMTP",
		0, ""},
	{"xclient addr=IPv6:2001:db8::1 port=25",
		"XCLIENT ADDR=IPV6:2001:db8::1 PORT=25", 0, ""},
	{"XCLIENT NAME=[unavailable] HELO=[TEMPUNAVAIL]",
		"XCLIENT NAME=[UNAVAILABLE] HELO=[UNAVAILABLE]", 0, ""},
	{"XCLIENT", NULL, LMTP_SAY_BAD_ARGUMENT, ""},
	{"XCLIENT ADDR=2001:db8::1", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"XCLIENT ADDR=example.org", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"XCLIENT PORT=65536", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"XCLIENT PROTO=HTTP", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"XCLIENT NAME=a+0D+0Ab", NULL, LMTP_SAY_BAD_PARAMETER,
		"a line's end in disguise"},
	{"XCLIENT NAME", NULL, LMTP_SAY_BAD_PARAMETER, ""},
	{"XCLIENT LOGIN=me", NULL, LMTP_SAY_UNKNOWN_PARAMETER, "not announced"},
};

static void check(const struct row *row, bool utf8)
{
	struct lmtp_command cmd;
	struct buf out = BUF_UNBOUNDED;
	struct arena arena;
	enum lmtp_say say;

	arena_init(&arena, 64 * 1024);
	say = lmtp_parse(&arena, str_c(row->line), utf8, &cmd);
	if (say != row->say)
		print_error("%s: %s\n", row->line, lmtp_say_words(say));
	assert_int_equal(say, row->say);
	if (!say) {
		lmtp_print(&out, &cmd);
		assert_str(buf_str(&out), row->printed);
	}
	buf_fini(&out);
	arena_fini(&arena);
}

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check(&rows[i], false);
}

static void utf8_recipient(void **state)
{
	static const struct row row = {"RCPT TO:<\xc3\xa4@b\xc3\xa4r.org>",
		"RCPT TO:<\xc3\xa4@b\xc3\xa4r.org>", 0, "RFC 6531 3.3"};

	(void)state;
	check(&row, true);
}

static void typed(void **state)
{
	struct lmtp_command cmd;
	struct arena arena;

	(void)state;
	arena_init(&arena, 64 * 1024);
	assert_int_equal(lmtp_parse(&arena,
				 STR("RCPT TO:<\"a \\\"b\"@c> "
				     "ORCPT=rfc822;x+2By NOTIFY=DELAY"),
				 false, &cmd),
		LMTP_SAY_NOTHING);
	assert_str(cmd.rcpt.to.local, "a \"b");
	assert_str(cmd.rcpt.to.domain, "c");
	assert_str(cmd.rcpt.to.address, "\"a \\\"b\"@c");
	assert_str(cmd.rcpt.orcpt, "x+y");
	assert_int_equal(cmd.rcpt.notify, LMTP_NOTIFY_DELAY);
	assert_int_equal(lmtp_parse(&arena, STR("MAIL FROM:<>"), false, &cmd),
		LMTP_SAY_NOTHING);
	assert_true(cmd.mail.from.null);
	assert_str(cmd.mail.from.address, "");
	arena_fini(&arena);
}

/* RFC 5321 section 4.5.3.1.1: at least 64; real ones are longer. */
static void long_local_parts(void **state)
{
	static const struct {
		size_t n;
		enum lmtp_say say;
	} cases[] = {
		{64, LMTP_SAY_NOTHING},
		{LMTP_LOCAL_MAX, LMTP_SAY_NOTHING},
		{LMTP_LOCAL_MAX + 1, LMTP_SAY_BAD_SENDER},
		{3000, LMTP_SAY_BAD_SENDER},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf line = BUF_UNBOUNDED;
		struct lmtp_command cmd;
		struct arena arena;

		arena_init(&arena, 64 * 1024);
		buf_add_c(&line, "MAIL FROM:<");
		for (size_t n = 0; n < cases[i].n; n++)
			buf_add_byte(&line, 'a');
		buf_add_c(&line, "@example.org>");
		assert_int_equal(
			lmtp_parse(&arena, buf_str(&line), false, &cmd),
			cases[i].say);
		buf_fini(&line);
		arena_fini(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(utf8_recipient),
		cmocka_unit_test(typed),
		cmocka_unit_test(long_local_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
