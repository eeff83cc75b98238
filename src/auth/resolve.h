/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve: whose is the address that mail comes to? What is found first
 * counts:
 *
 *	1 the account whose name is the whole address
 *	2 an alias
 *	3 the account or alias that is the local part alone, in a domain of ours
 *	4 the same three for what stands before the separator ("+"); what
 *	  stands behind it is the detail
 *	5 postmaster, in any domain or without one: the postmaster's account
 *	  (RFC 5321 section 4.5.1)
 *	6 the catch-all of the domain
 *
 * Case, composition, quoting and the form of the domain (U-label, A-label) do
 * not matter (auth/recipient.h); the detail is as it was written. An address
 * without a domain is an account's name.
 *
 * Disabled accounts get mail. Thread-safe; some reads of the database.
 */
#ifndef AUTH_RESOLVE_H
#define AUTH_RESOLVE_H

#include "auth/alias.h"

#define RESOLVE_ACCOUNTS_MAX ALIAS_ACCOUNTS_MAX

/* What the configuration says, prepared. */
struct resolve_rules;

/* domains: our own, words separated by spaces; "*": any. postmaster: an
 * account's name, or "". separators: characters, any of which begins a detail;
 * "": none does. Copies them. */
struct resolve_rules *resolve_rules_new(
	const char *domains, const char *postmaster, const char *separators);
void resolve_rules_free(struct resolve_rules *); /* NULL is fine */

struct resolved_account {
	uint64_t id;
	char *name;
	bool detail; /* the detail is for it: it did not switch that off */
};

struct resolved {
	struct resolved_account *list;
	size_t count;
	struct buf detail; /* "": none */
	bool last_resort;  /* by step 5 or 6: an outside source may know more */
};

void resolved_fini(struct resolved *);

/*
 * protocol: enum account_protocol bit; accounts that have it switched off are
 * left out. OK: at least one account. ERR_INVALID: not an address;
 * ERR_NOTFOUND: nobody's; ERR_DENIED: switched off for all of them; ERR_IO,
 * ERR_UNAVAILABLE. On any result the caller calls resolved_fini.
 */
MUST enum err accounts_resolve(struct accounts *, const struct resolve_rules *,
	str address, unsigned protocol, struct resolved *resolved_r);

/* The names under which an outside source may know whose the address is, first
 * those that count first; fn returns true when it needs no more. For when
 * nothing was found, or as a last resort: who is found is adopted
 * (accounts_adopt), and the address resolved again. */
typedef bool resolve_name_fn(str name, void *arg);
void resolve_each_name(const struct resolve_rules *, str address,
	resolve_name_fn *, void *arg);

#endif
