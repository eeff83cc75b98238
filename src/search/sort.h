/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sort: messages in another order (RFC 5256, RFC 5957), by what was found out
 * about them at delivery: digests are read only when a key needs them, once.
 *
 * Strings are compared as i;unicode-casemap says (RFC 5051): the digest has
 * them folded. Only their first KEYS_BYTES_MAX bytes count (message/keys.h).
 * Messages that are the same by all keys keep the mailbox's order, which
 * REVERSE does not turn.
 */
#ifndef SEARCH_SORT_H
#define SEARCH_SORT_H

#include "message/sort_key.h"
#include "search/search.h"

/* What an arena for sorting n messages may hold in bytes, when the command
 * itself may have `budget`. */
#define SORT_MEMORY_EACH 512
static inline size_t sort_memory(size_t budget, uint32_t n)
{
	return budget + (size_t)n * SORT_MEMORY_EACH;
}

/* *uids_r: as many as there are in `uids`, in order; in the arena, as is all
 * that is needed on the way. `uids` are of the scope's view. ERR_LIMIT: the
 * keys are larger than the arena; ERR_CLOSED: cancelled. */
MUST enum err sort_run(const struct search_scope *, const struct uidset *uids,
	const struct sort_order *, struct arena *, uid_num **uids_r);

/* Where messages belong that come to `sorted`, which are in order already and
 * are the `count` members of `present`: *uids_r: those that come, in order;
 * *before_r: for each, how many of sorted stand before it. Both in the arena.
 * Reads the keys of what comes, and of some of the others by halving; or of
 * all when that is less. Errors as above. */
MUST enum err sort_place(const struct search_scope *, const uid_num *sorted,
	const struct uidset *present, const struct uidset *coming,
	const struct sort_order *, struct arena *, uid_num **uids_r,
	uint32_t **before_r);

#endif
