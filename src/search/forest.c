/* SPDX-License-Identifier: Apache-2.0 */
#include "search/forest.h"

#include <assert.h>

static bool is_top(const struct forest_node *n)
{
	return !n->above || (n->above->left != n && n->above->right != n);
}

/* Lifts a node over the one above it. */
static void rotate(struct forest_node *n)
{
	struct forest_node *p = n->above, *inner;
	bool top = is_top(p);

	if (p->left == n) {
		inner = p->left = n->right;
		n->right = p;
	} else {
		inner = p->right = n->left;
		n->left = p;
	}
	if (inner)
		inner->above = p;
	n->above = p->above;
	if (!top && p->above->left == p)
		p->above->left = n;
	else if (!top)
		p->above->right = n;
	p->above = n;
}

static void splay(struct forest_node *n)
{
	while (!is_top(n)) {
		struct forest_node *p = n->above;

		if (!is_top(p))
			rotate((p->left == n) == (p->above->left == p) ? p : n);
		rotate(n);
	}
}

/* Makes the way from the root to this node one path, with it on top. */
static void expose(struct forest_node *n)
{
	struct forest_node *below = NULL;

	for (struct forest_node *at = n; at; at = at->above) {
		splay(at);
		at->right = below;
		below = at;
	}
	splay(n);
}

static struct forest_node *root_of(struct forest_node *n)
{
	expose(n);
	while (n->left)
		n = n->left;
	splay(n);
	return n;
}

bool forest_link(struct forest_node *root, struct forest_node *parent)
{
	assert(!root->parent);
	/* What has no children is below nothing but itself. */
	if (parent == root || (root->children && root_of(parent) == root))
		return false;
	expose(root);
	root->above = parent;
	root->parent = parent;
	parent->children++;
	return true;
}

void forest_cut(struct forest_node *n)
{
	if (!n->parent)
		return;
	expose(n);
	n->left->above = NULL;
	n->left = NULL;
	n->parent->children--;
	n->parent = NULL;
}
