/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "lookup/ldap_entry.h"

#define ONE(text)                                                              \
	{                                                                      \
		{STR_LIT(text)}, 1                                             \
	}

static void entries_make_persons_or_no_sense(void **state)
{
	static const struct {
		struct ldap_entry entry;
		const char *name; /* NULL: makes no sense */
		uint64_t quota;
		bool disabled;
		unsigned denied;
		const char *why;
	} rows[] = {
		{{.want_name = true, .name = ONE("bob")}, "bob", 0, false, 0,
			"one name"},
		{{.want_name = true,
			 .name = {{STR_LIT("b"), STR_LIT("BOB")}, 2}},
			"BOB", 0, false, 0, "the one asked for"},
		{{.want_name = true, .name = {{STR_LIT("b"), STR_LIT("c")}, 2}},
			NULL, 0, false, 0, "which of them?"},
		{{.want_name = true}, NULL, 0, false, 0, "none"},
		{{.want_name = false}, "bob", 0, false, 0, "as asked"},
		{{.want_name = true, .name = ONE("b\0b")}, NULL, 0, false, 0,
			"NUL"},
		{{.quota = ONE("5G")}, "bob", 5ull << 30, false, 0, "a unit"},
		{{.quota = {{STR_LIT("1"), STR_LIT("2")}, 2}}, NULL, 0, false,
			0, "which of them?"},
		{{.quota = ONE("much")}, NULL, 0, false, 0, "no number"},
		{{.disabled = ONE("TRUE")}, "bob", 0, true, 0,
			"RFC 4517 section 3.3.3"},
		{{.disabled = ONE("FALSE")}, "bob", 0, false, 0, "enabled"},
		{{.disabled = ONE("20261122Z")}, NULL, 0, false, 0, "neither"},
		{{.services = {{STR_LIT("imap"), STR_LIT("lmtp"),
				       STR_LIT("ftp"), STR_LIT("name")},
			  4}},
			"bob", 0, false,
			ACCOUNT_POP3 | ACCOUNT_SUBMISSION | ACCOUNT_JMAP |
				ACCOUNT_SIEVE,
			"what is not listed is off"},
		{{.services = ONE("ftp")}, "bob", 0, false,
			ACCOUNT_IMAP | ACCOUNT_POP3 | ACCOUNT_LMTP |
				ACCOUNT_SUBMISSION | ACCOUNT_JMAP |
				ACCOUNT_SIEVE,
			"no mail at all"},
		{{.hash = ONE("{SSHA}\x80")}, NULL, 0, false, 0, "no hash"},
		{{.hash = ONE("{CRYPT}$6$x")}, "bob", 0, false, 0, "a hash"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct lookup_person person;
		const char *wrong = NULL;
		enum err e;

		lookup_person_init(&person);
		e = ldap_entry_read(
			&rows[i].entry, STR("bob"), &person, &wrong);
		if (e != (rows[i].name ? OK : ERR_INVALID))
			fail_msg("%s", rows[i].why);
		if (!e) {
			assert_str(buf_str(&person.name), rows[i].name);
			assert_true(person.quota == rows[i].quota);
			assert_int_equal(person.disabled, rows[i].disabled);
			assert_int_equal(person.denied, rows[i].denied);
			assert_int_equal(
				person.hash.n > 0, rows[i].entry.hash.count);
		}
		lookup_person_fini(&person);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_make_persons_or_no_sense),
	};

	return cmocka_run_group_tests_name("ldap_entry", tests, NULL, NULL);
}
