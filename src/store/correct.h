/* SPDX-License-Identifier: Apache-2.0 */
/*
 * correct: one wrong bit in RocksDB's files is put right. All that it writes
 * has checksums, and they tell which bit it is (base/onebit.h); a bit of a
 * checksum shows as one, too. What has more than one wrong bit is left as it
 * is. docs/decisions/0024.
 *
 * A wrong bit in what holds the files together (a table's or blob file's frame,
 * the manifest, CURRENT) keeps RocksDB from opening the store, or that file,
 * at all; one in the log loses a write. These are corrected when the store is
 * opened, and frames when a file cannot be read. A block of a table is
 * corrected when somebody asks for it (store_correct), for all else is served
 * meanwhile.
 *
 * The bit is turned in the file, where it is, and synced. Private to this
 * folder.
 */
#ifndef STORE_CORRECT_H
#define STORE_CORRECT_H

#include "base/err.h"
#include "base/str.h"

struct correcting {
	const char *dir;
	bool dry; /* only counted and told */
	/* Each bit; file: its name in dir. May be NULL. */
	void (*said)(void *arg, const char *file, uint64_t bit);
	void *arg;
	unsigned corrected; /* so far */
};

/* Turns a bit of the file, makes that durable, counts, logs and tells it. For
 * those below. */
MUST enum err correct_bit(
	struct correcting *, int fd, const char *file, uint64_t bit);

/* For those below, too: the file, open as far as it has to be; -1 with errno.
 * And fn for each of RocksDB's files whose name ends so; one that fails is
 * logged, and its error returned in the end. */
int correct_open(const struct correcting *, const char *file);
typedef enum err correct_fn(struct correcting *, int fd, const char *file);
MUST enum err correct_each(
	struct correcting *, const char *ending, correct_fn *fn);

/* What keeps RocksDB from opening one of its files: correct_blobs, and
 * correct_tables. Also while the store is open. */
MUST enum err correct_frames(struct correcting *);

/* correct_log.c. CURRENT names the manifest: of those that are there. */
MUST enum err correct_current(struct correcting *);
/* Records of the manifest that CURRENT names, 8 MiB at most. To be called
 * before each opening, not only after one that failed: RocksDB takes a manifest
 * whose last block has a wrong length for one that ends there, opens the store
 * as it was before without a word, and deletes the tables and blob files that
 * were written since. ERR_CORRUPT: there is damage amid of it that cannot be
 * corrected, and it should not be opened, for the same reason. */
MUST enum err correct_manifests(struct correcting *);
/* Records of logs; not part of correct_frames. Also of one that seems to be cut
 * short (WAL_CUT): so does one with a wrong length in its last block. */
MUST enum err correct_logs(struct correcting *);

/* correct_blob.c. Headers and footers of blob files, two reads each. RocksDB
 * opens a store with a wrong one, and reads nothing of what is in that file. */
MUST enum err correct_blobs(struct correcting *);

/* correct.c. Of all tables what is needed to open them: footer, metaindex and
 * what that names, and the index's first block. */
MUST enum err correct_tables(struct correcting *);
/* A block of a table, of any kind: `size` bytes without its trailer. */
MUST enum err correct_block(
	struct correcting *, const char *file, uint64_t offset, uint64_t size);

/* What cannot be corrected is overwritten with a block of the same size that
 * holds nothing (table.h), so that it can be read; `key` sorts where it lies.
 * Nothing is done if it is whole by now, or the file gone. ERR_CORRUPT: it is
 * no block of data, or too small. */
MUST enum err correct_block_away(const char *dir, const char *file,
	uint64_t offset, uint64_t size, str key);

#endif
