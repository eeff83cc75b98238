/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "auth/throttle.h"

static struct throttle *t;
static uint64_t now;

static int setup(void **state)
{
	(void)state;
	t = throttle_new();
	now = 1000000;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	throttle_free(t);
	return 0;
}

static struct throttle_who who(uint64_t address, const char *account)
{
	return (struct throttle_who){address, str_c(account)};
}

/* How long an attempt would wait; UINT64_MAX when it is refused. */
static uint64_t wait_of(uint64_t address, const char *account)
{
	struct throttle_who w = who(address, account);
	uint64_t at;

	if (!throttle_reserve(t, &w, now, &at))
		return UINT64_MAX;
	return at - now;
}

/* One after the other, each as soon as it may. Gives the time it took. */
static uint64_t guess(uint64_t address, const char *account, int times)
{
	uint64_t start = now;

	for (int i = 0; i < times; i++) {
		struct throttle_who w = who(address, account);
		uint64_t at;

		if (!throttle_reserve(t, &w, now, &at))
			break;
		now = at;
		throttle_failed(t, &w, now);
	}
	return now - start;
}

static void few_failures_are_free(void **state)
{
	(void)state;
	assert_int_equal(guess(1, "ann", THROTTLE_FREE_ACCOUNT), 0);
	assert_int_equal(wait_of(1, "ann"), THROTTLE_GAP_FIRST_MS);
	assert_int_equal(wait_of(1, "bob"), 0);
	assert_int_equal(wait_of(2, "bob"), 0);
}

static void gap_doubles_up_to_its_most(void **state)
{
	uint64_t took;

	(void)state;
	guess(1, "ann", 20);
	took = guess(1, "ann", 100);
	assert_int_equal(took, 100 * THROTTLE_GAP_MAX_MS);
}

static void many_addresses_do_not_help_against_one_account(void **state)
{
	uint64_t start = now;

	(void)state;
	for (uint64_t address = 1; address <= 100; address++)
		guess(address, "ann", 1);
	assert_true(now - start > 80 * THROTTLE_GAP_MAX_MS);
}

static void many_accounts_do_not_help_from_one_address(void **state)
{
	uint64_t start = now;

	(void)state;
	for (int i = 0; i < 100; i++) {
		char name[16];

		snprintf(name, sizeof name, "user%d", i);
		guess(1, name, 1);
	}
	assert_true(now - start > 80 * THROTTLE_GAP_MAX_MS);
	assert_int_equal(wait_of(2, "user5"), 0);
}

static void attempts_at_once_queue_up(void **state)
{
	int admitted = 0;

	(void)state;
	guess(1, "ann", 20);
	for (int i = 0; i < 1000; i++) {
		uint64_t wait = wait_of(1, "ann");

		if (wait == UINT64_MAX)
			continue;
		assert_true(wait >= (uint64_t)admitted * THROTTLE_GAP_MAX_MS);
		admitted++;
	}
	assert_int_equal(admitted, THROTTLE_QUEUE_MAX_MS / THROTTLE_GAP_MAX_MS);
}

static void free_until_the_failures_are_spent(void **state)
{
	struct throttle_who ann = who(1, "ann"), bob = who(2, "ann"),
			    other = who(2, "bob");

	(void)state;
	throttle_passed(t, &ann, now);
	assert_true(throttle_is_free(t, &bob, now));
	for (int i = 0; i < THROTTLE_FREE_ACCOUNT; i++)
		throttle_failed(t, &bob, now);
	assert_false(throttle_is_free(t, &bob, now));
	assert_true(throttle_is_free(t, &other, now));
	assert_true(throttle_is_free(t, &ann, now)); /* known there */
	assert_true(throttle_is_trusted(t, &ann, now));
	assert_false(throttle_is_trusted(t, &bob, now));
	assert_true(throttle_is_free(t, &bob, now + THROTTLE_FORGIVE_MS));
}

/* A token names nobody until it was looked at. */
static void without_account_only_the_address_counts(void **state)
{
	struct throttle_who nobody = who(1, "");

	(void)state;
	for (int i = 0; i < THROTTLE_FREE_ADDRESS; i++)
		throttle_failed(t, &nobody, now);
	assert_true(wait_of(1, "") > 0);
	assert_true(wait_of(1, "ann") > 0);
	assert_int_equal(wait_of(2, ""), 0);
	throttle_passed(t, &nobody, now);
	assert_false(throttle_is_trusted(t, &nobody, now));
}

static void nobody_is_locked_out(void **state)
{
	struct throttle_who ann = who(7, "ann");

	(void)state;
	throttle_passed(t, &ann, now);
	for (uint64_t address = 100; address < 200; address++)
		guess(address, "ann", 3);
	assert_int_equal(wait_of(7, "ann"), 0);
	assert_true(wait_of(8, "ann") > 0);
	now += THROTTLE_TRUST_MS;
	guess(300, "ann", 20);
	assert_true(wait_of(7, "ann") > 0);
}

static void right_password_forgives_the_account(void **state)
{
	struct throttle_who ann = who(1, "ann");

	(void)state;
	guess(2, "ann", 6);
	assert_true(wait_of(1, "ann") > 0);
	throttle_passed(t, &ann, now);
	assert_int_equal(wait_of(3, "ann"), 0);
}

/* Logging in to one's own account between guesses at others. */
static void right_password_does_not_clear_the_address(void **state)
{
	struct throttle_who own = who(1, "mallory");
	uint64_t start = now;

	(void)state;
	for (int i = 0; i < 200; i++) {
		char name[16];

		snprintf(name, sizeof name, "user%d", i);
		guess(1, name, 1);
		if (i % 20 == 19)
			throttle_passed(t, &own, now);
	}
	assert_true(now - start > 50 * THROTTLE_GAP_MAX_MS);
}

static void without_address_only_the_account_counts(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		char name[16];

		snprintf(name, sizeof name, "user%d", i);
		assert_int_equal(guess(THROTTLE_NO_ADDRESS, name, 1), 0);
	}
	assert_true(guess(THROTTLE_NO_ADDRESS, "ann", 20) > 0);
}

/* Behind one address there are many; that ann came from it says nothing of who
 * comes next. */
static void without_address_nobody_is_trusted(void **state)
{
	struct throttle_who ann = who(THROTTLE_NO_ADDRESS, "ann");

	(void)state;
	throttle_passed(t, &ann, now);
	assert_true(guess(THROTTLE_NO_ADDRESS, "ann", 20) > 0);
}

/* The same, more often: what one login of one's own forgives is no more than
 * waiting would give. */
static void own_account_does_not_pay_for_guesses(void **state)
{
	struct throttle_who own = who(1, "mallory");
	uint64_t start = now;

	(void)state;
	for (int i = 0; i < 200; i++) {
		char name[16];

		snprintf(name, sizeof name, "user%d", i);
		guess(1, name, 1);
		if (i % 4 == 3)
			throttle_passed(t, &own, now);
	}
	assert_true(now - start > 50 * THROTTLE_GAP_MAX_MS / 2);
}

static void quiet_forgives(void **state)
{
	(void)state;
	guess(1, "ann", 20);
	now += THROTTLE_FORGIVE_MS;
	assert_int_equal(wait_of(1, "ann"), 0);
	assert_int_equal(guess(1, "ann", THROTTLE_FREE_ACCOUNT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(few_failures_are_free),
		T(gap_doubles_up_to_its_most),
		T(many_addresses_do_not_help_against_one_account),
		T(many_accounts_do_not_help_from_one_address),
		T(attempts_at_once_queue_up),
		T(free_until_the_failures_are_spent),
		T(without_account_only_the_address_counts),
		T(nobody_is_locked_out),
		T(right_password_forgives_the_account),
		T(right_password_does_not_clear_the_address),
		T(without_address_only_the_account_counts),
		T(without_address_nobody_is_trusted),
		T(own_account_does_not_pay_for_guesses),
		T(quiet_forgives),
#undef T
	};

	return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
