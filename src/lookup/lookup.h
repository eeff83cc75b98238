/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup: account sources that live outside, asked in the role of that name:
 * LDAP, SQL on PostgreSQL, PAM, a passwd-like file, and OAuth tokens (JWT, or
 * introspection). Auth asks one question at a time per worker thread and
 * believes the answer about names of that source; what parses answers from
 * outside has no accounts.db, no ticket key and no mail.
 *
 * A source is a struct of functions; each call blocks (on the network, on a
 * module) for some seconds at most and may be made from several threads.
 */
#ifndef LOOKUP_LOOKUP_H
#define LOOKUP_LOOKUP_H

#include "auth/accounts.h"
#include "base/buf.h"
#include "base/str.h"

/* Source names, as in `accounts.sources`; "builtin" is auth's own. */
#define LOOKUP_SOURCE_TABLE(X)                                                 \
	X(PASSWD, "passwd")                                                    \
	X(PAM, "pam")                                                          \
	X(LDAP, "ldap")                                                        \
	X(SQL, "sql")                                                          \
	X(OAUTH, "oauth")
enum lookup_source_kind {
#define X(symbol, name) LOOKUP_##symbol,
	LOOKUP_SOURCE_TABLE(X)
#undef X
		LOOKUP_SOURCES
};

extern const char *const lookup_source_names[LOOKUP_SOURCES];

enum lookup_op {
	LOOKUP_FIND = 1, /* who is `name`? (mail for them; SCRAM; a hash) */
	LOOKUP_VERIFY,	 /* is `secret` the password of `name`? */
	LOOKUP_TOKEN,	 /* is `secret` a token, of `name` unless empty? */
};

struct lookup_request {
	enum lookup_op op;
	enum lookup_source_kind source;
	str name;     /* prepared (auth/accounts.h); may be empty for TOKEN */
	str secret;   /* password or token; none for FIND */
	str remote;   /* the client's address, without port */
	str protocol; /* "imap" */
};

/* What a source tells about somebody. All may be absent. */
struct lookup_person {
	struct buf name; /* as the source writes it; auth prepares it */
	struct buf hash; /* to be verified by auth; a secret. See below */
	bool has_quota;
	uint64_t quota; /* bytes; 0: unlimited */
	bool disabled;
	unsigned denied; /* enum account_protocol bits */
};

void lookup_person_init(struct lookup_person *);
/* Wipes. */
void lookup_person_fini(struct lookup_person *);

#define LOOKUP_NAME_MAX ACCOUNT_NAME_MAX
#define LOOKUP_HASH_MAX ACCOUNT_HASH_MAX
#define LOOKUP_SECRET_MAX (64 * 1024) /* tokens are long */
#define LOOKUP_WORD_MAX 128	      /* remote, protocol */

/*
 * OK; ERR_NOTFOUND: no such person here, the next source may know them;
 * ERR_AUTH: another password, or not a valid token; ERR_EXPIRED: password or
 * token; ERR_DENIED: account is locked; ERR_UNSUPPORTED: this source cannot
 * tell; ERR_UNAVAILABLE: cannot be asked now, or what it says makes no sense
 * (logged).
 *
 * A source that holds hashes (passwd, sql, ldap with ldap.method "hash") does
 * not verify: it answers VERIFY as it would FIND, with the person and the hash,
 * but with ERR_UNSUPPORTED in place of OK. Auth then verifies the hash itself,
 * which is one question in place of two. A hash that is absent stands for
 * nobody's password.
 */
struct lookup_source {
	enum lookup_source_kind kind;
	/* Connects, and logs what can be known to be wrong before the first
	 * question; blocks like one. NULL: nothing to do. */
	void (*prepare)(struct lookup_source *);
	/* Through lookup_ask only. */
	enum err (*ask)(struct lookup_source *, const struct lookup_request *,
		struct lookup_person *person_r);
	void (*free)(struct lookup_source *);
};

/*
 * Asks. What is settled here no source needs to know: a name that is empty or
 * holds a NUL or a line break is nobody's (ERR_NOTFOUND), such a secret is
 * wrong (ERR_AUTH) — an empty password above all, which LDAP servers take for
 * an anonymous bind and answer with success (RFC 4513 section 5.1.2).
 * person_r is initialised, and emptied first; after an error it holds nothing
 * but as said above.
 */
MUST enum err lookup_ask(struct lookup_source *, const struct lookup_request *,
	struct lookup_person *person_r);
/* The host of an address that may have a port: "192.0.2.1:4711",
 * "[2001:db8::1]:4711", or either without. */
str lookup_host(str remote);
/* Takes NULL. */
void lookup_source_free(struct lookup_source *);

/* The payloads of IPC_LOOKUP and IPC_LOOKUP_DONE. The strs of *request_r point
 * into the payload. ERR_INVALID. */
void lookup_request_encode(const struct lookup_request *, struct buf *out);
MUST enum err lookup_request_decode(str, struct lookup_request *request_r);
void lookup_answer_encode(
	enum err, const struct lookup_person *, struct buf *out);
/* answer_r: what the source said. */
MUST enum err lookup_answer_decode(
	str, enum err *answer_r, struct lookup_person *person_r);

#endif
