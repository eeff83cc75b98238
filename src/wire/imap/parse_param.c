/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters and modifiers that extensions define: RFC 4466. */
#include "wire/imap/parser.h"

/* tagged-label-fchar = ALPHA / "-" / "_" / "."
 * tagged-label-char = tagged-label-fchar / DIGIT / ":" */
static bool is_label(str s)
{
	if (s.n == 0 || ascii_is_digit(s.p[0]) || s.p[0] == ':')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) &&
			!strchr("-_.:", s.p[i]))
			return false;
	return true;
}

/* tagged-ext-label = tagged-label-fchar *tagged-label-char */
static str tagged_ext_label(struct imap_parser *p)
{
	struct cursor before = p->c;
	str label = imap_atom(p, "the name of a parameter");

	if (cursor_ok(&p->c) && !is_label(label)) {
		p->c = before;
		imap_expected(p, "the name of a parameter");
	}
	return label;
}

static struct imap_value *tagged_ext_comp(struct imap_parser *p);

/* "(" [tagged-ext-comp] ")" */
static struct imap_value *value_list(struct imap_parser *p)
{
	struct imap_value *list = ARENA_NEW(p->arena, struct imap_value);
	struct imap_value **end = &list->first;

	list->is_list = true;
	if (!imap_enter(p, IMAP_VALUE_DEPTH_MAX))
		return list;
	if (imap_open_some(p))
		do {
			*end = tagged_ext_comp(p);
			end = &(*end)->next;
		} while (imap_next_item(p));
	imap_leave(p);
	return list;
}

/* A sequence-set may have "*" too, which astring has not; list-mailbox has
 * both. */
static struct imap_value *value_astring(struct imap_parser *p)
{
	struct imap_value *value = ARENA_NEW(p->arena, struct imap_value);

	value->text = imap_list_mailbox(p);
	return value;
}

/* tagged-ext-comp = astring / tagged-ext-comp *(SP tagged-ext-comp) /
 *                   "(" tagged-ext-comp ")" */
static struct imap_value *tagged_ext_comp(struct imap_parser *p)
{
	return cursor_peek(&p->c) == '(' ? value_list(p) : value_astring(p);
}

static bool is_set_char(char c)
{
	return ascii_is_digit(c) || c == ':' || c == ',' || c == '*' ||
	       c == '$' || c == '-';
}

/* partial-range-first = nz-number ":" nz-number
 * partial-range-last  = MINUS nz-number ":" MINUS nz-number */
struct imap_partial imap_partial_range(struct imap_parser *p)
{
	struct imap_partial range = {.last = cursor_accept(&p->c, '-')};

	range.from = imap_nz_number(p);
	cursor_expect(&p->c, ':', "\":\"");
	if (range.last)
		cursor_expect(&p->c, '-', "\"-\"");
	range.to = imap_nz_number(p);
	return range;
}

/* tagged-ext-simple = sequence-set / number / number64 / partial-range-last
 * What it means is for the parameter's owner to check. */
static struct imap_value *tagged_ext_simple(struct imap_parser *p)
{
	struct imap_value *value = ARENA_NEW(p->arena, struct imap_value);

	value->text = imap_take_while(p, is_set_char, "a value");
	return value;
}

/* tagged-ext-val = tagged-ext-simple / "(" [tagged-ext-comp] ")" */
static struct imap_value *tagged_ext_val(struct imap_parser *p)
{
	return cursor_peek(&p->c) == '(' ? value_list(p) : tagged_ext_simple(p);
}

/* No name of a parameter begins like a value; a "-" may begin either. */
static bool value_follows(struct imap_parser *p)
{
	const char *at = p->c.at;

	if (!cursor_ok(&p->c) || cursor_left(&p->c) < 2 || *at != ' ')
		return false;
	if (at[1] == '-')
		return cursor_left(&p->c) > 2 && ascii_is_digit(at[2]);
	return at[1] == '(' || (is_set_char(at[1]) && at[1] != ':');
}

/* select-param = select-param-name [SP select-param-value], and its like. */
static struct imap_param *param(struct imap_parser *p)
{
	struct imap_param *param = ARENA_NEW(p->arena, struct imap_param);

	param->name = tagged_ext_label(p);
	if (value_follows(p)) {
		imap_sp(p);
		param->value = tagged_ext_val(p);
	}
	return param;
}

/* select-params = SP "(" select-param *(SP select-param) ")", and its like. */
struct imap_param *imap_params(struct imap_parser *p)
{
	struct imap_param *first = NULL;
	struct imap_param **end = &first;

	imap_open(p);
	do {
		*end = param(p);
		end = &(*end)->next;
	} while (imap_next_item(p));
	return first;
}
