/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrongbit: the one wrong bit in what holds RocksDB's files together, bytes in,
 * bit out: the pure heart of correct_log.c and correct_blob.c. A bit's number
 * is that of base/onebit.h; false: there is none, or it is more than one, or
 * nobody knows which. Private to this folder.
 */
#ifndef STORE_WRONGBIT_H
#define STORE_WRONGBIT_H

#include "base/str.h"

/*
 * A log's or manifest's fragments. A bit may be wrong in the sum, the length,
 * the type or the bytes; with it turned there is a fragment that has its sum,
 * and with no other. What a power cut leaves is none: zeros, and a fragment
 * that goes on behind the end. One of which sectors were not written, so that
 * they are zero, is not sought in closely, lest it be taken for one by chance.
 * And lest it be taken for one because somebody made his mail so that it has
 * the same sum when it is cut, one that is not a record's last one goes on to
 * its block's end.
 */
struct wrongbit_walk {
	char *block; /* of FRAGMENT_BLOCK bytes, the last one shorter */
	size_t n, at;
	unsigned *tries; /* so many wrong fragments more are looked at */
};

/* The next one, which is turned in the block, too. */
bool wrongbit_in_fragments(struct wrongbit_walk *, uint64_t *bit_r);

/*
 * A blob file:
 *
 *	header  magic:4, version:4, column family:4, flags:1, compression:1,
 *	        times:8+8; all of that the same in all that we have written
 *	blobs   each with its sums
 *	footer  magic:4, blobs:8, times:8+8, masked CRC-32C of these:4; only of
 *	        a file that was finished
 */
#define BLOB_HEADER 30
#define BLOB_FOOTER 32
bool wrongbit_in_blob_header(const char *header, uint64_t *bit_r);
bool wrongbit_in_blob_footer(const char *footer, uint64_t *bit_r);

/* CURRENT: "MANIFEST-", six digits or more, a newline. */
#define CURRENT_MAX 40
/* What it names, NUL-terminated; false: it is no such thing. */
bool current_names(str current, char name_r[CURRENT_MAX]);
typedef bool wrongbit_is_there_fn(void *arg, const char *name);
/* Of the manifests that are there. One that names what is not there is left:
 * it may be the manifest that is lost, and RocksDB would, with an older one,
 * delete what it does not know of. At most CURRENT_MAX bytes, which stay as
 * they are. */
bool wrongbit_in_current(char *bytes, size_t n, wrongbit_is_there_fn *,
	void *arg, uint64_t *bit_r);

#endif
