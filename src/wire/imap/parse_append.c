/* SPDX-License-Identifier: Apache-2.0 */
/* APPEND and REPLACE, whose literals the parser never sees, but for names. */
#include "wire/imap/parse.h"
#include "wire/imap/parser.h"

/* \Recent among the flags of a message to be appended is ignored. For imapsync
 * and other movers, which repeat the flags that FETCH gave them. */
static void tolerate_recent(struct flag_list *flags)
{
	flags->recent = false;
}

/* append-opts = [SP flag-list] [SP date-time] (RFC 4466), and the SP before
 * append-data. */
static void append_opts(struct imap_parser *p, struct imap_append_message *m)
{
	imap_sp(p);
	if (cursor_peek(&p->c) == '(') {
		m->flags = imap_flag_list(p);
		tolerate_recent(&m->flags);
		imap_sp(p);
	}
	if (cursor_peek(&p->c) == '"') {
		m->date = imap_date_time(p);
		m->has_date = cursor_ok(&p->c);
		imap_sp(p);
	}
}

static bool accept_part(struct imap_parser *p, str name)
{
	if (!imap_accept_word(p, name))
		return false;
	imap_sp(p);
	return true;
}

/* utf8-literal = "UTF8" SP "(" literal8 ")" (RFC 6855 section 4), behind its
 * first space and up to the bytes. RFC 9755 has it no more; clients of the one
 * before it send it, whatever the message holds. */
static void utf8_literal(struct imap_parser *p, struct imap_append *a)
{
	imap_open(p);
	if (cursor_peek(&p->c) != '~')
		imap_expected(p, "a literal8");
	imap_announcement(p, a);
}

/* cat-part = text-literal / url / utf8-literal
 * text-literal = "TEXT" SP literal; a literal8 too: with BINARY, APPEND takes
 * one in the place of a literal (RFC 3516 section 4.4)
 * url = "URL" SP astring */
static void cat_part(struct imap_parser *p, struct imap_append *a,
	struct imap_append_url ***end)
{
	struct imap_append_url *url;

	a->at = IMAP_APPEND_AT_LIST;
	if (accept_part(p, STR("TEXT"))) {
		imap_announcement(p, a);
	} else if (accept_part(p, STR("UTF8"))) {
		a->at = IMAP_APPEND_AT_UTF8_PART;
		utf8_literal(p, a);
	} else if (accept_part(p, STR("URL"))) {
		url = ARENA_NEW(p->arena, struct imap_append_url);
		url->url = imap_astring(p, "a URL");
		**end = url;
		*end = &url->next;
	} else {
		imap_expected(p, "URL, TEXT or UTF8");
	}
}

/* cat-part *(SP cat-part) ")" */
static void cat_parts(struct imap_parser *p, struct imap_append *a,
	struct imap_append_message *m)
{
	struct imap_append_url **end = &m->urls;

	do
		cat_part(p, a, &end);
	while (imap_ok(p) && !a->has_literal && imap_next_item(p));
}

/* append-data = literal / literal8 / utf8-literal /
 *               "CATENATE" SP "(" cat-part *(SP cat-part) ")" */
static void append_data(struct imap_parser *p, struct imap_append *a,
	struct imap_append_message *m)
{
	a->at = IMAP_APPEND_AT_OPTIONS;
	if (accept_part(p, STR("CATENATE"))) {
		m->catenate = true;
		imap_open(p);
		cat_parts(p, a, m);
	} else if (accept_part(p, STR("UTF8"))) {
		a->at = IMAP_APPEND_AT_UTF8;
		utf8_literal(p, a);
	} else {
		imap_announcement(p, a);
	}
}

/* *append-message, as far as there is text (RFC 3502)
 * append-message = append-opts SP append-data */
static void append_messages(struct imap_parser *p, struct imap_append *a,
	struct imap_append_message **end)
{
	while (imap_ok(p) && !a->has_literal && cursor_left(&p->c) > 1) {
		*end = ARENA_NEW(p->arena, struct imap_append_message);
		append_opts(p, *end);
		append_data(p, a, *end);
		end = &(*end)->next;
	}
}

/* append = "APPEND" SP mailbox 1*append-message */
void imap_parse_append(struct imap_parser *p, struct imap_command *cmd)
{
	struct imap_append *a = &cmd->append;

	imap_sp(p);
	a->mailbox = imap_mailbox(p);
	append_messages(p, a, &a->messages);
	if (!a->messages)
		imap_expected(p, "a message");
}

/* seq-number = nz-number / "*" */
static struct seqset seq_number(struct imap_parser *p)
{
	struct cursor before = p->c;
	struct seqset set = imap_sequence_set(p);

	if (cursor_ok(&p->c) &&
		(set.saved || set.count != 1 ||
			set.ranges[0].from != set.ranges[0].to)) {
		p->c = before;
		imap_expected(p, "one message");
	}
	return set;
}

/* One message replaces one (RFC 8508 section 4.7). */
static void check_one(struct imap_parser *p, const struct imap_append *a)
{
	if (imap_ok(p) && a->messages && a->messages->next)
		imap_expected(p, "one message");
}

/* replace = "REPLACE" SP seq-number SP mailbox append-message (RFC 8508) */
void imap_parse_replace(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->append.replaced = seq_number(p);
	imap_parse_append(p, cmd);
	check_one(p, &cmd->append);
}

/* What follows a part of CATENATE's. */
static void next_parts(struct imap_parser *p, struct imap_append *a)
{
	struct imap_append_message *m =
		ARENA_NEW(p->arena, struct imap_append_message);

	a->messages = m;
	m->continues = m->catenate = true;
	if (imap_next_item(p))
		cat_parts(p, a, m);
}

static bool is_in_utf8(enum imap_append_at at)
{
	return at == IMAP_APPEND_AT_UTF8 || at == IMAP_APPEND_AT_UTF8_PART;
}

static bool is_in_list(enum imap_append_at at)
{
	return at == IMAP_APPEND_AT_LIST || at == IMAP_APPEND_AT_UTF8_PART;
}

enum err imap_parse_append_next(struct arena *arena, str text, unsigned dialect,
	struct imap_command *cmd)
{
	struct imap_parser p = imap_parser_of(arena, text, dialect);
	struct imap_append *a = &cmd->append;
	struct imap_append_message **end = &a->messages;
	bool in_list = is_in_list(a->at);

	a->messages = NULL;
	a->has_literal = false;
	if (is_in_utf8(a->at))
		cursor_expect(&p.c, ')', "\")\"");
	if (in_list) {
		next_parts(&p, a);
		end = &a->messages->next;
	}
	append_messages(&p, a, end);
	if (cmd->verb == IMAP_REPLACE && !in_list && a->messages)
		imap_expected(&p, "the end of the command");
	if (cmd->verb == IMAP_REPLACE)
		check_one(&p, a);
	if (imap_ok(&p) && !cursor_done(&p.c))
		imap_expected(&p, "the end of the command");
	cmd->expected = p.c.err_expected;
	cmd->at = p.c.err_at;
	return p.c.err;
}

/* What the framer asks. */

/* Enough for the flags and the mailbox's name, a few times over. */
static void scratch_init(struct arena *scratch, str text)
{
	arena_init(scratch, 65536 + text.n * 8);
}

/* "APPEND" / ["UID" SP] "REPLACE" SP seq-number */
static void verb(struct imap_parser *p)
{
	if (cursor_accept_istr(&p->c, STR("APPEND")))
		return;
	(void)cursor_accept_istr(&p->c, STR("UID "));
	if (!cursor_accept_istr(&p->c, STR("REPLACE")))
		imap_expected(p, "APPEND or REPLACE");
	imap_sp(p);
	seq_number(p);
}

static bool at_end(struct imap_parser *p)
{
	return imap_ok(p) && cursor_done(&p->c);
}

/* The literal stands here. False: nothing else does. */
static bool expect_literal(struct imap_parser *p,
	enum imap_append_expects *expects_r, enum imap_append_expects what,
	enum imap_append_at *at, enum imap_append_at behind)
{
	if (at_end(p)) {
		*expects_r = what;
		*at = behind;
	}
	return false;
}

/* In CATENATE's list, before a part. True: behind the list. */
static bool expects_in_list(struct imap_parser *p,
	enum imap_append_expects *expects_r, enum imap_append_at *at)
{
	do {
		if (accept_part(p, STR("TEXT")))
			return expect_literal(p, expects_r, IMAP_APPEND_MESSAGE,
				at, IMAP_APPEND_AT_LIST);
		if (accept_part(p, STR("UTF8"))) {
			imap_open(p);
			return expect_literal(p, expects_r, IMAP_APPEND_MESSAGE,
				at, IMAP_APPEND_AT_UTF8_PART);
		}
		if (!accept_part(p, STR("URL")))
			return false;
		if (at_end(p))
			return expect_literal(p, expects_r, IMAP_APPEND_URL, at,
				IMAP_APPEND_AT_LIST);
		imap_astring(p, "a URL");
	} while (imap_next_item(p));
	return imap_ok(p);
}

/* Before a message's options. True: behind the message. */
static bool expects_message(struct imap_parser *p,
	enum imap_append_expects *expects_r, enum imap_append_at *at)
{
	struct imap_append_message m;

	append_opts(p, &m);
	if (at_end(p))
		return expect_literal(p, expects_r, IMAP_APPEND_MESSAGE, at,
			IMAP_APPEND_AT_OPTIONS);
	if (accept_part(p, STR("UTF8"))) {
		imap_open(p);
		return expect_literal(p, expects_r, IMAP_APPEND_MESSAGE, at,
			IMAP_APPEND_AT_UTF8);
	}
	if (!accept_part(p, STR("CATENATE")))
		return false;
	imap_open(p);
	return expects_in_list(p, expects_r, at);
}

/* True: a message may follow. */
static bool expects_first(struct imap_parser *p,
	enum imap_append_expects *expects_r, enum imap_append_at *at)
{
	imap_tag(p);
	imap_sp(p);
	verb(p);
	imap_sp(p);
	if (at_end(p))
		return expect_literal(p, expects_r, IMAP_APPEND_MAILBOX, at,
			IMAP_APPEND_AT_OPTIONS);
	imap_mailbox(p);
	return true;
}

enum imap_append_expects imap_append_expects(enum imap_append_at *at, str text)
{
	struct arena scratch;
	struct imap_parser p;
	enum imap_append_expects expects = IMAP_APPEND_NOTHING;
	enum imap_append_at from = *at;
	bool more = true;

	scratch_init(&scratch, text);
	p = imap_parser_of(&scratch, text, IMAP_UTF8);
	if (from == IMAP_APPEND_AT_START)
		more = expects_first(&p, &expects, at);
	if (is_in_utf8(from))
		cursor_expect(&p.c, ')', "\")\"");
	if (is_in_list(from) && imap_next_item(&p))
		more = expects_in_list(&p, &expects, at);
	while (more && imap_ok(&p))
		more = expects_message(&p, &expects, at);
	arena_fini(&scratch);
	return expects;
}
