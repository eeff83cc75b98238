/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup/person.h"
#include "auth/text.h"
#include "base/alloc.h"

static const struct {
	const char *name;
	struct person_column column;
} columns[] = {{"name", {PERSON_NAME, 0}}, {"hash", {PERSON_HASH, 0}},
	{"password", {PERSON_HASH, 0}}, {"quota", {PERSON_QUOTA, 0}},
	{"enabled", {PERSON_ENABLED, 0}},
#define X(symbol, name, bit) {name, {PERSON_PROTOCOL, ACCOUNT_##symbol}},
	ACCOUNT_PROTOCOL_TABLE(X)
#undef X
};

enum err person_column_parse(str name, struct person_column *column_r)
{
	for (size_t i = 0; i < COUNT_OF(columns); i++) {
		if (!str_eq_c(name, columns[i].name))
			continue;
		*column_r = columns[i].column;
		return OK;
	}
	return ERR_UNSUPPORTED;
}

void person_column_list(struct buf *out)
{
	for (size_t i = 0; i < COUNT_OF(columns); i++)
		buf_addf(out, "%s%s", i ? ", " : "", columns[i].name);
}

enum err person_take_name(struct lookup_person *person, str name)
{
	if (name.n == 0 || name.n > LOOKUP_NAME_MAX || !text_is_printable(name))
		return ERR_INVALID;
	buf_reset(&person->name);
	buf_add(&person->name, name);
	return OK;
}

enum err person_take_hash(struct lookup_person *person, str hash)
{
	if (hash.n > LOOKUP_HASH_MAX)
		return ERR_INVALID;
	for (size_t i = 0; i < hash.n; i++)
		if (hash.p[i] < ' ' || hash.p[i] > '~')
			return ERR_INVALID;
	buf_reset(&person->hash);
	buf_add(&person->hash, hash);
	return OK;
}

static const struct {
	const char *name;
	uint64_t factor;
} units[] = {
	{"b", 1},
	{"k", 1ull << 10},
	{"kb", 1ull << 10},
	{"m", 1ull << 20},
	{"mb", 1ull << 20},
	{"g", 1ull << 30},
	{"gb", 1ull << 30},
	{"t", 1ull << 40},
	{"tb", 1ull << 40},
};

static uint64_t unit_factor(str unit, uint64_t default_unit)
{
	if (unit.n == 0)
		return default_unit;
	for (size_t i = 0; i < COUNT_OF(units); i++)
		if (str_ieq_c(unit, units[i].name))
			return units[i].factor;
	return 0;
}

enum err person_take_quota(
	struct lookup_person *person, str text, uint64_t default_unit)
{
	size_t digits = 0;
	uint64_t number, factor;

	text = str_trim(text);
	while (digits < text.n && ascii_is_digit(text.p[digits]))
		digits++;
	factor = unit_factor(str_trim(str_skip(text, digits)), default_unit);
	if (!digits || !factor ||
		str_to_u64(str_take(text, digits), INT64_MAX / factor, &number))
		return ERR_INVALID;
	person->has_quota = true;
	person->quota = number * factor;
	return OK;
}

enum err person_read_bool(str text, bool *value_r)
{
	static const char *const words[][2] = {{"t", "f"}, {"true", "false"},
		{"1", "0"}, {"yes", "no"}, {"y", "n"}, {"on", "off"}};

	for (size_t i = 0; i < COUNT_OF(words); i++)
		for (size_t k = 0; k < 2; k++)
			if (str_ieq_c(text, words[i][k])) {
				*value_r = k == 0;
				return OK;
			}
	return ERR_INVALID;
}

enum err person_take(struct lookup_person *person,
	const struct person_column *column, str value)
{
	bool on = true;
	enum err e;

	switch (column->kind) {
	case PERSON_NAME:
		return person_take_name(person, value);
	case PERSON_HASH:
		return person_take_hash(person, value);
	case PERSON_QUOTA:
		return person_take_quota(person, value, 1);
	case PERSON_ENABLED:
		e = person_read_bool(value, &on);
		person->disabled |= !on;
		return e;
	case PERSON_PROTOCOL:
		e = person_read_bool(value, &on);
		person->denied |= on ? 0 : column->protocol;
		return e;
	}
	return ERR_INVALID;
}
