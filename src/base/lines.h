/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines: reads lines, and raw bytes between them, from a blocking descriptor.
 * For the control protocol, both sides. Memory is one line's bound.
 */
#ifndef BASE_LINES_H
#define BASE_LINES_H

#include "base/str.h"

struct lines {
	int fd; /* the caller's */
	char *room;
	size_t max;   /* longest line, with its end */
	size_t begin; /* [begin, end) was read and not taken */
	size_t end;
};

void lines_init(struct lines *, int fd, size_t max);
void lines_fini(struct lines *);

/* The next line without its LF, valid until the following call. ERR_TOOBIG,
 * ERR_CLOSED (also in the middle of a line), ERR_IO. */
MUST enum err lines_next(struct lines *, str *line_r);
/* Up to `size` raw bytes, at least one: ERR_CLOSED at the end. */
MUST enum err lines_read(struct lines *, char *room, size_t size, size_t *n_r);

/* All of it, to a blocking socket or pipe, without SIGPIPE for sockets.
 * ERR_CLOSED, ERR_IO. */
MUST enum err fd_write_all(int fd, str);

#endif
