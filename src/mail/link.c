/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/link.h"
#include "mail/private.h"

#include <stdlib.h>

static message_num group_of(message_num message)
{
	return message / LINK_MESSAGES;
}

/* Looking through one block; through what was expunged from it and is kept. */

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

static enum err look_at_members(struct store_txn *txn, account_num account,
	mailbox_num mailbox, uint32_t block, look_fn *look, void *arg)
{
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;
	enum err e;

	key_mailbox_u32(&key, account, 'b', mailbox, block);
	e = store_get(txn, buf_str(&key), &value);
	if (!e)
		e = look_at_value(buf_str(&value), block, false, look, arg);
	e = damage_told(txn, buf_str(&key), e);
	buf_fini(&key);
	buf_fini(&value);
	return e == ERR_NOTFOUND ? OK : e;
}

static enum err look_at_kept(struct store_txn *txn, account_num account,
	mailbox_num mailbox, uint32_t block, look_fn *look, void *arg)
{
	struct buf key = BUF_UNBOUNDED;
	struct store_iter *it;
	enum err e = OK, scan_e;
	str k, v;

	key_mailbox_u32(&key, account, 'p', mailbox, block);
	it = store_scan_prefix(txn, buf_str(&key));
	while (!e && store_iter_next(it, &k, &v))
		e = look_at_value(v, block, true, look, arg);
	scan_e = store_iter_end(it);
	e = damage_told(txn, buf_str(&key), e ? e : scan_e);
	buf_fini(&key);
	return e;
}

static enum err look_at_block(struct store_txn *txn, account_num account,
	mailbox_num mailbox, uint32_t block, look_fn *look, void *arg)
{
	enum err e = look_at_members(txn, account, mailbox, block, look, arg);

	return e ? e : look_at_kept(txn, account, mailbox, block, look, arg);
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
	scan_e = damage_told(txn, buf_str(&key), store_iter_end(it));
	buf_fini(&key);
	return e ? e : scan_e;
}

/* Releasing: all groups at once, so that a block that several of them are in is
 * read once; first the members, and only for what is not found among them what
 * was expunged and is kept. */

/* From a block that some of a group went from. */
struct link {
	mailbox_num mailbox;
	uint32_t block;
	bool needed;
};

struct group {
	message_num number;
	bool wanted[LINK_MESSAGES]; /* those that went from somewhere, */
	size_t missing;		    /* of them: not found elsewhere yet */
	struct link *links;
	size_t link_count;
};

struct releasing {
	struct change *ch;
	struct group *groups; /* ascending */
	size_t count;
	struct group *found; /* last */
	bool kept;	     /* looks at what is kept */
	/* The block looked at last: links that follow each other mostly lead to
	 * the same. */
	mailbox_num mailbox;
	uint32_t block;
};

static int compare_groups(const void *x, const void *y)
{
	const struct group *a = x, *b = y;

	return (a->number > b->number) - (a->number < b->number);
}

static int compare_links(const void *x, const void *y)
{
	const struct link *a = x, *b = y;

	if (a->mailbox != b->mailbox)
		return a->mailbox < b->mailbox ? -1 : 1;
	return (a->block > b->block) - (a->block < b->block);
}

static struct group *find_group(const struct releasing *r, message_num number)
{
	const struct group key = {.number = number};

	return bsearch(
		&key, r->groups, r->count, sizeof *r->groups, compare_groups);
}

static struct link *find_link(
	const struct group *g, mailbox_num mailbox, uint32_t block)
{
	const struct link key = {mailbox, block, false};

	return bsearch(
		&key, g->links, g->link_count, sizeof *g->links, compare_links);
}

static void look_for_groups(void *arg, const struct membership *m, bool kept)
{
	struct releasing *r = arg;
	message_num number = group_of(m->message);
	struct group *g = r->found;
	struct link *link;
	bool *wanted;

	(void)kept;
	if (!g || g->number != number)
		g = r->found = find_group(r, number);
	if (!g)
		return;
	link = find_link(g, r->mailbox, r->block);
	if (link)
		link->needed = true;
	wanted = &g->wanted[m->message % LINK_MESSAGES];
	g->missing -= *wanted;
	*wanted = false;
}

static enum err look_once(
	struct releasing *r, mailbox_num mailbox, uint32_t block)
{
	struct change *ch = r->ch;

	if (r->mailbox == mailbox && r->block == block)
		return OK;
	r->mailbox = mailbox;
	r->block = block;
	return (r->kept ? look_at_kept : look_at_members)(
		ch->txn, ch->account, mailbox, block, look_for_groups, r);
}

/* The blocks that it went from: does something else there need the links? */
static enum err look_where_it_was(struct releasing *r, struct group *g)
{
	enum err e = OK;

	for (size_t i = 0; !e && i < g->link_count; i++)
		if (g->missing || !g->links[i].needed)
			e = look_once(
				r, g->links[i].mailbox, g->links[i].block);
	return e;
}

struct looking {
	struct releasing *r;
	struct group *group;
};

static bool look_elsewhere(
	void *arg, mailbox_num mailbox, uint32_t block, enum err *err)
{
	struct looking *l = arg;

	if (!find_link(l->group, mailbox, block))
		*err = look_once(l->r, mailbox, block);
	return *err || l->group->missing == 0;
}

static enum err look_for_all(struct releasing *r, bool kept)
{
	struct change *ch = r->ch;
	enum err e = OK;

	r->kept = kept;
	r->mailbox = 0;
	for (size_t i = 0; !e && i < r->count; i++)
		e = look_where_it_was(r, &r->groups[i]);
	for (size_t i = 0; !e && i < r->count; i++) {
		struct looking l = {r, &r->groups[i]};

		if (l.group->missing)
			e = each_block(ch->txn, ch->account,
				l.group->number * LINK_MESSAGES, look_elsewhere,
				&l);
	}
	return e;
}

static enum err let_go(struct change *ch, const struct group *g,
	enum err (*fn)(struct change *, message_num))
{
	message_num first = g->number * LINK_MESSAGES;
	enum err e = OK;

	for (size_t i = 0; i < g->link_count; i++) {
		const struct link *link = &g->links[i];

		if (link->needed)
			continue;
		key_link(&ch->key, ch->account, first, link->mailbox,
			link->block);
		store_delete(ch->txn, buf_str(&ch->key));
	}
	for (message_num i = 0; !e && i < LINK_MESSAGES; i++)
		if (g->wanted[i])
			e = fn(ch, first + i);
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

static void add_gone(struct group *g, const struct link_gone *gone)
{
	bool *wanted = &g->wanted[gone->message % LINK_MESSAGES];

	g->missing += !*wanted;
	*wanted = true;
	if (g->link_count &&
		g->links[g->link_count - 1].mailbox == gone->mailbox &&
		g->links[g->link_count - 1].block == gone->block)
		return;
	g->links[g->link_count++] =
		(struct link){gone->mailbox, gone->block, false};
}

/* In order; in the change's arena. */
static void group_all(
	struct releasing *r, const struct link_gone *gone, size_t count)
{
	struct arena *arena = &r->ch->arena;
	struct link *links = ARENA_ARRAY(arena, struct link, count);
	size_t groups = 0;

	for (size_t i = 0; i < count; i++)
		groups += i == 0 || group_of(gone[i].message) !=
					    group_of(gone[i - 1].message);
	r->groups = ARENA_ARRAY(arena, struct group, groups);
	for (size_t i = 0; i < count; i++) {
		message_num number = group_of(gone[i].message);

		if (i == 0 || number != group_of(gone[i - 1].message))
			r->groups[r->count++] = (struct group){
				.number = number, .links = &links[i]};
		add_gone(&r->groups[r->count - 1], &gone[i]);
	}
}

enum err link_release(struct change *ch, struct link_gone *gone, size_t count,
	enum err (*fn)(struct change *, message_num))
{
	struct releasing r = {.ch = ch};
	enum err e;

	if (!count)
		return OK;
	qsort(gone, count, sizeof *gone, compare_gone);
	group_all(&r, gone, count);
	e = look_for_all(&r, false);
	if (!e)
		e = look_for_all(&r, true);
	for (size_t i = 0; !e && i < r.count; i++)
		e = let_go(ch, &r.groups[i], fn);
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
