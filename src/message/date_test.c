/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "message/date.h"

static void test_rfc5322(void **unused)
{
	/* printed as IMAP does; NULL for none */
	static const struct {
		const char *in, *expected, *why;
	} rows[] = {
		{"Fri, 21 Nov 1997 09:55:06 -0600",
			"21-Nov-1997 09:55:06 -0600", "RFC 5322 A.1.1"},
		{"Tue, 1 Jul 2003 10:52:37 +0200", " 1-Jul-2003 10:52:37 +0200",
			"A.1.2"},
		{"Thu, 13 Feb 1969 23:32:54 -0330",
			"13-Feb-1969 23:32:54 -0330", "A.1.3"},
		{"Thu,\r\n      13\r\n        Feb\r\n          1969\r\n"
		 "      23:32\r\n               -0330 (Newfoundland Time)",
			"13-Feb-1969 23:32:00 -0330", "A.5"},
		{"21 Nov 97 09:55:06 GMT", "21-Nov-1997 09:55:06 +0000",
			"A.6.2"},
		{"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600",
			"21-Nov-1997 09:55:06 -0600", "A.6.3"},
		{"1 Jan 49 00:00:00 Z", " 1-Jan-2049 00:00:00 +0000",
			"two digits"},
		{"1 Jan 50 00:00:00 Z", " 1-Jan-1950 00:00:00 +0000",
			"two digits"},
		{"1 Jan 104 00:00:00 Z", " 1-Jan-2004 00:00:00 +0000",
			"three digits"},
		{"1 Jan 2000 00:00:00 EST", " 1-Jan-2000 00:00:00 -0500", ""},
		{"1 Jan 2000 00:00:00 edt", " 1-Jan-2000 00:00:00 -0400", ""},
		{"1 Jan 2000 00:00:00 CST", " 1-Jan-2000 00:00:00 -0600", ""},
		{"1 Jan 2000 00:00:00 CDT", " 1-Jan-2000 00:00:00 -0500", ""},
		{"1 Jan 2000 00:00:00 MST", " 1-Jan-2000 00:00:00 -0700", ""},
		{"1 Jan 2000 00:00:00 MDT", " 1-Jan-2000 00:00:00 -0600", ""},
		{"1 Jan 2000 00:00:00 PST", " 1-Jan-2000 00:00:00 -0800", ""},
		{"1 Jan 2000 00:00:00 PDT", " 1-Jan-2000 00:00:00 -0700", ""},
		{"1 Jan 2000 00:00:00 UT", " 1-Jan-2000 00:00:00 +0000", ""},
		{"1 Jan 2000 00:00:00 A", " 1-Jan-2000 00:00:00 +0000",
			"military: nobody knows"},
		{"1 Jan 2000 00:00:00 CEST", " 1-Jan-2000 00:00:00 +0000",
			"others: as -0000"},
		{"1 Jan 2000 00:00:00 GMT+0100", " 1-Jan-2000 00:00:00 +0100",
			""},
		{"1 Jan 2000 00:00:00", " 1-Jan-2000 00:00:00 +0000",
			"no zone"},
		{"1 Jan 2000 00:00 +0100", " 1-Jan-2000 00:00:00 +0100",
			"no seconds"},
		{"1 Jan 2000", " 1-Jan-2000 00:00:00 +0000", "no time"},
		{"Foo, 1 January 2000 00:00:00 +0100",
			" 1-Jan-2000 00:00:00 +0100", "month in full"},
		{"Wednesday, 01-Mar-00 01:02:03 GMT",
			" 1-Mar-2000 01:02:03 +0000", "RFC 850"},
		{"Sun Feb 29 10:00:00 2004", "29-Feb-2004 10:00:00 +0000",
			"asctime"},
		{"Sun Feb 29 10:00:00 EST 2004", "29-Feb-2004 10:00:00 -0500",
			"date(1)"},
		{"2004-02-29T10:00:00.5+01:00", "29-Feb-2004 10:00:00 +0100",
			"ISO 8601"},
		{"2004-02-29 10:00:00Z", "29-Feb-2004 10:00:00 +0000",
			"ISO 8601"},
		{"1 Jan 2000 3:04:05 PM", " 1-Jan-2000 15:04:05 +0000",
			"afternoon"},
		{"1 Jan 2000 12:04:05 AM", " 1-Jan-2000 00:04:05 +0000",
			"midnight"},
		{"31 Dec 2016 23:59:60 +0000", " 1-Jan-2017 00:00:00 +0000",
			"leap second"},
		{"1 Jan 2000 00:00:00 +9999", " 1-Jan-2000 00:00:00 +0000",
			"zone that cannot be"},
		{"1 Jan 2000 00:00:00 +1 trailing 12 bytes",
			" 1-Jan-2000 00:00:00 +0100",
			"zone of one digit; rest"},
		{"1 Jan 0000 00:00:00 +0000", " 1-Jan-0000 00:00:00 +0000", ""},
		{"31 Dec 9999 23:59:59 +0000", "31-Dec-9999 23:59:59 +0000",
			""},
		{"", NULL, ""},
		{"yesterday", NULL, ""},
		{"30 Feb 2000 00:00:00 +0000", NULL, "no such day"},
		{"29 Feb 1900 00:00:00 +0000", NULL, "no leap year"},
		{"0 Jan 2000 00:00:00 +0000", NULL, ""},
		{"1 Jan 2000 24:00:00 +0000", NULL, "no such hour"},
		{"1 Jan 2000 00:60:00 +0000", NULL, ""},
		{"1 Jan 2000 00:00:61 +0000", NULL, ""},
		{"1 Foo 2000 00:00:00 +0000", NULL, "no such month"},
		{"1 Jan 10000 00:00:00 +0000", NULL, ""},
		{"1 Jan 99999999999999999999 00:00 Z", NULL, ""},
		{"1 Jan", NULL, "no year"},
		{"(1 Jan 2000", NULL, "all comment"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = BUF_UNBOUNDED;
		struct date d;
		enum err e = date_parse_rfc5322(str_c(rows[i].in), &d);

		if ((e == OK) != (rows[i].expected != NULL))
			fail_msg("%s (%s): %s", rows[i].in, rows[i].why,
				err_words(e));
		if (!e) {
			date_print_imap(&out, d);
			assert_str(buf_str(&out), rows[i].expected);
		}
		buf_fini(&out);
	}
}

static void test_imap(void **unused)
{
	static const struct {
		const char *in;
		int64_t seconds;
		int zone;
	} good[] = {
		{"17-Jul-1996 02:44:25 -0700", 837596665, -420},
		{" 1-Jan-1970 00:00:00 +0000", 0, 0},
		{"01-Jan-1970 00:00:00 +0000", 0, 0},
		{"31-Dec-1969 23:59:59 +0000", -1, 0},
		{" 1-Jan-1970 00:00:00 +0100", -3600, 60},
		{" 1-jan-1970 00:00:00 -1439", 14 * 3600 + 39 * 60, -879},
		{"29-Feb-2000 12:00:00 +0530", 951805800, 330},
	};
	static const char *const bad[] = {"", "17-Jul-1996", "17-Jul-1996 ",
		"17-Jul-1996 02:44:25", "17-Jul-1996 02:44:25 -0700 ",
		"17-Jul-96 02:44:25 -0700", "17-Jul-1996 2:44:25 -0700",
		"17-Jul-1996 02:44:25 0700", "17-Jul-1996 02:44:25 -07:00",
		"17-Jul-1996 02:44:25 GMT", "17 Jul 1996 02:44:25 -0700",
		"32-Jan-1996 02:44:25 -0700", "00-Jan-1996 02:44:25 -0700",
		"17-Jul-1996 24:44:25 -0700", "17-Jul-1996 02:44:25 -0799",
		"17-Jul-1996 02:44:25 -2400", "17-Xxx-1996 02:44:25 -0700",
		"  1-Jan-1970 00:00:00 +0000", "1--Jan-1970 00:00:00 +0000"};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct date d = {0};

		if (date_parse_imap(str_c(good[i].in), &d))
			fail_msg("%s", good[i].in);
		assert_true(d.seconds == good[i].seconds);
		assert_int_equal(d.zone, good[i].zone);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct date d;

		if (date_parse_imap(str_c(bad[i]), &d) != ERR_INVALID)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void test_imap_day(void **unused)
{
	static const struct {
		const char *in;
		int32_t day;
	} good[] = {{"1-Feb-1994", 8797}, {"01-Feb-1994", 8797},
		{"1-Jan-1970", 0}, {"31-Dec-1969", -1}, {"29-feb-2000", 11016}};
	static const char *const bad[] = {"", "1-Feb-94", "1-Feb-1994 ",
		" 1-Feb-1994", "001-Feb-1994", "30-Feb-1994", "1-2-1994",
		"Feb-1994", "\"1-Feb-1994\""};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		int32_t day;

		assert_ok(date_parse_imap_day(str_c(good[i].in), &day));
		assert_int_equal(day, good[i].day);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		int32_t day;

		if (date_parse_imap_day(str_c(bad[i]), &day) != ERR_INVALID)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

/* "Disregarding time and timezone": the day that was written. */
static void test_day(void **unused)
{
	struct date d;
	int32_t day;

	(void)unused;
	assert_ok(date_parse_imap(STR(" 1-Feb-1994 00:30:00 +1200"), &d));
	assert_ok(date_parse_imap_day(STR("1-Feb-1994"), &day));
	assert_int_equal(date_day(d), day);
	assert_ok(date_parse_imap(STR(" 1-Feb-1994 23:30:00 -1200"), &d));
	assert_int_equal(date_day(d), day);
}

/* Every day of 10,000 years follows the one before, there and back. */
static void test_calendar(void **unused)
{
	int32_t day = date_day_of(0, 1, 1), year = 0;
	int month = 0, mday = 0;

	(void)unused;
	assert_int_equal(date_day_of(1970, 1, 1), 0);
	assert_int_equal(date_day_of(2000, 3, 1), 11017);
	for (; year < 10000; day++) {
		int32_t y;
		int m, d;

		date_day_split(day, &y, &m, &d);
		if (date_day_of(y, m, d) != day)
			fail_msg("%d", (int)day);
		if (!(d == mday + 1 && m == month && y == year) &&
			!(d == 1 && m == month + 1 && y == year) &&
			!(d == 1 && m == 1 && y == year + 1 && mday == 31))
			fail_msg("%d-%d-%d", (int)y, m, d);
		year = y, month = m, mday = d;
	}
}

static void test_print(void **unused)
{
	struct buf out = BUF_UNBOUNDED;
	struct date d;

	(void)unused;
	assert_ok(date_parse_imap(STR("17-Jul-1996 02:44:25 -0700"), &d));
	date_print_rfc5322(&out, d);
	buf_add_byte(&out, '|');
	date_print_imap_day(&out, 8797);
	buf_add_byte(&out, '|');
	date_print_rfc5322(&out, (struct date){-1, 0});
	assert_str(buf_str(&out), "Wed, 17 Jul 1996 02:44:25 -0700|1-Feb-1994|"
				  "Wed, 31 Dec 1969 23:59:59 +0000");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc5322),
		cmocka_unit_test(test_imap),
		cmocka_unit_test(test_imap_day),
		cmocka_unit_test(test_day),
		cmocka_unit_test(test_calendar),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
