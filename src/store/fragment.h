/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fragment: what RocksDB's logs and manifests are made of: blocks of 32 KiB; in
 * them fragments of records: masked CRC-32C (masked.h) of what follows the
 * length, length:2, type:1, bytes. A block's last bytes, when they are too few
 * for a head, and room that was only reserved, are zero. Private to this
 * folder.
 */
#ifndef STORE_FRAGMENT_H
#define STORE_FRAGMENT_H

#include "base/buf.h"

#define FRAGMENT_BLOCK 32768
#define FRAGMENT_HEAD 7
/* In the head. */
#define FRAGMENT_LENGTH 4
#define FRAGMENT_TYPE 6 /* from here on it is within the sum */

enum fragment_type {
	FRAGMENT_WHOLE = 1,
	FRAGMENT_FIRST,
	FRAGMENT_MIDDLE,
	FRAGMENT_LAST,
};

static inline bool fragment_has_type(str s)
{
	return s.p[FRAGMENT_TYPE] >= FRAGMENT_WHOLE &&
	       s.p[FRAGMENT_TYPE] <= FRAGMENT_LAST;
}

/* What its head says, with the head; of FRAGMENT_HEAD bytes at least. */
size_t fragment_size_in_head(str);
/* Whether all of these bytes have the sum in their head. */
bool fragment_has_sum(str);
/* The size of the fragment that is here, with its head; 0: it is none. */
size_t fragment_size(str here);

/* How much here is none: what its head says, if another one follows there, else
 * all of it, the rest of the block. */
size_t fragment_wrong_size(str here);
/* Goes behind those that follow each other here; how many records they begin.
 */
size_t fragment_skip_whole(str *here);
/* Whether a record begins somewhere behind this place, of which all is whole up
 * to the end. What looks like one within another is not followed by the end. */
bool fragment_record_follows(str here);
/* No fragment begins in that. */
bool fragment_is_zero(str here);

void fragment_add(struct buf *, enum fragment_type, str bytes);

/* Calls for each block of the file, `at` from its beginning; the last one may
 * be shorter, none is empty. The bytes are the callee's to change. Returning
 * false is enough. */
typedef bool fragment_block_fn(void *arg, uint64_t at, char *block, size_t n);
MUST enum err fragment_read_blocks(int fd, fragment_block_fn *, void *arg);

#endif
