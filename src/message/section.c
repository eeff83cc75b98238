/* SPDX-License-Identifier: Apache-2.0 */
#include "message/section.h"

#include "base/alloc.h"

#include <stdlib.h>

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
	if (s->kind == SECTION_WHOLE && !s->number_count) {
		r->at = 0;
		r->n = d->size;
	}
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

void header_filter_init(
	struct header_filter *f, const str *names, size_t count, bool except)
{
	*f = (struct header_filter){.count = count,
		.except = except,
		.pass = except,
		.state = FILTER_AT_START,
		.line = BUF_UNBOUNDED};
	f->names = xmalloc((count + 1) * sizeof *f->names);
	for (size_t i = 0; i < count; i++) {
		f->names[i] = names[i];
		if (names[i].n > f->longest)
			f->longest = names[i].n;
	}
	qsort(f->names, count, sizeof *f->names, compare_names);
}

void header_filter_fini(struct header_filter *f)
{
	free(f->names);
	buf_fini(&f->line);
}

static void decide(struct header_filter *f, bool named, struct buf *out)
{
	f->pass = named != f->except;
	f->state = FILTER_IN_LINE;
	if (f->pass)
		buf_add(out, buf_str(&f->line));
	buf_reset(&f->line);
}

/* The held line is a name and its colon. */
static bool is_named(const struct header_filter *f)
{
	str name = str_take(buf_str(&f->line), f->line.n - 1);
	while (name.n &&
		(name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
		name.n--;
	return bsearch(
		&name, f->names, f->count, sizeof *f->names, compare_names);
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
	decide(f, false, out);
	f->state = FILTER_AT_START;
}

static void name_byte(struct header_filter *f, char c, struct buf *out)
{
	buf_add_byte(&f->line, c);
	if (c == ':')
		decide(f, is_named(f), out);
	else if (c == '\n')
		end_without_colon(f, out);
	else if (f->line.n > f->longest + NAME_BLANKS)
		decide(f, false, out);
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
		decide(f, false, out);
	f->state = FILTER_DONE;
}
