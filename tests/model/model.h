/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model: an account's mailboxes as they must be, as simply as can be: arrays.
 * What a command does to them is one function of the command and of what was
 * answered, if anything was (model_apply). The model is held against what is
 * really there (model_hold): messages, flags, and mod-sequences that grew
 * exactly where something changed.
 *
 * Of commands that ran at the same time, or were cut off by a crash, only what
 * each of them may do is known. model_settle finds an order in which they may
 * have happened, each whole or, if nobody heard its answer, not at all, that
 * ends in what is there.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/uidset.h"

#include <stdio.h>

#define NAMES 3
#define BOXES 64
#define MESSAGES 320

extern const char *const box_names[NAMES];

struct message {
	uid_num uid;
	uint32_t flags;
	modseq_num modseq; /* 0: it changed since the model was held */
	unsigned content;  /* its text's number; 0: not known */
};

/* Expunged after the one mod-sequence, no later than the other. */
struct gone {
	uid_num uid;
	modseq_num after, until; /* until 0: since the model was held */
};

struct box {
	bool changed;	      /* since */
	uint32_t uidvalidity; /* 0: not known yet */
	uid_num uidnext;
	modseq_num modseq;
	modseq_num told;      /* the greatest that some client was told */
	modseq_num forgotten; /* expunges up to here may be inexact */
	unsigned note;	      /* its annotation's number; 0: it has none */
	struct message all[MESSAGES];
	unsigned count;
	struct gone gone[MESSAGES];
	unsigned gone_count;
};

/* Mailboxes that were deleted stay: sessions may have them selected. */
struct model {
	struct box *boxes[BOXES]; /* owned */
	int count;
	int by_name[NAMES]; /* -1: there is none */
	bool subscribed[NAMES];
};

/* What is really there, under one name. */
struct sight {
	bool exists, subscribed;
	uint32_t uidvalidity;
	uid_num uidnext;
	modseq_num modseq;
	unsigned note;
	struct message all[MESSAGES]; /* content 0: was not looked at */
	unsigned count;
};

enum does {
	DOES_NOTHING,
	DOES_SELECT,
	DOES_LEAVE, /* UNSELECT, CLOSE */
	DOES_APPEND,
	DOES_REPLACE,
	DOES_STORE,
	DOES_FETCH,
	DOES_COPY,
	DOES_EXPUNGE,
	DOES_SEARCH_ALL,
	DOES_SEARCH_MODSEQ,
	DOES_CREATE,
	DOES_DELETE,
	DOES_RENAME,
	DOES_SUBSCRIBE, /* or the opposite */
	DOES_SET_NOTE,
	DOES_GET_NOTE,
	DOES_TAKE, /* by POP3: DELE and QUIT */
	DOES_IDLE,
};

/* A command that was sent. */
struct sent {
	enum does does;
	unsigned tag;
	bool may_expunge;
	/* Messages, as it says: numbers, or UIDs. */
	bool uid;
	struct uidset asked;
	int name, new_name; /* of mailboxes */
	bool read_only;	    /* EXAMINE */
	/* STORE, APPEND, REPLACE */
	char op;
	uint32_t flags;
	bool silent, conditional;
	modseq_num since;
	/* FETCH */
	bool sets_seen, asks_flags, vanished, changed;
	/* COPY, CLOSE */
	bool move, expunges;
	/* APPEND, REPLACE: texts with the numbers from `content` on */
	unsigned messages, content;
	/* The text is that of this message, by CATENATE; 0: it is not. */
	uid_num url_uid;
	int url_name;
	unsigned note; /* 0: it is removed */
	bool subscribes;
	bool plain_sync; /* with it, all flags are known */
	bool search_sync, change_sync;
	bool enables; /* CONDSTORE */

	/* As it began: where, and the UIDs that it meant. */
	int box; /* -1: no mailbox was selected */
	bool box_read_only;
	struct uidset targets;
	/* Of a FETCH that has looked which of them are; NULL: all. */
	const struct uidset *unseen;

	/* What was answered, as far as it was heard. */
	bool answered, ok;
	bool told_uids;		  /* COPYUID or APPENDUID */
	struct uidset from, into; /* its sets */
	struct uidset modified;	  /* UIDs; if answered */
	bool told_note;
	unsigned noted;
};

void sent_fini(struct sent *);

void model_init(struct model *);
void model_fini(struct model *);
struct message *find_message(struct box *, uid_num);
/* Expunged, surely by then? */
bool box_is_gone_by(const struct box *, uid_num, modseq_num);
/* Is there a mailbox of that name, and is it this one? */
bool model_has(const struct model *, int box);

/* Does what the command did. NULL, or which of its answers cannot be. */
const char *model_apply(struct model *, const struct sent *);
/* Does it change anything? */
bool model_changes(const struct sent *);

/* NULL, or what is not as it must be. The model then knows the mod-sequences
 * of what changed. sights: of each name. */
const char *model_hold(struct model *, const struct sight sights[NAMES]);

/* Commands of one client, in order; all up to `answered` happened. */
struct lane {
	const struct sent *sent;
	unsigned count, answered;
};

/* True: the model is as it must be after what these did together, in some
 * order. False: there is none that ends in what is there. */
bool model_settle(struct model *, const struct lane *, unsigned lanes,
	const struct sight sights[NAMES]);
/* Both, as text: UIDs with their flags' bits and mod-sequences. */
void model_print(FILE *, const struct model *, const struct sight[NAMES]);

#endif
