/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver: one message that comes from outside for some accounts (LMTP). Its
 * bytes are streamed to each account's upload behind that account's own header
 * fields; then each account's part is committed: all or nothing per account,
 * on stable storage, and accounts share syncs with each other and with other
 * deliveries under way.
 *
 *	d = delivery_new(mail, options);
 *	copy = delivery_add(d, account, header);  once per account
 *	delivery_into(d, copy, detail);		  once per mailbox asked for
 *	delivery_feed(d, bytes); …		  an error sticks per copy
 *	delivery_commit(d);
 *	delivery_result(d, copy) for each; delivery_free(d)
 *
 * One thread at a time. Feeding and committing block on the disk.
 */
#ifndef MAIL_DELIVER_H
#define MAIL_DELIVER_H

#include "mail/mail.h"

struct delivery;

struct delivery_options {
	/* A message with a Message-ID that came to the same mailbox of the
	 * account within so long is accepted and not stored again; 0: all are
	 * stored. Milliseconds. */
	uint64_t duplicates_ms;
	int64_t now; /* unix seconds: INTERNALDATE */
	int32_t zone;
};

struct delivery *delivery_new(struct mail *, const struct delivery_options *);
/* Without commit nothing stays. NULL is fine. */
void delivery_free(struct delivery *);

/* header: whole header fields with CRLF, put before the message; copied.
 * ERR_QUOTA at once when the account is over its quota already. */
MUST enum err delivery_add(
	struct delivery *, account_num, str header, size_t *copy_r);
/* Into the mailbox `detail` when it exists, else INBOX; one membership per
 * mailbox however often it is asked for. "" is INBOX. */
void delivery_into(struct delivery *, size_t copy, str detail);

/* Bytes as they are to be stored. ERR_TOOBIG past limits.literal and
 * ERR_NOSPACE, ERR_IO, when no copy can succeed any more; feeding on is
 * allowed and does nothing. */
MUST enum err delivery_feed(struct delivery *, str bytes);

/* OK when it was tried; what became of each copy is its result. */
void delivery_commit(struct delivery *);
/* OK: on stable storage, or a duplicate of what is. ERR_QUOTA, ERR_NOSPACE,
 * ERR_TOOBIG, ERR_NOTFOUND (the account was removed), ERR_IO. */
MUST enum err delivery_result(const struct delivery *, size_t copy);
/* For the log. Was it suppressed as a duplicate? */
bool delivery_was_duplicate(const struct delivery *, size_t copy);
/* Where the part for this detail went, after the commit; until free. */
str delivery_mailbox(const struct delivery *, size_t copy, str detail);
/* The message's Message-ID, as much of it as fits a log line, or "". */
str delivery_message_id(const struct delivery *);

#endif
