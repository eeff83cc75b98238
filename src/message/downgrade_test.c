/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "message/downgrade.h"

#define NOBODY "\r\n <invalid@internationalized-address.invalid>"

static const struct {
	const char *in, *out;
	const char *why;
} rows[] = {
	{"", "", "nothing"},
	{"Subject: a\r\nX: b\r\n\r\n\xc3\xa4\r\n",
		"Subject: a\r\nX: b\r\n\r\n\xc3\xa4\r\n",
		"the body is not touched"},
	{"Subject: \xc3\xa4\xc3\xb6\r\nX: b\r\n\r\n",
		"Subject: =?UTF-8?B?w6TDtg==?=\r\nX: b\r\n\r\n",
		"RFC 6858 section 2.3"},
	{"SUBJECT: \xc3\xa4\r\n =?UTF-8?Q?=C3=B6?=\r\n\r\n",
		"Subject: =?UTF-8?B?w6Qgw7Y=?=\r\n\r\n",
		"folded, partly encoded already"},
	{"Subject: \xe4\r\n\r\n", "Subject: \xe4\r\n\r\n", "not UTF-8"},
	{"Subject: \xc3\xa4\n\nx", "Subject: =?UTF-8?B?w6Q=?=\r\n\nx",
		"bare LF"},
	{"X-Thing: \xc3\xa4\r\nY: 1\r\n\r\n", "Y: 1\r\n\r\n",
		"section 2.4: left out"},
	{"X-Thing: \xc3\xa4\r\n more\r\nY: 1\r\n\r\n", "Y: 1\r\n\r\n",
		"with all its lines"},
	{"From: \xc3\x84nne <a@example.com>\r\n\r\n",
		"From: =?UTF-8?B?w4RubmU=?=\r\n <a@example.com>\r\n\r\n",
		"a name"},
	{"To: \"B, C\" <b@example.com>, \xc3\xa4@example.com\r\n\r\n",
		"To: \"B, C\"\r\n <b@example.com>,\r\n "
		"=?UTF-8?B?PMOkQGV4YW1wbGUuY29tPg==?=" NOBODY "\r\n\r\n",
		"section 2.1: an address"},
	{"From: Fred <fred@\xc3\xa4.example>\r\n\r\n",
		"From: =?UTF-8?B?RnJlZCA8ZnJlZEDDpC5leGFtcGxlPg==?=" NOBODY
		"\r\n\r\n",
		"a domain"},
	{"To: \xc3\xa4: a@b.example, c@d.example;\r\n\r\n",
		"To: =?UTF-8?B?w6Q=?=: <a@b.example>,\r\n <c@d.example>;"
		"\r\n\r\n",
		"a group"},
	{"To: a b \"\r\nCc: \xc3\xa4\r\n\r\n",
		"To: a b \"\r\nCc: =?UTF-8?B?PMOkQD4=?=" NOBODY "\r\n\r\n",
		"no address; ASCII is not touched"},
	{"Content-Disposition: attachment; filename=\xc3\xa4; size=3\r\n\r\n",
		"Content-Disposition: attachment;\r\n size=3\r\n\r\n",
		"section 2.2"},
	{"Content-Type: text/plain; charset=\"utf-8\"; name=\xc3\xa4\r\n\r\n",
		"Content-Type: text/plain;\r\n charset=\"utf-8\"\r\n\r\n", ""},
	{"Subject: 123456789 123456789 123456789 123456789 1234\xc3\xa4"
	 "56\r\n\r\n",
		"Subject: "
		"=?UTF-8?B?MTIzNDU2Nzg5IDEyMzQ1Njc4OSAxMjM0NTY3ODkgMTIzNDU2Nzg5"
		"IDEyMzQ=?=\r\n =?UTF-8?B?w6Q1Ng==?=\r\n\r\n",
		"words are no longer than 75, and cut no character"},
	{"Subject: \xc3\xa4", "Subject: =?UTF-8?B?w6Q=?=\r\n", "no end at all"},
	{"\xc3\xa4\r\nSubject: b\r\n\r\n", "Subject: b\r\n\r\n",
		"a line that is no field"},
};

static void test_rows(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t piece = 1; piece < 20; piece++) {
			str rest = str_c(rows[i].in);
			struct buf out = BUF_UNBOUNDED;
			struct downgrade d;

			downgrade_init(&d);
			for (; rest.n; rest = str_skip(rest, piece))
				downgrade_feed(&d, str_take(rest, piece), &out);
			downgrade_finish(&d, &out);
			assert_str(buf_str(&out), rows[i].out);
			downgrade_fini(&d);
			buf_fini(&out);
		}
	}
}

/* Memory is one field, bounded; the fields after it are treated as ever. */
static void test_long_field(void **unused)
{
	struct buf in = BUF_UNBOUNDED, out = BUF_UNBOUNDED;
	struct downgrade d;

	(void)unused;
	buf_add_c(&in, "X: ");
	for (int i = 0; i < 50000; i++)
		buf_add_c(&in, "\xc3\xa4");
	buf_add_c(&in, "\r\nSubject: \xc3\xa4\r\n\r\n");
	downgrade_init(&d);
	for (size_t at = 0; at < in.n; at += 1000) {
		downgrade_feed(
			&d, str_take(str_skip(buf_str(&in), at), 1000), &out);
		assert_true(d.field.n <= DOWNGRADE_FIELD_MAX);
	}
	downgrade_finish(&d, &out);
	assert_true(str_starts(buf_str(&out), STR("X: ????")));
	assert_true(str_ends(
		buf_str(&out), STR("??\r\nSubject: =?UTF-8?B?w6Q=?=\r\n\r\n")));
	downgrade_fini(&d);
	buf_fini(&in);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
