/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accounts: who has mail here. A SQLite database (write-ahead log, every
 * change synced before the call returns) that only the auth role opens.
 *
 *	account(id INTEGER PRIMARY KEY AUTOINCREMENT,	never reused
 *	        name TEXT UNIQUE, hash TEXT, quota INTEGER, enabled INTEGER,
 *	        denied INTEGER, created INTEGER, changed INTEGER,
 *	        source TEXT, scram1 TEXT, scram256 TEXT, master INTEGER,
 *	        detail INTEGER, quota_fixed INTEGER)	from version 2 on
 *
 *	news(serial INTEGER PRIMARY KEY AUTOINCREMENT,
 *	     account INTEGER UNIQUE, removed INTEGER)
 *
 *	app_password(id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER,
 *	        label TEXT, hash BLOB UNIQUE, scope INTEGER, expires INTEGER,
 *	        last_used INTEGER, created INTEGER, UNIQUE(account, label))
 *
 *	alias(address TEXT, account INTEGER, PRIMARY KEY(address, account))
 *
 * PRAGMA user_version is the schema's version; an older one is brought up to
 * date when it is opened, a newer one refused. App passwords and aliases go
 * with their account.
 *
 * `news` is what mail has not confirmed to know: accounts added, changed or
 * removed, written with the change itself, so that a crash of either role
 * between the two loses nothing.
 *
 * An account of an outside source (auth asks the lookup role) gets a row when
 * its owner first logs in or gets mail: the row is its identity, so that its
 * mail stays with it. Names of all sources are one space, and a source proves
 * no row of another. What is switched off in the row is off, whatever the
 * source says.
 *
 * Names are compared as RFC 8265 section 3.3 (UsernameCaseMapped) says:
 * full- and half-width forms are mapped, then lower case without a locale, then
 * NFC. They are 1..255 bytes of UTF-8, letters, digits, marks and
 * . _ - + @ ' = ~ & ! # $ ^, and start with neither a dot nor a hyphen.
 *
 * Thread-safe: one lock around one connection; reads are short.
 */
#ifndef AUTH_ACCOUNTS_H
#define AUTH_ACCOUNTS_H

#include "base/buf.h"
#include "base/str.h"

#define ACCOUNT_NAME_MAX 255
#define ACCOUNT_HASH_MAX 512
#define ACCOUNT_SCRAM_MAX 512
#define ACCOUNT_SOURCE_MAX 16

/* Protocols that can be switched off per account, as bits. A new protocol is
 * on for everybody. */
#define ACCOUNT_PROTOCOL_TABLE(X)                                              \
	X(IMAP, "imap", 0)                                                     \
	X(POP3, "pop3", 1)                                                     \
	X(LMTP, "lmtp", 2)                                                     \
	X(SUBMISSION, "submission", 3)                                         \
	X(JMAP, "jmap", 4)                                                     \
	X(SIEVE, "sieve", 5)

enum account_protocol {
#define X(symbol, name, bit) ACCOUNT_##symbol = 1 << (bit),
	ACCOUNT_PROTOCOL_TABLE(X)
#undef X
};

/* The bit for "imap"; 0 for a protocol that has no switch. "imaps" is none:
 * pass the protocol, not the listener. */
unsigned account_protocol_bit(str protocol);
/* The name of one bit. */
const char *account_protocol_name(unsigned bit);

#define ACCOUNT_PROTOCOLS_ALL (~0u)

/* Strings may be NULL for "" when they are given. */
struct account {
	uint64_t id; /* 1.. */
	char *name;
	char *hash;	/* crypt(5) or argon2's form; "": none */
	char *scram1;	/* keys for SCRAM-SHA-1 as auth/scram.h writes them, */
	char *scram256; /* and SCRAM-SHA-256; of the password; "": none */
	char *source;	/* who made it: "" built in, or "ldap", "sql", … */
	uint64_t quota; /* bytes; 0 unlimited */
	bool quota_fixed; /* set here: what a source tells does not change it */
	bool enabled;	  /* false: cannot log in; mail is still delivered */
	bool master;	  /* may log in as others, where that is configured */
	bool detail;	  /* mail for name+detail may go to mailbox "detail" */
	unsigned denied;  /* enum account_protocol bits that are off */
	int64_t created;  /* seconds since 1970 */
	int64_t changed;
};

/* Wipes. */
void account_fini(struct account *);

struct accounts;

/* Creates it when there is none. ERR_VERSION, ERR_IO, ERR_CORRUPT; logged. */
MUST enum err accounts_open(const char *path, struct accounts **accounts_r);
void accounts_close(struct accounts *);

/* ERR_INVALID: not a name. name_r is what is stored and compared. */
MUST enum err account_name_prepare(str name, struct buf *name_r);

/* Functions that take a name prepare it. ERR_INVALID, ERR_NOTFOUND,
 * ERR_EXISTS, ERR_IO, ERR_NOSPACE. On success the caller calls account_fini. */
MUST enum err accounts_get(struct accounts *, str name, struct account *);
/* Somebody reads or writes: who asks now waits for him, and he perhaps for the
 * disk. */
bool accounts_are_held(struct accounts *);
MUST enum err accounts_get_id(struct accounts *, uint64_t id, struct account *);
/* Sets id, created and changed, and name to its prepared form. */
MUST enum err accounts_add(struct accounts *, struct account *);
/* Everything but id, name and created. Sets changed. */
MUST enum err accounts_update(struct accounts *, struct account *);
MUST enum err accounts_remove(struct accounts *, str name, uint64_t *id_r);
/* By name. Stops at the first error of fn, and returns it. fn may block: no
 * lock is held while it runs. */
typedef enum err accounts_fn(const struct account *, void *arg);
MUST enum err accounts_each(struct accounts *, accounts_fn *, void *arg);
MUST enum err accounts_count(struct accounts *, uint64_t *count_r);

/* A login made a better hash of the same password, or keys for SCRAM: they are
 * put in the place of `before`, the account's hash when it was read.
 * ERR_CONFLICT: it is another meanwhile, and stays. NULL keys are left as they
 * are. `changed` stays too. */
MUST enum err accounts_rehash(struct accounts *, uint64_t id,
	const char *before, const char *hash, const char *scram1,
	const char *scram256);

/*
 * The account of somebody whom an outside source knows; made when there is
 * none, with the quota that the source tells. The quota of one that is there
 * follows the source, unless it was set here (quota_fixed) or the source tells
 * none. *news_r: something was written, mail is to be told. ERR_EXISTS: the
 * name is an account of another source.
 */
struct accounts_outsider {
	const char *source; /* "ldap" */
	str name;
	bool has_quota;
	uint64_t quota;
};
MUST enum err accounts_adopt(struct accounts *,
	const struct accounts_outsider *, struct account *, bool *news_r);

/* Have all enabled accounts with a password keys for SCRAM-SHA-1, for
 * SCRAM-SHA-256? Cheap. */
MUST enum err accounts_all_have_scram(
	struct accounts *, bool *scram1_r, bool *scram256_r);

/* -------- news -------- */

struct account_news {
	uint64_t serial;
	uint64_t account;
	bool removed;
	str name; /* empty when removed */
	uint64_t quota;
};

/* What is not noted yet and has a serial above `after`, ascending, at most
 * ACCOUNTS_NEWS_MAX at a time. fn must not use the accounts. */
#define ACCOUNTS_NEWS_MAX 256
typedef void account_news_fn(const struct account_news *, void *arg);
MUST enum err accounts_news(
	struct accounts *, uint64_t after, account_news_fn *, void *arg);
/* Mail has it on stable storage; nothing happens when newer news of that
 * account came meanwhile. Not synced: what is forgotten is told again. */
MUST enum err accounts_noted(
	struct accounts *, uint64_t account, uint64_t serial);

#endif
