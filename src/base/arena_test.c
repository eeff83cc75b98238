/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/arena.h"

static void test_budget_is_remembered(void **unused)
{
	struct arena a;

	(void)unused;
	arena_init(&a, 1000);
	arena_alloc(&a, 500);
	assert_false(arena_spent(&a));
	memset(arena_alloc(&a, 600), 1, 600);
	assert_true(arena_spent(&a));
	arena_reset(&a);
	assert_false(arena_spent(&a));
	assert_int_equal(a.used, 0);
	arena_fini(&a);
}

static void test_rewind_gives_back_what_came_later(void **unused)
{
	struct arena a;
	struct arena_mark mark;
	str kept;

	(void)unused;
	arena_init(&a, SIZE_MAX);
	kept = arena_str(&a, STR("kept"));
	mark = arena_mark(&a);
	for (int i = 0; i < 100; i++) {
		arena_alloc(&a, 3000);
		arena_alloc(&a, 10000);
		arena_rewind(&a, mark);
	}
	assert_int_equal(a.used, mark.used);
	assert_str(kept, "kept");
	assert_str(arena_strf(&a, "%d-%s", 7, "x"), "7-x");
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budget_is_remembered),
		cmocka_unit_test(test_rewind_gives_back_what_came_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
