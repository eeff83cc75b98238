/* SPDX-License-Identifier: Apache-2.0 */
/* After the store lost some of what was written. */
#include "base/log.h"
#include "mail/lost.h"
#include "mail/private.h"

/* A new mailbox writes more bytes than this. */
#define MAILBOX_BYTES 32
/* In the log. */
#define PLACES_TOLD 20

struct regaining {
	account_num account;
	uint64_t skip; /* more than was given out */
};

static void skip_u32(uint32_t *n, uint64_t by)
{
	*n = by < UINT32_MAX - *n ? *n + (uint32_t)by : UINT32_MAX;
}

/* Of what was lost nobody knows what it changed. */
static enum err forget_history(struct change *ch, mailbox_num id)
{
	struct history_record history;
	enum err e = history_read(ch->txn, ch->account, id, &history);

	if (e)
		return e;
	history.forgotten = ch->record.modseq;
	key_mailbox(&ch->key, ch->account, 'h', id);
	history_encode(&history, &ch->value);
	store_put(ch->txn, buf_str(&ch->key), buf_str(&ch->value));
	return OK;
}

static enum err skip_in_mailbox(struct change *ch, uint64_t skip,
	mailbox_num id, str value, struct mailbox_record *r)
{
	enum err e = mailbox_decode(value, r);

	if (e)
		return e;
	skip_u32(&r->uidnext, skip);
	r->modseq = ch->record.modseq;
	change_write_mailbox(ch, id, r);
	return forget_history(ch, id);
}

/* A record that is damaged is left alone: its mailbox cannot be opened. */
static enum err skip_in_mailboxes(struct change *ch, uint64_t skip)
{
	struct buf prefix = BUF_UNBOUNDED;
	struct mailbox_record record;
	struct store_iter *it;
	str key, value;
	bool damaged = false;
	enum err e;

	key_account_prefix(&prefix, ch->account, 'm');
	it = store_scan_prefix(ch->txn, buf_str(&prefix));
	while (store_iter_next(it, &key, &value)) {
		struct cursor c = cursor_of(key_tail(key));

		if (skip_in_mailbox(ch, skip, cursor_be32(&c), value, &record))
			damaged = true;
	}
	e = store_iter_end(it);
	buf_fini(&prefix);
	if (damaged || e == ERR_CORRUPT)
		log_error("mail", "a mailbox's record is damaged",
			LOG_U64("account_number", ch->account));
	return e == ERR_CORRUPT ? OK : e;
}

static enum err skip_in_account(struct store_txn *txn, void *arg)
{
	const struct regaining *r = arg;
	struct change ch;
	enum err e;

	change_begin(&ch, txn, r->account);
	e = change_need_account(&ch);
	if (!e) {
		ch.record.next_message += r->skip;
		ch.record.modseq += r->skip;
		skip_u32(&ch.record.next_mailbox, r->skip / MAILBOX_BYTES + 1);
		skip_u32(&ch.record.next_uidvalidity,
			r->skip / MAILBOX_BYTES + 1);
		e = skip_in_mailboxes(&ch, r->skip);
	}
	return change_end(&ch, e);
}

static enum err nothing(struct store_txn *txn, void *arg)
{
	(void)txn;
	(void)arg;
	return OK;
}

static enum err skip_in_accounts(struct mail *mail, uint64_t skip)
{
	struct regaining r = {.skip = skip};
	struct buf scope = BUF_UNBOUNDED;
	enum err e, one;

	while (!(e = mail_next_account(mail, r.account, &r.account)) &&
		r.account) {
		buf_reset(&scope);
		buf_add_be64(&scope, r.account);
		one = store_write_lazy(
			mail->store, buf_str(&scope), skip_in_account, &r);
		if (one && one != ERR_NOTFOUND && one != ERR_CORRUPT) {
			e = one;
			break;
		}
	}
	buf_fini(&scope);
	/* One sync for all of them. */
	return e ? e : store_write(mail->store, STR("regain"), nothing, NULL);
}

static void tell_place(void *arg, const struct lost_place *p, str mailbox)
{
	unsigned *told = arg;

	if ((*told)++ < PLACES_TOLD)
		log_error("mail", "the log lost a change of this",
			LOG_U64("account_number", p->account),
			LOG_STR("mailbox", mailbox),
			LOG_U64("uids_from", p->first),
			LOG_U64("uids_to", p->last));
}

static void tell_places(struct mail *mail)
{
	unsigned told = 0;
	uint64_t bytes;

	if (lost_read(mail, tell_place, &told, &bytes) == OK &&
		told > PLACES_TOLD)
		log_error("mail",
			"the log lost changes of more than this; culver verify "
			"tells all",
			LOG_U64("places", told));
}

enum err mail_regain(struct mail *mail)
{
	uint64_t lost = store_lost_bytes(mail->store);
	enum err e;

	if (!lost)
		return OK;
	tell_places(mail);
	e = skip_in_accounts(mail, lost);
	if (e)
		return e;
	store_regained(mail->store);
	log_warn("mail",
		"UIDs and mod-sequences go on further up, so that none comes "
		"twice",
		LOG_U64("by", lost));
	return OK;
}
