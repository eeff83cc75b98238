/* SPDX-License-Identifier: Apache-2.0 */
#include "message/boundary.h"

#include "base/alloc.h"

#include <stdlib.h>

void boundary_set_fini(struct boundary_set *s)
{
	free(s->items);
	*s = (struct boundary_set){0};
}

void boundary_set_add(struct boundary_set *s, str text, uint32_t level)
{
	size_t at = 0;
	while (at < s->n && str_cmp(s->items[at].text, text) < 0)
		at++;
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 8;
		s->items = xrealloc(s->items, s->cap, sizeof *s->items);
	}
	memmove(s->items + at + 1, s->items + at,
		(s->n - at) * sizeof *s->items);
	s->items[at] = (struct boundary){text, level};
	s->n++;
}

void boundary_set_remove(struct boundary_set *s, uint32_t level)
{
	size_t at = 0;
	while (at < s->n && s->items[at].level != level)
		at++;
	if (at == s->n)
		return;
	s->n--;
	memmove(s->items + at, s->items + at + 1,
		(s->n - at) * sizeof *s->items);
}

/* The byte at `at`, or -1 after the end, which sorts first. */
static int byte_of(const struct boundary *b, size_t at)
{
	return at < b->text.n ? (unsigned char)b->text.p[at] : -1;
}

/* The first item in lo..hi whose byte at `at` is >= c. */
static size_t lower_bound(
	const struct boundary_set *s, size_t lo, size_t hi, size_t at, int c)
{
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (byte_of(&s->items[mid], at) < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void narrow(
	struct boundary_line *l, const struct boundary_set *s, unsigned char c)
{
	size_t at = l->at - 2; /* after "--" */
	l->lo = lower_bound(s, l->lo, l->hi, at, c);
	l->hi = lower_bound(s, l->lo, l->hi, at, c + 1);
	if (l->lo < l->hi && s->items[l->lo].text.n == at + 1) {
		l->found = true;
		l->level = s->items[l->lo].level;
		l->tail_n = 0;
		l->dashes = true;
	}
}

static void line_byte(
	struct boundary_line *l, const struct boundary_set *s, unsigned char c)
{
	if (l->at < 2) {
		l->over = c != '-' || !s->n;
		l->hi = s->n;
	} else {
		if (l->found && l->tail_n < 2) {
			l->tail_n++;
			l->dashes = l->dashes && c == '-';
		}
		if (l->lo < l->hi)
			narrow(l, s, c);
		l->over = l->lo >= l->hi && (!l->found || l->tail_n == 2);
	}
	l->at++;
}

size_t boundary_line_feed(
	struct boundary_line *l, const struct boundary_set *s, str bytes)
{
	size_t i = 0;
	while (i < bytes.n && !l->over)
		line_byte(l, s, (unsigned char)bytes.p[i++]);
	return i;
}
