/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ticket: what auth gives out after a login and mail takes as the only proof
 * of identity; front carries it and cannot make one. It names the account and
 * what it may do, holds for a minute, and works once.
 *
 *	bytes	field
 *	1	version, 1
 *	8	account id, big-endian
 *	8	expiry, big-endian, clock_monotonic_ms (one machine, one clock)
 *	4	rights, big-endian
 *	16	nonce, random
 *	varint+	protocol
 *	varint+	account name
 *	32	HMAC-SHA256 of all before it, with the key of this server's run,
 *		which only master, auth and mail know
 */
#ifndef SESSION_TICKET_H
#define SESSION_TICKET_H

#include "base/buf.h"

#define TICKET_KEY_SIZE 32
#define TICKET_NONCE_SIZE 16
#define TICKET_LIFETIME_MS 60000
/* Of an encoded ticket; an account name is far shorter. */
#define TICKET_MAX 1024

enum ticket_rights {
	TICKET_MAY_READ = 1,
	TICKET_MAY_WRITE = 2,
	TICKET_MAY_ALL = TICKET_MAY_READ | TICKET_MAY_WRITE,
	TICKET_MAY_DELIVER = 4, /* to any account; of no account itself (0) */
	TICKET_MAY_XCLIENT = 8, /* say where what it delivers came from */
};

struct ticket {
	uint64_t account;
	uint64_t expires_ms;
	uint32_t rights; /* TICKET_MAY_… */
	str protocol;	 /* "imap": good for this one only */
	str name;	 /* the account's, as auth knows it */
	unsigned char nonce[TICKET_NONCE_SIZE];
};

/* Appends the ticket. expires_ms and nonce are set here, from now_ms
 * (clock_monotonic_ms) and the kernel's generator. */
void ticket_mint(str key, struct ticket *, uint64_t now_ms, struct buf *out);

/* The moment it was minted. */
uint64_t ticket_minted_ms(const struct ticket *);

/* The nonces of tickets that were used and have not expired, and what they may
 * not be used for any more. Grows with the rate of logins; one thread. */
struct ticket_table;

/* since_ms: when this process began, clock_monotonic_ms. What was minted before
 * may have been used with the process before it, and counts as too old. */
struct ticket_table *ticket_table_new(uint64_t since_ms);
void ticket_table_free(struct ticket_table *);
/* Tickets of the account for this protocol ("": for any) that were minted up to
 * `moment_ms` count as too old: they travel, and may come later than this. */
void ticket_table_end(struct ticket_table *, uint64_t account, str protocol,
	uint64_t moment_ms, uint64_t now_ms);

/*
 * Reads, verifies and uses up a ticket. The strs of *ticket_r point into
 * `bytes`. ERR_INVALID: not a ticket; ERR_DENIED: not signed with this key, or
 * for another protocol; ERR_EXPIRED: too old; ERR_INUSE: used before.
 */
MUST enum err ticket_redeem(struct ticket_table *, str key, str bytes,
	str protocol, uint64_t now_ms, struct ticket *ticket_r);

#endif
