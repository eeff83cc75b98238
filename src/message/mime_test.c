/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "message/check_imap.h"
#include "message/corpus.h"
#include "message/digest.h"
#include "message/mime.h"

#include <malloc.h>

/* --- structures --- */

#define TEXT(octets, lines)                                                    \
	"(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL "              \
	"\"7BIT\" " octets " " lines ")"
#define NOTHING "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n"

static const struct {
	const char *in, *body, *why;
} bodies[] = {
	{"Subject: x\r\n\r\nhi\r\n", TEXT("4", "1"), "no MIME at all"},
	{"Subject: x\n\nhi\n", TEXT("3", "1"), "bare LF"},
	{"", TEXT("0", "0"), "no byte"},
	{"\r\n", TEXT("0", "0"), "only the blank line"},
	{"Subject: x\r\n", TEXT("0", "0"), "no body, no blank line"},
	{"Subject: x", TEXT("0", "0"), "no line end"},
	{"\r\nhi", TEXT("2", "0"), "a last line without an end is not counted"},
	{"Content-Type: text/html; charset=UTF-8\r\n\r\n",
		"(\"TEXT\" \"HTML\" (\"CHARSET\" \"UTF-8\") NIL NIL \"7BIT\" 0 "
		"0)",
		"charset as written"},
	{"content-type:TEXT/Html\r\n\r\n",
		"(\"TEXT\" \"HTML\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
		"\"7BIT\" "
		"0 0)",
		"text has a charset by default"},
	{"Content-Type: image/png; name=\"a b\"\r\n"
	 "Content-Transfer-Encoding: BASE64 (really)\r\n"
	 "Content-ID: <x@y>\r\nContent-Description: A \"pic\"\r\n\r\nAAAA\r\n",
		"(\"IMAGE\" \"PNG\" (\"NAME\" \"a b\") \"<x@y>\" "
		"\"A \\\"pic\\\"\" \"BASE64\" 6)",
		"no lines where it is not text"},
	{"Content-Type: text\r\n\r\n", TEXT("0", "0"),
		"RFC 2045 section 5.2: invalid is text/plain"},
	{"Content-Type: image/png\r\nContent-Type: text/html\r\n\r\n",
		"(\"IMAGE\" \"PNG\" NIL NIL NIL \"7BIT\" 0)",
		"the first of two counts"},
	{"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nhi\r\n--b--\r\n",
		TEXT("18", "4"), "multipart without a boundary"},
	{"Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nhi\r\n",
		TEXT("10", "3"), "with an empty one"},
	{MIXED "--b\r\n\r\nhi\r\n--b--\r\n", "(" TEXT("2", "0") " \"MIXED\")",
		"one part"},
	{MIXED "pre\r\n--b\r\n\r\nhi\r\n\r\n--b\r\n\r\n\r\n--b--\r\nepi\r\n"
	       "--b\r\n",
		"(" TEXT("4", "1") TEXT("0", "0") " \"MIXED\")",
		"preamble, epilogue, a boundary after the close"},
	{"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n--b--\n",
		"(" TEXT("2", "0") " \"MIXED\")", "bare LF"},
	{MIXED "--b \t\r\n\r\nhi\r\n--b-- \r\n",
		"(" TEXT("2", "0") " \"MIXED\")", "blanks after the boundary"},
	{MIXED "--bc\r\n\r\nhi\r\n--b--c\r\n", "(" TEXT("2", "0") " \"MIXED\")",
		"RFC 2046 section 5.1.1: the line's beginning suffices"},
	{MIXED "--b\r\n\r\nhi\r\n --b\r\n-b\r\n--\r\n--a\r\n--b--\r\n",
		"(" TEXT("21", "4") " \"MIXED\")", "what is no boundary"},
	{MIXED "--b\r\n\r\nhi", "(" TEXT("2", "0") " \"MIXED\")", "no close"},
	{MIXED "--b\r\n\r\nhi\r\n--b", "(" TEXT("2", "0") " \"MIXED\")",
		"ends inside a boundary line: nothing follows it"},
	{MIXED "--b\r\n\r\nhi\r\n--b\r\n",
		"(" TEXT("2", "0") TEXT("0", "0") " \"MIXED\")",
		"ends after one"},
	{MIXED "--b\r\n\r\nhi\r\n--b--", "(" TEXT("2", "0") " \"MIXED\")",
		"ends in the close line"},
	{MIXED "--b\r\nContent-Type: text/html\r\n--b\r\n--b--\r\n",
		"((\"TEXT\" \"HTML\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
		"\"7BIT\" "
		"0 0)" TEXT("0", "0") " \"MIXED\")",
		"headers that a boundary ends"},
	{MIXED "nothing\r\n", "(" TEXT("0", "0") " \"MIXED\")",
		"no boundary in it: one empty part"},
	{MIXED, "(" TEXT("0", "0") " \"MIXED\")", "nothing in it"},
	{"Content-Type: multipart/mixed; boundary=\"b  \"\r\n\r\n--b\r\n\r\nhi",
		"(" TEXT("2", "0") " \"MIXED\")",
		"a boundary ends in no blank"},
	{"Content-Type: multipart/digest; boundary=b\r\n\r\n"
	 "--b\r\n\r\nSubject: a\r\n\r\nhi\r\n"
	 "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n",
		"((\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 16 "
		"(NIL \"a\" NIL NIL NIL NIL NIL NIL NIL NIL) " TEXT(
			"2", "0") " 2)" TEXT("1", "0") " \"DIGEST\")",
		"RFC 2046 section 5.1.5: another default"},
	{"Content-Type: message/rfc822\r\n\r\nSubject: a\r\n\r\nhi\r\n",
		"(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 18 "
		"(NIL \"a\" NIL NIL NIL NIL NIL NIL NIL NIL) " TEXT(
			"4", "1") " 3)",
		"an embedded message"},
	{"Content-Type: message/global\r\n\r\n",
		"(\"MESSAGE\" \"GLOBAL\" NIL NIL NIL \"7BIT\" 0 " NOTHING
		" " TEXT("0", "0") " 0)",
		"message/global, and nothing in it"},
	{"Content-Type: message/rfc822; name=a\r\n"
	 "Content-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogYQ==\r\n",
		"(\"APPLICATION\" \"OCTET-STREAM\" (\"NAME\" \"a\") NIL NIL "
		"\"BASE64\" 18)",
		"an encoded one is not looked into"},
	{"Content-Type: message/partial; id=x\r\n\r\n",
		"(\"MESSAGE\" \"PARTIAL\" (\"ID\" \"x\") NIL NIL \"7BIT\" 0)",
		"any other message/ is a leaf"},
	{"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
	 "Content-Type: multipart/mixed; boundary=ab\r\n\r\n--ab\r\n\r\nx\r\n"
	 "--ab--\r\n--a\r\n\r\ny\r\n--a--\r\n",
		"((" TEXT("1", "0") " \"MIXED\")" TEXT("1", "0") " \"MIXED\")",
		"an outer boundary that begins the inner one"},
	{"Content-Type: multipart/mixed; boundary=ab\r\n\r\n--ab\r\n"
	 "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n"
	 "--a--\r\n--ab\r\n\r\ny\r\n--ab--\r\n",
		"((" TEXT("1", "0") " \"MIXED\")" TEXT("1", "0") " \"MIXED\")",
		"an inner boundary that begins the outer one"},
	{"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
	 "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n"
	 "--a\r\n\r\ny\r\n--b\r\n--a--\r\n",
		"((" TEXT("1", "0") " \"MIXED\")" TEXT("6", "1") " \"MIXED\")",
		"an outer boundary ends inner parts; the inner is then text"},
	{"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
	 "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n"
	 "--a--\r\n--a\r\n\r\ny\r\n--a--\r\n",
		"((" TEXT("1", "0") " \"MIXED\")" TEXT("1", "0") " \"MIXED\")",
		"the same boundary twice: the innermost"},
	{"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
	 "Content-Type: message/rfc822\r\n\r\nSubject: s\r\n--a--\r\n",
		"((\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 12 "
		"(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) " TEXT(
			"0", "0") " 1) \"MIXED\")",
		"a boundary ends an embedded header: its line end stays"},
	{"Content-Type: multipart/mixed;\r\n boundary*0=\"b\";\r\n"
	 " boundary*1=c\r\n\r\n--bc\r\n\r\nx",
		"(" TEXT("1", "0") " \"MIXED\")", "RFC 2231"},
	{"X-Junk\r\n: y\r\nContent-Type : text/html\r\n\r\n",
		"(\"TEXT\" \"HTML\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
		"\"7BIT\" "
		"0 0)",
		"lines that are no fields; a blank before the colon"},
	{"From a@b Thu Jan  1 00:00:00 1970\r\nContent-Type: text/html\r\n\r\n",
		"(\"TEXT\" \"HTML\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
		"\"7BIT\" "
		"0 0)",
		"mbox's From line"},
	{" text/html\r\nX: y\r\n\tz\r\n \r\nContent-Type: text/html\r\n\r\nx",
		"(\"TEXT\" \"HTML\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
		"\"7BIT\" "
		"1 0)",
		"a line of blanks is no end of the header"},
	{"Content-Type: text/html\r\r\n\r\nx", /* CR CR LF */
		"(\"TEXT\" \"HTML\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
		"\"7BIT\" "
		"1 0)",
		"a bare CR is a character"},
	{"Content-Type: image/png\r\n"
	 "Content-Transfer-Encoding: quoted printable\r\n\r\n",
		"(\"IMAGE\" \"PNG\" NIL NIL NIL \"QUOTED PRINTABLE\" 0)",
		"all of an encoding that is none"},
	{"Content-Type: image/png\r\n"
	 "Content-Transfer-Encoding: base64;\r\n\r\n",
		"(\"IMAGE\" \"PNG\" NIL NIL NIL \"BASE64\" 0)",
		"a semicolon after it"},
	{"Content-Type: image/png\r\nContent-Transfer-Encoding: x-foo\r\n\r\n",
		"(\"IMAGE\" \"PNG\" NIL NIL NIL \"X-FOO\" 0)",
		"an unknown encoding is named"},
};

static void check_text(
	str got, const char *expected, const char *in, const char *why)
{
	if (!str_eq_c(got, expected))
		print_error("%s\n(%s)\n", in, why);
	assert_str(got, expected);
}

static void test_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		struct buf b = BUF_UNBOUNDED;
		struct digest d;
		mime_parse(str_c(bodies[i].in), &b);
		assert_ok(digest_decode(buf_str(&b), &d));
		check_text(d.body, bodies[i].body, bodies[i].in, bodies[i].why);
		buf_fini(&b);
	}
}

static const struct {
	const char *in, *structure, *why;
} structures[] = {
	{"\r\n",
		"(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
		"\"7BIT\" "
		"0 0 NIL NIL NIL NIL)",
		"all extension data, always"},
	{"Content-Type: image/png\r\nContent-MD5: Q2hlY2s=\r\n"
	 "Content-Disposition: attachment; filename=\"a.png\"; size=3\r\n"
	 "Content-Language: de\r\nContent-Location: http://x/\r\n\r\n",
		"(\"IMAGE\" \"PNG\" NIL NIL NIL \"7BIT\" 0 \"Q2hlY2s=\" "
		"(\"ATTACHMENT\" (\"FILENAME\" \"a.png\" \"SIZE\" \"3\")) "
		"\"de\" \"http://x/\")",
		"each"},
	{"Content-Type: image/png\r\nContent-Disposition: inline\r\n"
	 "Content-Language: de, en (English) ,, fr\r\n\r\n",
		"(\"IMAGE\" \"PNG\" NIL NIL NIL \"7BIT\" 0 NIL "
		"(\"INLINE\" NIL) (\"de\" \"en\" \"fr\") NIL)",
		"several languages"},
	{MIXED "--b\r\n\r\n--b--",
		"((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
		"\"7BIT\" 0 0 NIL NIL NIL NIL) \"MIXED\" "
		"(\"BOUNDARY\" \"b\") NIL NIL NIL)",
		"a multipart's begins with its parameters"},
	{"Content-Type: multipart/related; boundary=b;\r\n "
	 "type=\"text/html\"\r\n"
	 "Content-Disposition: inline\r\nContent-Language: en\r\n"
	 "Content-Location: x\r\n\r\n--b\r\n\r\n--b--",
		"((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
		"\"7BIT\" 0 0 NIL NIL NIL NIL) \"RELATED\" "
		"(\"BOUNDARY\" \"b\" \"TYPE\" \"text/html\") (\"INLINE\" NIL) "
		"\"en\" \"x\")",
		"and has the rest"},
	{"Content-Type: message/rfc822\r\nContent-Disposition: inline\r\n\r\n",
		"(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 0 " NOTHING
		" (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
		"\"7BIT\" 0 0 NIL NIL NIL NIL) 0 NIL (\"INLINE\" NIL) NIL NIL)",
		"a message's comes after the lines"},
	{"Content-Type: application/x-stuff;\r\n"
	 " title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n"
	 " title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n title*2=\"isn't "
	 "it!\"\r\n\r\n",
		"(\"APPLICATION\" \"X-STUFF\" (\"TITLE*\" "
		"\"utf-8'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20"
		"isn%27t%20it!\") NIL NIL \"7BIT\" 0 NIL NIL NIL NIL)",
		"RFC 2231 section 4.1: joined"},
	{"Content-Type: message/external-body; access-type=URL;\r\n"
	 " URL*0=\"ftp://\";\r\n URL*1=\"cs.utk.edu/pub/\"\r\n\r\n",
		"(\"MESSAGE\" \"EXTERNAL-BODY\" (\"ACCESS-TYPE\" \"URL\" "
		"\"URL\" \"ftp://cs.utk.edu/pub/\") NIL NIL \"7BIT\" 0 NIL NIL "
		"NIL NIL)",
		"RFC 2231 section 3"},
	{"Content-Type: image/png; name=\"\xc3\xa4\"\r\n"
	 "Content-Description: \xc3\xb6\r\n\r\n",
		"(\"IMAGE\" \"PNG\" (\"NAME\" {2}\r\n\xc3\xa4) NIL "
		"{2}\r\n\xc3\xb6 \"7BIT\" 0 NIL NIL NIL NIL)",
		"8-bit data are literals"},
};

static void test_structures(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(structures); i++) {
		struct buf b = BUF_UNBOUNDED;
		struct digest d;
		mime_parse(str_c(structures[i].in), &b);
		assert_ok(digest_decode(buf_str(&b), &d));
		check_text(d.bodystructure, structures[i].structure,
			structures[i].in, structures[i].why);
		buf_fini(&b);
	}
}

/* --- envelopes --- */

#define AB "((NIL NIL \"a\" \"b\"))"

static const struct {
	const char *in, *envelope, *why;
} envelopes[] = {
	{"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
	 "From: Terry Gray <gray@cac.washington.edu>\r\n"
	 "Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
	 "To: imap@cac.washington.edu\r\n"
	 "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
	 "Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
	 "MIME-Version: 1.0\r\n"
	 "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n",
		"(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" "
		"\"IMAP4rev2 WG mtg summary and minutes\" "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
		"((NIL NIL \"imap\" \"cac.washington.edu\")) "
		"((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"
		"(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
		"\"<B27397-0100000@cac.washington.edu>\")",
		"RFC 9051 section 8"},
	{"", NOTHING, "nothing there"},
	{"Date:\r\nSubject: \r\nFrom:\r\nTo: \r\nIn-Reply-To:\r\n"
	 "Message-ID:\r\n\r\n",
		"(\"\" \"\" NIL NIL NIL NIL NIL NIL \"\" \"\")",
		"present but empty: strings are, addresses are NIL"},
	{"From: a@b\r\nSender:\r\nReply-To: ,\r\n\r\n",
		"(NIL NIL " AB " " AB " " AB " NIL NIL NIL NIL NIL)",
		"empty Sender and Reply-To are From"},
	{"From: a@b\r\nSender: s@t\r\nReply-To: r@u\r\nBcc: c@d\r\n"
	 "In-Reply-To: <x@y>\r\n\r\n",
		"(NIL NIL " AB
		" ((NIL NIL \"s\" \"t\")) ((NIL NIL \"r\" \"u\")) "
		"NIL NIL ((NIL NIL \"c\" \"d\")) \"<x@y>\" NIL)",
		"each in its place"},
	{"Subject: a\r\n\tb\r\n  c \r\n\r\n",
		"(NIL \"a\tb  c\" NIL NIL NIL NIL NIL NIL NIL NIL)",
		"RFC 5322 section 2.2.3: unfolding takes the CRLF only"},
	{"Subject: a\n b\r\n\n",
		"(NIL \"a b\" NIL NIL NIL NIL NIL NIL NIL NIL)", "bare LF"},
	{"Subject: a\rb\r\n\r\n",
		"(NIL {3}\r\na\rb NIL NIL NIL NIL NIL NIL NIL NIL)",
		"a bare CR needs a literal"},
	{"Subject: \"\\\r\n\r\n",
		"(NIL \"\\\"\\\\\" NIL NIL NIL NIL NIL NIL NIL NIL)",
		"quoted specials"},
	{"Subject: a\r\nsubject: b\r\n\r\n",
		"(NIL \"a\" NIL NIL NIL NIL NIL NIL NIL NIL)",
		"the first counts"},
	{"To: a@b\r\nTO: c@d\r\n\r\n",
		"(NIL NIL NIL NIL NIL ((NIL NIL \"a\" \"b\")"
		"(NIL NIL \"c\" \"d\")) NIL NIL NIL NIL)",
		"addresses are joined"},
	{"Subject: =?utf-8?q?=C3=A4?= =?utf-8?q?b?=\r\n\r\n",
		"(NIL \"=?utf-8?q?=C3=A4?= =?utf-8?q?b?=\" NIL NIL NIL NIL NIL "
		"NIL NIL NIL)",
		"encoded words stay"},
	{"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	 "--b\r\nSubject: x\r\n\r\n",
		NOTHING, "a part's fields are not the message's"},
};

static void test_envelopes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(envelopes); i++) {
		struct buf b = BUF_UNBOUNDED;
		struct digest d;
		mime_parse(str_c(envelopes[i].in), &b);
		assert_ok(digest_decode(buf_str(&b), &d));
		check_text(d.envelope, envelopes[i].envelope, envelopes[i].in,
			envelopes[i].why);
		buf_fini(&b);
	}
}

static void test_nul_is_dropped(void **state)
{
	(void)state;
	static const char in[] = "Subject: a\0b\0\xc3\xa4\r\n\r\n\0x";
	struct buf b = BUF_UNBOUNDED;
	struct digest d;
	mime_parse(str_of(in, sizeof in - 1), &b);
	assert_ok(digest_decode(buf_str(&b), &d));
	assert_str(d.envelope, "(NIL {4}\r\nab\xc3\xa4 NIL NIL NIL NIL NIL NIL "
			       "NIL NIL)");
	assert_int_equal(d.size, sizeof in - 1);
	assert_str(d.body, TEXT("2", "0"));
	buf_fini(&b);
}

/* --- keys --- */

static void test_keys(void **state)
{
	(void)state;
	static const char in[] =
		"Date: Thu, 1 Jan 1970 01:00:01 +0100\r\n"
		"Subject: Re: [list] =?utf-8?q?=C3=A4pfel?=\r\n"
		"From: =?utf-8?q?J=C3=BCrgen?= <Jay@x>\r\n"
		"To: Friends: a@b;\r\nCc: <C@d>\r\n"
		"Message-ID: <\"a\"@b>\r\nIn-Reply-To: <z@y>\r\n"
		"References: <r@1>\r\n <r@2>\r\n\r\n"
		"> quoted\r\n  Hello,\r\n\r\nworld\r\n";
	struct buf b = BUF_UNBOUNDED;
	struct digest d;
	str rest, id;
	mime_parse(str_of(in, sizeof in - 1), &b);
	assert_ok(digest_decode(buf_str(&b), &d));
	assert_int_equal(d.flags, DIGEST_HAS_DATE | DIGEST_REPLY);
	assert_int_equal(d.date, 1);
	assert_str(d.subject, "A\xcc\x88PFEL");
	assert_str(d.from, "JAY");
	assert_str(d.display_from, "JU\xcc\x88RGEN");
	assert_str(d.to, "FRIENDS");
	assert_str(d.display_to, "FRIENDS");
	assert_str(d.cc, "C");
	assert_str(d.message_id, "a@b");
	rest = d.references;
	assert_true(digest_reference_next(&rest, &id));
	assert_str(id, "r@1");
	assert_true(digest_reference_next(&rest, &id));
	assert_str(id, "r@2");
	assert_false(digest_reference_next(&rest, &id));
	assert_str(d.preview, "Hello, world");
	buf_fini(&b);
}

static void test_in_reply_to_is_the_parent(void **state)
{
	(void)state;
	static const char *const in[] = {
		"In-Reply-To: <z@y> <q@r>\r\n\r\n",
		"References: none\r\nIn-Reply-To: from <z@y>\r\n\r\n",
		"References: <yes>\r\nIn-Reply-To: <yes> <z@y>\r\n\r\n",
		"References: <yes> <z@y>\r\nIn-Reply-To: <q@r>\r\n\r\n",
	};
	for (size_t i = 0; i < COUNT_OF(in); i++) {
		struct buf b = BUF_UNBOUNDED;
		struct digest d;
		str rest, id;
		mime_parse(str_c(in[i]), &b);
		assert_ok(digest_decode(buf_str(&b), &d));
		rest = d.references;
		assert_true(digest_reference_next(&rest, &id));
		assert_str(id, "z@y");
		assert_false(digest_reference_next(&rest, &id));
		assert_int_equal(d.flags, 0);
		buf_fini(&b);
	}
}

#define HEAD(type) "--b\r\nContent-Type: " type "\r\n"
static const struct {
	const char *in;
	bool attachment;
	const char *why;
} attachments[] = {
	{"Content-Type: image/png\r\n\r\n", false, "the message itself"},
	{"Content-Type: image/png\r\nContent-Disposition: attachment\r\n\r\n",
		true, "but it may say so"},
	{MIXED HEAD("text/plain") "\r\n", false, "text"},
	{MIXED HEAD("text/plain") "Content-Disposition: ATTACHMENT\r\n\r\n",
		true, "text that is one"},
	{MIXED HEAD("image/png") "\r\n", true, "no text"},
	{MIXED HEAD("image/png") "Content-Disposition: inline\r\n\r\n", false,
		"inline"},
	{"Content-Type: multipart/related; boundary=b\r\n\r\n" HEAD(
		 "image/png") "\r\n",
		false, "belongs to the page"},
	{"Content-Type: multipart/signed; boundary=b\r\n\r\n" HEAD(
		 "application/pgp-signature") "\r\n",
		false, "a signature"},
	{MIXED HEAD("message/rfc822") "\r\n", true, "a forwarded message"},
	{"Content-Type: message/rfc822\r\n\r\n" MIXED HEAD("image/png") "\r\n",
		false, "one inside another message is that one's"},
};

static void test_attachments(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(attachments); i++) {
		struct buf b = BUF_UNBOUNDED;
		struct digest d;
		mime_parse(str_c(attachments[i].in), &b);
		assert_ok(digest_decode(buf_str(&b), &d));
		if (!!(d.flags & DIGEST_ATTACHMENT) !=
			attachments[i].attachment)
			fail_msg("%s", attachments[i].why);
		buf_fini(&b);
	}
}

/* --- any split --- */

/* A small generator: the same splits on every machine. */
static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void parse_split(str in, size_t most, uint32_t seed, struct buf *out)
{
	struct mime_parser *p = mime_parser_new(NULL);
	while (in.n) {
		size_t n = 1 + next_random(&seed) % most;
		mime_parser_feed(p, str_take(in, n));
		in = str_skip(in, n);
	}
	mime_parser_finish(p, out);
	mime_parser_free(p);
}

static void check_splits(const char *path, str in, void *arg)
{
	static const size_t most[] = {1, 2, 7, 100, 5000};
	struct buf whole = BUF_UNBOUNDED;
	(void)arg;
	mime_parse(in, &whole);
	for (size_t i = 0; i < COUNT_OF(most); i++) {
		struct buf split = BUF_UNBOUNDED;
		parse_split(in, most[i], (uint32_t)i + 1, &split);
		if (!str_eq(buf_str(&whole), buf_str(&split)))
			fail_msg("%s differs in pieces of %zu", path, most[i]);
		buf_fini(&split);
	}
	buf_fini(&whole);
}

static void test_any_split_is_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bodies); i++)
		check_splits(bodies[i].why, str_c(bodies[i].in), NULL);
	for (size_t i = 0; i < COUNT_OF(structures); i++)
		check_splits(structures[i].why, str_c(structures[i].in), NULL);
	for (size_t i = 0; i < COUNT_OF(envelopes); i++)
		check_splits(envelopes[i].why, str_c(envelopes[i].in), NULL);
}

static void test_any_split_of_the_corpus(void **state)
{
	(void)state;
	if (!corpus_each(check_splits, NULL))
		skip();
}

/* The texts are to the letter of the RFC, and the ranges nest. */
static void check_digest(const char *path, str in, void *arg)
{
	struct buf b = BUF_UNBOUNDED;
	struct digest d;
	(void)arg;
	mime_parse(in, &b);
	assert_ok(digest_decode(buf_str(&b), &d));
	assert_int_equal(d.size, in.n);
	const char *wrong = check_imap(&d);
	if (wrong)
		fail_msg("%s: expected %s", path, wrong);
	if (!check_ranges(&d))
		fail_msg("%s: ranges", path);
	buf_fini(&b);
}

static void test_grammar(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bodies); i++)
		check_digest(bodies[i].why, str_c(bodies[i].in), NULL);
	for (size_t i = 0; i < COUNT_OF(structures); i++)
		check_digest(structures[i].why, str_c(structures[i].in), NULL);
	for (size_t i = 0; i < COUNT_OF(envelopes); i++)
		check_digest(envelopes[i].why, str_c(envelopes[i].in), NULL);
}

static void test_grammar_of_the_corpus(void **state)
{
	(void)state;
	if (!corpus_each(check_digest, NULL))
		skip();
}

/* --- bombs --- */

/* Memory from malloc, in use now. Sanitizers have an allocator of their own,
 * where this is 0: there, the parser's own count is all. */
static size_t in_use(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

struct bomb {
	struct mime_parser *p;
	size_t before, most, most_told;
};

static struct bomb bomb_begin(void)
{
	struct bomb b = {.before = in_use()};
	b.p = mime_parser_new(NULL);
	return b;
}

static void bomb_feed(struct bomb *b, str s)
{
	mime_parser_feed(b->p, s);
	size_t now = in_use() - b->before;
	if (in_use() > b->before && now > b->most)
		b->most = now;
	size_t told = mime_parser_stats(b->p).memory;
	if (told > b->most_told)
		b->most_told = told;
}

/* Ends it; per byte at most `steps` bytes looked at, and at most `memory`
 * bytes held at any time. */
static void bomb_end(struct bomb *b, struct buf *out, struct digest *d,
	uint64_t steps, size_t memory)
{
	mime_parser_finish(b->p, out);
	struct mime_stats stats = mime_parser_stats(b->p);
	mime_parser_free(b->p);
	assert_true(stats.steps <= steps * stats.bytes + 100);
	assert_in_range(b->most_told, 1, memory);
	assert_in_range(b->most, 0, memory);
	assert_ok(digest_decode(buf_str(out), d));
	assert_null(check_imap(d));
	assert_true(check_ranges(d));
}

static void test_many_parts(void **state)
{
	(void)state;
	struct bomb b = bomb_begin();
	struct buf out = BUF_UNBOUNDED;
	struct digest d;
	struct digest_part part;
	uint32_t index;
	bomb_feed(&b, STR(MIXED));
	for (size_t i = 0; i < 100000; i++)
		bomb_feed(&b, STR("--b\r\n\r\nhi\r\n"));
	bomb_feed(&b, STR("--b--\r\n"));
	bomb_end(&b, &out, &d, 3, (size_t)64 << 20);
	assert_int_equal(d.part_count, 100001);
	assert_ok(digest_child(&d, 0, 100000, &index));
	assert_ok(digest_part(&d, index, &part));
	assert_int_equal(part.body_n, 2);
	assert_int_equal(digest_child(&d, 0, 100001, &index), ERR_NOTFOUND);
	buf_fini(&out);
}

static void test_too_many_parts(void **state)
{
	(void)state;
	struct mime_parser *p =
		mime_parser_new(&(struct mime_limits){.parts = 4,
			.depth = 2,
			.field = 100,
			.text = 1000,
			.preview = 10});
	struct buf out = BUF_UNBOUNDED;
	struct digest d;
	struct digest_part part;
	mime_parser_feed(p, STR(MIXED));
	for (size_t i = 0; i < 10; i++)
		mime_parser_feed(p, STR("--b\r\n\r\nhi\r\n"));
	mime_parser_finish(p, &out);
	mime_parser_free(p);
	assert_ok(digest_decode(buf_str(&out), &d));
	assert_int_equal(d.part_count, 4);
	assert_ok(digest_part(&d, 3, &part));
	assert_int_equal(part.body_n, 4 + 7 * 11);
	buf_fini(&out);
}

static void test_many_headers(void **state)
{
	(void)state;
	static const char *const lines[] = {"X-Header: value\r\n",
		"To: a@b\r\n", "Subject: x\r\n", "junk\r\n", ":\r\n",
		" folded\r\n", "--b\r\n"};
	for (size_t k = 0; k < COUNT_OF(lines); k++) {
		struct bomb b = bomb_begin();
		struct buf out = BUF_UNBOUNDED;
		struct digest d;
		for (size_t i = 0; i < 100000; i++)
			bomb_feed(&b, str_c(lines[k]));
		bomb_feed(&b, STR("\r\nhi"));
		bomb_end(&b, &out, &d, 3, (size_t)12 << 20);
		assert_int_equal(d.part_count, 1);
		buf_fini(&out);
	}
}

static void test_deep_nesting(void **state)
{
	(void)state;
	static const char *const openings[] = {
		"Content-Type: multipart/mixed; "
		"boundary=b%zu.\r\n\r\n--b%zu.\r\n",
		"Content-Type: message/rfc822\r\n\r\n",
		"Content-Type: multipart/digest; "
		"boundary=b%zu.\r\n\r\n--b%zu.\r\n"
		"\r\n",
	};
	for (size_t k = 0; k < COUNT_OF(openings); k++) {
		struct bomb b = bomb_begin();
		struct buf out = BUF_UNBOUNDED;
		struct digest d;
		for (size_t i = 0; i < 100000; i++) {
			char *s = xasprintf(openings[k], i, i);
			bomb_feed(&b, str_c(s));
			free(s);
		}
		bomb_end(&b, &out, &d, 3, (size_t)12 << 20);
		assert_int_equal(d.part_count, 101);
		buf_fini(&out);
	}
}

/* A hundred open boundaries with a common beginning, and then lines that all
 * of them match up to their last byte. */
static void test_many_boundaries(void **state)
{
	(void)state;
	struct bomb b = bomb_begin();
	struct buf out = BUF_UNBOUNDED;
	struct digest d;
	char same[61];
	memset(same, 'a', sizeof same - 1);
	same[sizeof same - 1] = '\0';
	for (size_t i = 0; i < 100; i++) {
		char *s = xasprintf("Content-Type: multipart/mixed;"
				    " boundary=%s%zu\r\n\r\n--%s%zu\r\n",
			same, 100 + i, same, 100 + i);
		bomb_feed(&b, str_c(s));
		free(s);
	}
	bomb_feed(&b, STR("\r\n"));
	for (size_t i = 0; i < 10000; i++) {
		bomb_feed(&b, STR("--"));
		bomb_feed(&b, str_c(same));
		bomb_feed(&b, STR("1\r\n"));
	}
	bomb_end(&b, &out, &d, 2, (size_t)12 << 20);
	assert_int_equal(d.part_count, 101);
	buf_fini(&out);
}

static void test_long_header(void **state)
{
	(void)state;
	static const char *const beginnings[] = {"X-Header: ", "Subject: ",
		"To: ", "", "Content-Type: text/plain; ",
		"Content-Type: multipart/mixed; boundary=", "References: "};
	static const char *const contents[] = {"aaaaaaaaaaaaaaa ", "a@b, <c",
		"\xc3\xa4; x=\"", "=?utf-8?q?a?= "};
	for (size_t k = 0; k < COUNT_OF(beginnings); k++) {
		struct bomb b = bomb_begin();
		struct buf chunk = BUF_UNBOUNDED, out = BUF_UNBOUNDED;
		struct digest d;
		while (chunk.n < 1 << 18)
			buf_add_c(&chunk, contents[k % COUNT_OF(contents)]);
		bomb_feed(&b, str_c(beginnings[k]));
		for (size_t i = 0; i < 200; i++) /* 50 MB */
			bomb_feed(&b, buf_str(&chunk));
		bomb_end(&b, &out, &d, 1, (size_t)12 << 20);
		assert_in_range(out.n, 1, 4 << 20);
		buf_fini(&chunk);
		buf_fini(&out);
	}
}

static void test_long_body(void **state)
{
	(void)state;
	struct bomb b = bomb_begin();
	struct buf chunk = BUF_UNBOUNDED, out = BUF_UNBOUNDED;
	struct digest d;
	while (chunk.n < 1 << 18)
		buf_add_c(&chunk, "a line of the body\r\n");
	bomb_feed(&b, STR("\r\n"));
	for (size_t i = 0; i < 256; i++) /* 64 MB */
		bomb_feed(&b, buf_str(&chunk));
	bomb_end(&b, &out, &d, 1, 1 << 20);
	assert_in_range(out.n, 1, 2000);
	buf_fini(&chunk);
	buf_fini(&out);
}

/* Header text over the budget: the structure stays, the details go. */
static void test_too_much_text(void **state)
{
	(void)state;
	struct bomb b = bomb_begin();
	struct buf name = BUF_UNBOUNDED, out = BUF_UNBOUNDED;
	struct digest d;
	while (name.n < 60000)
		buf_add_c(&name, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	bomb_feed(&b, STR(MIXED));
	for (size_t i = 0; i < 500; i++) { /* 30 MB */
		bomb_feed(&b, STR("--b\r\nContent-Type: image/png; name="));
		bomb_feed(&b, buf_str(&name));
		bomb_feed(&b, STR("\r\n\r\n"));
	}
	bomb_end(&b, &out, &d, 3, (size_t)24 << 20);
	assert_int_equal(d.part_count, 501);
	assert_in_range(d.bodystructure.n, 1 << 20, 5 << 20);
	assert_true(str_ends(d.body, STR("(\"IMAGE\" \"PNG\" NIL NIL NIL "
					 "\"7BIT\" 0) \"MIXED\")")));
	buf_fini(&name);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_structures),
		cmocka_unit_test(test_envelopes),
		cmocka_unit_test(test_nul_is_dropped),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_in_reply_to_is_the_parent),
		cmocka_unit_test(test_attachments),
		cmocka_unit_test(test_any_split_is_the_same),
		cmocka_unit_test(test_any_split_of_the_corpus),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_grammar_of_the_corpus),
		cmocka_unit_test(test_many_parts),
		cmocka_unit_test(test_too_many_parts),
		cmocka_unit_test(test_many_headers),
		cmocka_unit_test(test_deep_nesting),
		cmocka_unit_test(test_many_boundaries),
		cmocka_unit_test(test_long_header),
		cmocka_unit_test(test_long_body),
		cmocka_unit_test(test_too_much_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
