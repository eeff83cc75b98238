/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recipient: an address that mail comes to, in the form in which addresses are
 * compared.
 *
 *	Mailbox = Local-part "@" ( Domain / address-literal )	RFC 5321 4.1.2
 *
 * with UTF-8 in both parts (RFC 6531 section 3.3). The local part is unquoted,
 * and mapped as names are (auth/accounts.h), but may have any character that
 * is no control; the domain is in U-labels (UTS #46, nontransitional), lower
 * case, without a last dot. Pure.
 */
#ifndef AUTH_RECIPIENT_H
#define AUTH_RECIPIENT_H

#include "base/buf.h"

#define RECIPIENT_MAX 1024 /* bytes of an address */

struct recipient {
	struct buf local;  /* unquoted, as written; "" of a catch-all */
	struct buf domain; /* U-labels; "": the address has none */
	struct buf ascii;  /* the domain in A-labels */
};

void recipient_init(struct recipient *);
void recipient_fini(struct recipient *);

/* Replaces what it held. ERR_INVALID. "@domain" only with catch_all. */
MUST enum err recipient_parse(struct recipient *, str address, bool catch_all);

/* Appends local@domain as it is compared, for a local part that may be a piece
 * of the recipient's. ERR_INVALID. */
MUST enum err recipient_key(
	const struct recipient *, str local, struct buf *key);
/* Appends a key as people and protocols write it: quoted where it must be. */
void recipient_print_key(str key, struct buf *out);
/* Appends a domain in U-labels. ERR_INVALID. */
MUST enum err recipient_prepare_domain(str domain, struct buf *out);

#endif
