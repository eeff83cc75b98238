/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sasl: the server's side of SASL mechanisms (RFC 4422), as one table. Pure:
 * a mechanism reads responses and makes challenges; who looks up accounts and
 * verifies passwords is the caller.
 */
#ifndef AUTH_SASL_H
#define AUTH_SASL_H

#include "base/buf.h"
#include "base/secret.h"

/* Bytes of a client's response. */
#define SASL_RESPONSE_MAX (16 * 1024)

enum sasl_step {
	SASL_CHALLENGE, /* send the challenge, come back with the response */
	SASL_VERIFY,	/* authcid and password are to be verified */
	SASL_MALFORMED, /* the exchange has failed */
};

struct sasl;

struct sasl_mechanism {
	const char *name;
	bool plaintext; /* shows the password to who listens: TLS only */
	enum sasl_step (*step)(
		struct sasl *, str response, struct buf *challenge);
};

extern const struct sasl_mechanism sasl_mechanisms[];
extern const size_t sasl_mechanism_count;

/* Names are compared without case (RFC 4422 section 3.1 has upper case; IMAP's
 * and POP3's commands do not care). NULL. */
const struct sasl_mechanism *sasl_find(str name);

/* One exchange. */
struct sasl {
	const struct sasl_mechanism *mechanism;
	unsigned round;	    /* responses seen */
	struct buf authzid; /* whom to act as; empty: authcid */
	struct buf authcid; /* who it is */
	struct secret password;
};

void sasl_init(struct sasl *, const struct sasl_mechanism *);
/* Wipes. */
void sasl_fini(struct sasl *);
/* response: none (str_none) when the client sent no initial one. Replaces what
 * `challenge` held. */
enum sasl_step sasl_step(struct sasl *, str response, struct buf *challenge);

#endif
