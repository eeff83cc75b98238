/* SPDX-License-Identifier: Apache-2.0 */
#include "message/mbox.h"
#include "base/alloc.h"

#include <stdlib.h>

#define WINDOW (64 * 1024)
/* What must be seen of a line and the next to judge it. */
#define LOOKAHEAD (2 * MBOX_LINE_MAX + 64)
#define NO_LENGTH UINT64_MAX

void mbox_init(
	struct mbox *m, struct mbox_input input, enum mbox_dialect dialect)
{
	*m = (struct mbox){.input = input, .dialect = dialect};
	m->room = xmalloc(WINDOW);
}

void mbox_fini(struct mbox *m)
{
	free(m->room);
	m->room = NULL;
}

uint64_t mbox_offset(const struct mbox *m)
{
	return m->base + m->at;
}

/* Moves the window so that it starts at what is next, and fills it. */
static void fill(struct mbox *m)
{
	memmove(m->room, m->room + m->at, m->n - m->at);
	m->base += m->at;
	m->n -= m->at;
	m->at = 0;
	while (m->n < WINDOW && !m->eof && !m->err) {
		size_t n = 0;

		m->err = m->input.read_at(m->input.closure, m->base + m->n,
			m->room + m->n, WINDOW - m->n, &n);
		m->eof = !m->err && n == 0;
		m->n += n;
	}
}

static bool may_judge(const struct mbox *m)
{
	return m->n - m->at >= LOOKAHEAD || m->eof;
}

static void need(struct mbox *m)
{
	if (!may_judge(m))
		fill(m);
}

/* ---- lines ---- */

static str ahead(const struct mbox *m)
{
	return str_of(m->room + m->at, m->n - m->at);
}

/* Bytes of a line end at the start of s; 0 when there is none. */
static size_t line_end(str s)
{
	if (str_starts(s, STR("\n")))
		return 1;
	return str_starts(s, STR("\r\n")) ? 2 : 0;
}

/* "Mon" … "Sun" as a word's start. */
static bool is_weekday(str s)
{
	static const char names[] = "MonTueWedThuFriSatSun";

	for (size_t i = 0; i < strlen(names); i += 3)
		if (str_starts(s, str_of(names + i, 3)))
			return true;
	return false;
}

/* hh:mm somewhere, so that a bare day is no date. */
static bool has_time(str s)
{
	for (size_t i = 2; i + 2 < s.n; i++)
		if (s.p[i] == ':' && ascii_is_digit(s.p[i - 1]) &&
			ascii_is_digit(s.p[i + 1]) &&
			ascii_is_digit(s.p[i + 2]))
			return true;
	return false;
}

#define WEEKDAYS_TRIED 4

/* "From " sender date, without the line end. Senders may have blanks. */
static void parse_from(str line, struct mbox_from *from_r)
{
	str rest = str_skip(line, strlen("From "));
	int tried = 0;

	*from_r = (struct mbox_from){.sender = str_trim(rest)};
	for (size_t i = 0; i < rest.n && tried < WEEKDAYS_TRIED; i++) {
		str tail = str_skip(rest, i);

		if ((i && rest.p[i - 1] != ' ' && rest.p[i - 1] != '\t') ||
			!is_weekday(tail))
			continue;
		tried++;
		if (has_time(tail) &&
			date_parse_rfc5322(tail, &from_r->date) == OK) {
			from_r->sender = str_trim(str_take(rest, i));
			from_r->has_date = true;
			return;
		}
	}
}

/* field-name *WSP ":" and a blank or the end of the line after it, so that
 * "http://" is none. */
static bool is_field(str s)
{
	size_t i = 0;

	while (i < s.n && s.p[i] > ' ' && s.p[i] < 0x7f && s.p[i] != ':')
		i++;
	if (i == 0)
		return false;
	while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t'))
		i++;
	if (i >= s.n || s.p[i] != ':')
		return false;
	s = str_skip(s, i + 1);
	return !s.n || s.p[0] == ' ' || s.p[0] == '\t' || line_end(s);
}

/* "From " but not "From :", a field with a blank before its colon. */
static bool is_lax_from(str s)
{
	if (!str_starts(s, STR("From ")))
		return false;
	s = str_skip(s, strlen("From "));
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_skip(s, 1);
	return !str_starts(s, STR(":"));
}

/* Is there a From_ line at the start of s? */
static bool is_from(str s, bool after_blank)
{
	struct mbox_from from;
	str line;

	if (!is_lax_from(s))
		return false;
	line = str_take(s, str_find_byte(str_take(s, MBOX_LINE_MAX), '\n'));
	if (line.n == MBOX_LINE_MAX)
		return false;
	parse_from(line, &from);
	if (from.has_date)
		return true;
	return (after_blank || str_eq_c(from.sender, "-")) &&
	       str_find_byte(from.sender, ' ') == from.sender.n &&
	       str_find_byte(from.sender, '\t') == from.sender.n &&
	       is_field(str_take(str_skip(s, line.n + 1), MBOX_LINE_MAX));
}

/* ---- Content-Length ---- */

static void note_field(struct mbox *m)
{
	static const str name = STR_LIT("Content-Length:");
	str line = ahead(m);
	size_t digits = 0;

	if (!str_istarts(line, name))
		return;
	line = str_skip(line, name.n);
	line = str_trim(str_take(line, str_find_byte(line, '\n')));
	while (digits < line.n && ascii_is_digit(line.p[digits]))
		digits++;
	if (str_to_u64(str_take(line, digits), INT64_MAX, &m->length))
		m->length = NO_LENGTH;
}

/* What stands at an offset of the file. Empty at its end or after an error.
 * The window is used when it has enough. */
static str peek(struct mbox *m, uint64_t offset, char *room, size_t size)
{
	size_t n = 0, got = 1;

	if (offset >= m->base && offset - m->base <= m->n &&
		(m->eof || m->n - (offset - m->base) >= size))
		return str_take(str_of(m->room + (offset - m->base),
					m->n - (size_t)(offset - m->base)),
			size);
	while (n < size && got && !m->err) {
		m->err = m->input.read_at(
			m->input.closure, offset + n, room + n, size - n, &got);
		if (!m->err)
			n += got;
	}
	return str_of(room, n);
}

/* Does a body of m->length bytes that starts at `body` end where a message
 * can? Some (Netscape) do not count its last line end, which belongs to it all
 * the same. */
static bool length_fits(struct mbox *m, uint64_t body, uint64_t *length_r)
{
	char room[LOOKAHEAD];
	size_t uncounted = 0;
	bool in_line;
	str s;

	if (m->length == NO_LENGTH || m->dialect == MBOX_O ||
		m->dialect == MBOX_RD)
		return false;
	/* the byte before tells whether the file is that long */
	s = peek(m, body + m->length - 1, room, sizeof room);
	if (!s.n)
		return false;
	in_line = s.p[0] != '\n';
	s = str_skip(s, 1);
	if (in_line)
		uncounted = line_end(s);
	if (in_line && s.n && !uncounted)
		return false;
	s = str_skip(s, uncounted);
	s = str_skip(s, line_end(s));
	*length_r = m->length + uncounted;
	return !s.n || is_from(s, true);
}

/* ---- messages ---- */

/* At the start of a line: does the message end here? The window then stands
 * behind the blank line. */
static bool ends_here(struct mbox *m)
{
	str s = ahead(m);
	uint64_t length;
	size_t blank;

	if (m->counted)
		return m->left == 0;
	if (!s.n || is_from(s, m->after_blank))
		return true;
	blank = line_end(s);
	if (!blank)
		return false;
	s = str_skip(s, blank);
	if (s.n && !is_from(s, true))
		return false;
	if (m->state == MBOX_HEAD && m->length &&
		length_fits(m, m->base + m->at + blank, &length))
		return false; /* the blank line ends the header */
	m->at += blank;
	return true;
}

/* Is what is next quoted by a ">"? */
static bool is_escaped(const struct mbox *m)
{
	str s = ahead(m);
	bool only_one = m->dialect == MBOX_O || m->dialect == MBOX_CL;
	size_t marks = 0;

	if (m->state != MBOX_BODY || m->dialect == MBOX_CL2 ||
		(m->counted && m->dialect != MBOX_CL))
		return false;
	s = str_take(s, MBOX_LINE_MAX);
	while (marks < s.n && s.p[marks] == '>')
		marks++;
	return marks > 0 && (marks == 1 || !only_one) &&
	       str_starts(str_skip(s, marks), STR("From "));
}

/* A whole line or what the window has of it. */
static void take_line(struct mbox *m)
{
	str s = ahead(m);
	bool blank = m->line_begins && line_end(s);
	size_t n;

	if (m->counted && m->left < s.n)
		s.n = (size_t)m->left;
	n = str_find_byte(s, '\n');
	m->line_begins = n < s.n;
	n += m->line_begins;
	m->at += n;
	if (m->counted)
		m->left -= n;
	if (m->state == MBOX_HEAD && blank) {
		m->state = MBOX_BODY;
		m->counted = length_fits(m, m->base + m->at, &m->left);
	}
	m->after_blank = blank;
}

/* Lines from the window, as many as go in one piece. */
static str take_lines(struct mbox *m)
{
	size_t start = m->at;

	while (may_judge(m)) {
		if (m->line_begins || (m->counted && !m->left)) {
			size_t end = m->at;

			if (ends_here(m)) {
				m->state = MBOX_AFTER;
				return str_of(m->room + start, end - start);
			}
			if (is_escaped(m)) {
				if (m->at > start)
					break; /* without the ">" */
				start = ++m->at;
				m->left -= m->counted;
				m->line_begins = false;
			} else if (m->state == MBOX_HEAD) {
				note_field(m);
			}
		}
		if (m->at == m->n)
			break;
		take_line(m);
	}
	return str_of(m->room + start, m->at - start);
}

enum err mbox_read(struct mbox *m, str *bytes_r)
{
	*bytes_r = STR("");
	while (!bytes_r->n &&
		(m->state == MBOX_HEAD || m->state == MBOX_BODY)) {
		need(m);
		if (m->err)
			return m->err;
		if (m->at == m->n)
			m->state = MBOX_AFTER;
		else
			*bytes_r = take_lines(m);
	}
	return m->err;
}

static enum err skip_message(struct mbox *m)
{
	str bytes;
	enum err e;

	do
		e = mbox_read(m, &bytes);
	while (!e && bytes.n);
	return e;
}

static void skip_blank_lines(struct mbox *m)
{
	size_t n;

	for (need(m); (n = line_end(ahead(m))); need(m))
		m->at += n;
}

#define BOM "\xef\xbb\xbf"

bool mbox_is_likely(str start)
{
	if (str_starts(start, STR(BOM)))
		start = str_skip(start, strlen(BOM));
	while (line_end(start))
		start = str_skip(start, line_end(start));
	return is_lax_from(start);
}

/* Takes the From_ line; of several, the last. */
static void take_from(struct mbox *m, struct mbox_from *from_r)
{
	do {
		str s = str_take(ahead(m), MBOX_LINE_MAX);
		str line = str_take(s, str_find_byte(s, '\n'));

		memcpy(m->line, line.p, line.n);
		parse_from(str_of(m->line, line.n), from_r);
		/* one that is longer was the first line, and is cut */
		m->at += line.n + (line.n < s.n);
		need(m);
	} while (!m->err && is_from(ahead(m), false));
}

enum err mbox_next(struct mbox *m, struct mbox_from *from_r)
{
	enum err e = skip_message(m);

	if (e)
		return e;
	need(m);
	if (m->state == MBOX_BEFORE && str_starts(ahead(m), STR(BOM)))
		m->at += strlen(BOM);
	skip_blank_lines(m);
	if (m->err)
		return m->err;
	if (m->at == m->n)
		return ERR_NOTFOUND;
	if (!is_lax_from(ahead(m)))
		return ERR_INVALID;
	take_from(m, from_r);
	m->state = MBOX_HEAD;
	m->line_begins = true;
	m->after_blank = false;
	m->counted = false;
	m->left = 0;
	m->length = NO_LENGTH;
	return m->err;
}
