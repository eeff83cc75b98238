/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_role: the parts of the auth role.
 *
 *	auth_role.c	beginning, end, what the master says
 *	auth_rules.c	the settings as workers see them
 *	auth_peer.c	the channels to fronts, mail and lookup
 *	auth_start.c	a front asks for a login, or for leave to deliver
 *	auth_exchange.c	one login attempt, from step to step
 *	auth_answer.c	what the front and the log are told of it
 *	auth_lane.c	the workers that verify passwords, and their queues
 *	auth_verify.c	is this who it says? (on workers)
 *	auth_sources.c	what outside sources say becomes an account (on workers)
 *	auth_lookup.c	questions to the lookup role, and their answers
 *	auth_rehash.c	better hashes and SCRAM's keys, made after a login
 *	auth_resolve.c	mail asks whose an address is
 *	auth_offer.c	which mechanisms fronts may offer
 *	auth_news.c	mail is told of accounts that came, went or changed
 *	auth_commands.h	the administrator's commands (on threads of control)
 *	auth_failures.c	the last failed logins, for `culver status`
 *
 * The loop's thread owns the exchanges and the throttle; accounts are safe for
 * all threads.
 */
#ifndef SERVER_AUTH_ROLE_H
#define SERVER_AUTH_ROLE_H

#include "auth/accounts.h"
#include "auth/app_password.h"
#include "server/control.h"

#include <stdatomic.h>

/* What verifying found. */
struct auth_verdict {
	enum err err; /* OK, ERR_AUTH, ERR_DENIED, ERR_EXPIRED, ERR_INVALID,
			 ERR_UNAVAILABLE */
	const char *reason; /* for the log; a literal, perhaps "" when OK */
	const char *told;   /* for the client; a literal, "" for ERR_AUTH */
	/* When OK. The strings are owned. */
	uint64_t account;
	char *name;
	char *master;	 /* who acts as the account; NULL: the account itself */
	uint32_t rights; /* TICKET_MAY_… */
	/* By which of the account's app passwords; "" by none. */
	char app[APP_PASSWORD_LABEL_MAX + 1];
};

/* A login that failed. Strings are UTF-8, cut where they are too long. */
struct auth_failure {
	int64_t time; /* seconds since 1970 */
	char protocol[16];
	char remote[64];
	char account[128]; /* as typed; empty when it was not told */
	char mechanism[24];
	const char *reason; /* a literal */
};

#define AUTH_FAILURES 64 /* that are remembered */
struct auth_failures;

struct auth_failures *auth_failures_new(void);
void auth_failures_free(struct auth_failures *);
/* Any thread. */
void auth_failures_add(struct auth_failures *, const struct auth_failure *);

/* What the commands see of the role. All functions: any thread. */
struct auth_context {
	struct accounts *accounts;
	/* Accounts changed: mail is to be told. */
	void (*changed)(struct auth_context *);
	/* The account was disabled or removed, its password changed, or
	 * protocols were switched off and --now was asked for: ends its
	 * sessions of these protocols (enum account_protocol bits; ~0u: all)
	 * and what of their logins is under way. After accounts has the
	 * change. */
	void (*sessions_end)(
		struct auth_context *, uint64_t account, unsigned protocols);
	struct auth_failures *failures;
	/* Of keys that are made when a password is set; 0: none are. */
	_Atomic uint32_t scram_iterations;
	uint64_t started_ms; /* clock_monotonic_ms */
	/* Of this process. */
	_Atomic uint64_t logins_ok, logins_failed, exchanges;
	/* How long workers wait for the lookup role. */
	_Atomic uint64_t lookup_ms;
	/* Every process's figures: pages of the scoreboard, NULL where there
	 * is none. Front's come first, then auth, then mail. */
	struct scoreboard **pages;
	unsigned page_count;
};

/* The newest first; their number. Any thread. */
size_t auth_recent_failures(
	const struct auth_context *, struct auth_failure room[AUTH_FAILURES]);

extern const struct control_command auth_commands[];
extern const size_t auth_command_count;

#endif
