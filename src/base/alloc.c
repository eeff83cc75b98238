/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fewer hold too little for it to matter. */
#define MANY 256
#define MUCH ((size_t)8 << 20)

static void die_of_hunger(void)
{
	static const char words[] = "culver: out of memory\n";
	ssize_t ignored = write(2, words, sizeof words - 1);

	(void)ignored;
	abort();
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		die_of_hunger();
	return p;
}

void *xcalloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);

	if (!p)
		die_of_hunger();
	return p;
}

void *xrealloc(void *p, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		die_of_hunger();
	p = realloc(p, n ? n : 1);
	if (!p)
		die_of_hunger();
	return p;
}

char *xstrdup(const char *z)
{
	return xstrndup(z, strlen(z));
}

char *xstrndup(const char *p, size_t n)
{
	char *copy = xmalloc(n + 1);

	if (n)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

char *xasprintf(const char *format, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		die_of_hunger();
	return text;
}

void alloc_share_heaps(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	mallopt(M_ARENA_MAX, processors < 1 ? 1 : (int)processors);
}

void alloc_rises(struct alloc_tide *tide, size_t count)
{
	if (tide->most < count)
		tide->most = count;
}

bool alloc_ebbs(struct alloc_tide *tide, size_t count)
{
	if (tide->most < MANY || count > tide->most / 2)
		return false;
	tide->most = count;
	return true;
}

void alloc_give_back(void)
{
	malloc_trim(0);
}

void alloc_tidy_up(void)
{
	struct mallinfo2 heap = mallinfo2();

	if (heap.fordblks > MUCH && heap.fordblks > heap.uordblks / 4)
		alloc_give_back();
}
