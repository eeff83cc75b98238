/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password: slow hashes. New ones are yescrypt (crypt(5)); verified is
 * whatever crypt_r knows, argon2's encoded form, and either of them behind a
 * scheme's name as Dovecot writes it ("{BLF-CRYPT}$2y$…"), so that people
 * move in without new passwords. Passwords are compared as RFC 8265 section
 * 4.2 prepares them, and as they came.
 *
 * Each call but password_is_known takes a processor for some 10 to 1000 ms
 * and some MiB of memory: for worker threads.
 */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include "base/buf.h"
#include "base/str.h"

/* Bytes; crypt(3)'s own bound. */
#define PASSWORD_MAX 511

/* Replaces what hash_r held. ERR_INVALID: empty, too long, control characters,
 * or not UTF-8. */
MUST enum err password_hash(str password, struct buf *hash_r);
/* ERR_AUTH: it is another. ERR_UNSUPPORTED: not a hash that is known. */
MUST enum err password_verify(str password, const char *hash);
/* As long as verifying takes with a hash of password_hash: for names that do
 * not exist. */
void password_verify_nobody(str password);
/* Could a password be verified with it? */
bool password_is_known(const char *hash);

#endif
