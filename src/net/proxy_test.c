/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/buf.h"
#include "net/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc0\0\2\1\xc6\x33\x64\2\xd4\x31\0\x8f" /* 12 bytes */
#define V6                                                                     \
	"\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"                                \
	"\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\2"                                \
	"\xd4\x31\0\x8f"
/* CRC-32C, whose check value is e3069283, by another program. */
#define CHECKSUM "\xab\x8e\xca\x7a"
#define MAPPED                                                                 \
	"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1"                               \
	"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\2"                           \
	"\xd4\x31\0\x8f"

static const struct {
	str bytes;
	enum err err;
	const char *remote, *local; /* "": the socket's own */
	const char *why;
} rows[] = {
	{STR_LIT(SIGNATURE "\x21\x11\0\x0c" V4), OK, "192.0.2.1:54321",
		"198.51.100.2:143", "TCP over IPv4"},
	{STR_LIT(SIGNATURE "\x21\x21\0\x24" V6), OK, "[2001:db8::1]:54321",
		"[2001:db8::2]:143", "TCP over IPv6"},
	{STR_LIT(SIGNATURE "\x21\x21\0\x24" MAPPED), OK, "192.0.2.1:54321",
		"198.51.100.2:143", "IPv4 in IPv6"},
	{STR_LIT(SIGNATURE "\x20\0\0\0"), OK, "", "", "LOCAL"},
	{STR_LIT(SIGNATURE "\x20\xff\0\3abc"), OK, "", "",
		"LOCAL: all is discarded, \"including the family\""},
	{STR_LIT(SIGNATURE "\x20\x11\0\x0c" V4), OK, "", "",
		"LOCAL: addresses too"},
	{STR_LIT(SIGNATURE "\x21\0\0\0"), OK, "", "", "UNSPEC"},
	{STR_LIT(SIGNATURE "\x21\0\0\5\4\0\2xx"), OK, "", "",
		"UNSPEC with more"},
	{STR_LIT(SIGNATURE "\x21\x10\0\x0c" V4), OK, "", "",
		"transport UNSPEC"},
	{STR_LIT(SIGNATURE "\x21\x11\0\x11" V4 "\4\0\2xx"), OK,
		"192.0.2.1:54321", "198.51.100.2:143", "a NOOP"},
	{STR_LIT(SIGNATURE "\x21\x11\0\x0f" V4 "\xee\0\0"), OK,
		"192.0.2.1:54321", "198.51.100.2:143", "an unknown TLV"},
	{STR_LIT(SIGNATURE "\x21\x11\0\x14" V4 "\x20\0\5\1\0\0\0\0"), OK,
		"192.0.2.1:54321", "198.51.100.2:143",
		"PP2_TYPE_SSL: who trusts it asks TLS"},
	{STR_LIT(SIGNATURE "\x21\x11\0\x0b" V4), ERR_INVALID, NULL, NULL,
		"too short for IPv4"},
	{STR_LIT(SIGNATURE "\x21\x21\0\x0c" V4), ERR_INVALID, NULL, NULL,
		"too short for IPv6"},
	{STR_LIT(SIGNATURE "\x21\x31\0\x0c" V4), ERR_INVALID, NULL, NULL,
		"too short for UNIX"},
	{STR_LIT(SIGNATURE "\x21\x11\0\x0e" V4 "\4\0"), ERR_INVALID, NULL, NULL,
		"half a TLV"},
	{STR_LIT(SIGNATURE "\x21\x11\0\x10" V4 "\4\0\2x"), ERR_INVALID, NULL,
		NULL, "a TLV longer than the header"},
	{STR_LIT(SIGNATURE "\x21\x12\0\x0c" V4), ERR_INVALID, NULL, NULL,
		"UDP"},
	{STR_LIT(SIGNATURE "\x21\x41\0\x0c" V4), ERR_INVALID, NULL, NULL,
		"unknown family"},
	{STR_LIT(SIGNATURE "\x21\x13\0\x0c" V4), ERR_INVALID, NULL, NULL,
		"unknown transport"},
	{STR_LIT(SIGNATURE "\x22\x11\0\x0c" V4), ERR_INVALID, NULL, NULL,
		"unknown command"},
	{STR_LIT(SIGNATURE "\x11\x11\0\x0c" V4), ERR_UNSUPPORTED, NULL, NULL,
		"version 1 in binary"},
	{STR_LIT("PROXY TCP4 192.0.2.1 198.51.100.2 54321 143\r\n"),
		ERR_UNSUPPORTED, NULL, NULL, "version 1"},
	{STR_LIT("a LOGIN anna secret\r\n"), ERR_INVALID, NULL, NULL,
		"a client by itself"},
	{STR_LIT("\x16\3\1\0\xa5\1\0\0\xa1\3\3"), ERR_INVALID, NULL, NULL,
		"TLS"},
	{STR_LIT("\r\n\r\n\0\r\nQUIT\r"), ERR_INVALID, NULL, NULL,
		"the signature's last byte"},
	{STR_LIT(SIGNATURE "\x21\x11\x40\0"), ERR_TOOBIG, NULL, NULL,
		"longer than we take"},
	{STR_LIT(SIGNATURE "\x20\0\xff\xff"), ERR_TOOBIG, NULL, NULL,
		"as long as can be, LOCAL too"},
};

static void check(size_t i, const struct proxy_header *h)
{
	char room[ENDPOINT_TEXT_MAX];

	assert_int_equal(h->told, *rows[i].remote != 0);
	if (!h->told)
		return;
	assert_str(endpoint_print(&h->remote, room), rows[i].remote);
	assert_str(endpoint_print(&h->local, room), rows[i].local);
}

/* Every beginning asks for more, or says no for good; with bytes of the client
 * behind it, it comes to the same. */
static void test_rows(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf more = BUF_UNBOUNDED;
		struct proxy_header h;
		const char *why;
		enum err err = ERR_AGAIN;
		size_t n = 0, have = 0;

		while (err == ERR_AGAIN && have <= rows[i].bytes.n) {
			err = proxy_parse(
				str_take(rows[i].bytes, have), &h, &n, &why);
			if (err == ERR_AGAIN)
				assert_true(n > have);
			have++;
		}
		if (err != rows[i].err)
			fail_msg("%s: %s (%s)", rows[i].why, err_words(err),
				why);
		assert_int_equal(*why == 0, err == OK);
		if (!err) {
			assert_int_equal(n, rows[i].bytes.n);
			check(i, &h);
		}
		buf_add(&more, rows[i].bytes);
		buf_add_c(&more, "a NOOP\r\n");
		assert_int_equal(
			proxy_parse(buf_str(&more), &h, &n, &why), rows[i].err);
		if (!err)
			assert_int_equal(n, rows[i].bytes.n);
		buf_fini(&more);
	}
}

static void test_unix(void **unused)
{
	char bytes[16 + 216] = SIGNATURE "\x21\x31\0\xd8/run/client";
	struct proxy_header h;
	const char *why;
	size_t n;

	(void)unused;
	assert_ok(proxy_parse(str_of(bytes, sizeof bytes), &h, &n, &why));
	assert_int_equal(n, sizeof bytes);
	assert_false(h.told);
}

/* Any bit that is wrong is noticed. */
static void test_checksum(void **unused)
{
	static const char good[] =
		SIGNATURE "\x21\x11\0\x13" V4 "\3\0\4" CHECKSUM;
	char bytes[sizeof good - 1 + 7];
	struct proxy_header h;
	const char *why;
	size_t n;

	(void)unused;
	assert_ok(proxy_parse(str_of(good, sizeof good - 1), &h, &n, &why));
	for (size_t i = 16; i < sizeof good - 1; i++) {
		memcpy(bytes, good, sizeof good - 1);
		bytes[i] ^= 1;
		/* Type and length of the TLV itself. */
		if (i >= 28 && i < 31)
			continue;
		assert_int_equal(proxy_parse(str_of(bytes, sizeof good - 1), &h,
					 &n, &why),
			ERR_CORRUPT);
	}
	/* Twice: not even when both are right. */
	memcpy(bytes, good, sizeof good - 1);
	memcpy(bytes + sizeof good - 1, good + 28, 7);
	bytes[15] = 0x1a;
	assert_true(proxy_parse(str_of(bytes, sizeof bytes), &h, &n, &why));
	bytes[15] = 0x12;
	bytes[30] = 3;
	assert_int_equal(
		proxy_parse(str_of(bytes, sizeof good - 1), &h, &n, &why),
		ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
