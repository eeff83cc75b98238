/* SPDX-License-Identifier: Apache-2.0 */
/* GETMETADATA, SETMETADATA: RFC 5464. */
#include "wire/imap/parser.h"

/* Section 3.2. Not "/a", "/a//b", "/a/", nor what is above "vendor/token/x"
 * when it is to have a value. */
static bool is_entry(str name, bool whole)
{
	unsigned components = 0;

	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c <= 0x19 || c >= 0x80 || c == '*' || c == '%')
			return false;
		if (c != '/')
			continue;
		components++;
		if (i + 1 == name.n || name.p[i + 1] == '/')
			return false;
	}
	if (!str_starts(name, STR("/private")) &&
		!str_starts(name, STR("/shared")))
		return false;
	name = str_skip(name, str_starts(name, STR("/shared")) ? 7 : 8);
	if (name.n && name.p[0] != '/')
		return false;
	if (whole && str_starts(name, STR("/vendor")) &&
		(name.n == 7 || name.p[7] == '/'))
		return components >= 4;
	return !whole || components >= 2;
}

/* entry = astring; in lower case. */
static str entry(struct imap_parser *p, bool whole)
{
	struct cursor before = p->c;
	str name = imap_astring(p, "the name of an entry");
	char *lower;

	if (cursor_ok(&p->c) && name.n > IMAP_ENTRY_MAX)
		cursor_fail(&p->c, ERR_LIMIT, "a shorter name of an entry");
	if (!imap_ok(p))
		return name;
	lower = ARENA_ARRAY(p->arena, char, name.n + 1);
	for (size_t i = 0; i < name.n; i++)
		lower[i] = ascii_lower(name.p[i]);
	name = str_of(lower, name.n);
	if (!is_entry(name, whole)) {
		p->c = before;
		imap_expected(p, "the name of an entry");
	}
	return name;
}

static struct imap_entry *add_entry(
	struct imap_parser *p, struct imap_entry ***end, size_t *count)
{
	struct imap_entry *e = ARENA_NEW(p->arena, struct imap_entry);

	if (++*count > IMAP_ENTRIES_MAX)
		cursor_fail(&p->c, ERR_LIMIT, "fewer entries");
	e->value = str_none();
	**end = e;
	*end = &e->next;
	return e;
}

struct imap_entry *imap_entry_list(struct imap_parser *p, bool whole)
{
	struct imap_entry *first = NULL, **end = &first;
	size_t count = 0;

	imap_open(p);
	do
		add_entry(p, &end, &count)->name = entry(p, whole);
	while (imap_next_item(p));
	return first;
}

/* Several entries without parentheses. For clients that were written after RFC
 * 5464's examples (section 4.4.1), which its grammar does not have. */
static struct imap_entry *tolerate_bare_entries(
	struct imap_parser *p, bool whole)
{
	struct imap_entry *first = NULL, **end = &first;
	size_t count = 0;

	do
		add_entry(p, &end, &count)->name = entry(p, whole);
	while (imap_ok(p) && imap_accept_sp(p));
	return first;
}

/* maxsize-opt = "MAXSIZE" SP number
 * scope-opt = "DEPTH" SP ("0" / "1" / "infinity") */
static void option(struct imap_parser *p, struct imap_metadata *m)
{
	static const struct imap_name options[] = {
		{STR_LIT("MAXSIZE"), 1}, {STR_LIT("DEPTH"), 2}, {{NULL, 0}, 0}};
	static const struct imap_name depths[] = {
		{STR_LIT("0"), 1 << IMAP_DEPTH_0},
		{STR_LIT("1"), 1 << IMAP_DEPTH_1},
		{STR_LIT("infinity"), 1 << IMAP_DEPTH_INFINITY},
		{{NULL, 0}, 0}};
	unsigned which = imap_one_of(p, options, "MAXSIZE or DEPTH");

	imap_sp(p);
	if (which == 1) {
		m->limited = true;
		m->max = imap_number64(p);
	} else if (which == 2) {
		unsigned depth = imap_one_of(p, depths, "0, 1 or infinity");

		if (depth)
			m->depth = (enum imap_depth)__builtin_ctz(depth);
	}
}

/* getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")",
 * and the SP behind it */
static void options(struct imap_parser *p, struct imap_metadata *m)
{
	imap_open(p);
	do
		option(p, m);
	while (imap_next_item(p));
	imap_sp(p);
}

/* Names of entries begin with "/", perhaps quoted, or as literals. */
static bool options_follow(struct imap_parser *p)
{
	return cursor_ok(&p->c) && cursor_left(&p->c) > 1 && *p->c.at == '(' &&
	       ascii_is_alpha(p->c.at[1]);
}

static void mailbox(struct imap_parser *p, struct imap_metadata *m)
{
	m->mailbox = imap_mailbox(p);
	m->server = m->mailbox.raw.n == 0;
	imap_sp(p);
}

/* getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries
 * In the examples the options stand behind the mailbox; so do clients. */
void imap_parse_getmetadata(struct imap_parser *p, struct imap_command *cmd)
{
	struct imap_metadata *m = &cmd->metadata;

	imap_sp(p);
	if (options_follow(p))
		options(p, m);
	mailbox(p, m);
	if (options_follow(p))
		options(p, m);
	m->entries =
		cursor_peek(&p->c) == '('
			? imap_entry_list(p, m->depth == IMAP_DEPTH_0)
			: tolerate_bare_entries(p, m->depth == IMAP_DEPTH_0);
}

/* setmetadata = "SETMETADATA" SP mailbox SP entry-values
 * entry-values = "(" entry-value *(SP entry-value) ")"
 * entry-value = entry SP value */
void imap_parse_setmetadata(struct imap_parser *p, struct imap_command *cmd)
{
	struct imap_metadata *m = &cmd->metadata;
	struct imap_entry **end = &m->entries;
	size_t count = 0;

	imap_sp(p);
	mailbox(p, m);
	imap_open(p);
	do {
		struct imap_entry *e = add_entry(p, &end, &count);

		e->name = entry(p, true);
		imap_sp(p);
		e->value = imap_nstring8(p, "a value");
	} while (imap_next_item(p));
}
