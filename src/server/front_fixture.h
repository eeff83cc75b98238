/* SPDX-License-Identifier: Apache-2.0 */
/* The front with an auth and a mail that the test plays itself, over socket
 * pairs, all in one thread. For tests. */
#ifndef SERVER_FRONT_FIXTURE_H
#define SERVER_FRONT_FIXTURE_H

#include "base/cursor.h"
#include "base/ipc.h"
#include "net/tls_fixture_client.h"
#include "server/front.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct stage {
	struct loop *loop;
	struct front *front;
	int auth, mail; /* our ends */
	struct buf room;
	struct ipc_msg m;
};

struct client {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl; /* NULL: no TLS */
	struct buf got;
};

static inline void turn(struct stage *s)
{
	for (int i = 0; i < 4; i++)
		loop_run_once(s->loop, 0);
}

static inline struct front_settings plain_settings(void)
{
	return (struct front_settings){
		.login = {.plaintext = true, .failures_max = 3},
		.handshake_ms = 60000,
		.login_ms = 60000,
		.stall_ms = 60000,
		.role_ms = 60000};
}

static inline void give_auth(struct stage *s)
{
	int fds[2];

	assert_ok(ipc_pair(fds));
	front_set_auth(s->front, fds[0]);
	s->auth = fds[1];
}

static inline void open_stage(struct stage *s, struct limits *limits)
{
	struct front_settings settings = plain_settings();
	int fds[2];

	*s = (struct stage){.room = BUF_UNBOUNDED};
	assert_ok(loop_new(&s->loop));
	s->front = front_new(s->loop, limits, NULL);
	front_set_tls(s->front, tls_fixture_server(false));
	front_configure(s->front, &settings);
	give_auth(s);
	assert_ok(ipc_pair(fds));
	front_set_mail(s->front, fds[0]);
	s->mail = fds[1];
}

static inline void close_stage(struct stage *s)
{
	front_free(s->front);
	loop_free(s->loop);
	if (s->auth >= 0)
		close(s->auth);
	if (s->mail >= 0)
		close(s->mail);
	buf_fini(&s->room);
}

/* ---------------------------------------------------------------- clients */

static inline struct client connect_by(
	struct stage *s, const struct login_protocol *protocol, bool tls)
{
	struct front_door door = {protocol, tls};
	struct client c = {.got = BUF_UNBOUNDED};
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0, fds),
		0);
	front_serve(s->front, fds[0], &door);
	c.fd = fds[1];
	return c;
}

static inline struct client connect_to(struct stage *s, bool tls)
{
	return connect_by(s, &login_imap, tls);
}

static inline void shake_hands_as(
	struct stage *s, struct client *c, const struct tls_pair *as)
{
	c->ctx = SSL_CTX_new(TLS_client_method());
	c->ssl = SSL_new(c->ctx);
	if (as) {
		assert_int_equal(SSL_use_certificate(c->ssl, as->x), 1);
		assert_int_equal(SSL_use_PrivateKey(c->ssl, as->key), 1);
	}
	SSL_set_fd(c->ssl, c->fd);
	for (int i = 0; i < 10 && SSL_connect(c->ssl) != 1; i++)
		turn(s);
	assert_true(SSL_is_init_finished(c->ssl));
}

static inline void shake_hands(struct stage *s, struct client *c)
{
	shake_hands_as(s, c, NULL);
}

static inline void hang_up(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	if (c->fd >= 0)
		close(c->fd);
	buf_fini(&c->got);
	*c = (struct client){.fd = -1};
}

static inline void say(struct stage *s, struct client *c, const char *text)
{
	int n = (int)strlen(text);

	if (c->ssl)
		assert_int_equal(SSL_write(c->ssl, text, n), n);
	else
		assert_int_equal(write(c->fd, text, (size_t)n), n);
	turn(s);
}

/* False when nothing more will come. */
static inline bool hear(struct client *c)
{
	char room[4096];
	int n;

	if (c->ssl)
		n = SSL_read(c->ssl, room, sizeof room);
	else
		n = (int)read(c->fd, room, sizeof room);
	if (n > 0)
		buf_add(&c->got, str_of(room, (size_t)n));
	if (n > 0)
		return true;
	if (c->ssl)
		return SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ;
	return n < 0 && errno == EAGAIN;
}

/* The next words of the server are exactly these. */
static inline void expect(struct stage *s, struct client *c, const char *text)
{
	size_t n = strlen(text);

	for (int i = 0; i < 10 && c->got.n < n; i++) {
		turn(s);
		(void)hear(c);
	}
	assert_str(str_take(buf_str(&c->got), n), text);
	buf_consume(&c->got, n);
}

static inline void expect_greeting(struct stage *s, struct client *c)
{
	size_t end;

	for (int i = 0; i < 10; i++) {
		turn(s);
		(void)hear(c);
		end = str_find(buf_str(&c->got), STR("ready\r\n"));
		if (end < c->got.n) {
			assert_true(str_starts(buf_str(&c->got),
				STR("* OK [CAPABILITY IMAP4rev2 ")));
			buf_consume(&c->got, end + 7);
			return;
		}
	}
	fail_msg("no greeting");
}

static inline void expect_end(struct stage *s, struct client *c)
{
	for (int i = 0; i < 10; i++) {
		turn(s);
		if (!hear(c)) {
			assert_int_equal(c->got.n, 0);
			return;
		}
	}
	fail_msg("not ended; heard %.*s", STR_ARG(buf_str(&c->got)));
}

/* ------------------------------------------------------------ auth, mail */

static inline void expect_ask_from(
	struct stage *s, const char *remote, const char *password)
{
	struct cursor c;
	str response;

	turn(s);
	assert_ok(ipc_recv(s->auth, &s->room, &s->m));
	assert_int_equal(s->m.type, IPC_AUTH_START);
	c = cursor_of(s->m.payload);
	assert_str(cursor_sized(&c), "imap");
	assert_str(cursor_sized(&c), "PLAIN");
	assert_str(cursor_sized(&c), remote);
	assert_true(cursor_sized(&c).n > 0); /* the session's name */
	(void)cursor_sized(&c);
	assert_str(cursor_sized(&c), "");
	assert_int_equal(cursor_varint(&c), 0);
	assert_int_equal(cursor_varint(&c), 1);
	response = cursor_sized(&c);
	assert_true(cursor_ok(&c) && cursor_done(&c));
	assert_str(str_skip(response, response.n - strlen(password)), password);
}

static inline void expect_ask(struct stage *s, const char *password)
{
	expect_ask_from(s, "-", password);
}

static inline void answer(struct stage *s, enum err result, const char *ticket)
{
	struct buf out = BUF_UNBOUNDED;

	buf_add_varint(&out, (uint64_t)result);
	buf_add_sized(&out, STR(""));
	buf_add_sized(&out, str_c(ticket));
	assert_ok(ipc_send(s->auth, IPC_AUTH_DONE, s->m.id, buf_str(&out), -1));
	buf_fini(&out);
	turn(s);
}

static inline int expect_handover(struct stage *s, struct handover *h)
{
	assert_ok(ipc_recv(s->mail, &s->room, &s->m));
	assert_int_equal(s->m.type, IPC_HANDOVER);
	assert_ok(handover_decode(s->m.payload, h));
	assert_true(s->m.fd >= 0);
	return s->m.fd;
}

static inline int log_in_by_tls(struct stage *s, struct client *c)
{
	struct handover h;
	int fd;

	*c = connect_to(s, true);
	shake_hands(s, c);
	expect_greeting(s, c);
	say(s, c, "t1 AUTHENTICATE PLAIN AGFubmEAc2VjcmV0\r\n");
	expect_ask(s, "secret");
	answer(s, OK, "the ticket");
	fd = expect_handover(s, &h);
	assert_str(h.tls_version, "TLSv1.3");
	assert_str(h.tag, "t1");
	return fd;
}

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* 192.0.2.N, port 54321, to 198.51.100.2, port 143 */
#define HEADER(n)                                                              \
	SIGNATURE "\x21\x11\0\x0c"                                             \
		  "\xc0\0\2" n "\xc6\x33\x64\2\xd4\x31\0\x8f"

/* In these tests all clients come by Unix sockets. */
static inline void trust_all(struct stage *s, uint64_t handshake_ms)
{
	struct front_settings settings = plain_settings();

	assert_ok(networks_parse(STR("unix"), &settings.proxies, NULL));
	settings.handshake_ms = handshake_ms;
	front_configure(s->front, &settings);
	networks_fini(&settings.proxies);
}

static inline void say_bytes(struct stage *s, struct client *c, str bytes)
{
	assert_int_equal(write(c->fd, bytes.p, bytes.n), bytes.n);
	turn(s);
}

#endif
