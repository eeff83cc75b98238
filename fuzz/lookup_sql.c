/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile database: lines "column=value" are a row; "column" alone is NULL.
 * The first line is a query, which is checked. */
#include "lookup/sql_row.h"
#include "base/cursor.h"
#include "lookup/template.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_query(str query)
{
	struct buf why = BUF_UNBOUNDED;
	enum err e = template_check_query(query, &why);

	if (e ? !why.n
	      : why.n || !(template_query_uses(query, '1') ||
				 template_query_uses(query, '2') ||
				 template_query_uses(query, '3')))
		abort();
	buf_fini(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(str_of((const char *)data, size));
	struct sql_columns columns = {0};
	str values[SQL_COLUMNS_MAX];
	struct lookup_person person;
	const char *wrong = NULL;

	lookup_person_init(&person);
	check_query(cursor_until(&c, '\n'));
	while (cursor_accept(&c, '\n')) {
		str line = cursor_until(&c, '\n');
		size_t equals = str_find_byte(line, '=');

		if (sql_columns_add(&columns, str_take(line, equals)))
			continue;
		values[columns.count - 1] =
			equals == line.n ? str_none()
					 : str_skip(line, equals + 1);
	}
	if (sql_row_read(&columns, values, STR("asked"), &person, &wrong)) {
		if (!wrong)
			abort();
	} else if (!person.name.n || person.name.n > LOOKUP_NAME_MAX ||
		   person.hash.n > LOOKUP_HASH_MAX ||
		   memchr(person.name.p, '\0', person.name.n)) {
		abort();
	}
	lookup_person_fini(&person);
	return 0;
}
