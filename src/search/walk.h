/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk: reads the digests of many messages, one record each, in bounded
 * transactions.
 */
#ifndef SEARCH_WALK_H
#define SEARCH_WALK_H

#include "message/digest.h"
#include "search/search.h"

/* The digest's strs live until it returns. An error ends the walk. */
typedef enum err walk_function(
	void *arg, const struct membership *, const struct digest *);

/* Calls for each message of the set, in order of UID; all must be in the
 * scope's view. A message whose bytes went with an expunge since then, or that
 * cannot be read, comes with an empty digest: the client still counts it.
 * ERR_CLOSED: cancelled. */
MUST enum err walk_digests(const struct search_scope *, const struct uidset *,
	walk_function *, void *arg);

/* RFC 5256 section 2.2: "If the sent date cannot be determined […], the
 * INTERNALDATE for that message is used as the sent date." */
static inline int64_t walk_sent_date(
	const struct membership *m, const struct digest *d)
{
	return d->flags & DIGEST_HAS_DATE ? d->date : m->internal_date;
}

#endif
