/* SPDX-License-Identifier: Apache-2.0 */
/*
 * login_cache: passwords that were right a moment ago, so that a program that
 * logs in every few seconds is not hashed each time. Kept is an HMAC-SHA256
 * under a key of this process, over the account, what it was verified against
 * (its hash: with another one the entry is void) and the password. Failures
 * are not kept.
 *
 * Memory is fixed: LOGIN_CACHE_ENTRIES; the one that ends first of some few
 * gives way. Thread-safe. The time is a parameter (clock_monotonic_ms).
 */
#ifndef AUTH_LOGIN_CACHE_H
#define AUTH_LOGIN_CACHE_H

#include "base/str.h"

#define LOGIN_CACHE_ENTRIES (1 << 14)

struct login_cache;

struct login_cache *login_cache_new(void);
/* Wipes. NULL is fine. */
void login_cache_free(struct login_cache *);

struct login_cache_key {
	uint64_t account;
	str against; /* the hash, or the source that said yes */
	str password;
};

bool login_cache_has(
	struct login_cache *, const struct login_cache_key *, uint64_t now);
void login_cache_add(struct login_cache *, const struct login_cache_key *,
	uint64_t now, uint64_t lifetime_ms);
/* All of the account's; 0: of everybody. */
void login_cache_forget(struct login_cache *, uint64_t account);

#endif
