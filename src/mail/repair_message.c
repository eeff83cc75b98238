/* SPDX-License-Identifier: Apache-2.0 */
/* Messages' records, digests, and what finds them by their content. */
#include "mail/bytes.h"
#include "mail/repair_private.h"
#include "message/digest.h"
#include "message/eol.h"
#include "message/mime.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* What a message's bytes say. */
struct content {
	uint64_t size;
	unsigned char hash[EVP_MAX_MD_SIZE];
	struct buf digest;
	struct eol_count lines;
};

struct taking {
	EVP_MD_CTX *hashing;
	struct mime_parser *parser;
	struct content *content;
};

static void take(struct taking *t, str bytes)
{
	t->content->size += bytes.n;
	eol_count(&t->content->lines, bytes);
	mime_parser_feed(t->parser, bytes);
	if (!EVP_DigestUpdate(t->hashing, bytes.p, bytes.n))
		abort();
}

/* All records of it, from its own snapshot: what cannot be read is no error of
 * the write. */
static enum err take_all(
	struct repairing *r, message_num number, struct taking *t)
{
	struct store_txn *txn = store_begin_read(r->mail->store);
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED,
		   plain = BUF_UNBOUNDED;
	enum err e = OK;

	for (uint32_t chunk = 0; !e; chunk++) {
		key_chunk(&key, r->account, number, chunk);
		e = store_get(txn, buf_str(&key), &value);
		/* The first is always there. */
		if (e == ERR_NOTFOUND && chunk == 0)
			e = ERR_CORRUPT;
		buf_reset(&plain);
		if (!e)
			e = chunk_decode(
				buf_str(&value), number, chunk, &plain);
		if (!e)
			take(t, buf_str(&plain));
	}
	store_end_read(txn);
	buf_fini(&key);
	buf_fini(&value);
	buf_fini(&plain);
	return e == ERR_NOTFOUND ? OK : e;
}

/* The caller frees content->digest. */
static enum err read_content(
	struct repairing *r, message_num number, struct content *content)
{
	struct taking t = {EVP_MD_CTX_new(), mime_parser_new(NULL), content};
	enum err e;

	*content = (struct content){.digest = BUF_UNBOUNDED};
	if (!t.hashing || !EVP_DigestInit_ex(t.hashing, EVP_sha256(), NULL))
		abort();
	e = take_all(r, number, &t);
	mime_parser_finish(t.parser, &content->digest);
	EVP_DigestFinal_ex(t.hashing, content->hash, NULL);
	EVP_MD_CTX_free(t.hashing);
	mime_parser_free(t.parser);
	if (e && e != ERR_CORRUPT && !r->err)
		r->err = e;
	return e;
}

/* A membership that has it: says its size, and where it is. */
static const struct membership *find_member(
	const struct repairing *r, message_num number, mailbox_num *mailbox_r)
{
	for (size_t i = 0; i < r->blocks.count; i++) {
		const struct r_block *b = &r->blocks.list[i];

		for (size_t m = 0; m < b->count; m++)
			if (b->members[m].message == number) {
				*mailbox_r = b->mailbox;
				return &b->members[m];
			}
	}
	for (size_t i = 0; i < r->kept.count; i++) {
		const struct r_block *b = &r->kept.list[i];

		for (size_t m = 0; m < b->count; m++)
			if (b->members[m].message == number) {
				*mailbox_r = 0; /* it is not there */
				return &b->members[m];
			}
	}
	return NULL;
}

/* Of a message, by its mailbox and UID where it has them. */
static void say(
	struct repairing *r, message_num number, bool lost, const char *what)
{
	mailbox_num mailbox = 0;
	const struct membership *m = find_member(r, number, &mailbox);
	const struct r_box *box = mailbox ? repair_box(r, mailbox) : NULL;

	if (m && box && box->there)
		repair_say(r, lost, "%.*s UID %u: %s",
			STR_ARG(box->record.name), m->uid, what);
	else
		repair_say(r, lost, "message %llu: %s",
			(unsigned long long)number, what);
}

/* In vain; it costs a sum for each bit, and writers of the account wait. */
#define WORK ((uint64_t)8 * CHUNK_SIZE * CHUNK_SIZE)

static void correct_record(struct repairing *r, str key, str value)
{
	struct cursor c = cursor_of(key_tail(key));
	message_num message = cursor_be64(&c);
	uint32_t chunk = cursor_done(&c) ? 0 : cursor_be32(&c);
	struct buf right = BUF_UNBOUNDED;

	if (r->tried_in_vain > WORK)
		return;
	buf_add(&right, value);
	r->tried_in_vain += (uint64_t)right.n * right.n;
	if (cursor_ok(&c) && cursor_done(&c) &&
		chunk_correct(right.p, right.n, message, chunk)) {
		r->tried_in_vain -= (uint64_t)right.n * right.n;
		key_chunk(&r->ch.key, r->account, message, chunk);
		repair_put(r, buf_str(&right));
		say(r, message, false,
			"its bytes are written anew, one bit of them was "
			"wrong");
	}
	buf_fini(&right);
}

/* From a snapshot, without the engine's checksums: ours say which bit it is, or
 * that it is one around the bytes. A gap may have whole ones, too, for it is as
 * wide as the keys that were tried; and what was deleted in this batch. */
void repair_bytes(struct repairing *r, str from, str to)
{
	struct store_txn *txn = store_begin_read(r->mail->store);
	struct store_iter *it = store_scan_summed(txn, from, to);
	struct buf whole = BUF_UNBOUNDED;
	str key, value;
	enum err e;

	while (store_iter_next(it, &key, &value))
		if (store_peek(r->ch.txn, key, &whole) == ERR_CORRUPT)
			correct_record(r, key, value);
	e = store_iter_end(it);
	store_end_read(txn);
	buf_fini(&whole);
	if (e && e != ERR_CORRUPT && !r->err)
		r->err = e;
}

void repair_bytes_end(struct repairing *r)
{
	if (r->tried_in_vain > WORK)
		repair_say(r, true,
			"of many messages the bytes are damaged, by more than "
			"a bit where it was looked; again when such ones are "
			"deleted, others are looked at");
}

void repair_measure(struct repairing *r, const struct r_message *m,
	struct membership *member)
{
	struct content content;

	if (read_content(r, m->number, &content) == OK) {
		member->growth = eol_growth(&content.lines);
		member->eightbit = content.lines.eightbit;
	}
	buf_fini(&content.digest);
}

static void make_record(struct repairing *r, struct r_message *m,
	const struct content *content, const struct membership *member,
	mailbox_num mailbox)
{
	m->record = (struct message_record){
		.size = content->size, .received = r->ch.now};
	memcpy(m->record.hash, content->hash, HASH_SIZE);
	if (member) {
		m->record.received = member->save_date;
		m->record.home = mailbox;
		m->record.home_uid = mailbox ? member->uid : 0;
		m->record.internal_date = member->internal_date;
		m->record.zone = member->zone;
	} else {
		m->record.internal_date = r->ch.now;
	}
	m->record_good = true;
	key_message(&r->ch.key, r->account, 'i', m->number);
	message_encode(&m->record, &r->ch.value);
	repair_put(r, buf_str(&r->ch.value));
}

/* An upload that did not end has no record, and needs none. */
static bool is_upload(const struct repairing *r, const struct r_message *m)
{
	return m->number <= UINT32_MAX &&
	       uidset_has(&r->uploads, (uint32_t)m->number);
}

/* Of a message that is lost, with a hash that none has: so that it is told as
 * one whose bytes cannot be read, and can be deleted as others. */
static void make_stub(struct repairing *r, struct r_message *m,
	const struct membership *member, mailbox_num mailbox)
{
	struct content content = {.size = member->size};

	for (unsigned i = 0; i < 8; i++)
		content.hash[HASH_SIZE - 1 - i] =
			(unsigned char)(m->number >> (8 * i));
	make_record(r, m, &content, member, mailbox);
}

/* A digest of nothing. */
static bool is_leftover(const struct repairing *r, const struct r_message *m)
{
	mailbox_num mailbox;

	return !m->record_good && !m->has_bytes &&
	       !find_member(r, m->number, &mailbox);
}

static void drop_leftover(struct repairing *r, const struct r_message *m)
{
	key_message(&r->ch.key, r->account, 'd', m->number);
	repair_delete(r);
	key_message(&r->ch.key, r->account, 'i', m->number);
	repair_delete(r);
	say(r, m->number, true, "it is lost, all but its digest");
}

static void repair_one(struct repairing *r, struct r_message *m)
{
	mailbox_num mailbox = 0;
	const struct membership *member =
		m->record_good ? NULL : find_member(r, m->number, &mailbox);
	struct content content = {.digest = BUF_UNBOUNDED};
	uint64_t size = m->record_good	 ? m->record.size
			: member	 ? member->size
			: m->digest_good ? m->digest_size
					 : UINT64_MAX;
	enum err e = read_content(r, m->number, &content);

	if (!e && size != UINT64_MAX && content.size != size)
		e = ERR_CORRUPT;
	if (e) {
		say(r, m->number, true,
			m->record_good
				? "its digest cannot be made anew, for its "
				  "bytes cannot all be read"
				: "its record cannot be made anew, for its "
				  "bytes cannot all be read");
		if (member)
			make_stub(r, m, member, mailbox);
	} else {
		if (!m->record_good) {
			make_record(r, m, &content, member, mailbox);
			say(r, m->number, false, "its record is made anew");
		}
		if (!m->digest_good || m->digest_size != content.size) {
			key_message(&r->ch.key, r->account, 'd', m->number);
			repair_put(r, buf_str(&content.digest));
			say(r, m->number, false, "its digest is made anew");
		}
	}
	buf_fini(&content.digest);
}

static int compare_hashes(const void *x, const void *y)
{
	const struct r_hash *a = x, *b = y;

	return str_cmp(a->hash, b->hash);
}

static struct r_hash *find_hash(struct repairing *r, str hash)
{
	const struct r_hash key = {.hash = hash};

	return r->hashes.count ? bsearch(&key, r->hashes.list, r->hashes.count,
					 sizeof key, compare_hashes)
			       : NULL;
}

static str hash_of(const struct r_message *m)
{
	return str_of((const char *)m->record.hash, HASH_SIZE);
}

/* Leads a hash to what has it, or nowhere. */
static void repair_hashes(struct repairing *r)
{
	size_t wrong = 0, missing = 0;

	for (size_t i = 0; i < r->hashes.count; i++) {
		struct r_hash *h = &r->hashes.list[i];
		struct r_message *m = repair_message(r, h->message);

		if (m && m->record_good && str_eq(hash_of(m), h->hash))
			continue;
		h->message = 0;
		key_account_prefix(&r->ch.key, r->account, 'x');
		buf_add(&r->ch.key, h->hash);
		repair_delete(r);
		wrong++;
	}
	for (size_t i = 0; i < r->messages.count; i++) {
		struct r_message *m = &r->messages.list[i];
		struct r_hash *h =
			m->record_good ? find_hash(r, hash_of(m)) : NULL;

		if (!m->record_good || (h && h->message))
			continue;
		if (h)
			h->message = m->number;
		key_hash(&r->ch.key, r->account, m->record.hash);
		buf_reset(&r->ch.value);
		buf_add_be64(&r->ch.value, m->number);
		repair_put(r, buf_str(&r->ch.value));
		missing++;
	}
	if (wrong + missing)
		repair_say(r, false,
			"%zu messages are found by their content again",
			missing ? missing : wrong);
}

enum err repair_messages(struct repairing *r)
{
	for (size_t i = 0; i < r->messages.count; i++) {
		struct r_message *m = &r->messages.list[i];

		if (is_upload(r, m))
			continue;
		if (!m->record_good || !m->digest_good ||
			m->digest_size != m->record.size) {
			if (is_leftover(r, m))
				drop_leftover(r, m);
			else
				repair_one(r, m);
		}
	}
	repair_hashes(r);
	return r->err;
}
