/* SPDX-License-Identifier: Apache-2.0 */
#include "message/param.h"

#include "base/buf.h"
#include "message/charset.h"
#include "message/encoded_word.h"
#include "message/lex.h"

/* ---- reading ---- */

/* The value and the index of the next byte; bytes left are in.n - at. */
struct reader {
	struct arena *arena;
	str in;
	size_t at;
};

static bool reader_done(const struct reader *r)
{
	return r->at >= r->in.n;
}

static char reader_peek(const struct reader *r)
{
	return reader_done(r) ? '\0' : r->in.p[r->at];
}

/* token (RFC 2045 section 5.1); 8-bit bytes are let through. */
static bool is_token(char c)
{
	return (unsigned char)c > 0x20 && c != 0x7F &&
	       !strchr("()<>@,;:\\\"/[]?=", c);
}

static void skip_cfws(struct reader *r)
{
	r->at = lex_skip_cfws(r->in, r->at);
}

static str read_token(struct reader *r)
{
	size_t from = r->at;

	while (!reader_done(r) && is_token(reader_peek(r)))
		r->at++;
	return str_of(r->in.p + from, r->at - from);
}

/* A copy of s without NUL and line ends, and, if quoted, without the
 * backslashes of quoted-pairs. */
static str clean(struct arena *arena, str s, bool quoted)
{
	char *p = arena_alloc(arena, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (quoted && s.p[i] == '\\' && i + 1 < s.n)
			i++;
		if (s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != '\0')
			p[n++] = s.p[i];
	}
	return str_of(p, n);
}

/* The index of the quote that closes the string beginning at `at`, or in.n. */
static size_t closing_quote(str in, size_t at)
{
	for (; at < in.n && in.p[at] != '"'; at++)
		if (in.p[at] == '\\')
			at++;
	return at < in.n ? at : in.n;
}

/* quoted-string. One that is not closed ends with the line or at ";". */
static str read_quoted(struct reader *r)
{
	size_t from = ++r->at;
	size_t to = closing_quote(r->in, from);

	r->at = to + 1;
	if (to == r->in.n) {
		for (to = from; to < r->in.n; to++)
			if (strchr(";\r\n", r->in.p[to]) && r->in.p[to])
				break;
		r->at = to;
	}
	return clean(r->arena, str_of(r->in.p + from, to - from), true);
}

/* Is there a parameter ("token=") or nothing of a value at i? */
static bool ends_value(str in, size_t i)
{
	size_t from = i;

	if (i >= in.n || in.p[i] == ';' || in.p[i] == '(' || in.p[i] == '"')
		return true;
	while (i < in.n && is_token(in.p[i]))
		i++;
	return i > from && i < in.n && in.p[i] == '=';
}

/* A value without quotes ends at a blank or ";". Other bytes that would need
 * quotes are let through ("=" and "/" in boundaries, "(1)" in file names). File
 * names go on over blanks until something else begins. */
static str read_bare(struct reader *r, bool spaced)
{
	size_t from = r->at, to = r->at;

	while (!reader_done(r) && reader_peek(r) != ';') {
		size_t next = r->at;

		if (!lex_is_space(reader_peek(r))) {
			to = ++r->at;
			continue;
		}
		while (next < r->in.n && lex_is_space(r->in.p[next]))
			next++;
		if (!spaced || ends_value(r->in, next))
			break;
		r->at = next;
	}
	return clean(r->arena, str_of(r->in.p + from, to - from), false);
}

static void skip_to_semicolon(struct reader *r)
{
	while (!reader_done(r) && reader_peek(r) != ';')
		r->at++;
}

/* [";"] attribute "=" value. False when there was only something to skip. */
static bool read_param(struct reader *r, struct param *p)
{
	if (reader_peek(r) == ';' || reader_peek(r) == ',') {
		r->at++;
		return false;
	}
	p->name = read_token(r);
	if (!p->name.n) {
		skip_to_semicolon(r);
		return false;
	}
	skip_cfws(r);
	if (reader_peek(r) != '=')
		return false;
	r->at++;
	skip_cfws(r);
	p->quoted = reader_peek(r) == '"';
	p->value = p->quoted ? read_quoted(r)
			     : read_bare(r, str_istarts(p->name, STR("name")) ||
						    str_istarts(p->name,
							    STR("filename")));
	return true;
}

struct param_value param_parse(struct arena *arena, str value)
{
	/* An absent value is an empty one. */
	struct reader r = {
		.arena = arena,
		.in = str_of(value.p ? value.p : "", value.n),
	};
	struct param_value v = {0};
	struct param **tail = &v.params;
	size_t count = 0;

	skip_cfws(&r);
	str type = read_token(&r);
	if (type.n)
		v.type = type;
	skip_cfws(&r);
	if (type.n && reader_peek(&r) == '/') {
		r.at++;
		skip_cfws(&r);
		str subtype = read_token(&r);
		if (subtype.n)
			v.subtype = subtype;
	}
	for (skip_cfws(&r);
		!reader_done(&r) && count < PARAM_MAX && !arena_spent(arena);
		skip_cfws(&r)) {
		struct param p = {0};

		if (!read_param(&r, &p))
			continue;
		*tail = ARENA_NEW(arena, struct param);
		**tail = p;
		tail = &(*tail)->next;
		count++;
	}
	return v;
}

str param_get(const struct param *p, const char *name)
{
	for (; p; p = p->next)
		if (str_ieq_c(p->name, name))
			return p->value;
	return str_none();
}

/* ---- RFC 2231 ---- */

/* attribute ["*" section] ["*"] */
struct section {
	str base;
	int number; /* -1: not in pieces */
	bool extended;
};

static struct section section_of(str name)
{
	struct section s = {.base = name, .number = -1};
	uint64_t number;
	size_t star;

	if (s.base.n > 1 && s.base.p[s.base.n - 1] == '*') {
		s.extended = true;
		s.base.n--;
	}
	star = str_find_byte(s.base, '*');
	if (star > 0 && star < s.base.n &&
		str_to_u64(str_skip(s.base, star + 1), PARAM_MAX - 1,
			&number) == OK) {
		s.number = (int)number;
		s.base.n = star;
	}
	return s;
}

/* The pieces of one parameter, in their order. */
struct pieces {
	const struct param *at[PARAM_MAX];
	size_t count; /* up to the first gap */
};

static bool collect(const struct param *params, str base, struct pieces *p)
{
	*p = (struct pieces){0};
	for (; params; params = params->next) {
		struct section s = section_of(params->name);

		if (s.number >= 0 && str_ieq(s.base, base) && !p->at[s.number])
			p->at[s.number] = params;
	}
	while (p->count < PARAM_MAX && p->at[p->count])
		p->count++;
	return p->count > 0;
}

static void add_percent_decoded(struct buf *out, str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		int byte = c == '%' ? lex_hex_byte(s, i + 1) : -1;

		if (byte >= 0) {
			c = (char)byte;
			i += 2;
		}
		buf_add_byte(out, c);
	}
}

/* What pieces say. */
struct extended {
	str charset;
	str language;
	struct buf bytes; /* in that charset */
};

/* extended-initial-value = [charset] "'" [language] "'" extended-other-values;
 * without the quotes it is all text. */
static str read_initial(str value, struct extended *e)
{
	size_t first = str_find_byte(value, '\'');
	str rest = str_skip(value, first + 1);
	size_t second = str_find_byte(rest, '\'');

	if (first == value.n || second == rest.n)
		return value;
	e->charset = str_take(value, first);
	e->language = str_take(rest, second);
	return str_skip(rest, second + 1);
}

static struct extended read_pieces(
	const struct param *const *pieces, size_t count)
{
	struct extended e = {.bytes = BUF_UNBOUNDED};

	for (size_t i = 0; i < count; i++) {
		str value = pieces[i]->value;

		if (!section_of(pieces[i]->name).extended) {
			buf_add(&e.bytes, value);
			continue;
		}
		if (i == 0)
			value = read_initial(value, &e);
		add_percent_decoded(&e.bytes, value);
	}
	return e;
}

/* A charset that is not known is as none. */
static void add_extended(struct buf *out, const struct extended *e)
{
	str bytes = buf_str(&e->bytes);

	if (!e->charset.n || charset_add_utf8(out, e->charset, bytes) != OK)
		charset_add_unlabelled(out, bytes);
}

static str decode_pieces(
	struct arena *arena, const struct param *const *pieces, size_t count)
{
	struct extended e = read_pieces(pieces, count);
	struct buf out = BUF_UNBOUNDED;
	str decoded;

	add_extended(&out, &e);
	decoded = arena_str(arena, buf_str(&out));
	buf_fini(&out);
	buf_fini(&e.bytes);
	return decoded;
}

str param_get_decoded(
	struct arena *arena, const struct param *params, const char *name)
{
	struct pieces pieces;

	for (const struct param *p = params; p; p = p->next) {
		struct section s = section_of(p->name);

		if (s.extended && s.number < 0 && str_ieq_c(s.base, name))
			return decode_pieces(arena, &p, 1);
	}
	if (collect(params, str_c(name), &pieces))
		return decode_pieces(arena, pieces.at, pieces.count);
	return encoded_word_decode_str(arena, param_get(params, name));
}

/* ---- joined ---- */

/* attribute-char (RFC 2231 section 7) */
static bool is_attribute_char(char c)
{
	return is_token(c) && (unsigned char)c < 0x80 && c != '*' &&
	       c != '\'' && c != '%';
}

static void add_percent_encoded(struct buf *out, str s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (is_attribute_char(s.p[i])) {
			buf_add_byte(out, s.p[i]);
			continue;
		}
		buf_add_byte(out, '%');
		buf_add_byte(out, hex[c >> 4]);
		buf_add_byte(out, hex[c & 15]);
	}
}

/* Appends utf-8'language'text. */
static void add_joined_extended(struct buf *out, const struct pieces *pieces)
{
	struct extended e = read_pieces(pieces->at, pieces->count);
	struct buf text = BUF_UNBOUNDED;

	add_extended(&text, &e);
	buf_add_c(out, "utf-8'");
	buf_add(out, e.language);
	buf_add_byte(out, '\'');
	add_percent_encoded(out, buf_str(&text));
	buf_fini(&text);
	buf_fini(&e.bytes);
}

/* The parameter that pieces make. */
static struct param join(
	struct arena *arena, str base, const struct pieces *pieces)
{
	struct buf value = BUF_UNBOUNDED;
	struct param p = {.name = base, .quoted = true};
	bool extended = false;

	for (size_t i = 0; i < pieces->count; i++)
		extended |= section_of(pieces->at[i]->name).extended;
	if (extended)
		add_joined_extended(&value, pieces);
	else
		for (size_t i = 0; i < pieces->count; i++)
			buf_add(&value, pieces->at[i]->value);
	if (extended)
		p.name = arena_strf(arena, "%.*s*", STR_ARG(base));
	p.value = arena_str(arena, buf_str(&value));
	buf_fini(&value);
	return p;
}

/* Can what they say be converted to UTF-8? */
static bool is_joinable(const struct pieces *pieces)
{
	struct extended e = {0};

	if (section_of(pieces->at[0]->name).extended)
		read_initial(pieces->at[0]->value, &e);
	return !e.charset.n || charset_is_known(e.charset);
}

struct param *param_joined(struct arena *arena, const struct param *params)
{
	struct param *first = NULL, **tail = &first;
	struct pieces pieces;

	for (const struct param *p = params; p && !arena_spent(arena);
		p = p->next) {
		struct section s = section_of(p->name);
		struct param out = *p;

		if (s.number >= 0 && collect(params, s.base, &pieces) &&
			(size_t)s.number < pieces.count &&
			pieces.at[s.number] == p && is_joinable(&pieces)) {
			if (s.number > 0)
				continue; /* it is where number 0 stands */
			out = join(arena, s.base, &pieces);
		}
		*tail = ARENA_NEW(arena, struct param);
		**tail = out;
		(*tail)->next = NULL;
		tail = &(*tail)->next;
	}
	return first;
}
