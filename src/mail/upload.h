/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upload: a message on its way in, from any protocol. Bytes are hashed,
 * parsed, compressed and written to the store as they come, at most CHUNK_SIZE
 * of them in memory; they become mail when append_commit() says so.
 */
#ifndef MAIL_UPLOAD_H
#define MAIL_UPLOAD_H

#include "mail/mail.h"

struct upload;

struct upload *upload_new(struct mail *, account_num);
/* An error sticks, and append_commit returns it too: ERR_TOOBIG past
 * limits.literal, ERR_NOSPACE, ERR_IO. */
MUST enum err upload_feed(struct upload *, str bytes);
uint64_t upload_size(const struct upload *);
/* No more bytes come: what takes time is done, all but writing. append_commit
 * does it, too. */
void upload_seal(struct upload *);
/* Bytes of it in memory, about. */
uint64_t upload_held(const struct upload *);
/* No more bytes of these come, of one account: writes what is in memory, in one
 * step, not durably, so that it need not be there until the commit. An error
 * sticks to each. */
MUST enum err upload_put_aside(struct upload *const *, size_t count);
/* Forgets it and what was written; NULL is fine. After append_commit too. */
void upload_free(struct upload *);

struct append_item {
	struct upload *upload;
	uint64_t system_flags;
	const str *keywords;
	size_t keyword_count;
	int64_t internal_date; /* unix seconds */
	int32_t zone;	       /* minutes east */
	uid_num uid;	       /* 0: the next one; else >= UIDNEXT (imports) */
	str uidl; /* the POP3 unique-id it had elsewhere, or empty */
};

struct append_result {
	mailbox_num mailbox;
	uint32_t uidvalidity;
	struct uidset uids; /* the caller's to fini */
	/* append_and_claim took these, if recent_to is not 0. */
	uid_num recent_from, recent_to;
};

/* All of them or none (RFC 3502). ERR_NOTFOUND: no such mailbox (TRYCREATE);
 * ERR_QUOTA; ERR_LIMIT: keywords, or no UIDs left. */
MUST enum err append_commit(struct mail *, const struct mail_user *,
	str mailbox, const struct append_item *, size_t count,
	struct append_result *result_r);

/* As append_commit; when it is the mailbox of this number that gets them, the
 * session also takes what is \Recent there, as message_claim_recent does, which
 * would be a write of its own. */
MUST enum err append_and_claim(struct mail *, const struct mail_user *,
	str mailbox, const struct append_item *, size_t count,
	mailbox_num selected, struct append_result *result_r);

/* One message in the place of another, which is expunged in the same step,
 * whatever its flags, and whose size is room for it (RFC 8508). ERR_EXPUNGED:
 * the other is not there any more; ERR_DENIED: rights t and e in its mailbox.
 */
MUST enum err append_replace(struct mail *, const struct mail_user *,
	const struct mailbox_ref *from, uid_num replaced, str mailbox,
	const struct append_item *, struct append_result *result_r);

/* The message's SHA-256, HASH_SIZE bytes: no more bytes may be fed. */
const unsigned char *upload_hash(struct upload *);
/* How often the mailbox holds exactly these bytes (for imports that are run
 * again). */
MUST enum err upload_count_copies(
	struct upload *, const struct mailbox_ref *, uint32_t *count_r);

#endif
