/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/imap/command.h"
#include "base/alloc.h"

static const struct {
	str name;
	unsigned bit;
} uses[] = {
	{STR_LIT("\\All"), IMAP_USE_ALL},
	{STR_LIT("\\Archive"), IMAP_USE_ARCHIVE},
	{STR_LIT("\\Drafts"), IMAP_USE_DRAFTS},
	{STR_LIT("\\Flagged"), IMAP_USE_FLAGGED},
	{STR_LIT("\\Junk"), IMAP_USE_JUNK},
	{STR_LIT("\\Sent"), IMAP_USE_SENT},
	{STR_LIT("\\Trash"), IMAP_USE_TRASH},
};

str imap_special_use_name(unsigned bit)
{
	for (size_t i = 0; i < COUNT_OF(uses); i++)
		if (uses[i].bit == bit)
			return uses[i].name;
	return str_none();
}

unsigned imap_special_use_bit(str name)
{
	for (size_t i = 0; i < COUNT_OF(uses); i++)
		if (str_ieq(uses[i].name, name))
			return uses[i].bit;
	return 0;
}

const struct imap_param *imap_param_find(const struct imap_param *p, str name)
{
	while (p && !str_ieq(p->name, name))
		p = p->next;
	return p;
}

const struct imap_command_row *imap_command_find(str name)
{
	for (int v = IMAP_UNKNOWN + 1; v < IMAP_VERB_COUNT; v++)
		if (str_ieq(imap_command_table[v].name, name))
			return &imap_command_table[v];
	return &imap_command_table[IMAP_UNKNOWN];
}
