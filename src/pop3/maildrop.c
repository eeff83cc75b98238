/* SPDX-License-Identifier: Apache-2.0 */
#include "pop3/private.h"

/* The snapshot is not told of changes. */
static void changed(struct mail_watch *watch)
{
	(void)watch;
}

enum err maildrop_open(struct pop3 *s)
{
	struct maildrop *drop = &s->drop;
	struct mailbox_info info;
	enum err e = mailbox_open(pop3_mail(s), &s->session.user, STR("INBOX"),
		RIGHT_READ, &drop->ref);

	if (e)
		return e;
	drop->watch = (struct mail_watch){.account = drop->ref.account,
		.mailbox = drop->ref.id,
		.changed = changed};
	/* With a floor of 0: what is expunged from here on stays readable. */
	mail_watch_add(pop3_mail(s), &drop->watch);
	drop->open = true;
	e = mailbox_status(pop3_mail(s), &drop->ref, &s->session.arena, &info);
	if (!e) {
		drop->messages = info.messages;
		drop->octets = info.bytes + info.growth;
		drop->uidnext = info.uidnext;
		drop->modseq = info.modseq;
		drop->watch.floor = info.modseq;
	}
	arena_reset(&s->session.arena);
	return e;
}

void maildrop_close(struct pop3 *s)
{
	struct maildrop *drop = &s->drop;

	if (drop->open)
		mail_watch_remove(pop3_mail(s), &drop->watch);
	drop->open = false;
	uidset_fini(&drop->uids);
	uidset_fini(&drop->deleted);
	uidset_fini(&drop->retrieved);
}

/* From a later state back to that of the beginning. */
static enum err rewind_to_snapshot(struct pop3 *s)
{
	struct maildrop *drop = &s->drop;
	struct uidset expunged = UIDSET_EMPTY;
	enum err e = view_expunged_since(
		pop3_mail(s), &drop->ref, drop->modseq, &expunged);

	uidset_or(&drop->uids, &expunged);
	uidset_fini(&expunged);
	uidset_remove_range(&drop->uids, drop->uidnext, UINT32_MAX);
	return e;
}

enum err maildrop_load(struct pop3 *s)
{
	struct maildrop *drop = &s->drop;
	struct view *v;
	enum err e;

	if (drop->loaded)
		return OK;
	e = view_acquire(pop3_mail(s), &drop->ref, &v);
	if (e)
		return e;
	uidset_copy(&drop->uids, &v->uids);
	if (v->modseq != drop->modseq)
		e = rewind_to_snapshot(s);
	view_release(pop3_mail(s), v);
	uidset_compact(&drop->uids);
	drop->loaded = !e;
	return e;
}

enum err maildrop_member(struct pop3 *s, const struct view *v, uid_num uid,
	struct membership *member_r)
{
	const struct membership *m = v ? view_find(v, uid) : NULL;

	if (!m)
		return view_find_expunged(
			pop3_mail(s), &s->drop.ref, uid, member_r);
	*member_r = *m;
	return OK;
}

enum err maildrop_find(
	struct pop3 *s, uint32_t number, struct membership *member_r)
{
	struct maildrop *drop = &s->drop;
	enum err e = maildrop_load(s);
	struct view *v;
	uid_num uid;

	if (e)
		return e;
	uid = uidset_select(&drop->uids, number);
	if (!uid || uidset_has(&drop->deleted, uid))
		return ERR_NOTFOUND;
	e = view_acquire(pop3_mail(s), &drop->ref, &v);
	if (e)
		return e;
	e = maildrop_member(s, v, uid, member_r);
	view_release(pop3_mail(s), v);
	return e;
}

uint64_t maildrop_octets(const struct pop3 *s, const struct membership *m)
{
	(void)s;
	return m->size + m->growth;
}
