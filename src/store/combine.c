/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Combining of writers. Writers of one scope stand in a queue. The first runs
 * the functions of all who stand behind it, one after another in one batch,
 * commits with one sync, wakes them, and hands the lead to whoever queued
 * meanwhile. A queue exists only while somebody stands in it.
 *
 * So a function runs in the thread of whoever leads: it must not use
 * thread-locals, nor call store_write.
 */
#include "store/engine.h"
#include "base/alloc.h"
#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

/* What one batch may hold: latency of the first, memory of all. */
#define GROUP_MAX 64
#define GROUP_BYTES ((uint64_t)4 << 20)

struct writer {
	store_write_fn *fn;
	void *arg;
	bool lazy;
	enum err err;
	enum { WAITING, LEADING, DONE } state;
	pthread_cond_t wake;
	struct writer *next;
};

struct combine_queue {
	struct combine_queue *next;
	struct writer *first, *last;
	size_t scope_n;
	char scope[];
};

/* What became of one group. */
struct group {
	struct writer *last; /* the last one that ran */
	bool sync;
	unsigned count;
};

static _Thread_local bool writing;

static struct combine_queue **find_queue(struct combine_stripe *st, str scope)
{
	struct combine_queue **at = &st->queues;

	while (*at && !str_eq(str_of((*at)->scope, (*at)->scope_n), scope))
		at = &(*at)->next;
	return at;
}

static struct combine_queue *queue_new(str scope)
{
	struct combine_queue *q = xmalloc(sizeof *q + scope.n);

	*q = (struct combine_queue){.scope_n = scope.n};
	if (scope.n)
		memcpy(q->scope, scope.p, scope.n);
	return q;
}

/* The first in a queue leads. The stripe is locked. */
static struct combine_queue *enqueue(
	struct combine_stripe *st, str scope, struct writer *w)
{
	struct combine_queue **at = find_queue(st, scope);
	struct combine_queue *q = *at;

	if (!q) {
		q = *at = queue_new(scope);
		q->first = w;
		w->state = LEADING;
	} else {
		q->last->next = w;
	}
	q->last = w;
	return q;
}

/* An error undoes what this function wrote and concerns it alone. */
static void run_one(struct store_txn *t, struct writer *w)
{
	uint64_t written = t->written;

	t->err = OK;
	t->store->ops->savepoint(t);
	w->err = w->fn(t, w->arg);
	assert(t->iters == 0);
	if (!w->err)
		w->err = t->err;
	if (w->err && t->written != written) {
		t->store->ops->rollback(t);
		t->written = written;
	}
}

static struct group run_group(
	struct store_txn *t, struct combine_stripe *st, struct writer *w)
{
	struct group g = {0};

	while (w) {
		atomic_fetch_sub(&t->store->waiting, 1);
		run_one(t, w);
		g.last = w;
		g.count++;
		g.sync |= !w->err && !w->lazy;
		if (g.count == GROUP_MAX || t->written >= GROUP_BYTES)
			break;
		pthread_mutex_lock(&st->lock);
		w = w->next;
		pthread_mutex_unlock(&st->lock);
	}
	return g;
}

static void raise_synced(struct store *s, uint64_t lazy)
{
	uint64_t synced = atomic_load(&s->synced);

	while (synced < lazy &&
		!atomic_compare_exchange_weak(&s->synced, &synced, lazy))
		;
}

/* A sync makes every lazy write durable that was committed before it began,
 * of any scope: so even a group that wrote nothing syncs when there are any. */
static enum err commit_group(
	struct store *s, struct store_txn *t, const struct group *g)
{
	uint64_t lazy = atomic_load(&s->lazy);
	bool empty = t->written == 0;
	bool sync = g->sync && (!empty || atomic_load(&s->synced) < lazy);
	enum err err = OK;

	if (!empty) {
		err = s->ops->commit(t, sync);
	} else {
		if (sync)
			err = s->ops->sync(t);
		s->ops->abort(t);
	}
	if (err)
		return err;
	if (!empty)
		atomic_fetch_add(&s->counts.commits, 1);
	if (!empty && !sync)
		atomic_fetch_add(&s->lazy, 1);
	if (sync) {
		atomic_fetch_add(&s->counts.syncs, 1);
		raise_synced(s, lazy);
	}
	return OK;
}

/* The stripe is locked. A writer may be gone once it is woken and the lock
 * released. */
static void finish_group(struct combine_queue *q, struct writer *last,
	const struct writer *self, enum err err)
{
	struct writer *w = q->first, *end = last->next;

	while (w != end) {
		struct writer *next = w->next;

		if (!w->err)
			w->err = err;
		w->state = DONE;
		if (w != self)
			pthread_cond_signal(&w->wake);
		w = next;
	}
	q->first = end;
	if (end) {
		end->state = LEADING;
		pthread_cond_signal(&end->wake);
	}
}

/* Called and returns with the stripe locked. */
static void lead(struct store *s, struct combine_stripe *st,
	struct combine_queue *q, struct writer *self)
{
	struct store_txn *t;
	struct group g;
	enum err err;

	pthread_mutex_unlock(&st->lock);
	writing = true;
	store_txn_opened();
	t = s->ops->begin_batch(s);
	g = run_group(t, st, self);
	err = commit_group(s, t, &g);
	store_txn_closed();
	writing = false;
	pthread_mutex_lock(&st->lock);
	finish_group(q, g.last, self, err);
	if (!q->first) {
		*find_queue(st, str_of(q->scope, q->scope_n)) = q->next;
		free(q);
	}
}

enum err combine_write(
	struct store *s, str scope, store_write_fn *fn, void *arg, bool lazy)
{
	struct combine_stripe *st =
		&s->stripes[hash_str(scope) % COUNT_OF(s->stripes)];
	struct writer w = {.fn = fn, .arg = arg, .lazy = lazy};
	struct combine_queue *q;

	assert(!writing);
	pthread_cond_init(&w.wake, NULL);
	pthread_mutex_lock(&st->lock);
	q = enqueue(st, scope, &w);
	atomic_fetch_add(&s->waiting, 1);
	while (w.state == WAITING)
		pthread_cond_wait(&w.wake, &st->lock);
	if (w.state == LEADING)
		lead(s, st, q, &w);
	pthread_mutex_unlock(&st->lock);
	pthread_cond_destroy(&w.wake);
	return w.err;
}
