/* SPDX-License-Identifier: Apache-2.0 */
/* What store.h says of damage. Where what cannot be read ends, no engine tells:
 * keys are tried, further and further away, and then between the last that
 * failed for the same reason and the first that did not. */
#include "store/engine.h"

#include <string.h>

/* Keys that differ only behind so many bytes are not told apart. */
#define FINENESS 64

struct salvage {
	struct store_txn *txn;
	str to;
	uint64_t damage; /* that is being passed */
	enum err err;	 /* of `entry` */
};

static struct store_iter *scan(struct store_txn *t, str from, str to)
{
	struct store_iter *it = t->store->ops->scan(t, from, to, SCAN_PLAIN);

	t->iters++;
	t->damage = 0;
	it->txn = t;
	return it;
}

static enum err end(struct store_iter *it)
{
	struct store_txn *t = it->txn;

	t->iters--;
	return t->store->ops->iter_end(it);
}

/* Does a scan from there meet the same damage at once? */
static bool is_inside(struct salvage *s, str from, enum err *err)
{
	struct store_iter *it = scan(s->txn, from, s->to);
	str key, value;
	enum err e;

	(void)s->txn->store->ops->iter_next(it, &key, &value);
	e = end(it);
	if (e && e != ERR_CORRUPT)
		*err = e;
	return e == ERR_CORRUPT && s->txn->damage == s->damage;
}

/* The byte of a key as of a fraction. */
static unsigned digit(str key, size_t i)
{
	return i < key.n ? (unsigned char)key.p[i] : 0;
}

/* The key half way between two, in out; false: there is none. */
static bool middle(str low, str high, struct buf *out)
{
	unsigned char sum[FINENESS + 1] = {0};
	unsigned carry = 0;

	for (size_t i = FINENESS; i-- > 0;) {
		carry += digit(low, i) + digit(high, i);
		sum[i] = carry & 0xff;
		carry >>= 8;
	}
	for (size_t i = 0; i < FINENESS; i++) {
		unsigned two = carry << 8 | sum[i];

		sum[i] = (unsigned char)(two / 2);
		carry = two % 2;
	}
	buf_reset(out);
	buf_add(out, str_of((const char *)sum, FINENESS));
	return str_cmp(buf_str(out), low) > 0 &&
	       str_cmp(buf_str(out), high) < 0;
}

/* The first key after all that begin with the first n bytes of key. */
static void behind(str key, size_t n, struct buf *out)
{
	buf_reset(out);
	buf_add(out, str_take(key, n));
	while (out->n && (unsigned char)out->p[out->n - 1] == 0xff)
		out->n--;
	if (out->n)
		out->p[out->n - 1]++;
}

/* Where the damage that a scan from `from` meets ends, in high. */
static enum err find_end(struct salvage *s, str from, struct buf *high)
{
	struct buf low = BUF_UNBOUNDED, mid = BUF_UNBOUNDED;
	enum err e = OK;
	bool found = false;

	buf_add(&low, from);
	for (size_t n = from.n; !e && !found && n > 0; n--) {
		behind(from, n, &mid);
		if (mid.n == 0 || str_cmp(buf_str(&mid), s->to) >= 0)
			break;
		found = !is_inside(s, buf_str(&mid), &e);
		buf_reset(found ? high : &low);
		buf_add(found ? high : &low, buf_str(&mid));
	}
	if (!found) {
		buf_reset(high);
		buf_add(high, s->to);
	}
	while (!e && middle(buf_str(&low), buf_str(high), &mid)) {
		bool inside = is_inside(s, buf_str(&mid), &e);

		buf_reset(inside ? &low : high);
		buf_add(inside ? &low : high, buf_str(&mid));
	}
	buf_fini(&low);
	buf_fini(&mid);
	return e;
}

/* As far as it can be read; *from: behind that. */
static enum err read_on(
	struct salvage *s, struct buf *from, const struct store_salvage *how)
{
	struct store_iter *it = scan(s->txn, buf_str(from), s->to);
	str key, value;

	while (!s->err && s->txn->store->ops->iter_next(it, &key, &value)) {
		buf_reset(from);
		buf_add(from, key);
		buf_add_byte(from, '\0');
		s->err = how->entry(how->arg, key, value);
	}
	return end(it);
}

/* The scan from there met damage: tells it, and goes behind it. */
static enum err pass(
	struct salvage *s, struct buf *from, const struct store_salvage *how)
{
	struct buf behind_it = BUF_UNBOUNDED;
	enum err e = OK;

	s->damage = s->txn->damage;
	if (!is_inside(s, buf_str(from), &e))
		return e ? e : ERR_CORRUPT; /* now it can be read */
	e = find_end(s, buf_str(from), &behind_it);
	if (!e) {
		how->gap(how->arg, buf_str(from), buf_str(&behind_it),
			s->damage);
		buf_reset(from);
		buf_add(from, buf_str(&behind_it));
	}
	buf_fini(&behind_it);
	return e;
}

enum err store_salvage(
	struct store_txn *t, str from, str to, const struct store_salvage *how)
{
	struct salvage s = {.txn = t, .to = to};
	struct buf at = BUF_UNBOUNDED;
	enum err e = OK;

	buf_add(&at, from);
	while (!e && !s.err && str_cmp(buf_str(&at), to) < 0) {
		e = read_on(&s, &at, how);
		if (e != ERR_CORRUPT)
			break;
		e = s.err ? OK : pass(&s, &at, how);
	}
	buf_fini(&at);
	return s.err ? s.err : e;
}

enum err store_correct(struct store *s, struct store_correct *c)
{
	c->corrected = 0;
	return s->ops->correct ? s->ops->correct(s, c) : OK;
}

bool store_is_one_bit(struct store *s, uint64_t damage)
{
	return s->ops->is_one_bit && s->ops->is_one_bit(s, damage);
}

void store_bury(struct store_txn *t, str from, str to)
{
	t->written += from.n + to.n;
	if (t->store->ops->bury && !t->err)
		t->store->ops->bury(t, from, to);
}

enum err store_mend(
	struct store *s, const struct store_damage *damages, size_t count)
{
	if (s->ops->mend && count)
		return s->ops->mend(s, damages, count);
	return OK;
}
