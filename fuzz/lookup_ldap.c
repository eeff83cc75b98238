/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile directory, and a hostile name. The first line is a filter, the
 * second a name that is put into it: that must not change what the filter
 * means. Lines after these are attributes: a letter (n h q d s) and a value.
 */
#include "lookup/ldap_entry.h"
#include "base/cursor.h"
#include "lookup/template.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Parentheses, stars and the like: RFC 4515 section 3. */
static size_t count_marks(str s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.n; i++)
		count += !s.p[i] || strchr("()*=&|!<>~:", s.p[i]) != NULL;
	return count;
}

static void check_filter(str filter, str name)
{
	struct buf why = BUF_UNBOUNDED, filled = BUF_UNBOUNDED;

	if (template_check_filter(filter, &why) == OK) {
		template_fill_filter(filter, name, &filled);
		if (count_marks(buf_str(&filled)) != count_marks(filter) ||
			memchr(filled.p, '%', filled.n))
			abort();
	} else if (!why.n) {
		abort();
	}
	buf_fini(&why);
	buf_fini(&filled);
}

static void add_value(struct ldap_entry *entry, str line)
{
	struct ldap_values *all[] = {&entry->name, &entry->hash, &entry->quota,
		&entry->disabled, &entry->services};
	const char *letters = "nhqds", *at;

	if (!line.n || !line.p[0] || !(at = strchr(letters, line.p[0])))
		return;
	if (all[at - letters]->count < LDAP_VALUES_MAX)
		all[at - letters]->list[all[at - letters]->count++] =
			str_skip(line, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(str_of((const char *)data, size));
	str filter = cursor_until(&c, '\n'), name;
	struct ldap_entry entry = {.want_name = size % 2};
	struct lookup_person person;
	const char *wrong = NULL;

	cursor_accept(&c, '\n');
	name = cursor_until(&c, '\n');
	check_filter(filter, name);
	while (cursor_accept(&c, '\n'))
		add_value(&entry, cursor_until(&c, '\n'));
	lookup_person_init(&person);
	if (ldap_entry_read(&entry, STR("asked"), &person, &wrong)) {
		if (!wrong)
			abort();
	} else if (!person.name.n || person.name.n > LOOKUP_NAME_MAX ||
		   person.hash.n > LOOKUP_HASH_MAX) {
		abort();
	}
	lookup_person_fini(&person);
	return 0;
}
