/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing messages that are there: flags, copies, moves, expunges. Each call
 * is atomic: all of it happens, durably, or nothing.
 */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include "mail/mail.h"

/* Flags to be stored: system flags as bits (message/flags.h), keywords by
 * name; a keyword's bit depends on the mailbox. */
struct flag_change {
	enum { FLAGS_REPLACE, FLAGS_ADD, FLAGS_REMOVE } op;
	uint64_t system; /* bits 0..7 */
	const str *keywords;
	size_t keyword_count;
};

struct store_result {
	struct uidset changed;	/* got new flags */
	struct uidset stale;	/* of those: others had changed them after
				   `told`, the session's position */
	struct uidset missing;	/* not there any more */
	struct uidset modified; /* failed UNCHANGEDSINCE (RFC 7162) */
	modseq_num modseq;	/* of this change; 0: nothing changed */
};

void store_result_fini(struct store_result *);

/* `told`: the mod-sequence up to which the asking session knows flags.
 * `unchanged_since`: UINT64_MAX for none. Rights (by ref): w for most flags, s
 * for \Seen, t for \Deleted: flags without their right are left alone,
 * ERR_DENIED when none remains. ERR_LIMIT: too many keywords in this mailbox.
 */
MUST enum err message_store_flags(struct mail *, const struct mailbox_ref *,
	const struct uidset *uids, const struct flag_change *, modseq_num told,
	modseq_num unchanged_since, struct store_result *result_r);

struct copy_result {
	mailbox_num mailbox;  /* the target */
	uint32_t uidvalidity; /* of the target */
	/* Ascending, and the n-th of one became the n-th of the other. */
	struct uidset source, target;
	modseq_num modseq; /* of the source's expunge, when moved */
};

void copy_result_fini(struct copy_result *);

enum copy_how {
	COPY_PLAIN,
	COPY_WHOLE, /* ERR_EXPUNGED when one of the UIDs is not there */
	COPY_MOVE,  /* expunges them here, in the same step */
};

/* Copies `uids` to the mailbox `to`, keeping flags, keywords and dates. UIDs
 * that are not there (any more) are left out: see result's source.
 * ERR_NOTFOUND: no such target (TRYCREATE). ERR_QUOTA. */
MUST enum err message_copy(struct mail *, const struct mail_user *,
	const struct mailbox_ref *from, const struct uidset *uids, str to,
	enum copy_how, struct copy_result *result_r);

/* Expunges those of `uids` (NULL: all) that are \Deleted. */
MUST enum err message_expunge(struct mail *, const struct mailbox_ref *,
	const struct uidset *uids, struct uidset *expunged_r,
	modseq_num *modseq_r);

/* Expunges `uids` whatever their flags, for protocols without \Deleted. Those
 * that are gone already are no error. Rights: t and e. */
MUST enum err message_remove(struct mail *, const struct mailbox_ref *,
	const struct uidset *uids, struct uidset *removed_r);

/* Takes for this session the UIDs that are \Recent: they are told to no other
 * one (RFC 3501 section 2.3.2). Not synced: a crash makes them recent again. */
MUST enum err message_claim_recent(struct mail *, const struct mailbox_ref *,
	uid_num *from_r, uid_num *to_r);

#endif
