/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/recipient.h"
#include "auth/text.h"

#include <pthread.h>
#include <stdlib.h>
#include <unicode/uidna.h>

#define DOMAIN_MAX 255

/* What a domain's labels may look like in DNS without anything being wrong
 * with the mail. */
#define TOLERATED                                                              \
	(UIDNA_ERROR_HYPHEN_3_4 | UIDNA_ERROR_LEADING_HYPHEN |                 \
		UIDNA_ERROR_TRAILING_HYPHEN)

void recipient_init(struct recipient *r)
{
	buf_init(&r->local, RECIPIENT_MAX);
	buf_init(&r->domain, RECIPIENT_MAX);
	buf_init(&r->ascii, RECIPIENT_MAX);
}

void recipient_fini(struct recipient *r)
{
	buf_fini(&r->local);
	buf_fini(&r->domain);
	buf_fini(&r->ascii);
}

/* -------- domains -------- */

static UIDNA *idna;

static void make_idna(void)
{
	UErrorCode code = U_ZERO_ERROR;

	idna = uidna_openUTS46(UIDNA_CHECK_BIDI |
				       UIDNA_NONTRANSITIONAL_TO_ASCII |
				       UIDNA_NONTRANSITIONAL_TO_UNICODE,
		&code);
	if (U_FAILURE(code))
		abort(); /* out of memory */
}

static bool is_ascii(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* Labels that are not empty, of letters, digits, hyphens, underscores (which
 * some do have) and what is beyond ASCII. UTS #46 makes ASCII of other
 * characters, such as a full-width "@". */
static bool is_domain(str s)
{
	size_t label = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '.' && label == 0)
			return false;
		label = c == '.' ? 0 : label + 1;
		if (c != '.' && c != '-' && c != '_' && !ascii_is_alpha(c) &&
			!ascii_is_digit(c) && (unsigned char)c < 0x80)
			return false;
	}
	return label > 0 && s.n <= DOMAIN_MAX;
}

typedef int32_t convert_fn(const UIDNA *, const char *, int32_t, char *,
	int32_t, UIDNAInfo *, UErrorCode *);

/* One direction of UTS #46. */
static enum err convert(convert_fn *fn, str domain, struct buf *out)
{
	UIDNAInfo info = UIDNA_INFO_INITIALIZER;
	UErrorCode code = U_ZERO_ERROR;
	char room[4 * DOMAIN_MAX];
	int32_t n = fn(idna, domain.p, (int32_t)domain.n, room, sizeof room,
		&info, &code);
	str made = str_of(room, n > 0 ? (size_t)n : 0);

	if (U_FAILURE(code) || (info.errors & ~(uint32_t)TOLERATED) ||
		made.n > sizeof room || !is_domain(made))
		return ERR_INVALID;
	buf_add(out, made);
	return OK;
}

/* A label that was Punycode of something that begins like Punycode. What it
 * became would be read again as another one. */
static bool has_ace_label(str domain)
{
	return str_starts(domain, STR("xn--")) ||
	       str_find(domain, STR(".xn--")) < domain.n;
}

static void add_lower(str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++)
		buf_add_byte(out, ascii_lower(s.p[i]));
}

/* address-literal: brackets, and anything printable between them. */
static bool is_literal(str s)
{
	if (s.n < 3 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	for (size_t i = 1; i + 1 < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f ||
			memchr("[]\\@", s.p[i], 4))
			return false;
	return true;
}

static enum err add_domain(str domain, struct buf *unicode, struct buf *ascii)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_idna);
	if (is_literal(domain)) {
		add_lower(domain, unicode);
		add_lower(domain, ascii);
		return OK;
	}
	if (str_ends(domain, STR(".")))
		domain = str_take(domain, domain.n - 1);
	if (domain.n == 0 || domain.n > 2 * DOMAIN_MAX)
		return ERR_INVALID;
	if (convert(uidna_nameToUnicodeUTF8, domain, unicode) == OK &&
		!has_ace_label(buf_str(unicode)) &&
		convert(uidna_nameToASCII_UTF8, domain, ascii) == OK)
		return OK;
	/* "xn--" that is no Punycode, and whatever else DNS lets pass. */
	buf_reset(unicode);
	buf_reset(ascii);
	if (!is_ascii(domain) || !is_domain(domain))
		return ERR_INVALID;
	add_lower(domain, unicode);
	add_lower(domain, ascii);
	return OK;
}

enum err recipient_prepare_domain(str domain, struct buf *out)
{
	struct buf unicode = BUF_UNBOUNDED, ascii = BUF_UNBOUNDED;
	enum err e = add_domain(domain, &unicode, &ascii);

	if (!e)
		buf_add(out, buf_str(&unicode));
	buf_fini(&unicode);
	buf_fini(&ascii);
	return e;
}

/* -------- local parts -------- */

/* RFC 5321 section 4.1.2:
 *	Quoted-string  = DQUOTE *QcontentSMTP DQUOTE
 *	QcontentSMTP   = qtextSMTP / quoted-pairSMTP
 * Its length in s, quotes included; 0 when it is none. */
static size_t take_quoted(str s, struct buf *out)
{
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '"')
			return i + 1;
		if (s.p[i] == '\\' && ++i == s.n)
			return 0;
		buf_add_byte(out, s.p[i]);
	}
	return 0;
}

/* Atoms and dots, in any order: there are addresses with two dots. */
static bool is_plain(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (memchr(" \"(),:;<>@[\\]", s.p[i], 12))
			return false;
	return s.n > 0;
}

static size_t take_plain(str s, bool catch_all, struct buf *out)
{
	str local = str_take(s, str_find_byte(s, '@'));

	if (local.n == 0 && catch_all)
		return 0;
	if (!is_plain(local)) {
		out->err = ERR_INVALID;
		return 0;
	}
	buf_add(out, local);
	return local.n;
}

static enum err take_local(
	struct recipient *r, str address, bool catch_all, str *rest_r)
{
	bool quoted = str_starts(address, STR("\""));
	size_t n = quoted ? take_quoted(address, &r->local)
			  : take_plain(address, catch_all, &r->local);

	*rest_r = str_skip(address, n);
	if ((quoted && n == 0) || buf_err(&r->local))
		return ERR_INVALID;
	if (quoted && r->local.n == 0)
		return ERR_INVALID; /* "" would be a catch-all */
	return OK;
}

enum err recipient_parse(struct recipient *r, str address, bool catch_all)
{
	str rest;
	enum err e;

	buf_reset(&r->local);
	buf_reset(&r->domain);
	buf_reset(&r->ascii);
	if (address.n == 0 || address.n > RECIPIENT_MAX ||
		!text_is_printable(address))
		return ERR_INVALID;
	e = take_local(r, address, catch_all, &rest);
	if (e)
		return e;
	if (rest.n == 0) /* "a@b" in quotes is no address of domain b */
		return str_find_byte(buf_str(&r->local), '@') < r->local.n
			       ? ERR_INVALID
			       : OK;
	if (rest.p[0] != '@')
		return ERR_INVALID;
	return add_domain(str_skip(rest, 1), &r->domain, &r->ascii);
}

/* -------- keys -------- */

enum err recipient_key(const struct recipient *r, str local, struct buf *key)
{
	enum err e = OK;

	if (local.n > 0)
		e = text_prepare_local_part(local, key);
	if (!e && r->domain.n > 0) {
		buf_add_byte(key, '@');
		buf_add(key, buf_str(&r->domain));
	}
	return e;
}

static size_t last_at(str key)
{
	size_t at = key.n;

	while (at > 0 && key.p[at - 1] != '@')
		at--;
	return at ? at - 1 : key.n;
}

void recipient_print_key(str key, struct buf *out)
{
	size_t at = last_at(key);
	str local = str_take(key, at);

	if (local.n == 0 || is_plain(local)) {
		buf_add(out, key);
		return;
	}
	buf_add_byte(out, '"');
	for (size_t i = 0; i < local.n; i++) {
		if (local.p[i] == '"' || local.p[i] == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, local.p[i]);
	}
	buf_add_byte(out, '"');
	buf_add(out, str_skip(key, at));
}
