/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread_tree: what THREAD finds (RFC 5256), as an array of nodes that name
 * each other by index. The first is the root, which stands for nothing; its
 * children are the threads. Siblings are in the order in which they are to be
 * told.
 */
#ifndef MESSAGE_THREAD_TREE_H
#define MESSAGE_THREAD_TREE_H

#include <stdint.h>

struct thread_node {
	/* UID or message number; 0: a dummy, the parent of messages whose own
	 * is not there. Dummies are children of the root, and have at least
	 * two children, which are none. */
	uint32_t number;
	uint32_t parent;
	uint32_t first; /* child; 0: none */
	uint32_t next;	/* sibling; 0: none */
};

#endif
