/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uidset.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cursor.h"

#include <assert.h>
#include <roaring/roaring.h>

static roaring_bitmap_t *bits_of(struct uidset *set)
{
	if (!set->bits)
		set->bits = roaring_bitmap_create();
	return set->bits;
}

static void order(uint32_t *from, uint32_t *to)
{
	if (*from > *to) {
		uint32_t swapped = *from;

		*from = *to;
		*to = swapped;
	}
	if (*from == 0)
		*from = 1;
}

void uidset_init(struct uidset *set)
{
	set->bits = NULL;
}

void uidset_fini(struct uidset *set)
{
	if (set->bits)
		roaring_bitmap_free(set->bits);
	set->bits = NULL;
}

void uidset_clear(struct uidset *set)
{
	uidset_fini(set);
}

void uidset_copy(struct uidset *dst, const struct uidset *src)
{
	if (dst == src)
		return;
	uidset_fini(dst);
	if (src->bits)
		dst->bits = roaring_bitmap_copy(src->bits);
}

void uidset_swap(struct uidset *a, struct uidset *b)
{
	struct uidset was = *a;

	*a = *b;
	*b = was;
}

void uidset_add(struct uidset *set, uint32_t n)
{
	assert(n != 0);
	roaring_bitmap_add(bits_of(set), n);
}

void uidset_add_range(struct uidset *set, uint32_t from, uint32_t to)
{
	order(&from, &to);
	if (to == 0)
		return;
	roaring_bitmap_add_range_closed(bits_of(set), from, to);
}

void uidset_run_end(struct uidset *set, struct uidset_run *run)
{
	if (run->from && run->from == run->to)
		uidset_add(set, run->from);
	else if (run->from)
		uidset_add_range(set, run->from, run->to);
	*run = (struct uidset_run){0};
}

void uidset_remove(struct uidset *set, uint32_t n)
{
	if (set->bits)
		roaring_bitmap_remove(set->bits, n);
}

void uidset_remove_range(struct uidset *set, uint32_t from, uint32_t to)
{
	order(&from, &to);
	if (set->bits && to)
		roaring_bitmap_remove_range_closed(set->bits, from, to);
}

bool uidset_has(const struct uidset *set, uint32_t n)
{
	return set->bits && roaring_bitmap_contains(set->bits, n);
}

bool uidset_is_empty(const struct uidset *set)
{
	return !set->bits || roaring_bitmap_is_empty(set->bits);
}

uint32_t uidset_count(const struct uidset *set)
{
	return set->bits ? (uint32_t)roaring_bitmap_get_cardinality(set->bits)
			 : 0;
}

uint32_t uidset_count_range(
	const struct uidset *set, uint32_t from, uint32_t to)
{
	order(&from, &to);
	if (!set->bits || to == 0)
		return 0;
	return (uint32_t)roaring_bitmap_range_cardinality(
		set->bits, from, (uint64_t)to + 1);
}

uint32_t uidset_min(const struct uidset *set)
{
	return uidset_is_empty(set) ? 0 : roaring_bitmap_minimum(set->bits);
}

uint32_t uidset_max(const struct uidset *set)
{
	return uidset_is_empty(set) ? 0 : roaring_bitmap_maximum(set->bits);
}

bool uidset_eq(const struct uidset *a, const struct uidset *b)
{
	if (uidset_is_empty(a) || uidset_is_empty(b))
		return uidset_is_empty(a) && uidset_is_empty(b);
	return roaring_bitmap_equals(a->bits, b->bits);
}

uint32_t uidset_rank(const struct uidset *set, uint32_t n)
{
	return set->bits ? (uint32_t)roaring_bitmap_rank(set->bits, n) : 0;
}

uint32_t uidset_select(const struct uidset *set, uint32_t rank)
{
	uint32_t n;

	if (!set->bits || rank == 0 ||
		!roaring_bitmap_select(set->bits, rank - 1, &n))
		return 0;
	return n;
}

uint32_t uidset_next(const struct uidset *set, uint32_t n)
{
	roaring_uint32_iterator_t it;

	if (!set->bits)
		return 0;
	roaring_init_iterator(set->bits, &it);
	if (!roaring_move_uint32_iterator_equalorlarger(&it, n))
		return 0;
	return it.current_value;
}

void uidset_and(struct uidset *dst, const struct uidset *src)
{
	if (!dst->bits)
		return;
	if (!src->bits)
		uidset_fini(dst);
	else
		roaring_bitmap_and_inplace(dst->bits, src->bits);
}

void uidset_or(struct uidset *dst, const struct uidset *src)
{
	if (!src->bits || dst->bits == src->bits)
		return;
	roaring_bitmap_or_inplace(bits_of(dst), src->bits);
}

void uidset_andnot(struct uidset *dst, const struct uidset *src)
{
	if (!dst->bits || !src->bits)
		return;
	roaring_bitmap_andnot_inplace(dst->bits, src->bits);
}

struct uidset_iter uidset_iter(const struct uidset *set, uint32_t from)
{
	return (struct uidset_iter){
		.set = set,
		.next = from ? from : 1,
		.done = uidset_is_empty(set),
	};
}

static void read_ahead(struct uidset_iter *it)
{
	roaring_uint32_iterator_t bits;

	it->have = it->at = 0;
	if (it->done)
		return;
	roaring_init_iterator(it->set->bits, &bits);
	if (roaring_move_uint32_iterator_equalorlarger(&bits, it->next))
		it->have = roaring_read_uint32_iterator(
			&bits, it->ahead, COUNT_OF(it->ahead));
	if (it->have == 0 || it->ahead[it->have - 1] == UINT32_MAX)
		it->done = true;
	else
		it->next = it->ahead[it->have - 1] + 1;
}

uint32_t uidset_iter_next(struct uidset_iter *it)
{
	if (it->at == it->have)
		read_ahead(it);
	return it->at < it->have ? it->ahead[it->at++] : 0;
}

/* Whether the set has the `count` numbers that follow this one. The last one is
 * asked for first: CRoaring 0.2.66 looks at another container where that one's
 * is not there. */
static bool goes_on(const roaring_bitmap_t *bits, uint64_t n, uint64_t count)
{
	uint64_t last = n + count;

	return last <= UINT32_MAX &&
	       roaring_bitmap_contains(bits, (uint32_t)last) &&
	       roaring_bitmap_contains_range(bits, n + 1, last + 1);
}

/* Of the numbers that follow each other from this one on, the last. In steps
 * that double, for there may be billions. */
static uint32_t run_end(const roaring_bitmap_t *bits, uint64_t n)
{
	uint64_t step = 1;

	for (; goes_on(bits, n, step); step *= 2)
		n += step;
	while (step /= 2)
		if (goes_on(bits, n, step))
			n += step;
	return (uint32_t)n;
}

/* What was read ahead ended amid a run. */
static uint32_t skip_run(struct uidset_iter *it, uint32_t n)
{
	if (it->done)
		return n;
	n = run_end(it->set->bits, n);
	it->have = it->at = 0;
	it->done = n == UINT32_MAX;
	it->next = n + 1;
	return n;
}

bool uidset_iter_next_range(
	struct uidset_iter *it, uint32_t *from_r, uint32_t *to_r)
{
	uint32_t n = uidset_iter_next(it);

	if (!n)
		return false;
	*from_r = *to_r = n;
	while (it->at < it->have && it->ahead[it->at] == *to_r + 1)
		*to_r = it->ahead[it->at++];
	if (it->at == it->have)
		*to_r = skip_run(it, *to_r);
	return true;
}

void uidset_compact(struct uidset *set)
{
	if (!set->bits)
		return;
	if (roaring_bitmap_is_empty(set->bits)) {
		uidset_fini(set);
		return;
	}
	roaring_bitmap_run_optimize(set->bits);
	roaring_bitmap_shrink_to_fit(set->bits);
}

size_t uidset_memory(const struct uidset *set)
{
	return set->bits ? sizeof *set->bits +
				   roaring_bitmap_size_in_bytes(set->bits)
			 : 0;
}

void uidset_print(const struct uidset *set, struct buf *out)
{
	struct uidset_iter it = uidset_iter(set, 1);
	uint32_t from, to;
	bool first = true;

	while (uidset_iter_next_range(&it, &from, &to)) {
		if (!first)
			buf_add_byte(out, ',');
		first = false;
		buf_add_u64(out, from);
		if (to != from) {
			buf_add_byte(out, ':');
			buf_add_u64(out, to);
		}
	}
}

/* Ranges as varints: gap to the start, length less one. */
void uidset_encode(const struct uidset *set, struct buf *out)
{
	struct uidset_iter it = uidset_iter(set, 1);
	uint32_t from, to, last = 0;

	while (uidset_iter_next_range(&it, &from, &to)) {
		buf_add_varint(out, from - last);
		buf_add_varint(out, to - from);
		last = to;
	}
}

enum err uidset_decode(struct uidset *set, str bytes)
{
	struct cursor c = cursor_of(bytes);
	uint64_t last = 0;

	uidset_clear(set);
	while (!cursor_done(&c)) {
		uint64_t gap = cursor_varint(&c);
		uint64_t length = cursor_varint(&c);
		uint64_t from = last + gap;

		if (!cursor_ok(&c) || gap == 0 || gap > UINT32_MAX ||
			length > UINT32_MAX || from + length > UINT32_MAX)
			return ERR_CORRUPT;
		uidset_add_range(
			set, (uint32_t)from, (uint32_t)(from + length));
		last = from + length;
	}
	return OK;
}
