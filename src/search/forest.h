/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forest: trees that grow by links and lose some again, and never get a loop.
 * Who is below whom is asked at every link; as References fields are written
 * by anybody, a walk up the ancestors would take quadratic time when they are
 * written so. These are link-cut trees (Sleator and Tarjan, 1983): each
 * operation takes logarithmic time on average over all of them, exactly,
 * however deep the trees are.
 *
 * Nodes are the caller's, zeroed at first, and must stay where they are.
 */
#ifndef SEARCH_FOREST_H
#define SEARCH_FOREST_H

#include "base/str.h"

struct forest_node {
	struct forest_node *parent; /* NULL: a root */
	uint32_t children;
	/* Of the splay tree of a path from the root downwards, ordered by
	 * depth; `above` of the topmost is the parent of the path's first. */
	struct forest_node *above, *left, *right;
};

/* Makes a root the child of that. False, and nothing done: it would be below
 * itself. */
bool forest_link(struct forest_node *root, struct forest_node *parent);
/* Makes it a root, with what is below it. */
void forest_cut(struct forest_node *);

#endif
