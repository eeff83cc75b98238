/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front: the clients before login, and behind TLS. It accepts, does TLS, runs
 * the protocol before login (login/login.h), asks auth, and hands clients over
 * to mail (session/handover.h): the socket itself when it is plain, else one
 * end of a socket pair, whose other end it pumps through TLS (net/pump.h).
 *
 * All in one loop's thread. front_role.c gives it listeners, channels and
 * settings; tests give it socket pairs.
 *
 * When auth or mail is away (its channel ended and no new one has come), a
 * login gets NO [UNAVAILABLE] at once.
 */
#ifndef SERVER_FRONT_H
#define SERVER_FRONT_H

#include "login/login.h"
#include "net/limits.h"
#include "net/loop.h"
#include "net/scoreboard.h"
#include "net/networks.h"
#include "net/tls_identity.h"

struct front;

struct front_settings {
	struct login_settings login; /* strings are copied */
	uint64_t handshake_ms;	     /* for a PROXY header; for TLS */
	uint64_t login_ms;	     /* from connecting to a login */
	uint64_t stall_ms;	     /* bytes on their way are taken by then */
	uint64_t role_ms;	     /* auth and mail take a message by then */
	enum tls_identity client_identity;
	/* Their connections begin with a header (net/proxy.h), and the address
	 * it tells counts everywhere; copied. */
	struct networks proxies;
};

/* What a listener is for. */
struct front_door {
	const struct login_protocol *protocol;
	bool tls; /* from the first byte */
};

/* limits and board may be NULL: then nothing is counted. */
struct front *front_new(struct loop *, struct limits *, struct scoreboard *);
/* Closes everything at once. */
void front_free(struct front *);

void front_configure(struct front *, const struct front_settings *);
/* For connections that come; takes it over. NULL: no TLS. */
void front_set_tls(struct front *, struct tls_server *);
/* Channels to the other roles; takes the descriptor over, in place of the one
 * before. */
void front_set_auth(struct front *, int fd);
void front_set_mail(struct front *, int fd);

/* A listener of stream sockets: what it accepts from now on has what it has.
 * Again after front_configure. */
void front_tune(struct front *, int fd);
/* A client that was accepted; takes the descriptor over, non-blocking. */
void front_serve(struct front *, int fd, const struct front_door *);

/* Says BYE to all who have not logged in; `done` is called when the last
 * connection has ended, perhaps at once. */
void front_drain(struct front *, void (*done)(struct loop *));

size_t front_connections(const struct front *);
/* So much waits for mail to take it that others had better wait to be accepted:
 * they would be refused. */
bool front_is_behind(const struct front *);

#endif
