/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"
#include "auth/text.h"
#include "base/alloc.h"
#include "base/secret.h"

#include <argon2.h>
#include <crypt.h>
#include <pthread.h>
#include <stdlib.h>

/* yescrypt with libxcrypt's default cost: 16 MiB. */
#define PREFIX "$y$"

/* {SCHEME} before a hash that speaks for itself. */
static const char *const schemes[] = {"{CRYPT}", "{BLF-CRYPT}",
	"{SHA256-CRYPT}", "{SHA512-CRYPT}", "{MD5-CRYPT}", "{DES-CRYPT}",
	"{ARGON2I}", "{ARGON2ID}"};

static const char *without_scheme(const char *hash)
{
	for (size_t i = 0; i < COUNT_OF(schemes); i++)
		if (str_istarts(str_c(hash), str_c(schemes[i])))
			return hash + strlen(schemes[i]);
	return hash;
}

static const struct {
	const char *prefix;
	argon2_type type;
} argon2_kinds[] = {
	{"$argon2id$", Argon2_id},
	{"$argon2i$", Argon2_i},
	{"$argon2d$", Argon2_d},
};

/* The index in argon2_kinds; -1. */
static int argon2_kind(const char *hash)
{
	for (size_t i = 0; i < COUNT_OF(argon2_kinds); i++)
		if (str_starts(str_c(hash), str_c(argon2_kinds[i].prefix)))
			return (int)i;
	return -1;
}

/* crypt_r's answer to a phrase, as a copy; NULL when it knows no such hash. */
static char *crypt_phrase(const char *phrase, const char *setting)
{
	/* 32 KiB, with traces of the password. */
	struct crypt_data *data = xcalloc(1, sizeof *data);
	const char *made = crypt_r(phrase, setting, data);
	char *copy = made && made[0] != '*' ? xstrdup(made) : NULL;

	secret_wipe(data, sizeof *data);
	free(data);
	return copy;
}

static enum err verify_one(str password, const char *hash)
{
	int kind = argon2_kind(hash);
	struct secret phrase;
	enum err e = ERR_AUTH;
	char *made;
	int r;

	if (password.n > PASSWORD_MAX || memchr(password.p, 0, password.n))
		return ERR_AUTH;
	if (kind >= 0) {
		r = argon2_verify(
			hash, password.p, password.n, argon2_kinds[kind].type);
		if (r == ARGON2_OK)
			return OK;
		return r == ARGON2_VERIFY_MISMATCH ? ERR_AUTH : ERR_UNSUPPORTED;
	}
	phrase = secret_of(password);
	made = crypt_phrase(phrase.p, hash);
	secret_fini(&phrase);
	if (!made)
		return ERR_UNSUPPORTED;
	if (secret_eq(str_c(made), str_c(hash)))
		e = OK;
	secret_wipe(made, strlen(made));
	free(made);
	return e;
}

static void buf_wipe(struct buf *b)
{
	if (b->p)
		secret_wipe(b->p, b->cap);
	buf_fini(b);
}

enum err password_verify(str password, const char *hash)
{
	struct buf prepared = BUF_UNBOUNDED;
	enum err e = ERR_AUTH;
	bool tried = false;

	hash = without_scheme(hash);
	if (!password_is_known(hash))
		return ERR_UNSUPPORTED;
	if (text_prepare_password(password, &prepared) == OK) {
		e = verify_one(buf_str(&prepared), hash);
		tried = str_eq(buf_str(&prepared), password);
	}
	/* A hash that was made elsewhere, of the bytes as they came. */
	if (e == ERR_AUTH && !tried)
		e = verify_one(password, hash);
	buf_wipe(&prepared);
	return e;
}

static char *make_setting(void)
{
	char room[CRYPT_GENSALT_OUTPUT_SIZE], random[32];

	secret_random(random, sizeof random);
	if (!crypt_gensalt_rn(
		    PREFIX, 0, random, sizeof random, room, sizeof room))
		abort(); /* a libcrypt without its own default */
	return xstrdup(room);
}

static void hash_phrase(str phrase, struct buf *hash_r)
{
	char *setting = make_setting(), *made;
	struct secret copy = secret_of(phrase);

	made = crypt_phrase(copy.p, setting);
	if (!made)
		abort();
	buf_reset(hash_r);
	buf_add_c(hash_r, made);
	secret_fini(&copy);
	free(setting);
	free(made);
}

enum err password_hash(str password, struct buf *hash_r)
{
	struct buf prepared = BUF_UNBOUNDED;
	enum err e = text_prepare_password(password, &prepared);

	if (!e && prepared.n > PASSWORD_MAX)
		e = ERR_INVALID;
	if (!e)
		hash_phrase(buf_str(&prepared), hash_r);
	buf_wipe(&prepared);
	return e;
}

static char *nobody;
static pthread_once_t nobody_once = PTHREAD_ONCE_INIT;

static void make_nobody(void)
{
	struct buf hash = BUF_UNBOUNDED;

	hash_phrase(STR("nobody has this password"), &hash);
	nobody = xstrndup(hash.p, hash.n);
	buf_fini(&hash);
}

void password_verify_nobody(str password)
{
	pthread_once(&nobody_once, make_nobody);
	(void)!password_verify(password, nobody);
}

/* The oldest kinds have no mark of their own: nearly any word is a salt to
 * crypt(3), and a password written in the place of a hash would pass. */
static bool is_old_crypt(const char *hash)
{
	static const char letters[] = "./0123456789"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz";
	bool bsdi = *hash == '_';
	size_t n = bsdi ? 20 : 13;

	return strlen(hash) == n && strspn(hash + bsdi, letters) == n - bsdi;
}

bool password_is_known(const char *hash)
{
	int check;

	hash = without_scheme(hash);
	if (argon2_kind(hash) >= 0)
		return true;
	if (*hash != '$' && !is_old_crypt(hash))
		return false;
	check = crypt_checksalt(hash);
	return check == CRYPT_SALT_OK || check == CRYPT_SALT_METHOD_LEGACY ||
	       check == CRYPT_SALT_TOO_CHEAP;
}
