/* SPDX-License-Identifier: Apache-2.0 */
/* For tests that compare what is stored: all of an account that a client could
 * see, but times, as text. */
#ifndef FAULT_DUMP_H
#define FAULT_DUMP_H

#include "base/test.h"
#include "base/arena.h"
#include "mail/bytes.h"
#include "mail/annotation.h"
#include "mail/message.h"
#include "mail/upload.h"
#include "mail/verify.h"
#include "mail/view.h"
#include "message/flags.h"
#include "store/store.h"

struct dump {
	struct mail *mail;
	struct store *store;
	account_num account;
	struct buf *out;
};

static inline void dump_message(struct dump *d, struct store_txn *txn,
	const struct view *v, const struct membership *m)
{
	struct buf bytes = BUF_UNBOUNDED;

	buf_addf(d->out, "  %u (", m->uid);
	flags_print(d->out, m->flags, false, v->keywords, v->keyword_count);
	assert_ok(message_get_bytes(
		txn, d->account, m->message, 0, UINT64_MAX, &bytes));
	assert_int_equal(bytes.n, m->size);
	buf_addf(d->out, ") %zu %.*s\n", bytes.n,
		(int)str_find_byte(buf_str(&bytes), '\r'), bytes.p);
	buf_fini(&bytes);
}

static inline void dump_annotation(void *arg, str name, str value)
{
	buf_addf(arg, "  %.*s %.*s\n", STR_ARG(name), STR_ARG(value));
}

static inline void dump_mailbox(struct dump *d, const struct mailbox_info *info)
{
	struct mailbox_ref ref = {
		.account = d->account, .id = info->id, .rights = RIGHT_ALL};
	const struct membership *m;
	struct store_txn *txn;
	struct view_iter it;
	struct view *v;

	buf_addf(d->out, "%.*s%s%s use %u next %u messages %u unseen %u\n",
		STR_ARG(info->name), info->exists ? "" : " is not",
		info->subscribed ? " subscribed" : "", info->special_use,
		info->uidnext, info->messages, info->unseen);
	if (!info->exists)
		return;
	assert_ok(annotation_scan(d->mail, &ref, dump_annotation, d->out));
	assert_ok(view_acquire(d->mail, &ref, &v));
	txn = store_begin_read(d->store);
	it = view_iter(v, 1);
	while ((m = view_iter_next(&it)))
		dump_message(d, txn, v, m);
	store_end_read(txn);
	view_release(d->mail, v);
}

/* Replaces what `out` held; it can be given to assert_str. */
static inline void dump_account(struct mail *mail, struct store *store,
	account_num number, struct buf *out)
{
	struct dump d = {mail, store, number, out};
	struct mail_user user = {.account = number, .rights = RIGHT_ALL};
	struct mailbox_ref server = {.account = number, .rights = RIGHT_ALL};
	struct account_record account;
	struct mailbox_info *list;
	struct arena arena;
	size_t count;
	enum err e;

	buf_reset(out);
	arena_init(&arena, SIZE_MAX);
	assert_ok(mailbox_list(mail, &user, &arena, &list, &count));
	for (size_t i = 0; i < count; i++)
		dump_mailbox(&d, &list[i]);
	assert_ok(annotation_scan(mail, &server, dump_annotation, out));
	e = mail_account_info(mail, number, &account);
	assert_true(e == OK || e == ERR_NOTFOUND);
	if (!e)
		buf_addf(out, "%llu bytes in %llu messages, quota %llu\n",
			(unsigned long long)account.bytes,
			(unsigned long long)account.messages,
			(unsigned long long)account.quota);
	buf_add_byte(out, '\0'); /* for assert_str */
	buf_truncate(out, out->n - 1);
	arena_fini(&arena);
}

static inline void print_problem(void *arg, str words)
{
	(void)arg;
	print_error("verify: %.*s\n", STR_ARG(words));
}

static inline void check_mail(struct mail *mail)
{
	struct verify v = {.problem = print_problem};

	assert_ok(verify_mail(mail, 0, &v));
	assert_int_equal(v.problems, 0);
}

#endif
