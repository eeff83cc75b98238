/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory engine: the executable specification. A treap whose nodes are
 * never changed once made, only counted: a snapshot is a pointer to a root,
 * and so is a savepoint. Priorities are keyed hashes of the keys, so that no
 * choice of keys makes it deep. One batch is written at a time.
 */
#include "store/engine.h"
#include "base/alloc.h"
#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

struct entry {
	_Atomic unsigned refs;
	uint64_t priority;
	str key, value;
	char bytes[];
};

struct node {
	_Atomic unsigned refs;
	struct entry *entry;
	struct node *left, *right;
};

struct memory {
	struct store store;
	pthread_mutex_t lock;	/* of the roots */
	struct node *root;	/* what is committed */
	struct node *durable;	/* what a power cut would leave */
	pthread_mutex_t writer; /* held from begin_batch to commit or abort */
};

struct memory_txn {
	struct store_txn txn;
	struct node *root;
	struct node *saved;
};

struct memory_iter {
	struct store_iter iter;
	struct node *root;
	struct buf from, to;
	bool back;
	const struct entry *at; /* the last one given; NULL at the start */
};

static struct entry *entry_new(str key, str value)
{
	struct entry *e = xmalloc(sizeof *e + key.n + value.n);

	memcpy(e->bytes, key.p, key.n);
	if (value.n)
		memcpy(e->bytes + key.n, value.p, value.n);
	e->refs = 1;
	e->priority = hash_str(key);
	e->key = str_of(e->bytes, key.n);
	e->value = str_of(e->bytes + key.n, value.n);
	return e;
}

static void entry_unref(struct entry *e)
{
	if (atomic_fetch_sub(&e->refs, 1) == 1)
		free(e);
}

/* Takes the references to left and right, makes its own to the entry. */
static struct node *node_new(
	struct entry *e, struct node *left, struct node *right)
{
	struct node *n = xmalloc(sizeof *n);

	atomic_fetch_add(&e->refs, 1);
	n->refs = 1;
	n->entry = e;
	n->left = left;
	n->right = right;
	return n;
}

static struct node *ref(struct node *n)
{
	if (n)
		atomic_fetch_add(&n->refs, 1);
	return n;
}

static void unref(struct node *n)
{
	if (!n || atomic_fetch_sub(&n->refs, 1) != 1)
		return;
	unref(n->left);
	unref(n->right);
	entry_unref(n->entry);
	free(n);
}

/* Trees given are borrowed, trees returned are the caller's. */
static struct node *insert(struct node *n, struct entry *e)
{
	struct node *child, *made;
	int order;

	if (!n)
		return node_new(e, NULL, NULL);
	order = str_cmp(e->key, n->entry->key);
	if (order == 0)
		return node_new(e, ref(n->left), ref(n->right));
	child = insert(order < 0 ? n->left : n->right, e);
	if (child->entry->priority <= n->entry->priority)
		return order < 0 ? node_new(n->entry, child, ref(n->right))
				 : node_new(n->entry, ref(n->left), child);
	if (order < 0)
		made = node_new(child->entry, ref(child->left),
			node_new(n->entry, ref(child->right), ref(n->right)));
	else
		made = node_new(child->entry,
			node_new(n->entry, ref(n->left), ref(child->left)),
			ref(child->right));
	unref(child);
	return made;
}

/* All keys of a are below those of b. */
static struct node *join(struct node *a, struct node *b)
{
	if (!a)
		return ref(b);
	if (!b)
		return ref(a);
	if (a->entry->priority > b->entry->priority)
		return node_new(a->entry, ref(a->left), join(a->right, b));
	return node_new(b->entry, join(a, b->left), ref(b->right));
}

static struct node *without(struct node *n, str key)
{
	int order;

	if (!n)
		return NULL;
	order = str_cmp(key, n->entry->key);
	if (order == 0)
		return join(n->left, n->right);
	if (order < 0)
		return node_new(n->entry, without(n->left, key), ref(n->right));
	return node_new(n->entry, ref(n->left), without(n->right, key));
}

/* The lowest entry whose key is above `key`, or equal to it where allowed. */
static const struct entry *above(const struct node *n, str key, bool or_equal)
{
	const struct entry *best = NULL;

	while (n) {
		int order = str_cmp(n->entry->key, key);

		if (order > 0 || (or_equal && order == 0)) {
			best = n->entry;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

/* The highest entry whose key is below `key`; an empty one: of all. */
static const struct entry *below(const struct node *n, str key)
{
	const struct entry *best = NULL;

	while (n) {
		if (key.n == 0 || str_cmp(n->entry->key, key) < 0) {
			best = n->entry;
			n = n->right;
		} else {
			n = n->left;
		}
	}
	return best;
}

static struct memory *memory_of(struct store *s)
{
	return (struct memory *)s;
}

static struct memory_txn *txn_of(struct store_txn *t)
{
	return (struct memory_txn *)t;
}

static struct memory_txn *txn_new(struct memory *m, bool writing)
{
	struct memory_txn *t = xcalloc(1, sizeof *t);

	store_txn_init(&t->txn, &m->store, writing);
	pthread_mutex_lock(&m->lock);
	t->root = ref(m->root);
	pthread_mutex_unlock(&m->lock);
	return t;
}

static void txn_free(struct store_txn *txn)
{
	struct memory_txn *t = txn_of(txn);

	unref(t->root);
	unref(t->saved);
	free(t);
}

static struct store_txn *memory_begin_read(struct store *s)
{
	return &txn_new(memory_of(s), false)->txn;
}

static enum err memory_look(struct store_txn *t, str key, bool summed,
	store_value_fn *fn, void *arg)
{
	const struct entry *e = above(txn_of(t)->root, key, true);

	(void)summed;
	if (!e || !str_eq(e->key, key))
		return ERR_NOTFOUND;
	return fn(e->value, arg);
}

static struct store_iter *memory_scan(
	struct store_txn *t, str from, str to, enum store_scan_how how)
{
	struct memory_iter *it = xmalloc(sizeof *it);

	it->root = ref(txn_of(t)->root);
	it->from = it->to = BUF_UNBOUNDED;
	buf_add(&it->from, from);
	buf_add(&it->to, to);
	it->back = how == SCAN_BACK;
	it->at = NULL;
	return &it->iter;
}

static const struct entry *step(const struct memory_iter *it)
{
	str from = buf_str(&it->from), to = buf_str(&it->to);
	const struct entry *e;

	if (it->back) {
		e = below(it->root, it->at ? it->at->key : to);
		return e && str_cmp(e->key, from) < 0 ? NULL : e;
	}
	e = it->at ? above(it->root, it->at->key, false)
		   : above(it->root, from, true);
	return e && to.n && str_cmp(e->key, to) >= 0 ? NULL : e;
}

static bool memory_next(struct store_iter *iter, str *key_r, str *value_r)
{
	struct memory_iter *it = (struct memory_iter *)iter;
	const struct entry *e = step(it);

	if (!e)
		return false;
	it->at = e;
	*key_r = e->key;
	*value_r = e->value;
	return true;
}

static enum err memory_iter_end(struct store_iter *iter)
{
	struct memory_iter *it = (struct memory_iter *)iter;

	unref(it->root);
	buf_fini(&it->from);
	buf_fini(&it->to);
	free(it);
	return OK;
}

static void set_root(struct node **root, struct node *to)
{
	struct node *was = *root;

	*root = to;
	unref(was);
}

static void memory_put(struct store_txn *t, str key, str value)
{
	struct entry *e = entry_new(key, value);

	set_root(&txn_of(t)->root, insert(txn_of(t)->root, e));
	entry_unref(e);
}

static void memory_delete(struct store_txn *t, str key)
{
	set_root(&txn_of(t)->root, without(txn_of(t)->root, key));
}

static struct store_txn *memory_begin_batch(struct store *s, bool durable)
{
	(void)durable;
	pthread_mutex_lock(&memory_of(s)->writer);
	return &txn_new(memory_of(s), true)->txn;
}

static void memory_savepoint(struct store_txn *t)
{
	set_root(&txn_of(t)->saved, ref(txn_of(t)->root));
}

static void memory_rollback(struct store_txn *t)
{
	set_root(&txn_of(t)->root, ref(txn_of(t)->saved));
}

static void memory_abort(struct store_txn *t)
{
	pthread_mutex_unlock(&memory_of(t->store)->writer);
	txn_free(t);
}

static enum err memory_sync(struct store_txn *t)
{
	struct memory *m = memory_of(t->store);
	struct node *was;

	pthread_mutex_lock(&m->lock);
	was = m->durable;
	m->durable = ref(m->root);
	pthread_mutex_unlock(&m->lock);
	unref(was);
	return OK;
}

static enum err memory_commit(struct store_txn *t, bool sync)
{
	struct memory *m = memory_of(t->store);
	struct node *was;
	enum err err = OK;

	pthread_mutex_lock(&m->lock);
	was = m->root;
	m->root = ref(txn_of(t)->root);
	pthread_mutex_unlock(&m->lock);
	unref(was);
	if (sync)
		err = memory_sync(t);
	memory_abort(t);
	return err;
}

static void memory_crash(struct store *s)
{
	struct memory *m = memory_of(s);
	struct node *was;

	pthread_mutex_lock(&m->writer);
	pthread_mutex_lock(&m->lock);
	was = m->root;
	m->root = ref(m->durable);
	pthread_mutex_unlock(&m->lock);
	pthread_mutex_unlock(&m->writer);
	unref(was);
}

static void memory_close(struct store *s)
{
	struct memory *m = memory_of(s);

	unref(m->root);
	unref(m->durable);
	pthread_mutex_destroy(&m->lock);
	pthread_mutex_destroy(&m->writer);
	store_fini(s);
	free(m);
}

static const struct store_ops memory_ops = {
	.close = memory_close,
	.begin_read = memory_begin_read,
	.end_read = txn_free,
	.look = memory_look,
	.scan = memory_scan,
	.iter_next = memory_next,
	.iter_end = memory_iter_end,
	.put = memory_put,
	.remove = memory_delete,
	.write = combine_write,
	.begin_batch = memory_begin_batch,
	.savepoint = memory_savepoint,
	.rollback = memory_rollback,
	.commit = memory_commit,
	.abort = memory_abort,
	.sync = memory_sync,
	.crash = memory_crash,
};

struct store *store_open_memory(void)
{
	struct memory *m = xcalloc(1, sizeof *m);

	store_init(&m->store, &memory_ops);
	pthread_mutex_init(&m->lock, NULL);
	pthread_mutex_init(&m->writer, NULL);
	return &m->store;
}
