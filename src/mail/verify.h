/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify: reads everything that is stored and checks that it agrees: records
 * decode, names and numbers point at each other, counters count, UIDs and
 * mod-sequences are below their next ones, every membership's message is there
 * with its bytes (SHA-256), size and digest, and nothing is left that no
 * membership and no pending work explains. It writes nothing. One account is
 * looked at under one snapshot. What the store itself cannot read is a problem
 * like others, and the rest is looked at.
 */
#ifndef MAIL_VERIFY_H
#define MAIL_VERIFY_H

#include "mail/mail.h"

struct verify {
	/* Each thing that is wrong with `account` (0: the store), in words
	 * with mailbox and UID. */
	void (*problem)(void *arg, str words);
	account_num account;
	/* After each message; true ends it with ERR_CLOSED. May be NULL. */
	bool (*progress)(void *arg, uint64_t messages);
	void *arg;
	/* Set by verify_mail. */
	uint64_t accounts, mailboxes, memberships, messages, bytes, problems;
};

/* account 0: all. ERR_IO and the like when it could not be read to the end;
 * problems are no error. */
MUST enum err verify_mail(struct mail *, account_num account, struct verify *);

#endif
