/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan: reads one message for a plan's leaves: first its header, and only if
 * that does not settle the question its parts, decoded piece by piece. Memory
 * is one chunk, one header field (cut at SCAN_FIELD_MAX) and the matchers.
 */
#ifndef SEARCH_SCAN_H
#define SEARCH_SCAN_H

#include "mail/bytes.h"
#include "mail/records.h"
#include "message/digest.h"
#include "message/match.h"
#include "search/plan.h"

#define SCAN_FIELD_MAX (1024 * 1024)

struct scan {
	struct plan *plan;
	/* Needles of LEAF_TEXT and LEAF_BODY, in order of leaves; which[] is
	 * the leaf of each. */
	struct match *match;
	struct plan_leaf **which;
	size_t needles;
	struct buf digest_bytes, field, text, folded;
	/* A chunk of the message, and which. */
	struct buf window;
	uint64_t window_at;
	struct message_reader reader; /* of the window's message */
	struct digest digest;
	/* Of the messages of one transaction, read along. */
	struct store_txn *txn;
	struct records digests;
	struct message_records along;
};

void scan_init(struct scan *, struct plan *, struct arena *);
void scan_fini(struct scan *);

/* Around the messages that are read within one transaction. */
void scan_begin(struct scan *, struct store_txn *, account_num);
void scan_end(struct scan *);
/* Settles LEAF_SENT and LEAF_FIELD, and LEAF_TEXT that the header has. */
MUST enum err scan_header(struct scan *, const struct membership *);
/* After scan_header: settles the rest. */
MUST enum err scan_body(struct scan *, const struct membership *);

#endif
