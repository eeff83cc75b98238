/* SPDX-License-Identifier: Apache-2.0 */
#include "message/encoded_word.h"

#include "message/charset.h"
#include "message/lex.h"
#include "message/transfer.h"
#include "message/utf8.h"

/* The longest charset name, with a language, that can be one. */
#define CHARSET_PART_MAX 80

struct word {
	str charset;   /* without the language */
	char encoding; /* 'B' or 'Q' */
	str text;
	size_t end; /* index after "?=" */
};

struct scan {
	str in;	     /* unfolded */
	size_t at;   /* what is before is in the output */
	size_t mark; /* where the next "?=" at or after `from` is; in.n: none */
	size_t from;
	bool is_utf8;		      /* all of `in` */
	struct charset_decoder *open; /* of the word before, if one is */
	str charset;		      /* its name */
	struct buf *out;
};

/* The next "?=" from i on. Remembered, so that many beginnings with one end
 * cost one search. */
static size_t find_end(struct scan *s, size_t i)
{
	if (i < s->from || s->mark < i) {
		s->from = i;
		s->mark = i + str_find(str_skip(s->in, i), STR("?="));
	}
	return s->mark;
}

/* Base64 that is not can only be a coincidence, or cut off: it stays. */
static bool is_base64_text(str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '+' &&
			c != '/' && c != '=' && !lex_is_blank(c))
			return false;
	}
	return true;
}

/* encoded-word = "=?" charset ["*" language] "?" encoding "?" text "?=" */
static bool parse_word(struct scan *s, size_t i, struct word *w)
{
	str rest = str_skip(s->in, i + 2);
	size_t name = str_find_byte(str_take(rest, CHARSET_PART_MAX), '?');

	if (name == 0 || name + 2 >= rest.n || rest.p[name] != '?' ||
		rest.p[name + 2] != '?')
		return false;
	w->charset = str_take(rest, name);
	w->charset = str_take(w->charset, str_find_byte(w->charset, '*'));
	w->encoding = ascii_upper(rest.p[name + 1]);
	if (w->encoding != 'B' && w->encoding != 'Q')
		return false;
	size_t text = i + 2 + name + 3;
	size_t end = find_end(s, text);
	if (end >= s->in.n)
		return false;
	w->text = str_of(s->in.p + text, end - text);
	w->end = end + 2;
	return w->encoding == 'Q' || is_base64_text(w->text);
}

/* Q: "_" is a blank, "=" and two digits a byte (RFC 2047 section 4.2). */
static void add_q(struct buf *bytes, str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		int byte = c == '=' ? lex_hex_byte(text, i + 1) : -1;

		if (byte >= 0) {
			c = (char)byte;
			i += 2;
		} else if (c == '_') {
			c = ' ';
		}
		buf_add_byte(bytes, c);
	}
}

static void add_word_bytes(struct buf *bytes, const struct word *w)
{
	struct transfer_decoder d;

	if (w->encoding == 'Q') {
		add_q(bytes, w->text);
		return;
	}
	transfer_decoder_init(&d, TRANSFER_BASE64);
	transfer_decoder_feed(&d, w->text, bytes);
	transfer_decoder_finish(&d, bytes);
}

static void end_words(struct scan *s)
{
	if (!s->open)
		return;
	charset_decoder_finish(s->open, s->out);
	charset_decoder_close(s->open);
	s->open = NULL;
}

/* Text outside words. */
static void add_plain(struct scan *s, str text)
{
	enum err e = OK;

	if (!text.n)
		return;
	end_words(s);
	if (s->is_utf8)
		buf_add(s->out, text);
	else
		e = charset_add_utf8(s->out, STR("windows-1252"), text);
	(void)e; /* that charset is known */
}

/* False when the charset is not known. */
static bool add_word(struct scan *s, const struct word *w, str before)
{
	struct buf bytes = BUF_UNBOUNDED;
	struct charset_decoder *next = NULL;
	bool after_word = s->open && !str_trim(before).n;

	if (!after_word || !str_ieq(s->charset, w->charset)) {
		if (charset_decoder_open(w->charset, &next))
			return false;
		if (!after_word)
			add_plain(s, before);
		end_words(s);
		s->open = next;
		s->charset = w->charset;
	}
	add_word_bytes(&bytes, w);
	charset_decoder_feed(s->open, buf_str(&bytes), s->out);
	/* Each word begins in the charset's initial state, unless it goes on
	 * with a character that was cut in two. */
	if (!charset_decoder_is_pending(s->open))
		charset_decoder_finish(s->open, s->out);
	buf_fini(&bytes);
	return true;
}

static void scan_value(struct scan *s)
{
	size_t i = 0;

	while (i + 1 < s->in.n) {
		struct word w;

		i += str_find(str_skip(s->in, i), STR("=?"));
		if (i >= s->in.n)
			break;
		if (!parse_word(s, i, &w) ||
			!add_word(s, &w, str_of(s->in.p + s->at, i - s->at))) {
			i += 2;
			continue;
		}
		s->at = i = w.end;
	}
	add_plain(s, str_skip(s->in, s->at));
	end_words(s);
}

/* A line end before a blank goes, any other becomes one, the last one goes. */
static void unfold(struct buf *flat, str value)
{
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c != '\r' && c != '\n') {
			buf_add_byte(flat, c);
			continue;
		}
		if (c == '\r' && i + 1 < value.n && value.p[i + 1] == '\n')
			i++;
		if (i + 1 < value.n && !lex_is_blank(value.p[i + 1]))
			buf_add_byte(flat, ' ');
	}
}

void encoded_word_decode(struct buf *out, str value)
{
	struct buf flat = BUF_UNBOUNDED;
	struct scan s = {.in = value, .out = out};

	if (str_find_byte(value, '\r') < value.n ||
		str_find_byte(value, '\n') < value.n) {
		unfold(&flat, value);
		s.in = buf_str(&flat);
	}
	s.is_utf8 = utf8_is_valid(s.in);
	scan_value(&s);
	buf_fini(&flat);
}

/* Nothing to decode, unfold or convert? */
static bool is_plain(str value)
{
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '\r' || c == '\n' ||
			(c == '=' && i + 1 < value.n && value.p[i + 1] == '?'))
			return false;
	}
	return utf8_is_valid(value);
}

str encoded_word_decode_str(struct arena *arena, str value)
{
	struct buf out = BUF_UNBOUNDED;
	str decoded;

	if (is_plain(value))
		return value;
	encoded_word_decode(&out, value);
	decoded = arena_str(arena, buf_str(&out));
	buf_fini(&out);
	return decoded;
}
