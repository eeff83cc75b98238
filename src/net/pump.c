/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pump.h"
#include "base/alloc.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Rounds in one direction before others have their turn. */
enum { TURN = 4 };

/* One for all pumps of a thread: bytes are in it only within one call. */
static _Thread_local char room[PUMP_ROOM_DOWN];

static void keep(struct pump_rest *rest, str bytes)
{
	rest->p = xmalloc(bytes.n);
	memcpy(rest->p, bytes.p, bytes.n);
	rest->at = 0;
	rest->n = (uint32_t)bytes.n;
}

static void forget(struct pump_rest *rest)
{
	free(rest->p);
	*rest = (struct pump_rest){0};
}

/* ------------------------------------------------------- write a part of */

static enum err write_inside(struct pump *p, str bytes, size_t *n_r)
{
	ssize_t n;

	do
		n = send(p->inside.fd, bytes.p, bytes.n, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	*n_r = n > 0 ? (size_t)n : 0;
	return n < 0 ? err_from_errno(errno) : OK;
}

static enum err write_outside(struct pump *p, str bytes, size_t *n_r)
{
	return tls_write(p->tls, bytes, n_r);
}

/* Writes what it can of `bytes`, or of the rest when there is one (then bytes
 * are that), and keeps what is left. */
static enum err pour(struct pump *p, struct pump_rest *rest, str bytes,
	enum err (*write_some)(struct pump *, str, size_t *))
{
	enum err err = OK;
	size_t n;

	while (bytes.n && !err) {
		err = write_some(p, bytes, &n);
		bytes = str_skip(bytes, n);
	}
	if (rest->p && bytes.n) {
		rest->at = rest->n - (uint32_t)bytes.n;
	} else if (bytes.n && err == ERR_AGAIN) {
		keep(rest, bytes);
	} else {
		forget(rest);
	}
	return err;
}

static enum err pour_rest(struct pump *p, struct pump_rest *rest,
	enum err (*write_some)(struct pump *, str, size_t *))
{
	str bytes = str_of(rest->p + rest->at, rest->n - rest->at);

	return pour(p, rest, bytes, write_some);
}

/* -------------------------------------------------------------- directions */

/* The session does not read any more; what it has written still counts. */
static void end_up(struct pump *p)
{
	forget(&p->up);
	p->up_ended = true;
	(void)shutdown(p->inside.fd, SHUT_WR);
}

/* Client to session. OK, or what ended the connection. */
static enum err go_up(struct pump *p)
{
	enum err err = OK;

	if (p->up.p)
		err = pour_rest(p, &p->up, write_inside);
	for (int turn = 0; !err && !p->up_ended; turn++) {
		size_t n;

		if (turn >= TURN && !tls_pending(p->tls))
			return OK;
		err = tls_read(p->tls, room, PUMP_ROOM, &n);
		p->wants_to_write =
			err == ERR_AGAIN && tls_wants(p->tls) == EPOLLOUT;
		if (err == ERR_CLOSED) {
			end_up(p);
			return OK;
		}
		if (err)
			return err == ERR_AGAIN ? OK : err;
		err = pour(p, &p->up, str_of(room, n), write_inside);
	}
	if (err && err != ERR_AGAIN)
		end_up(p);
	return OK;
}

static enum err read_inside(struct pump *p, size_t *n_r)
{
	ssize_t n;

	do
		n = recv(p->inside.fd, room, sizeof room, 0);
	while (n < 0 && errno == EINTR);
	*n_r = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return OK;
	return n == 0 ? ERR_CLOSED : err_from_errno(errno);
}

/* Session to client. ERR_CLOSED when all is said. */
static enum err go_down(struct pump *p)
{
	enum err err = OK;

	if (p->down.p)
		err = pour_rest(p, &p->down, write_outside);
	for (int turn = 0; !err; turn++) {
		size_t n;

		/* What a session that is gone has left, nobody will announce
		 * again. */
		if (turn >= TURN && !p->inside_ended)
			return OK;
		err = read_inside(p, &n);
		p->inside_is_empty = err == ERR_AGAIN;
		if (err)
			return err == ERR_AGAIN ? OK : ERR_CLOSED;
		err = pour(p, &p->down, str_of(room, n), write_outside);
	}
	return err == ERR_AGAIN ? OK : err;
}

/* ------------------------------------------------------------------ events */

static void end(struct loop *loop, struct pump *p, enum err err)
{
	if (err == ERR_INVALID)
		log_info("tls", "connection broken",
			LOG_C("reason", tls_reason()));
	if (err == ERR_CLOSED)
		tls_close_notify(p->tls);
	pump_stop(loop, p);
	p->ended(loop, p);
}

static void unregister(struct loop *loop, struct pump *p)
{
	loop_remove(loop, &p->outside);
	loop_remove(loop, &p->inside);
}

static void end_drained(struct loop *loop, struct pump *p)
{
	unregister(loop, p);
	p->drained(loop, p);
}

static void set_interests(struct loop *loop, struct pump *p)
{
	uint32_t outside = 0, inside = 0;

	if (!p->up.p && !p->up_ended && !p->drained)
		outside |= EPOLLIN;
	/* To read, when the client began to change its keys. */
	if (p->down.p)
		outside |= tls_wants(p->tls);
	if (p->wants_to_write && !p->drained)
		outside |= EPOLLOUT;
	if (!p->down.p)
		inside |= EPOLLIN;
	if (p->up.p && !p->drained)
		inside |= EPOLLOUT;
	loop_want(loop, &p->outside, outside);
	if (!p->inside_ended)
		loop_want(loop, &p->inside, inside);
}

/* Both directions are looked at whichever socket spoke: a write that was
 * waited for lets the other side be read again. */
static void go_on(struct loop *loop, struct pump *p)
{
	enum err err = p->drained ? OK : go_up(p);

	p->inside_is_empty = false;
	if (!err)
		err = go_down(p);
	if (err)
		end(loop, p, err);
	else if (p->drained && p->inside_is_empty && !p->down.p)
		end_drained(loop, p);
	else
		set_interests(loop, p);
}

static void on_outside(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct pump *p = LOOP_OWNER(watch, struct pump, outside);

	/* Nobody is there to read; what it sent last does not matter. */
	if (events & (EPOLLERR | EPOLLHUP))
		end(loop, p, ERR_IO);
	else
		go_on(loop, p);
}

static void on_inside(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct pump *p = LOOP_OWNER(watch, struct pump, inside);

	/* It would be said again and again while the client is slow. */
	if (events & (EPOLLERR | EPOLLHUP)) {
		loop_remove(loop, &p->inside);
		p->inside_ended = true;
	}
	go_on(loop, p);
}

void pump_start(struct loop *loop, struct pump *p, struct tls *tls, int outside,
	int inside, void (*ended)(struct loop *, struct pump *))
{
	*p = (struct pump){.tls = tls, .ended = ended, .up = p->up};
	p->outside.fd = outside;
	p->inside.fd = inside;
	if (loop_add(loop, &p->outside, outside, EPOLLIN, on_outside) ||
		loop_add(loop, &p->inside, inside, EPOLLIN, on_inside))
		end(loop, p, ERR_IO);
	else
		go_on(loop, p);
}

void pump_drain(struct loop *loop, struct pump *p,
	void (*drained)(struct loop *, struct pump *))
{
	p->drained = drained;
	go_on(loop, p);
}

size_t pump_take(struct pump *p, char *to, size_t n)
{
	struct pump_rest *rest = &p->up;

	if (n > rest->n - rest->at)
		n = rest->n - rest->at;
	if (n)
		memcpy(to, rest->p + rest->at, n);
	rest->at += (uint32_t)n;
	if (rest->at == rest->n)
		forget(rest);
	return n;
}

void pump_stop(struct loop *loop, struct pump *p)
{
	unregister(loop, p);
	forget(&p->up);
	forget(&p->down);
}
