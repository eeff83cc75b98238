/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn: connections in one epoll set, plain or TLS, with plain buffers. What
 * comes is added to `in`, and `readable` is called to consume it with
 * conn_take(). What is in `out` is sent by conn_flush() and by the loop.
 */
#ifndef LOAD_CONN_H
#define LOAD_CONN_H

#include "base/buf.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

struct conn {
	int fd; /* -1: not open */
	SSL *ssl;
	struct buf in, out;
	size_t in_at, out_at; /* consumed, sent */
	bool writing;	      /* epoll watches for room */
	bool may_end;	      /* the server's closing is no error */
	bool ended;	      /* it closed */
	void (*readable)(struct conn *);
};

/* Connects to host= and the port, and begins TLS when tls, whatever the
 * server's certificate; nothing may be sent before something came. Fills in
 * everything but `readable`. */
void conn_open(struct conn *, uint64_t port, bool tls);
void conn_close(struct conn *);
void conn_flush(struct conn *);

/* What came and was not consumed. */
static inline str conn_input(const struct conn *c)
{
	return str_of(c->in.p + c->in_at, c->in.n - c->in_at);
}

/* Consumes n bytes. What conn_input() gave stays valid until more comes. */
void conn_take(struct conn *, size_t n);

/* Waits for something to happen on some connection, and lets it happen. Fails
 * when nothing does for five minutes. */
void loop_step(void);
/* The same for up to so many milliseconds; nothing may happen. */
void loop_step_for(int ms);

#endif
