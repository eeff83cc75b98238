/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that cannot fail: out of memory ends the process, because what a
 * client can make us allocate is bounded by budgets (arena, buf).
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

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

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* A large array on the stack that is written before it is read. Hardened builds
 * set all others to zero each time, which costs more than a small use of it. */
#define UNSET __attribute__((uninitialized))

#endif
