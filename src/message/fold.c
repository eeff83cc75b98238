/* SPDX-License-Identifier: Apache-2.0 */
#include "message/fold.h"

#include "base/alloc.h"

#include <assert.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

/* One folded code point: at most 18 code points (U+FDFA). */
struct folded {
	char p[FOLD_GROWTH * UTF8_MAX * 2];
	size_t n;
};

/* ICU's own singleton: no allocation, and safe to share. */
static const UNormalizer2 *nfkd(void)
{
	UErrorCode e = U_ZERO_ERROR;
	const UNormalizer2 *n = unorm2_getNFKDInstance(&e);

	assert(U_SUCCESS(e));
	return n;
}

/* Nothing in here has a titlecase or a decomposition; most CJK text is. */
static bool is_unified_ideograph(uint32_t c)
{
	return c >= 0x3400 && c <= 0x9FFF;
}

static void fold_one(const UNormalizer2 *n, uint32_t c, struct folded *f)
{
	UChar units[32];
	UErrorCode e = U_ZERO_ERROR;
	int32_t count = -1, size = 0;

	f->n = 0;
	if (c < 0x80) {
		f->p[f->n++] = ascii_upper((char)c);
		return;
	}
	if (!is_unified_ideograph(c)) {
		c = (uint32_t)u_totitle((UChar32)c);
		count = unorm2_getDecomposition(
			n, (UChar32)c, units, (int32_t)COUNT_OF(units), &e);
	}
	if (count < 0 || U_FAILURE(e)) {
		f->n = utf8_encode(c, f->p);
		return;
	}
	u_strToUTF8(f->p, (int32_t)sizeof f->p, &size, units, count, &e);
	f->n = (size_t)size;
}

static void add_ascii(struct buf *out, str s)
{
	char *room = s.n ? buf_reserve(out, s.n) : NULL;

	if (!room)
		return;
	for (size_t i = 0; i < s.n; i++)
		room[i] = ascii_upper(s.p[i]);
	buf_added(out, s.n);
}

void fold_add(struct buf *out, str s)
{
	const UNormalizer2 *n = nfkd();
	size_t at = 0;

	while (at < s.n && !buf_err(out)) {
		struct folded f;
		size_t from = at;

		while (at < s.n && (unsigned char)s.p[at] < 0x80)
			at++;
		add_ascii(out, str_of(s.p + from, at - from));
		if (at == s.n)
			break;
		fold_one(n, utf8_next(s, &at), &f);
		buf_add(out, str_of(f.p, f.n));
	}
}

void fold_init(struct fold *f)
{
	*f = (struct fold){0};
}

void fold_feed(struct fold *f, str in, struct buf *out)
{
	while (f->held_n && in.n) {
		str held;
		size_t cut;

		f->held[f->held_n++] = in.p[0];
		in = str_skip(in, 1);
		held = str_of(f->held, f->held_n);
		cut = utf8_cut(held);
		fold_add(out, str_take(held, held.n - cut));
		memmove(f->held, held.p + held.n - cut, cut);
		f->held_n = (unsigned char)cut;
	}
	if (!in.n)
		return;
	f->held_n = (unsigned char)utf8_cut(in);
	memcpy(f->held, in.p + in.n - f->held_n, f->held_n);
	fold_add(out, str_take(in, in.n - f->held_n));
}

void fold_finish(struct fold *f, struct buf *out)
{
	fold_add(out, str_of(f->held, f->held_n));
	f->held_n = 0;
}

str fold_str(struct arena *arena, str utf8)
{
	struct buf out = BUF_UNBOUNDED;
	str folded;

	fold_add(&out, utf8);
	folded = arena_str(arena, buf_str(&out));
	buf_fini(&out);
	return folded;
}

/* The folded bytes of a string, one after another; -1 at the end. */
struct bytes {
	str in;
	size_t at;
	struct folded now;
	size_t next;
};

static int bytes_next(struct bytes *b, const UNormalizer2 *n)
{
	if (b->next == b->now.n) {
		if (b->at == b->in.n)
			return -1;
		fold_one(n, utf8_next(b->in, &b->at), &b->now);
		b->next = 0;
	}
	return (unsigned char)b->now.p[b->next++];
}

int fold_cmp(str a, str b)
{
	const UNormalizer2 *n = nfkd();
	struct bytes left = {.in = a}, right = {.in = b};
	int l, r;

	do {
		l = bytes_next(&left, n);
		r = bytes_next(&right, n);
	} while (l == r && l >= 0);
	return (l > r) - (l < r);
}

bool fold_eq(str a, str b)
{
	return fold_cmp(a, b) == 0;
}
