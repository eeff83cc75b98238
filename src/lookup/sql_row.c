/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup/sql_row.h"

static bool is_same(
	const struct person_column *a, const struct person_column *b)
{
	return a->kind == b->kind && a->protocol == b->protocol;
}

enum err sql_columns_add(struct sql_columns *columns, str name)
{
	struct person_column column;
	enum err e = person_column_parse(name, &column);

	if (e)
		return e;
	if (columns->count == SQL_COLUMNS_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < columns->count; i++)
		if (is_same(&columns->list[i], &column))
			return ERR_EXISTS;
	columns->list[columns->count++] = column;
	return OK;
}

static const char *column_word(const struct person_column *column)
{
	static const char *const words[] = {[PERSON_NAME] = "name",
		[PERSON_HASH] = "hash",
		[PERSON_QUOTA] = "quota",
		[PERSON_ENABLED] = "enabled",
		[PERSON_PROTOCOL] = "a protocol"};

	return words[column->kind];
}

enum err sql_row_read(const struct sql_columns *columns, const str *values,
	str asked, struct lookup_person *person_r, const char **wrong_r)
{
	for (size_t i = 0; i < columns->count; i++) {
		if (str_is_none(values[i]) ||
			!person_take(person_r, &columns->list[i], values[i]))
			continue;
		*wrong_r = column_word(&columns->list[i]);
		return ERR_INVALID;
	}
	*wrong_r = "name";
	return person_r->name.n ? OK : person_take_name(person_r, asked);
}
