/* SPDX-License-Identifier: Apache-2.0 */
#include "message/preview.h"

#include "message/charset.h"
#include "message/transfer.h"
#include "message/utf8.h"

/* So many encoded bytes are tried first; and what their end can spoil: a
 * character, a character reference, the name of a tag. */
#define HEAD 2048
#define CUT 64

/* Collects characters, blanks made one. */
struct line {
	struct buf *out;
	unsigned characters;
	bool blank; /* one is due before the next character */
};

static bool is_full(const struct line *l)
{
	return l->characters >= PREVIEW_CHARACTERS;
}

static bool is_blank(uint32_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0 ||
	       c == 0x3000 || c == 0x2028 || c == 0x2029;
}

/* Controls, and the invisible characters with which newsletters fill up. */
static bool is_invisible(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x34f ||
	       (c >= 0x200b && c <= 0x200f) || c == 0x2060 || c == 0xfeff;
}

static void line_add(struct line *l, uint32_t c)
{
	if (is_blank(c)) {
		l->blank = l->characters > 0;
		return;
	}
	if (is_invisible(c) || is_full(l))
		return;
	if (l->blank) {
		buf_add_byte(l->out, ' ');
		l->characters++;
		l->blank = false;
	}
	if (is_full(l))
		return;
	utf8_add(l->out, c);
	l->characters++;
}

/* Is the line at `at` one that quotes? */
static bool is_quote(str s, size_t at)
{
	return at < s.n && s.p[at] == '>';
}

/* Returns how far it looked. */
static size_t add_lines(struct line *l, str s, bool quotes)
{
	size_t at = 0;
	while (at < s.n && !is_full(l)) {
		size_t end = at + str_find_byte(str_skip(s, at), '\n');
		bool wanted = quotes || !is_quote(s, at);
		while (at < end && wanted && !is_full(l))
			line_add(l, utf8_next(s, &at));
		if (is_full(l))
			break;
		at = end + 1;
		line_add(l, ' ');
	}
	return at;
}

void preview_add_text(struct buf *out, str utf8)
{
	struct line l = {.out = out};
	add_lines(&l, utf8, false);
	if (!l.characters)
		add_lines(&l, utf8, true);
}

/* --- HTML --- */

static const struct {
	const char *name;
	uint32_t c;
} references[] = {
	{"amp", '&'},
	{"lt", '<'},
	{"gt", '>'},
	{"quot", '"'},
	{"apos", '\''},
	{"nbsp", 0xa0},
	{"shy", 0xad},
	{"zwnj", 0x200c},
	{"zwj", 0x200d},
	{"ndash", 0x2013},
	{"mdash", 0x2014},
	{"lsquo", 0x2018},
	{"rsquo", 0x2019},
	{"ldquo", 0x201c},
	{"rdquo", 0x201d},
	{"laquo", 0xab},
	{"raquo", 0xbb},
	{"bull", 0x2022},
	{"hellip", 0x2026},
	{"euro", 0x20ac},
	{"copy", 0xa9},
	{"reg", 0xae},
	{"trade", 0x2122},
	{"middot", 0xb7},
	{"auml", 0xe4},
	{"ouml", 0xf6},
	{"uuml", 0xfc},
	{"Auml", 0xc4},
	{"Ouml", 0xd6},
	{"Uuml", 0xdc},
	{"szlig", 0xdf},
	{"eacute", 0xe9},
	{"egrave", 0xe8},
	{"agrave", 0xe0},
	{"ccedil", 0xe7},
};

/* "#123" or "#x7b": 0 when it is not a character. */
static uint32_t numeric_reference(str name)
{
	bool hex = name.n > 1 && ascii_lower(name.p[1]) == 'x';
	str digits = str_skip(name, hex ? 2 : 1);
	uint32_t c = 0;
	for (size_t i = 0; i < digits.n; i++) {
		char d = ascii_lower(digits.p[i]);
		uint32_t v = ascii_is_digit(d) ? (uint32_t)(d - '0')
			     : hex && d >= 'a' && d <= 'f'
				     ? (uint32_t)(d - 'a' + 10)
				     : 99;
		if (v == 99)
			return 0;
		c = c * (hex ? 16 : 10) + v;
		if (c > 0x10ffff)
			return 0;
	}
	return c >= 0xd800 && c <= 0xdfff ? 0 : c;
}

static uint32_t named_reference(str name)
{
	for (size_t i = 0; i < sizeof references / sizeof *references; i++)
		if (str_eq_c(name, references[i].name))
			return references[i].c;
	return 0;
}

/* A character reference at s[*at] == '&'; or just that byte. */
static uint32_t take_reference(str s, size_t *at)
{
	str rest = str_take(str_skip(s, *at + 1), 10);
	str name = str_take(rest, str_find_byte(rest, ';'));
	uint32_t c = 0;
	if (name.n && name.n < rest.n)
		c = name.p[0] == '#' ? numeric_reference(name)
				     : named_reference(name);
	*at += c ? name.n + 2 : 1;
	return c ? c : '&';
}

static size_t find_ci(str s, size_t from, str what)
{
	for (size_t i = from; i + what.n <= s.n; i++)
		if (str_istarts(str_skip(s, i), what))
			return i;
	return s.n;
}

/* The end of what starts at s[at] == '<': a comment, an element of which
 * nothing is shown, or a tag. */
static size_t skip_markup(str s, size_t at)
{
	static const struct {
		str open, close;
	} hidden[] = {
		{STR_LIT("<!--"), STR_LIT("-->")},
		{STR_LIT("<script"), STR_LIT("</script")},
		{STR_LIT("<style"), STR_LIT("</style")},
		{STR_LIT("<title"), STR_LIT("</title")},
	};
	str rest = str_skip(s, at);
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		if (str_istarts(rest, hidden[i].open))
			at = find_ci(s, at + hidden[i].open.n, hidden[i].close);
	at += str_find_byte(str_skip(s, at), '>');
	return at < s.n ? at + 1 : s.n;
}

/* Tags that do not separate words. */
static bool is_inline_tag(str tag)
{
	static const char *const names[] = {"b", "i", "u", "a", "em", "strong",
		"span", "font", "wbr", "sup", "sub", "small", "big", "code"};
	str name = tag;
	size_t n = 0;
	if (name.n && name.p[0] == '/')
		name = str_skip(name, 1);
	while (n < name.n && ascii_is_alpha(name.p[n]))
		n++;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_ieq_c(str_take(name, n), names[i]))
			return true;
	return false;
}

static bool is_markup(str s, size_t at)
{
	if (s.p[at] != '<' || at + 1 == s.n)
		return false;
	char c = s.p[at + 1];
	return ascii_is_alpha(c) || c == '/' || c == '!' || c == '?';
}

static size_t add_html(struct line *l, str utf8)
{
	size_t at = 0;
	while (at < utf8.n && !is_full(l)) {
		if (is_markup(utf8, at)) {
			if (!is_inline_tag(str_skip(utf8, at + 1)))
				line_add(l, ' ');
			at = skip_markup(utf8, at);
		} else if (utf8.p[at] == '&') {
			line_add(l, take_reference(utf8, &at));
		} else {
			line_add(l, utf8_next(utf8, &at));
		}
	}
	return at;
}

void preview_add_html(struct buf *out, str utf8)
{
	struct line l = {.out = out};
	(void)add_html(&l, utf8);
}

/* --- parts --- */

static enum transfer transfer_of(enum digest_encoding e)
{
	switch (e) {
	case ENCODING_BASE64:
		return TRANSFER_BASE64;
	case ENCODING_QP:
		return TRANSFER_QP;
	case ENCODING_UUENCODE:
		return TRANSFER_UUENCODE;
	default:
		return TRANSFER_IDENTITY;
	}
}

static bool is_labelled(const struct digest_part *part)
{
	return part->charset.n && !str_ieq_c(part->charset, "us-ascii");
}

/* Nothing for an unknown charset. The beginning of a text may end inside a
 * character. */
static void add_decoded(
	struct buf *out, const struct digest_part *part, str bytes, bool cut)
{
	if (is_labelled(part))
		(void)!charset_add_utf8(out, part->charset, bytes);
	else
		charset_add_unlabelled(out,
			str_take(bytes, bytes.n - (cut ? utf8_cut(bytes) : 0)));
}

static void decode(struct buf *text, const struct digest_part *part, str raw)
{
	struct buf bytes = BUF_UNBOUNDED;
	struct transfer_decoder decoder;
	transfer_decoder_init(&decoder, transfer_of(part->encoding));
	transfer_decoder_feed(&decoder, raw, &bytes);
	transfer_decoder_finish(&decoder, &bytes);
	add_decoded(text, part, buf_str(&bytes), raw.n < part->body_n);
	buf_fini(&bytes);
}

static bool is_ascii(str s)
{
	unsigned char all = 0;
	for (size_t i = 0; i < s.n; i++)
		all |= (unsigned char)s.p[i];
	return all < 0x80;
}

/* Whether the first bytes alone fill the preview, as they mostly do, and with
 * the same as all of them would: it is full before anything that their end may
 * have cut. What has no charset is guessed by all of it, unless it is ASCII. */
static bool add_from_head(
	struct buf *out, const struct digest_part *part, str raw)
{
	struct buf text = BUF_UNBOUNDED;
	size_t before = out->n, at;
	struct line l = {.out = out};
	if (raw.n <= HEAD)
		return false;
	decode(&text, part, str_take(raw, HEAD));
	if (str_eq_c(part->subtype, "html"))
		at = add_html(&l, buf_str(&text));
	else
		at = add_lines(&l, buf_str(&text), false);
	bool good = is_full(&l) && at + CUT <= text.n &&
		    (is_labelled(part) || is_ascii(buf_str(&text)));
	if (!good)
		buf_truncate(out, before);
	buf_fini(&text);
	return good;
}

void preview_add(struct buf *out, const struct digest_part *part, str raw)
{
	struct buf text = BUF_UNBOUNDED;
	if (part->encoding == ENCODING_UNKNOWN || add_from_head(out, part, raw))
		return;
	decode(&text, part, raw);
	if (str_eq_c(part->subtype, "html"))
		preview_add_html(out, buf_str(&text));
	else
		preview_add_text(out, buf_str(&text));
	buf_fini(&text);
}
