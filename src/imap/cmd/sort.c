/* SPDX-License-Identifier: Apache-2.0 */
/* SORT and THREAD: RFC 5256, RFC 5957; with RETURN, RFC 5267 section 3. */
#include "imap/private.h"
#include "mail/kept.h"
#include "search/sort.h"
#include "search/thread.h"

static void put_sort(
	struct buf *out, const uint32_t *numbers, uint32_t n, modseq_num modseq)
{
	buf_add_c(out, "* SORT");
	for (uint32_t i = 0; i < n; i++) {
		buf_add_byte(out, ' ');
		buf_add_u64(out, numbers[i]);
	}
	imap_put_modseq(out, modseq);
	buf_add_c(out, "\r\n");
}

/* PARTIAL's part of what was sorted, not of the mailbox. */
static void take_slice(struct imap_finding *f, const struct imap_search *q,
	const uid_num *uids, uint32_t count)
{
	uint32_t first, last;

	if (!(q->returns & IMAP_SEARCH_PARTIAL) ||
		!imap_partial_slice(&q->partial, count, &first, &last))
		return;
	for (uint32_t i = first; i <= last; i++)
		uidset_add(&f->partial, uids[i - 1]);
}

/* uids: as many as were found, in order. */
static void answer_sort(struct imap *s, const struct imap_command *c,
	struct imap_finding *f, uid_num *uids)
{
	const struct imap_search *q = &c->sort.search;
	struct imap_esearch e = {
		.mailbox = str_none(),
		.returns = q->returns,
		.partial = q->partial,
		.sorted = uids,
	};

	e.count = uidset_count(&f->found);
	take_slice(f, q, uids, e.count);
	if (e.count) {
		e.first = uids[0];
		e.last = uids[e.count - 1];
	}
	e.modseq = imap_find_returned(s, f, q->returns, e.first, e.last);
	for (uint32_t i = 0; !c->uid && i < e.count; i++)
		uids[i] = imap_number(s, uids[i]);
	if (e.count) {
		e.first = uids[0];
		e.last = uids[e.count - 1];
	}
	if (!q->extended)
		put_sort(imap_out(s), uids, e.count, e.modseq);
	else if (imap_is_answered(q->returns))
		imap_put_esearch(s, c, &e);
}

/* What was found out about these messages, kept under this key: one command's
 * first letter, and how it asks. */
static bool find_kept(const struct imap_finding *f, str key, struct buf *bytes)
{
	return kept_found(f->scope.mail, f->scope.ref, key, &f->found, bytes);
}

static void keep(const struct imap_finding *f, str key, const void *p, size_t n)
{
	keep_found(f->scope.mail, f->scope.ref, key, &f->found, f->forgotten,
		str_of(p, n));
}

/* The order depends on these messages alone, which do not change. */
static enum err sort(const struct imap_finding *f,
	const struct sort_order *order, struct arena *arena, uid_num **uids_r)
{
	struct buf key = BUF_UNBOUNDED, kept = BUF_UNBOUNDED;
	uint32_t count = uidset_count(&f->found);
	size_t n = count * sizeof(uid_num);
	enum err e = OK;

	buf_add_byte(&key, 'S');
	for (unsigned i = 0; i < order->count; i++) {
		buf_add_byte(&key, order->by[i].reverse ? '-' : '+');
		buf_add_byte(&key, (char)order->by[i].key);
	}
	if (find_kept(f, buf_str(&key), &kept) && kept.n == n) {
		*uids_r = ARENA_ARRAY(arena, uid_num, count);
		if (arena_spent(arena))
			e = ERR_LIMIT;
		else if (n)
			memcpy(*uids_r, kept.p, n);
	} else {
		e = sort_run(&f->scope, &f->found, order, arena, uids_r);
		if (!e)
			keep(f, buf_str(&key), *uids_r, n);
	}
	buf_fini(&key);
	buf_fini(&kept);
	return e;
}

enum err imap_sort(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct imap_finding f;
	const char *no_update = NULL;
	struct arena arena;
	uid_num *uids;
	enum err e = imap_find(s, c, &f);

	arena_init(&arena,
		sort_memory(imap_arena(s)->budget, uidset_count(&f.found)));
	if (!e)
		e = sort(&f, &c->sort.order, &arena, &uids);
	if (!e) {
		no_update = imap_context_begin(s, c, &f, uids, str_none());
		answer_sort(s, c, &f, uids);
	}
	if (no_update)
		imap_put_noupdate(s, c->tag, no_update);
	arena_fini(&arena);
	return imap_find_end(s, c, &f, e, reply);
}

/* uids: message numbers in the place of UIDs. */
static void to_numbers(
	const struct imap *s, struct thread_node *nodes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (nodes[i].number)
			nodes[i].number = imap_number(s, nodes[i].number);
}

/* Up to the last one that another names. */
static size_t count_nodes(const struct thread_node *nodes)
{
	uint32_t last = 0;

	for (uint32_t i = 0; i <= last; i++) {
		if (nodes[i].first > last)
			last = nodes[i].first;
		if (nodes[i].next > last)
			last = nodes[i].next;
	}
	return (size_t)last + 1;
}

static enum err thread(const struct imap_finding *f, enum imap_thread_by by,
	struct arena *arena, struct thread_node **nodes_r)
{
	bool references = by == IMAP_THREAD_REFERENCES;
	str key = references ? STR("TR") : STR("TS");
	struct buf kept = BUF_UNBOUNDED;
	enum err e = OK;

	if (find_kept(f, key, &kept)) {
		*nodes_r = ARENA_ARRAY(arena, struct thread_node,
			kept.n / sizeof(struct thread_node));
		if (arena_spent(arena))
			e = ERR_LIMIT;
		else
			memcpy(*nodes_r, kept.p, kept.n);
	} else {
		e = references ? thread_by_references(
					 &f->scope, &f->found, arena, nodes_r)
			       : thread_by_subject(
					 &f->scope, &f->found, arena, nodes_r);
		if (!e)
			keep(f, key, *nodes_r,
				count_nodes(*nodes_r) *
					sizeof(struct thread_node));
	}
	buf_fini(&kept);
	return e;
}

static void answer_thread(struct imap *s, const struct imap_command *c,
	const struct imap_finding *f, struct thread_node *nodes)
{
	/* Messages come before dummies. */
	if (!c->uid)
		to_numbers(s, nodes, 1 + (size_t)uidset_count(&f->found));
	buf_add_c(imap_out(s), "* THREAD");
	imap_put_threads(imap_out(s), nodes);
	buf_add_c(imap_out(s), "\r\n");
}

enum err imap_thread(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct imap_finding f;
	struct arena arena;
	struct thread_node *nodes;
	enum err e = imap_find(s, c, &f);

	arena_init(&arena,
		thread_memory(imap_arena(s)->budget, uidset_count(&f.found)));
	if (!e)
		e = thread(&f, c->thread.by, &arena, &nodes);
	if (!e)
		answer_thread(s, c, &f, nodes);
	arena_fini(&arena);
	return imap_find_end(s, c, &f, e, reply);
}
