/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept: answers that were made once, for the next who asks the same. A message
 * never changes, so the text that a FETCH makes of it is the same for every
 * session that asks for the same items; and so is what SORT and THREAD find
 * among the same messages. Both are opaque here: bytes under the asker's key,
 * beside the mailbox they are about (docs/decisions/0017).
 *
 * In memory only and bounded: limits.answers bytes for all mailboxes together;
 * what was not asked for longest goes first, and all of it when nobody asked
 * for KEPT_SECONDS. What an expunged message was in goes with it. Who asks has
 * the mailbox open: rights are checked there, as for everything of it.
 * Thread-safe; nothing here blocks on the disk.
 */
#ifndef MAIL_KEPT_H
#define MAIL_KEPT_H

#include "mail/mail.h"

#define KEPT_SECONDS 300
/* Longer texts are not kept, nor longer keys. */
#define KEPT_TEXT_MAX 8192
#define KEPT_KEY_MAX 1024

/*
 * Texts of many messages, one after another. Between kept_begin and kept_end a
 * walk holds references to what it looks at, no lock.
 *
 *	struct kept_walk walk;
 *	kept_begin(&walk, mail, ref, key, true);
 *	view_acquire(...);
 *	for each message: text = kept_get(&walk, uid), or make it and
 *		kept_put(&walk, uid, text);
 *	kept_end(&walk);
 *
 * It begins before the view is taken, so that nothing is kept of a message
 * that is expunged meanwhile.
 */
struct kept_page;

struct kept_walk {
	struct mail *mail; /* NULL: it finds nothing and keeps nothing */
	const struct mailbox_ref *ref;
	str key; /* the caller's, as long as the walk */
	bool keeps;
	uint32_t forgotten; /* kept_forgotten() at the beginning */
	/* A page of BLOCK_UIDS messages that it looks at. */
	bool looks;
	uint32_t number;
	struct kept_page *page;	 /* which is there; or NULL */
	struct kept_page *fresh; /* to be put in its place; or NULL */
};

/* keeps: what kept_put gets is wanted. Not for few messages: what is kept is
 * copied when something is added to it. */
void kept_begin(struct kept_walk *, struct mail *, const struct mailbox_ref *,
	str key, bool keeps);
/* Absent: it is not there. Until the next call. */
str kept_get(struct kept_walk *, uid_num);
/* After kept_get did not find it. The message is in a view that was taken after
 * kept_begin. */
void kept_put(struct kept_walk *, uid_num, str text);
/* Whoever waits now for long holds nothing meanwhile; it goes on after that. */
void kept_pause(struct kept_walk *);
void kept_end(struct kept_walk *);

/*
 * One thing that was found out about a set of messages. keep_found replaces
 * what was kept under the key. kept_found appends it, if it was of just these
 * messages. `forgotten`: kept_forgotten() from before the view was taken that
 * it was found in.
 */
uint32_t kept_forgotten(struct mail *, const struct mailbox_ref *);
bool kept_found(struct mail *, const struct mailbox_ref *, str key,
	const struct uidset *, struct buf *found_r);
void keep_found(struct mail *, const struct mailbox_ref *, str key,
	const struct uidset *, uint32_t forgotten, str found);

/* Messages of the block (layout.h) were expunged. */
void kept_forget_block(struct mail *, account_num, mailbox_num, uint32_t block);
/* The mailbox is gone. */
void kept_forget_mailbox(struct mail *, account_num, mailbox_num);
/* What nobody asked for since then (clock_monotonic_ms) goes; the janitor says
 * so. */
void kept_forget_before(struct mail *, uint64_t ms);
/* Bytes of memory. */
size_t kept_memory(struct mail *);

struct kept *kept_new(void);
void kept_free(struct kept *);

#endif
