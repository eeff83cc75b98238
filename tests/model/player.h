/* SPDX-License-Identifier: Apache-2.0 */
/*
 * player: a client. What it knows while it is online (by message number), what
 * it keeps offline, what it makes of each line that it is told (hear.c), and
 * what it says (say.c). Whoever does something alone is checked at each tagged
 * answer: the model does what the command did, and both must agree. Of what
 * several do at the same time the client makes as much as it can; who was right
 * is found out afterwards (game.c).
 */
#ifndef MODEL_PLAYER_H
#define MODEL_PLAYER_H

#include "dice.h"
#include "imap/talk.h"
#include "model.h"

#define CLIENTS 4
#define PIPELINE 8

struct game;

/* A message as the client knows it, by its number. */
struct entry {
	uid_num uid; /* the model's; the client may not know it yet */
	bool has_flags;
	uint32_t flags;
	modseq_num modseq;   /* that these flags have; 0: not known */
	bool told_flags;     /* in this command */
	modseq_num told_now; /* in this command, without flags */
};

struct kept {
	uid_num uid;
	uint32_t flags;
	modseq_num modseq;
};

/* What it keeps offline: all messages up to `complete`. */
struct cache {
	bool valid;
	int box;
	uint32_t uidvalidity;
	modseq_num highest;
	uid_num complete;
	struct kept all[MESSAGES];
	unsigned count;
};

/* What STATUS last told of a mailbox; of a client with NOTIFY that is what is
 * so, until it does something there itself. */
struct told_status {
	bool has_count, has_modseq;
	uint64_t messages, uidnext;
	modseq_num modseq;
};

enum how { BY_PLAIN, BY_CONDSTORE, BY_QRESYNC };

struct player {
	struct talk talk;
	struct game *game;
	struct dice dice;
	bool online;
	/* What this connection is. */
	enum how how;
	bool qresync, condstore, rev2, uidonly, notify, compress;
	bool idling;
	bool together; /* what it did is not in the model yet */
	unsigned tags;
	struct buf out;
	struct sent sent[PIPELINE];
	unsigned sent_count, answered;
	bool begun;	    /* the answer to sent[answered] began */
	bool numbers_shift; /* after what is sent */
	/* Of the mailbox that is selected. */
	bool selecting;
	int name; /* -1: none */
	int box;
	bool read_only;
	unsigned count;
	struct entry all[MESSAGES];
	bool synced, searched, changes_told;
	uint32_t uidvalidity;
	modseq_num highest; /* RFC 7162 section 6 */
	modseq_num told_highest, told_code;
	bool has_code;
	/* Told by UID before it was clear which number that is: in SELECT with
	 * QRESYNC, and with UIDONLY. */
	struct kept early[MESSAGES];
	unsigned early_count;
	struct uidset vanished, found;
	bool has_vanished;
	struct told_status statuses[NAMES];
	struct cache caches[NAMES], disk[NAMES];
};

/* Programs that come, do one thing to INBOX, and go. */
enum outsider { BY_LMTP, BY_POP3, OUTSIDERS };

struct stage;

struct game {
	const struct stage *stage;
	void *world; /* the stage's */
	struct model model;
	struct sight sights[NAMES];
	struct player players[CLIENTS];
	struct talk_log log;
	unsigned names;	   /* of mailboxes that are used */
	unsigned contents; /* numbers that are in use */
};

/* The server that is played against. Sessions are in place of a real client's
 * after its LOGIN. Functions end the test when something fails. */
struct stage {
	const char *name;
	void (*begin)(struct game *); /* a new account */
	void (*end)(struct game *);
	void (*connect)(struct player *);
	/* What is there: see model.h. */
	void (*look)(struct game *, struct talk *);
	/* Waits until the server noticed that no more than these are online.
	 * NULL: that cannot be known. */
	void (*settle)(struct game *, unsigned online);
	/* Some hours go by, or a year. NULL: they do not. */
	void (*prune)(struct game *, struct talk *, bool year);
	/* Waits for those who play against the same server: all of them lose
	 * it together. NULL, as kill: nobody does. */
	void (*meet)(struct game *);
	/* After so long the mail role ends, in the middle of whatever it does.
	 */
	void (*kill)(struct game *, unsigned after_us);
	/* Another one, with nobody online. */
	void (*restart)(struct game *);
	/* One comes, and says all but what makes it happen; says it; true:
	 * hears that it happened, false: nothing. NULL: there are none. */
	void (*outsider_comes)(
		struct game *, enum outsider, const struct sent *);
	void (*outsider_acts)(struct game *, enum outsider);
	bool (*outsider_goes)(struct game *, enum outsider);
	/* In the parent of those who play, or NULL: before so many do; when
	 * they did, well or not (false: it was not well after all, and its
	 * trouble is printed, if wanted); when another child of it ended. */
	void (*open)(unsigned players);
	bool (*close)(bool well, bool aloud);
	void (*child_ended)(pid_t, int status);
	/* In one of these, which plays no more. Or NULL. */
	void (*leave)(void);
	unsigned players;  /* at the same time */
	bool looks_always; /* a look costs nearly nothing */
	unsigned scripts;  /* if nothing else is asked for */
	unsigned patience; /* seconds for a script */
};

static inline struct box *box_of(struct player *p)
{
	return p->box < 0 ? NULL : p->game->model.boxes[p->box];
}

/* The command whose answer comes, or came last. */
static inline struct sent *current(struct player *p)
{
	return &p->sent[p->answered];
}

/* hear.c */

/* All that it knows of its mailbox, for later. */
void player_keep(struct player *);
/* As if the client had ended here: what it would find again. */
void player_write_disk(struct player *);
/* One line, or one with its literals. */
void player_hear(struct player *, str line);
/* The answer to the next command begins: its UIDs are clear now. */
void player_begin_command(struct player *);
/* Nothing more comes: of what was not answered it is unknown what it did. */
void player_begin_rest(struct player *);
/* Its numbers are those of the model, and what it knows is so. */
void player_agree(struct player *, bool may_expunge);
/* Of what is answered, nothing else is of interest. */
void player_forget_answered(struct player *);
/* Nor of the rest. */
void player_forget_sent(struct player *);

/* say.c: puts commands into `out`, to be sent later. */

struct sent *say_begin(struct player *, enum does, bool may_expunge);
void say_select(struct player *, int name);
/* What a client asks after SELECT until it knows all. `texts`: everything,
 * and the messages themselves. */
void say_sync(struct player *, bool texts);
void say_features(struct player *);
/* Makes mailboxes with messages in them. */
void say_beginning(struct player *);
void say_done(struct player *);
void say_idle(struct player *);
void say_noop(struct player *);
void say_append(struct player *);
void say_replace(struct player *);
void say_store(struct player *);
void say_fetch(struct player *);
void say_changes(struct player *);
void say_copy(struct player *);
void say_expunge(struct player *);
void say_search(struct player *);
void say_leave(struct player *);
void say_mailbox(struct player *);
void say_note(struct player *);
/* What an outsider is to do now: a text, or message numbers. */
void say_outside(struct game *, struct dice *, enum outsider, struct sent *);

/* zip.c: COMPRESS=DEFLATE from now on, until the end of the connection. */
void pack_begin(struct talk *);
void pack_end(struct talk *);

#endif
