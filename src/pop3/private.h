/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of this folder only. */
#ifndef POP3_PRIVATE_H
#define POP3_PRIVATE_H

#include "mail/message.h"
#include "mail/view.h"
#include "pop3/pop3.h"
#include "wire/pop3/command.h"
#include "wire/pop3/framer.h"
#include "wire/pop3/respond.h"

/*
 * maildrop: INBOX as it was when the session began (RFC 1939 section 3: "the
 * server assigns a message-number to each message"). There is no lock: others
 * may add and expunge meanwhile. New messages are not in it; expunged ones
 * stay readable for as long as the session's watch says that it was not told.
 *
 * What STAT tells is read with the mailbox's record. Which messages there are
 * is read when it is first asked for, and made to be as of then.
 */
struct maildrop {
	struct mail_watch watch;
	struct mailbox_ref ref;
	bool open;
	uint32_t messages;
	uint64_t octets;
	uid_num uidnext;
	modseq_num modseq;
	bool loaded;		 /* uids is there */
	struct uidset uids;	 /* number n is the n-th */
	struct uidset deleted;	 /* by DELE */
	struct uidset retrieved; /* by RETR: \Seen at QUIT */
	uint64_t deleted_octets;
};

/* Answers that may have no end: a cursor between batches. */
enum pop3_doing {
	POP3_DOING_NOTHING,
	POP3_DOING_OPEN, /* the login is not answered yet */
	POP3_DOING_LIST, /* LIST or UIDL of all */
	POP3_DOING_RETR, /* RETR or TOP */
};

struct pop3_listing; /* list.c */
struct pop3_sending; /* retr.c */

struct pop3 {
	struct session session; /* first */
	struct pop3_framer framer;
	struct pop3_before before;
	struct maildrop drop;
	enum pop3_doing doing;
	bool quit;    /* answered, and to be closed */
	unsigned bad; /* commands in a row that were none */
	struct pop3_listing *listing;
	struct pop3_sending *sending;
};

static inline struct buf *pop3_out(struct pop3 *s)
{
	return &s->session.out;
}

static inline struct mail *pop3_mail(struct pop3 *s)
{
	return session_service_mail(s->session.service);
}

/* maildrop.c. All may block on the disk. */
MUST enum err maildrop_open(struct pop3 *);
void maildrop_close(struct pop3 *);
/* Makes drop.uids be there. */
MUST enum err maildrop_load(struct pop3 *);
/* The message of that number. ERR_NOTFOUND: none, or DELE was said. */
MUST enum err maildrop_find(
	struct pop3 *, uint32_t number, struct membership *member_r);
/* A member of drop.uids, expunged or not. view may be NULL. */
MUST enum err maildrop_member(struct pop3 *, const struct view *, uid_num,
	struct membership *member_r);
/* As RETR sends it, without what is doubled; of a surrogate that of the message
 * it stands for (RFC 6858 section 4). */
uint64_t maildrop_octets(const struct pop3 *, const struct membership *);

/* An executor answers, and returns OK; or what pop3_put_error is to tell; or
 * ERR_AGAIN: s->doing says how it goes on. */
typedef enum err pop3_executor(struct pop3 *, const struct pop3_command *);

pop3_executor pop3_stat, pop3_list, pop3_uidl, /* list.c */
	pop3_retr, pop3_top,		       /* retr.c */
	pop3_dele, pop3_rset, pop3_quit;       /* update.c */

/* The next batch; ERR_AGAIN when there is more. */
MUST enum err pop3_list_more(struct pop3 *);
void pop3_list_abort(struct pop3 *);
MUST enum err pop3_retr_more(struct pop3 *);
void pop3_retr_abort(struct pop3 *);

#endif
