/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "net/tls_identity.h"
#include "server/config.h"

#include <stdlib.h>

static void test_every_row_is_sound(void **unused)
{
	struct config *config = config_new();
	struct buf text = BUF_UNBOUNDED;

	(void)unused;
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *s = &settings[i];

		buf_reset(&text);
		setting_print(s, config, &text);
		assert_str(buf_str(&text), s->def);
		assert_ptr_equal(setting_find(str_c(s->name)), s);
		if (*s->example)
			assert_ok(setting_parse(
				s, str_c(s->example), config, NULL));
		assert_true(s->help[strlen(s->help) - 1] != '.');
	}
	buf_fini(&text);
	config_free(config);
}

/* The enums in the header are in the order of their rows' words. */
static void test_words_and_enums_agree(void **unused)
{
	static const struct {
		const char *name, *text;
		unsigned value;
	} rows[] = {
		{"tls.minimum", "1.2", TLS_MINIMUM_1_2},
		{"tls.minimum", "1.3", TLS_MINIMUM_1_3},
		{"tls.client_identity", "email", TLS_IDENTITY_EMAIL},
		{"tls.client_identity", "cn", TLS_IDENTITY_CN},
		{"tls.client_identity", "dns", TLS_IDENTITY_DNS},
		{"listen.socket_mode", "0600", SOCKET_MODE_0600},
		{"listen.socket_mode", "0660", SOCKET_MODE_0660},
		{"listen.socket_mode", "0666", SOCKET_MODE_0666},
		{"log.format", "logfmt", LOG_LOGFMT},
		{"log.format", "json", LOG_JSON},
		{"log.level", "error", LOG_ERROR},
		{"log.level", "warn", LOG_WARN},
		{"log.level", "info", LOG_INFO},
		{"log.level", "debug", LOG_DEBUG},
		{"log.imap", "debug", LOG_DEBUG},
		{"log.imap", "default", LOG_TOPIC_DEFAULT},
		{"store.engine", "rocksdb", STORE_ENGINE_ROCKSDB},
		{"store.engine", "memory", STORE_ENGINE_MEMORY},
		{"ldap.scope", "subtree", LDAP_SETTING_SUBTREE},
		{"ldap.scope", "onelevel", LDAP_SETTING_ONELEVEL},
		{"ldap.scope", "base", LDAP_SETTING_BASE},
		{"ldap.method", "bind", LDAP_SETTING_BIND},
		{"ldap.method", "compare", LDAP_SETTING_COMPARE},
		{"ldap.method", "hash", LDAP_SETTING_HASH},
		{"store.compression", "none", STORE_COMPRESSION_NONE},
		{"store.compression", "lz4", STORE_COMPRESSION_LZ4},
	};
	struct config *config = config_new();

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct setting *s = setting_find(str_c(rows[i].name));
		unsigned value;

		assert_ok(setting_parse(s, str_c(rows[i].text), config, NULL));
		memcpy(&value, (char *)config + s->offset, sizeof value);
		assert_int_equal(value, rows[i].value);
	}
	config_free(config);
}

static void test_lists_of_words(void **unused)
{
	static const struct {
		const char *text;
		const char *printed; /* NULL: refused */
		const char *why;
	} rows[] = {
		{"builtin", "builtin", "one"},
		{"ldap builtin", "ldap builtin", "the order is kept"},
		{" sql  pam ", "sql pam", "spaces"},
		{"", "", "none"},
		{"ldap ldap", NULL, "twice"},
		{"LDAP", NULL, "one spelling"},
		{"builtin,ldap", NULL, "no commas"},
	};
	const struct setting *s = setting_find(STR("accounts.sources"));
	struct config *config = config_new();

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = BUF_UNBOUNDED;
		enum err e =
			setting_parse(s, str_c(rows[i].text), config, &out);

		assert_int_equal(e, rows[i].printed ? OK : ERR_INVALID);
		buf_reset(&out);
		setting_print(s, config, &out);
		assert_str(
			buf_str(&out), rows[i].printed ? rows[i].printed : "");
		buf_fini(&out);
	}
	assert_ok(setting_parse(s, STR("ldap builtin"), config, NULL));
	assert_true(words_have(&config->accounts_sources, ACCOUNT_SOURCE_LDAP));
	assert_false(words_have(&config->accounts_sources, ACCOUNT_SOURCE_SQL));
	config_free(config);
}

static void test_numbers(void **unused)
{
	static const struct {
		const char *name, *text;
		enum err err;
		uint64_t value;
		const char *printed; /* or the complaint */
		const char *why;
	} rows[] = {
		{"limits.literal", "64mb", OK, 64 << 20, "64mb", "plain"},
		{"limits.literal", "64 MB", OK, 64 << 20, "64mb",
			"people write units so"},
		{"limits.literal", "65536kb", OK, 64 << 20, "64mb",
			"printed in the largest unit that fits"},
		{"limits.literal", "65537b", OK, 65537, "65537b", "bytes"},
		{"limits.literal", "64", ERR_INVALID, 0,
			"\"64\" is not a size; write a number with kb, mb or "
			"gb, as in \"64mb\"",
			"64 what?"},
		{"limits.literal", "64m", ERR_INVALID, 0,
			"\"64m\" is not a size; write a number with kb, mb or "
			"gb, as in \"64mb\"",
			"one spelling"},
		{"limits.literal", "3gb", ERR_LIMIT, 0,
			"3gb is out of range; write 64kb to 2gb", "above"},
		{"limits.literal", "1kb", ERR_LIMIT, 0,
			"1kb is out of range; write 64kb to 2gb", "below"},
		{"limits.literal", "99999999999tb", ERR_LIMIT, 0,
			"99999999999tb is out of range; write 64kb to 2gb",
			"would overflow 64 bits"},
		{"limits.literal", "-1mb", ERR_LIMIT, 0,
			"-1mb is out of range; write 64kb to 2gb", "negative"},
		{"limits.autologout", "30min", OK, 1800000, "30min", "plain"},
		{"limits.autologout", "3600s", OK, 3600000, "1h", "seconds"},
		{"limits.autologout", "29min", ERR_LIMIT, 0,
			"29min is out of range; write 30min to 7d",
			"RFC 9051 section 5.4"},
		{"limits.autologout", "1m", ERR_INVALID, 0,
			"\"1m\" is not a time; write a number with ms, s, "
			"min, h or d, as in \"30min\"",
			"m could be months"},
		{"limits.connections", "1", OK, 1, "1", "the least"},
		{"limits.connections", "0", ERR_LIMIT, 0,
			"0 is out of range; write 1 to 1000000", "below"},
		{"limits.connections", "1kb", ERR_INVALID, 0,
			"\"1kb\" is not a number; write a whole number",
			"a count has no unit"},
		{"limits.connections", "", ERR_INVALID, 0,
			"\"\" is not a number; write a whole number", "empty"},
	};
	struct config *config = config_new();

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct setting *s = setting_find(str_c(rows[i].name));
		struct buf out = BUF_UNBOUNDED;
		enum err e =
			setting_parse(s, str_c(rows[i].text), config, &out);
		uint64_t value;

		assert_int_equal(e, rows[i].err);
		memcpy(&value, (char *)config + s->offset, sizeof value);
		if (!e) {
			assert_true(value == rows[i].value);
			setting_print(s, config, &out);
		}
		assert_str(buf_str(&out), rows[i].printed);
		buf_fini(&out);
	}
	config_free(config);
}

static void test_addresses(void **unused)
{
	static const struct {
		const char *text;
		bool good;
		const char *why;
	} rows[] = {
		{"127.0.0.1:1143", true, "IPv4"},
		{"[::1]:1143", true, "IPv6"},
		{"0.0.0.0:0", true, "port 0: the kernel chooses"},
		{"[::]:65535", true, "the last port"},
		{"[::]:65536", false, "beyond the last port"},
		{"127.0.0.1", false, "no port"},
		{"127.0.0.1:", false, "empty port"},
		{":143", false, "no host"},
		{"::1:143", false, "IPv6 without brackets is ambiguous"},
		{"[127.0.0.1]:143", false, "brackets are for IPv6"},
		{"[::1:143", false, "half a bracket"},
		{"[]:143", false, "nothing in brackets"},
		{"]:143", false, "one bracket"},
		{"localhost:143", false, "no names: no resolver is asked"},
		{"*:143", false, "not a form that says which family"},
		{"127.0.0.1:+1", false, "no sign"},
		{"[fe80::1%eth0]:143", false, "no zones"},
		{"1111111111111111111111111111111111111111111111111:1", false,
			"longer than any address"},
		{"", false, "empty"},
		{"/run/culver/lmtp.sock", true, "a Unix socket"},
		{"unix:/run/lmtp", true, "what other programs write"},
		{"run/lmtp", false, "relative: to what?"},
		{"unix:run/lmtp", false, "relative: to what?"},
		{"unix:", false, "no path"},
		{"/run/", false, "a directory"},
		{"/run/a b", false, "a space separates"},
		{"/123456789/123456789/123456789/123456789/123456789/123456789"
		 "/123456789/123456789/123456789/123456789/1234567",
			false, "longer than a socket's name may be"},
		{"/123456789/123456789/123456789/123456789/123456789/123456789"
		 "/123456789/123456789/123456789/123456789/123456",
			true, "as long as it may be"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct listen_address a;
		enum err e = listen_address_parse(str_c(rows[i].text), &a);

		assert_int_equal(e, rows[i].good ? OK : ERR_INVALID);
		if (!e)
			assert_string_equal(a.text,
				rows[i].text +
					(rows[i].text[0] == 'u' ? 5 : 0));
	}
}

static void test_overlaps(void **unused)
{
	static const struct {
		const char *a, *b;
		bool overlap;
		const char *why;
	} rows[] = {
		{"127.0.0.1:1", "127.0.0.1:1", true, "the same"},
		{"[::1]:1", "[0::1]:1", true, "the same, written otherwise"},
		{"127.0.0.1:1", "127.0.0.1:2", false, "other port"},
		{"127.0.0.1:1", "127.0.0.2:1", false, "other host"},
		{"0.0.0.0:1", "127.0.0.2:1", true, "wildcard"},
		{"127.0.0.2:1", "0.0.0.0:1", true, "wildcard, turned round"},
		{"0.0.0.0:1", "[::]:1", false, "listeners are of one family"},
		{"0.0.0.0:0", "0.0.0.0:0", false, "the kernel chooses two"},
		{"/run/a", "unix:/run/a", true, "the same path"},
		{"/run/a", "/run/b", false, "another path"},
		{"/run/a", "0.0.0.0:1", false, "another kind"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct listen_address a, b;

		assert_ok(listen_address_parse(str_c(rows[i].a), &a));
		assert_ok(listen_address_parse(str_c(rows[i].b), &b));
		assert_int_equal(
			listen_address_overlaps(&a, &b), rows[i].overlap);
	}
}

static void test_suggestions(void **unused)
{
	static const struct {
		const char *wrong, *right, *why;
	} rows[] = {
		{"limits.conections", "limits.connections", "left out"},
		{"limits.connectoins", "limits.connections", "swapped"},
		{"log.livel", "log.level", "another letter"},
		{"sate", "state", "at the top"},
		{"limits.autologuot", "limits.autologout", "swapped"},
		{"limits.connections-per-address",
			"limits.connections_per_address", "hyphens"},
		{"connections", "limits.connections", "no group"},
		{"login.connections", "limits.connections", "wrong group"},
		{"limits.frobnicate", NULL, "nothing like it"},
		{"", NULL, "empty"},
		{"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
		 "zzzzzzzzzzzzzz",
			NULL, "longer than any name"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct setting *s = setting_suggest(str_c(rows[i].wrong));

		assert_string_equal(
			s ? s->name : "-", rows[i].right ? rows[i].right : "-");
	}
}

/* A man page line that starts with a dot or a quote would be a macro. */
static void test_man_page_has_every_setting(void **unused)
{
	struct buf out = BUF_UNBOUNDED;
	str text, line;

	(void)unused;
	settings_print_man(&out);
	text = buf_str(&out);
	for (size_t i = 0; i < settings_count; i++) {
		char *entry = xasprintf(".B %s\n", settings[i].name);

		assert_true(str_find(text, str_c(entry)) < text.n);
		free(entry);
	}
	for (; text.n; text = str_skip(text, line.n + 1)) {
		line = str_take(text, str_find_byte(text, '\n'));
		assert_true(!str_starts(line, STR(".")) ||
			    str_starts(line, STR(".B ")) ||
			    str_eq_c(line, ".TP") || str_eq_c(line, ".br"));
		assert_false(str_starts(line, STR("'")));
	}
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_is_sound),
		cmocka_unit_test(test_words_and_enums_agree),
		cmocka_unit_test(test_lists_of_words),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_suggestions),
		cmocka_unit_test(test_man_page_has_every_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
