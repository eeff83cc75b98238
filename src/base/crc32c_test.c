/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.c"
#include "base/test.h"

/* RFC 3720 appendix B.4. */
static void test_known_sums(void **unused)
{
	static const struct {
		unsigned char first;
		int step;
		uint32_t sum;
		const char *why;
	} rows[] = {
		{0, 0, 0x8a9136aa, "32 bytes of zeroes"},
		{0xff, 0, 0x62a8ab43, "32 bytes of ones"},
		{0, 1, 0x46dd794e, "32 bytes of incrementing 00..1f"},
		{0x1f, -1, 0x113fdb5c, "32 bytes of decrementing 1f..00"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char bytes[32];

		print_message("# %s\n", rows[i].why);
		for (int k = 0; k < 32; k++)
			bytes[k] = (char)(rows[i].first + k * rows[i].step);
		assert_int_equal(crc32c(0, str_of(bytes, 32)), rows[i].sum);
	}
	assert_int_equal(crc32c(0, STR("")), 0);
	assert_int_equal(crc32c(0, STR("123456789")), 0xe3069283);
}

/* In one piece or two, and either way. */
static void test_pieces(void **unused)
{
	char bytes[200];

	(void)unused;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * i >> 3);
	for (size_t from = 0; from < 9; from++)
		for (size_t n = 0; from + n <= sizeof bytes; n++) {
			str all = str_of(bytes + from, n);
			uint32_t sum = crc32c(0, all);

			assert_int_equal(sum, ~by_table(UINT32_MAX, all));
			assert_int_equal(
				sum, crc32c(crc32c(0, str_take(all, n / 3)),
					     str_skip(all, n / 3)));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_sums),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
