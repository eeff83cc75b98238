/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "auth/password_form.h"

/* All of "Taube". */
static const struct {
	const char *hash, *why;
} foreign[] = {
	/* by `doveadm pw -s SCHEME -p Taube`, and taken by doveadm pw -t */
	{"{BLF-CRYPT}$2y$05$ae8Vw8DUjmKdShQsANZOr.5wBBUyTHAQNZOjJix3CA"
	 "4svcO2Ub27O",
		"Dovecot"},
	{"{CRYPT}$2y$05$irltswGlKk3xm96hN8imMOSj4eJG/9e0kE7lxMN1KeKuZS"
	 "p849.7y",
		"Dovecot"},
	{"{SHA256-CRYPT}$5$ydqjMVKMGs7XmrVo$C9ojxjV.HPeyyD3p5MMGri/hib"
	 "gJBEFp7GBgcH7XfF6",
		"Dovecot"},
	{"{SHA512-CRYPT}$6$HaQcSw15TzCiSnAc$bG50iPduxFQi6aEl79/RGt1PHZ"
	 "tYnwYQpRtLuS9L5kSw.dwQNs9aQeNMw0y1sJorSC4JLB3iUeyCXd4uGhKH00",
		"Dovecot"},
	{"{MD5-CRYPT}$1$FFnWkK3M$bYs8FcLZJuXhI46FCgiSQ/", "Dovecot"},
	{"{DES-CRYPT}mCpzhUHF62kc6", "Dovecot"},
	{"{MD5}$1$pMlcMEHz$QN3ZAEAR9YaGhjj1ScY981", "Dovecot"},
	{"{PLAIN}Taube", "Dovecot"},
	{"{CLEAR}Taube", "Dovecot"},
	{"{CLEARTEXT}Taube", "Dovecot"},
	{"{SHA}S0SYoV1aMi5VJN5m9mqpR40pix8=", "Dovecot"},
	{"{SHA1}S0SYoV1aMi5VJN5m9mqpR40pix8=", "Dovecot"},
	{"{SHA256}b80cws++HR2RZhfsQ2tOsrEFcOq+/JeWgiVJdW4cUHo=", "Dovecot"},
	{"{SHA512}WE1ZyEsKmt3Zp7o0Uk8YzXAnBuzSqlKLoMpW8QTa7zLCzUHduV+J"
	 "Z3yp6bYIq3S7Iwq2D0XwQGkLsx4Qx3OvWQ==",
		"Dovecot"},
	{"{SSHA}cDnKkuDqMPsX3lNTOCSSg9obxfgjdXSS", "Dovecot"},
	{"{SSHA256}WF5SvF4W08uZbGMPbH9q640lXeIMdtDS7nQWRwf2VaL9FFyM",
		"Dovecot"},
	{"{SSHA512}WBHaA6U7lBPgtjT6xlieCX6m7BxDqLGd1VqHad92p3+tJptnCRQ"
	 "RqwbnOWbP4hhvq0Hn0akURJ+aMJ4YCRkT0NH6VJo=",
		"Dovecot"},
	{"{SMD5}JdZoyE6wF8KDVA5rKKFTqxg1xz4=", "Dovecot"},
	{"{PLAIN-MD5}79ffa904cf097cc31bfc7a4e4b484eee", "Dovecot"},
	{"{LDAP-MD5}ef+pBM8JfMMb/HpOS0hO7g==", "Dovecot"},
	{"{PBKDF2}$1$L24KHUyRKzESyWoE$5000$06fe260c519860434e90013af5c"
	 "b4fa3074bf1e2",
		"Dovecot"},
	{"{SCRAM-SHA-1}4096,TXUYfTAh8Ht731OqI8kOFw==,cUhA2Yva7eA1rX3tu"
	 "UaUwU4gWv8=,mx6E2WL2NAYMjqfNoRjaWBwVpEQ=",
		"Dovecot"},
	{"{SCRAM-SHA-256}4096,OoKFibmUbMbEtw6H6608fQ==,5kSSEjIkJVhdXwd"
	 "u/F+vd90RcfnOZUO3ITVNmzdiWHw=,uevx4aMHGK+p0d5lOvYCzjFmLu5tdn"
	 "27UDbwiVZm9y0=",
		"Dovecot"},
	{"{SHA.HEX}4b4498a15d5a322e5524de66f66aa9478d298b1f", "Dovecot"},
	{"{SHA.B64}S0SYoV1aMi5VJN5m9mqpR40pix8=", "Dovecot"},
	{"{SSHA256.HEX}c88a4196ced6d22c7db73db148af5b110af9be72d63246a"
	 "63c835b36dc3d0fe33bf78881",
		"Dovecot"},
	{"{SHA512.HEX}584d59c84b0a9addd9a7ba34524f18cd702706ecd2aa528b"
	 "a0ca56f104daef32c2cd41ddb95f89677ca9e9b608ab74bb230ab60f45f0"
	 "40690bb31e10c773af59",
		"Dovecot"},
	{"{SMD5.HEX}db380a89fc0beaf030207615a4889e5369e4c0e1", "Dovecot"},
	{"{PLAIN-MD5.B64}ef+pBM8JfMMb/HpOS0hO7g==", "Dovecot"},
	{"{LDAP-MD5.HEX}79ffa904cf097cc31bfc7a4e4b484eee", "Dovecot"},
	{"{PLAIN.B64}VGF1YmU=", "Dovecot"},
	{"{CLEAR.BASE64}VGF1YmU=", "Dovecot"},
	{"{PLAIN.HEX}5461756265", "Dovecot"},
	{"{MD5-CRYPT.B64}JDEkbi9RV05oc2ckcWYuMnM1QjNVQ3J2dWtmL1JKUHM4M"
	 "Q==",
		"Dovecot"},
	{"{PBKDF2.HEX}2431247741494c71534c7175636261306747742435303030"
	 "246231323235396132636132396132363264383531643766633134386535"
	 "3062333031366330663064",
		"Dovecot"},
	/* by Python's hashlib, and by libcrypt */
	{"{PBKDF2-SHA1}1000$./8gc2FsdA$r65HRMKWFFvyg8FzDE4ZoacgcZA",
		"OpenLDAP pw-pbkdf2"},
	{"{PBKDF2-SHA256}1000$./8gc2FsdA$Dfvc/0s/8OfSU2yl/UhKUsVnJAhCC"
	 "ZY45E6PrW2GQ0Q",
		"the same"},
	{"{PBKDF2-SHA512}1000$./8gc2FsdA$C3OgFwC5ShYLgQ0tl92BErtJJ8.tQ"
	 "MC/lFmj3480ndR62ogpTNCCpZCgHW6vZA4KLL2sfGBS7zUmEiWWME3JNw",
		"the same"},
	{"{MD5}ef+pBM8JfMMb/HpOS0hO7g==", "LDAP: no crypt"},
	{"{MD5}79ffa904cf097cc31bfc7a4e4b484eee", "in hex"},
	{"{SSHA384}Q3aKPb7h1dQYyvWObmUnlHu05aCwrNFEUeBCoctFEieZtZKiddz"
	 "HQFkTGBLujXCxc2FsdA==",
		"OpenLDAP pw-sha2"},
	{"{SHA384}WX++J0XU9tjdbgRkbosODluRU4vXgNqq5BMuY3oqnWJXm1BnSpyw"
	 "VTSRX3Hznhfn",
		"the same"},
	{"{SHA}4b4498a15d5a322e5524de66f66aa9478d298b1f",
		"hex, known by its length"},
	{"{plain-md5.hex}79FFA904CF097CC31BFC7A4E4B484EEE", "no case"},
	{"{ARGON2}$argon2id$v=19$m=256,t=1,p=1$c2FsdHNhbHQ$99jqqL/NdtL"
	 "6WppAIRs6bw",
		"OpenLDAP argon2"},
	{"{CRYPT}$argon2id$v=19$m=256,t=1,p=1$c2FsdHNhbHQ$99jqqL/NdtL6"
	 "WppAIRs6bw",
		"behind CRYPT"},
	{"_J9..saltFnkVDJ1oEOI", "BSDi"},
	{"$sha1$40$saltsalt$eMrNzzz1MD5tvobMdzDMT4ARbpPd", "sha1crypt"},
	{"$md5,rounds=50$GUBv0xjJ$$IQ68tkrEMPYSSWgU1Tec.1", "SunMD5"},
	{"$7$4/..../....SaltSaltSalt$XyUCaPEdAogbyBsPklkzT7p.G0hdRqVbY"
	 "G/7i3TlKD/",
		"scrypt"},
	{"$3$$4efd92a058974f8428bc5d82e6e7424a", "NT"},
};

/* ERR_UNSUPPORTED: it was not even read. */
static enum err check(const char *hash, const char *password)
{
	struct password_form f;
	enum err e = password_form_parse(hash, &f);

	if (e)
		return e;
	e = password_form_verify(&f, str_c(password));
	password_form_fini(&f);
	return e;
}

static void verifies_what_others_made(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(foreign); i++) {
		if (check(foreign[i].hash, "Taube") != OK)
			fail_msg("%s: %s", foreign[i].why, foreign[i].hash);
		if (check(foreign[i].hash, "taube") != ERR_AUTH)
			fail_msg("taube: %s", foreign[i].hash);
		if (check(foreign[i].hash, "") != ERR_AUTH)
			fail_msg("empty: %s", foreign[i].hash);
	}
}

static void refuses_what_is_none(void **state)
{
	static const struct {
		const char *hash, *why;
	} rows[] = {
		{"", "empty"},
		{"*", "locked"},
		{"!$6$saltsalt$S3HZptZQw/xlgHw66c1aS4GTMjq23dTtgzQzbqmR5DeieNGp"
		 ".v8gPuQnNSHnwuZB1in8Lnfk9FpUxSMomMb5O0",
			"locked, as passwd -l does"},
		{"Taube", "a password in the place of a hash"},
		{"{PLAIN}", "no password"},
		{"{PLAIN", "no end of the name"},
		{"{}Taube", "no name"},
		{"{NONE}Taube", "unknown scheme"},
		{"{PLAIN.ROT13}Gnhor", "unknown encoding"},
		{"{PLAIN.HEX}546175626", "odd digits"},
		{"{PLAIN.HEX}5461756200", "NUL in text"},
		{"{PLAIN.HEX}54617562zz", "no digits"},
		{"{PLAIN.B64}VGF1YmU", "no padding"},
		{"{SHA}S0SYoV1aMi5VJN5m9mqpR40pix8", "the same"},
		{"{SHA}S0SYoV1aMi5VJN5m9mqpR40p", "too short"},
		{"{SSHA}S0SYoV1aMi5VJN5m9mqpR40pix8=", "no salt"},
		{"{SSHA}", "nothing"},
		{"{SMD5}ef+pBM8JfMMb/HpOS0hO7g==", "no salt"},
		{"{PBKDF2}$1$salt$0$00", "no rounds"},
		{"{PBKDF2}$1$$1$00", "no salt"},
		{"{PBKDF2}$1$salt$1$", "no key"},
		{"{PBKDF2}$2$salt$1$00", "unknown version"},
		{"{PBKDF2}$1$salt$-1$00", "signed"},
		{"{PBKDF2-SHA256}1$$Dfvc", "no salt"},
		{"{PBKDF2-SHA256}1$./8gc2FsdA", "no key"},
		{"{SCRAM-SHA-256}4096,AA==", "half the keys"},
		{"{CRYPT}", "nothing"},
		{"$99$salt$hash", "unknown to crypt"},
		{"$y$", "no parameters"},
		{"{ARGON2ID}Taube", "not argon2"},
		{"{CRAM-MD5}635d96f4e49c1f7053ce1213d81c0e0ed3bfc95821aaaff2ac0"
		 "9b9e445a121da",
			"for a mechanism that is not offered"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (check(rows[i].hash, "Taube") != ERR_UNSUPPORTED)
			fail_msg("%s: %s", rows[i].why, rows[i].hash);
}

/* A known kind, whose parameters decide. */
static void refuses_what_is_absurd(void **state)
{
	static const struct {
		const char *hash;
		bool known;
		const char *why;
	} rows[] = {
		{"$y$j9T$salt$", true, "16 MiB"},
		{"$y$jDT$salt$", true, "256 MiB"},
		{"$y$jET$salt$", false, "512 MiB"},
		{"$y$jzT$salt$", false, "a long number"},
		{"$y$k9T$salt$", false, "another flavour"},
		{"$y$j9T/.$salt$", false, "more parameters"},
		{"$gy$jFT$salt$", false, "1 GiB"},
		{"$7$DU..../....salt", true, "scrypt, 128 MiB"},
		{"$7$FU..../....salt", false, "512 MiB"},
		{"$7$Dzzzzz/....salt", false, "r"},
		{"$7$DU....zzzzzsalt", false, "p"},
		{"$2b$15$abcdefghijklmnopqrstuu", true, "bcrypt, a second"},
		{"$2b$31$abcdefghijklmnopqrstuu", false, "a day"},
		{"$6$rounds=656000$salt$", true, "what passlib takes"},
		{"$6$rounds=999999999$salt$", false, "a minute"},
		{"$5$rounds=999999999$salt$", false, "a minute"},
		{"$5$rounds=99999999999999999999$salt$", false, "overflow"},
		{"$sha1$4294967295$salt$", false, "an hour"},
		{"_zzzzsaltFnkVDJ1oEOI", true, "BSDi at its dearest"},
		{"$md5,rounds=4294967295$salt$", false, "a day"},
		{"$argon2id$v=19$m=262144,t=3,p=1$c2FsdHNhbHQ$", true,
			"Dovecot's dearest"},
		{"$argon2id$v=19$m=262145,t=1,p=1$c2FsdHNhbHQ$", false,
			"too much memory"},
		{"$argon2id$v=19$m=65536,t=4294967295,p=1$c2FsdHNhbHQ$", false,
			"years"},
		{"$argon2id$v=19$m=4294967295,t=4294967295,p=1$c2FsdHNhbHQ$",
			false, "overflow"},
		{"$argon2id$v=19$m=65536,t=1,p=4096$c2FsdHNhbHQ$", false,
			"a thread for each"},
		{"$argon2id$v=19$t=1,m=65536,p=1$c2FsdHNhbHQ$", false, "order"},
		{"{PBKDF2}$1$salt$1000000$00", true, "a second"},
		{"{PBKDF2}$1$salt$2147483647$00", false, "an hour"},
		{"{PBKDF2-SHA512}2147483647$AAAA$AAAA", false, "an hour"},
	};
	char long_one[PASSWORD_HASH_MAX + 2];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct password_form f;
		enum err e = password_form_parse(rows[i].hash, &f);

		if (e != (rows[i].known ? OK : ERR_UNSUPPORTED))
			fail_msg("%s: %s", rows[i].why, rows[i].hash);
		if (!e)
			password_form_fini(&f);
	}
	memset(long_one, 'x', sizeof long_one);
	memcpy(long_one, "{PLAIN}", 7);
	long_one[PASSWORD_HASH_MAX + 1] = '\0';
	assert_int_equal(check(long_one, "Taube"), ERR_UNSUPPORTED);
}

static void knows_what_is_dear(void **state)
{
	static const struct {
		const char *hash;
		bool cheap, good;
	} rows[] = {
		{"$y$j9T$salt$", false, true},
		{"$y$jAT$salt$", false, true},
		{"$y$j75$salt$", true, false},
		{"{CRYPT}$y$j9T$salt$", false, true},
		{"{PLAIN}$y$j9T$", true, false},
		{"$2b$12$abcdefghijklmnopqrstuu", false, false},
		{"$2b$05$abcdefghijklmnopqrstuu", true, false},
		{"$6$salt$", true, false},
		{"$6$rounds=656000$salt$", false, false},
		{"{SSHA}cDnKkuDqMPsX3lNTOCSSg9obxfgjdXSS", true, false},
		{"_J9..saltFnkVDJ1oEOI", true, false},
		{"_zzzzsaltFnkVDJ1oEOI", false, false},
		{"$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$", false, false},
		{"{PBKDF2}$1$salt$5000$00", true, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct password_form f;

		assert_ok(password_form_parse(rows[i].hash, &f));
		if ((f.cost < PASSWORD_COST_NEW / 2) != rows[i].cheap ||
			password_form_is_good(&f) != rows[i].good)
			fail_msg("%s costs %d", rows[i].hash, (int)f.cost);
		password_form_fini(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifies_what_others_made),
		cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(refuses_what_is_absurd),
		cmocka_unit_test(knows_what_is_dear),
	};

	return cmocka_run_group_tests_name("password_form", tests, NULL, NULL);
}
