/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Combining of writers. Writers of one scope stand in a queue. The first leads:
 * it runs the functions of all who stand behind it, one after another in one
 * batch, commits with one sync, wakes them, and hands the lead to whoever
 * queued meanwhile. A queue exists only while somebody stands in it.
 *
 * A caller with several writes stands in several queues, and commits all those
 * it leads in one batch. Who leads waits for no other queue, so callers whose
 * writes cross do not wait for each other for ever.
 *
 * So a function runs in the thread of whoever leads: it must not use
 * thread-locals, nor call store_write.
 */
#include "store/engine.h"
#include "base/alloc.h"
#include "base/hash.h"

#include <assert.h>
#include <semaphore.h>
#include <stdlib.h>

/* What one batch may hold: latency of the first, memory of all. */
#define GROUP_MAX 64
#define GROUP_BYTES ((uint64_t)4 << 20)

/* Most callers have one write. */
#define WRITERS_INLINE 4

/* One call's thread, which waits for its writers' turns. It is woken after the
 * stripe was let go, which it would wait for; and it does not go before it has
 * been woken as often as was promised. */
struct caller {
	sem_t wake;
	atomic_uint promised;
	unsigned woken;
};

/* Who is to be woken for a group's end: its writers, and the next leader. */
struct woken {
	struct caller *callers[GROUP_MAX + 1];
	size_t count;
};

/* `state` and `next` are the stripe's. */
struct writer {
	struct store_job *job;
	struct caller *caller;
	struct combine_stripe *stripe;
	struct combine_queue *queue;
	bool lazy;
	enum { WAITING, LEADING, DONE } state;
	struct writer *next;
	struct writer *last; /* of the group it leads, while it commits */
};

struct combine_queue {
	struct combine_queue *next;
	struct writer *first, *last;
	size_t scope_n;
	char scope[];
};

/* What one batch has. */
struct batch {
	struct store_txn *txn;
	bool durable; /* it began as one that will be synced */
	bool sync;    /* a function that asked for it wants it */
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

/* The first in a queue leads. */
static void enqueue(struct store *s, struct writer *w)
{
	struct combine_stripe *st = w->stripe;
	struct combine_queue **at, *q;

	pthread_mutex_lock(&st->lock);
	at = find_queue(st, w->job->scope);
	q = *at;
	if (!q) {
		q = *at = queue_new(w->job->scope);
		q->first = w;
		w->state = LEADING;
	} else {
		q->last->next = w;
	}
	q->last = w;
	w->queue = q;
	atomic_fetch_add(&s->waiting, 1);
	pthread_mutex_unlock(&st->lock);
}

/* An error undoes what this function wrote and concerns it alone. */
static void run_one(struct store_txn *t, struct store_job *job)
{
	uint64_t written = t->written;

	t->err = OK;
	t->store->ops->savepoint(t);
	job->err = job->fn(t, job->arg);
	assert(t->iters == 0);
	if (!job->err)
		job->err = t->err;
	if (job->err && t->written != written) {
		t->store->ops->rollback(t);
		t->written = written;
	}
}

static bool is_full(const struct batch *b)
{
	return b->count >= GROUP_MAX || b->txn->written >= GROUP_BYTES;
}

/* The leader and those behind it, as far as the batch takes them. */
static void run_group(struct batch *b, struct writer *leader)
{
	struct combine_stripe *st = leader->stripe;
	struct writer *w = leader;

	while (w) {
		atomic_fetch_sub(&b->txn->store->waiting, 1);
		run_one(b->txn, w->job);
		leader->last = w;
		b->count++;
		b->sync |= !w->job->err && !w->lazy;
		if (is_full(b))
			break;
		pthread_mutex_lock(&st->lock);
		w = w->next;
		pthread_mutex_unlock(&st->lock);
	}
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
static enum err commit_batch(struct store *s, const struct batch *b)
{
	struct store_txn *t = b->txn;
	uint64_t lazy = atomic_load(&s->lazy);
	bool empty = t->written == 0;
	bool sync = empty ? b->sync && atomic_load(&s->synced) < lazy
			  : b->sync || b->durable;
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

static void promise(struct woken *all, struct caller *c)
{
	atomic_fetch_add(&c->promised, 1);
	all->callers[all->count++] = c;
}

/* The stripe is locked. A writer may be gone once it is released. */
static void finish_group(
	struct writer *leader, enum err err, struct woken *woken)
{
	struct combine_queue *q = leader->queue;
	struct caller *self = leader->caller;
	struct writer *w = q->first, *end = leader->last->next;

	while (w != end) {
		struct writer *next = w->next;

		if (!w->job->err)
			w->job->err = err;
		w->state = DONE;
		if (w->caller != self)
			promise(woken, w->caller);
		w = next;
	}
	q->first = end;
	if (end) {
		end->state = LEADING;
		promise(woken, end->caller);
	} else {
		*find_queue(leader->stripe, str_of(q->scope, q->scope_n)) =
			q->next;
		free(q);
	}
}

static int state_of(struct writer *w)
{
	int state;

	pthread_mutex_lock(&w->stripe->lock);
	state = (int)w->state;
	pthread_mutex_unlock(&w->stripe->lock);
	return state;
}

/* Runs and commits what these lead, as much as one batch takes. */
static void lead(struct store *s, struct writer **leaders, size_t count)
{
	struct batch b = {0};
	size_t led = 0;
	enum err err;

	writing = true;
	store_txn_opened();
	for (size_t i = 0; i < count; i++)
		b.durable |= !leaders[i]->lazy;
	b.txn = s->ops->begin_batch(s, b.durable);
	while (led < count && !is_full(&b))
		run_group(&b, leaders[led++]);
	err = commit_batch(s, &b);
	store_txn_closed();
	writing = false;
	for (size_t i = 0; i < led; i++) {
		struct combine_stripe *st = leaders[i]->stripe;
		struct woken woken = {.count = 0};

		pthread_mutex_lock(&st->lock);
		finish_group(leaders[i], err, &woken);
		pthread_mutex_unlock(&st->lock);
		while (woken.count)
			sem_post(&woken.callers[--woken.count]->wake);
	}
}

static void wait_for_turn(struct caller *c)
{
	while (sem_wait(&c->wake))
		;
	c->woken++;
}

/* Until all are done, leading whenever it is one's turn. */
static void write_all(struct store *s, struct caller *c, struct writer *writers,
	struct writer **leaders, size_t count)
{
	for (;;) {
		size_t done = 0, leading = 0;

		for (size_t i = 0; i < count; i++) {
			int state = state_of(&writers[i]);

			done += state == DONE;
			if (state == LEADING)
				leaders[leading++] = &writers[i];
		}
		if (done == count)
			return;
		if (leading)
			lead(s, leaders, leading);
		else
			wait_for_turn(c);
	}
}

void combine_write(
	struct store *s, struct store_job *jobs, size_t count, bool lazy)
{
	struct writer few[WRITERS_INLINE], *leading_few[WRITERS_INLINE];
	bool many = count > WRITERS_INLINE;
	struct writer *writers = many ? xcalloc(count, sizeof *writers) : few;
	struct writer **leaders =
		many ? xcalloc(count, sizeof(struct writer *)) : leading_few;
	struct caller c = {.woken = 0};

	assert(!writing);
	sem_init(&c.wake, 0, 0);
	for (size_t i = 0; i < count; i++)
		writers[i] = (struct writer){
			.job = &jobs[i],
			.caller = &c,
			.stripe = &s->stripes[hash_str(jobs[i].scope) %
					      COUNT_OF(s->stripes)],
			.lazy = lazy,
		};
	for (size_t i = 0; i < count; i++)
		enqueue(s, &writers[i]);
	write_all(s, &c, writers, leaders, count);
	while (c.woken < atomic_load(&c.promised))
		wait_for_turn(&c);
	sem_destroy(&c.wake);
	if (many) {
		free(writers);
		free(leaders);
	}
}
