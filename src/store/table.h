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
 *
 * Numbers are little-endian. Format version 5 of block-based tables, as
 * RocksDB 5 to 9 read and write it.
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include "base/buf.h"

#define TABLE_TRAILER 5

/* The block and its trailer, without a checksum. ERR_CORRUPT: it is too small
 * for that. */
MUST enum err table_make_filler(str key, uint64_t size, struct buf *block_r);
void table_set_checksum(struct buf *block, uint32_t sum);

/* Where the data of this file ends; 0: it does not say. */
uint64_t table_data_end(int fd);

#endif
