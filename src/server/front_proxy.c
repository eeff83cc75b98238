/* SPDX-License-Identifier: Apache-2.0 */
/* What a proxy tells before the client's first byte. */
#include "base/log.h"
#include "server/front_conn.h"

#include <errno.h>
#include <sys/socket.h>

static void refuse(struct conn *c, const char *why)
{
	log_warn("net", "PROXY header refused",
		LOG_C("session", c->visit->session),
		LOG_C("proxy", c->visit->remote), LOG_C("reason", why));
	conn_end(c, "no PROXY header");
}

/* Until now it was counted as the proxy's, of which there are many. */
static void become(struct conn *c, const struct proxy_header *h)
{
	struct front *f = c->front;

	if (c->counted)
		limits_leave(f->limits, c->peer_key);
	c->counted = false;
	log_debug("net", "told by a proxy", LOG_C("session", c->visit->session),
		LOG_C("proxy", c->visit->remote));
	conn_set_endpoints(c, &h->remote, &h->local);
	if (!c->visit->refused)
		conn_admit(c, limits_enter);
}

static void take(struct conn *c)
{
	struct visit *v = c->visit;
	struct proxy_header header;
	const char *why;
	size_t n;
	enum err err = proxy_parse(buf_str(&v->proxy), &header, &n, &why);

	if (err == ERR_AGAIN)
		return;
	if (err) {
		refuse(c, why);
		return;
	}
	buf_fini(&v->proxy);
	if (header.told)
		become(c, &header);
	conn_begin(c);
}

/* Not a byte more than the header has: the next is the client's. */
static size_t missing(const struct visit *v)
{
	struct proxy_header header;
	const char *why;
	size_t n;

	/* What is no header has been refused before. */
	if (proxy_parse(buf_str(&v->proxy), &header, &n, &why) != ERR_AGAIN)
		return 0;
	return n - v->proxy.n;
}

void proxy_go_on(struct conn *c)
{
	struct buf *in = &c->visit->proxy;
	size_t want = missing(c->visit);
	char *room = buf_reserve(in, want);
	ssize_t n = room ? recv(c->pump.outside.fd, room, want, 0) : 0;

	if (n < 0 && err_from_errno(errno) == ERR_AGAIN)
		return;
	if (n <= 0) {
		conn_end(c, "closed by the client");
		return;
	}
	buf_added(in, (size_t)n);
	take(c);
}

void proxy_begin(struct conn *c)
{
	c->phase = PHASE_PROXY;
	conn_set_deadline(c, c->front->settings.handshake_ms);
}
