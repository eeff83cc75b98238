/* SPDX-License-Identifier: Apache-2.0 */
/* FETCH (RFC 9051 section 6.4.5, RFC 3501, RFC 3516). */
#include "wire/imap/parser.h"

#define MACRO_FAST                                                             \
	(IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE)
#define MACRO_ALL (MACRO_FAST | IMAP_FETCH_ENVELOPE)
#define MACRO_FULL (MACRO_ALL | IMAP_FETCH_BODY)

static const struct imap_name macros[] = {
	{STR_LIT("ALL"), MACRO_ALL},
	{STR_LIT("FAST"), MACRO_FAST},
	{STR_LIT("FULL"), MACRO_FULL},
	{{NULL, 0}, 0},
};

/* Fetch items with a section, in brackets or by their name alone. */
static const struct section_row {
	str name;
	enum imap_section_name section;
	bool peek;
	bool brackets;
	bool may_be_partial;
	enum imap_section_text text;
} section_rows[] = {
	{STR_LIT("BODY"), IMAP_SECTION_BODY, false, true, true, IMAP_TEXT_ALL},
	{STR_LIT("BODY.PEEK"), IMAP_SECTION_BODY, true, true, true,
		IMAP_TEXT_ALL},
	{STR_LIT("BINARY"), IMAP_SECTION_BINARY, false, true, true,
		IMAP_TEXT_ALL},
	{STR_LIT("BINARY.PEEK"), IMAP_SECTION_BINARY, true, true, true,
		IMAP_TEXT_ALL},
	{STR_LIT("BINARY.SIZE"), IMAP_SECTION_BINARY_SIZE, true, true, false,
		IMAP_TEXT_ALL},
	{STR_LIT("RFC822"), IMAP_SECTION_RFC822, false, false, false,
		IMAP_TEXT_ALL},
	{STR_LIT("RFC822.HEADER"), IMAP_SECTION_RFC822_HEADER, true, false,
		false, IMAP_TEXT_HEADER},
	{STR_LIT("RFC822.TEXT"), IMAP_SECTION_RFC822_TEXT, false, false, false,
		IMAP_TEXT_TEXT},
	{{NULL, 0}, 0, false, false, false, 0},
};

static const struct imap_name texts[] = {
	{STR_LIT("HEADER"), IMAP_TEXT_HEADER},
	{STR_LIT("HEADER.FIELDS"), IMAP_TEXT_FIELDS},
	{STR_LIT("HEADER.FIELDS.NOT"), IMAP_TEXT_FIELDS_NOT},
	{STR_LIT("TEXT"), IMAP_TEXT_TEXT},
	{STR_LIT("MIME"), IMAP_TEXT_MIME},
	{{NULL, 0}, 0},
};

/* header-list = "(" header-fld-name *(SP header-fld-name) ")" */
static void header_list(struct imap_parser *p, struct imap_section *section)
{
	size_t room = 0;

	imap_open(p);
	do {
		if (section->fields_n == room) {
			str *fields;

			room = room ? room * 2 : 8;
			fields = ARENA_ARRAY(p->arena, str, room);
			if (section->fields_n)
				memcpy(fields, section->fields,
					section->fields_n * sizeof *fields);
			section->fields = fields;
		}
		section->fields[section->fields_n++] =
			imap_astring(p, "the name of a header field");
	} while (imap_next_item(p));
}

/* section-part = nz-number *("." nz-number); true when a "." and then
 * something else than a number follows. */
static bool section_part(struct imap_parser *p, struct imap_section *section)
{
	uint32_t part[IMAP_PART_DEPTH_MAX];
	size_t n = 0;
	bool more;

	do {
		if (n == IMAP_PART_DEPTH_MAX)
			cursor_fail(&p->c, ERR_LIMIT, "a shorter part number");
		else
			part[n++] = imap_nz_number(p);
		more = cursor_accept(&p->c, '.');
	} while (
		more && cursor_peek(&p->c) >= '0' && cursor_peek(&p->c) <= '9');
	section->part = ARENA_ARRAY(p->arena, uint32_t, n);
	section->part_n = n;
	memcpy(section->part, part, n * sizeof *part);
	return more;
}

/* section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
 * section-text = section-msgtext / "MIME" */
static void section_text(struct imap_parser *p, struct imap_section *section)
{
	struct cursor before = p->c;
	str name = imap_word(p);

	section->text = imap_name_bit(texts, name);
	if (cursor_ok(&p->c) && (section->text == IMAP_TEXT_ALL ||
					(section->text == IMAP_TEXT_MIME &&
						section->part_n == 0))) {
		p->c = before;
		imap_expected(p, "HEADER, TEXT, or a part's MIME");
	}
	if (section->text == IMAP_TEXT_FIELDS ||
		section->text == IMAP_TEXT_FIELDS_NOT) {
		imap_sp(p);
		header_list(p, section);
	}
}

void imap_section_spec(struct imap_parser *p, struct imap_section *section)
{
	int next = cursor_peek(&p->c);
	bool text_follows = true;

	if (next >= '0' && next <= '9')
		text_follows = section_part(p, section);
	if (text_follows && section->name != IMAP_SECTION_BODY)
		imap_expected(p, "a part number");
	else if (text_follows)
		section_text(p, section);
}

/* section = "[" [section-spec] "]"
 * section-binary = "[" [section-part] "]" */
static void section(struct imap_parser *p, struct imap_section *section)
{
	cursor_expect(&p->c, '[', "\"[\"");
	if (cursor_peek(&p->c) != ']')
		imap_section_spec(p, section);
	cursor_expect(&p->c, ']', "\"]\"");
}

/* partial = "<" number64 "." nz-number64 ">" */
static void partial(struct imap_parser *p, struct imap_section *section)
{
	section->partial = true;
	section->from = imap_number64(p);
	cursor_expect(&p->c, '.', "\".\"");
	section->length = imap_nz_number64(p);
	cursor_expect(&p->c, '>', "\">\"");
}

static const struct section_row *section_row_find(str name, bool brackets)
{
	const struct section_row *row = section_rows;

	while (row->name.p &&
		!(row->brackets == brackets && str_ieq(row->name, name)))
		row++;
	return row->name.p ? row : NULL;
}

static struct imap_section *section_of(
	struct imap_parser *p, const struct section_row *row)
{
	struct imap_section *s = ARENA_NEW(p->arena, struct imap_section);

	s->name = row->section;
	s->peek = row->peek;
	s->text = row->text;
	if (row->brackets)
		section(p, s);
	if (row->may_be_partial && cursor_accept(&p->c, '<'))
		partial(p, s);
	return s;
}

/* "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"], preview-mod = "LAZY"
 * (RFC 8970 section 5): previews are there since the delivery, so that being
 * lazy changes nothing. What else is in parentheses belongs to FETCH. */
static void preview_mods(struct imap_parser *p)
{
	static const str lazy = STR_LIT(" (LAZY)");

	(void)cursor_accept_istr(&p->c, lazy);
}

/* fetch-att = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822.SIZE" /
 *             "BODY" ["STRUCTURE"] / "UID" / "BODY" section [partial] /
 *             "BODY.PEEK" section [partial] /
 *             "BINARY" [".PEEK"] section-binary [partial] /
 *             "BINARY.SIZE" section-binary
 * and of RFC 3501 "RFC822" [".HEADER" / ".TEXT"] */
static void fetch_att(struct imap_parser *p, struct imap_fetch *fetch,
	struct imap_section ***end)
{
	struct cursor before = p->c;
	str name = imap_word(p);
	const struct section_row *row =
		section_row_find(name, cursor_peek(&p->c) == '[');
	unsigned item = row ? 0 : imap_name_bit(imap_fetch_names, name);

	fetch->items |= item;
	if (item == IMAP_FETCH_PREVIEW && cursor_ok(&p->c))
		preview_mods(p);
	if (row && imap_ok(p)) {
		**end = section_of(p, row);
		*end = &(**end)->next;
	} else if (!item && cursor_ok(&p->c)) {
		p->c = before;
		imap_expected(p, "a FETCH item");
	}
}

void imap_fetch_att_list(struct imap_parser *p, struct imap_fetch *fetch)
{
	struct imap_section **end = &fetch->sections;

	do
		fetch_att(p, fetch, &end);
	while (imap_next_item(p));
}

/* "(" fetch-att *(SP fetch-att) ")", or one alone, or a macro. */
static void fetch_atts(struct imap_parser *p, struct imap_fetch *fetch)
{
	struct imap_section **end = &fetch->sections;
	struct cursor before = p->c;

	if (cursor_accept(&p->c, '(')) {
		imap_fetch_att_list(p, fetch);
		return;
	}
	fetch->items = imap_name_bit(macros, imap_word(p));
	if (fetch->items)
		return;
	p->c = before;
	fetch_att(p, fetch, &end);
}

/* fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att /
 *         "(" fetch-att *(SP fetch-att) ")") [fetch-modifiers]
 * fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"
 * (RFC 4466) */
void imap_parse_fetch(struct imap_parser *p, struct imap_command *cmd)
{
	imap_sp(p);
	cmd->fetch.set = imap_sequence_set(p);
	imap_sp(p);
	fetch_atts(p, &cmd->fetch);
	if (imap_accept_sp(p))
		cmd->fetch.modifiers = imap_params(p);
	imap_read_fetch_modifiers(p, &cmd->fetch, cmd->uid);
}
