/* SPDX-License-Identifier: Apache-2.0 */
/* RCPT: whose an address is, auth says (base/ipc.h: IPC_RESOLVE). */
#include "base/cursor.h"
#include "base/ipc.h"
#include "base/log.h"
#include "lmtp/private.h"

/* Accounts that a recipient may mean, at most. */
#define ACCOUNTS_MAX 1000

void lmtp_ask(struct lmtp *s, str address)
{
	struct buf payload = BUF_UNBOUNDED;

	s->asked_mark = arena_mark(&s->t.arena);
	s->asked = arena_str(&s->t.arena, address);
	s->doing = LMTP_DOING_ASKING;
	buf_add_sized(&payload, str_c(lmtp_protocol.name));
	buf_add_sized(&payload, address);
	session_ask(&s->session, IPC_RESOLVE, buf_str(&payload));
	buf_fini(&payload);
}

static struct lmtp_account *find_account(
	struct lmtp_transaction *t, account_num number)
{
	struct lmtp_account *a = t->accounts;

	while (a && a->number != number)
		a = a->next;
	return a;
}

static void add_address(
	struct lmtp_transaction *t, struct lmtp_account *a, str address)
{
	for (struct lmtp_address *at = a->addresses; at; at = at->next)
		if (str_eq(at->address, address))
			return;
	*a->last_address = ARENA_NEW(&t->arena, struct lmtp_address);
	(*a->last_address)->address = address;
	a->last_address = &(*a->last_address)->next;
}

static struct lmtp_account *add_account(
	struct lmtp_transaction *t, account_num number, str name)
{
	struct lmtp_account *a = ARENA_NEW(&t->arena, struct lmtp_account);

	a->number = number;
	a->name = arena_str(&t->arena, name);
	a->last_address = &a->addresses;
	*t->last_account = a;
	t->last_account = &a->next;
	t->account_count++;
	return a;
}

/* "varint id, sized name, varint 1 when the detail is for it too" */
static void add_part(struct lmtp_transaction *t, struct lmtp_recipient *r,
	struct cursor *c, str detail)
{
	account_num number = cursor_varint(c);
	str name = cursor_sized(c);
	bool has_detail = cursor_varint(c);
	struct lmtp_part *part;

	if (!cursor_ok(c))
		return;
	part = ARENA_NEW(&t->arena, struct lmtp_part);
	part->account = find_account(t, number);
	if (!part->account)
		part->account = add_account(t, number, name);
	part->detail = has_detail ? detail : STR("");
	add_address(t, part->account, r->address);
	*r->last_part = part;
	r->last_part = &part->next;
}

static struct lmtp_recipient *new_recipient(struct lmtp *s)
{
	struct lmtp_recipient *r =
		ARENA_NEW(&s->t.arena, struct lmtp_recipient);

	r->address = s->asked;
	r->last_part = &r->parts;
	return r;
}

/* Of the arena, at most. */
static size_t room_for(uint64_t accounts, size_t names)
{
	const size_t each = sizeof(struct lmtp_account) +
			    sizeof(struct lmtp_part) +
			    sizeof(struct lmtp_address) + 64;

	return sizeof(struct lmtp_recipient) + 4096 + names +
	       (size_t)accounts * each;
}

/* Of the accounts that are about to be read, those that have no copy yet. */
static uint64_t count_new(
	struct lmtp_transaction *t, struct cursor c, uint64_t count)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < count && cursor_ok(&c); i++) {
		n += !find_account(t, cursor_varint(&c));
		(void)cursor_sized(&c);
		(void)cursor_varint(&c);
	}
	return n;
}

/* Each account has a copy of the message, and a buffer, of its own. There are
 * no more of them than there may be recipients, but for what one alias alone
 * means; somebody who means one account is always let in. */
static bool too_many(struct lmtp *s, const struct cursor *c, uint64_t count)
{
	struct lmtp_transaction *t = &s->t;
	uint64_t most = session_service_limits(s->session.service).recipients;
	uint64_t more;

	if (count > ACCOUNTS_MAX ||
		t->arena.used + room_for(count, cursor_left(c)) >
			t->arena.budget)
		return true;
	more = count_new(t, *c, count);
	return t->recipient_count && more > 1 && t->account_count + more > most;
}

/* ERR_LIMIT: more than one message may be for; the sender comes again with
 * fewer recipients. */
static enum err accept(struct lmtp *s, struct cursor *c)
{
	struct lmtp_transaction *t = &s->t;
	str detail = cursor_sized(c);
	uint64_t count = cursor_varint(c);
	struct lmtp_recipient *r;

	if (!cursor_ok(c) || !count)
		return ERR_UNAVAILABLE;
	if (too_many(s, c, count))
		return ERR_LIMIT;
	r = new_recipient(s);
	detail = arena_str(&t->arena, detail);
	for (uint64_t i = 0; i < count && cursor_ok(c); i++)
		add_part(t, r, c, detail);
	/* What was added to accounts already must not be taken for accepted. */
	if (!cursor_ok(c) || arena_spent(&t->arena))
		return ERR_CORRUPT;
	*t->last_recipient = r;
	t->last_recipient = &r->next;
	t->recipient_count++;
	s->state = LMTP_RECIPIENTS;
	return OK;
}

static enum err take_answer(struct lmtp *s, str payload)
{
	struct cursor c = cursor_of(payload);
	uint64_t e = cursor_varint(&c);

	switch (e) {
	case OK:
		return accept(s, &c);
	case ERR_NOTFOUND:
	case ERR_DENIED:
		return (enum err)e;
	default:
		return ERR_UNAVAILABLE;
	}
}

static void refuse(struct lmtp *s, enum err e)
{
	log_info("lmtp", "recipient refused", LOG_C("session", s->session.id),
		LOG_C("remote", s->session.remote),
		LOG_STR("sender", s->t.sender), LOG_STR("recipient", s->asked),
		LOG_ERR(e));
	lmtp_put_about(lmtp_out(s), lmtp_say_of(e, false), s->asked);
	if (e == ERR_CORRUPT)
		lmtp_say(s, LMTP_SAY_END_UNAVAILABLE);
	else
		arena_rewind(&s->t.arena, s->asked_mark);
}

bool lmtp_answered(struct lmtp *s)
{
	str payload;
	enum err e = session_answer(&s->session, &payload);

	if (e == ERR_AGAIN)
		return false;
	s->doing = LMTP_DOING_LINES;
	if (!e)
		e = take_answer(s, payload);
	if (e)
		refuse(s, e);
	else
		lmtp_put_about(lmtp_out(s), LMTP_SAY_RECIPIENT_OK, s->asked);
	return true;
}
