/* SPDX-License-Identifier: Apache-2.0 */
#include "message/header.h"

#include "base/alloc.h"

static const struct {
	str name;
	unsigned scope;
} fields[] = {
#define X(id, name, scope) [id] = {STR_LIT(name), scope},
	HEADER_TABLE(X)
#undef X
};

enum header_field header_lookup(str name)
{
	for (size_t i = 0; i < HEADER_FIELDS; i++)
		if (str_ieq(name, fields[i].name))
			return (enum header_field)i;
	return HEADER_NONE;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

void header_init(struct header *h, size_t field_max)
{
	*h = (struct header){.field_max = field_max, .field = HEADER_NONE};
	for (size_t i = 0; i < HEADER_FIELDS; i++)
		buf_init(&h->values[i], SIZE_MAX);
}

void header_fini(struct header *h)
{
	for (size_t i = 0; i < HEADER_FIELDS; i++)
		buf_fini(&h->values[i]);
}

void header_begin(struct header *h, unsigned scope)
{
	for (size_t i = 0; i < HEADER_FIELDS; i++) {
		buf_reset(&h->values[i]);
		h->seen[i] = false;
	}
	h->scope = scope;
	h->state = HEADER_AT_START;
	h->field = HEADER_NONE;
	h->cr = false;
}

/* Appends to the current field, up to its bound. */
static void add_value(struct header *h, str s)
{
	if (h->field == HEADER_NONE)
		return;
	struct buf *value = &h->values[h->field];
	size_t room = h->field_max - value->n;
	buf_add(value, str_take(s, room));
}

/* The name is complete: is its value wanted? */
static void begin_value(struct header *h)
{
	str name = str_of(h->name, h->name_n);
	while (name.n && is_blank(name.p[name.n - 1]))
		name.n--; /* obs-optional, RFC 5322 section 4.5.8 */
	enum header_field f = header_lookup(name);
	h->state = HEADER_IN_VALUE;
	h->field = HEADER_NONE;
	if (f == HEADER_NONE || !(fields[f].scope & h->scope))
		return;
	bool joined = fields[f].scope & HEADER_JOINED;
	if (h->seen[f] && !joined)
		return;
	h->field = f;
	if (h->seen[f] && str_trim(buf_str(&h->values[f])).n)
		add_value(h, STR(", "));
	h->seen[f] = true;
}

/* The line's first byte: does it continue the field before? */
static void begin_line(struct header *h, char c)
{
	if (is_blank(c)) {
		h->state = HEADER_IN_VALUE;
		return;
	}
	h->state = HEADER_IN_NAME;
	h->field = HEADER_NONE;
	h->name_n = 0;
}

static size_t feed_name(struct header *h, str s)
{
	size_t i = 0;
	while (i < s.n && h->state == HEADER_IN_NAME) {
		char c = s.p[i++];
		if (c == ':')
			begin_value(h);
		else if (h->name_n < sizeof h->name)
			h->name[h->name_n++] = c;
		else
			h->state = HEADER_IN_VALUE; /* nobody's */
	}
	return i;
}

static size_t feed_value(struct header *h, str s)
{
	if (h->field == HEADER_NONE)
		return 0;
	if (h->cr)
		add_value(h, STR("\r"));
	h->cr = s.n && s.p[s.n - 1] == '\r';
	add_value(h, str_take(s, s.n - h->cr));
	return s.n;
}

size_t header_feed(struct header *h, str piece)
{
	if (!piece.n)
		return 0;
	bool ends = piece.p[piece.n - 1] == '\n';
	str s = str_take(piece, piece.n - ends);
	size_t looked = 0;
	if (h->state == HEADER_AT_START)
		begin_line(h, piece.p[0]);
	if (h->state == HEADER_IN_NAME)
		looked += feed_name(h, s);
	if (h->state == HEADER_IN_VALUE && s.n > looked)
		looked += feed_value(h, str_skip(s, looked));
	if (ends) {
		h->state = HEADER_AT_START;
		h->cr = false;
	}
	return looked;
}

str header_value(const struct header *h, enum header_field f)
{
	return h->seen[f] ? str_trim(buf_str(&h->values[f])) : str_none();
}

size_t header_memory(const struct header *h)
{
	size_t n = 0;
	for (size_t i = 0; i < HEADER_FIELDS; i++)
		n += h->values[i].cap;
	return n;
}
