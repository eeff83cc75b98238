/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "server/auth_private.h"

#include <stdlib.h>
#include <unistd.h>

#define DEAF_MS 60000
#define PATIENCE_MS 5000
#define MAIL_PATIENCE_MS (24 * 60 * 60 * 1000)

struct peer *peer_find(const struct auth *a, const char *name)
{
	for (size_t i = 0; i < a->peer_count; i++)
		if (strcmp(a->peers[i]->name, name) == 0)
			return a->peers[i];
	return NULL;
}

static void is_deaf(struct peer *p)
{
	/* Mail must get what it is told, and may take its time: it removes an
	 * account's mail between two messages. */
	if (p->kind != PEER_MAIL)
		p->deaf_until = clock_monotonic_ms() + DEAF_MS;
	log_error("auth", "another role takes no messages",
		LOG_C("name", p->name));
}

static void is_stuck(struct outbox *outbox)
{
	is_deaf(LOOP_OWNER(outbox, struct peer, outbox));
}

enum err peer_send(struct peer *p, enum ipc_type type, uint32_t id, str payload)
{
	enum err e;

	if (clock_monotonic_ms() < p->deaf_until)
		return ERR_UNAVAILABLE;
	e = outbox_send(&p->outbox, type, id, payload, -1);
	if (e == ERR_UNAVAILABLE)
		is_deaf(p);
	return e;
}

void peer_tell(struct peer *p, enum ipc_type type, uint32_t id, str payload)
{
	(void)!peer_send(p, type, id, payload);
}

static enum err on_front(struct peer *p, const struct ipc_msg *m)
{
	switch (m->type) {
	case IPC_AUTH_START:
		return exchange_start(p, m);
	case IPC_AUTH_CONTINUE:
		exchange_continue(p, m);
		return OK;
	case IPC_AUTH_CANCEL:
		exchange_cancel(p, m);
		return OK;
	default:
		return ERR_INVALID;
	}
}

static enum err on_mail(struct peer *p, const struct ipc_msg *m)
{
	switch (m->type) {
	case IPC_ACCOUNT_NOTED:
		return news_noted(p->auth, m);
	case IPC_RESOLVE:
		return resolve_start(p, m);
	default:
		return ERR_INVALID;
	}
}

static enum err on_message(struct peer *p, const struct ipc_msg *m)
{
	if (p->kind == PEER_FRONT)
		return on_front(p, m);
	if (p->kind == PEER_MAIL)
		return on_mail(p, m);
	if (m->type != IPC_LOOKUP_DONE)
		return ERR_INVALID;
	lookup_answered(p->auth, m);
	return OK;
}

void peer_drop(struct peer *p)
{
	struct auth *a = p->auth;

	exchange_abandon_all(p);
	if (p->kind == PEER_LOOKUP)
		lookup_gone(a);
	for (size_t i = 0; i < a->peer_count; i++)
		if (a->peers[i] == p)
			a->peers[i] = a->peers[--a->peer_count];
	outbox_clear(&p->outbox);
	loop_remove(a->loop, &p->watch);
	close(p->watch.fd);
	free(p->name);
	free(p);
}

static void readable(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct peer *p = LOOP_OWNER(watch, struct peer, watch);
	struct buf *room = &p->auth->room;
	struct ipc_msg m;
	enum err e;

	(void)loop;
	if (events & EPOLLOUT)
		outbox_flush(&p->outbox);
	e = ipc_recv(watch->fd, room, &m);
	if (e == ERR_AGAIN)
		return;
	if (m.fd >= 0)
		close(m.fd);
	if (!e)
		e = on_message(p, &m);
	/* It may hold a password. */
	secret_wipe(room->p, room->n);
	if (e && e != ERR_CLOSED)
		log_error("auth", "message from another role",
			LOG_C("name", p->name), LOG_U64("type", m.type),
			LOG_ERR(e));
	if (e == ERR_CLOSED || e == ERR_INVALID)
		peer_drop(p);
}

void peer_add(struct auth *a, const char *name)
{
	struct peer *p = peer_find(a, name);
	int fd = role_take_channel(&a->role, name);

	if (p)
		peer_drop(p);
	if (fd < 0 || a->peer_count == COUNT_OF(a->peers))
		return;
	p = xcalloc(1, sizeof *p);
	p->auth = a;
	p->name = xstrdup(name);
	p->number = ++a->channels;
	if (strcmp(name, "mail") == 0)
		p->kind = PEER_MAIL;
	else if (strcmp(name, "lookup") == 0)
		p->kind = PEER_LOOKUP;
	outbox_init(&p->outbox, a->loop, &p->watch,
		p->kind == PEER_MAIL ? MAIL_PATIENCE_MS : PATIENCE_MS,
		is_stuck);
	a->peers[a->peer_count++] = p;
	if (loop_add(a->loop, &p->watch, fd, EPOLLIN, readable) != OK)
		abort(); /* out of memory */
	if (p->kind == PEER_MAIL)
		news_begin(a);
	offer_tell(p);
}
