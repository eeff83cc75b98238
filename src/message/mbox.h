/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox: the messages of an mbox file (RFC 4155 and its relatives), one after
 * another, in pieces, in bounded memory. No I/O of its own: the file is read
 * through a function.
 *
 *	while (mbox_next(&m, &from) == OK) {
 *		while (mbox_read(&m, &bytes) == OK && bytes.n)
 *			…
 *	}
 *
 * A message begins with a line "From SENDER DATE". There are four dialects,
 * by how they keep such lines in messages apart:
 *
 *	mboxo	"From " at the start of a line in a body becomes ">From "
 *	mboxrd	the same, and ">From " becomes ">>From ", so that it can be
 *		undone (Thunderbird, qmail, Google's exports)
 *	mboxcl	as mboxo, and Content-Length tells where the body ends
 *	mboxcl2	Content-Length alone (mutt, Dovecot)
 *
 * Nothing in a file says which it is. MBOX_AUTO decides for each message: where
 * Content-Length fits, mboxcl2, else mboxrd. It fits when the body that it
 * tells is followed by a From_ line or the end of the file; a length that does
 * not fit is never believed, whatever the dialect.
 *
 * Outside such a body a From_ line is one with a date. Thunderbird's have none
 * ("From ", formerly "From - "), so one without a date counts too if it names
 * at most one word, a header field stands after it, and before it a blank line
 * (for "From -" even without). The blank line before a From_ line or the end
 * of the file is not part of the message.
 */
#ifndef MESSAGE_MBOX_H
#define MESSAGE_MBOX_H

#include "message/date.h"

enum mbox_dialect {
	MBOX_AUTO,
	MBOX_O,
	MBOX_RD,
	MBOX_CL,
	MBOX_CL2,
};

struct mbox_input {
	/* Up to `size` bytes at `offset` into room; 0 at the end of the file.
	 * May give fewer. */
	enum err (*read_at)(void *closure, uint64_t offset, char *room,
		size_t size, size_t *n_r);
	void *closure;
};

/* A From_ line. */
struct mbox_from {
	str sender; /* until the next mbox_next; "", "-" when there is none */
	struct date date; /* UTC unless it says otherwise */
	bool has_date;
};

#define MBOX_LINE_MAX 1024 /* of a From_ line */

struct mbox {
	struct mbox_input input;
	enum mbox_dialect dialect;
	char *room;    /* a window of the file */
	size_t at, n;  /* in the window: what is next, where it ends */
	uint64_t base; /* offset of the window in the file */
	bool eof;      /* the window ends with the file */
	enum err err;
	enum { MBOX_BEFORE, MBOX_HEAD, MBOX_BODY, MBOX_AFTER } state;
	bool line_begins, after_blank;
	bool counted;		  /* the body's length is known: */
	uint64_t left;		  /* so many bytes are left of it */
	uint64_t length;	  /* from Content-Length; UINT64_MAX: none */
	char line[MBOX_LINE_MAX]; /* the From_ line */
};

void mbox_init(struct mbox *, struct mbox_input, enum mbox_dialect);
void mbox_fini(struct mbox *);

/* Could these first bytes of a file (some hundreds) be an mbox? */
bool mbox_is_likely(str start);

/* The next message; skips what was not read of this one. ERR_NOTFOUND at the
 * end, ERR_INVALID when the file does not start with a From_ line, and
 * read_at's errors. */
MUST enum err mbox_next(struct mbox *, struct mbox_from *from_r);
/* The next bytes of the message, unescaped, valid until the next call; empty
 * at its end. Errors are read_at's. */
MUST enum err mbox_read(struct mbox *, str *bytes_r);
/* How far in the file, for progress. */
uint64_t mbox_offset(const struct mbox *);

#endif
