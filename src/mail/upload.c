/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/upload.h"
#include "base/alloc.h"
#include "mail/bytes.h"
#include "mail/link.h"
#include "mail/private.h"
#include "message/digest.h"
#include "message/eol.h"
#include "message/mime.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

/* What CHUNK_SIZE bytes come to: the first record, and another. */
#define READY_MAX 2

struct upload {
	struct mail *mail;
	account_num account;
	enum err err;
	uint64_t limit;
	uint64_t size;
	struct eol_count lines;
	bool compress;
	struct buf chunk; /* the bytes after those in `ready` */
	struct buf ready; /* the records after `written` ones, as they go in */
	size_t ready_n[READY_MAX]; /* the length of each */
	unsigned ready_count;
	uint32_t written;	    /* records in the store already */
	message_num message;	    /* 0 until one was written */
	EVP_MD_CTX *hashing;	    /* NULL when sealed */
	struct mime_parser *parser; /* NULL when sealed */
	unsigned char hash[HASH_SIZE];
	struct buf digest;
	bool committed; /* its chunks belong to a message now */
};

struct upload *upload_new(struct mail *mail, account_num account)
{
	struct mail_limits limits = mail_limits_of(mail);
	struct upload *u = xcalloc(1, sizeof *u);

	u->mail = mail;
	u->account = account;
	u->limit = limits.literal;
	u->compress = !limits.uncompressed;
	buf_init(&u->chunk, CHUNK_SIZE);
	u->ready = BUF_UNBOUNDED;
	u->digest = BUF_UNBOUNDED;
	u->parser = mime_parser_new(NULL);
	u->hashing = EVP_MD_CTX_new();
	if (!u->hashing || !EVP_DigestInit_ex(u->hashing, EVP_sha256(), NULL))
		abort();
	return u;
}

void upload_allow(struct upload *u, uint64_t more)
{
	u->limit += more;
}

uint64_t upload_size(const struct upload *u)
{
	return u->size;
}

/* The next record out of the bytes, or all there are (`all`: no more come). */
static void make_ready(struct upload *u, bool all)
{
	size_t done = 0;

	do {
		uint32_t chunk = u->written + u->ready_count;
		str waiting = str_skip(buf_str(&u->chunk), done);
		size_t n = chunk_split(waiting, chunk, all),
		       before = u->ready.n;

		assert(u->ready_count < READY_MAX);
		chunk_encode(
			str_take(waiting, n), chunk, u->compress, &u->ready);
		u->ready_n[u->ready_count++] = u->ready.n - before;
		done += n;
	} while (all && done < u->chunk.n);
	buf_consume(&u->chunk, done);
}

static void put_ready(
	struct store_txn *txn, const struct upload *u, message_num message)
{
	char *at = u->ready.p;

	for (unsigned i = 0; i < u->ready_count; i++) {
		chunk_put(txn, u->account, message, u->written + i, at,
			u->ready_n[i]);
		at += u->ready_n[i];
	}
}

/* Uploads whose ready records are written together. */
struct flush_request {
	struct upload *const *uploads;
	size_t count;
	message_num first; /* of those that had no number, the first's */
};

/* The first record takes the message's number, and notes that the upload is
 * under way. */
static enum err write_ready(struct store_txn *txn, void *arg)
{
	struct flush_request *q = arg;
	struct change ch;
	enum err e = OK;

	change_begin(&ch, txn, q->uploads[0]->account);
	q->first = 0;
	for (size_t i = 0; !e && i < q->count; i++) {
		const struct upload *u = q->uploads[i];
		message_num message = u->message;

		if (!message) {
			e = change_need_account(&ch);
			if (e)
				break;
			message = ch.record.next_message++;
			q->first = q->first ? q->first : message;
			change_pending(&ch, 'u', message);
		}
		put_ready(txn, u, message);
	}
	return change_end(&ch, e);
}

/* Those numbers are taken only now: one whose write failed is somebody else's
 * next. */
static void note_written(const struct flush_request *q)
{
	message_num next = q->first;

	for (size_t i = 0; i < q->count; i++) {
		struct upload *u = q->uploads[i];

		if (!u->message)
			u->message = next++;
		u->written += u->ready_count;
		u->ready_count = 0;
		buf_reset(&u->ready);
	}
}

/* All of the same account. */
static enum err flush_ready(struct upload *const *uploads, size_t count)
{
	struct flush_request q = {.uploads = uploads, .count = count};
	struct buf scope = BUF_UNBOUNDED;
	enum err e;

	buf_add_be64(&scope, uploads[0]->account);
	e = store_write_lazy(
		uploads[0]->mail->store, buf_str(&scope), write_ready, &q);
	buf_fini(&scope);
	if (!e)
		note_written(&q);
	return e;
}

static enum err feed(struct upload *u, str bytes)
{
	enum err e = OK;

	if (bytes.n > u->limit - u->size)
		return ERR_TOOBIG;
	u->size += bytes.n;
	eol_count(&u->lines, bytes);
	mime_parser_feed(u->parser, bytes);
	if (!EVP_DigestUpdate(u->hashing, bytes.p, bytes.n))
		abort();
	while (!e && bytes.n) {
		str piece = str_take(bytes, CHUNK_SIZE - u->chunk.n);

		buf_add(&u->chunk, piece);
		bytes = str_skip(bytes, piece.n);
		if (u->chunk.n == CHUNK_SIZE && bytes.n) {
			make_ready(u, false);
			e = flush_ready(&u, 1);
		}
	}
	return e;
}

enum err upload_feed(struct upload *u, str bytes)
{
	assert(u->parser);
	if (!u->err)
		u->err = feed(u, bytes);
	return u->err;
}

void upload_seal(struct upload *u)
{
	if (!u->parser)
		return;
	mime_parser_finish(u->parser, &u->digest);
	mime_parser_free(u->parser);
	u->parser = NULL;
	if (!EVP_DigestFinal_ex(u->hashing, u->hash, NULL))
		abort();
	EVP_MD_CTX_free(u->hashing);
	u->hashing = NULL;
	if (!u->err && (u->chunk.n || !u->written))
		make_ready(u, true);
	buf_fini(&u->chunk);
}

uint64_t upload_held(const struct upload *u)
{
	return u->chunk.n + u->ready.n + u->digest.n;
}

enum err upload_put_aside(struct upload *const *uploads, size_t count)
{
	enum err e;

	for (size_t i = 0; i < count; i++) {
		upload_seal(uploads[i]);
		if (uploads[i]->err)
			return uploads[i]->err;
	}
	e = flush_ready(uploads, count);
	for (size_t i = 0; i < count; i++) {
		uploads[i]->err = e;
		buf_fini(&uploads[i]->ready);
	}
	return e;
}

str upload_message_id(const struct upload *u)
{
	struct digest digest;

	assert(!u->parser);
	if (digest_decode(buf_str(&u->digest), &digest))
		return str_of("", 0);
	return digest.message_id;
}

/* What was written of an upload that came to nothing. */
static enum err drop_chunks(struct store_txn *txn, void *arg)
{
	const struct upload *u = arg;
	struct buf key = BUF_UNBOUNDED;

	chunk_delete_unknown(txn, u->account, u->message);
	key_pending(&key, u->account, 'u', u->message);
	store_delete(txn, buf_str(&key));
	buf_fini(&key);
	return OK;
}

void upload_free(struct upload *u)
{
	struct buf scope = BUF_UNBOUNDED;

	if (!u)
		return;
	if (u->message && !u->committed) {
		buf_add_be64(&scope, u->account);
		/* When this fails, the janitor does it after a restart. */
		if (store_write_lazy(
			    u->mail->store, buf_str(&scope), drop_chunks, u))
			u->err = ERR_IO;
		buf_fini(&scope);
	}
	mime_parser_free(u->parser);
	EVP_MD_CTX_free(u->hashing);
	buf_fini(&u->chunk);
	buf_fini(&u->ready);
	buf_fini(&u->digest);
	free(u);
}

/* Committing. */

static enum err find_same(
	struct change *ch, const struct upload *u, message_num *message_r)
{
	struct cursor c;
	enum err e;

	key_hash(&ch->key, u->account, u->hash);
	e = store_peek(ch->txn, buf_str(&ch->key), &ch->value);
	c = cursor_of(buf_str(&ch->value));
	*message_r = cursor_be64(&c);
	if (!e && !(cursor_ok(&c) && cursor_done(&c)))
		e = ERR_CORRUPT;
	/* Then the same bytes are kept twice. */
	e = damage_told(ch->txn, buf_str(&ch->key), e);
	return e == ERR_CORRUPT ? ERR_NOTFOUND : e;
}

/* m: as it is added to the box next. */
static void put_message(struct box_change *box, const struct upload *u,
	const struct membership *m)
{
	struct change *ch = box->ch;
	struct message_record record = {
		.size = u->size,
		.received = ch->now,
		.home = box->id,
		.home_uid = m->uid ? m->uid : box->record.uidnext,
		.internal_date = m->internal_date,
		.zone = m->zone,
	};

	memcpy(record.hash, u->hash, HASH_SIZE);
	put_ready(ch->txn, u, m->message);
	key_message(&ch->key, u->account, 'd', m->message);
	store_put(ch->txn, buf_str(&ch->key), buf_str(&u->digest));
	key_message(&ch->key, u->account, 'i', m->message);
	message_encode(&record, &ch->value);
	store_put(ch->txn, buf_str(&ch->key), buf_str(&ch->value));
	key_hash(&ch->key, u->account, u->hash);
	buf_reset(&ch->value);
	buf_add_be64(&ch->value, m->message);
	store_put(ch->txn, buf_str(&ch->key), buf_str(&ch->value));
}

enum err upload_settle(
	const struct upload *u, struct box_change *box, struct membership *m)
{
	struct change *ch = box->ch;
	enum err e = find_same(ch, u, &m->message);

	if (e != ERR_NOTFOUND)
		return e;
	m->message = u->message ? u->message : ch->record.next_message++;
	if (u->message) {
		key_pending(&ch->key, u->account, 'u', u->message);
		store_delete(ch->txn, buf_str(&ch->key));
	}
	put_message(box, u, m);
	return OK;
}

void upload_settled(struct upload *u, message_num message)
{
	if (u->message == message)
		u->committed = true;
}

struct append_request {
	const struct mailbox_ref *ref;
	const struct append_item *items;
	size_t count;
	struct append_result *result;
	message_num *messages; /* that the items became */
	mailbox_num selected;  /* what is \Recent there is claimed */
	/* Of a replacement. */
	const struct mailbox_ref *from;
	uid_num replaced;
};

void upload_measure(const struct upload *u, struct membership *m)
{
	m->size = u->size;
	m->growth = eol_growth(&u->lines);
	m->eightbit = u->lines.eightbit;
}

static void put_uidl(struct box_change *box, uid_num uid, str uidl)
{
	struct change *ch = box->ch;

	key_mailbox_u32(&ch->key, ch->account, 'q', box->id, uid);
	store_put(ch->txn, buf_str(&ch->key), uidl);
}

/* Flags that the rights do not let be set are left out. */
static enum err append_one(
	struct box_change *box, struct append_request *q, size_t i)
{
	const struct append_item *item = &q->items[i];
	uint64_t permitted = permitted_flags(q->ref->rights);
	bool keywords = q->ref->rights & RIGHT_WRITE;
	struct membership m = {
		.uid = item->uid,
		.internal_date = item->internal_date,
		.zone = item->zone,
	};
	uid_num uid;
	enum err e = box_keywords(box, item->keywords,
		keywords ? item->keyword_count : 0, true, &m.flags);

	upload_measure(item->upload, &m);
	m.own_uidl = item->uidl.n > 0;
	m.flags |= item->system_flags & permitted;
	if (!e)
		e = upload_settle(item->upload, box, &m);
	q->messages[i] = m.message;
	if (!e)
		e = box_add(box, &m, &uid);
	if (!e && m.own_uidl)
		put_uidl(box, uid, item->uidl);
	if (!e)
		uidset_add(&q->result->uids, uid);
	return e;
}

static void claim_recent(struct box_change *box, struct append_result *result)
{
	result->recent_from = box->record.recent_from;
	result->recent_to = box->record.uidnext - 1;
	box->record.recent_from = box->record.uidnext;
}

static enum err append(struct store_txn *txn, void *arg)
{
	struct append_request *q = arg;
	struct change ch;
	struct box_change box;
	enum err e;

	uidset_clear(&q->result->uids);
	change_begin(&ch, txn, q->ref->account);
	e = box_begin(&box, &ch, q->ref->id);
	for (size_t i = 0; !e && i < q->count; i++) {
		e = append_one(&box, q, i);
		tell_progress(q->ref->progress, i + 1, q->count);
	}
	if (!e && q->ref->id == q->selected)
		claim_recent(&box, q->result);
	q->result->uidvalidity = box.record.uidvalidity;
	return change_end(&ch, box_end(&box, e));
}

/* What grows no larger takes no room, whatever the quota is. */
static enum err replace_in(struct box_change *from, struct box_change *to,
	struct append_request *q)
{
	struct account_record *account = &from->ch->record;
	uint64_t quota = account->quota;
	struct membership *m;
	enum err e = box_find(from, q->replaced, &m);

	if (!e && !m)
		e = ERR_EXPUNGED;
	if (!e && upload_size(q->items->upload) <= m->size)
		account->quota = 0;
	if (!e)
		e = box_remove(from, q->replaced);
	if (!e)
		e = append_one(to, q, 0);
	account->quota = quota;
	return e;
}

static enum err replace(struct store_txn *txn, void *arg)
{
	struct append_request *q = arg;
	struct change ch;
	struct box_change from, to;
	struct box_change *target = q->from->id == q->ref->id ? &from : &to;
	enum err e;

	uidset_clear(&q->result->uids);
	change_begin(&ch, txn, q->from->account);
	e = box_begin(&from, &ch, q->from->id);
	if (e == ERR_NOTFOUND)
		e = ERR_EXPUNGED;
	if (e)
		return change_end(&ch, box_end(&from, e));
	if (target == &to)
		e = box_begin(&to, &ch, q->ref->id);
	if (!e)
		e = replace_in(&from, target, q);
	q->result->uidvalidity = target->record.uidvalidity;
	if (target == &to)
		e = box_end(&to, e);
	return change_end(&ch, box_end(&from, e));
}

/* Runs the write, once no more bytes come. */
static enum err commit(struct mail *mail, const struct mail_user *user,
	str mailbox, store_write_fn *fn, struct append_request *q)
{
	struct mailbox_ref ref;
	enum err e = mailbox_open(mail, user, mailbox, RIGHT_INSERT, &ref);

	for (size_t i = 0; i < q->count; i++) {
		upload_seal(q->items[i].upload);
		if (!e)
			e = q->items[i].upload->err;
	}
	if (e)
		return e;
	q->result->mailbox = ref.id;
	q->ref = &ref;
	q->messages = xcalloc(q->count, sizeof *q->messages);
	e = account_write(mail, user->account, fn, q);
	for (size_t i = 0; !e && i < q->count; i++)
		upload_settled(q->items[i].upload, q->messages[i]);
	free(q->messages);
	q->ref = NULL;
	if (!e)
		mail_notify(mail, ref.account, ref.id, NEWS_ADDED, user->by);
	return e;
}

enum err append_and_claim(struct mail *mail, const struct mail_user *user,
	str mailbox, const struct append_item *items, size_t count,
	mailbox_num selected, struct append_result *result_r)
{
	struct append_request q = {
		.items = items,
		.count = count,
		.result = result_r,
		.selected = selected,
	};

	*result_r = (struct append_result){0};
	return commit(mail, user, mailbox, append, &q);
}

enum err append_commit(struct mail *mail, const struct mail_user *user,
	str mailbox, const struct append_item *items, size_t count,
	struct append_result *result_r)
{
	return append_and_claim(mail, user, mailbox, items, count, 0, result_r);
}

enum err append_replace(struct mail *mail, const struct mail_user *user,
	const struct mailbox_ref *from, uid_num replaced, str mailbox,
	const struct append_item *item, struct append_result *result_r)
{
	struct append_request q = {
		.items = item,
		.count = 1,
		.result = result_r,
		.from = from,
		.replaced = replaced,
	};
	uint32_t needed = RIGHT_DELETED | RIGHT_EXPUNGE;
	enum err e;

	*result_r = (struct append_result){0};
	if ((from->rights & needed) != needed)
		return ERR_DENIED;
	e = commit(mail, user, mailbox, replace, &q);
	if (!e) {
		mail_notify(
			mail, from->account, from->id, NEWS_EXPUNGED, from->by);
		mail_wake_janitor(mail);
	}
	return e;
}

/* Imports. */

const unsigned char *upload_hash(struct upload *u)
{
	upload_seal(u);
	return u->hash;
}

enum err upload_count_copies(
	struct upload *u, const struct mailbox_ref *ref, uint32_t *count_r)
{
	struct store_txn *txn;
	struct change ch;
	message_num message;
	enum err e;

	upload_seal(u);
	*count_r = 0;
	txn = store_begin_read(u->mail->store);
	change_begin(&ch, txn, u->account);
	e = find_same(&ch, u, &message);
	if (!e)
		e = link_count(
			txn, ref->account, message, ref->id, false, count_r);
	e = change_end(&ch, e == ERR_NOTFOUND ? OK : e);
	store_end_read(txn);
	return e;
}
