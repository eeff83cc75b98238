/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/grammar.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 12
#define UNITS_MAX 512

static unsigned pick(unsigned *seed, size_t n)
{
	*seed = *seed * 1664525 + 1013904223;
	return n ? (unsigned)((*seed >> 8) % n) : 0;
}

/* ------------------------------------------------------------------ making */

static const struct grammar_rule *find_rule(const struct grammar *g, str name)
{
	for (const struct grammar_rule *r = g->rules; r->name; r++)
		if (str_eq_c(name, r->name))
			return r;
	/* A table that names what it has not. */
	abort();
}

static void put_rule(struct buf *out, const struct grammar *g, str name,
	unsigned depth, unsigned *seed);

static void put_literal(struct buf *out, const struct grammar *g,
	unsigned depth, unsigned *seed)
{
	struct buf text = BUF_UNBOUNDED;

	put_rule(&text, g, STR("text"), depth, seed);
	buf_addf(out, "{%zu%s}\r\n", text.n, pick(seed, 4) ? "+" : "");
	buf_add(out, buf_str(&text));
	buf_fini(&text);
}

static size_t name_length(const char *p)
{
	size_t n = 0;

	while (ascii_is_alpha(p[n]) || p[n] == '_')
		n++;
	return n;
}

static void put_text(struct buf *out, const struct grammar *g, const char *text,
	unsigned depth, unsigned *seed)
{
	for (const char *p = text; *p; p++) {
		size_t n;

		if (*p != '$') {
			buf_add_byte(out, *p);
			continue;
		}
		n = name_length(p + 1);
		if (n == 0)
			buf_add_byte(out, *++p);
		else if (str_eq_c(str_of(p + 1, n), "literal"))
			put_literal(out, g, depth, seed);
		else
			put_rule(out, g, str_of(p + 1, n), depth, seed);
		p += n;
	}
}

/* Where it gets deep, the first alternative, which ends. */
static void put_rule(struct buf *out, const struct grammar *g, str name,
	unsigned depth, unsigned *seed)
{
	const struct grammar_rule *r = find_rule(g, name);
	size_t count = 0;

	while (count < GRAMMAR_ALTERNATIVES && r->alternatives[count])
		count++;
	put_text(out, g,
		r->alternatives[depth >= DEPTH_MAX ? 0 : pick(seed, count)],
		depth + 1, seed);
}

/* ---------------------------------------------------------------- changing */

/* Lines; one that ends in a literal's head goes on. */
struct units {
	str all[UNITS_MAX];
	size_t n;
};

static void split(str input, struct units *u)
{
	size_t begin = 0, at = 0;

	u->n = 0;
	while (begin < input.n && u->n < UNITS_MAX) {
		str rest = str_skip(input, at);
		size_t end = str_find_byte(rest, '\n') + 1;
		bool more = end > 3 && end <= rest.n &&
			    str_ends(str_take(rest, end), STR("}\r\n"));

		at += end;
		if (at < input.n && (more || u->n + 1 == UNITS_MAX))
			continue;
		at = at > input.n ? input.n : at;
		u->all[u->n++] = str_of(input.p + begin, at - begin);
		begin = at;
	}
}

/* One word of it becomes another. */
static void put_changed(
	struct buf *out, const struct grammar *g, str unit, unsigned *seed)
{
	size_t words = 1, begin = 0, end;

	for (size_t i = 0; i < unit.n; i++)
		words += unit.p[i] == ' ';
	for (size_t chosen = pick(seed, words); chosen; chosen--)
		begin += str_find_byte(str_skip(unit, begin), ' ') + 1;
	for (end = begin; end < unit.n && !memchr(" \r\n", unit.p[end], 3);)
		end++;
	buf_add(out, str_take(unit, begin));
	put_rule(out, g, str_c(g->token), 0, seed);
	buf_add(out, str_skip(unit, end));
}

enum change { NEW, INSTEAD, GONE, TWICE, MOVED, WORD, CHANGES };

static void change(struct buf *out, const struct grammar *g,
	const struct units *u, unsigned *seed)
{
	enum change what = (enum change)pick(seed, CHANGES);
	size_t at = pick(seed, u->n + (what == NEW)), from = pick(seed, u->n);

	for (size_t i = 0; i <= u->n; i++) {
		bool here = i == at;

		if (here && (what == NEW || what == INSTEAD))
			put_rule(out, g, str_c(g->unit), 0, seed);
		if (here && what == MOVED && u->n)
			buf_add(out, u->all[from]);
		if (i == u->n || (here && (what == INSTEAD || what == GONE)))
			continue;
		if (here && what == WORD)
			put_changed(out, g, u->all[i], seed);
		else
			buf_add(out, u->all[i]);
		if (here && what == TWICE)
			buf_add(out, u->all[i]);
	}
}

size_t grammar_mutate(const struct grammar *g, uint8_t *data, size_t size,
	size_t max, unsigned seed)
{
	struct buf out = BUF_UNBOUNDED;
	struct units u;

	if (pick(&seed, 2))
		return LLVMFuzzerMutate(data, size, max);
	split(str_of((const char *)data, size), &u);
	change(&out, g, &u, &seed);
	size = out.n < max ? out.n : max;
	if (size)
		memcpy(data, out.p, size);
	buf_fini(&out);
	return size;
}

/* The beginning of one, some of the other, and the rest. */
size_t grammar_cross(const uint8_t *a, size_t a_n, const uint8_t *b, size_t b_n,
	uint8_t *out, size_t max, unsigned seed)
{
	struct buf made = BUF_UNBOUNDED;
	struct units one, other;
	size_t at, from, n;

	split(str_of((const char *)a, a_n), &one);
	split(str_of((const char *)b, b_n), &other);
	at = pick(&seed, one.n + 1);
	from = pick(&seed, other.n + 1);
	n = pick(&seed, other.n - from + 1);
	for (size_t i = 0; i < at; i++)
		buf_add(&made, one.all[i]);
	for (size_t i = from; i < from + n; i++)
		buf_add(&made, other.all[i]);
	for (size_t i = at; i < one.n; i++)
		buf_add(&made, one.all[i]);
	n = made.n < max ? made.n : max;
	if (n)
		memcpy(out, made.p, n);
	buf_fini(&made);
	return n;
}
