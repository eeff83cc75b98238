/* SPDX-License-Identifier: Apache-2.0 */
#include "search/search.h"
#include "search/plan.h"
#include "search/scan.h"
#include "store/store.h"

/* Messages under one transaction. */
#define SEARCH_BATCH 16

enum err search_unreadable(const struct search_scope *scope,
	struct store_txn *txn, const struct membership *m,
	enum damage_kind kind, enum err e)
{
	/* Its bytes went with an expunge since the view was taken. */
	if (e == ERR_EXPUNGED)
		e = damage_why_gone(txn, scope->ref, m);
	if (e == ERR_EXPUNGED)
		return OK;
	damage_note(scope->mail, txn, scope->ref, m, kind, NULL, e);
	if (e != ERR_CORRUPT || !scope->unread)
		return e;
	uidset_add(scope->unread, m->uid);
	return OK;
}

static enum err decide_one(const struct search_scope *scope, struct scan *scan,
	struct store_txn *txn, uid_num uid, bool *yes_r)
{
	struct plan *plan = scan->plan;
	const struct membership *m = view_find(scope->view, uid);
	enum verdict v;
	enum err e;

	*yes_r = false;
	if (!m)
		return OK;
	plan_forget(plan);
	e = scan_header(scan, m);
	v = plan_decide(plan->root, uid);
	if (!e && v == VERDICT_OPEN) {
		e = scan_body(scan, m);
		v = plan_decide(plan->root, uid);
	}
	*yes_r = !e && v == VERDICT_YES;
	return e ? search_unreadable(scope, txn, m, DAMAGE_BYTES, e) : OK;
}

static enum err read_open(const struct search_scope *scope, struct scan *scan,
	const struct uidset *open, struct uidset *found)
{
	struct uidset_iter it = uidset_iter(open, 1);
	uid_num uid = uidset_iter_next(&it);
	uint32_t of = uidset_count(open), done = 0;
	enum err e = OK;

	while (!e && uid) {
		struct store_txn *txn =
			store_begin_read(mail_store(scope->mail));

		scan_begin(scan, txn, scope->view->account);
		for (int i = 0; !e && uid && i < SEARCH_BATCH; i++) {
			bool yes;

			e = decide_one(scope, scan, txn, uid, &yes);
			if (!e && yes)
				uidset_add(found, uid);
			uid = uidset_iter_next(&it);
			done++;
		}
		scan_end(scan);
		store_end_read(txn);
		if (!e && scope->cancelled &&
			scope->cancelled(scope->arg, done, of))
			e = ERR_CLOSED;
	}
	return e;
}

enum err search_run(const struct search_scope *scope,
	const struct search_node *tree, struct arena *arena,
	struct uidset *result_r)
{
	struct arena_mark mark = arena_mark(arena);
	struct uidset open = UIDSET_EMPTY;
	struct plan plan;
	struct scan scan;
	enum err e = plan_make(&plan, scope, tree, arena);

	uidset_clear(result_r);
	if (!e) {
		uidset_copy(result_r, &plan.root->surely);
		uidset_copy(&open, &plan.root->maybe);
		uidset_andnot(&open, result_r);
		scan_init(&scan, &plan, arena);
		e = read_open(scope, &scan, &open, result_r);
		scan_fini(&scan);
	}
	plan_fini(&plan);
	uidset_fini(&open);
	arena_rewind(arena, mark);
	return e;
}
