/* SPDX-License-Identifier: Apache-2.0 */
/* STAT, LIST and UIDL: RFC 1939 sections 5 and 7. Of all messages, LIST and
 * UIDL go on between batches: their state is a place in the snapshot. */
#include "base/alloc.h"
#include "pop3/private.h"
#include "store/store.h"
#include "wire/pop3/uidl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct pop3_listing {
	enum pop3_verb verb;
	struct view *view;
	struct view_iter members;
	struct uidset_iter uids;
	uint32_t number;
	char format[SESSION_UIDL_MAX];
};

enum err pop3_stat(struct pop3 *s, const struct pop3_command *c)
{
	const struct maildrop *drop = &s->drop;

	(void)c;
	buf_addf(pop3_out(s), "+OK %" PRIu32 " %" PRIu64 "\r\n",
		drop->messages - uidset_count(&drop->deleted),
		drop->octets - drop->deleted_octets);
	return OK;
}

/* One that was imported with the message. */
static enum err add_own_uidl(struct pop3 *s, uid_num uid)
{
	struct store_txn *txn = store_begin_read(mail_store(pop3_mail(s)));
	struct buf uidl = BUF_UNBOUNDED;
	enum err e = message_get_uidl(
		txn, s->drop.ref.account, s->drop.ref.id, uid, &uidl);

	store_end_read(txn);
	if (!e)
		buf_add(pop3_out(s), buf_str(&uidl));
	buf_fini(&uidl);
	return e;
}

static void put_unique_id(struct pop3 *s, const char *format, uint32_t number,
	const struct membership *m)
{
	struct buf *out = pop3_out(s);

	buf_add_u64(out, number);
	buf_add_byte(out, ' ');
	if (!m->own_uidl || add_own_uidl(s, m->uid))
		pop3_uidl_add(
			out, str_c(format), s->drop.ref.uidvalidity, m->uid);
	buf_add_c(out, "\r\n");
}

static void put_size(
	struct pop3 *s, uint32_t number, const struct membership *m)
{
	struct buf *out = pop3_out(s);

	buf_add_u64(out, number);
	buf_add_byte(out, ' ');
	buf_add_u64(out, maildrop_octets(s, m));
	buf_add_c(out, "\r\n");
}

static void format_of(const struct pop3 *s, char room[SESSION_UIDL_MAX])
{
	struct session_limits limits =
		session_service_limits(s->session.service);

	snprintf(room, SESSION_UIDL_MAX, "%s", limits.pop3_uidl);
}

static enum err list_one(struct pop3 *s, const struct pop3_command *c)
{
	char format[SESSION_UIDL_MAX];
	struct membership m;
	enum err e = maildrop_find(s, c->number, &m);

	if (e)
		return e;
	format_of(s, format);
	buf_add_c(pop3_out(s), "+OK ");
	if (c->verb == POP3_UIDL)
		put_unique_id(s, format, c->number, &m);
	else
		put_size(s, c->number, &m);
	return OK;
}

static enum err list_all(struct pop3 *s, enum pop3_verb verb)
{
	struct pop3_listing *l;
	enum err e = maildrop_load(s);

	if (e)
		return e;
	l = xcalloc(1, sizeof *l);
	l->verb = verb;
	l->uids = uidset_iter(&s->drop.uids, 1);
	format_of(s, l->format);
	e = view_acquire(pop3_mail(s), &s->drop.ref, &l->view);
	if (e) {
		free(l);
		return e;
	}
	l->members = view_iter(l->view, 1);
	s->listing = l;
	s->doing = POP3_DOING_LIST;
	pop3_put_ok(pop3_out(s), "List follows");
	return ERR_AGAIN;
}

/* Mostly the next one of the view. */
static enum err next_member(
	struct pop3 *s, uid_num uid, struct membership *member_r)
{
	struct pop3_listing *l = s->listing;
	const struct membership *m = view_iter_next(&l->members);

	if (m && m->uid == uid) {
		*member_r = *m;
		return OK;
	}
	l->members = view_iter(l->view, uid + 1);
	return maildrop_member(s, l->view, uid, member_r);
}

/* A message that is gone for good keeps its number, and is not listed. */
static void put_next(struct pop3 *s, uid_num uid)
{
	struct pop3_listing *l = s->listing;
	struct membership m;

	if (next_member(s, uid, &m))
		return;
	if (l->verb == POP3_UIDL)
		put_unique_id(s, l->format, l->number, &m);
	else
		put_size(s, l->number, &m);
}

enum err pop3_list_more(struct pop3 *s)
{
	struct pop3_listing *l = s->listing;
	uid_num uid;

	while (pop3_out(s)->n < SESSION_OUT_HIGH) {
		uid = uidset_iter_next(&l->uids);
		if (!uid) {
			buf_add_c(pop3_out(s), ".\r\n");
			pop3_list_abort(s);
			return OK;
		}
		l->number++;
		if (!uidset_has(&s->drop.deleted, uid))
			put_next(s, uid);
	}
	return ERR_AGAIN;
}

void pop3_list_abort(struct pop3 *s)
{
	if (!s->listing)
		return;
	view_release(pop3_mail(s), s->listing->view);
	free(s->listing);
	s->listing = NULL;
}

enum err pop3_list(struct pop3 *s, const struct pop3_command *c)
{
	return c->number ? list_one(s, c) : list_all(s, POP3_LIST);
}

enum err pop3_uidl(struct pop3 *s, const struct pop3_command *c)
{
	return c->number ? list_one(s, c) : list_all(s, POP3_UIDL);
}
