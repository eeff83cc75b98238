/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sort_key: what SORT orders by (RFC 5256, RFC 5957): wire reads and prints
 * the names, search compares.
 */
#ifndef MESSAGE_SORT_KEY_H
#define MESSAGE_SORT_KEY_H

#include "base/str.h"

/* What a key's values are, and where they come from. */
enum sort_of {
	SORT_OF_MEMBER, /* a number, in the mailbox's view */
	SORT_OF_DATE,	/* a number, in the digest or else the view */
	SORT_OF_DIGEST, /* a string in the digest, folded */
};

/* Name on the wire, what its values are. */
#define SORT_KEY_TABLE(X)                                                      \
	X(ARRIVAL, MEMBER)                                                     \
	X(CC, DIGEST)                                                          \
	X(DATE, DATE)                                                          \
	X(FROM, DIGEST)                                                        \
	X(SIZE, MEMBER)                                                        \
	X(SUBJECT, DIGEST)                                                     \
	X(TO, DIGEST)                                                          \
	X(DISPLAYFROM, DIGEST)                                                 \
	X(DISPLAYTO, DIGEST)

enum sort_key {
#define X(name, of) SORT_##name,
	SORT_KEY_TABLE(X)
#undef X
		SORT_KEY_COUNT
};

/* Criteria, the most important first. No key is in it twice: a second one
 * would only be asked when the first found both the same. */
struct sort_order {
	unsigned count;
	struct {
		enum sort_key key;
		bool reverse;
	} by[SORT_KEY_COUNT];
};

static inline bool sort_order_has(const struct sort_order *o, enum sort_key key)
{
	for (unsigned i = 0; i < o->count; i++)
		if (o->by[i].key == key)
			return true;
	return false;
}

static inline void sort_order_add(
	struct sort_order *o, enum sort_key key, bool reverse)
{
	if (sort_order_has(o, key))
		return;
	o->by[o->count].key = key;
	o->by[o->count].reverse = reverse;
	o->count++;
}

#endif
