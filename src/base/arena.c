/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/alloc.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISONING 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONING 1
#endif
#endif
#ifdef POISONING
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
/* A gap of poison between neighbours finds overruns inside a block. */
#define REDZONE 16
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#define REDZONE 0
#endif

/* The first is small: that of a command that waits (IDLE) holds little more
 * than its tag, as long as its session does. */
#define FIRST_SIZE 480
#define BLOCK_SIZE 4000 /* with malloc's header it stays within a page */
#define ALIGN (alignof(max_align_t))

struct arena_block {
	struct arena_block *below;
	size_t size; /* of data */
	size_t at;   /* first free byte of data */
	alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t budget)
{
	*a = (struct arena){.budget = budget};
}

static void pop_block(struct arena *a)
{
	struct arena_block *block = a->top;

	a->top = block->below;
	UNPOISON(block->data, block->size);
	free(block);
}

void arena_reset(struct arena *a)
{
	while (a->top)
		pop_block(a);
	a->used = 0;
	a->spent = false;
}

void arena_fini(struct arena *a)
{
	arena_reset(a);
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){a->top, a->top ? a->top->at : 0, a->used};
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
	while (a->top != mark.top)
		pop_block(a);
	if (a->top) {
		POISON(a->top->data + mark.at, a->top->size - mark.at);
		a->top->at = mark.at;
	}
	a->used = mark.used;
}

static void push_block(struct arena *a, size_t room)
{
	size_t least = a->top ? BLOCK_SIZE : FIRST_SIZE;
	size_t size = room > least ? room : least;
	struct arena_block *block = xmalloc(sizeof *block + size);

	block->below = a->top;
	block->size = size;
	block->at = 0;
	POISON(block->data, size);
	a->top = block;
}

void *arena_alloc(struct arena *a, size_t n)
{
	size_t room;
	void *p;

	if (n > SIZE_MAX / 2)
		abort();
	room = (n + REDZONE + ALIGN - 1) / ALIGN * ALIGN;
	if (a->used + room > a->budget)
		a->spent = true;
	if (!a->top || a->top->size - a->top->at < room)
		push_block(a, room);
	p = a->top->data + a->top->at;
	a->top->at += room;
	a->used += room;
	UNPOISON(p, n);
	memset(p, 0, n);
	return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		abort();
	return arena_alloc(a, n);
}

str arena_str(struct arena *a, str s)
{
	char *copy;

	if (!s.p)
		return s;
	copy = arena_alloc(a, s.n + 1);
	if (s.n)
		memcpy(copy, s.p, s.n);
	return str_of(copy, s.n);
}

str arena_strf(struct arena *a, const char *format, ...)
{
	va_list ap, again;
	char *text;
	int n;

	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0)
		abort();
	text = arena_alloc(a, (size_t)n + 1);
	vsnprintf(text, (size_t)n + 1, format, ap);
	va_end(ap);
	return str_of(text, (size_t)n);
}
