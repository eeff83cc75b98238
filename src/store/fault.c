/* SPDX-License-Identifier: Apache-2.0 */
/* The wrapper has queues of writers of its own, so that a failing commit
 * fails a whole group; the inner store sees batches only. */
#include "store/fault.h"
#include "store/engine.h"
#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>

struct fault {
	struct store store;
	struct store *inner;
	struct store_fault *plan;
};

struct fault_txn {
	struct store_txn txn;
	struct store_txn *inner;
	unsigned buries, saved; /* damages, as bits */
};

struct fault_iter {
	struct store_iter iter;
	struct store_iter *inner;
	enum err err;
	bool back;
	struct buf from; /* the next key is no less */
};

static struct fault *fault_of(struct store *s)
{
	return (struct fault *)s;
}

static struct store_txn *inner_of(struct store_txn *t)
{
	return ((struct fault_txn *)t)->inner;
}

static const struct store_ops *ops_of(struct store_txn *t)
{
	return fault_of(t->store)->inner->ops;
}

void fault_arm(struct store_fault *plan, unsigned on, uint64_t n, enum err err)
{
	plan->on = on;
	plan->nth = n;
	plan->lasting = false;
	plan->err = err;
	atomic_store(&plan->calls, 0);
	atomic_store(&plan->failed, 0);
}

bool fault_fired(const struct store_fault *plan)
{
	return atomic_load(&plan->failed) > 0;
}

/* The error that this call shall have. */
static enum err inject(struct store *s, enum fault_call call)
{
	struct store_fault *plan = fault_of(s)->plan;
	uint64_t n;

	if (!(plan->on & call))
		return OK;
	n = atomic_fetch_add(&plan->calls, 1) + 1;
	if (plan->nth == 0 || n < plan->nth ||
		(n > plan->nth && !plan->lasting))
		return OK;
	atomic_fetch_add(&plan->failed, 1);
	return plan->err;
}

static struct store_txn *txn_new(
	struct store *s, struct store_txn *inner, bool writing)
{
	struct fault_txn *t = xmalloc(sizeof *t);

	store_txn_init(&t->txn, s, writing);
	t->inner = inner;
	t->buries = t->saved = 0;
	return &t->txn;
}

static struct store_txn *fault_begin_read(struct store *s)
{
	struct store *inner = fault_of(s)->inner;

	return txn_new(s, inner->ops->begin_read(inner), false);
}

static void fault_end_read(struct store_txn *t)
{
	ops_of(t)->end_read(inner_of(t));
	free(t);
}

/* The damage that this key is in, from 1; 0: none. */
static uint64_t damage_at(struct store_txn *t, str key)
{
	const struct store_fault *plan = fault_of(t->store)->plan;
	unsigned own = ((struct fault_txn *)t)->buries;

	for (unsigned i = 0; i < FAULT_DAMAGES; i++) {
		const struct fault_damage *d = &plan->damaged[i];

		if (d->to.n && !d->buried && !(own >> i & 1) &&
			str_cmp(key, d->from) >= 0 && str_cmp(key, d->to) < 0)
			return i + 1;
	}
	return 0;
}

static enum err meet(struct store_txn *t, str key)
{
	uint64_t met = damage_at(t, key);

	if (!met)
		return OK;
	t->damage = fault_of(t->store)->plan->damaged[met - 1].index ? 0 : met;
	return ERR_CORRUPT;
}

/* Whatever lies from here to the next key that can be read. */
static enum err meet_between(struct store_txn *t, str from, str next)
{
	const struct store_fault *plan = fault_of(t->store)->plan;
	enum err e = meet(t, next);

	for (unsigned i = 0; !e && i < FAULT_DAMAGES; i++) {
		str first = plan->damaged[i].from;

		if (plan->damaged[i].to.n && str_cmp(first, from) >= 0 &&
			str_cmp(first, next) <= 0)
			e = meet(t, first);
	}
	return e;
}

static enum err fault_look(struct store_txn *t, str key, bool summed,
	store_value_fn *fn, void *arg)
{
	enum err err = inject(t->store, FAULT_GET);

	if (!err)
		err = meet(t, key);
	return err ? err : ops_of(t)->look(inner_of(t), key, summed, fn, arg);
}

static struct store_iter *fault_scan(
	struct store_txn *t, str from, str to, enum store_scan_how how)
{
	struct fault_iter *it = xmalloc(sizeof *it);

	it->inner = ops_of(t)->scan(inner_of(t), from, to, how);
	it->inner->txn = inner_of(t);
	it->err = OK;
	it->back = how == SCAN_BACK;
	it->from = BUF_UNBOUNDED;
	buf_add(&it->from, from);
	return &it->iter;
}

static bool fault_next(struct store_iter *iter, str *key_r, str *value_r)
{
	struct fault_iter *it = (struct fault_iter *)iter;

	bool more;

	if (!it->err)
		it->err = inject(iter->txn->store, FAULT_SCAN);
	if (!it->err && !it->back)
		it->err = meet(iter->txn, buf_str(&it->from));
	if (it->err)
		return false;
	more = ops_of(iter->txn)->iter_next(it->inner, key_r, value_r);
	if (more && !it->back)
		it->err = meet_between(iter->txn, buf_str(&it->from), *key_r);
	if (it->err || !more)
		return false;
	buf_reset(&it->from);
	buf_add(&it->from, *key_r);
	buf_add_byte(&it->from, '\0');
	return true;
}

static enum err fault_iter_end(struct store_iter *iter)
{
	struct fault_iter *it = (struct fault_iter *)iter;
	enum err err = ops_of(iter->txn)->iter_end(it->inner);

	if (it->err)
		err = it->err;
	buf_fini(&it->from);
	free(it);
	return err;
}

static void fault_put(struct store_txn *t, str key, str value)
{
	ops_of(t)->put(inner_of(t), key, value);
}

static void fault_delete(struct store_txn *t, str key)
{
	ops_of(t)->remove(inner_of(t), key);
}

static enum err run_twice(struct store_txn *t, void *arg)
{
	const struct store_job *call = arg;
	uint64_t written = t->written;

	(void)!call->fn(t, call->arg);
	assert(t->iters == 0);
	t->err = OK;
	t->store->ops->rollback(t);
	t->written = written;
	t->store->ops->savepoint(t);
	return call->fn(t, call->arg);
}

static void fault_write(
	struct store *s, struct store_job *jobs, size_t count, bool lazy)
{
	struct store_job *twice;

	if (!fault_of(s)->plan->conflicts) {
		combine_write(s, jobs, count, lazy);
		return;
	}
	twice = xcalloc(count, sizeof *twice);
	for (size_t i = 0; i < count; i++)
		twice[i] = (struct store_job){
			jobs[i].scope, run_twice, &jobs[i], OK};
	combine_write(s, twice, count, lazy);
	for (size_t i = 0; i < count; i++)
		jobs[i].err = twice[i].err;
	free(twice);
}

static struct store_txn *fault_begin_batch(struct store *s, bool durable)
{
	struct store *inner = fault_of(s)->inner;

	return txn_new(s, inner->ops->begin_batch(inner, durable), true);
}

static void fault_bury(struct store_txn *t, str from, str to)
{
	const struct store_fault *plan = fault_of(t->store)->plan;
	struct store_iter *it;
	struct buf one = BUF_UNBOUNDED;
	str key, value;

	for (unsigned i = 0; i < FAULT_DAMAGES; i++)
		if (str_cmp(plan->damaged[i].from, from) >= 0 &&
			str_cmp(plan->damaged[i].to, to) <= 0)
			((struct fault_txn *)t)->buries |= 1u << i;
	it = ops_of(t)->scan(inner_of(t), from, to, SCAN_PLAIN);
	it->txn = inner_of(t);
	while (ops_of(t)->iter_next(it, &key, &value)) {
		buf_reset(&one);
		buf_add(&one, key);
		ops_of(t)->remove(inner_of(t), buf_str(&one));
	}
	(void)!ops_of(t)->iter_end(it);
	buf_fini(&one);
}

static void fault_savepoint(struct store_txn *t)
{
	((struct fault_txn *)t)->saved = ((struct fault_txn *)t)->buries;
	ops_of(t)->savepoint(inner_of(t));
}

static void fault_rollback(struct store_txn *t)
{
	((struct fault_txn *)t)->buries = ((struct fault_txn *)t)->saved;
	ops_of(t)->rollback(inner_of(t));
}

static void fault_abort(struct store_txn *t)
{
	ops_of(t)->abort(inner_of(t));
	free(t);
}

static enum err fault_commit(struct store_txn *t, bool sync)
{
	enum err err = inject(t->store, FAULT_COMMIT);

	if (err) {
		fault_abort(t);
		return err;
	}
	inner_of(t)->written = t->written;
	err = ops_of(t)->commit(inner_of(t), sync);
	for (unsigned i = 0; !err && i < FAULT_DAMAGES; i++)
		if (((struct fault_txn *)t)->buries >> i & 1)
			fault_of(t->store)->plan->damaged[i].buried = true;
	free(t);
	return err;
}

static enum err fault_sync(struct store_txn *t)
{
	enum err err = inject(t->store, FAULT_COMMIT);

	return err ? err : ops_of(t)->sync(inner_of(t));
}

static void fault_stats(struct store *s, struct store_stats *stats_r)
{
	struct store *inner = fault_of(s)->inner;

	if (inner->ops->stats)
		inner->ops->stats(inner, stats_r);
}

void fault_crash(struct store *s)
{
	struct store *inner = fault_of(s)->inner;

	assert(inner->ops->crash);
	inner->ops->crash(inner);
}

static void fault_close(struct store *s)
{
	store_close(fault_of(s)->inner);
	store_fini(s);
	free(s);
}

static const struct store_ops fault_ops = {
	.close = fault_close,
	.begin_read = fault_begin_read,
	.end_read = fault_end_read,
	.look = fault_look,
	.scan = fault_scan,
	.iter_next = fault_next,
	.iter_end = fault_iter_end,
	.put = fault_put,
	.remove = fault_delete,
	.write = fault_write,
	.begin_batch = fault_begin_batch,
	.savepoint = fault_savepoint,
	.rollback = fault_rollback,
	.commit = fault_commit,
	.abort = fault_abort,
	.sync = fault_sync,
	.bury = fault_bury,
	.stats = fault_stats,
};

struct store *store_open_fault(struct store *inner, struct store_fault *plan)
{
	struct fault *f = xcalloc(1, sizeof *f);

	assert(inner->ops->begin_batch);
	store_init(&f->store, &fault_ops);
	f->inner = inner;
	f->plan = plan;
	return &f->store;
}
