/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "server/config.h"

#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Added so that the rules about listeners and TLS are content. */
#define SOUND                                                                  \
	"listen = { imap = [\"127.0.0.1:1143\"]; }; "                          \
	"login = { plaintext_without_tls = true; };\n"

static struct config *parse_sound(const char *text)
{
	struct config_errors errors = CONFIG_ERRORS_EMPTY;
	struct config *config = NULL;
	struct buf said = BUF_UNBOUNDED;

	if (config_parse(str_c(text), "c", "/d", &config, &errors)) {
		config_errors_print(&errors, &said);
		print_error("%.*s", STR_ARG(buf_str(&said)));
		fail();
	}
	config_errors_fini(&errors);
	buf_fini(&said);
	return config;
}

static void test_values_arrive(void **unused)
{
	struct config *c = parse_sound(
		"state = \"var/state\";\n"
		"listen = { imap = [\"127.0.0.1:1143\", \"[::1]:1143\"];\n"
		"  imaps = [\"127.0.0.1:1993\"]; };\n"
		"tls = { certificate = \"var/c.pem\"; key = \"/k.pem\";\n"
		"  minimum = \"1.3\"; };\n"
		"log : { level : \"warn\"; imap = \"debug\";\n"
		"  destination = \"log/culver\"; };\n"
		"limits = { connections = 7; literal = \"1mb\";\n"
		"  autologout = \"1h\"; }\n");

	(void)unused;
	assert_string_equal(c->state, "/d/var/state");
	assert_int_equal(c->listen_imap.count, 2);
	assert_string_equal(c->listen_imap.list[1].text, "[::1]:1143");
	assert_int_equal(c->listen_imaps.count, 1);
	assert_string_equal(c->tls_certificate, "/d/var/c.pem");
	assert_string_equal(c->tls_key, "/k.pem");
	assert_int_equal(c->tls_minimum, TLS_MINIMUM_1_3);
	assert_int_equal(c->log_level, LOG_WARN);
	assert_int_equal(c->log_imap, LOG_DEBUG);
	assert_int_equal(c->log_auth, LOG_TOPIC_DEFAULT);
	assert_string_equal(c->log_destination, "/d/log/culver");
	assert_int_equal(c->limits_connections, 7);
	assert_int_equal(c->limits_literal, 1 << 20);
	assert_int_equal(c->limits_autologout, 3600000);
	assert_int_equal(c->limits_connections_per_address, 100);
	config_free(c);
}

static void test_stderr_is_no_path(void **unused)
{
	struct config *c =
		parse_sound(SOUND "log = { destination = \"stderr\"; };");

	(void)unused;
	assert_string_equal(c->log_destination, "stderr");
	config_free(c);
}

static void test_complaints(void **unused)
{
	static const struct {
		const char *text;
		const char *said;
		const char *why;
	} rows[] = {
		{SOUND "limits = {\n  conections = 5;\n  literal = 64;\n"
		       "  line = \"1b\";\n};\nfoo = 1;\nlog = 3;\n",
			"c:3: limits.conections: is not a setting; did you "
			"mean limits.connections?\n"
			"c:4: limits.literal: is a bare number; write a size "
			"with its unit in quotes, as in \"64mb\"\n"
			"c:5: limits.line: 1b is out of range; write 8kb to "
			"16mb\n"
			"c:7: foo: is not a setting; see culver.conf(5), or "
			"remove it\n"
			"c:8: log: is a group of settings; write log = { … "
			"};\n",
			"all at once, each on its line"},
		{"state = true;\nlogin = { plaintext_without_tls = \"yes\"; "
		 "};\nlimits = { connections = \"5\"; };\n",
			"c:1: state: is true or false; write text in quotes\n"
			"c:2: login.plaintext_without_tls: is text in quotes; "
			"write true or false, without quotes\n"
			"c:3: limits.connections: is text in quotes; write a "
			"whole number, without quotes\n",
			"wrong types"},
		{"listen = {\n imap = [\n  \"localhost:143\",\n  \"*:143\",\n"
		 "  \"1.2.3.4\" ];\n imaps = \"[::]:993\"; };\n",
			"c:3: listen.imap: \"localhost:143\" is not an "
			"address; write IP:PORT, as in \"127.0.0.1:1143\" or "
			"\"[::1]:1143\"; localhost is 127.0.0.1\n"
			"c:4: listen.imap: \"*:143\" is not an address; write "
			"IP:PORT, as in \"127.0.0.1:1143\" or \"[::1]:1143\"; "
			"all addresses are \"0.0.0.0\" and \"[::]\"\n"
			"c:5: listen.imap: \"1.2.3.4\" is not an address; "
			"write IP:PORT, as in \"127.0.0.1:1143\" or "
			"\"[::1]:1143\"\n"
			"c:6: listen.imaps: is text in quotes; write a list, "
			"as in [\"127.0.0.1:1143\", \"[::1]:1143\"]\n",
			"every element of a list"},
		{"proxy = { networks = (\"10.0.0.1/8\", \"localhost\", 7); "
		 "};\n",
			"c:1: proxy.networks: \"10.0.0.1/8\" has bits behind "
			"the prefix; write \"10.0.0.0/8\"\n"
			"c:1: proxy.networks: \"localhost\" is not a network; "
			"write an address, with the number of bits that "
			"count, as in \"10.0.0.0/8\" or \"2001:db8::/32\"\n"
			"c:1: proxy.networks: is a bare number in a list; "
			"write a list, as in [\"10.0.0.0/8\", \"::1\"]\n",
			"networks"},
		{"listen = { imap = [\"run/imap\", \"/run/a\", "
		 "\"unix:/run/a\"]; };\n",
			"c:1: listen.imap: \"run/imap\" is not an address; "
			"write IP:PORT, as in \"127.0.0.1:1143\" or "
			"\"[::1]:1143\"; a Unix socket's path begins with "
			"\"/\"\n",
			"paths of Unix sockets"},
		{"listen = { imap = ( 143, \"[::1]:1\" ); };\n",
			"c:1: listen.imap: is a bare number in a list; write "
			"a list, as in [\"127.0.0.1:1143\", \"[::1]:1143\"]\n",
			"a list in parentheses may mix types"},
		{"listen = { imap = [\"127.0.0.1:1 127.0.0.1:2\"]; };\n",
			"c:1: listen.imap: \"127.0.0.1:1 127.0.0.1:2\" is not "
			"one address; write each in quotes of its own\n",
			"one element, one address"},
		{"limit = { connections = 5; };\nlisten.imap = 1;\n",
			"c:1: limit: is not a group of settings; did you mean "
			"limits?\n"
			"c:2: syntax error: look here and in the line before "
			"for a missing quote, bracket or semicolon\n",
			"a wrong group; then what stands after a syntax error "
			"is not seen"},
		{"tls = { minimum = \"1.1\"; };\n",
			"c:1: tls.minimum: \"1.1\" is not known; write "
			"\"1.2\" or \"1.3\"\n",
			"a word that is none"},
		{"log = { level = \"verbose\"; };\n",
			"c:1: log.level: \"verbose\" is not known; write "
			"\"error\", \"warn\", \"info\" or \"debug\"\n",
			"more than two words"},
		{"users = { mail = \"\"; };\n",
			"c:1: users.mail: is empty; write a value or leave it "
			"out\n",
			"may not be empty"},
		{"imap = { id_name = \"a\\tb\"; };\n",
			"c:1: imap.id_name: holds a control character; remove "
			"it\n",
			"it would go to clients"},
		{"state = { a = 1; };\n",
			"c:1: state: is a group { … }; write text in quotes\n",
			"a group where a value belongs"},
		{"state = \"a\";\nstate = \"b\";\n",
			"c:2: duplicate setting name: a setting or group is "
			"given once; merge the two\n",
			"twice"},
		{"limits = { line = \"64kb\"; };\nlog = { level = \"x\"; };\n"
		 "log = { imap = \"y\"; }; limits = { line = 1;\n"
		 " literal = \"1mb\"; literal = 5; line = 2; };\n"
		 "state = \"a\"; state = 3; # state = 4\nfrob = 1;\n",
			"c:2: log.level: \"x\" is not known; write \"error\", "
			"\"warn\", \"info\" or \"debug\"\n"
			"c:3: duplicate setting name: a setting or group is "
			"given once; merge the two\n"
			"c:3: log.imap: \"y\" is not known; write \"error\", "
			"\"warn\", \"info\", \"debug\" or \"default\"\n"
			"c:3: limits.line: is a bare number; write a size with "
			"its unit in quotes, as in \"64mb\"\n"
			"c:4: duplicate setting name: a setting or group is "
			"given once; merge the two\n"
			"c:4: limits.literal: is a bare number; write a size "
			"with its unit in quotes, as in \"64mb\"\n"
			"c:4: limits.line: is a bare number; write a size with "
			"its unit in quotes, as in \"64mb\"\n"
			"c:5: duplicate setting name: a setting or group is "
			"given once; merge the two\n"
			"c:5: state: is a bare number; write text in quotes\n"
			"c:6: frob: is not a setting; see culver.conf(5), or "
			"remove it\n",
			"twice, and more after it"},
		{"state = \"a;\nstate = \"b\";\n",
			"c:1: state: holds a line break; is a closing quote "
			"missing?\n"
			"c:2: a text has no closing quote\n"
			"c:3: syntax error: look here and in the line before "
			"for a missing quote, bracket or semicolon\n",
			"a quote left open"},
		{"/* state = 1;\n", "c:1: a comment has no closing */\n",
			"a comment left open"},
		{SOUND "@include \"x\"\n", "c:2: @include: not possible here\n",
			"no files here"},
		{SOUND "@includ \"x\"\n",
			"c:2: @: a file is included by a line of its own, "
			"@include \"NAME\"\n",
			"misspelt"},
		{SOUND "/*\n@include \"x\" */ # @include \"y\"\n"
		       "store = { cache = \"\n@include \"; };\n",
			"c:4: store.cache: \"\n@include \" is not a size; "
			"write a number with kb, mb or gb, as in \"64mb\"\n",
			"comments and texts include nothing"},
		{"",
			"c: listen.imap: nothing listens; write at least one "
			"address, as in listen = { imap = "
			"[\"127.0.0.1:1143\"]; "
			"};\n",
			"an empty file"},
		{"listen = {\n imap = [\"127.0.0.1:1143\"];\n"
		 " imaps = [\"127.0.0.1:1143\"];\n};\n"
		 "limits = { command_memory = \"256kb\"; line = \"1mb\"; };\n",
			"c: tls.certificate: missing, and listen.imaps needs "
			"it; name a PEM file, and its key as tls.key\n"
			"c:3: listen.imaps: 127.0.0.1:1143 cannot be bound "
			"besides 127.0.0.1:1143 of listen.imap; remove one of "
			"them\n"
			"c:5: limits.command_memory: is less than "
			"limits.line; raise it, or lower limits.line\n",
			"settings that exclude each other"},
		{"listen = { lmtp = [\"[::1]:25\", \"[::1]:2525\"]; };\n",
			"c:1: listen.lmtp: [::1]:25 is SMTP's port; give LMTP "
			"another, or a Unix socket\n",
			"RFC 2033 section 5"},
		{"listen = { imap = [\"0.0.0.0:1\"]; };\n",
			"c: tls.certificate: missing, so that nobody could "
			"log in; name a PEM file, and its key as tls.key\n",
			"without TLS and without plaintext"},
		{SOUND "tls = { certificate = \"a\";\n ciphers = \"NONE\"; "
		       "};\n",
			"c: tls.key: missing; name the private key of "
			"tls.certificate\n"
			"c:3: tls.ciphers: OpenSSL knows no cipher of "
			"\"NONE\"; see `openssl ciphers -v`\n",
			"TLS"},
		{SOUND "server = { admin = \"postmaster@example.org\"; };\n",
			"c:2: server.admin: is not a URI; write \"mailto:\" "
			"and an address, or \"tel:\" and a number\n",
			"RFC 5464 section 6.2.2"},
		{SOUND "server = { admin = \"mailto:a b\";\n"
		       " comment = \"\xff\"; };\n",
			"c:2: server.admin: is not a URI; write \"mailto:\" "
			"and an address, or \"tel:\" and a number\n"
			"c:3: server.comment: is not UTF-8 of less than 1024 "
			"bytes; shorten it\n",
			"blanks in a URI; a comment that is no text"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct config_errors errors = CONFIG_ERRORS_EMPTY;
		struct buf said = BUF_UNBOUNDED;
		struct config *config;

		assert_int_equal(config_parse(str_c(rows[i].text), "c", "/d",
					 &config, &errors),
			ERR_INVALID);
		assert_null(config);
		config_errors_print(&errors, &said);
		assert_str(buf_str(&said), rows[i].said);
		config_errors_fini(&errors);
		buf_fini(&said);
	}
}

static void test_errors_are_bounded(void **unused)
{
	struct config_errors errors = CONFIG_ERRORS_EMPTY;
	struct buf text = BUF_UNBOUNDED;
	struct config *config;

	(void)unused;
	for (int i = 0; i < 1000; i++)
		buf_addf(&text, "x%d = 1;\n", i);
	assert_int_equal(
		config_parse(buf_str(&text), "c", "/", &config, &errors),
		ERR_INVALID);
	assert_int_equal(errors.count, 100);
	config_errors_fini(&errors);
	buf_fini(&text);
}

static void test_example_is_sound(void **unused)
{
	struct buf example = BUF_UNBOUNDED, whole = BUF_UNBOUNDED;
	struct config *config;
	str text;

	(void)unused;
	settings_print_example(&example);
	text = buf_str(&example);
	buf_add_byte(&example, '\0');
	config = parse_sound(example.p);
	assert_int_equal(config->listen_imaps.count, 2);
	config_free(config);

	/* with every default uncommented: "#name = …" */
	text = str_take(buf_str(&example), example.n - 1);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '#' && i + 1 < text.n &&
			ascii_is_alpha(text.p[i + 1]))
			continue;
		buf_add_byte(&whole, text.p[i]);
	}
	buf_add_byte(&whole, '\0');
	config = parse_sound(whole.p);
	config_free(config);
	buf_fini(&example);
	buf_fini(&whole);
}

static void test_encoding_round_trip(void **unused)
{
	struct config *config = parse_sound(
		SOUND "state = \"s p\\\"a c\\\\e\"; limits = { line = "
		      "\"9000b\"; }; log = { tls = \"error\"; };");
	struct buf bytes = BUF_UNBOUNDED;
	struct config *other = NULL, *none = NULL;

	(void)unused;
	config_encode(config, true, &bytes);
	assert_ok(config_decode(buf_str(&bytes), &other));
	assert_null(config_change(config, other, NULL));
	assert_string_equal(other->state, "/d/s p\"a c\\e");
	for (size_t n = 1; n < bytes.n; n++) {
		if (config_decode(str_of(bytes.p, n), &none) == OK)
			config_free(none); /* cut between two settings */
		else
			assert_null(none);
	}
	assert_int_equal(
		config_decode(STR("\x05stale\x01x"), &none), ERR_INVALID);
	config_free(other);
	config_free(config);
	buf_fini(&bytes);
}

static void test_reload(void **unused)
{
	struct config *before = parse_sound(SOUND "state = \"/a\";");
	struct config *now = parse_sound(
		SOUND "state = \"/b\"; limits = { connections = 3; };");
	const struct setting *s = config_change(before, now, NULL);

	(void)unused;
	assert_string_equal(s->name, "state");
	assert_false(s->reload);
	s = config_change(before, now, s);
	assert_string_equal(s->name, "limits.connections");
	assert_true(s->reload);
	assert_null(config_change(before, now, s));

	config_keep_fixed(now, before);
	assert_string_equal(now->state, "/a");
	assert_int_equal(now->limits_connections, 3);
	config_free(before);
	config_free(now);
}

static void test_log_levels(void **unused)
{
	struct config *config = parse_sound(
		SOUND "log = { level = \"error\"; imap = \"debug\"; };");

	(void)unused;
	config_apply_log_levels(config);
	assert_true(log_enabled("imap", LOG_DEBUG));
	assert_false(log_enabled("auth", LOG_WARN));
	config_free(config);
}

/* Files. */

static char directory[] = "/tmp/culver-config-XXXXXX";

static char *in_directory(const char *name)
{
	return xasprintf("%s/%s", directory, name);
}

static void write_file(const char *name, const char *text)
{
	char *path = in_directory(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	free(path);
}

static int remove_entry(
	const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int make_directory(void **unused)
{
	(void)unused;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **unused)
{
	(void)unused;
	return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* What config_load says of a file, with "DIR" for the directory. */
static void assert_said(const char *name, const char *expected)
{
	struct config_errors errors = CONFIG_ERRORS_EMPTY;
	struct buf said = BUF_UNBOUNDED, short_said = BUF_UNBOUNDED;
	char *path = in_directory(name);
	struct config *config;
	enum err e = config_load(path, &config, &errors);
	str rest;

	config_errors_print(&errors, &said);
	for (rest = buf_str(&said); rest.n;) {
		size_t at = str_find(rest, str_c(directory));

		buf_add(&short_said, str_take(rest, at));
		if (at < rest.n)
			buf_add_c(&short_said, "DIR");
		rest = str_skip(rest, at + strlen(directory));
	}
	assert_str(buf_str(&short_said), expected);
	assert_int_equal(e, *expected ? ERR_INVALID : OK);
	config_free(config);
	config_errors_fini(&errors);
	buf_fini(&said);
	buf_fini(&short_said);
	free(path);
}

/* Without users: as root their absence is an error. */
#define FILE_SOUND                                                             \
	SOUND "users = { front = \"64001\"; auth = \"64002\"; mail = "         \
	      "\"64003\"; };\n"

static void test_includes(void **unused)
{
	char *sub = in_directory("sub");

	(void)unused;
	assert_int_equal(mkdir(sub, 0700), 0);
	free(sub);
	write_file("main.conf", FILE_SOUND "@include \"sub/one.conf\"\n"
					   "  @include \"sub/missing.conf\"\n"
					   "@include \"sub\"\n"
					   "frob = 1;\n"
					   "limits = {\n"
					   "@include \"limits.conf\"\n"
					   "lin = \"64kb\"; };\n");
	write_file("sub/one.conf", "\n@include \"two.conf\"\nstate = 5;");
	write_file("sub/two.conf", "\n\nstore = { cash = \"64mb\"; };\n");
	write_file("limits.conf", "connections = 0;\n");
	assert_said("main.conf",
		"DIR/main.conf:4: @include: cannot read DIR/sub/missing.conf: "
		"No such file or directory\n"
		"DIR/main.conf:5: @include: cannot read DIR/sub: Is a "
		"directory\n"
		"DIR/sub/two.conf:3: store.cash: is not a setting; did you "
		"mean store.cache?\n"
		"DIR/sub/one.conf:3: state: is a bare number; write text in "
		"quotes\n"
		"DIR/main.conf:6: frob: is not a setting; see culver.conf(5), "
		"or remove it\n"
		"DIR/limits.conf:1: limits.connections: 0 is out of range; "
		"write 1 to 1000000\n"
		"DIR/main.conf:9: limits.lin: is not a setting; did you mean "
		"limits.line?\n");
}

static void test_include_of_itself_ends(void **unused)
{
	(void)unused;
	write_file("loop.conf", FILE_SOUND "@include \"other.conf\"\n");
	write_file("other.conf", "@include \"loop.conf\"\n");
	assert_said("loop.conf",
		"DIR/other.conf:1: @include: a file includes itself; remove "
		"it\n");
	write_file("deep.conf", FILE_SOUND "@include \"./deep.conf\"\n");
	assert_said("deep.conf",
		"DIR/deep.conf:3: @include: a file includes itself; remove "
		"it\n");
}

static void test_unreadable_files(void **unused)
{
	(void)unused;
	assert_said("none.conf",
		"DIR/none.conf: cannot be read: No such file or directory; "
		"name the configuration with -c FILE\n");
	assert_said("",
		"DIR/: cannot be read: Is a directory; name the configuration "
		"with -c FILE\n");
}

static EVP_PKEY *write_key(const char *name, const char *passphrase)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	char *path = in_directory(name);
	FILE *f = fopen(path, "w");

	assert_non_null(key);
	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, key,
				 passphrase ? EVP_aes_128_cbc() : NULL, NULL, 0,
				 NULL, (void *)(uintptr_t)passphrase),
		1);
	fclose(f);
	free(path);
	return key;
}

static void write_certificate(const char *name, EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	char *path = in_directory(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_sign(certificate, key, EVP_sha256());
	assert_int_equal(PEM_write_X509(f, certificate), 1);
	fclose(f);
	X509_free(certificate);
	free(path);
}

static void test_certificates(void **unused)
{
	static const struct {
		const char *certificate, *key, *said, *why;
	} rows[] = {
		{"cert.pem", "key.pem", "", "a pair"},
		{"cert.pem", "other.pem",
			"DIR/tls.conf:3: tls.key: DIR/other.pem is not the key "
			"of tls.certificate DIR/cert.pem; name the one that "
			"was made with it\n",
			"no pair"},
		{"key.pem", "cert.pem",
			"DIR/tls.conf:3: tls.certificate: DIR/key.pem holds "
			"no certificate in PEM (-----BEGIN "
			"CERTIFICATE-----)\n"
			"DIR/tls.conf:3: tls.key: DIR/cert.pem holds no "
			"private key in PEM (-----BEGIN PRIVATE KEY-----)\n",
			"taken for each other"},
		{"cert.pem", "locked.pem",
			"DIR/tls.conf:3: tls.key: DIR/locked.pem is locked by "
			"a passphrase; remove it with `openssl pkey`\n",
			"nobody is there to type it"},
		{"none.pem", ".",
			"DIR/tls.conf:3: tls.certificate: cannot read "
			"DIR/none.pem: No such file or directory\n"
			"DIR/tls.conf:3: tls.key: cannot read DIR/.: it is a "
			"directory\n",
			"not there"},
	};
	EVP_PKEY *key = write_key("key.pem", NULL);

	(void)unused;
	write_certificate("cert.pem", key);
	EVP_PKEY_free(key);
	EVP_PKEY_free(write_key("other.pem", NULL));
	EVP_PKEY_free(write_key("locked.pem", "secret"));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *text = xasprintf(
			"%stls = { certificate = \"%s/%s\"; key = \"%s/%s\"; "
			"};\n",
			FILE_SOUND, directory, rows[i].certificate, directory,
			rows[i].key);

		write_file("tls.conf", text);
		assert_said("tls.conf", rows[i].said);
		free(text);
	}
}

static void test_authorities(void **unused)
{
	static const struct {
		const char *file, *said;
	} rows[] = {
		{"ca.pem", ""},
		{"ca.key",
			"DIR/ca.conf:3: tls.client_ca: DIR/ca.key holds no "
			"certificate in PEM (-----BEGIN CERTIFICATE-----)\n"},
	};
	EVP_PKEY *key = write_key("ca.key", NULL);

	(void)unused;
	write_certificate("ca.pem", key);
	EVP_PKEY_free(key);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *text = xasprintf("%stls = { client_ca = \"%s/%s\"; };\n",
			FILE_SOUND, directory, rows[i].file);

		write_file("ca.conf", text);
		assert_said("ca.conf", rows[i].said);
		free(text);
	}
}

static void test_socket_group(void **unused)
{
	(void)unused;
	write_file("group.conf",
		"listen = { imap = [\"127.0.0.1:1143\"];\n"
		" socket_group = \"no-such-group\"; };\n"
		"login = { plaintext_without_tls = true; };\n"
		"users = { front = \"64001\"; auth = \"64002\"; mail = "
		"\"64003\"; };\n");
	assert_said("group.conf",
		"DIR/group.conf:2: listen.socket_group: there is no group "
		"\"no-such-group\"\n");
}

static void test_users_when_root(void **unused)
{
	(void)unused;
	if (geteuid() != 0)
		skip();
	write_file("users.conf",
		SOUND "users = {\n front = \"no-such-user\";\n auth = "
		      "\"root\";\n mail = \"0\";\n};\n");
	assert_said("users.conf",
		"DIR/users.conf:3: users.front: there is no user "
		"\"no-such-user\"; make it with `adduser --system --group "
		"no-such-user`\n"
		"DIR/users.conf:4: users.auth: is root; name an unprivileged "
		"user\n"
		"DIR/users.conf:5: users.mail: is root; name an unprivileged "
		"user\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_arrive),
		cmocka_unit_test(test_stderr_is_no_path),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_errors_are_bounded),
		cmocka_unit_test(test_example_is_sound),
		cmocka_unit_test(test_encoding_round_trip),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_log_levels),
		cmocka_unit_test(test_includes),
		cmocka_unit_test(test_include_of_itself_ends),
		cmocka_unit_test(test_unreadable_files),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_authorities),
		cmocka_unit_test(test_socket_group),
		cmocka_unit_test(test_users_when_root),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
