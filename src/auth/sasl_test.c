/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "auth/sasl.h"

static void start(struct sasl *s, const char *mechanism)
{
	static const struct sasl_facts facts;

	sasl_init(s, mechanism_find(str_c(mechanism)), &facts);
}

static void plain(void **state)
{
	static const struct {
		str message;
		enum sasl_step step;
		const char *authzid, *authcid, *password, *why;
	} rows[] = {
		/* RFC 4616 section 4 */
		{STR_LIT("\0tim\0tanstaaftanstaaf"), SASL_VERIFY, "", "tim",
			"tanstaaftanstaaf", "first example"},
		{STR_LIT("Ursel\0Kurt\0xipj3plmq"), SASL_VERIFY, "Ursel",
			"Kurt", "xipj3plmq", "second example"},
		{STR_LIT("\0\xc3\xa4\0\xe2\x82\xac"), SASL_VERIFY, "",
			"\xc3\xa4", "\xe2\x82\xac", "UTF-8"},
		{STR_LIT("\0tim\0 "), SASL_VERIFY, "", "tim", " ", "a space"},
		{STR_LIT(""), SASL_MALFORMED, 0, 0, 0, "empty"},
		{STR_LIT("\0"), SASL_MALFORMED, 0, 0, 0, "one NUL"},
		{STR_LIT("\0\0"), SASL_MALFORMED, 0, 0, 0, "nothing but NULs"},
		{STR_LIT("\0tim"), SASL_MALFORMED, 0, 0, 0, "no password part"},
		{STR_LIT("\0tim\0"), SASL_MALFORMED, 0, 0, 0, "no password"},
		{STR_LIT("\0\0secret"), SASL_MALFORMED, 0, 0, 0, "no name"},
		{STR_LIT("\0tim\0a\0b"), SASL_MALFORMED, 0, 0, 0,
			"NUL in the password"},
		{STR_LIT("\0tim\0ab\0"), SASL_MALFORMED, 0, 0, 0,
			"NUL after the password"},
		{STR_LIT("tim secret"), SASL_MALFORMED, 0, 0, 0, "no NUL"},
		{STR_LIT("\0t\xfcm\0secret"), SASL_MALFORMED, 0, 0, 0,
			"Latin-1 name"},
		{STR_LIT("\0tim\0\xed\xa0\x80"), SASL_MALFORMED, 0, 0, 0,
			"a surrogate"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf challenge = BUF_UNBOUNDED;
		struct sasl s;
		enum sasl_step step;

		start(&s, "PLAIN");
		step = sasl_step(&s, rows[i].message, &challenge);
		if (step != rows[i].step)
			print_error("%s\n", rows[i].why);
		assert_int_equal(step, rows[i].step);
		if (step == SASL_VERIFY) {
			assert_str(buf_str(&s.authzid), rows[i].authzid);
			assert_str(buf_str(&s.authcid), rows[i].authcid);
			assert_string_equal(s.password.p, rows[i].password);
		}
		sasl_fini(&s);
		buf_fini(&challenge);
	}
}

static void plain_lengths(void **state)
{
	static const struct {
		size_t authzid, authcid, password;
		enum sasl_step step;
	} rows[] = {
		{255, 255, 255, SASL_VERIFY},
		{256, 255, 255, SASL_MALFORMED},
		{255, 256, 255, SASL_MALFORMED},
		{0, 1, 511, SASL_VERIFY},
		{0, 1, 512, SASL_MALFORMED},
		{0, 1, SASL_RESPONSE_MAX, SASL_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf m = BUF_UNBOUNDED, challenge = BUF_UNBOUNDED;
		size_t parts[3] = {
			rows[i].authzid, rows[i].authcid, rows[i].password};
		struct sasl s;

		for (int part = 0; part < 3; part++) {
			if (part)
				buf_add_byte(&m, '\0');
			for (size_t j = 0; j < parts[part]; j++)
				buf_add_byte(&m, 'x');
		}
		start(&s, "PLAIN");
		assert_int_equal(
			sasl_step(&s, buf_str(&m), &challenge), rows[i].step);
		sasl_fini(&s);
		buf_fini(&m);
		buf_fini(&challenge);
	}
}

static void plain_without_initial_response(void **state)
{
	struct buf challenge = BUF_UNBOUNDED;
	struct sasl s;

	(void)state;
	buf_add_c(&challenge, "old");
	start(&s, "PLAIN");
	assert_int_equal(sasl_step(&s, str_none(), &challenge), SASL_CHALLENGE);
	assert_int_equal(challenge.n, 0);
	assert_int_equal(
		sasl_step(&s, STR("\0tim\0x"), &challenge), SASL_VERIFY);
	sasl_fini(&s);
	start(&s, "PLAIN");
	assert_int_equal(sasl_step(&s, str_none(), &challenge), SASL_CHALLENGE);
	assert_int_equal(sasl_step(&s, str_none(), &challenge), SASL_MALFORMED);
	sasl_fini(&s);
	buf_fini(&challenge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(plain_lengths),
		cmocka_unit_test(plain_without_initial_response),
	};

	return cmocka_run_group_tests_name("sasl", tests, NULL, NULL);
}
