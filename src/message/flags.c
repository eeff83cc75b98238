/* SPDX-License-Identifier: Apache-2.0 */
#include "message/flags.h"

#include "base/alloc.h"

static const struct {
	str name;
	uint64_t bit;
} system_flags[] = {
	{STR_LIT("\\Answered"), FLAG_ANSWERED},
	{STR_LIT("\\Flagged"), FLAG_FLAGGED},
	{STR_LIT("\\Deleted"), FLAG_DELETED},
	{STR_LIT("\\Seen"), FLAG_SEEN},
	{STR_LIT("\\Draft"), FLAG_DRAFT},
};

/* IANA's registry of IMAP and JMAP keywords. */
static const str known_keywords[] = {
	STR_LIT("$Forwarded"),
	STR_LIT("$MDNSent"),
	STR_LIT("$Junk"),
	STR_LIT("$NotJunk"),
	STR_LIT("$Phishing"),
	STR_LIT("$Important"),
	STR_LIT("$SubmitPending"),
	STR_LIT("$Submitted"),
};

uint64_t flags_system_bit(str name)
{
	for (size_t i = 0; i < COUNT_OF(system_flags); i++)
		if (str_ieq(name, system_flags[i].name))
			return system_flags[i].bit;
	return 0;
}

str flags_system_name(uint64_t bit)
{
	for (size_t i = 0; i < COUNT_OF(system_flags); i++)
		if (system_flags[i].bit == bit)
			return system_flags[i].name;
	return str_none();
}

/* ATOM-CHAR */
static bool is_atom_char(char c)
{
	return (unsigned char)c > 0x20 && (unsigned char)c < 0x7F &&
	       !strchr("(){%*\"\\]", c);
}

bool flags_keyword_is_valid(str s)
{
	if (s.n == 0 || s.n > FLAGS_KEYWORD_LENGTH_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_atom_char(s.p[i]))
			return false;
	return true;
}

bool flags_keyword_eq(str a, str b)
{
	return str_ieq(a, b);
}

str flags_keyword_spelling(str keyword)
{
	for (size_t i = 0; i < COUNT_OF(known_keywords); i++)
		if (str_ieq(keyword, known_keywords[i]))
			return known_keywords[i];
	return keyword;
}

static enum err add_keyword(struct arena *arena, struct flag_list *l, str name)
{
	for (size_t i = 0; i < l->count; i++)
		if (flags_keyword_eq(l->keywords[i], name))
			return OK;
	if (l->count == FLAGS_KEYWORD_MAX)
		return ERR_LIMIT;
	if (!l->keywords)
		l->keywords = ARENA_ARRAY(arena, str, FLAGS_KEYWORD_MAX);
	l->keywords[l->count++] = flags_keyword_spelling(name);
	return OK;
}

enum err flag_list_add(struct arena *arena, struct flag_list *l, str name)
{
	uint64_t bit = flags_system_bit(name);

	l->system |= bit;
	if (bit)
		return OK;
	if (str_ieq(name, STR("\\Recent"))) {
		l->recent = true;
		return OK;
	}
	if (!flags_keyword_is_valid(name))
		return ERR_INVALID;
	return add_keyword(arena, l, name);
}

static void add_name(struct buf *out, bool *first, str name)
{
	if (!*first)
		buf_add_byte(out, ' ');
	*first = false;
	buf_add(out, name);
}

static void add_system(
	struct buf *out, bool *first, uint64_t flags, bool recent)
{
	for (size_t i = 0; i < COUNT_OF(system_flags); i++)
		if (flags & system_flags[i].bit)
			add_name(out, first, system_flags[i].name);
	if (recent)
		add_name(out, first, STR("\\Recent"));
}

void flags_print(struct buf *out, uint64_t flags, bool recent,
	const str *keywords, size_t count)
{
	bool first = true;

	add_system(out, &first, flags, recent);
	for (size_t i = 0; i < count && i < FLAGS_KEYWORD_MAX; i++)
		if (flags & flags_keyword_bit(i) && keywords[i].n)
			add_name(out, &first, keywords[i]);
}

void flag_list_print(struct buf *out, const struct flag_list *l)
{
	bool first = true;

	add_system(out, &first, l->system, l->recent);
	for (size_t i = 0; i < l->count; i++)
		add_name(out, &first, l->keywords[i]);
}
