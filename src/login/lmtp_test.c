/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "login/login.h"

static const struct login_settings settings = {.failures_max = 5};

static void asks_at_once(void **state)
{
	struct handover h = {0};
	struct login l;
	struct buf out = BUF_UNBOUNDED;

	(void)state;
	login_init(&l, &login_lmtp, &settings, false);
	login_greet(&l, &out);
	assert_int_equal(login_go_on(&l, &out), LOGIN_AUTH);
	assert_string_equal(l.mechanism, "");
	assert_str(login_response(&l), "");
	login_hand_over(&l, &h);
	assert_str(h.protocol, "lmtp");
	assert_str(h.leftover, "");
	/* Mail greets. */
	assert_int_equal(out.n, 0);
	buf_fini(&out);
	login_fini(&l);
}

static void refusals(void **state)
{
	static const struct {
		enum err e;
		const char *line;
	} rows[] = {
		{ERR_DENIED, "421 4.7.0 Your address may not deliver here\r\n"},
		{ERR_UNAVAILABLE, "421 4.3.2 Cannot be served now\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct login l;
		struct buf out = BUF_UNBOUNDED;

		login_init(&l, &login_lmtp, &settings, false);
		assert_int_equal(login_go_on(&l, &out), LOGIN_AUTH);
		assert_int_equal(login_fail(&l, rows[i].e, STR("reason"), &out),
			LOGIN_CLOSE);
		assert_str(buf_str(&out), rows[i].line);
		assert_non_null(l.end);
		buf_fini(&out);
		login_fini(&l);
	}
}

static void last_words(void **state)
{
	static const struct {
		enum login_bye why;
		const char *line;
	} rows[] = {
		{LOGIN_BYE_SHUTDOWN,
			"421 4.3.2 The server is shutting down\r\n"},
		{LOGIN_BYE_SLOW, "421 4.3.2 Cannot be served now\r\n"},
		{LOGIN_BYE_TOO_MANY, "421 4.3.2 Too many connections\r\n"},
		{LOGIN_BYE_TOO_MANY_OF_PEER,
			"421 4.3.2 Too many connections\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct login l;
		struct buf out = BUF_UNBOUNDED;

		login_init(&l, &login_lmtp, &settings, false);
		login_bye(&l, rows[i].why, &out);
		assert_str(buf_str(&out), rows[i].line);
		buf_fini(&out);
		login_fini(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_at_once),
		cmocka_unit_test(refusals),
		cmocka_unit_test(last_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
