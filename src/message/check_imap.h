/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests and fuzzing: are a digest's texts what RFC 9051 section 9 calls
 * envelope and body, to the letter, and do they tell the same parts as the
 * part table? One function per rule. The first thing that is wrong is said in
 * `expected` of the cursor.
 */
#ifndef MESSAGE_CHECK_IMAP_H
#define MESSAGE_CHECK_IMAP_H

#include "base/cursor.h"
#include "message/digest.h"

struct check_imap {
	struct cursor c;
	const struct digest *d;
	uint32_t part; /* the next in preorder */
	bool extensible;
};

static inline void check_sp(struct cursor *c)
{
	cursor_expect(c, ' ', "SP");
}

static inline uint64_t check_number(struct cursor *c)
{
	uint64_t n = 0;
	if (!ascii_is_digit((char)cursor_peek(c)))
		cursor_fail(c, ERR_INVALID, "number");
	while (cursor_ok(c) && ascii_is_digit((char)cursor_peek(c)))
		n = 10 * n + (uint64_t)(cursor_take(c, 1).p[0] - '0');
	return n;
}

static inline void check_literal(struct cursor *c)
{
	size_t n = (size_t)check_number(c);
	cursor_expect(c, '}', "}");
	cursor_expect(c, '\r', "CR");
	cursor_expect(c, '\n', "LF");
	str s = cursor_take(c, n);
	if (str_find_byte(s, '\0') < s.n)
		cursor_fail(c, ERR_INVALID, "no NUL");
}

static inline void check_quoted(struct cursor *c)
{
	while (cursor_ok(c) && !cursor_accept(c, '"')) {
		if (cursor_accept(c, '\\') && cursor_peek(c) != '"' &&
			cursor_peek(c) != '\\')
			cursor_fail(c, ERR_INVALID, "quoted-specials");
		int b = cursor_peek(c);
		if (b <= 0 || b > 127 || b == '\r' || b == '\n')
			cursor_fail(c, ERR_INVALID, "TEXT-CHAR");
		cursor_take(c, 1);
	}
}

static inline void check_string(struct cursor *c)
{
	if (cursor_accept(c, '{'))
		check_literal(c);
	else if (cursor_accept(c, '"'))
		check_quoted(c);
	else
		cursor_fail(c, ERR_INVALID, "string");
}

static inline void check_nstring(struct cursor *c)
{
	if (!cursor_accept_str(c, STR("NIL")))
		check_string(c);
}

/* "(" 1*address ")" / nil */
static inline void check_addresses(struct cursor *c)
{
	if (cursor_accept_str(c, STR("NIL")))
		return;
	cursor_expect(c, '(', "address list");
	do {
		cursor_expect(c, '(', "address");
		for (int i = 0; i < 4; i++) {
			if (i)
				check_sp(c);
			check_nstring(c);
		}
		cursor_expect(c, ')', "end of address");
	} while (cursor_ok(c) && cursor_peek(c) == '(');
	cursor_expect(c, ')', "end of addresses");
}

static inline void check_envelope(struct cursor *c)
{
	cursor_expect(c, '(', "envelope");
	check_nstring(c); /* env-date */
	check_sp(c);
	check_nstring(c); /* env-subject */
	for (int i = 0; i < 6; i++) {
		check_sp(c);
		check_addresses(c);
	}
	check_sp(c);
	check_nstring(c); /* env-in-reply-to */
	check_sp(c);
	check_nstring(c); /* env-message-id */
	cursor_expect(c, ')', "end of envelope");
}

/* body-fld-param */
static inline void check_params(struct cursor *c)
{
	if (cursor_accept_str(c, STR("NIL")))
		return;
	cursor_expect(c, '(', "parameters");
	do {
		check_string(c);
		check_sp(c);
		check_string(c);
	} while (cursor_accept(c, ' '));
	cursor_expect(c, ')', "end of parameters");
}

/* [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc]]], all of it */
static inline void check_extension(struct cursor *c)
{
	check_sp(c);
	if (!cursor_accept_str(c, STR("NIL"))) {
		cursor_expect(c, '(', "body-fld-dsp");
		check_string(c);
		check_sp(c);
		check_params(c);
		cursor_expect(c, ')', "end of body-fld-dsp");
	}
	check_sp(c);
	if (cursor_accept(c, '(')) {
		do
			check_string(c);
		while (cursor_accept(c, ' '));
		cursor_expect(c, ')', "end of body-fld-lang");
	} else {
		check_nstring(c);
	}
	check_sp(c);
	check_nstring(c);
}

static inline struct digest_part check_next_part(struct check_imap *k)
{
	struct digest_part part = {.kind = DIGEST_LEAF};
	if (digest_part(k->d, k->part++, &part) != OK)
		cursor_fail(&k->c, ERR_INVALID, "a part in the table");
	return part;
}

static inline void check_body(struct check_imap *k);

static inline void check_multipart(
	struct check_imap *k, const struct digest_part *part)
{
	uint32_t children = 0;
	while (cursor_ok(&k->c) && cursor_peek(&k->c) == '(') {
		check_body(k);
		children++;
	}
	if (children != part->children)
		cursor_fail(&k->c, ERR_INVALID, "the table's children");
	check_sp(&k->c);
	check_string(&k->c); /* media-subtype */
	if (k->extensible) {
		check_sp(&k->c);
		check_params(&k->c);
		check_extension(&k->c);
	}
}

static inline void check_1part(
	struct check_imap *k, const struct digest_part *part)
{
	struct cursor *c = &k->c;
	bool text = str_eq_c(part->type, "text");
	check_string(c);
	check_sp(c);
	check_string(c);
	check_sp(c);
	check_params(c);
	for (int i = 0; i < 2; i++) {
		check_sp(c);
		check_nstring(c); /* body-fld-id, body-fld-desc */
	}
	check_sp(c);
	check_string(c); /* body-fld-enc */
	check_sp(c);
	if (check_number(c) != part->body_n)
		cursor_fail(c, ERR_INVALID, "the table's octets");
	if (part->kind == DIGEST_MESSAGE) {
		check_sp(c);
		check_envelope(c);
		check_sp(c);
		check_body(k);
	}
	if (part->kind == DIGEST_MESSAGE || text) {
		check_sp(c);
		if (check_number(c) != part->body_lines)
			cursor_fail(c, ERR_INVALID, "the table's lines");
	}
	if (k->extensible) {
		check_sp(c);
		check_nstring(c); /* body-fld-md5 */
		check_extension(c);
	}
}

static inline void check_body(struct check_imap *k)
{
	struct digest_part part = check_next_part(k);
	cursor_expect(&k->c, '(', "body");
	if (part.kind == DIGEST_MULTIPART)
		check_multipart(k, &part);
	else
		check_1part(k, &part);
	cursor_expect(&k->c, ')', "end of body");
}

/* What was expected where it went wrong; NULL when all is well. */
static inline const char *check_imap(const struct digest *d)
{
	struct cursor envelope = cursor_of(d->envelope);
	check_envelope(&envelope);
	if (!cursor_ok(&envelope) || !cursor_done(&envelope))
		return "envelope";
	for (int extensible = 0; extensible < 2; extensible++) {
		struct check_imap k = {.d = d,
			.extensible = extensible,
			.c = cursor_of(
				extensible ? d->bodystructure : d->body)};
		check_body(&k);
		if (!cursor_ok(&k.c))
			return k.c.err_expected ? k.c.err_expected : "more";
		if (!cursor_done(&k.c))
			return "end of the text";
		if (k.part != d->part_count)
			return "no more parts in the table";
	}
	return NULL;
}

/* Are all parts' ranges inside the message, in order, and inside their
 * parents'? */
static inline bool check_ranges(const struct digest *d)
{
	uint64_t at = 0;
	for (uint32_t i = 0; i < d->part_count; i++) {
		struct digest_part p, parent;
		if (digest_part(d, i, &p) || digest_part(d, p.parent, &parent))
			return false;
		uint64_t end = p.body_at + p.body_n;
		if (p.header_at < at || p.header_at + p.header_n != p.body_at)
			return false;
		if (i && (p.header_at < parent.body_at ||
				 end > parent.body_at + parent.body_n))
			return false;
		at = p.kind == DIGEST_LEAF ? end : p.body_at;
	}
	return true;
}

#endif
