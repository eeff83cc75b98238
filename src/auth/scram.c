/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/scram.h"
#include "auth/password.h"
#include "auth/text.h"
#include "base/base64.h"
#include "base/cursor.h"
#include "base/secret.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

static const struct {
	str scheme;
	size_t size;
	const EVP_MD *(*md)(void);
} hashes[] = {
	[SCRAM_SHA_1] = {STR_LIT("{SCRAM-SHA-1}"), 20, EVP_sha1},
	[SCRAM_SHA_256] = {STR_LIT("{SCRAM-SHA-256}"), 32, EVP_sha256},
};

size_t scram_key_size(enum scram_hash hash)
{
	return hashes[hash].size;
}

void scram_hmac(enum scram_hash hash, str key, str data, unsigned char *mac_r)
{
	if (!HMAC(hashes[hash].md(), key.p, (int)key.n,
		    (const unsigned char *)data.p, data.n, mac_r, NULL))
		abort(); /* an OpenSSL without SHA-1 or SHA-256 */
}

void scram_digest(enum scram_hash hash, str data, unsigned char *digest_r)
{
	if (!EVP_Digest(
		    data.p, data.n, digest_r, NULL, hashes[hash].md(), NULL))
		abort();
}

static str bytes(const unsigned char *p, size_t n)
{
	return str_of((const char *)p, n);
}

/* RFC 5802 section 3:
 *	SaltedPassword  := Hi(Normalize(password), salt, i)
 *	ClientKey       := HMAC(SaltedPassword, "Client Key")
 *	StoredKey       := H(ClientKey)
 *	ServerKey       := HMAC(SaltedPassword, "Server Key")
 */
static void derive(str phrase, struct scram_keys *k)
{
	size_t size = hashes[k->hash].size;
	unsigned char salted[SCRAM_KEY_MAX], client[SCRAM_KEY_MAX];

	if (!PKCS5_PBKDF2_HMAC(phrase.p, (int)phrase.n, k->salt, (int)k->salt_n,
		    (int)k->iterations, hashes[k->hash].md(), (int)size,
		    salted))
		abort();
	scram_hmac(k->hash, bytes(salted, size), STR("Client Key"), client);
	scram_digest(k->hash, bytes(client, size), k->stored);
	scram_hmac(k->hash, bytes(salted, size), STR("Server Key"), k->server);
	secret_wipe(salted, sizeof salted);
	secret_wipe(client, sizeof client);
}

enum err scram_keys_derive(enum scram_hash hash, str password,
	uint32_t iterations, str salt, struct scram_keys *k)
{
	struct buf phrase = BUF_UNBOUNDED;
	enum err e;

	if (iterations == 0 || iterations > SCRAM_ITERATIONS_MAX ||
		salt.n == 0 || salt.n > SCRAM_SALT_MAX)
		return ERR_INVALID;
	*k = (struct scram_keys){
		.hash = hash, .iterations = iterations, .salt_n = salt.n};
	memcpy(k->salt, salt.p, salt.n);
	e = text_prepare_saslprep(password, &phrase);
	if (!e && phrase.n > PASSWORD_MAX)
		e = ERR_INVALID;
	if (!e)
		derive(buf_str(&phrase), k);
	secret_wipe(phrase.p, phrase.cap);
	buf_fini(&phrase);
	return e;
}

enum err scram_keys_make(enum scram_hash hash, str password,
	uint32_t iterations, struct scram_keys *k)
{
	char salt[SCRAM_SALT_SIZE];

	if (iterations < SCRAM_ITERATIONS_MIN)
		return ERR_INVALID;
	secret_random(salt, sizeof salt);
	return scram_keys_derive(
		hash, password, iterations, str_of(salt, sizeof salt), k);
}

void scram_keys_print(const struct scram_keys *k, struct buf *out)
{
	size_t size = hashes[k->hash].size;

	buf_add(out, hashes[k->hash].scheme);
	buf_add_u64(out, k->iterations);
	buf_add_byte(out, ',');
	base64_add(out, bytes(k->salt, k->salt_n));
	buf_add_byte(out, ',');
	base64_add(out, bytes(k->stored, size));
	buf_add_byte(out, ',');
	base64_add(out, bytes(k->server, size));
}

/* Strict base64 of min..max bytes, up to a comma or the end. Gives their
 * number. */
static size_t read_bytes(
	struct cursor *c, unsigned char *room, size_t min, size_t max)
{
	struct buf decoded;
	str text = cursor_until(c, ',');
	size_t n;

	buf_init(&decoded, max);
	if (base64_decode(&decoded, text) || decoded.n < min)
		cursor_fail(c, ERR_INVALID, "base64");
	n = decoded.n;
	if (cursor_ok(c))
		memcpy(room, decoded.p, n);
	if (decoded.p)
		secret_wipe(decoded.p, decoded.cap);
	buf_fini(&decoded);
	return n;
}

static enum err parse(str text, struct scram_keys *k)
{
	struct cursor c = cursor_of(text);
	size_t size = hashes[k->hash].size;
	uint64_t iterations = 0;

	if (str_to_u64(
		    cursor_until(&c, ','), SCRAM_ITERATIONS_MAX, &iterations) ||
		iterations == 0)
		cursor_fail(&c, ERR_INVALID, "iterations");
	k->iterations = (uint32_t)iterations;
	cursor_expect(&c, ',', "a comma");
	k->salt_n = read_bytes(&c, k->salt, 1, SCRAM_SALT_MAX);
	cursor_expect(&c, ',', "a comma");
	read_bytes(&c, k->stored, size, size);
	cursor_expect(&c, ',', "a comma");
	read_bytes(&c, k->server, size, size);
	return cursor_ok(&c) && cursor_done(&c) ? OK : ERR_INVALID;
}

enum err scram_keys_parse(str text, struct scram_keys *k)
{
	for (int hash = SCRAM_SHA_1; hash <= SCRAM_SHA_256; hash++) {
		if (!str_istarts(text, hashes[hash].scheme))
			continue;
		*k = (struct scram_keys){.hash = (enum scram_hash)hash};
		return parse(str_skip(text, hashes[hash].scheme.n), k);
	}
	return ERR_UNSUPPORTED;
}
