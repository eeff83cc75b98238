/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "auth/sasl.h"

#include <stdlib.h>

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

/* -------- the others -------- */

struct exchange {
	const char *mechanism;
	str responses[3];    /* up to the first that is none */
	enum sasl_step step; /* of the last */
	const char *authcid, *authzid, *secret; /* unless malformed */
	const char *why;
};

static void run(const struct exchange *x)
{
	static const struct sasl_facts facts = {
		.certificate = STR_LIT("ann@example.org")};
	struct buf challenge = BUF_UNBOUNDED;
	enum sasl_step step = SASL_CHALLENGE;
	struct sasl s;

	sasl_init(&s, mechanism_find(str_c(x->mechanism)), &facts);
	for (int i = 0; i < 3 && !str_is_none(x->responses[i]); i++) {
		assert_int_equal(step, SASL_CHALLENGE);
		step = sasl_step(&s, x->responses[i], &challenge);
	}
	if (step != x->step)
		fail_msg("%s: %s: %s", x->mechanism, x->why, s.reason);
	assert_int_equal(step == SASL_MALFORMED, *s.reason != '\0');
	if (step != SASL_MALFORMED) {
		struct secret *secret =
			step == SASL_TOKEN ? &s.token : &s.password;

		assert_str(buf_str(&s.authcid), x->authcid);
		assert_str(buf_str(&s.authzid), x->authzid);
		if (x->secret)
			assert_string_equal(secret->p, x->secret);
		/* it is over */
		assert_int_equal(
			sasl_step(&s, STR("x"), &challenge), SASL_MALFORMED);
	}
	sasl_fini(&s);
	buf_fini(&challenge);
}

#define ONE(r)                                                                 \
	{                                                                      \
		STR_LIT(r)                                                     \
	}
#define NONE NULL, NULL, NULL

static void login(void **state)
{
	static const struct exchange rows[] = {
		{"LOGIN", {STR_LIT("tim"), STR_LIT("secret")}, SASL_VERIFY,
			"tim", "", "secret", "name at once"},
		{"LOGIN", {STR_LIT("")}, SASL_MALFORMED, NONE, "no name"},
		{"LOGIN", {STR_LIT("tim"), STR_LIT("")}, SASL_MALFORMED, NONE,
			"no password"},
		{"LOGIN", {STR_LIT("t\0m")}, SASL_MALFORMED, NONE, "NUL"},
		{"LOGIN", {STR_LIT("tim"), STR_LIT("a\0")}, SASL_MALFORMED,
			NONE, "NUL in the password"},
		{"LOGIN", {STR_LIT("t\xfcm")}, SASL_MALFORMED, NONE, "Latin-1"},
	};
	struct buf challenge = BUF_UNBOUNDED;
	struct sasl s;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		run(&rows[i]);
	start(&s, "LOGIN");
	assert_int_equal(sasl_step(&s, str_none(), &challenge), SASL_CHALLENGE);
	assert_str(buf_str(&challenge), "Username:");
	assert_int_equal(sasl_step(&s, STR("tim"), &challenge), SASL_CHALLENGE);
	assert_str(buf_str(&challenge), "Password:");
	assert_int_equal(sasl_step(&s, STR("secret"), &challenge), SASL_VERIFY);
	assert_str(buf_str(&s.authcid), "tim");
	sasl_fini(&s);
	buf_fini(&challenge);
}

static void external(void **state)
{
	static const struct exchange rows[] = {
		{"EXTERNAL", ONE(""), SASL_DONE, "ann@example.org", "", NULL,
			"as the certificate says"},
		{"EXTERNAL", ONE("fred@example.com"), SASL_DONE,
			"ann@example.org", "fred@example.com", NULL,
			"RFC 4422 appendix A.3"},
		{"EXTERNAL", ONE("a\0b"), SASL_MALFORMED, NONE, "NUL"},
		{"EXTERNAL", ONE("\xff"), SASL_MALFORMED, NONE, "not UTF-8"},
	};
	struct buf challenge = BUF_UNBOUNDED;
	struct sasl s;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		run(&rows[i]);
	start(&s, "EXTERNAL"); /* without a certificate */
	assert_int_equal(sasl_step(&s, str_none(), &challenge), SASL_MALFORMED);
	assert_string_equal(s.reason, "no client certificate");
	sasl_fini(&s);
	buf_fini(&challenge);
}

static void anonymous(void **state)
{
	static const struct exchange rows[] = {
		{"ANONYMOUS", ONE(""), SASL_DONE, "", "", NULL, "no trace"},
		{"ANONYMOUS", ONE("sirhc"), SASL_DONE, "", "", NULL,
			"RFC 4505 section 4"},
		{"ANONYMOUS", ONE("\xc3\xa4@b"), SASL_DONE, "", "", NULL,
			"address"},
		{"ANONYMOUS", ONE("a\nb"), SASL_MALFORMED, NONE, "control"},
		{"ANONYMOUS", ONE("a\0b"), SASL_MALFORMED, NONE, "NUL"},
		{"ANONYMOUS", ONE("a\xc2\x85"), SASL_MALFORMED, NONE, "NEL"},
		{"ANONYMOUS", ONE("\xff"), SASL_MALFORMED, NONE, "not UTF-8"},
	};
	struct buf challenge = BUF_UNBOUNDED;
	struct sasl s;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		run(&rows[i]);
	start(&s, "ANONYMOUS");
	assert_int_equal(sasl_step(&s, STR("sirhc"), &challenge), SASL_DONE);
	assert_str(buf_str(&s.trace), "sirhc");
	sasl_fini(&s);
	buf_fini(&challenge);
}

#define TOKEN "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
#define HOST "host=server.example.com\1port=143\1"

static void oauthbearer(void **state)
{
	static const struct exchange rows[] = {
		{"OAUTHBEARER",
			ONE("n,a=user@example.com,\1" HOST "auth=Bearer " TOKEN
			    "\1\1"),
			SASL_TOKEN, "user@example.com", "", TOKEN,
			"RFC 7628 section 4.1"},
		{"OAUTHBEARER", ONE("n,,\1auth=bEARER  " TOKEN "\1\1"),
			SASL_TOKEN, "", "", TOKEN, "no name, no case"},
		{"OAUTHBEARER", ONE("y,a=a=2Cb,\1auth=Bearer a\1x=\1\1"),
			SASL_TOKEN, "a,b", "", "a", "an escape, unknown keys"},
		{"OAUTHBEARER", ONE(""), SASL_MALFORMED, NONE, "empty"},
		{"OAUTHBEARER", ONE("\1"), SASL_MALFORMED, NONE,
			"the answer to an error, too early"},
		{"OAUTHBEARER", ONE("n,,"), SASL_MALFORMED, NONE, "header"},
		{"OAUTHBEARER", ONE("n,,\1"), SASL_MALFORMED, NONE, "no end"},
		{"OAUTHBEARER", ONE("n,,\1\1"), SASL_MALFORMED, NONE,
			"no auth"},
		{"OAUTHBEARER", ONE("n,,\1auth=Bearer a\1"), SASL_MALFORMED,
			NONE, "no end"},
		{"OAUTHBEARER", ONE("n,,\1auth=Bearer a\1\1\1"), SASL_MALFORMED,
			NONE, "more"},
		{"OAUTHBEARER", ONE("n,,\1auth=Bearer a\1auth=Bearer b\1\1"),
			SASL_MALFORMED, NONE, "two tokens"},
		{"OAUTHBEARER", ONE("n,,\1auth=Bearer \1\1"), SASL_MALFORMED,
			NONE, "no token"},
		{"OAUTHBEARER", ONE("n,,\1auth=Bearer ==\1\1"), SASL_MALFORMED,
			NONE, "nothing but padding"},
		{"OAUTHBEARER", ONE("n,,\1auth=Bearer a b\1\1"), SASL_MALFORMED,
			NONE, "blank in the token"},
		{"OAUTHBEARER", ONE("n,,\1auth=Basic YQ==\1\1"), SASL_MALFORMED,
			NONE, "another scheme"},
		{"OAUTHBEARER", ONE("n,,\1=x\1auth=Bearer a\1\1"),
			SASL_MALFORMED, NONE, "no key"},
		{"OAUTHBEARER", ONE("n,,\1x1=x\1auth=Bearer a\1\1"),
			SASL_MALFORMED, NONE, "a digit in a key"},
		{"OAUTHBEARER", ONE("n,,\1x=\xc3\xa4\1auth=Bearer a\1\1"),
			SASL_MALFORMED, NONE, "a value of UTF-8"},
		{"OAUTHBEARER", ONE("n,,\1x=\0\1auth=Bearer a\1\1"),
			SASL_MALFORMED, NONE, "NUL"},
		{"OAUTHBEARER", ONE("p=tls-exporter,,\1auth=Bearer a\1\1"),
			SASL_MALFORMED, NONE, "channel binding"},
		{"OAUTHBEARER", ONE("n,b=x,\1auth=Bearer a\1\1"),
			SASL_MALFORMED, NONE, "not a="},
		{"OAUTHBEARER", ONE("n,a=,\1auth=Bearer a\1\1"), SASL_MALFORMED,
			NONE, "empty name"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		run(&rows[i]);
}

static void xoauth2(void **state)
{
	static const struct exchange rows[] = {
		/* Google's example */
		{"XOAUTH2",
			ONE("user=someuser@example.com\1auth=Bearer "
			    "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\1"
			    "\1"),
			SASL_TOKEN, "someuser@example.com", "",
			"ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg",
			"example"},
		{"XOAUTH2", ONE("user=\1auth=Bearer a\1\1"), SASL_MALFORMED,
			NONE, "no name"},
		{"XOAUTH2", ONE("user=a\1auth=Bearer a\1"), SASL_MALFORMED,
			NONE, "no end"},
		{"XOAUTH2", ONE("user=a\1auth=\1\1"), SASL_MALFORMED, NONE,
			"no token"},
		{"XOAUTH2", ONE("user=a\1\1"), SASL_MALFORMED, NONE, "no auth"},
		{"XOAUTH2", ONE("auth=Bearer a\1user=a\1\1"), SASL_MALFORMED,
			NONE, "order"},
		{"XOAUTH2", ONE("user=a\0\1auth=Bearer a\1\1"), SASL_MALFORMED,
			NONE, "NUL"},
		{"XOAUTH2", ONE(""), SASL_MALFORMED, NONE, "empty"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		run(&rows[i]);
}

/* RFC 7628 sections 3.2.2 and 4.3, and what Google answers. */
static void tokens_are_refused(void **state)
{
	static const struct {
		const char *mechanism;
		str response;
		const char *status, *told;
	} rows[] = {
		{"OAUTHBEARER", STR_LIT("n,,\1auth=Bearer a\1\1"),
			"invalid_token",
			"{\"status\":\"invalid_token\","
			"\"scope\":\"example_scope\","
			"\"openid-configuration\":\"https://example.com/"
			".well-known/openid-config\"}"},
		{"OAUTHBEARER", STR_LIT("n,,\1auth=Bearer a\1\1"),
			"insufficient_scope",
			"{\"status\":\"insufficient_scope\","
			"\"scope\":\"example_scope\","
			"\"openid-configuration\":\"https://example.com/"
			".well-known/openid-config\"}"},
		{"XOAUTH2", STR_LIT("user=a\1auth=Bearer a\1\1"),
			"invalid_token",
			"{\"status\":\"401\",\"schemes\":\"bearer\","
			"\"scope\":\"example_scope\"}"},
	};
	const struct sasl_facts facts = {.oauth_scope = "example_scope",
		.oauth_configuration =
			"https://example.com/.well-known/openid-config"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf challenge = BUF_UNBOUNDED;
		struct sasl s;

		sasl_init(&s, mechanism_find(str_c(rows[i].mechanism)), &facts);
		assert_int_equal(sasl_step(&s, rows[i].response, &challenge),
			SASL_TOKEN);
		sasl_token_refused(&s, rows[i].status, &challenge);
		assert_str(buf_str(&challenge), rows[i].told);
		assert_int_equal(
			sasl_step(&s, STR("\1"), &challenge), SASL_REFUSED);
		assert_string_equal(s.reason, "token refused");
		assert_int_equal(
			sasl_step(&s, STR("\1"), &challenge), SASL_MALFORMED);
		sasl_fini(&s);
		buf_fini(&challenge);
	}
}

/* RFC 7628 section 4.3: no token is a question. */
static void discovery(void **state)
{
	const struct sasl_facts facts = {.oauth_scope = "a \"b\" \\"};
	struct buf challenge = BUF_UNBOUNDED;
	struct sasl s;

	(void)state;
	sasl_init(&s, mechanism_find(STR("OAUTHBEARER")), &facts);
	assert_int_equal(
		sasl_step(&s, STR("n,a=user@example.com,\1" HOST "auth=\1\1"),
			&challenge),
		SASL_CHALLENGE);
	assert_str(buf_str(&challenge), "{\"status\":\"invalid_token\","
					"\"scope\":\"a \\\"b\\\" \\\\\"}");
	assert_int_equal(sasl_step(&s, STR("\1"), &challenge), SASL_REFUSED);
	assert_string_equal(s.reason, "no token");
	sasl_fini(&s);
	buf_fini(&challenge);
}

/* Each mechanism, none of whose responses may be that long. */
static void long_responses(void **state)
{
	char *long_one = xcalloc(1, SASL_RESPONSE_MAX + 1);
	struct buf challenge = BUF_UNBOUNDED;
	struct sasl s;

	(void)state;
	memset(long_one, 'a', SASL_RESPONSE_MAX + 1);
	for (size_t i = 0; i < MECHANISM_COUNT; i++)
		for (size_t n = SASL_RESPONSE_MAX; n < SASL_RESPONSE_MAX + 2;
			n++) {
			start(&s, mechanisms[i].name);
			assert_int_equal(
				sasl_step(&s, str_of(long_one, n), &challenge),
				SASL_MALFORMED);
			sasl_fini(&s);
		}
	buf_fini(&challenge);
	free(long_one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(plain_lengths),
		cmocka_unit_test(plain_without_initial_response),
		cmocka_unit_test(login),
		cmocka_unit_test(external),
		cmocka_unit_test(anonymous),
		cmocka_unit_test(oauthbearer),
		cmocka_unit_test(xoauth2),
		cmocka_unit_test(tokens_are_refused),
		cmocka_unit_test(discovery),
		cmocka_unit_test(long_responses),
	};

	return cmocka_run_group_tests_name("sasl", tests, NULL, NULL);
}
