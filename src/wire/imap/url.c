/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/imap/url.h"
#include "message/mailbox_name.h"
#include "wire/imap/parser.h"
#include "wire/imap/respond.h"

/* Of a URL that is too long. */
#define QUOTED_MAX 1024

/* uchar = unreserved / sub-delims-sh / pct-encoded, here without the last
 * sub-delims-sh = "!" / "$" / "'" / "(" / ")" / "*" / "+" / "," */
static bool is_uchar(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) ||
	       (c && strchr("-._~!$'()*+,", c));
}

/* achar = uchar / "&" / "=" */
static bool is_achar(char c)
{
	return is_uchar(c) || c == '&' || c == '=';
}

/* bchar = achar / ":" / "@" / "/" */
static bool is_bchar(char c)
{
	return is_achar(c) || c == ':' || c == '@' || c == '/';
}

/* host, without its brackets (RFC 3986 section 3.2.2): a name or IPv4 address.
 */
static bool is_host(char c)
{
	return is_achar(c) || c == ';';
}

static bool is_address(char c)
{
	return is_achar(c) || c == ';' || c == ':';
}

static int hex(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 1*(char / pct-encoded), as it stands. */
static str encoded(
	struct imap_parser *p, bool (*belongs)(char), const char *what)
{
	const char *from = p->c.at;

	while (cursor_left(&p->c) &&
		(belongs(*p->c.at) ||
			(cursor_left(&p->c) >= 3 && *p->c.at == '%' &&
				hex(p->c.at[1]) >= 0 && hex(p->c.at[2]) >= 0)))
		p->c.at += *p->c.at == '%' ? 3 : 1;
	if (p->c.at == from)
		imap_expected(p, what);
	return str_of(from, (size_t)(p->c.at - from));
}

/* NUL is in nothing that a URL names. */
static str decode(struct imap_parser *p, str s)
{
	char *plain;
	size_t n = 0;

	if (!imap_ok(p))
		return str_none();
	plain = ARENA_ARRAY(p->arena, char, s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		plain[n] = s.p[i];
		if (s.p[i] == '%') {
			plain[n] =
				(char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]));
			i += 2;
		}
		if (!plain[n++])
			imap_expected(p, "something else than NUL");
	}
	return str_of(plain, n);
}

static bool begins(const struct imap_parser *p, str word)
{
	return cursor_ok(&p->c) &&
	       str_istarts(str_of(p->c.at, cursor_left(&p->c)), word);
}

static bool accept(struct imap_parser *p, str word)
{
	return cursor_ok(&p->c) && cursor_accept_istr(&p->c, word);
}

/* A "/" before a parameter is not part of what stands before it; there is none
 * before the mailbox's own. */
static str without_slash(struct imap_parser *p, str s)
{
	if (s.n && s.p[s.n - 1] == '/' && begins(p, STR(";")) &&
		!begins(p, STR(";UIDVALIDITY="))) {
		p->c.at--;
		s.n--;
	}
	return s;
}

/* port = *DIGIT (RFC 3986 section 3.2.3) */
static uint32_t port(struct imap_parser *p)
{
	uint64_t n = IMAP_URL_PORT;
	str digits;

	if (!ascii_is_digit((char)cursor_peek(&p->c)))
		return IMAP_URL_PORT;
	digits = imap_take_while(p, ascii_is_digit, "a port");
	if (cursor_ok(&p->c) && (str_to_u64(digits, 65535, &n) || n == 0))
		imap_expected(p, "a port");
	return (uint32_t)n;
}

/* iuserinfo = enc-user [iauth] / [enc-user] iauth
 * iauth = ";AUTH=" ("*" / enc-auth-type), and the "@" behind it */
static void iuserinfo(struct imap_parser *p, struct imap_url *url)
{
	bool user = cursor_peek(&p->c) != ';';

	if (user)
		url->user = decode(p, encoded(p, is_achar, "a user"));
	if (!user || cursor_peek(&p->c) == ';') {
		if (!accept(p, STR(";AUTH=")))
			imap_expected(p, ";AUTH=");
		url->auth = decode(p, encoded(p, is_achar, "a mechanism"));
	}
	cursor_expect(&p->c, '@', "\"@\"");
}

/* iserver = [iuserinfo "@"] host [":" port] */
static void iserver(struct imap_parser *p, struct imap_url *url)
{
	str rest = str_of(p->c.at, cursor_left(&p->c));
	str authority = str_take(rest, str_find_byte(rest, '/'));
	const char *from;

	url->port = IMAP_URL_PORT;
	if (str_find_byte(authority, '@') < authority.n)
		iuserinfo(p, url);
	from = p->c.at;
	if (cursor_accept(&p->c, '[')) {
		encoded(p, is_address, "an address");
		cursor_expect(&p->c, ']', "\"]\"");
	} else {
		encoded(p, is_host, "a host");
	}
	url->host = str_of(from, (size_t)(p->c.at - from));
	if (cursor_accept(&p->c, ':'))
		url->port = port(p);
}

/* isection-only = ";SECTION=" enc-section, without its name */
static void section(struct imap_parser *p, struct imap_url *url)
{
	str raw = encoded(p, is_bchar, "a section");
	struct imap_parser spec;

	raw = without_slash(p, raw);
	spec = imap_parser_of(p->arena, decode(p, raw), false);
	if (!imap_ok(p))
		return;
	url->has_section = true;
	imap_section_spec(&spec, &url->section);
	if (imap_ok(&spec) && !cursor_done(&spec.c))
		imap_expected(&spec, "the end of a section");
	if (!cursor_ok(&spec.c))
		cursor_fail(&p->c, spec.c.err, "a section");
}

/* ipartial-only = ";PARTIAL=" partial-range, without its name
 * partial-range = number ["." nz-number] */
static void partial(struct imap_parser *p, struct imap_url *url)
{
	url->section.partial = true;
	url->section.from = imap_number64(p);
	url->section.length = INT64_MAX;
	if (cursor_accept(&p->c, '.'))
		url->section.length = imap_nz_number64(p);
}

/* What may follow ";UID=20", ";SECTION=1", or stand alone: each one once, in
 * this order, with "/" between. */
static void parameters(struct imap_parser *p, struct imap_url *url)
{
	bool more = true;

	if (accept(p, STR(";UID="))) {
		url->uid = imap_nz_number(p);
		more = cursor_accept(&p->c, '/');
	}
	if (more && accept(p, STR(";SECTION="))) {
		section(p, url);
		more = cursor_accept(&p->c, '/');
	}
	if (more && accept(p, STR(";PARTIAL=")))
		partial(p, url);
	else if (more)
		imap_expected(p, "a parameter of a message");
	if (begins(p, STR(";EXPIRE=")) || begins(p, STR(";URLAUTH=")))
		cursor_fail(&p->c, ERR_UNSUPPORTED, "no URLAUTH");
}

/* imailbox-ref = enc-mailbox [uidvalidity]
 * uidvalidity = ";UIDVALIDITY=" nz-number */
static void imailbox_ref(struct imap_parser *p, struct imap_url *url)
{
	struct cursor before = p->c;
	str raw = without_slash(p, encoded(p, is_bchar, "a mailbox"));
	str utf8 = decode(p, raw);

	if (cursor_ok(&p->c) &&
		mailbox_name_canonical(p->arena, utf8, &url->mailbox)) {
		url->mailbox = str_none();
		p->c = before;
		imap_expected(p, "the name of a mailbox");
	}
	if (accept(p, STR(";UIDVALIDITY=")))
		url->uidvalidity = imap_nz_number(p);
}

/* icommand = imessagelist / imessagepart [iurlauth]
 * imessagelist = imailbox-ref ["?" enc-search]
 * imessagepart = imailbox-ref iuid [isection] [ipartial] */
static void icommand(struct imap_parser *p, struct imap_url *url)
{
	imailbox_ref(p, url);
	if (cursor_accept(&p->c, '?')) {
		url->search = decode(p, encoded(p, is_bchar, "a search"));
	} else if (cursor_accept(&p->c, '/')) {
		if (begins(p, STR(";UID=")))
			parameters(p, url);
		else
			imap_expected(p, ";UID=");
	}
}

/* Cuts off the last segment. */
static size_t parent(const char *path, size_t n)
{
	while (n && path[n - 1] != '/')
		n--;
	return n ? n - 1 : 0;
}

/* RFC 3986 section 5.2.4, of a path that begins with "/". A parameter is part
 * of its segment (RFC 5092 section 7); what is in percents is no dot. */
static str remove_dot_segments(struct arena *arena, str path)
{
	char *out = ARENA_ARRAY(arena, char, path.n + 1);
	size_t n = 0;
	str segment;

	for (; path.n; path = str_skip(path, segment.n)) {
		bool dot, dots, last;

		segment = str_take(
			path, 1 + str_find_byte(str_skip(path, 1), '/'));
		last = segment.n == path.n;
		dot = str_eq_c(segment, "/.");
		dots = str_eq_c(segment, "/..");
		if (dots)
			n = parent(out, n);
		if ((dot || dots) && last)
			out[n++] = '/';
		if (!dot && !dots) {
			memcpy(out + n, segment.p, segment.n);
			n += segment.n;
		}
	}
	return str_of(out, n);
}

/* ["/" [icommand]], the rest of the URL. */
static void path(struct imap_parser *p, struct imap_url *url)
{
	str rest = str_of(p->c.at, cursor_left(&p->c));
	size_t query = str_find_byte(rest, '?');
	str plain = str_take(rest, query);

	if (!imap_ok(p) || !rest.n)
		return;
	if (str_find(plain, STR("/.")) < plain.n) {
		plain = remove_dot_segments(p->arena, plain);
		rest = arena_strf(p->arena, "%.*s%.*s", STR_ARG(plain),
			STR_ARG(str_skip(rest, query)));
		p->c = cursor_of(rest);
	}
	cursor_expect(&p->c, '/', "\"/\"");
	if (cursor_ok(&p->c) && !cursor_done(&p->c))
		icommand(p, url);
}

/* imapurl = "imap://" iserver ipath-query
 * imapurl-rel = inetwork-path / iabsolute-path / irelative-path / ipath-empty
 */
static void imapurl(struct imap_parser *p, struct imap_url *url)
{
	if (accept(p, STR("imap://"))) {
		url->form = IMAP_URL_ABSOLUTE;
		iserver(p, url);
		path(p, url);
	} else if (accept(p, STR("//"))) {
		url->form = IMAP_URL_NETWORK;
		iserver(p, url);
		path(p, url);
	} else if (cursor_peek(&p->c) == '/') {
		url->form = IMAP_URL_PATH;
		path(p, url);
	} else if (!cursor_done(&p->c)) {
		url->form = IMAP_URL_RELATIVE;
		parameters(p, url);
	} else {
		url->form = IMAP_URL_EMPTY;
	}
}

enum err imap_url_parse(struct arena *arena, str text, struct imap_url *url)
{
	struct imap_parser p = imap_parser_of(arena, text, false);

	*url = (struct imap_url){
		.section.name = IMAP_SECTION_BODY,
		.section.peek = true,
	};
	if (text.n > IMAP_URL_MAX)
		return ERR_TOOBIG;
	imapurl(&p, url);
	if (imap_ok(&p) && !cursor_done(&p.c))
		imap_expected(&p, "the end of the URL");
	return p.c.err;
}

bool imap_url_is_message(const struct imap_url *url)
{
	return url->form == IMAP_URL_RELATIVE || url->uid != 0;
}

/* Printing. */

static void put_encoded(struct buf *out, str s, bool (*belongs)(char))
{
	for (size_t i = 0; i < s.n; i++)
		if (belongs(s.p[i]))
			buf_add_byte(out, s.p[i]);
		else
			buf_addf(out, "%%%02X", (unsigned char)s.p[i]);
}

/* "/." in the name of a mailbox is no dot segment; no path begins with "//". */
static void put_mailbox(struct buf *out, str name)
{
	bool first = true;

	for (size_t i = 0; i < name.n; i++) {
		if (first && name.p[i] == '.')
			buf_add_c(out, "%2E");
		else
			put_encoded(out, str_of(name.p + i, 1), is_bchar);
		first = name.p[i] == '/';
	}
}

static void put_server(struct buf *out, const struct imap_url *url)
{
	put_encoded(out, url->user, is_achar);
	if (!str_is_none(url->auth)) {
		buf_add_c(out, ";AUTH=");
		put_encoded(out, url->auth, is_achar);
	}
	if (!str_is_none(url->user) || !str_is_none(url->auth))
		buf_add_byte(out, '@');
	buf_add(out, url->host);
	if (url->port != IMAP_URL_PORT)
		buf_addf(out, ":%u", url->port);
}

static void put_section(struct buf *out, const struct imap_section *section)
{
	struct imap_section whole = *section;
	struct buf text = BUF_UNBOUNDED;
	str spec;

	whole.partial = false;
	imap_put_section(&text, &whole, false);
	spec = str_skip(buf_str(&text), strlen("BODY["));
	buf_add_c(out, ";SECTION=");
	put_encoded(out, str_take(spec, spec.n - 1), is_bchar);
	buf_fini(&text);
}

static void put_parameters(struct buf *out, const struct imap_url *url)
{
	const struct imap_section *x = &url->section;
	const char *slash = str_is_none(url->mailbox) ? "" : "/";

	if (url->uid) {
		buf_addf(out, "%s;UID=%u", slash, url->uid);
		slash = "/";
	}
	if (url->has_section) {
		buf_add_c(out, slash);
		put_section(out, x);
		slash = "/";
	}
	if (!x->partial)
		return;
	buf_addf(out, "%s;PARTIAL=%llu", slash, (unsigned long long)x->from);
	if (x->length != INT64_MAX)
		buf_addf(out, ".%llu", (unsigned long long)x->length);
}

void imap_url_print(struct buf *out, const struct imap_url *url)
{
	if (url->form == IMAP_URL_ABSOLUTE)
		buf_add_c(out, "imap:");
	if (url->form <= IMAP_URL_NETWORK) {
		buf_add_c(out, "//");
		put_server(out, url);
	}
	if (url->form <= IMAP_URL_PATH)
		buf_add_byte(out, '/');
	if (!str_is_none(url->mailbox))
		put_mailbox(out, url->mailbox);
	if (url->uidvalidity)
		buf_addf(out, ";UIDVALIDITY=%u", url->uidvalidity);
	put_parameters(out, url);
	if (!str_is_none(url->search)) {
		buf_add_byte(out, '?');
		put_encoded(out, url->search, is_bchar);
	}
}

static bool is_sent(char c)
{
	return is_bchar(c) || c == '%' || c == ';' || c == '?' || c == '#' ||
	       c == '[';
}

void imap_url_put_quoted(struct buf *out, str text)
{
	if (text.n > IMAP_URL_MAX)
		text = str_take(text, QUOTED_MAX);
	if (text.n == 0)
		buf_add_c(out, "\"\"");
	put_encoded(out, text, is_sent);
}
