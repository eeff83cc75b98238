/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "wire/lmtp/command.h"

static void every_answer(void **state)
{
	(void)state;
	for (unsigned say = LMTP_SAY_OK; say <= LMTP_SAY_END_REFUSED; say++) {
		struct buf out = BUF_UNBOUNDED;
		unsigned code = lmtp_say_code((enum lmtp_say)say);
		str line;

		lmtp_put(&out, (enum lmtp_say)say);
		line = buf_str(&out);
		assert_in_range(code, 200, 599);
		assert_true(str_ends(line, STR("\r\n")));
		/* RFC 2034 section 4: the class is the code's first digit, and
		 * nothing stands in 3xx. */
		if (code / 100 == 3)
			assert_false(
				ascii_is_digit(line.p[4]) && line.p[5] == '.');
		else
			assert_int_equal(line.p[4], line.p[0]);
		buf_fini(&out);
	}
}

static void errors(void **state)
{
	static const struct {
		enum err e;
		bool for_good;
		const char *line;
	} rows[] = {
		{OK, false, "250 2.0.0 <a@b> Delivered\r\n"},
		{ERR_NOTFOUND, false,
			"550 5.1.1 <a@b> No such recipient here\r\n"},
		{ERR_DENIED, false,
			"550 5.2.1 <a@b> The account takes no mail\r\n"},
		{ERR_QUOTA, false, "452 4.2.2 <a@b> Over quota\r\n"},
		{ERR_QUOTA, true, "552 5.2.2 <a@b> Over quota\r\n"},
		{ERR_NOSPACE, true,
			"452 4.3.1 <a@b> No space left on the server\r\n"},
		{ERR_TOOBIG, false,
			"552 5.3.4 <a@b> The message is too large\r\n"},
		{ERR_LIMIT, false,
			"452 4.5.3 <a@b> Too many recipients at once\r\n"},
		{ERR_UNAVAILABLE, false,
			"451 4.3.0 <a@b> Cannot be done now\r\n"},
		{ERR_IO, true, "451 4.3.0 <a@b> Cannot be done now\r\n"},
		{ERR_CORRUPT, true, "451 4.3.0 <a@b> Cannot be done now\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = BUF_UNBOUNDED;

		lmtp_put_about(&out, lmtp_say_of(rows[i].e, rows[i].for_good),
			STR("a@b"));
		assert_str(buf_str(&out), rows[i].line);
		buf_fini(&out);
	}
}

/* RFC 5321 section 4.5.3.1.5 */
static void lines_are_short(void **state)
{
	char long_address[LMTP_LOCAL_MAX * 2 + LMTP_DOMAIN_MAX];

	(void)state;
	memset(long_address, 'a', sizeof long_address);
	for (size_t n = 1; n <= sizeof long_address; n++) {
		struct buf out = BUF_UNBOUNDED;

		lmtp_put_about(&out, LMTP_SAY_RECIPIENT_NOT_ASCII,
			str_of(long_address, n));
		assert_true(out.n <= 512);
		buf_fini(&out);
	}
}

static void extensions(void **state)
{
	struct buf out = BUF_UNBOUNDED;

	(void)state;
	lmtp_put_extensions(&out, STR("mx.example.org"), 1000, true);
	assert_str(buf_str(&out),
		"250-mx.example.org\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
		"250-SMTPUTF8\r\n250-CHUNKING\r\n250-BINARYMIME\r\n"
		"250-XCLIENT NAME ADDR PORT PROTO HELO\r\n"
		"250-SIZE 1000\r\n250 ENHANCEDSTATUSCODES\r\n");
	buf_reset(&out);
	lmtp_put_extensions(&out, STR("h"), 0, false);
	assert_true(str_find(buf_str(&out), STR("XCLIENT")) == out.n);
	buf_reset(&out);
	lmtp_put_help(&out);
	assert_str(buf_str(&out), "214 2.0.0 LHLO MAIL RCPT DATA BDAT RSET "
				  "NOOP QUIT VRFY HELP XCLIENT\r\n");
	buf_fini(&out);
}

static void order(void **state)
{
	static const struct {
		enum lmtp_verb verb;
		enum lmtp_state state;
		enum lmtp_say say;
	} rows[] = {
		{LMTP_NOOP, LMTP_NEW, LMTP_SAY_NOTHING},
		{LMTP_RSET, LMTP_CHUNKS, LMTP_SAY_NOTHING},
		{LMTP_MAIL, LMTP_NEW, LMTP_SAY_LHLO_FIRST},
		{LMTP_RCPT, LMTP_NEW, LMTP_SAY_LHLO_FIRST},
		{LMTP_MAIL, LMTP_READY, LMTP_SAY_NOTHING},
		{LMTP_MAIL, LMTP_SENDER, LMTP_SAY_MAIL_OPEN},
		{LMTP_MAIL, LMTP_CHUNKS, LMTP_SAY_RESET_FIRST},
		{LMTP_RCPT, LMTP_READY, LMTP_SAY_MAIL_FIRST},
		{LMTP_RCPT, LMTP_RECIPIENTS, LMTP_SAY_NOTHING},
		{LMTP_RCPT, LMTP_CHUNKS, LMTP_SAY_RESET_FIRST},
		{LMTP_DATA, LMTP_READY, LMTP_SAY_MAIL_FIRST},
		{LMTP_DATA, LMTP_SENDER, LMTP_SAY_NO_RECIPIENTS},
		{LMTP_DATA, LMTP_CHUNKS, LMTP_SAY_RESET_FIRST},
		{LMTP_BDAT, LMTP_READY, LMTP_SAY_MAIL_FIRST},
		{LMTP_BDAT, LMTP_CHUNKS, LMTP_SAY_NOTHING},
		{LMTP_XCLIENT, LMTP_RECIPIENTS, LMTP_SAY_MAIL_OPEN_XCLIENT},
		{LMTP_XCLIENT, LMTP_NEW, LMTP_SAY_NOTHING},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(lmtp_out_of_order(rows[i].verb, rows[i].state),
			rows[i].say);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer),
		cmocka_unit_test(errors),
		cmocka_unit_test(lines_are_short),
		cmocka_unit_test(extensions),
		cmocka_unit_test(order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
