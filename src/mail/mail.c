/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/mail.h"
#include "base/alloc.h"
#include "base/hash.h"
#include "mail/kept.h"
#include "mail/private.h"

#include <stdlib.h>
#include <time.h>

static const struct mail_limits default_limits = {
	.mailboxes = 10000,
	.literal = 64 << 20,
	.view_cache = 64 << 20,
	.answers = 16 << 20,
	.history = 180 * 86400,
	.history_entries = 1000000,
	.annotation = 16 << 10,
	.annotations = 100,
};

struct mail *mail_new(struct store *store, const struct mail_limits *limits)
{
	struct mail *mail = xcalloc(1, sizeof *mail);
	pthread_condattr_t monotonic;

	mail->store = store;
	mail->limits = limits ? *limits : default_limits;
	mail->kept = kept_new();
	pthread_mutex_init(&mail->limits_lock, NULL);
	pthread_mutex_init(&mail->watch_lock, NULL);
	pthread_mutex_init(&mail->view_lock, NULL);
	pthread_mutex_init(&mail->opened_lock, NULL);
	pthread_mutex_init(&mail->janitor_lock, NULL);
	pthread_mutex_init(&mail->damage_lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&mail->janitor_wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	mail->work_waits = true; /* what an earlier process left */
	return mail;
}

void mail_set_limits(struct mail *mail, const struct mail_limits *limits)
{
	pthread_mutex_lock(&mail->limits_lock);
	mail->limits = *limits;
	pthread_mutex_unlock(&mail->limits_lock);
}

struct mail_limits mail_limits_of(struct mail *mail)
{
	struct mail_limits limits;

	pthread_mutex_lock(&mail->limits_lock);
	limits = mail->limits;
	pthread_mutex_unlock(&mail->limits_lock);
	return limits;
}

void mail_free(struct mail *mail)
{
	view_cache_free(mail);
	kept_free(mail->kept);
	opened_fini(mail);
	pthread_mutex_destroy(&mail->limits_lock);
	pthread_mutex_destroy(&mail->watch_lock);
	pthread_mutex_destroy(&mail->view_lock);
	pthread_mutex_destroy(&mail->opened_lock);
	pthread_mutex_destroy(&mail->janitor_lock);
	pthread_mutex_destroy(&mail->damage_lock);
	pthread_cond_destroy(&mail->janitor_wake);
	free(mail);
}

struct store *mail_store(struct mail *mail)
{
	return mail->store;
}

uint64_t mailbox_hash(account_num account, mailbox_num mailbox)
{
	return hash_u64(account * 0x9e3779b97f4a7c15 ^ mailbox);
}

/* The account. */

enum err mail_account_info(
	struct mail *mail, account_num account, struct account_record *record_r)
{
	struct store_txn *txn = store_begin_read(mail->store);
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;
	enum err e;

	key_account(&key, account);
	e = store_get(txn, buf_str(&key), &value);
	if (!e)
		e = account_decode(buf_str(&value), record_r);
	e = damage_told(txn, buf_str(&key), e);
	store_end_read(txn);
	buf_fini(&key);
	buf_fini(&value);
	return e;
}

struct quota_request {
	account_num account;
	uint64_t bytes;
};

static enum err set_quota(struct store_txn *txn, void *arg)
{
	const struct quota_request *q = arg;
	struct change ch;
	enum err e;

	change_begin(&ch, txn, q->account);
	e = change_need_account(&ch);
	ch.record.quota = q->bytes;
	return change_end(&ch, e);
}

enum err mail_account_set_quota(
	struct mail *mail, account_num account, uint64_t bytes)
{
	struct quota_request q = {account, bytes};

	return account_write(mail, account, set_quota, &q);
}

/* Watching. */

static struct mail_watch **watch_bucket(
	struct mail *mail, account_num account, mailbox_num mailbox)
{
	return &mail->watches[mailbox_hash(account, mailbox) % WATCH_BUCKETS];
}

void mail_watch_add(struct mail *mail, struct mail_watch *watch)
{
	struct mail_watch **bucket =
		watch_bucket(mail, watch->account, watch->mailbox);

	pthread_mutex_lock(&mail->watch_lock);
	watch->prev = NULL;
	watch->next = *bucket;
	if (watch->next)
		watch->next->prev = watch;
	*bucket = watch;
	pthread_mutex_unlock(&mail->watch_lock);
}

void mail_watch_remove(struct mail *mail, struct mail_watch *watch)
{
	pthread_mutex_lock(&mail->watch_lock);
	if (watch->next)
		watch->next->prev = watch->prev;
	if (watch->prev)
		watch->prev->next = watch->next;
	else
		*watch_bucket(mail, watch->account, watch->mailbox) =
			watch->next;
	pthread_mutex_unlock(&mail->watch_lock);
	mail_wake_janitor(mail);
}

void mail_watch_told(struct mail *mail, struct mail_watch *watch)
{
	(void)watch;
	mail_wake_janitor(mail);
}

static bool watches(
	const struct mail_watch *w, account_num account, mailbox_num mailbox)
{
	return w->account == account && w->mailbox == mailbox;
}

void mail_notify(struct mail *mail, account_num account, mailbox_num mailbox,
	unsigned kinds, const struct news_watch *by)
{
	struct mail_watch *w;

	pthread_mutex_lock(&mail->watch_lock);
	for (w = *watch_bucket(mail, account, mailbox); w; w = w->next)
		if (watches(w, account, mailbox))
			w->changed(w);
	news_of_box(mail, account, mailbox, kinds, by);
	pthread_mutex_unlock(&mail->watch_lock);
}

modseq_num mail_watch_floor(
	struct mail *mail, account_num account, mailbox_num mailbox)
{
	modseq_num floor = UINT64_MAX;
	struct mail_watch *w;

	pthread_mutex_lock(&mail->watch_lock);
	for (w = *watch_bucket(mail, account, mailbox); w; w = w->next)
		if (watches(w, account, mailbox) && w->floor < floor)
			floor = w->floor;
	pthread_mutex_unlock(&mail->watch_lock);
	return floor;
}
