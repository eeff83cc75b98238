/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: sessions in this process, over socket pairs, on the memory
 * engine. */
#ifndef IMAP_FIXTURE_H
#define IMAP_FIXTURE_H

#include "base/test.h"
#include "base/buf.h"
#include "imap/imap.h"
#include "session/ticket.h"
#include "store/store.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define STACK (1024 * 1024)
#define PATIENCE_MS 20000

struct world {
	struct store *store;
	struct mail *mail;
	struct loop *loop;
	struct pool *pool;
	struct session_service *service;
	pthread_t thread;
};

struct client {
	int fd;
	struct buf in;
};

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

static void world_begin_on(struct world *w, struct store *store)
{
	w->store = store;
	w->mail = mail_new(w->store, NULL);
	assert_ok(loop_new(&w->loop));
	w->pool = pool_new(4, STACK);
	loop_share(w->loop, w->pool);
	store_on_long(w->store, session_take_time);
	w->service = session_service_new(w->loop, w->pool, w->mail, NULL);
	assert_int_equal(
		pthread_create(&w->thread, NULL, run_loop, w->loop), 0);
}

static inline void world_begin(struct world *w)
{
	world_begin_on(w, store_open_memory());
}

/* All but the store: then world_begin_on is as a new process on it. */
static void world_stop(struct world *w)
{
	session_service_stop(w->service);
	while (session_service_count(w->service))
		usleep(1000);
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
	struct world *w;
	int fd;
	uint32_t rights;
};

static void begin_session(struct loop *loop, void *arg)
{
	struct beginning *b = arg;
	struct handover h = {
		.protocol = STR("imap"),
		.tag = STR("L"),
		.session = STR("test"),
		.remote = STR("127.0.0.1:1"),
	};
	const struct ticket t = {
		.account = 1, .name = STR("ann"), .rights = b->rights};

	(void)loop;
	session_begin(b->w->service, &imap_protocol, b->fd, &h, &t);
	free(b);
}

static inline void say(struct client *c, const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(send(c->fd, text, n, MSG_NOSIGNAL), n);
}

/* More than a socket takes at once; the server says nothing meanwhile. */
static inline void say_all(struct client *c, const char *text)
{
	for (size_t n = strlen(text), at = 0; at < n;) {
		ssize_t sent = send(c->fd, text + at, n - at, MSG_NOSIGNAL);

		assert_true(sent > 0);
		at += (size_t)sent;
	}
}

/* Reads until `needle` came; everything up to the end of its line. */
static inline str hear(struct client *c, const char *needle)
{
	buf_reset(&c->in);
	for (;;) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		str all = buf_str(&c->in);
		size_t at = str_find(all, str_c(needle));
		char piece[4096];
		ssize_t n;

		if (at < all.n && str_ends(all, STR("\r\n")))
			return all;
		if (poll(&p, 1, PATIENCE_MS) <= 0)
			break;
		n = recv(c->fd, piece, sizeof piece, 0);
		if (n <= 0)
			break;
		buf_add(&c->in, str_of(piece, (size_t)n));
	}
	print_error(
		"no \"%s\" in \"%.*s\"\n", needle, STR_ARG(buf_str(&c->in)));
	fail();
	return str_none();
}

static inline void expect(struct client *c, const char *command,
	const char *until, const char *answer)
{
	say(c, command);
	assert_str(hear(c, until), answer);
}

static inline void client_begin_with(
	struct world *w, struct client *c, uint32_t rights)
{
	int fds[2];
	struct beginning *b = xmalloc(sizeof *b);

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	c->fd = fds[0];
	c->in = BUF_UNBOUNDED;
	*b = (struct beginning){w, fds[1], rights};
	loop_post(w->loop, begin_session, b);
	hear(c, "L OK");
}

static inline void client_begin(struct world *w, struct client *c)
{
	client_begin_with(w, c, TICKET_MAY_ALL);
}

static inline void client_end(struct client *c)
{
	say(c, "Z LOGOUT\r\n");
	hear(c, "Z OK");
	close(c->fd);
	buf_fini(&c->in);
}

#endif
