/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mechanism: the SASL mechanisms (RFC 4422) of all protocols, one table. Auth
 * has a function for each (auth/sasl.h); the protocols before login announce
 * those that auth offers and that the connection allows.
 *
 *	X(symbol, name, flags)
 *
 * The strongest come first: clients that take the first they know take that.
 */
#ifndef BASE_MECHANISM_H
#define BASE_MECHANISM_H

#include "base/str.h"

enum mechanism_flag {
	/* Shows a password or token to who listens: with TLS only, unless
	 * login.plaintext_without_tls. */
	MECHANISM_SHOWS_SECRET = 1,
	/* Needs the channel binding of a TLS connection. */
	MECHANISM_BINDS = 2,
	/* Needs a verified client certificate. */
	MECHANISM_CERTIFICATE = 4,
	/* The server speaks first. */
	MECHANISM_SERVER_FIRST = 8,
	/* No SASL mechanism but a command of one protocol, offered by its own
	 * means: in no list. Only when login.mechanisms names it. */
	MECHANISM_COMMAND = 16,
};

#define MECHANISM_TABLE(X)                                                     \
	X(EXTERNAL, "EXTERNAL", MECHANISM_CERTIFICATE) /* RFC 4422 */          \
	X(SCRAM_SHA_256_PLUS, "SCRAM-SHA-256-PLUS", MECHANISM_BINDS)           \
	X(SCRAM_SHA_256, "SCRAM-SHA-256", 0) /* RFC 7677 */                    \
	X(SCRAM_SHA_1_PLUS, "SCRAM-SHA-1-PLUS", MECHANISM_BINDS)               \
	X(SCRAM_SHA_1, "SCRAM-SHA-1", 0)		      /* RFC 5802 */   \
	X(OAUTHBEARER, "OAUTHBEARER", MECHANISM_SHOWS_SECRET) /* RFC 7628 */   \
	X(XOAUTH2, "XOAUTH2", MECHANISM_SHOWS_SECRET)                          \
	X(PLAIN, "PLAIN", MECHANISM_SHOWS_SECRET) /* RFC 4616 */               \
	X(LOGIN, "LOGIN", MECHANISM_SHOWS_SECRET | MECHANISM_SERVER_FIRST)     \
	X(ANONYMOUS, "ANONYMOUS", 0)	   /* RFC 4505 */                      \
	X(APOP, "APOP", MECHANISM_COMMAND) /* RFC 1939 section 7 */

enum mechanism_number {
#define X(symbol, name, flags) MECHANISM_NUMBER_##symbol,
	MECHANISM_TABLE(X)
#undef X
		MECHANISM_COUNT
};

/* Bits, for sets of them. */
enum mechanism {
#define X(symbol, name, flags)                                                 \
	MECHANISM_##symbol = 1 << MECHANISM_NUMBER_##symbol,
	MECHANISM_TABLE(X)
#undef X
};

struct mechanism_row {
	const char *name;
	enum mechanism bit;
	unsigned flags; /* enum mechanism_flag */
};

extern const struct mechanism_row mechanisms[MECHANISM_COUNT];

/* Names are compared without case: IMAP's and POP3's commands do not care.
 * NULL. */
const struct mechanism_row *mechanism_find(str name);

/* What a connection is, as far as mechanisms depend on it. */
struct mechanism_view {
	unsigned offered;     /* by auth */
	bool tls;	      /* and so it has a channel binding */
	bool plaintext;	      /* secrets may be shown without TLS */
	bool has_certificate; /* a client certificate that was verified */
};

/* The bits of those that it may use now; commands are not among them. */
unsigned mechanisms_usable(const struct mechanism_view *);

#endif
