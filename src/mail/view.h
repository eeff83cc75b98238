/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view: a mailbox's messages at one moment, in memory, immutable and shared
 * by all who look at it. Taking one costs no read as long as nobody wrote to
 * the account, one when nothing of the mailbox changed, and otherwise reads the
 * blocks that the journal names since the cached one.
 *
 * And reading what messages consist of.
 */
#ifndef MAIL_VIEW_H
#define MAIL_VIEW_H

#include "mail/mail.h"

struct view_block {
	_Atomic uint32_t refs;
	uint32_t number;
	uint32_t count;
	modseq_num modseq; /* the greatest in it */
	struct membership members[];
};

struct view_said; /* view.c */

struct view {
	_Atomic uint32_t refs;
	_Atomic(struct view_said *) said;
	/* UIDs below are no longer \Recent to anybody who asks from now on. */
	_Atomic uid_num claimed;
	account_num account;
	mailbox_num mailbox;
	uint32_t uidvalidity;
	uid_num uidnext;
	modseq_num modseq;
	uint32_t unseen;
	struct uidset uids;
	str keywords[KEYWORDS_MAX]; /* by bit; n == 0: none */
	uint32_t keyword_count;
	size_t block_count;
	struct view_block **blocks; /* ascending, none empty */
};

/* The newest committed state. ERR_NOTFOUND: the mailbox is gone. */
MUST enum err view_acquire(
	struct mail *, const struct mailbox_ref *, struct view **view_r);
void view_release(struct mail *, struct view *);

/* NULL when the view does not have it. */
const struct membership *view_find(const struct view *, uid_num);
/* Index of a keyword's bit (message/flags.h), or -1. */
int view_keyword(const struct view *, str name);

/* Members in order of UID, from `from` on:
 *	struct view_iter it = view_iter(view, 1);
 *	for (const struct membership *m; (m = view_iter_next(&it));) */
struct view_iter {
	const struct view *view;
	size_t block, member;
};
struct view_iter view_iter(const struct view *, uid_num from);
const struct membership *view_iter_next(struct view_iter *);

/* UIDs of messages whose mod-sequence is greater: reads only blocks in memory
 * that have one. */
void view_changed_since(
	const struct view *, modseq_num, struct uidset *changed_r);

/*
 * What is told of the changes from an older state to this view is the same for
 * all who were told of that one and ask in the same form: the first who tells
 * it leaves it here, the others send it. Thread-safe; bounded, so that what was
 * left may not be there. `form` is the teller's.
 */
struct view_words {
	str text; /* absent: nobody told it yet; the view's */
	bool expunged;
};
struct view_words view_said(
	const struct view *, modseq_num since, uint32_t form);
void view_say(struct view *, modseq_num since, uint32_t form,
	const struct view_words *);

/* UIDs of messages that were expunged after this mod-sequence, up to the view's
 * own: exactly, as far back as the history goes; for older ones, all UIDs that
 * are not there. Reads in proportion to the changes since. */
MUST enum err view_vanished_since(struct mail *, const struct view *,
	modseq_num, struct uidset *vanished_r);

/* A message that a session still knows though it is expunged: its membership
 * as it last was. ERR_EXPUNGED when it is gone for good. */
MUST enum err view_find_expunged(struct mail *, const struct mailbox_ref *,
	uid_num, struct membership *member_r);

/* UIDs of messages that were expunged after this mod-sequence and are still
 * readable, for a session whose watch has that floor. */
MUST enum err view_expunged_since(struct mail *, const struct mailbox_ref *,
	modseq_num, struct uidset *expunged_r);

/*
 * Reading messages, within a read transaction of the caller's
 * (store_begin_read(mail_store(mail))). A caller that reads many keeps one
 * transaction for a bounded batch.
 */
struct store_txn;

/* ERR_EXPUNGED when the message is gone. */
MUST enum err message_get_digest(
	struct store_txn *, account_num, message_num, struct buf *digest_r);
/* The POP3 unique-id of a membership that has own_uidl. */
MUST enum err message_get_uidl(struct store_txn *, account_num, mailbox_num,
	uid_num, struct buf *uidl_r);
/* For unit tests and status. */
void view_cache_free(struct mail *);

#endif
