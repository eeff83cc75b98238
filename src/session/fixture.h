/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: what sessions need, in this process; their clients have the other
 * end of a socket pair. */
#ifndef SESSION_FIXTURE_H
#define SESSION_FIXTURE_H

#include "base/test.h"
#include "session/session.h"
#include "session/ticket.h"
#include "store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct world {
	struct store *store;
	struct mail *mail;
	struct loop *loop;
	struct pool *pool;
	struct session_service *service;
	pthread_t thread;
};

/* limits: of mail; NULL: the usual ones. The store is the world's. */
static inline void world_make(
	struct world *w, struct store *store, const struct mail_limits *limits)
{
	w->store = store;
	w->mail = mail_new(store, limits);
	assert_ok(loop_new(&w->loop));
	w->pool = pool_new(4, 1024 * 1024);
	loop_share(w->loop, w->pool);
	store_on_long(w->store, session_take_time);
	w->service = session_service_new(w->loop, w->pool, w->mail, NULL);
}

static inline void *world_turn(void *loop)
{
	loop_run(loop);
	return NULL;
}

/* Once everything is set. */
static inline void world_start(struct world *w)
{
	assert_int_equal(
		pthread_create(&w->thread, NULL, world_turn, w->loop), 0);
}

static inline void world_await_sessions(struct world *w, unsigned count)
{
	while (session_service_count(w->service) != count)
		usleep(100);
}

/* All but the store: another world may begin on it, as a new process. */
static inline void world_stop(struct world *w)
{
	session_service_stop(w->service);
	world_await_sessions(w, 0);
	pool_drain(w->pool);
	loop_stop(w->loop);
	pthread_join(w->thread, NULL);
	pool_free(w->pool);
	loop_free(w->loop);
	session_service_free(w->service);
	mail_free(w->mail);
}

static inline void world_end(struct world *w)
{
	world_stop(w);
	store_close(w->store);
}

struct beginning {
	struct session_service *service;
	const struct session_protocol *protocol;
	int fd;
	struct handover handover;
	struct ticket ticket;
};

static inline void begin_session(struct loop *loop, void *arg)
{
	struct beginning *b = arg;

	(void)loop;
	session_begin(b->service, b->protocol, b->fd, &b->handover, &b->ticket);
	free(b);
}

/* What the texts of the last two point to lasts until it began. */
static inline void world_begin_session(struct world *w,
	const struct session_protocol *protocol, int fd,
	const struct handover *h, const struct ticket *t)
{
	struct beginning *b = xmalloc(sizeof *b);

	*b = (struct beginning){w->service, protocol, fd, *h, *t};
	loop_post(w->loop, begin_session, b);
}

/* The same; the client's end. */
static inline int world_dial(struct world *w,
	const struct session_protocol *protocol, const struct handover *h,
	const struct ticket *t)
{
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	world_begin_session(w, protocol, fds[1], h, t);
	return fds[0];
}

#endif
