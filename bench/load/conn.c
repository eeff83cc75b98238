/* SPDX-License-Identifier: Apache-2.0 */
#include "load/conn.h"
#include "load/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 256 * 1024, EVENTS = 256, SILENCE_MS = 300000 };

static int epoll_fd = -1;

/* -------- opening and closing -------- */

/* Nothing is verified: what is measured is the server. */
static SSL *tls_new(int fd)
{
	static SSL_CTX *context;
	SSL *ssl;

	if (!context) {
		context = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_mode(
			context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					 SSL_MODE_RELEASE_BUFFERS);
		SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	}
	ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	SSL_set_connect_state(ssl);
	/* Says hello; reading does the rest. */
	SSL_do_handshake(ssl);
	return ssl;
}

static int socket_new(uint64_t port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, option_text("host", "127.0.0.1"),
		    &to.sin_addr) != 1)
		fail("host: not an IPv4 address");
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		fail("connect to port %u: %s", (unsigned)port, strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

void conn_open(struct conn *c, uint64_t port, bool tls)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

	if (epoll_fd < 0)
		epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	c->fd = socket_new(port);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	c->ssl = tls ? tls_new(c->fd) : NULL;
	c->in = c->out = BUF_UNBOUNDED;
	c->in_at = c->out_at = 0;
	c->writing = c->may_end = c->ended = false;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
		fail("epoll: %s", strerror(errno));
}

void conn_close(struct conn *c)
{
	SSL_free(c->ssl);
	close(c->fd);
	buf_fini(&c->in);
	buf_fini(&c->out);
	c->fd = -1;
	c->ssl = NULL;
}

/* -------- bytes -------- */

static bool try_again(struct conn *c, ssize_t n)
{
	if (!c->ssl)
		return errno == EAGAIN || errno == EINTR;
	switch (SSL_get_error(c->ssl, (int)n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return true;
	default:
		return false;
	}
}

static ssize_t read_some(struct conn *c, char *room, size_t n)
{
	ERR_clear_error();
	if (c->ssl)
		return SSL_read(c->ssl, room, (int)n);
	return recv(c->fd, room, n, 0);
}

static ssize_t write_some(struct conn *c, const char *p, size_t n)
{
	ERR_clear_error();
	if (c->ssl)
		return SSL_write(c->ssl, p, n > INT32_MAX ? INT32_MAX : (int)n);
	return send(c->fd, p, n, 0);
}

static void watch(struct conn *c, bool writing)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

	if (c->writing == writing)
		return;
	if (writing)
		event.events |= EPOLLOUT;
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
	c->writing = writing;
}

void conn_flush(struct conn *c)
{
	while (c->out_at < c->out.n) {
		ssize_t n = write_some(
			c, c->out.p + c->out_at, c->out.n - c->out_at);

		if (n <= 0) {
			if (!try_again(c, n))
				fail("write: %s", strerror(errno));
			watch(c, true);
			return;
		}
		c->out_at += (size_t)n;
	}
	buf_reset(&c->out);
	c->out_at = 0;
	watch(c, false);
}

void conn_take(struct conn *c, size_t n)
{
	c->in_at += n;
	if (c->in_at == c->in.n)
		c->in_at = c->in.n = 0;
}

static void end_seen(struct conn *c)
{
	if (!c->may_end)
		fail("the server closed the connection: %.*s",
			STR_ARG(str_take(conn_input(c), 300)));
	c->ended = true;
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
}

/* Once per turn; under TLS all that the library holds. */
static void read_in(struct conn *c)
{
	do {
		ssize_t n;

		if (c->in_at > c->in.n / 2) {
			buf_consume(&c->in, c->in_at);
			c->in_at = 0;
		}
		n = read_some(c, buf_reserve(&c->in, READ_SIZE), READ_SIZE);
		if (n <= 0) {
			if (n == 0 || !try_again(c, n))
				end_seen(c);
			break;
		}
		buf_added(&c->in, (size_t)n);
	} while (c->ssl && SSL_has_pending(c->ssl));
	c->readable(c);
}

void loop_step_for(int ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(epoll_fd, events, EVENTS, ms);

	for (int i = 0; i < n; i++) {
		struct conn *c = events[i].data.ptr;

		if (c->fd >= 0 && events[i].events & EPOLLOUT)
			conn_flush(c);
		if (c->fd >= 0 && events[i].events & ~(uint32_t)EPOLLOUT)
			read_in(c);
	}
	if (n == 0 && ms == SILENCE_MS)
		fail("no answer for five minutes");
}

void loop_step(void)
{
	loop_step_for(SILENCE_MS);
}
