/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup/template.h"

struct name_parts name_parts_of(str name)
{
	size_t at = name.n;

	while (at && name.p[at - 1] != '@')
		at--;
	if (!at)
		return (struct name_parts){name, name, STR("")};
	return (struct name_parts){
		name, str_take(name, at - 1), str_skip(name, at)};
}

/* -------- LDAP filters -------- */

static str part_of(const struct name_parts *parts, char letter)
{
	switch (letter) {
	case 'u':
		return parts->name;
	case 'n':
		return parts->local;
	case 'd':
		return parts->domain;
	default:
		return str_none();
	}
}

static enum err refuse_letter(str rest, struct buf *why)
{
	buf_addf(why,
		"\"%.*s\" stands for nothing; write %%u (the name), %%n (its "
		"part before @) or %%d (its domain), and \\25 for a percent "
		"sign",
		STR_ARG(str_take(rest, 2)));
	return ERR_INVALID;
}

/* Where in a filter we are. */
struct place {
	unsigned depth;
	bool in_value; /* after the "=" of an item */
	unsigned names;
};

static enum err check_byte(struct place *p, str rest, struct buf *why)
{
	static const struct name_parts some = {
		STR_LIT("x"), STR_LIT("x"), STR_LIT("x")};

	switch (rest.p[0]) {
	case '(':
		p->depth++;
		p->in_value = false;
		break;
	case ')':
		if (!p->depth--) {
			buf_add_c(why, "has a \")\" too many; remove it");
			return ERR_INVALID;
		}
		p->in_value = false;
		break;
	case '=':
		p->in_value = true;
		break;
	case '%':
		if (rest.n < 2 || str_is_none(part_of(&some, rest.p[1])))
			return refuse_letter(rest, why);
		if (!p->in_value) {
			buf_addf(why,
				"has \"%.*s\" where no value is; write it "
				"after a \"=\", as in (uid=%%n)",
				STR_ARG(str_take(rest, 2)));
			return ERR_INVALID;
		}
		p->names++;
		break;
	}
	return OK;
}

enum err template_check_filter(str filter, struct buf *why)
{
	struct place p = {0};
	enum err e = OK;

	for (size_t i = 0; i < filter.n && !e; i++)
		e = check_byte(&p, str_skip(filter, i), why);
	if (e)
		return e;
	if (p.depth || !str_starts(filter, STR("("))) {
		buf_add_c(why, "is not whole; write it in parentheses that "
			       "are all closed, as in (uid=%n)");
		return ERR_INVALID;
	}
	if (!p.names) {
		buf_add_c(why, "asks for nobody in particular; write %u, %n "
			       "or %d in it, as in (mail=%u)");
		return ERR_INVALID;
	}
	return OK;
}

/* RFC 4515 section 3: valueencoding. More is escaped than must be. */
static void add_escaped(struct buf *out, str value)
{
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (ascii_is_alpha(c) || ascii_is_digit(c) ||
			(c && strchr("@.-_", c)))
			buf_add_byte(out, c);
		else
			buf_addf(out, "\\%02x", (unsigned char)c);
	}
}

void template_fill_filter(str filter, str name, struct buf *out)
{
	struct name_parts parts = name_parts_of(name);

	while (filter.n) {
		size_t percent = str_find_byte(filter, '%');

		buf_add(out, str_take(filter, percent));
		filter = str_skip(filter, percent);
		if (filter.n < 2)
			return;
		add_escaped(out, part_of(&parts, filter.p[1]));
		filter = str_skip(filter, 2);
	}
}

/* -------- SQL -------- */

static enum err refuse_parameter(str rest, struct buf *why)
{
	size_t n = 1;

	while (n < rest.n && ascii_is_digit(rest.p[n]))
		n++;
	buf_addf(why,
		"%.*s stands for nothing; write $1 (the name), $2 (its part "
		"before @) or $3 (its domain)",
		STR_ARG(str_take(rest, n)));
	return ERR_INVALID;
}

static bool is_known_parameter(str rest)
{
	return rest.n >= 2 && rest.p[1] >= '1' && rest.p[1] <= '3' &&
	       !(rest.n > 2 && ascii_is_digit(rest.p[2]));
}

static bool is_parameter(str rest)
{
	return rest.n >= 2 && rest.p[0] == '$' && ascii_is_digit(rest.p[1]);
}

bool template_query_uses(str query, char number)
{
	for (size_t i = 0; i + 1 < query.n; i++)
		if (query.p[i] == '$' && query.p[i + 1] == number)
			return true;
	return false;
}

enum err template_check_query(str query, struct buf *why)
{
	unsigned names = 0;

	if (str_find_byte(query, '%') < query.n) {
		buf_add_c(why,
			"has a percent sign; values are never put into the "
			"text: write $1 for the name, $2 for its part before "
			"@ and $3 for its domain, without quotes around them");
		return ERR_INVALID;
	}
	for (size_t i = 0; i < query.n; i++) {
		str rest = str_skip(query, i);

		if (!is_parameter(rest))
			continue;
		if (!is_known_parameter(rest))
			return refuse_parameter(rest, why);
		names++;
	}
	if (!names) {
		buf_add_c(why, "asks for nobody in particular; write $1 in it, "
			       "as in WHERE name = $1");
		return ERR_INVALID;
	}
	return OK;
}
