/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool: one message on its way from a file to the server. Line ends become
 * CRLF on the way in, so its size is known only at its end: up to SPOOL_MEMORY
 * bytes wait in memory, more in a temporary file without a name, in $TMPDIR
 * or /var/tmp.
 */
#ifndef CLI_SPOOL_H
#define CLI_SPOOL_H

#include "message/eol.h"

#define SPOOL_MEMORY (1024 * 1024)

struct spool {
	struct buf head; /* the first bytes */
	struct buf piece;
	struct eol eol;
	uint64_t size;
	int fd; /* the rest; -1 before there was one */
	enum err err;
};

void spool_init(struct spool *);
void spool_fini(struct spool *);

/* Forgets what it has. */
void spool_begin(struct spool *);
/* An error sticks: ERR_IO, ERR_NOSPACE. */
void spool_add(struct spool *, str bytes);
/* Bytes from `at` on, at least one where there are some left; valid until the
 * next call. */
MUST enum err spool_read(struct spool *, uint64_t at, str *bytes_r);

/* The message's header is in here, if it is not an absurd one. */
static inline str spool_head(const struct spool *s)
{
	return buf_str(&s->head);
}

#endif
