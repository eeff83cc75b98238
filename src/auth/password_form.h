/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password_form: what a stored hash is, taken apart, and what it costs; for
 * password.c alone.
 *
 *	{SCHEME}…, {SCHEME.HEX}…, {SCHEME.B64}…, {SCHEME.BASE64}…
 *
 * as Dovecot writes it and as LDAP's userPassword has it (RFC 2307 section
 * 5.3, and OpenLDAP's pw-sha2, pw-pbkdf2 and argon2 modules), or a bare hash
 * that crypt(5) or argon2 knows by itself. Scheme names have no case.
 */
#ifndef AUTH_PASSWORD_FORM_H
#define AUTH_PASSWORD_FORM_H

#include "base/buf.h"

/* Bytes of a hash as text. */
#define PASSWORD_HASH_MAX 1024

/* What a new hash costs; what is below half of it is cheap, what is above
 * PASSWORD_COST_MAX (about two seconds) or takes more memory than
 * PASSWORD_MEMORY_MAX is refused, since who writes hashes must not stop the
 * server with one. */
#define PASSWORD_COST_NEW 100
#define PASSWORD_COST_MAX 10000
#define PASSWORD_MEMORY_MAX (256 * 1024 * 1024)

struct password_scheme;

struct password_form {
	const struct password_scheme *scheme;
	struct buf data; /* what stands behind the scheme, decoded; ends in a
			    NUL that is not counted */
	uint64_t cost;
};

/* ERR_UNSUPPORTED: not known, damaged, or beyond the bounds above. Otherwise
 * the caller calls password_form_fini, which wipes. */
MUST enum err password_form_parse(const char *hash, struct password_form *);
void password_form_fini(struct password_form *);

/* One comparison, in constant time for what is compared. password: without
 * NUL, at most PASSWORD_MAX. ERR_AUTH; ERR_UNSUPPORTED: the library does not
 * take the hash. */
MUST enum err password_form_verify(const struct password_form *, str password);

/* Is data the password itself? */
bool password_form_is_plain(const struct password_form *);

/* crypt_r's answer to a phrase, in memory of its own; NULL when it knows no
 * such hash. The caller wipes it. */
char *password_crypt(const char *phrase, const char *setting);

/* As new ones, or dearer. */
bool password_form_is_good(const struct password_form *);

/* For the parts of it. Costs and memory of what crypt(5) and argon2 know, from
 * their parameters; false: not theirs, or damaged. */
struct password_cost {
	uint64_t cost;
	uint64_t memory; /* bytes */
};
bool password_cost_of_crypt(str hash, struct password_cost *);
bool password_cost_of_argon2(str hash, struct password_cost *);
bool password_cost_of_pbkdf2(uint64_t rounds, struct password_cost *);

#endif
