/* SPDX-License-Identifier: Apache-2.0 */
#include "base/onebit.h"
#include "base/test.h"

#define N 300

/* As RFC 3720, appendix B.4, has it. */
static uint32_t crc32c(const char *p, size_t n)
{
	uint32_t c = UINT32_MAX;

	while (n--) {
		c ^= (unsigned char)*p++;
		for (int bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
	}
	return ~c;
}

struct wanted {
	const char *bytes;
	uint32_t sum;
};

static bool has_sum(void *arg)
{
	const struct wanted *w = arg;

	return crc32c(w->bytes, N) == w->sum;
}

static void fill(char *bytes)
{
	for (size_t i = 0; i < N; i++)
		bytes[i] = (char)(i * 37 ^ i >> 3);
}

static void test_every_bit(void **state)
{
	char bytes[N], as_it_was[N];
	uint32_t sum;

	(void)state;
	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
	fill(bytes);
	fill(as_it_was);
	sum = crc32c(bytes, N);
	for (uint64_t bit = 0; bit < 8 * N; bit++) {
		uint64_t found = UINT64_MAX;

		onebit_turn(bytes, bit);
		assert_true(onebit_crc32c(N, crc32c(bytes, N) ^ sum, &found));
		assert_int_equal(found, bit);
		onebit_turn(bytes, bit);
	}
	assert_memory_equal(bytes, as_it_was, N);
}

static void test_by_trying(void **state)
{
	char bytes[N], as_it_was[N];
	struct wanted w = {.bytes = bytes};

	(void)state;
	fill(bytes);
	w.sum = crc32c(bytes, N);
	for (uint64_t bit = 0; bit < 8 * N; bit += 311) {
		uint64_t found = UINT64_MAX;

		fill(as_it_was);
		onebit_turn(bytes, bit);
		onebit_turn(as_it_was, bit);
		assert_true(onebit_try(bytes, N, has_sum, &w, &found));
		assert_int_equal(found, bit);
		assert_memory_equal(bytes, as_it_was, N);
		onebit_turn(bytes, bit);
	}
}

/* Two bits are none. */
static void test_more_than_one(void **state)
{
	char bytes[N];
	struct wanted w = {.bytes = bytes};
	uint64_t found;

	(void)state;
	fill(bytes);
	w.sum = crc32c(bytes, N);
	for (uint64_t bit = 1; bit < 8 * N; bit += 97) {
		onebit_turn(bytes, 0);
		onebit_turn(bytes, bit);
		assert_false(
			onebit_crc32c(N, crc32c(bytes, N) ^ w.sum, &found));
		if (bit < 300)
			assert_false(onebit_try(bytes, N, has_sum, &w, &found));
		onebit_turn(bytes, 0);
		onebit_turn(bytes, bit);
	}
	assert_false(onebit_crc32c(0, 1, &found));
	assert_false(onebit_try(bytes, 0, has_sum, &w, &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_by_trying),
		cmocka_unit_test(test_more_than_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
