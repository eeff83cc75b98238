/* SPDX-License-Identifier: Apache-2.0 */
/*
 * annotation: what clients note of a mailbox, or of the account as a whole
 * (RFC 5464): values by name. Names are in lower case, and the protocol's
 * matter; values are any bytes, the empty ones too. They move with their
 * mailbox and go with it. A change raises the mailbox's mod-sequence.
 *
 * The account's own are those of a ref with id 0: see annotation_account.
 */
#ifndef MAIL_ANNOTATION_H
#define MAIL_ANNOTATION_H

#include "mail/mail.h"

struct annotation {
	str name;
	str value; /* absent: to be removed */
};

struct mailbox_ref annotation_account(const struct mail_user *);

/* Calls fn for each, in order of names, out of one snapshot, within its
 * transaction. The strs are valid for the call. */
typedef void annotation_fn(void *arg, str name, str value);
MUST enum err annotation_scan(
	struct mail *, const struct mailbox_ref *, annotation_fn *, void *arg);

/* Replaces what value_r held. ERR_NOTFOUND: there is none of that name. */
MUST enum err annotation_get(struct mail *, const struct mailbox_ref *,
	str name, struct buf *value_r);

/* All of them, durably, or none. ERR_DENIED: right w; ERR_TOOBIG: past
 * limits.annotation; ERR_LIMIT: more than limits.annotations. */
MUST enum err annotation_set(struct mail *, const struct mailbox_ref *,
	const struct annotation *, size_t count);

#endif
