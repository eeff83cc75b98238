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
