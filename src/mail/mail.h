/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail: the rules of mailboxes and messages, written once for all store
 * engines and all protocols: names, UIDs, flags, mod-sequences, history,
 * quota, rights. It knows no protocol's syntax.
 *
 * Everything that changes mail is one atomic store_write and is on stable
 * storage when it returns OK. All functions are thread-safe, may block on the
 * disk, and hold no lock or transaction when they return. This header has the
 * service and mailboxes; view.h reading, message.h changing messages,
 * upload.h adding them.
 */
#ifndef MAIL_MAIL_H
#define MAIL_MAIL_H

#include "base/arena.h"
#include "mail/layout.h"

#include <stdatomic.h>

struct mail;
struct news_watch;
struct store;

struct mail_limits {
	uint32_t mailboxes; /* per account */
	uint64_t literal;   /* bytes of one message */
	size_t view_cache;  /* bytes of memory for views nobody uses now */
	size_t answers;	    /* and for answers (kept.h); 0: none are kept */
	/* Expunges are remembered for these seconds, and the last so many
	 * changes of a mailbox that expunged something however old they are. */
	int64_t history;
	uint64_t history_entries;
	uint32_t annotation;  /* bytes of one; see mail/annotation.h */
	uint32_t annotations; /* of one mailbox */
	bool uncompressed;    /* messages come as they are into the store */
};

/* The store stays the caller's and must outlive it. limits may be NULL. */
struct mail *mail_new(struct store *, const struct mail_limits *);
void mail_free(struct mail *);
struct store *mail_store(struct mail *);
/* For what begins from now on. */
void mail_set_limits(struct mail *, const struct mail_limits *);
struct mail_limits mail_limits_of(struct mail *);

/* When the store may have lost a write that somebody was told of
 * (store_lost_bytes): UIDs, mod-sequences, UIDVALIDITY and all other numbers go
 * on further up, so that none of those that were given out comes again, and
 * whoever comes back with an older mod-sequence hears of all UIDs that are not
 * there. Whose it was is logged. Once, before anything else is done. What is
 * damaged is passed over. */
MUST enum err mail_regain(struct mail *);

/* Lets go of what nothing refers to any more: expunged messages that every
 * session was told of, deleted mailboxes, removed accounts, old history.
 * Blocks until mail_stop(); run it in a thread of its own. */
void mail_run_janitor(struct mail *);
void mail_stop(struct mail *);
/* One round of it now. `all`: uploads of an earlier process too, so only
 * before the first upload begins. */
MUST enum err mail_purge(struct mail *, bool all);
/* Only those uploads; the rest is the janitor's. */
MUST enum err mail_purge_uploads(struct mail *);
/* Forgets old history as if it were `now` (unix seconds): expunges when both
 * limits.history and limits.history_entries let them go, other changes, which
 * only views read, after an hour; and Message-IDs that may be delivered again.
 * The janitor does it once an hour. */
MUST enum err mail_prune(struct mail *, int64_t now);

/* Rights (RFC 4314 section 2.1), as needed by what is asked. */
enum right {
	RIGHT_LOOKUP = 1 << 0,	/* l: see that it exists */
	RIGHT_READ = 1 << 1,	/* r: SELECT, FETCH, SEARCH */
	RIGHT_SEEN = 1 << 2,	/* s: keep \Seen */
	RIGHT_WRITE = 1 << 3,	/* w: other flags */
	RIGHT_INSERT = 1 << 4,	/* i: APPEND, COPY into */
	RIGHT_CREATE = 1 << 5,	/* k: create below */
	RIGHT_DELETE = 1 << 6,	/* x: delete the mailbox */
	RIGHT_DELETED = 1 << 7, /* t: \Deleted */
	RIGHT_EXPUNGE = 1 << 8, /* e */
	RIGHT_ADMIN = 1 << 9,	/* a */
	RIGHT_ALL = (1 << 10) - 1,
};

/* For whoever waits for a change of many messages: called now and then, when so
 * many of so many are done, in the thread that writes, which may be another's
 * than the waiting one. It must not wait. A write that is done anew begins with
 * the first message again. */
struct mail_progress {
	void (*tell)(struct mail_progress *, uint32_t done, uint32_t of);
};

/* Who asks. From a ticket (session/ticket.h), or the administrator. */
struct mail_user {
	account_num account;
	uint32_t rights; /* on the account's own mailboxes */
	/* Is not told of what this user does (news.h); or NULL. */
	const struct news_watch *by;
	struct mail_progress *progress; /* or NULL */
};

/* Special uses (RFC 6154). */
enum special_use {
	USE_ALL = 1 << 0,
	USE_ARCHIVE = 1 << 1,
	USE_DRAFTS = 1 << 2,
	USE_FLAGGED = 1 << 3,
	USE_JUNK = 1 << 4,
	USE_SENT = 1 << 5,
	USE_TRASH = 1 << 6,
	USE_IMPORTANT = 1 << 7, /* RFC 8457 */
};

/* A mailbox that was opened: what it is, and what the opener may do. */
struct mailbox_ref {
	account_num account; /* whose it is; 0: none */
	mailbox_num id;
	uint32_t uidvalidity;
	uint32_t rights;
	const struct news_watch *by; /* the opener's */
	struct mail_progress *progress;
};

/* The one way to a mailbox, for everything that names one. Forbidden looks
 * like ERR_NOTFOUND, unless `l` is held: then ERR_DENIED. `name` is canonical
 * (message/mailbox_name.h). INBOX is made when it is first asked for. */
MUST enum err mailbox_open(struct mail *, const struct mail_user *, str name,
	uint32_t rights_needed, struct mailbox_ref *ref_r);

/* Everything about a mailbox that LIST and STATUS tell. */
struct mailbox_info {
	mailbox_num id; /* 0: only a subscription, or a parent of others */
	str name;
	bool exists;
	bool subscribed;
	bool assumed; /* that it is subscribed: it cannot be read */
	bool damaged; /* its record: nothing that follows is known */
	uint32_t special_use;
	uint32_t uidvalidity;
	uid_num uidnext;
	modseq_num modseq;
	uid_num recent_from;
	uint32_t messages, unseen, deleted;
	uint64_t bytes;
	uint64_t growth; /* of its messages, see struct membership */
};

/* As mailbox_open, and what there is to know of it but whether it is
 * subscribed; its name is the caller's. */
MUST enum err mailbox_open_info(struct mail *, const struct mail_user *,
	str name, uint32_t rights_needed, struct mailbox_ref *ref_r,
	struct mailbox_info *info_r);

/* All mailboxes and subscriptions that the user may look up, in byte order of
 * names, INBOX first; parents that do not exist themselves are not made up
 * here. A mailbox whose record is damaged is listed like others; where
 * subscriptions are, all mailboxes are assumed to be subscribed. In the arena.
 */
MUST enum err mailbox_list(struct mail *, const struct mail_user *,
	struct arena *, struct mailbox_info **list_r, size_t *count_r);
MUST enum err mailbox_status(struct mail *, const struct mailbox_ref *,
	struct arena *, struct mailbox_info *info_r);

/* Makes it, and the parents that are missing (RFC 9051 section 6.3.4).
 * ERR_EXISTS, ERR_LIMIT, ERR_INVALID (a name that cannot be), ERR_CONFLICT
 * (another mailbox has that special use). uidvalidity 0: the next one. */
MUST enum err mailbox_create(struct mail *, const struct mail_user *, str name,
	uint32_t special_use, uint32_t uidvalidity, struct mailbox_ref *ref_r);
/* ERR_NOTFOUND; ERR_HASCHILDREN: it does not exist itself but has children;
 * ERR_UNSUPPORTED for INBOX. Its children stay. */
MUST enum err mailbox_delete(struct mail *, const struct mail_user *, str name);
/* With all below it. Of INBOX: its messages move to the new name. */
MUST enum err mailbox_rename(
	struct mail *, const struct mail_user *, str from, str to);
/* Any name may be subscribed to, and it outlives the mailbox. ERR_DENIED
 * without the right to write. */
MUST enum err mailbox_subscribe(
	struct mail *, const struct mail_user *, str name, bool subscribed);

/* For imports that keep another server's UIDs. ERR_INUSE when a message was
 * added already, or a mailbox that is gone had this name and UIDVALIDITY.
 * uidvalidity 0: UIDNEXT is only raised. */
MUST enum err mailbox_set_uids(struct mail *, const struct mailbox_ref *,
	uint32_t uidvalidity, uid_num uidnext);

/* The account's own. */
MUST enum err mail_account_info(
	struct mail *, account_num, struct account_record *record_r);
MUST enum err mail_account_set_quota(
	struct mail *, account_num, uint64_t bytes);
/* Removes everything of an account, for ever: its number must not be given to
 * another one. Its mailboxes are gone at once; the janitor lets go of the rest.
 * Sessions that have one of them open must end. */
MUST enum err mail_account_purge(struct mail *, account_num);

/*
 * Watching. A session that has a mailbox selected registers a watch; after
 * each change of the mailbox, by anybody, `changed` is called from the
 * changer's thread: it only notes the fact or posts it to a loop.
 */
struct mail_watch {
	account_num account;
	mailbox_num mailbox;
	void (*changed)(struct mail_watch *);
	/* Expunges up to here were told: what was expunged later is kept
	 * readable for this session. */
	_Atomic modseq_num floor;
	struct mail_watch *next, *prev; /* mail's own */
};

void mail_watch_add(struct mail *, struct mail_watch *);
void mail_watch_remove(struct mail *, struct mail_watch *);
/* After this watch's floor rose. */
void mail_watch_told(struct mail *, struct mail_watch *);

#endif
