/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/records.h"
#include "base/cursor.h"
#include "store/store.h"

/* Records to pass over rather than look one up: other mailboxes' messages. */
#define NEAR 16

void records_begin(struct records *r, struct store_txn *txn,
	account_num account, char letter)
{
	*r = (struct records){.txn = txn, .account = account, .letter = letter};
}

static enum err stop(struct records *r)
{
	enum err e = r->it ? store_iter_end(r->it) : OK;

	r->it = NULL;
	return e;
}

void records_end(struct records *r)
{
	/* What it could not read, somebody was told. */
	if (stop(r))
		r->last = 0;
}

static enum err look_up(
	struct records *r, message_num message, struct buf *value)
{
	struct buf key = BUF_UNBOUNDED;
	enum err e;

	key_message(&key, r->account, r->letter, message);
	e = store_get_add(r->txn, buf_str(&key), false, value);
	buf_fini(&key);
	return e;
}

static void start(struct records *r, message_num message)
{
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;

	key_message(&from, r->account, r->letter, message);
	key_account_prefix(&to, r->account, r->letter);
	key_prefix_end(&to);
	r->it = store_scan(r->txn, buf_str(&from), buf_str(&to));
	r->last = 0;
	buf_fini(&from);
	buf_fini(&to);
}

/* To this message's record, or the next one. */
static enum err read_along(struct records *r, message_num message)
{
	str key;

	while (r->last < message) {
		struct cursor c;

		if (!store_iter_next(r->it, &key, &r->value)) {
			enum err e = stop(r);

			return e ? e : ERR_NOTFOUND;
		}
		c = cursor_of(key_tail(key));
		r->last = cursor_be64(&c);
		if (!cursor_ok(&c))
			return ERR_CORRUPT;
	}
	return r->last == message ? OK : ERR_NOTFOUND;
}

static bool follows(const struct records *r, message_num message)
{
	return r->last && message >= r->last && message - r->last <= NEAR;
}

static enum err find_alone(
	struct records *r, message_num message, struct buf *value)
{
	enum err e = stop(r);

	r->last = message;
	return e ? e : look_up(r, message, value);
}

/* r->value is it. */
static enum err find_along(struct records *r, message_num message)
{
	if (!r->it)
		start(r, message);
	return read_along(r, message);
}

enum err records_look(
	struct records *r, message_num message, struct buf *room, str *value_r)
{
	enum err e;

	buf_reset(room);
	if (follows(r, message)) {
		e = find_along(r, message);
		*value_r = r->value;
	} else {
		e = find_alone(r, message, room);
		*value_r = buf_str(room);
	}
	return e;
}

enum err records_get(struct records *r, message_num message, struct buf *value)
{
	enum err e;

	if (!follows(r, message))
		return find_alone(r, message, value);
	e = find_along(r, message);
	if (e)
		return e;
	buf_add(value, r->value);
	return buf_err(value);
}
