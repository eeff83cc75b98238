/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a table may be anything; and a block with one wrong bit comes back
 * as it was. */
#include "base/onebit.h"
#include "store/table.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(const struct table_place *p, uint64_t size)
{
	return p->offset <= size && p->size <= size - p->offset;
}

static void check_footer(str input)
{
	struct table_footer footer;
	uint64_t size = (uint64_t)input.n * 1000;

	if (table_read_footer(str_take(input, TABLE_FOOTER), size, &footer) &&
		!(is_within(&footer.metaindex, size) &&
			is_within(&footer.index, footer.metaindex.offset)))
		abort();
}

static void check_places(str input)
{
	struct table_place place;
	size_t at = 0, before = 0;

	while (table_next_place(input, &at, &place)) {
		if (at <= before || at > input.n)
			abort();
		before = at;
	}
}

/* A block with its sum, one bit of it turned. */
static void check_bit(str key, uint64_t wrong, enum table_sum kind)
{
	struct buf block = BUF_UNBOUNDED;
	uint64_t bit;

	key = str_take(key, 200);
	if (table_make_filler(key, key.n + 60, kind, &block))
		abort();
	if (!table_has_sum(buf_str(&block), kind))
		abort();
	wrong %= 8 * (uint64_t)block.n;
	onebit_turn(block.p, wrong);
	if (table_has_sum(buf_str(&block), kind) ||
		!table_find_bit(block.p, block.n, kind, &bit) || bit != wrong)
		abort();
	buf_fini(&block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = str_of((const char *)data, size);

	check_footer(input);
	check_places(input);
	check_bit(input, size ? data[0] * 31u : 0, TABLE_CRC32C);
	check_bit(input, size ? data[0] * 31u : 0, TABLE_XXH3);
	return 0;
}
