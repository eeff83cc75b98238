/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts: RFC 5267, and RFC 5465 section 7. A context is a search that goes
 * on: which messages the client was told that it finds, and, of SORT, in which
 * order. Whenever the session is told of changes (sync.c), the search is run
 * again among the messages that changed, and the difference is told.
 *
 * What is told is what a new search would find. Message numbers, and "$", are
 * those of the command's time (section 4.3): they became sets of UIDs. What a
 * search finds because time goes by is not told: NOUPDATE.
 *
 * The order of a message among others never changes: its keys are as immutable
 * as itself. So of SORT only the order is kept, and the keys are read again
 * where something is to be put into it (search/sort.h).
 */
#include "base/alloc.h"
#include "base/log.h"
#include "imap/private.h"
#include "search/sort.h"

#include <stdlib.h>

/* Of one session; and bytes of all of them together. */
#define CONTEXTS_MAX 16
#define MEMORY_MAX ((size_t)4 << 20)
/* Of one context's search keys and names. */
#define WORDS_MAX ((size_t)128 << 10)

/* A set of message numbers, or "$", as it was. */
struct fixed {
	struct fixed *next;
	struct uidset uids;
};

struct context {
	struct context *next;
	struct arena arena; /* of its words */
	str tag;
	str mailbox; /* as it is told; absent: it is not */
	bool uid;
	struct search_node *where;
	struct fixed *fixed;
	bool by_state;	 /* it asks what can change of a message */
	bool by_largest; /* it asks for "*" */
	struct uidset found;
	const struct sort_order *order; /* NULL: the mailbox's */
	uid_num *sorted;		/* found, in order */
	size_t room;
	/* What is wanted of new messages; NULL: nothing. They enter the context
	 * after that was sent; it still is to be sent of `unsent`. */
	const struct imap_fetch *fetch;
	struct uidset waiting, unsent;
};

struct imap_contexts {
	struct context *first;
	unsigned count;
	modseq_num looked; /* all changes up to here are in */
	uid_num largest;   /* the client knew of then */
	struct arena fetch;
};

/* Beginning. */

/* A key that was a set of numbers is one of UIDs now. */
static void fix(struct imap *s, struct context *x, struct search_node *node)
{
	struct fixed *fixed = ARENA_NEW(&x->arena, struct fixed);
	struct uidset numbers = UIDSET_EMPTY;

	fixed->next = x->fixed;
	x->fixed = fixed;
	if (node->set.saved) {
		uidset_copy(&fixed->uids, &s->saved);
	} else {
		seqset_add_to(&node->set, uidset_count(&s->selected->known),
			&numbers);
		imap_numbers_to_uids(s, &numbers, &fixed->uids);
	}
	uidset_compact(&fixed->uids);
	node->key = SEARCH_UIDS;
	node->uids = &fixed->uids;
	uidset_fini(&numbers);
}

static bool has_star(const struct seqset *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->ranges[i].from == SEQSET_STAR ||
			set->ranges[i].to == SEQSET_STAR)
			return true;
	return false;
}

static void fix_tree(
	struct imap *s, struct context *x, struct search_node *node)
{
	const struct search_row *row = search_row(node->key);

	if (arena_spent(&x->arena))
		return;
	if (row->arg == SEARCH_ARG_SET &&
		(row->on == SEARCH_ON_SEQUENCE || node->set.saved))
		fix(s, x, node);
	else if (row->arg == SEARCH_ARG_SET)
		x->by_largest |= has_star(&node->set);
	if (row->arg == SEARCH_ARG_KEYS)
		for (node = node->first; node; node = node->next)
			fix_tree(s, x, node);
}

static void context_free(struct context *x)
{
	for (struct fixed *f = x->fixed; f; f = f->next)
		uidset_fini(&f->uids);
	uidset_fini(&x->found);
	uidset_fini(&x->waiting);
	uidset_fini(&x->unsent);
	free(x->sorted);
	arena_fini(&x->arena);
	free(x);
}

static size_t memory_of(const struct context *x)
{
	size_t n = sizeof *x + x->arena.used + x->room * sizeof *x->sorted +
		   uidset_memory(&x->found) + uidset_memory(&x->waiting);

	for (const struct fixed *f = x->fixed; f; f = f->next)
		n += uidset_memory(&f->uids);
	return n;
}

static size_t memory_of_all(const struct imap *s)
{
	size_t n = 0;

	for (const struct context *x = s->contexts ? s->contexts->first : NULL;
		x; x = x->next)
		n += memory_of(x);
	return n;
}

static void keep_order(struct context *x, const struct sort_order *order,
	const uid_num *sorted)
{
	struct sort_order *kept = ARENA_NEW(&x->arena, struct sort_order);

	*kept = *order;
	x->order = kept;
	x->room = uidset_count(&x->found);
	x->sorted = xrealloc(NULL, x->room, sizeof *x->sorted);
	if (x->room)
		memcpy(x->sorted, sorted, x->room * sizeof *sorted);
}

static struct context *context_new(struct imap *s, const struct imap_command *c,
	const struct imap_finding *f, const uid_num *sorted, str mailbox)
{
	const struct imap_search *q = imap_command_search(c);
	struct context *x = xcalloc(1, sizeof *x);

	arena_init(&x->arena, WORDS_MAX);
	x->tag = arena_str(&x->arena, c->tag);
	x->mailbox =
		str_is_none(mailbox) ? mailbox : arena_str(&x->arena, mailbox);
	x->uid = c->uid;
	x->where = search_tree_copy(&x->arena, q->where);
	fix_tree(s, x, x->where);
	x->by_state = search_tree_asks(q->where, SEARCH_ON_FLAGS) ||
		      search_tree_asks(q->where, SEARCH_ON_KEYWORD) ||
		      search_tree_asks(q->where, SEARCH_ON_MODSEQ);
	uidset_copy(&x->found, &f->found);
	uidset_compact(&x->found);
	if (sorted)
		keep_order(x, &c->sort.order, sorted);
	if (q->update)
		x->fetch = imap_keep_fetch(&x->arena, q->update);
	return x;
}

static struct context *find(const struct imap *s, str tag)
{
	struct context *x = s->contexts ? s->contexts->first : NULL;

	while (x && !str_eq(x->tag, tag))
		x = x->next;
	return x;
}

bool imap_context_reuses_tag(const struct imap *s, const struct imap_command *c)
{
	const struct imap_search *q = imap_command_search(c);

	return q && q->returns & IMAP_SEARCH_UPDATE && find(s, c->tag);
}

static void add_context(struct imap *s, struct context *x, const struct view *v)
{
	struct imap_contexts *all = s->contexts;

	if (!all) {
		all = s->contexts = xcalloc(1, sizeof *all);
		arena_init(&all->fetch, imap_arena(s)->budget);
		all->looked = v->modseq;
		all->largest = uidset_max(&s->selected->known);
	}
	x->next = all->first;
	all->first = x;
	all->count++;
}

const char *imap_context_begin(struct imap *s, const struct imap_command *c,
	const struct imap_finding *f, const uid_num *sorted, str mailbox)
{
	const struct imap_search *q = imap_command_search(c);
	struct context *x;

	if (!(q->returns & IMAP_SEARCH_UPDATE))
		return NULL;
	if (search_tree_asks(q->where, SEARCH_ON_AGE))
		return "What is found changes as time goes by";
	if (s->contexts && s->contexts->count == CONTEXTS_MAX)
		return "Too many contexts";
	if (s->limit)
		return "Only some of the messages were searched";
	x = context_new(s, c, f, sorted, mailbox);
	if (arena_spent(&x->arena) ||
		memory_of_all(s) + memory_of(x) > MEMORY_MAX) {
		context_free(x);
		return "Too much to remember";
	}
	if (x->fetch && x->fetch->items & IMAP_FETCH_MODSEQ)
		imap_enable_condstore(s);
	add_context(s, x, f->view);
	return NULL;
}

/* Ending. */

static void end_all(struct imap *s)
{
	arena_fini(&s->contexts->fetch);
	free(s->contexts);
	s->contexts = NULL;
}

static void end_one(struct imap *s, struct context *x)
{
	struct context **at = &s->contexts->first;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	context_free(x);
	if (--s->contexts->count == 0)
		end_all(s);
}

void imap_contexts_end(struct imap *s)
{
	while (s->contexts)
		end_one(s, s->contexts->first);
}

void imap_put_noupdate(struct imap *s, str tag, const char *why)
{
	struct buf *out = imap_out(s);

	buf_add_c(out, "* NO [NOUPDATE ");
	imap_put_string(out, tag, false);
	buf_addf(out, "] %s\r\n", why);
}

/* What section 4.3.1 has for the command, later: the client knows that from
 * here on it hears nothing. */
static void give_up(struct imap *s, struct context *x, const char *why)
{
	imap_put_noupdate(s, x->tag, why);
	end_one(s, x);
}

void imap_contexts_end_numbers(struct imap *s)
{
	struct context *x = s->contexts ? s->contexts->first : NULL, *next;

	for (; x; x = next) {
		next = x->next;
		if (!x->uid)
			give_up(s, x, "Message numbers are not told any more");
	}
}

/* Tags of nothing are as good: they are told nothing, be it because the context
 * ended a moment ago. */
enum err imap_cancelupdate(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	reply->text = "No further updates";
	for (const struct imap_atom *a = c->cancel; a; a = a->next) {
		struct context *x = find(s, a->text);

		if (x)
			end_one(s, x);
	}
	return OK;
}

/* Telling. */

static void begin_update(
	struct imap *s, const struct context *x, const char *item)
{
	imap_begin_esearch(
		s, x->tag, x->mailbox, s->selected->ref.uidvalidity, x->uid);
	buf_addf(imap_out(s), " %s (", item);
}

/* Position 0: in the mailbox's order (sections 4.3.3 and 4.3.4). */
static void tell_set(struct imap *s, const struct context *x, const char *item,
	const struct uidset *uids)
{
	struct uidset numbers = UIDSET_EMPTY;

	if (!x->uid)
		imap_uids_to_numbers(s, uids, &numbers);
	begin_update(s, x, item);
	buf_add_c(imap_out(s), "0 ");
	imap_put_set(imap_out(s), x->uid ? uids : &numbers);
	buf_add_c(imap_out(s), ")\r\n");
	uidset_fini(&numbers);
}

/* One after the other from this position on, where 1 is the first. Overwrites
 * them when they are told by number. */
static void put_run(struct imap *s, const struct context *x, bool first,
	uint32_t position, uid_num *uids, uint32_t n)
{
	for (uint32_t i = 0; !x->uid && i < n; i++)
		uids[i] = imap_number(s, uids[i]);
	buf_addf(imap_out(s), first ? "%u " : " %u ", position);
	imap_put_sequence(imap_out(s), uids, n);
}

/* Those behind what went move up, also for the next position. */
static void remove_sorted(
	struct imap *s, struct context *x, const struct uidset *gone)
{
	uint32_t count = uidset_count(&x->found), kept = 0, run;
	uid_num least = uidset_min(gone), most = uidset_max(gone);
	bool first = true;

	begin_update(s, x, "REMOVEFROM");
	for (uint32_t i = 0; i < count; i += run) {
		uid_num *at = x->sorted + i;

		for (run = 0; i + run < count; run++)
			if (at[run] < least || at[run] > most ||
				!uidset_has(gone, at[run]))
				break;
		if (run) {
			put_run(s, x, first, kept + 1, at, run);
			first = false;
		} else {
			x->sorted[kept++] = *at;
			run = 1;
		}
	}
	buf_add_c(imap_out(s), ")\r\n");
}

static void leave(struct imap *s, struct context *x, const struct uidset *gone)
{
	if (uidset_is_empty(gone))
		return;
	if (x->order)
		remove_sorted(s, x, gone);
	else
		tell_set(s, x, "REMOVEFROM", gone);
	uidset_andnot(&x->found, gone);
}

/* uids: n that come; before: how many stand before each. */
static void insert(struct context *x, const uid_num *uids,
	const uint32_t *before, uint32_t n)
{
	uint32_t end = uidset_count(&x->found);

	if (end + (size_t)n > x->room) {
		x->room = end + (size_t)n + n / 2 + 16;
		x->sorted = xrealloc(x->sorted, x->room, sizeof *x->sorted);
	}
	for (uint32_t i = n; i-- > 0; end = before[i]) {
		memmove(x->sorted + before[i] + i + 1, x->sorted + before[i],
			(end - before[i]) * sizeof *x->sorted);
		x->sorted[before[i] + i] = uids[i];
	}
}

static void tell_added(struct imap *s, const struct context *x, uid_num *uids,
	const uint32_t *before, uint32_t n)
{
	begin_update(s, x, "ADDTO");
	for (uint32_t i = 0, run; i < n; i += run) {
		for (run = 1; i + run < n && before[i + run] == before[i];)
			run++;
		put_run(s, x, i == 0, before[i] + i + 1, uids + i, run);
	}
	buf_add_c(imap_out(s), ")\r\n");
}

static enum err add_sorted(struct imap *s, struct context *x,
	const struct search_scope *scope, const struct uidset *coming)
{
	uint32_t n = uidset_count(coming);
	uint32_t *before;
	struct arena arena;
	uid_num *uids;
	enum err e;

	arena_init(&arena, sort_memory(imap_arena(s)->budget,
				   n + uidset_count(&x->found)));
	e = sort_place(scope, x->sorted, &x->found, coming, x->order, &arena,
		&uids, &before);
	if (!e) {
		insert(x, uids, before, n);
		tell_added(s, x, uids, before, n);
	}
	arena_fini(&arena);
	return e;
}

static enum err enter(struct imap *s, struct context *x,
	const struct search_scope *scope, const struct uidset *coming)
{
	enum err e = OK;

	if (uidset_is_empty(coming))
		return OK;
	if (x->order)
		e = add_sorted(s, x, scope, coming);
	else
		tell_set(s, x, "ADDTO", coming);
	uidset_or(&x->found, coming);
	uidset_compact(&x->found);
	return e;
}

/* What changed. */

static bool is_closed(void *arg, uint32_t done, uint32_t of)
{
	const struct imap *s = arg;

	(void)done;
	(void)of;
	return s->session.closed;
}

static struct search_scope scope_of(struct imap *s, const struct view *v)
{
	return (struct search_scope){
		.mail = imap_mail(s),
		.ref = &s->selected->ref,
		.view = v,
		.known = &s->selected->known,
		.recent = &s->selected->recent,
		.cancelled = is_closed,
		.arg = s,
	};
}

void imap_contexts_expunge(struct imap *s, const struct view *v)
{
	struct imap_contexts *all = s->contexts;

	if (!all || (all->looked == v->modseq && !s->selected->gone))
		return;
	for (struct context *x = all->first; x; x = x->next) {
		struct uidset gone = UIDSET_EMPTY;

		uidset_copy(&gone, &x->found);
		uidset_andnot(&gone, &v->uids);
		leave(s, x, &gone);
		uidset_and(&x->waiting, &v->uids);
		uidset_and(&x->unsent, &v->uids);
		uidset_fini(&gone);
	}
}

/* Of the messages that were asked about, `yes` are found now. */
static enum err apply(struct imap *s, struct context *x,
	const struct search_scope *scope, const struct uidset *arrived,
	const struct uidset *yes)
{
	struct uidset set = UIDSET_EMPTY;
	enum err e;

	uidset_copy(&set, scope->among);
	uidset_andnot(&set, yes);
	uidset_andnot(&x->waiting, &set);
	uidset_andnot(&x->unsent, &set);
	uidset_and(&set, &x->found);
	leave(s, x, &set);
	if (x->fetch) {
		uidset_copy(&set, yes);
		uidset_and(&set, arrived);
		uidset_or(&x->waiting, &set);
		uidset_or(&x->unsent, &set);
	}
	uidset_copy(&set, yes);
	uidset_andnot(&set, &x->found);
	uidset_andnot(&set, &x->waiting);
	e = enter(s, x, scope, &set);
	uidset_fini(&set);
	return e;
}

/* Messages whose matching can be another than before. */
static void find_asked(const struct imap *s, const struct context *x,
	const struct view *v, const struct uidset *arrived,
	const struct uidset *changed, struct uidset *among)
{
	const struct uidset *known = &s->selected->known;
	uid_num largest = s->contexts->largest;

	uidset_copy(among, arrived);
	if (x->by_state)
		uidset_or(among, changed);
	/* The largest UID is "*", and beyond it whatever is asked for. */
	if (x->by_largest && largest != uidset_max(known)) {
		if (largest)
			uidset_add(among, largest);
		if (!uidset_is_empty(known))
			uidset_add(among, uidset_max(known));
	}
	uidset_and(among, known);
	uidset_and(among, &v->uids);
}

static enum err update_one(struct imap *s, struct context *x,
	const struct view *v, const struct uidset *arrived,
	const struct uidset *changed)
{
	struct search_scope scope = scope_of(s, v);
	struct uidset among = UIDSET_EMPTY, yes = UIDSET_EMPTY;
	struct arena arena;
	enum err e = OK;

	find_asked(s, x, v, arrived, changed, &among);
	scope.among = &among;
	if (!uidset_is_empty(&among)) {
		arena_init(&arena, imap_arena(s)->budget);
		e = search_run(&scope, x->where, &arena, &yes);
		arena_fini(&arena);
		if (!e)
			e = apply(s, x, &scope, arrived, &yes);
	}
	uidset_fini(&among);
	uidset_fini(&yes);
	return e;
}

/* The others go on. */
static void give_up_for(struct imap *s, struct context *x, enum err e)
{
	if (e != ERR_LIMIT && e != ERR_CLOSED)
		log_warn("imap", "cannot update a context", LOG_ERR(e),
			LOG_C("session", s->session.id));
	give_up(s, x,
		e == ERR_LIMIT ? "Too much to remember"
			       : "Cannot be searched now");
}

static void update_all(struct imap *s, const struct view *v,
	const struct uidset *arrived, const struct uidset *changed)
{
	struct context *x = s->contexts->first, *next;

	for (; x; x = next) {
		enum err e = update_one(s, x, v, arrived, changed);

		next = x->next;
		if (!e && memory_of_all(s) > MEMORY_MAX)
			e = ERR_LIMIT;
		if (e)
			give_up_for(s, x, e);
	}
}

void imap_contexts_update(
	struct imap *s, const struct view *v, const struct uidset *arrived)
{
	struct uidset changed = UIDSET_EMPTY;
	uid_num largest;

	if (!s->contexts || s->selected->gone)
		return;
	largest = uidset_max(&s->selected->known);
	if (s->contexts->looked == v->modseq &&
		s->contexts->largest == largest && uidset_is_empty(arrived))
		return;
	view_changed_since(v, s->contexts->looked, &changed);
	update_all(s, v, arrived, &changed);
	uidset_fini(&changed);
	if (!s->contexts)
		return;
	s->contexts->looked = v->modseq;
	s->contexts->largest = largest;
}

/* FETCH items of new messages. */

bool imap_contexts_want_fetch(const struct imap *s)
{
	const struct context *x = s->contexts ? s->contexts->first : NULL;

	while (x && uidset_is_empty(&x->unsent))
		x = x->next;
	return x;
}

static bool is_same_section(
	const struct imap_section *a, const struct imap_section *b)
{
	bool same = a->name == b->name && a->text == b->text &&
		    a->part_n == b->part_n && a->fields_n == b->fields_n &&
		    a->partial == b->partial && a->from == b->from &&
		    a->length == b->length && a->peek == b->peek;

	for (size_t i = 0; same && i < a->part_n; i++)
		same = a->part[i] == b->part[i];
	for (size_t i = 0; same && i < a->fields_n; i++)
		same = str_ieq(a->fields[i], b->fields[i]);
	return same;
}

/* What both want, once. */
static void merge_fetch(struct arena *arena, struct imap_fetch *into,
	const struct imap_fetch *from)
{
	into->items |= from->items;
	for (const struct imap_section *x = from->sections; x; x = x->next) {
		struct imap_section **end = &into->sections;

		while (*end && !is_same_section(*end, x))
			end = &(*end)->next;
		if (*end)
			continue;
		*end = ARENA_NEW(arena, struct imap_section);
		**end = *x;
		(*end)->next = NULL;
	}
}

static uid_num next_unsent(
	const struct imap_contexts *all, const struct uidset *arrived)
{
	uid_num least = arrived ? uidset_min(arrived) : 0;

	for (const struct context *x = all->first; x; x = x->next) {
		uid_num uid = uidset_min(&x->unsent);

		if (uid && (!least || uid < least))
			least = uid;
	}
	return least;
}

/* Keeps those of uids that are in the set just if `uid` is. */
static bool narrow(const struct uidset *set, uid_num uid, struct uidset *uids)
{
	bool has = uidset_has(set, uid);

	if (has)
		uidset_and(uids, set);
	else
		uidset_andnot(uids, set);
	return has;
}

const struct imap_fetch *imap_contexts_take_fetch(struct imap *s,
	struct uidset *arrived, const struct imap_fetch *wanted,
	struct uidset *uids)
{
	struct imap_contexts *all = s->contexts;
	struct imap_fetch *q;
	uid_num uid;

	for (struct context *x = all->first; x; x = x->next)
		uidset_and(&x->unsent, &s->selected->known);
	uid = next_unsent(all, arrived);
	if (!uid)
		return NULL;
	arena_reset(&all->fetch);
	q = ARENA_NEW(&all->fetch, struct imap_fetch);
	uidset_copy(uids, &s->selected->known);
	if (arrived && narrow(arrived, uid, uids) && wanted)
		merge_fetch(&all->fetch, q, wanted);
	for (struct context *x = all->first; x; x = x->next)
		if (narrow(&x->unsent, uid, uids))
			merge_fetch(&all->fetch, q, x->fetch);
	if (arrived)
		uidset_andnot(arrived, uids);
	for (struct context *x = all->first; x; x = x->next)
		uidset_andnot(&x->unsent, uids);
	return q;
}

/* Message numbers are what they were when the items were sent. */
static enum err enter_sent(
	struct imap *s, struct context *x, const struct view *v)
{
	struct search_scope scope = scope_of(s, v);
	struct uidset sent = UIDSET_EMPTY;
	enum err e;

	uidset_copy(&sent, &x->waiting);
	uidset_andnot(&sent, &x->unsent);
	uidset_andnot(&x->waiting, &sent);
	uidset_and(&sent, &v->uids);
	e = enter(s, x, &scope, &sent);
	uidset_fini(&sent);
	return e;
}

void imap_contexts_fetched(struct imap *s)
{
	struct context *x = s->contexts ? s->contexts->first : NULL, *next;
	struct view *v = NULL;
	enum err viewed = x ? imap_view(s, &v) : OK;

	/* What stays can be compared with. */
	if (v)
		imap_contexts_expunge(s, v);
	for (; x; x = next) {
		enum err e = viewed ? viewed : enter_sent(s, x, v);

		next = x->next;
		if (e)
			give_up_for(s, x, e);
	}
	view_release(imap_mail(s), v);
}
