/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boundary: which of the open multiparts' boundaries does a line start with?
 * (RFC 2046 section 5.1.1.) The boundaries are kept sorted, and a line's bytes
 * narrow the range of those that still fit, so that a line costs its length
 * (up to the longest boundary) times the logarithm of their number, in
 * whatever pieces it comes.
 */
#ifndef MESSAGE_BOUNDARY_H
#define MESSAGE_BOUNDARY_H

#include "base/str.h"

/* Longer ones are compared by their beginning; RFC 2046 allows 70. */
#define BOUNDARY_MAX 256

struct boundary {
	str text;	/* the owner's */
	uint32_t level; /* how deep its multipart is; unique */
};

struct boundary_set {
	struct boundary *items; /* by text, then innermost first */
	size_t n, cap;
};

void boundary_set_fini(struct boundary_set *);
/* `level` is greater than that of all others in the set. */
void boundary_set_add(struct boundary_set *, str text, uint32_t level);
/* Nothing happens when it is not there. */
void boundary_set_remove(struct boundary_set *, uint32_t level);

/* One line's progress; start with BOUNDARY_LINE. */
struct boundary_line {
	size_t lo, hi; /* the items that fit so far */
	size_t at;     /* bytes seen */
	bool over;     /* more bytes change nothing */
	bool found;
	uint32_t level; /* of the longest boundary that fits */
	uint8_t tail_n; /* bytes seen after it, up to 2, */
	bool dashes;	/* and they are "-", "--" */
};

#define BOUNDARY_LINE                                                          \
	((struct boundary_line){.lo = 0, .hi = SIZE_MAX, .dashes = true})

/* The line's next bytes. The set must not change during a line. Returns the
 * number of bytes looked at. */
size_t boundary_line_feed(
	struct boundary_line *, const struct boundary_set *, str bytes);

/* Is it "--boundary--"? When found. */
static inline bool boundary_line_closes(const struct boundary_line *l)
{
	return l->tail_n == 2 && l->dashes;
}

#endif
