/* SPDX-License-Identifier: Apache-2.0 */
#include "session/counts.h"
#include "base/alloc.h"
#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

#define ROOM_MIN 16

struct counts_entry {
	struct counts_entry *next;
	uint64_t account;
	unsigned count;
};

/* Where the account's entry hangs, or would. */
static struct counts_entry **find(const struct counts *c, uint64_t account)
{
	struct counts_entry **at =
		&c->buckets[hash_u64(account) & (c->room - 1)];

	while (*at && (*at)->account != account)
		at = &(*at)->next;
	return at;
}

static void grow(struct counts *c)
{
	struct counts more = {.room = c->room ? c->room * 2 : ROOM_MIN};

	more.used = c->used;
	more.buckets = xcalloc(more.room, sizeof(struct counts_entry *));
	for (size_t i = 0; i < c->room; i++) {
		struct counts_entry *next, *entry = c->buckets[i];

		for (; entry; entry = next) {
			struct counts_entry **at = find(&more, entry->account);

			next = entry->next;
			entry->next = NULL;
			*at = entry;
		}
	}
	free(c->buckets);
	*c = more;
}

unsigned counts_get(const struct counts *c, uint64_t account)
{
	struct counts_entry *entry = c->room ? *find(c, account) : NULL;

	return entry ? entry->count : 0;
}

void counts_add(struct counts *c, uint64_t account)
{
	struct counts_entry **at;

	if (c->used == c->room)
		grow(c);
	at = find(c, account);
	if (!*at) {
		*at = xcalloc(1, sizeof **at);
		(*at)->account = account;
		c->used++;
	}
	(*at)->count++;
}

void counts_remove(struct counts *c, uint64_t account)
{
	struct counts_entry **at, *entry;

	assert(c->room);
	at = find(c, account);
	entry = *at;
	assert(entry);
	if (--entry->count)
		return;
	*at = entry->next;
	c->used--;
	free(entry);
}

void counts_fini(struct counts *c)
{
	for (size_t i = 0; i < c->room; i++) {
		struct counts_entry *next, *entry = c->buckets[i];

		for (; entry; entry = next) {
			next = entry->next;
			free(entry);
		}
	}
	free(c->buckets);
	*c = (struct counts){0};
}
