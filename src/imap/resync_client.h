/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For resync_test.c: a client. What it knows while it is online (by message
 * number), what it keeps offline, and what it makes of each line that it is
 * told; at each tagged answer, what the command did is applied to the model,
 * and both must agree.
 */
#ifndef IMAP_RESYNC_CLIENT_H
#define IMAP_RESYNC_CLIENT_H

#include "base/uidset.h"
#include "imap/resync_model.h"

#define CLIENTS 4
#define PIPELINE 8

/* Random numbers. */

struct dice {
	uint64_t state;
};

static uint64_t dice_next(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static unsigned roll(struct dice *d, unsigned below)
{
	return (unsigned)(dice_next(d) % below);
}

/* Clients. */

/* A message as the client knows it, by its number. */
struct entry {
	uid_num uid; /* the model's; the client may not know it yet */
	bool has_flags;
	uint32_t flags;
	modseq_num modseq;   /* that these flags have; 0: not known */
	bool told_flags;     /* in this command */
	modseq_num told_now; /* in this command, without flags */
};

struct kept {
	uid_num uid;
	uint32_t flags;
	modseq_num modseq;
};

/* What it keeps offline: all messages up to `complete`. */
struct cache {
	bool valid;
	int box;
	uint32_t uidvalidity;
	modseq_num highest;
	uid_num complete;
	struct kept all[MESSAGES];
	unsigned count;
};

enum how { BY_PLAIN, BY_CONDSTORE, BY_QRESYNC };

enum does {
	DOES_NOTHING,
	DOES_SELECT,
	DOES_LEAVE, /* UNSELECT, CLOSE */
	DOES_APPEND,
	DOES_STORE,
	DOES_FETCH,
	DOES_COPY,
	DOES_EXPUNGE,
	DOES_SEARCH_ALL,
	DOES_SEARCH_MODSEQ,
	DOES_CREATE,
	DOES_DELETE,
	DOES_RENAME,
	DOES_IDLE,
};

/* A command that was sent. */
struct sent {
	enum does does;
	unsigned tag;
	bool may_expunge;
	bool uid;
	uid_num from, to;      /* numbers, or UIDs */
	struct uidset targets; /* UIDs, once its answer begins */
	int name;
	bool read_only; /* EXAMINE */
	/* STORE */
	char op;
	uint32_t flags;
	bool silent, conditional;
	modseq_num since;
	/* FETCH */
	bool sets_seen, asks_flags, vanished, changed;
	/* COPY, CLOSE */
	bool move, expunges;
	/* APPEND */
	unsigned messages;
	bool plain_sync; /* with it, all flags are known */
	bool search_sync, change_sync;
	bool enables; /* CONDSTORE */
};

struct player {
	struct talk talk;
	struct game *game;
	struct dice dice;
	bool online;
	bool qresync, condstore, idling;
	enum how how;
	unsigned tags;
	struct buf out;
	struct sent sent[PIPELINE];
	unsigned sent_count;
	bool numbers_shift; /* after what is sent */
	/* Of the mailbox that is selected. */
	bool selecting;
	int name;    /* -1: none */
	int box;
	bool read_only;
	unsigned count;
	struct entry all[MESSAGES];
	bool synced, searched, changes_told;
	uint32_t uidvalidity;
	modseq_num highest; /* RFC 7162 section 6 */
	modseq_num told_highest, told_code;
	bool has_code;
	struct uidset extra_uids; /* told while selecting */
	struct kept extra[MESSAGES];
	unsigned extra_count;
	struct uidset vanished, found;
	bool has_vanished;
	struct cache caches[NAMES], disk[NAMES];
};

struct game {
	struct world w;
	struct mail *eye; /* of the model: keeps no view fresh for others */
	struct model model;
	struct player players[CLIENTS];
	struct talk_log log;
	unsigned names; /* of mailboxes that are used */
	unsigned contents;
};

static struct box *box_of(struct player *p)
{
	return p->box < 0 ? NULL : &p->game->model.boxes[p->box];
}

/* Its mailbox was not deleted meanwhile. */
static bool box_is_there(const struct player *p)
{
	for (int i = 0; i < NAMES; i++)
		if (p->game->model.by_name[i] == p->box)
			return true;
	return false;
}

static struct entry *find_entry(struct player *p, uid_num uid)
{
	for (unsigned i = 0; i < p->count; i++)
		if (p->all[i].uid == uid)
			return &p->all[i];
	return NULL;
}

/* Or, where its UID was not told, one of those that it may be: they differ in
 * nothing that the client knows. */
static struct entry *find_vanished(struct player *p, uid_num uid)
{
	struct entry *may = NULL;

	for (unsigned i = 0; i < p->count && p->all[i].uid <= uid; i++)
		if (p->all[i].uid == uid)
			return &p->all[i];
		else if (p->all[i].uid)
			may = NULL;
		else if (!may)
			may = &p->all[i];
	return may;
}

static struct kept *find_kept(struct cache *c, uid_num uid)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->all[i].uid == uid)
			return &c->all[i];
	return NULL;
}

static void parse_set(struct player *p, str text, struct uidset *set)
{
	while (text.n && ascii_is_digit(text.p[0])) {
		size_t n = 0, colon;
		str range;
		uint64_t from;

		while (n < text.n &&
			(ascii_is_digit(text.p[n]) || text.p[n] == ':'))
			n++;
		range = str_take(text, n);
		colon = str_find_byte(range, ':');
		from = talk_number(&p->talk, range);
		uidset_add_range(set, (uint32_t)from,
			(uint32_t)(colon == range.n
					   ? from
					   : talk_number(&p->talk,
						     str_skip(range,
							     colon + 1))));
		text = str_skip(text, n);
		text = str_skip(text, text.n && text.p[0] == ',');
	}
}

/* Keeping. */

static void keep(struct player *p)
{
	struct cache *c;

	if (p->name < 0 || p->selecting || !p->synced)
		return;
	c = &p->caches[p->name];
	c->valid = true;
	c->box = p->box;
	c->uidvalidity = p->uidvalidity;
	c->highest = p->highest;
	c->count = 0;
	c->complete = 0;
	for (unsigned i = 0; i < p->count && p->all[i].has_flags; i++) {
		const struct entry *e = &p->all[i];

		c->all[c->count++] = (struct kept){e->uid, e->flags, e->modseq};
		c->complete = e->uid;
	}
}

/* After a cut: as if the client had ended there. */
static void write_disk(struct player *p)
{
	keep(p);
	memcpy(p->disk, p->caches, sizeof p->disk);
}

/* What the client is told. */

static void told_exists(struct player *p, uint64_t number)
{
	CHECK(p, number >= p->count && number < MESSAGES);
	while (p->count < number)
		p->all[p->count++] = (struct entry){.uid = 0};
}

static void remove_entry(struct player *p, unsigned at)
{
	memmove(&p->all[at], &p->all[at + 1],
		(--p->count - at) * sizeof p->all[0]);
}

static void told_expunge(struct player *p, uint64_t number)
{
	CHECK(p, p->sent_count == 0 || p->sent[0].may_expunge);
	CHECK(p, !p->qresync && !p->selecting);
	CHECK(p, number >= 1 && number <= p->count);
	remove_entry(p, (unsigned)number - 1);
}

static void told_vanished(struct player *p, str rest)
{
	bool earlier = str_starts(rest, STR("(EARLIER) "));
	struct cache *c = p->name < 0 ? NULL : &p->caches[p->name];
	struct uidset set = UIDSET_EMPTY;
	struct uidset_iter it;
	uid_num uid;

	CHECK(p, p->qresync);
	parse_set(p, earlier ? str_skip(rest, 10) : rest, &set);
	CHECK(p, !uidset_is_empty(&set));
	it = uidset_iter(&set, 1);
	while (!earlier && (uid = uidset_iter_next(&it))) {
		struct entry *e = find_vanished(p, uid);

		CHECK(p, p->sent_count == 0 || p->sent[0].may_expunge);
		CHECK(p, e && !p->selecting);
		remove_entry(p, (unsigned)(e - p->all));
	}
	while (earlier && p->selecting && (uid = uidset_iter_next(&it))) {
		struct kept *k = find_kept(c, uid);

		if (k)
			memmove(k, k + 1,
				(size_t)(&c->all[--c->count] - k) * sizeof *k);
	}
	if (earlier) {
		CHECK(p, !p->has_vanished && (!p->selecting || c->valid));
		p->has_vanished = true;
		uidset_copy(&p->vanished, &set);
		/* What has a number did not vanish earlier. */
		for (unsigned i = 0; !p->selecting && i < p->count; i++)
			CHECK(p, !uidset_has(&set, p->all[i].uid));
	}
	uidset_fini(&set);
}

/* SELECT (QRESYNC …) tells of messages by UID; numbers come to mean something
 * at its end. */
static void told_while_selecting(
	struct player *p, uid_num uid, uint32_t flags, modseq_num modseq)
{
	struct cache *c = &p->caches[p->name];
	struct kept *k = find_kept(c, uid);

	/* Of another UIDVALIDITY nothing is told. */
	CHECK(p, c->valid && uid && modseq);
	if (!k) {
		CHECK(p, uid > c->complete);
		CHECK(p, p->extra_count < MESSAGES);
		k = &p->extra[p->extra_count++];
	}
	*k = (struct kept){uid, flags, modseq};
}

static void told_fetch(struct player *p, uint64_t number, str line)
{
	str uid_text = talk_between(line, "UID ", ")");
	str flags_text = talk_between(line, "FLAGS (", ")");
	str modseq_text = talk_between(line, "MODSEQ (", ")");
	modseq_num modseq = str_is_none(modseq_text)
				    ? 0
				    : talk_number(&p->talk, modseq_text);
	uint32_t flags =
		str_is_none(flags_text)
			? 0
			: talk_flags(&p->talk, flags_text) & ~TALK_RECENT;
	uid_num uid = str_is_none(uid_text)
			      ? 0
			      : (uid_num)talk_number(&p->talk, uid_text);
	struct entry *e;

	CHECK(p, number >= 1 && number <= p->count);
	if (modseq > p->told_highest)
		p->told_highest = modseq;
	if (p->selecting) {
		told_while_selecting(p, uid, flags, modseq);
		return;
	}
	e = &p->all[number - 1];
	CHECK(p, !uid || !e->uid || uid == e->uid);
	if (!e->uid)
		e->uid = uid;
	if (!str_is_none(flags_text)) {
		e->has_flags = e->told_flags = true;
		e->flags = flags;
		e->modseq = modseq;
		e->told_now = 0;
	} else if (modseq) {
		e->told_now = modseq;
	}
}

static void told_code(struct player *p, str line)
{
	str highest = talk_between(line, "[HIGHESTMODSEQ ", "]");
	str uidvalidity = talk_between(line, "[UIDVALIDITY ", "]");

	if (!str_is_none(highest)) {
		p->told_code = talk_number(&p->talk, highest);
		p->has_code = true;
		CHECK(p, p->told_code > 0);
	}
	if (!str_is_none(uidvalidity)) {
		p->uidvalidity = (uint32_t)talk_number(&p->talk, uidvalidity);
		if (p->caches[p->name].uidvalidity != p->uidvalidity)
			p->caches[p->name].valid = false;
	}
}

static void told_search(struct player *p, str rest)
{
	uidset_clear(&p->found);
	while (rest.n && rest.p[0] == ' ' && ascii_is_digit(rest.p[1])) {
		uidset_add(&p->found,
			(uid_num)talk_number(&p->talk, str_skip(rest, 1)));
		rest = str_skip(rest, 1);
		rest = str_skip(rest, str_find_byte(rest, ' '));
	}
}

static void told(struct player *p, str line)
{
	str rest = str_skip(line, 2);
	uint64_t number;

	if (str_starts(rest, STR("OK "))) {
		told_code(p, rest);
	} else if (str_starts(rest, STR("SEARCH"))) {
		told_search(p, str_skip(rest, 6));
	} else if (str_starts(rest, STR("VANISHED "))) {
		told_vanished(p, str_skip(rest, 9));
	} else if (ascii_is_digit(rest.p[0])) {
		number = talk_number(&p->talk, rest);
		rest = str_skip(rest, str_find_byte(rest, ' ') + 1);
		if (str_starts(rest, STR("EXISTS")))
			told_exists(p, number);
		else if (str_starts(rest, STR("EXPUNGE")))
			told_expunge(p, number);
		else if (str_starts(rest, STR("FETCH")))
			told_fetch(p, number, rest);
		else
			CHECK(p, str_starts(rest, STR("RECENT")));
	}
}

/* Section 6: at each tagged answer. */
static void compute_highest(struct player *p)
{
	if (p->has_code)
		p->highest = p->told_code;
	else if (p->told_highest > p->highest)
		p->highest = p->told_highest;
	p->has_code = false;
	p->told_highest = 0;
}

/* Agreeing. */

/* New numbers are of the messages that came, in order. */
static void name_arrivals(struct player *p)
{
	const struct box *b = box_of(p);
	uid_num last = 0;

	for (unsigned i = 0; i < p->count; i++) {
		struct entry *e = &p->all[i];

		for (unsigned k = 0; !e->uid && k < b->count; k++)
			if (b->all[k].uid > last)
				e->uid = b->all[k].uid;
		CHECK(p, e->uid > last);
		last = e->uid;
	}
}

/* The numbers are those of the model, and what the client knows is so. */
static void agree(struct player *p, bool may_expunge)
{
	struct box *b = box_of(p);
	unsigned found = 0;

	if (!b)
		return;
	name_arrivals(p);
	for (unsigned i = 0; i < p->count; i++) {
		struct entry *e = &p->all[i];
		const struct message *m = box_find(b, e->uid);

		if (!m) {
			CHECK(p, !may_expunge);
			if (p->synced)
				CHECK(p,
					!box_is_gone_by(b, e->uid, p->highest));
			continue;
		}
		found++;
		if (!p->synced)
			continue;
		if (e->has_flags && e->flags != m->flags)
			fprintf(stderr, "UID %u: %x told, %x is\n", e->uid,
				e->flags, m->flags);
		CHECK(p, !e->has_flags || e->flags == m->flags);
		if (e->modseq && m->modseq)
			CHECK(p, !e->has_flags || e->modseq == m->modseq);
	}
	CHECK(p, found == b->count);
}

/* What was kept is put to the numbers. */
static void merge(struct player *p)
{
	struct cache *c = &p->caches[p->name];
	unsigned at = 0;

	for (unsigned i = 0; i < c->count; i++, at++) {
		struct entry *e = &p->all[at];
		const struct kept *k = &c->all[i];

		CHECK(p, at < p->count);
		CHECK(p, e->uid == k->uid);
		if (e->has_flags)
			continue;
		e->has_flags = true;
		e->flags = k->flags;
		e->modseq = k->modseq;
	}
	CHECK(p, at == p->count || p->all[at].uid > c->complete);
	for (unsigned i = 0; i < p->extra_count; i++) {
		struct entry *e = find_entry(p, p->extra[i].uid);

		CHECK(p, e);
		e->has_flags = true;
		e->flags = p->extra[i].flags;
		e->modseq = p->extra[i].modseq;
	}
}

/* Commands, and what they do. */

static void begin_select(struct player *p, const struct sent *q)
{
	keep(p);
	p->name = q->name;
	p->box = -1;
	p->selecting = true;
	p->synced = p->searched = p->changes_told = false;
	p->count = p->extra_count = 0;
	p->highest = 0;
}

static void end_select(struct player *p, const struct sent *q, bool ok)
{
	struct cache *c = &p->caches[q->name];

	p->selecting = false;
	p->box = p->game->model.by_name[q->name];
	CHECK(p, ok == (p->box >= 0));
	if (!ok) {
		p->name = -1;
		c->valid = false;
		return;
	}
	p->read_only = q->read_only;
	CHECK(p, p->uidvalidity == box_of(p)->uidvalidity ||
			 !box_of(p)->uidvalidity);
	CHECK(p, p->count == box_of(p)->count);
	name_arrivals(p);
	if (!c->valid)
		return;
	CHECK(p, c->box == p->box);
	if (q->vanished) {
		merge(p);
		p->synced = true;
	}
}

/* At the beginning of its answer. */
static void begin_command(struct player *p, struct sent *q)
{
	for (unsigned i = 0; i < p->count; i++) {
		p->all[i].told_flags = false;
		p->all[i].told_now = 0;
	}
	p->has_vanished = false;
	uidset_clear(&p->vanished);
	uidset_clear(&p->found);
	for (unsigned i = 0; q->to && i < p->count; i++)
		if (q->uid ? p->all[i].uid >= q->from && p->all[i].uid <= q->to
			   : i + 1 >= q->from && i + 1 <= q->to)
			uidset_add(&q->targets, p->all[i].uid);
	if (q->does == DOES_SELECT)
		begin_select(p, q);
	p->condstore |= q->enables && !(q->does == DOES_STORE && p->read_only);
}

static uint32_t apply_op(const struct sent *q, uint32_t flags)
{
	if (q->op == '+')
		return flags | q->flags;
	return q->op == '-' ? flags & ~q->flags : q->flags;
}

static void get_modified(
	struct player *p, const struct sent *q, str line, struct uidset *set)
{
	str text = talk_between(line, "[MODIFIED ", "]");
	struct uidset numbers = UIDSET_EMPTY;

	if (str_is_none(text))
		return;
	parse_set(p, text, q->uid ? set : &numbers);
	for (unsigned i = 0; i < p->count; i++)
		if (uidset_has(&numbers, i + 1))
			uidset_add(set, p->all[i].uid);
	uidset_fini(&numbers);
}

/* One message of a STORE; true when it is there. */
static bool store_one(struct player *p, const struct sent *q, uid_num uid,
	bool modified, bool ok)
{
	struct message *m = box_find(box_of(p), uid);
	struct entry *e = find_entry(p, uid);

	if (!m) {
		CHECK(p, !modified);
		return false;
	}
	/* 0: it changed within the pipeline, so by a number that is not known
	 * yet, and greater than those that are. */
	if (!q->conditional)
		CHECK(p, !modified);
	else if (m->modseq || q->since <= box_of(p)->modseq)
		CHECK(p, modified == (!m->modseq || m->modseq > q->since));
	if (!modified)
		box_set(box_of(p), m, apply_op(q, m->flags));
	if (!e)
		return true;
	if (modified || !q->silent || !ok) {
		CHECK(p, e->told_flags);
	} else if (!e->told_flags) {
		uint32_t flags = apply_op(q, e->flags);

		CHECK(p, !p->condstore || e->told_now ||
				 (!q->conditional &&
					 (!e->has_flags || flags == e->flags)));
		if (flags != e->flags)
			e->modseq = 0;
		e->flags = flags;
		e->has_flags |= q->op == ' ';
	}
	return true;
}

static void did_store(struct player *p, struct sent *q, str line, bool ok)
{
	struct uidset modified = UIDSET_EMPTY;
	struct uidset_iter it = uidset_iter(&q->targets, 1);
	unsigned missing = 0;
	uid_num uid;

	if (p->read_only) {
		CHECK(p, !ok);
		return;
	}
	get_modified(p, q, line, &modified);
	while ((uid = uidset_iter_next(&it)))
		missing +=
			!store_one(p, q, uid, uidset_has(&modified, uid), ok);
	if (box_is_there(p))
		CHECK(p, ok == (q->uid || !missing));
	uidset_fini(&modified);
}

static void did_fetch(struct player *p, struct sent *q, bool ok)
{
	struct box *b = box_of(p);
	struct uidset_iter it = uidset_iter(&q->targets, 1);
	unsigned missing = 0;
	uid_num uid;

	while ((uid = uidset_iter_next(&it))) {
		struct message *m = box_find(b, uid);
		const struct entry *e = find_entry(p, uid);

		missing += !m;
		if (!m)
			continue;
		if (q->sets_seen && !p->read_only)
			box_set(b, m, m->flags | FLAG_SEEN);
		if (q->asks_flags && e &&
			(!q->changed || (m->modseq ? m->modseq
						   : b->modseq + 1) > q->since))
			CHECK(p, e->told_flags);
	}
	if (!missing)
		CHECK(p, ok);
	if (!q->vanished)
		return;
	for (unsigned i = 0; i < b->gone_count; i++) {
		const struct gone *g = &b->gone[i];
		bool told = uidset_has(&p->vanished, g->uid);

		if (g->uid < q->from || g->uid > q->to)
			continue;
		if (g->after >= q->since && !uidset_has(&q->targets, g->uid) &&
			box_is_there(p))
			CHECK(p, told);
		if (g->until && g->until <= q->since &&
			q->since >= b->forgotten)
			CHECK(p, !told);
	}
}

static void did_append(struct player *p, struct sent *q, str line, bool ok)
{
	int to = p->game->model.by_name[q->name];
	str code = talk_between(line, "[APPENDUID ", "]");
	struct uidset uids = UIDSET_EMPTY;
	struct uidset_iter it;
	uid_num uid;

	CHECK(p, ok == (to >= 0));
	if (!ok)
		return;
	parse_set(p, str_skip(code, str_find_byte(code, ' ') + 1), &uids);
	CHECK(p, uidset_count(&uids) == q->messages);
	CHECK(p, uidset_min(&uids) == p->game->model.boxes[to].uidnext);
	it = uidset_iter(&uids, 1);
	while ((uid = uidset_iter_next(&it)))
		box_append(&p->game->model.boxes[to], uid, q->flags);
	uidset_fini(&uids);
}

static str last_copyuid;

static void did_copy(struct player *p, struct sent *q, str code, bool ok)
{
	int to = p->game->model.by_name[q->name];
	struct box *b = box_of(p);
	struct uidset from = UIDSET_EMPTY, into = UIDSET_EMPTY;
	struct uidset_iter it, at;
	unsigned there = 0;
	uid_num uid;

	it = uidset_iter(&q->targets, 1);
	while ((uid = uidset_iter_next(&it)))
		there += box_find(b, uid) != NULL;
	if (!str_is_none(code)) {
		size_t n;

		code = str_skip(code, str_find_byte(code, ' ') + 1);
		n = str_find_byte(code, ' ');
		parse_set(p, str_take(code, n), &from);
		parse_set(p, str_skip(code, n + 1), &into);
	}
	if ((q->move && p->read_only) || to < 0 || !there) {
		CHECK(p, uidset_is_empty(&from));
		CHECK(p, !ok || !there);
	} else if (!q->move && !q->uid && there < uidset_count(&q->targets)) {
		CHECK(p, !ok && uidset_is_empty(&from));
	} else {
		CHECK(p, ok && uidset_count(&from) == there);
		CHECK(p, uidset_count(&into) == there);
	}
	it = uidset_iter(&from, 1);
	at = uidset_iter(&into, 1);
	while (to >= 0 && (uid = uidset_iter_next(&it))) {
		const struct message *m = box_find(b, uid);
		uid_num copy = uidset_iter_next(&at);

		CHECK(p, m && uidset_has(&q->targets, uid));
		CHECK(p, copy >= p->game->model.boxes[to].uidnext);
		box_append(&p->game->model.boxes[to], copy, m->flags);
		if (q->move)
			box_expunge(b, uid);
	}
	uidset_fini(&from);
	uidset_fini(&into);
}

static void did_expunge(struct player *p, struct sent *q, str line, bool ok)
{
	struct box *b = box_of(p);
	unsigned before = b->count;

	if (p->read_only) {
		CHECK(p, q->does == DOES_LEAVE || !ok);
		return;
	}
	for (unsigned i = b->count; i-- > 0;)
		if (b->all[i].flags & FLAG_DELETED &&
			(!q->uid || uidset_has(&q->targets, b->all[i].uid)))
			box_expunge(b, b->all[i].uid);
	if (q->does == DOES_EXPUNGE && b->count < before && p->condstore)
		CHECK(p, !str_is_none(
				 talk_between(line, "[HIGHESTMODSEQ ", "]")));
}

static void did_leave(struct player *p, struct sent *q, str line, bool ok)
{
	CHECK(p, ok);
	if (q->expunges)
		did_expunge(p, q, line, ok);
	keep(p);
	p->name = p->box = -1;
	p->count = 0;
}

/* What was told is all that was asked. */
static void did_search(struct player *p, struct sent *q, bool ok)
{
	struct box *b = box_of(p);

	CHECK(p, ok);
	for (unsigned i = 0; i < p->count; i++) {
		const struct message *m = box_find(b, p->all[i].uid);

		if (!m || !uidset_has(&q->targets, m->uid))
			continue;
		if (q->does == DOES_SEARCH_ALL)
			CHECK(p, uidset_has(&p->found, m->uid));
		else if (m->modseq)
			CHECK(p, uidset_has(&p->found, m->uid) ==
					 (m->modseq >= q->since));
	}
}

static void sync_step_done(struct player *p, struct sent *q)
{
	struct cache *c = p->name < 0 ? NULL : &p->caches[p->name];

	if (q->search_sync) {
		unsigned n = 0;

		for (unsigned i = 0; i < c->count; i++)
			if (uidset_has(&p->found, c->all[i].uid))
				c->all[n++] = c->all[i];
		c->count = n;
		p->searched = true;
		/* The numbers have their UIDs now. */
		name_arrivals(p);
		merge(p);
	}
	p->changes_told |= q->change_sync;
	if (q->plain_sync || (p->searched && p->changes_told))
		p->synced = true;
}

static void did_rename(struct player *p, struct sent *q, bool ok)
{
	struct model *model = &p->game->model;
	int from = (int)q->from - 1, to = q->name, box;
	bool can = model->by_name[from] >= 0 && model->by_name[to] < 0;

	CHECK(p, ok == can);
	if (!ok)
		return;
	if (from != 0) {
		model->by_name[to] = model->by_name[from];
		model->by_name[from] = -1;
		return;
	}
	box = model_create(model, to);
	model->boxes[box].unknown = true;
	while (model->boxes[model->by_name[0]].count)
		box_expunge(&model->boxes[model->by_name[0]],
			model->boxes[model->by_name[0]].all[0].uid);
}

static void did(struct player *p, struct sent *q, str line, bool ok)
{
	struct model *model = &p->game->model;

	switch (q->does) {
	case DOES_SELECT:
		end_select(p, q, ok);
		break;
	case DOES_LEAVE:
		did_leave(p, q, line, ok);
		break;
	case DOES_APPEND:
		did_append(p, q, line, ok);
		break;
	case DOES_STORE:
		did_store(p, q, line, ok);
		break;
	case DOES_FETCH:
		did_fetch(p, q, ok);
		break;
	case DOES_COPY:
		did_copy(p, q,
			q->move ? last_copyuid
				: talk_between(line, "[COPYUID ", "]"),
			ok);
		break;
	case DOES_EXPUNGE:
		did_expunge(p, q, line, ok);
		break;
	case DOES_SEARCH_ALL:
	case DOES_SEARCH_MODSEQ:
		did_search(p, q, ok);
		break;
	case DOES_CREATE:
		CHECK(p, ok == (model->by_name[q->name] < 0));
		if (ok)
			model_create(model, q->name);
		break;
	case DOES_DELETE:
		CHECK(p, ok == (model->by_name[q->name] >= 0 && q->name));
		if (ok) {
			model->boxes[model->by_name[q->name]].count = 0;
			model->by_name[q->name] = -1;
		}
		break;
	case DOES_RENAME:
		did_rename(p, q, ok);
		break;
	default:
		CHECK(p, ok);
	}
}

/* The tagged answer to the first of what was sent. */
static void answered(struct player *p, str line)
{
	struct sent *q = &p->sent[0];
	bool ok = str_starts(line, STR("OK"));
	bool selects = q->does == DOES_SELECT;

	CHECK(p, !str_starts(line, STR("BAD")));
	told_code(p, line);
	did(p, q, line, ok);
	for (unsigned i = 0; i < p->count; i++) {
		struct entry *e = &p->all[i];

		if (e->told_now && e->has_flags && !e->told_flags)
			e->modseq = e->told_now;
	}
	compute_highest(p);
	if (ok && p->name >= 0)
		sync_step_done(p, q);
	agree(p, q->may_expunge || selects);
	uidset_fini(&q->targets);
	memmove(q, q + 1, --p->sent_count * sizeof *q);
	if (p->sent_count)
		begin_command(p, &p->sent[0]);
}

static void hear_line(struct player *p, str line)
{
	char tag[16];
	size_t n;
	str code;

	if (line.p[0] == '+')
		return;
	if (line.p[0] == '*') {
		code = talk_between(line, "[COPYUID ", "]");
		if (!str_is_none(code))
			last_copyuid = code;
		told(p, line);
		return;
	}
	CHECK(p, p->sent_count > 0);
	n = (size_t)snprintf(tag, sizeof tag, "t%u ", p->sent[0].tag);
	CHECK(p, str_starts(line, str_of(tag, n)));
	answered(p, str_skip(line, n));
	last_copyuid = str_none();
}

#endif
