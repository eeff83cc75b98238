/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session is told of its mailbox's changes (RFC 9051 section 7.4.1 and
 * 7.5): its sequence numbers change only here, and only when the command lets
 * them.
 */
#include "base/hash.h"
#include "imap/private.h"
#include "message/flags.h"

static struct view empty_view = {.refs = 1u << 30};

enum err imap_view(struct imap *s, struct view **view_r)
{
	struct imap_selected *box = s->selected;
	enum err e = box->gone ? ERR_NOTFOUND
			       : view_acquire(imap_mail(s), &box->ref, view_r);

	if (e != ERR_NOTFOUND)
		return e;
	box->gone = true;
	*view_r = &empty_view;
	atomic_fetch_add(&(*view_r)->refs, 1);
	return OK;
}

uint32_t imap_number(const struct imap *s, uid_num uid)
{
	return uidset_rank(&s->selected->known, uid);
}

uint64_t imap_hash_keywords(const struct view *v)
{
	uint64_t hash = 0;

	for (uint32_t i = 0; i < v->keyword_count; i++)
		hash = hash_u64(hash ^ hash_str(v->keywords[i]));
	return hash;
}

/* Can another keyword be made: is one of the table free, or used by no message?
 * Looks at the messages only when the table is full. */
static bool has_room_for_keyword(const struct view *v)
{
	struct view_iter it = view_iter(v, 1);
	const struct membership *m;
	uint64_t unused = ~(uint64_t)(flags_keyword_bit(0) - 1);

	for (uint32_t i = 0; i < v->keyword_count; i++)
		if (v->keywords[i].n == 0)
			return true;
	if (v->keyword_count < KEYWORDS_MAX)
		return true;
	while (unused && (m = view_iter_next(&it)))
		unused &= ~m->flags;
	return unused;
}

void imap_put_flag_lists(struct imap *s, const struct view *v)
{
	struct buf *out = imap_out(s);
	struct buf flags = BUF_UNBOUNDED;

	/* Every flag, as if one message had them all. */
	flags_print(&flags, ~(uint64_t)0, false, v->keywords, v->keyword_count);
	buf_addf(out, "* FLAGS (%.*s)\r\n", STR_ARG(buf_str(&flags)));
	buf_add_c(out, "* OK [PERMANENTFLAGS (");
	if (!s->selected->read_only) {
		buf_add(out, buf_str(&flags));
		if (has_room_for_keyword(v))
			buf_add_c(out, " \\*");
	}
	buf_addf(out, ")] %s\r\n",
		s->selected->read_only ? "Read-only"
				       : "Limited only by number");
	buf_fini(&flags);
}

void imap_begin_fetch(struct imap *s, uint32_t number, uid_num uid)
{
	buf_add_c(imap_out(s), "* ");
	buf_add_u64(imap_out(s), s->uidonly ? uid : number);
	buf_add_c(imap_out(s), s->uidonly ? " UIDFETCH (" : " FETCH (");
}

/* Telling of many messages, mostly in order. */
struct telling {
	struct imap *s;
	const struct view *v;
	bool with_uid;
	struct view_iter at; /* behind the one before */
	uid_num uid;	     /* of it; 0: none was */
	uint32_t number;
	/* Its flags, and the rest of the line that says so. */
	uint64_t flags;
	bool recent;
	struct buf rest;
};

/* The message, which is known and in the view. */
static const struct membership *telling_next(struct telling *t, uid_num uid)
{
	const struct membership *m = view_iter_next(&t->at);

	/* The one with the next UID has the next number. */
	t->number = t->uid && uid == t->uid + 1 ? t->number + 1
						: imap_number(t->s, uid);
	t->uid = uid;
	if (m && m->uid == uid)
		return m;
	t->at = view_iter(t->v, uid);
	return view_iter_next(&t->at);
}

static void put_rest(struct telling *t, uint64_t flags, bool recent)
{
	if (!t->rest.n || flags != t->flags || recent != t->recent) {
		buf_reset(&t->rest);
		buf_add_c(&t->rest, "FLAGS ");
		imap_put_flags(&t->rest, flags, recent, t->v->keywords,
			t->v->keyword_count);
		buf_add_c(&t->rest, ")\r\n");
		t->flags = flags;
		t->recent = recent;
	}
	buf_add(imap_out(t->s), buf_str(&t->rest));
}

static void put_uid(struct imap *s, uid_num uid)
{
	buf_add_c(imap_out(s), "UID ");
	buf_add_u64(imap_out(s), uid);
	buf_add_byte(imap_out(s), ' ');
}

static void put_modseq(struct imap *s, modseq_num modseq)
{
	s->told_modseq = true;
	buf_add_c(imap_out(s), "MODSEQ (");
	buf_add_u64(imap_out(s), modseq);
	buf_add_byte(imap_out(s), ')');
}

static void put_fetch_flags(struct telling *t, const struct membership *m)
{
	struct imap *s = t->s;

	imap_begin_fetch(s, t->number, m->uid);
	/* RFC 7162 section 3.2.4: both, once CONDSTORE is enabled. */
	if ((t->with_uid || s->condstore) && !s->uidonly)
		put_uid(s, m->uid);
	if (s->condstore) {
		put_modseq(s, m->modseq);
		buf_add_byte(imap_out(s), ' ');
	}
	put_rest(t, m->flags,
		!s->rev2 && uidset_has(&s->selected->recent, m->uid));
}

/* The client knows the flags, but not since when. */
static void put_fetch_modseq(struct telling *t, const struct membership *m)
{
	imap_begin_fetch(t->s, t->number, m->uid);
	if (!t->s->uidonly)
		put_uid(t->s, m->uid);
	put_modseq(t->s, m->modseq);
	buf_add_c(imap_out(t->s), ")\r\n");
}

/* From high to low, as what a limit cut off is done: RFC 9738 section 3.1. */
static uint32_t put_expunges_down(struct imap *s, const struct uidset *expunged)
{
	uint32_t count = uidset_count(expunged);

	for (uint32_t i = count; i > 0; i--)
		buf_addf(imap_out(s), "* %u EXPUNGE\r\n",
			imap_number(s, uidset_select(expunged, i)));
	return count;
}

/* In ascending order: every one shifts those behind it. All are known, so the
 * one with the next UID has the next number. */
static uint32_t put_expunges_up(struct imap *s, const struct uidset *expunged)
{
	const struct uidset *known = &s->selected->known;
	struct buf *out = imap_out(s);
	struct uidset_iter it = uidset_iter(expunged, 1);
	uint32_t uid, before = 0, number = 0, told = 0;

	while ((uid = uidset_iter_next(&it))) {
		if (number && uid == before + 1)
			number++;
		else
			number = uidset_rank(known, uid);
		before = uid;
		buf_add_c(out, "* ");
		buf_add_u64(out, number - told++);
		buf_add_c(out, " EXPUNGE\r\n");
	}
	return told;
}

/* "* n EXPUNGE" for each; or one VANISHED. Then their bytes may go, as far as
 * this session is concerned. */
static void tell_expunged(struct imap *s, const struct view *v, modseq_num now)
{
	struct imap_selected *box = s->selected;
	struct uidset expunged = UIDSET_EMPTY;
	uint32_t told, all;
	bool vanished = s->qresync || s->uidonly;

	uidset_copy(&expunged, &box->known);
	uidset_andnot(&expunged, &v->uids);
	all = uidset_count(&expunged);
	if (!(s->wants & IMAP_NOTIFY_EXPUNGE))
		uidset_and(&expunged, &s->own_expunged);
	if (vanished) {
		imap_put_vanished(s, &expunged, false);
		told = uidset_count(&expunged);
	} else if (s->limit) {
		told = put_expunges_down(s, &expunged);
	} else {
		told = put_expunges_up(s, &expunged);
	}
	uidset_andnot(&box->known, &expunged);
	uidset_andnot(&box->recent, &expunged);
	uidset_andnot(&s->saved, &expunged);
	if (told == all)
		box->watch.floor = now;
	if (told && told == all)
		mail_watch_told(imap_mail(s), &box->watch);
	uidset_fini(&expunged);
}

/* Only one session is told that a message is \Recent: the first of a client
 * that can ask for it. */
bool imap_claims_recent(const struct imap *s)
{
	return s->selected && !s->rev2 && !s->selected->read_only;
}

/* What came after a view is not told yet, but is claimed. */
void imap_note_recent(struct imap *s, uid_num from, uid_num to)
{
	struct imap_selected *box = s->selected;

	if (from <= to)
		uidset_add_range(&box->recent, from, to);
	box->recent_seen = to + 1;
}

static enum err claim_recent(struct imap *s, struct view *v)
{
	struct imap_selected *box = s->selected;
	uid_num from, to;
	enum err e;

	if (!imap_claims_recent(s))
		return OK;
	/* So that nobody else who looks at the same view tries to. */
	if (v->uidnext <= box->recent_seen) {
		if (v->claimed < v->uidnext)
			v->claimed = v->uidnext;
		return OK;
	}
	/* Somebody was faster. */
	if (v->claimed >= v->uidnext) {
		box->recent_seen = v->uidnext;
		return OK;
	}
	e = message_claim_recent(imap_mail(s), &box->ref, &from, &to);
	if (e)
		return e;
	v->claimed = to + 1;
	imap_note_recent(s, from, to);
	return OK;
}

static enum err tell_arrivals(struct imap *s, struct view *v)
{
	struct imap_selected *box = s->selected;
	uint32_t before = uidset_count(&box->known), after;
	enum err e;

	/* Message numbers ascend: who added some is told of all. */
	if (!(s->wants & IMAP_NOTIFY_NEW) && uidset_is_empty(&s->own_added))
		return OK;
	uidset_or(&box->known, &v->uids);
	after = uidset_count(&box->known);
	if (after == before)
		return OK;
	e = claim_recent(s, v);
	buf_addf(imap_out(s), "* %u EXISTS\r\n", after);
	if (!s->rev2) {
		struct uidset recent = UIDSET_EMPTY;

		uidset_copy(&recent, &box->recent);
		uidset_and(&recent, &box->known);
		buf_addf(imap_out(s), "* %u RECENT\r\n", uidset_count(&recent));
		uidset_fini(&recent);
	}
	return e;
}

void imap_note_own(struct imap *s, const struct uidset *uids, modseq_num modseq)
{
	modseq_num told = s->selected->told;

	if (modseq <= told || modseq - told > UINT32_MAX)
		return; /* then it is told twice */
	uidset_or(&s->own, uids);
	uidset_add(&s->own_changes, (uint32_t)(modseq - told));
}

void imap_note_added(
	struct imap *s, mailbox_num mailbox, const struct uidset *uids)
{
	if (s->selected && s->selected->ref.id == mailbox)
		uidset_or(&s->own_added, uids);
}

/* The last change of this message is one that the client knows. */
static bool is_own(const struct imap *s, const struct membership *m)
{
	modseq_num since = m->modseq - s->selected->told;

	return uidset_has(&s->own, m->uid) && since <= UINT32_MAX &&
	       uidset_has(&s->own_changes, (uint32_t)since);
}

/* What others changed since it was looked last, and what was held back. */
static void find_changed(struct imap *s, const struct view *v,
	const struct uidset *known_before, struct uidset *changed)
{
	struct imap_selected *box = s->selected;
	struct uidset_iter it;
	uint32_t uid;

	view_changed_since(v, box->looked, changed);
	uidset_and(changed, known_before);
	if (!uidset_is_empty(&s->own)) {
		struct uidset own = UIDSET_EMPTY;

		it = uidset_iter(changed, 1);
		while ((uid = uidset_iter_next(&it)))
			if (is_own(s, view_find(v, uid)))
				uidset_add(&own, uid);
		uidset_andnot(changed, &own);
		uidset_fini(&own);
	}
	if (s->wants & IMAP_NOTIFY_FLAGS) {
		uidset_or(changed, &box->held);
		uidset_clear(&box->held);
	} else {
		uidset_or(&box->held, changed);
		uidset_andnot(&box->held, &s->to_tell);
		uidset_and(&box->held, &v->uids);
		uidset_clear(changed);
	}
}

static void tell_one(
	struct telling *t, uid_num uid, const struct uidset *changed)
{
	const struct membership *m = telling_next(t, uid);

	if (!changed || uidset_has(changed, uid))
		put_fetch_flags(t, m);
	else
		put_fetch_modseq(t, m);
}

/* Of what others changed, and what this command asked to be told; what a limit
 * cut off from high to low. */
static void tell_flags(struct imap *s, const struct view *v,
	const struct uidset *known_before, bool with_uid)
{
	struct telling t = {s, v, with_uid, .rest = BUF_UNBOUNDED};
	struct uidset changed = UIDSET_EMPTY, all = UIDSET_EMPTY;
	const struct uidset *of = NULL; /* all */
	struct uidset_iter it;
	uint32_t uid;

	find_changed(s, v, known_before, &changed);
	uidset_or(&changed, &s->to_tell);
	if (!s->command)
		uidset_or(&s->told_between, &changed);
	uidset_copy(&all, &changed);
	if (!uidset_is_empty(&s->to_date)) {
		uidset_or(&all, &s->to_date);
		of = &changed;
	}
	uidset_and(&all, &v->uids);
	t.at = view_iter(v, uidset_min(&all));
	it = uidset_iter(&all, 1);
	while (!s->limit && (uid = uidset_iter_next(&it)))
		tell_one(&t, uid, of);
	for (uint32_t i = s->limit ? uidset_count(&all) : 0; i > 0; i--)
		tell_one(&t, uidset_select(&all, i), of);
	buf_fini(&t.rest);
	uidset_fini(&changed);
	uidset_fini(&all);
}

/* Does the client know all that there is? Without NOTIFY it does, but for
 * expunges (imap_safe_modseq). */
static bool knows_all(
	const struct imap_selected *box, const struct view *v, unsigned wants)
{
	return uidset_is_empty(&box->held) &&
	       (wants & IMAP_NOTIFY_NEW || uidset_eq(&box->known, &v->uids));
}

static bool has_to_tell(const struct imap *s, modseq_num now)
{
	const struct imap_selected *box = s->selected;

	return box->looked != now || box->told != now ||
	       !uidset_is_empty(&s->to_tell) || !uidset_is_empty(&s->to_date);
}

static void tell_keywords(struct imap *s, const struct view *v)
{
	uint64_t hash = imap_hash_keywords(v);

	if (hash == s->selected->keywords_told || s->selected->gone)
		return;
	if (!(s->wants & IMAP_NOTIFY_FLAGS) && uidset_is_empty(&s->to_tell) &&
		uidset_is_empty(&s->own))
		return;
	imap_put_flag_lists(s, v);
	s->selected->keywords_told = hash;
}

/* All that the words depend on, beside the view and what was told before it.
 */
enum form {
	FORM_REV2 = 1 << 0,
	FORM_CONDSTORE = 1 << 1,
	FORM_VANISHED = 1 << 2,
	FORM_UIDONLY = 1 << 3,
	FORM_WITH_UID = 1 << 4,
	FORM_READ_ONLY = 1 << 5,
};

static uint32_t form_of(const struct imap *s, bool with_uid)
{
	return (s->rev2 ? FORM_REV2 : 0u) |
	       (s->condstore ? FORM_CONDSTORE : 0u) |
	       (s->qresync || s->uidonly ? FORM_VANISHED : 0u) |
	       (s->uidonly ? FORM_UIDONLY : 0u) |
	       (with_uid ? FORM_WITH_UID : 0u) |
	       (s->selected->read_only ? FORM_READ_ONLY : 0u);
}

/* Is it told what everybody is told who was told the same before: a watcher,
 * of what others did? Nothing may be \Recent to it. */
static bool is_one_of_many(struct imap *s, struct view *v)
{
	struct imap_selected *box = s->selected;

	return box->in_step && !box->gone && box->told < v->modseq &&
	       s->wants == IMAP_WANTS_ALL && !s->notifying && !s->contexts &&
	       !s->limit && !claim_recent(s, v) &&
	       uidset_is_empty(&box->recent) && uidset_is_empty(&s->own) &&
	       uidset_is_empty(&s->own_added) &&
	       uidset_is_empty(&s->own_expunged) &&
	       uidset_is_empty(&s->to_tell) && uidset_is_empty(&s->to_date);
}

/* It was told all there is. */
static void keep_in_step(struct imap *s, const struct view *v, bool expunged)
{
	struct imap_selected *box = s->selected;

	uidset_copy(&box->known, &v->uids);
	if (!uidset_is_empty(&s->saved))
		uidset_and(&s->saved, &v->uids);
	box->keywords_told = imap_hash_keywords(v);
	box->looked = box->told = v->modseq;
	box->watch.floor = v->modseq;
	if (expunged)
		mail_watch_told(imap_mail(s), &box->watch);
	s->told_modseq = false;
}

static enum err sync_with(
	struct imap *s, struct view *v, bool may_expunge, bool with_uid)
{
	struct imap_selected *box = s->selected;
	struct uidset known_before = UIDSET_EMPTY, arrived = UIDSET_EMPTY;
	/* A mailbox that is gone stays where it was. */
	modseq_num now = box->gone ? box->told : v->modseq;
	enum err e = OK;

	imap_contexts_expunge(s, v);
	if (may_expunge && (box->gone || box->watch.floor != now))
		tell_expunged(s, v, now);
	if (has_to_tell(s, now)) {
		tell_keywords(s, v);
		uidset_copy(&known_before, &box->known);
		e = tell_arrivals(s, v);
		tell_flags(s, v, &known_before, with_uid);
		uidset_copy(&arrived, &box->known);
		uidset_andnot(&arrived, &known_before);
		imap_notify_arrived(s, &arrived);
		uidset_fini(&known_before);
		box->looked = now;
		if (knows_all(box, v, s->wants)) {
			s->told_modseq |= box->told != now;
			box->told = now;
		}
		uidset_compact(&box->known);
	}
	imap_contexts_update(s, v, &arrived);
	uidset_fini(&arrived);
	/* Also of what was told before, as long as it is held back. */
	if (s->condstore && !may_expunge && s->told_modseq)
		imap_tell_held_back(s, v);
	s->told_modseq = false;
	uidset_clear(&s->own);
	uidset_clear(&s->own_changes);
	uidset_clear(&s->to_tell);
	uidset_clear(&s->to_date);
	uidset_clear(&s->own_added);
	uidset_clear(&s->own_expunged);
	box->in_step = !e && box->told == now && box->watch.floor == now &&
		       uidset_is_empty(&box->held);
	return e;
}

static bool lacks(const struct view *v, const struct uidset *known)
{
	struct uidset gone = UIDSET_EMPTY;
	bool some;

	uidset_copy(&gone, known);
	uidset_andnot(&gone, &v->uids);
	some = !uidset_is_empty(&gone);
	uidset_fini(&gone);
	return some;
}

/* Among many in IDLE the first finds the words, and all send them. */
static enum err sync_as_one_of_many(
	struct imap *s, struct view *v, bool with_uid)
{
	modseq_num since = s->selected->told;
	uint32_t form = form_of(s, with_uid);
	struct view_words words = view_said(v, since, form);
	size_t before = imap_out(s)->n;
	enum err e;

	if (!str_is_none(words.text)) {
		buf_add(imap_out(s), words.text);
		keep_in_step(s, v, words.expunged);
		return OK;
	}
	words.expunged = lacks(v, &s->selected->known);
	e = sync_with(s, v, true, with_uid);
	words.text = str_skip(buf_str(imap_out(s)), before);
	if (!e && s->selected->in_step)
		view_say(v, since, form, &words);
	return e;
}

enum err imap_sync(struct imap *s, bool may_expunge, bool with_uid)
{
	struct view *v;
	enum err e = imap_view(s, &v);

	if (e)
		return e;
	if (may_expunge && is_one_of_many(s, v))
		e = sync_as_one_of_many(s, v, with_uid);
	else
		e = sync_with(s, v, may_expunge, with_uid);
	view_release(imap_mail(s), v);
	return e;
}
