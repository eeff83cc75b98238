/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of this folder only. */
#ifndef MAIL_PRIVATE_H
#define MAIL_PRIVATE_H

#include "base/cursor.h"
#include "mail/damage.h"
#include "mail/mail.h"
#include "mail/news.h"
#include "mail/view.h"
#include "store/store.h"

#include <pthread.h>

#define WATCH_BUCKETS 1024
#define VIEW_BUCKETS 1024
#define WRITE_SLOTS 1024
#define OPENED_SLOTS 1024

struct upload;	   /* upload.c */
struct view_entry; /* view.c */
struct kept;	   /* kept.c */

/* Writes to some accounts, so many; see write_moment. */
struct write_slot {
	_Atomic uint64_t begun, ended;
};

/* A mailbox as it was found under its name at a write_moment. */
struct opened {
	account_num account;
	uint64_t moment;
	char *name;
	struct mailbox_info info;
};

struct mail {
	struct store *store;
	pthread_mutex_t limits_lock;
	struct mail_limits limits; /* by mail_limits_of */

	pthread_mutex_t watch_lock;
	struct mail_watch *watches[WATCH_BUCKETS];
	struct news_watch *news[WATCH_BUCKETS]; /* by account */

	pthread_mutex_t view_lock;
	struct view_entry *views[VIEW_BUCKETS];
	struct view_entry *view_oldest, *view_newest;
	size_t view_bytes;
	struct write_slot writes[WRITE_SLOTS]; /* by account */

	pthread_mutex_t opened_lock;
	struct opened opened[OPENED_SLOTS]; /* by account and name */

	struct kept *kept;

	pthread_mutex_t janitor_lock;
	pthread_cond_t janitor_wake;
	bool work_waits;
	_Atomic bool stopping;

	/* damage.h. A ring: count is how many there ever were. */
	pthread_mutex_t damage_lock;
	_Atomic unsigned damaged_count;
	struct damaged {
		account_num account;
		message_num message;
		enum damage_kind kind;
	} damaged[DAMAGE_MAX];
};

uint64_t mailbox_hash(account_num, mailbox_num);
/* Tells all who watch the mailbox, and those who watch its account and want
 * news of these kinds (enum news_kind), but `by`. */
void mail_notify(struct mail *, account_num, mailbox_num, unsigned kinds,
	const struct news_watch *by);
/* Of a mailbox of this number, with watch_lock. */
void news_of_box(struct mail *, account_num, mailbox_num, unsigned kinds,
	const struct news_watch *by);
/* Of a name; old: what it was before, or absent. Its parents, from the one of
 * this length on, were made by the way. */
void news_of_name(struct mail *, const struct mail_user *, enum news_kind,
	str name, str old, size_t parents_from);
/* An annotation was changed; ref->id 0: one of the account. */
void news_of_annotation(struct mail *, const struct mailbox_ref *, str name);
void mail_wake_janitor(struct mail *);
/* The least floor of all who watch it; UINT64_MAX when nobody does. */
modseq_num mail_watch_floor(struct mail *, account_num, mailbox_num);

/* The least account above that has keys, or may have where they cannot be read;
 * 0: there is none. */
MUST enum err mail_next_account(
	struct mail *, account_num after, account_num *account_r);

/* What was pruned of a mailbox's journal; zero when nothing was. */
MUST enum err history_read(struct store_txn *, account_num, mailbox_num,
	struct history_record *record_r);

/*
 * Who writes to an account says so before it can be seen, and when it is over.
 * What was read while nobody did is the newest until somebody begins again.
 */
static inline void write_begins(struct mail *mail, account_num account)
{
	atomic_fetch_add(&mail->writes[account % WRITE_SLOTS].begun, 1);
}

static inline void write_ended(struct mail *mail, account_num account)
{
	atomic_fetch_add(&mail->writes[account % WRITE_SLOTS].ended, 1);
}

/* A number of this moment; NO_MOMENT while somebody writes. */
#define NO_MOMENT UINT64_MAX
static inline uint64_t write_moment(struct mail *mail, account_num account)
{
	struct write_slot *slot = &mail->writes[account % WRITE_SLOTS];
	/* In this order: who began meanwhile is noticed. */
	uint64_t ended = atomic_load(&slot->ended);
	uint64_t begun = atomic_load(&slot->begun);

	return ended == begun ? begun : NO_MOMENT;
}

/*
 * Mailboxes that were found by name, for who asks again while nobody wrote to
 * their account: clients ask for the STATUS of each, and select the same ones.
 * A table of fixed size; who comes to the same place has it. `moment`: from
 * before the info was read, which knows nothing of subscriptions.
 */
bool opened_get(
	struct mail *, account_num, str name, struct mailbox_info *info_r);
void opened_put(struct mail *, account_num, uint64_t moment,
	const struct mailbox_info *);
void opened_fini(struct mail *);

/* The number of the mailbox of that name. Where what leads from names is
 * damaged, the mailboxes themselves are asked. */
MUST enum err name_find(
	struct store_txn *, account_num, str name, mailbox_num *mailbox_r);

/* A write of one account; the writers of an account are one scope. */
MUST enum err account_write(
	struct mail *, account_num, store_write_fn *, void *arg);

/*
 * change: a write transaction's work on one account. Opened in the write
 * function, closed at its end; records are read once, and written back by
 * change_end. The arena holds names; it is the function's.
 */
struct change {
	struct store_txn *txn;
	account_num account;
	struct arena arena;
	struct buf key, value;
	struct account_record record;
	modseq_num modseq; /* of this change; 0 until change_modseq() */
	int64_t now;	   /* unix seconds */
};

void change_begin(struct change *, struct store_txn *, account_num);
/* `e` passed through; on OK the account record is written. Frees. */
MUST enum err change_end(struct change *, enum err e);
/* Reads the account record, once; ERR_NOTFOUND when the account is being
 * removed. */
MUST enum err change_need_account(struct change *);
/* After change_need_account. */
modseq_num change_modseq(struct change *);
void change_pending(struct change *, char kind, uint64_t number);
/* The number of the mailbox of that name. */
MUST enum err change_find_name(
	struct change *, str name, mailbox_num *mailbox_r);
/* Reads a mailbox record; its strs go into the change's arena. */
MUST enum err change_read_mailbox(
	struct change *, mailbox_num, struct mailbox_record *record_r);
void change_write_mailbox(
	struct change *, mailbox_num, const struct mailbox_record *);
/* The mailbox leaves its name: (name, UIDVALIDITY) never comes again. */
void change_retire_name(struct change *, const struct mailbox_record *);
/* Gives it another name, which must be free; writes record. */
void change_rename_mailbox(
	struct change *, mailbox_num, struct mailbox_record *record, str to);
/* Makes one; the name must be free. */
MUST enum err change_create_mailbox(struct change *, str name,
	uint32_t special_use, uint32_t uidvalidity, mailbox_num *mailbox_r);

/*
 * box_change: one mailbox within a change. Members are read and written
 * through one block at a time, so ascending order is cheap; counters, journal
 * and mod-sequence follow by themselves.
 */
struct box_change {
	struct change *ch;
	mailbox_num id;
	struct mailbox_record record;
	struct journal_record journal;
	struct uidset_run added, changed, expunged; /* the journal's, at last */
	bool dirty;
	uint32_t block;
	bool block_loaded, block_dirty;
	size_t count;
	struct membership members[BLOCK_UIDS];
	/* Expunged from the block; written with it. */
	size_t removed_count;
	struct membership removed[BLOCK_UIDS];
	uint32_t removed_next; /* no block from here on has any in the store */
	/* The link that was written last. */
	message_num linked;
	uint32_t linked_block;
};

MUST enum err box_begin(struct box_change *, struct change *, mailbox_num);
/* `e` passed through; on OK everything is written. */
MUST enum err box_end(struct box_change *, enum err e);
/* NULL in *member_r when it is not there. The pointer is valid until the next
 * call; changes of flags go through box_set_flags. */
MUST enum err box_find(
	struct box_change *, uid_num, struct membership **member_r);
/* Sets flags and mod-sequence of a member that box_find gave. */
void box_set_flags(struct box_change *, struct membership *, uint64_t flags);
/* Adds with the next UID (or m->uid when not 0, which must be >= UIDNEXT);
 * links it; ERR_LIMIT when UIDs ran out, ERR_QUOTA. */
MUST enum err box_add(
	struct box_change *, const struct membership *, uid_num *uid_r);
/* Expunges; the message's bytes wait for the janitor. */
MUST enum err box_remove(struct box_change *, uid_num);
/* The same of many, ascending, as box_collect gave them. */
MUST enum err box_remove_all(
	struct box_change *, const struct membership *members, size_t count);
/* The same of those of `uids` (NULL: of all) that have all of these flags. */
MUST enum err box_remove_flagged(struct box_change *, const struct uidset *uids,
	uint64_t flags, struct mail_progress *);
/* All that this change expunged so far. */
void box_expunged(struct box_change *, struct uidset *uids_r);
/* All members of `uids` (NULL: every one), ascending, in the arena. */
MUST enum err box_collect(struct box_change *, const struct uidset *uids,
	struct membership **members_r, size_t *count_r);
/* Bits of these keywords, making new ones when `make`. ERR_LIMIT. */
MUST enum err box_keywords(struct box_change *, const str *names, size_t count,
	bool make, uint64_t *bits_r);

/* upload.c, for those who commit. Bytes that may come past limits.literal. */
void upload_allow(struct upload *, uint64_t more);
/* Of a sealed one, normalised; "" for none. */
str upload_message_id(const struct upload *);
/* Within a write, when sealed: sets m->message, to one that has these bytes and
 * is there already, or is made. m, all but its flags, is what box_add adds
 * next. */
MUST enum err upload_settle(
	const struct upload *, struct box_change *, struct membership *m);
/* The write is on stable storage. */
void upload_settled(struct upload *, message_num);

/* upload.c: what a membership tells of its message's bytes. */
void upload_measure(const struct upload *, struct membership *);

/* annotation.c: for RENAME of INBOX. */
MUST enum err change_copy_annotations(
	struct change *, mailbox_num from, mailbox_num to);

/* message.c: the flags that the rights let be changed, or set where a message
 * is added (RFC 4314 section 4). */
uint64_t permitted_flags(uint32_t rights);
/* Messages between two tellings. */
#define PROGRESS_STEP 256

static inline void tell_progress(
	struct mail_progress *p, size_t done, size_t of)
{
	if (p && done && done < of && done % PROGRESS_STEP == 0)
		p->tell(p, (uint32_t)done, (uint32_t)of);
}

/* message.c: moves every message, as RENAME of INBOX does. */
MUST enum err change_move_all(struct change *, mailbox_num from, mailbox_num to,
	struct mail_progress *);

#endif
