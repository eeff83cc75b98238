/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/annotation.h"
#include "mail/private.h"

struct mailbox_ref annotation_account(const struct mail_user *user)
{
	return (struct mailbox_ref){
		.account = user->account,
		.rights = user->rights,
		.by = user->by,
	};
}

enum err annotation_scan(struct mail *mail, const struct mailbox_ref *ref,
	annotation_fn *fn, void *arg)
{
	struct store_txn *txn = store_begin_read(mail->store);
	struct buf prefix = BUF_UNBOUNDED;
	struct store_iter *it;
	str key, value;
	enum err e;

	key_mailbox(&prefix, ref->account, 'e', ref->id);
	it = store_scan_prefix(txn, buf_str(&prefix));
	while (store_iter_next(it, &key, &value))
		fn(arg, str_skip(key_tail(key), 4), value);
	e = store_iter_end(it);
	store_end_read(txn);
	buf_fini(&prefix);
	return e;
}

enum err annotation_get(struct mail *mail, const struct mailbox_ref *ref,
	str name, struct buf *value_r)
{
	struct store_txn *txn = store_begin_read(mail->store);
	struct buf key = BUF_UNBOUNDED;
	enum err e;

	key_annotation(&key, ref->account, ref->id, name);
	e = store_get(txn, buf_str(&key), value_r);
	store_end_read(txn);
	buf_fini(&key);
	return e;
}

struct set_request {
	const struct mailbox_ref *ref;
	const struct annotation *items;
	size_t count;
	uint32_t max;
	bool changed;
};

static enum err count_annotations(
	struct change *ch, mailbox_num mailbox, uint32_t *count_r)
{
	struct store_iter *it;
	str key, value;

	*count_r = 0;
	key_mailbox(&ch->key, ch->account, 'e', mailbox);
	it = store_scan_prefix(ch->txn, buf_str(&ch->key));
	while (store_iter_next(it, &key, &value))
		++*count_r;
	return store_iter_end(it);
}

static enum err set_one(struct change *ch, struct set_request *q,
	const struct annotation *a, uint32_t *count)
{
	enum err e;

	key_annotation(&ch->key, ch->account, q->ref->id, a->name);
	e = store_has(ch->txn, buf_str(&ch->key));
	if (e && e != ERR_NOTFOUND)
		return e;
	if (!str_is_none(a->value)) {
		store_put(ch->txn, buf_str(&ch->key), a->value);
		*count += e == ERR_NOTFOUND;
		q->changed = true;
	} else if (!e) {
		store_delete(ch->txn, buf_str(&ch->key));
		--*count;
		q->changed = true;
	}
	return OK;
}

static enum err set_all(struct change *ch, struct set_request *q)
{
	uint32_t before, after;
	enum err e = count_annotations(ch, q->ref->id, &before);

	after = before;
	for (size_t i = 0; !e && i < q->count; i++)
		e = set_one(ch, q, &q->items[i], &after);
	if (!e && after > q->max && after > before)
		e = ERR_LIMIT;
	return e;
}

static enum err set(struct store_txn *txn, void *arg)
{
	struct set_request *q = arg;
	struct mailbox_record record;
	struct change ch;
	enum err e;

	q->changed = false;
	change_begin(&ch, txn, q->ref->account);
	e = q->ref->id ? change_read_mailbox(&ch, q->ref->id, &record)
		       : change_need_account(&ch);
	if (!e)
		e = set_all(&ch, q);
	if (!e && q->changed) {
		modseq_num modseq = change_modseq(&ch);

		if (q->ref->id) {
			record.modseq = modseq;
			change_write_mailbox(&ch, q->ref->id, &record);
		}
	} else {
		ch.record.next_mailbox = 0; /* nothing to write */
	}
	return change_end(&ch, e);
}

enum err annotation_set(struct mail *mail, const struct mailbox_ref *ref,
	const struct annotation *items, size_t count)
{
	struct set_request q = {
		ref, items, count, mail_limits_of(mail).annotations, false};
	enum err e;

	if (!(ref->rights & RIGHT_WRITE))
		return ERR_DENIED;
	for (size_t i = 0; i < count; i++)
		if (!str_is_none(items[i].value) &&
			items[i].value.n > mail_limits_of(mail).annotation)
			return ERR_TOOBIG;
	e = account_write(mail, ref->account, set, &q);
	if (!e && q.changed && ref->id)
		mail_notify(mail, ref->account, ref->id, 0, ref->by);
	for (size_t i = 0; !e && q.changed && i < count; i++)
		news_of_annotation(mail, ref, items[i].name);
	return e;
}

enum err change_copy_annotations(
	struct change *ch, mailbox_num from, mailbox_num to)
{
	struct buf prefix = BUF_UNBOUNDED;
	struct store_iter *it;
	str key, value;
	enum err e;

	key_mailbox(&prefix, ch->account, 'e', from);
	it = store_scan_prefix(ch->txn, buf_str(&prefix));
	while (store_iter_next(it, &key, &value)) {
		key_annotation(
			&ch->key, ch->account, to, str_skip(key_tail(key), 4));
		store_put(ch->txn, buf_str(&ch->key), value);
	}
	e = store_iter_end(it);
	buf_fini(&prefix);
	return e;
}
