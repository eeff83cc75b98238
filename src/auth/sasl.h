/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sasl: the server's side of the SASL mechanisms (RFC 4422) of
 * base/mechanism.h. Pure: a mechanism reads responses and makes challenges.
 * What has to be looked up or verified, the caller does, when a step's result
 * asks for it:
 *
 *	sasl_step --> SASL_CHALLENGE	send, and call again with the response
 *	          --> SASL_VERIFY	verify authcid's password; over
 *	          --> SASL_TOKEN	verify the token; over, or
 *				sasl_token_refused, which makes a challenge
 *	          --> SASL_KEYS		fetch authcid's keys, call
 *				sasl_set_keys, whose result is as a step's
 *	          --> SASL_DONE, SASL_WRONG, SASL_REFUSED, SASL_MALFORMED: over
 *
 * SCRAM's proof of the server goes out with a challenge, which the client
 *answers with an empty response: IMAP and POP3 have no data with success (RFC
 *5802 section 5.2, 2b).
 *
 * Names come as the client wrote them; whether authcid may act as authzid is
 * the caller's question. Nothing here blocks.
 */
#ifndef AUTH_SASL_H
#define AUTH_SASL_H

#include "auth/scram.h"
#include "base/buf.h"
#include "base/mechanism.h"
#include "base/secret.h"

/* Bytes of a client's response. Tokens of some providers pass 10 KiB. */
#define SASL_RESPONSE_MAX (16 * 1024)

enum sasl_step {
	/* Send the challenge, which may be empty, and call sasl_step with the
	 * response. */
	SASL_CHALLENGE,
	/* PLAIN, LOGIN: authcid and password are to be verified. APOP: the
	 * password is the digest (password_verify_apop). */
	SASL_VERIFY,
	/* SCRAM: call sasl_set_keys with the keys of authcid for the hash
	 * scram_hash, and with NULL when there are none, or no such account,
	 * or one that may not log in: the exchange goes on alike. */
	SASL_KEYS,
	/* OAUTHBEARER, XOAUTH2: the token is to be verified, for authcid unless
	 * that is empty. */
	SASL_TOKEN,
	/* Proven: authcid is who it is (ANONYMOUS: nobody, see trace). */
	SASL_DONE,
	/* The proof is wrong: counts as a wrong password. When the challenge is
	 * not empty, it tells the client why; either send it, and end after
	 * whatever the client answers (the next step is SASL_REFUSED), or end
	 * at once. */
	SASL_WRONG,
	/* What was refused before (SASL_WRONG, sasl_token_refused) ends now. It
	 * counts no second time. */
	SASL_REFUSED,
	/* Not what the mechanism says, or a mechanism that does not fit the
	 * connection (reason says which). No guess at a password. */
	SASL_MALFORMED,
};

/* A channel binding of the connection (RFC 5056): "tls-exporter" (RFC 9266),
 * "tls-unique", "tls-server-end-point" (RFC 5929). */
struct sasl_binding {
	str name;
	str data;
};

#define SASL_BINDINGS_MAX 4

/* What a mechanism must know of the connection and of the server. */
struct sasl_facts {
	/* Copied by sasl_init. Those above SASL_BINDINGS_MAX are left out. */
	const struct sasl_binding *bindings;
	size_t binding_count;
	str certificate; /* who the verified client certificate names, or "" */
	/* enum mechanism bits that were announced on this connection
	 * (mechanisms_usable): a client that says "you announced no -PLUS"
	 * (RFC 5802 section 6, "y") was lied to when one is among them. */
	unsigned announced;
	/* Not copied; must outlive the exchange. */
	str decoy_secret;	   /* see sasl_set_keys */
	uint32_t decoy_iterations; /* what new keys are made with */
	const char *oauth_scope;   /* told with a refusal; "" or NULL: none */
	const char *oauth_configuration; /* URL of the provider's metadata; the
					    same */
};

struct scram;

/* One exchange. */
struct sasl {
	const struct mechanism_row *mechanism;
	/* What the client said. */
	struct buf authzid; /* whom to act as; empty: authcid */
	struct buf authcid; /* who it is */
	struct buf trace;   /* ANONYMOUS: what it calls itself, unproven; for
			       the log, 0..1020 bytes of UTF-8 */
	struct buf stamp;   /* APOP: what the greeting had */
	struct secret password;
	struct secret token;
	/* For the log, a literal: why it is WRONG, REFUSED or MALFORMED; "". */
	const char *reason;
	/* private */
	struct sasl_facts facts;
	struct sasl_binding bindings[SASL_BINDINGS_MAX];
	unsigned round; /* responses seen */
	bool refused;	/* the next response ends it */
	bool over;
	struct scram *scram;
	const char *fixed_nonce; /* for tests: the server's part */
};

void sasl_init(
	struct sasl *, const struct mechanism_row *, const struct sasl_facts *);
/* Wipes. */
void sasl_fini(struct sasl *);

/* response: none (str_none) when the client sent no initial one; empty is
 * something else. Replaces what `challenge` held. After the exchange is over:
 * SASL_MALFORMED. */
MUST enum sasl_step sasl_step(
	struct sasl *, str response, struct buf *challenge);

/* The hash that SASL_KEYS asks for. */
enum scram_hash sasl_scram_hash(const struct sasl *);

/* After SASL_KEYS. With NULL (or keys of another hash) the client is shown a
 * salt that is made from the decoy secret and the name, the same each time,
 * and whatever it proves is wrong. So an account that does not exist is not
 * told from one that does, as long as its iterations are those of the others:
 * accounts that came with other numbers can be told. The decoy secret is to be
 * random, the same after a restart, and the same on all nodes; empty is an
 * error of the caller. */
MUST enum sasl_step sasl_set_keys(
	struct sasl *, const struct scram_keys *, struct buf *challenge);

/* After SASL_TOKEN, when the token is not good: replaces the challenge by what
 * the client must be told (RFC 7628 section 3.2.2; XOAUTH2 has its own form).
 * Send it as a challenge; the next step is SASL_REFUSED. status:
 * "invalid_token" or "insufficient_scope" (RFC 6750 section 3.1). */
void sasl_token_refused(
	struct sasl *, const char *status, struct buf *challenge);

#endif
