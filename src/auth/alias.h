/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alias: further addresses of accounts. An address may belong to several
 * accounts (each gets a copy); "@example.org" is a catch-all, for what that
 * domain has no other account or alias for. Addresses are compared as
 * auth/recipient.h writes them; one without a domain is meant for every domain
 * of ours. Thread-safe as accounts are.
 */
#ifndef AUTH_ALIAS_H
#define AUTH_ALIAS_H

#include "auth/accounts.h"

#define ALIAS_ACCOUNTS_MAX 256 /* of one address */

/* All or none of the accounts; one that the address has already is fine.
 * ERR_INVALID: not an address; ERR_NOTFOUND: an account that does not exist,
 * its place in *which_r; ERR_EXISTS: there is an account of that name, which
 * gets the mail; ERR_LIMIT; ERR_IO, ERR_NOSPACE. */
MUST enum err alias_add(struct accounts *, str address, const str *accounts,
	size_t count, size_t *which_r);
/* The whole alias when count is 0. ERR_NOTFOUND: there is no such alias
 * (*which_r == count), or it does not go to that account. */
MUST enum err alias_remove(struct accounts *, str address, const str *accounts,
	size_t count, size_t *which_r);

struct alias {
	str address; /* as one writes it: quoted where that is needed */
	str account; /* name */
};

/* All, by address and account; or those of an address (a catch-all has
 * "@") or of an account's name. Stops at the first error of fn. fn may block:
 * no lock is held while it runs. None is fine. */
typedef enum err alias_fn(const struct alias *, void *arg);
MUST enum err alias_each(struct accounts *, alias_fn *, void *arg);
MUST enum err alias_each_of(
	struct accounts *, str address_or_account, alias_fn *, void *arg);

#endif
