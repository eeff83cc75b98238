/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FETCH: RFC 9051 section 6.4.5, RFC 3516 (BINARY). The one command whose
 * output has no bound: its state is a cursor (struct imap_fetch_run) between
 * batches. A batch reads under one transaction until enough output waits; the
 * driver sends it, and calls again when it went. Within a large section the
 * cursor is a section_source (source.h).
 *
 * What is told of a message is its number, what may change, and what never
 * does. The last is kept for those who ask the same again (mail/kept.h).
 */
#include "base/alloc.h"
#include "imap/private.h"
#include "imap/source.h"
#include "mail/damage.h"
#include "mail/kept.h"
#include "mail/objectid.h"
#include "mail/records.h"
#include "message/flags.h"
#include "store/store.h"

#include <stdlib.h>

/* Messages that are marked \Seen in one write, before they are sent. */
#define SEEN_AT_ONCE 32
/* Bytes that may be sent within one transaction, as long as the client takes
 * them at once. */
#define SENT_AT_ONCE (512 * 1024)
/* So many messages are read in the thread that the command came to. */
#define SHORT_MOST 4
/* Of fewer messages nothing is kept. */
#define KEEP_LEAST 16

/* What is made of digests. */
#define DIGESTED                                                               \
	(IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODY | IMAP_FETCH_BODYSTRUCTURE |    \
		IMAP_FETCH_PREVIEW)
/* What never changes, or is told as if it did not. */
#define FIXED                                                                  \
	(DIGESTED | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SAVEDATE |            \
		IMAP_FETCH_EMAILID | IMAP_FETCH_THREADID | IMAP_FETCH_SIZE)

struct imap_fetch_run {
	struct imap_command *command;
	const struct imap_fetch *q;
	struct uidset uids; /* still to do */
	uint32_t count;	    /* all of them */
	bool down;	    /* from high to low UIDs (RFC 9738) */
	unsigned also;	    /* items that the client did not name */
	bool sets_seen;
	bool needs_digest;
	enum err err;  /* the first message that could not be sent */
	bool may_keep; /* its fixed items; under this key: */
	struct buf kept_key;
	struct kept_walk kept;

	/* The next few messages. */
	struct view *view;
	struct uidset batch;
	struct uidset_iter batch_next;
	uid_num uid; /* the next of the batch; 0: it is over */
	struct view_iter member_next;
	struct uidset seen_now; /* of the batch: became \Seen by this */
	uid_num numbered;	/* the last message, and its number */
	uint32_t number;

	/* Within a transaction. */
	struct records digests;
	struct message_records along;
	struct record_window window;
	size_t sent;

	/* The message under way. */
	bool in_message;
	bool unsent;	 /* all of it that was put waits in the output, */
	size_t begun_at; /* from here on; what is fixed, from there on */
	size_t fixed_at;
	bool first_item;
	struct membership member;
	bool in_view; /* else it was expunged */
	struct buf digest_bytes;
	struct digest digest;
	const struct imap_section *section; /* next to send */
	struct section_source source;	    /* being sent, when open */
};

/* Beginning. */

static bool sets_seen(const struct imap *s, const struct imap_fetch *q)
{
	if (s->selected->read_only || s->selected->gone ||
		!(s->selected->ref.rights & RIGHT_SEEN))
		return false;
	for (const struct imap_section *x = q->sections; x; x = x->next)
		if (!x->peek)
			return true;
	return false;
}

/* CHANGEDSINCE and VANISHED: RFC 7162 sections 3.1.4.1 and 3.2.6. */
static enum err apply_modifiers(
	struct imap *s, const struct imap_fetch *q, struct uidset *uids)
{
	struct uidset changed = UIDSET_EMPTY, among = UIDSET_EMPTY;
	struct view *v;
	enum err e = imap_view(s, &v);

	if (e)
		return e;
	view_changed_since(v, q->since, &changed);
	uidset_and(uids, &changed);
	if (q->vanished && v->uidnext > 1) {
		seqset_add_to(&q->set, v->uidnext - 1, &among);
		e = imap_tell_vanished(s, v, &among, q->since);
	}
	view_release(imap_mail(s), v);
	uidset_fini(&changed);
	uidset_fini(&among);
	return e;
}

/* Of these, clients that list a mailbox ask of all its messages. */
static bool is_listed(const struct imap_section *x)
{
	bool header = x->text == IMAP_TEXT_HEADER ||
		      x->text == IMAP_TEXT_FIELDS ||
		      x->text == IMAP_TEXT_FIELDS_NOT;

	return !x->partial && (x->name == IMAP_SECTION_RFC822_HEADER ||
				      (x->name == IMAP_SECTION_BODY && header));
}

/* The items that are asked for, as a key of what is kept. */
static void put_key(struct buf *key, const struct imap_fetch *q, bool utf8)
{
	buf_add_byte(key, utf8 ? 'U' : 'A');
	buf_add_be32(key, q->items & FIXED);
	for (const struct imap_section *x = q->sections; x; x = x->next) {
		buf_add_byte(key, ' ');
		imap_put_section(key, x, utf8);
	}
}

/* Of whole messages the digest knows no more than the view does. */
static bool are_whole(const struct imap_section *x)
{
	while (x && x->part_n == 0 && x->text == IMAP_TEXT_ALL &&
		(x->name == IMAP_SECTION_BODY ||
			x->name == IMAP_SECTION_RFC822))
		x = x->next;
	return !x;
}

static bool may_keep(const struct imap_fetch *q)
{
	for (const struct imap_section *x = q->sections; x; x = x->next)
		if (!is_listed(x))
			return false;
	return q->sections || q->items & DIGESTED;
}

/* Takes the UIDs over. */
static void begin(struct imap *s, struct imap_command *c,
	const struct imap_fetch *q, struct uidset *uids)
{
	struct imap_fetch_run *run = xcalloc(1, sizeof *run);

	run->command = c;
	run->q = q;
	uidset_swap(&run->uids, uids);
	run->count = uidset_count(&run->uids);
	run->down = s->limit != 0;
	run->sets_seen = sets_seen(s, q);
	run->needs_digest = q->items & DIGESTED || !are_whole(q->sections);
	run->digest_bytes = BUF_UNBOUNDED;
	run->window.bytes = BUF_UNBOUNDED;
	run->kept_key = BUF_UNBOUNDED;
	run->may_keep = may_keep(q);
	if (run->may_keep)
		put_key(&run->kept_key, q, s->utf8);
	s->fetch = run;
	s->doing = IMAP_DOING_FETCH;
}

/* PARTIAL: RFC 9394 section 3.3; before CHANGEDSINCE, section 3.4. */
static void keep_slice(struct uidset *uids, const struct imap_partial *range)
{
	struct uidset slice = UIDSET_EMPTY;

	imap_take_slice(uids, range, &slice);
	uidset_swap(uids, &slice);
	uidset_fini(&slice);
}

static enum err prepare(
	struct imap *s, struct imap_command *c, struct uidset *uids)
{
	struct imap_fetch *q = &c->fetch;
	enum err e = imap_resolve_set(s, &q->set, c->uid, uids);

	if (e)
		return e;
	/* UIDFETCH says it already (RFC 9586 section 3.3). */
	if (c->uid && !s->uidonly)
		q->items |= IMAP_FETCH_UID;
	if (q->some)
		keep_slice(uids, &q->partial);
	if (q->changed)
		q->items |= IMAP_FETCH_MODSEQ;
	if (q->items & IMAP_FETCH_MODSEQ)
		imap_enable_condstore(s);
	if (q->some)
		e = imap_limit_all(s, uids);
	if (!e && q->changed)
		e = apply_modifiers(s, q, uids);
	if (!e)
		imap_limit(s, uids);
	return e;
}

enum err imap_fetch(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct uidset uids = UIDSET_EMPTY;
	enum err e;

	if (c->fetch.vanished && !s->qresync) {
		reply->bad = true;
		reply->text = "ENABLE QRESYNC first";
		return ERR_INVALID;
	}
	if (c->fetch.changed || c->fetch.some)
		session_take_time();
	e = prepare(s, c, &uids);
	if (e == ERR_INVALID) {
		reply->bad = true;
		reply->text = "No such message number";
	}
	if (!e && !uidset_is_empty(&uids)) {
		begin(s, c, &c->fetch, &uids);
		e = ERR_AGAIN;
	}
	uidset_fini(&uids);
	return e;
}

enum err imap_fetch_changes(
	struct imap *s, struct imap_command *c, struct uidset *uids)
{
	struct imap_fetch *q;

	if (uidset_is_empty(uids))
		return OK;
	q = ARENA_NEW(imap_arena(s), struct imap_fetch);
	q->items = IMAP_FETCH_FLAGS | IMAP_FETCH_MODSEQ;
	if (!s->uidonly)
		q->items |= IMAP_FETCH_UID;
	begin(s, c, q, uids);
	return ERR_AGAIN;
}

void imap_fetch_news(
	struct imap *s, const struct imap_fetch *q, struct uidset *uids)
{
	uidset_or(&s->told_between, uids);
	begin(s, NULL, q, uids);
	/* RFC 7162 sections 3.1.3 and 3.2.4, of what was not asked for. */
	if (s->condstore)
		s->fetch->also |= IMAP_FETCH_MODSEQ;
	if (s->qresync && !s->uidonly)
		s->fetch->also |= IMAP_FETCH_UID;
	s->fetch_is_news = true;
}

void imap_fetch_abort(struct imap *s)
{
	struct imap_fetch_run *run = s->fetch;

	if (!run)
		return;
	source_close(&run->source);
	kept_end(&run->kept);
	view_release(imap_mail(s), run->view);
	uidset_fini(&run->uids);
	uidset_fini(&run->batch);
	uidset_fini(&run->seen_now);
	buf_fini(&run->digest_bytes);
	buf_fini(&run->kept_key);
	free(run);
	s->fetch = NULL;
}

/* The next few messages. */

/* Marks them \Seen before they are sent; what changed is told with them. */
static enum err mark_seen(struct imap *s, struct imap_fetch_run *run)
{
	struct flag_change change = {.op = FLAGS_ADD, .system = FLAG_SEEN};
	struct uidset unseen = UIDSET_EMPTY;
	struct uidset_iter it = uidset_iter(&run->batch, 1);
	struct store_result result;
	uint32_t uid;
	enum err e;

	while ((uid = uidset_iter_next(&it))) {
		const struct membership *m = view_find(run->view, uid);

		if (m && !(m->flags & FLAG_SEEN))
			uidset_add(&unseen, uid);
	}
	if (uidset_is_empty(&unseen))
		return OK;
	e = message_store_flags(imap_mail(s), &s->selected->ref, &unseen,
		&change, s->selected->told, UINT64_MAX, &result);
	uidset_fini(&unseen);
	if (!e) {
		uidset_copy(&run->seen_now, &result.changed);
		imap_note_own(s, &result.changed, result.modseq);
		view_release(imap_mail(s), run->view);
		run->view = NULL;
		e = imap_view(s, &run->view);
	}
	store_result_fini(&result);
	return e;
}

static void next_of_batch(struct imap_fetch_run *run)
{
	if (!run->down) {
		run->uid = uidset_iter_next(&run->batch_next);
		return;
	}
	if (run->uid)
		uidset_remove(&run->batch, run->uid);
	run->uid = uidset_max(&run->batch);
}

/* The next of all, or the next few; in which direction ever. */
static void cut_batch(struct imap_fetch_run *run)
{
	uint32_t left = uidset_count(&run->uids);
	uid_num first = uidset_min(&run->uids), last = uidset_max(&run->uids);

	if (run->sets_seen && left > SEEN_AT_ONCE && run->down)
		first = uidset_select(&run->uids, left - SEEN_AT_ONCE + 1);
	else if (run->sets_seen && left > SEEN_AT_ONCE)
		last = uidset_select(&run->uids, SEEN_AT_ONCE);
	uidset_clear(&run->batch);
	uidset_add_range(&run->batch, first, last);
	uidset_and(&run->batch, &run->uids);
	uidset_remove_range(&run->uids, first, last);
}

static enum err take_batch(struct imap *s, struct imap_fetch_run *run)
{
	enum err e;

	cut_batch(run);
	kept_end(&run->kept);
	if (run->may_keep)
		kept_begin(&run->kept, imap_mail(s), &s->selected->ref,
			buf_str(&run->kept_key), run->count >= KEEP_LEAST);
	uidset_clear(&run->seen_now);
	view_release(imap_mail(s), run->view);
	run->view = NULL;
	e = imap_view(s, &run->view);
	if (!e && run->sets_seen)
		e = mark_seen(s, run);
	if (e)
		return e;
	run->batch_next = uidset_iter(&run->batch, 1);
	run->uid = 0;
	next_of_batch(run);
	run->member_next = view_iter(run->view, run->uid);
	return OK;
}

/* One message. */

static struct buf *item(struct imap *s, struct imap_fetch_run *run)
{
	if (!run->first_item)
		buf_add_byte(imap_out(s), ' ');
	run->first_item = false;
	return imap_out(s);
}

static void put_flags(struct imap *s, struct imap_fetch_run *run)
{
	struct buf *out = item(s, run);
	bool recent =
		!s->rev2 && uidset_has(&s->selected->recent, run->member.uid);

	buf_add_c(out, "FLAGS ");
	imap_put_flags(out, run->member.flags, recent, run->view->keywords,
		run->view->keyword_count);
}

static void put_text(
	struct imap *s, struct imap_fetch_run *run, const char *name, str text)
{
	struct buf *out = item(s, run);

	buf_add_c(out, name);
	buf_add_byte(out, ' ');
	buf_add(out, text);
}

/* What may change. */
static void put_changing(struct imap *s, struct imap_fetch_run *run)
{
	const struct membership *m = &run->member;
	unsigned items = run->q->items | run->also;

	/* RFC 7162 section 3.2.4: what changed has both. */
	if (s->condstore && uidset_has(&run->seen_now, m->uid))
		items |= IMAP_FETCH_MODSEQ | (s->uidonly ? 0 : IMAP_FETCH_UID);
	if (items & IMAP_FETCH_UID) {
		buf_add_c(item(s, run), "UID ");
		buf_add_u64(imap_out(s), m->uid);
	}
	s->told_modseq |= (items & IMAP_FETCH_MODSEQ) != 0;
	if (items & IMAP_FETCH_MODSEQ)
		buf_addf(item(s, run), "MODSEQ (%llu)",
			(unsigned long long)m->modseq);
	if (items & IMAP_FETCH_FLAGS || uidset_has(&run->seen_now, m->uid))
		put_flags(s, run);
}

/* All the rest but the sections. */
static void put_fixed(struct imap *s, struct imap_fetch_run *run)
{
	const struct membership *m = &run->member;
	unsigned items = run->q->items;

	if (items & IMAP_FETCH_INTERNALDATE) {
		buf_add_c(item(s, run), "INTERNALDATE ");
		imap_put_date_time(
			imap_out(s), (struct date){m->internal_date, m->zone});
	}
	if (items & IMAP_FETCH_SAVEDATE) {
		buf_add_c(item(s, run), "SAVEDATE ");
		imap_put_date_time(imap_out(s), (struct date){m->save_date, 0});
	}
	if (items & IMAP_FETCH_EMAILID) {
		buf_add_c(item(s, run), "EMAILID (");
		objectid_put_email(
			imap_out(s), s->selected->ref.account, m->message);
		buf_add_byte(imap_out(s), ')');
	}
	if (items & IMAP_FETCH_THREADID)
		buf_add_c(item(s, run), "THREADID NIL");
	if (items & IMAP_FETCH_PREVIEW) {
		buf_add_c(item(s, run), "PREVIEW ");
		imap_put_string(imap_out(s), run->digest.preview, s->utf8);
	}
	if (items & IMAP_FETCH_SIZE) {
		buf_add_c(item(s, run), "RFC822.SIZE ");
		buf_add_u64(imap_out(s), m->size);
	}
	if (items & IMAP_FETCH_ENVELOPE)
		put_text(s, run, "ENVELOPE", run->digest.envelope);
	if (items & IMAP_FETCH_BODY)
		put_text(s, run, "BODY", run->digest.body);
	if (items & IMAP_FETCH_BODYSTRUCTURE)
		put_text(s, run, "BODYSTRUCTURE", run->digest.bodystructure);
}

/* Can every section that is to be decoded be decoded? Asked before anything of
 * the message is sent (RFC 3516 section 4.3). */
static enum err check_sections(const struct imap_fetch_run *run)
{
	for (const struct imap_section *x = run->q->sections; x; x = x->next) {
		enum err e = source_check(&run->digest, x);

		if (e)
			return e;
	}
	return OK;
}

static enum err find_member(struct imap *s, struct imap_fetch_run *run)
{
	uid_num uid = run->uid;
	const struct membership *m = view_iter_next(&run->member_next);

	next_of_batch(run);
	if (!m || m->uid != uid) {
		run->member_next = view_iter(run->view, uid);
		m = view_iter_next(&run->member_next);
	}
	run->in_view = m && m->uid == uid;
	if (run->in_view) {
		run->member = *m;
		return OK;
	}
	return view_find_expunged(
		imap_mail(s), &s->selected->ref, uid, &run->member);
}

/* Its message number. Nobody is told of changes meanwhile, so that the one
 * after a message that is known has the next number. */
static void number_message(struct imap *s, struct imap_fetch_run *run)
{
	uid_num uid = run->member.uid;

	if (run->numbered && uid == run->numbered + 1)
		run->number++;
	else
		run->number = imap_number(s, uid);
	run->numbered = uid;
}

/* What became of a message that cannot be read. */
static enum err note_damage(struct imap *s, struct imap_fetch_run *run,
	struct store_txn *txn, enum damage_kind kind, enum err e)
{
	const struct mailbox_ref *ref = &s->selected->ref;

	if (e == ERR_EXPUNGED)
		e = damage_why_gone(txn, ref, &run->member);
	if (e != ERR_EXPUNGED)
		damage_note(imap_mail(s), txn, ref, &run->member, kind,
			s->session.account, e);
	return e;
}

/* What of the message must be there before anything of it is sent. */
static enum err read_message(
	struct imap *s, struct imap_fetch_run *run, struct store_txn *txn)
{
	str digest = str_of("", 0);
	enum err e = OK;

	if (run->needs_digest) {
		e = records_look(&run->digests, run->member.message,
			&run->digest_bytes, &digest);
		e = e == ERR_NOTFOUND ? ERR_EXPUNGED : e;
	}
	/* Sections need it also when the transaction is over. */
	if (!e && run->q->sections &&
		digest.p != buf_str(&run->digest_bytes).p) {
		buf_reset(&run->digest_bytes);
		buf_add(&run->digest_bytes, digest);
		digest = buf_str(&run->digest_bytes);
	}
	run->digest = (struct digest){.size = run->member.size};
	if (!e && run->needs_digest)
		e = digest_decode(digest, &run->digest);
	if (e)
		e = note_damage(s, run, txn, DAMAGE_DIGEST, e);
	return e ? e : check_sections(run);
}

static void end_message(struct imap *s, struct imap_fetch_run *run)
{
	buf_add_c(imap_out(s), ")\r\n");
	run->in_message = false;
}

/* All of a message that is not damaged was put. */
static void keep(struct imap *s, struct imap_fetch_run *run)
{
	if (run->may_keep && run->in_view && run->unsent)
		kept_put(&run->kept, run->member.uid,
			str_skip(buf_str(imap_out(s)), run->fixed_at));
}

static enum err begin_message(
	struct imap *s, struct imap_fetch_run *run, struct store_txn *txn)
{
	uid_num uid = run->uid;
	enum err e = find_member(s, run);
	str kept = e ? str_none() : kept_get(&run->kept, uid);

	if (!e && run->q->sections &&
		damage_is_known(imap_mail(s), txn, s->selected->ref.account,
			&run->member))
		e = ERR_CORRUPT;
	if (!e && str_is_none(kept))
		e = read_message(s, run, txn);
	if (e) {
		/* What became of its flags is told at the end. */
		uidset_remove(&s->own, uid);
		return e;
	}
	run->in_message = true;
	run->unsent = true;
	run->begun_at = imap_out(s)->n;
	run->first_item = true;
	run->section = run->q->sections;
	if (!s->uidonly)
		number_message(s, run);
	imap_begin_fetch(s, run->number, run->member.uid);
	put_changing(s, run);
	run->fixed_at = imap_out(s)->n + !run->first_item;
	if (str_is_none(kept)) {
		put_fixed(s, run);
		return OK;
	}
	buf_add(item(s, run), kept);
	end_message(s, run);
	return OK;
}

/* Sections. */

static enum err begin_section(
	struct imap *s, struct imap_fetch_run *run, struct store_txn *txn)
{
	const struct imap_section *x = run->section;
	struct buf *out = item(s, run);
	uint64_t length;
	enum err e = source_open(&run->source, txn, s->selected->ref.account,
		run->member.message, &run->along,
		run->q->sections->next ? &run->window : NULL, &run->digest, x,
		&length);

	imap_put_section(out, x, s->utf8);
	buf_add_byte(out, ' ');
	if (e == ERR_NOTFOUND) {
		buf_add_c(
			out, x->name == IMAP_SECTION_BINARY_SIZE ? "0" : "NIL");
		return OK;
	}
	if (e)
		return e;
	if (x->name == IMAP_SECTION_BINARY_SIZE) {
		buf_add_u64(out, length);
		source_close(&run->source);
	} else if (run->source.has_nul && x->name == IMAP_SECTION_BINARY) {
		/* Only then (RFC 3516 section 4.3). */
		imap_put_literal8(out, length);
	} else {
		imap_put_literal(out, length);
	}
	return OK;
}

/* The message goes on until it is over or enough output waits. */
static enum err continue_message(
	struct imap *s, struct imap_fetch_run *run, struct store_txn *txn)
{
	/* What is kept is kept whole. */
	size_t most = SESSION_OUT_HIGH + (run->may_keep ? KEPT_TEXT_MAX : 0);
	enum err e = OK;

	while (!e && imap_out(s)->n < most) {
		if (source_is_open(&run->source)) {
			e = source_read(&run->source, txn, imap_out(s));
			if (!e && source_is_done(&run->source))
				source_close(&run->source);
			if (source_is_open(&run->source))
				continue;
			run->section = run->section->next;
		} else if (run->section) {
			e = begin_section(s, run, txn);
			if (!e && !source_is_open(&run->source))
				run->section = run->section->next;
		} else {
			keep(s, run);
			end_message(s, run);
			return OK;
		}
	}
	return e;
}

/* A message turns out to be unreadable once its line was begun. It is taken
 * back, and the others go on; if some of it was sent, the client could not find
 * the end of it any more. */
static enum err give_up(struct imap *s, struct imap_fetch_run *run,
	struct store_txn *txn, enum err e)
{
	e = note_damage(s, run, txn, DAMAGE_BYTES, e);
	if (!run->unsent) {
		s->session.closed = true;
		return e;
	}
	buf_truncate(imap_out(s), run->begun_at);
	source_close(&run->source);
	uidset_remove(&s->own, run->member.uid);
	run->in_message = false;
	if (!run->err)
		run->err = e;
	return OK;
}

/* False: the client does not take it, or others have their turn. */
static bool send_some(struct imap *s, struct imap_fetch_run *run)
{
	size_t n = imap_out(s)->n;

	session_take_time();
	if (run->sent >= SENT_AT_ONCE || session_flush(&s->session))
		return false;
	run->sent += n;
	run->unsent = false;
	return true;
}

static enum err fetch_batch(
	struct imap *s, struct imap_fetch_run *run, struct store_txn *txn)
{
	run->unsent = false;
	run->sent = 0;
	while (imap_out(s)->n < SESSION_OUT_HIGH || send_some(s, run)) {
		enum err e = OK;

		if (!run->in_message && !run->uid)
			return OK;
		if (!run->in_message) {
			e = begin_message(s, run, txn);
			if (e && !run->err)
				run->err = e;
			if (e)
				continue;
		}
		if (run->in_message)
			e = continue_message(s, run, txn);
		if (e)
			e = give_up(s, run, txn, e);
		if (e)
			return e;
	}
	return ERR_AGAIN;
}

/* Between two messages, of a command; what was read before has been sent. */
static void tell_progress(struct imap *s, const struct imap_fetch_run *run)
{
	uint32_t left = uidset_count(&run->uids);

	if (run->in_message || s->fetch_is_news)
		return;
	if (run->uid && run->down)
		left += uidset_count(&run->batch);
	else if (run->uid)
		left += uidset_count_range(&run->batch, run->uid, UINT32_MAX);
	if (left && left < run->count)
		imap_tell_progress(s, run->count - left, run->count);
}

/* Until enough output waits, or the batch is over. */
static enum err read_batch(struct imap *s, struct imap_fetch_run *run)
{
	struct store_txn *txn = store_begin_read(mail_store(imap_mail(s)));
	enum err e;

	records_begin(&run->digests, txn, s->selected->ref.account, 'd');
	message_records_begin(&run->along, txn, s->selected->ref.account);
	e = fetch_batch(s, run, txn);
	records_end(&run->digests);
	message_records_end(&run->along);
	record_window_fini(&run->window);
	store_end_read(txn);
	/* Output may have to wait for the client. */
	if (run->may_keep)
		kept_pause(&run->kept);
	return e;
}

bool imap_fetch_is_short(const struct imap *s)
{
	return s->fetch->count <= SHORT_MOST && !s->fetch->in_message;
}

enum err imap_fetch_more(struct imap *s)
{
	struct imap_fetch_run *run = s->fetch;
	enum err e = OK;

	while (!e) {
		if (!run->in_message && !run->uid) {
			if (uidset_is_empty(&run->uids))
				break;
			e = take_batch(s, run);
		}
		if (!e) {
			tell_progress(s, run);
			e = read_batch(s, run);
		}
	}
	if (e == ERR_AGAIN)
		return e;
	if (!e)
		e = run->err;
	imap_fetch_abort(s);
	return e;
}
