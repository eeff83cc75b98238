/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "auth/scram.h"
#include "base/base64.h"

/* Made by `doveadm pw -s SCRAM-SHA-… -p PASSWORD`. */
static const struct {
	const char *password, *text;
} doveadm[] = {
	{"pencil", "{SCRAM-SHA-256}4096,P65abYlVjCPomO8vwaSXTA==,"
		   "rxjZBqzXBtib7zcuBEYn5QluJ8coKOQo0SReP0Tmh4w=,"
		   "Y7cxbYadFYN4rhZ1XVWe94JEO027kgLvADvpLj5T1Ss="},
	{"pencil", "{SCRAM-SHA-1}4096,rbYJpMa/O3sP+VKqbHDlPQ==,"
		   "AAfNuOvHX51+Tipd+QACLFogNVw=,Efkv6EZnaGnYrzqTjvz65hApJvI="},
};

static void as_dovecot_writes_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(doveadm); i++) {
		struct scram_keys k, again;
		struct buf out = BUF_UNBOUNDED;

		assert_ok(scram_keys_parse(str_c(doveadm[i].text), &k));
		assert_int_equal(k.iterations, 4096);
		assert_int_equal(k.salt_n, 16);
		scram_keys_print(&k, &out);
		assert_str(buf_str(&out), doveadm[i].text);
		assert_ok(scram_keys_derive(k.hash, str_c(doveadm[i].password),
			k.iterations, str_of((char *)k.salt, k.salt_n),
			&again));
		assert_memory_equal(&k, &again, sizeof k);
		buf_fini(&out);
	}
}

static void damaged(void **state)
{
	static const struct {
		const char *text;
		enum err expected;
		const char *why;
	} rows[] = {
		{"{scram-sha-1}1,AA==,AAAAAAAAAAAAAAAAAAAAAAAAAAA=,"
		 "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
			OK, "schemes have no case"},
		{"{SCRAM-SHA-1}0,AA==,AAAAAAAAAAAAAAAAAAAAAAAAAAA=,"
		 "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
			ERR_INVALID, "no iterations"},
		{"{SCRAM-SHA-1}1000001,AA==,AAAAAAAAAAAAAAAAAAAAAAAAAAA=,"
		 "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
			ERR_INVALID, "too many"},
		{"{SCRAM-SHA-1}4096,,AAAAAAAAAAAAAAAAAAAAAAAAAAA=,"
		 "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
			ERR_INVALID, "no salt"},
		{"{SCRAM-SHA-1}4096,AA==,AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
			ERR_INVALID, "no server key"},
		{"{SCRAM-SHA-1}4096,AA==,AAAAAAAAAAAAAAAAAAAAAAAAAAA=,"
		 "AAAAAAAAAAAAAAAAAAAAAAAAAAA=,",
			ERR_INVALID, "more"},
		{"{SCRAM-SHA-256}4096,AA==,AAAAAAAAAAAAAAAAAAAAAAAAAAA=,"
		 "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
			ERR_INVALID, "keys of SHA-1"},
		{"{SCRAM-SHA-512}4096,AA==,AA==,AA==", ERR_UNSUPPORTED,
			"another hash"},
		{"$y$j9T$", ERR_UNSUPPORTED, "another kind"},
		{"", ERR_UNSUPPORTED, "empty"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scram_keys k;

		if (scram_keys_parse(str_c(rows[i].text), &k) !=
			rows[i].expected)
			fail_msg("%s", rows[i].why);
	}
}

/* RFC 4013 section 3: what is one password there, has one set of keys. */
static void prepared(void **state)
{
	static const struct {
		const char *one, *other;
		bool same;
	} rows[] = {
		{"I\xc2\xadX", "IX", true},
		{"user", "user", true},
		{"USER", "user", false},
		{"\xc2\xaa", "a", true},
		{"\xe2\x85\xa8", "IX", true},
		{"a\xcc\x88", "\xc3\xa4", true},
		/* not in Unicode 3.2 */
		{"\xf0\x9f\x95\x8a", "\xf0\x9f\x95\x8a", true},
		/* prohibited there (mixed directions), prepared otherwise */
		{"\xd8\xa7"
		 "1",
			"\xd8\xa7"
			"1",
			true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scram_keys one, other;

		assert_ok(scram_keys_derive(
			SCRAM_SHA_1, str_c(rows[i].one), 1, STR("salt"), &one));
		assert_ok(scram_keys_derive(SCRAM_SHA_1, str_c(rows[i].other),
			1, STR("salt"), &other));
		assert_int_equal(
			!memcmp(&one, &other, sizeof one), rows[i].same);
	}
}

static void refused(void **state)
{
	struct scram_keys k;

	(void)state;
	assert_int_equal(scram_keys_make(SCRAM_SHA_256, STR("x"), 4095, &k),
		ERR_INVALID);
	assert_int_equal(scram_keys_make(SCRAM_SHA_256, STR("x"),
				 SCRAM_ITERATIONS_MAX + 1, &k),
		ERR_INVALID);
	assert_int_equal(
		scram_keys_make(SCRAM_SHA_256, STR(""), 4096, &k), ERR_INVALID);
	assert_int_equal(scram_keys_make(SCRAM_SHA_256, STR("\xff"), 4096, &k),
		ERR_INVALID);
	assert_int_equal(scram_keys_make(SCRAM_SHA_256, STR("a\0b"), 4096, &k),
		ERR_INVALID);
	assert_int_equal(scram_keys_make(SCRAM_SHA_256, STR("\x07"), 4096, &k),
		ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_dovecot_writes_them),
		cmocka_unit_test(damaged),
		cmocka_unit_test(prepared),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests_name("scram", tests, NULL, NULL);
}
