/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes: finding, listing, making, deleting, renaming, subscribing. */
#include "mail/mail.h"
#include "mail/private.h"
#include "message/mailbox_name.h"

#include <stdlib.h>

/* Finding. */

/* Of a mailbox's record, where its name does not lead to it. One that is
 * damaged may have any name. */
static enum err find_by_record(struct store_txn *txn, account_num account,
	str name, mailbox_num *mailbox_r)
{
	struct buf prefix = BUF_UNBOUNDED;
	enum err e = ERR_NOTFOUND, scan_e;
	struct store_iter *it;
	str key, value;

	key_account_prefix(&prefix, account, 'm');
	it = store_scan_prefix(txn, buf_str(&prefix));
	while (e != OK && store_iter_next(it, &key, &value)) {
		struct cursor c = cursor_of(key_tail(key));
		struct mailbox_record record;

		if (mailbox_decode(value, &record)) {
			e = ERR_CORRUPT;
		} else if (str_eq(record.name, name)) {
			*mailbox_r = cursor_be32(&c);
			e = OK;
		}
	}
	scan_e = store_iter_end(it);
	buf_fini(&prefix);
	return e && scan_e ? scan_e : e;
}

enum err name_find(struct store_txn *txn, account_num account, str name,
	mailbox_num *mailbox_r)
{
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;
	struct cursor c;
	enum err e;

	key_name(&key, account, 'n', name);
	e = store_peek(txn, buf_str(&key), &value);
	c = cursor_of(buf_str(&value));
	if (!e) {
		*mailbox_r = cursor_be32(&c);
		e = cursor_ok(&c) && cursor_done(&c) ? OK : ERR_CORRUPT;
	}
	if (e == ERR_CORRUPT) {
		damage_note_key(txn, buf_str(&key));
		e = find_by_record(txn, account, name, mailbox_r);
	}
	buf_fini(&key);
	buf_fini(&value);
	return e;
}

static enum err read_mailbox(struct store_txn *txn, account_num account,
	mailbox_num mailbox, struct buf *value, struct mailbox_record *record_r)
{
	struct buf key = BUF_UNBOUNDED;
	enum err e;

	key_mailbox(&key, account, 'm', mailbox);
	e = store_get(txn, buf_str(&key), value);
	if (!e)
		e = mailbox_decode(buf_str(value), record_r);
	e = damage_told(txn, buf_str(&key), e);
	buf_fini(&key);
	return e;
}

struct make_request {
	struct mail *mail;
	const struct mail_user *user;
	str name;
	uint32_t special_use;
	uint32_t uidvalidity;
	mailbox_num made;
	uint32_t uidvalidity_made;
	size_t parents_from; /* names this long and longer were made */
};

static enum err make_inbox(struct store_txn *txn, void *arg)
{
	const struct make_request *q = arg;
	struct change ch;
	mailbox_num id;
	enum err e;

	change_begin(&ch, txn, q->user->account);
	e = change_find_name(&ch, STR("INBOX"), &id);
	if (e == ERR_NOTFOUND)
		e = change_create_mailbox(&ch, STR("INBOX"), 0, 0, &id);
	return change_end(&ch, e);
}

static bool holds(const struct mail_user *user, uint32_t rights)
{
	return (user->rights & rights) == rights;
}

static void fill_ref(struct mailbox_ref *ref, const struct mail_user *user,
	mailbox_num id, uint32_t uidvalidity)
{
	*ref = (struct mailbox_ref){
		.account = user->account,
		.id = id,
		.uidvalidity = uidvalidity,
		.rights = user->rights,
		.by = user->by,
		.progress = user->progress,
	};
}

static void info_from_record(struct mailbox_info *info, mailbox_num id,
	const struct mailbox_record *record)
{
	info->id = id;
	info->exists = true;
	info->special_use = record->special_use;
	info->uidvalidity = record->uidvalidity;
	info->uidnext = record->uidnext;
	info->modseq = record->modseq;
	info->recent_from = record->recent_from;
	info->messages = record->exists;
	info->unseen = record->unseen;
	info->deleted = record->deleted;
	info->bytes = record->bytes;
	info->growth = record->growth;
}

/* In the store, or what was found there a moment ago. */
static enum err find_mailbox(struct mail *mail, const struct mail_user *user,
	str name, struct mailbox_info *info_r)
{
	uint64_t moment = write_moment(mail, user->account);
	struct buf value = BUF_UNBOUNDED;
	struct mailbox_record record;
	struct store_txn *txn;
	mailbox_num id;
	enum err e;

	if (opened_get(mail, user->account, name, info_r))
		return OK;
	txn = store_begin_read(mail->store);
	e = name_find(txn, user->account, name, &id);
	if (!e)
		e = read_mailbox(txn, user->account, id, &value, &record);
	if (!e) {
		*info_r = (struct mailbox_info){.name = name};
		info_from_record(info_r, id, &record);
		opened_put(mail, user->account, moment, info_r);
	}
	store_end_read(txn);
	buf_fini(&value);
	return e;
}

enum err mailbox_open_info(struct mail *mail, const struct mail_user *user,
	str name, uint32_t rights_needed, struct mailbox_ref *ref_r,
	struct mailbox_info *info_r)
{
	enum err e = find_mailbox(mail, user, name, info_r);

	if (e == ERR_NOTFOUND && mailbox_name_is_inbox(name)) {
		struct make_request q = {.mail = mail, .user = user};

		e = account_write(mail, user->account, make_inbox, &q);
		if (!e)
			e = find_mailbox(mail, user, name, info_r);
	}
	if (e)
		return e;
	fill_ref(ref_r, user, info_r->id, info_r->uidvalidity);
	if (!(ref_r->rights & RIGHT_LOOKUP))
		return ERR_NOTFOUND;
	return (ref_r->rights & rights_needed) == rights_needed ? OK
								: ERR_DENIED;
}

enum err mailbox_open(struct mail *mail, const struct mail_user *user, str name,
	uint32_t rights_needed, struct mailbox_ref *ref_r)
{
	struct mailbox_info info;

	return mailbox_open_info(mail, user, name, rights_needed, ref_r, &info);
}

/* Listing. */

struct listing {
	struct arena *arena;
	struct mailbox_info *all;
	size_t count, room;
};

static struct mailbox_info *listing_add(struct listing *list, str name)
{
	struct mailbox_info *info;

	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		struct mailbox_info *more =
			ARENA_ARRAY(list->arena, struct mailbox_info, room);

		if (list->count)
			memcpy(more, list->all, list->count * sizeof *more);
		list->all = more;
		list->room = room;
	}
	info = &list->all[list->count++];
	*info = (struct mailbox_info){.name = arena_str(list->arena, name)};
	return info;
}

static enum err scan_mailboxes(
	struct store_txn *txn, account_num account, struct listing *list)
{
	struct buf prefix = BUF_UNBOUNDED;
	struct store_iter *it;
	str key, value;
	enum err e = OK, scan_e;

	key_account_prefix(&prefix, account, 'm');
	it = store_scan_prefix(txn, buf_str(&prefix));
	while (!e && store_iter_next(it, &key, &value)) {
		struct cursor c = cursor_of(key_tail(key));
		struct mailbox_record record;

		e = damage_told(txn, key, mailbox_decode(value, &record));
		if (!e)
			info_from_record(listing_add(list, record.name),
				cursor_be32(&c), &record);
	}
	scan_e = store_iter_end(it);
	buf_fini(&prefix);
	return e ? e : scan_e;
}

static enum err info_of_damaged(struct mailbox_info *info, mailbox_num id)
{
	info->id = id;
	info->exists = info->damaged = true;
	return OK;
}

/* Each by its name, where the mailboxes cannot all be read: one that is damaged
 * is there, for who is not told of it throws his copy away. */
static enum err list_by_name(
	struct store_txn *txn, account_num account, struct listing *list)
{
	struct buf prefix = BUF_UNBOUNDED, record_value = BUF_UNBOUNDED;
	struct store_iter *it;
	str key, value;
	enum err e = OK, scan_e;

	list->count = 0;
	key_account_prefix(&prefix, account, 'n');
	it = store_scan_prefix(txn, buf_str(&prefix));
	while (!e && store_iter_next(it, &key, &value)) {
		struct cursor c = cursor_of(value);
		mailbox_num id = cursor_be32(&c);
		struct mailbox_info *info = listing_add(list, key_tail(key));
		struct mailbox_record record;

		e = cursor_ok(&c) ? read_mailbox(txn, account, id,
					    &record_value, &record)
				  : ERR_CORRUPT;
		if (!e)
			info_from_record(info, id, &record);
		else if (e == ERR_CORRUPT && cursor_ok(&c))
			e = info_of_damaged(info, id);
	}
	scan_e = store_iter_end(it);
	buf_fini(&prefix);
	buf_fini(&record_value);
	return e ? e : scan_e;
}

/* Byte order, but INBOX and what is below it come first. */
static int compare_names(str a, str b)
{
	bool a_first = str_eq(a, STR("INBOX")) || str_starts(a, STR("INBOX/"));
	bool b_first = str_eq(b, STR("INBOX")) || str_starts(b, STR("INBOX/"));

	return a_first != b_first ? b_first - a_first : str_cmp(a, b);
}

static int compare_infos(const void *a, const void *b)
{
	const struct mailbox_info *x = a, *y = b;

	return compare_names(x->name, y->name);
}

static void sort_listing(struct listing *list)
{
	if (list->count)
		qsort(list->all, list->count, sizeof *list->all, compare_infos);
}

static struct mailbox_info *listing_find(
	const struct listing *list, size_t count, str name)
{
	struct mailbox_info wanted = {.name = name};

	if (count == 0)
		return NULL;
	return bsearch(&wanted, list->all, count, sizeof wanted, compare_infos);
}

/* After the mailboxes were sorted: marks them, and adds the names that are
 * only subscribed. */
static enum err scan_subscriptions(
	struct store_txn *txn, account_num account, struct listing *list)
{
	struct buf prefix = BUF_UNBOUNDED;
	size_t mailboxes = list->count;
	struct store_iter *it;
	str key, value;
	enum err e;

	key_account_prefix(&prefix, account, 's');
	it = store_scan_prefix(txn, buf_str(&prefix));
	while (store_iter_next(it, &key, &value)) {
		str name = key_tail(key);
		struct mailbox_info *info = listing_find(list, mailboxes, name);

		if (!info)
			info = listing_add(list, name);
		info->subscribed = true;
	}
	e = store_iter_end(it);
	if (e == ERR_CORRUPT) {
		/* Nobody loses sight of a mailbox for this. */
		damage_note_key(txn, buf_str(&prefix));
		for (size_t i = 0; i < mailboxes; i++)
			list->all[i].subscribed = list->all[i].assumed = true;
		e = OK;
	}
	buf_fini(&prefix);
	return e;
}

enum err mailbox_list(struct mail *mail, const struct mail_user *user,
	struct arena *arena, struct mailbox_info **list_r, size_t *count_r)
{
	struct listing list = {.arena = arena};
	struct mailbox_ref inbox;
	struct store_txn *txn;
	enum err e;

	*list_r = NULL;
	*count_r = 0;
	if (!holds(user, RIGHT_LOOKUP))
		return OK;
	e = mailbox_open(mail, user, STR("INBOX"), 0, &inbox);
	if (e && e != ERR_NOTFOUND && e != ERR_CORRUPT)
		return e;
	txn = store_begin_read(mail->store);
	e = scan_mailboxes(txn, user->account, &list);
	if (e == ERR_CORRUPT)
		e = list_by_name(txn, user->account, &list);
	sort_listing(&list);
	if (!e)
		e = scan_subscriptions(txn, user->account, &list);
	sort_listing(&list);
	store_end_read(txn);
	*list_r = list.all;
	*count_r = list.count;
	return e;
}

static enum err is_subscribed(
	struct store_txn *txn, account_num account, str name, bool *yes_r)
{
	struct buf key = BUF_UNBOUNDED;
	enum err e;

	key_name(&key, account, 's', name);
	e = store_has(txn, buf_str(&key));
	buf_fini(&key);
	*yes_r = e == OK;
	return e == ERR_NOTFOUND ? OK : e;
}

enum err mailbox_status(struct mail *mail, const struct mailbox_ref *ref,
	struct arena *arena, struct mailbox_info *info_r)
{
	struct store_txn *txn = store_begin_read(mail->store);
	struct buf value = BUF_UNBOUNDED;
	struct mailbox_record record;
	enum err e = read_mailbox(txn, ref->account, ref->id, &value, &record);

	if (!e) {
		*info_r = (struct mailbox_info){
			.name = arena_str(arena, record.name)};
		info_from_record(info_r, ref->id, &record);
		e = is_subscribed(
			txn, ref->account, record.name, &info_r->subscribed);
	}
	store_end_read(txn);
	buf_fini(&value);
	return e;
}

/* Making. */

static enum err check_special_use(struct change *ch, uint32_t special_use)
{
	struct listing list = {.arena = &ch->arena};
	enum err e;

	if (!special_use)
		return OK;
	e = scan_mailboxes(ch->txn, ch->account, &list);
	for (size_t i = 0; !e && i < list.count; i++)
		if (list.all[i].special_use & special_use)
			e = ERR_CONFLICT;
	return e;
}

/* Makes the parents that are missing, the topmost first. from_r: the length of
 * the first of these names. */
static enum err create_parents(
	struct change *ch, str name, uint32_t max_mailboxes, size_t *from_r)
{
	enum err e = OK;

	*from_r = name.n;
	for (size_t i = 0; !e && i < name.n; i++) {
		mailbox_num id;

		if (name.p[i] != MAILBOX_SEPARATOR)
			continue;
		e = change_find_name(ch, str_take(name, i), &id);
		if (e != ERR_NOTFOUND)
			continue;
		e = change_create_mailbox(ch, str_take(name, i), 0, 0, &id);
		if (i < *from_r)
			*from_r = i;
		if (!e && ch->record.mailboxes > max_mailboxes)
			e = ERR_LIMIT;
	}
	return e;
}

static enum err create(struct store_txn *txn, void *arg)
{
	struct make_request *q = arg;
	uint32_t max = mail_limits_of(q->mail).mailboxes;
	struct mailbox_record record;
	struct change ch;
	mailbox_num id;
	enum err e;

	change_begin(&ch, txn, q->user->account);
	e = change_find_name(&ch, q->name, &id);
	e = e == ERR_NOTFOUND ? OK : e ? e : ERR_EXISTS;
	if (!e)
		e = check_special_use(&ch, q->special_use);
	if (!e)
		e = create_parents(&ch, q->name, max, &q->parents_from);
	if (!e)
		e = change_create_mailbox(
			&ch, q->name, q->special_use, q->uidvalidity, &q->made);
	if (!e && ch.record.mailboxes > max)
		e = ERR_LIMIT;
	/* Afterwards there is nothing to be read that could fail. */
	if (!e)
		e = change_read_mailbox(&ch, q->made, &record);
	if (!e)
		q->uidvalidity_made = record.uidvalidity;
	return change_end(&ch, e);
}

enum err mailbox_create(struct mail *mail, const struct mail_user *user,
	str name, uint32_t special_use, uint32_t uidvalidity,
	struct mailbox_ref *ref_r)
{
	struct make_request q = {
		.mail = mail,
		.user = user,
		.name = name,
		.special_use = special_use,
		.uidvalidity = uidvalidity,
	};
	enum err e;

	if (!mailbox_name_is_canonical(name))
		return ERR_INVALID;
	if (!holds(user, RIGHT_LOOKUP | RIGHT_CREATE))
		return ERR_DENIED;
	if (mailbox_name_is_inbox(name)) {
		e = mailbox_open(mail, user, name, 0, ref_r);
		return e ? e : ERR_EXISTS;
	}
	e = account_write(mail, user->account, create, &q);
	if (e)
		return e;
	news_of_name(mail, user, NEWS_NAME, name, str_none(), q.parents_from);
	/* It may have had another UIDVALIDITY. */
	mail_notify(mail, user->account, q.made, NEWS_FLAGS, user->by);
	fill_ref(ref_r, user, q.made, q.uidvalidity_made);
	return OK;
}

/* Deleting. Blocks, links and bytes go later, by the janitor. */

static enum err has_children(struct change *ch, str name, bool *yes_r)
{
	struct buf prefix = BUF_UNBOUNDED;
	struct store_iter *it;
	str key, value;

	key_name(&prefix, ch->account, 'n', name);
	buf_add_byte(&prefix, MAILBOX_SEPARATOR);
	it = store_scan_prefix(ch->txn, buf_str(&prefix));
	*yes_r = store_iter_next(it, &key, &value);
	buf_fini(&prefix);
	return store_iter_end(it);
}

static enum err delete_mailbox(struct change *ch, mailbox_num id)
{
	struct mailbox_record record;
	enum err e = change_read_mailbox(ch, id, &record);

	if (e)
		return e;
	ch->record.bytes -= record.bytes;
	ch->record.messages -= record.exists;
	ch->record.mailboxes--;
	change_modseq(ch);
	key_mailbox(&ch->key, ch->account, 'm', id);
	store_delete(ch->txn, buf_str(&ch->key));
	change_retire_name(ch, &record);
	change_pending(ch, 'z', id);
	return OK;
}

static enum err delete_by_name(struct store_txn *txn, void *arg)
{
	struct make_request *q = arg;
	struct change ch;
	bool children;
	enum err e;

	change_begin(&ch, txn, q->user->account);
	e = change_find_name(&ch, q->name, &q->made);
	if (!e) {
		e = delete_mailbox(&ch, q->made);
	} else if (e == ERR_NOTFOUND) {
		enum err scan_e = has_children(&ch, q->name, &children);

		e = scan_e ? scan_e : children ? ERR_HASCHILDREN : e;
	}
	return change_end(&ch, e);
}

enum err mailbox_delete(
	struct mail *mail, const struct mail_user *user, str name)
{
	struct make_request q = {.mail = mail, .user = user, .name = name};
	enum err e;

	if (mailbox_name_is_inbox(name))
		return ERR_UNSUPPORTED;
	if (!holds(user, RIGHT_LOOKUP))
		return ERR_NOTFOUND;
	if (!holds(user, RIGHT_DELETE))
		return ERR_DENIED;
	e = account_write(mail, user->account, delete_by_name, &q);
	if (e)
		return e;
	mail_notify(mail, user->account, q.made, NEWS_EXPUNGED, user->by);
	news_of_name(mail, user, NEWS_NAME, name, str_none(), name.n);
	mail_wake_janitor(mail);
	return OK;
}

/* Renaming. */

struct rename_request {
	struct mail *mail;
	const struct mail_user *user;
	str from, to;
	mailbox_num inbox, made;
	size_t parents_from;
};

/* Gives a mailbox of the tree its new name, which must be free. */
static enum err rename_one(struct change *ch, mailbox_num id, str from, str to)
{
	struct mailbox_record record;
	mailbox_num taken;
	str renamed;
	enum err e = change_read_mailbox(ch, id, &record);

	if (!e)
		e = mailbox_name_rebase(
			&ch->arena, record.name, from, to, &renamed);
	if (e)
		return e;
	e = change_find_name(ch, renamed, &taken);
	if (e != ERR_NOTFOUND)
		return e ? e : ERR_EXISTS;
	change_rename_mailbox(ch, id, &record, renamed);
	return OK;
}

static int compare_lengths(const void *a, const void *b)
{
	const struct mailbox_info *x = a, *y = b;

	return (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

/* Parents first: when `to` is above `from`, the name that a mailbox gets may
 * be one that another of them still has. */
static enum err rename_tree(struct change *ch, struct rename_request *q)
{
	str from = q->from, to = q->to;
	uint32_t max = mail_limits_of(q->mail).mailboxes;
	struct listing list = {.arena = &ch->arena};
	size_t moved = 0;
	enum err e = scan_mailboxes(ch->txn, ch->account, &list);

	if (list.count)
		qsort(list.all, list.count, sizeof *list.all, compare_lengths);
	for (size_t i = 0; !e && i < list.count; i++) {
		str name = list.all[i].name;

		if (!str_eq(name, from) && !mailbox_name_is_below(name, from))
			continue;
		e = rename_one(ch, list.all[i].id, from, to);
		moved++;
	}
	if (e)
		return e;
	return moved ? create_parents(ch, to, max, &q->parents_from)
		     : ERR_NOTFOUND;
}

static enum err rename_mailbox(struct store_txn *txn, void *arg)
{
	struct rename_request *q = arg;
	struct change ch;
	mailbox_num taken;
	enum err e;

	change_begin(&ch, txn, q->user->account);
	e = change_find_name(&ch, q->to, &taken);
	e = e == ERR_NOTFOUND ? OK : e ? e : ERR_EXISTS;
	if (!e)
		e = rename_tree(&ch, q);
	return change_end(&ch, e);
}

/* INBOX stays, and its messages go to a new mailbox (RFC 9051 section
 * 6.3.6); what is below INBOX stays too. */
static enum err rename_inbox(struct store_txn *txn, void *arg)
{
	struct rename_request *q = arg;
	struct change ch;
	mailbox_num taken;
	enum err e;

	change_begin(&ch, txn, q->user->account);
	e = change_find_name(&ch, q->to, &taken);
	e = e == ERR_NOTFOUND ? OK : e ? e : ERR_EXISTS;
	if (!e)
		e = create_parents(&ch, q->to,
			mail_limits_of(q->mail).mailboxes, &q->parents_from);
	if (!e)
		e = change_create_mailbox(&ch, q->to, 0, 0, &q->made);
	if (!e && ch.record.mailboxes > mail_limits_of(q->mail).mailboxes)
		e = ERR_LIMIT;
	if (!e)
		e = change_find_name(&ch, STR("INBOX"), &q->inbox);
	if (!e)
		e = change_move_all(&ch, q->inbox, q->made, q->user->progress);
	/* RFC 5464 section 4.1. */
	if (!e)
		e = change_copy_annotations(&ch, q->inbox, q->made);
	return change_end(&ch, e);
}

enum err mailbox_rename(
	struct mail *mail, const struct mail_user *user, str from, str to)
{
	struct rename_request q = {
		.mail = mail, .user = user, .from = from, .to = to};
	struct mailbox_ref ref;
	enum err e;

	if (!mailbox_name_is_canonical(to))
		return ERR_INVALID;
	if (!holds(user, RIGHT_LOOKUP))
		return ERR_NOTFOUND;
	if (!holds(user, RIGHT_CREATE | RIGHT_DELETE))
		return ERR_DENIED;
	if (mailbox_name_is_below(to, from) && !mailbox_name_is_inbox(from))
		return ERR_INVALID;
	if (mailbox_name_is_inbox(to))
		return ERR_EXISTS;
	if (!mailbox_name_is_inbox(from)) {
		e = account_write(mail, user->account, rename_mailbox, &q);
	} else {
		e = mailbox_open(mail, user, from, 0, &ref);
		if (!e)
			e = account_write(
				mail, user->account, rename_inbox, &q);
	}
	if (e)
		return e;
	news_of_name(mail, user, NEWS_NAME, to, from, q.parents_from);
	if (!q.inbox)
		return OK;
	mail_notify(mail, user->account, q.inbox, NEWS_EXPUNGED, user->by);
	mail_notify(mail, user->account, q.made, NEWS_ADDED, user->by);
	mail_wake_janitor(mail);
	return OK;
}

/* Subscribing. */

struct subscribe_request {
	account_num account;
	str name;
	bool subscribed;
};

static enum err subscribe(struct store_txn *txn, void *arg)
{
	const struct subscribe_request *q = arg;
	struct buf key = BUF_UNBOUNDED;

	key_name(&key, q->account, 's', q->name);
	if (q->subscribed)
		store_put(txn, buf_str(&key), str_of("", 0));
	else
		store_delete(txn, buf_str(&key));
	buf_fini(&key);
	return OK;
}

enum err mailbox_subscribe(struct mail *mail, const struct mail_user *user,
	str name, bool subscribed)
{
	struct subscribe_request q = {user->account, name, subscribed};
	enum err e;

	if (!mailbox_name_is_canonical(name))
		return ERR_INVALID;
	if (!(user->rights & RIGHT_WRITE))
		return ERR_DENIED;
	e = account_write(mail, user->account, subscribe, &q);
	if (!e)
		news_of_name(mail, user, NEWS_SUBSCRIPTION, name, str_none(),
			name.n);
	return e;
}

/* Imports. */

struct uids_request {
	const struct mailbox_ref *ref;
	uint32_t uidvalidity;
	uid_num uidnext;
};

/* A mailbox that had this name and UIDVALIDITY gave out UIDs that others may
 * remember. */
static enum err check_not_retired(
	struct change *ch, str name, uint32_t uidvalidity)
{
	enum err e;

	key_retired(&ch->key, ch->account, uidvalidity, name);
	e = store_has(ch->txn, buf_str(&ch->key));
	return e == OK ? ERR_INUSE : e == ERR_NOTFOUND ? OK : e;
}

/* They are times in practice: this one is in the year 2105. */
#define UIDVALIDITY_ABSURD (UINT32_MAX - (1u << 24))

static enum err set_uids(struct store_txn *txn, void *arg)
{
	const struct uids_request *q = arg;
	struct mailbox_record record;
	struct change ch;
	enum err e;

	change_begin(&ch, txn, q->ref->account);
	e = change_read_mailbox(&ch, q->ref->id, &record);
	if (!e && q->uidvalidity && record.uidnext > 1)
		e = ERR_INUSE;
	if (!e && q->uidvalidity)
		e = check_not_retired(&ch, record.name, q->uidvalidity);
	if (!e && q->uidnext >= record.uidnext) {
		if (q->uidvalidity)
			record.uidvalidity = q->uidvalidity;
		record.uidnext = q->uidnext;
		record.modseq = change_modseq(&ch);
		/* An absurdly great one must not use up all that follow. */
		if (q->uidvalidity >= ch.record.next_uidvalidity &&
			q->uidvalidity < UIDVALIDITY_ABSURD)
			ch.record.next_uidvalidity = q->uidvalidity + 1;
		change_write_mailbox(&ch, q->ref->id, &record);
	}
	return change_end(&ch, e);
}

enum err mailbox_set_uids(struct mail *mail, const struct mailbox_ref *ref,
	uint32_t uidvalidity, uid_num uidnext)
{
	struct uids_request q = {ref, uidvalidity, uidnext};
	enum err e;

	if (uidvalidity == UINT32_MAX || uidnext == 0)
		return ERR_INVALID;
	e = account_write(mail, ref->account, set_uids, &q);
	if (!e)
		mail_notify(mail, ref->account, ref->id, NEWS_FLAGS, ref->by);
	return e;
}
