/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/hash.h"
#include "message/flags.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *const box_names[NAMES] = {"INBOX", "a", "b"};

#define STR_OF(x) #x
#define MUST_BE(condition)                                                     \
	do {                                                                   \
		if (!(condition))                                              \
			return STR_OF(condition);                              \
	} while (0)

void sent_fini(struct sent *q)
{
	uidset_fini(&q->asked);
	uidset_fini(&q->targets);
	uidset_fini(&q->from);
	uidset_fini(&q->into);
	uidset_fini(&q->modified);
}

struct message *find_message(struct box *b, uid_num uid)
{
	for (unsigned i = 0; i < b->count; i++)
		if (b->all[i].uid == uid)
			return &b->all[i];
	return NULL;
}

static void box_set(struct box *b, struct message *m, uint32_t flags)
{
	if (m->flags == flags)
		return;
	m->flags = flags;
	m->modseq = 0;
	b->changed = true;
}

static void box_append(
	struct box *b, uid_num uid, uint32_t flags, unsigned content)
{
	if (b->count == MESSAGES)
		abort();
	b->all[b->count++] = (struct message){uid, flags, 0, content};
	b->uidnext = uid + 1;
	b->changed = true;
}

static void box_expunge(struct box *b, uid_num uid)
{
	struct message *m = find_message(b, uid);

	if (b->gone_count == MESSAGES)
		abort();
	b->gone[b->gone_count++] = (struct gone){uid, b->modseq, 0};
	memmove(m, m + 1, (size_t)(&b->all[--b->count] - m) * sizeof *m);
	b->changed = true;
}

bool box_is_gone_by(const struct box *b, uid_num uid, modseq_num modseq)
{
	for (unsigned i = 0; i < b->gone_count; i++)
		if (b->gone[i].uid == uid)
			return b->gone[i].until && b->gone[i].until <= modseq;
	return false;
}

static struct box *model_create(struct model *model, int name)
{
	struct box *b = xcalloc(1, sizeof *b);

	if (model->count == BOXES)
		abort();
	b->changed = true;
	b->uidnext = 1;
	model->boxes[model->count] = b;
	model->by_name[name] = model->count++;
	return b;
}

void model_init(struct model *model)
{
	*model = (struct model){.count = 0};
	for (int i = 0; i < NAMES; i++)
		model->by_name[i] = -1;
	model_create(model, 0);
}

void model_fini(struct model *model)
{
	for (int i = 0; i < model->count; i++)
		free(model->boxes[i]);
}

bool model_has(const struct model *model, int box)
{
	for (int i = 0; i < NAMES; i++)
		if (box >= 0 && model->by_name[i] == box)
			return true;
	return false;
}

static struct box *named(struct model *model, int name)
{
	int box = model->by_name[name];

	return box < 0 ? NULL : model->boxes[box];
}

/* Doing. */

static const char *apply_append(struct model *model, const struct sent *q)
{
	struct box *to = named(model, q->name), *from;
	unsigned content = q->content;
	const struct message *m;

	if (q->url_uid) {
		from = named(model, q->url_name);
		m = from ? find_message(from, q->url_uid) : NULL;
		content = m ? m->content : 0;
		if (!m)
			to = NULL;
	}
	if (q->answered)
		MUST_BE(q->ok == (to != NULL));
	if (!to)
		return NULL;
	if (q->told_uids) {
		MUST_BE(uidset_count(&q->into) == q->messages);
		MUST_BE(uidset_min(&q->into) == to->uidnext);
		MUST_BE(uidset_max(&q->into) == to->uidnext + q->messages - 1);
	}
	for (unsigned i = 0; i < q->messages; i++)
		box_append(to, to->uidnext, q->flags, content + i);
	return NULL;
}

static const char *apply_replace(struct model *model, const struct sent *q)
{
	struct box *b = model->boxes[q->box], *to = named(model, q->name);
	uid_num uid = uidset_min(&q->targets);
	bool can = !q->box_read_only && uid && find_message(b, uid) && to &&
		   model_has(model, q->box);

	if (q->answered)
		MUST_BE(q->ok == can);
	if (!can) {
		MUST_BE(!q->told_uids);
		return NULL;
	}
	if (q->told_uids)
		MUST_BE(uidset_count(&q->into) == 1 &&
			uidset_min(&q->into) == to->uidnext);
	box_append(to, to->uidnext, q->flags, q->content);
	box_expunge(b, uid);
	return NULL;
}

static uint32_t apply_op(const struct sent *q, uint32_t flags)
{
	if (q->op == '+')
		return flags | q->flags;
	return q->op == '-' ? flags & ~q->flags : q->flags;
}

/* Was this message changed since? 0: it was within what was not held yet, so
 * by a number that is not known, and greater than those that are. */
static const char *apply_condition(const struct box *b, const struct message *m,
	const struct sent *q, bool *modified_r)
{
	bool told = uidset_has(&q->modified, m->uid);

	*modified_r = !m->modseq || m->modseq > q->since;
	if (!m->modseq && q->since > b->modseq)
		*modified_r = told;
	if (q->answered)
		MUST_BE(told == *modified_r);
	return NULL;
}

static const char *apply_store(struct model *model, const struct sent *q)
{
	struct box *b = model->boxes[q->box];
	struct uidset_iter it = uidset_iter(&q->targets, 1);
	unsigned missing = 0;
	uid_num uid;

	if (q->box_read_only) {
		MUST_BE(!q->ok);
		return NULL;
	}
	while ((uid = uidset_iter_next(&it))) {
		struct message *m = find_message(b, uid);
		bool modified = false;
		const char *why = NULL;

		missing += !m;
		if (m && q->conditional)
			why = apply_condition(b, m, q, &modified);
		else
			MUST_BE(!uidset_has(&q->modified, uid));
		if (why)
			return why;
		if (m && !modified)
			box_set(b, m, apply_op(q, m->flags));
	}
	if (q->answered && model_has(model, q->box))
		MUST_BE(q->ok == (q->uid || !missing));
	return NULL;
}

static const char *apply_fetch(struct model *model, const struct sent *q)
{
	const struct uidset *unseen = q->unseen ? q->unseen : &q->targets;
	struct box *b = model->boxes[q->box];
	struct uidset_iter it = uidset_iter(&q->targets, 1);
	unsigned missing = 0;
	uid_num uid;

	while ((uid = uidset_iter_next(&it)))
		missing += !find_message(b, uid);
	it = uidset_iter(unseen, 1);
	while (q->sets_seen && !q->box_read_only &&
		(uid = uidset_iter_next(&it))) {
		struct message *m = find_message(b, uid);

		if (m)
			box_set(b, m, m->flags | FLAG_SEEN);
	}
	if (q->answered && !missing)
		MUST_BE(q->ok);
	return NULL;
}

static void copy_one(struct box *b, struct box *to, uid_num uid, bool move)
{
	const struct message m = *find_message(b, uid);

	box_append(to, to->uidnext, m.flags, m.content);
	if (move)
		box_expunge(b, uid);
}

static const char *apply_copy(struct model *model, const struct sent *q)
{
	struct box *b = model->boxes[q->box], *to = named(model, q->name);
	struct uidset_iter it = uidset_iter(&q->targets, 1);
	unsigned there = 0;
	uid_num uid;
	bool none;

	while ((uid = uidset_iter_next(&it)))
		there += find_message(b, uid) != NULL;
	none = (q->move && q->box_read_only) || !to || !there;
	if (none && q->answered)
		MUST_BE(!q->ok || !there);
	/* By number it is all or nothing. */
	if (!none && !q->move && !q->uid && there < uidset_count(&q->targets)) {
		MUST_BE(!q->answered || !q->ok);
		none = true;
	}
	MUST_BE(!(none && q->told_uids));
	if (none)
		return NULL;
	if (q->answered)
		MUST_BE(q->ok && q->told_uids);
	if (q->told_uids) {
		MUST_BE(uidset_count(&q->from) == there);
		MUST_BE(uidset_count(&q->into) == there);
		MUST_BE(uidset_min(&q->into) == to->uidnext);
		MUST_BE(uidset_max(&q->into) == to->uidnext + there - 1);
	}
	it = uidset_iter(&q->targets, 1);
	while ((uid = uidset_iter_next(&it))) {
		if (q->told_uids)
			MUST_BE(uidset_has(&q->from, uid) ==
				(find_message(b, uid) != NULL));
		if (find_message(b, uid))
			copy_one(b, to, uid, q->move);
	}
	return NULL;
}

static const char *apply_expunge(struct model *model, const struct sent *q)
{
	struct box *b = q->box < 0 ? NULL : model->boxes[q->box];

	if (q->does == DOES_LEAVE && (!b || !q->expunges))
		return NULL;
	if (q->box_read_only) {
		MUST_BE(q->does == DOES_LEAVE || !q->ok);
		return NULL;
	}
	for (unsigned i = b->count; i-- > 0;)
		if (b->all[i].flags & FLAG_DELETED &&
			(!q->uid || uidset_has(&q->targets, b->all[i].uid)))
			box_expunge(b, b->all[i].uid);
	return NULL;
}

static const char *apply_take(struct model *model, const struct sent *q)
{
	struct uidset_iter it = uidset_iter(&q->targets, 1);
	struct box *b = named(model, q->name);
	uid_num uid;

	while ((uid = uidset_iter_next(&it)))
		if (find_message(b, uid))
			box_expunge(b, uid);
	return NULL;
}

static const char *apply_create(struct model *model, const struct sent *q)
{
	bool can = model->by_name[q->name] < 0;

	if (q->answered)
		MUST_BE(q->ok == can);
	if (can)
		model_create(model, q->name);
	return NULL;
}

static const char *apply_delete(struct model *model, const struct sent *q)
{
	bool can = model->by_name[q->name] >= 0 && q->name != 0;

	if (q->answered)
		MUST_BE(q->ok == can);
	if (!can)
		return NULL;
	named(model, q->name)->count = 0;
	model->by_name[q->name] = -1;
	return NULL;
}

/* INBOX stays; its messages go. */
static const char *apply_rename(struct model *model, const struct sent *q)
{
	int from = q->name, to = q->new_name;
	bool can = model->by_name[from] >= 0 && model->by_name[to] < 0;
	struct box *b, *made;

	if (q->answered)
		MUST_BE(q->ok == can);
	if (!can)
		return NULL;
	if (from != 0) {
		model->by_name[to] = model->by_name[from];
		model->by_name[from] = -1;
		return NULL;
	}
	b = named(model, 0);
	made = model_create(model, to);
	made->note = b->note;
	while (b->count)
		copy_one(b, made, b->all[0].uid, true);
	return NULL;
}

/* Also to what does not exist. */
static const char *apply_subscribe(struct model *model, const struct sent *q)
{
	if (q->answered)
		MUST_BE(q->ok);
	model->subscribed[q->name] = q->subscribes;
	return NULL;
}

static const char *apply_note(struct model *model, const struct sent *q)
{
	struct box *b = named(model, q->name);

	if (q->answered)
		MUST_BE(q->ok == (b != NULL));
	if (q->does == DOES_GET_NOTE) {
		if (q->answered && b)
			MUST_BE(q->told_note && q->noted == b->note);
	} else if (b) {
		b->changed |= b->note || q->note;
		b->note = q->note;
	}
	return NULL;
}

const char *model_apply(struct model *model, const struct sent *q)
{
	switch (q->does) {
	case DOES_APPEND:
		return apply_append(model, q);
	case DOES_REPLACE:
		return apply_replace(model, q);
	case DOES_STORE:
		return apply_store(model, q);
	case DOES_FETCH:
		return apply_fetch(model, q);
	case DOES_COPY:
		return apply_copy(model, q);
	case DOES_LEAVE:
	case DOES_EXPUNGE:
		return apply_expunge(model, q);
	case DOES_TAKE:
		return apply_take(model, q);
	case DOES_CREATE:
		return apply_create(model, q);
	case DOES_DELETE:
		return apply_delete(model, q);
	case DOES_RENAME:
		return apply_rename(model, q);
	case DOES_SUBSCRIBE:
		return apply_subscribe(model, q);
	case DOES_SET_NOTE:
	case DOES_GET_NOTE:
		return apply_note(model, q);
	default:
		return NULL;
	}
}

bool model_changes(const struct sent *q)
{
	switch (q->does) {
	case DOES_FETCH:
		return q->sets_seen;
	case DOES_LEAVE:
		return q->expunges;
	case DOES_APPEND:
	case DOES_REPLACE:
	case DOES_STORE:
	case DOES_COPY:
	case DOES_EXPUNGE:
	case DOES_TAKE:
	case DOES_CREATE:
	case DOES_DELETE:
	case DOES_RENAME:
	case DOES_SUBSCRIBE:
	case DOES_SET_NOTE:
	case DOES_GET_NOTE:
		return true;
	default:
		return false;
	}
}

/* Holding. */

static const char *compare_message(const struct box *b, const struct message *m,
	const struct sight *v, const struct message *is)
{
	MUST_BE(m->uid == is->uid);
	MUST_BE(m->flags == is->flags);
	if (m->modseq)
		MUST_BE(m->modseq == is->modseq);
	else
		MUST_BE(is->modseq > b->modseq);
	MUST_BE(is->modseq <= v->modseq);
	if (m->content && is->content)
		MUST_BE(m->content == is->content);
	return NULL;
}

static const char *compare_box(const struct box *b, const struct sight *v)
{
	const char *why = NULL;

	if (b->uidvalidity)
		MUST_BE(b->uidvalidity == v->uidvalidity);
	MUST_BE(b->uidnext == v->uidnext);
	MUST_BE(b->note == v->note);
	MUST_BE(v->modseq >= b->told);
	if (b->changed)
		MUST_BE(v->modseq > b->modseq);
	else
		MUST_BE(v->modseq == b->modseq);
	MUST_BE(b->count == v->count);
	for (unsigned i = 0; !why && i < b->count; i++)
		why = compare_message(b, &b->all[i], v, &v->all[i]);
	return why;
}

static const char *compare(
	const struct model *model, const struct sight sights[NAMES])
{
	const char *why = NULL;

	for (int i = 0; !why && i < NAMES; i++) {
		int box = model->by_name[i];

		MUST_BE(sights[i].exists == (box >= 0));
		MUST_BE(sights[i].subscribed == model->subscribed[i]);
		if (box >= 0)
			why = compare_box(model->boxes[box], &sights[i]);
	}
	return why;
}

static void take_over(struct box *b, const struct sight *v)
{
	b->uidvalidity = v->uidvalidity;
	for (unsigned i = 0; i < b->count; i++)
		b->all[i].modseq = v->all[i].modseq;
	for (unsigned i = 0; i < b->gone_count; i++)
		if (!b->gone[i].until)
			b->gone[i].until = v->modseq;
	b->modseq = v->modseq;
	b->changed = false;
}

const char *model_hold(struct model *model, const struct sight sights[NAMES])
{
	const char *why = compare(model, sights);

	for (int i = 0; !why && i < NAMES; i++)
		if (sights[i].exists)
			take_over(named(model, i), &sights[i]);
	return why;
}

/* For who looks for the reason. */

static void print_messages(FILE *to, const struct message *all, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		fprintf(to, " %u:%x@%" PRIu64, all[i].uid, all[i].flags,
			all[i].modseq);
	fprintf(to, "\n");
}

void model_print(
	FILE *to, const struct model *model, const struct sight sights[NAMES])
{
	for (int i = 0; i < NAMES; i++) {
		const struct sight *s = &sights[i];

		fprintf(to, "%s is there: %s, UIDNEXT %u, modseq %" PRIu64 ":",
			box_names[i], s->exists ? "yes" : "no", s->uidnext,
			s->modseq);
		print_messages(to, s->all, s->exists ? s->count : 0);
		if (model->by_name[i] >= 0) {
			const struct box *b = model->boxes[model->by_name[i]];

			fprintf(to,
				"%s began as: UIDNEXT %u, modseq %" PRIu64 ":",
				box_names[i], b->uidnext, b->modseq);
			print_messages(to, b->all, b->count);
		}
	}
}

/* Settling. */

/* A set of hashes. */
struct places {
	uint64_t *all; /* 0: free */
	size_t size, count;
};

static bool place_put(struct places *p, uint64_t place)
{
	size_t i = place % p->size;

	while (p->all[i] && p->all[i] != place)
		i = (i + 1) % p->size;
	if (p->all[i])
		return false;
	p->all[i] = place;
	p->count++;
	return true;
}

static void places_grow(struct places *p)
{
	struct places old = *p;

	*p = (struct places){.size = old.size ? 2 * old.size : 1024};
	p->all = xcalloc(p->size, sizeof *p->all);
	for (size_t i = 0; i < old.size; i++)
		if (old.all[i])
			(void)place_put(p, old.all[i]);
	free(old.all);
}

/* False: it was there. */
static bool place_add(struct places *p, uint64_t place)
{
	if (2 * p->count >= p->size)
		places_grow(p);
	return place_put(p, place | 1);
}

struct search {
	struct model *model;
	const struct lane *lanes;
	unsigned count;
	unsigned at[8];
	/* Of a FETCH: it has looked, and found these to be unseen. */
	bool looked[8];
	struct uidset unseen[8];
	const struct sight *sights;
	/* From where the search has been: orders of commands that do not touch
	 * each other end in the same, and there are very many of them. */
	struct places been;
};

static void add_bytes(struct buf *b, const void *p, size_t n)
{
	buf_add(b, str_of(p, n));
}

static void add_box(struct buf *b, const struct box *box)
{
	uint64_t gone = 0; /* in whatever order */

	for (unsigned i = 0; i < box->gone_count; i++)
		gone += hash_u64(box->gone[i].uid);
	buf_addf(b, "%d %u %u %u %u %" PRIu64 " ", box->changed,
		box->uidvalidity, box->uidnext, box->note, box->count, gone);
	for (unsigned i = 0; i < box->count; i++)
		buf_addf(b, "%u %u %d %u ", box->all[i].uid, box->all[i].flags,
			box->all[i].modseq == 0, box->all[i].content);
}

/* All that decides how it can go on. */
static uint64_t place_of(const struct search *s)
{
	struct buf b = BUF_UNBOUNDED;
	uint64_t place;

	add_bytes(&b, s->at, sizeof s->at);
	add_bytes(&b, s->looked, sizeof s->looked);
	for (unsigned i = 0; i < s->count; i++)
		if (s->looked[i])
			uidset_print(&s->unseen[i], &b);
	add_bytes(&b, s->model->by_name, sizeof s->model->by_name);
	add_bytes(&b, s->model->subscribed, sizeof s->model->subscribed);
	for (int i = 0; i < s->model->count; i++)
		add_box(&b, s->model->boxes[i]);
	place = hash_str(buf_str(&b));
	buf_fini(&b);
	return place;
}

static bool is_as_seen(const struct search *s)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->at[i] < s->lanes[i].answered)
			return false;
	return !compare(s->model, s->sights);
}

/* What the command may touch, to be put back: its mailboxes. */
struct backup {
	struct model model;
	int which[2 + NAMES];
	struct box *boxes[2 + NAMES];
	int count;
};

static void save_box(struct backup *u, int box)
{
	for (int i = 0; i < u->count; i++)
		if (u->which[i] == box)
			return;
	if (box < 0)
		return;
	u->which[u->count] = box;
	u->boxes[u->count] = xmalloc(sizeof(struct box));
	*u->boxes[u->count++] = *u->model.boxes[box];
}

static void save(
	struct backup *u, const struct model *model, const struct sent *q)
{
	u->model = *model;
	u->count = 0;
	save_box(u, q->box);
	if (q->name >= 0)
		save_box(u, model->by_name[q->name]);
}

static void put_back(struct backup *u, struct model *model)
{
	for (int i = u->model.count; i < model->count; i++)
		free(model->boxes[i]);
	*model = u->model;
	for (int i = 0; i < u->count; i++)
		*model->boxes[u->which[i]] = *u->boxes[i];
}

static void forget(struct backup *u)
{
	for (int i = 0; i < u->count; i++)
		free(u->boxes[i]);
}

static bool find_order(struct search *s);

static bool try_next(struct search *s, unsigned lane)
{
	struct sent q = s->lanes[lane].sent[s->at[lane]];
	bool looked = s->looked[lane], found = false;
	struct backup backup;

	if (looked)
		q.unseen = &s->unseen[lane];
	save(&backup, s->model, &q);
	s->at[lane]++;
	s->looked[lane] = false;
	if (!model_apply(s->model, &q))
		found = find_order(s);
	if (!found) {
		put_back(&backup, s->model);
		s->at[lane]--;
		s->looked[lane] = looked;
	}
	forget(&backup);
	return found;
}

/* FETCH sets \Seen where it was not when it read; others may change flags
 * before it does so, and no RFC says that they may not. */
static bool try_look(struct search *s, unsigned lane)
{
	const struct sent *q = &s->lanes[lane].sent[s->at[lane]];
	struct uidset_iter it = uidset_iter(&q->targets, 1);
	struct box *b = s->model->boxes[q->box];
	struct uidset before = s->unseen[lane];
	bool found;
	uid_num uid;

	s->unseen[lane] = UIDSET_EMPTY;
	while ((uid = uidset_iter_next(&it))) {
		const struct message *m = find_message(b, uid);

		if (m && !(m->flags & FLAG_SEEN))
			uidset_add(&s->unseen[lane], uid);
	}
	s->looked[lane] = true;
	found = find_order(s);
	s->looked[lane] = false;
	uidset_fini(&s->unseen[lane]);
	s->unseen[lane] = before;
	return found;
}

static bool find_order(struct search *s)
{
	if (is_as_seen(s))
		return true;
	if (!place_add(&s->been, place_of(s)))
		return false;
	for (unsigned i = 0; i < s->count; i++) {
		const struct lane *lane = &s->lanes[i];
		const struct sent *q = &lane->sent[s->at[i]];

		if (s->at[i] == lane->count)
			continue;
		if (!model_changes(q)) {
			s->at[i]++;
			if (find_order(s))
				return true;
			s->at[i]--;
			return false;
		}
		if (q->does == DOES_FETCH && !s->looked[i] ? try_look(s, i)
							   : try_next(s, i))
			return true;
	}
	return false;
}

bool model_settle(struct model *model, const struct lane *lanes, unsigned count,
	const struct sight sights[NAMES])
{
	struct search s = {
		.model = model,
		.looked = {false},
		.lanes = lanes,
		.count = count,
		.sights = sights,
	};
	bool found = find_order(&s);

	free(s.been.all);
	return found;
}
