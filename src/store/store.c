/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"
#include "store/engine.h"
#include "base/alloc.h"

#include <assert.h>

#define VALUE_MAX ((size_t)64 << 20)

/* Keys below this are the store's own. */
static const str first_key = STR_LIT("\x01");

static _Thread_local unsigned open_txns;

#define COUNT(store, what, n)                                                  \
	atomic_fetch_add_explicit(                                             \
		&(store)->counts.what, (n), memory_order_relaxed)
#define COUNTED(store, what)                                                   \
	atomic_load_explicit(&(store)->counts.what, memory_order_relaxed)

void store_init(struct store *s, const struct store_ops *ops)
{
	s->ops = ops;
	for (size_t i = 0; i < COUNT_OF(s->stripes); i++)
		pthread_mutex_init(&s->stripes[i].lock, NULL);
}

void store_fini(struct store *s)
{
	for (size_t i = 0; i < COUNT_OF(s->stripes); i++) {
		assert(!s->stripes[i].queues);
		pthread_mutex_destroy(&s->stripes[i].lock);
	}
}

void store_close(struct store *s)
{
	if (s)
		s->ops->close(s);
}

void store_txn_init(struct store_txn *t, struct store *s, bool writing)
{
	*t = (struct store_txn){.store = s, .writing = writing};
}

void store_txn_opened(void)
{
	open_txns++;
}

void store_txn_closed(void)
{
	assert(open_txns > 0);
	open_txns--;
}

unsigned store_txn_count(void)
{
	return open_txns;
}

void store_assert_idle(void)
{
	assert(open_txns == 0);
}

struct store_txn *store_begin_read(struct store *s)
{
	store_txn_opened();
	return s->ops->begin_read(s);
}

void store_end_read(struct store_txn *t)
{
	if (!t)
		return;
	assert(!t->writing && t->iters == 0);
	t->store->ops->end_read(t);
	store_txn_closed();
}

static enum err stick(struct store_txn *t, enum err err)
{
	if (t->writing && err && err != ERR_NOTFOUND && !t->err)
		t->err = err;
	return err;
}

static enum err check_key(str key)
{
	if (key.n == 0 || key.p[0] == 0)
		return ERR_INVALID;
	return key.n > STORE_KEY_MAX ? ERR_TOOBIG : OK;
}

enum err store_look(struct store_txn *t, str key, bool summed,
	store_value_fn *fn, void *arg)
{
	enum err err = check_key(key);

	COUNT(t->store, gets, 1);
	if (!err)
		err = t->store->ops->look(t, key, summed, fn, arg);
	return stick(t, err);
}

static enum err copy(str value, void *arg)
{
	buf_add(arg, value);
	return buf_err(arg);
}

enum err store_get(struct store_txn *t, str key, struct buf *value_r)
{
	buf_reset(value_r);
	return store_look(t, key, false, copy, value_r);
}

enum err store_peek(struct store_txn *t, str key, struct buf *value_r)
{
	enum err err = check_key(key);

	COUNT(t->store, gets, 1);
	buf_reset(value_r);
	return err ? err : t->store->ops->look(t, key, false, copy, value_r);
}

static enum err ignore(str value, void *arg)
{
	(void)value;
	(void)arg;
	return OK;
}

enum err store_has(struct store_txn *t, str key)
{
	return store_look(t, key, false, ignore, NULL);
}

static struct store_iter *scan(
	struct store_txn *t, str from, str to, enum store_scan_how how)
{
	struct store_iter *it;

	COUNT(t->store, scans, 1);
	t->iters++;
	if (str_cmp(from, first_key) < 0)
		from = first_key;
	it = t->store->ops->scan(t, from, to, how);
	it->txn = t;
	it->scanned = 0;
	return it;
}

struct store_iter *store_scan(struct store_txn *t, str from, str to)
{
	return scan(t, from, to, SCAN_PLAIN);
}

struct store_iter *store_scan_summed(struct store_txn *t, str from, str to)
{
	return scan(t, from, to, SCAN_SUMMED);
}

struct store_iter *store_scan_back(struct store_txn *t, str from, str to)
{
	return scan(t, from, to, SCAN_BACK);
}

bool store_iter_next(struct store_iter *it, str *key_r, str *value_r)
{
	bool more = it->txn->store->ops->iter_next(it, key_r, value_r);

	it->scanned += more;
	return more;
}

enum err store_iter_end(struct store_iter *it)
{
	struct store_txn *t = it->txn;

	COUNT(t->store, scanned, it->scanned);
	t->iters--;
	return stick(t, t->store->ops->iter_end(it));
}

void store_on_long(struct store *s, void (*fn)(void))
{
	s->on_long = fn;
}

void store_long(struct store *s)
{
	if (s->on_long)
		s->on_long();
}

static void write_each(
	struct store *s, struct store_job *jobs, size_t count, bool lazy)
{
	store_long(s);
	for (size_t i = 0; i < count; i++)
		jobs[i].err = OK;
	s->ops->write(s, jobs, count, lazy);
	for (size_t i = 0; i < count; i++)
		if (!jobs[i].err)
			COUNT(s, writes, 1);
}

enum err store_write(struct store *s, str scope, store_write_fn *fn, void *arg)
{
	struct store_job job = {scope, fn, arg, OK};

	write_each(s, &job, 1, false);
	return job.err;
}

enum err store_write_lazy(
	struct store *s, str scope, store_write_fn *fn, void *arg)
{
	struct store_job job = {scope, fn, arg, OK};

	write_each(s, &job, 1, true);
	return job.err;
}

void store_write_each(struct store *s, struct store_job *jobs, size_t count)
{
	if (count)
		write_each(s, jobs, count, false);
}

void store_put(struct store_txn *t, str key, str value)
{
	enum err err = check_key(key);

	assert(t->writing);
	if (!err && value.n > VALUE_MAX)
		err = ERR_TOOBIG;
	if (stick(t, err) || t->err)
		return;
	t->written += key.n + value.n;
	t->store->ops->put(t, key, value);
}

void store_delete(struct store_txn *t, str key)
{
	assert(t->writing);
	if (stick(t, check_key(key)) || t->err)
		return;
	t->written += key.n;
	t->store->ops->remove(t, key);
}

/* The first key after all that begin with the prefix; empty: there is none. */
static void prefix_end(struct buf *end, str prefix)
{
	buf_add(end, prefix);
	while (end->n && (unsigned char)end->p[end->n - 1] == 0xff)
		end->n--;
	if (end->n)
		end->p[end->n - 1]++;
}

struct store_iter *store_scan_prefix(struct store_txn *t, str prefix)
{
	struct buf end = BUF_UNBOUNDED;
	struct store_iter *it;

	prefix_end(&end, prefix);
	it = store_scan(t, prefix, buf_str(&end));
	buf_fini(&end);
	return it;
}

void store_delete_prefix(struct store_txn *t, str prefix)
{
	struct buf end = BUF_UNBOUNDED;

	prefix_end(&end, prefix);
	store_delete_range(t, prefix, buf_str(&end));
	buf_fini(&end);
}

/* The iterator lives on while its keys are deleted behind it. */
void store_delete_range(struct store_txn *t, str from, str to)
{
	struct store_iter *it = store_scan(t, from, to);
	struct buf key = BUF_UNBOUNDED;
	str k, v;

	while (!t->err && store_iter_next(it, &k, &v)) {
		buf_reset(&key);
		buf_add(&key, k);
		store_delete(t, buf_str(&key));
	}
	buf_fini(&key);
	(void)!store_iter_end(it); /* sticks */
}

void store_set_cache(struct store *s, size_t bytes)
{
	if (s->ops->set_cache)
		s->ops->set_cache(s, bytes);
}

void store_stats(struct store *s, struct store_stats *stats_r)
{
	*stats_r = (struct store_stats){
		.commits = COUNTED(s, commits),
		.writes = COUNTED(s, writes),
		.syncs = COUNTED(s, syncs),
		.gets = COUNTED(s, gets),
		.scans = COUNTED(s, scans),
		.scanned = COUNTED(s, scanned),
	};
	if (s->ops->stats)
		s->ops->stats(s, stats_r);
}

uint64_t store_lost_bytes(struct store *s)
{
	return s->ops->lost_bytes ? s->ops->lost_bytes(s) : 0;
}

void store_regained(struct store *s)
{
	if (s->ops->regained)
		s->ops->regained(s);
}

enum err store_read_lost(struct store *s, struct buf *bytes_r)
{
	return s->ops->read_lost ? s->ops->read_lost(s, bytes_r) : ERR_NOTFOUND;
}
