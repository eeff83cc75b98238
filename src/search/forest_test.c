/* SPDX-License-Identifier: Apache-2.0 */
#include "search/forest.h"
#include "base/alloc.h"
#include "base/test.h"

#include <stdlib.h>

static uint64_t state;

static size_t draw(size_t n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(state >> 33) % n;
}

static bool is_below(const struct forest_node *n, const struct forest_node *up)
{
	while (n && n != up)
		n = n->parent;
	return n;
}

/* Against a walk up the parents. */
static void test_links_and_cuts(void **unused)
{
	struct forest_node nodes[24];

	(void)unused;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		size_t n = 2 + (size_t)seed % (COUNT_OF(nodes) - 1);

		state = seed;
		memset(nodes, 0, sizeof nodes);
		for (int step = 0; step < 200; step++) {
			struct forest_node *a = &nodes[draw(n)],
					   *b = &nodes[draw(n)];
			bool loop = is_below(b, a);

			if (a->parent) {
				forest_cut(a);
				assert_null(a->parent);
			} else {
				assert_int_equal(forest_link(a, b), !loop);
				assert_ptr_equal(a->parent, loop ? NULL : b);
			}
		}
		for (size_t i = 0; i < n; i++) {
			uint32_t children = 0;

			for (size_t j = 0; j < n; j++)
				children += nodes[j].parent == &nodes[i];
			assert_int_equal(nodes[i].children, children);
		}
	}
}

/* A path that grows at its lower end by nodes that have a child: a walk up
 * would be 10^11 steps. */
static void test_long_paths(void **unused)
{
	enum { N = 400000 };
	struct forest_node *nodes = xcalloc(2 * N, sizeof *nodes);

	(void)unused;
	for (size_t i = 0; i < N; i++) {
		assert_true(forest_link(&nodes[N + i], &nodes[i]));
		if (i)
			assert_true(forest_link(&nodes[i], &nodes[i - 1]));
	}
	for (size_t i = 0; i < N; i++)
		assert_false(forest_link(&nodes[0], &nodes[N + i]));
	free(nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_and_cuts),
		cmocka_unit_test(test_long_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
