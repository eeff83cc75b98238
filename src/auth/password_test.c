/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "auth/password.h"

#define BCRYPT "$2b$05$abcdefghijklmnopqrstuu3ZjBqFUWMtoRF99dgr7LvDlj2rsCA46"

/* All of "Taube", made by libxcrypt and libargon2 directly. */
static const struct {
	const char *hash, *why;
} foreign[] = {
	{"$y$j9T$Xv9kQ1mHq3B2o8E5w7N0t/$"
	 "//pG5q4EiP/TsJsMBHrudNP4hH1BV/p0P98mjTcXds1",
		"yescrypt"},
	{BCRYPT, "bcrypt"},
	{"{BLF-CRYPT}" BCRYPT, "as in Dovecot's password files"},
	{"{blf-crypt}" BCRYPT, "its schemes have no case"},
	{"$6$saltsalt$S3HZptZQw/xlgHw66c1aS4GTMjq23dTtgzQzbqmR5DeieNGp.v8gPuQ"
	 "nNSHnwuZB1in8Lnfk9FpUxSMomMb5O0",
		"SHA-512"},
	{"$5$saltsalt$W2JdqPFVyAxou/zS9hicBXfk9iBlvLKlaWGjABDytj2", "SHA-256"},
	{"$1$saltsalt$Fk5XjaTPLZ6OsXpCUxFA7/", "MD5"},
	{"abu4DTYbDQ.5g", "DES"},
	{"$argon2id$v=19$m=256,t=1,p=1$c2FsdHNhbHQ$99jqqL/NdtL6WppAIRs6bw",
		"argon2id"},
	{"{ARGON2I}$argon2i$v=19$m=256,t=1,p=2$c2FsdHNhbHQ$"
	 "w1VS7a7kzcUPT1M0m7UwNg",
		"argon2i, two lanes, with a scheme"},
};

static void verifies_what_others_made(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(foreign); i++) {
		enum err right = password_verify(STR("Taube"), foreign[i].hash);
		enum err wrong = password_verify(STR("taube"), foreign[i].hash);

		if (right || wrong != ERR_AUTH)
			print_error("%s\n", foreign[i].why);
		assert_ok(right);
		assert_int_equal(wrong, ERR_AUTH);
		assert_true(password_is_known(foreign[i].hash));
	}
}

static void unknown_hashes_let_nobody_in(void **state)
{
	static const char *const rows[] = {"", "*", "!", "x", "plain text",
		"Taube", "Taubenschlag-7", "{SSHA}abc", "$99$salt$hash",
		"{CRYPT}"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (password_is_known(rows[i]))
			fail_msg("known: %s", rows[i]);
		assert_int_equal(password_verify(STR("Taube"), rows[i]),
			ERR_UNSUPPORTED);
		assert_int_equal(password_verify(str_c(rows[i]), rows[i]),
			ERR_UNSUPPORTED);
	}
	/* a known kind, without its end */
	assert_int_not_equal(
		password_verify(STR("Taube"), "$argon2id$v=19"), OK);
	assert_int_not_equal(password_verify(STR("Taube"), "$y$j9T$"), OK);
}

static void makes_yescrypt(void **state)
{
	struct buf one = BUF_UNBOUNDED, two = BUF_UNBOUNDED;

	(void)state;
	assert_ok(password_hash(STR("Taube"), &one));
	assert_ok(password_hash(STR("Taube"), &two));
	buf_add_byte(&one, '\0');
	assert_true(str_starts(buf_str(&one), STR("$y$j9T$")));
	assert_false(str_eq(str_c(one.p), buf_str(&two))); /* salted */
	assert_ok(password_verify(STR("Taube"), one.p));
	assert_int_equal(password_verify(STR("Taub"), one.p), ERR_AUTH);
	assert_int_equal(password_verify(STR("Taube\0x"), one.p), ERR_AUTH);
	buf_fini(&one);
	buf_fini(&two);
}

/* RFC 8265 section 4.2. */
static void compares_as_prepared(void **state)
{
	struct buf hash = BUF_UNBOUNDED;

	(void)state;
	assert_ok(password_hash(STR("\xc3\xa4 b"), &hash));
	buf_add_byte(&hash, '\0');
	assert_ok(password_verify(STR("a\xcc\x88 b"), hash.p));
	assert_ok(password_verify(STR("\xc3\xa4\xc2\xa0"
				      "b"),
		hash.p));
	assert_int_equal(password_verify(STR("\xc3\x84 b"), hash.p), ERR_AUTH);
	buf_fini(&hash);
}

static void refuses_what_cannot_be_typed(void **state)
{
	struct buf hash = BUF_UNBOUNDED;
	char longest[PASSWORD_MAX + 1];

	(void)state;
	memset(longest, 'p', sizeof longest);
	assert_int_equal(password_hash(STR(""), &hash), ERR_INVALID);
	assert_int_equal(password_hash(STR("a\0b"), &hash), ERR_INVALID);
	assert_int_equal(password_hash(STR("a\tb"), &hash), ERR_INVALID);
	assert_int_equal(password_hash(STR("\xff"), &hash), ERR_INVALID);
	assert_int_equal(password_hash(str_of(longest, sizeof longest), &hash),
		ERR_INVALID);
	assert_ok(password_hash(str_of(longest, PASSWORD_MAX), &hash));
	buf_add_byte(&hash, '\0');
	assert_ok(password_verify(str_of(longest, PASSWORD_MAX), hash.p));
	assert_int_equal(
		password_verify(str_of(longest, PASSWORD_MAX - 1), hash.p),
		ERR_AUTH);
	buf_fini(&hash);
}

static void tells_what_a_new_hash_betters(void **state)
{
	struct buf hash = BUF_UNBOUNDED;

	(void)state;
	assert_ok(password_hash(STR("Taube"), &hash));
	buf_add_byte(&hash, '\0');
	assert_false(password_is_weaker(hash.p));
	assert_true(password_is_weaker(BCRYPT));
	assert_true(password_is_weaker("{PLAIN}Taube"));
	assert_true(password_is_weaker(""));
	buf_fini(&hash);
}

/* Decomposed by the client, kept as it was typed. */
static void compares_as_it_came(void **state)
{
	(void)state;
	assert_ok(password_verify(STR("a\xcc\x88"), "{PLAIN}a\xcc\x88"));
	assert_ok(password_verify(STR("a\xcc\x88"), "{PLAIN}\xc3\xa4"));
}

/* RFC 1939 section 7's example. */
static void test_apop(void **unused)
{
	static const str stamp = STR_LIT("<1896.697170952@dbc.mtview.ca.us>");
	static const char digest[] = "c4c9334bac560ecc979e58001b3e22fb";

	(void)unused;
	assert_ok(
		password_verify_apop(stamp, str_c(digest), "{PLAIN}tanstaaf"));
	assert_int_equal(
		password_verify_apop(stamp, str_c(digest), "{PLAIN}tanstaafl"),
		ERR_AUTH);
	assert_int_equal(
		password_verify_apop(stamp, str_c("c4"), "{PLAIN}tanstaaf"),
		ERR_AUTH);
	assert_int_equal(password_verify_apop(stamp, str_c(digest),
				 "{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M="),
		ERR_UNSUPPORTED);
	assert_int_equal(password_verify_apop(stamp, str_c(digest), ""),
		ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apop),
		cmocka_unit_test(verifies_what_others_made),
		cmocka_unit_test(unknown_hashes_let_nobody_in),
		cmocka_unit_test(makes_yescrypt),
		cmocka_unit_test(compares_as_prepared),
		cmocka_unit_test(refuses_what_cannot_be_typed),
		cmocka_unit_test(tells_what_a_new_hash_betters),
		cmocka_unit_test(compares_as_it_came),
	};

	return cmocka_run_group_tests_name("password", tests, NULL, NULL);
}
