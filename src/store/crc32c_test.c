/* SPDX-License-Identifier: Apache-2.0 */
#include "store/crc32c.h"
#include "base/test.h"
#include "store/store.h"

#include <dlfcn.h>

#ifdef __x86_64__

static crc32c_extend_fn *look_up(void *where)
{
	crc32c_extend_fn *fn;

	*(void **)&fn = dlsym(where, CRC32C_SYMBOL);
	return fn;
}

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
		assert_int_equal(crc32c_extend(0, bytes, 32), rows[i].sum);
	}
}

/* What RocksDB calls is ours, and says what its own would. */
static void test_in_place_of_rocksdbs(void **unused)
{
	crc32c_extend_fn *theirs = look_up(RTLD_NEXT);
	char bytes[300];
	uint32_t sum = 7;

	(void)unused;
	assert_non_null(theirs);
	assert_true(theirs != crc32c_extend);
	assert_true(look_up(RTLD_DEFAULT) == crc32c_extend);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * i >> 3);
	for (size_t n = 0; n < sizeof bytes - 8; n++) {
		uint32_t next = theirs(sum, bytes + n % 8, n);

		assert_int_equal(crc32c_extend(sum, bytes + n % 8, n), next);
		sum = next;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_sums),
		cmocka_unit_test(test_in_place_of_rocksdbs),
	};
	struct store *s;

	/* So that RocksDB is linked. */
	if (store_open_rocksdb("/dev/null", &s) == OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
	return 77; /* skipped */
}

#endif
