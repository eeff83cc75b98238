/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/damage.h"
#include "base/hash.h"
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
	if (store_peek(txn, buf_str(&key), &value) ||
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

/* Records. */

/* What the letter of a key stands for, and what follows it. */
static const struct damage_what {
	char letter;
	bool mailbox; /* its number follows, */
	bool block;   /* and a block's */
	const char *words;
} whats[] = {
	{'a', false, false, "the account's record is damaged"},
	{'b', true, true, "flags and numbers of messages are damaged"},
	{'d', false, false, "what was parsed of a message is damaged"},
	{'e', true, false, "annotations are damaged"},
	{'h', true, false, "what is known of a mailbox's history is damaged"},
	{'i', false, false, "a message's record is damaged"},
	{'j', true, false, "a mailbox's journal is damaged"},
	{'l', false, false, "what leads from messages to mailboxes is damaged"},
	{'m', true, false, "a mailbox's record is damaged"},
	{'n', false, false, "what leads from names to mailboxes is damaged"},
	{'o', true, false, "what was delivered before is damaged"},
	{'p', true, true, "what was expunged is damaged"},
	{'q', true, false, "POP3 unique-ids are damaged"},
	{'r', false, false, "what mailboxes were called is damaged"},
	{'s', false, false, "subscriptions are damaged"},
	{'x', false, false, "what leads from content to messages is damaged"},
};

static const struct damage_what *find_what(char letter)
{
	for (size_t i = 0; i < sizeof whats / sizeof *whats; i++)
		if (whats[i].letter == letter)
			return &whats[i];
	return NULL;
}

static const struct damage_what *what_of(str key)
{
	return key.n >= KEY_HEAD ? find_what(key.p[KEY_HEAD - 1]) : NULL;
}

const char *damage_words(char letter)
{
	const struct damage_what *what = find_what(letter);

	return what ? what->words : "records are damaged";
}

bool damage_is_of_mailbox(char letter)
{
	const struct damage_what *what = find_what(letter);

	return what && what->mailbox;
}

/* The log is told once of each, for as long as it is among the last ones: it is
 * met again with every command. Of the process, as the log is. */
static bool is_told(str key)
{
	static _Atomic uint64_t told[DAMAGE_MAX];
	uint64_t hash = hash_str(key) | 1;

	return atomic_exchange(&told[hash % DAMAGE_MAX], hash) == hash;
}

void damage_note_key(struct store_txn *txn, str key)
{
	const struct damage_what *what = what_of(key);
	struct cursor c = cursor_of(key_tail(key));
	struct mailbox_ref ref = {.account = key_account_of(key)};
	struct buf name = BUF_UNBOUNDED;
	uid_num first = 0, last = 0;

	if (!what || is_told(key))
		return;
	if (what->mailbox && (ref.id = cursor_be32(&c)))
		find_name(txn, &ref, &name);
	if (what->block) {
		first = cursor_be32(&c) * BLOCK_UIDS;
		last = first + BLOCK_UIDS - 1;
	}
	if (what->letter == 'n' || what->letter == 's')
		buf_add(&name, key_tail(key));
	log_error("mail", what->words, LOG_U64("account_number", ref.account),
		LOG_STR("mailbox", buf_str(&name)), LOG_U64("uids_from", first),
		LOG_U64("uids_to", last),
		LOG_C("remedy", "culver verify tells all that is damaged, "
				"culver repair mends it"));
	buf_fini(&name);
}

enum err damage_told(struct store_txn *txn, str key, enum err e)
{
	if (e == ERR_CORRUPT)
		damage_note_key(txn, key);
	return e;
}
