/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"
#include "auth/password_form.h"
#include "auth/text.h"
#include "base/alloc.h"
#include "base/secret.h"

#include <crypt.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* yescrypt with libxcrypt's default cost: 16 MiB. */
#define PREFIX "$y$"

static void buf_wipe(struct buf *b)
{
	if (b->p)
		secret_wipe(b->p, b->cap);
	buf_fini(b);
}

static enum err verify_one(str password, const struct password_form *form)
{
	if (password.n > PASSWORD_MAX || memchr(password.p, 0, password.n))
		return ERR_AUTH;
	return password_form_verify(form, password);
}

static enum err verify(str password, const struct password_form *form)
{
	struct buf prepared = BUF_UNBOUNDED;
	enum err e = ERR_AUTH;
	bool tried = false;

	if (text_prepare_password(password, &prepared) == OK) {
		e = verify_one(buf_str(&prepared), form);
		tried = str_eq(buf_str(&prepared), password);
	}
	/* A hash that was made elsewhere, of the bytes as they came. */
	if (e == ERR_AUTH && !tried)
		e = verify_one(password, form);
	buf_wipe(&prepared);
	return e;
}

enum err password_verify(str password, const char *hash)
{
	struct password_form form;
	enum err e = password_form_parse(hash, &form);

	if (e)
		return e;
	e = verify(password, &form);
	/* The time is not to say that this account exists, and how badly its
	 * password is kept. */
	if (e == ERR_AUTH && form.cost < PASSWORD_COST_NEW / 2)
		password_verify_nobody(password);
	password_form_fini(&form);
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

	made = password_crypt(copy.p, setting);
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

bool password_is_known(const char *hash)
{
	struct password_form form;

	if (password_form_parse(hash, &form))
		return false;
	password_form_fini(&form);
	return true;
}

bool password_is_weaker(const char *hash)
{
	struct password_form form;
	bool good;

	if (password_form_parse(hash, &form))
		return true;
	good = password_form_is_good(&form);
	password_form_fini(&form);
	return !good;
}

static void md5_hex(str a, str b, char hex[33])
{
	unsigned char md[16];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!ctx || !EVP_DigestInit_ex(ctx, EVP_md5(), NULL) ||
		!EVP_DigestUpdate(ctx, a.p, a.n) ||
		!EVP_DigestUpdate(ctx, b.p, b.n) ||
		!EVP_DigestFinal_ex(ctx, md, NULL))
		abort();
	EVP_MD_CTX_free(ctx);
	for (size_t i = 0; i < sizeof md; i++)
		snprintf(hex + 2 * i, 3, "%02x", md[i]);
}

enum err password_verify_apop(str stamp, str digest, const char *hash)
{
	struct password_form form;
	bool known = password_form_parse(hash, &form) == OK;
	bool plain = known && password_form_is_plain(&form);
	char hex[33];
	bool same;

	md5_hex(stamp, plain ? buf_str(&form.data) : STR("nobody"), hex);
	if (known)
		password_form_fini(&form);
	same = secret_eq(digest, str_of(hex, 32));
	secret_wipe(hex, sizeof hex);
	if (!plain)
		return ERR_UNSUPPORTED;
	return same ? OK : ERR_AUTH;
}
