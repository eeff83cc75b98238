/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/imap/respond.h"
#include "base/alloc.h"
#include "message/mailbox_name.h"
#include "message/utf8.h"
#include "wire/imap/parser.h"

#include <inttypes.h>
#include <stdio.h>

/* Longer strings are sent as literals: clients have limits on lines. */
#define QUOTED_MAX 1024

static bool is_7bit_quotable(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0' ||
			(s.p[i] & '\x80'))
			return false;
	return true;
}

static bool is_8bit_quotable(str s)
{
	return !memchr(s.p, '\r', s.n) && !memchr(s.p, '\n', s.n) &&
	       !memchr(s.p, '\0', s.n) && utf8_is_valid(s);
}

static bool is_quotable(str s, bool utf8)
{
	if (s.n == 0)
		return true;
	return s.n <= QUOTED_MAX &&
	       (is_7bit_quotable(s) || (utf8 && is_8bit_quotable(s)));
}

static void put_quoted(struct buf *out, str s)
{
	buf_add_byte(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, s.p[i]);
	}
	buf_add_byte(out, '"');
}

/* CHAR8 has no NUL. */
static void put_char8(struct buf *out, str s)
{
	while (s.n) {
		str run = str_take(s, str_find_byte(s, '\0'));

		buf_add(out, run);
		s = str_skip(s, run.n);
		if (s.n) {
			buf_add_byte(out, '\x80');
			s = str_skip(s, 1);
		}
	}
}

void imap_put_literal(struct buf *out, uint64_t n)
{
	buf_add_byte(out, '{');
	buf_add_u64(out, n);
	buf_add_c(out, "}\r\n");
}

void imap_put_literal8(struct buf *out, uint64_t n)
{
	buf_add_byte(out, '~');
	imap_put_literal(out, n);
}

void imap_put_string(struct buf *out, str s, bool utf8)
{
	if (is_quotable(s, utf8)) {
		put_quoted(out, s);
		return;
	}
	imap_put_literal(out, s.n);
	put_char8(out, s);
}

void imap_put_nstring(struct buf *out, str s, bool utf8)
{
	if (str_is_none(s))
		buf_add_c(out, "NIL");
	else
		imap_put_string(out, s, utf8);
}

void imap_put_nstring8(struct buf *out, str s, bool utf8)
{
	if (s.n && memchr(s.p, '\0', s.n)) {
		imap_put_literal8(out, s.n);
		buf_add(out, s);
	} else {
		imap_put_nstring(out, s, utf8);
	}
}

void imap_put_astring(struct buf *out, str s, bool utf8)
{
	size_t n = 0;

	while (n < s.n && n < QUOTED_MAX && imap_is_astring_char(s.p[n]))
		n++;
	if (n > 0 && n == s.n && !str_ieq_c(s, "NIL"))
		buf_add(out, s);
	else
		imap_put_string(out, s, utf8);
}

void imap_put_mailbox(struct buf *out, str name, bool utf8)
{
	struct buf utf7;

	if (utf8) {
		imap_put_astring(out, name, true);
		return;
	}
	utf7 = BUF_UNBOUNDED;
	mailbox_name_add_utf7(&utf7, name);
	imap_put_astring(out, buf_str(&utf7), false);
	buf_fini(&utf7);
}

void imap_put_flags(struct buf *out, uint64_t flags, bool recent,
	const str *keywords, size_t count)
{
	buf_add_byte(out, '(');
	flags_print(out, flags, recent, keywords, count);
	buf_add_byte(out, ')');
}

void imap_put_partial(struct buf *out, const struct imap_partial *p)
{
	const char *minus = p->last ? "-" : "";

	buf_addf(out, "%s%u:%s%u", minus, p->from, minus, p->to);
}

void imap_put_set(struct buf *out, const struct uidset *set)
{
	uidset_print(set, out);
}

void imap_put_sequence(struct buf *out, const uint32_t *numbers, size_t n)
{
	for (size_t i = 0, run; i < n; i += run) {
		for (run = 1; i + run < n; run++)
			if (numbers[i + run] != numbers[i] + run)
				break;
		buf_addf(out, i ? ",%u" : "%u", numbers[i]);
		if (run > 1)
			buf_addf(out, ":%u", numbers[i + run - 1]);
	}
}

/* thread-list    = "(" (thread-members / thread-nested) ")"
 * thread-members = nz-number *(SP nz-number) [SP thread-nested]
 * thread-nested  = 2*thread-list
 * So parentheses are around what is at the top or has siblings. */
static bool thread_has_list(const struct thread_node *nodes, uint32_t n)
{
	uint32_t parent = nodes[n].parent;

	return !parent || nodes[parent].first != n || nodes[n].next;
}

/* From parents to children and siblings and back, by the links alone: threads
 * are as deep as somebody made them. */
void imap_put_threads(struct buf *out, const struct thread_node *nodes)
{
	uint32_t n = nodes[0].first;

	while (n) {
		uint32_t parent = nodes[n].parent;

		/* SP behind a number, and behind "THREAD". */
		if (nodes[parent].first == n &&
			(!parent || nodes[parent].number))
			buf_add_byte(out, ' ');
		if (thread_has_list(nodes, n))
			buf_add_byte(out, '(');
		if (nodes[n].number)
			buf_add_u64(out, nodes[n].number);
		if (nodes[n].first) {
			n = nodes[n].first;
			continue;
		}
		for (; n; n = nodes[n].parent) {
			if (thread_has_list(nodes, n))
				buf_add_byte(out, ')');
			if (nodes[n].next)
				break;
		}
		n = nodes[n].next;
	}
}

void imap_put_date_time(struct buf *out, struct date date)
{
	buf_add_byte(out, '"');
	date_print_imap(out, date);
	buf_add_byte(out, '"');
}

static const char *const section_names[] = {
	[IMAP_SECTION_BODY] = "BODY",
	[IMAP_SECTION_BINARY] = "BINARY",
	[IMAP_SECTION_BINARY_SIZE] = "BINARY.SIZE",
	[IMAP_SECTION_RFC822] = "RFC822",
	[IMAP_SECTION_RFC822_HEADER] = "RFC822.HEADER",
	[IMAP_SECTION_RFC822_TEXT] = "RFC822.TEXT",
};

static const char *const text_names[] = {
	[IMAP_TEXT_ALL] = "",
	[IMAP_TEXT_HEADER] = "HEADER",
	[IMAP_TEXT_FIELDS] = "HEADER.FIELDS ",
	[IMAP_TEXT_FIELDS_NOT] = "HEADER.FIELDS.NOT ",
	[IMAP_TEXT_TEXT] = "TEXT",
	[IMAP_TEXT_MIME] = "MIME",
};

static void put_header_list(
	struct buf *out, const struct imap_section *s, bool utf8)
{
	for (size_t i = 0; i < s->fields_n; i++) {
		buf_add_byte(out, i ? ' ' : '(');
		imap_put_astring(out, s->fields[i], utf8);
	}
	buf_add_byte(out, ')');
}

static void put_brackets(
	struct buf *out, const struct imap_section *s, bool utf8)
{
	buf_add_byte(out, '[');
	for (size_t i = 0; i < s->part_n; i++) {
		if (i)
			buf_add_byte(out, '.');
		buf_add_u64(out, s->part[i]);
	}
	if (s->part_n && s->text != IMAP_TEXT_ALL)
		buf_add_byte(out, '.');
	buf_add_c(out, text_names[s->text]);
	if (s->text == IMAP_TEXT_FIELDS || s->text == IMAP_TEXT_FIELDS_NOT)
		put_header_list(out, s, utf8);
	buf_add_byte(out, ']');
}

static bool has_brackets(enum imap_section_name name)
{
	return name <= IMAP_SECTION_BINARY_SIZE;
}

void imap_put_section(struct buf *out, const struct imap_section *s, bool utf8)
{
	buf_add_c(out, section_names[s->name]);
	if (has_brackets(s->name))
		put_brackets(out, s, utf8);
	if (s->partial) {
		buf_add_byte(out, '<');
		buf_add_u64(out, s->from);
		buf_add_byte(out, '>');
	}
}

void imap_put_appenduid(
	struct buf *out, uint32_t uidvalidity, const struct uidset *uids)
{
	if (uidset_is_empty(uids))
		return;
	buf_addf(out, "[APPENDUID %" PRIu32 " ", uidvalidity);
	uidset_print(uids, out);
	buf_add_c(out, "] ");
}

void imap_put_copyuid(struct buf *out, uint32_t uidvalidity,
	const struct uidset *from, const struct uidset *to)
{
	if (uidset_is_empty(from) || uidset_is_empty(to))
		return;
	buf_addf(out, "[COPYUID %" PRIu32 " ", uidvalidity);
	uidset_print(from, out);
	buf_add_byte(out, ' ');
	uidset_print(to, out);
	buf_add_c(out, "] ");
}

void imap_put_text(struct buf *out, str s, bool utf8)
{
	bool eight_bit = utf8 && utf8_is_valid(s);

	while (s.n && s.p[0] == '[')
		s = str_skip(s, 1);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f)
			buf_add_byte(out, ' ');
		else if (c >= 0x80 && !eight_bit)
			buf_add_byte(out, '?');
		else
			buf_add_byte(out, s.p[i]);
	}
}

static void put_result(
	struct buf *out, str tag, const char *result, const char *text)
{
	if (str_is_none(tag))
		tag = STR("*");
	buf_add(out, tag);
	buf_add_byte(out, ' ');
	buf_add_c(out, result);
	buf_add_c(out, text);
	buf_add_c(out, "\r\n");
}

void imap_put_ok(struct buf *out, str tag, const char *text)
{
	put_result(out, tag, "OK ", text);
}

void imap_put_bad(struct buf *out, str tag, const char *text)
{
	put_result(out, tag, "BAD ", text);
}

void imap_put_id(struct buf *out, const char *name, const char *version)
{
	if (!name || !*name) {
		buf_add_c(out, "* ID NIL\r\n");
		return;
	}
	buf_add_c(out, "* ID (\"name\" ");
	imap_put_string(out, str_c(name), false);
	if (version && *version) {
		buf_add_c(out, " \"version\" ");
		imap_put_string(out, str_c(version), false);
	}
	buf_add_c(out, ")\r\n");
}

/* In no command's context. NULL: cannot be told to a client, or, as OK, is no
 * error. */
static const char *const words[] = {
	[ERR_INVALID] = "BAD The arguments are wrong",
	[ERR_LIMIT] = "NO [LIMIT] That is more than allowed",
	[ERR_TOOBIG] = "NO [LIMIT] That is larger than allowed",
	[ERR_NOTFOUND] = "NO [NONEXISTENT] No such mailbox",
	[ERR_EXISTS] = "NO [ALREADYEXISTS] There is such a mailbox already",
	[ERR_DENIED] = "NO [NOPERM] You may not do that",
	[ERR_READONLY] = "NO [READ-ONLY] The mailbox is read-only",
	[ERR_QUOTA] = "NO [OVERQUOTA] The quota is exceeded",
	[ERR_CONFLICT] = "NO [INUSE] Changed by somebody else meanwhile",
	[ERR_NOSPACE] = "NO [UNAVAILABLE] The server has no space left",
	[ERR_IO] = "NO [UNAVAILABLE] The server cannot read or write its store",
	[ERR_CORRUPT] = "NO [CORRUPTION] Stored data is damaged",
	[ERR_VERSION] = "NO [CONTACTADMIN] The store is of a newer version",
	[ERR_UNSUPPORTED] = "NO [CANNOT] That is not supported",
	[ERR_CHARSET] = "NO [BADCHARSET (UTF-8 US-ASCII)] The charset is not "
			"known",
	[ERR_CTE] = "NO [UNKNOWN-CTE] The part cannot be decoded",
	[ERR_INUSE] = "NO [INUSE] The mailbox is in use",
	[ERR_HASCHILDREN] = "NO [HASCHILDREN] The mailbox has children",
	[ERR_EXPUNGED] = "NO [EXPUNGEISSUED] Some messages were expunged "
			 "meanwhile",
	[ERR_AUTH] = "NO [AUTHENTICATIONFAILED] Authentication failed",
	[ERR_EXPIRED] = "NO [EXPIRED] The credentials have expired",
	[ERR_UNAVAILABLE] = "NO [UNAVAILABLE] Temporarily unavailable",
	[ERR_AGAIN] = "NO [UNAVAILABLE] Temporarily unavailable",
	[ERR_CLOSED] = "NO [UNAVAILABLE] Temporarily unavailable",
};

/* Where a command says it in its own way. */
static const struct {
	enum imap_verb verb;
	enum err err;
	const char *words;
} own_words[] = {
	{IMAP_APPEND, ERR_NOTFOUND, "NO [TRYCREATE] No such mailbox"},
	{IMAP_REPLACE, ERR_NOTFOUND, "NO [TRYCREATE] No such mailbox"},
	{IMAP_REPLACE, ERR_TOOBIG, "NO [TOOBIG] The message is too large"},
	{IMAP_REPLACE, ERR_UNSUPPORTED, "NO [CANNOT] The message is empty"},
	{IMAP_COPY, ERR_NOTFOUND, "NO [TRYCREATE] No such mailbox"},
	{IMAP_MOVE, ERR_NOTFOUND, "NO [TRYCREATE] No such mailbox"},
	{IMAP_APPEND, ERR_TOOBIG, "NO [TOOBIG] The message is too large"},
	{IMAP_APPEND, ERR_UNSUPPORTED, "NO [CANNOT] The message is empty"},
	{IMAP_SETMETADATA, ERR_LIMIT, "NO [METADATA TOOMANY] Too many entries"},
	{IMAP_COMPRESS, ERR_INUSE, "NO [COMPRESSIONACTIVE] Already active"},
	{IMAP_CREATE, ERR_INVALID, "NO [CANNOT] No mailbox can have that name"},
	{IMAP_CREATE, ERR_CONFLICT, "NO [USEATTR] That special use cannot be"},
	{IMAP_CREATE, ERR_TOOBIG, "NO [CANNOT] The name is too long"},
	{IMAP_DELETE, ERR_UNSUPPORTED, "NO [CANNOT] INBOX stays"},
	{IMAP_NOTIFY, ERR_UNSUPPORTED,
		"NO [BADEVENT (MessageNew MessageExpunge FlagChange "
		"MailboxName SubscriptionChange MailboxMetadataChange "
		"ServerMetadataChange)] That event is not supported"},
	{IMAP_NOTIFY, ERR_LIMIT,
		"NO [NOTIFICATIONOVERFLOW] That is too much to be watched"},
	{IMAP_RENAME, ERR_INVALID, "NO [CANNOT] No mailbox can have that name"},
	{IMAP_RENAME, ERR_TOOBIG, "NO [CANNOT] The name is too long"},
	{IMAP_LOGIN, ERR_DENIED,
		"NO [AUTHORIZATIONFAILED] You may not log in here"},
	{IMAP_AUTHENTICATE, ERR_DENIED,
		"NO [AUTHORIZATIONFAILED] You may not log in here"},
	{IMAP_AUTHENTICATE, ERR_UNSUPPORTED,
		"NO [CANNOT] That mechanism is not supported"},
};

static const char *words_of(enum imap_verb verb, enum err e)
{
	const char *found = (size_t)e < COUNT_OF(words) ? words[e] : NULL;

	/* A mailbox whose name cannot be is one that is not there. */
	if ((e == ERR_INVALID || e == ERR_TOOBIG) &&
		(imap_command_row(verb)->flags & IMAP_TAKES_MAILBOX))
		found = "NO [NONEXISTENT] No such mailbox";
	for (size_t i = 0; i < COUNT_OF(own_words); i++)
		if (own_words[i].verb == verb && own_words[i].err == e)
			found = own_words[i].words;
	return found ? found : "NO [SERVERBUG] Internal error";
}

void imap_put_error(struct buf *out, str tag, enum imap_verb verb, enum err e)
{
	put_result(out, tag, "", words_of(verb, e));
}

void imap_put_parse_error(
	struct buf *out, const struct imap_command *cmd, enum err e)
{
	char text[160];

	if (e == ERR_CHARSET) {
		imap_put_error(out, cmd->tag, cmd->verb, e);
		return;
	}
	if (e == ERR_NOTFOUND)
		snprintf(text, sizeof text, "BAD Unknown command");
	else
		snprintf(text, sizeof text, "%s Expected %s at byte %zu",
			e == ERR_LIMIT ? "NO [LIMIT]" : "BAD",
			cmd->expected ? cmd->expected : "something else",
			cmd->at + 1);
	put_result(out, cmd->tag, "", text);
}
