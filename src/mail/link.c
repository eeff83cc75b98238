/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/link.h"
#include "mail/private.h"

#include <stdlib.h>

static message_num group_of(message_num message)
{
	return message / LINK_MESSAGES;
}

/* Looking through one block, with what was expunged from it and is kept. */

typedef void look_fn(void *arg, const struct membership *, bool kept);

static enum err look_at_value(
	str value, uint32_t block, bool kept, look_fn *look, void *arg)
{
	struct membership members[BLOCK_UIDS];
	size_t count;
	enum err e = block_decode(value, block, members, &count);

	for (size_t i = 0; !e && i < count; i++)
		look(arg, &members[i], kept);
	return e;
}

static enum err look_at_block(struct store_txn *txn, account_num account,
	mailbox_num mailbox, uint32_t block, look_fn *look, void *arg)
{
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;
	struct store_iter *it;
	enum err e, scan_e;
	str k, v;

	key_mailbox_u32(&key, account, 'b', mailbox, block);
	e = store_get(txn, buf_str(&key), &value);
	if (!e)
		e = look_at_value(buf_str(&value), block, false, look, arg);
	if (e == ERR_NOTFOUND)
		e = OK;
	key_mailbox_u32(&key, account, 'p', mailbox, block);
	it = store_scan_prefix(txn, buf_str(&key));
	while (!e && store_iter_next(it, &k, &v))
		e = look_at_value(v, block, true, look, arg);
	scan_e = store_iter_end(it);
	buf_fini(&key);
	buf_fini(&value);
	return e ? e : scan_e;
}

/* Calls for each block that a link of the message's group leads to, until it
 * says that this is enough. */
typedef bool block_fn(
	void *arg, mailbox_num mailbox, uint32_t block, enum err *err);

static enum err each_block(struct store_txn *txn, account_num account,
	message_num message, block_fn *fn, void *arg)
{
	struct buf key = BUF_UNBOUNDED;
	struct store_iter *it;
	enum err e = OK, scan_e;
	str k, v;

	key_links(&key, account, message);
	it = store_scan_prefix(txn, buf_str(&key));
	while (!e && store_iter_next(it, &k, &v)) {
		struct cursor c = cursor_of(str_skip(key_tail(k), 8));
		mailbox_num mailbox = cursor_be32(&c);
		uint32_t block = cursor_be32(&c);

		if (!cursor_ok(&c))
			e = ERR_CORRUPT;
		else if (fn(arg, mailbox, block, &e))
			break;
	}
	scan_e = store_iter_end(it);
	buf_fini(&key);
	return e ? e : scan_e;
}

/* Releasing. */

struct releasing {
	struct change *ch;
	message_num group;
	bool wanted[LINK_MESSAGES]; /* of the group: those that went somewhere
				     */
	size_t missing;		    /* of them: not found elsewhere yet */
	bool needed;		    /* the link to the block looked at */
	const struct link_gone *gone;
	size_t count;
};

static void look_for_group(void *arg, const struct membership *m, bool kept)
{
	struct releasing *r = arg;
	bool *wanted = &r->wanted[m->message % LINK_MESSAGES];

	(void)kept;
	if (group_of(m->message) != r->group)
		return;
	r->needed = true;
	r->missing -= *wanted;
	*wanted = false;
}

static bool went_from(
	const struct releasing *r, mailbox_num mailbox, uint32_t block)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->gone[i].mailbox == mailbox && r->gone[i].block == block)
			return true;
	return false;
}

static bool look_elsewhere(
	void *arg, mailbox_num mailbox, uint32_t block, enum err *err)
{
	struct releasing *r = arg;
	struct change *ch = r->ch;

	if (!went_from(r, mailbox, block))
		*err = look_at_block(ch->txn, ch->account, mailbox, block,
			look_for_group, r);
	return *err || r->missing == 0;
}

/* The block that it went from: does something else there need the link? */
static enum err release_link(struct releasing *r, const struct link_gone *g)
{
	struct change *ch = r->ch;
	enum err e;

	r->needed = false;
	e = look_at_block(
		ch->txn, ch->account, g->mailbox, g->block, look_for_group, r);
	if (!e && !r->needed) {
		key_link(&ch->key, ch->account, g->message, g->mailbox,
			g->block);
		store_delete(ch->txn, buf_str(&ch->key));
	}
	return e;
}

static enum err release_group(struct change *ch, const struct link_gone *gone,
	size_t count, enum err (*fn)(struct change *, message_num))
{
	struct releasing r = {
		.ch = ch,
		.group = group_of(gone->message),
		.gone = gone,
		.count = count,
	};
	enum err e = OK;

	for (size_t i = 0; i < count; i++) {
		bool *wanted = &r.wanted[gone[i].message % LINK_MESSAGES];

		r.missing += !*wanted;
		*wanted = true;
	}
	for (size_t i = 0; !e && i < count; i++)
		if (i == 0 || gone[i].block != gone[i - 1].block ||
			gone[i].mailbox != gone[i - 1].mailbox)
			e = release_link(&r, &gone[i]);
	if (!e && r.missing)
		e = each_block(ch->txn, ch->account, gone->message,
			look_elsewhere, &r);
	for (message_num i = 0; !e && i < LINK_MESSAGES; i++)
		if (r.wanted[i])
			e = fn(ch, r.group * LINK_MESSAGES + i);
	return e;
}

/* By group, then mailbox and block. */
static int compare_gone(const void *x, const void *y)
{
	const struct link_gone *a = x, *b = y;
	message_num ga = group_of(a->message), gb = group_of(b->message);

	if (ga != gb)
		return ga < gb ? -1 : 1;
	if (a->mailbox != b->mailbox)
		return a->mailbox < b->mailbox ? -1 : 1;
	if (a->block != b->block)
		return a->block < b->block ? -1 : 1;
	return 0;
}

enum err link_release(struct change *ch, struct link_gone *gone, size_t count,
	enum err (*fn)(struct change *, message_num))
{
	size_t from = 0, to;
	enum err e = OK;

	if (count)
		qsort(gone, count, sizeof *gone, compare_gone);
	for (; !e && from < count; from = to) {
		for (to = from + 1; to < count; to++)
			if (group_of(gone[to].message) !=
				group_of(gone[from].message))
				break;
		e = release_group(ch, &gone[from], to - from, fn);
	}
	return e;
}

/* Counting. */

struct counting {
	struct store_txn *txn;
	account_num account;
	message_num message;
	mailbox_num mailbox;
	bool kept;
	uint32_t count;
	bool needed;
};

static void count_member(void *arg, const struct membership *m, bool kept)
{
	struct counting *c = arg;

	c->needed |= group_of(m->message) == group_of(c->message);
	c->count += m->message == c->message && (!kept || c->kept);
}

static bool count_block(
	void *arg, mailbox_num mailbox, uint32_t block, enum err *err)
{
	struct counting *c = arg;

	if (!c->mailbox || c->mailbox == mailbox)
		*err = look_at_block(
			c->txn, c->account, mailbox, block, count_member, c);
	return *err;
}

enum err link_count(struct store_txn *txn, account_num account,
	message_num message, mailbox_num mailbox, bool kept, uint32_t *count_r)
{
	struct counting c = {
		.txn = txn,
		.account = account,
		.message = message,
		.mailbox = mailbox,
		.kept = kept,
	};
	enum err e = each_block(txn, account, message, count_block, &c);

	*count_r = c.count;
	return e;
}

enum err link_is_needed(struct store_txn *txn, account_num account,
	message_num message, mailbox_num mailbox, uint32_t block, bool *yes_r)
{
	struct counting c = {.message = message};
	enum err e =
		look_at_block(txn, account, mailbox, block, count_member, &c);

	*yes_r = c.needed;
	return e;
}
