/* SPDX-License-Identifier: Apache-2.0 */
/* Quoted is RFC 5256 section 3. */
#include "search/thread.h"
#include "base/hash.h"
#include "search/forest.h"
#include "search/walk.h"

#include <stdlib.h>

/* Things by name. */
struct entry {
	struct entry *next; /* in its bucket */
	uint64_t hash;
	str name;
};

struct table {
	struct entry **buckets;
	size_t size; /* a power of two */
	size_t count;
};

/* A message or, as long as its Message-ID is only referred to, a dummy. */
struct container {
	struct forest_node node; /* first */
	struct entry by_id;
	uint32_t message; /* its number in the tree; 0: a dummy */
	/* Of a dummy, in step (3): the message, or else the topmost dummy,
	 * above it. */
	struct container *nearest;
	/* Of a topmost dummy: the first message that hangs on it, and its
	 * number in the tree when there are several. */
	uint32_t only, number;
};

/* A row of the subject table: "associating base subjects with messages". */
struct subject {
	struct entry by_text; /* first */
	uint32_t message;     /* or dummy; 0: none yet */
};

struct message {
	uid_num uid;
	bool reply;
	int64_t date;
	struct subject *subject; /* NULL: empty */
	struct container *container;
};

/* The root is 0, messages from 1 on in the mailbox's order, then dummies. */
struct threading {
	struct arena *arena;
	bool by_references;
	uint32_t count; /* messages */
	uint32_t nodes; /* all numbers that were given */
	struct message *messages;
	struct table ids, subjects;
	uint32_t *by_date; /* the messages' numbers, by sent date */
	uint32_t *parent;
	/* Of a dummy: its first child by date. */
	uint32_t *first;
	/* Of a dummy that was deleted: which has its children now. */
	uint32_t *heir;
};

/* Tables. */

static void table_grow(struct table *t, struct arena *arena)
{
	struct table old = *t;

	t->size = old.size ? old.size * 2 : 256;
	t->buckets = ARENA_ARRAY(arena, struct entry *, t->size);
	for (size_t i = 0; i < old.size; i++)
		for (struct entry *e = old.buckets[i], *next; e; e = next) {
			struct entry **b = &t->buckets[e->hash & (t->size - 1)];

			next = e->next;
			e->next = *b;
			*b = e;
		}
}

static struct entry *table_find(const struct table *t, uint64_t hash, str name)
{
	struct entry *e = t->size ? t->buckets[hash & (t->size - 1)] : NULL;

	while (e && (e->hash != hash || !str_eq(e->name, name)))
		e = e->next;
	return e;
}

static void table_add(struct table *t, struct arena *arena, struct entry *e,
	uint64_t hash, str name)
{
	if (t->count++ >= t->size)
		table_grow(t, arena);
	e->hash = hash;
	e->name = arena_str(arena, name);
	e->next = t->buckets[hash & (t->size - 1)];
	t->buckets[hash & (t->size - 1)] = e;
}

/* Reading. */

static struct subject *subject_of(struct threading *t, str text)
{
	uint64_t hash = hash_str(text);
	struct entry *e = table_find(&t->subjects, hash, text);
	struct subject *s;

	if (e)
		return (struct subject *)e;
	s = ARENA_NEW(t->arena, struct subject);
	table_add(&t->subjects, t->arena, &s->by_text, hash, text);
	return s;
}

static struct container *container_of_id(struct threading *t, str id)
{
	uint64_t hash = hash_str(id);
	struct entry *e = table_find(&t->ids, hash, id);
	struct container *c;

	if (e)
		return (struct container *)((char *)e -
					    offsetof(struct container, by_id));
	c = ARENA_NEW(t->arena, struct container);
	table_add(&t->ids, t->arena, &c->by_id, hash, id);
	return c;
}

static bool is_id(str id)
{
	return id.n && id.n <= THREAD_ID_MAX;
}

/* "If a message does not contain […] a valid Message ID, then assign a unique
 * Message ID to this message. If two or more messages have the same Message
 * ID, then only use that Message ID in the first (lowest sequence number)
 * message, and assign a unique Message ID to each of the subsequent messages"
 */
static struct container *container_of_message(struct threading *t, str id)
{
	struct container *c = is_id(id) ? container_of_id(t, id) : NULL;

	return c && !c->message ? c : ARENA_NEW(t->arena, struct container);
}

static uint32_t count_references(str references)
{
	uint32_t n = 0;
	str id;

	while (digest_reference_next(&references, &id))
		n++;
	return n;
}

/* Step (1) (A): "link the corresponding messages […] together as parent/child.
 * […] If no message can be found with a given Message ID, create a dummy
 * message with this ID. […] If a message already has a parent, don't change
 * the existing link. […] Do not create a parent/child link if creating that
 * link would introduce a loop." The last reference. */
static struct container *link_references(struct threading *t, str references)
{
	uint32_t n = count_references(references);
	struct container *last = NULL;
	str id;

	while (digest_reference_next(&references, &id)) {
		struct container *c;

		if (n-- > THREAD_REFERENCES_MAX || !is_id(id))
			continue;
		c = container_of_id(t, id);
		if (last && !c->node.parent)
			forest_link(&c->node, &last->node);
		last = c;
		if (arena_spent(t->arena))
			break;
	}
	return last;
}

/* Step (1): "For each searched message" */
static void take_references(
	struct threading *t, uint32_t number, const struct digest *d)
{
	struct container *c = container_of_message(t, d->message_id);
	struct container *parent;

	c->message = number;
	t->messages[number].container = c;
	parent = link_references(t, d->references);
	/* (B) "Create a parent/child link between the last reference (or NIL if
	 * there are no references) and the current message. If the current
	 * message already has a parent, […] break the current parent/child link
	 * before creating the new correct one." */
	forest_cut(&c->node);
	if (parent)
		forest_link(&c->node, &parent->node);
}

static enum err read_one(
	void *arg, const struct membership *m, const struct digest *d)
{
	struct threading *t = arg;
	uint32_t number = ++t->count;
	struct message *message = &t->messages[number];

	message->uid = m->uid;
	message->date = walk_sent_date(m, d);
	message->reply = d->flags & DIGEST_REPLY;
	if (d->subject.n || !t->by_references)
		message->subject = subject_of(t, d->subject);
	if (t->by_references)
		take_references(t, number, d);
	return arena_spent(t->arena) ? ERR_LIMIT : OK;
}

/* "When comparing two sent dates that match exactly, the order in which the
 * two messages appear in the mailbox […] is used as a tie-breaker" (section
 * 2.2). */
static int compare_dates(const void *va, const void *vb, void *arg)
{
	const struct threading *t = arg;
	uint32_t a = *(const uint32_t *)va, b = *(const uint32_t *)vb;
	int64_t date_a = t->messages[a].date, date_b = t->messages[b].date;

	if (date_a != date_b)
		return date_a < date_b ? -1 : 1;
	return (a > b) - (a < b);
}

/* All siblings are sorted by the same key, so one sort serves them all, as long
 * as they are then linked in this order. */
static void sort_by_date(struct threading *t)
{
	t->by_date = ARENA_ARRAY(t->arena, uint32_t, t->count);
	for (uint32_t i = 0; i < t->count; i++)
		t->by_date[i] = i + 1;
	qsort_r(t->by_date, t->count, sizeof *t->by_date, compare_dates, t);
}

static enum err begin(struct threading *t, const struct search_scope *scope,
	const struct uidset *uids)
{
	size_t n = uidset_count(uids);
	/* A dummy has two children or more. */
	size_t all = 1 + n + n / 2;
	enum err e;

	t->messages = ARENA_ARRAY(t->arena, struct message, 1 + n);
	t->parent = ARENA_ARRAY(t->arena, uint32_t, all);
	t->first = ARENA_ARRAY(t->arena, uint32_t, all);
	t->heir = ARENA_ARRAY(t->arena, uint32_t, all);
	if (arena_spent(t->arena))
		return ERR_LIMIT;
	e = walk_digests(scope, uids, read_one, t);
	t->nodes = 1 + t->count;
	if (!e)
		sort_by_date(t);
	return e;
}

/* Steps (2) and (3). */

static bool is_dummy(const struct threading *t, uint32_t number)
{
	return number > t->count;
}

/* The nearest message above, or the topmost dummy; NULL: there is nothing
 * above. Dummies on the way remember it. */
static struct container *nearest(struct container *c)
{
	struct container *at = (struct container *)c->node.parent, *found,
			 *next;

	while (at && !at->message && !at->nearest && at->node.parent)
		at = (struct container *)at->node.parent;
	if (!at)
		return NULL;
	found = at->nearest ? at->nearest : at;
	for (at = (struct container *)c->node.parent; at != found; at = next) {
		next = at->nearest ? found
				   : (struct container *)at->node.parent;
		at->nearest = found;
	}
	return found;
}

/*
 * "(2) Gather together all of the messages that have no parents and make them
 * all children […] of a dummy parent (the "root"). (3) […] If it is a dummy
 * message with NO children, delete it. If it is a dummy message with children,
 * delete it, but promote its children to the current level. […] Do not promote
 * the children if doing so would make them children of the root, unless there
 * is only one child."
 *
 * So of dummies only those stay that are at the top and have, when those below
 * are gone, several children.
 */
static void prune(struct threading *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t number = t->by_date[i];
		struct container *above =
			nearest(t->messages[number].container);

		if (!above)
			continue;
		if (above->message) {
			t->parent[number] = above->message;
			continue;
		}
		if (!above->only) {
			above->only = number;
			continue;
		}
		if (!above->number) {
			above->number = t->nodes++;
			t->first[above->number] = above->only;
			t->parent[above->only] = above->number;
		}
		t->parent[number] = above->number;
	}
}

/* Steps (4) and (5). */

/* "(4) Sort the messages under the root (top-level siblings only) by sent date
 * […]. In the case of a dummy message, sort its children by sent date and then
 * use the first child for the top-level sort." How many there are. */
static uint32_t list_roots(const struct threading *t, uint32_t *roots)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t number = t->by_date[i], parent = t->parent[number];

		if (!parent)
			roots[n++] = number;
		else if (is_dummy(t, parent) && t->first[parent] == number)
			roots[n++] = parent;
	}
	return n;
}

/* (5) (B) "(i) Find the subject of this thread, by using the base subject from
 * either the current message or its first child if the current message is a
 * dummy. […] (ii) If the thread subject is empty, skip this message." */
static struct subject *thread_subject(
	const struct threading *t, uint32_t number)
{
	if (is_dummy(t, number))
		number = t->first[number];
	return t->messages[number].subject;
}

static bool is_reply(const struct threading *t, uint32_t number)
{
	return !is_dummy(t, number) && t->messages[number].reply;
}

/* (5) (B) "(iii) Look up the message associated with the thread subject in the
 * subject table. (iv) If there is no message in the subject table with the
 * thread subject, add the current message […]. Otherwise, if the message in
 * the subject table is not a dummy, AND either of the following criteria are
 * true: The current message is a dummy, OR The message in the subject table is
 * a reply or forward and the current message is not. then replace the message
 * in the subject table with the current message." */
static void enter_subject(struct threading *t, uint32_t number)
{
	struct subject *s = thread_subject(t, number);

	if (s && (!s->message ||
			 (!is_dummy(t, s->message) &&
				 (is_dummy(t, number) ||
					 (is_reply(t, s->message) &&
						 !is_reply(t, number))))))
		s->message = number;
}

/* (5) (C) "merge the current message with the one in the subject table using
 * the following rules" */
static void merge(struct threading *t, uint32_t number, struct subject *s)
{
	if (is_dummy(t, s->message) && is_dummy(t, number)) {
		/* "append the current message's children to the children of the
		 * message in the subject table […], and then delete the current
		 * message." */
		t->heir[number] = s->message;
	} else if (is_dummy(t, s->message)) {
		/* "If the message in the subject table is a dummy and the
		 * current message is not, make the current message a child" */
		t->parent[number] = s->message;
	} else if (is_reply(t, number) && !is_reply(t, s->message)) {
		/* "If the current message is a reply or forward and the message
		 * in the subject table is not, make the current message a
		 * child of the message in the subject table" */
		t->parent[number] = s->message;
	} else {
		/* "Otherwise, create a new dummy message and make both […]
		 * children of the dummy. Then replace the message in the
		 * subject table with the dummy message." */
		t->parent[number] = t->parent[s->message] = t->nodes;
		s->message = t->nodes++;
	}
}

/* "(5) Gather together messages under the root that have the same base subject
 * text." */
static void gather_subjects(struct threading *t)
{
	uint32_t *roots = ARENA_ARRAY(t->arena, uint32_t, t->count);
	uint32_t n = list_roots(t, roots);

	for (uint32_t i = 0; i < n; i++)
		enter_subject(t, roots[i]);
	for (uint32_t i = 0; i < n; i++) {
		struct subject *s = thread_subject(t, roots[i]);

		/* "(iv) If the message in the subject table is the current
		 * message, skip this message." Or if it is under a dummy made
		 * here: that one's subject is its own. */
		if (s && s->message != roots[i] && !t->parent[roots[i]])
			merge(t, roots[i], s);
	}
}

/* The tree. */

static void append(struct thread_node *nodes, uint32_t *last, uint32_t parent,
	uint32_t number)
{
	nodes[number].parent = parent;
	if (last[parent])
		nodes[last[parent]].next = number;
	else
		nodes[parent].first = number;
	last[parent] = number;
}

/* "(6) […] sort each set of siblings by sent date […]. In the case of a dummy
 * message (which can only occur with top-level siblings), use its first child
 * for sorting." */
static enum err make_tree(struct threading *t, struct thread_node **nodes_r)
{
	struct thread_node *nodes =
		ARENA_ARRAY(t->arena, struct thread_node, t->nodes);
	uint32_t *last = ARENA_ARRAY(t->arena, uint32_t, t->nodes);

	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t number = t->by_date[i], parent = t->parent[number];

		if (t->heir[parent])
			parent = t->heir[parent];
		if (is_dummy(t, parent) && !nodes[parent].first)
			append(nodes, last, 0, parent);
		append(nodes, last, parent, number);
		nodes[number].number = t->messages[number].uid;
	}
	*nodes_r = nodes;
	return arena_spent(t->arena) ? ERR_LIMIT : OK;
}

enum err thread_by_references(const struct search_scope *scope,
	const struct uidset *uids, struct arena *arena,
	struct thread_node **nodes_r)
{
	struct threading t = {.arena = arena, .by_references = true};
	enum err e = begin(&t, scope, uids);

	if (e)
		return e;
	prune(&t);
	gather_subjects(&t);
	return make_tree(&t, nodes_r);
}

/* "The searched messages are sorted by base subject and then by the sent date.
 * The messages are then split into separate threads, with each thread
 * containing messages with the same base subject text. Finally, the threads
 * are sorted by the sent date of the first message in the thread. […] The
 * second message of a thread is the child of the first message, and subsequent
 * messages of the thread are siblings of the second message" */
enum err thread_by_subject(const struct search_scope *scope,
	const struct uidset *uids, struct arena *arena,
	struct thread_node **nodes_r)
{
	struct threading t = {.arena = arena};
	enum err e = begin(&t, scope, uids);

	if (e)
		return e;
	for (uint32_t i = 0; i < t.count; i++) {
		uint32_t number = t.by_date[i];
		struct subject *s = t.messages[number].subject;

		if (s->message)
			t.parent[number] = s->message;
		else
			s->message = number;
	}
	return make_tree(&t, nodes_r);
}
