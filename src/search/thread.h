/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread: messages grouped into conversations (RFC 5256), from the subjects,
 * dates and ids found at delivery: one record read for each message. Time is
 * that of sorting them by date and, for each reference, a look-up and a link
 * (search/forest.h), whatever the references say; nothing recurses.
 */
#ifndef SEARCH_THREAD_H
#define SEARCH_THREAD_H

#include "message/thread_tree.h"
#include "search/search.h"

/* What an arena for threading n messages may hold in bytes, when the command
 * itself may have `budget`. */
#define THREAD_MEMORY_EACH 1024
static inline size_t thread_memory(size_t budget, uint32_t n)
{
	return budget + (size_t)n * THREAD_MEMORY_EACH;
}

/* Of a message's references the last ones count, those next to it; and an id
 * longer than a line may be (RFC 5322 section 2.1.1) is none. So that one
 * message cannot take up the memory that is there for all. */
#define THREAD_REFERENCES_MAX 1000
#define THREAD_ID_MAX 998

/* *nodes_r: numbers are UIDs; in the arena, as is all that is needed on the
 * way. `uids` are of the scope's view. ERR_LIMIT: ids and subjects are larger
 * than the arena; ERR_CLOSED: cancelled. */
MUST enum err thread_by_subject(const struct search_scope *,
	const struct uidset *uids, struct arena *,
	struct thread_node **nodes_r);
MUST enum err thread_by_references(const struct search_scope *,
	const struct uidset *uids, struct arena *,
	struct thread_node **nodes_r);

#endif
