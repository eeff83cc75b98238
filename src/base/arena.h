/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena: memory with one lifetime (a command's), given back at once. It has a
 * byte budget, so that what one input can make us allocate is bounded in one
 * place: when an allocation would pass it, the arena remembers (arena_spent)
 * and hands out memory that is counted but harmless, up to a small overdraft
 * for error paths; parsers check arena_spent() once, at the end, and at every
 * loop that an input controls. Loops over messages mark and rewind.
 *
 * Freed and unused bytes are poisoned under AddressSanitizer.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_block;

struct arena {
	struct arena_block *top;
	size_t used;   /* bytes handed out, all blocks */
	size_t budget; /* bytes allowed */
	bool spent;    /* an allocation passed the budget */
};

struct arena_mark {
	struct arena_block *top;
	size_t at;
	size_t used;
};

void arena_init(struct arena *, size_t budget);
/* Gives all memory back. */
void arena_fini(struct arena *);
/* Empties; keeps nothing allocated; clears `spent`. */
void arena_reset(struct arena *);

struct arena_mark arena_mark(const struct arena *);
void arena_rewind(struct arena *, struct arena_mark);

/* Zeroed and aligned for any type. Never NULL. */
void *arena_alloc(struct arena *, size_t n) __attribute__((returns_nonnull));
#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count)                                        \
	((type *)arena_array((arena), (count), sizeof(type)))
void *arena_array(struct arena *, size_t count, size_t size);

/* A copy; also NUL-terminated after its n bytes. */
str arena_str(struct arena *, str);
str arena_strf(struct arena *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static inline bool arena_spent(const struct arena *a)
{
	return a->spent;
}

#endif
