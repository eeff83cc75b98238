/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/records.h"
#include "base/cursor.h"
#include "store/store.h"

/* Records to pass over rather than look one up: other mailboxes' messages. */
#define NEAR 16
/* Of those that may be large none is passed over; and to read along begins with
 * reading the first one in any case. */
#define LARGE_FOLLOWED 2

void records_begin(struct records *r, struct store_txn *txn,
	account_num account, char letter)
{
	*r = (struct records){.txn = txn, .account = account, .letter = letter};
}

/* Only these may do without the engine's checksum: first ones share blocks of
 * tables with records that have none of their own. */
static bool are_large(const struct records *r)
{
	return r->letter == 'c';
}

static bool is_before(struct record_place a, struct record_place b)
{
	return a.message != b.message ? a.message < b.message
				      : a.chunk < b.chunk;
}

static bool is_same(struct record_place a, struct record_place b)
{
	return a.message == b.message && a.chunk == b.chunk;
}

static bool is_near(struct record_place from, struct record_place at)
{
	return from.message && !is_before(at, from) &&
	       at.message - from.message <= NEAR;
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
		r->last.message = 0;
}

static void put_key(
	const struct records *r, struct record_place at, struct buf *key)
{
	if (r->letter == 'c')
		key_chunk(key, r->account, at.message, at.chunk);
	else
		key_message(key, r->account, r->letter, at.message);
}

static enum err look_up(struct records *r, struct record_place at,
	store_value_fn *fn, void *arg)
{
	struct buf key = BUF_UNBOUNDED;
	enum err e;

	put_key(r, at, &key);
	e = store_look(r->txn, buf_str(&key), are_large(r), fn, arg);
	buf_fini(&key);
	return e;
}

static void start(struct records *r, struct record_place at)
{
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;

	put_key(r, at, &from);
	key_account_prefix(&to, r->account, r->letter);
	key_prefix_end(&to);
	r->it = are_large(r) ? store_scan_summed(
				       r->txn, buf_str(&from), buf_str(&to))
			     : store_scan(r->txn, buf_str(&from), buf_str(&to));
	r->at = (struct record_place){0};
	buf_fini(&from);
	buf_fini(&to);
}

static enum err read_next(struct records *r)
{
	struct cursor c;
	str key;

	if (!store_iter_next(r->it, &key, &r->value)) {
		enum err e = stop(r);

		return e ? e : ERR_NOTFOUND;
	}
	c = cursor_of(key_tail(key));
	r->at.message = cursor_be64(&c);
	r->at.chunk = are_large(r) ? cursor_be32(&c) : 0;
	return cursor_ok(&c) ? OK : ERR_CORRUPT;
}

/* To this record, or the next one. ERR_AGAIN: that is better looked up. */
static enum err read_along(struct records *r, struct record_place at)
{
	enum err e = OK;

	if (r->it && !is_near(r->at, at))
		e = stop(r);
	if (!e && !r->it)
		start(r, at);
	while (!e && is_before(r->at, at)) {
		e = read_next(r);
		r->scattered = !e && are_large(r) && is_before(r->at, at);
		if (r->scattered) {
			e = stop(r);
			return e ? e : ERR_AGAIN;
		}
	}
	if (e)
		return e;
	return is_same(r->at, at) ? OK : ERR_NOTFOUND;
}

/* Whether it is likely not far from the one before it, or from where the store
 * is read along, and worth the way. */
static bool follows(struct records *r, struct record_place at)
{
	bool near = is_near(r->last, at);

	if (at.message != r->last.message)
		r->followed = near ? r->followed + 1 : 0;
	r->last = at;
	if (r->it && is_near(r->at, at))
		return true;
	return near && !r->scattered &&
	       (!are_large(r) || r->followed >= LARGE_FOLLOWED);
}

enum err records_visit(struct records *r, struct record_place at,
	store_value_fn *fn, void *arg)
{
	enum err e;

	if (!follows(r, at))
		return look_up(r, at, fn, arg);
	e = read_along(r, at);
	if (e == ERR_AGAIN)
		return look_up(r, at, fn, arg);
	return e ? e : fn(r->value, arg);
}

static enum err copy(str value, void *arg)
{
	buf_add(arg, value);
	return buf_err(arg);
}

enum err records_look(
	struct records *r, message_num message, struct buf *room, str *value_r)
{
	struct record_place at = {message, 0};
	enum err e;

	buf_reset(room);
	if (follows(r, at)) {
		e = read_along(r, at);
		*value_r = r->value;
	} else {
		e = look_up(r, at, copy, room);
		*value_r = buf_str(room);
	}
	return e;
}

enum err records_get(struct records *r, message_num message, struct buf *value)
{
	return records_visit(r, (struct record_place){message, 0}, copy, value);
}
