/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wal: looks at RocksDB's log before RocksDB does, and tells two things apart
 * that RocksDB takes for the same: the end of what a power cut let be written
 * (nothing of that was acknowledged, and what follows must not be believed),
 * and damage amid what was acknowledged (what follows must not be thrown away).
 *
 * RocksDB appends one record for a group of writers whose first one asked for a
 * sync, or did not; the next record is not begun before that sync came back. So
 * whatever stands before a synced record that something follows was on stable
 * storage, and is damaged if it cannot be read. A synced record is known by the
 * mark at its beginning. Records are numbered: where one is missing without a
 * trace, the numbers have a gap; and where they go on in the next log as if
 * nothing were missing, what is unreadable was left out by an earlier recovery.
 *
 * A damaged log is written anew without what cannot be read, for RocksDB's own
 * way of passing over damage does not come to an end for each wrong bit, and
 * gives up the rest of a block. What is left out is one record; the rest of a
 * block only when it is a length that is wrong.
 *
 * The log: blocks of fragments (fragment.h). A record is number of its first
 * change:8, changes:4, changes; of these the mark has a tag and a length of 1
 * byte each. All is little-endian.
 */
#ifndef STORE_WAL_H
#define STORE_WAL_H

#include "store/fragment.h"

#define WAL_BLOCK FRAGMENT_BLOCK

/* WriteBatch::PutLogData of this begins each batch that is synced. */
#define WAL_MARK "culver: synced"

/* What was left out of a log, from all times that this was done. */
#define WAL_LOST_FILE "LOST-WRITES"

enum wal_state {
	WAL_WHOLE,
	WAL_CUT,     /* it ends amid a record: that was not acknowledged */
	WAL_TORN,    /* only its end is unreadable, as after a power cut */
	WAL_DAMAGED, /* what was acknowledged is unreadable */
};

struct wal_finding {
	enum wal_state state;
	char file[32]; /* where it begins */
	uint64_t at;
	uint64_t lost; /* bytes that are unreadable or cut short */
};

/* Reads all of it, some 100 MB at most. No log at all is whole. ERR_IO and the
 * like when it cannot be read. */
MUST enum err wal_check(const char *dir, struct wal_finding *finding_r);

/* Writes damaged logs anew, and adds what is unreadable to WAL_LOST_FILE first.
 * May be interrupted at any moment, and is then done again. */
MUST enum err wal_mend(const char *dir);

/* The pure heart of it. `unreadable` gets what follows a whole record and is
 * none, or does not end; zeros are passed over. `cut_short` gets what there is
 * of a record with which the log ends: what was written when the process or the
 * power went. A wrong bit does not look like that: neither does it make a log
 * shorter, nor can a sum be right that a wrong length extends beyond the end.
 * But for one in a length with other fragments behind it: this has to be put
 * right before (correct.h).
 */
struct wal_reader {
	void (*record)(void *arg, str);
	void (*unreadable)(void *arg, uint64_t at, str);
	void (*cut_short)(void *arg, uint64_t at, str);
	void *arg;
	/* Private. */
	struct buf part; /* of the record that is being read */
	bool in_record;
	uint64_t at, record_at;
};

/* Blocks of WAL_BLOCK bytes, the last one shorter; then the end. */
void wal_read_block(struct wal_reader *, str block);
void wal_read_end(struct wal_reader *);

/* Appends a record to a log that has `at` bytes. */
void wal_add_record(struct buf *, uint64_t at, str record);

#endif
