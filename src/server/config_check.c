/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config_check.h"
#include "lookup/template.h"
#include "base/alloc.h"
#include "message/utf8.h"
#include "server/listen.h"
#include "wire/pop3/uidl.h"

#include <errno.h>
#include <grp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pwd.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A Unix socket's address has 108 bytes; file names under `state` need some. */
#define STATE_BYTES_MAX 80

struct check {
	const struct config *config;
	const struct config_place *places;
	struct config_errors *errors;
};

/* name is a literal that names a row. */
static void tell(const struct check *c, bool warning, const char *name,
	const char *format, va_list args)
{
	const struct setting *s = setting_find(str_c(name));
	const struct config_place *place = &c->places[s - settings];
	struct buf text = BUF_UNBOUNDED;

	buf_addf(&text, "%s: ", name);
	buf_vaddf(&text, format, args);
	(warning ? config_warnings_add : config_errors_add)(c->errors,
		place->file, place->line, "%.*s", STR_ARG(buf_str(&text)));
	buf_fini(&text);
}

__attribute__((format(printf, 3, 4))) static void fail(
	const struct check *c, const char *name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(c, false, name, format, args);
	va_end(args);
}

__attribute__((format(printf, 3, 4))) static void warn(
	const struct check *c, const char *name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(c, true, name, format, args);
	va_end(args);
}

/* Every list of addresses, to compare each with each. */
struct listener {
	const struct setting *setting;
	const struct listen_address *address;
};

static void check_overlap(const struct check *c, const struct listener *one,
	const struct listener *earlier)
{
	if (listen_address_overlaps(one->address, earlier->address))
		fail(c, one->setting->name,
			"%s cannot be bound besides %s of %s; remove one of "
			"them",
			one->address->text, earlier->address->text,
			earlier->setting->name);
}

#define LISTENERS_MAX 256
/* As a session keeps it, with its NUL (session/session.h). */
#define UIDL_MAX 128

static void check_listeners(const struct check *c)
{
	struct listener all[LISTENERS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < settings_count; i++) {
		const struct addresses *list =
			(const void *)((const char *)c->config +
				       settings[i].offset);

		if (settings[i].kind != SETTING_ADDRESSES)
			continue;
		if (list->count > LISTENERS_MAX - count) {
			fail(c, settings[i].name,
				"too many addresses; at most %d in all",
				LISTENERS_MAX);
			return;
		}
		for (size_t k = 0; k < list->count; k++) {
			all[count] =
				(struct listener){&settings[i], &list->list[k]};
			for (size_t j = 0; j < count; j++)
				check_overlap(c, &all[count], &all[j]);
			count++;
		}
	}
	if (!count)
		fail(c, "listen.imap",
			"nothing listens; write at least one address, as in "
			"listen = { imap = [\"127.0.0.1:1143\"]; };");
}

/* RFC 2033 section 5: "As LMTP is a different protocol than SMTP, it MUST NOT
 * be used on the TCP service port 25." */
static void check_lmtp(const struct check *c)
{
	const struct addresses *list = &c->config->listen_lmtp;

	for (size_t i = 0; i < list->count; i++) {
		const struct listen_address *a = &list->list[i];

		if (str_ends(str_c(a->text), STR(":25")))
			fail(c, "listen.lmtp",
				"%s is SMTP's port; give LMTP another, or a "
				"Unix socket",
				a->text);
	}
}

static const struct {
	size_t offset;
	unsigned flags;
} doors[] = {
#define X(field, protocol, flags) {offsetof(struct config, field), flags},
	LISTEN_TABLE(X)
#undef X
};

/* The name of a setting that has addresses and just these flags; NULL. */
static const char *find_open(const struct config *config, unsigned flags)
{
	for (size_t i = 0; i < COUNT_OF(doors); i++) {
		const struct addresses *list =
			(const void *)((const char *)config + doors[i].offset);

		if (!list->count || doors[i].flags != flags)
			continue;
		for (size_t k = 0; k < settings_count; k++)
			if (settings[k].offset == doors[i].offset)
				return settings[k].name;
	}
	return NULL;
}

static void check_tls_rules(const struct check *c)
{
	const struct config *config = c->config;
	bool has_certificate = *config->tls_certificate != '\0';
	bool has_key = *config->tls_key != '\0';
	const char *needs_tls;

	if (has_certificate && !has_key)
		fail(c, "tls.key",
			"missing; name the private key of tls.certificate");
	if (has_key && !has_certificate)
		fail(c, "tls.certificate",
			"missing; name the certificate of tls.key");
	if (has_certificate || has_key)
		return;
	needs_tls = find_open(config, LISTEN_LOGIN | LISTEN_TLS);
	if (needs_tls)
		fail(c, "tls.certificate",
			"missing, and %s needs it; name a PEM file, and its "
			"key as tls.key",
			needs_tls);
	else if (find_open(config, LISTEN_LOGIN) &&
		 !config->login_plaintext_without_tls)
		fail(c, "tls.certificate",
			"missing, so that nobody could log in; name a PEM "
			"file, and its key as tls.key");
}

static void check_uidl(const struct check *c)
{
	str format = str_c(c->config->pop3_uidl);
	const char *why;

	if (format.n >= UIDL_MAX)
		fail(c, "pop3.uidl", "longer than %d characters", UIDL_MAX - 1);
	else if (pop3_uidl_check(format, &why))
		fail(c, "pop3.uidl", "expected %s", why);
}

/* -------- outside sources of accounts -------- */

static bool has_source(const struct check *c, unsigned source)
{
	return words_have(&c->config->accounts_sources, source);
}

static void check_sql(const struct check *c)
{
	const struct config *config = c->config;
	struct buf why = BUF_UNBOUNDED;

	if (*config->sql_user_query &&
		template_check_query(str_c(config->sql_user_query), &why))
		fail(c, "sql.user_query", "%.*s", STR_ARG(buf_str(&why)));
	buf_fini(&why);
	if (!has_source(c, ACCOUNT_SOURCE_SQL))
		return;
	if (!*config->sql_connection)
		fail(c, "sql.connection",
			"missing, and accounts.sources has \"sql\"; write a "
			"connection string, as in \"host=/run/postgresql "
			"dbname=mail\"");
	if (!*config->sql_user_query)
		fail(c, "sql.user_query",
			"missing, and accounts.sources has \"sql\"; write a "
			"statement, as in \"SELECT name, hash FROM account "
			"WHERE name = $1\"");
}

/* What stands between "//" and the port or path. */
static str host_of(str uri)
{
	str host = str_skip(uri, str_find(uri, STR("//")) + 2);
	size_t n = str_find_byte(host, '/');

	host = str_take(host, n);
	if (str_starts(host, STR("[")))
		return str_take(host, str_find_byte(host, ']') + 1);
	return str_take(host, str_find_byte(host, ':'));
}

/* This machine. "127.example.org" is none of it. */
static bool is_here(str uri)
{
	str host = host_of(uri);
	size_t n = 0;

	while (n < host.n && (ascii_is_digit(host.p[n]) || host.p[n] == '.'))
		n++;
	return str_ieq_c(host, "localhost") || str_eq_c(host, "[::1]") ||
	       (n == host.n && str_starts(host, STR("127.")));
}

static void check_ldap_uri(const struct check *c, str uri)
{
	bool plain = str_istarts(uri, STR("ldap://"));

	if (!plain && !str_istarts(uri, STR("ldaps://")) &&
		!str_istarts(uri, STR("ldapi://")))
		fail(c, "ldap.uri",
			"\"%.*s\" is none; write ldaps://HOST, ldap://HOST or "
			"ldapi://%%2Frun%%2Fslapd%%2Fldapi",
			STR_ARG(str_take(uri, 60)));
	else if (plain && !c->config->ldap_starttls && !is_here(uri))
		warn(c, "ldap.uri",
			"passwords go over the network in clear; write "
			"ldaps://, or ldap.starttls = true");
}

static void check_ldap_needs(const struct check *c)
{
	const struct config *config = c->config;

	if (!*config->ldap_uri)
		fail(c, "ldap.uri",
			"missing, and accounts.sources has \"ldap\"; name a "
			"server, as in \"ldaps://ldap.example.org\"");
	if (!*config->ldap_base)
		fail(c, "ldap.base",
			"missing, and accounts.sources has \"ldap\"; name an "
			"entry, as in \"ou=people,dc=example,dc=org\"");
	if (*config->ldap_bind_dn && !*config->ldap_bind_password)
		fail(c, "ldap.bind_password",
			"missing; write the password of ldap.bind_dn, or "
			"leave both out to search anonymously");
	if (config->ldap_method != LDAP_SETTING_BIND &&
		!*config->ldap_attribute_hash)
		fail(c, "ldap.attribute_hash",
			"is empty, and ldap.method needs it; name an "
			"attribute, as in \"userPassword\"");
}

static void check_ldap(const struct check *c)
{
	const struct config *config = c->config;
	struct buf why = BUF_UNBOUNDED;
	str uris = str_trim(str_c(config->ldap_uri));

	if (template_check_filter(str_c(config->ldap_filter), &why))
		fail(c, "ldap.filter", "%.*s", STR_ARG(buf_str(&why)));
	buf_fini(&why);
	while (uris.n) {
		str uri = str_take(uris, str_find_byte(uris, ' '));

		check_ldap_uri(c, uri);
		uris = str_trim(str_skip(uris, uri.n));
	}
	if (has_source(c, ACCOUNT_SOURCE_LDAP))
		check_ldap_needs(c);
}

/* What is asked there decides who comes in. */
static void check_url(const struct check *c, const char *name, const char *url)
{
	if (!*url)
		return;
	if (strchr(url, '@') || strchr(url, ' '))
		fail(c, name,
			"has a \"@\" or a space; write a URL, and what proves "
			"who we are as oauth.client_id and "
			"oauth.client_secret");
	else if (!str_istarts(str_c(url), STR("https://")) &&
		 !(str_istarts(str_c(url), STR("http://")) &&
			 is_here(str_c(url))))
		fail(c, name,
			"does not begin with https://; plain HTTP is for this "
			"machine (http://127.0.0.1/) alone");
}

static void check_oauth_needs(const struct check *c)
{
	const struct config *config = c->config;
	int given = !!*config->oauth_jwks_file + !!*config->oauth_jwks_url +
		    !!*config->oauth_introspection_url;

	if (given != 1)
		fail(c, "oauth.jwks_url",
			"accounts.sources has \"oauth\", which needs one of "
			"oauth.jwks_file, oauth.jwks_url and "
			"oauth.introspection_url, and %s",
			given ? "more are given; remove all but one"
			      : "none is given; write one");
	if (!*config->oauth_introspection_url && !*config->oauth_audience)
		fail(c, "oauth.audience",
			"missing, so that tokens made for any other service "
			"would be taken; write what the issuer puts into "
			"\"aud\" for this server");
	if (*config->oauth_introspection_url && *config->oauth_client_id &&
		!*config->oauth_client_secret)
		fail(c, "oauth.client_secret",
			"missing; write the password of oauth.client_id");
}

static void check_oauth(const struct check *c)
{
	const struct config *config = c->config;

	check_url(c, "oauth.jwks_url", config->oauth_jwks_url);
	check_url(
		c, "oauth.introspection_url", config->oauth_introspection_url);
	if (has_source(c, ACCOUNT_SOURCE_OAUTH))
		check_oauth_needs(c);
}

static void check_passwd_and_pam(const struct check *c)
{
	const struct config *config = c->config;

	if (has_source(c, ACCOUNT_SOURCE_PASSWD) && !*config->passwd_file)
		fail(c, "passwd.file",
			"missing, and accounts.sources has \"passwd\"; name a "
			"file");
	if (strchr(config->pam_service, '/'))
		fail(c, "pam.service",
			"is a path; write the name of a file in /etc/pam.d, or "
			"set pam.directory");
	if (config->pam_last_uid < config->pam_first_uid)
		fail(c, "pam.last_uid",
			"is less than pam.first_uid; raise it, or lower "
			"pam.first_uid");
}

static void check_sources(const struct check *c)
{
	if (!c->config->accounts_sources.count)
		fail(c, "accounts.sources",
			"is empty, so that nobody could log in; write "
			"[\"builtin\"] or leave it out");
	check_sql(c);
	check_ldap(c);
	check_passwd_and_pam(c);
	check_oauth(c);
}

static void check_ciphers(const struct check *c)
{
	SSL_CTX *ctx;

	if (!*c->config->tls_ciphers)
		return;
	ctx = SSL_CTX_new(TLS_server_method());
	if (ctx && SSL_CTX_set_cipher_list(ctx, c->config->tls_ciphers) != 1)
		fail(c, "tls.ciphers",
			"OpenSSL knows no cipher of \"%s\"; see `openssl "
			"ciphers -v`",
			c->config->tls_ciphers);
	SSL_CTX_free(ctx);
	ERR_clear_error();
}

/* The index of a mechanism's word in login.mechanisms. */
#define MECHANISM_WORD(symbol) (MECHANISM_NUMBER_##symbol + 1)

/* What is listed and can work for nobody. */
static void check_mechanisms(const struct check *c)
{
	const struct config *config = c->config;
	const struct words *words = &config->login_mechanisms;

	if (!words->count)
		fail(c, "login.mechanisms",
			"is empty, so that nobody could log in; write "
			"[\"auto\"] or leave it out");
	if (words_have(words, MECHANISM_WORD(EXTERNAL)) &&
		!*config->tls_client_ca)
		fail(c, "login.mechanisms",
			"EXTERNAL needs tls.client_ca, which says whose "
			"certificates to believe");
	if (words_have(words, MECHANISM_WORD(ANONYMOUS)) &&
		!*config->login_anonymous)
		fail(c, "login.mechanisms",
			"ANONYMOUS needs login.anonymous, the account that "
			"guests read");
	if ((words_have(words, MECHANISM_WORD(OAUTHBEARER)) ||
		    words_have(words, MECHANISM_WORD(XOAUTH2))) &&
		!words_have(&config->accounts_sources, ACCOUNT_SOURCE_OAUTH))
		fail(c, "login.mechanisms",
			"OAUTHBEARER and XOAUTH2 need \"oauth\" in "
			"accounts.sources");
}

/* As sessions keep them, with their NUL (session/session.h). */
#define NOTE_MAX 1024

/* URI = scheme ":" hier-part …: RFC 3986 section 3, as far as characters go. */
static bool is_uri(str s)
{
	const char more[] = "-._~:/?#[]@!$&'()*+,;=%";
	size_t colon = str_find_byte(s, ':');

	if (colon == 0 || colon + 1 >= s.n || !ascii_is_alpha(s.p[0]))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool plain = ascii_is_alpha(s.p[i]) || ascii_is_digit(s.p[i]);

		if (!plain && !memchr(i < colon ? "+-." : more, s.p[i],
				      i < colon ? 3 : sizeof more - 1))
			return false;
	}
	return true;
}

/* What all users may read: RFC 5464 section 6.2. */
static void check_notes(const struct check *c)
{
	str comment = str_c(c->config->server_comment);
	str admin = str_c(c->config->server_admin);

	if (!utf8_is_valid(comment) || comment.n >= NOTE_MAX)
		fail(c, "server.comment",
			"is not UTF-8 of less than %d bytes; shorten it",
			NOTE_MAX);
	if (admin.n && (!is_uri(admin) || admin.n >= NOTE_MAX))
		fail(c, "server.admin",
			"is not a URI; write \"mailto:\" and an address, or "
			"\"tel:\" and a number");
}

void config_check_rules(const struct config *config,
	const struct config_place *places, struct config_errors *errors)
{
	const struct check c = {config, places, errors};

	if (!*config->state)
		fail(&c, "state", "is empty; name a directory");
	if (strlen(config->state) > STATE_BYTES_MAX)
		fail(&c, "state",
			"%s has more than %d bytes, too many for the sockets "
			"in it; choose a shorter path",
			config->state, STATE_BYTES_MAX);
	if (!*config->log_destination)
		fail(&c, "log.destination",
			"is empty; write \"stderr\" or a file");
	if (config->limits_command_memory < config->limits_line)
		fail(&c, "limits.command_memory",
			"is less than limits.line; raise it, or lower "
			"limits.line");
	check_sources(&c);
	check_mechanisms(&c);
	check_listeners(&c);
	check_lmtp(&c);
	check_tls_rules(&c);
	check_ciphers(&c);
	check_uidl(&c);
	check_notes(&c);
}

/* No terminal is asked for a passphrase. */
static int refuse_passphrase(char *room, int size, int writing, void *asked)
{
	(void)room, (void)size, (void)writing;
	*(bool *)asked = true;
	return -1;
}

/* NULL, and says why, when it cannot be read. */
static FILE *open_pem(const struct check *c, const char *name, const char *path)
{
	FILE *f;
	struct stat st;

	if (!*path)
		return NULL;
	f = fopen(path, "re");
	if (!f || fstat(fileno(f), &st) || S_ISDIR(st.st_mode)) {
		fail(c, name, "cannot read %s: %s", path,
			f ? "it is a directory" : strerror(errno));
		if (f)
			fclose(f);
		return NULL;
	}
	return f;
}

static X509 *read_certificate(const struct check *c)
{
	const char *path = c->config->tls_certificate;
	FILE *f = open_pem(c, "tls.certificate", path);
	X509 *certificate = NULL;

	if (!f)
		return NULL;
	certificate = PEM_read_X509(f, NULL, NULL, NULL);
	if (!certificate)
		fail(c, "tls.certificate",
			"%s holds no certificate in PEM (-----BEGIN "
			"CERTIFICATE-----)",
			path);
	fclose(f);
	return certificate;
}

static EVP_PKEY *read_key(const struct check *c)
{
	const char *path = c->config->tls_key;
	FILE *f = open_pem(c, "tls.key", path);
	bool asked = false;
	EVP_PKEY *key;

	if (!f)
		return NULL;
	key = PEM_read_PrivateKey(f, NULL, refuse_passphrase, &asked);
	if (!key && asked)
		fail(c, "tls.key",
			"%s is locked by a passphrase; remove it with "
			"`openssl pkey`",
			path);
	else if (!key)
		fail(c, "tls.key",
			"%s holds no private key in PEM (-----BEGIN PRIVATE "
			"KEY-----)",
			path);
	fclose(f);
	return key;
}

static void check_authorities(const struct check *c)
{
	const char *path = c->config->tls_client_ca;
	FILE *f = open_pem(c, "tls.client_ca", path);
	X509 *one;

	if (!f)
		return;
	one = PEM_read_X509(f, NULL, NULL, NULL);
	if (!one)
		fail(c, "tls.client_ca",
			"%s holds no certificate in PEM (-----BEGIN "
			"CERTIFICATE-----)",
			path);
	X509_free(one);
	fclose(f);
	ERR_clear_error();
}

static void check_tls_files(const struct check *c)
{
	X509 *certificate = read_certificate(c);
	EVP_PKEY *key = read_key(c);

	if (certificate && key && X509_check_private_key(certificate, key) != 1)
		fail(c, "tls.key",
			"%s is not the key of tls.certificate %s; name the "
			"one that was made with it",
			c->config->tls_key, c->config->tls_certificate);
	X509_free(certificate);
	EVP_PKEY_free(key);
	ERR_clear_error();
}

static void check_user(
	const struct check *c, const char *name, const char *user)
{
	const struct setting *s = setting_find(str_c(name));
	uint64_t number;

	if (!c->places[s - settings].line)
		return; /* without the default's user, state.c takes a number */
	if (!str_to_u64(str_c(user), UINT32_MAX - 1, &number)) {
		if (number == 0)
			fail(c, name, "is root; name an unprivileged user");
		return;
	}
	errno = 0;
	if (!getpwnam(user))
		fail(c, name,
			"there is no user \"%s\"; make it with `adduser "
			"--system --group %s`",
			user, user);
	else if (getpwnam(user)->pw_uid == 0)
		fail(c, name, "is root; name an unprivileged user");
}

/* Who can read the file learns the secret. */
static void check_secret(const struct check *c, const struct setting *s)
{
	const struct config_place *place = &c->places[s - settings];
	const char *const *value =
		(const void *)((const char *)c->config + s->offset);
	struct stat st;

	if (**value && place->line && stat(place->file, &st) == 0 &&
		st.st_mode & S_IROTH)
		warn(c, s->name,
			"everybody can read this file, and the secret in it; "
			"chmod it to 0640 or less, or move the secret to a "
			"file of its own and @include that");
}

static void check_group(const struct check *c)
{
	const char *group = c->config->listen_socket_group;
	uint64_t number;

	if (*group && str_to_u64(str_c(group), UINT32_MAX - 1, &number) &&
		!getgrnam(group))
		fail(c, "listen.socket_group", "there is no group \"%s\"",
			group);
}

void config_check_files(const struct config *config,
	const struct config_place *places, struct config_errors *errors)
{
	const struct check c = {config, places, errors};
	struct stat st;

	check_tls_files(&c);
	check_authorities(&c);
	check_group(&c);
	for (size_t i = 0; i < settings_count; i++)
		if (settings[i].kind == SETTING_SECRET)
			check_secret(&c, &settings[i]);
	if (stat(config->state, &st) == 0 && !S_ISDIR(st.st_mode))
		fail(&c, "state", "%s is not a directory; name another",
			config->state);
	if (geteuid() != 0)
		return;
	check_user(&c, "users.front", config->users_front);
	check_user(&c, "users.auth", config->users_auth);
	check_user(&c, "users.mail", config->users_mail);
	check_user(&c, "users.lookup", config->users_lookup);
}
