/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "lookup/passwd_line.h"

static void lines_make_persons(void **state)
{
	static const struct {
		str line;
		enum err err;
		const char *name, *hash;
		uint64_t quota;
		bool disabled;
		const char *why;
	} rows[] = {
		{STR_LIT("bob:{PLAIN}x:1000:1000:Bob:/home/bob:/bin/sh:"), OK,
			"bob", "{PLAIN}x", 0, false, "as passwd(5), and more"},
		{STR_LIT("bob:$6$a$b"), OK, "bob", "$6$a$b", 0, false,
			"fields missing at the end"},
		{STR_LIT("bob:"), OK, "bob", "", 0, false, "nobody's password"},
		{STR_LIT("bob::::::::userdb_quota_rule=*:storage=1G"), OK,
			"bob", "", 0, false, "a colon more is no extra field"},
		{STR_LIT("bob:::::::userdb_quota_rule=*:storage=1G"), OK, "bob",
			"", 1ull << 30, false, "quota"},
		{STR_LIT("bob:::::::userdb_quota_rule=*:storage=100"), OK,
			"bob", "", 102400, false, "KiB without a unit"},
		{STR_LIT("bob:::::::userdb_quota_rule=*:bytes=100 nologin"), OK,
			"bob", "", 100, true, "bytes, and another field"},
		{STR_LIT("bob:::::::userdb_quota_rule=Trash:storage=+100M"), OK,
			"bob", "", 0, false, "of another mailbox"},
		{STR_LIT("bob:::::::userdb_quota_rule=*:storage=x"),
			ERR_INVALID, "bob", "", 0, false, "no number"},
		{STR_LIT("bob:::::::nologin=n userdb_mail=x"), OK, "bob", "", 0,
			false, "switched off; unknown ones"},
		{STR_LIT("bob:::::::nologin=y"), OK, "bob", "", 0, true,
			"switched on"},
		{STR_LIT("# a comment"), ERR_NOTFOUND, "", "", 0, false, ""},
		{STR_LIT(""), ERR_NOTFOUND, "", "", 0, false, ""},
		{STR_LIT("bob"), ERR_INVALID, "bob", "", 0, false, "no colon"},
		{STR_LIT(":x"), ERR_INVALID, "", "", 0, false, "no name"},
		{STR_LIT("bob\0:x"), ERR_INVALID, "", "", 0, false, "NUL"},
		{STR_LIT("bob:\x80"), ERR_INVALID, "bob", "", 0, false,
			"no hash has that"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct lookup_person person;
		struct passwd_line line;
		const char *why = NULL;
		enum err e;

		lookup_person_init(&person);
		e = passwd_line_parse(rows[i].line, &line, &why);
		if (!e)
			e = passwd_line_read(&line, &person, &why);
		if (e != rows[i].err)
			fail_msg(
				"%.*s: %s", STR_ARG(rows[i].line), rows[i].why);
		if (e == ERR_INVALID)
			assert_non_null(why);
		if (!e) {
			assert_str(line.name, rows[i].name);
			assert_str(buf_str(&person.hash), rows[i].hash);
			assert_true(person.quota == rows[i].quota);
			assert_int_equal(person.disabled, rows[i].disabled);
		}
		lookup_person_fini(&person);
	}
}

static void networks_bound_logins(void **state)
{
	static const struct {
		const char *extra, *host;
		bool allowed;
	} rows[] = {
		{"", "192.0.2.1", true},
		{"allow_nets=192.0.2.0/24", "192.0.2.1", true},
		{"allow_nets=192.0.2.0/24", "192.0.3.1", false},
		{"allow_nets=192.0.2.0/23", "192.0.3.1", true},
		{"allow_nets=192.0.2.1", "192.0.2.1", true},
		{"allow_nets=192.0.2.1", "192.0.2.2", false},
		{"allow_nets=10.0.0.0/8,2001:db8::/32", "2001:db8:1::1", true},
		{"allow_nets=10.0.0.0/8,2001:db8::/32", "2001:db9:1::1", false},
		{"allow_nets=0.0.0.0/0", "2001:db9:1::1", false},
		{"allow_nets=::/0", "2001:db9:1::1", true},
		{"allow_nets=0.0.0.0/0", "", false},
		{"allow_nets=", "192.0.2.1", false},
		{"allow_nets=192.0.2.0/33", "192.0.2.1", false},
		{"allow_nets=192.0.2.0/", "192.0.2.1", false},
		{"nologin allow_nets=10.0.0.0/8", "192.0.2.1", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct passwd_line line = {.extra = str_c(rows[i].extra)};

		if (passwd_line_allows(&line, str_c(rows[i].host)) !=
			rows[i].allowed)
			fail_msg("%s %s", rows[i].extra, rows[i].host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_make_persons),
		cmocka_unit_test(networks_bound_logins),
	};

	return cmocka_run_group_tests_name("passwd_line", tests, NULL, NULL);
}
