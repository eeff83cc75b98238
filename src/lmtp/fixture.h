/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: LMTP sessions in this process, over socket pairs, on the memory
 * engine, and an auth that knows a few people:
 *
 *	ann, bob, cas, full	accounts 1 to 4; full is over its quota
 *	both			ann and bob
 *	off, away, many		switched off; auth is away; more accounts
 *				than one message may be for
 *	some			100 accounts, 1000 to 1099
 *	anyone+detail		the detail
 *	others			nobody
 */
#ifndef LMTP_FIXTURE_H
#define LMTP_FIXTURE_H

#include "base/test.h"
#include "base/cursor.h"
#include "base/ipc.h"
#include "base/log.h"
#include "lmtp/lmtp.h"
#include "mail/bytes.h"
#include "mail/view.h"
#include "session/fixture.h"

#include <poll.h>

#define PATIENCE_MS 30000

static const char *const people[] = {"", "ann", "bob", "cas", "full"};

static inline void put_person(struct buf *out, unsigned number, bool detail)
{
	buf_add_varint(out, number);
	buf_add_sized(out, str_c(people[number]));
	buf_add_varint(out, detail);
}

static inline void put_answer(struct buf *out, enum err e, str detail)
{
	buf_add_varint(out, (uint64_t)e);
	buf_add_sized(out, detail);
}

static inline void resolve(str address, struct buf *out)
{
	str local = str_take(address, str_find_byte(address, '@'));
	size_t plus = str_find_byte(local, '+');
	str name = str_take(local, plus), detail = str_skip(local, plus + 1);

	for (unsigned i = 1; i < COUNT_OF(people); i++) {
		if (!str_eq_c(name, people[i]))
			continue;
		put_answer(out, OK, detail);
		buf_add_varint(out, 1);
		put_person(out, i, true);
		return;
	}
	if (str_eq_c(name, "both")) {
		put_answer(out, OK, detail);
		buf_add_varint(out, 2);
		put_person(out, 1, false);
		put_person(out, 2, true);
	} else if (str_eq_c(name, "some")) {
		put_answer(out, OK, detail);
		buf_add_varint(out, 100);
		for (unsigned i = 1000; i < 1100; i++) {
			buf_add_varint(out, i);
			buf_add_sized(out, name);
			buf_add_varint(out, 0);
		}
	} else if (str_eq_c(name, "many")) {
		put_answer(out, OK, detail);
		buf_add_varint(out, 1000000);
	} else if (str_eq_c(name, "off")) {
		put_answer(out, ERR_DENIED, STR(""));
	} else if (str_eq_c(name, "away")) {
		put_answer(out, ERR_UNAVAILABLE, STR(""));
	} else {
		put_answer(out, ERR_NOTFOUND, STR(""));
	}
}

static inline enum err ask(void *ctx, uint32_t type, uint32_t id, str payload)
{
	struct world *w = ctx;
	struct cursor c = cursor_of(payload);
	struct buf out = BUF_UNBOUNDED;

	assert_int_equal(type, IPC_RESOLVE);
	assert_str(cursor_sized(&c), "lmtp");
	resolve(cursor_sized(&c), &out);
	assert_true(cursor_ok(&c) && cursor_done(&c));
	session_service_answer(w->service, id, buf_str(&out));
	buf_fini(&out);
	return OK;
}

/* limits: of mail; NULL: the usual ones. */
static inline void world_begin_on(
	struct world *w, struct store *store, const struct mail_limits *limits)
{
	world_make(w, store, limits);
	assert_ok(mail_account_set_quota(w->mail, 4, 1));
	session_service_set_sender(
		w->service, &(struct session_sender){ask, w, PATIENCE_MS});
	world_start(w);
}

static inline void world_begin(
	struct world *w, const struct mail_limits *limits)
{
	world_begin_on(w, store_open_memory(), limits);
}

/* The client's end. */
static inline int client_begin(
	struct world *w, uint32_t rights, const char *remote)
{
	const struct handover h = {
		.protocol = STR("lmtp"),
		.session = STR("abc123"),
		.remote = str_c(remote),
	};
	const struct ticket t = {.name = STR(""), .rights = rights};

	return world_dial(w, &lmtp_protocol, &h, &t);
}

static inline void say(int fd, str text)
{
	while (text.n) {
		ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL);

		assert_true(n > 0);
		text = str_skip(text, (size_t)n);
	}
}

/* Appends what comes, until there are so many lines or the end. */
static inline void hear(int fd, struct buf *in, size_t lines)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char piece[4096];
		size_t count = 0;
		ssize_t n;

		for (size_t i = 0; i < in->n; i++)
			count += in->p[i] == '\n';
		if (count >= lines || poll(&p, 1, PATIENCE_MS) <= 0)
			return;
		n = recv(fd, piece, sizeof piece, 0);
		if (n <= 0)
			return;
		buf_add(in, str_of(piece, (size_t)n));
	}
}

/* The messages of a mailbox, one behind the other; how many. */
static inline uint32_t stored(struct world *w, account_num account,
	const char *mailbox, struct buf *bytes)
{
	const struct mail_user user = {.account = account, .rights = RIGHT_ALL};
	struct mailbox_ref ref;
	struct store_txn *txn;
	struct view *v;
	struct view_iter it;
	const struct membership *m;
	uint32_t count = 0;

	if (mailbox_open(w->mail, &user, str_c(mailbox), RIGHT_READ, &ref))
		return 0;
	assert_ok(view_acquire(w->mail, &ref, &v));
	txn = store_begin_read(w->store);
	it = view_iter(v, 1);
	while ((m = view_iter_next(&it))) {
		count++;
		assert_ok(message_get_bytes(
			txn, account, m->message, 0, UINT64_MAX, bytes));
	}
	store_end_read(txn);
	view_release(w->mail, v);
	return count;
}

#endif
