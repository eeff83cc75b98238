/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "lookup/sql_row.h"

static void columns_are_known_once(void **state)
{
	struct sql_columns columns = {0};

	(void)state;
	assert_ok(sql_columns_add(&columns, STR("name")));
	assert_ok(sql_columns_add(&columns, STR("password")));
	assert_ok(sql_columns_add(&columns, STR("imap")));
	assert_ok(sql_columns_add(&columns, STR("pop3")));
	assert_int_equal(sql_columns_add(&columns, STR("hash")), ERR_EXISTS);
	assert_int_equal(sql_columns_add(&columns, STR("imap")), ERR_EXISTS);
	assert_int_equal(
		sql_columns_add(&columns, STR("uid")), ERR_UNSUPPORTED);
	assert_int_equal(sql_columns_add(&columns, STR("")), ERR_UNSUPPORTED);
}

#define LONG_300                                                               \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void rows_make_persons_or_no_sense(void **state)
{
	static const struct {
		const char *column;
		str value;
		enum err err;
		const char *name; /* the person's */
		const char *why;
	} rows[] = {
		{"name", STR_LIT("Bob"), OK, "Bob", "as the source writes it"},
		{"name", STR_LIT(""), ERR_INVALID, "", "nobody"},
		{"name", STR_LIT("a\0b"), ERR_INVALID, "", "NUL"},
		{"name", STR_LIT("a\nb"), ERR_INVALID, "", "control"},
		{"name", STR_LIT("\xff"), ERR_INVALID, "", "not UTF-8"},
		{"name", STR_LIT(LONG_300), ERR_INVALID, "", "too long"},
		{"hash", STR_LIT("{BLF-CRYPT}$2y$05$x"), OK, "asked", "a hash"},
		{"hash", STR_LIT(""), OK, "asked", "nobody's password"},
		{"hash", STR_LIT(LONG_300 LONG_300), ERR_INVALID, "asked",
			"too long"},
		{"hash", STR_LIT("$6$\n"), ERR_INVALID, "asked",
			"a line break"},
		{"quota", STR_LIT("1048576"), OK, "asked", "bytes"},
		{"quota", STR_LIT("1024 KB"), OK, "asked", "a unit"},
		{"quota", STR_LIT("1m"), OK, "asked", "a unit"},
		{"quota", STR_LIT("-1"), ERR_INVALID, "asked", "negative"},
		{"quota", STR_LIT("1e9"), ERR_INVALID, "asked", "a real"},
		{"quota", STR_LIT("99999999999t"), ERR_INVALID, "asked",
			"would overflow"},
		{"quota", STR_LIT(""), ERR_INVALID, "asked", "empty"},
		{"enabled", STR_LIT("t"), OK, "asked", "PostgreSQL's boolean"},
		{"enabled", STR_LIT("1"), OK, "asked", "an integer"},
		{"enabled", STR_LIT("2"), ERR_INVALID, "asked", "neither"},
		{"pop3", STR_LIT("maybe"), ERR_INVALID, "asked", "neither"},
		{"hash", {NULL, 0}, OK, "asked", "NULL says nothing"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sql_columns columns = {0};
		struct lookup_person person;
		const char *wrong = "";
		enum err e;

		lookup_person_init(&person);
		assert_ok(sql_columns_add(&columns, str_c(rows[i].column)));
		e = sql_row_read(&columns, &rows[i].value, STR("asked"),
			&person, &wrong);
		if (e != rows[i].err)
			fail_msg("%s", rows[i].why);
		if (!e)
			assert_str(buf_str(&person.name), rows[i].name);
		else
			assert_string_equal(
				wrong, str_eq_c(STR("pop3"), rows[i].column)
					       ? "a protocol"
					       : rows[i].column);
		if (!e && strcmp(rows[i].column, "quota") == 0)
			assert_true(
				person.has_quota && person.quota == 1048576);
		lookup_person_fini(&person);
	}
}

static void switches_add_up(void **state)
{
	static const char *const names[] = {"enabled", "imap", "pop3", "lmtp"};
	const str values[] = {STR("f"), STR("t"), STR("f"), STR("no")};
	struct sql_columns columns = {0};
	struct lookup_person person;
	const char *wrong;

	(void)state;
	lookup_person_init(&person);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_ok(sql_columns_add(&columns, str_c(names[i])));
	assert_ok(sql_row_read(&columns, values, STR("a"), &person, &wrong));
	assert_true(person.disabled);
	assert_int_equal(person.denied, ACCOUNT_POP3 | ACCOUNT_LMTP);
	assert_false(person.has_quota);
	lookup_person_fini(&person);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_known_once),
		cmocka_unit_test(rows_make_persons_or_no_sense),
		cmocka_unit_test(switches_add_up),
	};

	return cmocka_run_group_tests_name("sql_row", tests, NULL, NULL);
}
