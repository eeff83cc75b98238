/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: an ordered map from bytes to bytes, with snapshots and atomic,
 * durable writes. Engines (memory, RocksDB, later PostgreSQL) and the wrapper
 * that injects faults all keep this contract; tests/store/ checks it.
 *
 * Reading. A read transaction sees one moment of the store, whatever is
 * written meanwhile. It is cheap, used by one thread, and short: none may be
 * open while its thread waits for a socket (store_assert_idle).
 *
 * Writing. store_write() calls a function with a transaction in which it reads
 * (its own writes included) and writes. The function may be called again from
 * the start (after a conflict, or because the writes it was committed
 * together with failed), so it sets its results from scratch each time and
 * has no other effects. It returns OK to commit; anything else undoes its
 * writes and is what store_write() returns. When store_write() returns OK, the
 * writes are on stable storage. On any error none of them is in the store, nor
 * ever will be.
 *
 * Writers of the same scope run one after another and never conflict; those
 * that wait for the same scope are committed together with one sync. A
 * transaction reads and writes only keys that its scope covers by the
 * caller's convention (an account), or keys that nobody else writes.
 *
 * Errors: ERR_NOTFOUND (get only), ERR_NOSPACE, ERR_IO, ERR_CORRUPT,
 * ERR_VERSION (open), ERR_INUSE (open: another process has it), ERR_CONFLICT
 * (given up after many tries), and whatever the function returned.
 *
 * Writing together means that a write function may run in another thread than
 * its caller's (which waits meanwhile): it uses no thread-locals, takes no
 * lock that its caller holds, waits for no other writer, and never calls
 * store_write itself. Readers never wait for writers.
 *
 * Keys are 1..1024 bytes, ordered by memcmp, a prefix first; those that begin
 * with a zero byte are the store's own, and scans pass over them. Values are
 * 0..64 MiB. Other keys and values give ERR_INVALID or ERR_TOOBIG. All
 * blocking is disk I/O.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"
#include "base/str.h"

#define STORE_KEY_MAX 1024

struct store;
struct store_txn;
struct store_iter;

/* Engines. `dir` must exist; ERR_VERSION when another version wrote it. What is
 * wrong, in words with the remedy, is logged where it is found. */
MUST enum err store_open_rocksdb(const char *dir, struct store **store_r);
struct store *store_open_memory(void);
void store_close(struct store *);
/* About so many bytes of what was read are kept in memory. At any time;
 * STORE_CACHE until then. */
#define STORE_CACHE ((size_t)64 << 20)
void store_set_cache(struct store *, size_t bytes);

/* Reading. */
struct store_txn *store_begin_read(struct store *);
void store_end_read(struct store_txn *);

/* Replaces what value_r held. ERR_NOTFOUND when there is no such key. */
MUST enum err store_get(struct store_txn *, str key, struct buf *value_r);
MUST enum err store_has(struct store_txn *, str key);
/* As store_get, for who can do without it: its error is not the write's. */
MUST enum err store_peek(struct store_txn *, str key, struct buf *value_r);
/* fn is called with the value where it is, and what it returns is the result.
 * It writes nothing. summed: the value carries a checksum, and fn checks it:
 * the engine may leave out its own. */
typedef enum err store_value_fn(str value, void *arg);
MUST enum err store_look(
	struct store_txn *, str key, bool summed, store_value_fn *, void *arg);

/* Keys in [from, to), ascending; to.n == 0 means to the end. The strs that
 * next() gives are valid until the following next() or end(). In a write
 * transaction the scan sees the transaction's own writes made before it
 * began; those made during it may or may not be seen. */
struct store_iter *store_scan(struct store_txn *, str from, str to);
/* Keys that begin with these bytes. */
struct store_iter *store_scan_prefix(struct store_txn *, str prefix);
/* As store_scan, of values that carry a checksum, which the caller checks. */
struct store_iter *store_scan_summed(struct store_txn *, str from, str to);
/* As store_scan, descending. */
struct store_iter *store_scan_back(struct store_txn *, str from, str to);
bool store_iter_next(struct store_iter *, str *key_r, str *value_r);
/* Frees it; the error that ended the scan early, if any. */
MUST enum err store_iter_end(struct store_iter *);

/* Writing. An error sticks in the transaction and store_write returns it. */
typedef enum err store_write_fn(struct store_txn *, void *arg);
MUST enum err store_write(
	struct store *, str scope, store_write_fn *, void *arg);
/* The same, but durable only with the next store_write of any scope (it is
 * before that one in the log): for bulk data that a later write refers to. */
MUST enum err store_write_lazy(
	struct store *, str scope, store_write_fn *, void *arg);

/* Several writes, as if store_write were called for each at the same time: each
 * has its own scope and its own result, and one that fails does not concern the
 * others; but they share commits and syncs. Of the same scope they run in
 * order. */
struct store_job {
	str scope;
	store_write_fn *fn;
	void *arg;
	enum err err; /* the result */
};
void store_write_each(struct store *, struct store_job *, size_t count);

void store_put(struct store_txn *, str key, str value);
void store_delete(struct store_txn *, str key);
/* All keys in [from, to). Costs a read of each key. */
void store_delete_range(struct store_txn *, str from, str to);
void store_delete_prefix(struct store_txn *, str prefix);

/* fn is called in a thread that is about to wait or take long: before each
 * write, and by store_long. Before there are several threads. */
void store_on_long(struct store *, void (*fn)(void));
void store_long(struct store *);

/* Counters since open, for status and for tests of cost. */
struct store_stats {
	uint64_t commits; /* batches written */
	uint64_t writes;  /* store_write calls that returned OK */
	uint64_t syncs;	  /* asked for; RocksDB joins those of many scopes */
	uint64_t gets;
	uint64_t scans;		/* iterators opened */
	uint64_t scanned;	/* entries that iterators returned */
	uint64_t bytes_on_disk; /* 0 when the engine cannot tell */
	uint64_t bytes_cached;	/* what store_set_cache bounds */
};
void store_stats(struct store *, struct store_stats *stats_r);

/*
 * What the store could not get back when it was opened, for its log was
 * damaged, or could not be read at its end. Writes that had returned OK may be
 * among it, and others that came later are there: whoever gives out numbers
 * first makes sure that none comes twice, and says that he did.
 *
 * lost_bytes: about how long it is; no write that is lost can have given out
 * more numbers. 0: nothing, or it was taken care of. read_lost: damage only, of
 * all times, as it stood in the log, until somebody removes the file;
 * ERR_NOTFOUND when there is none.
 */
uint64_t store_lost_bytes(struct store *);
void store_regained(struct store *);
MUST enum err store_read_lost(struct store *, struct buf *bytes_r);

/*
 * Damage: where the engine cannot read what it stored, and says ERR_CORRUPT.
 *
 * store_salvage goes through [from, to) as a scan does, and goes on behind what
 * cannot be read: of each such place it tells the range of keys that may have
 * been there, and the number of the damage, by which others know it too; 0:
 * it is none that store_mend can mend. What entry returns ends it. In a write,
 * too, whose result it does not concern.
 *
 * store_correct: where it is one bit that is wrong, checksums tell which, and
 * it is put right: then nothing is lost. In the places that were met so far,
 * and in what holds files together. store_is_one_bit: it would have been, said
 * a dry run.
 *
 * store_bury, in a write: whatever cannot be read in the range is gone, and
 * does not come back in an older form either; what this write puts there stays.
 * Only for ranges of a gap that store_salvage told.
 *
 * store_mend: once all that each of these damages covers, whosever it was, is
 * buried, the place itself is made readable. `key` is where the first gap of it
 * began. ERR_CORRUPT when one cannot be mended; the others are.
 */
struct store_salvage {
	enum err (*entry)(void *arg, str key, str value);
	void (*gap)(void *arg, str from, str to, uint64_t damage);
	void *arg;
};
MUST enum err store_salvage(
	struct store_txn *, str from, str to, const struct store_salvage *);
struct store_correct {
	bool dry;      /* nothing is changed */
	bool met_only; /* only what was met since the last call */
	/* Each bit: the file's name, and the bit's number in it. */
	void (*said)(void *arg, const char *file, uint64_t bit);
	void *arg;
	unsigned corrected; /* set: how many */
};
MUST enum err store_correct(struct store *, struct store_correct *);
bool store_is_one_bit(struct store *, uint64_t damage);
void store_bury(struct store_txn *, str from, str to);
struct store_damage {
	uint64_t number;
	struct buf key;
};
MUST enum err store_mend(
	struct store *, const struct store_damage *, size_t count);

/* Aborts unless the calling thread has no transaction open. */
void store_assert_idle(void);

#endif
