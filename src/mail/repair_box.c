/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes, their members, and what is counted of them. */
#include "mail/repair_private.h"
#include "message/flags.h"
#include "message/mailbox_name.h"

#include <stdlib.h>

#define RECOVERED "Recovered"

/* Mailboxes. */

static bool is_deleted(const struct repairing *r, mailbox_num id)
{
	return uidset_has(&r->deleted, id);
}

static bool is_taken(const struct repairing *r, str name)
{
	for (size_t i = 0; i < r->boxes.count; i++)
		if (r->boxes.list[i].there &&
			str_eq(r->boxes.list[i].record.name, name))
			return true;
	return false;
}

/* By what leads to it; the first mailbox of an account is INBOX. */
static str find_name(struct repairing *r, mailbox_num id, mailbox_num number)
{
	str name = STR("INBOX");

	for (size_t i = 0; i < r->names.count; i++)
		if (r->names.list[i].id == id &&
			!is_taken(r, r->names.list[i].name))
			return r->names.list[i].name;
	for (size_t i = 0; i < r->names.count; i++)
		if (str_eq(r->names.list[i].name, name))
			id = id == 1 ? UINT32_MAX : id;
	if (id == 1 && !is_taken(r, name))
		return name;
	do
		name = arena_strf(
			&r->ch.arena, RECOVERED " mailbox %u", number++);
	while (is_taken(r, name));
	return name;
}

/* Something says that there was one. */
static bool is_known(struct repairing *r, const struct r_box *box)
{
	for (size_t i = 0; i < r->names.count; i++)
		if (r->names.list[i].id == box->id)
			return true;
	for (size_t i = 0; i < r->blocks.count; i++)
		if (r->blocks.list[i].mailbox == box->id)
			return true;
	key_mailbox(&r->ch.key, r->account, 'm', box->id);
	return repair_in_gap(r, buf_str(&r->ch.key));
}

/* Names of keywords are lost with it; that there were some is seen. */
static void name_keywords(struct repairing *r, struct r_box *box)
{
	struct mailbox_record *record = &box->record;
	uint64_t used = 0;

	for (size_t i = 0; i < r->blocks.count; i++)
		for (size_t m = 0; m < r->blocks.list[i].count; m++)
			if (r->blocks.list[i].mailbox == box->id)
				used |= r->blocks.list[i].members[m].flags;
	for (uint32_t i = 0; i < KEYWORDS_MAX; i++) {
		record->keywords[i] = str_of("", 0);
		if (!(used & KEYWORD_BIT(i)))
			continue;
		record->keywords[i] =
			arena_strf(&r->ch.arena, RECOVERED "-%u", i + 1);
		record->keyword_count = i + 1;
	}
}

static void note_uidnext(struct r_box *box, uid_num uid)
{
	if (uid >= box->record.uidnext && uid < UINT32_MAX)
		box->record.uidnext = uid + 1;
}

static void make_box(struct repairing *r, struct r_box *box)
{
	struct account_record *account = &r->ch.record;

	box->record = (struct mailbox_record){
		.name = find_name(r, box->id, box->id),
		.uidvalidity = account->next_uidvalidity++,
		.uidnext = 1,
		.recent_from = 1,
		.created = r->ch.now,
		.modseq = change_modseq(&r->ch),
	};
	for (size_t i = 0; i < r->messages.count; i++)
		if (r->messages.list[i].record_good &&
			r->messages.list[i].record.home == box->id)
			note_uidnext(box, r->messages.list[i].record.home_uid);
	name_keywords(r, box);
	box->changed = true;
	repair_say(r, false,
		"%.*s: the mailbox's record is made anew, with another "
		"UIDVALIDITY; what it said of keywords and special use is lost",
		STR_ARG(box->record.name));
}

static void settle_boxes(struct repairing *r)
{
	for (size_t i = 0; i < r->boxes.count; i++) {
		struct r_box *box = &r->boxes.list[i];

		if (box->there || is_deleted(r, box->id) || !is_known(r, box))
			continue;
		make_box(r, box);
		box->there = true;
	}
	for (size_t i = 0; i < r->blocks.count; i++) {
		const struct r_block *b = &r->blocks.list[i];
		struct r_box *box = repair_box(r, b->mailbox);

		if (b->count &&
			b->members[b->count - 1].uid >= box->record.uidnext) {
			note_uidnext(box, b->members[b->count - 1].uid);
			box->changed = true;
		}
	}
}

static void put_name(struct repairing *r, str name, mailbox_num id)
{
	key_name(&r->ch.key, r->account, 'n', name);
	buf_reset(&r->ch.value);
	buf_add_be32(&r->ch.value, id);
	repair_put(r, buf_str(&r->ch.value));
	repair_say(r, false, "%.*s: its name leads to it again", STR_ARG(name));
}

static mailbox_num named(const struct repairing *r, str name)
{
	for (size_t i = 0; i < r->names.count; i++)
		if (str_eq(r->names.list[i].name, name))
			return r->names.list[i].id;
	return 0;
}

/* Of two with one name it stays with whom it leads to, or the first. */
static void part_names(struct repairing *r)
{
	for (size_t i = 0; i < r->boxes.count; i++)
		for (size_t k = i + 1; k < r->boxes.count; k++) {
			struct r_box *a = &r->boxes.list[i],
				     *b = &r->boxes.list[k];
			str name = a->record.name;

			if (!a->there || !b->there ||
				!str_eq(name, b->record.name))
				continue;
			if (named(r, name) == b->id)
				b = a;
			b->record.name = find_name(r, UINT32_MAX, b->id);
			b->changed = true;
			repair_say(r, false,
				"%.*s: another mailbox of this name is %.*s "
				"now",
				STR_ARG(name), STR_ARG(b->record.name));
		}
}

static void settle_names(struct repairing *r)
{
	for (size_t i = 0; i < r->names.count; i++) {
		const struct r_name *n = &r->names.list[i];

		if (is_taken(r, n->name))
			continue;
		key_name(&r->ch.key, r->account, 'n', n->name);
		repair_delete(r);
	}
	for (size_t i = 0; i < r->boxes.count; i++) {
		const struct r_box *box = &r->boxes.list[i];

		if (box->there && named(r, box->record.name) != box->id)
			put_name(r, box->record.name, box->id);
	}
}

/* Members. */

static size_t block_index(
	const struct repairing *r, mailbox_num mailbox, uint32_t number)
{
	size_t low = 0, high = r->blocks.count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct r_block *b = &r->blocks.list[middle];

		if (b->mailbox < mailbox ||
			(b->mailbox == mailbox && b->number < number))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_block(const struct repairing *r, size_t at, mailbox_num mailbox,
	uint32_t number)
{
	return at < r->blocks.count && r->blocks.list[at].mailbox == mailbox &&
	       r->blocks.list[at].number == number;
}

/* Made, when it is not there. */
static struct r_block *get_block(
	struct repairing *r, mailbox_num mailbox, uint32_t number)
{
	size_t at = block_index(r, mailbox, number);
	struct r_block *list;

	if (is_block(r, at, mailbox, number))
		return &r->blocks.list[at];
	(void)R_ADD(&r->ch.arena, &r->blocks);
	list = r->blocks.list;
	memmove(&list[at + 1], &list[at],
		(r->blocks.count - 1 - at) * sizeof *list);
	list[at] = (struct r_block){
		.mailbox = mailbox,
		.number = number,
		.members = ARENA_ARRAY(
			&r->ch.arena, struct membership, BLOCK_UIDS),
	};
	return &list[at];
}

static bool has_uid(const struct repairing *r, mailbox_num mailbox, uid_num uid)
{
	size_t at = block_index(r, mailbox, uid / BLOCK_UIDS);
	const struct r_block *b = &r->blocks.list[at];

	if (!is_block(r, at, mailbox, uid / BLOCK_UIDS))
		return false;
	for (size_t i = 0; i < b->count; i++)
		if (b->members[i].uid == uid)
			return true;
	return false;
}

static void want(struct repairing *r, const struct r_block *b, bool kept)
{
	for (size_t i = 0; i < b->count; i++) {
		struct r_message *m = repair_message(r, b->members[i].message);

		if (m && kept)
			m->kept = true;
		else if (m)
			m->wanted = true;
	}
}

static void count_member(struct mailbox_record *c, const struct membership *m)
{
	c->exists++;
	c->bytes += m->size;
	c->growth += m->growth;
	c->unseen += !(m->flags & FLAG_SEEN);
	c->deleted += (m->flags & FLAG_DELETED) != 0;
	if (m->modseq > c->modseq)
		c->modseq = m->modseq;
}

static void count_all(struct repairing *r)
{
	for (size_t i = 0; i < r->boxes.count; i++)
		r->boxes.list[i].counted = (struct mailbox_record){0};
	for (size_t i = 0; i < r->blocks.count; i++) {
		const struct r_block *b = &r->blocks.list[i];

		for (size_t m = 0; m < b->count; m++)
			count_member(&repair_box(r, b->mailbox)->counted,
				&b->members[m]);
	}
}

/* Where more should be than is, and no damage is known: blocks that are not
 * there. */
static void suspect_blocks(struct repairing *r, struct r_box *box)
{
	uint32_t end = (box->record.uidnext - 1) / BLOCK_UIDS + 1;

	if (!box->there || box->counted.exists >= box->record.exists ||
		!uidset_is_empty(&box->damaged))
		return;
	uidset_add_range(&box->damaged, 1, end);
	for (size_t i = block_index(r, box->id, 0);
		i < r->blocks.count && r->blocks.list[i].mailbox == box->id;
		i++)
		uidset_remove(&box->damaged, r->blocks.list[i].number + 1);
}

static bool has_uidl(
	const struct repairing *r, mailbox_num mailbox, uid_num uid)
{
	size_t low = 0, high = r->uidls.count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct r_uidl *q = &r->uidls.list[middle];

		if (q->mailbox < mailbox ||
			(q->mailbox == mailbox && q->uid < uid))
			low = middle + 1;
		else
			high = middle;
	}
	return low < r->uidls.count && r->uidls.list[low].mailbox == mailbox &&
	       r->uidls.list[low].uid == uid;
}

/* What was seen is known if none of what is missing was unseen. */
static uint64_t lost_flags(const struct r_box *box)
{
	return box->record.exists && box->record.unseen <= box->counted.unseen
		       ? FLAG_SEEN
		       : 0;
}

static void give_back(struct repairing *r, struct r_box *box,
	const struct r_message *m, uid_num uid)
{
	struct r_block *b = get_block(r, box->id, uid / BLOCK_UIDS);
	struct membership member = {
		.uid = uid,
		.flags = lost_flags(box),
		.modseq = change_modseq(&r->ch),
		.message = m->number,
		.size = m->record.size,
		.own_uidl = has_uidl(r, box->id, uid),
		.internal_date = m->record.internal_date,
		.zone = m->record.zone,
		.save_date = m->record.received,
	};
	size_t at = b->count++;

	repair_measure(r, m, &member);
	for (; at && b->members[at - 1].uid > uid; at--)
		b->members[at] = b->members[at - 1];
	b->members[at] = member;
	b->dirty = box->changed = true;
}

static void give_back_as_was(
	struct repairing *r, struct r_box *box, struct r_message *m)
{
	give_back(r, box, m, m->record.home_uid);
	uidset_add(&box->altered, m->record.home_uid);
	note_uidnext(box, m->record.home_uid);
	box->back++;
	m->wanted = true;
}

static void give_anew(
	struct repairing *r, struct r_box *box, struct r_message *m)
{
	uid_num uid = box->record.uidnext;

	if (uid == UINT32_MAX)
		return;
	give_back(r, box, m, uid);
	uidset_add(&box->added, uid);
	box->record.uidnext = uid + 1;
	box->anew++;
	m->wanted = true;
}

static bool is_damaged(const struct r_box *box, uint32_t block)
{
	return box && box->there && uidset_has(&box->damaged, block + 1);
}

/* It is not known to have gone from there. */
static bool may_be_home(
	struct repairing *r, const struct r_message *m, struct r_box *box)
{
	uid_num uid = m->record.home_uid;

	return uid && is_damaged(box, uid / BLOCK_UIDS) &&
	       uid < box->record.uidnext && !uidset_has(&box->expunged, uid) &&
	       !has_uid(r, box->id, uid);
}

static bool has_whole_history(const struct repairing *r, struct r_box *box)
{
	return !box->history_bad && box->history.forgotten == 0 &&
	       !repair_letter_in_gap(r, 'j') && !repair_letter_in_gap(r, 'h');
}

/* The link is there for what was expunged, if for nothing else. */
static bool is_explained(const struct repairing *r, const struct r_link *link,
	message_num number)
{
	for (size_t i = 0; i < r->kept.count; i++) {
		const struct r_block *b = &r->kept.list[i];

		if (b->mailbox != link->mailbox || b->number != link->block)
			continue;
		for (size_t m = 0; m < b->count; m++)
			if (b->members[m].message == number)
				return true;
	}
	return false;
}

/* The one mailbox whose damaged blocks its group's links lead to, or its home
 * among several. */
static struct r_box *box_by_links(
	struct repairing *r, const struct r_message *m)
{
	uint64_t group = m->number / LINK_MESSAGES;
	struct r_box *found = NULL;
	size_t low = 0, high = r->links.count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (r->links.list[middle].group < group)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < r->links.count && r->links.list[low].group == group;
		low++) {
		struct r_box *box = repair_box(r, r->links.list[low].mailbox);

		if (!is_damaged(box, r->links.list[low].block) ||
			found == box ||
			(m->kept && is_explained(
					    r, &r->links.list[low], m->number)))
			continue;
		if (found)
			return repair_box(r, m->record.home);
		found = box;
	}
	return found;
}

static struct r_box *find_recovered(struct repairing *r)
{
	struct r_box *box = NULL;
	mailbox_num id;

	for (size_t i = 0; i < r->boxes.count; i++)
		if (r->boxes.list[i].there &&
			str_eq(r->boxes.list[i].record.name, STR(RECOVERED)))
			return &r->boxes.list[i];
	id = r->ch.record.next_mailbox++;
	/* The greatest number: the order stays. */
	box = R_ADD(&r->ch.arena, &r->boxes);
	box->id = id;
	box->there = box->changed = true;
	box->record = (struct mailbox_record){
		.name = STR(RECOVERED),
		.uidvalidity = r->ch.record.next_uidvalidity++,
		.uidnext = 1,
		.recent_from = 1,
		.created = r->ch.now,
	};
	return box;
}

static void find_home(struct repairing *r, struct r_message *m)
{
	struct r_box *home = repair_box(r, m->record.home), *box;

	if (may_be_home(r, m, home) &&
		(!m->wanted || has_whole_history(r, home))) {
		give_back_as_was(r, home, m);
		return;
	}
	if (m->wanted)
		return;
	box = box_by_links(r, m);
	if (!box && m->kept)
		return; /* expunged */
	if (!box || !box->there)
		box = find_recovered(r);
	give_anew(r, box, m);
}

static bool is_upload(const struct repairing *r, const struct r_message *m)
{
	return m->number <= UINT32_MAX &&
	       uidset_has(&r->uploads, (uint32_t)m->number);
}

static void find_homes(struct repairing *r)
{
	for (size_t i = 0; i < r->blocks.count; i++)
		want(r, &r->blocks.list[i], false);
	for (size_t i = 0; i < r->kept.count; i++)
		want(r, &r->kept.list[i], true);
	for (size_t i = 0; i < r->messages.count; i++)
		if (r->messages.list[i].record_good &&
			!is_upload(r, &r->messages.list[i]))
			find_home(r, &r->messages.list[i]);
}

/* Those that are not there now, and may have been. */
static void note_gone(struct repairing *r, struct r_box *box, uid_num uidnext)
{
	struct uidset_iter it = uidset_iter(&box->damaged, 1);
	uint32_t next;

	while ((next = uidset_iter_next(&it))) {
		uint64_t first = (uint64_t)(next - 1) * BLOCK_UIDS,
			 end = first + BLOCK_UIDS;
		size_t at = block_index(r, box->id, next - 1);

		if (first >= uidnext)
			break;
		end = end < uidnext ? end : uidnext;
		uidset_add_range(&box->gone, first ? (uint32_t)first : 1,
			(uint32_t)end - 1);
		if (!is_block(r, at, box->id, next - 1))
			continue;
		for (size_t i = 0; i < r->blocks.list[at].count; i++)
			uidset_remove(
				&box->gone, r->blocks.list[at].members[i].uid);
	}
	box->changed |= !uidset_is_empty(&box->damaged);
}

static void say_members(struct repairing *r, const struct r_box *box)
{
	struct buf blocks = BUF_UNBOUNDED;
	uint32_t missing = box->record.exists > box->counted.exists
				   ? box->record.exists - box->counted.exists
				   : 0,
		 given = box->back + box->anew;
	uint64_t first = (uint64_t)(uidset_min(&box->damaged) - 1) * BLOCK_UIDS,
		 last = (uint64_t)uidset_max(&box->damaged) * BLOCK_UIDS - 1;

	if (given)
		repair_say(r, false,
			"%.*s: %u messages are given back with their UIDs, %u "
			"with new ones; their flags are lost%s",
			STR_ARG(box->record.name), box->back, box->anew,
			lost_flags(box) ? ", but for \\Seen" : "");
	if (!uidset_is_empty(&box->damaged))
		repair_say(r, false,
			"%.*s: what was damaged among UIDs %llu to %llu is "
			"written anew",
			STR_ARG(box->record.name), (unsigned long long)first,
			(unsigned long long)last);
	if (missing > given)
		repair_say(r, true,
			"%.*s: %u messages are missing; they are in other "
			"mailboxes, if anywhere",
			STR_ARG(box->record.name), missing - given);
	buf_fini(&blocks);
}

/* A unique-id that is gone is made from the UID. */
static void settle_uidls(struct repairing *r)
{
	size_t gone = 0;

	for (size_t i = 0; i < r->blocks.count; i++) {
		struct r_block *b = &r->blocks.list[i];
		struct r_box *box = repair_box(r, b->mailbox);

		for (size_t m = 0; m < b->count; m++) {
			struct membership *member = &b->members[m];

			if (!member->own_uidl ||
				has_uidl(r, b->mailbox, member->uid))
				continue;
			member->own_uidl = false;
			b->dirty = box->changed = true;
			uidset_add(&box->altered, member->uid);
			gone++;
		}
	}
	if (gone)
		repair_say(r, true,
			"%zu POP3 unique-ids are lost: these messages have new "
			"ones",
			gone);
}

/* Writing. */

static void write_blocks(struct repairing *r)
{
	for (size_t i = 0; i < r->blocks.count; i++) {
		const struct r_block *b = &r->blocks.list[i];

		if (!b->dirty)
			continue;
		key_mailbox_u32(
			&r->ch.key, r->account, 'b', b->mailbox, b->number);
		block_encode(b->members, b->count, b->number, &r->ch.value);
		repair_put(r, buf_str(&r->ch.value));
	}
}

/* A damaged journal is forgotten whole, and says so to who asks. */
static void forget_history(
	struct repairing *r, struct r_box *box, modseq_num until)
{
	struct buf prefix = BUF_UNBOUNDED;

	for (size_t i = 0; i < r->entries.count; i++) {
		if (r->entries.list[i].mailbox != box->id)
			continue;
		key_journal(&r->ch.key, r->account, box->id,
			r->entries.list[i].modseq);
		repair_delete(r);
	}
	box->history =
		(struct history_record){.pruned = until, .forgotten = until};
	key_mailbox(&r->ch.key, r->account, 'h', box->id);
	history_encode(&box->history, &r->ch.value);
	repair_put(r, buf_str(&r->ch.value));
	repair_say(r, true,
		"%.*s: what clients may ask of its history is forgotten",
		STR_ARG(box->record.name));
	buf_fini(&prefix);
}

static bool is_history_damaged(struct repairing *r, struct r_box *box)
{
	struct buf end = BUF_UNBOUNDED;
	bool damaged = box->history_bad;

	key_mailbox(&r->ch.key, r->account, 'h', box->id);
	damaged |= repair_in_gap(r, buf_str(&r->ch.key));
	key_mailbox(&r->ch.key, r->account, 'j', box->id);
	buf_add(&end, buf_str(&r->ch.key));
	key_prefix_end(&end);
	for (size_t i = 0; i < r->gaps.count; i++)
		damaged |= str_cmp(r->gaps.list[i].from, buf_str(&end)) < 0 &&
			   str_cmp(r->gaps.list[i].to, buf_str(&r->ch.key)) > 0;
	buf_fini(&end);
	return damaged;
}

static void write_journal(struct repairing *r, struct r_box *box)
{
	struct journal_record j = {.when = r->ch.now};

	uidset_copy(&j.added, &box->added);
	uidset_copy(&j.changed, &box->altered);
	uidset_copy(&j.expunged, &box->gone);
	key_journal(&r->ch.key, r->account, box->id, box->record.modseq);
	journal_encode(&j, &r->ch.value);
	repair_put(r, buf_str(&r->ch.value));
	journal_fini(&j);
}

static bool counts_agree(const struct r_box *box)
{
	const struct mailbox_record *a = &box->record, *b = &box->counted;

	return a->exists == b->exists && a->unseen == b->unseen &&
	       a->deleted == b->deleted && a->bytes == b->bytes &&
	       a->growth == b->growth && a->modseq >= b->modseq;
}

static void take_counts(struct r_box *box)
{
	box->record.exists = box->counted.exists;
	box->record.unseen = box->counted.unseen;
	box->record.deleted = box->counted.deleted;
	box->record.bytes = box->counted.bytes;
	box->record.growth = box->counted.growth;
}

static void write_box(struct repairing *r, struct r_box *box, uid_num uidnext)
{
	bool agree = counts_agree(box) && box->record.uidnext == uidnext,
	     forget = is_history_damaged(r, box);

	if (agree && !box->changed && !forget)
		return;
	if (!agree && !box->changed)
		repair_say(r, false, "%.*s: its messages are counted anew",
			STR_ARG(box->record.name));
	take_counts(box);
	box->record.modseq = change_modseq(&r->ch);
	if (forget)
		forget_history(r, box, box->record.modseq - 1);
	write_journal(r, box);
	key_mailbox(&r->ch.key, r->account, 'm', box->id);
	mailbox_encode(&box->record, &r->ch.value);
	repair_put(r, buf_str(&r->ch.value));
	box->changed = true;
}

/* Links. */

static int compare_links(const void *x, const void *y)
{
	const struct r_link *a = x, *b = y;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	if (a->mailbox != b->mailbox)
		return a->mailbox < b->mailbox ? -1 : 1;
	return (a->block > b->block) - (a->block < b->block);
}

struct link_list {
	struct r_link *list;
	size_t count, room;
};

static void need_links(
	struct repairing *r, struct link_list *needed, const struct r_block *b)
{
	for (size_t i = 0; i < b->count; i++) {
		uint64_t group = b->members[i].message / LINK_MESSAGES;
		struct r_link *last =
			needed->count ? &needed->list[needed->count - 1] : NULL;

		if (last && last->group == group &&
			last->mailbox == b->mailbox && last->block == b->number)
			continue;
		*R_ADD(&r->ch.arena, needed) =
			(struct r_link){group, b->mailbox, b->number};
	}
}

static void key_of_link(struct repairing *r, const struct r_link *link)
{
	key_link(&r->ch.key, r->account, link->group * LINK_MESSAGES,
		link->mailbox, link->block);
}

static void settle_links(struct repairing *r)
{
	struct link_list needed = {NULL, 0, 0};
	size_t had = 0, put = 0, deleted = 0;

	for (size_t i = 0; i < r->blocks.count; i++)
		need_links(r, &needed, &r->blocks.list[i]);
	for (size_t i = 0; i < r->kept.count; i++)
		need_links(r, &needed, &r->kept.list[i]);
	if (needed.count)
		qsort(needed.list, needed.count, sizeof *needed.list,
			compare_links);
	for (size_t i = 0; i < needed.count; i++) {
		const struct r_link *link = &needed.list[i];

		if (i && !compare_links(&needed.list[i - 1], link))
			continue;
		for (; had < r->links.count &&
			compare_links(&r->links.list[had], link) < 0;
			had++) {
			key_of_link(r, &r->links.list[had]);
			repair_delete(r);
			deleted++;
		}
		if (had < r->links.count &&
			!compare_links(&r->links.list[had], link)) {
			had++;
			continue;
		}
		key_of_link(r, link);
		repair_put(r, str_of("", 0));
		put++;
	}
	for (; had < r->links.count; had++, deleted++) {
		key_of_link(r, &r->links.list[had]);
		repair_delete(r);
	}
	if (put + deleted)
		repair_say(r, false,
			"%zu links from messages to mailboxes are made, %zu "
			"led nowhere",
			put, deleted);
}

/* What was expunged waits for the janitor. */
static void settle_expunged(struct repairing *r)
{
	mailbox_num last = 0;

	for (size_t i = 0; i < r->kept.count; i++) {
		mailbox_num id = r->kept.list[i].mailbox;

		if (id == last || uidset_has(&r->expunging, id) ||
			is_deleted(r, id))
			continue;
		last = id;
		key_pending(&r->ch.key, r->account, 'p', id);
		repair_put(r, str_of("", 0));
	}
}

/* Which were there nobody knows: too many are better than too few. */
static void settle_subscriptions(struct repairing *r)
{
	size_t count = 0;

	for (size_t i = 0; i < r->boxes.count; i++) {
		const struct r_box *box = &r->boxes.list[i];

		if (!box->there)
			continue;
		key_name(&r->ch.key, r->account, 's', box->record.name);
		if (!repair_in_gap(r, buf_str(&r->ch.key)))
			continue;
		repair_put(r, str_of("", 0));
		count++;
	}
	if (count)
		repair_say(r, true,
			"subscriptions are lost: %zu mailboxes are subscribed",
			count);
}

static void count_account(struct repairing *r)
{
	struct account_record *a = &r->ch.record;

	a->bytes = a->messages = 0;
	a->mailboxes = 0;
	for (size_t i = 0; i < r->boxes.count; i++) {
		const struct r_box *box = &r->boxes.list[i];

		if (!box->there)
			continue;
		a->mailboxes++;
		a->messages += box->record.exists;
		a->bytes += box->record.bytes;
	}
	if (r->account_good && (a->bytes != r->record.bytes ||
				       a->messages != r->record.messages ||
				       a->mailboxes != r->record.mailboxes)) {
		r->changes = true;
		repair_say(r, false, "the account is counted anew");
	}
}

enum err repair_boxes(struct repairing *r)
{
	uid_num *uidnext;

	settle_boxes(r);
	part_names(r);
	count_all(r);
	for (size_t i = 0; i < r->boxes.count; i++)
		suspect_blocks(r, &r->boxes.list[i]);
	uidnext = ARENA_ARRAY(&r->ch.arena, uid_num, r->boxes.count + 1);
	for (size_t i = 0; i < r->boxes.count; i++)
		uidnext[i] = r->boxes.list[i].record.uidnext;
	uidnext[r->boxes.count] = 0; /* of one that may be made */
	find_homes(r);
	settle_uidls(r);
	for (size_t i = 0; i < r->boxes.count; i++)
		if (r->boxes.list[i].there) {
			note_gone(r, &r->boxes.list[i], uidnext[i]);
			say_members(r, &r->boxes.list[i]);
		}
	count_all(r);
	write_blocks(r);
	for (size_t i = 0; i < r->boxes.count; i++)
		if (r->boxes.list[i].there)
			write_box(r, &r->boxes.list[i], uidnext[i]);
	settle_names(r);
	settle_links(r);
	settle_expunged(r);
	settle_subscriptions(r);
	count_account(r);
	return r->err;
}
