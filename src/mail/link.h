/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link: which mailboxes refer to a message, so that its bytes can go with the
 * last of them. Neither a key nor a count for each reference: a COPY of
 * thousands would write thousands. Instead a key 'l' says that among the
 * members of one block, or of those that were expunged from it and are kept
 * ('p'), there is at least one of LINK_MESSAGES messages that follow each other
 * in number; the blocks say the rest, to the janitor, who looks when something
 * was expunged.
 *
 * Every membership, and every 'p', has its link (box_add sees to it), and every
 * link has one of them: culver verify checks both.
 *
 * Errors: the store's, ERR_CORRUPT.
 */
#ifndef MAIL_LINK_H
#define MAIL_LINK_H

#include "mail/layout.h"
#include "store/store.h"

struct change;

/* A membership that is there no more, nor as a 'p'. */
struct link_gone {
	message_num message;
	mailbox_num mailbox;
	uint32_t block;
};

/* Takes links away that nothing needs any more, and calls fn for each message
 * that nobody has any more. Puts `gone` in order. */
MUST enum err link_release(struct change *, struct link_gone *gone,
	size_t count, enum err (*fn)(struct change *, message_num));
/* How many members of the mailbox (0: of all of them) are this message. With
 * `kept`, those that were expunged and are kept count, too. */
MUST enum err link_count(struct store_txn *, account_num, message_num,
	mailbox_num, bool kept, uint32_t *count_r);
/* Does a block need its link to the message's group? */
MUST enum err link_is_needed(struct store_txn *, account_num, message_num,
	mailbox_num, uint32_t block, bool *yes_r);

#endif
