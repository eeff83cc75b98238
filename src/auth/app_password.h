/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app_password: passwords that were made up here for one device or program
 * each, beside the account's own. They have a label, may be for some protocols
 * only, may expire, and can be taken away alone.
 *
 * They are 100 random bits, so they are kept as a plain SHA-256 and verified
 * in microseconds; nobody can choose one. Case, spaces and hyphens do not
 * count. The account's own switches (enabled, protocols) are the caller's to
 * check.
 *
 * Thread-safe as accounts are.
 */
#ifndef AUTH_APP_PASSWORD_H
#define AUTH_APP_PASSWORD_H

#include "auth/accounts.h"
#include "base/secret.h"

#define APP_PASSWORD_LABEL_MAX 64 /* bytes of UTF-8, without controls */
#define APP_PASSWORDS_MAX 100	  /* of one account */

struct app_password {
	uint64_t id;
	uint64_t account;
	char label[APP_PASSWORD_LABEL_MAX + 1];
	unsigned scope;	   /* enum account_protocol bits; ACCOUNT_PROTOCOLS_ALL:
			      every one, those that are yet to come too */
	int64_t expires;   /* seconds since 1970; 0 never */
	int64_t last_used; /* to a minute; 0 never */
	int64_t created;
};

/* Makes one up for p->account with p's label, scope and expiry, and sets id
 * and created. password_r is the caller's, and shown once. ERR_INVALID: not a
 * label, or no scope; ERR_EXISTS; ERR_LIMIT: the account has
 * APP_PASSWORDS_MAX; ERR_NOTFOUND: there is no such account; ERR_IO,
 * ERR_NOSPACE. */
MUST enum err app_password_add(
	struct accounts *, struct app_password *p, struct secret *password_r);
/* ERR_NOTFOUND. */
MUST enum err app_password_remove(
	struct accounts *, uint64_t account, str label);
/* By label. fn must not use the accounts. */
typedef void app_password_fn(const struct app_password *, void *arg);
MUST enum err app_password_each(
	struct accounts *, uint64_t account, app_password_fn *, void *arg);

/*
 * OK: `password` is one of the account's app passwords, good for the protocol
 * (bit), and its use was noted (not synced). ERR_NOTFOUND: it is none, and may
 * be the account's own. ERR_DENIED: not for this protocol. ERR_EXPIRED. But
 * for ERR_NOTFOUND and ERR_IO *p tells which.
 */
MUST enum err app_password_verify(struct accounts *, uint64_t account,
	str password, unsigned protocol, int64_t now, struct app_password *p);

#endif
