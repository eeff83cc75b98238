/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password: slow hashes. New ones are yescrypt (crypt(5)); verified is
 * what people bring with them, so that they move in without new passwords:
 *
 * - bare: what crypt(5) knows (yescrypt, scrypt, bcrypt, SHA-2, MD5, DES, …)
 *   and argon2's encoded form;
 * - behind a scheme's name without case, as Dovecot and LDAP write it, also
 *   with .HEX, .B64 or .BASE64 after the name:
 *	{CRYPT} {BLF-CRYPT} {SHA256-CRYPT} {SHA512-CRYPT} {MD5-CRYPT}
 *	{DES-CRYPT} {MD5}		crypt(5)'s
 *	{ARGON2I} {ARGON2ID} {ARGON2}	argon2's
 *	{PBKDF2} {PBKDF2-SHA1} {PBKDF2-SHA256} {PBKDF2-SHA512}
 *	{SCRAM-SHA-1} {SCRAM-SHA-256}	scram.h
 *	{SHA} {SHA1} {SHA256} {SHA384} {SHA512} {PLAIN-MD5} {LDAP-MD5} {MD5}
 *	{SSHA} {SSHA256} {SSHA384} {SSHA512} {SMD5}
 *	{PLAIN} {CLEAR} {CLEARTEXT}	the password itself
 *
 * A source with another default puts the scheme before its hashes. Passwords
 * are compared as RFC 8265 section 4.2 prepares them, and as they came.
 *
 * A hash that would take seconds or more than 256 MiB is not known: who writes
 * hashes must not stop the server with one.
 *
 * Each call but password_is_known and password_is_weaker takes a processor for
 * some 10 to 1000 ms and some MiB of memory: for worker threads.
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
/* ERR_AUTH: it is another. ERR_UNSUPPORTED: not a hash that is known. To say
 * ERR_AUTH takes as long as password_verify_nobody at least, about as long
 * with a cheap hash, and longer with a dear one: where an outsider must not
 * learn which accounts have these, answer no refusal before a fixed time. */
MUST enum err password_verify(str password, const char *hash);
/* As long as verifying takes with a hash of password_hash: for names that do
 * not exist. */
void password_verify_nobody(str password);
/* RFC 1939 section 7, APOP: is the digest that of the timestamp and this
 * password? Only {PLAIN} knows: ERR_UNSUPPORTED for others. Quick, as long with
 * any hash, and with "". */
MUST enum err password_verify_apop(str stamp, str digest, const char *hash);
/* Could a password be verified with it? */
bool password_is_known(const char *hash);
/* Would a new hash be better? That is so for any but yescrypt of at least the
 * cost that new ones have, and for what is not known. */
bool password_is_weaker(const char *hash);

#endif
