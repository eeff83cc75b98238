/* SPDX-License-Identifier: Apache-2.0 */
#include "message/seqset.h"

/* nz-number */
static uint32_t nz_number(struct cursor *c)
{
	uint64_t n = 0;
	int byte;

	if (cursor_peek(c) < '1' || cursor_peek(c) > '9') {
		cursor_fail(c, ERR_INVALID, "number");
		return 0;
	}
	while ((byte = cursor_peek(c)) >= '0' && byte <= '9') {
		n = n * 10 + (uint64_t)(byte - '0');
		c->at++;
		if (n <= UINT32_MAX)
			continue;
		cursor_fail(c, ERR_INVALID, "number below 2^32");
		return 0;
	}
	return (uint32_t)n;
}

/* seq-number = nz-number / "*" */
static uint32_t seq_number(struct cursor *c)
{
	return cursor_accept(c, '*') ? SEQSET_STAR : nz_number(c);
}

/* seq-number / seq-range */
static struct seqrange seq_range(struct cursor *c)
{
	struct seqrange r;

	r.from = r.to = seq_number(c);
	if (cursor_accept(c, ':'))
		r.to = seq_number(c);
	return r;
}

/* How many ranges the text at the cursor can have. */
static size_t count_ranges(const struct cursor *c)
{
	size_t count = 1;

	for (const char *p = c->at; p < c->end; p++) {
		if (*p == ',')
			count++;
		else if (!ascii_is_digit(*p) && *p != ':' && *p != '*')
			break;
	}
	return count;
}

/* sequence-set = (seq-number / seq-range) ["," sequence-set]
 * sequence-set =/ seq-last-command ; "$" */
struct seqset seqset_parse(struct cursor *c, struct arena *arena)
{
	struct seqset s = {0};
	size_t room;

	if (cursor_accept(c, '$')) {
		s.saved = true;
		return s;
	}
	room = count_ranges(c);
	s.ranges = ARENA_ARRAY(arena, struct seqrange, room);
	if (arena_spent(arena)) {
		cursor_fail(c, ERR_LIMIT, "shorter sequence set");
		s.ranges = NULL;
		return s;
	}
	do {
		s.ranges[s.count++] = seq_range(c);
	} while (s.count < room && cursor_accept(c, ','));
	if (!cursor_ok(c))
		s.count = 0;
	return s;
}

static void print_number(struct buf *out, uint32_t n)
{
	if (n == SEQSET_STAR)
		buf_add_byte(out, '*');
	else
		buf_add_u64(out, n);
}

void seqset_print(struct buf *out, const struct seqset *s)
{
	if (s->saved)
		buf_add_byte(out, '$');
	for (size_t i = 0; i < s->count; i++) {
		if (i)
			buf_add_byte(out, ',');
		print_number(out, s->ranges[i].from);
		if (s->ranges[i].from == s->ranges[i].to)
			continue;
		buf_add_byte(out, ':');
		print_number(out, s->ranges[i].to);
	}
}

void seqset_add_to(const struct seqset *s, uint32_t largest, struct uidset *set)
{
	for (size_t i = 0; i < s->count; i++) {
		struct seqrange r = s->ranges[i];

		r.from = r.from == SEQSET_STAR ? largest : r.from;
		r.to = r.to == SEQSET_STAR ? largest : r.to;
		if (r.to < r.from) {
			uint32_t from = r.to;

			r.to = r.from;
			r.from = from;
		}
		if (r.to > largest)
			r.to = largest;
		if (r.from && r.from <= r.to)
			uidset_add_range(set, r.from, r.to);
	}
}

bool seqset_exceeds(const struct seqset *s, uint32_t largest)
{
	for (size_t i = 0; i < s->count; i++) {
		struct seqrange r = s->ranges[i];

		if (r.from > largest || r.to > largest)
			return true;
		/* "*" in an empty mailbox */
		if (!largest)
			return true;
	}
	return false;
}
