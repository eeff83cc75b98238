/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_role: the parts of the auth role.
 *
 *	auth_role.c	the loop: fronts ask, workers verify, answers go back
 *	auth_verify.c	is this who it says? (on worker threads)
 *	auth_commands.c	the administrator's commands (on threads of control)
 *
 * The loop's thread owns the exchanges and the throttle; accounts are safe for
 * all threads.
 */
#ifndef SERVER_AUTH_ROLE_H
#define SERVER_AUTH_ROLE_H

#include "auth/accounts.h"
#include "auth/sasl.h"
#include "server/control.h"

#include <stdatomic.h>

/* What verifying found. */
struct auth_verdict {
	enum err err;	    /* OK, ERR_AUTH, ERR_DENIED, ERR_UNAVAILABLE */
	const char *reason; /* for the log; a literal */
	const char *told;   /* for the client; a literal, "" for ERR_AUTH */
	uint64_t account;   /* when OK */
	char *name;	    /* when OK; the caller frees it */
};

/* Slow. `protocol` as in account_protocol_bit. */
struct auth_verdict auth_verify(
	struct accounts *, const struct sasl *, str protocol);

/* What the commands see of the role. */
struct auth_context {
	struct accounts *accounts;
	/* Accounts changed: mail is to be told. Any thread. */
	void (*changed)(struct auth_context *);
	uint64_t started_s; /* clock_wall_s */
	/* Of this process. */
	_Atomic uint64_t logins_ok, logins_failed, exchanges;
	/* Every process's figures: pages of the scoreboard, NULL where there
	 * is none. Front's come first, then auth, then mail. */
	struct scoreboard **pages;
	unsigned page_count;
};

extern const struct control_command auth_commands[];
extern const size_t auth_command_count;

#endif
