/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mechanism.h"
#include "base/test.h"

static void test_find(void **state)
{
	(void)state;
	assert_ptr_equal(mechanism_find(STR("scram-sha-256")), &mechanisms[2]);
	assert_int_equal(mechanism_find(STR("PLAIN"))->bit, MECHANISM_PLAIN);
	assert_null(mechanism_find(STR("PLAI")));
	assert_null(mechanism_find(STR("")));
}

static void test_usable(void **state)
{
	static const struct {
		struct mechanism_view view;
		unsigned usable;
		const char *why;
	} rows[] = {
		{{.offered = 0, .tls = true}, 0, "nothing is offered"},
		{{.offered = MECHANISM_PLAIN}, 0, "shows the password"},
		{{.offered = MECHANISM_PLAIN, .plaintext = true},
			MECHANISM_PLAIN, "allowed by the setting"},
		{{.offered = MECHANISM_PLAIN, .tls = true}, MECHANISM_PLAIN,
			"nobody listens"},
		{{.offered = MECHANISM_SCRAM_SHA_1 |
			     MECHANISM_SCRAM_SHA_1_PLUS},
			MECHANISM_SCRAM_SHA_1, "nothing to bind to"},
		{{.offered = MECHANISM_SCRAM_SHA_1_PLUS, .tls = true},
			MECHANISM_SCRAM_SHA_1_PLUS, "TLS to bind to"},
		{{.offered = MECHANISM_APOP, .tls = true}, 0, "in no list"},
		{{.offered = MECHANISM_EXTERNAL, .tls = true}, 0,
			"no certificate"},
		{{.offered = MECHANISM_EXTERNAL,
			 .tls = true,
			 .has_certificate = true},
			MECHANISM_EXTERNAL, "a certificate"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (mechanisms_usable(&rows[i].view) != rows[i].usable)
			fail_msg("%s", rows[i].why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_usable),
	};

	return cmocka_run_group_tests_name("mechanism", tests, NULL, NULL);
}
