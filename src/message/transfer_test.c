/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "message/transfer.h"

#define B TRANSFER_BASE64
#define Q TRANSFER_QP
#define U TRANSFER_UUENCODE

static const struct {
	enum transfer kind;
	const char *in, *expected;
	uint64_t damage;
	const char *why;
} rows[] = {
	{TRANSFER_IDENTITY, "a=3D\r\n", "a=3D\r\n", 0, "as it is"},
	{B, "", "", 0, ""},
	{B, "Zg==", "f", 0, "RFC 4648 section 10"},
	{B, "Zm8=", "fo", 0, ""},
	{B, "Zm9v", "foo", 0, ""},
	{B, "Zm9vYg==", "foob", 0, ""},
	{B, "Zm9vYmFy\r\n", "foobar", 0, "line end"},
	{B, "Zm\r\n 9v\tYg\n==", "foob", 0, "blanks anywhere"},
	{B, "Zg=", "f", 1, "one = missing"},
	{B, "Zg", "f", 1, "no padding"},
	{B, "Zm9vZ", "foo", 1, "a digit too many"},
	{B, "Z!m9*v", "foo", 2, "other bytes"},
	{B, "Zg==Zg==", "ff", 0, "one after another"},
	{B, "Zm9v====", "foo", 4, "too much padding"},
	{B, "=", "", 1, "padding alone"},
	{B, "Zm9v\r\n-- \r\nfooter", "foo\x7E\x8A\x2D\x7A", 3,
		"text after it is digits, too"},
	{Q, "a=3Db", "a=b", 0, ""},
	{Q, "=e2=82=AC", "€", 0, "small letters, too"},
	{Q, "soft=\r\nbreak", "softbreak", 0, ""},
	{Q, "soft=\nbreak", "softbreak", 0, "bare LF"},
	{Q, "soft=\rbreak", "softbreak", 0, "bare CR"},
	{Q, "soft= \t\r\nbreak", "softbreak", 0, "blanks after ="},
	{Q, "blanks \t \r\nb \n", "blanks\r\nb\n", 0, "blanks at line ends go"},
	{Q, "a b\tc", "a b\tc", 0, "blanks elsewhere stay"},
	{Q, "a=20\r\n", "a \r\n", 0, "an encoded one stays"},
	{Q, "end  ", "end", 0, "at the end, too"},
	{Q, "end=", "end", 0, "soft break at the end"},
	{Q, "x=3", "x=3", 1, "cut off"},
	{Q, "x=zz y==3D", "x=zz y==", 2, "not hex"},
	{Q, "x=3z", "x=3z", 1, "half hex"},
	{Q, "= x", "= x", 1, "= and blanks in a line"},
	{Q, "a\r\n\r\n=\r\n=\r\nb", "a\r\n\r\nb", 0, "two soft breaks"},
	{Q, "=3D=3D=\r\n=3D", "===", 0, ""},
	{U, "begin 644 cat.txt\n#0V%T\n`\nend\n", "Cat", 0, ""},
	{U, "text\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nmore\r\n", "Cat",
		0, "text around it"},
	{U, "begin 644 x\n#0V%T\n", "Cat", 1, "no end"},
	{U, "begin 644 x\nM0V%T\nend\n", "Cat", 1, "says more than it has"},
	{U, "no begin\n#0V%T\n", "", 1, "nothing"},
};

static void decode(enum transfer kind, str in, size_t piece, struct buf *out,
	uint64_t *damage_r)
{
	struct transfer_decoder d;

	transfer_decoder_init(&d, kind);
	for (size_t at = 0; at < in.n; at += piece)
		transfer_decoder_feed(
			&d, str_take(str_skip(in, at), piece), out);
	transfer_decoder_finish(&d, out);
	*damage_r = d.damage;
}

static void test_decoders(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str in = str_c(rows[i].in);

		for (size_t piece = 1; piece <= in.n; piece++) {
			struct buf out = BUF_UNBOUNDED;
			uint64_t damage;

			decode(rows[i].kind, in, piece, &out, &damage);
			assert_str(buf_str(&out), rows[i].expected);
			if (damage != rows[i].damage)
				fail_msg("%s: damage %d", rows[i].in,
					(int)damage);
			buf_fini(&out);
		}
	}
}

/* A run of blanks longer than what is held back comes out the same for any
 * split. */
static void test_long_blanks(void **unused)
{
	struct buf in = BUF_UNBOUNDED, whole = BUF_UNBOUNDED,
		   pieces = BUF_UNBOUNDED;
	uint64_t damage;

	(void)unused;
	for (int i = 0; i < 1000; i++)
		buf_add_byte(&in, i == 500 ? 'x' : ' ');
	decode(TRANSFER_QP, buf_str(&in), in.n, &whole, &damage);
	decode(TRANSFER_QP, buf_str(&in), 7, &pieces, &damage);
	assert_true(str_eq(buf_str(&whole), buf_str(&pieces)));
	assert_true(whole.n > 500);
	buf_fini(&in);
	buf_fini(&whole);
	buf_fini(&pieces);
}

static void test_bound(void **unused)
{
	struct transfer_decoder d;
	struct buf out;

	(void)unused;
	buf_init(&out, 100);
	transfer_decoder_init(&d, TRANSFER_BASE64);
	transfer_decoder_feed(&d, STR("Zm9v"), &out);
	assert_int_equal(buf_err(&out), ERR_TOOBIG);
	transfer_decoder_finish(&d, &out);
	assert_int_equal(out.n, 0);
	buf_fini(&out);
}

static void test_names(void **unused)
{
	static const struct {
		const char *in;
		enum err expected;
		enum transfer kind;
	} names[] = {
		{"", OK, TRANSFER_IDENTITY},
		{"7bit", OK, TRANSFER_IDENTITY},
		{" 8BIT\r\n", OK, TRANSFER_IDENTITY},
		{"binary", OK, TRANSFER_IDENTITY},
		{"Base64", OK, TRANSFER_BASE64},
		{"(a (b) \\) ) base64 (c)", OK, TRANSFER_BASE64},
		{"\"base64\"", OK, TRANSFER_BASE64},
		{"base64;", OK, TRANSFER_BASE64},
		{"Quoted-Printable", OK, TRANSFER_QP},
		{"x-uuencode", OK, TRANSFER_UUENCODE},
		{"8-bit", OK, TRANSFER_IDENTITY},
		{"x-unknown", ERR_CTE, TRANSFER_IDENTITY},
		{"base 64", ERR_CTE, TRANSFER_IDENTITY},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		enum transfer kind;

		if (transfer_parse(str_c(names[i].in), &kind) !=
				names[i].expected ||
			kind != names[i].kind)
			fail_msg("%s", names[i].in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decoders),
		cmocka_unit_test(test_long_blanks),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
