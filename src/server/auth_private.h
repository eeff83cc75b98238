/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_private: what the files of the auth role share; see auth_role.h for
 * which file does what. All of it belongs to the loop's thread, but for what
 * auth_role.h says about the context.
 */
#ifndef SERVER_AUTH_PRIVATE_H
#define SERVER_AUTH_PRIVATE_H

#include "auth/throttle.h"
#include "base/ipc.h"
#include "net/loop.h"
#include "net/pool.h"
#include "server/auth_role.h"
#include "server/role.h"

#define PEER_BUCKETS 1024

struct exchange;

/* Another role at the end of a channel. */
struct peer {
	struct loop_watch watch;
	struct auth *auth;
	char *name; /* "front0", "mail" */
	bool is_mail;
	uint64_t deaf_until; /* it did not take an answer */
	size_t count;	     /* of exchanges */
	struct exchange *buckets[PEER_BUCKETS];
};

struct auth {
	struct role role;
	struct loop *loop;
	struct loop_watch master;
	struct pool *pool;
	struct throttle *throttle;
	struct scoreboard *page;
	struct peer *peers[ROLE_CHANNELS_MAX];
	size_t peer_count;
	size_t working;	  /* exchanges whose answer is on its way */
	unsigned offered; /* enum mechanism bits */
	struct buf room;
	struct control *control;
	struct auth_context context;
	/* News for mail. */
	uint64_t told; /* serial up to which it was sent on this channel */
	struct loop_timer news_timer;
};

/* auth_role.c: ends the loop when the role is to stop and no exchange is being
 * worked on. */
void auth_check_end(struct auth *);

/* auth_peer.c */

/* Takes the channel of that name; it replaces one of the same name. */
void peer_add(struct auth *, const char *name);
/* Its exchanges are abandoned. */
void peer_drop(struct peer *);
/* NULL. */
struct peer *peer_find(const struct auth *, const char *name);
/* A front that went needs no answer. One that hangs must not keep auth from
 * the others: after a time its answers are dropped. */
void peer_tell(struct peer *, enum ipc_type, uint32_t id, str payload);

/* auth_exchange.c: what fronts ask. ERR_INVALID: the front talks nonsense. */
MUST enum err exchange_start(struct peer *, const struct ipc_msg *);
void exchange_continue(struct peer *, const struct ipc_msg *);
void exchange_cancel(struct peer *, const struct ipc_msg *);
/* The peer goes: nobody waits for its answers any more. */
void exchange_abandon_all(struct peer *);

/* auth_offer.c */

/* Finds out what may be offered now; fronts are told when it changed. */
void offer_update(struct auth *);
/* The first message on a new channel. */
void offer_tell(struct peer *);

/* auth_news.c: tells mail what it has not noted yet. */
void news_tell(struct auth *);
/* A new channel to mail: all is told again. */
void news_begin(struct auth *);
MUST enum err news_noted(struct auth *, const struct ipc_msg *);
/* context.sessions_end. */
void news_sessions_end(
	struct auth_context *, uint64_t account, unsigned protocols);

#endif
