/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seqset: a sequence set as a client wrote it (RFC 9051 sequence-set): of
 * message numbers or UIDs, where "*" is the largest, and "$" the saved search
 * result (section 6.4.4.1). It becomes a uidset once the largest number is
 * known.
 */
#ifndef MESSAGE_SEQSET_H
#define MESSAGE_SEQSET_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "base/uidset.h"

#define SEQSET_STAR 0u

struct seqrange {
	uint32_t from,
		to; /* either order; SEQSET_STAR for "*"; equal for one */
};

struct seqset {
	struct seqrange *ranges;
	size_t count;
	bool saved; /* "$": there are no ranges then */
};

/* sequence-set or seq-last-command; fails the cursor with ERR_INVALID. Memory
 * is the arena's, in proportion to the text. */
struct seqset seqset_parse(struct cursor *, struct arena *);

/* As written. */
void seqset_print(struct buf *, const struct seqset *);

/* Adds its numbers up to `largest` to set, which "*" is; there are none if that
 * is 0 (an empty mailbox). "559:*" where 7 is the largest is 7:559 (RFC 9051
 * section 9), so 7. Costs what is there, not what a client may say
 * ("1:4294967295"). Not for saved ones. */
void seqset_add_to(const struct seqset *, uint32_t largest, struct uidset *set);
/* Is any number above `largest`? A message sequence number that does not
 * exist is an error, "*" in an empty mailbox too (RFC 9051 section 9,
 * seq-number); a UID is not. */
bool seqset_exceeds(const struct seqset *, uint32_t largest);

#endif
