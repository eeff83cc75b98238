/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "message/mime.h"
#include "message/section.h"

#include <stdlib.h>

/* RFC 9051 section 6.4.5.1's example. Every header and body names itself. */
static const char tree[] =
	"Subject: root\r\nContent-Type: multipart/mixed; boundary=r\r\n\r\n"
	"--r\r\nX: 1\r\n\r\nbody 1\r\n"
	"--r\r\nContent-Type: application/octet-stream\r\n\r\nbody 2\r\n"
	"--r\r\nContent-Type: message/rfc822\r\n\r\n"
	"Subject: in 3\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"
	"--m\r\n\r\nbody 3.1\r\n"
	"--m\r\nContent-Type: application/octet-stream\r\n\r\nbody 3.2\r\n"
	"--m--\r\n"
	"--r\r\nContent-Type: multipart/mixed; boundary=f\r\n\r\n"
	"--f\r\nContent-Type: image/gif\r\n\r\nbody 4.1\r\n"
	"--f\r\nContent-Type: message/rfc822\r\n\r\n"
	"Subject: in 4.2\r\nContent-Type: multipart/mixed; boundary=n\r\n\r\n"
	"--n\r\n\r\nbody 4.2.1\r\n"
	"--n\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
	"--a\r\n\r\nbody 4.2.2.1\r\n"
	"--a\r\nContent-Type: text/richtext\r\n\r\nbody 4.2.2.2\r\n"
	"--a--\r\n"
	"--n--\r\n"
	"--f--\r\n"
	"--r--\r\n";

#define IN3                                                                    \
	"--m\r\n\r\nbody 3.1\r\n--m\r\n"                                       \
	"Content-Type: application/octet-stream\r\n\r\nbody 3.2\r\n--m--"
#define HEADER3                                                                \
	"Subject: in 3\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"

static const char simple[] = "Subject: s\r\n\r\nhello\r\n";
static const char embedded[] =
	"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nhello\r\n";

/* In the text form of the protocol; expected NULL: no such section. */
static const struct {
	const char *in, *section, *expected, *why;
} rows[] = {
	{tree, "HEADER",
		"Subject: root\r\nContent-Type: multipart/mixed; "
		"boundary=r\r\n\r\n",
		"the message's"},
	{tree, "1", "body 1", "a part"},
	{tree, "1.MIME", "X: 1\r\n\r\n", "its header"},
	{tree, "2", "body 2", "the next"},
	{tree, "3", HEADER3 IN3, "an embedded message, all of it"},
	{tree, "3.MIME", "Content-Type: message/rfc822\r\n\r\n",
		"the part's header"},
	{tree, "3.HEADER", HEADER3, "the embedded message's"},
	{tree, "3.TEXT", IN3, "its body"},
	{tree, "3.1", "body 3.1", "its parts have no number between"},
	{tree, "3.2", "body 3.2", "likewise"},
	{tree, "3.1.MIME", "\r\n", "an empty header is its blank line"},
	{tree, "4.1", "body 4.1", "a nested multipart's"},
	{tree, "4.1.MIME", "Content-Type: image/gif\r\n\r\n", "its header"},
	{tree, "4.2.HEADER",
		"Subject: in 4.2\r\nContent-Type: multipart/mixed; "
		"boundary=n\r\n\r\n",
		"a message in it"},
	{tree, "4.2.1", "body 4.2.1", "deeper"},
	{tree, "4.2.2",
		"--a\r\n\r\nbody 4.2.2.1\r\n--a\r\n"
		"Content-Type: text/richtext\r\n\r\nbody 4.2.2.2\r\n--a--",
		"a multipart's body"},
	{tree, "4.2.2.1", "body 4.2.2.1", "deeper"},
	{tree, "4.2.2.2", "body 4.2.2.2", "deepest"},
	{tree, "4.2.2.MIME",
		"Content-Type: multipart/alternative; boundary=a\r\n\r\n",
		"of a multipart"},

	{tree, "0", NULL, "numbers start at 1"},
	{tree, "5", NULL, "one too many"},
	{tree, "1.1", NULL, "a leaf has no parts"},
	{tree, "1.HEADER", NULL, "HEADER is of messages"},
	{tree, "4.HEADER", NULL, "not of multiparts"},
	{tree, "4.TEXT", NULL, "nor TEXT"},
	{tree, "2.TEXT", NULL, "nor of leaves"},
	{tree, "MIME", NULL, "MIME needs a number"},
	{tree, "3.3", NULL, "one too many inside"},
	{tree, "4294967295", NULL, "far too many"},

	{simple, "", simple, "the whole"},
	{simple, "TEXT", "hello\r\n", "its body"},
	{simple, "1", "hello\r\n", "every message has a part 1"},
	{simple, "1.MIME", "Subject: s\r\n\r\n", "whose header is its own"},
	{simple, "2", NULL, "and no other"},
	{simple, "1.1", NULL, "nor any in it"},
	{simple, "1.TEXT", NULL, "part 1 is no message"},

	{embedded, "1", "Subject: in\r\n\r\nhello\r\n",
		"part 1 is the embedded message"},
	{embedded, "1.HEADER", "Subject: in\r\n\r\n", "its header"},
	{embedded, "1.TEXT", "hello\r\n", "its body"},
	{embedded, "1.1", "hello\r\n", "its part 1"},
	{embedded, "1.1.MIME", "Subject: in\r\n\r\n", "and its header"},
	{embedded, "1.2", NULL, "no other"},
	{embedded, "1.1.1", NULL, "and none inside"},

	{"Subject: s\r\n", "TEXT", "", "no body: empty, not absent"},
	{"Subject: s\r\n", "HEADER", "Subject: s\r\n", "no blank line"},
	{"", "", "", "no byte"},
	{"", "1", "", "still part 1"},
	{"Content-Type: multipart/mixed; boundary=b\r\n\r\nx\r\n", "1", "",
		"a multipart without parts has an empty one, as BODY says"},
};

/* The text form, without field names. */
static struct section parse_section(const char *text, uint32_t *numbers)
{
	struct section s = {.numbers = numbers};
	while (ascii_is_digit(*text)) {
		char *end;
		numbers[s.number_count++] = (uint32_t)strtoul(text, &end, 10);
		text = *end == '.' ? end + 1 : end;
	}
	s.kind = !strcmp(text, "HEADER") ? SECTION_HEADER
		 : !strcmp(text, "TEXT") ? SECTION_TEXT
		 : !strcmp(text, "MIME") ? SECTION_MIME
					 : SECTION_WHOLE;
	return s;
}

static void test_sections(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf b = BUF_UNBOUNDED;
		struct digest d;
		struct section_range r;
		uint32_t numbers[8];
		struct section s = parse_section(rows[i].section, numbers);
		mime_parse(str_c(rows[i].in), &b);
		assert_ok(digest_decode(buf_str(&b), &d));
		enum err e = section_resolve(&d, &s, &r);
		if (e != (rows[i].expected ? OK : ERR_NOTFOUND))
			fail_msg("%s (%s): %s", rows[i].section, rows[i].why,
				err_words(e));
		str got = e ? STR("") : str_of(rows[i].in + r.at, (size_t)r.n);
		if (!e && !str_eq_c(got, rows[i].expected))
			print_error("%s (%s)\n", rows[i].section, rows[i].why);
		if (!e)
			assert_str(got, rows[i].expected);
		buf_fini(&b);
	}
}

static void test_fields_are_filtered(void **state)
{
	(void)state;
	struct buf b = BUF_UNBOUNDED;
	struct digest d;
	struct section_range r;
	uint32_t three = 3;
	struct section s = {.numbers = &three,
		.number_count = 1,
		.kind = SECTION_HEADER_FIELDS};
	mime_parse(str_c(tree), &b);
	assert_ok(digest_decode(buf_str(&b), &d));
	assert_ok(section_resolve(&d, &s, &r));
	assert_true(r.filter);
	assert_str(str_of(tree + r.at, (size_t)r.n), HEADER3);
	s.kind = SECTION_HEADER_FIELDS_NOT;
	assert_ok(section_resolve(&d, &s, &r));
	assert_true(r.filter);
	s.kind = SECTION_HEADER;
	assert_ok(section_resolve(&d, &s, &r));
	assert_false(r.filter);
	buf_fini(&b);
}

/* --- header_filter --- */

#define HEADER                                                                 \
	"Received: a\r\n\tb\r\nSubject: s\r\n t\r\nTo : x\r\n"                 \
	"junk\r\n more\r\nSUBJECT:u\r\nSubjects: v\r\n"

static const struct {
	const char *in, *names, *fields, *others, *why;
} filters[] = {
	{HEADER "\r\n", "subject", "Subject: s\r\n t\r\nSUBJECT:u\r\n\r\n",
		"Received: a\r\n\tb\r\nTo : x\r\njunk\r\n more\r\n"
		"Subjects: v\r\n\r\n",
		"all of a name, with folding; a longer name is another"},
	{HEADER "\r\n", "to received", "Received: a\r\n\tb\r\nTo : x\r\n\r\n",
		"Subject: s\r\n t\r\njunk\r\n more\r\nSUBJECT:u\r\n"
		"Subjects: v\r\n\r\n",
		"in the header's order; a blank before the colon"},
	{HEADER, "x", "", HEADER, "no blank line, none made"},
	{HEADER "\r\n", "x", "\r\n", HEADER "\r\n", "only the blank line"},
	{HEADER "\r\n", "junk more", "\r\n", HEADER "\r\n",
		"a line that is no field has no name"},
	{"A: b\n\nC: d\n", "a c", "A: b\n\n", "\n",
		"nothing after the blank line"},
	{"A: b\n \nC: d\n\n", "a", "A: b\n \n\n", "C: d\n\n",
		"a line of blanks continues"},
	{" a\nB: c", "b", "B: c", " a\n", "a header that begins folded"},
	{"A", "a", "", "A", "ends in a name"},
	{"A:", "a", "A:", "", "ends after it"},
	{"", "a", "", "", "nothing"},
	{"\r\nA: b\r\n", "a", "\r\n", "\r\n", "an empty header"},
	{": x\r\n\r\n", "a", "\r\n", ": x\r\n\r\n", "no name at all"},
	{"A\r\n\r\n", "a", "\r\n", "A\r\n\r\n", "no colon"},
	{"\r\rA: b\r\n\r\n", "a", "\r\n", "\r\rA: b\r\n\r\n", "bare CRs"},
};

static void filter(str in, const char *names_text, bool except, size_t piece,
	struct buf *out)
{
	str names[4];
	size_t count = 0;
	str rest = str_c(names_text);
	while (rest.n) {
		size_t n = str_find_byte(rest, ' ');
		names[count++] = str_take(rest, n);
		rest = str_skip(rest, n + 1);
	}
	struct header_filter f;
	header_filter_init(&f, names, count, except);
	for (; in.n; in = str_skip(in, piece))
		header_filter_feed(&f, str_take(in, piece), out);
	header_filter_finish(&f, out);
	header_filter_fini(&f);
}

static void test_filter(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(filters); i++) {
		for (size_t piece = 1; piece < 200; piece += piece) {
			struct buf out = BUF_UNBOUNDED;
			str in = str_c(filters[i].in);
			filter(in, filters[i].names, false, piece, &out);
			if (!str_eq_c(buf_str(&out), filters[i].fields))
				print_error(
					"%s, by %zu\n", filters[i].why, piece);
			assert_str(buf_str(&out), filters[i].fields);
			buf_reset(&out);
			filter(in, filters[i].names, true, piece, &out);
			if (!str_eq_c(buf_str(&out), filters[i].others))
				print_error("not: %s, by %zu\n", filters[i].why,
					piece);
			assert_str(buf_str(&out), filters[i].others);
			buf_fini(&out);
		}
	}
}

/* A line without end costs no memory. */
static void test_filter_holds_little(void **state)
{
	(void)state;
	struct header_filter f;
	struct buf out = BUF_UNBOUNDED;
	str name = STR("subject");
	char chunk[4096];
	memset(chunk, ' ', sizeof chunk);
	header_filter_init(&f, &name, 1, false);
	header_filter_feed(&f, STR("Subject"), &out);
	for (size_t i = 0; i < 1000; i++)
		header_filter_feed(&f, str_of(chunk, sizeof chunk), &out);
	assert_in_range(f.line.cap, 0, 1024);
	assert_int_equal(out.n, 0);
	header_filter_fini(&f);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_fields_are_filtered),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_filter_holds_little),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
