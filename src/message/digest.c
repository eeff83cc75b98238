/* SPDX-License-Identifier: Apache-2.0 */
#include "message/digest.h"

#include "base/cursor.h"

/* The texts and keys, in the order of the layout. */
#define STRS 14
static void list_strs(struct digest *d, str *list[STRS])
{
	str *const in_order[STRS] = {&d->envelope, &d->bodystructure, &d->body,
		&d->subject, &d->from, &d->to, &d->cc, &d->display_from,
		&d->display_to, &d->message_id, &d->references, &d->preview,
		&d->pool, &d->parts};
	memcpy(list, in_order, sizeof in_order);
}

static uint64_t zigzag(int64_t n)
{
	return ((uint64_t)n << 1) ^ (n < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t u)
{
	uint64_t n = (u >> 1) ^ (u & 1 ? UINT64_MAX : 0);
	return (int64_t)n;
}

void digest_encode(const struct digest *d, struct buf *out)
{
	struct digest copy = *d;
	str *list[STRS];
	list_strs(&copy, list);
	buf_add_byte(out, DIGEST_VERSION);
	buf_add_varint(out, d->flags);
	buf_add_varint(out, d->size);
	buf_add_varint(out, zigzag(d->date));
	for (size_t i = 0; i < STRS; i++)
		buf_add_sized(out, *list[i]);
}

enum err digest_decode(str bytes, struct digest *d)
{
	struct cursor c = cursor_of(bytes);
	str *list[STRS];
	*d = (struct digest){0};
	list_strs(d, list);
	if (cursor_u8(&c) != DIGEST_VERSION)
		return cursor_ok(&c) ? ERR_VERSION : ERR_CORRUPT;
	d->flags = (uint32_t)cursor_varint(&c);
	d->size = cursor_varint(&c);
	d->date = unzigzag(cursor_varint(&c));
	for (size_t i = 0; i < STRS; i++)
		*list[i] = cursor_sized(&c);
	d->part_count = (uint32_t)(d->parts.n / DIGEST_PART_BYTES);
	if (!cursor_ok(&c) || !cursor_done(&c) || !d->part_count ||
		d->parts.n % DIGEST_PART_BYTES ||
		d->parts.n / DIGEST_PART_BYTES > UINT32_MAX)
		return ERR_CORRUPT;
	return OK;
}

void digest_part_encode(
	const struct digest_part *p, uint32_t pool_at, struct buf *out)
{
	buf_add_be32(out, p->parent);
	buf_add_be32(out, p->children);
	buf_add_be32(out, p->subtree);
	buf_add_byte(out, (char)p->kind);
	buf_add_byte(out, (char)p->encoding);
	buf_add_byte(out, (char)p->flags);
	buf_add_byte(out, 0);
	buf_add_be64(out, p->header_at);
	buf_add_be64(out, p->header_n);
	buf_add_be64(out, p->body_at);
	buf_add_be64(out, p->body_n);
	buf_add_be32(out, p->header_lines);
	buf_add_be32(out, p->body_lines);
	buf_add_be32(out, pool_at);
	buf_add_byte(out, (char)p->type.n);
	buf_add_byte(out, (char)p->subtype.n);
	buf_add_be16(out, (uint16_t)p->charset.n);
}

static str pool_take(const struct digest *d, uint64_t *at, size_t n)
{
	str s = str_take(str_skip(d->pool, *at), n);
	*at += n;
	return s;
}

/* Is at..at+n inside from..to? */
static bool is_range(uint64_t at, uint64_t n, uint64_t to)
{
	return at <= to && n <= to - at;
}

static bool is_sound(
	const struct digest *d, uint32_t index, const struct digest_part *p)
{
	return p->kind <= DIGEST_MESSAGE && p->encoding <= ENCODING_UNKNOWN &&
	       is_range(p->header_at, p->header_n, d->size) &&
	       is_range(p->body_at, p->body_n, d->size) &&
	       (index ? p->parent < index : p->parent == 0) && p->subtree &&
	       p->subtree <= d->part_count - index &&
	       p->children < p->subtree &&
	       (p->kind == DIGEST_LEAF) == (p->children == 0) &&
	       (p->kind != DIGEST_MESSAGE || p->children == 1);
}

enum err digest_part(
	const struct digest *d, uint32_t index, struct digest_part *p)
{
	if (index >= d->part_count)
		return ERR_NOTFOUND;
	struct cursor c = cursor_of(
		str_take(str_skip(d->parts, (size_t)index * DIGEST_PART_BYTES),
			DIGEST_PART_BYTES));
	p->parent = cursor_be32(&c);
	p->children = cursor_be32(&c);
	p->subtree = cursor_be32(&c);
	p->kind = cursor_u8(&c);
	p->encoding = cursor_u8(&c);
	p->flags = cursor_u8(&c);
	uint8_t reserved = cursor_u8(&c);
	p->header_at = cursor_be64(&c);
	p->header_n = cursor_be64(&c);
	p->body_at = cursor_be64(&c);
	p->body_n = cursor_be64(&c);
	p->header_lines = cursor_be32(&c);
	p->body_lines = cursor_be32(&c);
	uint64_t pool_at = cursor_be32(&c);
	size_t type_n = cursor_u8(&c);
	size_t subtype_n = cursor_u8(&c);
	size_t charset_n = cursor_be16(&c);
	if (!cursor_ok(&c) || reserved || !is_sound(d, index, p) ||
		!is_range(pool_at, type_n + subtype_n + charset_n, d->pool.n))
		return ERR_CORRUPT;
	p->type = pool_take(d, &pool_at, type_n);
	p->subtype = pool_take(d, &pool_at, subtype_n);
	p->charset = pool_take(d, &pool_at, charset_n);
	return OK;
}

enum err digest_child(const struct digest *d, uint32_t parent, uint32_t number,
	uint32_t *index_r)
{
	struct digest_part part, child;
	enum err e = digest_part(d, parent, &part);
	if (e)
		return e;
	if (number == 0 || number > part.children)
		return ERR_NOTFOUND;
	uint32_t at = parent + 1;
	for (uint32_t i = 1;; i++) {
		if (at >= parent + part.subtree)
			return ERR_CORRUPT;
		e = digest_part(d, at, &child);
		if (e || child.parent != parent)
			return ERR_CORRUPT;
		if (i == number)
			break;
		at += child.subtree;
	}
	*index_r = at;
	return OK;
}

bool digest_reference_next(str *rest, str *id_r)
{
	struct cursor c = cursor_of(*rest);
	*id_r = cursor_sized(&c);
	*rest = cursor_rest(&c);
	return cursor_ok(&c);
}
