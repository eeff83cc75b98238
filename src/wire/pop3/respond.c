/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pop3/respond.h"
#include "base/alloc.h"
#include "base/mechanism.h"
#include "base/base64.h"
#include "base/cursor.h"

void pop3_put_ok(struct buf *out, const char *text)
{
	buf_addf(out, "+OK %s\r\n", text);
}

void pop3_put_wrong(struct buf *out, const char *text)
{
	buf_addf(out, "-ERR %s\r\n", text);
}

/* RFC 3206: SYS/TEMP goes away by itself, SYS/PERM needs the administrator,
 * AUTH and nothing else is about credentials. NULL: cannot be told to a
 * client, or, as OK, is no error. */
static const struct {
	const char *code; /* NULL: what the client asked for cannot be */
	const char *words;
} words[] = {
	[ERR_INVALID] = {NULL, "The arguments are wrong"},
	[ERR_LIMIT] = {"IN-USE", "Too many sessions of this account"},
	[ERR_TOOBIG] = {NULL, "That is larger than allowed"},
	[ERR_NOTFOUND] = {NULL, "No such message"},
	[ERR_EXISTS] = {NULL, "There is one already"},
	[ERR_DENIED] = {"AUTH", "You may not log in here"},
	[ERR_READONLY] = {NULL, "The maildrop is read-only"},
	[ERR_QUOTA] = {"SYS/PERM", "The quota is exceeded"},
	[ERR_CONFLICT] = {"IN-USE", "Changed by somebody else meanwhile"},
	[ERR_NOSPACE] = {"SYS/TEMP", "The server has no space left"},
	[ERR_IO] = {"SYS/TEMP", "The server cannot read or write its store"},
	[ERR_CORRUPT] = {"SYS/PERM", "Stored data is damaged"},
	[ERR_VERSION] = {"SYS/PERM", "The store is of a newer version"},
	[ERR_UNSUPPORTED] = {NULL, "That is not supported"},
	[ERR_CHARSET] = {"UTF8", "The message needs UTF8"},
	[ERR_INUSE] = {"IN-USE", "The maildrop is in use"},
	[ERR_EXPUNGED] = {"SYS/TEMP", "The message was expunged meanwhile"},
	[ERR_AUTH] = {"AUTH", "Authentication failed"},
	[ERR_EXPIRED] = {"AUTH", "The credentials have expired"},
	[ERR_UNAVAILABLE] = {"SYS/TEMP", "Temporarily unavailable"},
	[ERR_AGAIN] = {"SYS/TEMP", "Temporarily unavailable"},
	[ERR_CLOSED] = {"SYS/TEMP", "Temporarily unavailable"},
};

/* Words that are not ours; "[" would begin a code. */
static void put_text(struct buf *out, str text)
{
	text = str_take(text, POP3_TEXT_MAX);
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '[')
			c = '(';
		else if (c == ']')
			c = ')';
		if (c >= ' ' && c < '\x7f')
			buf_add_byte(out, c);
	}
}

void pop3_put_error(struct buf *out, enum err e, str text)
{
	const char *code = "SYS/PERM", *what = NULL;

	if ((size_t)e < COUNT_OF(words) && words[e].words) {
		code = words[e].code;
		what = words[e].words;
	}
	buf_add_c(out, "-ERR ");
	if (code)
		buf_addf(out, "[%s] ", code);
	if (text.n)
		put_text(out, text);
	else
		buf_add_c(out, what ? what : "Internal error");
	buf_add_c(out, "\r\n");
}

void pop3_put_challenge(struct buf *out, str bytes)
{
	buf_add_c(out, "+ ");
	base64_add(out, bytes);
	buf_add_c(out, "\r\n");
}

/* ------------------------------------------------------------ capabilities */

/* What is announced before login is announced after it too, whatever it is
 * then good for (RFC 2449 section 5); but for STLS, which says so itself
 * (RFC 2595 section 8). */
static const char *const always[] = {
	"TOP",
	"UIDL",
	"RESP-CODES",	  /* RFC 2449 */
	"AUTH-RESP-CODE", /* RFC 3206 */
	"PIPELINING",
	"EXPIRE NEVER", /* nothing is deleted that was not asked for */
	"UTF8 USER",	/* RFC 6856 */
	"LANG",
	"IMPLEMENTATION Culver",
};

static void put_sasl(struct buf *out, unsigned usable)
{
	if (!usable)
		return;
	buf_add_c(out, "SASL");
	for (size_t i = 0; i < MECHANISM_COUNT; i++)
		if (mechanisms[i].bit & usable)
			buf_addf(out, " %s", mechanisms[i].name);
	buf_add_c(out, "\r\n");
}

void pop3_put_capabilities(
	struct buf *out, const struct pop3_capability_view *view)
{
	/* USER and PASS are PLAIN in other words. */
	if (view->mechanisms & MECHANISM_PLAIN)
		buf_add_c(out, "USER\r\n");
	put_sasl(out, view->mechanisms);
	if (view->stls)
		buf_add_c(out, "STLS\r\n");
	for (size_t i = 0; i < COUNT_OF(always); i++)
		buf_addf(out, "%s\r\n", always[i]);
}

void pop3_before_encode(const struct pop3_before *before, struct buf *out)
{
	buf_add_varint(out, before->utf8);
	buf_add_varint(out, before->mechanisms);
}

struct pop3_before pop3_before_decode(str state)
{
	struct cursor c = cursor_of(state);
	bool utf8 = cursor_varint(&c) == 1;
	uint64_t bits = cursor_varint(&c);

	if (!cursor_ok(&c) || bits > UINT32_MAX)
		return (struct pop3_before){0};
	return (struct pop3_before){utf8, (unsigned)bits};
}

/* -------------------------------------------------------------------- LANG */

/* Basic language ranges (RFC 4647 section 2.1) that match "en" or are "*";
 * i-default is for those who want what people of all languages may read. */
void pop3_put_lang(struct buf *out, str range)
{
	if (str_is_none(range))
		buf_add_c(out, "+OK Languages:\r\n"
			       "en English\r\n"
			       "i-default Default language\r\n"
			       ".\r\n");
	else if (str_ieq_c(range, "en") || str_eq_c(range, "*"))
		buf_add_c(out, "+OK en Language changed\r\n");
	else if (str_ieq_c(range, "i-default"))
		buf_add_c(out, "+OK i-default Language changed\r\n");
	else
		pop3_put_wrong(out, "No such language");
}
