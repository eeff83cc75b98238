/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: a search tree made ready. Each node gets two sets of UIDs: `surely`
 * matches, and may (`maybe`, a superset). Keys that the view answers have both
 * equal; keys that need the message have nothing and everything; AND, OR and
 * NOT are set algebra. What is between the root's two sets has to be read.
 *
 * For one message, plan_decide() goes through the tree with what is known of
 * it so far: yes, no, or not yet, so that a body is read only when the header
 * did not settle it.
 */
#ifndef SEARCH_PLAN_H
#define SEARCH_PLAN_H

#include "search/search.h"

enum verdict { VERDICT_NO, VERDICT_YES, VERDICT_OPEN };

/* What a leaf that needs the message is looking for. */
enum leaf_kind { LEAF_SENT, LEAF_FIELD, LEAF_BODY, LEAF_TEXT };

struct plan_leaf {
	enum leaf_kind kind;
	const struct search_node *node;
	const struct search_row *row;
	str field;	      /* LEAF_FIELD: name */
	str needle;	      /* folded */
	enum verdict verdict; /* on the message under way */
};

struct plan_node {
	enum search_on on;
	struct uidset surely, maybe;
	struct plan_leaf *leaf; /* NULL: the sets say it */
	struct plan_node *first, *next;
};

struct plan {
	struct plan_node *root;
	struct plan_leaf *leaves;
	size_t leaf_count;
	bool wants_body; /* a leaf is LEAF_BODY or LEAF_TEXT */
};

/* Memory is the arena's but for the sets: plan_fini. ERR_LIMIT: it is too much.
 */
MUST enum err plan_make(struct plan *, const struct search_scope *,
	const struct search_node *, struct arena *);
void plan_fini(struct plan *);

/* Nothing is known of the next message yet. */
void plan_forget(struct plan *);
enum verdict plan_decide(const struct plan_node *, uid_num);

#endif
