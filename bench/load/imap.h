/* SPDX-License-Identifier: Apache-2.0 */
/*
 * imap: a client that costs little. Commands are written into conn.out and
 * wait for their tagged answers in order; each must be OK. Untagged answers go
 * to `untagged`, whole, literals included.
 */
#ifndef LOAD_IMAP_H
#define LOAD_IMAP_H

#include "load/conn.h"

/* A command on the way. */
struct imap_command {
	uint64_t begun;	  /* when it was sent, ns */
	uint64_t answers; /* untagged ones that `untagged` counted */
	uint64_t bytes;	  /* counted likewise, or sent */
	uint64_t arg;	  /* the workload's own */
};

struct imap {
	struct conn conn; /* first: a conn is its imap */
	uint64_t sent, done;
	uint64_t depth; /* most commands on the way; a power of two */
	struct imap_command *ring;
	size_t scanned;		/* bytes of the input looked at for its end */
	uint64_t exists;	/* as last told */
	uint64_t number;	/* of the connection */
	bool greeted, going_on; /* "+ " came */
	/* The greeting came. May be NULL, as the two that follow. */
	void (*welcomed)(struct imap *);
	/* An untagged answer, without CRLF. command: the first on the way, or
	 * NULL. */
	void (*untagged)(struct imap *, struct imap_command *, str answer);
	/* A command is done with OK. line: what follows the tag. */
	void (*tagged)(struct imap *, struct imap_command *, str line);
	void *work; /* the workload's own */
};

/* Connects and awaits the greeting. port: as told by port= and tls=. */
void imap_open(struct imap *, uint64_t depth);
/* Begins to; the greeting is awaited by the loop. */
void imap_connect(struct imap *, uint64_t depth);
void imap_login(struct imap *, uint64_t user);
/* LOGOUT without waiting, and closes. */
void imap_close(struct imap *);

/* The name of user number n, as bytes of a static buffer. */
const char *imap_user(uint64_t n);

/* Writes a tag and the text; "\r\n" is not added. Ask imap_room() first. */
struct imap_command *imap_begin(struct imap *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Literals and what follows them. */
void imap_add(struct imap *, str bytes);
/* Sends what was written. */
void imap_send(struct imap *);
static inline bool imap_room(const struct imap *im)
{
	return im->sent - im->done < im->depth;
}

/* A whole command, without CRLF; waits until all on the way are done. Gives
 * the time it took, ns. */
uint64_t imap_do(struct imap *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Like imap_do, when `wanted` is false the answer may be NO. */
void imap_try(struct imap *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void imap_wait(struct imap *);

/* SELECT, and how many messages there are. */
uint64_t imap_select(struct imap *, const char *mailbox);
bool imap_has(struct imap *, const char *capability);

/* -------- reading answers -------- */

/* "* 17 FETCH (...)": the number, and what follows "FETCH "; false when it is
 * something else. */
bool imap_is_fetch(str answer, uint64_t *number_r, str *rest_r);
/* The first literal of an answer; fails when there is none. */
str imap_literal(str answer);
/* The number behind `name`, as in "UID 17"; fails when it is not there. */
uint64_t imap_number_after(str answer, const char *name);

#endif
