/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_private: what the files of the auth role share; see auth_role.h for
 * which file does what. All of it belongs to the loop's thread, unless said
 * otherwise. Workers get a struct exchange, or a struct of their own, and give
 * it back by loop_post.
 */
#ifndef SERVER_AUTH_PRIVATE_H
#define SERVER_AUTH_PRIVATE_H

#include "auth/login_cache.h"
#include "auth/resolve.h"
#include "auth/sasl.h"
#include "auth/throttle.h"
#include "base/ipc.h"
#include "lookup/lookup.h"
#include "net/loop.h"
#include "net/pool.h"
#include "server/outbox.h"
#include "server/auth_role.h"
#include "server/role.h"

#define PEER_BUCKETS 1024
#define DECOY_SECRET_SIZE 32

struct exchange;
struct lookups;

/* Another role at the end of a channel. */
struct peer {
	struct loop_watch watch;
	struct outbox outbox; /* it may be hostile, and not read */
	struct auth *auth;
	char *name; /* "front0", "mail" */
	enum { PEER_FRONT, PEER_MAIL, PEER_LOOKUP } kind;
	uint64_t number;     /* of all channels there ever were */
	uint64_t deaf_until; /* it did not take an answer */
	size_t count;	     /* of exchanges */
	struct exchange *buckets[PEER_BUCKETS];
};

/* What the configuration says, as workers may read it: it does not change, a
 * new one takes its place. References are counted by the loop's thread. */
struct auth_rules {
	unsigned references;
	struct words sources;
	bool outside; /* one of them is not the built-in one */
	uint64_t cache_ms;
	bool rehash;
	bool apop; /* passwords that are kept in clear stay so */
	uint32_t scram_iterations; /* of new keys; 0: none are kept */
	bool master_users;
	char *master_separator;
	char *anonymous; /* account; "" */
	char *oauth_scope;
	struct resolve_rules *resolve;
};

/* auth_rules.c */
struct auth_rules *rules_new(const struct config *);
struct auth_rules *rules_take(struct auth_rules *);
void rules_drop(struct auth_rules *);

/*
 * Passwords are hashed in two lanes that do not wait for each other: logins
 * that the throttle trusts, and all others, which may be a flood. Each has
 * threads that hash, as many as workers.auth_threads says, and a queue with an
 * end. Logins that may wait for an outside source have lanes of their own,
 * whose threads hold no hashing up: a source that is dead keeps nobody else
 * out.
 */
enum lane_kind {
	LANE_TRUSTED,
	LANE_OTHERS,
	LANE_TRUSTED_OUTSIDE,
	LANE_OTHERS_OUTSIDE,
	LANES
};

struct lane {
	struct pool *waiting; /* run what is sequential, and wait */
	struct pool *hashing; /* an outside lane's is that of the other */
	struct exchange *first, **last;
	size_t queued;
	unsigned running, running_max;
};

struct auth {
	struct role role;
	struct loop *loop;
	struct loop_watch master;
	struct auth_rules *rules;
	struct lane lanes[LANES];
	struct pool *quick; /* reads of accounts; nothing that waits */
	struct pool *resolvers;
	struct throttle *throttle;
	struct login_cache *cache;
	struct lookups *lookups;
	char decoy_secret[DECOY_SECRET_SIZE];
	struct scoreboard *page;
	struct peer *peers[ROLE_CHANNELS_MAX];
	size_t peer_count;
	uint64_t channels; /* so far */
	size_t working;	   /* jobs whose answer is on its way, of any kind */
	size_t rehashing, resolving;
	unsigned offered;  /* enum mechanism bits */
	uint64_t ends;	   /* of sessions, told so far */
	uint64_t ended_ms; /* the moment of the last */
	struct buf room;
	struct control *control;
	struct auth_context context;
	/* News for mail. */
	uint64_t told; /* serial up to which it was sent on this channel */
	struct loop_timer news_timer;
};

/* One login attempt. While a job of it runs, it is the worker's, but for the
 * members that the loop needs to find and forget it. */
struct exchange {
	/* The loop's. */
	struct exchange *next; /* in its bucket */
	struct peer *peer;     /* NULL: it went */
	struct auth *auth;
	uint32_t id;
	bool abandoned; /* nobody waits for the answer any more */
	enum {
		ASKING,	 /* the client */
		WAITING, /* for its turn */
		QUEUED,	 /* in a lane */
		WORKING, /* on a worker */
	} state;
	bool proof_next; /* the client's next response is a guess */
	bool proof_seen; /* it was not wrong, if we still ask */
	bool settled;	 /* logged and counted; the client is told the rest */
	bool unhindered; /* the throttle had nothing against it or its likes */
	bool quick_done; /* the verdict stands */
	bool looked_at;	 /* quickly; the rest must wait */
	unsigned again;	 /* verified so often again */
	uint64_t ends;	 /* auth's, when the account was read */
	uint64_t began;
	uint64_t address;    /* endpoint_peer_key */
	struct buf response; /* that waits for its turn */
	void (*after_turn)(struct exchange *);
	struct lane *lane;
	struct exchange *queue_next, **queue_link;
	struct loop_timer timer;
	struct pool_job job;

	/* Everybody's, unchanged from its start. */
	struct auth_rules *rules;
	char *session; /* front's name of it, for the log */
	char *protocol;
	char *remote; /* address */
	char *tls;    /* version; empty: none */

	/* The worker's, and the loop's in between. */
	struct sasl sasl;
	/* Prepared, or as typed when it cannot be: whose password it is (the
	 * throttle's key), and as whom to act, "" for the same. */
	struct buf who, as;
	struct account row; /* of who, or id 0 */
	bool has_keys;
	struct scram_keys keys; /* for SCRAM */
	bool may_rehash;	/* the password was the one of row.hash */
	bool by_app;		/* it is one of the row's app passwords */
	bool hashed;		/* one verification's time was spent */
	char app[APP_PASSWORD_LABEL_MAX + 1]; /* its label */
	struct auth_verdict verdict;
};

/* auth_role.c: ends the loop when the role is to stop and nothing is being
 * worked on. */
void auth_check_end(struct auth *);

/* auth_peer.c */

/* Takes the channel of that name; it replaces one of the same name. */
void peer_add(struct auth *, const char *name);
/* Its exchanges are abandoned. */
void peer_drop(struct peer *);
/* NULL. */
struct peer *peer_find(const struct auth *, const char *name);
/* Never waits. One that does not read must not keep auth from the others: after
 * a time what it is told is dropped, for a while (ERR_UNAVAILABLE). Mail's
 * waits. Else as ipc_try_send. */
MUST enum err peer_send(struct peer *, enum ipc_type, uint32_t id, str payload);
/* A role that went needs no answer. */
void peer_tell(struct peer *, enum ipc_type, uint32_t id, str payload);

/* auth_start.c: a front asks for a login. ERR_INVALID: it talks nonsense. */
MUST enum err exchange_start(struct peer *, const struct ipc_msg *);

/* auth_answer.c: what the front and the log are told */

/* Once: the attempt is logged and counted. */
void answer_settle(struct exchange *);
/* The verdict to the front, with a ticket when it is OK. */
void answer_verdict(struct exchange *);
void answer_send(
	struct peer *, uint32_t id, enum err, const char *told, str ticket);

/* auth_exchange.c */

/* The first step. The exchange is the peer's from now on, under its id, which
 * no other has. */
void exchange_begin(struct peer *, struct exchange *, str initial);
/* NULL. */
struct exchange *exchange_find(struct peer *, uint32_t id);
void exchange_continue(struct peer *, const struct ipc_msg *);
void exchange_cancel(struct peer *, const struct ipc_msg *);
/* The peer goes: nobody waits for its answers any more. */
void exchange_abandon_all(struct peer *);
/* A lane has a worker for it. False: others failed meanwhile, so that it must
 * wait again. */
bool exchange_turn(struct exchange *);

/* auth_lane.c */

void lanes_begin(struct auth *);
/* The numbers of threads, as configured now; also before first use. */
void lanes_set(struct auth *);
void lanes_end(struct auth *);
/* Runs its job in the lane, when its turn comes. False: the queue is full. */
bool lane_enter(struct lane *, struct exchange *);
bool lane_is_full(const struct lane *, const struct auth *);
/* It gives up, QUEUED. */
void lane_leave(struct lane *, struct exchange *);
/* Its job is done. */
void lane_done(struct lane *, struct exchange *);
/* On a worker: password_verify, or with a NULL hash password_verify_nobody
 * (ERR_AUTH), as one of the lane's bounded number. */
MUST enum err lane_hash(struct lane *, str password, const char *hash);

/* auth_verify.c: on workers. */

/* Reads the account, and finds out what needs neither hashing nor others to be
 * asked; true: the verdict stands. */
bool verify_quickly(struct exchange *);
/* The verdict, whatever it takes; the exchange is in a lane. */
void verify_slowly(struct exchange *);
/* SCRAM: the keys of who, if there are any. A verdict that is not OK ends the
 * exchange. */
void verify_fetch_keys(struct exchange *);
/* After verify_quickly: may it wait for an outside source? */
bool verify_goes_outside(const struct exchange *);
/* Fills who and as from what the client said. Fast, any thread. */
void verify_names(struct exchange *);

/* auth_sources.c: on workers. */

/* Asks an outside source whether the password (LOOKUP_VERIFY) or token is
 * right. OK: *row_r is the account, made if there was none, and *denied_r what
 * the source forbids. ERR_NOTFOUND: it knows no such person; ERR_AUTH,
 * ERR_EXPIRED, ERR_DENIED, ERR_UNAVAILABLE, and ERR_EXISTS: the name is an
 * account of another source. */
MUST enum err source_verify(struct exchange *, enum lookup_source_kind,
	struct account *row_r, unsigned *denied_r);
/* What a source says that an account may not do, whatever its row says. */
struct sources_switches {
	bool disabled;
	unsigned denied; /* enum account_protocol bits */
};
/* Whose name is it? Asks the sources in their order, the built-in one too.
 * OK: *row_r is the account, made if there was none; those whom the source has
 * disabled are found too. ERR_NOTFOUND, ERR_UNAVAILABLE. name: prepared. */
MUST enum err sources_find(struct auth *, const struct auth_rules *, str name,
	str protocol, struct account *row_r, struct sources_switches *);
/* What the row's own source says of it now. ERR_NOTFOUND: it knows the name no
 * more; else as sources_find. */
MUST enum err source_ask(struct auth *, const struct account *row, str protocol,
	struct sources_switches *);
/* Of a word of accounts.sources other than "builtin". */
enum lookup_source_kind source_kind(unsigned word);
/* May the row be believed: is its source configured? "": the built-in one. */
bool source_is_on(const struct auth_rules *, const char *source);

/* auth_lookup.c */

struct lookups *lookups_new(void);
void lookups_free(struct lookups *);
/* Waits for the answer, on a worker. As struct lookup_source says;
 * ERR_UNAVAILABLE also when there is no answer in time. */
MUST enum err lookup_call(struct auth *, const struct lookup_request *,
	struct lookup_person *person_r);
void lookup_answered(struct auth *, const struct ipc_msg *);
/* The channel is dead: nobody will answer. */
void lookup_gone(struct auth *);

/* auth_rehash.c: after a login that showed the right password: has a better
 * hash made, and keys for SCRAM, where they are missing. */
void rehash_later(struct exchange *);

/* auth_resolve.c: mail asks. ERR_INVALID: it talks nonsense. */
MUST enum err resolve_start(struct peer *, const struct ipc_msg *);

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
