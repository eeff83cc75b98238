/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of this folder only. */
#ifndef LMTP_PRIVATE_H
#define LMTP_PRIVATE_H

#include "lmtp/lmtp.h"
#include "mail/deliver.h"
#include "wire/lmtp/command.h"
#include "wire/lmtp/dot.h"
#include "wire/lmtp/framer.h"

/* One of a transaction's accounts, however many recipients mean it: it gets one
 * copy. All of this is in the transaction's arena. */
struct lmtp_account {
	struct lmtp_account *next;
	account_num number;
	str name;
	/* The recipients that mean it, each once: Delivered-To. */
	struct lmtp_address {
		struct lmtp_address *next;
		str address;
	} * addresses, **last_address;
	size_t copy;  /* of the delivery */
	enum err err; /* what became of it */
};

/* A recipient that was accepted, and whom it means. */
struct lmtp_recipient {
	struct lmtp_recipient *next;
	str address;
	struct lmtp_part {
		struct lmtp_part *next;
		struct lmtp_account *account;
		str detail;
	} * parts, **last_part;
};

/* From MAIL to the message's end. */
struct lmtp_transaction {
	struct arena arena;
	str sender; /* "" for <> */
	bool utf8;
	bool binary;
	struct lmtp_recipient *recipients, **last_recipient;
	size_t recipient_count;
	struct lmtp_account *accounts, **last_account;
	size_t account_count;
	struct delivery *delivery; /* once the message begins */
	uint64_t size;		   /* bytes of the message, so far */
	enum err err;		   /* of what was fed */
};

enum lmtp_doing {
	LMTP_DOING_LINES,
	LMTP_DOING_ASKING, /* RCPT: whose is it? */
	LMTP_DOING_DATA,
	LMTP_DOING_CHUNK, /* BDAT: `left` bytes of message */
	/* The last word was said, amid what the client says: that is thrown
	 * away until it goes, so that the word is not lost to a reset. */
	LMTP_DOING_LEAVE,
};

struct lmtp {
	struct session session; /* first */
	struct lmtp_framer framer;
	enum lmtp_state state;
	enum lmtp_doing doing;
	bool ended; /* the last word was said */
	unsigned errors;
	struct lmtp_transaction t;
	str asked; /* RCPT's address, in t.arena */
	struct arena_mark asked_mark;
	struct lmtp_dot dot;
	/* The chunk being read. */
	uint64_t left;
	bool last;
	enum lmtp_say wrong; /* why its bytes are thrown away, or NOTHING */
	/* Owned. What LHLO and XCLIENT told; NULL: nothing. */
	char *helo;
	char *told[LMTP_XCLIENT_COUNT];
};

/* Of session.out. */
static inline struct buf *lmtp_out(struct lmtp *s)
{
	return &s->session.out;
}

/* driver.c: answers; what was the client's mistake is counted, and ends the
 * session when it is too much. */
void lmtp_say(struct lmtp *, enum lmtp_say);

/* command.c: executes a line. */
void lmtp_execute(struct lmtp *, str line);

/* recipient.c */
/* Asks whose it is; the session waits. */
void lmtp_ask(struct lmtp *, str address);
/* The answer is there. False: not yet. */
bool lmtp_answered(struct lmtp *);

/* message.c */
void lmtp_transaction_begin(struct lmtp *, const struct lmtp_mail *);
void lmtp_transaction_end(struct lmtp *);
/* The message is about to come. */
void lmtp_message_begin(struct lmtp *);
void lmtp_message_take(struct lmtp *, str bytes);
/* It is whole: commits, answers each recipient, ends the transaction. */
void lmtp_message_end(struct lmtp *);

/* trace.c: RFC 5321 section 4.4. The fields for one account. */
void lmtp_put_trace(struct buf *, const struct lmtp *,
	const struct lmtp_account *, str host, int64_t now);
/* Where the client is, without port: what XCLIENT told, or its address; "" for
 * a Unix socket. */
str lmtp_client_address(const struct lmtp *);

#endif
