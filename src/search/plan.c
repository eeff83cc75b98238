/* SPDX-License-Identifier: Apache-2.0 */
#include "search/plan.h"
#include "base/clock.h"
#include "mail/objectid.h"
#include "message/date.h"
#include "message/fold.h"

#include <assert.h>

struct making {
	struct plan *plan;
	const struct search_scope *scope;
	struct arena *arena;
	struct uidset all; /* messages that are known and there */
	size_t leaves_made;
};

static size_t count_nodes(const struct search_node *node)
{
	size_t n = 1;

	if (search_row(node->key)->arg == SEARCH_ARG_KEYS)
		for (node = node->first; node; node = node->next)
			n += count_nodes(node);
	return n;
}

/* Leaves that the view answers. */

static bool compares(int order, int64_t value, int64_t asked)
{
	switch (order) {
	case -1:
		return value < asked;
	case 0:
		return value == asked;
	case 1:
		return value > asked;
	default:
		return value >= asked;
	}
}

/* What a key compares with, where that is not in the node itself. */
static uint64_t operand(const struct making *mk, const struct search_node *node,
	const struct search_row *row)
{
	int at;

	switch (row->on) {
	case SEARCH_ON_KEYWORD:
		at = view_keyword(mk->scope->view, node->keyword);
		return at < 0 ? 0 : KEYWORD_BIT(at);
	case SEARCH_ON_AGE:
		return (uint64_t)(clock_wall_s() - (int64_t)node->number);
	case SEARCH_ON_EMAILID:
		return objectid_read_email(node->text, mk->scope->ref->account);
	default:
		return 0;
	}
}

static bool member_matches(const struct search_node *node,
	const struct search_row *row, const struct membership *m,
	uint64_t operand)
{
	switch (row->on) {
	case SEARCH_ON_AGE:
		/* RFC 5032: the second itself belongs to both. */
		return row->order > 0 ? m->internal_date <= (int64_t)operand
				      : m->internal_date >= (int64_t)operand;
	case SEARCH_ON_SAVED:
		return compares(row->order,
			date_day((struct date){m->save_date, 0}), node->day);
	case SEARCH_ON_EMAILID:
		return operand && m->message == operand;
	case SEARCH_ON_THREADID:
		return false;
	case SEARCH_ON_FLAGS:
		return (m->flags & row->set) == row->set &&
		       !(m->flags & row->clear);
	case SEARCH_ON_KEYWORD:
		return (bool)(m->flags & operand) == (bool)row->set;
	case SEARCH_ON_INTERNAL:
		return compares(row->order,
			date_day((struct date){m->internal_date, m->zone}),
			node->day);
	case SEARCH_ON_MODSEQ:
		return m->modseq >= node->modseq.number;
	case SEARCH_ON_SIZE:
		return row->order > 0 ? m->size > node->number
				      : m->size < node->number;
	default:
		return true;
	}
}

/* Messages of scope->among. */
static void ask_some_members(struct making *mk, const struct search_node *node,
	const struct search_row *row, struct uidset *found)
{
	struct uidset_iter it = uidset_iter(&mk->all, 1);
	uint64_t with = operand(mk, node, row);
	uid_num uid;

	while ((uid = uidset_iter_next(&it))) {
		const struct membership *m = view_find(mk->scope->view, uid);

		if (m && member_matches(node, row, m, with))
			uidset_add(found, uid);
	}
}

static void ask_all_members(struct making *mk, const struct search_node *node,
	const struct search_row *row, struct uidset *found)
{
	struct view_iter it = view_iter(mk->scope->view, 1);
	uint64_t with = operand(mk, node, row);
	const struct membership *m;

	while ((m = view_iter_next(&it)))
		if (member_matches(node, row, m, with))
			uidset_add(found, m->uid);
	uidset_and(found, &mk->all);
}

static void ask_members(struct making *mk, const struct search_node *node,
	const struct search_row *row, struct uidset *found)
{
	if (mk->scope->among)
		ask_some_members(mk, node, row, found);
	else
		ask_all_members(mk, node, row, found);
	if (row->on == SEARCH_ON_FLAGS && row->recent && mk->scope->recent) {
		if (row->recent > 0)
			uidset_and(found, mk->scope->recent);
		else
			uidset_andnot(found, mk->scope->recent);
	} else if (row->on == SEARCH_ON_FLAGS && row->recent > 0) {
		uidset_clear(found);
	}
}

/* RFC 7377 section 2: a range beyond the end "MUST NOT be considered an error"
 * in any search; RFC 9051 (section 9, seq-number) would have BAD, as FETCH
 * gives. */
static void ask_numbers(
	struct making *mk, const struct seqset *set, struct uidset *found)
{
	const struct uidset *known = mk->scope->known;
	struct uidset numbers = UIDSET_EMPTY;
	struct uidset_iter it;
	uint32_t from, to;

	seqset_add_to(set, uidset_count(known), &numbers);
	it = uidset_iter(&numbers, 1);
	while (uidset_iter_next_range(&it, &from, &to))
		uidset_add_range(found, uidset_select(known, from),
			uidset_select(known, to));
	uidset_fini(&numbers);
}

static void ask_set(struct making *mk, const struct search_node *node,
	const struct search_row *row, struct uidset *found)
{
	if (node->set.saved) {
		if (mk->scope->saved)
			uidset_copy(found, mk->scope->saved);
	} else if (row->on == SEARCH_ON_UID) {
		seqset_add_to(&node->set, uidset_max(mk->scope->known), found);
	} else {
		ask_numbers(mk, &node->set, found);
	}
	uidset_and(found, &mk->all);
}

static void ask_uid_order(struct making *mk, const struct search_node *node,
	const struct search_row *row, struct uidset *found)
{
	uid_num uid = (uid_num)node->number;

	if (row->order > 0 && uid < UINT32_MAX)
		uidset_add_range(found, uid + 1, UINT32_MAX);
	else if (row->order < 0 && uid > 1)
		uidset_add_range(found, 1, uid - 1);
	uidset_and(found, &mk->all);
}

/* Leaves that need the message. */

static struct plan_leaf *make_leaf(struct making *mk,
	const struct search_node *node, const struct search_row *row)
{
	struct plan_leaf *leaf = &mk->plan->leaves[mk->leaves_made++];
	str text = row->arg == SEARCH_ARG_HEADER ? node->header.text
		   : row->arg == SEARCH_ARG_TEXT ? node->text
						 : str_of("", 0);

	leaf->node = node;
	leaf->row = row;
	leaf->needle = fold_str(mk->arena, text);
	leaf->field = row->arg == SEARCH_ARG_HEADER ? node->header.name
						    : str_c(row->field);
	leaf->kind = row->on == SEARCH_ON_SENT	  ? LEAF_SENT
		     : row->on == SEARCH_ON_FIELD ? LEAF_FIELD
		     : row->on == SEARCH_ON_BODY  ? LEAF_BODY
						  : LEAF_TEXT;
	if (leaf->kind == LEAF_BODY || leaf->kind == LEAF_TEXT)
		mk->plan->wants_body = true;
	return leaf;
}

/* The tree. */

static struct plan_node *make_node(struct making *, const struct search_node *);

static void make_children(
	struct making *mk, struct plan_node *p, const struct search_node *node)
{
	struct plan_node **at = &p->first;

	for (node = node->first; node; node = node->next) {
		*at = make_node(mk, node);
		at = &(*at)->next;
	}
}

static void combine(struct making *mk, struct plan_node *p)
{
	const struct plan_node *child;

	if (p->on == SEARCH_ON_OR) {
		for (child = p->first; child; child = child->next) {
			uidset_or(&p->surely, &child->surely);
			uidset_or(&p->maybe, &child->maybe);
		}
		return;
	}
	uidset_copy(&p->surely, &mk->all);
	uidset_copy(&p->maybe, &mk->all);
	for (child = p->first; child; child = child->next) {
		if (p->on == SEARCH_ON_NOT) {
			uidset_andnot(&p->surely, &child->maybe);
			uidset_andnot(&p->maybe, &child->surely);
		} else {
			uidset_and(&p->surely, &child->surely);
			uidset_and(&p->maybe, &child->maybe);
		}
	}
}

static struct plan_node *make_node(
	struct making *mk, const struct search_node *node)
{
	const struct search_row *row = search_row(node->key);
	struct plan_node *p = ARENA_NEW(mk->arena, struct plan_node);

	p->on = row->on;
	switch (row->on) {
	case SEARCH_ON_AND:
	case SEARCH_ON_OR:
	case SEARCH_ON_NOT:
		make_children(mk, p, node);
		combine(mk, p);
		return p;
	case SEARCH_ON_SENT:
	case SEARCH_ON_FIELD:
	case SEARCH_ON_BODY:
	case SEARCH_ON_TEXT:
		p->leaf = make_leaf(mk, node, row);
		uidset_copy(&p->maybe, &mk->all);
		return p;
	case SEARCH_ON_ALL:
		uidset_copy(&p->surely, &mk->all);
		break;
	case SEARCH_ON_SEQUENCE:
	case SEARCH_ON_UID:
		ask_set(mk, node, row, &p->surely);
		break;
	case SEARCH_ON_UIDS:
		uidset_copy(&p->surely, &mk->all);
		uidset_and(&p->surely, node->uids);
		break;
	case SEARCH_ON_UID_ORDER:
		ask_uid_order(mk, node, row, &p->surely);
		break;
	case SEARCH_ON_FILTER:
		assert(0 && "nothing was put in the place of a filter");
		break;
	default:
		ask_members(mk, node, row, &p->surely);
		break;
	}
	uidset_copy(&p->maybe, &p->surely);
	return p;
}

enum err plan_make(struct plan *plan, const struct search_scope *scope,
	const struct search_node *tree, struct arena *arena)
{
	struct making mk = {.plan = plan, .scope = scope, .arena = arena};

	*plan = (struct plan){.leaf_count = 0};
	plan->leaves = ARENA_ARRAY(arena, struct plan_leaf, count_nodes(tree));
	uidset_copy(&mk.all, scope->among ? scope->among : scope->known);
	if (scope->among)
		uidset_and(&mk.all, scope->known);
	uidset_and(&mk.all, &scope->view->uids);
	plan->root = make_node(&mk, tree);
	plan->leaf_count = mk.leaves_made;
	uidset_fini(&mk.all);
	return arena_spent(arena) ? ERR_LIMIT : OK;
}

static void node_fini(struct plan_node *p)
{
	uidset_fini(&p->surely);
	uidset_fini(&p->maybe);
	for (p = p->first; p; p = p->next)
		node_fini(p);
}

void plan_fini(struct plan *plan)
{
	if (plan->root)
		node_fini(plan->root);
}

void plan_forget(struct plan *plan)
{
	for (size_t i = 0; i < plan->leaf_count; i++)
		plan->leaves[i].verdict = VERDICT_OPEN;
}

static enum verdict decide_children(const struct plan_node *p, uid_num uid)
{
	/* AND ends with the first no, OR with the first yes. */
	enum verdict ends = p->on == SEARCH_ON_OR ? VERDICT_YES : VERDICT_NO;
	enum verdict all = p->on == SEARCH_ON_OR ? VERDICT_NO : VERDICT_YES;

	for (p = p->first; p; p = p->next) {
		enum verdict v = plan_decide(p, uid);

		if (v == ends)
			return v;
		if (v == VERDICT_OPEN)
			all = v;
	}
	return all;
}

enum verdict plan_decide(const struct plan_node *p, uid_num uid)
{
	enum verdict v;

	if (uidset_has(&p->surely, uid))
		return VERDICT_YES;
	if (!uidset_has(&p->maybe, uid))
		return VERDICT_NO;
	if (p->leaf)
		return p->leaf->verdict;
	if (p->on != SEARCH_ON_NOT)
		return decide_children(p, uid);
	v = plan_decide(p->first, uid);
	return v == VERDICT_OPEN  ? v
	       : v == VERDICT_YES ? VERDICT_NO
				  : VERDICT_YES;
}
