/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repair: makes stored records whole again, from what is left of them
 * (docs/decisions/0021). It reads all of an account, also behind what cannot be
 * read, works out how it should be, and writes what is otherwise, in one write
 * of its own: all of it or nothing. Done again it finds nothing to do, and
 * verify has no word but of messages whose bytes are gone.
 *
 * Nothing that can be read is deleted: a message without a mailbox comes to the
 * one that it was in, with its UID where that is certain (message_record.home),
 * else with a new one; and to the mailbox "Recovered" if nobody knows which.
 * UIDs never come twice, and those that are not there any more are told as
 * expunged.
 *
 * Once all accounts were repaired, the damaged places of the store itself are
 * mended (store_mend).
 */
#ifndef MAIL_REPAIR_H
#define MAIL_REPAIR_H

#include "mail/mail.h"

struct repair {
	/* Each thing that is done to `account` (0: to the store), or, in a dry
	 * run, would be; lost: what nobody can bring back. In words with the
	 * mailbox and UIDs. */
	void (*said)(void *arg, str words, bool lost);
	account_num account;
	/* After each account; true ends it with ERR_CLOSED. May be NULL. */
	bool (*progress)(void *arg, uint64_t accounts);
	void *arg;
	bool dry; /* nothing is changed */
	/* Set by repair_mail. */
	uint64_t accounts, done, lost;
};

/* only 0: all accounts, and the store. Blocks writers of the account it is at
 * for as long as reading all of it takes. ERR_CORRUPT: something is left that
 * cannot be repaired here, and was said. */
MUST enum err repair_mail(struct mail *, account_num only, struct repair *);

#endif
