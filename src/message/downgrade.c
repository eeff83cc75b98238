/* SPDX-License-Identifier: Apache-2.0 */
#include "message/downgrade.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/base64.h"
#include "message/address.h"
#include "message/encoded_word.h"
#include "message/param.h"
#include "message/utf8.h"

/* Bytes of text in one encoded word: with its frame it has 75 at most (RFC
 * 2047 section 2). */
#define WORD_BYTES 45
#define ARENA_BUDGET (512 * 1024)

void downgrade_init(struct downgrade *d)
{
	*d = (struct downgrade){.field = BUF_UNBOUNDED};
}

void downgrade_fini(struct downgrade *d)
{
	buf_fini(&d->field);
}

/* ------------------------------------------------------------------ words */

/* UTF-8, in as many words as it takes, a line each. */
static void add_encoded(struct buf *out, str text)
{
	while (text.n) {
		str piece = str_take(text, WORD_BYTES);

		if (piece.n < text.n)
			piece.n -= utf8_cut(piece);
		buf_add_c(out, "=?UTF-8?B?");
		base64_add(out, piece);
		buf_add_c(out, "?=");
		text = str_skip(text, piece.n);
		if (text.n)
			buf_add_c(out, "\r\n ");
	}
}

/* Line ends are folds. */
static void add_unfolded(struct buf *out, str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '\r' && text.p[i] != '\n')
			buf_add_byte(out, text.p[i]);
}

static void add_quoted(struct buf *out, str text)
{
	buf_add_byte(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			buf_add_byte(out, '\\');
		if (text.p[i] != '\r' && text.p[i] != '\n')
			buf_add_byte(out, text.p[i]);
	}
	buf_add_byte(out, '"');
}

static bool is_dot_atom(str s)
{
	static const char others[] = "!#$%&'*+-/=?^_`{|}~.";

	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) &&
			!memchr(others, s.p[i], sizeof others - 1))
			return false;
	return s.n > 0;
}

/* ----------------------------------------------------------------- fields */

/* A display-name; encoded words in it were names too. */
static void add_name(struct buf *out, struct arena *arena, str name)
{
	bool encoded = str_find(name, STR("=?")) < name.n;

	if (encoded || !utf8_is_ascii(name))
		add_encoded(out,
			encoded ? encoded_word_decode_str(arena, name) : name);
	else
		add_quoted(out, name);
}

static void add_local_part(struct buf *out, str mailbox)
{
	if (is_dot_atom(mailbox))
		buf_add(out, mailbox);
	else
		add_quoted(out, mailbox);
}

/* RFC 6858 section 2.1: "an invalid email address whose display-name tells the
 * user what happened". */
static void add_nobody(
	struct buf *out, struct arena *arena, const struct address *a)
{
	struct buf text = BUF_UNBOUNDED;

	if (a->name.n) {
		encoded_word_decode(&text, a->name);
		buf_add_byte(&text, ' ');
	}
	buf_addf(&text, "<%.*s@%.*s>", STR_ARG(a->mailbox), STR_ARG(a->host));
	add_encoded(out, arena_str(arena, buf_str(&text)));
	buf_add_c(out, "\r\n <invalid@internationalized-address.invalid>");
	buf_fini(&text);
}

static void add_address(
	struct buf *out, struct arena *arena, const struct address *a)
{
	if (!utf8_is_ascii(a->mailbox) || !utf8_is_ascii(a->host)) {
		add_nobody(out, arena, a);
		return;
	}
	if (a->name.n) {
		add_name(out, arena, a->name);
		buf_add_c(out, "\r\n ");
	}
	buf_add_byte(out, '<');
	add_local_part(out, a->mailbox);
	if (a->host.n) {
		buf_add_byte(out, '@');
		buf_add(out, a->host);
	}
	buf_add_byte(out, '>');
}

static bool put_addresses(struct buf *out, struct arena *arena, str value)
{
	struct address *a = address_parse(arena, value);
	bool first = true;

	if (!a || arena_spent(arena))
		return false;
	for (; a; a = a->next) {
		if (address_is_group_end(a)) {
			buf_add_byte(out, ';');
			first = false;
			continue;
		}
		buf_add_c(out, first ? " " : ",\r\n ");
		first = address_is_group_start(a);
		if (first) {
			add_name(out, arena, a->mailbox);
			buf_add_byte(out, ':');
		} else {
			add_address(out, arena, a);
		}
	}
	return true;
}

static bool put_text(struct buf *out, struct arena *arena, str value)
{
	struct buf text = BUF_UNBOUNDED;

	add_unfolded(&text, str_trim(value));
	buf_add_byte(out, ' ');
	add_encoded(out, encoded_word_decode_str(arena, buf_str(&text)));
	buf_fini(&text);
	return true;
}

/* RFC 6858 section 2.2: a parameter that cannot be shown is left out. */
static bool put_params(struct buf *out, struct arena *arena, str value)
{
	struct param_value v = param_parse(arena, value);

	if (!v.type.n || !utf8_is_ascii(v.type) || !utf8_is_ascii(v.subtype) ||
		arena_spent(arena))
		return false;
	buf_add_byte(out, ' ');
	buf_add(out, v.type);
	if (v.subtype.n) {
		buf_add_byte(out, '/');
		buf_add(out, v.subtype);
	}
	for (struct param *p = v.params; p; p = p->next) {
		if (!utf8_is_ascii(p->name) || !utf8_is_ascii(p->value))
			continue;
		buf_addf(out, ";\r\n %.*s=", STR_ARG(p->name));
		if (is_dot_atom(p->value) && !p->quoted)
			buf_add(out, p->value);
		else
			add_quoted(out, p->value);
	}
	return true;
}

/* Of RFC 6858 section 2.1 to 2.3; all others are left out. */
static const struct {
	const char *name;
	bool (*put)(struct buf *, struct arena *, str value);
} fields[] = {
	{"From", put_addresses},
	{"Sender", put_addresses},
	{"Reply-To", put_addresses},
	{"To", put_addresses},
	{"Cc", put_addresses},
	{"Bcc", put_addresses},
	{"Resent-From", put_addresses},
	{"Resent-Sender", put_addresses},
	{"Resent-To", put_addresses},
	{"Resent-Cc", put_addresses},
	{"Resent-Bcc", put_addresses},
	{"Return-Path", put_addresses},
	{"Subject", put_text},
	{"Content-Type", put_params},
	{"Content-Disposition", put_params},
};

static void put_surrogate(struct buf *out, str field)
{
	str name = str_take(field, str_find_byte(field, ':'));
	str value = str_skip(field, name.n + 1);
	size_t before = out->n;
	struct arena arena;
	bool done = false;

	arena_init(&arena, ARENA_BUDGET);
	for (size_t i = 0; !done && i < COUNT_OF(fields); i++) {
		if (!str_ieq_c(str_trim(name), fields[i].name))
			continue;
		buf_addf(out, "%s:", fields[i].name);
		done = fields[i].put(out, &arena, value);
		if (done)
			buf_add_c(out, "\r\n");
	}
	if (!done)
		buf_truncate(out, before);
	arena_fini(&arena);
}

/* ----------------------------------------------------------------- stream */

static void end_field(struct downgrade *d, struct buf *out)
{
	str field = buf_str(&d->field);

	if (utf8_is_ascii(field) || !utf8_is_valid(field))
		buf_add(out, field);
	else
		put_surrogate(out, field);
	buf_reset(&d->field);
	d->too_long = false;
}

static void give_away(struct buf *out, str bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		buf_add_byte(out, bytes.p[i] & '\x80' ? '?' : bytes.p[i]);
}

/* Of one line; `bytes` end with it or before. */
static void add_line(struct downgrade *d, str bytes, struct buf *out)
{
	if (!d->too_long && d->field.n + bytes.n > DOWNGRADE_FIELD_MAX) {
		d->too_long = true;
		give_away(out, buf_str(&d->field));
		buf_reset(&d->field);
	}
	if (d->too_long)
		give_away(out, bytes);
	else
		buf_add(&d->field, bytes);
}

/* The first bytes of a line: is it a new field, or the end of them all? A CR
 * alone may be either; it is kept until the next byte. */
static void begin_line(struct downgrade *d, char first, struct buf *out)
{
	if (first != ' ' && first != '\t')
		end_field(d, out);
}

/* Is what was read of this line all of an empty one? */
static bool is_empty_line(const struct downgrade *d)
{
	str field = buf_str(&d->field);

	return str_eq_c(field, "\n") || str_eq_c(field, "\r\n");
}

void downgrade_feed(struct downgrade *d, str bytes, struct buf *out)
{
	while (bytes.n && !d->in_body) {
		size_t n = str_find_byte(bytes, '\n');
		bool ends = n < bytes.n;

		if (!d->amid_line)
			begin_line(d, bytes.p[0], out);
		add_line(d, str_take(bytes, n + ends), out);
		d->amid_line = !ends;
		bytes = str_skip(bytes, n + ends);
		if (ends && !d->too_long && is_empty_line(d)) {
			d->in_body = true;
			end_field(d, out);
		}
	}
	if (d->in_body)
		buf_add(out, bytes);
}

void downgrade_finish(struct downgrade *d, struct buf *out)
{
	if (!d->in_body)
		end_field(d, out);
}
