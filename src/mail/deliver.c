/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/deliver.h"
#include "base/alloc.h"
#include "mail/private.h"
#include "mail/upload.h"
#include "message/mailbox_name.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define LOGGED_ID_MAX 255

/* One recipient's wish. */
struct part {
	str detail;
	str name;   /* canonical; "INBOX" when the detail cannot be a name */
	bool found; /* the mailbox; else it goes into INBOX */
};

/* One account's part of the delivery; all that the write function sets is at
 * the end. */
struct copy {
	const struct delivery *d;
	account_num account;
	struct upload *upload; /* NULL once it failed */
	enum err err;
	struct part *parts;
	size_t part_count;

	message_num message; /* 0: not stored */
	mailbox_num *boxes;  /* that it was stored in */
	size_t box_count;
	size_t suppressed; /* mailboxes that had it before */
};

struct delivery {
	struct mail *mail;
	struct delivery_options options;
	struct arena arena; /* of names */
	struct copy *copies;
	size_t count;
	str id; /* the message's, as far as it is logged */
	bool has_id;
	unsigned char id_hash[SEEN_HASH_SIZE];
};

struct delivery *delivery_new(
	struct mail *mail, const struct delivery_options *options)
{
	struct delivery *d = xcalloc(1, sizeof *d);

	d->mail = mail;
	d->options = *options;
	d->id = str_of("", 0);
	arena_init(&d->arena, SIZE_MAX);
	return d;
}

void delivery_free(struct delivery *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->count; i++) {
		upload_free(d->copies[i].upload);
		free(d->copies[i].parts);
		free(d->copies[i].boxes);
	}
	free(d->copies);
	arena_fini(&d->arena);
	free(d);
}

/* Collecting. */

/* An account without mail has no record yet, as has one that was removed: the
 * commit will tell. */
static enum err check_room(struct delivery *d, account_num account)
{
	struct account_record record;
	enum err e = mail_account_info(d->mail, account, &record);

	if (e)
		return e == ERR_NOTFOUND ? OK : e;
	return record.quota && record.bytes >= record.quota ? ERR_QUOTA : OK;
}

static void fail(struct copy *c, enum err e)
{
	c->err = e;
	upload_free(c->upload);
	c->upload = NULL;
}

enum err delivery_add(
	struct delivery *d, account_num account, str header, size_t *copy_r)
{
	enum err e = check_room(d, account);
	struct copy *c;

	if (e)
		return e;
	d->copies = xrealloc(d->copies, d->count + 1, sizeof *d->copies);
	c = &d->copies[d->count];
	*c = (struct copy){.d = d, .account = account};
	c->upload = upload_new(d->mail, account);
	/* The limit is for what the sender sends. */
	upload_allow(c->upload, header.n);
	e = upload_feed(c->upload, header);
	if (e)
		fail(c, e);
	*copy_r = d->count++;
	return OK;
}

/* A name as it is written: "inbox/x" is not INBOX/x, and "x/" not x. */
static bool names_mailbox(struct arena *arena, str detail, str *name_r)
{
	if (str_ends(detail, STR("/")) ||
		mailbox_name_canonical(arena, detail, name_r))
		return false;
	return !str_istarts(detail, STR("inbox")) ||
	       str_starts(detail, STR("INBOX")) ||
	       !str_starts(*name_r, STR("INBOX"));
}

void delivery_into(struct delivery *d, size_t copy, str detail)
{
	struct copy *c = &d->copies[copy];
	struct part *p;

	for (size_t i = 0; i < c->part_count; i++)
		if (str_eq(c->parts[i].detail, detail))
			return;
	c->parts = xrealloc(c->parts, c->part_count + 1, sizeof *c->parts);
	p = &c->parts[c->part_count++];
	*p = (struct part){.detail = arena_str(&d->arena, detail)};
	if (!names_mailbox(&d->arena, detail, &p->name))
		p->name = STR("INBOX");
}

enum err delivery_feed(struct delivery *d, str bytes)
{
	enum err first = OK;
	size_t failed = 0;

	for (size_t i = 0; i < d->count; i++) {
		struct copy *c = &d->copies[i];
		enum err e = c->err ? c->err : upload_feed(c->upload, bytes);

		if (e && !c->err)
			fail(c, e);
		failed += e != OK;
		first = first ? first : e;
	}
	return d->count && failed == d->count ? first : OK;
}

/* Committing. */

/* Where a part goes, and what it found, anew each time this runs. */
static enum err find_box(struct change *ch, struct part *p, mailbox_num *box_r)
{
	enum err e = change_find_name(ch, p->name, box_r);

	p->found = !e;
	if (e == ERR_NOTFOUND)
		e = change_find_name(ch, STR("INBOX"), box_r);
	if (e == ERR_NOTFOUND)
		e = change_create_mailbox(ch, STR("INBOX"), 0, 0, box_r);
	return e;
}

/* OK: it came to this mailbox not long ago. ERR_NOTFOUND: not so, but from now
 * on it did. */
static enum err was_seen(
	struct change *ch, const struct copy *c, mailbox_num box)
{
	const struct delivery *d = c->d;
	uint64_t window_s = (d->options.duplicates_ms + 999) / 1000;
	int64_t until;
	enum err e;

	if (!d->options.duplicates_ms || !d->has_id)
		return ERR_NOTFOUND;
	key_seen(&ch->key, ch->account, box, d->id_hash);
	e = store_peek(ch->txn, buf_str(&ch->key), &ch->value);
	if (!e)
		e = seen_decode(buf_str(&ch->value), &until);
	/* Rather twice than not at all. */
	if (damage_told(ch->txn, buf_str(&ch->key), e) == ERR_CORRUPT)
		e = ERR_NOTFOUND;
	if (!e && until <= d->options.now)
		e = ERR_NOTFOUND;
	if (e != ERR_NOTFOUND)
		return e;
	seen_encode(d->options.now + (int64_t)window_s, &ch->value);
	store_put(ch->txn, buf_str(&ch->key), buf_str(&ch->value));
	return ERR_NOTFOUND;
}

static enum err add_member(struct change *ch, struct copy *c, mailbox_num id)
{
	struct membership m = {
		.internal_date = c->d->options.now,
		.zone = c->d->options.zone,
	};
	struct box_change box;
	uid_num uid;
	enum err e = box_begin(&box, ch, id);

	upload_measure(c->upload, &m);
	m.message = c->message;
	if (!e && !c->message)
		e = upload_settle(c->upload, &box, &m);
	c->message = m.message;
	if (!e)
		e = box_add(&box, &m, &uid);
	return box_end(&box, e);
}

static bool has_box(const struct copy *c, mailbox_num id)
{
	for (size_t i = 0; i < c->box_count; i++)
		if (c->boxes[i] == id)
			return true;
	return false;
}

static enum err deliver_part(struct change *ch, struct copy *c, struct part *p)
{
	mailbox_num box;
	enum err e = find_box(ch, p, &box);

	if (e || has_box(c, box))
		return e;
	e = was_seen(ch, c, box);
	if (e != ERR_NOTFOUND) {
		c->suppressed += !e;
		return e;
	}
	e = add_member(ch, c, box);
	c->boxes[c->box_count++] = box;
	return e;
}

static enum err deliver(struct store_txn *txn, void *arg)
{
	struct copy *c = arg;
	struct change ch;
	enum err e;

	c->message = 0;
	c->box_count = c->suppressed = 0;
	change_begin(&ch, txn, c->account);
	e = change_need_account(&ch);
	for (size_t i = 0; !e && i < c->part_count; i++)
		e = deliver_part(&ch, c, &c->parts[i]);
	return change_end(&ch, e);
}

static void note_id(struct delivery *d, str id)
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	d->has_id = id.n > 0;
	d->id = arena_str(&d->arena, str_take(id, LOGGED_ID_MAX));
	if (!EVP_Digest(id.p, id.n, hash, NULL, EVP_sha256(), NULL))
		abort();
	memcpy(d->id_hash, hash, sizeof d->id_hash);
}

static void prepare(struct delivery *d, struct copy *c)
{
	upload_seal(c->upload);
	if (!d->has_id)
		note_id(d, upload_message_id(c->upload));
	if (!c->part_count)
		delivery_into(d, (size_t)(c - d->copies), STR(""));
	c->boxes = xcalloc(c->part_count, sizeof *c->boxes);
}

static void conclude(struct delivery *d, struct copy *c, enum err e)
{
	c->err = e;
	write_ended(d->mail, c->account);
	if (e)
		return;
	if (c->message)
		upload_settled(c->upload, c->message);
	for (size_t i = 0; i < c->box_count; i++)
		mail_notify(d->mail, c->account, c->boxes[i], NEWS_ADDED, NULL);
}

void delivery_commit(struct delivery *d)
{
	struct store_job *jobs = xcalloc(d->count, sizeof *jobs);
	struct buf scopes = BUF_UNBOUNDED;
	size_t n = 0;

	for (size_t i = 0; i < d->count; i++)
		buf_add_be64(&scopes, d->copies[i].account);
	for (size_t i = 0; i < d->count; i++) {
		struct copy *c = &d->copies[i];

		if (c->err)
			continue;
		prepare(d, c);
		write_begins(d->mail, c->account);
		jobs[n++] = (struct store_job){
			.scope = str_of(scopes.p + i * 8, 8),
			.fn = deliver,
			.arg = c,
		};
	}
	store_write_each(d->mail->store, jobs, n);
	for (size_t i = 0; i < n; i++)
		conclude(d, jobs[i].arg, jobs[i].err);
	buf_fini(&scopes);
	free(jobs);
}

/* Results. */

enum err delivery_result(const struct delivery *d, size_t copy)
{
	return d->copies[copy].err;
}

bool delivery_was_duplicate(const struct delivery *d, size_t copy)
{
	const struct copy *c = &d->copies[copy];

	return !c->err && c->suppressed && !c->box_count;
}

str delivery_mailbox(const struct delivery *d, size_t copy, str detail)
{
	const struct copy *c = &d->copies[copy];

	for (size_t i = 0; i < c->part_count; i++)
		if (c->parts[i].found && str_eq(c->parts[i].detail, detail))
			return c->parts[i].name;
	return STR("INBOX");
}

str delivery_message_id(const struct delivery *d)
{
	return d->id;
}
