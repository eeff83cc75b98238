/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pop3/command.h"
#include "base/cursor.h"

const struct pop3_command_row pop3_commands[POP3_VERB_COUNT] = {
#define X(verb, arguments, states)                                             \
	[POP3_##verb] = {#verb, POP3_ARGS_##arguments, POP3_##states},
	POP3_COMMAND_TABLE(X)
#undef X
};

static enum pop3_verb find_verb(str name)
{
	for (int i = POP3_UNKNOWN + 1; i < POP3_VERB_COUNT; i++)
		if (str_ieq_c(name, pop3_commands[i].name))
			return (enum pop3_verb)i;
	return POP3_UNKNOWN;
}

static void expect_space(struct cursor *c)
{
	cursor_expect(c, ' ', "a space");
}

/* param = 1*VCHAR, and bytes above ASCII: UTF-8 (RFC 6856). */
static str word(struct cursor *c)
{
	str rest = str_of(c->at, cursor_left(c));
	size_t n = 0;

	while (n < rest.n && (unsigned char)rest.p[n] > ' ' &&
		rest.p[n] != '\x7f')
		n++;
	if (n == 0)
		cursor_fail(c, ERR_INVALID, "a word");
	return cursor_take(c, n);
}

static uint32_t number(struct cursor *c)
{
	uint64_t n = 0;

	if (!cursor_ok(c) || !ascii_is_digit((char)cursor_peek(c)))
		cursor_fail(c, ERR_INVALID, "a number");
	while (cursor_ok(c) && !cursor_done(c) &&
		ascii_is_digit((char)cursor_peek(c))) {
		n = n * 10 + (uint64_t)(cursor_u8(c) - '0');
		if (n > UINT32_MAX)
			n = UINT32_MAX;
	}
	return (uint32_t)n;
}

/* Message numbers begin with 1. */
static uint32_t message_number(struct cursor *c)
{
	uint32_t n = number(c);

	if (n == 0)
		cursor_fail(c, ERR_INVALID, "a message number");
	return n;
}

/* The name, which may hold spaces, ends at the last one. */
static void apop(struct cursor *c, struct pop3_command *cmd)
{
	str rest = cursor_rest(c);
	size_t at = rest.n;

	while (at && rest.p[at - 1] != ' ')
		at--;
	if (at < 2 || at == rest.n) {
		cursor_fail(c, ERR_INVALID, "a name and a digest");
		return;
	}
	cmd->text = str_take(rest, at - 1);
	cmd->more = str_skip(rest, at);
}

static void arguments(
	struct cursor *c, enum pop3_arguments kind, struct pop3_command *cmd)
{
	bool given = !cursor_done(c);

	if (given && kind != POP3_ARGS_NONE)
		expect_space(c);
	switch (kind) {
	case POP3_ARGS_NONE:
		break;
	case POP3_ARGS_REST:
		cmd->text = cursor_rest(c);
		if (cmd->text.n == 0)
			cursor_fail(c, ERR_INVALID, "an argument");
		break;
	case POP3_ARGS_WORD:
		if (given)
			cmd->text = word(c);
		break;
	case POP3_ARGS_AUTH:
		if (given)
			cmd->text = word(c);
		if (cursor_accept(c, ' '))
			cmd->more = word(c);
		break;
	case POP3_ARGS_APOP:
		apop(c, cmd);
		break;
	case POP3_ARGS_OPTIONAL_MESSAGE:
		if (given)
			cmd->number = message_number(c);
		break;
	case POP3_ARGS_MESSAGE:
		cmd->number = message_number(c);
		break;
	case POP3_ARGS_TOP:
		cmd->number = message_number(c);
		expect_space(c);
		cmd->lines = number(c);
		break;
	}
}

/* People at a terminal, and scripts, leave a space behind a number; after a
 * password it would be a part of it. */
static str without_space_behind(str line)
{
	while (line.n && line.p[line.n - 1] == ' ')
		line.n--;
	return line;
}

enum err pop3_parse(str line, struct pop3_command *cmd)
{
	str name = str_take(line, str_find_byte(line, ' '));
	enum pop3_arguments kind;
	struct cursor c;

	*cmd = (struct pop3_command){.verb = find_verb(name)};
	if (cmd->verb == POP3_UNKNOWN)
		return ERR_NOTFOUND;
	kind = pop3_commands[cmd->verb].arguments;
	if (kind != POP3_ARGS_REST)
		line = without_space_behind(line);
	c = cursor_of(str_skip(line, name.n));
	arguments(&c, kind, cmd);
	if (cursor_ok(&c) && !cursor_done(&c))
		cursor_fail(&c, ERR_INVALID, "the end of the line");
	return cursor_ok(&c) ? OK : ERR_INVALID;
}

void pop3_print(const struct pop3_command *cmd, struct buf *out)
{
	buf_add_c(out, pop3_commands[cmd->verb].name);
	if (!str_is_none(cmd->text)) {
		buf_add_byte(out, ' ');
		buf_add(out, cmd->text);
	}
	if (!str_is_none(cmd->more)) {
		buf_add_byte(out, ' ');
		buf_add(out, cmd->more);
	}
	if (cmd->number)
		buf_addf(out, " %lu", (unsigned long)cmd->number);
	if (cmd->verb == POP3_TOP)
		buf_addf(out, " %lu", (unsigned long)cmd->lines);
}
