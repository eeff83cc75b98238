/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/login_cache.h"
#include "base/test.h"

#define MINUTE 60000

static struct login_cache_key key(
	uint64_t account, const char *against, const char *password)
{
	return (struct login_cache_key){
		account, str_c(against), str_c(password)};
}

static void test_only_the_same(void **unused)
{
	static const struct {
		uint64_t account;
		const char *against, *password;
		bool has;
		const char *why;
	} rows[] = {
		{7, "$y$hash", "secret", true, "as it was"},
		{7, "$y$hash", "Secret", false, "another password"},
		{7, "$y$other", "secret", false, "the hash has changed"},
		{8, "$y$hash", "secret", false, "another account"},
		{7, "$y$hashs", "ecret", false, "the boundary counts"},
		{7, "", "$y$hashsecret", false, "nothing before it"},
	};
	struct login_cache *c = login_cache_new();
	struct login_cache_key k = key(7, "$y$hash", "secret");

	(void)unused;
	assert_false(login_cache_has(c, &k, 1000));
	login_cache_add(c, &k, 1000, MINUTE);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		k = key(rows[i].account, rows[i].against, rows[i].password);
		if (login_cache_has(c, &k, 1000) != rows[i].has)
			fail_msg("row %zu: %s", i, rows[i].why);
	}
	login_cache_free(c);
}

static void test_ends(void **unused)
{
	struct login_cache *c = login_cache_new();
	struct login_cache_key k = key(7, "h", "p"), other = key(8, "h", "p");

	(void)unused;
	login_cache_add(c, &k, 1000, MINUTE);
	assert_true(login_cache_has(c, &k, 1000 + MINUTE - 1));
	assert_false(login_cache_has(c, &k, 1000 + MINUTE));
	login_cache_add(c, &k, 1000, 0); /* switched off */
	login_cache_add(c, &k, 5000, MINUTE);
	assert_true(login_cache_has(c, &k, 1000 + MINUTE));
	login_cache_add(c, &other, 5000, MINUTE);
	login_cache_forget(c, 7);
	assert_false(login_cache_has(c, &k, 5000));
	assert_true(login_cache_has(c, &other, 5000));
	login_cache_forget(c, 0);
	assert_false(login_cache_has(c, &other, 5000));
	login_cache_free(c);
}

/* More than it holds: the newest stay, whoever fills it. */
static void test_bounded(void **unused)
{
	struct login_cache *c = login_cache_new();
	struct login_cache_key k;
	char password[32];

	(void)unused;
	for (unsigned i = 0; i < 3 * LOGIN_CACHE_ENTRIES; i++) {
		snprintf(password, sizeof password, "p%u", i);
		k = key(1 + i, "h", password);
		login_cache_add(c, &k, i, MINUTE);
		assert_true(login_cache_has(c, &k, i));
	}
	k = key(1, "h", "p0");
	assert_false(login_cache_has(c, &k, 0));
	login_cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_same),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests_name("login_cache", tests, NULL, NULL);
}
