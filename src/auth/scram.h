/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scram: what RFC 5802 keeps in place of a password. The server learns from
 * them neither the password nor what a client would need to log in elsewhere.
 * One set of keys is for one hash: SCRAM-SHA-1's say nothing to SCRAM-SHA-256.
 *
 * As text, they are what Dovecot writes:
 *
 *	{SCRAM-SHA-256}iterations,salt,StoredKey,ServerKey
 *
 * with a decimal number and three times base64.
 */
#ifndef AUTH_SCRAM_H
#define AUTH_SCRAM_H

#include "base/buf.h"

enum scram_hash { SCRAM_SHA_1, SCRAM_SHA_256 };

#define SCRAM_KEY_MAX 32  /* bytes; SHA-1 has 20 */
#define SCRAM_SALT_MAX 64 /* bytes */
#define SCRAM_SALT_SIZE 16
/* RFC 5802 section 5.1 wants 4096 at least. Clients do this work, phones too,
 * and many at each login. */
#define SCRAM_ITERATIONS_MIN 4096
#define SCRAM_ITERATIONS_DEFAULT 10000
#define SCRAM_ITERATIONS_MAX 1000000

struct scram_keys {
	enum scram_hash hash;
	uint32_t iterations;
	unsigned char salt[SCRAM_SALT_MAX];
	size_t salt_n;
	/* scram_key_size bytes of each */
	unsigned char stored[SCRAM_KEY_MAX];
	unsigned char server[SCRAM_KEY_MAX];
};

size_t scram_key_size(enum scram_hash);

/* With a new salt. Takes a processor for some milliseconds (iterations). The
 * password is prepared with SASLprep (text.h). ERR_INVALID: it is no password,
 * or the number is out of bounds. The caller wipes keys_r when it is done. */
MUST enum err scram_keys_make(enum scram_hash, str password,
	uint32_t iterations, struct scram_keys *keys_r);
/* The same with a salt that is given: 1..SCRAM_SALT_MAX bytes. */
MUST enum err scram_keys_derive(enum scram_hash, str password,
	uint32_t iterations, str salt, struct scram_keys *keys_r);

/* Appends the text, without a NUL. */
void scram_keys_print(const struct scram_keys *, struct buf *out);
/* Strict but for the case of the scheme's name. ERR_UNSUPPORTED: another
 * scheme. ERR_INVALID: damaged, or the iterations are out of bounds (1 ..
 * SCRAM_ITERATIONS_MAX). */
MUST enum err scram_keys_parse(str text, struct scram_keys *keys_r);

/* The primitives, for the exchange: scram_key_size bytes each. */
void scram_hmac(enum scram_hash, str key, str data, unsigned char *mac_r);
void scram_digest(enum scram_hash, str data, unsigned char *digest_r);

#endif
