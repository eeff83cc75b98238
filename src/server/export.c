/* SPDX-License-Identifier: Apache-2.0 */
/* What import.h says of "export". */
#include "base/alloc.h"
#include "mail/bytes.h"
#include "mail/view.h"
#include "message/flags.h"
#include "server/import.h"
#include "server/mail_role.h"
#include "store/store.h"

#define PIECE (256 * 1024)

struct export
{
	struct control_call *call;
	struct mail *mail;
	struct mail_user user;
	uint64_t done, total;
	size_t damaged; /* mailboxes that cannot be opened */
};

static void add_flag(json_t *flags, str name)
{
	json_array_append_new(flags, json_stringn(name.p, name.n));
}

static json_t *flags_of(const struct view *v, const struct membership *m)
{
	json_t *flags = json_array();

	for (uint64_t bit = 1; bit <= FLAG_DRAFT; bit <<= 1)
		if (m->flags & bit)
			add_flag(flags, flags_system_name(bit));
	for (uint32_t i = 0; i < v->keyword_count; i++)
		if (m->flags & flags_keyword_bit(i) && v->keywords[i].n)
			add_flag(flags, v->keywords[i]);
	return flags;
}

/* A piece at a time, with no transaction open while the client takes it. */
static enum err send_bytes(struct export *ex, const struct membership *m)
{
	struct buf piece = BUF_UNBOUNDED;
	uint64_t at = 0;
	enum err e = OK;

	while (!e && at < m->size) {
		struct store_txn *txn = store_begin_read(mail_store(ex->mail));

		buf_reset(&piece);
		e = message_get_bytes(
			txn, ex->user.account, m->message, at, PIECE, &piece);
		store_end_read(txn);
		if (!e && piece.n == 0)
			e = ERR_CORRUPT;
		if (!e)
			e = control_write(ex->call, buf_str(&piece));
		at += piece.n;
	}
	buf_fini(&piece);
	return e;
}

static void add_uidl(struct export *ex, mailbox_num mailbox,
	const struct membership *m, json_t *item)
{
	struct store_txn *txn = store_begin_read(mail_store(ex->mail));
	struct buf uidl = BUF_UNBOUNDED;

	if (message_get_uidl(txn, ex->user.account, mailbox, m->uid, &uidl) ==
		OK)
		json_object_set_new(item, "uidl", json_stringn(uidl.p, uidl.n));
	store_end_read(txn);
	buf_fini(&uidl);
}

static enum err send_message(
	struct export *ex, const struct view *v, const struct membership *m)
{
	json_t *item = json_pack("{sIsosIsi}", "uid", (json_int_t)m->uid,
		"flags", flags_of(v, m), "date", (json_int_t)m->internal_date,
		"zone", (int)m->zone);
	enum err e;

	if (m->own_uidl)
		add_uidl(ex, v->mailbox, m, item);
	e = control_item_begin(ex->call, item, m->size);

	if (!e)
		e = send_bytes(ex, m);
	control_progress(ex->call, "messages", ++ex->done, ex->total);
	return e;
}

static enum err send_messages(struct export *ex, const struct mailbox_ref *ref)
{
	struct view_iter it;
	const struct membership *m;
	struct view *v;
	enum err e = view_acquire(ex->mail, ref, &v);

	/* The others are wanted all the more. */
	if (e == ERR_CORRUPT) {
		ex->damaged++;
		return OK;
	}
	if (e)
		return e;
	it = view_iter(v, 1);
	while (!e && (m = view_iter_next(&it)))
		e = control_cancelled(ex->call) ? ERR_CLOSED
						: send_message(ex, v, m);
	view_release(ex->mail, v);
	return e;
}

static enum err send_mailbox(struct export *ex, const struct mailbox_info *info)
{
	struct mailbox_ref ref = {
		.account = ex->user.account,
		.id = info->id,
		.uidvalidity = info->uidvalidity,
		.rights = RIGHT_ALL,
	};
	json_t *item = json_pack("{ss%sbsbsIsI}", "mailbox", info->name.p,
		info->name.n, "subscribed", info->subscribed, "exists",
		info->exists, "uidvalidity", (json_int_t)info->uidvalidity,
		"uidnext", (json_int_t)info->uidnext);
	enum err e = control_item(ex->call, item);

	return e || !info->exists ? e : send_messages(ex, &ref);
}

enum err export_run(struct control_call *call, void *ctx)
{
	struct mail_service *service = ctx;
	struct export ex = {
		.call = call,
		.mail = service->mail,
		.user = {.account = (account_num)control_integer(
				 call, "account", 0),
			.rights = RIGHT_ALL},
	};
	struct mailbox_info *list = NULL;
	struct arena arena;
	size_t count = 0;
	enum err e;

	if (!ex.user.account)
		return ERR_INVALID;
	arena_init(&arena, SIZE_MAX);
	e = mailbox_list(ex.mail, &ex.user, &arena, &list, &count);
	for (size_t i = 0; !e && i < count; i++)
		ex.total += list[i].messages;
	for (size_t i = 0; !e && i < count; i++)
		e = send_mailbox(&ex, &list[i]);
	arena_fini(&arena);
	json_object_set_new(control_answer(call), "messages",
		json_integer((json_int_t)ex.done));
	if (!e && ex.damaged)
		return control_fail(call, ERR_CORRUPT,
			"%zu mailboxes are damaged and were not written; run "
			"culver repair",
			ex.damaged);
	return e;
}
