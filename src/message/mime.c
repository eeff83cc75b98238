/* SPDX-License-Identifier: Apache-2.0 */
#include "message/mime.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "message/bodystructure.h"
#include "message/boundary.h"
#include "message/digest.h"
#include "message/envelope.h"
#include "message/header.h"
#include "message/keys.h"
#include "message/param.h"
#include "message/preview.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* For one header's fields, taken apart. Twenty fields of the default size
 * need less. */
#define ARENA_BUDGET ((size_t)32 << 20)
/* RFC 6838 section 4.2 allows 127; a longer name is no name. */
#define NAME_MAX_BYTES 127

/* Text with numbers still to come: the size of an embedded message stands
 * before its contents. */
struct text {
	struct buf out;
	struct hole {
		size_t at;
		uint32_t part; /* whose body's size */
	} * holes;
	size_t hole_n, hole_cap;
};

/* A part, as its record in the digest will be. */
struct part {
	uint32_t parent, children, subtree;
	uint32_t header_lines, body_lines;
	uint32_t pool_at;
	uint64_t header_at, header_n, body_at, body_n;
	uint8_t kind, encoding, flags;
	uint8_t type_n, subtype_n;
	uint16_t charset_n;
};

/* A part that is not at its end yet; the innermost is the one that the bytes
 * belong to. */
struct frame {
	uint32_t part;
	enum digest_kind kind;
	bool text;	   /* a leaf whose lines are told */
	bool digest;	   /* multipart/digest: other default for its parts */
	bool composed;	   /* a multipart whose parts are no attachments just
			      because they are not text */
	bool alternative;  /* multipart/alternative */
	bool in_message;   /* inside an embedded message */
	uint64_t lines_at; /* lines before its header, then before its body */
	str boundary;	   /* owned */
	struct buf tail;   /* see bodystructure.h; multipart: HEAD too */
	size_t head_n;	   /* how much of it is HEAD */
};

/* The beginning of a text part, for the preview. */
struct sample {
	bool taken;
	bool alternative; /* inside multipart/alternative */
	uint32_t part;
	struct buf raw;
};

struct mime_parser {
	struct mime_limits limits;
	struct arena arena;
	struct header header;
	struct boundary_set boundaries;
	struct boundary_line line;

	uint64_t at;	   /* bytes fed */
	uint64_t line_at;  /* where the line starts */
	uint64_t lines;	   /* LFs before it */
	unsigned line_end; /* length of the line end before it: 0, 1, 2 */
	bool cr;	   /* the byte before `at` is a CR */
	bool in_header;

	struct frame *frames; /* limits.depth + 1 */
	size_t frame_n;
	struct part *parts;
	uint32_t part_n, part_cap;
	struct buf pool;
	size_t pool_last; /* where the last entry starts */

	struct text structure, body;
	struct buf envelope;
	struct buf scratch;
	size_t text_left;
	struct keys keys;
	bool attachment;
	struct sample plain, html;
	struct sample *sampling; /* what the bytes go to as well; or NULL */
	uint64_t steps;
};

/* --- text --- */

static void text_fini(struct text *t)
{
	buf_fini(&t->out);
	free(t->holes);
}

static void text_add_hole(struct text *t, uint32_t part)
{
	if (t->hole_n == t->hole_cap) {
		t->hole_cap = t->hole_cap ? 2 * t->hole_cap : 8;
		t->holes = xrealloc(t->holes, t->hole_cap, sizeof *t->holes);
	}
	t->holes[t->hole_n++] = (struct hole){t->out.n, part};
}

/* Fills the holes. */
static void text_finish(struct text *t, const struct mime_parser *p)
{
	if (!t->hole_n)
		return;
	struct buf whole = BUF_UNBOUNDED;
	str rest = buf_str(&t->out);
	size_t done = 0;
	for (size_t i = 0; i < t->hole_n; i++) {
		size_t n = t->holes[i].at - done;
		buf_add(&whole, str_take(rest, n));
		buf_add_u64(&whole, p->parts[t->holes[i].part].body_n);
		rest = str_skip(rest, n);
		done += n;
	}
	buf_add(&whole, rest);
	buf_fini(&t->out);
	t->out = whole;
}

static void print_both(struct mime_parser *p, str s)
{
	buf_add(&p->structure.out, s);
	buf_add(&p->body.out, s);
}

/* --- parts --- */

static struct frame *top(struct mime_parser *p)
{
	return &p->frames[p->frame_n - 1];
}

static struct part *part_of(struct mime_parser *p, const struct frame *f)
{
	return &p->parts[f->part];
}

static uint32_t part_add(struct mime_parser *p, struct part part)
{
	if (p->part_n == p->part_cap) {
		p->part_cap = p->part_cap ? 2 * p->part_cap : 4;
		p->parts = xrealloc(p->parts, p->part_cap, sizeof *p->parts);
	}
	if (p->frame_n) {
		part.parent = top(p)->part;
		part_of(p, top(p))->children++;
	}
	p->parts[p->part_n] = part;
	return p->part_n++;
}

/* A part starts here, with its header. */
static void part_open(struct mime_parser *p)
{
	struct frame *parent = p->frame_n ? top(p) : NULL;
	bool embedded = parent && parent->kind == DIGEST_MESSAGE;
	unsigned scope = HEADER_PART;
	if (!parent || embedded)
		scope |= HEADER_MESSAGE;
	if (!parent)
		scope |= HEADER_ROOT;
	header_begin(&p->header, scope);
	uint32_t index = part_add(p, (struct part){.header_at = p->line_at});
	assert(p->frame_n <= p->limits.depth);
	p->frames[p->frame_n++] = (struct frame){
		.part = index,
		.lines_at = p->lines,
		.in_message = parent && (parent->in_message || embedded),
		.tail = BUF_UNBOUNDED,
	};
	p->in_header = true;
}

static struct frame *parent_of_top(struct mime_parser *p)
{
	return p->frame_n > 1 ? &p->frames[p->frame_n - 2] : NULL;
}

static bool is_name(str s)
{
	return s.n && s.n <= NAME_MAX_BYTES;
}

static enum digest_encoding encoding_of(str token)
{
	static const struct {
		const char *name;
		enum digest_encoding encoding;
	} known[] = {
		{"7bit", ENCODING_7BIT},
		{"8bit", ENCODING_8BIT},
		{"binary", ENCODING_BINARY},
		{"base64", ENCODING_BASE64},
		{"quoted-printable", ENCODING_QP},
		{"x-uuencode", ENCODING_UUENCODE},
		{"uuencode", ENCODING_UUENCODE},
		{"x-uue", ENCODING_UUENCODE},
	};
	if (!token.n)
		return ENCODING_7BIT;
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (str_ieq_c(token, known[i].name))
			return known[i].encoding;
	return ENCODING_UNKNOWN;
}

/* Content-Transfer-Encoding's token; all of the value when that is none we
 * know, so that the client sees what there was. */
static str encoding_token(struct mime_parser *p)
{
	str value = header_value(&p->header, HEADER_ENCODING);
	str token = param_parse(&p->arena, value).type;
	if (encoding_of(token) == ENCODING_UNKNOWN || !token.n)
		token = value;
	return str_take(token, NAME_MAX_BYTES);
}

/* The boundary parameter, without the blanks it must not end with; empty when
 * it cannot be used. */
static str boundary_of(struct mime_parser *p, const struct param *params)
{
	str b = param_get(params, "boundary");
	if (str_is_none(b))
		b = param_get_decoded(&p->arena, params, "boundary");
	while (b.n && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t'))
		b.n--;
	return str_take(b, BOUNDARY_MAX);
}

/* A container may be opened here: within the depth, and its parts within the
 * table. */
static bool has_room(const struct mime_parser *p)
{
	return p->frame_n <= p->limits.depth && p->part_n < p->limits.parts;
}

static void set_type(struct bodystructure *b, const char *type, const char *sub)
{
	b->type = str_c(type);
	b->subtype = str_c(sub);
}

/* Content-Type, or what holds instead (RFC 2045 section 5.2). */
static void read_type(struct mime_parser *p, struct bodystructure *b)
{
	str value = header_value(&p->header, HEADER_TYPE);
	struct frame *parent = parent_of_top(p);
	struct param_value type = param_parse(&p->arena, value);
	if (is_name(type.type) && is_name(type.subtype)) {
		b->type = type.type;
		b->subtype = type.subtype;
		b->params = type.params;
	} else if (parent && parent->digest && !value.n) {
		set_type(b, "message", "rfc822"); /* RFC 2046 section 5.1.5 */
	} else {
		set_type(b, "text", "plain");
	}
}

/* Decides what the part is; what cannot be looked into becomes a leaf of a
 * type that has no structure in IMAP. */
static void read_kind(
	struct mime_parser *p, struct bodystructure *b, str *boundary_r)
{
	enum digest_encoding e = part_of(p, top(p))->encoding;
	*boundary_r = STR("");
	if (str_ieq_c(b->type, "multipart")) {
		*boundary_r = boundary_of(p, b->params);
		if (boundary_r->n && has_room(p)) {
			b->kind = DIGEST_MULTIPART;
			return;
		}
		set_type(b, "text", "plain");
		b->params = NULL;
	} else if (str_ieq_c(b->type, "message") &&
		   (str_ieq_c(b->subtype, "rfc822") ||
			   str_ieq_c(b->subtype, "global"))) {
		bool decoded = e == ENCODING_BASE64 || e == ENCODING_QP ||
			       e == ENCODING_UUENCODE;
		if (!decoded && has_room(p)) {
			b->kind = DIGEST_MESSAGE;
			return;
		}
		set_type(b, "application", "octet-stream");
	}
}

/* Types are few and mostly the same: equal neighbours share an entry. */
static void pool_add(
	struct mime_parser *p, struct part *part, const struct bodystructure *b)
{
	str charset = STR("");
	if (str_ieq_c(b->type, "text"))
		charset = str_take(param_get(b->params, "charset"), 100);
	const str words[] = {b->type, b->subtype, charset};
	buf_reset(&p->scratch);
	for (size_t i = 0; i < COUNT_OF(words); i++)
		for (size_t k = 0; k < words[i].n; k++)
			buf_add_byte(&p->scratch, ascii_lower(words[i].p[k]));
	str last = str_skip(buf_str(&p->pool), p->pool_last);
	if (!str_eq(last, buf_str(&p->scratch))) {
		p->pool_last = p->pool.n;
		buf_add(&p->pool, buf_str(&p->scratch));
	}
	part->pool_at = (uint32_t)p->pool_last;
	part->type_n = (uint8_t)b->type.n;
	part->subtype_n = (uint8_t)b->subtype.n;
	part->charset_n = (uint16_t)charset.n;
}

/* A part to save or open apart: one that says so, or one that is no text and
 * has no place in another part's display. */
static bool is_attachment(struct mime_parser *p, const struct bodystructure *b)
{
	const struct frame *parent = parent_of_top(p);
	if (b->kind == DIGEST_MULTIPART)
		return false;
	if (str_ieq_c(b->disposition.type, "attachment"))
		return true;
	if (str_ieq_c(b->disposition.type, "inline") ||
		str_ieq_c(b->type, "text") || (parent && parent->composed))
		return false;
	return parent && parent->kind == DIGEST_MULTIPART;
}

/* Multiparts whose parts belong together. */
static bool is_composed(str subtype)
{
	static const char *const names[] = {"related", "report", "digest",
		"encrypted", "signed", "alternative"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (str_ieq_c(subtype, names[i]))
			return true;
	return false;
}

/* Is the scratch within the budget? It is then taken off. */
static bool spend_text(struct mime_parser *p)
{
	if (p->scratch.n > p->text_left)
		return false;
	p->text_left -= p->scratch.n;
	return true;
}

/* Before an embedded message's own body comes its envelope; the root's is
 * apart. */
static void print_envelope(struct mime_parser *p)
{
	struct frame *parent = parent_of_top(p);
	if (parent && parent->kind != DIGEST_MESSAGE)
		return;
	buf_reset(&p->scratch);
	envelope_print(&p->arena, &p->header, &p->scratch);
	if (!spend_text(p)) {
		buf_reset(&p->scratch);
		buf_add_c(&p->scratch, ENVELOPE_EMPTY);
	}
	if (!parent) {
		buf_add(&p->envelope, buf_str(&p->scratch));
		return;
	}
	print_both(p, STR(" "));
	print_both(p, buf_str(&p->scratch));
	print_both(p, STR(" "));
}

static size_t print_details(
	struct mime_parser *p, const struct bodystructure *b, bool details)
{
	buf_reset(&p->scratch);
	bodystructure_print_head(
		&p->arena, b, &p->header, details, &p->scratch);
	size_t head_n = p->scratch.n;
	bodystructure_print_tail(
		&p->arena, b, &p->header, details, &p->scratch);
	return head_n;
}

/* What is known of a part at its header's end; the rest waits in the frame. */
static void print_head(struct mime_parser *p, const struct bodystructure *b)
{
	struct frame *f = top(p);
	size_t head_n = print_details(p, b, true);
	if (!spend_text(p))
		head_n = print_details(p, b, false);
	str s = buf_str(&p->scratch);
	print_both(p, STR("("));
	if (b->kind == DIGEST_MULTIPART) {
		buf_add(&f->tail, s);
		f->head_n = head_n;
		return;
	}
	print_both(p, str_take(s, head_n));
	print_both(p, STR(" "));
	buf_add(&f->tail, str_skip(s, head_n));
	if (b->kind == DIGEST_MESSAGE) {
		text_add_hole(&p->structure, f->part);
		text_add_hole(&p->body, f->part);
	}
}

/* The first text/plain and the first text/html that are meant to be read. */
static void begin_sample(struct mime_parser *p, const struct bodystructure *b)
{
	struct sample *s = NULL;
	if (b->kind != DIGEST_LEAF || !str_ieq_c(b->type, "text") ||
		str_ieq_c(b->disposition.type, "attachment"))
		return;
	if (str_ieq_c(b->subtype, "plain"))
		s = &p->plain;
	else if (str_ieq_c(b->subtype, "html"))
		s = &p->html;
	if (!s || s->taken)
		return;
	s->taken = true;
	s->part = top(p)->part;
	s->alternative = parent_of_top(p) && parent_of_top(p)->alternative;
	p->sampling = s;
}

/* A multipart's contents start; or an embedded message's header. */
static void begin_inside(
	struct mime_parser *p, const struct bodystructure *b, str boundary)
{
	struct frame *f = top(p);
	if (b->kind == DIGEST_MESSAGE) {
		part_open(p);
		return;
	}
	f->digest = str_ieq_c(b->subtype, "digest");
	f->composed = is_composed(b->subtype);
	f->alternative = str_ieq_c(b->subtype, "alternative");
	f->boundary = str_of(xstrndup(boundary.p, boundary.n), boundary.n);
	boundary_set_add(&p->boundaries, f->boundary, (uint32_t)p->frame_n - 1);
}

/* The header of the innermost part ended before line_at. */
static void header_end(struct mime_parser *p)
{
	struct frame *f = top(p);
	struct part *part = part_of(p, f);
	struct bodystructure b = {.kind = DIGEST_LEAF};
	str boundary;
	part->header_n = p->line_at - part->header_at;
	part->header_lines = (uint32_t)(p->lines - f->lines_at);
	part->body_at = p->line_at;
	f->lines_at = p->lines;
	p->in_header = false;

	b.encoding = encoding_token(p);
	b.disposition = param_parse(
		&p->arena, header_value(&p->header, HEADER_DISPOSITION));
	part->encoding = (uint8_t)encoding_of(b.encoding);
	read_type(p, &b);
	read_kind(p, &b, &boundary);
	f->kind = b.kind;
	f->text = b.kind == DIGEST_LEAF && str_ieq_c(b.type, "text");
	part->kind = (uint8_t)b.kind;
	pool_add(p, part, &b);
	if (is_attachment(p, &b)) {
		part->flags |= DIGEST_PART_ATTACHMENT;
		p->attachment = p->attachment || !f->in_message;
	}
	print_envelope(p);
	if (p->frame_n == 1)
		keys_read(&p->keys, &p->arena, &p->header);
	print_head(p, &b);
	begin_sample(p, &b);
	if (b.kind != DIGEST_LEAF)
		begin_inside(p, &b, boundary);
	arena_reset(&p->arena);
}

/* IMAP has no multipart without parts (body-type-mpart = 1*body ...). */
static void add_empty_part(struct mime_parser *p, uint64_t at)
{
	struct bodystructure b = {.kind = DIGEST_LEAF,
		.type = STR("text"),
		.subtype = STR("plain")};
	uint32_t index = part_add(
		p, (struct part){.header_at = at, .body_at = at, .subtree = 1});
	pool_add(p, &p->parts[index], &b);
	size_t head_n = print_details(p, &b, false);
	print_both(p, STR("("));
	print_both(p, str_take(buf_str(&p->scratch), head_n));
	print_both(p, STR(" 0 0"));
	buf_add(&p->structure.out, str_skip(buf_str(&p->scratch), head_n));
	print_both(p, STR(")"));
}

static void print_number(struct mime_parser *p, const char *before, uint64_t n)
{
	char digits[32];
	int len = snprintf(
		digits, sizeof digits, "%s%llu", before, (unsigned long long)n);
	print_both(p, str_of(digits, (size_t)len));
}

static void print_tail(struct mime_parser *p, const struct frame *f)
{
	const struct part *part = part_of(p, f);
	str tail = buf_str(&f->tail);
	if (f->kind == DIGEST_LEAF)
		print_number(p, "", part->body_n);
	if (f->text || f->kind == DIGEST_MESSAGE)
		print_number(p, " ", part->body_lines);
	if (f->kind == DIGEST_MULTIPART) {
		print_both(p, STR(" "));
		print_both(p, str_take(tail, f->head_n));
	}
	buf_add(&p->structure.out, str_skip(tail, f->head_n));
	print_both(p, STR(")"));
}

/* The innermost part's body ends at `end`, before which are `lines` lines. */
static void part_close(struct mime_parser *p, uint64_t end, uint64_t lines)
{
	struct frame *f = top(p);
	struct part *part = part_of(p, f);
	part->body_n = end - part->body_at;
	part->body_lines = (uint32_t)(lines - f->lines_at);
	if (p->sampling && p->sampling->part == f->part) {
		if (p->sampling->raw.n > part->body_n)
			buf_truncate(&p->sampling->raw, part->body_n);
		p->sampling = NULL;
	}
	if (f->kind == DIGEST_MULTIPART && !part->children)
		add_empty_part(p, end);
	print_tail(p, f);
	part_of(p, f)->subtree = p->part_n - f->part;
	boundary_set_remove(&p->boundaries, (uint32_t)p->frame_n - 1);
	free((char *)f->boundary.p);
	buf_fini(&f->tail);
	p->frame_n--;
}

/* --- lines --- */

/* The parts inside the frame `level` end before line_at, where a boundary line
 * starts; line_end is the length of the line end before it. */
static void close_inside(struct mime_parser *p, size_t level, unsigned line_end)
{
	bool in_header = p->in_header;
	while (p->in_header)
		header_end(p);
	uint64_t end = p->line_at;
	uint64_t lines = p->lines;
	if (!in_header && part_of(p, top(p))->body_at < end) {
		end -= line_end;
		lines--;
	}
	while (p->frame_n - 1 > level)
		part_close(p, end, lines);
}

/* The line at line_at, which the byte before p->at ends, is a boundary line. */
static void end_boundary_line(struct mime_parser *p, unsigned line_end)
{
	uint32_t level = p->line.level;
	bool closes = boundary_line_closes(&p->line);
	close_inside(p, level, line_end);
	if (closes)
		boundary_set_remove(&p->boundaries, level);
	p->line_at = p->at;
	p->lines++;
	if (!closes)
		part_open(p);
}

/* The line that ends at p->at; its own line end has the length line_end. */
static void end_line(struct mime_parser *p, unsigned line_end)
{
	bool blank = p->at - p->line_at == line_end;
	if (p->line.found && p->part_n < p->limits.parts) {
		end_boundary_line(p, p->line_end);
	} else {
		p->line_at = p->at;
		p->lines++;
		if (p->in_header && blank)
			header_end(p);
	}
	p->line_end = line_end;
	p->line = BOUNDARY_LINE;
}

static void sample_feed(struct mime_parser *p, str piece)
{
	struct buf *raw = &p->sampling->raw;
	if (raw->n < p->limits.preview)
		buf_add(raw, str_take(piece, p->limits.preview - raw->n));
}

/* A line, or a piece of one. */
static void feed_piece(struct mime_parser *p, str piece)
{
	bool ends = piece.p[piece.n - 1] == '\n';
	bool cr = piece.n > 1 ? piece.p[piece.n - 2] == '\r' : p->cr;
	p->steps += boundary_line_feed(
		&p->line, &p->boundaries, str_take(piece, piece.n - ends));
	if (p->in_header)
		p->steps += header_feed(&p->header, piece);
	else if (p->sampling)
		sample_feed(p, piece);
	p->at += piece.n;
	p->cr = piece.p[piece.n - 1] == '\r';
	if (ends)
		end_line(p, cr ? 2 : 1);
}

/* Most of most messages: whole lines of a body, none of which can be a boundary
 * line. Returns how many bytes they are. */
static size_t feed_body_lines(struct mime_parser *p, str bytes)
{
	const char *at = bytes.p, *end = bytes.p + bytes.n, *lf;
	bool bounded = p->boundaries.n > 0;
	uint64_t lines = 0;
	while (at < end && !(bounded && *at == '-')) {
		lf = memchr(at, '\n', (size_t)(end - at));
		if (!lf)
			break;
		at = lf + 1;
		lines++;
	}
	size_t n = (size_t)(at - bytes.p);
	if (!n)
		return 0;
	if (p->sampling)
		sample_feed(p, str_take(bytes, n));
	p->at += n;
	p->line_at = p->at;
	p->lines += lines;
	p->line_end = n > 1 && at[-2] == '\r' ? 2 : 1;
	p->steps += lines;
	return n;
}

void mime_parser_feed(struct mime_parser *p, str bytes)
{
	while (bytes.n) {
		size_t n = 0;
		if (!p->in_header && p->at == p->line_at)
			n = feed_body_lines(p, bytes);
		if (!n) {
			const char *lf = memchr(bytes.p, '\n', bytes.n);
			n = lf ? (size_t)(lf - bytes.p) + 1 : bytes.n;
			feed_piece(p, str_take(bytes, n));
		}
		bytes = str_skip(bytes, n);
	}
}

/* --- the whole --- */

struct mime_parser *mime_parser_new(const struct mime_limits *limits)
{
	struct mime_parser *p = xcalloc(1, sizeof *p);
	p->limits = limits ? *limits : MIME_LIMITS_DEFAULT;
	assert(p->limits.depth && p->limits.parts);
	arena_init(&p->arena, ARENA_BUDGET);
	header_init(&p->header, p->limits.field);
	p->frames = xcalloc(p->limits.depth + 1, sizeof *p->frames);
	p->line = BOUNDARY_LINE;
	p->text_left = p->limits.text;
	struct buf *const bufs[] = {&p->pool, &p->structure.out, &p->body.out,
		&p->envelope, &p->scratch, &p->plain.raw, &p->html.raw};
	for (size_t i = 0; i < COUNT_OF(bufs); i++)
		buf_init(bufs[i], SIZE_MAX);
	keys_init(&p->keys);
	part_open(p);
	return p;
}

void mime_parser_free(struct mime_parser *p)
{
	if (!p)
		return;
	while (p->frame_n) {
		struct frame *f = top(p);
		free((char *)f->boundary.p);
		buf_fini(&f->tail);
		p->frame_n--;
	}
	struct buf *const bufs[] = {&p->pool, &p->envelope, &p->scratch,
		&p->plain.raw, &p->html.raw};
	for (size_t i = 0; i < COUNT_OF(bufs); i++)
		buf_fini(bufs[i]);
	text_fini(&p->structure);
	text_fini(&p->body);
	keys_fini(&p->keys);
	boundary_set_fini(&p->boundaries);
	header_fini(&p->header);
	arena_fini(&p->arena);
	free(p->frames);
	free(p->parts);
	free(p);
}

/* The end of the message ends everything. */
static void end_message(struct mime_parser *p)
{
	/* A boundary line without an end opens nothing: the rest is lost. */
	if (p->line.found && p->part_n < p->limits.parts)
		close_inside(p, p->line.level, p->line_end);
	p->line_at = p->at;
	while (p->in_header)
		header_end(p);
	while (p->frame_n)
		part_close(p, p->at, p->lines);
	text_finish(&p->structure, p);
	text_finish(&p->body, p);
}

static str in_pool(const struct mime_parser *p, size_t at, size_t n)
{
	return str_take(str_skip(buf_str(&p->pool), at), n);
}

static struct digest_part digest_part_of(
	const struct mime_parser *p, const struct part *part)
{
	size_t at = part->pool_at;
	return (struct digest_part){
		.parent = part->parent,
		.children = part->children,
		.subtree = part->subtree,
		.kind = part->kind,
		.encoding = part->encoding,
		.flags = part->flags,
		.header_at = part->header_at,
		.header_n = part->header_n,
		.body_at = part->body_at,
		.body_n = part->body_n,
		.header_lines = part->header_lines,
		.body_lines = part->body_lines,
		.type = in_pool(p, at, part->type_n),
		.subtype = in_pool(p, at + part->type_n, part->subtype_n),
		.charset = in_pool(p, at + part->type_n + part->subtype_n,
			part->charset_n),
	};
}

static void add_sample(
	const struct mime_parser *p, const struct sample *s, struct buf *out)
{
	struct digest_part part = digest_part_of(p, &p->parts[s->part]);
	preview_add(out, &part, buf_str(&s->raw));
}

/* Plain text rather than HTML, unless it comes after it for no other reason
 * than to follow (a list's footer). */
static void add_preview(const struct mime_parser *p, struct buf *out)
{
	const struct sample *plain = &p->plain, *html = &p->html;
	bool html_first = html->taken && plain->taken &&
			  html->part < plain->part && !plain->alternative;
	if (plain->taken && !html_first)
		add_sample(p, plain, out);
	if (html->taken && !out->n)
		add_sample(p, html, out);
	if (plain->taken && !out->n)
		add_sample(p, plain, out);
}

void mime_parser_finish(struct mime_parser *p, struct buf *digest_out)
{
	struct buf preview = BUF_UNBOUNDED;
	struct buf parts = BUF_UNBOUNDED;
	end_message(p);
	add_preview(p, &preview);
	for (uint32_t i = 0; i < p->part_n; i++) {
		struct digest_part part = digest_part_of(p, &p->parts[i]);
		digest_part_encode(&part, p->parts[i].pool_at, &parts);
	}
	struct digest d = {
		.flags = p->attachment ? DIGEST_ATTACHMENT : 0,
		.size = p->at,
		.envelope = buf_str(&p->envelope),
		.bodystructure = buf_str(&p->structure.out),
		.body = buf_str(&p->body.out),
		.preview = buf_str(&preview),
		.part_count = p->part_n,
		.pool = buf_str(&p->pool),
		.parts = buf_str(&parts),
	};
	keys_set(&p->keys, &d);
	digest_encode(&d, digest_out);
	buf_fini(&preview);
	buf_fini(&parts);
}

void mime_parse(str message, struct buf *digest_out)
{
	struct mime_parser *p = mime_parser_new(NULL);
	mime_parser_feed(p, message);
	mime_parser_finish(p, digest_out);
	mime_parser_free(p);
}

struct mime_stats mime_parser_stats(const struct mime_parser *p)
{
	struct mime_stats s = {
		.bytes = p->at, .steps = p->steps, .parts = p->part_n};
	s.memory = sizeof *p + header_memory(&p->header) +
		   (p->limits.depth + 1) * sizeof *p->frames +
		   p->part_cap * sizeof *p->parts + p->pool.cap +
		   p->structure.out.cap + p->body.out.cap + p->envelope.cap +
		   p->scratch.cap + p->plain.raw.cap + p->html.raw.cap +
		   (p->structure.hole_cap + p->body.hole_cap) *
			   sizeof(struct hole);
	for (size_t i = 0; i < p->frame_n; i++)
		s.memory += p->frames[i].tail.cap;
	return s;
}
