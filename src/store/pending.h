/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pending: what a batch has written and not yet committed, for engines that
 * have no such thing or a slow one. A key's newest entry is found by its hash;
 * ranges, and all of it at the end, come in the order of keys, each key once:
 * what is inserted in order costs RocksDB's memtable a fraction.
 *
 * One thread. Memory: the bytes of what was written, and some 30 of each entry.
 */
#ifndef STORE_PENDING_H
#define STORE_PENDING_H

#include "base/buf.h"

struct pending_entry {
	size_t at; /* where its key begins, and the value behind it */
	uint32_t key_n, value_n;
	uint32_t older;	  /* the entry that it took the place of, or NONE */
	bool deleted;	  /* the key is */
	bool overwritten; /* there is a newer one */
};

struct pending {
	struct buf bytes;
	struct pending_entry *entries;
	uint32_t count, room;
	uint32_t *slots; /* of the newest entry of each key, or NONE */
	uint32_t slot_count;
	/* The first `ordered` entries by key, of equal keys the older first. */
	uint32_t *order;
	uint32_t ordered, order_room;
	/* pending_rollback goes back to there. */
	uint32_t saved_count;
	size_t saved_bytes;
};

/* All zero is empty, too. */
void pending_fini(struct pending *);

void pending_put(struct pending *, str key, str value);
void pending_delete(struct pending *, str key);

void pending_savepoint(struct pending *);
void pending_rollback(struct pending *);

/* The newest entry of that key, or NULL; valid until something is written. */
const struct pending_entry *pending_find(const struct pending *, str key);
str pending_key(const struct pending *, const struct pending_entry *);
str pending_value(const struct pending *, const struct pending_entry *);

/* The numbers of the newest entries in [from, to), ascending; to.n == 0: to the
 * end. The array is the caller's to free; NULL when there are none. */
uint32_t *pending_range(struct pending *, str from, str to, uint32_t *count_r);
/* The entry of such a number; valid until something is written. */
const struct pending_entry *pending_entry(const struct pending *, uint32_t);

#endif
