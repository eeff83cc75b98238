/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT, EXAMINE, CLOSE, UNSELECT: RFC 9051 sections 6.3.2, 6.3.3, 6.4.1,
 * 6.4.2. */
#include "base/alloc.h"
#include "imap/private.h"
#include "mail/objectid.h"
#include "message/flags.h"

#include <stdlib.h>

static void changed(struct mail_watch *watch)
{
	struct imap_selected *box = (struct imap_selected *)(void *)watch;

	if (box->imap->idling || box->imap->listening)
		session_wake(&box->imap->session);
}

void imap_unselect(struct imap *s)
{
	struct imap_selected *box = s->selected;

	if (!box)
		return;
	mail_watch_remove(imap_mail(s), &box->watch);
	uidset_fini(&box->known);
	uidset_fini(&box->recent);
	uidset_fini(&box->held);
	uidset_fini(&s->saved);
	uidset_clear(&s->own_added);
	uidset_clear(&s->own_expunged);
	imap_notify_forget_arrived(s);
	imap_contexts_end(s);
	free(box);
	s->selected = NULL;
}

static uid_num first_unseen(const struct view *v)
{
	struct view_iter it = view_iter(v, 1);
	const struct membership *m;

	while (v->unseen && (m = view_iter_next(&it)))
		if (!(m->flags & FLAG_SEEN))
			return m->uid;
	return 0;
}

static struct imap_selected *new_selected(
	struct imap *s, const struct mailbox_ref *ref, bool read_only)
{
	struct imap_selected *box = xcalloc(1, sizeof *box);

	box->imap = s;
	box->ref = *ref;
	box->read_only = read_only;
	box->watch.account = ref->account;
	box->watch.mailbox = ref->id;
	box->watch.changed = changed;
	mail_watch_add(imap_mail(s), &box->watch);
	return box;
}

/* Where nothing can be written (the disk is full), the next session is told of
 * the same ones. */
static enum err claim_recent(struct imap *s, struct imap_selected *box,
	const struct view *v, struct mailbox_info *info)
{
	uid_num from, to;
	enum err e;

	if (s->rev2)
		return OK;
	/* Nothing is, and nothing arrived since that was read. */
	if (info->recent_from >= v->uidnext) {
		box->recent_seen = v->uidnext;
		return OK;
	}
	if (!box->read_only && message_claim_recent(imap_mail(s), &box->ref,
				       &from, &to) == OK) {
		box->recent_seen = to + 1;
		if (from <= to)
			uidset_add_range(&box->recent, from, to);
		return OK;
	}
	e = mailbox_status(imap_mail(s), &box->ref, imap_arena(s), info);
	if (!e && info->recent_from < info->uidnext)
		uidset_add_range(
			&box->recent, info->recent_from, info->uidnext - 1);
	return e;
}

static void put_state(struct imap *s, const struct view *v)
{
	struct imap_selected *box = s->selected;
	struct buf *out = imap_out(s);
	struct uidset recent = UIDSET_EMPTY;
	uid_num unseen = first_unseen(v);

	imap_put_flag_lists(s, v);
	buf_addf(out, "* %u EXISTS\r\n", uidset_count(&box->known));
	uidset_copy(&recent, &box->recent);
	uidset_and(&recent, &box->known);
	if (!s->rev2)
		buf_addf(out, "* %u RECENT\r\n", uidset_count(&recent));
	uidset_fini(&recent);
	/* It is a message number. */
	if (!s->rev2 && !s->uidonly && unseen)
		buf_addf(out, "* OK [UNSEEN %u] First unseen\r\n",
			imap_number(s, unseen));
	buf_addf(out, "* OK [UIDVALIDITY %u] UIDs valid\r\n", v->uidvalidity);
	buf_addf(out, "* OK [UIDNEXT %u] Predicted next UID\r\n", v->uidnext);
	buf_addf(out, "* OK [HIGHESTMODSEQ %llu] Highest mod-sequence\r\n",
		(unsigned long long)v->modseq);
	buf_add_c(out, "* OK [MAILBOXID (");
	objectid_put_mailbox(out, box->ref.account, box->ref.id);
	buf_add_c(out, ")] Its name for ever\r\n");
}

static enum err enter(struct imap *s, const struct imap_command *c,
	const struct mailbox_ref *ref, bool read_only,
	struct mailbox_info *info, struct uidset *changed_r)
{
	struct imap_selected *box = new_selected(s, ref, read_only);
	struct view *v;
	enum err e;

	s->selected = box;
	e = view_acquire(imap_mail(s), ref, &v);
	if (e)
		return e;
	uidset_copy(&box->known, &v->uids);
	uidset_compact(&box->known);
	box->told = v->modseq;
	box->looked = v->modseq;
	box->watch.floor = v->modseq;
	box->in_step = true;
	box->keywords_told = imap_hash_keywords(v);
	e = claim_recent(s, box, v, info);
	if (!e)
		put_state(s, v);
	/* RFC 9051 section 6.3.2: under which name LIST has it. */
	if (!e && s->rev2)
		e = imap_put_list_of(s, c->select.mailbox.name,
			imap_was_normalized(&c->select.mailbox)
				? c->select.mailbox.raw
				: str_none());
	if (!e && c->select.qresync)
		e = imap_resync(s, v, c->select.qresync, changed_r);
	view_release(imap_mail(s), v);
	return e;
}

/* What is missing in it would be taken for expunged. */
static void refuse_damaged(struct imap_reply *reply)
{
	reply->no = true;
	reply->text = "The mailbox is damaged, and can be repaired by whoever "
		      "runs the server (culver repair)";
	buf_add_c(&reply->code, "[CORRUPTION] ");
}

enum err imap_select(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_mailbox *name = &c->select.mailbox;
	bool read_only = c->verb == IMAP_EXAMINE;
	struct uidset changed = UIDSET_EMPTY;
	struct mailbox_info info;
	struct mailbox_ref ref;
	enum err e;

	reply->no_sync = true;
	if (c->select.qresync && !s->qresync) {
		reply->bad = true;
		reply->text = "ENABLE QRESYNC first";
		return ERR_INVALID;
	}
	/* The old mailbox is left even if the new one cannot be selected. */
	if (s->selected)
		buf_add_c(imap_out(s),
			"* OK [CLOSED] Previous mailbox is closed\r\n");
	imap_unselect(s);
	if (name->err)
		return ERR_NOTFOUND;
	if (c->select.condstore)
		imap_enable_condstore(s);
	e = mailbox_open_info(imap_mail(s), &s->session.user, name->name,
		RIGHT_READ, &ref, &info);
	if (!e)
		e = enter(s, c, &ref,
			read_only || !(ref.rights & ~(uint32_t)(RIGHT_LOOKUP |
								RIGHT_READ)),
			&info, &changed);
	if (!e)
		e = imap_fetch_changes(s, c, &changed);
	uidset_fini(&changed);
	if (e == ERR_AGAIN)
		return e;
	if (e == ERR_CORRUPT)
		refuse_damaged(reply);
	if (e)
		imap_unselect(s);
	else
		imap_select_reply(s, reply);
	return e;
}

void imap_select_reply(struct imap *s, struct imap_reply *reply)
{
	reply->no_sync = true;
	buf_add_c(&reply->code,
		s->selected->read_only ? "[READ-ONLY] " : "[READ-WRITE] ");
}

/* Expunges without a word, if the mailbox was selected for writing. */
enum err imap_close(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct imap_selected *box = s->selected;
	struct uidset expunged = UIDSET_EMPTY;
	modseq_num modseq;
	enum err e = OK;

	(void)c;
	if (!box->read_only && !box->gone)
		e = message_expunge(
			imap_mail(s), &box->ref, NULL, &expunged, &modseq);
	uidset_fini(&expunged);
	if (e && e != ERR_DENIED && e != ERR_NOTFOUND)
		return e;
	reply->no_sync = true;
	imap_unselect(s);
	return OK;
}

enum err imap_unselect_command(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	(void)c;
	reply->no_sync = true;
	imap_unselect(s);
	return OK;
}
