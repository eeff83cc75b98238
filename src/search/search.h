/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search: which messages of a mailbox match (RFC 9051 section 6.4.4). Exact:
 * flags, dates and sizes are answered from the view; the rest by reading
 * digests, headers and bodies of the messages that are still in question, the
 * cheap keys first, with bounded memory. Substrings are found in decoded text
 * (encoded words, charsets, transfer encodings) without regard to case
 * (message/fold.h).
 */
#ifndef SEARCH_SEARCH_H
#define SEARCH_SEARCH_H

#include "mail/damage.h"
#include "mail/view.h"
#include "message/search_tree.h"

struct search_scope {
	struct mail *mail;
	const struct mailbox_ref *ref;
	const struct view *view;
	/* What the asking session knows: message numbers are ranks in it, and
	 * only its messages are found. */
	const struct uidset *known;
	/* Only these are asked about, and what is read is in proportion to
	 * them; NULL: all. */
	const struct uidset *among;
	const struct uidset *recent; /* \Recent to the session; may be NULL */
	const struct uidset *saved;  /* "$"; may be NULL */
	/* Messages that cannot be read are added to it, and left out; NULL:
	 * they are an error. */
	struct uidset *unread;
	/* Asked now and then, outside of transactions, when so many of so many
	 * messages are done; true ends the search with ERR_CLOSED. May be
	 * NULL. */
	bool (*cancelled)(void *arg, uint32_t done, uint32_t of);
	void *arg;
};

/* result_r is replaced. Message numbers that do not exist are of nothing; no
 * FILTER may be there. The arena is for the plan; it is given back. May take
 * long; no transaction stays open longer than a bounded batch. */
MUST enum err search_run(const struct search_scope *,
	const struct search_node *, struct arena *, struct uidset *result_r);

/* What becomes of the whole when one message cannot be read, for this reason:
 * OK when it is left out. What is damaged is logged. */
MUST enum err search_unreadable(const struct search_scope *, struct store_txn *,
	const struct membership *, enum damage_kind, enum err);

#endif
