/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How mail is laid out in the store: every key and every value, in this file
 * and layout.c only.
 *
 * All keys of an account begin with 'A' and its number (8 bytes, big-endian),
 * so that an account is one range, and one scope for writers. Then a letter:
 *
 *	letter  rest of the key               value
 *	------  ----------------------------  -------------------------------
 *	a       -                             account: struct account_record
 *	b       mailbox:4 block:4             128 UIDs' memberships, see below
 *	c       message:8 chunk:4             message bytes after the first of
 *	                                      them, as a record of bytes.h;
 *	                                      chunk from 1
 *	d       message:8                     digest (message/digest.h)
 *	e       mailbox:4 name                annotation: its bytes. Of mailbox
 *	                                      0: the account's own
 *	f       message:8                     a message's first bytes, its
 *	                                      header, as a record of bytes.h
 *	h       mailbox:4                     history: struct history_record,
 *	                                      once its journal was pruned
 *	i       message:8                     message: struct message_record
 *	j       mailbox:4 modseq:8            journal: struct journal_record
 *	l       group:8 mailbox:4 block:4     link: some member of this block,
 *	                                      or some 'p' of it, is one of
 *	                                      these messages (link.h); empty
 *	m       mailbox:4                     mailbox: struct mailbox_record
 *	n       name                          mailbox:4
 *	o       mailbox:4 SHA-256:16          a Message-ID that was delivered
 *	                                      there: a duplicate until then,
 *	                                      unix seconds:8. Only the head
 *	                                      of the hash
 *	p       mailbox:4 block:4 modseq:8    what one change expunged of this
 *	                                      block, bytes kept until no
 *	                                      session knows it: as a block
 *	q       mailbox:4 uid:4               its POP3 unique-id, given by the
 *	                                      server that it was imported from
 *	r       uidvalidity:4 name            retired: the name had it once;
 *	                                      empty
 *	s       name                          subscription: empty
 *	x       SHA-256:32                    message:8
 *
 * Work left for the janitor stands under keys of its own, 'P', account:8, a
 * letter and number:8, with an empty value:
 *
 *	a       account that was removed: all of its keys (number 0); once they
 *	        are gone with the unix seconds:8 of that, for a day
 *	p       mailbox with expunged messages ('p' keys) to be let go
 *	u       message of an upload that is not finished: chunks only
 *	z       deleted mailbox whose blocks are still there
 *
 * A block holds the memberships of UIDs block*128 .. block*128+127, ascending;
 * numbers are varints:
 *
 *	uid - block*128, flags, modseq, message, size, form,
 *	internal date (zigzag seconds), zone (zigzag minutes), save date
 *	(zigzag seconds)
 *
 * where form is growth*4 + own_uidl*2 + eightbit.
 *
 * Values of records begin with a version byte. Version 1 had no growth (it is
 * read as 0), version 2 no history_record.entries (0 too: then more is kept
 * than need be), version 3 no message_record.home and what follows it. Numbers
 *not said otherwise are varints; strings are length and bytes.
 */
#ifndef MAIL_LAYOUT_H
#define MAIL_LAYOUT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/uidset.h"

#define BLOCK_UIDS 128
/* A link's group are the messages group*128 .. group*128+127. */
#define LINK_MESSAGES 128
#define HASH_SIZE 32
#define SEEN_HASH_SIZE 16
/* Bits 8..63 of a flag word are the mailbox's keywords. */
#define KEYWORDS_MAX 56
#define KEYWORD_BIT(i) ((uint64_t)1 << (8 + (i)))

typedef uint64_t account_num;
typedef uint32_t mailbox_num;
typedef uint64_t message_num;

struct account_record {
	mailbox_num next_mailbox;
	message_num next_message;
	uint32_t next_uidvalidity;
	modseq_num modseq; /* the last one given out */
	uint64_t bytes;	   /* sum of the sizes of all memberships */
	uint64_t messages; /* memberships */
	uint64_t quota;	   /* bytes; 0: none */
	uint32_t mailboxes;
};

struct mailbox_record {
	str name; /* canonical UTF-8, NFC */
	uint32_t uidvalidity;
	uid_num uidnext;
	modseq_num modseq;   /* of its last change */
	uid_num recent_from; /* UIDs from here on are \Recent to the next */
	uint32_t exists;
	uint32_t unseen;
	uint32_t deleted;
	uint64_t bytes;
	uint64_t growth;      /* sum of the members' */
	uint32_t special_use; /* enum special_use bits */
	int64_t created;      /* unix seconds */
	uint32_t keyword_count;
	str keywords[KEYWORDS_MAX]; /* n == 0: a free place */
};

struct membership {
	uid_num uid;
	uint64_t flags;
	modseq_num modseq;
	message_num message;
	uint64_t size;	       /* bytes of the message */
	uint64_t growth;       /* bytes more with CRLF at the end of each line,
				  of the last one too (message/eol.h) */
	bool own_uidl;	       /* its POP3 unique-id is one of its own: 'q' */
	bool eightbit;	       /* its header has bytes above ASCII */
	int64_t internal_date; /* unix seconds */
	int32_t zone;	       /* its zone, minutes east */
	int64_t save_date;     /* unix seconds */
};

struct message_record {
	uint64_t size;
	unsigned char hash[HASH_SIZE];
	int64_t received; /* unix seconds */
	/* Where it was put first, whether or not it still is there, and as
	 * what: its membership can be made anew from this (repair.h). */
	mailbox_num home; /* 0: not known */
	uid_num home_uid;
	int64_t internal_date;
	int32_t zone;
};

struct journal_record {
	struct uidset added, changed, expunged; /* the caller's to fini */
	int64_t when;
};

/* What a mailbox's journal has forgotten. */
struct history_record {
	modseq_num pruned;    /* up to here only expunges are left in it */
	modseq_num forgotten; /* up to here nothing is left in it */
	int64_t oldest;	      /* unix seconds of the first of what is left up
				 to `pruned` */
	uint64_t entries;     /* how many these are */
};

/* Of an account's key: 'A', its number, the letter. */
#define KEY_HEAD 10

/* Keys. Each replaces what the buf held. */
void key_account(struct buf *, account_num);
void key_account_prefix(struct buf *, account_num, char letter);
/* [from, to): all keys of the account. */
void key_account_range(struct buf *from, struct buf *to, account_num);
/* The first key after all that begin with the same bytes. */
void key_prefix_end(struct buf *);
void key_mailbox(struct buf *, account_num, char letter, mailbox_num);
void key_mailbox_u32(
	struct buf *, account_num, char letter, mailbox_num, uint32_t n);
void key_journal(struct buf *, account_num, mailbox_num, modseq_num);
void key_name(struct buf *, account_num, char letter, str name);
void key_retired(struct buf *, account_num, uint32_t uidvalidity, str name);
void key_message(struct buf *, account_num, char letter, message_num);
/* 0: the first bytes. */
void key_chunk(struct buf *, account_num, message_num, uint32_t chunk);
void key_link(
	struct buf *, account_num, message_num, mailbox_num, uint32_t block);
/* The prefix of all links to the message's group. */
void key_links(struct buf *, account_num, message_num);
void key_expunged(
	struct buf *, account_num, mailbox_num, uint32_t block, modseq_num);
void key_hash(struct buf *, account_num, const unsigned char hash[HASH_SIZE]);

void key_seen(struct buf *, account_num, mailbox_num,
	const unsigned char hash[SEEN_HASH_SIZE]);

void key_annotation(struct buf *, account_num, mailbox_num, str name);

void key_pending(struct buf *, account_num, char kind, uint64_t number);
MUST enum err key_pending_read(
	str key, account_num *account_r, char *kind_r, uint64_t *number_r);

/* Reading a key's tail back: what follows account and letter. */
str key_tail(str key);
/* The account of a key; 0 when it is not an account's key. */
account_num key_account_of(str key);

/* Values. Decoders give ERR_CORRUPT; strs point into the value. */
void account_encode(const struct account_record *, struct buf *);
MUST enum err account_decode(str, struct account_record *);
void mailbox_encode(const struct mailbox_record *, struct buf *);
MUST enum err mailbox_decode(str, struct mailbox_record *);
void message_encode(const struct message_record *, struct buf *);
MUST enum err message_decode(str, struct message_record *);
void journal_encode(const struct journal_record *, struct buf *);
MUST enum err journal_decode(str, struct journal_record *);
void journal_fini(struct journal_record *);
void history_encode(const struct history_record *, struct buf *);
MUST enum err history_decode(str, struct history_record *);

/* members: ascending, all of block `block`. */
void block_encode(const struct membership *members, size_t count,
	uint32_t block, struct buf *);
MUST enum err block_decode(str, uint32_t block,
	struct membership members_r[BLOCK_UIDS], size_t *count_r);

/* The value of an 'o' key. */
void seen_encode(int64_t until, struct buf *);
MUST enum err seen_decode(str, int64_t *until_r);

/* What a 'p' key says. */
MUST enum err key_expunged_read(str key, mailbox_num *mailbox_r,
	uint32_t *block_r, modseq_num *modseq_r);

#endif
