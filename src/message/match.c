/* SPDX-License-Identifier: Apache-2.0 */
#include "message/match.h"

#include "base/alloc.h"

#include <stdlib.h>

/*
 * The trie of all needles, its states numbered breadth first, so that the
 * children of a state are neighbours, in the order of their bytes. State 0 is
 * the root. `fail` is the state of the longest proper suffix that is in the
 * trie; `out` the nearest state on the way of fails, itself included, where a
 * needle ends (0: none).
 */
struct state {
	uint32_t child; /* the first of them */
	uint32_t fail;
	uint32_t out;
	uint16_t children;
	unsigned char byte; /* the one that leads here */
	bool ends;
};

struct match_set {
	struct state *states;
	size_t state_count;
	uint32_t root[256]; /* the root's children by byte; 0: none */
	uint32_t *end_of;   /* the state where each needle ends; 0: empty */
	size_t count;	    /* of needles as given */
	size_t distinct;    /* of states where one ends */
};

struct match {
	const struct match_set *set;
	uint32_t at;
	size_t missing; /* ends not seen yet */
	bool *seen;	/* by state */
};

/* ---- building ---- */

static int compare_needles(const void *a, const void *b)
{
	return str_cmp(*(const str *)a, *(const str *)b);
}

static size_t total_bytes(const str *needles, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += needles[i].n;
	return total;
}

/* The needles below a state are a range of the sorted ones. */
struct range {
	size_t from, to, depth;
};

/* Appends the children of state s. */
static void grow(struct match_set *set, struct range *ranges, const str *sorted,
	uint32_t s)
{
	struct state *parent = &set->states[s];
	struct range r = ranges[s];
	size_t i = r.from;

	while (i < r.to && sorted[i].n == r.depth)
		i++;
	parent->ends = i > r.from && r.depth > 0;
	set->distinct += parent->ends;
	parent->child = (uint32_t)set->state_count;
	while (i < r.to) {
		unsigned char byte = (unsigned char)sorted[i].p[r.depth];
		size_t from = i;

		while (i < r.to && (unsigned char)sorted[i].p[r.depth] == byte)
			i++;
		ranges[set->state_count] = (struct range){from, i, r.depth + 1};
		set->states[set->state_count++].byte = byte;
		parent->children++;
	}
}

static uint32_t child_of(
	const struct match_set *set, uint32_t s, unsigned char byte)
{
	const struct state *state = &set->states[s];
	uint32_t from = state->child, to = from + state->children;

	if (s == 0)
		return set->root[byte];
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (set->states[middle].byte == byte)
			return middle;
		if (set->states[middle].byte < byte)
			from = middle + 1;
		else
			to = middle;
	}
	return 0;
}

static uint32_t step(
	const struct match_set *set, uint32_t s, unsigned char byte)
{
	uint32_t next;

	while (!(next = child_of(set, s, byte)) && s)
		s = set->states[s].fail;
	return next;
}

/* Breadth first: a state's fail is above it, and done before it. */
static void link_states(struct match_set *set)
{
	for (uint32_t s = 0; s < set->state_count; s++) {
		struct state *state = &set->states[s];

		state->out = state->ends ? s : set->states[state->fail].out;
		for (uint32_t i = 0; i < state->children; i++) {
			uint32_t c = state->child + i;

			if (s == 0)
				set->root[set->states[c].byte] = c;
			else
				set->states[c].fail = step(
					set, state->fail, set->states[c].byte);
		}
	}
}

static uint32_t find_end(const struct match_set *set, str needle)
{
	uint32_t s = 0;

	for (size_t i = 0; i < needle.n; i++)
		s = child_of(set, s, (unsigned char)needle.p[i]);
	return s;
}

struct match_set *match_set_new(
	struct arena *arena, const str *needles, size_t count)
{
	struct match_set *set = ARENA_NEW(arena, struct match_set);
	size_t room = total_bytes(needles, count) + 1;
	str *sorted = xcalloc(count + 1, sizeof *sorted);
	struct range *ranges = xcalloc(room, sizeof *ranges);

	for (size_t i = 0; i < count; i++)
		sorted[i] = needles[i];
	qsort(sorted, count, sizeof *sorted, compare_needles);
	set->states = ARENA_ARRAY(arena, struct state, room);
	set->count = count;
	set->state_count = 1;
	ranges[0] = (struct range){0, count, 0};
	for (uint32_t s = 0; s < set->state_count; s++)
		grow(set, ranges, sorted, s);
	link_states(set);
	set->end_of = ARENA_ARRAY(arena, uint32_t, count + 1);
	for (size_t i = 0; i < count; i++)
		set->end_of[i] = find_end(set, needles[i]);
	free(sorted);
	free(ranges);
	return set;
}

/* ---- matching ---- */

struct match *match_new(struct arena *arena, const struct match_set *set)
{
	struct match *m = ARENA_NEW(arena, struct match);

	m->set = set;
	m->seen = ARENA_ARRAY(arena, bool, set->state_count);
	m->missing = set->distinct;
	return m;
}

void match_reset(struct match *m)
{
	memset(m->seen, 0, m->set->state_count * sizeof *m->seen);
	m->missing = m->set->distinct;
	m->at = 0;
}

void match_break(struct match *m)
{
	m->at = 0;
}

/* All needles that end at state s. One that was seen before has had its
 * suffixes seen, too. */
static void see(struct match *m, uint32_t s)
{
	const struct state *states = m->set->states;

	for (s = states[s].out; s && !m->seen[s];
		s = states[states[s].fail].out) {
		m->seen[s] = true;
		m->missing--;
	}
}

void match_feed(struct match *m, str bytes)
{
	const struct match_set *set = m->set;
	const unsigned char *p = (const unsigned char *)bytes.p;
	const unsigned char *end = p + bytes.n;
	uint32_t s = m->at;

	while (p < end && m->missing) {
		if (s == 0)
			while (p < end && !set->root[*p])
				p++;
		if (p == end)
			break;
		s = step(set, s, *p++);
		if (set->states[s].out)
			see(m, s);
	}
	m->at = s;
}

bool match_found(const struct match *m, size_t needle)
{
	uint32_t end = m->set->end_of[needle];

	return !end || m->seen[end];
}

bool match_done(const struct match *m)
{
	return !m->missing;
}
