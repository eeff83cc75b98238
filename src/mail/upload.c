/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/upload.h"
#include "base/alloc.h"
#include "mail/bytes.h"
#include "mail/private.h"
#include "message/digest.h"
#include "message/eol.h"
#include "message/mime.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct upload {
	struct mail *mail;
	account_num account;
	enum err err;
	uint64_t limit;
	uint64_t size;
	struct eol_count lines;
	struct buf chunk;	    /* the bytes after `written` chunks */
	uint32_t written;	    /* chunks in the store already */
	message_num message;	    /* 0 until a chunk was written */
	EVP_MD_CTX *hashing;	    /* NULL when sealed */
	struct mime_parser *parser; /* NULL when sealed */
	unsigned char hash[HASH_SIZE];
	struct buf digest;
	bool committed; /* its chunks belong to a message now */
};

struct upload *upload_new(struct mail *mail, account_num account)
{
	struct upload *u = xcalloc(1, sizeof *u);

	u->mail = mail;
	u->account = account;
	u->limit = mail_limits_of(mail).literal;
	buf_init(&u->chunk, CHUNK_SIZE);
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

struct chunk_request {
	const struct upload *upload;
	bool all; /* no more bytes come */
	message_num message;
	uint32_t written; /* chunks there are then */
	size_t n;	  /* bytes of the buffer that went into them */
};

/* The next chunk, or all there are. */
static void put_chunks(struct store_txn *txn, struct chunk_request *q)
{
	const struct upload *u = q->upload;

	q->written = u->written;
	q->n = 0;
	do {
		str waiting = str_skip(buf_str(&u->chunk), q->n);
		size_t n = chunk_split(waiting, q->written, q->all);

		chunk_put(txn, u->account, q->message, q->written++,
			str_take(waiting, n));
		q->n += n;
	} while (q->all && q->n < u->chunk.n);
}

/* The first chunk takes the message's number, and notes that the upload is
 * under way. */
static enum err write_chunks(struct store_txn *txn, void *arg)
{
	struct chunk_request *q = arg;
	const struct upload *u = q->upload;
	struct change ch;
	enum err e = OK;

	q->message = u->message;
	change_begin(&ch, txn, u->account);
	if (u->written == 0) {
		e = change_need_account(&ch);
		q->message = ch.record.next_message++;
		change_pending(&ch, 'u', q->message);
	}
	put_chunks(txn, q);
	return change_end(&ch, e);
}

static enum err flush_chunks(struct upload *u, bool all)
{
	struct chunk_request q = {.upload = u, .all = all};
	struct buf scope = BUF_UNBOUNDED;
	enum err e;

	buf_add_be64(&scope, u->account);
	e = store_write_lazy(u->mail->store, buf_str(&scope), write_chunks, &q);
	buf_fini(&scope);
	if (e)
		return e;
	/* Only now: a number whose write failed is somebody else's next. */
	u->message = q.message;
	u->written = q.written;
	buf_consume(&u->chunk, q.n);
	return OK;
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
		if (u->chunk.n == CHUNK_SIZE && bytes.n)
			e = flush_chunks(u, false);
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
}

uint64_t upload_held(const struct upload *u)
{
	return u->chunk.n + u->digest.n;
}

enum err upload_put_aside(struct upload *u)
{
	upload_seal(u);
	if (!u->err && u->chunk.n)
		u->err = flush_chunks(u, true);
	buf_fini(&u->chunk);
	return u->err;
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
	e = store_get(ch->txn, buf_str(&ch->key), &ch->value);
	if (e)
		return e;
	c = cursor_of(buf_str(&ch->value));
	*message_r = cursor_be64(&c);
	return cursor_ok(&c) ? OK : ERR_CORRUPT;
}

static void put_message(
	struct change *ch, const struct upload *u, message_num message)
{
	struct message_record record = {.size = u->size, .received = ch->now};

	memcpy(record.hash, u->hash, HASH_SIZE);
	if (u->chunk.n || !u->written)
		put_chunks(ch->txn,
			&(struct chunk_request){
				.upload = u, .all = true, .message = message});
	key_message(&ch->key, u->account, 'd', message);
	store_put(ch->txn, buf_str(&ch->key), buf_str(&u->digest));
	key_message(&ch->key, u->account, 'i', message);
	message_encode(&record, &ch->value);
	store_put(ch->txn, buf_str(&ch->key), buf_str(&ch->value));
	key_hash(&ch->key, u->account, u->hash);
	buf_reset(&ch->value);
	buf_add_be64(&ch->value, message);
	store_put(ch->txn, buf_str(&ch->key), buf_str(&ch->value));
}

enum err upload_settle(
	const struct upload *u, struct change *ch, message_num *message_r)
{
	enum err e = find_same(ch, u, message_r);

	if (e != ERR_NOTFOUND)
		return e;
	*message_r = u->message ? u->message : ch->record.next_message++;
	if (u->message) {
		key_pending(&ch->key, u->account, 'u', u->message);
		store_delete(ch->txn, buf_str(&ch->key));
	}
	put_message(ch, u, *message_r);
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
		e = upload_settle(item->upload, box->ch, &q->messages[i]);
	m.message = q->messages[i];
	if (!e)
		e = box_add(box, &m, &uid);
	if (!e && m.own_uidl)
		put_uidl(box, uid, item->uidl);
	if (!e)
		uidset_add(&q->result->uids, uid);
	return e;
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

enum err append_commit(struct mail *mail, const struct mail_user *user,
	str mailbox, const struct append_item *items, size_t count,
	struct append_result *result_r)
{
	struct append_request q = {
		.items = items, .count = count, .result = result_r};

	*result_r = (struct append_result){0};
	return commit(mail, user, mailbox, append, &q);
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

static enum err count_links(struct store_txn *txn,
	const struct mailbox_ref *ref, message_num message, uint32_t *count_r)
{
	struct buf prefix = BUF_UNBOUNDED;
	struct store_iter *it;
	str key, value;

	key_message(&prefix, ref->account, 'l', message);
	buf_add_be32(&prefix, ref->id);
	it = store_scan_prefix(txn, buf_str(&prefix));
	while (store_iter_next(it, &key, &value))
		++*count_r;
	buf_fini(&prefix);
	return store_iter_end(it);
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
		e = count_links(txn, ref, message, count_r);
	e = change_end(&ch, e == ERR_NOTFOUND ? OK : e);
	store_end_read(txn);
	return e;
}
