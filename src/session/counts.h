/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counts: how many sessions each account has: a hash table that holds only
 * accounts with some. Not locked; all of it is O(1).
 */
#ifndef SESSION_COUNTS_H
#define SESSION_COUNTS_H

#include <stddef.h>
#include <stdint.h>

struct counts_entry;

struct counts {
	struct counts_entry **buckets; /* NULL while empty */
	size_t room;		       /* of them, a power of two */
	size_t used;		       /* accounts */
};

/* Gives the memory back. Zeroed memory is empty. */
void counts_fini(struct counts *);
unsigned counts_get(const struct counts *, uint64_t account);
void counts_add(struct counts *, uint64_t account);
/* One that was added. */
void counts_remove(struct counts *, uint64_t account);

#endif
