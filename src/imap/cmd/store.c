/* SPDX-License-Identifier: Apache-2.0 */
/* STORE, COPY, MOVE, EXPUNGE: RFC 9051 sections 6.4.3, 6.4.6 to 6.4.9. */
#include "imap/private.h"
#include "message/flags.h"

static struct flag_change flag_change_of(const struct imap_store *q)
{
	struct flag_change change = {
		.system = q->flags.system,
		.keywords = q->flags.keywords,
		.keyword_count = q->flags.count,
	};

	change.op = q->op == IMAP_STORE_ADD	 ? FLAGS_ADD
		    : q->op == IMAP_STORE_REMOVE ? FLAGS_REMOVE
						 : FLAGS_REPLACE;
	return change;
}

/* The client knows what it set, unless somebody else's change that it was not
 * told of is under it; or some of it failed, and it cannot know which. */
static void note_own(struct imap *s, const struct imap_store *q,
	struct uidset *uids, struct store_result *result, enum err e)
{
	/* What failed it must see to try again. */
	uidset_or(&s->to_tell, &result->modified);
	uidset_andnot(uids, &result->modified);
	if (q->silent && !e) {
		uidset_andnot(&result->changed, &result->stale);
		uidset_andnot(&result->changed, &s->told_between);
		imap_note_own(s, &result->changed, result->modseq);
		if (s->condstore)
			uidset_or(&s->to_date,
				q->conditional ? uids : &result->changed);
	} else {
		uidset_or(&s->to_tell, uids);
	}
}

/* "[MODIFIED 7,9] ": in the numbers of the command. */
static void put_modified(struct imap *s, const struct uidset *modified,
	bool uid, struct imap_reply *reply)
{
	struct uidset numbers = UIDSET_EMPTY;

	if (uidset_is_empty(modified))
		return;
	if (uid)
		uidset_copy(&numbers, modified);
	else
		imap_uids_to_numbers(s, modified, &numbers);
	buf_add_c(&reply->code, "[MODIFIED ");
	imap_put_set(&reply->code, &numbers);
	buf_add_c(&reply->code, "] ");
	reply->text = "Some were changed meanwhile";
	uidset_fini(&numbers);
}

static enum err store(struct imap *s, struct imap_command *c,
	struct uidset *uids, struct imap_reply *reply)
{
	struct imap_selected *box = s->selected;
	struct flag_change change = flag_change_of(&c->store);
	struct store_result result;
	enum err e;

	if (uidset_is_empty(uids))
		return OK;
	if (box->gone)
		return c->uid ? OK : ERR_EXPUNGED;
	e = message_store_flags(imap_mail(s), &box->ref, uids, &change,
		box->told,
		c->store.conditional ? c->store.unchanged_since : UINT64_MAX,
		&result);
	if (!e) {
		/* A UID that does not exist is ignored (RFC 9051 section
		 * 6.4.9). */
		if (!c->uid && !uidset_is_empty(&result.missing))
			e = ERR_EXPUNGED;
		put_modified(s, &result.modified, c->uid, reply);
		/* RFC 7162 section 3.1.3, example 11. */
		reply->no = e && reply->code.n;
		note_own(s, &c->store, uids, &result, e);
	}
	store_result_fini(&result);
	return e;
}

enum err imap_store(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct uidset uids = UIDSET_EMPTY;
	enum err e;

	if (s->selected->read_only)
		return ERR_READONLY;
	if (c->store.conditional)
		imap_enable_condstore(s);
	e = imap_resolve_set(s, &c->store.set, c->uid, &uids);
	if (e == ERR_INVALID) {
		reply->bad = true;
		reply->text = "No such message number";
	}
	if (!e) {
		imap_limit(s, &uids);
		e = store(s, c, &uids, reply);
	}
	uidset_fini(&uids);
	return e;
}

static enum err copy(struct imap *s, struct imap_command *c,
	const struct uidset *uids, struct imap_reply *reply)
{
	bool move = c->verb == IMAP_MOVE;
	struct copy_result result = {0};
	/* A number is of a message that the client knows of: all or none.
	 * RFC 2180 section 4.4.1. */
	enum copy_how how = move ? COPY_MOVE : c->uid ? COPY_PLAIN : COPY_WHOLE;
	enum err e;

	if (c->copy.mailbox.err)
		return ERR_INVALID;
	if (s->selected->gone && !uidset_is_empty(uids))
		return c->uid ? OK : ERR_EXPUNGED;
	e = message_copy(imap_mail(s), &s->session.user, &s->selected->ref,
		uids, c->copy.mailbox.name, how, &result);
	if (!e && uidset_count(&result.source) < uidset_count(uids))
		reply->text = "Done; some messages were expunged before";
	if (!e && !uidset_is_empty(&result.source)) {
		/* RFC 6851 section 4.3: MOVE says it before the EXPUNGEs. */
		struct buf *out = move ? imap_out(s) : &reply->code;

		if (move)
			buf_add_c(out, "* OK ");
		imap_put_copyuid(out, result.uidvalidity, &result.source,
			&result.target);
		if (move)
			buf_add_c(out, "Moved UIDs\r\n");
		reply->highest = move && s->condstore;
	}
	if (!e)
		imap_note_added(s, result.mailbox, &result.target);
	if (!e && move)
		uidset_or(&s->own_expunged, &result.source);
	copy_result_fini(&result);
	return e;
}

enum err imap_copy(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct uidset uids = UIDSET_EMPTY;
	enum err e;

	if (c->verb == IMAP_MOVE && s->selected->read_only)
		return ERR_READONLY;
	e = imap_resolve_set(s, &c->copy.set, c->uid, &uids);
	if (e == ERR_INVALID) {
		reply->bad = true;
		reply->text = "No such message number";
	}
	if (!e && c->verb == IMAP_COPY)
		e = imap_limit_copy(s, &uids);
	else if (!e)
		imap_limit(s, &uids);
	if (!e)
		e = copy(s, c, &uids, reply);
	uidset_fini(&uids);
	return e;
}

/* As many of those that are \Deleted as UID EXPUNGE may expunge. */
static enum err limit_deleted(struct imap *s, struct uidset *uids)
{
	struct uidset deleted = UIDSET_EMPTY;
	const struct membership *m;
	struct view_iter it;
	struct view *v;
	enum err e = imap_view(s, &v);

	if (e)
		return e;
	it = view_iter(v, 1);
	while ((m = view_iter_next(&it)))
		if (m->flags & FLAG_DELETED && uidset_has(uids, m->uid))
			uidset_add(&deleted, m->uid);
	view_release(imap_mail(s), v);
	imap_limit(s, &deleted);
	if (s->limit)
		uidset_and(uids, &deleted);
	uidset_fini(&deleted);
	return OK;
}

enum err imap_expunge(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct imap_selected *box = s->selected;
	struct uidset uids = UIDSET_EMPTY, expunged = UIDSET_EMPTY;
	modseq_num modseq;
	enum err e = OK;

	if (box->read_only)
		return ERR_READONLY;
	if (c->uid)
		e = imap_resolve_set(s, &c->expunge, true, &uids);
	if (!e && c->uid)
		e = limit_deleted(s, &uids);
	if (!e && !box->gone)
		e = message_expunge(imap_mail(s), &box->ref,
			c->uid ? &uids : NULL, &expunged, &modseq);
	/* RFC 7162 sections 3.2.7 and 3.2.9. */
	reply->highest = s->condstore && !uidset_is_empty(&expunged);
	uidset_or(&s->own_expunged, &expunged);
	uidset_fini(&uids);
	uidset_fini(&expunged);
	return e;
}
