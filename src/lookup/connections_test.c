/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "lookup/connections.h"

#include <stdatomic.h>
#include <stdlib.h>

static _Atomic int opened, closed;

static void close_one(void *connection)
{
	closed++;
	free(connection);
}

static void the_last_one_comes_first(void **state)
{
	struct connections c;
	char *a = xstrdup("a"), *b = xstrdup("b"), *third = xstrdup("c");

	(void)state;
	closed = 0;
	connections_init(&c, 2, close_one);
	assert_null(connections_take(&c));
	connections_put(&c, a);
	connections_put(&c, b);
	connections_put(&c, third); /* one too many */
	assert_int_equal(closed, 1);
	assert_ptr_equal(connections_take(&c), b);
	assert_ptr_equal(connections_take(&c), a);
	assert_null(connections_take(&c));
	connections_put(&c, a);
	connections_put(&c, b);
	connections_fini(&c);
	assert_int_equal(closed, 3);
}

static void after_a_failure_nobody_tries(void **state)
{
	struct connections c;

	(void)state;
	connections_init(&c, 2, close_one);
	assert_false(connections_are_resting(&c));
	connections_rest(&c);
	assert_true(connections_are_resting(&c));
	connections_fini(&c);
}

static void *use_often(void *arg)
{
	for (int i = 0; i < 500; i++) {
		int *mine = connections_take(arg);

		if (!mine) {
			mine = xcalloc(1, sizeof *mine);
			opened++;
		}
		++*mine; /* of this thread alone: TSan would tell */
		connections_put(arg, mine);
	}
	return NULL;
}

static void each_is_one_threads(void **state)
{
	struct connections c;
	pthread_t threads[6];

	(void)state;
	opened = closed = 0;
	connections_init(&c, 3, close_one);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, use_often, &c), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	connections_fini(&c);
	assert_int_equal(opened, closed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_one_comes_first),
		cmocka_unit_test(after_a_failure_nobody_tries),
		cmocka_unit_test(each_is_one_threads),
	};

	return cmocka_run_group_tests_name("connections", tests, NULL, NULL);
}
