/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match: which of several strings occur in a stream of bytes, in one pass and
 * in time linear in the stream (Aho-Corasick), whatever the strings and the
 * split of the stream. For text, feed it what fold made, and fold the needles.
 *
 * A match_set is built once and never changes, so threads may share it; each
 * scan has a match of its own. Memory is linear in the needles.
 */
#ifndef MESSAGE_MATCH_H
#define MESSAGE_MATCH_H

#include "base/arena.h"
#include "base/str.h"

struct match_set;
struct match;

/* The needles need not outlive the call. An empty needle is found in
 * everything, in an empty stream too. */
struct match_set *match_set_new(
	struct arena *, const str *needles, size_t count);

/* The set must live as long. */
struct match *match_new(struct arena *, const struct match_set *);
/* For the next stream: forgets what was found. */
void match_reset(struct match *);
/* The stream is interrupted: a needle must not span what was fed before and
 * what comes after (two headers, two parts); what was found stays. */
void match_break(struct match *);
void match_feed(struct match *, str bytes);

/* The needle's index as given to match_set_new. */
bool match_found(const struct match *, size_t needle);
/* All are found: the rest of the stream cannot matter. */
bool match_done(const struct match *);

#endif
