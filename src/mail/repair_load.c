/* SPDX-License-Identifier: Apache-2.0 */
/* All of an account, as far as it can be read. Keys come in order, so that of
 * each kind the last one is where the next belongs. */
#include "mail/repair_private.h"
#include "message/digest.h"

#include <stdlib.h>

void repair_grow(struct arena *arena, void **list, size_t *count, size_t *room,
	size_t size)
{
	if (*count == *room) {
		size_t more = *room ? *room * 2 : 64;
		char *bigger = arena_array(arena, more, size);

		if (*count)
			memcpy(bigger, *list, *count * size);
		*list = bigger;
		*room = more;
	}
	memset((char *)*list + *count * size, 0, size);
	++*count;
}

static void note_message(struct repairing *r, message_num number)
{
	if (number > r->greatest_message)
		r->greatest_message = number;
}

static void note_mailbox(struct repairing *r, mailbox_num id)
{
	if (id > r->greatest_mailbox)
		r->greatest_mailbox = id;
}

static void note_modseq(struct repairing *r, modseq_num modseq)
{
	if (modseq > r->greatest_modseq)
		r->greatest_modseq = modseq;
}

static void note_uidvalidity(struct repairing *r, uint32_t uidvalidity)
{
	if (uidvalidity > r->greatest_uidvalidity)
		r->greatest_uidvalidity = uidvalidity;
}

static void note_bad(struct repairing *r, str key)
{
	*R_ADD(&r->ch.arena, &r->bad_keys) = arena_str(&r->ch.arena, key);
}

/* They come by kind, and each in order: a search finds the others'. */

struct r_box *repair_box(struct repairing *r, mailbox_num id)
{
	size_t low = 0, high = r->boxes.count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (r->boxes.list[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < r->boxes.count && r->boxes.list[low].id == id
		       ? &r->boxes.list[low]
		       : NULL;
}

/* The same, made where it belongs. */
static struct r_box *get_box(struct repairing *r, mailbox_num id)
{
	struct r_box *box = repair_box(r, id);
	size_t at;

	if (box)
		return box;
	(void)R_ADD(&r->ch.arena, &r->boxes);
	at = r->boxes.count - 1;
	for (; at && r->boxes.list[at - 1].id > id; at--)
		r->boxes.list[at] = r->boxes.list[at - 1];
	r->boxes.list[at] = (struct r_box){.id = id};
	return &r->boxes.list[at];
}

struct r_message *repair_message(struct repairing *r, message_num number)
{
	size_t low = 0, high = r->messages.count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (r->messages.list[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < r->messages.count && r->messages.list[low].number == number
		       ? &r->messages.list[low]
		       : NULL;
}

static int compare_messages(const void *x, const void *y)
{
	const struct r_message *a = x, *b = y;

	return (a->number > b->number) - (a->number < b->number);
}

/* Digests, first bytes and records come one kind after the other: one list is
 * merged from the three. */
static void merge_messages(struct repairing *r)
{
	struct r_message *list = r->messages.list;
	size_t kept = 0;

	if (r->messages.count)
		qsort(list, r->messages.count, sizeof *list, compare_messages);
	for (size_t i = 0; i < r->messages.count; i++) {
		struct r_message *m = kept ? &list[kept - 1] : NULL;
		const struct r_message *more = &list[i];

		if (!m || m->number != more->number) {
			list[kept++] = *more;
			continue;
		}
		m->has_bytes |= more->has_bytes;
		if (more->digest_good) {
			m->digest_good = true;
			m->digest_size = more->digest_size;
		}
		if (more->record_good) {
			m->record_good = true;
			m->record = more->record;
		}
	}
	r->messages.count = kept;
}

static struct r_message *add_message(struct repairing *r, struct cursor *c)
{
	struct r_message *m = R_ADD(&r->ch.arena, &r->messages);

	m->number = cursor_be64(c);
	note_message(r, m->number);
	return m;
}

static void load_block(struct repairing *r, str key, str value, bool kept)
{
	struct membership members[BLOCK_UIDS];
	struct cursor c = cursor_of(key_tail(key));
	struct r_block b = {
		.mailbox = cursor_be32(&c), .number = cursor_be32(&c)};

	if (kept)
		b.modseq = cursor_be64(&c);
	note_mailbox(r, b.mailbox);
	note_modseq(r, b.modseq);
	b.bad = block_decode(value, b.number, members, &b.count) != OK;
	if (b.bad) {
		note_bad(r, key);
		b.count = 0;
	}
	if (b.bad && kept)
		return;
	b.members = ARENA_ARRAY(&r->ch.arena, struct membership, BLOCK_UIDS);
	memcpy(b.members, members, b.count * sizeof *members);
	for (size_t i = 0; i < b.count; i++) {
		note_message(r, members[i].message);
		note_modseq(r, members[i].modseq);
	}
	if (kept)
		*R_ADD(&r->ch.arena, &r->kept) = b;
	else
		*R_ADD(&r->ch.arena, &r->blocks) = b;
}

static void load_journal(struct repairing *r, str key, str value)
{
	struct cursor c = cursor_of(key_tail(key));
	struct r_entry *entry = R_ADD(&r->ch.arena, &r->entries);
	struct journal_record j;
	struct r_box *box;

	entry->mailbox = cursor_be32(&c);
	entry->modseq = cursor_be64(&c);
	entry->bad = journal_decode(value, &j) != OK;
	note_mailbox(r, entry->mailbox);
	note_modseq(r, entry->modseq);
	box = get_box(r, entry->mailbox);
	if (entry->bad)
		box->history_bad = true;
	else
		uidset_or(&box->expunged, &j.expunged);
	journal_fini(&j);
}

static void load_history(struct repairing *r, str key, str value)
{
	struct cursor c = cursor_of(key_tail(key));
	struct r_box *box = get_box(r, cursor_be32(&c));

	box->has_history = true;
	if (history_decode(value, &box->history))
		box->history_bad = true;
	note_modseq(r, box->history.forgotten);
	note_modseq(r, box->history.pruned);
}

static void load_box(struct repairing *r, str key, str value)
{
	struct cursor c = cursor_of(key_tail(key));
	struct r_box *box = get_box(r, cursor_be32(&c));

	note_mailbox(r, box->id);
	box->there = mailbox_decode(arena_str(&r->ch.arena, value),
			     &box->record) == OK;
	if (!box->there) {
		box->record = (struct mailbox_record){0};
		note_bad(r, key);
		return;
	}
	note_modseq(r, box->record.modseq);
	note_uidvalidity(r, box->record.uidvalidity);
}

static void load_name(struct repairing *r, str key, str value)
{
	struct cursor c = cursor_of(value);
	struct r_name *n = R_ADD(&r->ch.arena, &r->names);

	n->name = arena_str(&r->ch.arena, key_tail(key));
	n->id = cursor_be32(&c);
	if (!cursor_ok(&c) || !cursor_done(&c))
		n->id = 0;
	note_mailbox(r, n->id);
}

static void load_link(struct repairing *r, str key)
{
	struct cursor c = cursor_of(key_tail(key));
	struct r_link *link = R_ADD(&r->ch.arena, &r->links);

	link->group = cursor_be64(&c);
	link->mailbox = cursor_be32(&c);
	link->block = cursor_be32(&c);
	note_mailbox(r, link->mailbox);
	if (link->group * LINK_MESSAGES + LINK_MESSAGES > r->greatest_linked)
		r->greatest_linked =
			link->group * LINK_MESSAGES + LINK_MESSAGES - 1;
}

static void load_hash(struct repairing *r, str key, str value)
{
	struct cursor c = cursor_of(value);
	struct r_hash *h = R_ADD(&r->ch.arena, &r->hashes);

	h->hash = arena_str(&r->ch.arena, key_tail(key));
	h->message = cursor_be64(&c);
	if (!cursor_ok(&c) || !cursor_done(&c))
		h->message = 0;
	note_message(r, h->message);
}

static void load_digest(struct repairing *r, struct cursor *c, str value)
{
	struct r_message *m = add_message(r, c);
	struct digest digest;

	m->digest_good = digest_decode(value, &digest) == OK;
	m->digest_size = m->digest_good ? digest.size : 0;
}

static void load_record(struct repairing *r, struct cursor *c, str value)
{
	struct r_message *m = add_message(r, c);

	m->record_good = message_decode(value, &m->record) == OK;
}

static void load_of_mailbox(struct repairing *r, char letter, struct cursor *c)
{
	struct r_uidl *uidl;
	mailbox_num id = cursor_be32(c);

	note_mailbox(r, id);
	if (letter != 'q')
		return;
	uidl = R_ADD(&r->ch.arena, &r->uidls);
	uidl->mailbox = id;
	uidl->uid = cursor_be32(c);
}

static void load_seen(struct repairing *r, str key, str value)
{
	int64_t until;

	if (seen_decode(value, &until))
		note_bad(r, key);
}

static void load_account(struct repairing *r, str value)
{
	r->account_good = account_decode(value, &r->record) == OK;
	if (!r->account_good)
		r->record = (struct account_record){0};
	note_modseq(r, r->record.modseq);
}

static enum err load_entry(void *arg, str key, str value)
{
	struct repairing *r = arg;
	char letter = key.n >= KEY_HEAD ? key.p[KEY_HEAD - 1] : 0;
	struct cursor c = cursor_of(key_tail(key));

	r->any = true;
	switch (letter) {
	case 'a':
		load_account(r, value);
		break;
	case 'b':
	case 'p':
		load_block(r, key, value, letter == 'p');
		break;
	case 'c':
		note_message(r, cursor_be64(&c));
		break;
	case 'd':
		load_digest(r, &c, value);
		break;
	case 'o':
		load_seen(r, key, value);
		break;
	case 'e':
	case 'q':
		load_of_mailbox(r, letter, &c);
		break;
	case 'f':
		add_message(r, &c)->has_bytes = true;
		break;
	case 'h':
		load_history(r, key, value);
		break;
	case 'i':
		load_record(r, &c, value);
		break;
	case 'j':
		load_journal(r, key, value);
		break;
	case 'l':
		load_link(r, key);
		break;
	case 'm':
		load_box(r, key, value);
		break;
	case 'n':
		load_name(r, key, value);
		break;
	case 'r':
		note_uidvalidity(r, cursor_be32(&c));
		break;
	case 'x':
		load_hash(r, key, value);
		break;
	}
	return OK;
}

static enum err load_pending(void *arg, str key, str value)
{
	struct repairing *r = arg;
	account_num account;
	uint64_t number;
	char kind;

	(void)value;
	if (key_pending_read(key, &account, &kind, &number))
		return OK;
	if (kind == 'a')
		r->removed = true;
	else if (number == 0 || number > UINT32_MAX)
		return OK;
	else if (kind == 'u')
		uidset_add(&r->uploads, (uint32_t)number);
	else if (kind == 'z')
		uidset_add(&r->deleted, (uint32_t)number);
	else if (kind == 'p')
		uidset_add(&r->expunging, (uint32_t)number);
	if (kind == 'u')
		note_message(r, number);
	else
		note_mailbox(r, (mailbox_num)number);
	return OK;
}

static void load_gap(void *arg, str from, str to, uint64_t damage)
{
	struct repairing *r = arg;
	struct r_gap *gap = R_ADD(&r->ch.arena, &r->gaps);

	gap->from = arena_str(&r->ch.arena, from);
	gap->to = arena_str(&r->ch.arena, to);
	gap->damage = damage;
}

bool repair_in_gap(const struct repairing *r, str key)
{
	for (size_t i = 0; i < r->gaps.count; i++)
		if (str_cmp(key, r->gaps.list[i].from) >= 0 &&
			str_cmp(key, r->gaps.list[i].to) < 0)
			return true;
	return false;
}

bool repair_letter_in_gap(const struct repairing *r, char letter)
{
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;
	bool in = false;

	key_account_prefix(&from, r->account, letter);
	key_account_prefix(&to, r->account, (char)(letter + 1));
	for (size_t i = 0; i < r->gaps.count; i++)
		if (str_cmp(r->gaps.list[i].from, buf_str(&to)) < 0 &&
			str_cmp(r->gaps.list[i].to, buf_str(&from)) > 0)
			in = true;
	buf_fini(&from);
	buf_fini(&to);
	return in;
}

/* Blocks of this mailbox, numbers + 1, that may be where nothing can be read.
 */
static void note_gaps_of(struct repairing *r, struct r_box *box)
{
	struct buf first = BUF_UNBOUNDED, end = BUF_UNBOUNDED;
	uint32_t blocks =
		(box->there ? box->record.uidnext - 1 : UINT32_MAX - 1) /
			BLOCK_UIDS +
		1;

	key_mailbox(&first, r->account, 'b', box->id);
	key_mailbox(&end, r->account, 'b', box->id);
	key_prefix_end(&end);
	for (size_t i = 0; i < r->gaps.count; i++) {
		const struct r_gap *g = &r->gaps.list[i];
		struct cursor c;
		uint32_t from = 0, to = blocks;

		if (str_cmp(g->from, buf_str(&end)) >= 0 ||
			str_cmp(g->to, buf_str(&first)) <= 0)
			continue;
		c = cursor_of(str_skip(g->from, KEY_HEAD + 4));
		if (str_cmp(g->from, buf_str(&first)) > 0 &&
			g->from.n >= KEY_HEAD + 8)
			from = cursor_be32(&c) + (g->from.n > KEY_HEAD + 8);
		c = cursor_of(str_skip(g->to, KEY_HEAD + 4));
		if (str_cmp(g->to, buf_str(&end)) < 0 &&
			g->to.n >= KEY_HEAD + 8)
			to = cursor_be32(&c) + (g->to.n > KEY_HEAD + 8);
		if (to > blocks)
			to = blocks;
		if (from < to)
			uidset_add_range(&box->damaged, from + 1, to);
	}
	buf_fini(&first);
	buf_fini(&end);
}

/* Mailboxes that only others speak of. */
static void add_boxes(struct repairing *r)
{
	for (size_t i = 0; i < r->blocks.count; i++)
		(void)get_box(r, r->blocks.list[i].mailbox);
	for (size_t i = 0; i < r->names.count; i++)
		if (r->names.list[i].id)
			(void)get_box(r, r->names.list[i].id);
}

/* Of which nothing is left but their memberships. */
static void add_missing(
	struct repairing *r, const struct r_block *b, size_t known)
{
	struct r_message wanted, *list = r->messages.list;

	for (size_t i = 0; i < b->count; i++) {
		wanted.number = b->members[i].message;
		if (known && bsearch(&wanted, list, known, sizeof *list,
				     compare_messages))
			continue;
		R_ADD(&r->ch.arena, &r->messages)->number = wanted.number;
		list = r->messages.list;
	}
}

static void add_all_missing(struct repairing *r)
{
	size_t known = r->messages.count;

	for (size_t i = 0; i < r->blocks.count; i++)
		add_missing(r, &r->blocks.list[i], known);
	for (size_t i = 0; i < r->kept.count; i++)
		add_missing(r, &r->kept.list[i], known);
	if (r->messages.count > known)
		merge_messages(r);
}

static void note_damaged_blocks(struct repairing *r)
{
	for (size_t i = 0; i < r->blocks.count; i++)
		if (r->blocks.list[i].bad)
			uidset_add(&repair_box(r, r->blocks.list[i].mailbox)
					    ->damaged,
				r->blocks.list[i].number + 1);
	for (size_t i = 0; i < r->boxes.count; i++)
		note_gaps_of(r, &r->boxes.list[i]);
}

enum err repair_load(struct repairing *r)
{
	const struct store_salvage how = {load_entry, load_gap, r},
				   work = {load_pending, load_gap, r};
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;
	enum err e;

	key_account_range(&from, &to, r->account);
	e = store_salvage(r->ch.txn, buf_str(&from), buf_str(&to), &how);
	key_pending(&from, r->account, '\0', 0);
	key_pending(&to, r->account, '\x7f', 0);
	if (!e)
		e = store_salvage(
			r->ch.txn, buf_str(&from), buf_str(&to), &work);
	buf_fini(&from);
	buf_fini(&to);
	if (e)
		return e;
	merge_messages(r);
	add_all_missing(r);
	add_boxes(r);
	note_damaged_blocks(r);
	return OK;
}
