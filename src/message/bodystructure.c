/* SPDX-License-Identifier: Apache-2.0 */
#include "message/bodystructure.h"

#include "message/imap_string.h"

static void print_param(struct buf *out, str name, str value)
{
	imap_string_add_upper(out, name);
	buf_add_byte(out, ' ');
	imap_string_add(out, str_is_none(value) ? STR("") : value);
}

/* body-fld-param. Text has a charset, be it the default (RFC 2045 section
 * 5.2). */
static void print_params(struct arena *arena, const struct param *params,
	bool text, struct buf *out)
{
	size_t count = 0;
	for (const struct param *p = param_joined(arena, params); p;
		p = p->next) {
		buf_add_byte(out, count++ ? ' ' : '(');
		print_param(out, p->name, p->value);
		text = text && !str_ieq_c(p->name, "charset") &&
		       !str_ieq_c(p->name, "charset*");
	}
	if (text) {
		buf_add_byte(out, count++ ? ' ' : '(');
		print_param(out, STR("CHARSET"), STR("US-ASCII"));
	}
	buf_add_c(out, count ? ")" : "NIL");
}

/* NIL when absent or empty. */
static void print_field(
	const struct header *h, enum header_field f, struct buf *out)
{
	str s = header_value(h, f);
	buf_add_byte(out, ' ');
	imap_nstring_add(out, s.n ? s : str_none());
}

static bool is_text(const struct bodystructure *b)
{
	return b->kind == DIGEST_LEAF && str_ieq_c(b->type, "text");
}

void bodystructure_print_head(struct arena *arena,
	const struct bodystructure *b, const struct header *h, bool details,
	struct buf *out)
{
	if (b->kind == DIGEST_MULTIPART) {
		imap_string_add_upper(out, b->subtype);
		return;
	}
	imap_string_add_upper(out, b->type);
	buf_add_byte(out, ' ');
	imap_string_add_upper(out, b->subtype);
	buf_add_byte(out, ' ');
	print_params(arena, details ? b->params : NULL, is_text(b), out);
	if (details) {
		print_field(h, HEADER_ID, out);
		print_field(h, HEADER_DESCRIPTION, out);
	} else {
		buf_add_c(out, " NIL NIL");
	}
	buf_add_byte(out, ' ');
	imap_string_add_upper(out, b->encoding.n ? b->encoding : STR("7BIT"));
}

/* body-fld-dsp = "(" string SP body-fld-param ")" / nil */
static void print_disposition(
	struct arena *arena, const struct param_value *d, struct buf *out)
{
	if (!d->type.n) {
		buf_add_c(out, " NIL");
		return;
	}
	buf_add_c(out, " (");
	imap_string_add_upper(out, d->type);
	buf_add_byte(out, ' ');
	print_params(arena, d->params, false, out);
	buf_add_byte(out, ')');
}

/* The next language tag, without blanks and comments; empty at the end. */
static str next_language(str *rest)
{
	str tag = STR("");
	while (rest->n && !tag.n) {
		size_t comma = str_find_byte(*rest, ',');
		tag = str_trim(str_take(*rest, comma));
		tag = str_trim(str_take(tag, str_find_byte(tag, '(')));
		*rest = str_skip(*rest, comma + 1);
	}
	return tag;
}

/* body-fld-lang = nstring / "(" string *(SP string) ")" */
static void print_languages(str value, struct buf *out)
{
	str first = next_language(&value);
	str next = next_language(&value);
	buf_add_byte(out, ' ');
	if (!next.n) {
		imap_nstring_add(out, first.n ? first : str_none());
		return;
	}
	buf_add_byte(out, '(');
	imap_string_add(out, first);
	for (; next.n; next = next_language(&value)) {
		buf_add_byte(out, ' ');
		imap_string_add(out, next);
	}
	buf_add_byte(out, ')');
}

void bodystructure_print_tail(struct arena *arena,
	const struct bodystructure *b, const struct header *h, bool details,
	struct buf *out)
{
	if (!details) {
		buf_add_c(out, " NIL NIL NIL NIL");
		return;
	}
	if (b->kind == DIGEST_MULTIPART) {
		buf_add_byte(out, ' ');
		print_params(arena, b->params, false, out);
	} else {
		print_field(h, HEADER_MD5, out);
	}
	print_disposition(arena, &b->disposition, out);
	print_languages(header_value(h, HEADER_LANGUAGE), out);
	print_field(h, HEADER_LOCATION, out);
}
