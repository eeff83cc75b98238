/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DELE, RSET and QUIT: RFC 1939 sections 5 and 6. What DELE marks is a set in
 * the session and nothing else; QUIT makes it true in one write of the store,
 * all of it or nothing, and says "+OK" when it is on stable storage. Whatever
 * else ends a session deletes nothing.
 */
#include "base/log.h"
#include "message/flags.h"
#include "pop3/private.h"

#define TRASH STR("Trash")

enum err pop3_dele(struct pop3 *s, const struct pop3_command *c)
{
	const uint32_t needed = RIGHT_DELETED | RIGHT_EXPUNGE;
	struct membership m;
	enum err e = OK;

	if ((s->drop.ref.rights & needed) != needed)
		return ERR_READONLY;
	e = maildrop_find(s, c->number, &m);
	if (e)
		return e;
	uidset_add(&s->drop.deleted, m.uid);
	s->drop.deleted_octets += maildrop_octets(s, &m);
	pop3_put_ok(pop3_out(s), "Marked as deleted");
	return OK;
}

enum err pop3_rset(struct pop3 *s, const struct pop3_command *c)
{
	(void)c;
	uidset_clear(&s->drop.deleted);
	s->drop.deleted_octets = 0;
	pop3_put_ok(pop3_out(s), "Nothing is marked as deleted");
	return OK;
}

/* ------------------------------------------------------------------ update */

/* Those of `uids` that are not \Seen. */
static enum err find_unseen(
	struct pop3 *s, const struct uidset *uids, struct uidset *unseen_r)
{
	struct uidset_iter it = uidset_iter(uids, 1);
	struct view *v;
	uid_num uid;
	enum err e = view_acquire(pop3_mail(s), &s->drop.ref, &v);

	if (e)
		return e;
	while ((uid = uidset_iter_next(&it))) {
		const struct membership *m = view_find(v, uid);

		if (m && !(m->flags & FLAG_SEEN))
			uidset_add(unseen_r, uid);
	}
	view_release(pop3_mail(s), v);
	return OK;
}

/* What was fetched was seen, as IMAP's other clients show it. */
static enum err mark_seen(struct pop3 *s)
{
	struct flag_change change = {.op = FLAGS_ADD, .system = FLAG_SEEN};
	struct uidset unseen = UIDSET_EMPTY;
	struct store_result result = {0};
	enum err e = OK;

	if (uidset_is_empty(&s->drop.retrieved) ||
		!(s->drop.ref.rights & RIGHT_SEEN))
		return OK;
	e = find_unseen(s, &s->drop.retrieved, &unseen);
	if (!e && !uidset_is_empty(&unseen))
		e = message_store_flags(pop3_mail(s), &s->drop.ref, &unseen,
			&change, s->drop.modseq, UINT64_MAX, &result);
	store_result_fini(&result);
	uidset_fini(&unseen);
	return e;
}

/* The name of the mailbox that has \Trash (RFC 6154), in the session's arena;
 * it is made when there is none. */
static enum err find_trash(struct pop3 *s, str *name_r)
{
	struct mail *mail = pop3_mail(s);
	struct mailbox_info *list;
	struct mailbox_ref ref;
	size_t count;
	enum err e = mailbox_list(
		mail, &s->session.user, &s->session.arena, &list, &count);

	for (size_t i = 0; !e && i < count; i++)
		if (list[i].exists && list[i].special_use & USE_TRASH) {
			*name_r = list[i].name;
			return OK;
		}
	*name_r = TRASH;
	if (!e)
		e = mailbox_create(
			mail, &s->session.user, TRASH, USE_TRASH, 0, &ref);
	return e == ERR_EXISTS ? OK : e;
}

static enum err move_to_trash(struct pop3 *s)
{
	struct copy_result result = {0};
	str trash;
	enum err e = find_trash(s, &trash);

	if (!e)
		e = message_copy(pop3_mail(s), &s->session.user, &s->drop.ref,
			&s->drop.deleted, trash, COPY_MOVE, &result);
	copy_result_fini(&result);
	arena_reset(&s->session.arena);
	return e;
}

static enum err expunge(struct pop3 *s)
{
	struct uidset removed = UIDSET_EMPTY;
	enum err e = message_remove(
		pop3_mail(s), &s->drop.ref, &s->drop.deleted, &removed);

	uidset_fini(&removed);
	return e;
}

static enum err delete (struct pop3 *s) {
	bool to_trash =
		session_service_limits(s->session.service).pop3_to_trash;

	if (uidset_is_empty(&s->drop.deleted)) return OK;
	return to_trash ? move_to_trash(s) : expunge(s);
}

/* What is about to go need not become \Seen, unless it goes to the Trash:
 * there it should look as it was. */
enum err pop3_quit(struct pop3 *s, const struct pop3_command *c)
{
	enum err e;

	(void)c;
	s->quit = true;
	if (!session_service_limits(s->session.service).pop3_to_trash)
		uidset_andnot(&s->drop.retrieved, &s->drop.deleted);
	e = mark_seen(s);
	if (e)
		log_warn("pop3", "cannot mark as seen", LOG_ERR(e),
			LOG_C("session", s->session.id));
	e = delete (s);
	if (!e)
		pop3_put_ok(pop3_out(s), "Bye");
	else
		log_warn("pop3", "nothing was deleted", LOG_ERR(e),
			LOG_C("session", s->session.id));
	return e;
}
