/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that cannot fail: out of memory ends the process, because what a
 * client can make us allocate is bounded by budgets (arena, buf).
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
/* Zeroed; count * size is checked for overflow. */
void *xcalloc(size_t count, size_t size) __attribute__((malloc));
/* p holds `count` elements of `size` bytes after it. */
void *xrealloc(void *p, size_t count, size_t size);
char *xstrdup(const char *z) __attribute__((malloc));
char *xstrndup(const char *p, size_t n) __attribute__((malloc));
/* printf into memory of its own. */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Before there are threads: they share as many heaps as there are processors,
 * not eight times as many, for what is free in one is of no use to others. */
void alloc_share_heaps(void);

/*
 * Of what there may be thousands of. What they needed lies between what others
 * need still, and malloc does not give it back by itself: alloc_ebbs says when
 * half of them have gone, and alloc_give_back, which takes some milliseconds
 * and is called without locks, returns it to the system.
 */
struct alloc_tide {
	size_t most; /* at a time, since it was given back */
};
void alloc_rises(struct alloc_tide *, size_t count);
MUST bool alloc_ebbs(struct alloc_tide *, size_t count);
void alloc_give_back(void);
/* The same now and then, in a process that has much to do for long: what is
 * free there lies scattered among what is used, as much as that after an hour.
 * Does nothing where little is free. */
void alloc_tidy_up(void);

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* A large array on the stack that is written before it is read. Hardened builds
 * set all others to zero each time, which costs more than a small use of it. */
#define UNSET __attribute__((uninitialized))

#endif
