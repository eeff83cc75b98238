/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/throttle.h"
#include "base/alloc.h"
#include "base/hash.h"

#include <stdlib.h>

#define WAYS 8 /* places where a key may be */

enum kind { BY_ADDRESS, BY_ACCOUNT, TRUSTED };

struct entry {
	uint64_t key;  /* 0: empty */
	uint64_t last; /* news */
	uint64_t next; /* moment for the next attempt */
	uint32_t failures;
	uint32_t pardoned_s; /* when half of them were forgiven last */
};

struct throttle {
	struct entry entries[THROTTLE_ENTRIES];
};

struct throttle *throttle_new(void)
{
	return xcalloc(1, sizeof(struct throttle));
}

void throttle_free(struct throttle *t)
{
	free(t);
}

static uint64_t key_of(enum kind kind, const struct throttle_who *who)
{
	uint64_t key = 0;

	if (kind != BY_ACCOUNT)
		key = hash_u64(who->address);
	if (kind != BY_ADDRESS)
		key ^= hash_str(who->account);
	key = hash_u64(key + kind);
	return key ? key : 1;
}

static struct entry *first_way(struct throttle *t, uint64_t key)
{
	return &t->entries[(key % (THROTTLE_ENTRIES / WAYS)) * WAYS];
}

static struct entry *find(
	struct throttle *t, enum kind kind, const struct throttle_who *who)
{
	uint64_t key = key_of(kind, who);
	struct entry *way = first_way(t, key);

	for (int i = 0; i < WAYS; i++)
		if (way[i].key == key)
			return &way[i];
	return NULL;
}

/* As found, or in place of the oldest. */
static struct entry *take(struct throttle *t, enum kind kind,
	const struct throttle_who *who, uint64_t now)
{
	uint64_t key = key_of(kind, who);
	struct entry *way = first_way(t, key), *best = find(t, kind, who);

	if (best)
		return best;
	best = way;
	for (int i = 1; i < WAYS; i++)
		if (best->key && (!way[i].key || way[i].last < best->last))
			best = &way[i];
	*best = (struct entry){.key = key, .last = now};
	return best;
}

static void forgive(struct entry *e, uint64_t now)
{
	if (now - e->last >= THROTTLE_FORGIVE_MS)
		e->failures = 0;
}

static uint64_t gap_after(uint32_t failures, uint32_t free_failures)
{
	uint32_t doublings;

	if (failures < free_failures)
		return 0;
	doublings = failures - free_failures;
	if (doublings >= 6)
		return THROTTLE_GAP_MAX_MS;
	return (uint64_t)THROTTLE_GAP_FIRST_MS << doublings;
}

bool throttle_is_trusted(
	struct throttle *t, const struct throttle_who *who, uint64_t now)
{
	const struct entry *e = find(t, TRUSTED, who);

	return who->account.n && who->address != THROTTLE_NO_ADDRESS && e &&
	       now - e->last < THROTTLE_TRUST_MS;
}

/* What an address and an account are forgiven. */
static const uint32_t forgiven[2] = {
	THROTTLE_FREE_ADDRESS, THROTTLE_FREE_ACCOUNT};

/* What stands against an attempt. */
static void find_both(struct throttle *t, const struct throttle_who *who,
	uint64_t now, struct entry *entries_r[2])
{
	bool named = who->account.n && !throttle_is_trusted(t, who, now);

	entries_r[0] = find(t, BY_ADDRESS, who);
	entries_r[1] = named ? find(t, BY_ACCOUNT, who) : NULL;
	for (int i = 0; i < 2; i++)
		if (entries_r[i])
			forgive(entries_r[i], now);
}

bool throttle_is_free(
	struct throttle *t, const struct throttle_who *who, uint64_t now)
{
	struct entry *entries[2];

	find_both(t, who, now, entries);
	for (int i = 0; i < 2; i++)
		if (entries[i] && gap_after(entries[i]->failures, forgiven[i]))
			return false;
	return true;
}

bool throttle_reserve(struct throttle *t, const struct throttle_who *who,
	uint64_t now, uint64_t *at_r)
{
	struct entry *entries[2];

	find_both(t, who, now, entries);
	*at_r = now;
	for (int i = 0; i < 2; i++)
		if (entries[i] && entries[i]->next > *at_r)
			*at_r = entries[i]->next;
	if (*at_r - now > THROTTLE_QUEUE_MAX_MS)
		return false;
	for (int i = 0; i < 2; i++) {
		uint64_t gap = entries[i] ? gap_after(entries[i]->failures,
						    forgiven[i])
					  : 0;

		if (gap)
			entries[i]->next = *at_r + gap;
	}
	return true;
}

static void count(struct entry *e, uint32_t free_failures, uint64_t now)
{
	uint64_t gap;

	forgive(e, now);
	if (e->failures < UINT32_MAX)
		e->failures++;
	e->last = now;
	gap = gap_after(e->failures, free_failures);
	if (gap && e->next < now + gap)
		e->next = now + gap;
}

void throttle_failed(
	struct throttle *t, const struct throttle_who *who, uint64_t now)
{
	if (who->address != THROTTLE_NO_ADDRESS)
		count(take(t, BY_ADDRESS, who, now), THROTTLE_FREE_ADDRESS,
			now);
	if (who->account.n && !throttle_is_trusted(t, who, now))
		count(take(t, BY_ACCOUNT, who, now), THROTTLE_FREE_ACCOUNT,
			now);
}

/* The address keeps half of what it has, and more when this happens often:
 * else an account of one's own would pay for guessing at others. */
static void pardon(struct entry *address, uint64_t now)
{
	uint32_t now_s = (uint32_t)(now / 1000);

	if (address->pardoned_s &&
		now_s - address->pardoned_s < THROTTLE_PARDON_MS / 1000)
		return;
	address->pardoned_s = now_s ? now_s : 1;
	address->failures /= 2;
	if (address->failures < THROTTLE_FREE_ADDRESS)
		address->next = now;
}

void throttle_passed(
	struct throttle *t, const struct throttle_who *who, uint64_t now)
{
	struct entry *address = find(t, BY_ADDRESS, who),
		     *account =
			     who->account.n ? find(t, BY_ACCOUNT, who) : NULL;

	if (address)
		pardon(address, now);
	if (account) {
		account->failures = 0;
		account->next = now;
	}
	if (who->account.n && who->address != THROTTLE_NO_ADDRESS)
		take(t, TRUSTED, who, now)->last = now;
}
