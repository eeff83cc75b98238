/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "message/charset.h"
#include "message/mime.h"
#include "message/preview.h"
#include "message/utf8.h"

static const struct {
	const char *in, *expected, *why;
} texts[] = {
	{"Hello,\r\n\r\n  world\t!\r\n", "Hello, world !", "one line"},
	{"> you wrote\r\n>> he wrote\r\nYes.\r\n", "Yes.", "without quotes"},
	{"> only\r\n> quoted\r\n", "> only > quoted", "unless that is all"},
	{"a\xc2\xa0"
	 "b\xe2\x80\x8b"
	 "c\x01"
	 "d\xc2\xad"
	 "e",
		"a bcde", "blanks and the invisible"},
	{"", "", "nothing"},
	{" \r\n\t\r\n", "", "nothing but blanks"},
};

static const struct {
	const char *in, *expected, *why;
} pages[] = {
	{"<html><head><title>T</title><style>p {}</style></head><body>"
	 "<p>Hello <b>wor</b>ld</p><p>Next</p></body></html>",
		"Hello world Next", "tags go, and what is not shown"},
	{"a<!-- <p>no</p> -->b<script>if (a<b) c()</script>c", "a b c",
		"comments and scripts"},
	{"1 &lt; 2 &amp;&#228;&#xE4;&euro;&unknown; &",
		"1 < 2 &\xc3\xa4\xc3\xa4"
		"\xe2\x82\xac&unknown; &",
		"references"},
	{"a < b and 3<4", "a < b and 3<4", "no markup"},
	{"a<p title=\"x", "a", "a tag without an end"},
	{"a<style>b", "a", "a style without an end"},
	{"&#0;&#xD800;&#x110000;&#99999999;a",
		"&#0;&#xD800;&#x110000;"
		"&#99999999;a",
		"no characters"},
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct buf out = BUF_UNBOUNDED;
		preview_add_text(&out, str_c(texts[i].in));
		if (!str_eq_c(buf_str(&out), texts[i].expected))
			print_error("%s\n", texts[i].why);
		assert_str(buf_str(&out), texts[i].expected);
		buf_fini(&out);
	}
	for (size_t i = 0; i < COUNT_OF(pages); i++) {
		struct buf out = BUF_UNBOUNDED;
		preview_add_html(&out, str_c(pages[i].in));
		if (!str_eq_c(buf_str(&out), pages[i].expected))
			print_error("%s\n", pages[i].why);
		assert_str(buf_str(&out), pages[i].expected);
		buf_fini(&out);
	}
}

static size_t characters(str s)
{
	size_t count = 0;
	for (size_t at = 0; at < s.n; count++)
		(void)utf8_next(s, &at);
	return count;
}

static void test_length(void **state)
{
	(void)state;
	static const char *const units[] = {"a", "\xf0\x9f\x98\x80", "a ",
		"a\r\n\r\n", "<p>a", "&amp;", "\xff"};
	for (size_t i = 0; i < COUNT_OF(units); i++) {
		struct buf in = BUF_UNBOUNDED, text = BUF_UNBOUNDED;
		struct buf page = BUF_UNBOUNDED;
		for (size_t k = 0; k < 1000; k++)
			buf_add_c(&in, units[i]);
		preview_add_text(&text, buf_str(&in));
		preview_add_html(&page, buf_str(&in));
		assert_in_range(characters(buf_str(&text)),
			PREVIEW_CHARACTERS - 1, PREVIEW_CHARACTERS);
		assert_in_range(characters(buf_str(&page)),
			PREVIEW_CHARACTERS - 1, PREVIEW_CHARACTERS);
		assert_true(utf8_is_valid(buf_str(&text)));
		buf_fini(&in);
		buf_fini(&text);
		buf_fini(&page);
	}
}

#define MIXED(type) "Content-Type: multipart/" type "; boundary=b\r\n\r\n"
#define PART(type) "\r\n--b\r\nContent-Type: " type "\r\n"

static const struct {
	const char *in, *expected, *why;
} messages[] = {
	{"\r\nhello", "hello", "plain"},
	{"Content-Type: text/html\r\n\r\n<p>hello", "hello", "HTML"},
	{"Content-Transfer-Encoding: base64\r\n\r\naGVs\r\nbG8=\r\n", "hello",
		"base64"},
	{"Content-Type: text/plain; charset=iso-8859-2\r\n"
	 "Content-Transfer-Encoding: quoted-printable\r\n\r\n=B1=\r\n=e6",
		"\xc4\x85\xc4\x87", "quoted-printable in a charset"},
	{"\r\n\xc3\xa4 \xe4", "\xc3\x83\xc2\xa4 \xc3\xa4",
		"8-bit without a label: not UTF-8, so windows-1252"},
	{"\r\n\xc3\xa4", "\xc3\xa4", "8-bit without a label: UTF-8"},
	{"Content-Type: text/plain; charset=x-nobody-knows\r\n\r\nhello", "",
		"an unknown charset"},
	{"Content-Transfer-Encoding: x-nobody-knows\r\n\r\nhello", "",
		"an unknown encoding"},
	{"Content-Type: image/png\r\n\r\nhello", "", "no text"},
	{MIXED("alternative") PART("text/plain") "\r\nplain" PART(
		 "text/html") "\r\n<p>html",
		"plain", "plain before HTML"},
	{MIXED("alternative") PART("text/html") "\r\n<p>html" PART(
		 "text/plain") "\r\nplain",
		"plain", "even after it"},
	{MIXED("mixed") PART("text/html") "\r\n<p>html" PART(
		 "text/plain") "\r\nfooter",
		"html", "but not a list's footer"},
	{MIXED("alternative") PART("text/plain") "\r\n \r\n" PART(
		 "text/html") "\r\n<p>html",
		"html", "nor an empty one"},
	{MIXED("mixed") PART("text/plain") "Content-Disposition: "
					   "attachment\r\n\r\nfile" PART(
						   "text/plain") "\r\nbody",
		"body", "nor an attachment"},
	{MIXED("mixed") PART("text/plain") "\r\nend" PART("image/png") "\r\nx",
		"end", "nothing of the boundary line"},
};

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(messages); i++) {
		struct buf b = BUF_UNBOUNDED;
		struct digest d;
		mime_parse(str_c(messages[i].in), &b);
		assert_ok(digest_decode(buf_str(&b), &d));
		if (!str_eq_c(d.preview, messages[i].expected))
			print_error("%s\n", messages[i].why);
		assert_str(d.preview, messages[i].expected);
		buf_fini(&b);
	}
}

/* A long text's beginning is looked at alone, if that gives the same. */
static void test_long_texts(void **state)
{
	static const struct {
		const char *first, *again,
			*last; /* `again` until 3,000 bytes */
		const char *subtype;
		bool valid; /* UTF-8 */
		const char *why;
	} rows[] = {
		{"", "many words ", "end", "plain", true, "plain"},
		{"", "> quoted\n", "own words", "plain", true,
			"nothing but quotes at first"},
		{"", "> quoted\n", "", "plain", true, "nothing but quotes"},
		{"", " \r\n", "end", "plain", true, "blanks at first"},
		{"\xc3\xa4", "words ", "\xc3\xa4", "plain", true,
			"without a label, and UTF-8 to the end"},
		{"\xc3\xa4", "words ", "\xe4", "plain", false,
			"without a label, and not UTF-8 at the end"},
		{"<style>", "p { margin: 0 } ", "</style>words", "html", true,
			"a long style"},
		{"", "<p>&auml;&#x30;</p>", "", "html", true, "markup"},
		{"", "<br>", "&amp;", "html", true, "only markup at first"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct digest_part part = {
			.subtype = str_c(rows[i].subtype), .charset = STR("")};
		struct buf raw = BUF_UNBOUNDED, text = BUF_UNBOUNDED;
		struct buf whole = BUF_UNBOUNDED, b = BUF_UNBOUNDED;

		print_message("# %s\n", rows[i].why);
		buf_add_c(&raw, rows[i].first);
		while (raw.n < 3000)
			buf_add_c(&raw, rows[i].again);
		buf_add_c(&raw, rows[i].last);
		part.body_n = raw.n;
		charset_add_unlabelled(&text, buf_str(&raw));
		assert_int_equal(text.n == raw.n, rows[i].valid);
		if (str_eq_c(part.subtype, "html"))
			preview_add_html(&whole, buf_str(&text));
		else
			preview_add_text(&whole, buf_str(&text));
		buf_add_c(&b, "before");
		preview_add(&b, &part, buf_str(&raw));
		assert_true(str_eq(str_skip(buf_str(&b), 6), buf_str(&whole)));
		buf_fini(&raw);
		buf_fini(&text);
		buf_fini(&whole);
		buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_long_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
