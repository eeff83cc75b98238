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
	/* Nobody else's UID: rows are read in the mailbox's order but for the
	 * one that sort_place compares with. */
	return (s->uids[a] > s->uids[b]) - (s->uids[a] < s->uids[b]);
}

/* The rows in order. */
static uint32_t *in_order(struct sorting *s)
{
	uint32_t *at = ARENA_ARRAY(s->arena, uint32_t, s->count);

	for (uint32_t i = 0; i < s->count; i++)
		at[i] = i;
	qsort_r(at, s->count, sizeof *at, compare, s);
	return at;
}

/* Rows are replaced by their UIDs. */
static void to_uids(const struct sorting *s, uint32_t *rows, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		rows[i] = s->uids[rows[i]];
}

static enum err read_all(struct sorting *s, const struct search_scope *scope,
	const struct uidset *uids)
{
	if (needs_digests(s->order))
		return walk_digests(scope, uids, read_one, s);
	return read_members(s, scope->view, uids);
}

/* `more` rows beside those of the messages. */
static enum err read_keys(struct sorting *s, const struct search_scope *scope,
	const struct uidset *uids, size_t more)
{
	size_t count = uidset_count(uids) + more;

	s->uids = ARENA_ARRAY(s->arena, uid_num, count);
	s->values = ARENA_ARRAY(
		s->arena, struct sort_value, count * s->order->count);
	if (arena_spent(s->arena))
		return ERR_LIMIT;
	return read_all(s, scope, uids);
}

enum err sort_run(const struct search_scope *scope, const struct uidset *uids,
	const struct sort_order *order, struct arena *arena, uid_num **uids_r)
{
	struct sorting s = {.order = order, .arena = arena};
	enum err e = read_keys(&s, scope, uids, 0);

	if (e)
		return e;
	*uids_r = in_order(&s);
	to_uids(&s, *uids_r, s.count);
	return arena_spent(arena) ? ERR_LIMIT : OK;
}

/* One of those that are there, into the row behind those that come. */
static enum err read_other(
	struct sorting *s, const struct search_scope *scope, uid_num uid)
{
	struct uidset one = UIDSET_EMPTY;
	enum err e;

	uidset_add(&one, uid);
	e = read_all(s, scope, &one);
	uidset_fini(&one);
	return e;
}

/* Of sorted[from] and those behind it. */
static enum err count_before(struct sorting *s,
	const struct search_scope *scope, const uid_num *sorted, uint32_t from,
	uint32_t count, uint32_t row, uint32_t *before_r)
{
	uint32_t coming = s->count, low = from, high = count;
	enum err e = OK;

	while (!e && low < high) {
		uint32_t middle = low + (high - low) / 2;
		struct arena_mark mark = arena_mark(s->arena);

		e = read_other(s, scope, sorted[middle]);
		if (!e && compare(&coming, &row, s) < 0)
			low = middle + 1;
		else
			high = middle;
		s->count = coming;
		arena_rewind(s->arena, mark);
	}
	*before_r = low;
	return e;
}

/* Few that come to many. */
static enum err place_few(struct sorting *s, const struct search_scope *scope,
	const uid_num *sorted, uint32_t count, const struct uidset *coming,
	uid_num **uids_r, uint32_t *before)
{
	uint32_t *rows, from = 0;
	enum err e = read_keys(s, scope, coming, 1);

	if (e)
		return e;
	rows = in_order(s);
	for (uint32_t i = 0; !e && i < s->count; i++) {
		e = count_before(
			s, scope, sorted, from, count, rows[i], &before[i]);
		from = before[i];
	}
	to_uids(s, rows, s->count);
	*uids_r = rows;
	return e;
}

static enum err place_many(const struct search_scope *scope,
	const struct uidset *present, const struct uidset *coming,
	const struct sort_order *order, struct arena *arena, uid_num **uids_r,
	uint32_t *before)
{
	struct uidset all = UIDSET_EMPTY;
	uid_num *sorted;
	uint32_t n, k = 0;
	enum err e;

	uidset_copy(&all, present);
	uidset_or(&all, coming);
	n = uidset_count(&all);
	e = sort_run(scope, &all, order, arena, &sorted);
	for (uint32_t i = 0; !e && i < n; i++) {
		if (!uidset_has(coming, sorted[i]))
			continue;
		before[k] = i - k;
		sorted[k++] = sorted[i];
	}
	if (!e)
		*uids_r = sorted;
	uidset_fini(&all);
	return e;
}

static uint32_t halvings(uint32_t n)
{
	uint32_t steps = 1;

	while (n >>= 1)
		steps++;
	return steps;
}

enum err sort_place(const struct search_scope *scope, const uid_num *sorted,
	const struct uidset *present, const struct uidset *coming,
	const struct sort_order *order, struct arena *arena, uid_num **uids_r,
	uint32_t **before_r)
{
	struct sorting s = {.order = order, .arena = arena};
	uint32_t count = uidset_count(present), n = uidset_count(coming);
	uint32_t *before = ARENA_ARRAY(arena, uint32_t, n);

	if (arena_spent(arena))
		return ERR_LIMIT;
	*before_r = before;
	if ((uint64_t)n * halvings(count) > count)
		return place_many(
			scope, present, coming, order, arena, uids_r, before);
	return place_few(&s, scope, sorted, count, coming, uids_r, before);
}
