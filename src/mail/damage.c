/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/damage.h"
#include "base/log.h"
#include "mail/bytes.h"
#include "mail/private.h"

/* Its place, or NULL. Locked. */
static struct damaged *find(struct mail *mail, account_num account,
	message_num message, enum damage_kind kind)
{
	for (size_t i = 0; i < DAMAGE_MAX; i++) {
		struct damaged *d = &mail->damaged[i];

		if (d->message == message && d->account == account &&
			d->kind == kind)
			return d;
	}
	return NULL;
}

/* True when it was not known. */
static bool remember(struct mail *mail, account_num account,
	message_num message, enum damage_kind kind)
{
	bool fresh;

	pthread_mutex_lock(&mail->damage_lock);
	fresh = !find(mail, account, message, kind);
	if (fresh) {
		unsigned at = atomic_fetch_add(&mail->damaged_count, 1);

		mail->damaged[at % DAMAGE_MAX] =
			(struct damaged){account, message, kind};
	}
	pthread_mutex_unlock(&mail->damage_lock);
	return fresh;
}

static void forget(struct mail *mail, account_num account, message_num message)
{
	struct damaged *d;

	pthread_mutex_lock(&mail->damage_lock);
	d = find(mail, account, message, DAMAGE_BYTES);
	if (d)
		*d = (struct damaged){0};
	pthread_mutex_unlock(&mail->damage_lock);
}

static bool can_be_read(
	struct store_txn *txn, account_num account, const struct membership *m)
{
	struct message_reader reader = {
		.account = account, .message = m->message};
	struct buf piece = BUF_UNBOUNDED;
	uint64_t at = 0;
	bool good = true;

	while (good && at < m->size) {
		buf_reset(&piece);
		good = message_read(&reader, txn, at, m->size - at, &piece) ==
			       OK &&
		       piece.n > 0;
		at += piece.n;
	}
	buf_fini(&piece);
	return good;
}

bool damage_is_any(struct mail *mail)
{
	return atomic_load(&mail->damaged_count) != 0;
}

bool damage_is_known(struct mail *mail, struct store_txn *txn,
	account_num account, const struct membership *m)
{
	bool known;

	if (!damage_is_any(mail))
		return false;
	pthread_mutex_lock(&mail->damage_lock);
	known = find(mail, account, m->message, DAMAGE_BYTES);
	pthread_mutex_unlock(&mail->damage_lock);
	if (known && can_be_read(txn, account, m)) {
		forget(mail, account, m->message);
		known = false;
	}
	return known;
}

static void find_name(
	struct store_txn *txn, const struct mailbox_ref *ref, struct buf *name)
{
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;
	struct mailbox_record record;

	key_mailbox(&key, ref->account, 'm', ref->id);
	if (store_get(txn, buf_str(&key), &value) ||
		mailbox_decode(buf_str(&value), &record))
		buf_addf(name, "number %u", ref->id);
	else
		buf_add(name, record.name);
	buf_fini(&key);
	buf_fini(&value);
}

void damage_note(struct mail *mail, struct store_txn *txn,
	const struct mailbox_ref *ref, const struct membership *m,
	enum damage_kind kind, const char *account, enum err e)
{
	struct buf name = BUF_UNBOUNDED;

	if (e == ERR_CORRUPT && !remember(mail, ref->account, m->message, kind))
		return;
	find_name(txn, ref, &name);
	log_error("mail",
		e == ERR_CORRUPT ? "message is damaged"
				 : "message cannot be read",
		LOG_ERR(e), LOG_C("account", account ? account : ""),
		LOG_U64("account_number", ref->account),
		LOG_STR("mailbox", buf_str(&name)), LOG_U64("uid", m->uid),
		LOG_U64("message", m->message));
	buf_fini(&name);
}

enum err damage_why_gone(struct store_txn *txn, const struct mailbox_ref *ref,
	const struct membership *m)
{
	struct membership members[BLOCK_UIDS];
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;
	uint32_t block = m->uid / BLOCK_UIDS;
	enum err why = ERR_EXPUNGED;
	size_t count = 0;

	key_mailbox_u32(&key, ref->account, 'b', ref->id, block);
	if (store_get(txn, buf_str(&key), &value) == OK &&
		block_decode(buf_str(&value), block, members, &count) == OK)
		for (size_t i = 0; i < count; i++)
			if (members[i].uid == m->uid)
				why = ERR_CORRUPT;
	buf_fini(&key);
	buf_fini(&value);
	return why;
}
