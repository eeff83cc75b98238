/* SPDX-License-Identifier: Apache-2.0 */
#include "search/sort.h"
#include "message/charset.h"
#include "search/walk.h"

#include <stdlib.h>

struct sort_value {
	union {
		int64_t number;
		str text;
	};
	bool undecoded; /* of a text */
};

struct sorting {
	const struct sort_order *order;
	struct arena *arena;
	uint32_t count; /* messages read so far */
	uid_num *uids;
	struct sort_value *values; /* order->count for each message */
};

static enum sort_of sort_of(enum sort_key key)
{
	static const enum sort_of table[] = {
#define X(name, of) [SORT_##name] = SORT_OF_##of,
		SORT_KEY_TABLE(X)
#undef X
	};

	return table[key];
}

static int64_t number_of(
	enum sort_key key, const struct membership *m, const struct digest *d)
{
	switch (key) {
	case SORT_ARRIVAL:
		return m->internal_date;
	case SORT_SIZE:
		return (int64_t)m->size;
	default:
		return walk_sent_date(m, d);
	}
}

static str text_of(enum sort_key key, const struct digest *d)
{
	switch (key) {
	case SORT_CC:
		return d->cc;
	case SORT_FROM:
		return d->from;
	case SORT_TO:
		return d->to;
	case SORT_DISPLAYFROM:
		return d->display_from;
	case SORT_DISPLAYTO:
		return d->display_to;
	default:
		return d->subject;
	}
}

/* An encoded word that stayed as it is, because nobody knows its charset.
 * *text: past its "=?". */
static bool is_unknown_word(str *text)
{
	str charset = str_take(*text, str_find_byte(*text, '?'));
	str rest = str_skip(*text, charset.n);
	size_t star = str_find_byte(charset, '*'); /* RFC 2231: language */

	*text = rest;
	return rest.n > 3 && charset.n && rest.p[2] == '?' &&
	       (rest.p[1] == 'B' || rest.p[1] == 'Q') &&
	       !charset_is_known(str_take(charset, star));
}

/*
 * RFC 5255 section 4.6 (c): what could not be converted is "separated from"
 * the others and comes after them. Such text has a replacement character, or a
 * word that was not decoded. (The RFC would have the octets of those compared;
 * here it is what is left of them, folded.)
 */
static bool is_undecoded(str text)
{
	static const str replacement = STR_LIT("\xef\xbf\xbd");
	str rest = text;
	size_t at;

	if (str_find(text, replacement) < text.n)
		return true;
	while ((at = str_find(rest, STR("=?"))) < rest.n) {
		rest = str_skip(rest, at + 2);
		if (is_unknown_word(&rest))
			return true;
	}
	return false;
}

static enum err read_one(
	void *arg, const struct membership *m, const struct digest *d)
{
	struct sorting *s = arg;
	struct sort_value *row = s->values + (size_t)s->count * s->order->count;

	s->uids[s->count++] = m->uid;
	for (unsigned i = 0; i < s->order->count; i++) {
		enum sort_key key = s->order->by[i].key;

		if (sort_of(key) != SORT_OF_DIGEST) {
			row[i].number = number_of(key, m, d);
			continue;
		}
		row[i].text = str_of("", 0);
		if (text_of(key, d).n)
			row[i].text = arena_str(s->arena, text_of(key, d));
		row[i].undecoded = is_undecoded(row[i].text);
	}
	return arena_spent(s->arena) ? ERR_LIMIT : OK;
}

static bool needs_digests(const struct sort_order *order)
{
	for (unsigned i = 0; i < order->count; i++)
		if (sort_of(order->by[i].key) != SORT_OF_MEMBER)
			return true;
	return false;
}

static enum err read_members(
	struct sorting *s, const struct view *view, const struct uidset *uids)
{
	static const struct digest none;
	struct uidset_iter it = uidset_iter(uids, 1);
	enum err e = OK;
	uid_num uid;

	while (!e && (uid = uidset_iter_next(&it))) {
		const struct membership *m = view_find(view, uid);

		e = m ? read_one(s, m, &none) : ERR_CORRUPT;
	}
	return e;
}

static int compare_values(enum sort_key key, const struct sort_value *a,
	const struct sort_value *b)
{
	if (sort_of(key) != SORT_OF_DIGEST)
		return (a->number > b->number) - (a->number < b->number);
	if (a->undecoded != b->undecoded)
		return a->undecoded ? 1 : -1;
	return str_cmp(a->text, b->text);
}

static int compare(const void *va, const void *vb, void *arg)
{
	const struct sorting *s = arg;
	uint32_t a = *(const uint32_t *)va, b = *(const uint32_t *)vb;
	const struct sort_value *row_a =
		s->values + (size_t)a * s->order->count;
	const struct sort_value *row_b =
		s->values + (size_t)b * s->order->count;

	for (unsigned i = 0; i < s->order->count; i++) {
		int c = compare_values(
			s->order->by[i].key, row_a + i, row_b + i);

		if (c)
			return s->order->by[i].reverse ? -c : c;
	}
	return (a > b) - (a < b);
}

/* Positions are sorted, and replaced by the UIDs that stand there. */
static uid_num *in_order(struct sorting *s)
{
	uint32_t *at = ARENA_ARRAY(s->arena, uint32_t, s->count);

	for (uint32_t i = 0; i < s->count; i++)
		at[i] = i;
	qsort_r(at, s->count, sizeof *at, compare, s);
	for (uint32_t i = 0; i < s->count; i++)
		at[i] = s->uids[at[i]];
	return at;
}

enum err sort_run(const struct search_scope *scope, const struct uidset *uids,
	const struct sort_order *order, struct arena *arena, uid_num **uids_r)
{
	size_t count = uidset_count(uids);
	struct sorting s = {.order = order, .arena = arena};
	enum err e;

	s.uids = ARENA_ARRAY(arena, uid_num, count);
	s.values = ARENA_ARRAY(arena, struct sort_value, count * order->count);
	if (arena_spent(arena))
		return ERR_LIMIT;
	if (needs_digests(order))
		e = walk_digests(scope, uids, read_one, &s);
	else
		e = read_members(&s, scope->view, uids);
	if (e)
		return e;
	*uids_r = in_order(&s);
	return arena_spent(arena) ? ERR_LIMIT : OK;
}
