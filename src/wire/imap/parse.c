/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/imap/parse.h"
#include "base/secret.h"
#include "wire/imap/parser.h"

str imap_parse_tag(str text)
{
	size_t n = 0;

	while (n < text.n && imap_is_astring_char(text.p[n]) &&
		text.p[n] != '+')
		n++;
	if (n == 0 || (n < text.n && text.p[n] != ' '))
		return STR("*");
	return str_take(text, n);
}

/* A space before the line's end. For people at a terminal, and scripts that
 * join optional arguments with spaces. */
static void tolerate_trailing_space(struct imap_parser *p)
{
	if (cursor_left(&p->c) == 1)
		cursor_accept(&p->c, ' ');
}

/* The name of a command, and its row. "UID" SP name is a name of its own. */
static const struct imap_command_row *name(
	struct imap_parser *p, struct imap_command *cmd)
{
	struct cursor before = p->c;
	str name = imap_atom(p, "a command");
	const struct imap_command_row *row;

	cmd->uid = str_ieq_c(name, "UID");
	if (cmd->uid) {
		imap_sp(p);
		before = p->c;
		name = imap_atom(p, "a command after UID");
	}
	row = imap_command_find(name);
	if (cursor_ok(&p->c) &&
		(row->verb == IMAP_UNKNOWN ||
			(cmd->uid && !(row->flags & IMAP_HAS_UID)))) {
		p->c = before;
		cursor_fail(&p->c, ERR_NOTFOUND, "a command");
		row = imap_command_row(IMAP_UNKNOWN);
	}
	cmd->verb = row->verb;
	return row;
}

static void arguments(struct imap_parser *p, struct imap_command *cmd,
	const struct imap_command_row *row)
{
	if (!imap_ok(p) || !row->arguments)
		return;
	if ((row->flags & IMAP_UID_ARGUMENTS_ONLY) && !cmd->uid)
		return;
	row->arguments(p, cmd);
}

/* command = tag SP (command-any / command-auth / command-nonauth /
 *           command-select) CRLF */
enum err imap_parse(struct arena *arena, str text, unsigned dialect,
	struct imap_command *cmd)
{
	struct imap_parser p = imap_parser_of(arena, text, dialect);
	const struct imap_command_row *row;

	*cmd = (struct imap_command){0};
	cmd->tag = imap_tag(&p);
	if (cursor_ok(&p.c) && cursor_peek(&p.c) != ' ')
		imap_expected(&p, "a space after the tag");
	if (!cursor_ok(&p.c))
		cmd->tag = imap_parse_tag(text);
	imap_sp(&p);
	row = name(&p, cmd);
	arguments(&p, cmd, row);
	tolerate_trailing_space(&p);
	if (imap_ok(&p) && !cursor_done(&p.c))
		imap_expected(&p, "the end of the command");
	cmd->expected = p.c.err_expected;
	cmd->at = p.c.err_at;
	return p.c.err;
}

static void wipe(str s)
{
	if (s.n)
		secret_wipe((char *)s.p, s.n);
}

void imap_command_wipe(struct imap_command *cmd)
{
	if (cmd->verb == IMAP_LOGIN)
		wipe(cmd->login.password);
	if (cmd->verb == IMAP_AUTHENTICATE)
		wipe(cmd->authenticate.initial);
}
