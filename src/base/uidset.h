/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uidset: a set of 32-bit numbers (UIDs, or message sequence numbers) as a
 * compressed bitmap. A sequence number is a rank in a set, a UID a select.
 * An empty set costs no allocation. 0 is never a member.
 */
#ifndef BASE_UIDSET_H
#define BASE_UIDSET_H

#include "base/str.h"

struct buf;

/* A message's unique identifier, 1..2^32-1 (RFC 9051 section 2.3.1.1). */
typedef uint32_t uid_num;
/* A modification sequence, 1..2^63-1 (RFC 7162 section 3.1). */
typedef uint64_t modseq_num;

struct uidset {
	struct roaring_bitmap_s *bits; /* NULL while empty */
};

#define UIDSET_EMPTY ((struct uidset){0})

void uidset_init(struct uidset *);
void uidset_fini(struct uidset *);
void uidset_clear(struct uidset *);
/* dst must be initialised; what it held is gone. */
void uidset_copy(struct uidset *dst, const struct uidset *src);
void uidset_swap(struct uidset *, struct uidset *);

void uidset_add(struct uidset *, uint32_t n);
/* Both ends belong to it; either order. */
void uidset_add_range(struct uidset *, uint32_t from, uint32_t to);
void uidset_remove(struct uidset *, uint32_t n);
void uidset_remove_range(struct uidset *, uint32_t from, uint32_t to);

bool uidset_has(const struct uidset *, uint32_t n);
bool uidset_is_empty(const struct uidset *);
uint32_t uidset_count(const struct uidset *);
uint32_t uidset_count_range(const struct uidset *, uint32_t from, uint32_t to);
uint32_t uidset_min(const struct uidset *); /* 0 when empty */
uint32_t uidset_max(const struct uidset *); /* 0 when empty */
bool uidset_eq(const struct uidset *, const struct uidset *);

/* Adds many that mostly follow each other, as ranges: those of the last range
 * are in the set after uidset_run_end. */
struct uidset_run {
	uint32_t from, to; /* 0: none */
};
void uidset_run_end(struct uidset *, struct uidset_run *);
static inline void uidset_run_add(
	struct uidset *set, struct uidset_run *run, uint32_t n)
{
	if (!run->from || n != run->to + 1) {
		uidset_run_end(set, run);
		run->from = n;
	}
	run->to = n;
}

/* How many members are <= n: for a member, its sequence number. */
uint32_t uidset_rank(const struct uidset *, uint32_t n);
/* The member with that rank, from 1; 0 when there are fewer. */
uint32_t uidset_select(const struct uidset *, uint32_t rank);
/* The smallest member >= n; 0 when there is none. */
uint32_t uidset_next(const struct uidset *, uint32_t n);

void uidset_and(struct uidset *dst, const struct uidset *);
void uidset_or(struct uidset *dst, const struct uidset *);
void uidset_andnot(struct uidset *dst, const struct uidset *);

/* Members in ascending order:
 *	struct uidset_iter it = uidset_iter(set, 1);
 *	for (uint32_t uid; (uid = uidset_iter_next(&it));)
 * The set must not change meanwhile. */
struct uidset_iter {
	const struct uidset *set;
	uint32_t next; /* the smallest number not yet considered */
	uint32_t have, at;
	bool done;
	uint32_t ahead[64];
};
struct uidset_iter uidset_iter(const struct uidset *, uint32_t from);
uint32_t uidset_iter_next(struct uidset_iter *); /* 0 at the end */
/* The next run of consecutive members; false at the end. */
bool uidset_iter_next_range(
	struct uidset_iter *, uint32_t *from_r, uint32_t *to_r);

/* Makes the set as small as it can be, for sets that are kept. */
void uidset_compact(struct uidset *);
/* Bytes of memory that it holds, about. */
size_t uidset_memory(const struct uidset *);

/* Appends IMAP's form, "1:3,5" (RFC 9051 sequence-set); nothing when empty. */
void uidset_print(const struct uidset *, struct buf *);

/* For stored values. Decoding takes hostile bytes: ERR_CORRUPT. */
void uidset_encode(const struct uidset *, struct buf *);
MUST enum err uidset_decode(struct uidset *, str);

#endif
