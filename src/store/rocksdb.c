/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded engine: RocksDB through its C API.
 *
 * A read is a snapshot. What a batch writes is kept in memory (pending.h):
 * reads within it look there first, then at the newest state of the database
 * (nobody else writes what its scope covers). RocksDB inserts a batch into what
 * readers see only after the log was written and, if asked, synced; batches of
 * different scopes that commit at the same time share a sync by themselves.
 *
 * A full disk. Commits are refused while there is still room to flush what is
 * in memory, big ones first, so that people can still delete; they go on by
 * themselves. When a write fails nevertheless, RocksDB is asked for no further
 * one: its own recovery may leave it with the broken log, and the next write
 * then ends the process. Instead, once there is room, it is closed and opened
 * again between two transactions. Reads go on meanwhile.
 *
 * No descriptors: what cannot be opened is not written; it is opened again in
 * the same way once there are some.
 *
 * A damaged block. Reads of it fail, all others go on. When RocksDB meets it
 * while it compacts, it refuses all writes from then on, and would do so again
 * after each start; so it is opened again in the same way, to compact nothing
 * more: mail comes in, and room is not given back, until somebody looks after
 * it.
 *
 * One wrong bit is put right (correct.h), in what keeps the store from being
 * opened, and in the log, at once.
 *
 * A damaged log. RocksDB takes its records up to the first that it cannot read,
 * without a word, which is right after a power cut only. So the log is looked
 * at first (wal.h), and written anew without what cannot be read when that was
 * acknowledged; everything that follows is kept, and the loss is logged.
 *
 * After any other error the store stays read-only until the process is started
 * again: what the kernel kept of the log is not known, and when it was the
 * sync that failed, not the write before it, the log may hold the refused
 * batch whole. The next start then finds it: no log can promise more.
 */
#include "store/correct.h"
#include "store/engine.h"
#include "store/pending.h"
#include "store/wal.h"
#include "base/alloc.h"
#include "base/log.h"

#include <rocksdb/c.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* Sized for one family's small machine; 50,000 accounts need more files and
 * disk, not more of these. */
#define WRITE_BUFFER (16 * MIB)
#define WRITE_BUFFERS 2
#define OPEN_FILES 512
#define BACKGROUND_JOBS 2
/* From here on values are kept apart from keys: compaction does not rewrite
 * them. docs/decisions/0002-rocksdb-options.md has the measurements. */
#define BLOB_MIN (4 * KIB)
#define BLOB_FILE (128 * MIB)
#define INFO_LOG MIB
#define LOG_AHEAD (4 * MIB)
/* So many deletions among so many keys that follow each other are much. */
#define DELETIONS 256
#define DELETIONS_AMONG 512

/* With less room than this, only commits of at most SMALL_COMMIT bytes; with
 * less than half of it, none. */
#define RESERVE (4 * WRITE_BUFFER)
#define SMALL_COMMIT (64 * KIB)
/* To open it again, what is in the log must fit. */
#define REOPEN_ROOM ((WRITE_BUFFERS + 1) * WRITE_BUFFER)
#define REOPEN_WAIT_S 2
/* Descriptors that must be there besides those it has. */
#define OPEN_AGAIN 32

/* Beside the tables until numbers go on further up. */
#define LOST_NOTE WAL_LOST_FILE ".new"
/* So often files are looked at because something of them cannot be read. */
#define LOOK_AGAIN_S 60
/* Where what was put right does not stay so, opening comes to an end. */
#define OPEN_TRIES 100
/* Of damage not all may be there to be measured. */
#define LOST_LEAST MIB

/* A block of a table, as RocksDB names it where it cannot be read. */
struct rocks_damage {
	char file[32]; /* name only */
	uint64_t offset, size;
	enum { NOT_TRIED, ONE_BIT, MORE_BITS, CORRECTED } what;
};
#define DAMAGES_MAX 10000

struct rocks {
	struct store store;
	char *dir;
	int lock_fd; /* the directory, locked, or -1 */
	rocksdb_t *db;
	rocksdb_cache_t *cache;
	rocksdb_readoptions_t *latest;
	rocksdb_writeoptions_t *sync, *lazy;
	_Atomic bool refusing;	 /* for want of room */
	_Atomic enum err broken; /* why RocksDB is asked for no more writes */
	_Atomic bool ill;	 /* and only a new start helps */
	_Atomic time_t looked;	 /* the second of look_at_frames */
	_Atomic time_t told;	 /* the second in which want was logged */
	uint64_t lost;		 /* bytes, found at its opening */
	_Atomic bool untidy;	 /* compacts nothing, for there is damage */

	/* Files are changed by one at a time: two that found the same bit
	 * would turn it twice. Taken before damage_lock. */
	pthread_mutex_t correct_lock;

	/* All that was met, each once. */
	pthread_mutex_t damage_lock;
	struct rocks_damage *damages;
	size_t damage_count;

	/* Transactions hold the database; who opens it again waits until none
	 * does. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned users;
	bool reopening;
	struct timespec next_try;
};

uint64_t rocksdb_reserve = RESERVE;

struct rocks_txn {
	struct store_txn txn;
	rocksdb_t *db; /* NULL while it could not be opened again */
	/* reading */
	const rocksdb_snapshot_t *snapshot;
	rocksdb_readoptions_t *options;
	/* writing */
	struct pending pending;
	bool durable;
	/* Ranges that are buried: from and to, one after another. */
	struct buf *buried;
	size_t buried_count, buried_saved;
};

struct rocks_iter {
	struct store_iter iter;
	rocksdb_iterator_t *it;
	rocksdb_readoptions_t *options;
	struct buf from, to; /* options point into them */
	bool back, started;
	bool given; /* where `it` stands was given already */
	/* Of a write: numbers of what is pending in the range, from `at` on
	 * still to come; and copies of it, for it moves. */
	uint32_t *own;
	uint32_t own_count, at;
	struct buf key, value;
};

static struct rocks *rocks_of(struct store *s)
{
	return (struct rocks *)s;
}

static struct rocks_txn *txn_of(struct store_txn *t)
{
	return (struct rocks_txn *)t;
}

static struct rocks *rocks_of_txn(struct store_txn *t)
{
	return rocks_of(t->store);
}

/* What a status in words means; the first row that fits. */
static enum err meaning(const char *status)
{
	static const struct {
		const char *words;
		bool anywhere;
		enum err err;
	} rows[] = {
		{"No space left on device", true, ERR_NOSPACE},
		{"Disk quota exceeded", true, ERR_NOSPACE},
		/* of this process, or in the whole system */
		{"Too many open files", true, ERR_UNAVAILABLE},
		{"IO error: lock hold by current process", false, ERR_INUSE},
		{"IO error: While lock file", false, ERR_INUSE},
		{"Corruption", false, ERR_CORRUPT},
		{"Not implemented", false, ERR_VERSION},
		{"Invalid argument: Unknown", false, ERR_VERSION},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *at = strstr(status, rows[i].words);

		if (at == status || (at && rows[i].anywhere))
			return rows[i].err;
	}
	return ERR_IO;
}

/* A want of descriptors is told once a second, not for each read. */
static bool is_news(struct rocks *r, enum err err)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return err != ERR_UNAVAILABLE ||
	       atomic_exchange(&r->told, now.tv_sec) != now.tv_sec;
}

/* Takes the status RocksDB gave, which is NULL when all went well. */
static enum err check(struct rocks *r, const char *doing, char *status)
{
	enum err err;

	if (!status)
		return OK;
	err = meaning(status);
	if (is_news(r, err))
		log_error("store", doing, LOG_ERR(err), LOG_C("status", status),
			LOG_C("where", r->dir));
	rocksdb_free(status);
	return err;
}

/* "Corruption: block checksum mismatch: stored = 1, computed = 2, type = 4  in
 * /where/000012.sst offset 16384 size 4096". False: of something else. */
static bool read_damage(const char *status, struct rocks_damage *d)
{
	const char *at = strstr(status, "block checksum mismatch");
	const char *end = at ? strstr(at, ".sst offset ") : NULL;
	const char *name = end;
	unsigned long long offset, size;

	if (!end ||
		sscanf(end, ".sst offset %llu size %llu", &offset, &size) != 2)
		return false;
	while (name > at && name[-1] >= '0' && name[-1] <= '9')
		name--;
	snprintf(d->file, sizeof d->file, "%.*s.sst", (int)(end - name), name);
	d->offset = offset;
	d->size = size;
	d->what = NOT_TRIED;
	return true;
}

/* Its number, from 1; *known_r: it was met before. */
static uint64_t number_damage(
	struct rocks *r, const struct rocks_damage *d, bool *known_r)
{
	size_t i = 0;

	pthread_mutex_lock(&r->damage_lock);
	while (i < r->damage_count &&
		(strcmp(r->damages[i].file, d->file) ||
			r->damages[i].offset != d->offset))
		i++;
	*known_r = i < r->damage_count && r->damages[i].what != CORRECTED;
	if (i < r->damage_count && !*known_r) {
		r->damages[i].what = NOT_TRIED;
	} else if (i == r->damage_count && i < DAMAGES_MAX) {
		r->damages = xrealloc(
			r->damages, r->damage_count + 1, sizeof *r->damages);
		r->damages[r->damage_count++] = *d;
	}
	i = i < r->damage_count ? i + 1 : 0;
	pthread_mutex_unlock(&r->damage_lock);
	return i;
}

static void say_unread(const struct rocks *r, enum err e)
{
	if (e && e != ERR_NOTFOUND)
		log_warn("store", "cannot look at all files",
			LOG_C("where", r->dir), LOG_ERR(e));
}

/* Damage that is in no block may be in what holds a file together, and then all
 * of the file cannot be read: who reads next finds it right. */
static void look_at_frames(struct rocks *r)
{
	struct correcting c = {.dir = r->dir};
	time_t last = atomic_load(&r->looked);
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((last && now.tv_sec - last < LOOK_AGAIN_S) ||
		pthread_mutex_trylock(&r->correct_lock))
		return;
	if (atomic_compare_exchange_strong(&r->looked, &last, now.tv_sec))
		say_unread(r, correct_frames(&c));
	pthread_mutex_unlock(&r->correct_lock);
}

/* What a read came to. The same damage is told once: it is met often. */
static enum err check_read(struct store_txn *t, char *status)
{
	struct rocks *r = rocks_of_txn(t);
	struct rocks_damage d;
	bool known = false;

	if (!status)
		return OK;
	t->damage = 0;
	if (read_damage(status, &d))
		t->damage = number_damage(r, &d, &known);
	else if (meaning(status) == ERR_CORRUPT)
		look_at_frames(r);
	if (!known)
		return check(r, "cannot read", status);
	rocksdb_free(status);
	return ERR_CORRUPT;
}

static void reopen(struct rocks *r);

/* Who has another transaction open does not wait: it would for itself. */
static struct rocks_txn *txn_new(struct rocks *r, bool writing)
{
	struct rocks_txn *t = xcalloc(1, sizeof *t);

	store_txn_init(&t->txn, &r->store, writing);
	pthread_mutex_lock(&r->lock);
	if (atomic_load(&r->broken) && (writing || !r->db))
		reopen(r);
	while (r->reopening && store_txn_count() <= 1)
		pthread_cond_wait(&r->changed, &r->lock);
	r->users++;
	t->db = r->db;
	pthread_mutex_unlock(&r->lock);
	return t;
}

static void txn_free(struct rocks_txn *t)
{
	struct rocks *r = rocks_of(t->txn.store);

	pthread_mutex_lock(&r->lock);
	if (--r->users == 0 && r->reopening)
		pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	free(t);
}

static struct store_txn *rocks_begin_read(struct store *s)
{
	struct rocks_txn *t = txn_new(rocks_of(s), false);

	t->options = rocksdb_readoptions_create();
	if (t->db) {
		t->snapshot = rocksdb_create_snapshot(t->db);
		rocksdb_readoptions_set_snapshot(t->options, t->snapshot);
	}
	return &t->txn;
}

static void rocks_end_read(struct store_txn *txn)
{
	struct rocks_txn *t = txn_of(txn);

	rocksdb_readoptions_destroy(t->options);
	if (t->db)
		rocksdb_release_snapshot(t->db, t->snapshot);
	txn_free(t);
}

static enum err look_at_pending(const struct pending *p,
	const struct pending_entry *e, store_value_fn *fn, void *arg)
{
	return e->deleted ? ERR_NOTFOUND : fn(pending_value(p, e), arg);
}

static enum err rocks_look(struct store_txn *txn, str key, bool summed,
	store_value_fn *fn, void *arg)
{
	struct rocks_txn *t = txn_of(txn);
	const struct rocks *r = rocks_of_txn(txn);
	const struct pending_entry *own = pending_find(&t->pending, key);
	rocksdb_pinnableslice_t *slice;
	char *status = NULL;
	const char *p;
	size_t n = 0;
	enum err err;

	if (!t->db)
		return atomic_load(&r->broken);
	if (own)
		return look_at_pending(&t->pending, own, fn, arg);
	if (!txn->writing)
		rocksdb_readoptions_set_verify_checksums(t->options, !summed);
	slice = rocksdb_get_pinned(t->db, txn->writing ? r->latest : t->options,
		key.p, key.n, &status);
	err = check_read(txn, status);
	p = rocksdb_pinnableslice_value(slice, &n);
	if (!err)
		err = p ? fn(str_of(p, n), arg) : ERR_NOTFOUND;
	rocksdb_pinnableslice_destroy(slice);
	return err;
}

static rocksdb_readoptions_t *scan_options(
	const struct rocks_txn *t, str from, str to, bool summed)
{
	rocksdb_readoptions_t *o = rocksdb_readoptions_create();

	rocksdb_readoptions_set_verify_checksums(o, !summed);
	if (t->snapshot)
		rocksdb_readoptions_set_snapshot(o, t->snapshot);
	rocksdb_readoptions_set_total_order_seek(o, 1);
	if (from.n)
		rocksdb_readoptions_set_iterate_lower_bound(o, from.p, from.n);
	if (to.n)
		rocksdb_readoptions_set_iterate_upper_bound(o, to.p, to.n);
	return o;
}

static struct store_iter *rocks_scan(
	struct store_txn *t, str from, str to, enum store_scan_how how)
{
	struct rocks_iter *it = xcalloc(1, sizeof *it);
	rocksdb_t *db = txn_of(t)->db;

	it->back = how == SCAN_BACK;
	it->from = it->to = it->key = it->value = BUF_UNBOUNDED;
	buf_add(&it->from, from);
	buf_add(&it->to, to);
	it->options = scan_options(txn_of(t), buf_str(&it->from),
		buf_str(&it->to), how == SCAN_SUMMED);
	if (db)
		it->it = rocksdb_create_iterator(db, it->options);
	if (t->writing)
		it->own = pending_range(
			&txn_of(t)->pending, from, to, &it->own_count);
	return &it->iter;
}

static str iter_key(const struct rocks_iter *it)
{
	size_t n;
	const char *p = rocksdb_iter_key(it->it, &n);

	return str_of(p, n);
}

static void start_back(struct rocks_iter *it)
{
	str to = buf_str(&it->to);

	if (to.n)
		rocksdb_iter_seek_for_prev(it->it, to.p, to.n);
	else
		rocksdb_iter_seek_to_last(it->it);
	if (to.n && rocksdb_iter_valid(it->it) && str_eq(iter_key(it), to))
		rocksdb_iter_prev(it->it);
}

static void move(struct rocks_iter *it)
{
	str from = buf_str(&it->from);

	if (it->started && it->back)
		rocksdb_iter_prev(it->it);
	else if (it->started)
		rocksdb_iter_next(it->it);
	else if (it->back)
		start_back(it);
	else
		rocksdb_iter_seek(it->it, from.p, from.n);
	it->started = true;
}

static str keep(struct buf *b, str s)
{
	buf_reset(b);
	buf_add(b, s);
	return buf_str(b);
}

/* Whether it stands at a key that was not given yet. */
static bool step(struct rocks_iter *it)
{
	if (!it->started || (it->given && rocksdb_iter_valid(it->it)))
		move(it);
	it->given = false;
	return rocksdb_iter_valid(it->it);
}

static bool give_stored(struct rocks_iter *it, str *key_r, str *value_r)
{
	*key_r = iter_key(it);
	value_r->p = rocksdb_iter_value(it->it, &value_r->n);
	it->given = true;
	return true;
}

/* What the write has pending, and what is stored, as if they were one; of equal
 * keys the pending one counts. */
static bool rocks_next(struct store_iter *iter, str *key_r, str *value_r)
{
	struct rocks_iter *it = (struct rocks_iter *)iter;
	const struct pending *p = &txn_of(iter->txn)->pending;
	bool stored = it->it && step(it);

	while (stored || (it->it && it->at < it->own_count)) {
		const struct pending_entry *own;
		str key;
		int order;

		if (it->at == it->own_count)
			return give_stored(it, key_r, value_r);
		own = pending_entry(
			p, it->own[it->back ? it->own_count - 1 - it->at
					    : it->at]);
		key = pending_key(p, own);
		order = stored ? str_cmp(iter_key(it), key) : 0;
		if (it->back ? order > 0 : order < 0)
			return give_stored(it, key_r, value_r);
		it->given = stored && order == 0;
		it->at++;
		if (!own->deleted) {
			*key_r = keep(&it->key, key);
			*value_r = keep(&it->value, pending_value(p, own));
			return true;
		}
		stored = step(it);
	}
	return false;
}

static enum err rocks_iter_end(struct store_iter *iter)
{
	struct rocks_iter *it = (struct rocks_iter *)iter;
	char *status = NULL;
	enum err err;

	if (it->it) {
		rocksdb_iter_get_error(it->it, &status);
		err = check_read(iter->txn, status);
		rocksdb_iter_destroy(it->it);
	} else {
		err = atomic_load(&rocks_of_txn(iter->txn)->broken);
	}
	rocksdb_readoptions_destroy(it->options);
	buf_fini(&it->from);
	buf_fini(&it->to);
	buf_fini(&it->key);
	buf_fini(&it->value);
	free(it->own);
	free(it);
	return err;
}

static void rocks_put(struct store_txn *t, str key, str value)
{
	pending_put(&txn_of(t)->pending, key, value);
}

static void rocks_delete(struct store_txn *t, str key)
{
	pending_delete(&txn_of(t)->pending, key);
}

static void rocks_bury(struct store_txn *txn, str from, str to)
{
	struct rocks_txn *t = txn_of(txn);
	size_t n = t->buried_count;

	t->buried = xrealloc(t->buried, n + 2, sizeof *t->buried);
	t->buried[n] = t->buried[n + 1] = BUF_UNBOUNDED;
	buf_add(&t->buried[n], from);
	buf_add(&t->buried[n + 1], to);
	t->buried_count += 2;
}

/* Those from this one on are not. */
static void unbury(struct rocks_txn *t, size_t from)
{
	while (t->buried_count > from)
		buf_fini(&t->buried[--t->buried_count]);
}

static struct store_txn *rocks_begin_batch(struct store *s, bool durable)
{
	struct rocks_txn *t = txn_new(rocks_of(s), true);

	t->durable = durable;
	return &t->txn;
}

static void rocks_savepoint(struct store_txn *t)
{
	pending_savepoint(&txn_of(t)->pending);
	txn_of(t)->buried_saved = txn_of(t)->buried_count;
}

static void rocks_rollback(struct store_txn *t)
{
	pending_rollback(&txn_of(t)->pending);
	unbury(txn_of(t), txn_of(t)->buried_saved);
	t->err = OK;
}

static void rocks_abort(struct store_txn *txn)
{
	struct rocks_txn *t = txn_of(txn);

	pending_fini(&t->pending);
	unbury(t, 0);
	free(t->buried);
	txn_free(t);
}

static uint64_t room(const struct rocks *r)
{
	struct statvfs fs;

	if (statvfs(r->dir, &fs) != 0)
		return UINT64_MAX;
	return (uint64_t)fs.f_bavail * fs.f_frsize;
}

static enum err check_room(struct rocks *r, uint64_t bytes)
{
	uint64_t free_bytes = room(r);
	bool full = free_bytes < rocksdb_reserve / 2 ||
		    (free_bytes < rocksdb_reserve && bytes > SMALL_COMMIT);

	if (full && !atomic_exchange(&r->refusing, true))
		log_error("store",
			"the disk is nearly full: what is big is refused, "
			"soon everything; make room",
			LOG_C("where", r->dir), LOG_U64("free", free_bytes));
	if (!full && free_bytes >= rocksdb_reserve &&
		atomic_exchange(&r->refusing, false))
		log_info("store", "there is room again", LOG_C("where", r->dir),
			LOG_U64("free", free_bytes));
	return full ? ERR_NOSPACE : OK;
}

/* Whether opening it again in this process brings back just what was
 * acknowledged: yes, if the log has no room, if a file could not even be
 * opened, or if it was damage elsewhere that was found; not, if it has the
 * refused batch whole and only the sync of it failed. */
static bool may_heal(const char *status)
{
	enum err why = meaning(status);

	if (why == ERR_CORRUPT || why == ERR_UNAVAILABLE)
		return true;
	return why == ERR_NOSPACE && !strstr(status, "While fdatasync") &&
	       !strstr(status, "While fsync");
}

static const char *remedy(enum err err)
{
	switch (err) {
	case ERR_CORRUPT:
		return "damage was found while compacting: nothing is "
		       "compacted any more; run culver verify, and culver "
		       "repair";
	case ERR_UNAVAILABLE:
		return "cannot write: there are no more descriptors; raise the "
		       "limit of open files (LimitNOFILE=), or have fewer "
		       "connections";
	default:
		return "cannot write: the disk is full; make room";
	}
}

/* What a write came to. */
static enum err check_write(struct rocks *r, char *status)
{
	bool heals;
	enum err err;

	if (!status)
		return OK;
	heals = may_heal(status);
	err = check(r,
		heals ? remedy(meaning(status))
		      : "cannot write: the store is read-only from here; check "
			"the disk and start again",
		status);
	if (!heals)
		atomic_store(&r->ill, true);
	if (err == ERR_CORRUPT)
		atomic_store(&r->untidy, true);
	atomic_compare_exchange_strong(&r->broken, &(enum err){OK}, err);
	return err;
}

/* Each key once, in order. */
static rocksdb_writebatch_t *make_batch(struct rocks_txn *t)
{
	struct pending *p = &t->pending;
	rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
	uint32_t count;
	uint32_t *all = pending_range(p, str_of("", 0), str_of("", 0), &count);

	if (t->durable)
		rocksdb_writebatch_put_log_data(
			batch, WAL_MARK, sizeof WAL_MARK - 1);
	for (size_t i = 0; i < t->buried_count; i += 2)
		rocksdb_writebatch_delete_range(batch, t->buried[i].p,
			t->buried[i].n, t->buried[i + 1].p, t->buried[i + 1].n);
	for (uint32_t i = 0; i < count; i++) {
		const struct pending_entry *e = pending_entry(p, all[i]);
		str key = pending_key(p, e), value = pending_value(p, e);

		if (e->deleted)
			rocksdb_writebatch_delete(batch, key.p, key.n);
		else
			rocksdb_writebatch_put(
				batch, key.p, key.n, value.p, value.n);
	}
	free(all);
	return batch;
}

static enum err write_batch(struct rocks_txn *t, bool sync)
{
	struct rocks *r = rocks_of(t->txn.store);
	rocksdb_writebatch_t *batch = make_batch(t);
	char *status = NULL;

	rocksdb_write(t->db, sync ? r->sync : r->lazy, batch, &status);
	rocksdb_writebatch_destroy(batch);
	return check_write(r, status);
}

static enum err rocks_commit(struct store_txn *t, bool sync)
{
	struct rocks *r = rocks_of_txn(t);
	enum err err = atomic_load(&r->broken);

	if (!err)
		err = check_room(r, t->written);
	if (!err)
		err = write_batch(txn_of(t), sync);
	rocks_abort(t);
	return err;
}

static enum err rocks_sync(struct store_txn *t)
{
	struct rocks *r = rocks_of_txn(t);
	char *status = NULL;
	enum err err = atomic_load(&r->broken);

	if (!err) {
		rocksdb_flush_wal(txn_of(t)->db, 1, &status);
		err = check_write(r, status);
	}
	return err;
}

static void rocks_stats(struct store *s, struct store_stats *stats_r)
{
	DIR *d = opendir(rocks_of(s)->dir);
	struct dirent *e;
	struct stat st;

	stats_r->bytes_cached = rocksdb_cache_get_usage(rocks_of(s)->cache);
	if (!d)
		return;
	while ((e = readdir(d)))
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			stats_r->bytes_on_disk += (uint64_t)st.st_blocks * 512;
	closedir(d);
}

static void rocks_set_cache(struct store *s, size_t bytes)
{
	rocksdb_cache_set_capacity(rocks_of(s)->cache, bytes);
}

static void set_tables(const struct rocks *r, rocksdb_options_t *o)
{
	rocksdb_block_based_table_options_t *b =
		rocksdb_block_based_options_create();

	rocksdb_block_based_options_set_block_cache(b, r->cache);
	/* Indexes and filters count against the cache: memory stays bounded
	 * whatever the number of files. In parts, of which what is asked for
	 * is read: with a million messages a file's filter is megabytes. */
	rocksdb_block_based_options_set_cache_index_and_filter_blocks(b, 1);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(
		b, 1);
	rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(
		b, 1);
	rocksdb_block_based_options_set_index_type(
		b, rocksdb_block_based_table_index_type_two_level_index_search);
	rocksdb_block_based_options_set_partition_filters(b, 1);
	rocksdb_block_based_options_set_pin_top_level_index_and_filter(b, 1);
	rocksdb_block_based_options_set_filter_policy(
		b, rocksdb_filterpolicy_create_bloom_full(10));
	rocksdb_block_based_options_set_format_version(b, 5);
	rocksdb_block_based_options_set_block_size(b, 16 * 1024);
	rocksdb_options_set_block_based_table_factory(o, b);
	rocksdb_options_set_compression(o, rocksdb_lz4_compression);
	rocksdb_block_based_options_destroy(b);
}

static void set_blobs(rocksdb_options_t *o)
{
	rocksdb_options_set_enable_blob_files(o, 1);
	rocksdb_options_set_min_blob_size(o, BLOB_MIN);
	rocksdb_options_set_blob_file_size(o, BLOB_FILE);
	rocksdb_options_set_blob_compression_type(o, rocksdb_no_compression);
	rocksdb_options_set_enable_blob_gc(o, 1);
	rocksdb_options_set_blob_gc_age_cutoff(o, 0.25);
	rocksdb_options_set_blob_gc_force_threshold(o, 0.5);
}

static void set_log(rocksdb_options_t *o)
{
	rocksdb_options_set_info_log_level(o, 2 /* warnings */);
	rocksdb_options_set_max_log_file_size(o, INFO_LOG);
	rocksdb_options_set_keep_log_file_num(o, 3);
	rocksdb_options_set_stats_dump_period_sec(o, 0);
	rocksdb_options_set_stats_persist_period_sec(o, 0);
}

static rocksdb_options_t *options(const struct rocks *r)
{
	rocksdb_options_t *o = rocksdb_options_create();

	rocksdb_options_set_create_if_missing(o, 1);
	rocksdb_options_set_paranoid_checks(o, 1);
	rocksdb_options_set_wal_recovery_mode(
		o, rocksdb_point_in_time_recovery);
	rocksdb_options_set_write_buffer_size(o, WRITE_BUFFER);
	rocksdb_options_set_max_write_buffer_number(o, WRITE_BUFFERS);
	rocksdb_options_set_max_open_files(o, OPEN_FILES);
	rocksdb_options_set_max_background_jobs(o, BACKGROUND_JOBS);
	rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
	/* There is one column family: this says no more than how much of the
	 * log is laid out ahead, and counted as used. */
	rocksdb_options_set_max_total_wal_size(o, LOG_AHEAD);
	/* Where much was deleted, its room is given back soon: until files are
	 * compacted for it, nobody knows that what lies in blobs is garbage. */
	rocksdb_options_add_compact_on_deletion_collector_factory(
		o, DELETIONS_AMONG, DELETIONS);
	/* Deleting big files must not stall who closes an iterator. */
	rocksdb_options_set_avoid_unnecessary_blocking_io(o, 1);
	/* Written files reach the disk evenly, not all at the end. */
	rocksdb_options_set_bytes_per_sync(o, MIB);
	rocksdb_options_set_max_manifest_file_size(o, 8 * MIB);
	set_tables(r, o);
	set_blobs(o);
	set_log(o);
	return o;
}

static void rocks_close(struct store *s)
{
	struct rocks *r = rocks_of(s);

	if (r->db)
		rocksdb_close(r->db);
	if (r->lock_fd >= 0)
		close(r->lock_fd);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->correct_lock);
	pthread_mutex_destroy(&r->damage_lock);
	pthread_cond_destroy(&r->changed);
	free(r->damages);
	rocksdb_cache_destroy(r->cache);
	rocksdb_readoptions_destroy(r->latest);
	rocksdb_writeoptions_destroy(r->sync);
	rocksdb_writeoptions_destroy(r->lazy);
	free(r->dir);
	store_fini(s);
	free(r);
}

static char *path_in(const struct rocks *r, const char *name)
{
	return xasprintf("%s/%s", r->dir, name);
}

static uint64_t rocks_lost_bytes(struct store *s)
{
	return rocks_of(s)->lost;
}

static void rocks_regained(struct store *s)
{
	struct rocks *r = rocks_of(s);
	char *path = path_in(r, LOST_NOTE);

	r->lost = 0;
	if (unlink(path) && errno != ENOENT)
		log_warn("store", "cannot remove a note", LOG_C("file", path),
			LOG_ERR(err_from_errno(errno)));
	free(path);
}

static enum err rocks_read_lost(struct store *s, struct buf *bytes_r)
{
	struct rocks *r = rocks_of(s);
	char *path = path_in(r, WAL_LOST_FILE);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;
	enum err e;

	buf_reset(bytes_r);
	while (n > 0) {
		n = read(fd, buf_reserve(bytes_r, KIB), KIB);
		if (n > 0)
			buf_added(bytes_r, (size_t)n);
	}
	e = n < 0 ? err_from_errno(errno) : OK;
	if (fd >= 0)
		close(fd);
	free(path);
	return e;
}

static enum err mend_one(struct rocks *r, const struct rocks_damage *d, str key)
{
	enum err e =
		correct_block_away(r->dir, d->file, d->offset, d->size, key);

	if (e)
		log_error("store", "a damaged table cannot be mended",
			LOG_C("where", r->dir), LOG_C("file", d->file),
			LOG_U64("offset", d->offset), LOG_ERR(e));
	else
		log_info("store", "a damaged table was mended",
			LOG_C("where", r->dir), LOG_C("file", d->file),
			LOG_U64("offset", d->offset), LOG_U64("size", d->size));
	return e;
}

/* What stopped compaction is gone: opened anew, it goes on. */
static void tidy_again(struct rocks *r)
{
	if (atomic_exchange(&r->untidy, false))
		atomic_compare_exchange_strong(
			&r->broken, &(enum err){OK}, ERR_CORRUPT);
}

/* Of those that were met so far; what a dry run told is told again only at the
 * beginning of another. */
static enum err correct_blocks(
	struct rocks *r, struct correcting *c, bool met_only)
{
	bool again = !c->dry || !met_only;
	enum err e = OK;
	size_t i = 0;

	pthread_mutex_lock(&r->damage_lock);
	for (; !e && i < r->damage_count; i++) {
		struct rocks_damage d = r->damages[i];
		unsigned before = c->corrected;

		if (d.what != NOT_TRIED && !(d.what == ONE_BIT && again))
			continue;
		pthread_mutex_unlock(&r->damage_lock);
		e = correct_block(c, d.file, d.offset, d.size);
		pthread_mutex_lock(&r->damage_lock);
		if (c->corrected > before)
			d.what = c->dry ? ONE_BIT : CORRECTED;
		else if (!e)
			d.what = MORE_BITS;
		r->damages[i].what = d.what;
	}
	pthread_mutex_unlock(&r->damage_lock);
	return e;
}

static enum err rocks_correct(struct store *s, struct store_correct *correct)
{
	struct rocks *r = rocks_of(s);
	struct correcting c = {.dir = r->dir,
		.dry = correct->dry,
		.said = correct->said,
		.arg = correct->arg};
	struct store_txn *t = rocks_begin_read(s); /* not opened meanwhile */
	enum err e;

	pthread_mutex_lock(&r->correct_lock);
	/* What then cannot be read because of a frame is not given up. */
	if (!correct->met_only)
		say_unread(r, correct_frames(&c));
	e = correct_blocks(r, &c, correct->met_only);
	pthread_mutex_unlock(&r->correct_lock);
	rocks_end_read(t);
	if (c.corrected && !c.dry)
		tidy_again(r);
	correct->corrected = c.corrected;
	return e;
}

static bool rocks_is_one_bit(struct store *s, uint64_t damage)
{
	struct rocks *r = rocks_of(s);
	bool is;

	pthread_mutex_lock(&r->damage_lock);
	is = damage && damage <= r->damage_count &&
	     r->damages[damage - 1].what == ONE_BIT;
	pthread_mutex_unlock(&r->damage_lock);
	return is;
}

static enum err rocks_mend(
	struct store *s, const struct store_damage *damages, size_t count)
{
	struct rocks *r = rocks_of(s);
	enum err e = format_write(s),
		 one; /* it may have been in such a place */
	struct store_txn *t;

	if (e)
		return e;
	t = rocks_begin_read(s); /* it is not opened anew meanwhile */
	pthread_mutex_lock(&r->correct_lock);
	for (size_t i = 0; i < count; i++) {
		struct rocks_damage d;

		if (!damages[i].number || !txn_of(t)->db)
			continue;
		pthread_mutex_lock(&r->damage_lock);
		d = r->damages[damages[i].number - 1];
		pthread_mutex_unlock(&r->damage_lock);
		one = mend_one(r, &d, buf_str(&damages[i].key));
		e = e ? e : one;
	}
	pthread_mutex_unlock(&r->correct_lock);
	rocks_end_read(t);
	if (!e)
		tidy_again(r);
	return e;
}

static const struct store_ops rocks_ops = {
	.close = rocks_close,
	.begin_read = rocks_begin_read,
	.end_read = rocks_end_read,
	.look = rocks_look,
	.scan = rocks_scan,
	.iter_next = rocks_next,
	.iter_end = rocks_iter_end,
	.put = rocks_put,
	.remove = rocks_delete,
	.write = combine_write,
	.begin_batch = rocks_begin_batch,
	.savepoint = rocks_savepoint,
	.rollback = rocks_rollback,
	.commit = rocks_commit,
	.abort = rocks_abort,
	.sync = rocks_sync,
	.set_cache = rocks_set_cache,
	.stats = rocks_stats,
	.lost_bytes = rocks_lost_bytes,
	.regained = rocks_regained,
	.read_lost = rocks_read_lost,
	.bury = rocks_bury,
	.correct = rocks_correct,
	.is_one_bit = rocks_is_one_bit,
	.mend = rocks_mend,
};

static const char *advice(enum err err)
{
	switch (err) {
	case ERR_INUSE:
		return "cannot open the store: another process has it open";
	case ERR_VERSION:
		return "cannot open the store: a newer RocksDB wrote it";
	case ERR_CORRUPT:
		return "cannot open the store: it is damaged; restore it "
		       "from a backup";
	case ERR_NOSPACE:
		return "cannot open the store: the disk is full";
	default:
		return "cannot open the store";
	}
}

/* Without compaction there come ever more files; none is to be waited for. */
static void leave_untidy(rocksdb_options_t *o)
{
	rocksdb_options_set_disable_auto_compactions(o, 1);
	rocksdb_options_set_level0_slowdown_writes_trigger(o, INT_MAX);
	rocksdb_options_set_level0_stop_writes_trigger(o, INT_MAX);
	rocksdb_options_set_soft_pending_compaction_bytes_limit(o, 0);
	rocksdb_options_set_hard_pending_compaction_bytes_limit(o, 0);
}

static char *try_to_open(struct rocks *r)
{
	rocksdb_options_t *o = options(r);
	char *status = NULL;

	if (atomic_load(&r->untidy))
		leave_untidy(o);
	r->db = rocksdb_open(o, r->dir, &status);
	rocksdb_options_destroy(o);
	return status;
}

/* Of some damage there RocksDB says nothing, opens what was, and deletes what
 * it does not know of. */
static enum err look_at_manifest(const struct rocks *r)
{
	struct correcting c = {.dir = r->dir};
	enum err e = correct_current(&c);

	if (!e)
		e = correct_manifests(&c);
	if (e == ERR_CORRUPT)
		log_error("store", advice(e), LOG_C("where", r->dir),
			LOG_C("file", "MANIFEST"));
	else
		say_unread(r, e);
	return e == ERR_CORRUPT ? e : OK;
}

/* What keeps it from being opened may be a wrong bit: in the block that the
 * status names, or it names none. */
static bool was_a_bit(const struct rocks *r, const char *status)
{
	struct correcting c = {.dir = r->dir};
	enum err why = meaning(status), e;
	struct rocks_damage d;

	if (why != ERR_CORRUPT && why != ERR_IO && why != ERR_VERSION)
		return false;
	e = read_damage(status, &d)
		    ? correct_block(&c, d.file, d.offset, d.size)
		    : correct_frames(&c);
	say_unread(r, e);
	return c.corrected > 0;
}

static enum err open_db(struct rocks *r)
{
	enum err e = look_at_manifest(r);
	unsigned tries = OPEN_TRIES;
	char *status;

	if (e)
		return e;
	status = try_to_open(r);
	while (status && tries-- && was_a_bit(r, status)) {
		rocksdb_free(status);
		status = try_to_open(r);
	}
	return check(r, status ? advice(meaning(status)) : "", status);
}

/* Before the damaged log is touched: who is interrupted knows later. */
static enum err leave_note(const struct rocks *r)
{
	char *path = path_in(r, LOST_NOTE);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	int dir = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = OK;

	if (fd < 0 || dir < 0 || fsync(fd) || fsync(dir))
		e = err_from_errno(errno);
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	free(path);
	return e;
}

static bool has_note(const struct rocks *r)
{
	char *path = path_in(r, LOST_NOTE);
	bool has = access(path, F_OK) == 0;

	free(path);
	return has;
}

static enum err mend_log(struct rocks *r, const struct wal_finding *f)
{
	enum err e = leave_note(r);

	log_error("store",
		"the log is damaged: some of what was acknowledged is lost, "
		"what came before and after is kept; check the disk, run "
		"culver verify; what cannot be read is in " WAL_LOST_FILE,
		LOG_C("where", r->dir), LOG_C("file", f->file),
		LOG_U64("at", f->at), LOG_U64("bytes", f->lost));
	if (!e)
		e = wal_mend(r->dir);
	if (e)
		log_error("store", "cannot write the damaged log anew",
			LOG_C("where", r->dir), LOG_ERR(e));
	return e;
}

/* Before the log is looked at, which is written anew where it is damaged:
 * RocksDB takes its own lock only when it opens. What cannot be locked, it will
 * say so. */
static enum err lock_directory(struct rocks *r)
{
	r->lock_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->lock_fd < 0 || flock(r->lock_fd, LOCK_EX | LOCK_NB) == 0 ||
		errno != EWOULDBLOCK)
		return OK;
	log_error("store", advice(ERR_INUSE), LOG_C("where", r->dir));
	return ERR_INUSE;
}

/* As far as it can be corrected. */
static enum err check_log(const struct rocks *r, struct wal_finding *finding_r)
{
	struct correcting c = {.dir = r->dir};
	enum err e = wal_check(r->dir, finding_r);

	if (!e && finding_r->state != WAL_WHOLE)
		e = correct_logs(&c);
	if (!e && c.corrected)
		e = wal_check(r->dir, finding_r);
	return e;
}

static enum err look_at_log(struct rocks *r)
{
	struct wal_finding f;
	enum err e = check_log(r, &f);

	if (e) {
		log_error("store",
			"cannot open the store: its log cannot be read; copy "
			"all that can be read to another disk, and start there",
			LOG_C("where", r->dir), LOG_ERR(e));
		return e;
	}
	if (f.state == WAL_CUT) {
		log_info("store",
			"the log ends amid a write that was not acknowledged",
			LOG_C("where", r->dir), LOG_C("file", f.file),
			LOG_U64("at", f.at), LOG_U64("bytes", f.lost));
		f.lost = 0;
	}
	if (f.state == WAL_TORN)
		log_warn("store",
			"the log's end cannot be read, as after a power cut: "
			"nothing that was acknowledged is missing; if there "
			"was none, the last change may be, check the disk",
			LOG_C("where", r->dir), LOG_C("file", f.file),
			LOG_U64("at", f.at), LOG_U64("bytes", f.lost));
	if (f.state == WAL_DAMAGED)
		e = mend_log(r, &f);
	r->lost = f.lost;
	if (has_note(r) && r->lost < LOST_LEAST)
		r->lost = LOST_LEAST;
	return e;
}

/* Whether it would find enough to open what it has open now. */
static bool has_descriptors(const struct rocks *r)
{
	int fds[OPEN_AGAIN];
	size_t n = 0;

	while (n < COUNT_OF(fds) &&
		(fds[n] = open(r->dir, O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	return n == COUNT_OF(fds);
}

/* Whether to try now: once a second, for want of room or descriptors only, or
 * when it is not even open. */
static bool may_reopen(struct rocks *r)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (r->reopening || store_txn_count() > 1 ||
		now.tv_sec < r->next_try.tv_sec)
		return false;
	if (r->db && atomic_load(&r->ill))
		return false;
	r->next_try.tv_sec = now.tv_sec + 1;
	return room(r) >= REOPEN_ROOM && has_descriptors(r);
}

/* Whether all transactions ended within a moment; they are short. */
static bool wait_for_users(struct rocks *r)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += REOPEN_WAIT_S;
	while (r->users)
		if (pthread_cond_timedwait(&r->changed, &r->lock, &until))
			return r->users == 0;
	return true;
}

/* Locked. What was acknowledged is in the log and comes back from there. */
static void reopen(struct rocks *r)
{
	enum err err;

	if (!may_reopen(r))
		return;
	r->reopening = true;
	if (wait_for_users(r)) {
		if (r->db)
			rocksdb_close(r->db);
		r->db = NULL;
		err = open_db(r);
		atomic_store(&r->broken, err);
		if (!err)
			log_info("store", "opened again, can write again",
				LOG_C("where", r->dir));
	}
	r->reopening = false;
	pthread_cond_broadcast(&r->changed);
}

enum err store_open_rocksdb(const char *dir, struct store **store_r)
{
	struct rocks *r = xcalloc(1, sizeof *r);
	pthread_condattr_t monotonic;
	enum err err;

	store_init(&r->store, &rocks_ops);
	r->dir = xstrdup(dir);
	r->cache = rocksdb_cache_create_lru(STORE_CACHE);
	r->latest = rocksdb_readoptions_create();
	r->sync = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(r->sync, 1);
	r->lazy = rocksdb_writeoptions_create();
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->correct_lock, NULL);
	pthread_mutex_init(&r->damage_lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	err = lock_directory(r);
	if (!err)
		err = look_at_log(r);
	if (!err)
		err = open_db(r);
	if (!err)
		err = format_check(&r->store, dir);
	if (err) {
		rocks_close(&r->store);
		return err;
	}
	*store_r = &r->store;
	return OK;
}
