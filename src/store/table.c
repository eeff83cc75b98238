/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table.h"
#include "base/alloc.h"
#include "base/cursor.h"
#include "base/onebit.h"
#include "store/masked.h"

#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

/* Properties and what follows them are shorter. */
#define TAIL ((size_t)256 << 10)
/* A property's name, of which the first bytes are those of the one before. */
#define DATA_SIZE "data.size"
#define DATA_SIZE_N (sizeof DATA_SIZE - 1)
/* A sum for each of 8n bits: seconds. */
#define TRY_MAX ((size_t)128 << 10)
#define SUM_SIZE 4
#define TYPE_FACTOR 0x6b9083d9u
#define PLACES_END 41
#define VERSION 5
#define MAGIC 0x88e241b785f4cff7

/* The property's value, if it is here that it is named: before the name stand
 * how much of it is shared, and not, and the value's size. */
static uint64_t data_size_at(const char *p, size_t n)
{
	struct cursor c = cursor_of(str_of(p + DATA_SIZE_N, n - DATA_SIZE_N));
	uint64_t size;

	if (memcmp(p, DATA_SIZE, DATA_SIZE_N) != 0 || p[-2] != DATA_SIZE_N)
		return 0;
	size = cursor_varint(&c);
	return cursor_ok(&c) ? size : 0;
}

uint64_t table_data_end(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	size_t n = size > (off_t)TAIL ? TAIL : (size_t)(size > 0 ? size : 0);
	char *tail = xmalloc(n + 1);
	uint64_t found = 0;

	if (pread(fd, tail, n, size - (off_t)n) != (ssize_t)n)
		n = 0;
	for (size_t i = 3; !found && i + DATA_SIZE_N < n; i++)
		found = data_size_at(tail + i, n - i);
	free(tail);
	return found <= (uint64_t)size ? found : 0;
}

/* Checksums. */

/* Of a block and its type, as the trailer has it. */
static uint32_t sum_of(str block_and_type, enum table_sum kind)
{
	size_t n = block_and_type.n - 1;

	if (kind == TABLE_CRC32C)
		return masked_crc32c(block_and_type);
	return (uint32_t)XXH3_64bits(block_and_type.p, n) ^
	       (unsigned char)block_and_type.p[n] * TYPE_FACTOR;
}

bool table_has_sum(str s, enum table_sum kind)
{
	size_t n = s.n - SUM_SIZE;

	return s.n >= TABLE_TRAILER &&
	       sum_of(str_take(s, n), kind) == le_get(s.p + n, SUM_SIZE);
}

struct trying {
	str block_and_trailer;
	enum table_sum kind;
};

static bool is_right(void *arg)
{
	const struct trying *t = arg;

	return table_has_sum(t->block_and_trailer, t->kind);
}

bool table_find_bit(
	char *bytes, size_t size, enum table_sum kind, uint64_t *bit_r)
{
	struct trying t = {str_of(bytes, size), kind};
	size_t n = size - SUM_SIZE;
	uint32_t stored;

	if (size < TABLE_TRAILER || size > TRY_MAX || is_right(&t))
		return false;
	stored = (uint32_t)le_get(bytes + n, SUM_SIZE);
	if (kind == TABLE_CRC32C)
		return masked_wrong_bit(str_of(bytes, n), stored, bit_r);
	if (onebit_in_sum(stored ^ sum_of(str_of(bytes, n), kind), bit_r)) {
		*bit_r += 8 * n;
		return true;
	}
	return onebit_try(bytes, n, is_right, &t, bit_r);
}

/* A block of ours. */

static void add_le(struct buf *b, uint64_t n, size_t bytes)
{
	le_put(buf_reserve(b, bytes), bytes, n);
	buf_added(b, bytes);
}

/* In three bytes, however small it is: the size is known before. */
static void put_varint3(struct buf *b, uint64_t n)
{
	buf_add_byte(b, (char)((n & 0x7f) | 0x80));
	buf_add_byte(b, (char)((n >> 7 & 0x7f) | 0x80));
	buf_add_byte(b, (char)(n >> 14 & 0x7f));
}

enum err table_make_filler(
	str key, uint64_t size, enum table_sum kind, struct buf *block_r)
{
	uint64_t rest = 3 + key.n + 8 + 4 + 4;

	buf_reset(block_r);
	buf_add_byte(block_r, 0);
	buf_add_varint(block_r, key.n + 8);
	if (size < block_r->n + rest || size >> 21)
		return ERR_CORRUPT;
	put_varint3(block_r, size - block_r->n - rest);
	buf_add(block_r, key);
	add_le(block_r, 0, 8); /* sequence 0, a deletion */
	while (block_r->n < size - 8)
		buf_add_byte(block_r, 0);
	add_le(block_r, 0, 4);
	add_le(block_r, 1, 4);
	buf_add_byte(block_r, 0);
	add_le(block_r, sum_of(buf_str(block_r), kind), SUM_SIZE);
	return OK;
}

/* The footer, and what it leads to. */

static struct table_place read_place(struct cursor *c)
{
	uint64_t offset = cursor_varint(c), size = cursor_varint(c);

	return (struct table_place){offset, size};
}

static bool ends_by(const struct table_place *p, uint64_t end)
{
	return end >= TABLE_TRAILER && p->size <= end - TABLE_TRAILER &&
	       p->offset <= end - TABLE_TRAILER - p->size;
}

bool table_read_footer(
	str bytes, uint64_t file_size, struct table_footer *footer_r)
{
	struct cursor c =
		cursor_of(str_take(str_skip(bytes, 1), PLACES_END - 1));
	struct table_footer *f = footer_r;

	if (bytes.n != TABLE_FOOTER || file_size < TABLE_FOOTER ||
		le_get(bytes.p + PLACES_END, 4) != VERSION ||
		le_get(bytes.p + PLACES_END + 4, 8) != MAGIC)
		return false;
	f->sum = (enum table_sum)bytes.p[0];
	f->metaindex = read_place(&c);
	f->index = read_place(&c);
	for (str rest = cursor_rest(&c); rest.n; rest = str_skip(rest, 1))
		if (*rest.p)
			return false;
	return cursor_ok(&c) &&
	       (f->sum == TABLE_CRC32C || f->sum == TABLE_XXH3) &&
	       ends_by(&f->metaindex, file_size - TABLE_FOOTER) &&
	       ends_by(&f->index, f->metaindex.offset);
}

/* An entry: how much of its key is shared with the one before, and is not; the
 * value's size; what is not shared; the value. Behind them the restarts'
 * offsets, and how many these are. */
bool table_next_place(str metaindex, size_t *at, struct table_place *place_r)
{
	uint64_t restarts =
		metaindex.n < 4
			? 0
			: le_get(metaindex.p + metaindex.n - 4, 4) * 4 + 4;
	struct cursor c, value;
	uint64_t own, size;

	if (restarts == 0 || restarts > metaindex.n ||
		*at >= metaindex.n - restarts)
		return false;
	metaindex = str_take(metaindex, metaindex.n - (size_t)restarts);
	c = cursor_of(str_skip(metaindex, *at));
	(void)cursor_varint(&c);
	own = cursor_varint(&c);
	size = cursor_varint(&c);
	(void)cursor_take(&c, (size_t)own);
	value = cursor_of(cursor_take(&c, (size_t)size));
	*place_r = read_place(&value);
	*at += cursor_pos(&c);
	return cursor_ok(&c) && cursor_ok(&value);
}
