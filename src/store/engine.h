/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine: what an engine of the store provides, private to this folder.
 *
 * store.c checks arguments, counts, and dispatches. Embedded engines (memory,
 * RocksDB) provide the batch functions and take combine_write as their
 * `write`; an engine with transactions of its own, or a wrapper, provides
 * `write` alone. Engines embed the structs below as their first member.
 */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

enum store_scan_how { SCAN_PLAIN, SCAN_BACK, SCAN_SUMMED };

struct store_ops {
	/* Frees the store too. */
	void (*close)(struct store *);

	/* Reading; also within a write. look calls fn with the value; summed:
	 * values need not be checked. */
	struct store_txn *(*begin_read)(struct store *);
	void (*end_read)(struct store_txn *);
	enum err (*look)(struct store_txn *, str key, bool summed,
		store_value_fn *, void *arg);
	struct store_iter *(*scan)(
		struct store_txn *, str from, str to, enum store_scan_how);
	bool (*iter_next)(struct store_iter *, str *key_r, str *value_r);
	enum err (*iter_end)(struct store_iter *);

	void (*put)(struct store_txn *, str key, str value);
	void (*remove)(struct store_txn *, str key);
	/* Sets each job's err, which is OK when it comes here. */
	void (*write)(
		struct store *, struct store_job *, size_t count, bool lazy);

	/* For combine_write: a batch that many functions write one after
	 * another. rollback undoes what was written since the last savepoint;
	 * commit and abort free the batch. durable: it will be committed with
	 * a sync; others may be too. */
	struct store_txn *(*begin_batch)(struct store *, bool durable);
	void (*savepoint)(struct store_txn *);
	void (*rollback)(struct store_txn *);
	enum err (*commit)(struct store_txn *, bool sync);
	void (*abort)(struct store_txn *);
	/* Everything committed so far becomes durable; not what is in the
	 * batch. */
	enum err (*sync)(struct store_txn *batch);

	/* May be NULL: nothing is kept. */
	void (*set_cache)(struct store *, size_t bytes);
	/* May be NULL. Adds to, or replaces, what store.c counted. */
	void (*stats)(struct store *, struct store_stats *stats_r);
	/* May be NULL: an engine that loses nothing. store.h has them. */
	uint64_t (*lost_bytes)(struct store *);
	void (*regained)(struct store *);
	enum err (*read_lost)(struct store *, struct buf *bytes_r);
	/* May be NULL: nothing is ever unreadable. store.h has them. */
	enum err (*correct)(struct store *, struct store_correct *);
	bool (*is_one_bit)(struct store *, uint64_t damage);
	void (*bury)(struct store_txn *, str from, str to);
	enum err (*mend)(
		struct store *, const struct store_damage *, size_t count);
	/* May be NULL. For tests: what a power cut would lose is lost. */
	void (*crash)(struct store *);
};

#define COMBINE_STRIPES 64

struct combine_stripe {
	pthread_mutex_t lock;
	struct combine_queue *queues; /* of the scopes being written now */
};

struct store {
	const struct store_ops *ops;
	void (*on_long)(void);
	struct {
		_Atomic uint64_t commits, writes, syncs;
		_Atomic uint64_t gets, scans, scanned;
	} counts;
	/* combine.c's */
	struct combine_stripe stripes[COMBINE_STRIPES];
	_Atomic uint64_t waiting; /* writers not yet begun */
	_Atomic uint64_t lazy;	  /* lazy commits so far */
	_Atomic uint64_t synced;  /* how many of them are known durable */
};

struct store_txn {
	struct store *store;
	bool writing;
	enum err err;	  /* of a write: sticks until it ends */
	unsigned iters;	  /* open now */
	uint64_t written; /* bytes of keys and values */
	uint64_t damage;  /* that the last ERR_CORRUPT came from (store_mend) */
};

struct store_iter {
	struct store_txn *txn;
	uint64_t scanned;
};

void store_init(struct store *, const struct store_ops *);
void store_fini(struct store *);
void store_txn_init(struct store_txn *, struct store *, bool writing);

/* The calling thread's transactions; store_assert_idle wants none. */
void store_txn_opened(void);
void store_txn_closed(void);
unsigned store_txn_count(void);

void combine_write(struct store *, struct store_job *, size_t count, bool lazy);

/*
 * The store's format, as a record under a key of the reserved range. Writes
 * it into an empty store. ERR_VERSION when a Culver of another format wrote it,
 * ERR_CORRUPT when there is data but no such record. Engines call it at open.
 *
 *	1	the first
 *	2	memberships have growth and more (mail/layout.h)
 *	3	a message's records have checksums (mail/bytes.h)
 *	4	they are compressed before they come here; links, and what was
 *		expunged, lie by blocks (mail/link.h)
 *	5	a message's record says where it was put first
 */
#define STORE_FORMAT 5
MUST enum err format_write(struct store *);
MUST enum err format_check(struct store *, const char *where);

/* The room on disk that RocksDB needs to stay healthy; tests lower it. */
extern uint64_t rocksdb_reserve;

#endif
