/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/imap/parser.h"
#include "message/mailbox_name.h"
#include "message/utf8.h"
#include "wire/imap/parse.h"

struct imap_parser imap_parser_of(
	struct arena *arena, str text, unsigned dialect)
{
	return (struct imap_parser){.c = cursor_of(text),
		.arena = arena,
		.utf8 = dialect & IMAP_UTF8,
		.utf8_alone = dialect & IMAP_UTF8_ALONE};
}

bool imap_ok(struct imap_parser *p)
{
	if (arena_spent(p->arena))
		cursor_fail(&p->c, ERR_LIMIT, "a smaller command");
	return cursor_ok(&p->c);
}

/* What the memory did not suffice for looks as if it were not there. */
void imap_expected(struct imap_parser *p, const char *what)
{
	if (imap_ok(p))
		cursor_fail(&p->c, ERR_INVALID, what);
}

bool imap_enter(struct imap_parser *p, unsigned max)
{
	if (p->depth == max)
		cursor_fail(&p->c, ERR_LIMIT, "less nesting");
	if (!imap_ok(p))
		return false;
	p->depth++;
	return true;
}

void imap_leave(struct imap_parser *p)
{
	p->depth--;
}

/* ATOM-CHAR = <any CHAR except atom-specials>
 * atom-specials = "(" / ")" / "{" / SP / CTL / list-wildcards /
 *                 quoted-specials / resp-specials */
bool imap_is_atom_char(char c)
{
	return c > 0x20 && c < 0x7f && !strchr("(){%*\"\\]", c);
}

/* ASTRING-CHAR = ATOM-CHAR / resp-specials */
bool imap_is_astring_char(char c)
{
	return imap_is_atom_char(c) || c == ']';
}

/* list-char = ATOM-CHAR / list-wildcards / resp-specials */
static bool is_list_char(char c)
{
	return imap_is_astring_char(c) || c == '%' || c == '*';
}

/* tag = 1*<any ASTRING-CHAR except "+"> */
static bool is_tag_char(char c)
{
	return imap_is_astring_char(c) && c != '+';
}

static bool is_word_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '.';
}

str imap_take_while(
	struct imap_parser *p, bool (*belongs)(char), const char *what)
{
	size_t left = cursor_left(&p->c);
	size_t n = 0;

	if (!cursor_ok(&p->c))
		return str_of("", 0);
	while (n < left && belongs(p->c.at[n]))
		n++;
	if (n == 0)
		imap_expected(p, what);
	return cursor_take(&p->c, n);
}

void imap_sp(struct imap_parser *p)
{
	cursor_expect(&p->c, ' ', "a space");
}

bool imap_accept_sp(struct imap_parser *p)
{
	if (!cursor_ok(&p->c) || cursor_left(&p->c) < 2 || *p->c.at != ' ')
		return false;
	p->c.at++;
	return true;
}

bool imap_accept_word(struct imap_parser *p, str word)
{
	str rest = str_of(p->c.at, cursor_left(&p->c));

	if (!cursor_ok(&p->c) || !str_istarts(rest, word) || rest.n == word.n ||
		rest.p[word.n] != ' ')
		return false;
	return cursor_accept_istr(&p->c, word);
}

void imap_open(struct imap_parser *p)
{
	cursor_expect(&p->c, '(', "\"(\"");
}

bool imap_open_some(struct imap_parser *p)
{
	imap_open(p);
	return !cursor_accept(&p->c, ')') && imap_ok(p);
}

bool imap_next_item(struct imap_parser *p)
{
	if (cursor_accept(&p->c, ')'))
		return false;
	cursor_expect(&p->c, ' ', "a space or \")\"");
	return imap_ok(p);
}

str imap_tag(struct imap_parser *p)
{
	return imap_take_while(p, is_tag_char, "a tag");
}

/* atom = 1*ATOM-CHAR */
str imap_atom(struct imap_parser *p, const char *what)
{
	return imap_take_while(p, imap_is_atom_char, what);
}

str imap_word(struct imap_parser *p)
{
	return imap_take_while(p, is_word_char, "a name");
}

unsigned imap_one_of(
	struct imap_parser *p, const struct imap_name *names, const char *what)
{
	struct cursor before = p->c;
	str name = imap_atom(p, what);
	unsigned bit = imap_name_bit(names, name);

	if (cursor_ok(&p->c) && !bit) {
		p->c = before;
		cursor_fail(&p->c, ERR_UNSUPPORTED, what);
	}
	return bit;
}

/* UTF-8 in quoted strings before ENABLE said that it may be there, in LOGIN
 * and SEARCH. For curl and mbsync, which quote whatever password they were
 * given, and for imaplib, whose users quote their search words themselves. */
static bool tolerate_utf8_quoted(const struct imap_parser *p)
{
	return p->utf8_quoted;
}

/* quoted-specials behind "\"; everything but the escapes is copied. */
static str unescape(struct imap_parser *p, str quoted)
{
	char *plain = arena_alloc(p->arena, quoted.n);
	size_t n = 0;

	for (size_t i = 0; i < quoted.n; i++) {
		if (quoted.p[i] == '\\')
			i++;
		plain[n++] = quoted.p[i];
	}
	return str_of(plain, n);
}

/* The length of what stands before the closing quote. */
static size_t quoted_length(
	struct imap_parser *p, bool *escapes_r, bool *ascii_r)
{
	size_t left = cursor_left(&p->c);
	size_t i;

	*escapes_r = false;
	*ascii_r = true;
	for (i = 0; i < left && p->c.at[i] != '"'; i++) {
		if (p->c.at[i] == '\\') {
			*escapes_r = true;
			if (++i == left || !strchr("\"\\", p->c.at[i]) ||
				p->c.at[i] == '\0')
				break;
		}
		if (p->c.at[i] == '\r' || p->c.at[i] == '\n' ||
			p->c.at[i] == '\0')
			break;
		if (p->c.at[i] & '\x80')
			*ascii_r = false;
	}
	if (i >= left || p->c.at[i] != '"') {
		cursor_take(&p->c, i < left ? i : left);
		imap_expected(p, "the rest of a quoted string");
	}
	return i;
}

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE
 * QUOTED-CHAR = <any TEXT-CHAR except quoted-specials> /
 *               "\" quoted-specials / UTF8-2 / UTF8-3 / UTF8-4 */
str imap_quoted(struct imap_parser *p)
{
	bool escapes, ascii;
	size_t n;
	str s;

	cursor_expect(&p->c, '"', "a quoted string");
	if (!cursor_ok(&p->c))
		return str_of("", 0);
	n = quoted_length(p, &escapes, &ascii);
	if (!cursor_ok(&p->c))
		return str_of("", 0);
	s = str_of(p->c.at, n);
	if (!ascii && !p->utf8 && !tolerate_utf8_quoted(p))
		imap_expected(p, "7-bit bytes in a quoted string");
	if (!ascii && !utf8_is_valid(s))
		imap_expected(p, "UTF-8 in a quoted string");
	cursor_take(&p->c, n + 1);
	return escapes ? unescape(p, s) : s;
}

/* number64, without regard to leading zeros. */
static uint64_t number(struct imap_parser *p, uint64_t max, const char *what)
{
	uint64_t value = 0;
	struct cursor before = p->c;
	str digits = imap_take_while(p, ascii_is_digit, what);

	if (cursor_ok(&p->c) && str_to_u64(digits, max, &value)) {
		p->c = before;
		imap_expected(p, what);
	}
	return value;
}

/* "{" number64 ["+"] "}" */
static uint64_t literal_head(struct imap_parser *p, bool *sync_r)
{
	uint64_t n;

	cursor_expect(&p->c, '{', "a string");
	n = number(p, INT64_MAX, "the length of a literal");
	*sync_r = !cursor_accept(&p->c, '+');
	cursor_expect(&p->c, '}', "\"}\"");
	return n;
}

/* literal = "{" number64 ["+"] "}" CRLF *CHAR8; CHAR8 is not NUL, which
 * literal8 may hold. */
static str imap_literal(struct imap_parser *p, bool nul)
{
	bool sync;
	uint64_t n = literal_head(p, &sync);
	str s;

	cursor_accept(&p->c, '\r');
	cursor_expect(&p->c, '\n', "a line end");
	if (cursor_ok(&p->c) && n > cursor_left(&p->c))
		imap_expected(p, "the bytes of a literal");
	s = cursor_take(&p->c, cursor_ok(&p->c) ? (size_t)n : 0);
	if (!nul && s.n && memchr(s.p, '\0', s.n))
		imap_expected(p, "a literal without NUL");
	return s;
}

/* string = quoted / literal */
str imap_string(struct imap_parser *p, const char *what)
{
	switch (cursor_peek(&p->c)) {
	case '"':
		return imap_quoted(p);
	case '{':
		return imap_literal(p, false);
	default:
		imap_expected(p, what);
		return str_of("", 0);
	}
}

/* nstring = string / nil */
str imap_nstring(struct imap_parser *p, const char *what)
{
	if (cursor_accept_istr(&p->c, STR("NIL")))
		return str_none();
	return imap_string(p, what);
}

str imap_nstring8(struct imap_parser *p, const char *what)
{
	return cursor_accept(&p->c, '~') ? imap_literal(p, true)
					 : imap_nstring(p, what);
}

/* astring = 1*ASTRING-CHAR / string */
str imap_astring(struct imap_parser *p, const char *what)
{
	int next = cursor_peek(&p->c);

	if (next == '"' || next == '{')
		return imap_string(p, what);
	return imap_take_while(p, imap_is_astring_char, what);
}

/* list-mailbox = 1*list-char / string */
str imap_list_mailbox(struct imap_parser *p)
{
	int next = cursor_peek(&p->c);

	if (next == '"' || next == '{')
		return imap_string(p, "a pattern");
	return imap_take_while(p, is_list_char, "a pattern");
}

/* number64 = 1*DIGIT; 63 bits */
uint64_t imap_number64(struct imap_parser *p)
{
	return number(p, INT64_MAX, "a number");
}

/* nz-number64 = digit-nz *DIGIT */
uint64_t imap_nz_number64(struct imap_parser *p)
{
	if (cursor_peek(&p->c) == '0')
		imap_expected(p, "a number from 1 on");
	return number(p, INT64_MAX, "a number from 1 on");
}

/* nz-number = digit-nz *DIGIT; 32 bits */
uint32_t imap_nz_number(struct imap_parser *p)
{
	if (cursor_peek(&p->c) == '0')
		imap_expected(p, "a number from 1 on");
	return (uint32_t)number(p, UINT32_MAX, "a number from 1 on");
}

/* sequence-set = (seq-number / seq-range) ["," sequence-set]
 * sequence-set =/ seq-last-command */
struct seqset imap_sequence_set(struct imap_parser *p)
{
	struct seqset set = {0};

	if (cursor_ok(&p->c))
		set = seqset_parse(&p->c, p->arena);
	return set;
}

enum err imap_decode_name(struct imap_parser *p, str raw, str *utf8_r)
{
	struct buf utf8;
	enum err e;

	if (p->utf8) {
		*utf8_r = raw;
		return utf8_is_valid(raw) ? OK : ERR_INVALID;
	}
	/* No three bytes in UTF-16 and base64 make more than three. */
	buf_init(&utf8, MAILBOX_NAME_MAX * 2);
	e = mailbox_name_decode_utf7(&utf8, raw);
	if (!e)
		e = buf_err(&utf8);
	if (!e)
		*utf8_r = arena_str(p->arena, buf_str(&utf8));
	buf_fini(&utf8);
	return e;
}

/* mailbox = "INBOX" / astring. A name that cannot be one is no error of
 * syntax: a mailbox of that name does not exist. */
struct imap_mailbox imap_mailbox(struct imap_parser *p)
{
	struct imap_mailbox m = {.raw = imap_astring(p, "a mailbox name")};
	str utf8;

	if (!imap_ok(p))
		return m;
	m.err = imap_decode_name(p, m.raw, &utf8);
	if (!m.err)
		m.err = mailbox_name_canonical(p->arena, utf8, &m.name);
	if (m.err)
		m.name = str_none();
	return m;
}

/* flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" /
 *        flag-keyword / flag-extension */
void imap_flag(struct imap_parser *p, struct flag_list *list)
{
	struct cursor before = p->c;
	enum err e;

	cursor_accept(&p->c, '\\');
	imap_atom(p, "a flag");
	if (!imap_ok(p))
		return;
	e = flag_list_add(p->arena, list,
		str_of(before.at, (size_t)(p->c.at - before.at)));
	if (e) {
		p->c = before;
		cursor_fail(
			&p->c, e, e == ERR_LIMIT ? "fewer keywords" : "a flag");
	}
}

/* flag-list = "(" [flag *(SP flag)] ")" */
struct flag_list imap_flag_list(struct imap_parser *p)
{
	struct flag_list list = {0};

	if (imap_open_some(p))
		do
			imap_flag(p, &list);
		while (imap_next_item(p));
	return list;
}

/* date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP
 *             zone DQUOTE */
struct date imap_date_time(struct imap_parser *p)
{
	struct date date = {0};
	struct cursor before = p->c;
	str s = imap_quoted(p);

	if (cursor_ok(&p->c) && date_parse_imap(s, &date)) {
		p->c = before;
		imap_expected(p, "a date and time");
	}
	return date;
}

/* date = date-text / DQUOTE date-text DQUOTE */
int32_t imap_date(struct imap_parser *p)
{
	int32_t day = 0;
	struct cursor before = p->c;
	str s = cursor_peek(&p->c) == '"' ? imap_quoted(p)
					  : imap_atom(p, "a date");

	if (cursor_ok(&p->c) && date_parse_imap_day(s, &day)) {
		p->c = before;
		imap_expected(p, "a date");
	}
	return day;
}

/* literal / literal8, of which only the head is there.
 * literal8 = "~{" number64 ["+"] "}" CRLF *OCTET (RFC 4466) */
void imap_announcement(struct imap_parser *p, struct imap_append *a)
{
	a->has_literal = true;
	a->binary = cursor_accept(&p->c, '~');
	a->size = literal_head(p, &a->sync);
	if (cursor_ok(&p->c) && !cursor_done(&p->c))
		imap_expected(p, "a line end");
}
