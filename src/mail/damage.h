/* SPDX-License-Identifier: Apache-2.0 */
/*
 * damage: messages that turned out to be unreadable. Each is logged by name of
 * mailbox and UID, and remembered for as long as the process lives: who fetches
 * it again is told before anything of it is sent, and gets the others; the
 * first time, when some of it was sent already, only the connection's end can
 * tell. The last DAMAGE_MAX are remembered.
 */
#ifndef MAIL_DAMAGE_H
#define MAIL_DAMAGE_H

#include "mail/mail.h"

#define DAMAGE_MAX 256

struct store_txn;

enum damage_kind {
	DAMAGE_BYTES = 1,
	DAMAGE_DIGEST = 2, /* what was parsed from them */
};

/*
 * Records of mailboxes and accounts (layout.h) that cannot be read. Whoever
 * meets one says so here, and passes the error on: what the record is, whose,
 * of which mailbox, and the UIDs that are concerned. The key is of it, or,
 * where a scan ended, the first that it can have been. Each is told once.
 */
void damage_note_key(struct store_txn *, str key);
/* Passes `e` on, told when it is ERR_CORRUPT. */
MUST enum err damage_told(struct store_txn *, str key, enum err e);

/* In words, what records of this letter are; whether they are each one
 * mailbox's. */
const char *damage_words(char letter);
bool damage_is_of_mailbox(char letter);

/* Logs it, and remembers it if it is damaged (ERR_CORRUPT). account: its name,
 * or NULL where only its number is known. */
void damage_note(struct mail *, struct store_txn *, const struct mailbox_ref *,
	const struct membership *, enum damage_kind, const char *account,
	enum err);

/* Of a message of which there is nothing: ERR_EXPUNGED, or ERR_CORRUPT when it
 * is still a member of its mailbox. */
MUST enum err damage_why_gone(struct store_txn *, const struct mailbox_ref *,
	const struct membership *);

/* False: damage_is_known is false of all messages. */
bool damage_is_any(struct mail *);
/* Whether its bytes could not be read, and still cannot: all of a message that
 * is remembered is read. */
bool damage_is_known(struct mail *, struct store_txn *, account_num,
	const struct membership *);

#endif
