/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table: what has to be known of RocksDB's tables to mend one. RocksDB cannot
 * let go of a block that it cannot read: compaction stops at it, for ever. So
 * the block is overwritten, where it is, with one of the same size that has a
 * single entry: the deletion of a key that sorts where the block lies. Only
 * blocks of data, which stand first in the file: in front of indexes, filters
 * and properties.
 *
 *	block    varint shared: 0; varint size of the key; varint size of the
 *	         value; key: the user's, and sequence << 8 | type:8; value;
 *	         offset of each restart:4, here one, 0; how many these are:4
 *	trailer  compression: 0 (none); checksum:4
 * The file: blocks of data; of filters and indexes; of properties; the
 * metaindex, whose values are where these are; the footer, which says where
 * the metaindex and the index's first block are.
 *
 *	footer   kind of the checksums:1; offset and size of the metaindex, and
 *	         of the index, varints, and zeros up to byte 41; version:4, 5;
 *	         magic:8
 *
 * Numbers are little-endian. Format version 5 of block-based tables, as
 * RocksDB 5 to 9 read and write it.
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include "base/buf.h"

#define TABLE_TRAILER 5

/* Where the data of this file ends; 0: it does not say. */
uint64_t table_data_end(int fd);

/* Checksums: of a block and its compression's byte. */
enum table_sum { TABLE_CRC32C = 1, TABLE_XXH3 = 4 };
bool table_has_sum(str block_and_trailer, enum table_sum);
/* The block that takes a damaged one's place, and its trailer. ERR_CORRUPT: it
 * is too small for that. */
MUST enum err table_make_filler(
	str key, uint64_t size, enum table_sum, struct buf *block_r);
/* One bit of it (base/onebit.h) that, turned, makes the sum right; false: there
 * is none, or it would take too long to find. The bytes stay as they are. */
bool table_find_bit(
	char *block_and_trailer, size_t n, enum table_sum, uint64_t *bit_r);

#define TABLE_FOOTER 53

struct table_place {
	uint64_t offset, size; /* without the trailer */
};

struct table_footer {
	enum table_sum sum;
	struct table_place metaindex, index;
};

/* Of a file of so many bytes. False: it is no footer of such a file; what is
 * at these places was not looked at, and is within the file. */
bool table_read_footer(
	str bytes, uint64_t file_size, struct table_footer *footer_r);

/* The next place that the metaindex names, from *at on, 0 at first; false:
 * there is no other. */
bool table_next_place(str metaindex, size_t *at, struct table_place *place_r);

#endif
