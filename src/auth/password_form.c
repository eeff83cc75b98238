/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password_form.h"
#include "auth/scram.h"
#include "base/alloc.h"
#include "base/base64.h"
#include "base/cursor.h"
#include "base/secret.h"

#include <argon2.h>
#include <crypt.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum encoding { TEXT, HEX, BASE64 };

struct password_scheme {
	const char *name;
	enum encoding encoding; /* when the hash says none */
	/* Is the data well-formed? Says what it costs. */
	bool (*parse)(const struct password_form *, struct password_cost *);
	enum err (*verify)(const struct password_form *, str password);
	const EVP_MD *(*md)(void); /* where there are several */
};

static void wipe(struct buf *b)
{
	if (b->p)
		secret_wipe(b->p, b->cap);
	buf_fini(b);
}

static enum err compare(str typed, str stored)
{
	return secret_eq(typed, stored) ? OK : ERR_AUTH;
}

/* -------- what crypt(5) knows -------- */

static bool crypt_parse(
	const struct password_form *f, struct password_cost *cost)
{
	int check = crypt_checksalt(f->data.p);

	return password_cost_of_crypt(buf_str(&f->data), cost) &&
	       (check == CRYPT_SALT_OK || check == CRYPT_SALT_METHOD_LEGACY ||
		       check == CRYPT_SALT_TOO_CHEAP);
}

char *password_crypt(const char *phrase, const char *setting)
{
	/* 32 KiB, with traces of the password. */
	struct crypt_data *data = xcalloc(1, sizeof *data);
	const char *made = crypt_r(phrase, setting, data);
	char *copy = made && made[0] != '*' ? xstrdup(made) : NULL;

	secret_wipe(data, sizeof *data);
	free(data);
	return copy;
}

static enum err crypt_verify(const struct password_form *f, str password)
{
	struct secret phrase = secret_of(password);
	char *made = password_crypt(phrase.p, f->data.p);
	enum err e;

	secret_fini(&phrase);
	if (!made)
		return ERR_UNSUPPORTED;
	e = compare(str_c(made), buf_str(&f->data));
	secret_wipe(made, strlen(made));
	free(made);
	return e;
}

/* -------- argon2 -------- */

static const struct {
	str prefix;
	argon2_type type;
} argon2_kinds[] = {
	{STR_LIT("$argon2id$"), Argon2_id},
	{STR_LIT("$argon2i$"), Argon2_i},
	{STR_LIT("$argon2d$"), Argon2_d},
};

/* The index in argon2_kinds; -1. */
static int argon2_kind(str hash)
{
	for (size_t i = 0; i < COUNT_OF(argon2_kinds); i++)
		if (str_starts(hash, argon2_kinds[i].prefix))
			return (int)i;
	return -1;
}

static bool argon2_parse(
	const struct password_form *f, struct password_cost *cost)
{
	return argon2_kind(buf_str(&f->data)) >= 0 &&
	       password_cost_of_argon2(buf_str(&f->data), cost);
}

static enum err verify_argon2(const struct password_form *f, str password)
{
	int kind = argon2_kind(buf_str(&f->data));
	int r = argon2_verify(
		f->data.p, password.p, password.n, argon2_kinds[kind].type);

	if (r == ARGON2_OK)
		return OK;
	return r == ARGON2_VERIFY_MISMATCH ? ERR_AUTH : ERR_UNSUPPORTED;
}

/* -------- the password itself -------- */

static bool plain_parse(
	const struct password_form *f, struct password_cost *cost)
{
	*cost = (struct password_cost){0};
	return f->data.n > 0;
}

static enum err plain_verify(const struct password_form *f, str password)
{
	return compare(password, buf_str(&f->data));
}

/* -------- one round of a digest, with what follows it as salt -------- */

static size_t digest_size(const struct password_form *f)
{
	return (size_t)EVP_MD_get_size(f->scheme->md());
}

static bool digest_parse(
	const struct password_form *f, struct password_cost *cost)
{
	*cost = (struct password_cost){0};
	return f->data.n == digest_size(f);
}

static bool salted_parse(
	const struct password_form *f, struct password_cost *cost)
{
	*cost = (struct password_cost){0};
	return f->data.n > digest_size(f);
}

static enum err digest_verify(const struct password_form *f, str password)
{
	unsigned char made[EVP_MAX_MD_SIZE];
	size_t size = digest_size(f);
	struct buf input = BUF_UNBOUNDED;
	str stored = buf_str(&f->data);
	enum err e;

	(void)buf_reserve(&input, password.n + stored.n);
	buf_add(&input, password);
	buf_add(&input, str_skip(stored, size));
	if (!EVP_Digest(input.p, input.n, made, NULL, f->scheme->md(), NULL))
		e = ERR_UNSUPPORTED; /* MD5 where it is forbidden */
	else
		e = compare(str_of((char *)made, size), str_take(stored, size));
	secret_wipe(made, sizeof made);
	wipe(&input);
	return e;
}

/* -------- PBKDF2 -------- */

struct pbkdf2 {
	uint64_t rounds;
	str salt;
	struct buf key;
};

/* Appends; false, and nothing kept, for what is not pairs of hex digits. */
static bool decode_hex(struct buf *out, str digits)
{
	for (size_t i = 0; i < digits.n; i++) {
		char c = ascii_lower(digits.p[i]);
		int value = c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : ascii_is_digit(c)	 ? c - '0'
						 : -1;

		if (value < 0)
			return false;
		if (i % 2)
			out->p[out->n - 1] = (char)(out->p[out->n - 1] | value);
		else
			buf_add_byte(out, (char)(value << 4));
	}
	return digits.n % 2 == 0;
}

/* Dovecot's: "$1$" salt "$" rounds "$" hex, HMAC-SHA-1, the salt as text. */
static bool read_pbkdf2(str data, struct pbkdf2 *p)
{
	struct cursor c = cursor_of(data);

	p->key = BUF_UNBOUNDED;
	if (!cursor_accept_str(&c, STR("$1$")))
		return false;
	p->salt = cursor_until(&c, '$');
	cursor_expect(&c, '$', "the rounds");
	if (str_to_u64(cursor_until(&c, '$'), INT32_MAX, &p->rounds))
		return false;
	cursor_expect(&c, '$', "the key");
	return decode_hex(&p->key, cursor_rest(&c)) && cursor_ok(&c) &&
	       p->salt.n > 0 && p->key.n > 0 && p->key.n <= EVP_MAX_MD_SIZE;
}

static bool pbkdf2_parse(
	const struct password_form *f, struct password_cost *cost)
{
	struct pbkdf2 p;
	bool good = read_pbkdf2(buf_str(&f->data), &p) &&
		    password_cost_of_pbkdf2(p.rounds, cost);

	wipe(&p.key);
	return good;
}

static enum err check_pbkdf2(
	const struct pbkdf2 *p, const EVP_MD *md, str password)
{
	unsigned char made[EVP_MAX_MD_SIZE];
	enum err e = ERR_UNSUPPORTED;

	if (PKCS5_PBKDF2_HMAC(password.p, (int)password.n,
		    (const unsigned char *)p->salt.p, (int)p->salt.n,
		    (int)p->rounds, md, (int)p->key.n, made))
		e = compare(str_of((char *)made, p->key.n), buf_str(&p->key));
	secret_wipe(made, sizeof made);
	return e;
}

static enum err pbkdf2_verify(const struct password_form *f, str password)
{
	struct pbkdf2 p;
	enum err e = ERR_UNSUPPORTED;

	if (read_pbkdf2(buf_str(&f->data), &p))
		e = check_pbkdf2(&p, f->scheme->md(), password);
	wipe(&p.key);
	return e;
}

/* OpenLDAP's pw-pbkdf2, and passlib: rounds "$" salt "$" key, in base64 with
 * "." for "+" and without padding. */
static bool read_ab64(struct buf *out, str digits)
{
	struct buf usual = BUF_UNBOUNDED;
	bool good;

	for (size_t i = 0; i < digits.n; i++)
		buf_add_byte(&usual, digits.p[i] == '.' ? '+' : digits.p[i]);
	while (usual.n % 4)
		buf_add_byte(&usual, '=');
	good = base64_decode(out, buf_str(&usual)) == OK && out->n > 0;
	wipe(&usual);
	return good;
}

static bool read_ldap_pbkdf2(str data, struct pbkdf2 *p, struct buf *salt)
{
	struct cursor c = cursor_of(data);

	p->key = *salt = BUF_UNBOUNDED;
	if (str_to_u64(cursor_until(&c, '$'), INT32_MAX, &p->rounds))
		return false;
	cursor_expect(&c, '$', "the salt");
	if (!read_ab64(salt, cursor_until(&c, '$')))
		return false;
	cursor_expect(&c, '$', "the key");
	p->salt = buf_str(salt);
	return read_ab64(&p->key, cursor_rest(&c)) && cursor_ok(&c) &&
	       p->key.n <= EVP_MAX_MD_SIZE;
}

static bool ldap_pbkdf2_parse(
	const struct password_form *f, struct password_cost *cost)
{
	struct pbkdf2 p;
	struct buf salt;
	bool good = read_ldap_pbkdf2(buf_str(&f->data), &p, &salt) &&
		    password_cost_of_pbkdf2(p.rounds, cost);

	wipe(&p.key);
	buf_fini(&salt);
	return good;
}

static enum err ldap_pbkdf2_verify(const struct password_form *f, str password)
{
	struct pbkdf2 p;
	struct buf salt;
	enum err e = ERR_UNSUPPORTED;

	if (read_ldap_pbkdf2(buf_str(&f->data), &p, &salt))
		e = check_pbkdf2(&p, f->scheme->md(), password);
	wipe(&p.key);
	buf_fini(&salt);
	return e;
}

/* -------- SCRAM's keys -------- */

static enum err read_scram(const struct password_form *f, struct scram_keys *k)
{
	struct buf text = BUF_UNBOUNDED;
	enum err e;

	buf_addf(&text, "{%s}", f->scheme->name);
	buf_add(&text, buf_str(&f->data));
	e = scram_keys_parse(buf_str(&text), k);
	wipe(&text);
	return e;
}

static bool scram_parse(
	const struct password_form *f, struct password_cost *cost)
{
	struct scram_keys k;
	bool good = read_scram(f, &k) == OK &&
		    password_cost_of_pbkdf2(k.iterations, cost);

	secret_wipe(&k, sizeof k);
	return good;
}

static enum err scram_verify(const struct password_form *f, str password)
{
	struct scram_keys stored, made;
	enum err e = ERR_UNSUPPORTED;

	if (read_scram(f, &stored))
		return e;
	e = scram_keys_derive(stored.hash, password, stored.iterations,
		str_of((char *)stored.salt, stored.salt_n), &made);
	/* What cannot be prepared is nobody's. */
	e = e ? ERR_AUTH
	      : compare(str_of((char *)made.stored, sizeof made.stored),
			str_of((char *)stored.stored, sizeof stored.stored));
	secret_wipe(&stored, sizeof stored);
	secret_wipe(&made, sizeof made);
	return e;
}

/* -------- schemes -------- */

#define CRYPT(name)                                                            \
	{                                                                      \
		name, TEXT, crypt_parse, crypt_verify, NULL                    \
	}
#define ARGON2(name)                                                           \
	{                                                                      \
		name, TEXT, argon2_parse, verify_argon2, NULL                  \
	}
#define PLAIN(name)                                                            \
	{                                                                      \
		name, TEXT, plain_parse, plain_verify, NULL                    \
	}
#define DIGEST(name, encoding, md)                                             \
	{                                                                      \
		name, encoding, digest_parse, digest_verify, md                \
	}
#define SALTED(name, md)                                                       \
	{                                                                      \
		name, BASE64, salted_parse, digest_verify, md                  \
	}
#define LDAP_PBKDF2(name, md)                                                  \
	{                                                                      \
		name, TEXT, ldap_pbkdf2_parse, ldap_pbkdf2_verify, md          \
	}
#define SCRAM(name)                                                            \
	{                                                                      \
		name, TEXT, scram_parse, scram_verify, NULL                    \
	}

static const struct password_scheme schemes[] = {
	CRYPT("CRYPT"),
	CRYPT("BLF-CRYPT"),
	CRYPT("SHA256-CRYPT"),
	CRYPT("SHA512-CRYPT"),
	CRYPT("MD5-CRYPT"),
	CRYPT("DES-CRYPT"),
	ARGON2("ARGON2ID"),
	ARGON2("ARGON2I"),
	ARGON2("ARGON2"), /* OpenLDAP's */
	PLAIN("PLAIN"),
	PLAIN("CLEAR"),
	PLAIN("CLEARTEXT"),
	DIGEST("SHA", BASE64, EVP_sha1),
	DIGEST("SHA1", BASE64, EVP_sha1),
	DIGEST("SHA256", BASE64, EVP_sha256),
	DIGEST("SHA384", BASE64, EVP_sha384),
	DIGEST("SHA512", BASE64, EVP_sha512),
	SALTED("SSHA", EVP_sha1),
	SALTED("SSHA256", EVP_sha256),
	SALTED("SSHA384", EVP_sha384),
	SALTED("SSHA512", EVP_sha512),
	SALTED("SMD5", EVP_md5),
	DIGEST("PLAIN-MD5", HEX, EVP_md5),
	DIGEST("LDAP-MD5", BASE64, EVP_md5),
	{"PBKDF2", TEXT, pbkdf2_parse, pbkdf2_verify, EVP_sha1},
	LDAP_PBKDF2("PBKDF2-SHA1", EVP_sha1),
	LDAP_PBKDF2("PBKDF2-SHA256", EVP_sha256),
	LDAP_PBKDF2("PBKDF2-SHA512", EVP_sha512),
	SCRAM("SCRAM-SHA-1"),
	SCRAM("SCRAM-SHA-256"),
	/* crypt's with Dovecot, a bare digest with LDAP */
	DIGEST("MD5", BASE64, EVP_md5),
	CRYPT("MD5"),
};

static const struct {
	const char *name;
	enum encoding encoding;
} suffixes[] = {
	{".HEX", HEX},
	{".B64", BASE64},
	{".BASE64", BASE64},
};

/* Without its suffix, if it has one that is known. */
static str split_name(str name, const enum encoding **encoding_r)
{
	size_t dot = str_find_byte(name, '.');

	*encoding_r = NULL;
	for (size_t i = 0; i < COUNT_OF(suffixes); i++)
		if (str_ieq_c(str_skip(name, dot), suffixes[i].name))
			*encoding_r = &suffixes[i].encoding;
	return *encoding_r ? str_take(name, dot) : name;
}

/* As Dovecot does, a digest that is written in the other of the two is known
 * by its length. */
static enum encoding guess(const struct password_scheme *scheme, str text)
{
	if (scheme->parse != digest_parse)
		return scheme->encoding;
	return text.n == 2 * (size_t)EVP_MD_get_size(scheme->md()) ? HEX
								   : BASE64;
}

/* Fills data; what is text has no NUL. */
static bool decode(struct password_form *f, enum encoding encoding, str text)
{
	bool good = true;

	if (encoding == HEX)
		good = decode_hex(&f->data, text);
	else if (encoding == BASE64)
		good = base64_decode(&f->data, text) == OK;
	else
		buf_add(&f->data, text);
	if (good && f->scheme->encoding == TEXT &&
		memchr(buf_str(&f->data).p, 0, f->data.n))
		return false;
	buf_add_byte(&f->data, '\0');
	buf_truncate(&f->data, f->data.n - 1);
	return good;
}

static enum err parse_as(const struct password_scheme *scheme,
	enum encoding encoding, str text, struct password_form *f)
{
	struct password_cost cost = {0};

	*f = (struct password_form){.scheme = scheme, .data = BUF_UNBOUNDED};
	if (decode(f, encoding, text) && scheme->parse(f, &cost) &&
		cost.cost <= PASSWORD_COST_MAX &&
		cost.memory <= PASSWORD_MEMORY_MAX) {
		f->cost = cost.cost;
		return OK;
	}
	password_form_fini(f);
	return ERR_UNSUPPORTED;
}

static enum err parse_named(str name, str text, struct password_form *f)
{
	enum err e = ERR_UNSUPPORTED;
	const enum encoding *said;

	name = split_name(name, &said);
	for (size_t i = 0; i < COUNT_OF(schemes) && e; i++)
		if (str_ieq_c(name, schemes[i].name))
			e = parse_as(&schemes[i],
				said ? *said : guess(&schemes[i], text), text,
				f);
	return e;
}

/* A hash that speaks for itself. */
static enum err parse_bare(str text, struct password_form *f)
{
	return parse_named(
		argon2_kind(text) >= 0 ? STR("ARGON2") : STR("CRYPT"), text, f);
}

enum err password_form_parse(const char *hash, struct password_form *f)
{
	struct cursor c = cursor_of(str_c(hash));
	str name;

	*f = (struct password_form){.data = BUF_UNBOUNDED};
	if (cursor_left(&c) > PASSWORD_HASH_MAX)
		return ERR_UNSUPPORTED;
	if (!cursor_accept(&c, '{'))
		return parse_bare(cursor_rest(&c), f);
	name = cursor_until(&c, '}');
	if (!cursor_accept(&c, '}'))
		return ERR_UNSUPPORTED;
	/* {CRYPT} and nothing behind it is as bare: argon2's too */
	if (str_ieq_c(name, "CRYPT"))
		return parse_bare(cursor_rest(&c), f);
	return parse_named(name, cursor_rest(&c), f);
}

void password_form_fini(struct password_form *f)
{
	wipe(&f->data);
}

enum err password_form_verify(const struct password_form *f, str password)
{
	return f->scheme->verify(f, password);
}

bool password_form_is_good(const struct password_form *f)
{
	return str_starts(buf_str(&f->data), STR("$y$")) &&
	       f->scheme->verify == crypt_verify &&
	       f->cost >= PASSWORD_COST_NEW;
}

bool password_form_is_plain(const struct password_form *f)
{
	return f->scheme->parse == plain_parse;
}
