/* SPDX-License-Identifier: Apache-2.0 */
#include "message/section.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* --- which bytes --- */

/*
 * The part that the numbers name. `message` starts as the root of the message:
 * a number counts its children if it is a multipart, else 1 is itself; and
 * after a message/rfc822 part the numbers count in the embedded one.
 */
static enum err find_part(
	const struct digest *d, const struct section *s, uint32_t *index_r)
{
	struct digest_part part;
	uint32_t at = 0;
	bool root = true; /* `at` is the root of a message */
	for (size_t i = 0; i < s->number_count; i++) {
		uint32_t number = s->numbers[i];
		enum err e = digest_part(d, at, &part);
		if (!e && !root && part.kind == DIGEST_MESSAGE) {
			e = digest_child(d, at, 1, &at);
			root = true;
			if (!e)
				e = digest_part(d, at, &part);
		}
		if (!e && part.kind == DIGEST_MULTIPART)
			e = digest_child(d, at, number, &at);
		else if (!e && (!root || number != 1))
			e = ERR_NOTFOUND;
		if (e)
			return e;
		root = false;
	}
	*index_r = at;
	return OK;
}

/* HEADER and TEXT after numbers mean those of an embedded message. */
static enum err enter_message(
	const struct digest *d, const struct section *s, uint32_t *index)
{
	struct digest_part part;
	if (!s->number_count)
		return OK;
	enum err e = digest_part(d, *index, &part);
	if (e)
		return e;
	if (part.kind != DIGEST_MESSAGE)
		return ERR_NOTFOUND;
	return digest_child(d, *index, 1, index);
}

static bool is_of_message(enum section_kind kind)
{
	return kind == SECTION_HEADER || kind == SECTION_HEADER_FIELDS ||
	       kind == SECTION_HEADER_FIELDS_NOT || kind == SECTION_TEXT;
}

enum err section_resolve(const struct digest *d, const struct section *s,
	struct section_range *r)
{
	struct digest_part part;
	*r = (struct section_range){0};
	if (s->kind == SECTION_WHOLE && !s->number_count) {
		r->n = d->size;
		return OK;
	}
	enum err e = find_part(d, s, &r->part);
	if (!e && is_of_message(s->kind))
		e = enter_message(d, s, &r->part);
	if (!e)
		e = digest_part(d, r->part, &part);
	if (!e && s->kind == SECTION_MIME && !s->number_count)
		e = ERR_NOTFOUND;
	if (e)
		return e;
	bool body = s->kind == SECTION_TEXT || s->kind == SECTION_WHOLE;
	r->at = body ? part.body_at : part.header_at;
	r->n = body ? part.body_n : part.header_n;
	r->filter = s->kind == SECTION_HEADER_FIELDS ||
		    s->kind == SECTION_HEADER_FIELDS_NOT;
	return OK;
}

/* --- which fields --- */

enum filter_state {
	FILTER_AT_START, /* of a line */
	FILTER_IN_NAME,	 /* held in `line` */
	FILTER_IN_LINE,	 /* decided by `pass` */
	FILTER_DONE,	 /* after the blank line */
};

/* Blanks that may stand before the colon. */
#define NAME_BLANKS 64
/* As many names are compared one by one. */
#define FEW 16

static int compare_names(const void *a, const void *b)
{
	str x = *(const str *)a, y = *(const str *)b;
	for (size_t i = 0; i < x.n && i < y.n; i++) {
		int d = (unsigned char)ascii_lower(x.p[i]) -
			(unsigned char)ascii_lower(y.p[i]);
		if (d)
			return d;
	}
	return (x.n > y.n) - (x.n < y.n);
}

static str *sorted(const str *names, size_t count)
{
	str *copy = xmalloc(count * sizeof *copy);

	memcpy(copy, names, count * sizeof *copy);
	qsort(copy, count, sizeof *copy, compare_names);
	return copy;
}

static uint64_t length_bit(str name)
{
	return (uint64_t)1 << (name.n < 63 ? name.n : 63);
}

static uint32_t letter_bit(str name)
{
	return (uint32_t)1 << (name.n ? name.p[0] & 31 : 0);
}

void header_filter_init(
	struct header_filter *f, const str *names, size_t count, bool except)
{
	*f = (struct header_filter){.count = count,
		.except = except,
		.pass = except,
		.state = FILTER_AT_START,
		.line = BUF_UNBOUNDED};
	for (size_t i = 0; i < count; i++) {
		f->lengths |= length_bit(names[i]);
		f->letters |= letter_bit(names[i]);
		if (names[i].n > f->longest)
			f->longest = names[i].n;
	}
	f->names = count > FEW ? sorted(names, count) : names;
}

void header_filter_fini(struct header_filter *f)
{
	if (f->count > FEW)
		free((void *)f->names);
	buf_fini(&f->line);
}

/* The line's beginning is known, and whether it is named. */
static void decide(
	struct header_filter *f, str beginning, bool named, struct buf *out)
{
	f->pass = named != f->except;
	f->state = FILTER_IN_LINE;
	if (f->pass)
		buf_add(out, beginning);
	buf_reset(&f->line);
}

/* What stands before the colon. */
static bool is_named(const struct header_filter *f, str name)
{
	while (name.n &&
		(name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
		name.n--;
	if (!(f->lengths & length_bit(name)) ||
		!(f->letters & letter_bit(name)))
		return false;
	if (f->count > FEW)
		return bsearch(&name, f->names, f->count, sizeof *f->names,
			compare_names);
	for (size_t i = 0; i < f->count; i++)
		if (str_ieq(name, f->names[i]))
			return true;
	return false;
}

/* The held line is complete, and has no colon. */
static void end_without_colon(struct header_filter *f, struct buf *out)
{
	str line = buf_str(&f->line);
	if (str_eq(line, STR("\n")) || str_eq(line, STR("\r\n"))) {
		buf_add(out, line);
		buf_reset(&f->line);
		f->state = FILTER_DONE;
		return;
	}
	decide(f, line, false, out);
	f->state = FILTER_AT_START;
}

static void name_byte(struct header_filter *f, char c, struct buf *out)
{
	str line;

	buf_add_byte(&f->line, c);
	line = buf_str(&f->line);
	if (c == ':')
		decide(f, line, is_named(f, str_take(line, line.n - 1)), out);
	else if (c == '\n')
		end_without_colon(f, out);
	else if (line.n > f->longest + NAME_BLANKS)
		decide(f, line, false, out);
}

/* A name that is here with its colon need not be held. Returns the length of
 * both, or 0. */
static size_t whole_name(struct header_filter *f, str bytes, struct buf *out)
{
	str room = str_take(bytes, f->longest + NAME_BLANKS + 1);
	size_t n = str_find_byte(room, ':');
	str name = str_take(bytes, n);

	if (n == room.n || str_find_byte(name, '\n') < n)
		return 0;
	decide(f, str_take(bytes, n + 1), is_named(f, name), out);
	return n + 1;
}

/* The rest of a line of which is known whether it passes. Returns its length.
 */
static size_t pass_line(struct header_filter *f, str s, struct buf *out)
{
	size_t n = str_find_byte(s, '\n');
	if (n < s.n) {
		n++;
		f->state = FILTER_AT_START;
	}
	if (f->pass)
		buf_add(out, str_take(s, n));
	return n;
}

void header_filter_feed(struct header_filter *f, str bytes, struct buf *out)
{
	size_t i = 0;
	while (i < bytes.n && f->state != FILTER_DONE) {
		if (f->state == FILTER_AT_START) {
			char c = bytes.p[i];
			f->state = c == ' ' || c == '\t' ? FILTER_IN_LINE
							 : FILTER_IN_NAME;
			if (f->state == FILTER_IN_NAME) {
				i += whole_name(f, str_skip(bytes, i), out);
				continue;
			}
		}
		if (f->state == FILTER_IN_NAME)
			name_byte(f, bytes.p[i++], out);
		else
			i += pass_line(f, str_skip(bytes, i), out);
	}
}

void header_filter_finish(struct header_filter *f, struct buf *out)
{
	if (f->state == FILTER_IN_NAME)
		decide(f, buf_str(&f->line), false, out);
	f->state = FILTER_DONE;
}
