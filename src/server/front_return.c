/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that come back from a session (session/handover.h): whoever has
 * mail can send anything here, and must not get more by it than he has. */
#include "base/alloc.h"
#include "base/log.h"
#include "base/secret.h"
#include "server/front_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

uint64_t return_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof cookie;

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0)
		return 0;
	return cookie;
}

/* ---------------------------------------------------------------- numbers */

static void grow_numbers(struct front *f)
{
	uint32_t all = f->numbers ? f->numbers * 2 : 16;

	f->numbered = xrealloc(f->numbered, all, sizeof *f->numbered);
	f->free_numbers =
		xrealloc(f->free_numbers, all, sizeof *f->free_numbers);
	for (uint32_t number = all; number > f->numbers; number--) {
		f->numbered[number - 1] = NULL;
		f->free_numbers[f->free_count++] = number;
	}
	f->numbers = all;
}

void return_number(struct conn *c)
{
	struct front *f = c->front;

	if (c->number)
		return;
	if (!f->free_count)
		grow_numbers(f);
	c->number = f->free_numbers[--f->free_count];
	f->numbered[c->number - 1] = c;
}

void return_forget_number(struct conn *c)
{
	struct front *f = c->front;

	if (!c->number)
		return;
	f->numbered[c->number - 1] = NULL;
	f->free_numbers[f->free_count++] = c->number;
	c->number = 0;
}

/* The connection whose session had this descriptor; NULL: none had. */
static struct conn *find(const struct front *f, uint32_t number, int fd)
{
	struct conn *c = NULL;

	if (number && number <= f->numbers)
		c = f->numbered[number - 1];
	if (!c || c->phase != PHASE_PUMP || !c->mail_end_cookie ||
		return_cookie(fd) != c->mail_end_cookie)
		return NULL;
	return c;
}

/* ----------------------------------------------------------------- unread */

size_t return_read(struct conn *c, char *room, size_t n)
{
	struct visit *v = c->visit;
	str left = str_skip(buf_str(&v->unread), v->unread_at);
	ssize_t got = 0;

	if (left.n) {
		left = str_take(left, n);
		memcpy(room, left.p, left.n);
		v->unread_at += left.n;
		return left.n;
	}
	if (c->mail_end >= 0)
		got = recv(c->mail_end, room, n, MSG_DONTWAIT);
	if (got <= 0)
		got = (ssize_t)pump_take(&c->pump, room, n);
	SCOREBOARD_ADD(c->front->board, bytes_in, got);
	return (size_t)got;
}

void return_put_unread(const struct conn *c, struct buf *out)
{
	const struct visit *v = c->visit;

	buf_add(out, str_skip(buf_str(&v->unread), v->unread_at));
}

/* -------------------------------------------------------------- the return */

/* Its login begins anew. */
static void begin_again(struct conn *c)
{
	struct front *f = c->front;
	struct visit *v = c->visit;

	if (v->refused) {
		conn_bye(c, v->refusal);
	} else if (f->drained) {
		conn_bye(c, LOGIN_BYE_SHUTDOWN);
	} else {
		conn_set_deadline(c, f->settings.login_ms);
		conn_go_on(c, LOGIN_MORE);
	}
}

static void keep(struct conn *c, const struct handback *h)
{
	struct visit *v = c->visit;

	/* Else it keeps the one that it has just been given. */
	if (h->session.n && h->session.n < sizeof v->session) {
		memcpy(v->session, h->session.p, h->session.n);
		v->session[h->session.n] = 0;
	}
	(void)buf_reserve(&v->unread, h->leftover.n);
	buf_add(&v->unread, h->leftover);
	v->has_unread = true;
}

/* The client's address is the socket's; if that is a proxy's, what the proxy
 * told is with mail alone. */
static bool find_remote(const struct front *f, int fd, const struct handback *h,
	struct endpoint *remote_r)
{
	if (endpoint_remote(fd, remote_r))
		return false;
	return !networks_contain(&f->settings.proxies, remote_r) ||
	       endpoint_parse(h->remote, remote_r) == OK ||
	       endpoint_remote(fd, remote_r) == OK;
}

static void set_endpoints(struct conn *c, int fd, const struct endpoint *remote)
{
	struct endpoint local = {0};

	if (endpoint_local(fd, &local))
		log_debug("net", "gone already");
	conn_set_endpoints(c, remote, &local);
}

/* Between mail and here it is nobody's, and not counted. So it has to be
 * admitted like a new one: another may have taken its place. */
static void return_plain(struct front *f, int fd, const struct handback *h)
{
	const struct front_door door = {&login_imap, false};
	struct endpoint remote;
	struct conn *c;

	if (!find_remote(f, fd, h, &remote) ||
		fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		log_debug("net", "gone already");
		close(fd);
		return;
	}
	c = conn_new(f, &door);
	keep(c, h);
	set_endpoints(c, fd, &remote);
	conn_admit(c, limits_enter);
	if (loop_add(f->loop, &c->pump.outside, fd, EPOLLIN, conn_on_event))
		conn_close(c);
	else if (c->visit->refused && f->refusals > FRONT_REFUSALS_MAX)
		conn_close(c);
	else
		begin_again(c);
}

static void on_drained(struct loop *loop, struct pump *pump)
{
	struct conn *c = LOOP_OWNER(pump, struct conn, pump);

	if (loop_add(loop, &pump->outside, pump->outside.fd, EPOLLIN,
		    conn_on_event)) {
		conn_end(c, "cannot be waited for");
		return;
	}
	conn_take_certificate(c);
	begin_again(c);
}

/* The last words of the session go to the client, then its login begins. */
static void return_tls(struct conn *c, int mail_end, const struct handback *h)
{
	const struct front_door door = {&login_imap, true};
	struct front *f = c->front;
	struct endpoint remote;
	int fd = c->pump.outside.fd;

	c->mail_end = mail_end;
	if (!find_remote(f, fd, h, &remote) ||
		endpoint_peer_key(&remote) != c->peer_key) {
		log_error("server", "mail tells another address");
		conn_close(c);
		return;
	}
	conn_make_visit(c, &door);
	keep(c, h);
	set_endpoints(c, fd, &remote);
	c->phase = PHASE_RETURN;
	conn_set_deadline(c, f->settings.login_ms);
	pump_drain(f->loop, &c->pump, on_drained);
}

void return_take(struct front *f, const struct ipc_msg *m)
{
	struct conn *c = find(f, m->id, m->fd);
	struct handback h;
	enum err err = handback_decode(m->payload, &h);

	if (m->fd < 0)
		err = ERR_INVALID;
	else if (!err &&
		 (!str_eq_c(h.protocol, login_imap.name) || (m->id && !c)))
		err = ERR_INVALID;
	if (!err && c) {
		return_tls(c, m->fd, &h);
	} else if (!err) {
		return_plain(f, m->fd, &h);
	} else {
		log_error("server", "mail gives back what it does not have",
			LOG_ERR(err));
		if (m->fd >= 0)
			close(m->fd);
	}
}
