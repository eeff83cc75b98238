/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nothing refers to any more is let go here, later, in small lazy
 * writes: the 'P' keys say what is left to do, so that a crash forgets
 * nothing, and doing a thing twice does no harm.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "mail/mail.h"
#include "mail/private.h"

#include <stdlib.h>
#include <time.h>

/* Work of one write: bounds its size and how long writers of the account
 * wait for it. */
#define STEP_MESSAGES 200
#define HISTORY_ROUND_S 3600

struct pending {
	account_num account;
	char kind;
	uint64_t number;
};

struct step {
	struct mail *mail;
	struct pending work;
	modseq_num floor; /* what was expunged later is still known */
	bool more;	  /* the step stopped at its bound */
};

/* Keys of [from, to): at most `max`, copied into the change's arena. */
static enum err collect_keys(struct change *ch, str from, str to, size_t max,
	str **keys_r, str **values_r, size_t *count_r)
{
	str *keys = ARENA_ARRAY(&ch->arena, str, max);
	str *values = ARENA_ARRAY(&ch->arena, str, max);
	struct store_iter *it = store_scan(ch->txn, from, to);
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

static void delete_chunks(struct change *ch, message_num message)
{
	struct buf to = BUF_UNBOUNDED;

	key_message(&ch->key, ch->account, 'c', message);
	buf_add(&to, buf_str(&ch->key));
	key_prefix_end(&to);
	store_delete_range(ch->txn, buf_str(&ch->key), buf_str(&to));
	buf_fini(&to);
}

/* By their keys: a range would read every byte of them first. */
static void delete_chunks_of(
	struct change *ch, message_num message, uint64_t size)
{
	uint64_t count = size / CHUNK_SIZE + 1;

	for (uint64_t i = 0; i < count; i++) {
		key_chunk(&ch->key, ch->account, message, (uint32_t)i);
		store_delete(ch->txn, buf_str(&ch->key));
	}
}

static enum err delete_message(struct change *ch, message_num message)
{
	struct message_record record;
	enum err e;

	key_message(&ch->key, ch->account, 'i', message);
	e = store_get(ch->txn, buf_str(&ch->key), &ch->value);
	if (e)
		return e == ERR_NOTFOUND ? OK : e;
	store_delete(ch->txn, buf_str(&ch->key));
	e = message_decode(buf_str(&ch->value), &record);
	if (e)
		return e;
	key_hash(&ch->key, ch->account, record.hash);
	store_delete(ch->txn, buf_str(&ch->key));
	key_message(&ch->key, ch->account, 'd', message);
	store_delete(ch->txn, buf_str(&ch->key));
	delete_chunks_of(ch, message, record.size);
	return OK;
}

/* Takes a membership's link away, and the message with its last one. */
static enum err unlink_message(struct change *ch, message_num message,
	mailbox_num mailbox, uid_num uid)
{
	struct buf to = BUF_UNBOUNDED;
	struct store_iter *it;
	str key, value;
	bool linked;
	enum err e;

	key_link(&ch->key, ch->account, message, mailbox, uid);
	store_delete(ch->txn, buf_str(&ch->key));
	key_message(&ch->key, ch->account, 'l', message);
	buf_add(&to, buf_str(&ch->key));
	key_prefix_end(&to);
	it = store_scan(ch->txn, buf_str(&ch->key), buf_str(&to));
	linked = store_iter_next(it, &key, &value);
	e = store_iter_end(it);
	buf_fini(&to);
	return e || linked ? e : delete_message(ch, message);
}

static void done(struct change *ch, const struct pending *work)
{
	key_pending(&ch->key, ch->account, work->kind, work->number);
	store_delete(ch->txn, buf_str(&ch->key));
}

/* 'p': expunged messages of a mailbox that is still there, or not. */
static enum err purge_expunged(struct change *ch, struct step *step)
{
	mailbox_num mailbox = (mailbox_num)step->work.number;
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;
	str *keys, *values;
	size_t count, kept = 0;
	enum err e;

	key_mailbox(&from, ch->account, 'p', mailbox);
	buf_add(&to, buf_str(&from));
	key_prefix_end(&to);
	e = collect_keys(ch, buf_str(&from), buf_str(&to), STEP_MESSAGES,
		&keys, &values, &count);
	for (size_t i = 0; !e && i < count; i++) {
		struct cursor c = cursor_of(str_skip(key_tail(keys[i]), 4));
		struct membership m;
		modseq_num when;

		e = expunged_decode(values[i], cursor_be32(&c), &m, &when);
		if (!e && when > step->floor) {
			kept++;
			continue;
		}
		store_delete(ch->txn, keys[i]);
		if (!e)
			e = unlink_message(ch, m.message, mailbox, m.uid);
	}
	if (!e && count < STEP_MESSAGES && !kept)
		done(ch, &step->work);
	step->more = count == STEP_MESSAGES && kept < count;
	buf_fini(&from);
	buf_fini(&to);
	return e;
}

static enum err purge_block(struct change *ch, mailbox_num mailbox, str key,
	str value)
{
	struct cursor c = cursor_of(str_skip(key_tail(key), 4));
	struct membership members[BLOCK_UIDS];
	size_t count;
	enum err e = block_decode(value, cursor_be32(&c), members, &count);

	for (size_t i = 0; !e && i < count; i++)
		e = unlink_message(
			ch, members[i].message, mailbox, members[i].uid);
	store_delete(ch->txn, key);
	return e;
}

/* 'z': a deleted mailbox: a block a step, then its expunged and journal. */
static enum err purge_mailbox(struct change *ch, struct step *step)
{
	mailbox_num mailbox = (mailbox_num)step->work.number;
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;
	str *keys, *values;
	size_t count;
	enum err e;

	if (step->floor != UINT64_MAX)
		return OK; /* a session has it open still */
	key_mailbox(&from, ch->account, 'b', mailbox);
	buf_add(&to, buf_str(&from));
	key_prefix_end(&to);
	e = collect_keys(ch, buf_str(&from), buf_str(&to), 1, &keys, &values,
		&count);
	if (!e && count) {
		e = purge_block(ch, mailbox, keys[0], values[0]);
		step->more = true;
	} else if (!e) {
		key_mailbox(&from, ch->account, 'j', mailbox);
		key_mailbox(&to, ch->account, 'j', mailbox);
		key_prefix_end(&to);
		store_delete_range(ch->txn, buf_str(&from), buf_str(&to));
		done(ch, &step->work);
		change_pending(ch, 'p', mailbox);
	}
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
	change_begin(&ch, txn, step->work.account);
	switch (step->work.kind) {
	case 'p':
		e = purge_expunged(&ch, step);
		break;
	case 'u':
		delete_chunks(&ch, step->work.number);
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
		step.floor = work->kind == 'u'
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
		e = key_pending_read(key, &list[n].account, &list[n].kind,
			&list[n].number);
		n++;
	}
	scan_e = store_iter_end(it);
	store_end_read(txn);
	*list_r = list;
	*count_r = n;
	return e ? e : scan_e;
}

enum err mail_purge(struct mail *mail, bool all)
{
	struct pending *list;
	struct arena arena;
	size_t count;
	enum err e;

	arena_init(&arena, SIZE_MAX);
	e = list_pending(mail, &arena, &list, &count);
	for (size_t i = 0; !e && i < count && !mail->stopping; i++)
		if (all || list[i].kind != 'u')
			e = purge_one(mail, &list[i]);
	arena_fini(&arena);
	return e;
}

/* The thread. */

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

void mail_run_janitor(struct mail *mail)
{
	pthread_mutex_lock(&mail->janitor_lock);
	while (!mail->stopping) {
		enum err e;

		while (!mail->work_waits && !mail->stopping)
			pthread_cond_wait(
				&mail->janitor_wake, &mail->janitor_lock);
		mail->work_waits = false;
		if (mail->stopping)
			break;
		pthread_mutex_unlock(&mail->janitor_lock);
		e = mail_purge(mail, false);
		if (e)
			log_error("store", "purging failed", LOG_ERR(e));
		/* Bursts of expunges are taken together. */
		nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
		pthread_mutex_lock(&mail->janitor_lock);
	}
	pthread_mutex_unlock(&mail->janitor_lock);
}

/* Accounts. */

static enum err purge_account(struct store_txn *txn, void *arg)
{
	const account_num *account = arg;
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;

	key_account_prefix(&from, *account, '\0');
	buf_truncate(&from, from.n - 1);
	buf_add(&to, buf_str(&from));
	key_prefix_end(&to);
	store_delete_range(txn, buf_str(&from), buf_str(&to));
	from.p[0] = to.p[0] = 'P';
	store_delete_range(txn, buf_str(&from), buf_str(&to));
	buf_fini(&from);
	buf_fini(&to);
	return OK;
}

enum err mail_account_purge(struct mail *mail, account_num account)
{
	return account_write(mail, account, purge_account, &account);
}
