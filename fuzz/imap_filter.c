/* SPDX-License-Identifier: Apache-2.0 */
/* A filter's value that parses is printed; that parses too, and is printed the
 * same. The first byte says how deep it stands. */
#include "base/arena.h"
#include "message/search_tree.h"
#include "wire/imap/parse.h"

#include <stdio.h>
#include <stdlib.h>

#define BUDGET (64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool print(str text, unsigned depth, struct buf *out)
{
	struct search_node *where;
	struct arena arena;
	unsigned keys = 0;
	enum err e;

	arena_init(&arena, BUDGET);
	e = imap_parse_filter(&arena, text, depth, &keys, &where);
	if (keys > SEARCH_KEYS_MAX + 1)
		abort();
	if (!e)
		search_tree_print(out, where);
	arena_fini(&arena);
	return !e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = str_skip(str_of((const char *)data, size), 1);
	unsigned depth = size ? data[0] : 0;
	struct buf first = BUF_UNBOUNDED, second = BUF_UNBOUNDED;

	if (print(text, depth, &first) &&
		(!print(buf_str(&first), depth, &second) ||
			!str_eq(buf_str(&first), buf_str(&second)))) {
		fprintf(stderr, "first: %.*s\nsecond: %.*s\n",
			STR_ARG(buf_str(&first)), STR_ARG(buf_str(&second)));
		abort();
	}
	buf_fini(&first);
	buf_fini(&second);
	return 0;
}
