/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/test.h"
#include "message/charset.h"
#include "message/param.h"

static void print(struct buf *out, const struct param *p)
{
	for (; p; p = p->next)
		buf_addf(out, "[%.*s=%.*s]", STR_ARG(p->name),
			STR_ARG(p->value));
}

static void test_parse(void **unused)
{
	/* type|subtype, then the parameters as written */
	static const struct {
		const char *in, *expected, *why;
	} rows[] = {
		{"", "-|-", ""},
		{"text/plain", "text|plain", ""},
		{" TEXT / HTML ; CHARSET = utf-8 ", "TEXT|HTML[CHARSET=utf-8]",
			"blanks"},
		{"text/plain; charset=us-ascii (Plain text)",
			"text|plain[charset=us-ascii]", "RFC 2045 section 5.1"},
		{"text/plain; charset=\"us-ascii\"",
			"text|plain[charset=us-ascii]", "RFC 2045 section 5.1"},
		{"(c) text (c) / (c) plain (c) ; (c) a (c) = (c) b (c)",
			"text|plain[a=b]", "comments"},
		{"attachment; filename=\"a;b=c\"",
			"attachment|-[filename=a;b=c]", "disposition"},
		{"inline", "inline|-", ""},
		{"a/b; x=\"q\\\"u\\\\o\"", "a|b[x=q\"u\\o]", "quoted pairs"},
		{"a/b;\r\n\tx=1;\r\n\ty=\"1\r\n 2\"", "a|b[x=1][y=1 2]",
			"folded"},
		{"multipart/mixed; boundary=----=_Part_1/2",
			"multipart|mixed[boundary=----=_Part_1/2]",
			"should be quoted"},
		{"a/b; name=my file (1).pdf; x=1", "a|b[name=my file][x=1]",
			"blanks up to a comment"},
		{"a/b; filename=file(1).pdf", "a|b[filename=file(1).pdf]",
			"parentheses in a name"},
		{"a/b; filename=my file.pdf; x=1",
			"a|b[filename=my file.pdf][x=1]", "blanks in a name"},
		{"text/plain charset=utf-8 format=flowed",
			"text|plain[charset=utf-8][format=flowed]",
			"no semicolons"},
		{"text/plain; name=a charset=utf-8",
			"text|plain[name=a][charset=utf-8]",
			"nor after a name"},
		{"a/b;;; ;x=1;", "a|b[x=1]", "too many of them"},
		{"a/b; x=\"open; y=1", "a|b[x=open][y=1]",
			"quote that is not closed"},
		{"a/b; x; y=1", "a|b[y=1]", "bare attribute"},
		{"a/b; =1; y=2", "a|b[y=2]", "no attribute"},
		{"a/b; x=; y=2", "a|b[x=][y=2]", "no value"},
		{"a/b; x=\"\"", "a|b[x=]", "empty value"},
		{"text; x=1", "text|-[x=1]", "no subtype"},
		{"/plain; x=1", "-|-[x=1]", "no type"},
		{"text/; x=1", "text|-[x=1]", "subtype missing"},
		{"a/b; x=\xE9", "a|b[x=\xE9]", "raw byte"},
		{"a/b (open; x=1", "a|b", "comment that is not closed"},
		{"a/b, x=1, y=2", "a|b[x=1,][y=2]", "commas"},
	};
	struct arena arena;

	(void)unused;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct param_value v = param_parse(&arena, str_c(rows[i].in));
		struct buf out = BUF_UNBOUNDED;

		buf_add(&out, str_is_none(v.type) ? STR("-") : v.type);
		buf_add_byte(&out, '|');
		buf_add(&out, str_is_none(v.subtype) ? STR("-") : v.subtype);
		print(&out, v.params);
		assert_str(buf_str(&out), rows[i].expected);
		buf_fini(&out);
	}
	arena_fini(&arena);
}

static void test_rfc2231(void **unused)
{
	static const struct {
		const char *in, *name, *decoded, *joined, *why;
	} rows[] = {
		{"a/b; x=1", "x", "1", "[x=1]", ""},
		{"a/b; x=1", "y", NULL, "[x=1]", "absent"},
		{"message/external-body; access-type=URL;\r\n"
		 " URL*0=\"ftp://\";\r\n"
		 " URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
			"url",
			"ftp://cs.utk.edu/pub/moore/bulk-mailer/"
			"bulk-mailer.tar",
			"[access-type=URL][URL=ftp://cs.utk.edu/pub/moore/"
			"bulk-mailer/bulk-mailer.tar]",
			"section 3"},
		{"application/x-stuff;\r\n title*=us-ascii'en-us'This%20is%20"
		 "%2A%2A%2Afun%2A%2A%2A",
			"title", "This is ***fun***",
			"[title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A"
			"%2A]",
			"section 4"},
		{"application/x-stuff\r\n"
		 " title*0*=us-ascii'en'This%20is%20even%20more%20\r\n"
		 " title*1*=%2A%2A%2Afun%2A%2A%2A%20\r\n"
		 " title*2=\"isn't it!\"",
			"title", "This is even more ***fun*** isn't it!",
			"[title*=utf-8'en'This%20is%20even%20more%20%2A%2A%2A"
			"fun%2A%2A%2A%20isn%27t%20it!]",
			"section 4.1, which lacks its semicolons"},
		{"a/b; f*1=b; f*0=a; f*2=c", "f", "abc", "[f=abc]",
			"any order"},
		{"a/b; f*0=a; f*2=c", "f", "a", "[f=a][f*2=c]", "gap"},
		{"a/b; f*1=b", "f", NULL, "[f*1=b]", "no beginning"},
		{"a/b; f*0=a; f*0=x; f*1=b", "f", "ab", "[f=ab][f*0=x]",
			"one twice"},
		{"a/b; f*0*=iso-8859-1''%E9; f*1*=%E8", "f", "éè",
			"[f*=utf-8''%C3%A9%C3%A8]", "converted"},
		{"a/b; f*0*=utf-8''%E2%82; f*1*=%AC", "f", "€",
			"[f*=utf-8''%E2%82%AC]", "character in two pieces"},
		{"a/b; f*0*=no-such''%41; f*1*=%42", "f", "AB",
			"[f*0*=no-such''%41][f*1*=%42]", "unknown charset"},
		{"a/b; f*=''%41", "f", "A", "[f*=''%41]", "no charset"},
		{"a/b; f*=x%41", "f", "xA", "[f*=x%41]", "no quotes"},
		{"a/b; f*=utf-8''%4", "f", "%4", "[f*=utf-8''%4]", "cut off"},
		{"a/b; f=plain; f*=utf-8''e%CC%81", "f", "e\xCC\x81",
			"[f=plain][f*=utf-8''e%CC%81]", "wins over plain"},
		{"a/b; f=\"=?utf-8?Q?=C3=A9?=\"", "f", "é",
			"[f==?utf-8?Q?=C3=A9?=]", "encoded word"},
		{"a/b; f=caf\xE9", "f", "café", "[f=caf\xE9]", "raw byte"},
		{"a/b; f*0*=x'y; f*1=z", "f", "x'yz", "[f*=utf-8''x%27yz]",
			"one quote"},
		{"a/b; f*99999999999999999999=x", "f", NULL,
			"[f*99999999999999999999=x]", "number"},
		{"a/b; *=x; **=y; *0=z", "", NULL, "[*=x][**=y][*0=z]",
			"no name"},
	};
	struct arena arena;

	(void)unused;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct param_value v = param_parse(&arena, str_c(rows[i].in));
		str decoded = param_get_decoded(&arena, v.params, rows[i].name);
		struct buf out = BUF_UNBOUNDED;

		if (!rows[i].decoded && !str_is_none(decoded))
			fail_msg("%s: %s", rows[i].in, rows[i].why);
		if (rows[i].decoded)
			assert_str(decoded, rows[i].decoded);
		print(&out, param_joined(&arena, v.params));
		assert_str(buf_str(&out), rows[i].joined);
		buf_fini(&out);
	}
	arena_fini(&arena);
	charset_cache_clear();
}

static void test_bounds(void **unused)
{
	struct arena arena;
	struct buf in = BUF_UNBOUNDED;
	size_t count = 0;

	(void)unused;
	arena_init(&arena, 1 << 20);
	buf_add_c(&in, "a/b");
	for (int i = 0; i < 5000; i++)
		buf_addf(&in, ";f*%d=x", i % 300);
	struct param_value v = param_parse(&arena, buf_str(&in));
	for (struct param *p = v.params; p; p = p->next)
		count++;
	assert_int_equal(count, PARAM_MAX);
	assert_int_equal(param_get_decoded(&arena, v.params, "f").n, PARAM_MAX);
	buf_fini(&in);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_rfc2231),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
