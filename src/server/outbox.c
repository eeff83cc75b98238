/* SPDX-License-Identifier: Apache-2.0 */
#include "server/outbox.h"
#include "base/alloc.h"
#include "base/ipc.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct outbox_message {
	struct outbox_message *next;
	uint32_t type, id;
	struct secret payload;
	int fd; /* -1: none */
};

/* What a message costs besides its payload, the descriptor included. */
enum { OVERHEAD = 1024 };

static size_t cost(const struct outbox_message *m)
{
	return m->payload.n + OVERHEAD;
}

void outbox_init(struct outbox *o, struct loop *loop, struct loop_watch *watch,
	uint64_t patience_ms, void (*stuck)(struct outbox *))
{
	*o = (struct outbox){.loop = loop,
		.watch = watch,
		.patience_ms = patience_ms,
		.stuck = stuck};
	o->last = &o->first;
}

static void drop_first(struct outbox *o)
{
	struct outbox_message *m = o->first;

	o->first = m->next;
	if (!o->first)
		o->last = &o->first;
	o->bytes -= cost(m);
	if (m->fd >= 0)
		close(m->fd);
	secret_fini(&m->payload);
	free(m);
}

void outbox_clear(struct outbox *o)
{
	loop_timer_cancel(o->loop, &o->timer);
	while (o->first)
		drop_first(o);
}

static void on_timer(struct loop *loop, struct loop_timer *timer)
{
	struct outbox *o = LOOP_OWNER(timer, struct outbox, timer);

	outbox_clear(o);
	loop_want(loop, o->watch, EPOLLIN);
	o->stuck(o);
}

static enum err keep(
	struct outbox *o, uint32_t type, uint32_t id, str payload, int fd)
{
	struct outbox_message *m;
	int own = -1;

	if (o->bytes + payload.n + OVERHEAD > OUTBOX_MAX)
		return ERR_UNAVAILABLE;
	if (fd >= 0 && (own = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
		return err_from_errno(errno);
	m = xcalloc(1, sizeof *m);
	*m = (struct outbox_message){.type = type,
		.id = id,
		.payload = secret_of(payload),
		.fd = own};
	if (!o->first) {
		loop_want(o->loop, o->watch, EPOLLIN | EPOLLOUT);
		loop_timer_set(o->loop, &o->timer, o->patience_ms, on_timer);
	}
	*o->last = m;
	o->last = &m->next;
	o->bytes += cost(m);
	return OK;
}

enum err outbox_send(
	struct outbox *o, uint32_t type, uint32_t id, str payload, int fd)
{
	enum err err = ERR_AGAIN;

	if (!o->first)
		err = ipc_try_send(o->watch->fd, type, id, payload, fd);
	return err == ERR_AGAIN ? keep(o, type, id, payload, fd) : err;
}

/* The others' turn comes with the next event. An error is the end of the
 * channel, which reading from it tells too. */
void outbox_flush(struct outbox *o)
{
	bool moved = false;

	while (o->first) {
		struct outbox_message *m = o->first;
		enum err err = ipc_try_send(o->watch->fd, m->type, m->id,
			str_of(m->payload.p, m->payload.n), m->fd);

		if (err == ERR_AGAIN)
			break;
		drop_first(o);
		moved = true;
	}
	if (!moved)
		return;
	if (o->first) {
		loop_timer_set(o->loop, &o->timer, o->patience_ms, on_timer);
		return;
	}
	loop_timer_cancel(o->loop, &o->timer);
	loop_want(o->loop, o->watch, EPOLLIN);
}
