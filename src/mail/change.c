/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/private.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "message/flags.h"

#include <assert.h>

enum err account_write(
	struct mail *mail, account_num account, store_write_fn *fn, void *arg)
{
	struct buf scope = BUF_UNBOUNDED;
	enum err e;

	buf_add_be64(&scope, account);
	write_begins(mail, account);
	e = store_write(mail->store, buf_str(&scope), fn, arg);
	write_ended(mail, account);
	buf_fini(&scope);
	return e;
}

enum err history_read(struct store_txn *txn, account_num account,
	mailbox_num mailbox, struct history_record *record_r)
{
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;
	enum err e;

	*record_r = (struct history_record){0};
	key_mailbox(&key, account, 'h', mailbox);
	e = store_get(txn, buf_str(&key), &value);
	if (!e)
		e = history_decode(buf_str(&value), record_r);
	e = damage_told(txn, buf_str(&key), e);
	buf_fini(&key);
	buf_fini(&value);
	return e == ERR_NOTFOUND ? OK : e;
}

/* An account has no record before its first mailbox, and again when it is
 * being removed: then none may be made. */
static enum err check_not_removed(struct change *ch)
{
	struct store_iter *it;
	str key, value;
	bool has_mailboxes;
	enum err e;

	key_pending(&ch->key, ch->account, 'a', 0);
	e = store_has(ch->txn, buf_str(&ch->key));
	if (e != ERR_NOTFOUND)
		return e ? e : ERR_NOTFOUND;
	/* One that is new has none: numbers would be given out again. */
	key_account_prefix(&ch->key, ch->account, 'm');
	it = store_scan_prefix(ch->txn, buf_str(&ch->key));
	has_mailboxes = store_iter_next(it, &key, &value);
	e = store_iter_end(it);
	key_account(&ch->key, ch->account);
	return damage_told(ch->txn, buf_str(&ch->key),
		e		? e
		: has_mailboxes ? ERR_CORRUPT
				: OK);
}

static enum err read_account(struct change *ch)
{
	enum err e;

	key_account(&ch->key, ch->account);
	e = store_get(ch->txn, buf_str(&ch->key), &ch->value);
	if (e == ERR_NOTFOUND) {
		e = check_not_removed(ch);
		if (e)
			return e;
		ch->record = (struct account_record){
			.next_mailbox = 1,
			.next_message = 1,
			.next_uidvalidity = (uint32_t)ch->now,
			.modseq = 1,
		};
		return OK;
	}
	if (!e)
		e = account_decode(buf_str(&ch->value), &ch->record);
	if (e)
		ch->record = (struct account_record){0};
	return damage_told(ch->txn, buf_str(&ch->key), e);
}

void change_begin(struct change *ch, struct store_txn *txn, account_num account)
{
	*ch = (struct change){
		.txn = txn,
		.account = account,
		.key = BUF_UNBOUNDED,
		.value = BUF_UNBOUNDED,
		.now = clock_wall_s(),
	};
	arena_init(&ch->arena, SIZE_MAX);
}

enum err change_need_account(struct change *ch)
{
	return ch->record.next_mailbox ? OK : read_account(ch);
}

enum err change_end(struct change *ch, enum err e)
{
	if (!e && ch->record.next_mailbox) {
		key_account(&ch->key, ch->account);
		account_encode(&ch->record, &ch->value);
		store_put(ch->txn, buf_str(&ch->key), buf_str(&ch->value));
	}
	buf_fini(&ch->key);
	buf_fini(&ch->value);
	arena_fini(&ch->arena);
	return e;
}

modseq_num change_modseq(struct change *ch)
{
	if (!ch->modseq)
		ch->modseq = ++ch->record.modseq;
	return ch->modseq;
}

void change_pending(struct change *ch, char kind, uint64_t number)
{
	key_pending(&ch->key, ch->account, kind, number);
	store_put(ch->txn, buf_str(&ch->key), str_of("", 0));
}

enum err change_find_name(struct change *ch, str name, mailbox_num *mailbox_r)
{
	return name_find(ch->txn, ch->account, name, mailbox_r);
}

enum err change_read_mailbox(
	struct change *ch, mailbox_num mailbox, struct mailbox_record *record_r)
{
	enum err e = change_need_account(ch);

	if (e)
		return e;
	key_mailbox(&ch->key, ch->account, 'm', mailbox);
	e = store_get(ch->txn, buf_str(&ch->key), &ch->value);
	if (!e)
		e = mailbox_decode(
			arena_str(&ch->arena, buf_str(&ch->value)), record_r);
	return damage_told(ch->txn, buf_str(&ch->key), e);
}

void change_write_mailbox(struct change *ch, mailbox_num mailbox,
	const struct mailbox_record *record)
{
	key_mailbox(&ch->key, ch->account, 'm', mailbox);
	mailbox_encode(record, &ch->value);
	store_put(ch->txn, buf_str(&ch->key), buf_str(&ch->value));
}

static void write_name(struct change *ch, str name, mailbox_num mailbox)
{
	key_name(&ch->key, ch->account, 'n', name);
	buf_reset(&ch->value);
	buf_add_be32(&ch->value, mailbox);
	store_put(ch->txn, buf_str(&ch->key), buf_str(&ch->value));
}

enum err change_create_mailbox(struct change *ch, str name,
	uint32_t special_use, uint32_t uidvalidity, mailbox_num *mailbox_r)
{
	enum err e = change_need_account(ch);
	struct account_record *account = &ch->record;
	struct mailbox_record record = {
		.name = name,
		.uidnext = 1,
		.recent_from = 1,
		.special_use = special_use,
		.created = ch->now,
	};

	if (e)
		return e;
	if (!uidvalidity)
		uidvalidity = account->next_uidvalidity;
	if (uidvalidity >= account->next_uidvalidity)
		account->next_uidvalidity = uidvalidity + 1;
	if (account->next_mailbox == UINT32_MAX || uidvalidity == UINT32_MAX)
		return ERR_LIMIT;
	record.uidvalidity = uidvalidity;
	record.modseq = change_modseq(ch);
	*mailbox_r = account->next_mailbox++;
	account->mailboxes++;
	change_write_mailbox(ch, *mailbox_r, &record);
	write_name(ch, name, *mailbox_r);
	return OK;
}

void change_retire_name(struct change *ch, const struct mailbox_record *record)
{
	key_name(&ch->key, ch->account, 'n', record->name);
	store_delete(ch->txn, buf_str(&ch->key));
	key_retired(&ch->key, ch->account, record->uidvalidity, record->name);
	store_put(ch->txn, buf_str(&ch->key), str_of("", 0));
}

void change_rename_mailbox(struct change *ch, mailbox_num mailbox,
	struct mailbox_record *record, str to)
{
	change_retire_name(ch, record);
	record->name = to;
	change_write_mailbox(ch, mailbox, record);
	write_name(ch, to, mailbox);
}

/* One mailbox. */

enum err box_begin(
	struct box_change *box, struct change *ch, mailbox_num mailbox)
{
	box->ch = ch;
	box->id = mailbox;
	box->record = (struct mailbox_record){0};
	box->journal = (struct journal_record){.when = ch->now};
	box->added = box->changed = box->expunged = (struct uidset_run){0};
	box->dirty = box->block_loaded = box->block_dirty = false;
	box->count = box->removed_count = 0;
	box->removed_next = 0;
	box->linked = 0;
	return change_read_mailbox(ch, mailbox, &box->record);
}

/* Puts into box->removed what this change has expunged of the block before, as
 * it is in the store. Both are few. */
static enum err add_removed_before(struct box_change *box)
{
	struct change *ch = box->ch;
	struct membership before[BLOCK_UIDS];
	size_t count = 0, n = box->removed_count;
	enum err e;

	e = store_get(ch->txn, buf_str(&ch->key), &ch->value);
	if (!e)
		e = block_decode(
			buf_str(&ch->value), box->block, before, &count);
	if (e)
		return e == ERR_NOTFOUND
			       ? OK
			       : damage_told(ch->txn, buf_str(&ch->key), e);
	if (n + count > BLOCK_UIDS)
		return ERR_CORRUPT;
	for (size_t i = 0; i < count; i++) {
		size_t at = n++;

		for (; at && box->removed[at - 1].uid > before[i].uid; at--)
			box->removed[at] = box->removed[at - 1];
		box->removed[at] = before[i];
	}
	box->removed_count = n;
	return OK;
}

static enum err flush_removed(struct box_change *box)
{
	struct change *ch = box->ch;
	enum err e = OK;

	if (!box->removed_count)
		return OK;
	key_expunged(
		&ch->key, ch->account, box->id, box->block, box->record.modseq);
	if (box->block < box->removed_next)
		e = add_removed_before(box);
	else
		box->removed_next = box->block + 1;
	if (e)
		return e;
	block_encode(box->removed, box->removed_count, box->block, &ch->value);
	store_put(ch->txn, buf_str(&ch->key), buf_str(&ch->value));
	box->removed_count = 0;
	return OK;
}

static enum err flush_block(struct box_change *box)
{
	struct change *ch = box->ch;

	if (!box->block_dirty)
		return OK;
	key_mailbox_u32(&ch->key, ch->account, 'b', box->id, box->block);
	if (box->count == 0) {
		store_delete(ch->txn, buf_str(&ch->key));
	} else {
		block_encode(box->members, box->count, box->block, &ch->value);
		store_put(ch->txn, buf_str(&ch->key), buf_str(&ch->value));
	}
	box->block_dirty = false;
	return flush_removed(box);
}

static enum err load_other_block(struct box_change *box, uint32_t block)
{
	struct change *ch = box->ch;
	enum err e = flush_block(box);

	if (e)
		return e;
	box->block = block;
	box->block_loaded = true;
	box->count = 0;
	key_mailbox_u32(&ch->key, ch->account, 'b', box->id, block);
	e = store_get(ch->txn, buf_str(&ch->key), &ch->value);
	if (e == ERR_NOTFOUND)
		return OK;
	if (!e)
		e = block_decode(
			buf_str(&ch->value), block, box->members, &box->count);
	/* Nothing is written into what could not be read. */
	box->block_loaded = !e;
	return damage_told(ch->txn, buf_str(&ch->key), e);
}

static inline enum err load_block(struct box_change *box, uint32_t block)
{
	return box->block_loaded && box->block == block
		       ? OK
		       : load_other_block(box, block);
}

static void write_journal(struct box_change *box)
{
	struct change *ch = box->ch;

	uidset_run_end(&box->journal.added, &box->added);
	uidset_run_end(&box->journal.changed, &box->changed);
	uidset_run_end(&box->journal.expunged, &box->expunged);
	key_journal(&ch->key, ch->account, box->id, box->record.modseq);
	journal_encode(&box->journal, &ch->value);
	store_put(ch->txn, buf_str(&ch->key), buf_str(&ch->value));
}

enum err box_end(struct box_change *box, enum err e)
{
	if (!e && box->dirty)
		e = flush_block(box);
	if (!e && box->dirty) {
		write_journal(box);
		change_write_mailbox(box->ch, box->id, &box->record);
		if (!uidset_is_empty(&box->journal.expunged))
			change_pending(box->ch, 'p', box->id);
	}
	journal_fini(&box->journal);
	return e;
}

static void touch(struct box_change *box)
{
	box->record.modseq = change_modseq(box->ch);
	box->dirty = box->block_dirty = true;
}

/* Of the member with this UID, or of the one behind its place. */
static size_t member_index(const struct box_change *box, uid_num uid)
{
	uid_num first = box->count ? box->members[0].uid : uid;
	size_t low = 0, high = box->count, at = uid - first;

	/* Without gaps before it, it is found at once. */
	if (at < box->count && box->members[at].uid == uid)
		return at;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (box->members[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

enum err box_find(
	struct box_change *box, uid_num uid, struct membership **member_r)
{
	enum err e = load_block(box, uid / BLOCK_UIDS);
	size_t i;

	*member_r = NULL;
	if (e)
		return e;
	i = member_index(box, uid);
	if (i < box->count && box->members[i].uid == uid)
		*member_r = &box->members[i];
	return OK;
}

static void count_flags(struct mailbox_record *r, uint64_t flags, int sign)
{
	uint32_t one = (uint32_t)sign;

	r->unseen += flags & FLAG_SEEN ? 0 : one;
	r->deleted += flags & FLAG_DELETED ? one : 0;
}

/* Adds (sign 1) or takes (-1) one member to or from the counters. */
static void count_member(
	struct box_change *box, const struct membership *m, int sign)
{
	struct mailbox_record *r = &box->record;
	struct account_record *a = &box->ch->record;

	count_flags(r, m->flags, sign);
	r->exists += (uint32_t)sign;
	r->bytes += sign > 0 ? m->size : -m->size;
	r->growth += sign > 0 ? m->growth : -m->growth;
	a->bytes += sign > 0 ? m->size : -m->size;
	a->messages += (uint64_t)(int64_t)sign;
}

void box_set_flags(struct box_change *box, struct membership *m, uint64_t flags)
{
	count_flags(&box->record, m->flags, -1);
	count_flags(&box->record, flags, 1);
	m->flags = flags;
	touch(box);
	m->modseq = box->record.modseq;
	uidset_run_add(&box->journal.changed, &box->changed, m->uid);
}

/* Those that came one after another are mostly copied so. */
static void put_link(struct box_change *box, message_num message)
{
	struct change *ch = box->ch;

	if (box->linked && box->linked_block == box->block &&
		box->linked / LINK_MESSAGES == message / LINK_MESSAGES)
		return;
	box->linked = message;
	box->linked_block = box->block;
	key_link(&ch->key, ch->account, message, box->id, box->block);
	store_put(ch->txn, buf_str(&ch->key), str_of("", 0));
}

enum err box_add(
	struct box_change *box, const struct membership *m, uid_num *uid_r)
{
	struct change *ch = box->ch;
	struct mailbox_record *r = &box->record;
	struct account_record *a = &ch->record;
	uid_num uid = m->uid ? m->uid : r->uidnext;
	struct membership *added;
	enum err e;

	if (uid < r->uidnext || uid == UINT32_MAX)
		return ERR_LIMIT;
	if (a->quota && (m->size > a->quota || a->bytes > a->quota - m->size))
		return ERR_QUOTA;
	e = load_block(box, uid / BLOCK_UIDS);
	if (e)
		return e;
	assert(box->count < BLOCK_UIDS);
	added = &box->members[box->count++];
	*added = *m;
	added->uid = uid;
	added->modseq = change_modseq(ch);
	added->save_date = ch->now;
	touch(box);
	count_member(box, added, 1);
	r->uidnext = uid + 1;
	uidset_run_add(&box->journal.added, &box->added, uid);
	put_link(box, m->message);
	*uid_r = uid;
	return OK;
}

static void take_away(struct box_change *box, const struct membership *m)
{
	count_member(box, m, -1);
	uidset_run_add(&box->journal.expunged, &box->expunged, m->uid);
	box->removed[box->removed_count++] = *m;
}

/* Those of the list that are in the block: how many; all of them must be. */
static size_t remove_from_block(
	struct box_change *box, const struct membership *members, size_t count)
{
	size_t kept = 0, gone = 0;

	for (size_t i = 0; i < box->count; i++) {
		const struct membership *m = &box->members[i];

		if (gone < count && m->uid == members[gone].uid) {
			take_away(box, m);
			gone++;
		} else if (kept++ != i) {
			box->members[kept - 1] = *m;
		}
	}
	box->count = kept;
	return gone;
}

enum err box_remove_all(
	struct box_change *box, const struct membership *members, size_t count)
{
	size_t done = 0;
	enum err e = OK;

	while (!e && done < count) {
		uint32_t block = members[done].uid / BLOCK_UIDS;
		size_t n = 1;

		while (done + n < count &&
			members[done + n].uid / BLOCK_UIDS == block)
			n++;
		e = load_block(box, block);
		/* What was removed before stands in order with what follows. */
		if (!e && box->removed_count)
			e = flush_block(box);
		if (e)
			return e;
		touch(box);
		if (remove_from_block(box, &members[done], n) != n)
			e = ERR_EXPUNGED;
		done += n;
	}
	return e;
}

enum err box_remove(struct box_change *box, uid_num uid)
{
	const struct membership one = {.uid = uid};

	return box_remove_all(box, &one, 1);
}

static size_t collect_room(
	const struct box_change *box, const struct uidset *uids)
{
	uint32_t wanted = uids ? uidset_count(uids) : UINT32_MAX;

	return wanted < box->record.exists ? wanted : box->record.exists;
}

/* Is every UID from the first to the last wanted, so that nobody has to look at
 * one by one? */
static bool wants_all(const struct uidset *uids,
	const struct membership *members, size_t count)
{
	uid_num first, last;

	if (!uids || !count)
		return true;
	first = members[0].uid;
	last = members[count - 1].uid;
	return uidset_count_range(uids, first, last) == last - first + 1;
}

/* Where it ended, when it ended too early: at the block before that one, or
 * behind. */
static enum err end_blocks(
	struct box_change *box, struct store_iter *it, uint32_t next)
{
	struct change *ch = box->ch;
	enum err e = store_iter_end(it);

	if (e == ERR_CORRUPT) {
		key_mailbox_u32(&ch->key, ch->account, 'b', box->id, next);
		damage_note_key(ch->txn, buf_str(&ch->key));
	}
	return e;
}

/* Blocks that may have some of these, as they are once nothing is loaded. */
static struct store_iter *scan_blocks(
	struct box_change *box, const struct uidset *uids)
{
	struct change *ch = box->ch;
	struct buf end = BUF_UNBOUNDED;
	struct store_iter *it;

	key_mailbox_u32(&end, ch->account, 'b', box->id,
		uids ? uidset_max(uids) / BLOCK_UIDS : UINT32_MAX);
	buf_add_byte(&end, '\0');
	key_mailbox_u32(&ch->key, ch->account, 'b', box->id,
		uids ? uidset_min(uids) / BLOCK_UIDS : 0);
	it = store_scan(ch->txn, buf_str(&ch->key), buf_str(&end));
	buf_fini(&end);
	return it;
}

enum err box_collect(struct box_change *box, const struct uidset *uids,
	struct membership **members_r, size_t *count_r)
{
	struct change *ch = box->ch;
	struct store_iter *it;
	struct membership *all;
	uint32_t next = uids ? uidset_min(uids) / BLOCK_UIDS : 0;
	size_t n = 0;
	str key, value;
	enum err e, scan_e;

	*members_r = NULL;
	*count_r = 0;
	e = flush_block(box);
	if (e)
		return e;
	box->block_loaded = false;
	all = ARENA_ARRAY(
		&ch->arena, struct membership, collect_room(box, uids));
	it = scan_blocks(box, uids);
	while (!e && store_iter_next(it, &key, &value)) {
		struct cursor c = cursor_of(str_skip(key_tail(key), 4));
		size_t count = 0;
		bool whole;

		next = cursor_be32(&c);
		e = damage_told(ch->txn, key,
			block_decode(value, next++, box->members, &count));
		whole = wants_all(uids, box->members, count);
		for (size_t i = 0; !e && i < count; i++) {
			if (!whole && !uidset_has(uids, box->members[i].uid))
				continue;
			if (n == box->record.exists)
				e = ERR_CORRUPT;
			else
				all[n++] = box->members[i];
		}
	}
	scan_e = end_blocks(box, it, next);
	*members_r = all;
	*count_r = n;
	return e ? e : scan_e;
}

/* Of the block that is loaded. */
static enum err remove_matching(
	struct box_change *box, const struct uidset *uids, uint64_t flags)
{
	bool whole = wants_all(uids, box->members, box->count);
	size_t kept = 0;

	if (box->count > box->record.exists)
		return ERR_CORRUPT;
	for (size_t i = 0; i < box->count; i++) {
		const struct membership *m = &box->members[i];

		if ((m->flags & flags) == flags &&
			(whole || uidset_has(uids, m->uid)))
			take_away(box, m);
		else if (kept++ != i)
			box->members[kept - 1] = *m;
	}
	box->count = kept;
	if (!box->removed_count)
		return OK;
	touch(box);
	return flush_block(box);
}

/* What is written lies behind the scan. */
enum err box_remove_flagged(struct box_change *box, const struct uidset *uids,
	uint64_t flags, struct mail_progress *progress)
{
	uint32_t of = box->record.exists;
	uint32_t next = uids ? uidset_min(uids) / BLOCK_UIDS : 0;
	struct store_iter *it;
	size_t looked_at = 0;
	str key, value;
	enum err e = flush_block(box), scan_e;

	if (e)
		return e;
	it = scan_blocks(box, uids);
	while (!e && store_iter_next(it, &key, &value)) {
		struct cursor c = cursor_of(str_skip(key_tail(key), 4));

		box->block = cursor_be32(&c);
		box->block_loaded = true;
		next = box->block + 1;
		e = damage_told(box->ch->txn, key,
			block_decode(
				value, box->block, box->members, &box->count));
		if (!e)
			e = remove_matching(box, uids, flags);
		tell_progress(progress, looked_at += BLOCK_UIDS, of);
	}
	scan_e = end_blocks(box, it, next);
	return e ? e : scan_e;
}

void box_expunged(struct box_change *box, struct uidset *uids_r)
{
	uidset_run_end(&box->journal.expunged, &box->expunged);
	uidset_copy(uids_r, &box->journal.expunged);
}

static bool keyword_in_use(
	const struct membership *members, size_t count, uint64_t bit)
{
	for (size_t i = 0; i < count; i++)
		if (members[i].flags & bit)
			return true;
	return false;
}

/* Frees the places of keywords that no message has any more; not `keep`,
 * which this change is about to set. */
static enum err drop_unused_keywords(struct box_change *box, uint64_t keep)
{
	struct membership *members;
	size_t count;
	enum err e = box_collect(box, NULL, &members, &count);

	for (uint32_t i = 0; !e && i < box->record.keyword_count; i++)
		if (!(keep & flags_keyword_bit(i)) &&
			!keyword_in_use(members, count, flags_keyword_bit(i)))
			box->record.keywords[i] = str_of("", 0);
	return e;
}

static int find_keyword(const struct mailbox_record *r, str name)
{
	for (uint32_t i = 0; i < r->keyword_count; i++)
		if (r->keywords[i].n && flags_keyword_eq(r->keywords[i], name))
			return (int)i;
	return -1;
}

static int free_keyword(const struct mailbox_record *r)
{
	if (r->keyword_count < KEYWORDS_MAX)
		return (int)r->keyword_count;
	for (uint32_t i = 0; i < r->keyword_count; i++)
		if (r->keywords[i].n == 0)
			return (int)i;
	return -1;
}

enum err box_keywords(struct box_change *box, const str *names, size_t count,
	bool make, uint64_t *bits_r)
{
	struct mailbox_record *r = &box->record;

	*bits_r = 0;
	for (size_t i = 0; i < count; i++) {
		int at = find_keyword(r, names[i]);
		bool known = at >= 0;

		if (!known && !make)
			continue;
		if (at < 0 && (at = free_keyword(r)) < 0) {
			enum err e = drop_unused_keywords(box, *bits_r);

			if (e || (at = free_keyword(r)) < 0)
				return e ? e : ERR_LIMIT;
		}
		if (r->keyword_count <= (uint32_t)at)
			r->keyword_count = (uint32_t)at + 1;
		/* It keeps the case of its first use. */
		if (!known)
			r->keywords[at] = arena_str(&box->ch->arena, names[i]);
		*bits_r |= flags_keyword_bit((size_t)at);
	}
	return OK;
}
