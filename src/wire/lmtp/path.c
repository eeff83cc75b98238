/* SPDX-License-Identifier: Apache-2.0 */
/* Paths: RFC 5321 section 4.1.2, with RFC 6531 section 3.3. */
#include "wire/lmtp/parser.h"

#include <arpa/inet.h>

/* RFC 5322 section 3.2.3; RFC 6531: "atext =/ UTF8-non-ascii" */
static bool is_atext(int c)
{
	return c >= 0x80 || ascii_is_alpha((char)c) ||
	       ascii_is_digit((char)c) ||
	       (c > ' ' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Dot-string = Atom *("." Atom). Dots where none should be are part of
 * addresses that Japanese mobile operators gave out ("a..b@", "a.@"). */
static str take_dot_string(struct lmtp_parser *p)
{
	size_t n = 0;
	str rest = str_of(p->c.at, cursor_left(&p->c));

	while (n < rest.n &&
		(rest.p[n] == '.' || is_atext((unsigned char)rest.p[n])))
		n++;
	return cursor_take(&p->c, n);
}

/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE, behind its first DQUOTE. */
static str take_quoted_string(struct lmtp_parser *p, enum lmtp_say wrong)
{
	char *to = arena_alloc(p->arena, cursor_left(&p->c));
	size_t n = 0;
	int c;

	while ((c = cursor_peek(&p->c)) != '"') {
		if (c == '\\') {
			(void)cursor_take(&p->c, 1);
			c = cursor_peek(&p->c);
			/* quoted-pairSMTP = %d92 %d32-126 */
			if (c >= 0x80)
				c = -1;
		}
		if (c < 0) {
			lmtp_fail(p, wrong);
			return STR("");
		}
		to[n++] = *cursor_take(&p->c, 1).p;
	}
	(void)cursor_take(&p->c, 1);
	return str_of(to, n);
}

bool lmtp_is_address(str text, bool v6)
{
	char z[INET6_ADDRSTRLEN], room[16];

	if (text.n >= sizeof z || memchr(text.p, 0, text.n))
		return false;
	memcpy(z, text.p, text.n);
	z[text.n] = 0;
	return inet_pton(v6 ? AF_INET6 : AF_INET, z, room) == 1;
}

/* Standardized-tag ":" 1*dcontent; dcontent = %d33-90 / %d94-126 */
static bool is_general_literal(str text)
{
	size_t colon = str_find_byte(text, ':');

	if (colon == 0 || colon + 1 >= text.n || text.p[colon - 1] == '-')
		return false;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (i < colon && !ascii_is_alpha(c) && !ascii_is_digit(c) &&
			c != '-')
			return false;
		if (c <= ' ' || c > '~' || (c >= '[' && c <= ']'))
			return false;
	}
	return true;
}

/* What stands between the brackets. */
static bool is_literal(str text)
{
	if (str_istarts(text, STR("IPv6:")))
		return lmtp_is_address(str_skip(text, 5), true);
	return lmtp_is_address(text, false) || is_general_literal(text);
}

/* sub-domain = Let-dig [Ldh-str]; RFC 6531: "=/ U-label". Underscores are in
 * names of hosts that send mail. */
static bool is_label(str label)
{
	if (!label.n || label.p[0] == '-' || label.p[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++) {
		char c = label.p[i];

		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-' &&
			c != '_' && !((unsigned char)c & 0x80))
			return false;
	}
	return true;
}

/* Domain = sub-domain *("." sub-domain) */
static bool is_domain(str text)
{
	size_t n;

	if (!text.n || text.n > LMTP_DOMAIN_MAX)
		return false;
	for (;;) {
		n = str_find_byte(text, '.');
		if (!is_label(str_take(text, n)))
			return false;
		if (n == text.n)
			return true;
		text = str_skip(text, n + 1);
	}
}

/* Domain / address-literal */
static str take_domain(struct lmtp_parser *p, enum lmtp_say wrong)
{
	str rest = str_of(p->c.at, cursor_left(&p->c)), domain;
	size_t n = 0;
	bool right;

	if (cursor_peek(&p->c) == '[') {
		n = str_find_byte(rest, ']') + 1;
		domain = cursor_take(&p->c, n);
		right = domain.n > 2 && domain.n <= LMTP_DOMAIN_MAX &&
			is_literal(str_of(domain.p + 1, domain.n - 2));
	} else {
		while (n < rest.n && !strchr(">,: ", rest.p[n]))
			n++;
		domain = cursor_take(&p->c, n);
		right = is_domain(domain);
	}
	if (!right)
		lmtp_fail(p, wrong);
	return domain;
}

bool lmtp_is_host(str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] & 0x80)
			return false;
	if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		return is_literal(str_of(text.p + 1, text.n - 2));
	return is_domain(text);
}

/* A-d-l = At-domain *( "," At-domain ): "the so-called "source route", MUST BE
 * accepted, SHOULD NOT be generated, and SHOULD be ignored." */
static void ignore_source_route(struct lmtp_parser *p, enum lmtp_say wrong)
{
	if (cursor_peek(&p->c) != '@')
		return;
	do {
		cursor_expect(&p->c, '@', "@");
		(void)take_domain(p, wrong);
	} while (lmtp_ok(p) && cursor_accept(&p->c, ','));
	cursor_expect(&p->c, ':', ":");
}

/* Mailbox = Local-part "@" ( Domain / address-literal ). Without "@": a name
 * of this host, as RFC 5321 has it for <Postmaster>, and mailers that deliver
 * to local users for all of them. */
static void take_mailbox(
	struct lmtp_parser *p, enum lmtp_say wrong, struct lmtp_path *path)
{
	bool quoted = cursor_accept(&p->c, '"');

	path->local =
		quoted ? take_quoted_string(p, wrong) : take_dot_string(p);
	if ((!quoted && !path->local.n) || path->local.n > LMTP_LOCAL_MAX)
		lmtp_fail(p, wrong);
	if (cursor_accept(&p->c, '@'))
		path->domain = take_domain(p, wrong);
}

/* Path = "<" [ A-d-l ":" ] Mailbox ">"; or "<>" */
struct lmtp_path lmtp_parse_path(struct lmtp_parser *p, enum lmtp_say wrong)
{
	struct lmtp_path path = {0};
	struct buf address = BUF_UNBOUNDED;

	cursor_expect(&p->c, '<', "<");
	path.null = cursor_accept(&p->c, '>');
	if (!path.null) {
		ignore_source_route(p, wrong);
		take_mailbox(p, wrong, &path);
		cursor_expect(&p->c, '>', ">");
	}
	if (!cursor_ok(&p->c))
		lmtp_fail(p, wrong);
	lmtp_print_path(&address, &path);
	path.address = arena_str(p->arena, buf_str(&address));
	buf_fini(&address);
	return path;
}

static bool is_dot_string(str local)
{
	bool dot = true;

	for (size_t i = 0; i < local.n; i++) {
		if (local.p[i] == '.') {
			if (dot)
				return false;
			dot = true;
		} else if (!is_atext((unsigned char)local.p[i])) {
			return false;
		} else {
			dot = false;
		}
	}
	return !dot;
}

static void put_quoted(struct buf *out, str local)
{
	buf_add_byte(out, '"');
	for (size_t i = 0; i < local.n; i++) {
		if (local.p[i] == '"' || local.p[i] == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, local.p[i]);
	}
	buf_add_byte(out, '"');
}

void lmtp_print_path(struct buf *out, const struct lmtp_path *path)
{
	if (path->null)
		return;
	if (is_dot_string(path->local))
		buf_add(out, path->local);
	else
		put_quoted(out, path->local);
	if (!str_is_none(path->domain)) {
		buf_add_byte(out, '@');
		buf_add(out, path->domain);
	}
}
