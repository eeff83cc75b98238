/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/log.h"
#include "base/secret.h"
#include "server/front_conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* After our last word: so long, and so many bytes, we listen on, because a
 * socket closed with unread input takes back what it has not delivered. */
enum { LINGER_MS = 2000, LINGER_BYTES = 64 * 1024 };
/* All that come by doors for many are counted by this, which is no
 * endpoint_peer_key: 0 is never one. */
enum { KEY_OF_MANY = 0 };
/* For a handshake whose only purpose is to say BYE. */
enum { REFUSAL_MS = 5000 };

/* The kernel doubles it. */
enum { INSIDE_BUFFER = 208 * 1024 };

static int fd_of(const struct conn *c)
{
	return c->pump.outside.fd;
}

static void want_events(struct conn *c, uint32_t events)
{
	loop_want(c->front->loop, &c->pump.outside, events);
}

static void on_deadline(struct loop *loop, struct loop_timer *timer);

void conn_set_deadline(struct conn *c, uint64_t ms)
{
	loop_timer_set(c->front->loop, &c->timer, ms, on_deadline);
}

/* --------------------------------------------------------------- closing */

static void free_visit(struct conn *c)
{
	struct visit *v = c->visit;

	if (!v)
		return;
	channel_cancel(c);
	c->front->refusals -= v->refused;
	login_fini(&v->login);
	buf_fini(&v->proxy);
	buf_fini(&v->out);
	secret_wipe(v->unread.p, v->unread.n);
	buf_fini(&v->unread);
	free(v);
	c->visit = NULL;
}

/* All but the descriptor. */
static void forget(struct conn *c)
{
	struct front *f = c->front;

	loop_timer_cancel(f->loop, &c->timer);
	free_visit(c);
	return_forget_number(c);
	tls_free(c->tls);
	if (c->counted)
		limits_leave(f->limits, c->peer_key);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	f->count--;
	SCOREBOARD_SUB(f->board, connections, 1);
	free(c);
	if (alloc_ebbs(&f->tide, f->count))
		alloc_give_back();
	if (!f->count && f->drained)
		f->drained(f->loop);
}

void conn_close(struct conn *c)
{
	int outside = fd_of(c), inside = c->pump.inside.fd, mail = c->mail_end;

	pump_stop(c->front->loop, &c->pump);
	forget(c);
	close(outside);
	if (inside >= 0)
		close(inside);
	if (mail >= 0)
		close(mail);
}

void conn_end(struct conn *c, const char *why)
{
	if (c->visit)
		log_info("net", "closed before login",
			LOG_C("session", c->visit->session),
			LOG_C("remote", c->visit->remote),
			LOG_C("reason", why));
	conn_close(c);
}

static void linger(struct conn *c)
{
	if (c->tls)
		tls_close_notify(c->tls);
	if (shutdown(fd_of(c), SHUT_WR) < 0) {
		conn_end(c, "closed");
		return;
	}
	c->phase = PHASE_LINGER;
	conn_set_deadline(c, LINGER_MS);
	want_events(c, EPOLLIN);
}

static void go_on_lingering(struct conn *c)
{
	struct visit *v = c->visit;
	char room[4096];
	ssize_t n = recv(fd_of(c), room, sizeof room, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	v->lingered += n > 0 ? (size_t)n : 0;
	if (n <= 0 || v->lingered > LINGER_BYTES)
		conn_end(c, v->login.end ? v->login.end : "closed");
}

/* --------------------------------------------------------- bytes, before */

static enum err read_some(struct conn *c, char *p, size_t room, size_t *n_r)
{
	ssize_t n;

	if (c->tls)
		return tls_read(c->tls, p, room, n_r);
	n = recv(fd_of(c), p, room, MSG_DONTWAIT);
	*n_r = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return OK;
	return n == 0 ? ERR_CLOSED : err_from_errno(errno);
}

static enum err write_some(struct conn *c, str bytes, size_t *n_r)
{
	ssize_t n;

	if (c->tls)
		return tls_write(c->tls, bytes, n_r);
	n = send(fd_of(c), bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	*n_r = n > 0 ? (size_t)n : 0;
	return n < 0 ? err_from_errno(errno) : OK;
}

static enum err flush(struct conn *c)
{
	struct visit *v = c->visit;
	enum err err = OK;

	while (!err && v->out_at < v->out.n) {
		size_t n;

		err = write_some(c, str_skip(buf_str(&v->out), v->out_at), &n);
		v->out_at += n;
		SCOREBOARD_ADD(c->front->board, bytes_out, n);
	}
	if (!err) {
		buf_fini(&v->out);
		v->out_at = 0;
	}
	return err;
}

/* ------------------------------------------------------------------- TLS */

/* Some protocols want something before the client has said a word. */
static void begin_dialogue(struct conn *c)
{
	struct visit *v = c->visit;

	login_greet(&v->login, &v->out);
	conn_go_on(c, login_go_on(&v->login, &v->out));
}

void conn_take_certificate(struct conn *c)
{
	struct visit *v = c->visit;
	struct buf name = BUF_UNBOUNDED;
	const char *reason;
	enum err err = tls_identity(
		c->tls, c->front->settings.client_identity, &name, &reason);

	v->login.has_certificate = !err;
	if (err && err != ERR_NOTFOUND)
		log_info("tls", "client certificate not accepted",
			LOG_C("session", v->session),
			LOG_C("remote", v->remote), LOG_C("reason", reason));
	buf_fini(&name);
}

/* A reload may have taken it away since it was announced. False when the
 * connection is gone. */
static bool has_certificate(struct conn *c)
{
	if (c->front->tls)
		return true;
	conn_end(c, "no certificate");
	return false;
}

static bool make_tls(struct conn *c)
{
	struct front *f = c->front;

	if (!has_certificate(c))
		return false;
	c->tls = tls_new(f->tls, fd_of(c), c->visit->login.protocol->name);
	return true;
}

static void go_on_shaking(struct conn *c)
{
	struct visit *v = c->visit;
	struct front *f = c->front;
	enum err err;

	if (!c->tls && !make_tls(c))
		return;
	err = tls_handshake(c->tls);
	if (err == ERR_AGAIN) {
		want_events(c, tls_wants(c->tls));
		return;
	}
	if (err) {
		SCOREBOARD_ADD(f->board, tls_failed, 1);
		conn_end(c, err == ERR_CLOSED ? "closed in TLS handshake"
					      : tls_reason());
		return;
	}
	SCOREBOARD_ADD(f->board, tls_total, 1);
	log_debug("tls", "handshake done", LOG_C("session", v->session),
		LOG_C("version", tls_version(c->tls)),
		LOG_C("cipher", tls_cipher(c->tls)));
	if (v->refused) {
		conn_bye(c, v->refusal);
		return;
	}
	conn_set_deadline(c, f->settings.login_ms);
	if (v->login.tls) {
		conn_take_certificate(c);
		begin_dialogue(c);
		return;
	}
	login_secured(&v->login);
	conn_take_certificate(c);
	conn_go_on(c, LOGIN_MORE);
}

static void begin_tls(struct conn *c, str first)
{
	struct front *f = c->front;
	struct visit *v = c->visit;

	if (!has_certificate(c))
		return;
	c->phase = PHASE_HANDSHAKE;
	conn_set_deadline(
		c, v->refused ? REFUSAL_MS : f->settings.handshake_ms);
	/* The library holds 40 KiB for a client that it waits for: not before
	 * that one has said something. */
	if (!first.n) {
		want_events(c, EPOLLIN);
		return;
	}
	if (!make_tls(c))
		return;
	tls_feed(c->tls, first);
	go_on_shaking(c);
}

/* All that came behind the command is the beginning of TLS. */
static void start_tls(struct conn *c)
{
	struct buf first = BUF_UNBOUNDED;

	buf_add(&first, login_leftover(&c->visit->login));
	return_put_unread(c, &first);
	c->visit->has_unread = false;
	begin_tls(c, buf_str(&first));
	buf_fini(&first);
}

/* ----------------------------------------------------------------- login */

static _Thread_local char chunk[LOGIN_CHUNK];

/* What came back from a session; the socket will not announce it. */
static bool feed_unread(struct conn *c, enum login_want *want)
{
	struct visit *v = c->visit;
	size_t n = v->has_unread ? return_read(c, chunk, sizeof chunk) : 0;

	v->has_unread = n > 0;
	if (!n)
		return false;
	*want = login_feed(&v->login, str_of(chunk, n), &v->out);
	secret_wipe(chunk, n);
	return true;
}

static void read_on(struct conn *c)
{
	struct visit *v = c->visit;
	size_t n;
	enum err err = read_some(c, chunk, sizeof chunk, &n);

	if (err == ERR_AGAIN) {
		want_events(c, c->tls ? tls_wants(c->tls) : EPOLLIN);
		return;
	}
	if (err) {
		conn_end(c, err == ERR_CLOSED ? "closed by the client"
					      : err_words(err));
		return;
	}
	SCOREBOARD_ADD(c->front->board, bytes_in, n);
	v->want = login_feed(&v->login, str_of(chunk, n), &v->out);
	secret_wipe(chunk, n);
	conn_go_on(c, v->want);
}

/* One step; false when there is nothing more to do just now. */
static bool act(struct conn *c, enum login_want *want)
{
	struct visit *v = c->visit;
	bool came_back = v->has_unread;

	switch (*want) {
	case LOGIN_MORE:
		c->phase = PHASE_READ;
		if (feed_unread(c, want))
			return true;
		want_events(c, EPOLLIN);
		/* The socket will not announce these, nor an end that was read
		 * before. */
		if (c->tls && (came_back || tls_pending(c->tls)))
			read_on(c);
		return false;
	case LOGIN_AUTH:
		want_events(c, 0);
		if (channel_ask_auth(c))
			return false;
		*want = login_fail(
			&v->login, ERR_UNAVAILABLE, STR(""), &v->out);
		return true;
	case LOGIN_CANCEL:
		channel_cancel(c);
		*want = login_go_on(&v->login, &v->out);
		return true;
	case LOGIN_STARTTLS:
		start_tls(c);
		return false;
	case LOGIN_CLOSE:
		linger(c);
		return false;
	}
	return false;
}

void conn_go_on(struct conn *c, enum login_want want)
{
	struct visit *v = c->visit;
	enum err err;

	do {
		if (buf_err(&v->out)) {
			conn_end(c, "too much to say");
			return;
		}
		err = flush(c);
		if (err == ERR_AGAIN) {
			v->want = want;
			c->phase = PHASE_FLUSH;
			want_events(c, EPOLLOUT);
			return;
		}
		if (err) {
			conn_end(c, "closed by the client");
			return;
		}
	} while (act(c, &want));
}

void conn_bye(struct conn *c, enum login_bye why)
{
	struct visit *v = c->visit;

	channel_cancel(c);
	login_bye(&v->login, why, &v->out);
	v->login.end = "ended by us";
	conn_set_deadline(c, REFUSAL_MS);
	conn_go_on(c, LOGIN_CLOSE);
}

static void on_deadline(struct loop *loop, struct loop_timer *timer)
{
	struct conn *c = LOOP_OWNER(timer, struct conn, timer);

	(void)loop;
	switch ((enum phase)c->phase) {
	case PHASE_PROXY:
		conn_end(c, "no PROXY header in time");
		break;
	case PHASE_HANDSHAKE:
		SCOREBOARD_ADD(c->front->board, tls_failed, 1);
		conn_end(c, "no TLS handshake in time");
		break;
	case PHASE_READ:
	case PHASE_AUTH:
		conn_bye(c, LOGIN_BYE_SLOW);
		break;
	case PHASE_FLUSH:
	case PHASE_RETURN:
		conn_end(c, "does not read");
		break;
	case PHASE_LINGER:
		conn_end(c,
			c->visit->login.end ? c->visit->login.end : "closed");
		break;
	case PHASE_PUMP:
		break;
	}
}

void conn_on_event(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct conn *c = LOOP_OWNER(watch, struct conn, pump.outside);

	(void)loop;
	if ((events & (EPOLLERR | EPOLLHUP)) && !(events & EPOLLIN)) {
		conn_end(c, "closed by the client");
		return;
	}
	switch ((enum phase)c->phase) {
	case PHASE_PROXY:
		proxy_go_on(c);
		break;
	case PHASE_HANDSHAKE:
		go_on_shaking(c);
		break;
	case PHASE_READ:
		read_on(c);
		break;
	case PHASE_FLUSH:
		conn_go_on(c, c->visit->want);
		break;
	case PHASE_LINGER:
		go_on_lingering(c);
		break;
	case PHASE_AUTH:
	case PHASE_PUMP:
	case PHASE_RETURN:
		break;
	}
}

/* -------------------------------------------------------------- hand-over */

static void on_pump_end(struct loop *loop, struct pump *pump)
{
	(void)loop;
	conn_end(LOOP_OWNER(pump, struct conn, pump), "closed by the client");
}

static void put_handover(const struct conn *c, str ticket, struct buf *out)
{
	struct visit *v = c->visit;
	struct buf left = BUF_UNBOUNDED;
	struct handover h = {
		.ticket = ticket,
		.session = str_c(v->session),
		.remote = str_c(v->remote),
		.local = str_c(v->local),
		.peer_key = c->peer_key,
		.tls_version = str_c(c->tls ? tls_version(c->tls) : ""),
		.tls_cipher = str_c(c->tls ? tls_cipher(c->tls) : ""),
	};

	login_hand_over(&v->login, &h);
	/* In one piece: growing would leave copies of the next login. */
	(void)buf_reserve(&left, h.leftover.n + v->unread.n + 1);
	buf_add(&left, h.leftover);
	return_put_unread(c, &left);
	h.leftover = buf_str(&left);
	handover_encode(&h, out);
	secret_wipe(left.p, left.n);
	buf_fini(&left);
}

static void hand_over_plain(struct conn *c, str payload)
{
	struct visit *v = c->visit;
	enum err err = channel_hand_over(c->front, 0, payload, fd_of(c));

	if (err) {
		conn_go_on(c, login_fail(&v->login, ERR_UNAVAILABLE, STR(""),
				      &v->out));
		return;
	}
	conn_close(c);
}

static void start_pump(struct conn *c)
{
	struct loop *loop = c->front->loop;
	int outside = fd_of(c), inside = c->pump.inside.fd;

	loop_timer_cancel(loop, &c->timer);
	loop_remove(loop, &c->pump.outside);
	free_visit(c);
	c->phase = PHASE_PUMP;
	pump_start(loop, &c->pump, c->tls, outside, inside, on_pump_end);
}

/* The sockets between us and the session; a second session gets the same, in
 * which bytes of the client may wait. */
static enum err pair_up(struct conn *c)
{
	int fds[2];

	if (c->mail_end >= 0)
		return OK;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		    fds) < 0)
		return err_from_errno(errno);
	/* Twice what is usual: a session has so much more to send at a time. */
	(void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &(int){INSIDE_BUFFER},
		sizeof(int));
	c->pump.inside.fd = fds[0];
	c->mail_end = fds[1];
	c->mail_end_cookie = return_cookie(fds[1]);
	return_number(c);
	return OK;
}

static void hand_over_tls(struct conn *c, str payload)
{
	struct visit *v = c->visit;
	enum err err = pair_up(c);

	if (err)
		log_error("net", "no socket pair for a session", LOG_ERR(err));
	else
		err = channel_hand_over(
			c->front, c->number, payload, c->mail_end);
	if (err) {
		conn_go_on(c, login_fail(&v->login, ERR_UNAVAILABLE, STR(""),
				      &v->out));
		return;
	}
	close(c->mail_end);
	c->mail_end = -1;
	start_pump(c);
}

void conn_hand_over(struct conn *c, str ticket)
{
	struct buf payload = BUF_UNBOUNDED;

	put_handover(c, ticket, &payload);
	if (c->tls)
		hand_over_tls(c, buf_str(&payload));
	else
		hand_over_plain(c, buf_str(&payload));
	secret_wipe(payload.p, payload.n);
	buf_fini(&payload);
}

/* ---------------------------------------------------------------- opening */

/* For people who look for one connection in the logs of all roles. */
static void make_session_id(char *room, size_t size)
{
	static const char digits[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char random[12];

	secret_random(random, sizeof random);
	assert(sizeof random < size);
	for (size_t i = 0; i < sizeof random; i++)
		room[i] = digits[random[i] % 32];
	room[sizeof random] = 0;
}

static void keep_text(char *to, str text)
{
	memcpy(to, text.p, text.n);
	to[text.n] = 0;
}

void conn_set_endpoints(struct conn *c, const struct endpoint *remote,
	const struct endpoint *local)
{
	struct visit *v = c->visit;
	char room[ENDPOINT_TEXT_MAX];

	keep_text(v->remote, endpoint_print(remote, room));
	keep_text(v->remote_host, endpoint_print_host(remote, room));
	keep_text(v->local, endpoint_print(local, room));
	c->peer_key = v->login.protocol->many ? KEY_OF_MANY
					      : endpoint_peer_key(remote);
}

void conn_make_visit(struct conn *c, const struct front_door *door)
{
	struct visit *v = xcalloc(1, sizeof *v);

	make_session_id(v->session, sizeof v->session);
	buf_init(&v->out, FRONT_OUT_MAX);
	buf_init(&v->proxy, PROXY_MAX);
	buf_init(&v->unread, HANDOVER_LEFTOVER_MAX);
	login_init(&v->login, door->protocol, &c->front->settings.login,
		door->tls);
	c->visit = v;
}

static void log_refusal(struct front *f, const struct conn *c, bool total)
{
	uint64_t now = loop_now_ms(f->loop);

	SCOREBOARD_ADD(f->board, connections_refused, 1);
	f->refusals_unlogged++;
	if (f->refusal_logged_ms && now < f->refusal_logged_ms + 1000)
		return;
	log_warn("net", "connection refused: too many",
		LOG_C("limit", total ? "limits.connections"
				     : "limits.connections_per_address"),
		LOG_C("remote", c->visit->remote),
		LOG_U64("refused", f->refusals_unlogged));
	f->refusal_logged_ms = now;
	f->refusals_unlogged = 0;
}

void conn_admit(
	struct conn *c, enum limits_verdict (*enter)(struct limits *, uint64_t))
{
	struct front *f = c->front;
	enum limits_verdict verdict = LIMITS_OK;

	if (c->visit->login.protocol->many)
		enter = limits_enter_total;
	if (f->limits)
		verdict = enter(f->limits, c->peer_key);
	c->counted = f->limits && verdict == LIMITS_OK;
	if (verdict == LIMITS_OK)
		return;
	log_refusal(f, c, verdict == LIMITS_TOTAL);
	c->visit->refused = true;
	c->visit->refusal = verdict == LIMITS_TOTAL
				    ? LOGIN_BYE_TOO_MANY
				    : LOGIN_BYE_TOO_MANY_OF_PEER;
	f->refusals++;
}

void conn_begin(struct conn *c)
{
	struct visit *v = c->visit;

	if (c->front->refusals > FRONT_REFUSALS_MAX) {
		conn_close(c);
	} else if (v->login.tls) {
		begin_tls(c, STR(""));
	} else if (v->refused) {
		conn_bye(c, v->refusal);
	} else {
		conn_set_deadline(c, c->front->settings.login_ms);
		begin_dialogue(c);
	}
}

struct conn *conn_new(struct front *f, const struct front_door *door)
{
	struct conn *c = xcalloc(1, sizeof *c);

	c->pump.outside.fd = c->pump.inside.fd = c->mail_end = -1;
	c->front = f;
	c->next = f->conns;
	c->link = &f->conns;
	if (c->next)
		c->next->link = &c->next;
	f->conns = c;
	f->count++;
	alloc_rises(&f->tide, f->count);
	SCOREBOARD_ADD(f->board, connections, 1);
	conn_make_visit(c, door);
	return c;
}

void conn_open(struct front *f, int fd, const struct front_door *door)
{
	struct conn *c = conn_new(f, door);
	struct endpoint remote = {0}, local = {0};
	bool proxied;

	if (endpoint_remote(fd, &remote) || endpoint_local(fd, &local))
		log_debug("net", "gone already");
	proxied = networks_contain(&f->settings.proxies, &remote);
	SCOREBOARD_ADD(f->board, connections_total, 1);
	conn_set_endpoints(c, &remote, &local);
	conn_admit(c, proxied ? limits_enter_total : limits_enter);
	if (loop_add(f->loop, &c->pump.outside, fd, EPOLLIN, conn_on_event))
		conn_close(c);
	else if (proxied)
		proxy_begin(c);
	else
		conn_begin(c);
}
