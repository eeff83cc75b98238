/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/view.h"
#include "base/alloc.h"
#include "mail/kept.h"
#include "mail/private.h"
#include "message/flags.h"

#include <assert.h>
#include <stdlib.h>

/* More messages take a while. */
#define LOAD_AT_ONCE 1000

/* The cache: one entry per mailbox, with the newest view of it. Entries in use
 * by somebody cost nothing extra; the oldest others go when it is over its
 * budget. */
struct view_entry {
	struct view *view; /* one reference of its own */
	struct view_entry *bucket_next;
	struct view_entry *older, *newer;
	size_t bytes;
	/* write_moment() from before it was found to be the newest. */
	uint64_t moment;
};

/* Blocks. */

static struct view_block *block_new(
	uint32_t number, const struct membership *members, size_t count)
{
	struct view_block *b =
		xmalloc(sizeof *b + count * sizeof b->members[0]);

	b->refs = 1;
	b->number = number;
	b->count = (uint32_t)count;
	b->modseq = 0;
	for (size_t i = 0; i < count; i++) {
		b->members[i] = members[i];
		if (members[i].modseq > b->modseq)
			b->modseq = members[i].modseq;
	}
	return b;
}

static void block_unref(struct view_block *b)
{
	if (atomic_fetch_sub(&b->refs, 1) == 1)
		free(b);
}

/* Said of a view, the last first; they stay as long as it does. */
struct view_said {
	struct view_said *next;
	modseq_num since;
	uint32_t form;
	uint32_t number; /* how many there are with it */
	bool expunged;
	size_t n;
	char bytes[];
};

#define SAID_MAX 16
#define SAID_BYTES_MAX 65536

static void forget_said(struct view *v)
{
	struct view_said *said = v->said, *next;

	for (; said; said = next) {
		next = said->next;
		free(said);
	}
}

static void view_unref(struct view *v)
{
	if (atomic_fetch_sub(&v->refs, 1) != 1)
		return;
	forget_said(v);
	for (size_t i = 0; i < v->block_count; i++)
		block_unref(v->blocks[i]);
	for (uint32_t i = 0; i < v->keyword_count; i++)
		free((char *)v->keywords[i].p);
	free(v->blocks);
	uidset_fini(&v->uids);
	free(v);
}

static void append_block(struct view *v, struct view_block *b)
{
	/* Doubles at powers of two, so needs no capacity of its own. */
	if ((v->block_count & (v->block_count - 1)) == 0)
		v->blocks = xrealloc(v->blocks,
			v->block_count ? v->block_count * 2 : 1,
			sizeof *v->blocks);
	v->blocks[v->block_count++] = b;
}

/* Loading. */

static struct view *view_from_record(
	const struct mailbox_ref *ref, const struct mailbox_record *record)
{
	struct view *v = xcalloc(1, sizeof *v);

	v->refs = 1;
	v->account = ref->account;
	v->mailbox = ref->id;
	v->uidvalidity = record->uidvalidity;
	v->uidnext = record->uidnext;
	v->modseq = record->modseq;
	v->unseen = record->unseen;
	v->keyword_count = record->keyword_count;
	for (uint32_t i = 0; i < record->keyword_count; i++)
		v->keywords[i] = str_of(
			xstrndup(record->keywords[i].p, record->keywords[i].n),
			record->keywords[i].n);
	return v;
}

static void note_uids(struct uidset *uids, const struct view_block *b)
{
	for (uint32_t i = 0; i < b->count;) {
		uint32_t from = i;

		while (++i < b->count &&
			b->members[i].uid == b->members[i - 1].uid + 1)
			;
		uidset_add_range(
			uids, b->members[from].uid, b->members[i - 1].uid);
	}
}

static enum err load_all(struct store_txn *txn, struct view *v)
{
	struct membership members[BLOCK_UIDS];
	struct buf prefix = BUF_UNBOUNDED;
	uint32_t next = 0;
	struct store_iter *it;
	str key, value;
	enum err e = OK, scan_e;

	key_mailbox(&prefix, v->account, 'b', v->mailbox);
	it = store_scan_prefix(txn, buf_str(&prefix));
	while (!e && store_iter_next(it, &key, &value)) {
		struct cursor c = cursor_of(str_skip(key_tail(key), 4));
		uint32_t number = cursor_be32(&c);
		size_t count;

		next = number + 1;
		e = damage_told(
			txn, key, block_decode(value, number, members, &count));
		if (e || count == 0)
			continue;
		append_block(v, block_new(number, members, count));
		note_uids(&v->uids, v->blocks[v->block_count - 1]);
	}
	scan_e = store_iter_end(it);
	key_mailbox_u32(&prefix, v->account, 'b', v->mailbox, next);
	scan_e = damage_told(txn, buf_str(&prefix), scan_e);
	buf_fini(&prefix);
	uidset_compact(&v->uids);
	return e ? e : scan_e;
}

/* Block numbers that the journal names after `since`, as number + 1 since a
 * uidset has no 0. */
static enum err changed_blocks(struct store_txn *txn, const struct view *v,
	modseq_num since, struct uidset *blocks_r)
{
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;
	struct store_iter *it;
	str key, value;
	enum err e = OK, scan_e;

	key_journal(&from, v->account, v->mailbox, since + 1);
	key_mailbox(&to, v->account, 'j', v->mailbox);
	key_prefix_end(&to);
	it = store_scan(txn, buf_str(&from), buf_str(&to));
	while (!e && store_iter_next(it, &key, &value)) {
		struct journal_record j;
		struct uidset_iter uids;
		uint32_t uid;

		e = damage_told(txn, key, journal_decode(value, &j));
		uidset_or(&j.changed, &j.added);
		uidset_or(&j.changed, &j.expunged);
		uids = uidset_iter(&j.changed, 1);
		while ((uid = uidset_iter_next(&uids))) {
			uint32_t block = uid / BLOCK_UIDS;

			uidset_add(blocks_r, block + 1);
			if (block == UINT32_MAX / BLOCK_UIDS)
				break;
			uids = uidset_iter(
				&j.changed, (block + 1) * BLOCK_UIDS);
		}
		journal_fini(&j);
	}
	scan_e = damage_told(txn, buf_str(&from), store_iter_end(it));
	buf_fini(&from);
	buf_fini(&to);
	return e ? e : scan_e;
}

static enum err read_block(struct store_txn *txn, const struct view *v,
	uint32_t number, struct view_block **block_r)
{
	struct membership members[BLOCK_UIDS];
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;
	size_t count = 0;
	enum err e;

	*block_r = NULL;
	key_mailbox_u32(&key, v->account, 'b', v->mailbox, number);
	e = store_get(txn, buf_str(&key), &value);
	if (!e)
		e = block_decode(buf_str(&value), number, members, &count);
	if (e == ERR_NOTFOUND)
		e = OK;
	e = damage_told(txn, buf_str(&key), e);
	if (!e && count)
		*block_r = block_new(number, members, count);
	buf_fini(&key);
	buf_fini(&value);
	return e;
}

static void share_block(struct view *v, struct view_block *b)
{
	atomic_fetch_add(&b->refs, 1);
	append_block(v, b);
}

static enum err replace_block(
	struct store_txn *txn, struct view *v, uint32_t number)
{
	struct view_block *fresh;
	enum err e = read_block(txn, v, number, &fresh);
	uid_num first = number * BLOCK_UIDS;

	if (e)
		return e;
	uidset_remove_range(&v->uids, first, first + BLOCK_UIDS - 1);
	if (fresh) {
		append_block(v, fresh);
		note_uids(&v->uids, fresh);
	}
	return OK;
}

/* What did not change is shared with the older view. */
static enum err load_changes(
	struct store_txn *txn, struct view *v, const struct view *old)
{
	struct uidset changed = UIDSET_EMPTY;
	struct uidset_iter it;
	uint32_t next;
	size_t i = 0;
	enum err e = changed_blocks(txn, v, old->modseq, &changed);

	uidset_copy(&v->uids, &old->uids);
	it = uidset_iter(&changed, 1);
	while (!e && (next = uidset_iter_next(&it))) {
		uint32_t number = next - 1;

		while (i < old->block_count && old->blocks[i]->number < number)
			share_block(v, old->blocks[i++]);
		if (i < old->block_count && old->blocks[i]->number == number)
			i++;
		e = replace_block(txn, v, number);
	}
	while (!e && i < old->block_count)
		share_block(v, old->blocks[i++]);
	uidset_fini(&changed);
	uidset_compact(&v->uids);
	return e;
}

/* The cache. */

static struct view_entry **entry_bucket(
	struct mail *mail, account_num account, mailbox_num mailbox)
{
	return &mail->views[mailbox_hash(account, mailbox) % VIEW_BUCKETS];
}

static struct view_entry *entry_find(
	struct mail *mail, account_num account, mailbox_num mailbox)
{
	struct view_entry *entry = *entry_bucket(mail, account, mailbox);

	while (entry && (entry->view->account != account ||
				entry->view->mailbox != mailbox))
		entry = entry->bucket_next;
	return entry;
}

static void lru_remove(struct mail *mail, struct view_entry *entry)
{
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		mail->view_oldest = entry->newer;
	if (entry->newer)
		entry->newer->older = entry->older;
	else
		mail->view_newest = entry->older;
}

static void lru_append(struct mail *mail, struct view_entry *entry)
{
	entry->newer = NULL;
	entry->older = mail->view_newest;
	if (entry->older)
		entry->older->newer = entry;
	else
		mail->view_oldest = entry;
	mail->view_newest = entry;
}

static void entry_free(struct mail *mail, struct view_entry *entry)
{
	struct view_entry **at =
		entry_bucket(mail, entry->view->account, entry->view->mailbox);

	while (*at != entry)
		at = &(*at)->bucket_next;
	*at = entry->bucket_next;
	lru_remove(mail, entry);
	mail->view_bytes -= entry->bytes;
	/* What is expunged meanwhile nobody would notice. */
	kept_forget_mailbox(mail, entry->view->account, entry->view->mailbox);
	view_unref(entry->view);
	free(entry);
}

static size_t view_memory(const struct view *v)
{
	size_t n = sizeof *v + uidset_memory(&v->uids);

	for (size_t i = 0; i < v->block_count; i++)
		n += sizeof(void *) + sizeof *v->blocks[i] +
		     v->blocks[i]->count * sizeof v->blocks[i]->members[0];
	return n;
}

static void forget_oldest(struct mail *mail, const struct view_entry *keep)
{
	struct view_entry *entry = mail->view_oldest;
	size_t most = mail_limits_of(mail).view_cache;

	while (mail->view_bytes > most && entry && entry != keep) {
		struct view_entry *newer = entry->newer;

		entry_free(mail, entry);
		entry = newer;
	}
}

/* *newest_r: nobody wrote since it was found to be. */
static struct view *cache_get(struct mail *mail, const struct mailbox_ref *ref,
	uint64_t moment, bool *newest_r)
{
	struct view_entry *entry;
	struct view *v = NULL;

	pthread_mutex_lock(&mail->view_lock);
	entry = entry_find(mail, ref->account, ref->id);
	if (entry) {
		v = entry->view;
		atomic_fetch_add(&v->refs, 1);
	}
	*newest_r = v && moment != NO_MOMENT && entry->moment == moment &&
		    v->uidvalidity == ref->uidvalidity;
	pthread_mutex_unlock(&mail->view_lock);
	return v;
}

static bool lost_members(
	const struct view_block *old, const struct view_block *block)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < old->count; i++, at++) {
		while (at < block->count &&
			block->members[at].uid < old->members[i].uid)
			at++;
		if (at == block->count ||
			block->members[at].uid != old->members[i].uid)
			return true;
	}
	return false;
}

/* What is kept of messages that the newer view does not have. */
static void forget_expunged(
	struct mail *mail, const struct view *old, const struct view *v)
{
	size_t at = 0;

	for (size_t i = 0; i < old->block_count; i++) {
		const struct view_block *was = old->blocks[i], *is = NULL;

		while (at < v->block_count &&
			v->blocks[at]->number < was->number)
			at++;
		if (at < v->block_count && v->blocks[at]->number == was->number)
			is = v->blocks[at];
		if (is != was && (!is || lost_members(was, is)))
			kept_forget_block(
				mail, v->account, v->mailbox, was->number);
	}
}

/* Keeps v unless a newer one is there already. `moment`: from before it was
 * read. */
static void cache_put(struct mail *mail, struct view *v, uint64_t moment)
{
	struct view_entry *entry;

	pthread_mutex_lock(&mail->view_lock);
	entry = entry_find(mail, v->account, v->mailbox);
	if (!entry) {
		struct view_entry **bucket =
			entry_bucket(mail, v->account, v->mailbox);

		entry = xcalloc(1, sizeof *entry);
		entry->bucket_next = *bucket;
		*bucket = entry;
		atomic_fetch_add(&v->refs, 1);
		entry->view = v;
		entry->moment = moment;
	} else if (entry->view == v) {
		entry->moment = moment;
		pthread_mutex_unlock(&mail->view_lock);
		return;
	} else {
		lru_remove(mail, entry);
		mail->view_bytes -= entry->bytes;
		if (entry->view->modseq <= v->modseq) {
			forget_expunged(mail, entry->view, v);
			atomic_fetch_add(&v->refs, 1);
			view_unref(entry->view);
			entry->view = v;
			entry->moment = moment;
		}
	}
	entry->bytes = view_memory(entry->view);
	mail->view_bytes += entry->bytes;
	lru_append(mail, entry);
	forget_oldest(mail, entry);
	pthread_mutex_unlock(&mail->view_lock);
}

static void cache_drop(struct mail *mail, const struct mailbox_ref *ref)
{
	struct view_entry *entry;

	pthread_mutex_lock(&mail->view_lock);
	entry = entry_find(mail, ref->account, ref->id);
	if (entry)
		entry_free(mail, entry);
	pthread_mutex_unlock(&mail->view_lock);
}

void view_cache_free(struct mail *mail)
{
	while (mail->view_oldest)
		entry_free(mail, mail->view_oldest);
}

/* Can it be brought up to date by the journal? */
static enum err is_usable(struct store_txn *txn, const struct view *old,
	const struct mailbox_record *record, bool *yes_r)
{
	struct history_record history;
	enum err e;

	*yes_r = false;
	if (!old || old->uidvalidity != record->uidvalidity)
		return OK;
	e = history_read(txn, old->account, old->mailbox, &history);
	*yes_r = !e && history.pruned <= old->modseq;
	/* Then it is read anew. */
	return e == ERR_CORRUPT ? OK : e;
}

/* A block that is not there would be taken for messages that were expunged. */
static enum err is_whole(struct store_txn *txn, const struct view *v,
	const struct mailbox_record *record)
{
	struct buf key = BUF_UNBOUNDED;
	bool whole = uidset_count(&v->uids) == record->exists;
	enum err e;

	key_mailbox(&key, v->account, 'm', v->mailbox);
	e = damage_told(txn, buf_str(&key), whole ? OK : ERR_CORRUPT);
	buf_fini(&key);
	return e;
}

static enum err load_anew_or_changes(struct store_txn *txn, struct view *v,
	const struct view *old, const struct mailbox_record *record)
{
	enum err e = old ? load_changes(txn, v, old) : load_all(txn, v);

	return e ? e : is_whole(txn, v, record);
}

static enum err load_view(struct mail *mail, struct store_txn *txn,
	const struct mailbox_ref *ref, const struct mailbox_record *record,
	struct view *old, struct view **view_r)
{
	struct view *v;
	bool usable;
	enum err e;

	if (old && old->modseq == record->modseq &&
		old->uidvalidity == record->uidvalidity) {
		atomic_fetch_add(&old->refs, 1);
		*view_r = old;
		return OK;
	}
	e = is_usable(txn, old, record, &usable);
	if (e)
		return e;
	if (!usable && record->exists > LOAD_AT_ONCE)
		store_long(mail->store);
	v = view_from_record(ref, record);
	e = load_anew_or_changes(txn, v, usable ? old : NULL, record);
	if (e == ERR_CORRUPT && usable) {
		/* If it is the journal that cannot be read. */
		view_unref(v);
		v = view_from_record(ref, record);
		e = load_anew_or_changes(txn, v, NULL, record);
	}
	if (e)
		view_unref(v);
	else
		*view_r = v;
	return e;
}

static enum err collect_expunges(struct store_txn *txn, const struct view *v,
	modseq_num since, struct uidset *vanished)
{
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;
	struct store_iter *it;
	str key, value;
	enum err e = OK, scan_e;

	key_journal(&from, v->account, v->mailbox, since + 1);
	key_journal(&to, v->account, v->mailbox, v->modseq + 1);
	it = store_scan(txn, buf_str(&from), buf_str(&to));
	while (!e && store_iter_next(it, &key, &value)) {
		struct journal_record j;

		e = damage_told(txn, key, journal_decode(value, &j));
		uidset_or(vanished, &j.expunged);
		journal_fini(&j);
	}
	scan_e = damage_told(txn, buf_str(&from), store_iter_end(it));
	buf_fini(&from);
	buf_fini(&to);
	return e ? e : scan_e;
}

enum err view_vanished_since(struct mail *mail, const struct view *v,
	modseq_num since, struct uidset *vanished_r)
{
	struct store_txn *txn;
	struct history_record history;
	bool known;
	enum err e;

	uidset_clear(vanished_r);
	if (since >= v->modseq)
		return OK;
	txn = store_begin_read(mail->store);
	e = history_read(txn, v->account, v->mailbox, &history);
	known = !e && since >= history.forgotten;
	if (known)
		e = collect_expunges(txn, v, since, vanished_r);
	/* Nobody knows: all that are not there. */
	if (e == ERR_CORRUPT || (!e && !known)) {
		if (v->uidnext > 1)
			uidset_add_range(vanished_r, 1, v->uidnext - 1);
		e = OK;
	}
	uidset_andnot(vanished_r, &v->uids);
	store_end_read(txn);
	return e;
}

/* Takes the old one over. */
static enum err view_read(struct mail *mail, const struct mailbox_ref *ref,
	struct view *old, uint64_t moment, struct view **view_r)
{
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;
	struct mailbox_record record;
	struct store_txn *txn = store_begin_read(mail->store);
	enum err e;

	*view_r = NULL;
	key_mailbox(&key, ref->account, 'm', ref->id);
	e = store_get(txn, buf_str(&key), &value);
	if (!e)
		e = mailbox_decode(buf_str(&value), &record);
	e = damage_told(txn, buf_str(&key), e);
	if (!e)
		e = load_view(mail, txn, ref, &record, old, view_r);
	store_end_read(txn);
	if (e == ERR_NOTFOUND)
		cache_drop(mail, ref);
	else if (!e)
		cache_put(mail, *view_r, moment);
	if (old)
		view_unref(old);
	buf_fini(&key);
	buf_fini(&value);
	return e;
}

enum err view_acquire(
	struct mail *mail, const struct mailbox_ref *ref, struct view **view_r)
{
	uint64_t moment = write_moment(mail, ref->account);
	bool newest;
	struct view *old = cache_get(mail, ref, moment, &newest);

	if (newest) {
		*view_r = old;
		return OK;
	}
	return view_read(mail, ref, old, moment, view_r);
}

void view_release(struct mail *mail, struct view *v)
{
	(void)mail;
	if (v)
		view_unref(v);
}

/* Looking. */

/* Index of the first block whose number is >= number. */
static size_t find_block(const struct view *v, uint32_t number)
{
	size_t low = 0, high = v->block_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (v->blocks[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Index of the first member whose UID is >= uid. */
static size_t find_member(const struct view_block *b, uid_num uid)
{
	size_t low = 0, high = b->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (b->members[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct membership *view_find(const struct view *v, uid_num uid)
{
	size_t i = find_block(v, uid / BLOCK_UIDS), at;

	if (i == v->block_count || v->blocks[i]->number != uid / BLOCK_UIDS)
		return NULL;
	at = find_member(v->blocks[i], uid);
	if (at == v->blocks[i]->count || v->blocks[i]->members[at].uid != uid)
		return NULL;
	return &v->blocks[i]->members[at];
}

int view_keyword(const struct view *v, str name)
{
	for (uint32_t i = 0; i < v->keyword_count; i++)
		if (v->keywords[i].n && flags_keyword_eq(v->keywords[i], name))
			return (int)i;
	return -1;
}

struct view_iter view_iter(const struct view *v, uid_num from)
{
	struct view_iter it = {v, find_block(v, from / BLOCK_UIDS), 0};

	if (it.block < v->block_count)
		it.member = find_member(v->blocks[it.block], from);
	return it;
}

const struct membership *view_iter_next(struct view_iter *it)
{
	const struct view *v = it->view;

	while (it->block < v->block_count) {
		const struct view_block *b = v->blocks[it->block];

		if (it->member < b->count)
			return &b->members[it->member++];
		it->block++;
		it->member = 0;
	}
	return NULL;
}

void view_changed_since(
	const struct view *v, modseq_num since, struct uidset *changed_r)
{
	struct uidset_run run = {0};

	for (size_t i = 0; i < v->block_count; i++) {
		const struct view_block *b = v->blocks[i];

		if (b->modseq <= since)
			continue;
		for (uint32_t m = 0; m < b->count; m++)
			if (b->members[m].modseq > since)
				uidset_run_add(
					changed_r, &run, b->members[m].uid);
	}
	uidset_run_end(changed_r, &run);
}

/* Calls for each that was expunged and is kept, by keys that begin so. */
typedef void expunged_fn(void *arg, modseq_num at, const struct membership *m);

static enum err each_expunged(
	struct mail *mail, str prefix, expunged_fn *fn, void *arg)
{
	struct store_txn *txn = store_begin_read(mail->store);
	struct store_iter *it = store_scan_prefix(txn, prefix);
	struct membership members[BLOCK_UIDS];
	str key, value;
	enum err e = OK, scan_e;

	while (!e && store_iter_next(it, &key, &value)) {
		mailbox_num mailbox;
		uint32_t block;
		modseq_num at;
		size_t count = 0;

		e = key_expunged_read(key, &mailbox, &block, &at);
		if (!e)
			e = block_decode(value, block, members, &count);
		e = damage_told(txn, key, e);
		for (size_t i = 0; !e && i < count; i++)
			fn(arg, at, &members[i]);
	}
	scan_e = store_iter_end(it);
	store_end_read(txn);
	return e ? e : scan_e;
}

struct finding {
	uid_num uid;
	struct membership *member;
	bool found;
};

static void find_one(void *arg, modseq_num at, const struct membership *m)
{
	struct finding *f = arg;

	(void)at;
	if (m->uid != f->uid)
		return;
	*f->member = *m;
	f->found = true;
}

enum err view_find_expunged(struct mail *mail, const struct mailbox_ref *ref,
	uid_num uid, struct membership *member_r)
{
	struct finding f = {.uid = uid, .member = member_r};
	struct buf prefix = BUF_UNBOUNDED;
	enum err e;

	key_mailbox_u32(&prefix, ref->account, 'p', ref->id, uid / BLOCK_UIDS);
	e = each_expunged(mail, buf_str(&prefix), find_one, &f);
	buf_fini(&prefix);
	return e || f.found ? e : ERR_EXPUNGED;
}

struct collecting {
	modseq_num since;
	struct uidset *uids;
};

static void collect_later(void *arg, modseq_num at, const struct membership *m)
{
	struct collecting *c = arg;

	if (at > c->since)
		uidset_add(c->uids, m->uid);
}

enum err view_expunged_since(struct mail *mail, const struct mailbox_ref *ref,
	modseq_num since, struct uidset *expunged_r)
{
	struct collecting c = {since, expunged_r};
	struct buf prefix = BUF_UNBOUNDED;
	enum err e;

	key_mailbox(&prefix, ref->account, 'p', ref->id);
	e = each_expunged(mail, buf_str(&prefix), collect_later, &c);
	buf_fini(&prefix);
	return e;
}

/* Reading messages. */

enum err message_get_digest(struct store_txn *txn, account_num account,
	message_num message, struct buf *digest_r)
{
	struct buf key = BUF_UNBOUNDED;
	enum err e;

	key_message(&key, account, 'd', message);
	e = store_get(txn, buf_str(&key), digest_r);
	buf_fini(&key);
	return e == ERR_NOTFOUND ? ERR_EXPUNGED : e;
}

enum err message_get_uidl(struct store_txn *txn, account_num account,
	mailbox_num mailbox, uid_num uid, struct buf *uidl_r)
{
	struct buf key = BUF_UNBOUNDED;
	enum err e;

	key_mailbox_u32(&key, account, 'q', mailbox, uid);
	e = store_get(txn, buf_str(&key), uidl_r);
	buf_fini(&key);
	return e;
}

/* What is told. */

struct view_words view_said(
	const struct view *v, modseq_num since, uint32_t form)
{
	const struct view_said *said = v->said;

	while (said && (said->since != since || said->form != form))
		said = said->next;
	if (!said)
		return (struct view_words){.text = str_none()};
	return (struct view_words){
		str_of(said->bytes, said->n), said->expunged};
}

/* Two who tell it at once leave it twice, which does no harm. */
void view_say(struct view *v, modseq_num since, uint32_t form,
	const struct view_words *words)
{
	struct view_said *said, *before = v->said;

	if ((before && before->number == SAID_MAX) ||
		words->text.n > SAID_BYTES_MAX)
		return;
	said = xmalloc(sizeof *said + words->text.n);
	said->since = since;
	said->form = form;
	said->expunged = words->expunged;
	said->n = words->text.n;
	memcpy(said->bytes, words->text.p, words->text.n);
	do {
		said->next = before;
		said->number = before ? before->number + 1 : 1;
	} while (!atomic_compare_exchange_weak(&v->said, &before, said));
}
