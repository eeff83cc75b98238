/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/verify.h"
#include "mail/bytes.h"
#include "mail/private.h"
#include "message/digest.h"
#include "message/flags.h"
#include "message/mailbox_name.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct verifying {
	struct verify *v;
	struct store_txn *txn;
	account_num account;
	struct account_record record;
	uint64_t bytes, messages; /* of all memberships */
	uint32_t mailboxes;
	struct buf key, value;
};

static void problem(struct verifying *vs, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void problem(struct verifying *vs, const char *format, ...)
{
	struct buf words = BUF_UNBOUNDED;
	va_list ap;

	buf_addf(&words, "account %llu: ", (unsigned long long)vs->account);
	va_start(ap, format);
	buf_vaddf(&words, format, ap);
	va_end(ap);
	vs->v->problems++;
	vs->v->problem(vs->v->arg, buf_str(&words));
	buf_fini(&words);
}

static bool has(struct verifying *vs)
{
	return store_has(vs->txn, buf_str(&vs->key)) == OK;
}

/* Calls fn for each key that begins so, until it fails. */
typedef enum err scan_fn(struct verifying *, str key, str value, void *arg);

static enum err scan_prefix(
	struct verifying *vs, str prefix, scan_fn *fn, void *arg)
{
	struct store_iter *it = store_scan_prefix(vs->txn, prefix);
	str key, value;
	enum err e = OK, scan_e;

	while (!e && store_iter_next(it, &key, &value))
		e = fn(vs, key, value, arg);
	scan_e = store_iter_end(it);
	return e ? e : scan_e;
}

static enum err scan_letter(struct verifying *vs, char letter, scan_fn *fn)
{
	struct buf prefix = BUF_UNBOUNDED;
	enum err e;

	key_account_prefix(&prefix, vs->account, letter);
	e = scan_prefix(vs, buf_str(&prefix), fn, NULL);
	buf_fini(&prefix);
	return e;
}

/* Mailboxes and memberships. */

struct box_count {
	mailbox_num id;
	struct mailbox_record record;
	struct mailbox_record counted;
};

static void verify_member(
	struct verifying *vs, struct box_count *box, const struct membership *m)
{
	struct mailbox_record *c = &box->counted;

	vs->v->memberships++;
	c->exists++;
	c->bytes += m->size;
	c->growth += m->growth;
	c->unseen += !(m->flags & FLAG_SEEN);
	c->deleted += (m->flags & FLAG_DELETED) != 0;
	if (m->uid == 0 || m->uid >= box->record.uidnext)
		problem(vs, "%.*s: UID %u is not below UIDNEXT %u",
			STR_ARG(box->record.name), m->uid, box->record.uidnext);
	if (m->modseq > box->record.modseq)
		problem(vs, "%.*s UID %u: its mod-sequence is in the future",
			STR_ARG(box->record.name), m->uid);
	key_message(&vs->key, vs->account, 'i', m->message);
	if (!has(vs))
		problem(vs, "%.*s UID %u: its message is missing",
			STR_ARG(box->record.name), m->uid);
	key_mailbox_u32(&vs->key, vs->account, 'q', box->id, m->uid);
	if (m->own_uidl && !has(vs))
		problem(vs, "%.*s UID %u: its unique-id is missing",
			STR_ARG(box->record.name), m->uid);
	key_link(&vs->key, vs->account, m->message, box->id, m->uid);
	if (!has(vs))
		problem(vs, "%.*s UID %u: its link is missing",
			STR_ARG(box->record.name), m->uid);
}

static enum err verify_block(
	struct verifying *vs, str key, str value, void *arg)
{
	struct box_count *box = arg;
	struct membership members[BLOCK_UIDS];
	struct cursor c = cursor_of(str_skip(key_tail(key), 4));
	uint32_t block = cursor_be32(&c);
	size_t count;

	if (!cursor_ok(&c) || block_decode(value, block, members, &count)) {
		problem(vs, "%.*s: UIDs %u to %u are damaged",
			STR_ARG(box->record.name), block * BLOCK_UIDS,
			block * BLOCK_UIDS + BLOCK_UIDS - 1);
		return OK;
	}
	for (size_t i = 0; i < count; i++)
		verify_member(vs, box, &members[i]);
	return OK;
}

static void compare_count(struct verifying *vs, const struct box_count *box,
	const char *what, uint64_t said, uint64_t counted)
{
	if (said != counted)
		problem(vs, "%.*s: says %llu %s and has %llu",
			STR_ARG(box->record.name), (unsigned long long)said,
			what, (unsigned long long)counted);
}

static void verify_name(struct verifying *vs, const struct box_count *box)
{
	struct cursor c;

	key_name(&vs->key, vs->account, 'n', box->record.name);
	if (store_get(vs->txn, buf_str(&vs->key), &vs->value)) {
		problem(vs, "%.*s: its name leads nowhere",
			STR_ARG(box->record.name));
		return;
	}
	c = cursor_of(buf_str(&vs->value));
	if (cursor_be32(&c) != box->id)
		problem(vs, "%.*s: its name leads to another mailbox",
			STR_ARG(box->record.name));
	if (!mailbox_name_is_canonical(box->record.name))
		problem(vs, "%.*s: its name is not canonical",
			STR_ARG(box->record.name));
}

static enum err verify_mailbox(
	struct verifying *vs, str key, str value, void *arg)
{
	struct cursor c = cursor_of(key_tail(key));
	struct box_count box = {.id = cursor_be32(&c)};
	struct buf prefix = BUF_UNBOUNDED;
	enum err e;

	(void)arg;
	vs->v->mailboxes++;
	vs->mailboxes++;
	if (mailbox_decode(value, &box.record)) {
		problem(vs, "mailbox %u: its record is damaged", box.id);
		return OK;
	}
	verify_name(vs, &box);
	if (box.record.modseq > vs->record.modseq)
		problem(vs, "%.*s: its mod-sequence is in the future",
			STR_ARG(box.record.name));
	key_mailbox(&prefix, vs->account, 'b', box.id);
	e = scan_prefix(vs, buf_str(&prefix), verify_block, &box);
	buf_fini(&prefix);
	compare_count(
		vs, &box, "messages", box.record.exists, box.counted.exists);
	compare_count(vs, &box, "unseen messages", box.record.unseen,
		box.counted.unseen);
	compare_count(vs, &box, "deleted messages", box.record.deleted,
		box.counted.deleted);
	compare_count(vs, &box, "bytes", box.record.bytes, box.counted.bytes);
	compare_count(vs, &box, "bytes of line ends", box.record.growth,
		box.counted.growth);
	vs->bytes += box.counted.bytes;
	vs->messages += box.counted.exists;
	return e;
}

static enum err verify_name_entry(
	struct verifying *vs, str key, str value, void *arg)
{
	struct cursor c = cursor_of(value);

	(void)arg;
	key_mailbox(&vs->key, vs->account, 'm', cursor_be32(&c));
	if (!cursor_ok(&c) || !has(vs))
		problem(vs, "%.*s: the name of no mailbox",
			STR_ARG(key_tail(key)));
	return OK;
}

/* Messages. */

struct content {
	EVP_MD_CTX *hashing;
	uint64_t size;
	message_num message;
	uint32_t chunks;
};

static enum err add_chunk(struct verifying *vs, str key, str value, void *arg)
{
	struct content *content = arg;
	str bytes;

	(void)vs;
	(void)key;
	if (chunk_decode(value, content->message, content->chunks++, &bytes))
		return OK; /* its hash tells */
	content->size += bytes.n;
	return EVP_DigestUpdate(content->hashing, bytes.p, bytes.n) ? OK
								    : ERR_IO;
}

static enum err verify_bytes(struct verifying *vs, message_num message,
	const struct message_record *record)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	struct buf prefix = BUF_UNBOUNDED;
	struct content content = {
		.hashing = EVP_MD_CTX_new(), .message = message};
	enum err e;

	if (!content.hashing ||
		!EVP_DigestInit_ex(content.hashing, EVP_sha256(), NULL))
		abort();
	key_chunk(&vs->key, vs->account, message, 0);
	e = store_get(vs->txn, buf_str(&vs->key), &vs->value);
	if (!e)
		e = add_chunk(
			vs, buf_str(&vs->key), buf_str(&vs->value), &content);
	key_message(&prefix, vs->account, 'c', message);
	if (!e)
		e = scan_prefix(vs, buf_str(&prefix), add_chunk, &content);
	if (e == ERR_NOTFOUND)
		e = OK; /* damaged, as its size tells */
	EVP_DigestFinal_ex(content.hashing, hash, NULL);
	EVP_MD_CTX_free(content.hashing);
	if (content.size != record->size ||
		memcmp(hash, record->hash, HASH_SIZE) != 0)
		problem(vs, "message %llu: its bytes are damaged",
			(unsigned long long)message);
	vs->v->bytes += content.size;
	buf_fini(&prefix);
	return e;
}

static void verify_digest(struct verifying *vs, message_num message,
	const struct message_record *record)
{
	struct digest digest;
	enum err e;

	key_message(&vs->key, vs->account, 'd', message);
	e = store_get(vs->txn, buf_str(&vs->key), &vs->value);
	if (!e)
		e = digest_decode(buf_str(&vs->value), &digest);
	if (e || digest.size != record->size)
		problem(vs, "message %llu: its digest is %s",
			(unsigned long long)message,
			e == ERR_NOTFOUND ? "missing" : "damaged");
}

static enum err count_one(struct verifying *vs, str key, str value, void *arg)
{
	(void)vs;
	(void)key;
	(void)value;
	++*(uint64_t *)arg;
	return OK;
}

static void verify_linked(struct verifying *vs, message_num message)
{
	struct buf prefix = BUF_UNBOUNDED;
	uint64_t links = 0;

	key_message(&prefix, vs->account, 'l', message);
	if (scan_prefix(vs, buf_str(&prefix), count_one, &links) || links == 0)
		problem(vs, "message %llu: belongs to no mailbox",
			(unsigned long long)message);
	buf_fini(&prefix);
}

static enum err verify_message(
	struct verifying *vs, str key, str value, void *arg)
{
	struct cursor c = cursor_of(key_tail(key));
	message_num message = cursor_be64(&c);
	struct message_record record;
	enum err e;

	(void)arg;
	vs->v->messages++;
	if (message_decode(value, &record)) {
		problem(vs, "message %llu: its record is damaged",
			(unsigned long long)message);
		return OK;
	}
	if (message >= vs->record.next_message)
		problem(vs, "message %llu: its number was not given out yet",
			(unsigned long long)message);
	verify_digest(vs, message, &record);
	verify_linked(vs, message);
	key_hash(&vs->key, vs->account, record.hash);
	if (!has(vs))
		problem(vs, "message %llu: cannot be found by its content",
			(unsigned long long)message);
	e = verify_bytes(vs, message, &record);
	if (!e && vs->v->progress &&
		vs->v->progress(vs->v->arg, vs->v->messages))
		e = ERR_CLOSED;
	return e;
}

/* A link is explained by a membership, or by what waits for the janitor. */
static enum err verify_link(struct verifying *vs, str key, str value, void *arg)
{
	struct cursor c = cursor_of(key_tail(key));
	message_num message = cursor_be64(&c);
	mailbox_num mailbox = cursor_be32(&c);
	uid_num uid = cursor_be32(&c);
	struct membership members[BLOCK_UIDS];
	size_t count = 0;

	(void)value;
	(void)arg;
	key_mailbox_u32(&vs->key, vs->account, 'b', mailbox, uid / BLOCK_UIDS);
	if (store_get(vs->txn, buf_str(&vs->key), &vs->value) == OK &&
		block_decode(buf_str(&vs->value), uid / BLOCK_UIDS, members,
			&count) == OK)
		for (size_t i = 0; i < count; i++)
			if (members[i].uid == uid &&
				members[i].message == message)
				return OK;
	key_mailbox_u32(&vs->key, vs->account, 'p', mailbox, uid);
	if (!has(vs))
		problem(vs,
			"message %llu: a link to UID %u of mailbox %u, which "
			"is not there",
			(unsigned long long)message, uid, mailbox);
	return OK;
}

/* Content that is found by its hash. */
static enum err verify_hash(struct verifying *vs, str key, str value, void *arg)
{
	struct cursor c = cursor_of(value);
	message_num message = cursor_be64(&c);
	struct message_record record;

	(void)arg;
	key_message(&vs->key, vs->account, 'i', message);
	if (!cursor_ok(&c) ||
		store_get(vs->txn, buf_str(&vs->key), &vs->value) ||
		message_decode(buf_str(&vs->value), &record) ||
		!str_eq(key_tail(key),
			str_of((const char *)record.hash, HASH_SIZE)))
		problem(vs, "message %llu: is found by what it is not",
			(unsigned long long)message);
	return OK;
}

static bool is_pending(struct verifying *vs, char kind, uint64_t number)
{
	key_pending(&vs->key, vs->account, kind, number);
	return has(vs);
}

/* Expunged, and known to somebody: all of it is there still. */
static enum err verify_expunged(
	struct verifying *vs, str key, str value, void *arg)
{
	struct cursor c = cursor_of(key_tail(key));
	mailbox_num mailbox = cursor_be32(&c);
	uid_num uid = cursor_be32(&c);
	struct membership m;
	modseq_num when;
	bool there;

	(void)arg;
	if (expunged_decode(value, uid, &m, &when)) {
		problem(vs, "mailbox %u UID %u: expunged, and damaged", mailbox,
			uid);
		return OK;
	}
	key_message(&vs->key, vs->account, 'i', m.message);
	there = has(vs);
	key_link(&vs->key, vs->account, m.message, mailbox, uid);
	if (!there || !has(vs))
		problem(vs, "mailbox %u UID %u: its message went too early",
			mailbox, uid);
	if (!is_pending(vs, 'p', mailbox) && !is_pending(vs, 'z', mailbox))
		problem(vs, "mailbox %u UID %u: expunged, and kept for ever",
			mailbox, uid);
	return OK;
}

static enum err verify_seen(struct verifying *vs, str key, str value, void *arg)
{
	int64_t until;

	(void)arg;
	if (key_tail(key).n != 4 + SEEN_HASH_SIZE || seen_decode(value, &until))
		problem(vs, "what came before is damaged");
	return OK;
}

/* Names are in lower case, and there are no names of nothing. */
static enum err verify_annotation(
	struct verifying *vs, str key, str value, void *arg)
{
	str name = str_skip(key_tail(key), 4);
	bool good = name.n > 0;

	(void)value;
	(void)arg;
	for (size_t i = 0; good && i < name.n; i++)
		good = name.p[i] < 'A' || name.p[i] > 'Z';
	if (!good)
		problem(vs, "an annotation has the name %.*s", STR_ARG(name));
	return OK;
}

/* Keys that belong to a number: calls fn once for each number. */
typedef void number_fn(struct verifying *, char letter, uint64_t number);

static enum err scan_numbers(
	struct verifying *vs, char letter, bool wide, number_fn *fn)
{
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;
	bool more = true;
	enum err e = OK;

	key_account_prefix(&from, vs->account, letter);
	key_account_prefix(&to, vs->account, (char)(letter + 1));
	while (!e && more) {
		struct store_iter *it =
			store_scan(vs->txn, buf_str(&from), buf_str(&to));
		uint64_t number = 0;
		str key, value;

		more = store_iter_next(it, &key, &value);
		if (more) {
			struct cursor c = cursor_of(key_tail(key));

			number = wide ? cursor_be64(&c) : cursor_be32(&c);
		}
		e = store_iter_end(it);
		if (e || !more)
			break;
		fn(vs, letter, number);
		if (wide)
			key_message(&from, vs->account, letter, number);
		else
			key_mailbox(&from, vs->account, letter,
				(mailbox_num)number);
		key_prefix_end(&from);
	}
	buf_fini(&from);
	buf_fini(&to);
	return e;
}

static void verify_of_message(
	struct verifying *vs, char letter, uint64_t number)
{
	key_message(&vs->key, vs->account, 'i', number);
	if (has(vs) || (letter != 'd' && is_pending(vs, 'u', number)))
		return;
	problem(vs, "message %llu: it is not there, but its %s",
		(unsigned long long)number,
		letter == 'd' ? "digest is" : "bytes are");
}

static void verify_of_mailbox(
	struct verifying *vs, char letter, uint64_t number)
{
	key_mailbox(&vs->key, vs->account, 'm', (mailbox_num)number);
	if (has(vs) || is_pending(vs, 'z', number))
		return;
	problem(vs, "mailbox %llu: it is not there, but '%c' of it",
		(unsigned long long)number, letter);
}

static void verify_annotated(struct verifying *vs, char letter, uint64_t number)
{
	if (number) /* 0: the account's own */
		verify_of_mailbox(vs, letter, number);
}

/* Accounts. */

static enum err verify_account(struct verifying *vs, str value)
{
	static const struct {
		char letter;
		scan_fn *fn;
	} parts[] = {
		{'e', verify_annotation},
		{'m', verify_mailbox},
		{'n', verify_name_entry},
		{'i', verify_message},
		{'l', verify_link},
		{'o', verify_seen},
		{'p', verify_expunged},
		{'x', verify_hash},
	};
	static const struct {
		char letter;
		bool wide; /* numbers of messages, else of mailboxes */
		number_fn *fn;
	} owned[] = {
		{'b', false, verify_of_mailbox},
		{'c', true, verify_of_message},
		{'d', true, verify_of_message},
		{'e', false, verify_annotated},
		{'f', true, verify_of_message},
		{'h', false, verify_of_mailbox},
		{'j', false, verify_of_mailbox},
		{'o', false, verify_of_mailbox},
		{'q', false, verify_of_mailbox},
	};
	enum err e = OK;

	vs->v->accounts++;
	if (account_decode(value, &vs->record)) {
		problem(vs, "its record is damaged");
		return OK;
	}
	for (size_t i = 0; !e && i < sizeof parts / sizeof *parts; i++)
		e = scan_letter(vs, parts[i].letter, parts[i].fn);
	for (size_t i = 0; !e && i < sizeof owned / sizeof *owned; i++)
		e = scan_numbers(
			vs, owned[i].letter, owned[i].wide, owned[i].fn);
	if (e)
		return e;
	if (vs->record.bytes != vs->bytes)
		problem(vs, "says %llu bytes and has %llu",
			(unsigned long long)vs->record.bytes,
			(unsigned long long)vs->bytes);
	if (vs->record.messages != vs->messages)
		problem(vs, "says %llu messages and has %llu",
			(unsigned long long)vs->record.messages,
			(unsigned long long)vs->messages);
	if (vs->record.mailboxes != vs->mailboxes)
		problem(vs, "says %u mailboxes and has %u",
			vs->record.mailboxes, vs->mailboxes);
	return OK;
}

static enum err verify_one(
	struct mail *mail, account_num account, struct verify *v)
{
	struct verifying vs = {
		.v = v,
		.account = account,
		.key = BUF_UNBOUNDED,
		.value = BUF_UNBOUNDED,
	};
	struct buf value = BUF_UNBOUNDED;
	enum err e;

	vs.txn = store_begin_read(mail->store);
	key_account(&vs.key, account);
	e = store_get(vs.txn, buf_str(&vs.key), &value);
	if (!e)
		e = verify_account(&vs, buf_str(&value));
	store_end_read(vs.txn);
	buf_fini(&value);
	buf_fini(&vs.key);
	buf_fini(&vs.value);
	return e == ERR_NOTFOUND ? OK : e;
}

enum err verify_mail(struct mail *mail, account_num account, struct verify *v)
{
	account_num at = 0;
	enum err e;

	v->accounts = v->mailboxes = v->memberships = v->messages = v->bytes =
		v->problems = 0;
	if (account)
		return verify_one(mail, account, v);
	while (!(e = mail_next_account(mail, at, &at)) && at)
		if ((e = verify_one(mail, at, v)))
			break;
	return e;
}
