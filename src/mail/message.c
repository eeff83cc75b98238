/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/message.h"
#include "mail/private.h"
#include "message/flags.h"

/* Flags. */

struct store_request {
	const struct mailbox_ref *ref;
	const struct uidset *uids;
	const struct flag_change *change;
	modseq_num told, unchanged_since;
	struct store_result *result;
	struct uidset_run changed; /* the result's */
};

void store_result_fini(struct store_result *r)
{
	uidset_fini(&r->changed);
	uidset_fini(&r->stale);
	uidset_fini(&r->missing);
	uidset_fini(&r->modified);
}

uint64_t permitted_flags(uint32_t rights)
{
	uint64_t mask = 0;

	if (rights & RIGHT_SEEN)
		mask |= FLAG_SEEN;
	if (rights & RIGHT_DELETED)
		mask |= FLAG_DELETED;
	if (rights & RIGHT_WRITE)
		mask |= ~(uint64_t)(FLAG_SEEN | FLAG_DELETED);
	return mask;
}

static uint64_t changed_flags(
	const struct flag_change *change, uint64_t was, uint64_t bits)
{
	switch (change->op) {
	case FLAGS_ADD:
		return was | bits;
	case FLAGS_REMOVE:
		return was & ~bits;
	default:
		return bits;
	}
}

static enum err store_one(struct box_change *box, struct store_request *q,
	uid_num uid, uint64_t bits, uint64_t mask)
{
	struct store_result *r = q->result;
	struct membership *m;
	modseq_num was;
	uint64_t flags;
	enum err e = box_find(box, uid, &m);

	if (e)
		return e;
	if (!m) {
		uidset_add(&r->missing, uid);
		return OK;
	}
	if (m->modseq > q->unchanged_since) {
		uidset_add(&r->modified, uid);
		return OK;
	}
	flags = changed_flags(q->change, m->flags, bits);
	flags = (flags & mask) | (m->flags & ~mask);
	was = m->modseq;
	if (flags == m->flags)
		return OK;
	box_set_flags(box, m, flags);
	uidset_run_add(&r->changed, &q->changed, uid);
	if (was > q->told)
		uidset_add(&r->stale, uid);
	return OK;
}

static enum err store_in_box(struct box_change *box, struct store_request *q)
{
	const struct flag_change *change = q->change;
	uint64_t mask = permitted_flags(q->ref->rights), bits;
	struct uidset_iter it = uidset_iter(q->uids, 1);
	size_t count = uidset_count(q->uids), done = 0;
	uid_num uid;
	enum err e = box_keywords(box, change->keywords, change->keyword_count,
		change->op != FLAGS_REMOVE, &bits);

	bits |= change->system;
	if (!e && (mask == 0 || (bits && !(bits & mask))))
		e = ERR_DENIED;
	while (!e && (uid = uidset_iter_next(&it))) {
		e = store_one(box, q, uid, bits, mask);
		tell_progress(q->ref->progress, ++done, count);
	}
	uidset_run_end(&q->result->changed, &q->changed);
	if (!e && !uidset_is_empty(&q->result->changed))
		q->result->modseq = box->record.modseq;
	return e;
}

static enum err store_flags(struct store_txn *txn, void *arg)
{
	struct store_request *q = arg;
	struct change ch;
	struct box_change box;
	enum err e;

	store_result_fini(q->result);
	q->result->modseq = 0;
	change_begin(&ch, txn, q->ref->account);
	e = box_begin(&box, &ch, q->ref->id);
	if (!e)
		e = store_in_box(&box, q);
	e = box_end(&box, e);
	if (!e && !box.dirty)
		ch.record.next_mailbox = 0; /* nothing to write */
	return change_end(&ch, e);
}

enum err message_store_flags(struct mail *mail, const struct mailbox_ref *ref,
	const struct uidset *uids, const struct flag_change *change,
	modseq_num told, modseq_num unchanged_since,
	struct store_result *result_r)
{
	struct store_request q = {
		ref, uids, change, told, unchanged_since, result_r, {0}};
	enum err e;

	*result_r = (struct store_result){0};
	e = account_write(mail, ref->account, store_flags, &q);
	if (!e && result_r->modseq)
		mail_notify(mail, ref->account, ref->id, NEWS_FLAGS, ref->by);
	return e;
}

/* Copying and moving. */

struct copy_request {
	const struct mail_user *user;
	const struct mailbox_ref *from, *to;
	const struct uidset *uids;
	enum copy_how how;
	struct copy_result *result;
};

void copy_result_fini(struct copy_result *r)
{
	uidset_fini(&r->source);
	uidset_fini(&r->target);
}

/* The same keywords, by the bits that they have over there. */
static enum err translate_flags(const struct box_change *from,
	struct box_change *to, uint64_t flags, uint64_t *flags_r)
{
	uint64_t system = flags & FLAGS_SYSTEM;
	str names[KEYWORDS_MAX];
	size_t count = 0;
	enum err e;

	for (uint32_t i = 0; i < from->record.keyword_count; i++)
		if (flags & flags_keyword_bit(i) && from->record.keywords[i].n)
			names[count++] = from->record.keywords[i];
	e = box_keywords(to, names, count, true, flags_r);
	*flags_r |= system;
	return e;
}

/* What goes from one mailbox to another. */
struct transfer {
	const struct uidset *uids; /* NULL: all */
	enum copy_how how;
	uint64_t permitted; /* flags */
	struct mail_progress *progress;
	struct copy_result *result;
};

static enum err copy_members(struct box_change *from, struct box_change *to,
	const struct membership *members, size_t count,
	const struct transfer *t)
{
	struct uidset_run source = {0}, target = {0};
	uint64_t last = 0, translated = 0;
	enum err e = OK;

	for (size_t i = 0; !e && i < count; i++) {
		struct membership m = members[i];
		uid_num uid;

		if (from != to && (m.flags != last || i == 0)) {
			last = m.flags;
			e = translate_flags(
				from, to, last & t->permitted, &translated);
		}
		m.flags = from == to ? m.flags & t->permitted : translated;
		m.uid = 0;
		m.own_uidl = false;
		if (!e)
			e = box_add(to, &m, &uid);
		if (!e) {
			uidset_run_add(
				&t->result->source, &source, members[i].uid);
			uidset_run_add(&t->result->target, &target, uid);
		}
		tell_progress(t->progress, i + 1, count);
	}
	uidset_run_end(&t->result->source, &source);
	uidset_run_end(&t->result->target, &target);
	return e;
}

static enum err transfer(struct box_change *from, struct box_change *to,
	const struct transfer *t)
{
	struct membership *members;
	size_t count;
	uint64_t quota = from->ch->record.quota;
	enum err e = box_collect(from, t->uids, &members, &count);

	if (!e && t->how == COPY_WHOLE && count < uidset_count(t->uids))
		e = ERR_EXPUNGED;
	/* A move within an account takes no room. */
	if (t->how == COPY_MOVE)
		from->ch->record.quota = 0;
	if (!e)
		e = copy_members(from, to, members, count, t);
	if (!e && t->how == COPY_MOVE)
		e = box_remove_all(from, members, count);
	from->ch->record.quota = quota;
	return e;
}

/* Between two mailboxes, or within one. */
static enum err change_transfer(struct change *ch, mailbox_num from_id,
	mailbox_num to_id, const struct transfer *t)
{
	struct box_change from, to;
	struct box_change *target = from_id == to_id ? &from : &to;
	enum err e = box_begin(&from, ch, from_id);

	if (e)
		return box_end(&from, e);
	if (target == &to)
		e = box_begin(&to, ch, to_id);
	if (!e)
		e = transfer(&from, target, t);
	t->result->uidvalidity = target->record.uidvalidity;
	t->result->modseq = from.record.modseq;
	if (target == &to)
		e = box_end(&to, e);
	return box_end(&from, e);
}

enum err change_move_all(struct change *ch, mailbox_num from, mailbox_num to,
	struct mail_progress *progress)
{
	struct copy_result result = {0};
	const struct transfer t = {
		NULL, COPY_MOVE, UINT64_MAX, progress, &result};
	enum err e = change_transfer(ch, from, to, &t);

	copy_result_fini(&result);
	return e;
}

static enum err copy(struct store_txn *txn, void *arg)
{
	struct copy_request *q = arg;
	const struct transfer t = {q->uids, q->how,
		permitted_flags(q->to->rights), q->user->progress, q->result};
	struct change ch;

	copy_result_fini(q->result);
	change_begin(&ch, txn, q->from->account);
	return change_end(
		&ch, change_transfer(&ch, q->from->id, q->to->id, &t));
}

enum err message_copy(struct mail *mail, const struct mail_user *user,
	const struct mailbox_ref *from, const struct uidset *uids, str to,
	enum copy_how how, struct copy_result *result_r)
{
	struct mailbox_ref target;
	struct copy_request q = {user, from, &target, uids, how, result_r};
	uint32_t needed = RIGHT_DELETED | RIGHT_EXPUNGE;
	enum err e = mailbox_open(mail, user, to, RIGHT_INSERT, &target);

	*result_r = (struct copy_result){0};
	if (e)
		return e;
	if (how == COPY_MOVE && (from->rights & needed) != needed)
		return ERR_DENIED;
	result_r->mailbox = target.id;
	e = account_write(mail, from->account, copy, &q);
	if (e)
		return e;
	mail_notify(mail, target.account, target.id, NEWS_ADDED, user->by);
	if (how == COPY_MOVE) {
		mail_notify(
			mail, from->account, from->id, NEWS_EXPUNGED, from->by);
		mail_wake_janitor(mail);
	}
	return OK;
}

/* Expunging. */

struct expunge_request {
	const struct mailbox_ref *ref;
	const struct uidset *uids;
	struct uidset *expunged;
	modseq_num modseq;
	bool any; /* also those that are not \Deleted */
};

static enum err expunge_in_box(
	struct box_change *box, struct expunge_request *q)
{
	enum err e;

	if (box->record.deleted == 0 && !q->any)
		return OK;
	e = box_remove_flagged(
		box, q->uids, q->any ? 0 : FLAG_DELETED, q->ref->progress);
	q->modseq = box->record.modseq;
	box_expunged(box, q->expunged);
	return e;
}

static enum err expunge(struct store_txn *txn, void *arg)
{
	struct expunge_request *q = arg;
	struct change ch;
	struct box_change box;
	enum err e;

	uidset_clear(q->expunged);
	q->modseq = 0;
	change_begin(&ch, txn, q->ref->account);
	e = box_begin(&box, &ch, q->ref->id);
	if (!e)
		e = expunge_in_box(&box, q);
	e = box_end(&box, e);
	if (!e && !box.dirty)
		ch.record.next_mailbox = 0; /* nothing to write */
	return change_end(&ch, e);
}

static enum err run_expunge(struct mail *mail, struct expunge_request *q)
{
	enum err e = account_write(mail, q->ref->account, expunge, q);

	if (!e && !uidset_is_empty(q->expunged)) {
		mail_notify(mail, q->ref->account, q->ref->id, NEWS_EXPUNGED,
			q->ref->by);
		mail_wake_janitor(mail);
	}
	return e;
}

enum err message_expunge(struct mail *mail, const struct mailbox_ref *ref,
	const struct uidset *uids, struct uidset *expunged_r,
	modseq_num *modseq_r)
{
	struct expunge_request q = {ref, uids, expunged_r, 0, false};
	enum err e;

	if (!(ref->rights & RIGHT_EXPUNGE))
		return ERR_DENIED;
	e = run_expunge(mail, &q);
	*modseq_r = q.modseq;
	return e;
}

enum err message_remove(struct mail *mail, const struct mailbox_ref *ref,
	const struct uidset *uids, struct uidset *removed_r)
{
	struct expunge_request q = {ref, uids, removed_r, 0, true};
	uint32_t needed = RIGHT_DELETED | RIGHT_EXPUNGE;

	if ((ref->rights & needed) != needed)
		return ERR_DENIED;
	return run_expunge(mail, &q);
}

/* Recent. */

struct recent_request {
	const struct mailbox_ref *ref;
	uid_num from, to;
};

static enum err claim_recent(struct store_txn *txn, void *arg)
{
	struct recent_request *q = arg;
	struct mailbox_record record;
	struct change ch;
	enum err e;

	change_begin(&ch, txn, q->ref->account);
	e = change_read_mailbox(&ch, q->ref->id, &record);
	if (!e) {
		q->from = record.recent_from;
		q->to = record.uidnext - 1;
		record.recent_from = record.uidnext;
		if (q->from <= q->to)
			change_write_mailbox(&ch, q->ref->id, &record);
	}
	ch.record.next_mailbox = 0; /* the account did not change */
	return change_end(&ch, e);
}

enum err message_claim_recent(struct mail *mail, const struct mailbox_ref *ref,
	uid_num *from_r, uid_num *to_r)
{
	struct recent_request q = {.ref = ref};
	struct buf scope = BUF_UNBOUNDED;
	enum err e;

	buf_add_be64(&scope, ref->account);
	write_begins(mail, ref->account);
	e = store_write_lazy(mail->store, buf_str(&scope), claim_recent, &q);
	write_ended(mail, ref->account);
	buf_fini(&scope);
	*from_r = q.from;
	*to_r = q.to;
	return e;
}
