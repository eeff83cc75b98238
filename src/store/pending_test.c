/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pending.h"
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>

#define MANY 1000

static void put(struct pending *p, const char *key, const char *value)
{
	pending_put(p, str_c(key), str_c(value));
}

/* "key=value " of each, "key- " of what is deleted. */
static void assert_range(struct pending *p, const char *from, const char *to,
	const char *expected)
{
	struct buf all = BUF_UNBOUNDED;
	uint32_t count;
	uint32_t *found = pending_range(p, str_c(from), str_c(to), &count);

	for (uint32_t i = 0; i < count; i++) {
		const struct pending_entry *e = pending_entry(p, found[i]);

		buf_add(&all, pending_key(p, e));
		buf_add_c(&all, e->deleted ? "-" : "=");
		buf_add(&all, pending_value(p, e));
		buf_add_c(&all, " ");
	}
	assert_str(buf_str(&all), expected);
	buf_fini(&all);
	free(found);
}

static void test_newest_counts(void **unused)
{
	struct pending p = {0};

	(void)unused;
	assert_null(pending_find(&p, STR("a")));
	assert_range(&p, "", "", "");
	put(&p, "b", "1");
	put(&p, "a", "2");
	put(&p, "ab", "");
	put(&p, "b", "3");
	pending_delete(&p, STR("c"));
	assert_str(pending_value(&p, pending_find(&p, STR("b"))), "3");
	assert_true(pending_find(&p, STR("c"))->deleted);
	assert_null(pending_find(&p, STR("")));
	assert_range(&p, "", "", "a=2 ab= b=3 c- ");
	assert_range(&p, "ab", "c", "ab= b=3 ");
	assert_range(&p, "d", "", "");
	assert_range(&p, "c", "a", "");
	/* What came since stands in its place. */
	put(&p, "aa", "4");
	put(&p, "c", "5");
	pending_delete(&p, STR("a"));
	assert_range(&p, "", "", "a- aa=4 ab= b=3 c=5 ");
	pending_fini(&p);
}

static void test_rollback(void **unused)
{
	struct pending p = {0};

	(void)unused;
	pending_savepoint(&p);
	put(&p, "x", "1");
	pending_rollback(&p);
	assert_null(pending_find(&p, STR("x")));
	put(&p, "a", "1");
	put(&p, "b", "1");
	pending_savepoint(&p);
	put(&p, "a", "2");
	pending_delete(&p, STR("a"));
	put(&p, "c", "2");
	assert_range(&p, "", "", "a- b=1 c=2 ");
	pending_rollback(&p);
	assert_range(&p, "", "", "a=1 b=1 ");
	assert_str(pending_value(&p, pending_find(&p, STR("a"))), "1");
	assert_null(pending_find(&p, STR("c")));
	put(&p, "c", "3");
	assert_range(&p, "", "", "a=1 b=1 c=3 ");
	pending_fini(&p);
}

/* Enough for the table of keys to grow several times, also within what is
 * undone. */
static void test_many(void **unused)
{
	struct pending p = {0};
	char key[16], value[16];
	uint32_t count;

	(void)unused;
	for (int i = 0; i < 2 * MANY; i++) {
		if (i == MANY / 2)
			pending_savepoint(&p);
		snprintf(key, sizeof key, "%04d", i * 7 % MANY);
		snprintf(value, sizeof value, "%d", i);
		put(&p, key, value);
	}
	for (int i = MANY; i < 2 * MANY; i++) {
		snprintf(key, sizeof key, "%04d", i * 7 % MANY);
		snprintf(value, sizeof value, "%d", i);
		assert_str(
			pending_value(&p, pending_find(&p, str_c(key))), value);
	}
	pending_rollback(&p);
	for (int i = 0; i < MANY; i++) {
		snprintf(key, sizeof key, "%04d", i * 7 % MANY);
		assert_int_equal(
			pending_find(&p, str_c(key)) != NULL, i < MANY / 2);
	}
	free(pending_range(&p, STR("0000"), STR("0000\x01"), &count));
	assert_int_equal(count, 1);
	free(pending_range(&p, str_of("", 0), str_of("", 0), &count));
	assert_int_equal(count, MANY / 2);
	pending_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newest_counts),
		cmocka_unit_test(test_rollback),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
