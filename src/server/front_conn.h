/* SPDX-License-Identifier: Apache-2.0 */
/* front's insides: the connection (front_conn.c) and the channels to the other
 * roles (front_channel.c). */
#ifndef SERVER_FRONT_CONN_H
#define SERVER_FRONT_CONN_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/ipc.h"
#include "net/endpoint.h"
#include "net/proxy.h"
#include "net/pump.h"
#include "server/front.h"
#include "server/outbox.h"

/* Politely refused at a time; more are closed without a word. */
#define FRONT_REFUSALS_MAX 64
/* What we say before a login, at once. */
#define FRONT_OUT_MAX (128 * 1024)

enum phase {
	PHASE_PROXY, /* a proxy is to tell whom it speaks for */
	PHASE_HANDSHAKE,
	PHASE_READ,   /* a command is awaited */
	PHASE_FLUSH,  /* the client has to take our words first */
	PHASE_AUTH,   /* auth is asked */
	PHASE_LINGER, /* all is said; the client closes, or time does */
	PHASE_PUMP,
	PHASE_RETURN, /* the session is over; the client hears its last words */
};

/* What is needed until login only. */
struct visit {
	struct login login;
	struct buf proxy; /* the header, as far as it has come */
	struct buf out;	  /* not yet sent from out_at on */
	size_t out_at;
	enum login_want want; /* what follows when out is sent */
	/* In the queue of those who asked auth. */
	struct conn *next_asking, **asking_link;
	uint32_t ask_id;
	size_t lingered; /* bytes thrown away */
	/* The connection came back from a session, with bytes that the client
	 * has sent: these, from unread_at on, then what is in conn.mail_end,
	 * then the pump's; all before what is in the socket. */
	bool has_unread;
	struct buf unread;
	size_t unread_at;
	bool refused;
	enum login_bye refusal;
	char session[16];
	char remote[ENDPOINT_TEXT_MAX], remote_host[ENDPOINT_TEXT_MAX];
	char local[ENDPOINT_TEXT_MAX];
};

struct conn {
	/* Before login pump.outside alone is in use. */
	struct pump pump;
	struct loop_timer timer;
	struct front *front;
	struct conn *next, **link;
	struct tls *tls;     /* NULL: none */
	struct visit *visit; /* NULL after login */
	uint64_t peer_key;
	/* Under TLS, from the first session on: the number that mail knows the
	 * connection by; the other end of pump.inside, while no session has
	 * it, or -1; and the kernel's mark of that. */
	uint32_t number; /* 0: none */
	int mail_end;
	uint64_t mail_end_cookie;
	uint8_t phase; /* enum phase */
	bool counted;  /* in limits */
};

struct channel {
	struct loop_watch watch; /* fd -1: none */
	struct outbox outbox;
	/* Not asked before this time, because it was stuck. */
	uint64_t avoid_until_ms;
	int turn; /* messages taken at once */
};

struct front {
	struct loop *loop;
	struct limits *limits;
	struct scoreboard *board;
	struct front_settings settings;
	struct tls_server *tls;
	struct channel auth, mail;
	struct buf room; /* of messages received */
	struct conn *conns;
	size_t count, refusals;
	struct alloc_tide tide;
	/* Oldest first, as auth answers. */
	struct conn *asking, **last_asking;
	uint32_t last_id;
	/* Connections by conn.number. */
	struct conn **numbered;
	uint32_t numbers, *free_numbers, free_count;
	/* Refusals are logged once a second at most. */
	uint64_t refusal_logged_ms, refusals_unlogged;
	void (*drained)(struct loop *);
};

/* ---- front_conn.c */

void conn_open(struct front *, int fd, const struct front_door *);
/* Frees it. */
void conn_close(struct conn *);
/* Says the last words, then closes. */
void conn_bye(struct conn *, enum login_bye);
/* Sends what is to be said, then does what the login wants. The connection
 * may be gone afterwards. */
void conn_go_on(struct conn *, enum login_want);
/* Auth said yes. */
void conn_hand_over(struct conn *, str ticket);
/* Logs why, and closes. */
void conn_end(struct conn *, const char *why);
void conn_set_deadline(struct conn *, uint64_t ms);
/* Who it is, and so what it is counted and logged by. */
void conn_set_endpoints(struct conn *, const struct endpoint *remote,
	const struct endpoint *local);
/* Counts it, or marks it to be refused. */
void conn_admit(
	struct conn *, enum limits_verdict (*enter)(struct limits *, uint64_t));
/* Begins TLS or the dialogue; or says that it is refused. */
void conn_begin(struct conn *);

/* A connection that is not in the loop, nor counted by limits, as it comes by
 * that door. */
struct conn *conn_new(struct front *, const struct front_door *);
/* What is needed until login. */
void conn_make_visit(struct conn *, const struct front_door *);
void conn_on_event(struct loop *, struct loop_watch *, uint32_t events);
/* With a certificate, EXTERNAL can be used. */
void conn_take_certificate(struct conn *);

/* ---- front_return.c: back from a session (session/handover.h) */

/* IPC_HANDBACK; takes its descriptor over. */
void return_take(struct front *, const struct ipc_msg *);
/* Some of what came back unread with the connection; how much. */
size_t return_read(struct conn *, char *room, size_t n);
/* Adds what of it came in the message and was not read. */
void return_put_unread(const struct conn *, struct buf *out);
/* Gives the connection a number. */
void return_number(struct conn *);
void return_forget_number(struct conn *);
/* Of the socket whose end mail has; 0 when it has none. */
uint64_t return_cookie(int fd);

/* ---- front_proxy.c */

/* Reads the header, then begins. */
void proxy_begin(struct conn *);
void proxy_go_on(struct conn *);

/* ---- front_channel.c */

/* False when it cannot be asked now. */
bool channel_ask_auth(struct conn *);
/* The client gave up, or is gone. Nothing happens when it had not asked. */
void channel_cancel(struct conn *);
MUST enum err channel_hand_over(
	struct front *, uint32_t number, str payload, int fd);
void channel_close(struct front *, struct channel *);

#endif
