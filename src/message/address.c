/* SPDX-License-Identifier: Apache-2.0 */
#include "message/address.h"

#include "message/imap_string.h"

struct parser {
	struct arena *arena;
	str in;
	size_t at;
	/* Once one was not closed, none of the rest is. */
	bool open_quote, open_comment;
	bool in_group;
	struct address *head, **tail;
	/* The address that is being read. */
	struct buf phrase; /* words before the last, one space between */
	struct buf local;  /* the last word, or words joined by dots */
	struct buf spaced; /* the same, with the blanks around the dots */
	struct buf host;
	struct buf word;    /* a quoted string's contents */
	struct buf comment; /* the last one */
	bool words;	    /* there was a word, be it empty */
	bool quoted;	    /* the last word was a quoted string */
};

static int peek(const struct parser *p)
{
	return p->at < p->in.n ? (unsigned char)p->in.p[p->at] : -1;
}

static bool accept(struct parser *p, char c)
{
	if (p->at >= p->in.n || p->in.p[p->at] != c)
		return false;
	p->at++;
	return true;
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(int c)
{
	return c < 0 || is_blank(c) || memchr("()<>@,;:\"", c, 9);
}

/* The index of the quote that closes the one before `from`; in.n if none. */
static size_t find_quote_end(const struct parser *p, size_t from)
{
	size_t i = from;
	while (i < p->in.n && p->in.p[i] != '"')
		i += p->in.p[i] == '\\' ? 2 : 1;
	return i < p->in.n ? i : p->in.n;
}

static size_t find_comment_end(const struct parser *p, size_t from)
{
	size_t depth = 1;
	for (size_t i = from; i < p->in.n; i++) {
		char c = p->in.p[i];
		if (c == '\\')
			i++;
		else if (c == '(')
			depth++;
		else if (c == ')' && --depth == 0)
			return i;
	}
	return p->in.n;
}

/* Appends quoted text: backslashes go, and so do line ends (folding). */
static void add_unquoted(struct buf *b, str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\r' || s.p[i] == '\n')
			continue;
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		buf_add_byte(b, s.p[i]);
	}
}

/* comment, after its "(". */
static void parse_comment(struct parser *p)
{
	size_t end = p->open_comment ? p->in.n : find_comment_end(p, p->at);
	if (end == p->in.n) {
		p->open_comment = true; /* "(" alone: skipped */
		return;
	}
	buf_reset(&p->comment);
	add_unquoted(&p->comment, str_of(p->in.p + p->at, end - p->at));
	p->at = end + 1;
}

/* [CFWS], and a stray ")". Was there any? */
static bool skip_cfws(struct parser *p)
{
	size_t from = p->at;
	for (;;) {
		if (is_blank(peek(p)) || peek(p) == ')')
			p->at++;
		else if (accept(p, '('))
			parse_comment(p);
		else
			return p->at > from;
	}
}

/* The end of an encoded word (RFC 2047) that starts here: with commas and the
 * like in its text, as bad mailers write it. Else `at`. */
static size_t find_encoded_word_end(const struct parser *p)
{
	enum { LONGEST = 256 };
	str s = str_take(str_skip(p->in, p->at), LONGEST);
	int marks = 0;
	if (!str_starts(s, STR("=?")))
		return p->at;
	for (size_t i = 2; i < s.n && !is_blank((unsigned char)s.p[i]); i++) {
		if (s.p[i] != '?')
			continue;
		if (marks >= 2 && i + 1 < s.n && s.p[i + 1] == '=')
			return p->at + i + 2;
		marks++;
	}
	return p->at;
}

static str parse_atom(struct parser *p)
{
	size_t from = p->at;
	p->at = find_encoded_word_end(p);
	while (!is_special(peek(p)))
		p->at++;
	return str_of(p->in.p + from, p->at - from);
}

/* quoted-string, after its quote; without an end the quote is skipped. */
static bool parse_quoted(struct parser *p)
{
	size_t end = p->open_quote ? p->in.n : find_quote_end(p, p->at);
	if (end == p->in.n) {
		p->open_quote = true;
		return false;
	}
	buf_reset(&p->word);
	add_unquoted(&p->word, str_of(p->in.p + p->at, end - p->at));
	p->at = end + 1;
	return true;
}

static void add_joined(struct buf *phrase, str s)
{
	if (phrase->n && s.n)
		buf_add_byte(phrase, ' ');
	buf_add(phrase, s);
}

/* The last word turns out to be one of the phrase. */
static void push_phrase(struct parser *p)
{
	add_joined(&p->phrase, buf_str(&p->spaced));
	buf_reset(&p->local);
	buf_reset(&p->spaced);
}

/* A word joins the one before it when a dot is between them
 * (obs-local-part = word *("." word)). */
static void add_word(struct parser *p, str s, bool quoted, bool blank)
{
	str last = buf_str(&p->local);
	bool dot = (last.n && last.p[last.n - 1] == '.' && !p->quoted) ||
		   (p->words && s.n && s.p[0] == '.' && !quoted);
	if (p->words && !dot)
		push_phrase(p);
	buf_add(&p->local, s);
	if (blank && p->spaced.n)
		buf_add_byte(&p->spaced, ' ');
	buf_add(&p->spaced, s);
	p->words = true;
	p->quoted = quoted;
}

/* *word, with the blanks and comments around. Stops at a special. */
static void parse_words(struct parser *p)
{
	for (;;) {
		bool blank = skip_cfws(p);
		if (accept(p, '"')) {
			if (parse_quoted(p))
				add_word(p, buf_str(&p->word), true, blank);
		} else if (!is_special(peek(p))) {
			add_word(p, parse_atom(p), false, blank);
		} else {
			return;
		}
	}
}

/* "[" ... "]" as it is, without blanks. */
static void parse_literal(struct parser *p)
{
	int c;
	while ((c = peek(p)) >= 0 && c != ',' && c != '>') {
		if (!is_blank(c))
			buf_add_byte(&p->host, (char)c);
		p->at++;
		if (c == ']')
			return;
	}
}

/* domain, after its "@". Blanks and comments may stand around dots. */
static void parse_domain(struct parser *p)
{
	buf_reset(&p->host);
	skip_cfws(p);
	if (peek(p) == '[') {
		parse_literal(p);
		skip_cfws(p);
		return;
	}
	while (!is_special(peek(p))) {
		str last = buf_str(&p->host);
		if (last.n && last.p[last.n - 1] != '.' && peek(p) != '.')
			return; /* the next address, without a comma */
		buf_add(&p->host, parse_atom(p));
		skip_cfws(p);
	}
}

/* What was taken for a domain belongs to the word before it. */
static void add_domain(struct parser *p)
{
	struct buf *const both[] = {&p->local, &p->spaced};
	for (size_t i = 0; i < 2; i++) {
		buf_add_byte(both[i], '@');
		buf_add(both[i], buf_str(&p->host));
	}
}

/* addr-spec's rest, after local-part and "@": the last "@" counts. */
static void parse_domains(struct parser *p)
{
	parse_domain(p);
	while (accept(p, '@')) {
		add_domain(p);
		parse_domain(p);
	}
}

static str keep(struct parser *p, const struct buf *b)
{
	return arena_str(p->arena, buf_str(b));
}

static struct address *add_address(struct parser *p)
{
	struct address *a = ARENA_NEW(p->arena, struct address);
	*p->tail = a;
	p->tail = &a->next;
	return a;
}

/* obs-route, when what comes is one: "@a,@b:". */
static str parse_route(struct parser *p)
{
	size_t from = p->at;
	size_t end = from;
	while (end < p->in.n && !memchr(":<>\"", p->in.p[end], 4))
		end++;
	if (end == p->in.n || p->in.p[end] != ':')
		return str_none();
	buf_reset(&p->word);
	for (p->at = from; p->at < end; p->at++)
		if (!is_blank(peek(p)))
			buf_add_byte(&p->word, p->in.p[p->at]);
	p->at = end + 1;
	return keep(p, &p->word);
}

static str name_of(struct parser *p)
{
	if (p->phrase.n)
		return keep(p, &p->phrase);
	if (p->comment.n)
		return arena_str(p->arena, str_trim(buf_str(&p->comment)));
	return str_none();
}

/* angle-addr, after its "<". */
static void parse_angle(struct parser *p)
{
	push_phrase(p);
	struct address *a = add_address(p);
	a->name = name_of(p);
	skip_cfws(p);
	if (peek(p) == '@')
		a->route = parse_route(p);
	buf_reset(&p->phrase);
	buf_reset(&p->host);
	p->words = false;
	parse_words(p);
	while (accept(p, ':')) { /* <mailto:foo@bar> */
		buf_reset(&p->phrase);
		buf_reset(&p->local);
		buf_reset(&p->spaced);
		p->words = false;
		parse_words(p);
	}
	if (p->phrase.n) { /* <John Doe@host> */
		push_phrase(p);
		buf_add(&p->local, buf_str(&p->phrase));
	}
	if (accept(p, '@'))
		parse_domains(p);
	a->mailbox = keep(p, &p->local);
	a->host = keep(p, &p->host);
	while (peek(p) >= 0 && !memchr("<>,;", peek(p), 4))
		p->at++;
	accept(p, '>');
	skip_cfws(p);
	if (str_is_none(a->name) && p->comment.n)
		a->name = name_of(p);
}

/* local-part "@" domain without brackets, after its "@". */
static void parse_bare(struct parser *p)
{
	parse_domains(p);
	skip_cfws(p);
	if (accept(p, '<')) { /* foo@bar <foo@bar>: the first is the name */
		add_domain(p);
		parse_angle(p);
		return;
	}
	struct address *a = add_address(p);
	a->mailbox = keep(p, &p->local);
	a->host = keep(p, &p->host);
	a->name = name_of(p);
}

/* Words with neither "@" nor "<": one atom is a local part, more a name. */
static void parse_no_host(struct parser *p)
{
	if (!p->words)
		return;
	struct address *a = add_address(p);
	a->host = STR("");
	if (p->phrase.n || p->quoted || p->spaced.n > p->local.n) {
		push_phrase(p);
		a->mailbox = STR("");
	} else {
		a->mailbox = keep(p, &p->local);
	}
	a->name = name_of(p);
}

static void end_group(struct parser *p)
{
	if (p->in_group)
		add_address(p);
	p->in_group = false;
}

/* group, after its ":". */
static void begin_group(struct parser *p)
{
	if (!p->words)
		return; /* a group without a name is none */
	end_group(p);
	push_phrase(p);
	struct address *a = add_address(p);
	a->mailbox = keep(p, &p->phrase);
	p->in_group = true;
}

static void parse_next(struct parser *p)
{
	buf_reset(&p->phrase);
	buf_reset(&p->local);
	buf_reset(&p->spaced);
	buf_reset(&p->host);
	buf_reset(&p->comment);
	p->words = p->quoted = false;
	parse_words(p);
	if (accept(p, '<'))
		parse_angle(p);
	else if (accept(p, '@'))
		parse_bare(p);
	else if (accept(p, ':'))
		begin_group(p);
	else
		parse_no_host(p);
	if (accept(p, ';'))
		end_group(p);
	else if (!accept(p, ','))
		accept(p, '>');
}

struct address *address_parse(struct arena *arena, str value)
{
	struct parser p = {.arena = arena,
		.in = value,
		.phrase = BUF_UNBOUNDED,
		.local = BUF_UNBOUNDED,
		.spaced = BUF_UNBOUNDED,
		.host = BUF_UNBOUNDED,
		.word = BUF_UNBOUNDED,
		.comment = BUF_UNBOUNDED};
	p.tail = &p.head;
	while (p.at < p.in.n && !arena_spent(arena))
		parse_next(&p);
	end_group(&p);
	buf_fini(&p.phrase);
	buf_fini(&p.local);
	buf_fini(&p.spaced);
	buf_fini(&p.host);
	buf_fini(&p.word);
	buf_fini(&p.comment);
	return p.head;
}

void address_print(const struct address *a, struct buf *out)
{
	if (!a) {
		buf_add_c(out, "NIL");
		return;
	}
	buf_add_byte(out, '(');
	for (; a; a = a->next) {
		buf_add_byte(out, '(');
		imap_nstring_add(out, a->name);
		buf_add_byte(out, ' ');
		imap_nstring_add(out, a->route);
		buf_add_byte(out, ' ');
		imap_nstring_add(out, a->mailbox);
		buf_add_byte(out, ' ');
		imap_nstring_add(out, a->host);
		buf_add_byte(out, ')');
	}
	buf_add_byte(out, ')');
}
