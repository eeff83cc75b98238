/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle: failed logins cost time, by address (an IPv6 /64 is one, see
 * endpoint_peer_key) and by account.
 *
 * Each key that failed has a moment before which no further attempt is looked
 * at; attempts that come at once queue up behind each other, so that many
 * connections guess no faster than one. After the free failures the gap is
 * 250 ms and doubles with each failure up to 15 s; an hour of quiet forgives.
 * An address from which the account was logged in within the last days does
 * not wait for the failures of others: nobody locks a person out. Who has no
 * address of their own (THROTTLE_NO_ADDRESS) has no such trust either.
 *
 * Memory is fixed: a table of THROTTLE_ENTRIES, where the key with the oldest
 * news of some few that hash to the same place gives way. One thread. The time
 * is a parameter (clock_monotonic_ms).
 */
#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H

#include "base/str.h"

#define THROTTLE_ENTRIES (1 << 16)
#define THROTTLE_FREE_ACCOUNT 3
#define THROTTLE_FREE_ADDRESS 10
#define THROTTLE_GAP_FIRST_MS 250
#define THROTTLE_GAP_MAX_MS 15000
#define THROTTLE_QUEUE_MAX_MS 30000
#define THROTTLE_FORGIVE_MS (60 * 60 * 1000)
/* Logins forgive an address half of its failures, this often. */
#define THROTTLE_PARDON_MS (10 * 60 * 1000)
#define THROTTLE_TRUST_MS (7ull * 24 * 60 * 60 * 1000)

#define THROTTLE_NO_ADDRESS 0

struct throttle;

struct throttle *throttle_new(void);
void throttle_free(struct throttle *);

/* Who tries. */
struct throttle_who {
	uint64_t address; /* THROTTLE_NO_ADDRESS: only the account counts */
	/* As typed, or better as prepared; empty: only the address counts. */
	str account;
};

/* Would an attempt be looked at at once, and those that come with it? */
bool throttle_is_free(
	struct throttle *, const struct throttle_who *, uint64_t now);
/* Was the account logged in from this address within the last days? */
bool throttle_is_trusted(
	struct throttle *, const struct throttle_who *, uint64_t now);

/* When this attempt may be looked at, >= now. False: so many wait already that
 * it is refused unseen. */
bool throttle_reserve(struct throttle *, const struct throttle_who *,
	uint64_t now, uint64_t *at_r);
void throttle_failed(
	struct throttle *, const struct throttle_who *, uint64_t now);
void throttle_passed(
	struct throttle *, const struct throttle_who *, uint64_t now);

#endif
