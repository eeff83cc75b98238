/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/app_password.h"
#include "auth/fixture.h"

#define NOW 1000000

static uint64_t ann, bob;

static int setup_people(void **state)
{
	setup(state);
	assert_ok(add("ann", &ann));
	assert_ok(add("bob", &bob));
	return 0;
}

/* The password, in memory of its own. */
static char *make(
	uint64_t account, const char *label, unsigned scope, int64_t expires)
{
	struct app_password p = {
		.account = account, .scope = scope, .expires = expires};
	struct secret made;
	char *copy;

	snprintf(p.label, sizeof p.label, "%s", label);
	assert_ok(app_password_add(db, &p, &made));
	assert_true(p.id > 0 && p.created > 0);
	copy = xstrndup(made.p, made.n);
	secret_fini(&made);
	return copy;
}

static enum err verify_at(uint64_t account, const char *password,
	unsigned protocol, int64_t now, struct app_password *p)
{
	return app_password_verify(
		db, account, str_c(password), protocol, now, p);
}

static enum err verify(uint64_t account, const char *password)
{
	struct app_password p;

	return verify_at(account, password, ACCOUNT_IMAP, NOW, &p);
}

static void are_as_they_are_read_and_typed(void **state)
{
	char *password = make(ann, "phone", ACCOUNT_PROTOCOLS_ALL, 0);
	char *other = make(ann, "tablet", ACCOUNT_PROTOCOLS_ALL, 0);
	char typed[64];
	size_t n = 0;

	(void)state;
	assert_int_equal(strlen(password), 23);
	assert_string_not_equal(password, other);
	assert_ok(verify(ann, password));
	for (const char *c = password; *c; c++)
		if (*c != '-')
			typed[n++] = ascii_upper(*c);
	typed[n] = '\0';
	assert_ok(verify(ann, typed));
	snprintf(typed, sizeof typed, " %s ", password);
	assert_ok(verify(ann, typed));
	assert_int_equal(verify(bob, password), ERR_NOTFOUND);
	typed[1] = password[0] == 'a' ? 'b' : 'a';
	assert_int_equal(verify(ann, typed), ERR_NOTFOUND);
	free(password);
	free(other);
}

static void others_are_not_ours(void **state)
{
	static const char *const typed[] = {"", "-", "secret",
		"aaaaa-aaaaa-aaaaa-aaaaa", "aaaaa-aaaaa-aaaaa-aaaaaa",
		"aaaaa-aaaaa-aaaaa-aaaao", "aaaaa\xff"};
	char *password = make(ann, "phone", ACCOUNT_PROTOCOLS_ALL, 0);
	struct app_password p;
	char cut[24];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(typed); i++)
		assert_int_equal(verify(ann, typed[i]), ERR_NOTFOUND);
	memcpy(cut, password, sizeof cut);
	cut[22] = '\0';
	assert_int_equal(verify(ann, cut), ERR_NOTFOUND);
	/* strchr finds the end of the alphabet too */
	memcpy(cut, password, sizeof cut);
	cut[22] = '\0';
	assert_int_equal(app_password_verify(db, ann, str_of(cut, 23),
				 ACCOUNT_IMAP, NOW, &p),
		ERR_NOTFOUND);
	free(password);
}

static void scope_and_expiry_count(void **state)
{
	char *imap = make(ann, "imap", ACCOUNT_IMAP | ACCOUNT_SIEVE, 0);
	char *brief = make(ann, "brief", ACCOUNT_PROTOCOLS_ALL, NOW);
	struct app_password p;

	(void)state;
	assert_ok(verify_at(ann, imap, ACCOUNT_IMAP, NOW, &p));
	assert_string_equal(p.label, "imap");
	assert_ok(verify_at(ann, imap, ACCOUNT_SIEVE, NOW, &p));
	assert_int_equal(
		verify_at(ann, imap, ACCOUNT_POP3, NOW, &p), ERR_DENIED);
	assert_string_equal(p.label, "imap");
	assert_int_equal(verify_at(ann, imap, 0, NOW, &p), ERR_DENIED);
	assert_ok(verify_at(ann, brief, ACCOUNT_JMAP, NOW - 1, &p));
	assert_int_equal(
		verify_at(ann, brief, ACCOUNT_JMAP, NOW, &p), ERR_EXPIRED);
	free(imap);
	free(brief);
}

static void use_is_noted_to_a_minute(void **state)
{
	static const struct {
		int64_t at, noted;
		const char *why;
	} uses[] = {
		{NOW, NOW, "the first"},
		{NOW + 59, NOW, "within the minute"},
		{NOW + 60, NOW + 60, "a minute later"},
		{NOW - 5, NOW - 5, "the clock was set back"},
	};
	char *password = make(ann, "phone", ACCOUNT_PROTOCOLS_ALL, 0);
	struct app_password p;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(uses); i++) {
		assert_ok(
			verify_at(ann, password, ACCOUNT_IMAP, uses[i].at, &p));
		assert_ok(
			verify_at(ann, password, ACCOUNT_IMAP, uses[i].at, &p));
		if (p.last_used != uses[i].noted)
			fail_msg("%s", uses[i].why);
	}
	assert_int_equal(
		verify_at(ann, password, 0, NOW + 600, &p), ERR_DENIED);
	assert_int_equal(p.last_used, NOW - 5);
	free(password);
}

static void list(const struct app_password *p, void *arg)
{
	buf_addf(arg, "%s ", p->label);
}

static void assert_list(uint64_t account, const char *expected)
{
	struct buf out = BUF_UNBOUNDED;

	assert_ok(app_password_each(db, account, list, &out));
	assert_str(buf_str(&out), expected);
	buf_fini(&out);
}

static void go_alone_and_with_the_account(void **state)
{
	char *phone = make(ann, "phone", ACCOUNT_PROTOCOLS_ALL, 0);
	char *desk = make(ann, "desk \xc3\xa4", ACCOUNT_PROTOCOLS_ALL, 0);
	char *bobs = make(bob, "phone", ACCOUNT_PROTOCOLS_ALL, 0);
	uint64_t id;

	(void)state;
	assert_list(ann, "desk \xc3\xa4 phone ");
	assert_ok(app_password_remove(db, ann, STR("phone")));
	assert_int_equal(
		app_password_remove(db, ann, STR("phone")), ERR_NOTFOUND);
	assert_int_equal(verify(ann, phone), ERR_NOTFOUND);
	assert_ok(verify(ann, desk));
	assert_ok(verify(bob, bobs));
	assert_ok(accounts_remove(db, STR("ann"), &id));
	assert_list(ann, "");
	assert_int_equal(verify(ann, desk), ERR_NOTFOUND);
	assert_list(bob, "phone ");
	free(phone);
	free(desk);
	free(bobs);
}

static enum err try_add(
	uint64_t account, const char *label, unsigned scope, int64_t expires)
{
	struct app_password p = {
		.account = account, .scope = scope, .expires = expires};
	struct secret made;
	enum err e;

	snprintf(p.label, sizeof p.label, "%s", label);
	e = app_password_add(db, &p, &made);
	assert_true((e == OK) == (made.n > 0));
	secret_fini(&made);
	return e;
}

static void refusals(void **state)
{
	char label[APP_PASSWORD_LABEL_MAX + 1];

	(void)state;
	assert_ok(try_add(ann, "phone", 1, 0));
	assert_int_equal(try_add(ann, "phone", 1, 0), ERR_EXISTS);
	assert_int_equal(try_add(99, "phone", 1, 0), ERR_NOTFOUND);
	assert_int_equal(try_add(ann, "", 1, 0), ERR_INVALID);
	assert_int_equal(try_add(ann, "a\nb", 1, 0), ERR_INVALID);
	assert_int_equal(try_add(ann, "\xff", 1, 0), ERR_INVALID);
	assert_int_equal(try_add(ann, "none", 0, 0), ERR_INVALID);
	assert_int_equal(try_add(ann, "past", 1, -1), ERR_INVALID);
	memset(label, 'x', sizeof label - 1);
	label[sizeof label - 1] = '\0';
	assert_ok(try_add(ann, label, 1, 0));
	for (int i = 2; i < APP_PASSWORDS_MAX; i++) {
		snprintf(label, sizeof label, "%d", i);
		assert_ok(try_add(ann, label, 1, 0));
	}
	assert_int_equal(try_add(ann, "one more", 1, 0), ERR_LIMIT);
	assert_ok(try_add(bob, "phone", 1, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup_people, teardown)
		T(are_as_they_are_read_and_typed),
		T(others_are_not_ours),
		T(scope_and_expiry_count),
		T(use_is_noted_to_a_minute),
		T(go_alone_and_with_the_account),
		T(refusals),
#undef T
	};

	return cmocka_run_group_tests_name("app_password", tests, NULL, NULL);
}
