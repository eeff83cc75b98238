/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "session/counts.h"

#include <stdlib.h>

static void test_counts_up_and_down(void **unused)
{
	struct counts c = {0};

	(void)unused;
	assert_int_equal(counts_get(&c, 7), 0);
	counts_add(&c, 7);
	counts_add(&c, 7);
	counts_add(&c, 8);
	assert_int_equal(counts_get(&c, 7), 2);
	assert_int_equal(counts_get(&c, 8), 1);
	assert_int_equal(counts_get(&c, 9), 0);
	counts_remove(&c, 7);
	assert_int_equal(counts_get(&c, 7), 1);
	counts_remove(&c, 7);
	counts_remove(&c, 8);
	assert_int_equal(counts_get(&c, 7), 0);
	assert_int_equal(c.used, 0);
	counts_fini(&c);
}

/* Against an array, while it grows and empties. */
static void test_agrees_with_an_array(void **unused)
{
	enum { ACCOUNTS = 500 };
	unsigned expected[ACCOUNTS] = {0};
	struct counts c = {0};
	size_t used = 0;

	(void)unused;
	srandom(1);
	for (int i = 0; i < 50000; i++) {
		size_t account = (size_t)random() % ACCOUNTS;
		/* First mostly more, then mostly less. */
		bool more = random() % 4 < (i < 25000 ? 3 : 1);

		if (more) {
			used += expected[account]++ == 0;
			counts_add(&c, account);
		} else if (expected[account]) {
			used -= --expected[account] == 0;
			counts_remove(&c, account);
		}
		assert_int_equal(counts_get(&c, account), expected[account]);
	}
	for (size_t i = 0; i < ACCOUNTS; i++)
		assert_int_equal(counts_get(&c, i), expected[i]);
	assert_int_equal(c.used, used);
	counts_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_up_and_down),
		cmocka_unit_test(test_agrees_with_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
