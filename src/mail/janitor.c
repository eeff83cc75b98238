/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nothing refers to any more is let go here, later, in small lazy
 * writes: the 'P' keys say what is left to do, so that a crash forgets
 * nothing, and doing a thing twice does no harm.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "mail/bytes.h"
#include "mail/kept.h"
#include "mail/link.h"
#include "mail/mail.h"
#include "mail/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Work of one write: bounds its size and how long writers of the account
 * wait for it. */
#define STEP_BLOCKS 4
#define STEP_MESSAGES (STEP_BLOCKS * BLOCK_UIDS)
#define STEP_KEYS 1000
#define STEP_BYTES (16u << 20)
#define HISTORY_ROUND_S 3600
#define HISTORY_FIRST_S 300
#define KEPT_LOOK_S 60
/* So long is remembered that an account was removed: a message that was on its
 * way to it does not make it anew. Account numbers never come again. */
#define REMOVED_KEPT_S (24 * 3600)

struct pending {
	account_num account;
	char kind;
	uint64_t number;
};

struct step {
	struct mail *mail;
	struct pending begun, work; /* before and after the step */
	modseq_num floor;	    /* what was expunged later is still known */
	bool more;		    /* the step stopped at its bound */
};

/* Keys that begin so: at most `max`, copied into the change's arena. */
static enum err collect_keys(struct change *ch, str prefix, size_t max,
	str **keys_r, str **values_r, size_t *count_r)
{
	str *keys = ARENA_ARRAY(&ch->arena, str, max);
	str *values = ARENA_ARRAY(&ch->arena, str, max);
	struct store_iter *it = store_scan_prefix(ch->txn, prefix);
	size_t n = 0;
	str key, value;

	while (n < max && store_iter_next(it, &key, &value)) {
		keys[n] = arena_str(&ch->arena, key);
		values[n++] = arena_str(&ch->arena, value);
	}
	*keys_r = keys;
	*values_r = values;
	*count_r = n;
	return store_iter_end(it);
}

static enum err delete_message(struct change *ch, message_num message)
{
	struct message_record record;
	enum err e;

	key_message(&ch->key, ch->account, 'i', message);
	e = store_get(ch->txn, buf_str(&ch->key), &ch->value);
	if (e)
		return e == ERR_NOTFOUND ? OK : e;
	e = message_decode(buf_str(&ch->value), &record);
	if (e)
		return damage_told(ch->txn, buf_str(&ch->key), e);
	store_delete(ch->txn, buf_str(&ch->key));
	key_hash(&ch->key, ch->account, record.hash);
	store_delete(ch->txn, buf_str(&ch->key));
	key_message(&ch->key, ch->account, 'd', message);
	store_delete(ch->txn, buf_str(&ch->key));
	chunk_delete_all(ch->txn, ch->account, message, record.size);
	return OK;
}

static void done(struct change *ch, const struct pending *work)
{
	key_pending(&ch->key, ch->account, work->kind, work->number);
	store_delete(ch->txn, buf_str(&ch->key));
}

/* What one step lets go of. */
struct purge {
	struct change *ch;
	mailbox_num mailbox;
	size_t count;
	struct link_gone gone[STEP_MESSAGES + BLOCK_UIDS];
};

static struct purge *purge_new(struct change *ch, mailbox_num mailbox)
{
	struct purge *p = ARENA_NEW(&ch->arena, struct purge);

	p->ch = ch;
	p->mailbox = mailbox;
	p->count = 0;
	return p;
}

/* A block's memberships, or what was expunged from it; its key goes. */
static enum err purge_members(
	struct purge *p, uint32_t block, str key, str value, bool uidls)
{
	struct change *ch = p->ch;
	struct membership members[BLOCK_UIDS];
	size_t count = 0;
	enum err e = damage_told(
		ch->txn, key, block_decode(value, block, members, &count));

	for (size_t i = 0; !e && i < count; i++) {
		p->gone[p->count++] = (struct link_gone){
			members[i].message, p->mailbox, block};
		if (uidls && members[i].own_uidl) {
			key_mailbox_u32(&ch->key, ch->account, 'q', p->mailbox,
				members[i].uid);
			store_delete(ch->txn, buf_str(&ch->key));
		}
	}
	if (!e)
		store_delete(ch->txn, key);
	return e;
}

static enum err purge_end(struct purge *p)
{
	return link_release(p->ch, p->gone, p->count, delete_message);
}

/* 'p': expunged messages of a mailbox that is still there, or not. */
static enum err purge_expunged(struct change *ch, struct step *step)
{
	mailbox_num mailbox = (mailbox_num)step->work.number;
	struct purge *p = purge_new(ch, mailbox);
	struct store_iter *it;
	size_t count = 0, kept = 0;
	bool more = true;
	str key, value;
	enum err e = OK, scan_e;

	key_mailbox(&ch->key, ch->account, 'p', mailbox);
	it = store_scan_prefix(ch->txn, buf_str(&ch->key));
	while (!e && p->count < STEP_MESSAGES && count++ < STEP_KEYS &&
		(more = store_iter_next(it, &key, &value))) {
		mailbox_num of;
		uint32_t block;
		modseq_num when;

		e = key_expunged_read(key, &of, &block, &when);
		if (!e && when > step->floor)
			kept++;
		else if (!e)
			e = purge_members(p, block, arena_str(&ch->arena, key),
				value, true);
	}
	scan_e = store_iter_end(it);
	e = e ? e : scan_e;
	if (!e)
		e = purge_end(p);
	step->more = more && p->count;
	if (!e && !more && !kept)
		done(ch, &step->work);
	return e;
}

static enum err purge_blocks(struct change *ch, mailbox_num mailbox,
	const str *keys, const str *values, size_t count)
{
	struct purge *p = purge_new(ch, mailbox);
	enum err e = OK;

	for (size_t i = 0; !e && i < count; i++) {
		struct cursor c = cursor_of(str_skip(key_tail(keys[i]), 4));

		e = purge_members(
			p, cursor_be32(&c), keys[i], values[i], false);
	}
	return e ? e : purge_end(p);
}

/* 'z': a deleted mailbox: some blocks a step, then its expunged and journal. */
static enum err purge_mailbox(struct change *ch, struct step *step)
{
	mailbox_num mailbox = (mailbox_num)step->work.number;
	str *keys, *values;
	size_t count;
	enum err e;

	if (step->floor != UINT64_MAX)
		return OK; /* a session has it open still */
	key_mailbox(&ch->key, ch->account, 'b', mailbox);
	e = collect_keys(
		ch, buf_str(&ch->key), STEP_BLOCKS, &keys, &values, &count);
	if (!e && count) {
		e = purge_blocks(ch, mailbox, keys, values, count);
		step->more = true;
	} else if (!e) {
		key_mailbox(&ch->key, ch->account, 'j', mailbox);
		store_delete_prefix(ch->txn, buf_str(&ch->key));
		key_mailbox(&ch->key, ch->account, 'e', mailbox);
		store_delete_prefix(ch->txn, buf_str(&ch->key));
		key_mailbox(&ch->key, ch->account, 'o', mailbox);
		store_delete_prefix(ch->txn, buf_str(&ch->key));
		key_mailbox(&ch->key, ch->account, 'q', mailbox);
		store_delete_prefix(ch->txn, buf_str(&ch->key));
		key_mailbox(&ch->key, ch->account, 'h', mailbox);
		store_delete(ch->txn, buf_str(&ch->key));
		done(ch, &step->work);
		step->work.kind = 'p';
		change_pending(ch, 'p', mailbox);
		step->more = true;
	}
	return e;
}

/* All of it is gone: from now on the note is that, with the time. */
static enum err note_removed(struct change *ch, const struct pending *work)
{
	enum err e;

	key_pending(&ch->key, ch->account, work->kind, work->number);
	e = store_get(ch->txn, buf_str(&ch->key), &ch->value);
	if (!e && ch->value.n)
		store_delete(ch->txn, buf_str(&ch->key));
	if (e || ch->value.n)
		return e == ERR_NOTFOUND ? OK : e;
	buf_add_be64(&ch->value, (uint64_t)ch->now);
	store_put(ch->txn, buf_str(&ch->key), buf_str(&ch->value));
	return OK;
}

/* Nothing is to be done about it yet. */
static bool is_remembered(char kind, str value)
{
	struct cursor c = cursor_of(value);
	int64_t since = (int64_t)cursor_be64(&c);

	return kind == 'a' && cursor_ok(&c) &&
	       clock_wall_s() < since + REMOVED_KEPT_S;
}

/* 'a': a removed account: whatever it still has. */
static enum err purge_account(struct change *ch, struct step *step)
{
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;
	size_t keys = 0, bytes = 0;
	struct store_iter *it;
	str key, value;
	enum err e;

	key_account_range(&from, &to, ch->account);
	it = store_scan(ch->txn, buf_str(&from), buf_str(&to));
	while (keys < STEP_KEYS && bytes < STEP_BYTES &&
		store_iter_next(it, &key, &value)) {
		store_delete(ch->txn, key);
		bytes += key.n + value.n;
		keys++;
	}
	e = store_iter_end(it);
	step->more = keys > 0;
	if (!e && !keys)
		e = note_removed(ch, &step->work);
	buf_fini(&from);
	buf_fini(&to);
	return e;
}

static enum err purge_step(struct store_txn *txn, void *arg)
{
	struct step *step = arg;
	struct change ch;
	enum err e = OK;

	step->more = false;
	step->work = step->begun;
	change_begin(&ch, txn, step->work.account);
	switch (step->work.kind) {
	case 'a':
		e = purge_account(&ch, step);
		break;
	case 'p':
		e = purge_expunged(&ch, step);
		break;
	case 'u':
		chunk_delete_unknown(txn, ch.account, step->work.number);
		done(&ch, &step->work);
		break;
	case 'z':
		e = purge_mailbox(&ch, step);
		break;
	}
	ch.record.next_mailbox = 0; /* counted when it was expunged */
	return change_end(&ch, e);
}

static enum err purge_one(struct mail *mail, const struct pending *work)
{
	struct step step = {.mail = mail, .work = *work};
	struct buf scope = BUF_UNBOUNDED;
	enum err e;

	buf_add_be64(&scope, work->account);
	do {
		step.begun = step.work;
		step.floor = work->kind == 'u' || work->kind == 'a'
				     ? UINT64_MAX
				     : mail_watch_floor(mail, work->account,
					       (mailbox_num)work->number);
		e = store_write_lazy(
			mail->store, buf_str(&scope), purge_step, &step);
	} while (!e && step.more && !mail->stopping);
	buf_fini(&scope);
	return e;
}

/* All work that is noted, in the arena. */
static enum err list_pending(struct mail *mail, struct arena *arena,
	struct pending **list_r, size_t *count_r)
{
	struct store_txn *txn = store_begin_read(mail->store);
	struct store_iter *it = store_scan(txn, STR("P"), STR("Q"));
	struct pending *list = NULL;
	size_t n = 0, room = 0;
	str key, value;
	enum err e = OK, scan_e;

	while (!e && store_iter_next(it, &key, &value)) {
		if (n == room) {
			struct pending *more;

			room = room ? room * 2 : 16;
			more = ARENA_ARRAY(arena, struct pending, room);
			if (n)
				memcpy(more, list, n * sizeof *more);
			list = more;
		}
		e = key_pending_read(
			key, &list[n].account, &list[n].kind, &list[n].number);
		n += !is_remembered(list[n].kind, value);
	}
	scan_e = store_iter_end(it);
	store_end_read(txn);
	*list_r = list;
	*count_r = n;
	return e ? e : scan_e;
}

static enum err purge_kinds(struct mail *mail, const char *kinds)
{
	struct pending *list;
	struct arena arena;
	size_t count;
	enum err e;

	arena_init(&arena, SIZE_MAX);
	e = list_pending(mail, &arena, &list, &count);
	/* What cannot be done does not keep the rest from being done. */
	for (size_t i = 0; i < count && !mail->stopping; i++) {
		enum err one = OK;

		if (strchr(kinds, list[i].kind))
			one = purge_one(mail, &list[i]);
		e = e ? e : one;
	}
	arena_fini(&arena);
	return e;
}

enum err mail_purge_uploads(struct mail *mail)
{
	return purge_kinds(mail, "u");
}

enum err mail_purge(struct mail *mail, bool all)
{
	return purge_kinds(mail, all ? "aupz" : "apz");
}

/* History. */

struct pruning {
	account_num account;
	mailbox_num mailbox;
	int64_t flags_until, expunges_until; /* what is older goes */
	uint64_t entries; /* but the last so many expunges stay */
	struct history_record history;
	bool more;
	enum err err; /* of an entry that cannot be read */
};

/* Calls for each entry from this mod-sequence on, at most a step's, until it
 * says that this is enough. */
typedef bool prune_fn(
	struct pruning *, struct change *, str key, modseq_num, str value);

static enum err each_entry(struct change *ch, struct pruning *p,
	modseq_num from_modseq, prune_fn *call)
{
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;
	struct store_iter *it;
	size_t keys = 0;
	str key, value;
	enum err e;

	key_journal(&from, p->account, p->mailbox, from_modseq);
	key_mailbox(&to, p->account, 'j', p->mailbox);
	key_prefix_end(&to);
	it = store_scan(ch->txn, buf_str(&from), buf_str(&to));
	p->more = false;
	p->err = OK;
	while (keys++ < STEP_KEYS && store_iter_next(it, &key, &value)) {
		struct cursor c = cursor_of(str_skip(key_tail(key), 4));

		if (call(p, ch, key, cursor_be64(&c), value))
			break;
		p->more = keys == STEP_KEYS;
	}
	e = store_iter_end(it);
	buf_fini(&from);
	buf_fini(&to);
	return e ? e : p->err;
}

/* What did not expunge goes once no view is that old. In order of time. */
static bool thin_out(struct pruning *p, struct change *ch, str key,
	modseq_num modseq, str value)
{
	struct history_record *h = &p->history;
	struct journal_record j;
	bool enough;

	p->err = damage_told(ch->txn, key, journal_decode(value, &j));
	enough = p->err || j.when >= p->flags_until;
	if (!enough) {
		h->pruned = modseq;
		if (uidset_is_empty(&j.expunged)) {
			store_delete(ch->txn, key);
		} else {
			h->oldest = h->oldest ? h->oldest : j.when;
			h->entries++;
		}
	}
	journal_fini(&j);
	return enough;
}

/* The first goes, as long as it is old and enough are left. */
static bool forget_first(struct pruning *p, struct change *ch, str key,
	modseq_num modseq, str value)
{
	struct history_record *h = &p->history;
	struct journal_record j;
	bool enough;

	p->err = damage_told(ch->txn, key, journal_decode(value, &j));
	enough = p->err || modseq > h->pruned;
	if (!enough) {
		h->oldest = j.when;
		enough =
			j.when >= p->expunges_until || h->entries <= p->entries;
	}
	if (!enough) {
		if (modseq > h->forgotten)
			h->forgotten = modseq;
		h->entries--;
		store_delete(ch->txn, key);
	}
	journal_fini(&j);
	return enough;
}

static bool may_forget(const struct pruning *p)
{
	return p->history.oldest && p->history.oldest < p->expunges_until &&
	       p->history.entries > p->entries;
}

static enum err prune_step(struct store_txn *txn, void *arg)
{
	struct pruning *p = arg;
	struct history_record *h = &p->history;
	struct history_record was;
	struct change ch;
	enum err e;

	change_begin(&ch, txn, p->account);
	e = history_read(txn, p->account, p->mailbox, h);
	was = *h;
	if (!e)
		e = each_entry(&ch, p, h->pruned + 1, thin_out);
	/* From the beginning only when something there is to go. */
	if (!e && !p->more && may_forget(p))
		e = each_entry(&ch, p, 0, forget_first);
	if (!e && h->entries == 0)
		h->oldest = 0;
	if (!e && memcmp(&was, h, sizeof was) != 0) {
		key_mailbox(&ch.key, p->account, 'h', p->mailbox);
		history_encode(h, &ch.value);
		store_put(txn, buf_str(&ch.key), buf_str(&ch.value));
	}
	return change_end(&ch, e);
}

static enum err prune_mailbox(struct mail *mail, struct pruning *p)
{
	struct buf scope = BUF_UNBOUNDED;
	enum err e;

	buf_add_be64(&scope, p->account);
	do
		e = store_write_lazy(
			mail->store, buf_str(&scope), prune_step, p);
	while (!e && p->more && !mail->stopping);
	buf_fini(&scope);
	return e;
}

/* The first key of [from, to), in key_r; empty when there is none. */
static enum err first_key(
	struct mail *mail, str from, str to, struct buf *key_r)
{
	struct store_txn *txn = store_begin_read(mail->store);
	struct store_iter *it = store_scan(txn, from, to);
	str key, value;
	enum err e;

	buf_reset(key_r);
	if (store_iter_next(it, &key, &value))
		buf_add(key_r, key);
	e = store_iter_end(it);
	store_end_read(txn);
	return e;
}

/* The account's next mailbox that has a journal; 0: there is none. */
static enum err next_journal(struct mail *mail, account_num account,
	mailbox_num after, mailbox_num *mailbox_r)
{
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;
	struct buf key = BUF_UNBOUNDED;
	struct cursor c;
	enum err e;

	key_mailbox(&from, account, 'j', after + 1);
	key_account_prefix(&to, account, 'j' + 1);
	e = first_key(mail, buf_str(&from), buf_str(&to), &key);
	c = cursor_of(key_tail(buf_str(&key)));
	*mailbox_r = !e && key.n ? cursor_be32(&c) : 0;
	buf_fini(&from);
	buf_fini(&to);
	buf_fini(&key);
	return e;
}

/* The next account that has keys, or, where they cannot be read, may have. */
struct next_account {
	account_num after, found;
};

/* Damage is of few accounts; where it seems to be of more, they are others. */
#define DAMAGED_ACCOUNTS 1000

static enum err found_account(void *arg, str key, str value)
{
	struct next_account *n = arg;

	(void)value;
	if (!n->found)
		n->found = key_account_of(key);
	return ERR_CLOSED;
}

static void may_be_account(void *arg, str from, str to, uint64_t damage)
{
	struct next_account *n = arg;
	account_num first = key_account_of(from), end = key_account_of(to);

	(void)damage;
	if (!end || end > first + DAMAGED_ACCOUNTS)
		end = first + DAMAGED_ACCOUNTS;
	if (first <= n->after)
		first = n->after + 1;
	if (!n->found && first <= end)
		n->found = first;
}

enum err mail_next_account(
	struct mail *mail, account_num after, account_num *account_r)
{
	struct next_account n = {.after = after};
	const struct store_salvage how = {found_account, may_be_account, &n};
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;
	struct store_txn *txn = store_begin_read(mail->store);
	enum err e;

	key_account_range(&from, &to, after + 1);
	e = store_salvage(txn, buf_str(&from), STR("B"), &how);
	store_end_read(txn);
	buf_fini(&from);
	buf_fini(&to);
	*account_r = n.found;
	return e == ERR_CLOSED ? OK : e;
}

static enum err prune_account(struct mail *mail, struct pruning *p)
{
	enum err e, first = OK;

	p->mailbox = 0;
	while (!(e = next_journal(mail, p->account, p->mailbox, &p->mailbox)) &&
		p->mailbox && !mail->stopping) {
		e = prune_mailbox(mail, p);
		first = first ? first : e;
	}
	return first ? first : e;
}

/* Message-IDs that were delivered so long ago that they may come again. */
struct forgetting {
	account_num account;
	int64_t now;
	struct buf from, next; /* keys: of this step, of the one after it */
	bool more;
};

static enum err forget_step(struct store_txn *txn, void *arg)
{
	struct forgetting *f = arg;
	struct buf to = BUF_UNBOUNDED;
	struct store_iter *it;
	size_t keys = 0;
	str key, value;
	enum err e;

	key_account_prefix(&to, f->account, 'o' + 1);
	it = store_scan(txn, buf_str(&f->from), buf_str(&to));
	while (keys < STEP_KEYS && store_iter_next(it, &key, &value)) {
		int64_t until;

		buf_reset(&f->next);
		buf_add(&f->next, key);
		buf_add_byte(&f->next, '\0');
		/* Of one that says nothing nothing is known. */
		if (seen_decode(value, &until) || until <= f->now)
			store_delete(txn, key);
		keys++;
	}
	f->more = keys == STEP_KEYS;
	e = store_iter_end(it);
	buf_fini(&to);
	return e;
}

static enum err forget_seen(struct mail *mail, account_num account, int64_t now)
{
	struct forgetting f = {
		.account = account,
		.now = now,
		.from = BUF_UNBOUNDED,
		.next = BUF_UNBOUNDED,
	};
	struct buf scope = BUF_UNBOUNDED;
	enum err e;

	buf_add_be64(&scope, account);
	key_account_prefix(&f.from, account, 'o');
	do {
		e = store_write_lazy(
			mail->store, buf_str(&scope), forget_step, &f);
		buf_reset(&f.from);
		buf_add(&f.from, buf_str(&f.next));
	} while (!e && f.more && !mail->stopping);
	buf_fini(&f.from);
	buf_fini(&f.next);
	buf_fini(&scope);
	return e;
}

enum err mail_prune(struct mail *mail, int64_t now)
{
	struct mail_limits limits = mail_limits_of(mail);
	struct pruning p = {
		.flags_until = now - HISTORY_ROUND_S,
		.expunges_until = now - limits.history,
		.entries = limits.history_entries,
	};
	enum err e, first = OK;

	if (p.expunges_until > p.flags_until)
		p.expunges_until = p.flags_until;
	while (!(e = mail_next_account(mail, p.account, &p.account)) &&
		p.account && !mail->stopping) {
		e = prune_account(mail, &p);
		first = first ? first : e;
		e = forget_seen(mail, p.account, now);
		first = first ? first : e;
	}
	return first ? first : e;
}

/* The thread. */

static int64_t monotonic_s(void)
{
	return (int64_t)(clock_monotonic_ms() / 1000);
}

void mail_wake_janitor(struct mail *mail)
{
	pthread_mutex_lock(&mail->janitor_lock);
	mail->work_waits = true;
	pthread_cond_signal(&mail->janitor_wake);
	pthread_mutex_unlock(&mail->janitor_lock);
}

void mail_stop(struct mail *mail)
{
	pthread_mutex_lock(&mail->janitor_lock);
	mail->stopping = true;
	pthread_cond_signal(&mail->janitor_wake);
	pthread_mutex_unlock(&mail->janitor_lock);
}

/* Until there is work, or `until` (monotonic seconds). */
static void wait_for_work(struct mail *mail, int64_t until)
{
	struct timespec due = {.tv_sec = until};

	while (!mail->work_waits && !mail->stopping)
		if (pthread_cond_timedwait(&mail->janitor_wake,
			    &mail->janitor_lock, &due) == ETIMEDOUT)
			break;
}

/* Bursts of expunges are taken together; and who expunged mostly has more to
 * ask just then, so that he would wait for it. */
static void let_others_first(struct mail *mail)
{
	pthread_mutex_unlock(&mail->janitor_lock);
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	pthread_mutex_lock(&mail->janitor_lock);
}

/* Answers that nobody asked for in a while, and what is free. */
static void let_go_of_memory(struct mail *mail)
{
	uint64_t now = clock_monotonic_ms();

	if (now > KEPT_SECONDS * 1000)
		kept_forget_before(mail, now - KEPT_SECONDS * 1000);
	alloc_tidy_up();
}

void mail_run_janitor(struct mail *mail)
{
	int64_t round = monotonic_s() + HISTORY_FIRST_S;
	int64_t look = monotonic_s() + KEPT_LOOK_S;

	pthread_mutex_lock(&mail->janitor_lock);
	while (!mail->stopping) {
		enum err e = OK;
		bool work;

		wait_for_work(mail, look < round ? look : round);
		if (!mail->stopping)
			let_others_first(mail);
		work = mail->work_waits;
		mail->work_waits = false;
		if (mail->stopping)
			break;
		pthread_mutex_unlock(&mail->janitor_lock);
		if (monotonic_s() >= look) {
			look = monotonic_s() + KEPT_LOOK_S;
			let_go_of_memory(mail);
		}
		if (work || monotonic_s() >= round)
			e = mail_purge(mail, false);
		if (e)
			log_error("store", "purging failed", LOG_ERR(e));
		if (monotonic_s() >= round) {
			round = monotonic_s() + HISTORY_ROUND_S;
			e = mail_prune(mail, clock_wall_s());
			if (e)
				log_error(
					"store", "pruning failed", LOG_ERR(e));
		}
		pthread_mutex_lock(&mail->janitor_lock);
	}
	pthread_mutex_unlock(&mail->janitor_lock);
}

/* Accounts. */

static enum err remove_account(struct store_txn *txn, void *arg)
{
	const account_num *account = arg;
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;

	key_account_prefix(&from, *account, 'n');
	key_account_prefix(&to, *account, 'n' + 1);
	store_delete_range(txn, buf_str(&from), buf_str(&to));
	key_account(&from, *account);
	store_delete(txn, buf_str(&from));
	/* One work for all that waits. */
	key_pending(&from, *account, '\0', 0);
	key_pending(&to, *account, '\x7f', 0);
	store_delete_range(txn, buf_str(&from), buf_str(&to));
	key_pending(&from, *account, 'a', 0);
	store_put(txn, buf_str(&from), str_of("", 0));
	buf_fini(&from);
	buf_fini(&to);
	return OK;
}

enum err mail_account_purge(struct mail *mail, account_num account)
{
	enum err e = account_write(mail, account, remove_account, &account);

	if (!e)
		mail_wake_janitor(mail);
	return e;
}
