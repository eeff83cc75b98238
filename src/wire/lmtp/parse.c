/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/lmtp/parse.h"
#include "message/utf8.h"
#include "wire/http.h"

bool lmtp_ok(const struct lmtp_parser *p)
{
	return p->say == LMTP_SAY_NOTHING && !arena_spent(p->arena);
}

void lmtp_fail(struct lmtp_parser *p, enum lmtp_say say)
{
	if (p->say == LMTP_SAY_NOTHING)
		p->say = say;
	cursor_fail(&p->c, ERR_INVALID, lmtp_say_words(say));
}

/* Clients of all kinds write a space behind the colon; RFC 5321 section 3.3:
 * "Since it has been a common source of errors, it is worth noting that spaces
 * are not permitted on either side of the colon". */
static void tolerate_space_after_colon(struct lmtp_parser *p)
{
	while (cursor_accept(&p->c, ' '))
		;
}

void lmtp_parse_text(struct lmtp_parser *p, struct lmtp_command *cmd)
{
	(void)cursor_accept(&p->c, ' ');
	cmd->text = cursor_rest(&p->c);
}

/* "LHLO" SP ( Domain / address-literal ). Host names in use have "_" too;
 * whatever is neither a space nor of meaning in a Received field will do. */
void lmtp_parse_lhlo(struct lmtp_parser *p, struct lmtp_command *cmd)
{
	lmtp_parse_text(p, cmd);
	if (!cmd->text.n || cmd->text.n > LMTP_DOMAIN_MAX)
		lmtp_fail(p, LMTP_SAY_BAD_ARGUMENT);
	for (size_t i = 0; i < cmd->text.n; i++) {
		char c = cmd->text.p[i];

		if (c <= ' ' || c == 127 || strchr("()<>,;\\\"", c))
			lmtp_fail(p, LMTP_SAY_BAD_ARGUMENT);
	}
}

void lmtp_parse_vrfy(struct lmtp_parser *p, struct lmtp_command *cmd)
{
	lmtp_parse_text(p, cmd);
	if (!cmd->text.n)
		lmtp_fail(p, LMTP_SAY_BAD_ARGUMENT);
}

/* mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF */
void lmtp_parse_mail(struct lmtp_parser *p, struct lmtp_command *cmd)
{
	cmd->mail = (struct lmtp_mail){0};
	if (!cursor_accept_istr(&p->c, STR(" FROM:")))
		lmtp_fail(p, LMTP_SAY_BAD_SENDER);
	tolerate_space_after_colon(p);
	/* Whether it may be UTF-8 is known behind it only. */
	p->utf8 = true;
	cmd->mail.from = lmtp_parse_path(p, LMTP_SAY_BAD_SENDER);
	lmtp_parse_mail_params(p, &cmd->mail);
	if (!cmd->mail.smtputf8 && !utf8_is_ascii(cmd->mail.from.address))
		lmtp_fail(p, LMTP_SAY_SENDER_NOT_ASCII);
}

/* rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" /
 *	  Forward-path ) [SP Rcpt-parameters] CRLF */
void lmtp_parse_rcpt(struct lmtp_parser *p, struct lmtp_command *cmd)
{
	bool utf8 = p->utf8;

	cmd->rcpt = (struct lmtp_rcpt){0};
	if (!cursor_accept_istr(&p->c, STR(" TO:")))
		lmtp_fail(p, LMTP_SAY_BAD_RECIPIENT);
	tolerate_space_after_colon(p);
	p->utf8 = true;
	cmd->rcpt.to = lmtp_parse_path(p, LMTP_SAY_BAD_RECIPIENT);
	p->utf8 = utf8;
	if (lmtp_ok(p) && cmd->rcpt.to.null)
		lmtp_fail(p, LMTP_SAY_BAD_RECIPIENT);
	if (!utf8 && !utf8_is_ascii(cmd->rcpt.to.address))
		lmtp_fail(p, LMTP_SAY_RECIPIENT_NOT_ASCII);
	lmtp_parse_rcpt_params(p, &cmd->rcpt);
}

/* bdat-cmd ::= "BDAT" SP chunk-size [ SP end-marker ] CR LF */
void lmtp_parse_bdat(struct lmtp_parser *p, struct lmtp_command *cmd)
{
	str size;

	cmd->bdat = (struct lmtp_bdat){0};
	cursor_expect(&p->c, ' ', "a size");
	size = cursor_until(&p->c, ' ');
	if (str_to_u64(size, INT64_MAX, &cmd->bdat.size))
		lmtp_fail(p, LMTP_SAY_BAD_ARGUMENT);
	if (cursor_accept_istr(&p->c, STR(" LAST")))
		cmd->bdat.last = true;
	if (!cursor_ok(&p->c) || !cursor_done(&p->c))
		lmtp_fail(p, LMTP_SAY_BAD_ARGUMENT);
}

/* RFC 5321 section 4.1.1: "receiving systems SHOULD tolerate trailing white
 * space before the terminating <CRLF>" */
static str tolerate_trailing_space(str line)
{
	while (line.n &&
		(line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
		line.n--;
	return line;
}

static enum lmtp_verb find_verb(str name)
{
	for (size_t i = 1; i < LMTP_VERB_COUNT; i++)
		if (str_ieq(name, lmtp_command_table[i].name))
			return (enum lmtp_verb)i;
	return LMTP_UNKNOWN;
}

static bool has_controls(str line)
{
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < ' ' || line.p[i] == 127)
			return true;
	return false;
}

enum lmtp_say lmtp_parse(
	struct arena *arena, str line, bool utf8, struct lmtp_command *cmd)
{
	struct lmtp_parser p = {.arena = arena, .utf8 = utf8};
	const struct lmtp_command_row *row;

	*cmd = (struct lmtp_command){0};
	line = tolerate_trailing_space(line);
	if (has_controls(line) || !utf8_is_valid(line))
		return LMTP_SAY_BAD_LINE;
	p.c = cursor_of(line);
	cmd->verb = find_verb(cursor_until(&p.c, ' '));
	if (http_is_request(line))
		return LMTP_SAY_END_HTTP;
	row = &lmtp_command_table[cmd->verb];
	if (row->refusal)
		return row->refusal;
	if (row->parse)
		row->parse(&p, cmd);
	else if (!cursor_done(&p.c))
		lmtp_fail(&p, LMTP_SAY_NO_ARGUMENT);
	if (p.say == LMTP_SAY_NOTHING && arena_spent(arena))
		p.say = LMTP_SAY_LINE_TOO_LONG;
	return p.say;
}
