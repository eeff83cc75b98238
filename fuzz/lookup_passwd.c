/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a password file; the first line is a client's address. */
#include "lookup/passwd_line.h"
#include "base/cursor.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(str text, str host)
{
	struct lookup_person person;
	struct passwd_line line;
	const char *why = NULL;
	enum err e;

	lookup_person_init(&person);
	e = passwd_line_parse(text, &line, &why);
	if (!e) {
		(void)passwd_line_allows(&line, host);
		e = passwd_line_read(&line, &person, &why);
	}
	if (e == ERR_INVALID && !why)
		abort();
	if (!e && (!line.name.n || person.hash.n > LOOKUP_HASH_MAX))
		abort();
	lookup_person_fini(&person);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(str_of((const char *)data, size));
	str host = lookup_host(cursor_until(&c, '\n'));

	while (cursor_accept(&c, '\n'))
		check_line(cursor_until(&c, '\n'), host);
	return 0;
}
