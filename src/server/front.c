/* SPDX-License-Identifier: Apache-2.0 */
#include "server/front.h"
#include "base/alloc.h"
#include "base/mechanism.h"
#include "base/ipc.h"
#include "server/front_conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

struct front *front_new(
	struct loop *loop, struct limits *limits, struct scoreboard *board)
{
	struct front *f = xcalloc(1, sizeof *f);

	f->loop = loop;
	f->limits = limits;
	f->board = board;
	f->auth.watch.fd = f->mail.watch.fd = -1;
	f->last_asking = &f->asking;
	/* Until auth says: who comes before it is told that it is away. */
	f->settings.login.offered = MECHANISM_PLAIN;
	buf_init(&f->room, SIZE_MAX);
	return f;
}

void front_free(struct front *f)
{
	if (!f)
		return;
	f->drained = NULL;
	while (f->conns)
		conn_close(f->conns);
	channel_close(f, &f->auth);
	channel_close(f, &f->mail);
	tls_server_free(f->tls);
	buf_fini(&f->room);
	free(f->numbered);
	free(f->free_numbers);
	free((void *)(uintptr_t)f->settings.login.id_name);
	free((void *)(uintptr_t)f->settings.login.id_version);
	networks_fini(&f->settings.proxies);
	free(f);
}

static const char *copy(const char *z)
{
	return z ? xstrdup(z) : NULL;
}

/* Connections look at it where it is. */
void front_configure(struct front *f, const struct front_settings *settings)
{
	unsigned offered = f->settings.login.offered;

	free((void *)(uintptr_t)f->settings.login.id_name);
	free((void *)(uintptr_t)f->settings.login.id_version);
	networks_fini(&f->settings.proxies);
	f->settings = *settings;
	networks_copy(&f->settings.proxies, &settings->proxies);
	f->settings.login.offered = offered;
	f->settings.login.id_name = copy(settings->login.id_name);
	f->settings.login.id_version = copy(settings->login.id_version);
	f->settings.login.tls_available = f->tls;
}

void front_set_tls(struct front *f, struct tls_server *tls)
{
	tls_server_free(f->tls);
	f->tls = tls;
	f->settings.login.tls_available = tls;
}

/* They go from the listener to the socket, and with that to mail. Without the
 * time-out a client that has gone, or does not read, would keep what is under
 * way for ever. */
void front_tune(struct front *f, int fd)
{
	const unsigned timeout = (unsigned)f->settings.stall_ms;
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(
		fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
}

void front_serve(struct front *f, int fd, const struct front_door *door)
{
	conn_open(f, fd, door);
}

void front_drain(struct front *f, void (*done)(struct loop *))
{
	struct conn *next;

	for (struct conn *c = f->conns; c; c = next) {
		next = c->next;
		if (c->phase == PHASE_PROXY || c->phase == PHASE_HANDSHAKE ||
			c->phase == PHASE_FLUSH)
			conn_close(c);
		else if (c->phase == PHASE_READ || c->phase == PHASE_AUTH)
			conn_bye(c, LOGIN_BYE_SHUTDOWN);
	}
	f->drained = done;
	if (!f->count)
		done(f->loop);
}

size_t front_connections(const struct front *f)
{
	return f->count;
}

bool front_is_behind(const struct front *f)
{
	return f->mail.outbox.bytes > OUTBOX_MAX / 2;
}
