/* SPDX-License-Identifier: Apache-2.0 */
/*
 * news: what happened in all mailboxes of an account, for those who asked for
 * it (NOTIFY). A watch (mail.h) is of one mailbox; this one is of an account:
 * each change costs a look at those who watch this account, and adds a number
 * to the sets of those who want its kind. Changes of a mailbox that were not
 * taken yet are one; what happened to names is kept in its order, up to a
 * bound. So what a watch holds is bounded by the number of mailboxes, however
 * slow its owner is.
 *
 * Thread-safe. A watch is its owner's memory, from add to remove.
 */
#ifndef MAIL_NEWS_H
#define MAIL_NEWS_H

#include "mail/mail.h"

/* Kinds, of mailboxes and of names. */
enum news_kind {
	NEWS_ADDED = 1 << 0,
	NEWS_EXPUNGED = 1 << 1,
	NEWS_FLAGS = 1 << 2, /* also: UIDVALIDITY */
	NEWS_NAME = 1 << 3,  /* made, deleted or renamed */
	NEWS_SUBSCRIPTION = 1 << 4,
	/* Annotations (annotation.h), of a mailbox and of the account. */
	NEWS_ANNOTATION = 1 << 5,
	NEWS_ACCOUNT_ANNOTATION = 1 << 6,
};

/* Names that wait to be told, at most. */
#define NEWS_NAMES_MAX 1000

struct news_name {
	struct news_name *next;
	enum news_kind kind;
	mailbox_num mailbox; /* of an annotation */
	str name;
	str old; /* it was renamed from this; or absent */
	char bytes[];
};

struct news {
	struct uidset added, expunged, flags; /* mailbox_num */
	struct news_name *names, **names_end;
	unsigned name_count;
	bool lost; /* more happened to names than is kept */
};

void news_init(struct news *);
void news_fini(struct news *);
bool news_is_empty(const struct news *);
/* Adds what `from` has, which is empty then. */
void news_move(struct news *to, struct news *from);
/* Takes the first name off; free() it. NULL: there is none. */
struct news_name *news_next_name(struct news *);

struct news_watch {
	account_num account;
	unsigned kinds; /* that are wanted */
	/* Something happened: called from the changer's thread; it only notes
	 * the fact or posts it to a loop. */
	void (*changed)(struct news_watch *);
	struct news_watch *next, *prev; /* mail's own, from here on */
	struct news news;
};

/* account, kinds and changed are set. */
void news_watch_add(struct mail *, struct news_watch *);
void news_watch_remove(struct mail *, struct news_watch *);
/* Adds what happened since it was last asked to more, which was initialised.
 */
void news_take(struct mail *, struct news_watch *, struct news *more);

/* An annotation of all accounts was changed, which is not stored here. */
void news_of_server(struct mail *, str name);

#endif
