/* SPDX-License-Identifier: Apache-2.0 */
#include "base/onebit.h"
#include "base/crc32c.h"
#include "base/test.h"

#define N 300

struct wanted {
	const char *bytes;
	uint32_t sum;
};

static uint32_t sum_of(const char *bytes)
{
	return crc32c(0, str_of(bytes, N));
}

static bool has_sum(void *arg)
{
	const struct wanted *w = arg;

	return sum_of(w->bytes) == w->sum;
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
	fill(bytes);
	fill(as_it_was);
	sum = sum_of(bytes);
	for (uint64_t bit = 0; bit < 8 * N; bit++) {
		uint64_t found = UINT64_MAX;

		onebit_turn(bytes, bit);
		assert_true(onebit_crc32c(N, sum_of(bytes) ^ sum, &found));
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
	w.sum = sum_of(bytes);
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
	w.sum = sum_of(bytes);
	for (uint64_t bit = 1; bit < 8 * N; bit += 97) {
		onebit_turn(bytes, 0);
		onebit_turn(bytes, bit);
		assert_false(onebit_crc32c(N, sum_of(bytes) ^ w.sum, &found));
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
