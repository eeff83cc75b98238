/* SPDX-License-Identifier: Apache-2.0 */
#include "player.h"

/* Messages. */

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

static struct kept *find_kept(struct kept *all, unsigned count, uid_num uid)
{
	for (unsigned i = 0; i < count; i++)
		if (all[i].uid == uid)
			return &all[i];
	return NULL;
}

static void remove_kept(struct kept *all, unsigned *count, uid_num uid)
{
	struct kept *k = find_kept(all, *count, uid);

	if (k)
		memmove(k, k + 1, (size_t)(&all[--*count] - k) * sizeof *k);
}

static void know(struct entry *e, const struct kept *k)
{
	e->has_flags = e->told_flags = true;
	e->flags = k->flags;
	e->modseq = k->modseq;
}

static void parse_set(struct player *p, str text, struct uidset *set)
{
	while (text.n && ascii_is_digit(text.p[0])) {
		size_t n = 0, colon;
		str range;
		uint64_t from, to;

		while (n < text.n &&
			(ascii_is_digit(text.p[n]) || text.p[n] == ':'))
			n++;
		range = str_take(text, n);
		colon = str_find_byte(range, ':');
		from = to = talk_number(&p->talk, range);
		if (colon < range.n)
			to = talk_number(&p->talk, str_skip(range, colon + 1));
		uidset_add_range(set, (uint32_t)from, (uint32_t)to);
		text = str_skip(text, n);
		text = str_skip(text, text.n && text.p[0] == ',');
	}
}

/* Keeping. */

void player_keep(struct player *p)
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
	for (unsigned i = 0; i < p->count; i++) {
		const struct entry *e = &p->all[i];

		if (!e->has_flags || !e->uid)
			break;
		c->all[c->count++] = (struct kept){e->uid, e->flags, e->modseq};
		c->complete = e->uid;
	}
}

void player_write_disk(struct player *p)
{
	player_keep(p);
	memcpy(p->disk, p->caches, sizeof p->disk);
}

/* What it is told. */

static bool may_be_told_expunges(struct player *p)
{
	return p->answered == p->sent_count || current(p)->may_expunge ||
	       p->notify;
}

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
	CHECK(p, may_be_told_expunges(p));
	CHECK(p, !p->qresync && !p->uidonly && !p->selecting);
	CHECK(p, number >= 1 && number <= p->count);
	remove_entry(p, (unsigned)number - 1);
}

static void told_gone(struct player *p, const struct uidset *set)
{
	struct uidset_iter it = uidset_iter(set, 1);
	uid_num uid;

	CHECK(p, p->qresync || p->uidonly);
	while ((uid = uidset_iter_next(&it))) {
		struct entry *e = find_vanished(p, uid);

		CHECK(p, may_be_told_expunges(p));
		CHECK(p, e && !p->selecting);
		remove_entry(p, (unsigned)(e - p->all));
		remove_kept(p->early, &p->early_count, uid);
	}
}

static void told_gone_earlier(struct player *p, const struct uidset *set)
{
	struct cache *c = p->name < 0 ? NULL : &p->caches[p->name];
	struct uidset_iter it = uidset_iter(set, 1);
	uid_num uid;

	CHECK(p, p->qresync);
	CHECK(p, !p->has_vanished && (!p->selecting || c->valid));
	while (p->selecting && (uid = uidset_iter_next(&it)))
		remove_kept(c->all, &c->count, uid);
	p->has_vanished = true;
	uidset_copy(&p->vanished, set);
	/* What has a number did not vanish earlier. */
	for (unsigned i = 0; !p->selecting && i < p->count; i++)
		CHECK(p, !uidset_has(set, p->all[i].uid));
}

static void told_vanished(struct player *p, str rest)
{
	bool earlier = str_starts(rest, STR("(EARLIER) "));
	struct uidset set = UIDSET_EMPTY;

	parse_set(p, earlier ? str_skip(rest, 10) : rest, &set);
	CHECK(p, !uidset_is_empty(&set));
	if (earlier)
		told_gone_earlier(p, &set);
	else
		told_gone(p, &set);
	uidset_fini(&set);
}

/* Of a number that is not clear yet. */
static void told_early(struct player *p, const struct kept *k)
{
	struct kept *was = find_kept(p->early, p->early_count, k->uid);

	CHECK(p, p->early_count < MESSAGES);
	if (!was)
		was = &p->early[p->early_count++];
	*was = *k;
}

/* SELECT (QRESYNC …) tells of messages by UID; numbers come to mean something
 * at its end. */
static void told_while_selecting(struct player *p, const struct kept *k)
{
	struct cache *c = &p->caches[p->name];
	struct kept *was = find_kept(c->all, c->count, k->uid);

	/* Of another UIDVALIDITY nothing is told. */
	CHECK(p, c->valid && k->uid && k->modseq);
	if (was) {
		*was = *k;
		return;
	}
	CHECK(p, k->uid > c->complete);
	told_early(p, k);
}

static void told_content(struct player *p, const struct entry *e, str line)
{
	str number = talk_between(line, "content-", "\r\n");
	const struct message *m;

	if (str_is_none(number) || !e->uid || p->together || p->box < 0)
		return;
	m = find_message(box_of(p), e->uid);
	if (m && m->content)
		CHECK(p, talk_number(&p->talk, number) == m->content);
}

/* What a FETCH line says. */
struct told {
	struct kept kept;
	bool has_flags;
};

static struct told parse_fetch(struct player *p, uint64_t number, str line)
{
	str uid = talk_between(line, "UID ", ")");
	str flags = talk_between(line, "FLAGS (", ")");
	str modseq = talk_between(line, "MODSEQ (", ")");
	struct told told = {.has_flags = !str_is_none(flags)};

	if (p->uidonly)
		told.kept.uid = (uid_num)number;
	if (!str_is_none(uid)) {
		told.kept.uid = (uid_num)talk_number(&p->talk, uid);
		CHECK(p, !p->uidonly || told.kept.uid == number);
	}
	if (!str_is_none(modseq))
		told.kept.modseq = talk_number(&p->talk, modseq);
	if (told.has_flags) {
		told.kept.flags = talk_flags(&p->talk, flags);
		CHECK(p, !(p->rev2 && told.kept.flags & TALK_RECENT));
		told.kept.flags &= ~TALK_RECENT;
	}
	return told;
}

static struct entry *told_entry(struct player *p, uint64_t number, uid_num uid)
{
	struct entry *e;

	if (p->uidonly)
		return find_entry(p, uid);
	e = &p->all[number - 1];
	CHECK(p, !uid || !e->uid || uid == e->uid);
	if (!e->uid)
		e->uid = uid;
	return e;
}

static void told_fetch(struct player *p, uint64_t number, str line)
{
	struct told told = parse_fetch(p, number, line);
	struct entry *e;

	if (!p->uidonly)
		CHECK(p, number >= 1 && number <= p->count);
	if (told.kept.modseq > p->told_highest)
		p->told_highest = told.kept.modseq;
	if (p->selecting) {
		told_while_selecting(p, &told.kept);
		return;
	}
	e = told_entry(p, number, told.kept.uid);
	if (e && told.has_flags)
		know(e, &told.kept);
	else if (e && told.kept.modseq)
		e->told_now = told.kept.modseq;
	else if (!e && told.has_flags)
		told_early(p, &told.kept);
	if (e)
		told_content(p, e, line);
}

/* From now on what is told is of the new mailbox. */
static void begin_select(struct player *p, const struct sent *q)
{
	player_keep(p);
	if (p->name >= 0)
		p->statuses[p->name] = (struct told_status){0};
	p->name = q->name;
	p->box = -1;
	p->statuses[q->name] = (struct told_status){0};
	p->selecting = true;
	p->synced = p->searched = p->changes_told = false;
	p->count = p->early_count = 0;
	p->highest = p->told_highest = 0;
	p->has_code = false;
}

/* Until then it was of the old one. */
static void told_closed(struct player *p)
{
	CHECK(p, p->answered < p->sent_count);
	CHECK(p, current(p)->does == DOES_SELECT && p->name >= 0 &&
			 !p->selecting);
	begin_select(p, current(p));
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
	if (!str_is_none(uidvalidity) && p->name >= 0) {
		p->uidvalidity = (uint32_t)talk_number(&p->talk, uidvalidity);
		if (p->caches[p->name].uidvalidity != p->uidvalidity)
			p->caches[p->name].valid = false;
	}
}

/* APPENDUID and COPYUID, of this command. */
static void told_uids(struct player *p, str line)
{
	str append = talk_between(line, "[APPENDUID ", "]");
	str copy = talk_between(line, "[COPYUID ", "]");
	struct sent *q = current(p);
	size_t n;

	if (p->answered == p->sent_count)
		return;
	if (!str_is_none(append)) {
		append = str_skip(append, str_find_byte(append, ' ') + 1);
		parse_set(p, append, &q->into);
		q->told_uids = true;
	}
	if (!str_is_none(copy)) {
		copy = str_skip(copy, str_find_byte(copy, ' ') + 1);
		n = str_find_byte(copy, ' ');
		parse_set(p, str_take(copy, n), &q->from);
		parse_set(p, str_skip(copy, n + 1), &q->into);
		q->told_uids = true;
	}
}

/* In IMAP4rev1 SEARCH, in IMAP4rev2 ESEARCH. */
static void told_search(struct player *p, str rest)
{
	uidset_clear(&p->found);
	CHECK(p, !p->rev2);
	while (rest.n && rest.p[0] == ' ' && ascii_is_digit(rest.p[1])) {
		uidset_add(&p->found,
			(uid_num)talk_number(&p->talk, str_skip(rest, 1)));
		rest = str_skip(rest, 1);
		rest = str_skip(rest, str_find_byte(rest, ' '));
	}
}

static void told_esearch(struct player *p, str rest)
{
	str all = talk_between(rest, " ALL ", "\r\n");

	CHECK(p, p->rev2);
	uidset_clear(&p->found);
	if (!str_is_none(all))
		parse_set(p, all, &p->found);
}

/* The mailbox's name begins the line. */
static int name_of(str rest)
{
	size_t n = str_find_byte(rest, ' ');

	for (int i = 0; i < NAMES; i++)
		if (str_eq_c(str_take(rest, n), box_names[i]))
			return i;
	return -1;
}

static void told_metadata(struct player *p, str rest)
{
	str number = talk_between(rest, "\"note-", "\"");
	struct sent *q = current(p);

	/* RFC 5465 section 5.6: only that it changed. */
	if (str_find_byte(rest, '(') == rest.n) {
		CHECK(p, p->notify && name_of(rest) >= 0);
		p->statuses[name_of(rest)].has_modseq = false;
		return;
	}
	CHECK(p, p->answered < p->sent_count && q->does == DOES_GET_NOTE);
	q->told_note = true;
	if (!str_is_none(number))
		q->noted = (unsigned)talk_number(&p->talk, number);
}

static bool number_of(
	struct player *p, str line, const char *mark, uint64_t *n_r)
{
	str number = talk_between(line, mark, ")");

	if (!str_is_none(number))
		*n_r = talk_number(&p->talk, number);
	return !str_is_none(number);
}

static void told_status(struct player *p, str rest)
{
	int name = name_of(rest);
	struct told_status *t = &p->statuses[name];

	CHECK(p, name >= 0);
	if (number_of(p, rest, "MESSAGES ", &t->messages))
		t->has_count = number_of(p, rest, "UIDNEXT ", &t->uidnext);
	t->has_modseq |= number_of(p, rest, "HIGHESTMODSEQ ", &t->modseq);
}

/* What it does itself it is not told. */
static void forget_statuses(struct player *p, const struct sent *q)
{
	if (q->name >= 0)
		p->statuses[q->name] = (struct told_status){0};
	if (q->does == DOES_RENAME)
		p->statuses[q->new_name] = (struct told_status){0};
}

/* NOTIFY told of all that happened to mailboxes that are not selected. */
static void agree_on_statuses(struct player *p)
{
	for (int i = 0; i < NAMES && p->notify; i++) {
		const struct told_status *t = &p->statuses[i];
		int box = p->game->model.by_name[i];
		const struct box *b = p->game->model.boxes[box < 0 ? 0 : box];

		if (box < 0 || i == p->name || box == p->box)
			continue;
		if (t->has_count)
			CHECK(p, t->messages == b->count &&
					 t->uidnext == b->uidnext);
		if (t->has_modseq && !b->changed)
			CHECK(p, t->modseq == b->modseq);
	}
}

static void told_number(struct player *p, str rest)
{
	uint64_t number = talk_number(&p->talk, rest);

	rest = str_skip(rest, str_find_byte(rest, ' ') + 1);
	if (str_starts(rest, STR("EXISTS")))
		told_exists(p, number);
	else if (str_starts(rest, STR("EXPUNGE")))
		told_expunge(p, number);
	else if (str_starts(
			 rest, p->uidonly ? STR("UIDFETCH ") : STR("FETCH ")))
		told_fetch(p, number, rest);
	else
		CHECK(p, !p->rev2 && str_starts(rest, STR("RECENT")));
}

static void told(struct player *p, str line)
{
	str rest = str_skip(line, 2);

	if (str_starts(rest, STR("OK [CLOSED]"))) {
		told_closed(p);
	} else if (str_starts(rest, STR("OK "))) {
		told_code(p, rest);
		told_uids(p, rest);
	} else if (str_starts(rest, STR("SEARCH"))) {
		told_search(p, str_skip(rest, 6));
	} else if (str_starts(rest, STR("ESEARCH"))) {
		told_esearch(p, rest);
	} else if (str_starts(rest, STR("VANISHED "))) {
		told_vanished(p, str_skip(rest, 9));
	} else if (str_starts(rest, STR("METADATA "))) {
		told_metadata(p, str_skip(rest, 9));
	} else if (str_starts(rest, STR("STATUS "))) {
		told_status(p, str_skip(rest, 7));
	} else if (str_starts(rest, STR("LIST "))) {
		memset(p->statuses, 0, sizeof p->statuses);
	} else if (ascii_is_digit(rest.p[0])) {
		told_number(p, rest);
	}
}

/* RFC 7162 section 6: at each tagged answer. */
static void compute_highest(struct player *p)
{
	struct box *b = box_of(p);

	if (p->has_code)
		p->highest = p->told_code;
	else if (p->told_highest > p->highest)
		p->highest = p->told_highest;
	if (b && p->told_highest > b->told)
		b->told = p->told_highest;
	if (b && p->has_code && p->told_code > b->told)
		b->told = p->told_code;
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
		const struct kept *k;

		for (unsigned at = 0; !e->uid && at < b->count; at++)
			if (b->all[at].uid > last)
				e->uid = b->all[at].uid;
		CHECK(p, e->uid > last);
		last = e->uid;
		k = find_kept(p->early, p->early_count, e->uid);
		if (k)
			know(e, k);
	}
	for (unsigned i = 0; i < p->early_count; i++)
		CHECK(p, find_entry(p, p->early[i].uid));
	p->early_count = 0;
}

static void agree_on(
	struct player *p, const struct entry *e, const struct message *m)
{
	if (e->has_flags && e->flags != m->flags)
		fprintf(stderr, "UID %u: %x told, %x is\n", e->uid, e->flags,
			m->flags);
	CHECK(p, !e->has_flags || e->flags == m->flags);
	if (e->modseq && m->modseq)
		CHECK(p, !e->has_flags || e->modseq == m->modseq);
}

void player_agree(struct player *p, bool may_expunge)
{
	struct box *b = box_of(p);
	unsigned found = 0;

	if (!b)
		return;
	name_arrivals(p);
	for (unsigned i = 0; i < p->count; i++) {
		struct entry *e = &p->all[i];
		const struct message *m = find_message(b, e->uid);

		found += m != NULL;
		if (!m) {
			CHECK(p, !may_expunge);
			if (p->synced)
				CHECK(p,
					!box_is_gone_by(b, e->uid, p->highest));
		} else if (p->synced) {
			agree_on(p, e, m);
		}
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

		CHECK(p, at < p->count);
		CHECK(p, e->uid == c->all[i].uid);
		if (!e->has_flags)
			know(e, &c->all[i]);
	}
	CHECK(p, at == p->count || p->all[at].uid > c->complete);
}

/* Commands, and what they did. */

static void end_select(struct player *p, const struct sent *q)
{
	struct cache *c = &p->caches[q->name];

	CHECK(p, p->selecting);
	p->selecting = false;
	p->box = p->game->model.by_name[q->name];
	CHECK(p, q->ok == (p->box >= 0));
	if (!q->ok) {
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

void player_begin_command(struct player *p)
{
	struct sent *q = current(p);

	for (unsigned i = 0; i < p->count; i++) {
		p->all[i].told_flags = false;
		p->all[i].told_now = 0;
	}
	p->has_vanished = false;
	uidset_clear(&p->vanished);
	uidset_clear(&p->found);
	uidset_clear(&q->targets);
	q->box = p->box;
	q->box_read_only = p->read_only;
	for (unsigned i = 0; i < p->count; i++)
		if (uidset_has(&q->asked, q->uid ? p->all[i].uid : i + 1))
			uidset_add(&q->targets, p->all[i].uid);
	if (q->does == DOES_SELECT && p->name < 0)
		begin_select(p, q);
	p->condstore |= q->enables && !(q->does == DOES_STORE && p->read_only);
	p->begun = true;
}

void player_begin_rest(struct player *p)
{
	unsigned answered = p->answered;

	while (p->answered < p->sent_count && !p->selecting) {
		if (!p->begun)
			player_begin_command(p);
		p->begun = false;
		p->answered++;
	}
	p->answered = answered;
}

static void get_modified(struct player *p, struct sent *q, str line)
{
	str text = talk_between(line, "[MODIFIED ", "]");
	struct uidset numbers = UIDSET_EMPTY;

	if (str_is_none(text))
		return;
	parse_set(p, text, q->uid ? &q->modified : &numbers);
	for (unsigned i = 0; i < p->count; i++)
		if (uidset_has(&numbers, i + 1))
			uidset_add(&q->modified, p->all[i].uid);
	uidset_fini(&numbers);
}

static uint32_t apply_op(const struct sent *q, uint32_t flags)
{
	if (q->op == '+')
		return flags | q->flags;
	return q->op == '-' ? flags & ~q->flags : q->flags;
}

/* What it set without being told, it knows. */
static void assume(struct player *p, const struct sent *q, struct entry *e)
{
	uint32_t flags = apply_op(q, e->flags);

	if (!p->together && find_message(box_of(p), e->uid))
		CHECK(p, !p->condstore || e->told_now ||
				 (!q->conditional &&
					 (!e->has_flags || flags == e->flags)));
	if (flags != e->flags)
		e->modseq = 0;
	e->flags = flags;
	e->has_flags |= q->op == ' ';
}

static void knows_store(struct player *p, const struct sent *q)
{
	if (p->read_only)
		return;
	for (unsigned i = 0; i < p->count; i++) {
		struct entry *e = &p->all[i];
		bool modified = uidset_has(&q->modified, e->uid);

		if (!uidset_has(&q->targets, e->uid))
			continue;
		/* NOTIFY told of a change that came before. */
		if (e->told_flags && e->told_now > e->modseq)
			assume(p, q, e);
		if (e->told_flags)
			continue;
		if (q->silent && q->ok && !modified)
			assume(p, q, e);
		else if (!p->together && find_message(box_of(p), e->uid))
			CHECK(p, e->told_flags);
	}
}

/* It was told all that it asked for. */
static void knows_fetch(struct player *p, const struct sent *q)
{
	struct box *b = box_of(p);

	for (unsigned i = 0; i < p->count && q->asks_flags; i++) {
		const struct entry *e = &p->all[i];
		const struct message *m = find_message(b, e->uid);

		if (!m || !uidset_has(&q->targets, e->uid))
			continue;
		if (!q->changed ||
			(m->modseq ? m->modseq : b->modseq + 1) > q->since)
			CHECK(p, e->told_flags);
	}
	for (unsigned i = 0; i < b->gone_count && q->vanished; i++) {
		const struct gone *g = &b->gone[i];
		bool told = uidset_has(&p->vanished, g->uid);

		if (!uidset_has(&q->asked, g->uid))
			continue;
		if (g->after >= q->since && !uidset_has(&q->targets, g->uid) &&
			model_has(&p->game->model, p->box))
			CHECK(p, told);
		if (g->until && g->until <= q->since &&
			q->since >= b->forgotten)
			CHECK(p, !told);
	}
}

/* What was told is all that was asked. */
static void knows_search(struct player *p, const struct sent *q)
{
	struct box *b = box_of(p);

	CHECK(p, q->ok);
	for (unsigned i = 0; i < p->count; i++) {
		const struct message *m = find_message(b, p->all[i].uid);

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

/* What comes of it for the client itself. */
static void did(struct player *p, struct sent *q)
{
	switch (q->does) {
	case DOES_LEAVE:
		CHECK(p, q->ok);
		player_keep(p);
		if (p->name >= 0)
			p->statuses[p->name] = (struct told_status){0};
		p->name = p->box = -1;
		p->count = p->early_count = 0;
		break;
	case DOES_STORE:
		knows_store(p, q);
		break;
	case DOES_FETCH:
		if (!p->together)
			knows_fetch(p, q);
		break;
	case DOES_SEARCH_ALL:
	case DOES_SEARCH_MODSEQ:
		if (!p->together)
			knows_search(p, q);
		break;
	case DOES_NOTHING:
	case DOES_IDLE:
		CHECK(p, q->ok);
		break;
	default:
		break;
	}
}

/* Expunges that came of it are told with their mod-sequence (RFC 7162 sections
 * 3.2.7 and 3.2.9). */
static void check_expunge(
	struct player *p, const struct sent *q, unsigned before, str line)
{
	if (q->does == DOES_EXPUNGE && box_of(p)->count < before &&
		p->condstore)
		CHECK(p, !str_is_none(
				 talk_between(line, "[HIGHESTMODSEQ ", "]")));
}

static void apply_to_model(struct player *p, struct sent *q, str line)
{
	unsigned before = p->box < 0 ? 0 : box_of(p)->count;
	const char *why = model_apply(&p->game->model, q);

	if (why)
		talk_die(&p->talk, why);
	check_expunge(p, q, before, line);
}

static void note_dates(struct player *p)
{
	for (unsigned i = 0; i < p->count; i++) {
		struct entry *e = &p->all[i];

		if (e->told_now && e->has_flags && !e->told_flags)
			e->modseq = e->told_now;
	}
}

/* APPENDs that were sent together may have become mail together: what came of
 * all of them is told before the first one's answer. */
static bool is_amid_appends(const struct player *p)
{
	const struct sent *q = &p->sent[p->answered];

	return q->does == DOES_APPEND && p->answered + 1 < p->sent_count &&
	       q[1].does == DOES_APPEND;
}

/* The tagged answer. */
static void answered(struct player *p, str line)
{
	struct sent *q = current(p);
	bool selects = q->does == DOES_SELECT;
	bool settled = !p->together && !is_amid_appends(p);

	q->answered = true;
	q->ok = str_starts(line, STR("OK"));
	CHECK(p, !str_starts(line, STR("BAD")));
	told_code(p, line);
	told_uids(p, line);
	get_modified(p, q, line);
	forget_statuses(p, q);
	if (!p->together)
		apply_to_model(p, q, line);
	if (selects && !p->together)
		end_select(p, q);
	else
		did(p, q);
	note_dates(p);
	compute_highest(p);
	if (q->ok && p->name >= 0 && !p->together)
		sync_step_done(p, q);
	if (settled)
		player_agree(p, q->may_expunge || selects);
	/* Commands that change what is selected do not wait for news. */
	if (settled && !selects && q->does != DOES_LEAVE)
		agree_on_statuses(p);
	p->answered++;
	p->begun = false;
	if (p->answered < p->sent_count)
		player_begin_command(p);
}

void player_hear(struct player *p, str line)
{
	char tag[16];
	size_t n;

	if (line.p[0] == '+')
		return;
	if (line.p[0] == '*') {
		told(p, line);
		return;
	}
	CHECK(p, p->answered < p->sent_count);
	n = (size_t)snprintf(tag, sizeof tag, "t%u ", current(p)->tag);
	CHECK(p, str_starts(line, str_of(tag, n)));
	answered(p, str_skip(line, n));
}

void player_forget_answered(struct player *p)
{
	for (unsigned i = 0; i < p->answered; i++)
		sent_fini(&p->sent[i]);
	p->sent_count -= p->answered;
	memmove(p->sent, &p->sent[p->answered],
		p->sent_count * sizeof p->sent[0]);
	p->answered = 0;
}

void player_forget_sent(struct player *p)
{
	p->answered = p->sent_count;
	player_forget_answered(p);
	p->begun = p->numbers_shift = false;
	buf_reset(&p->out);
}
