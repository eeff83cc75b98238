/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by repair*.c: an account as far as it can be read, in memory. Lists
 * are in the order of their keys; all is in the repairing's arena. */
#ifndef MAIL_REPAIR_PRIVATE_H
#define MAIL_REPAIR_PRIVATE_H

#include "mail/private.h"
#include "mail/repair.h"

struct r_gap {
	str from, to;
	uint64_t damage;
};

/* A 'b' or, with a mod-sequence, a 'p'. */
struct r_block {
	mailbox_num mailbox;
	uint32_t number;
	modseq_num modseq;
	bool bad;
	bool dirty; /* to be written */
	size_t count;
	struct membership *members;
};

struct r_box {
	mailbox_num id;
	bool there; /* its record could be read */
	struct mailbox_record record, counted;
	/* Of the history. */
	bool history_bad;
	bool has_history;
	struct history_record history;
	struct uidset expunged; /* that the journal knows */
	/* What cannot be read of it: blocks, numbers + 1. */
	struct uidset damaged;
	bool changed; /* by the repair: it gets a journal entry */
	struct uidset added, altered, gone;
	uint32_t back, anew; /* messages that were given back */
};

struct r_message {
	message_num number;
	bool record_good, digest_good;
	bool has_bytes; /* its first record */
	bool wanted;	/* a membership has it, */
	bool kept;	/* or had, and is kept for a while */
	uint64_t digest_size;
	struct message_record record;
};

struct r_name {
	str name;
	mailbox_num id;
};

struct r_link {
	uint64_t group;
	mailbox_num mailbox;
	uint32_t block;
};

struct r_hash {
	str hash;
	message_num message;
};

struct r_entry { /* of a journal */
	mailbox_num mailbox;
	modseq_num modseq;
	bool bad;
};

struct r_uidl {
	mailbox_num mailbox;
	uid_num uid;
};

struct r_said {
	str words;
	bool lost;
};

#define R_LIST(type)                                                           \
	struct {                                                               \
		type *list;                                                    \
		size_t count, room;                                            \
	}

/* A zeroed new last element. */
#define R_ADD(arena, l)                                                        \
	(repair_grow((arena), (void **)&(l)->list, &(l)->count, &(l)->room,    \
		 sizeof *(l)->list),                                           \
		&(l)->list[(l)->count - 1])

struct repairing {
	struct mail *mail;
	struct repair *repair;
	account_num account;
	struct change ch; /* arena, transaction */
	bool account_good;
	bool removed;		      /* the account is being */
	bool any;		      /* there is something of it */
	struct account_record record; /* as it was read */
	R_LIST(struct r_gap) gaps;
	R_LIST(struct r_block) blocks, kept;
	R_LIST(struct r_box) boxes; /* by number, once they are complete */
	R_LIST(struct r_message) messages;
	R_LIST(struct r_name) names;
	R_LIST(struct r_link) links;
	R_LIST(struct r_hash) hashes;
	R_LIST(struct r_entry) entries;
	R_LIST(struct r_uidl) uidls;
	R_LIST(str) bad_keys; /* go, if nothing takes their place */
	struct uidset deleted, uploads, expunging; /* work for the janitor */
	uint32_t greatest_uidvalidity, greatest_mailbox;
	message_num greatest_message;
	message_num greatest_linked; /* some below it is */
	modseq_num greatest_modseq;
	bool changes;
	uint64_t tried_in_vain; /* bytes * bytes */
	bool met_damage;
	bool corrected; /* what is wrong by a bit is right, or cannot be */
	/* What outlives the write, and is in an arena of its own. */
	struct arena words;
	bool blocked; /* it cannot be repaired */
	enum err err; /* of reading a message: it is not damage */
	R_LIST(struct r_said) said;
	R_LIST(struct r_gap) buried;
	R_LIST(mailbox_num) touched;
};

void repair_grow(
	struct arena *, void **list, size_t *count, size_t *room, size_t size);

void repair_say(struct repairing *, bool lost, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* repair_load.c */
MUST enum err repair_load(struct repairing *);
struct r_box *repair_box(struct repairing *, mailbox_num); /* or NULL */
struct r_message *repair_message(struct repairing *, message_num);
/* Whether a key may have been where nothing can be read. */
bool repair_in_gap(const struct repairing *, str key);
bool repair_letter_in_gap(const struct repairing *, char letter);

/* Writes; ch->key is the key. */
void repair_put(struct repairing *, str value);
void repair_delete(struct repairing *);

/* repair_message.c: records, digests and hashes. */
MUST enum err repair_messages(struct repairing *);
/* Messages' bytes in a gap: those that are wrong by a bit are put anew. */
void repair_bytes(struct repairing *, str from, str to);
/* After the last gap. */
void repair_bytes_end(struct repairing *);
/* Its growth and whether its header has bytes above ASCII; what is not known
 * stays 0. */
void repair_measure(
	struct repairing *, const struct r_message *, struct membership *);

/* repair_box.c: mailboxes, memberships, links, counters. */
MUST enum err repair_boxes(struct repairing *);

#endif
