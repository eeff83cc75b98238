/* SPDX-License-Identifier: Apache-2.0 */
/* sql_row: a row of a database, which is not trusted, as a person. Pure. */
#ifndef LOOKUP_SQL_ROW_H
#define LOOKUP_SQL_ROW_H

#include "lookup/person.h"

#define SQL_COLUMNS_MAX 16

struct sql_columns {
	struct person_column list[SQL_COLUMNS_MAX];
	size_t count;
};

/* One more column. ERR_UNSUPPORTED, ERR_EXISTS (also "hash" besides
 * "password"), ERR_LIMIT. */
MUST enum err sql_columns_add(struct sql_columns *, str name);
/* values: as many as columns; a none is NULL, which says nothing. `asked` is
 * the name when no column tells it. ERR_INVALID; *wrong_r is the column. */
MUST enum err sql_row_read(const struct sql_columns *, const str *values,
	str asked, struct lookup_person *person_r, const char **wrong_r);

#endif
