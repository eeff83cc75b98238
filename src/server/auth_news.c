/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/log.h"
#include "server/auth_private.h"

#include <stdlib.h>

#define NEWS_RETRY_MS 1000

struct news_page {
	struct buf bytes; /* type, payload; sized */
	uint64_t last;
	size_t count;
};

static void collect_news(const struct account_news *n, void *arg)
{
	struct news_page *page = arg;
	struct buf payload = BUF_UNBOUNDED;

	buf_add_varint(&payload, n->account);
	buf_add_varint(&payload, n->serial);
	if (!n->removed) {
		buf_add_sized(&payload, n->name);
		buf_add_varint(&payload, n->quota);
	}
	buf_add_varint(&page->bytes,
		n->removed ? IPC_ACCOUNT_REMOVED : IPC_ACCOUNT_CHANGED);
	buf_add_varint(&page->bytes, n->serial);
	buf_add_sized(&page->bytes, buf_str(&payload));
	buf_fini(&payload);
	page->count++;
}

static enum err send_page(struct auth *a, struct peer *mail, str bytes)
{
	struct cursor c = cursor_of(bytes);
	enum err e = OK;

	while (!e && !cursor_done(&c)) {
		uint32_t type = (uint32_t)cursor_varint(&c);
		uint64_t serial = cursor_varint(&c);

		e = peer_send(mail, type, 0, cursor_sized(&c));
		if (!e)
			a->told = serial;
	}
	return e;
}

static void turn_came(struct loop *loop, struct loop_timer *timer)
{
	(void)loop;
	news_tell(LOOP_OWNER(timer, struct auth, news_timer));
}

void news_tell(struct auth *a)
{
	struct news_page page = {.bytes = BUF_UNBOUNDED};
	struct peer *mail = peer_find(a, "mail");
	enum err e;

	if (!mail)
		return; /* all of it when it comes */
	e = accounts_news(a->context.accounts, a->told, collect_news, &page);
	if (!e)
		e = send_page(a, mail, buf_str(&page.bytes));
	if (e || page.count == ACCOUNTS_NEWS_MAX)
		loop_timer_set_exact(a->loop, &a->news_timer,
			e ? NEWS_RETRY_MS : 1, turn_came);
	buf_fini(&page.bytes);
}

void news_begin(struct auth *a)
{
	a->told = 0;
	a->context.changed(&a->context);
}

enum err news_noted(struct auth *a, const struct ipc_msg *m)
{
	struct cursor c = cursor_of(m->payload);
	uint64_t account = cursor_varint(&c), serial = cursor_varint(&c);

	if (!cursor_ok(&c))
		return ERR_INVALID;
	return accounts_noted(a->context.accounts, account, serial);
}

/* -------- sessions that must end -------- */

struct ending {
	struct auth *auth;
	uint64_t account;
	unsigned protocols;
};

/* The moment is the loop's, which mints all tickets: one that was minted just
 * before, by what the account was, is not later than it. */
static void tell_end(const struct ending *end, str protocol)
{
	struct peer *mail = peer_find(end->auth, "mail");
	struct buf payload = BUF_UNBOUNDED;
	enum err e = ERR_CLOSED;

	buf_add_varint(&payload, end->account);
	buf_add_sized(&payload, protocol);
	end->auth->ended_ms = clock_monotonic_ms();
	buf_add_varint(&payload, end->auth->ended_ms);
	if (mail)
		e = peer_send(mail, IPC_SESSIONS_END, 0, buf_str(&payload));
	/* Without mail there are no sessions, and tickets from before it came
	 * are not taken. */
	if (e && e != ERR_CLOSED)
		log_error("auth", "sessions could not be ended",
			LOG_U64("id", end->account), LOG_ERR(e));
	buf_fini(&payload);
}

static void end_posted(struct loop *loop, void *arg)
{
	struct ending *end = arg;

	(void)loop;
	/* Logins under way are looked at again. */
	end->auth->ends++;
	login_cache_forget(end->auth->cache, end->account);
	if (end->protocols == ~0u) {
		tell_end(end, STR(""));
		end->protocols = 0;
	}
#define X(symbol, name, bit)                                                   \
	if (end->protocols & ACCOUNT_##symbol)                                 \
		tell_end(end, STR(name));
	ACCOUNT_PROTOCOL_TABLE(X)
#undef X
	free(end);
}

void news_sessions_end(
	struct auth_context *context, uint64_t account, unsigned protocols)
{
	struct auth *a = LOOP_OWNER(context, struct auth, context);
	struct ending *end = xcalloc(1, sizeof *end);

	*end = (struct ending){a, account, protocols};
	loop_post(a->loop, end_posted, end);
}
