/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pending.h"
#include "base/alloc.h"
#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

#define NONE UINT32_MAX
#define FIRST_ROOM 32

void pending_fini(struct pending *p)
{
	buf_fini(&p->bytes);
	free(p->entries);
	free(p->slots);
	free(p->order);
	*p = (struct pending){0};
}

str pending_key(const struct pending *p, const struct pending_entry *e)
{
	return str_of(p->bytes.p + e->at, e->key_n);
}

str pending_value(const struct pending *p, const struct pending_entry *e)
{
	return str_of(p->bytes.p + e->at + e->key_n, e->value_n);
}

const struct pending_entry *pending_entry(const struct pending *p, uint32_t i)
{
	return &p->entries[i];
}

/* Where the key's newest entry is, or would be. There is always a free slot. */
static uint32_t *find_slot(const struct pending *p, str key)
{
	uint32_t mask = p->slot_count - 1;
	uint32_t i = (uint32_t)hash_str(key) & mask;

	while (p->slots[i] != NONE &&
		!str_eq(pending_key(p, &p->entries[p->slots[i]]), key))
		i = (i + 1) & mask;
	return &p->slots[i];
}

/* In the order in which they came, so that the newest can be taken out. */
static void make_slots(struct pending *p)
{
	p->slot_count = 2 * p->room;
	p->slots = xrealloc(p->slots, p->slot_count, sizeof *p->slots);
	for (uint32_t i = 0; i < p->slot_count; i++)
		p->slots[i] = NONE;
	for (uint32_t i = 0; i < p->count; i++)
		*find_slot(p, pending_key(p, &p->entries[i])) = i;
}

static void make_room(struct pending *p)
{
	if (p->count < p->room)
		return;
	if (!p->room)
		buf_init(&p->bytes, SIZE_MAX);
	assert(p->room < NONE / 4);
	p->room = p->room ? 2 * p->room : FIRST_ROOM;
	p->entries = xrealloc(p->entries, p->room, sizeof *p->entries);
	make_slots(p);
}

static void add(struct pending *p, str key, str value, bool deleted)
{
	struct pending_entry *e;
	uint32_t *slot;

	make_room(p);
	slot = find_slot(p, key);
	e = &p->entries[p->count];
	*e = (struct pending_entry){
		.at = p->bytes.n,
		.key_n = (uint32_t)key.n,
		.value_n = (uint32_t)value.n,
		.older = *slot,
		.deleted = deleted,
	};
	if (*slot != NONE)
		p->entries[*slot].overwritten = true;
	*slot = p->count++;
	buf_add(&p->bytes, key);
	buf_add(&p->bytes, value);
}

void pending_put(struct pending *p, str key, str value)
{
	add(p, key, value, false);
}

void pending_delete(struct pending *p, str key)
{
	add(p, key, str_of("", 0), true);
}

const struct pending_entry *pending_find(const struct pending *p, str key)
{
	uint32_t i = p->count ? *find_slot(p, key) : NONE;

	return i == NONE ? NULL : &p->entries[i];
}

void pending_savepoint(struct pending *p)
{
	p->saved_count = p->count;
	p->saved_bytes = p->bytes.n;
}

static void forget_order(struct pending *p, uint32_t count)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < p->ordered; i++)
		if (p->order[i] < count)
			p->order[kept++] = p->order[i];
	p->ordered = kept;
}

/* The newest first: each slot is then as it was before it came. */
void pending_rollback(struct pending *p)
{
	while (p->count > p->saved_count) {
		struct pending_entry *e = &p->entries[p->count - 1];

		*find_slot(p, pending_key(p, e)) = e->older;
		if (e->older != NONE)
			p->entries[e->older].overwritten = false;
		p->count--;
	}
	forget_order(p, p->count);
	buf_truncate(&p->bytes, p->saved_bytes);
}

/* In the order of keys. */

static int compare(const struct pending *p, uint32_t a, uint32_t b)
{
	int by_key = str_cmp(
		pending_key(p, &p->entries[a]), pending_key(p, &p->entries[b]));

	return by_key ? by_key : (a > b) - (a < b);
}

static int compare_entries(const void *a, const void *b, void *arg)
{
	return compare(arg, *(const uint32_t *)a, *(const uint32_t *)b);
}

/* Those that came since are sorted, and merged from the end. */
static void bring_in_order(struct pending *p)
{
	uint32_t old = p->ordered, fresh = p->count - old, to = p->count;
	uint32_t *tail;

	if (!fresh)
		return;
	if (p->order_room < p->count) {
		p->order_room = p->room;
		p->order = xrealloc(p->order, p->order_room, sizeof *p->order);
	}
	tail = xcalloc(fresh, sizeof *tail);
	for (uint32_t i = 0; i < fresh; i++)
		tail[i] = old + i;
	qsort_r(tail, fresh, sizeof *tail, compare_entries, p);
	while (fresh)
		p->order[--to] = old && compare(p, p->order[old - 1],
						tail[fresh - 1]) > 0
					 ? p->order[--old]
					 : tail[--fresh];
	free(tail);
	p->ordered = p->count;
}

/* How many entries in order have a lower key. */
static uint32_t count_below(const struct pending *p, str key)
{
	uint32_t low = 0, high = p->ordered;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct pending_entry *e = &p->entries[p->order[middle]];

		if (str_cmp(pending_key(p, e), key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t *pending_range(struct pending *p, str from, str to, uint32_t *count_r)
{
	uint32_t first, end, n = 0;
	uint32_t *found;

	*count_r = 0;
	bring_in_order(p);
	first = count_below(p, from);
	end = to.n ? count_below(p, to) : p->ordered;
	if (first >= end)
		return NULL;
	found = xcalloc(end - first, sizeof *found);
	for (uint32_t i = first; i < end; i++)
		if (!p->entries[p->order[i]].overwritten)
			found[n++] = p->order[i];
	*count_r = n;
	return found;
}
