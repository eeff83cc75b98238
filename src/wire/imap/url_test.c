/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/arena.h"
#include "base/buf.h"
#include "wire/imap/url.h"

#define MANY_DOTS 2000

/* printed: what it is printed as; NULL: the same as the input. */
static const struct {
	const char *url;
	const char *printed;
	const char *why;
} good[] = {
	/* RFC 5092 sections 6.1.2 (without URLAUTH), 9 and 9.1 */
	{"imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;"
	 "UID=20/;PARTIAL=0.1024",
		NULL, "a range"},
	{"imap://psicorp.example.org/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/"
	 "%E5%8F%B0%E5%8C%97",
		NULL, "UTF-8"},
	{"imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;uid=20/"
	 ";section=1.2",
		"imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;UID=20/"
		";SECTION=1.2",
		"a mechanism and nobody"},
	{";section=1.4", ";SECTION=1.4", "relative to a section"},
	{"imap://;AUTH=*@minbari.example.org/gray%20council?"
	 "SUBJECT%20shadows",
		NULL, "a search"},
	{"imap://john;AUTH=*@minbari.example.org/babylon5/personel?"
	 "charset%20UTF-8%20SUBJECT%20%7B14+%7D%0D%0A%D0%98%D0%B2%"
	 "D0%B0%D0%BD%D0%BE%D0%B2%D0%B0",
		NULL, "with a literal"},
	{"/foo/;UID=20/..", "/foo", "dots: the mailbox"},
	{";UID=20", NULL, "relative to a mailbox"},
	/* Examples of RFC 4469 */
	{"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
		"/Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=HEADER", NULL},
	{"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME",
		"/Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=1.MIME", NULL},
	{"/Drafts;UIDVALIDITY=385759045/;UID=30", NULL, NULL},
	{"/INBOX;UIDVALIDITY=785799047/;UID=113330/;section=1.5.9",
		"/INBOX;UIDVALIDITY=785799047/;UID=113330/;SECTION=1.5.9",
		NULL},
	/* RFC 8508 */
	{"/Drafts/;UID=3002", NULL, NULL},

	{"", NULL, "same document"},
	{"/", NULL, "no mailbox"},
	{"imap://a", "imap://a/", "a server"},
	{"imap://a/", NULL, "a server"},
	{"IMAP://a:143/", "imap://a/", "the scheme's case, the port"},
	{"imap://a:/", "imap://a/", "a port of no digits"},
	{"imap://a:993/", NULL, "another port"},
	{"imap://[::1]:993/", NULL, "an address"},
	{"imap://joe@a/x", NULL, "a user"},
	{"imap://joe;auth=x@a/x", "imap://joe;AUTH=x@a/x", NULL},
	{"imap://j%40b%3B@a/x", NULL, "what is no delimiter"},
	{"//a/x", NULL, "network path"},
	{"/inbox", "/INBOX", "one name"},
	{"/a/", "/a", "as CREATE has it"},
	{"/a%2Fb", "/a/b", "a separator is one"},
	{"/e%CC%81", "/%C3%A9", "NFC"},
	{"/a;UIDVALIDITY=1", NULL, NULL},
	{"/a/;UIDVALIDITY=1", "/a;UIDVALIDITY=1", "a slash of the mailbox"},
	{"/a;UIDVALIDITY=1?ALL", NULL, NULL},
	{"/a/;UID=1/;PARTIAL=3", NULL, "to the end"},
	{"/a/;UID=1/;SECTION=1/;PARTIAL=3.4", NULL, NULL},
	{"/a/;UID=1/;SECTION=HEADER.FIELDS%20(a%20B)", NULL, "field names"},
	{"/a/;UID=1/;SECTION=1.HEADER.FIELDS.NOT%20(%22a%22)",
		"/a/;UID=1/;SECTION=1.HEADER.FIELDS.NOT%20(a)", NULL},
	{"/a/;UID=1/;SECTION=%54EXT", "/a/;UID=1/;SECTION=TEXT", NULL},
	{";PARTIAL=0.1", NULL, "of the base"},
	{";SECTION=1/;PARTIAL=0.1", NULL, "of the base"},
	{";UID=4294967295/;SECTION=2.MIME/;PARTIAL=9223372036854775807.1", NULL,
		"great numbers"},
	{"/%26Jjo-", "/&Jjo-", "a name like any other"},
	{"/%26&=", "/&&=", "delimiters of others"},
	/* dots */
	{"/a/../b", "/b", NULL},
	{"/a/./b/.", "/a/b", NULL},
	{"/../../b", "/b", "above all"},
	{"/%2E%2E/%2E/..b", "/%2E./%2E/%2E.b", "these are names"},
	{"/..;UIDVALIDITY=385759045/;UID=20",
		"/%2E.;UIDVALIDITY=385759045/"
		";UID=20",
		"RFC 5092 section 9.1: no dot segment"},
	{"/a/b/;UID=1/../;UID=2", "/a/b/;UID=2", "a parameter is a segment"},
	{"/a/..", "/", "nothing is left"},
	{"/a?../..", NULL, "not in the search"},
};

static const struct {
	const char *url;
	enum err err;
	const char *why;
} bad[] = {
	{"http://a/b", ERR_INVALID, "another scheme"},
	{"imap:", ERR_INVALID, "no server"},
	{"imap:/a/;UID=1", ERR_INVALID, "no server"},
	{"imap:///a", ERR_INVALID, "no host"},
	{"imap://a:x/", ERR_INVALID, "no port"},
	{"imap://a:0/", ERR_INVALID, "no port"},
	{"imap://a:65536/", ERR_INVALID, "no port"},
	{"imap://[::1/", ERR_INVALID, "half an address"},
	{"imap://@a/", ERR_INVALID, "no user"},
	{"imap://;AUTH=@a/", ERR_INVALID, "no mechanism"},
	{"imap://joe;x=y@a/", ERR_INVALID, "something else"},
	{"imap://a:b@c/", ERR_INVALID, "a password"},
	{"imap://a?ALL", ERR_INVALID, "a search of nothing"},
	{"///a/;UID=1", ERR_INVALID, "no host"},
	{"/;UID=1", ERR_INVALID, "no mailbox"},
	{"/./;UID=1", ERR_INVALID, "no mailbox"},
	{"/a/..//b", ERR_INVALID, "an empty component, and no host"},
	{"/.//;UID=1", ERR_INVALID, "no mailbox"},
	{"x/;UID=1", ERR_INVALID, "a relative path"},
	{"..;UIDVALIDITY=385759045/;UID=20", ERR_INVALID, "a relative path"},
	{"?ALL", ERR_INVALID, "nothing to search"},
	{"/a;UID=1", ERR_INVALID, "no slash"},
	{"/a/;UID=0", ERR_INVALID, "no UID"},
	{"/a/;UID=4294967296", ERR_INVALID, "no UID"},
	{"/a/;UID=1:2", ERR_INVALID, "a set"},
	{"/a/;UID=*", ERR_INVALID, "a set"},
	{"/a/;UID=1/", ERR_INVALID, "nothing follows"},
	{"/a/;UID=1/;UID=2", ERR_INVALID, "twice"},
	{"/a/;UID=1/x", ERR_INVALID, "something else"},
	{"/a/;UID=1?ALL", ERR_INVALID, "a search in a message"},
	{"/a;UIDVALIDITY=0/;UID=1", ERR_INVALID, "no UIDVALIDITY"},
	{"/a;UIDVALIDITY=1;UID=1", ERR_INVALID, "no slash"},
	{"/a;UIDVALIDITY=1/x", ERR_INVALID, "a mailbox below it"},
	{"/a;UIDVALIDITY=1/", ERR_INVALID, "nothing follows"},
	{"/a/;SECTION=1", ERR_INVALID, "of no message"},
	{"/a/;UID=1/;SECTION=", ERR_INVALID, "no section"},
	{"/a/;UID=1/;SECTION=1.", ERR_INVALID, "half a section"},
	{"/a/;UID=1/;SECTION=0", ERR_INVALID, "no section"},
	{"/a/;UID=1/;SECTION=MIME", ERR_INVALID, "of no part"},
	{"/a/;UID=1/;SECTION=1/", ERR_INVALID, "nothing follows"},
	{"/a/;UID=1/;SECTION=1]", ERR_INVALID, "not in a URL"},
	{"/a/;UID=1/;SECTION=1%5D", ERR_INVALID, "no section"},
	{"/a/;UID=1/;SECTION=%00", ERR_INVALID, "NUL"},
	{"/a/;UID=1/;PARTIAL=", ERR_INVALID, "no range"},
	{"/a/;UID=1/;PARTIAL=0.0", ERR_INVALID, "of no length"},
	{"/a/;UID=1/;PARTIAL=1.", ERR_INVALID, "half a range"},
	{"/a/;UID=1/;PARTIAL=9223372036854775808", ERR_INVALID, "64 bits"},
	{"/a/;UID=1/;PARTIAL=1/;SECTION=1", ERR_INVALID, "their order"},
	{"/a/;UID=1/;EXPIRE=2005-10-28T23:59:59Z", ERR_INVALID, "a parameter"},
	{"/a/;UID=1;EXPIRE=2005-10-28T23:59:59Z;URLAUTH=anonymous",
		ERR_UNSUPPORTED, "RFC 4467"},
	{"imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred"
	 ":internal:91354a473744909de610943775f92038",
		ERR_UNSUPPORTED, "RFC 4467"},
	{"/a b", ERR_INVALID, "a space"},
	{"/a%", ERR_INVALID, "half a byte"},
	{"/a%2", ERR_INVALID, "half a byte"},
	{"/a%2g", ERR_INVALID, "no byte"},
	{"/a%00", ERR_INVALID, "NUL"},
	{"/%FF", ERR_INVALID, "no UTF-8"},
	{"/\xc3\xa9", ERR_INVALID, "8-bit"},
	{"/a#b", ERR_INVALID, "a fragment"},
	{"/a\r\n", ERR_INVALID, "a line end"},
	{"/a//b", ERR_INVALID, "an empty component"},
};

static void test_good(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct arena arena;
		struct imap_url url;
		struct buf out = BUF_UNBOUNDED;

		arena_init(&arena, 65536);
		if (imap_url_parse(&arena, str_c(good[i].url), &url))
			fail_msg("%s", good[i].url);
		imap_url_print(&out, &url);
		assert_str(buf_str(&out),
			good[i].printed ? good[i].printed : good[i].url);
		buf_fini(&out);
		arena_fini(&arena);
	}
}

static void test_bad(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct arena arena;
		struct imap_url url;
		enum err e;

		arena_init(&arena, 65536);
		e = imap_url_parse(&arena, str_c(bad[i].url), &url);
		if (e != bad[i].err)
			print_error("%s: %s\n", bad[i].url, err_words(e));
		assert_int_equal(e, bad[i].err);
		arena_fini(&arena);
	}
}

static void test_fields(void **unused)
{
	struct arena arena;
	struct imap_url url;

	(void)unused;
	arena_init(&arena, 65536);
	assert_ok(imap_url_parse(&arena,
		STR("imap://j%40b;AUTH=*@h:1/b%20x;UIDVALIDITY=2/;UID=3/"
		    ";SECTION=4.5.HEADER.FIELDS%20(A%20B)/;PARTIAL=6.7"),
		&url));
	assert_int_equal(url.form, IMAP_URL_ABSOLUTE);
	assert_str(url.user, "j@b");
	assert_str(url.auth, "*");
	assert_str(url.host, "h");
	assert_int_equal(url.port, 1);
	assert_str(url.mailbox, "b x");
	assert_int_equal(url.uidvalidity, 2);
	assert_int_equal(url.uid, 3);
	assert_true(url.has_section);
	assert_true(url.section.peek);
	assert_int_equal(url.section.part_n, 2);
	assert_int_equal(url.section.part[1], 5);
	assert_int_equal(url.section.text, IMAP_TEXT_FIELDS);
	assert_int_equal(url.section.fields_n, 2);
	assert_str(url.section.fields[1], "B");
	assert_true(url.section.partial);
	assert_int_equal(url.section.from, 6);
	assert_int_equal(url.section.length, 7);
	assert_true(str_is_none(url.search));
	assert_true(imap_url_is_message(&url));

	assert_ok(imap_url_parse(&arena, STR("/a;UIDVALIDITY=2?b%20c"), &url));
	assert_int_equal(url.form, IMAP_URL_PATH);
	assert_true(str_is_none(url.user));
	assert_true(str_is_none(url.host));
	assert_str(url.search, "b c");
	assert_false(imap_url_is_message(&url));
	assert_ok(imap_url_parse(&arena, STR(";PARTIAL=1"), &url));
	assert_true(imap_url_is_message(&url));
	assert_int_equal(url.section.length, INT64_MAX);
	arena_fini(&arena);
}

/* Within the limit, in little memory, whatever it is made of. */
static void test_long(void **unused)
{
	static const char *const pieces[] = {"/a", "/..", "/.", "%2E", "//"};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		struct arena arena;
		struct imap_url url;
		struct buf text = BUF_UNBOUNDED;
		enum err e;

		arena_init(&arena, 8 * IMAP_URL_MAX);
		buf_add_c(&text, "/a");
		for (size_t n = 0; n < MANY_DOTS; n++)
			buf_add_c(&text, pieces[i]);
		e = imap_url_parse(&arena, buf_str(&text), &url);
		assert_true(e == OK || e == ERR_INVALID);
		assert_false(arena_spent(&arena));
		while (text.n <= IMAP_URL_MAX)
			buf_add_c(&text, pieces[i]);
		assert_int_equal(imap_url_parse(&arena, buf_str(&text), &url),
			ERR_TOOBIG);
		buf_fini(&text);
		arena_fini(&arena);
	}
}

static void test_quoted(void **unused)
{
	static const struct {
		str url;
		const char *quoted;
		const char *why;
	} rows[] = {
		{STR_LIT("/Drafts;UIDVALIDITY=1/;UID=2/;section=1.MIME"),
			"/Drafts;UIDVALIDITY=1/;UID=2/;section=1.MIME",
			"as it was sent"},
		{STR_LIT("imap://[::1]/a%20b?c"), "imap://[::1%5D/a%20b?c",
			"all but ] can stand in the code"},
		{STR_LIT("/a b\"\\\r\n\0]\xff"), "/a%20b%22%5C%0D%0A%00%5D%FF",
			"no URL"},
		{STR_LIT(""), "\"\"", "url-resp-text is not empty"},
	};
	struct buf out = BUF_UNBOUNDED;

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		buf_reset(&out);
		imap_url_put_quoted(&out, rows[i].url);
		assert_str(buf_str(&out), rows[i].quoted);
	}
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
