/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table.h"
#include "base/alloc.h"
#include "base/cursor.h"

#include <stdlib.h>
#include <unistd.h>

/* Properties and what follows them are shorter. */
#define TAIL ((size_t)256 << 10)
/* A property's name, of which the first bytes are those of the one before. */
#define DATA_SIZE "data.size"
#define DATA_SIZE_N (sizeof DATA_SIZE - 1)

static void put_le(struct buf *b, uint64_t n, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		buf_add_byte(b, (char)(n >> (8 * i) & 0xff));
}

/* In three bytes, however small it is: the size is known before. */
static void put_varint3(struct buf *b, uint64_t n)
{
	buf_add_byte(b, (char)((n & 0x7f) | 0x80));
	buf_add_byte(b, (char)((n >> 7 & 0x7f) | 0x80));
	buf_add_byte(b, (char)(n >> 14 & 0x7f));
}

enum err table_make_filler(str key, uint64_t size, struct buf *block_r)
{
	uint64_t rest = 3 + key.n + 8 + 4 + 4;

	buf_reset(block_r);
	buf_add_byte(block_r, 0);
	buf_add_varint(block_r, key.n + 8);
	if (size < block_r->n + rest || size >> 21)
		return ERR_CORRUPT;
	put_varint3(block_r, size - block_r->n - rest);
	buf_add(block_r, key);
	put_le(block_r, 0, 8); /* sequence 0, a deletion */
	while (block_r->n < size - 8)
		buf_add_byte(block_r, 0);
	put_le(block_r, 0, 4);
	put_le(block_r, 1, 4);
	put_le(block_r, 0, TABLE_TRAILER);
	return OK;
}

void table_set_checksum(struct buf *block, uint32_t sum)
{
	buf_truncate(block, block->n - 4);
	put_le(block, sum, 4);
}

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
