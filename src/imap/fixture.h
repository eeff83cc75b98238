/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: sessions in this process, over socket pairs, on the memory
 * engine. */
#ifndef IMAP_FIXTURE_H
#define IMAP_FIXTURE_H

#include "base/test.h"
#include "base/buf.h"
#include "imap/imap.h"
#include "session/fixture.h"

#include <poll.h>

#define PATIENCE_MS 20000

struct client {
	int fd;
	struct buf in;
};

static inline void world_begin_on(struct world *w, struct store *store)
{
	world_make(w, store, NULL);
	world_start(w);
}

static inline void world_begin(struct world *w)
{
	world_begin_on(w, store_open_memory());
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

static inline void client_begin_by(struct world *w, struct client *c,
	const struct session_protocol *protocol, uint32_t rights)
{
	const struct handover h = {
		.protocol = STR("imap"),
		.tag = STR("L"),
		.session = STR("test"),
		.remote = STR("127.0.0.1:1"),
	};
	const struct ticket t = {
		.account = 1, .name = STR("ann"), .rights = rights};

	c->fd = world_dial(w, protocol, &h, &t);
	c->in = BUF_UNBOUNDED;
	hear(c, "L OK");
}

static inline void client_begin_with(
	struct world *w, struct client *c, uint32_t rights)
{
	client_begin_by(w, c, &imap_protocol, rights);
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
