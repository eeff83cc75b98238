/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_wire.h"
#include "base/alloc.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What was not sent yet; p is NULL when nothing is there. */
struct wire {
	int fd;
	bool ended; /* the other side sends no more */
	uint32_t at, n;
	char *p;
};

/* A record's header, its sum, padding, and what else may go with it. */
enum { RECORD = 16384 + 512 };

/* One for all connections of a thread. */
static _Thread_local struct {
	bool gathers;
	size_t n;
	char room[TLS_WIRE_RECORDS * RECORD];
} together;

static struct wire *wire_of(BIO *bio)
{
	return BIO_get_data(bio);
}

/* ---------------------------------------------------------------- sending */

static ssize_t send_some(struct wire *w, const char *p, size_t n)
{
	ssize_t sent;

	do
		sent = send(w->fd, p, n, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent;
}

static enum err meaning(void)
{
	if (errno == EAGAIN)
		return ERR_AGAIN;
	return errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED : ERR_IO;
}

static enum err send_held(struct wire *w)
{
	ssize_t n = send_some(w, w->p + w->at, w->n - w->at);

	if (n < 0)
		return meaning();
	w->at += (uint32_t)n;
	if (w->at < w->n)
		return ERR_AGAIN;
	free(w->p);
	w->p = NULL;
	return OK;
}

static enum err send_gathered(struct wire *w)
{
	size_t all = together.n;
	ssize_t n = all ? send_some(w, together.room, all) : 0;

	if (n < 0 && errno != EAGAIN)
		return meaning();
	w->at = 0;
	w->n = (uint32_t)(n > 0 ? all - (size_t)n : all);
	if (!w->n)
		return OK;
	w->p = xmalloc(w->n);
	memcpy(w->p, together.room + (all - w->n), w->n);
	return ERR_AGAIN;
}

void tls_wire_gather(void)
{
	together.gathers = true;
	together.n = 0;
}

enum err tls_wire_send(BIO *bio)
{
	struct wire *w = wire_of(bio);

	if (!together.gathers)
		return w->p ? send_held(w) : OK;
	together.gathers = false;
	return send_gathered(w);
}

bool tls_wire_holds(BIO *bio)
{
	return wire_of(bio)->p;
}

/* -------------------------------------------------------------- as a BIO */

static bool gather(const char *p, size_t n)
{
	if (!together.gathers || n > sizeof together.room - together.n)
		return false;
	memcpy(together.room + together.n, p, n);
	together.n += n;
	return true;
}

static int wire_write(BIO *bio, const char *p, int n)
{
	enum err err = ERR_AGAIN;
	ssize_t sent = -1;

	BIO_clear_retry_flags(bio);
	if (gather(p, (size_t)n))
		return n;
	if (!together.gathers && !tls_wire_holds(bio)) {
		sent = send_some(wire_of(bio), p, (size_t)n);
		err = sent < 0 ? meaning() : OK;
	}
	if (err == ERR_AGAIN)
		BIO_set_retry_write(bio);
	return (int)sent;
}

static int wire_read(BIO *bio, char *p, int n)
{
	struct wire *w = wire_of(bio);
	ssize_t got;

	BIO_clear_retry_flags(bio);
	do
		got = recv(w->fd, p, (size_t)n, 0);
	while (got < 0 && errno == EINTR);
	w->ended = got == 0;
	if (got < 0 && errno == EAGAIN)
		BIO_set_retry_read(bio);
	return (int)got;
}

static long wire_control(BIO *bio, int what, long number, void *arg)
{
	(void)number;
	(void)arg;
	if (what == BIO_CTRL_EOF)
		return wire_of(bio)->ended;
	/* After a handshake's flight. */
	return what == BIO_CTRL_FLUSH;
}

static int wire_free(BIO *bio)
{
	struct wire *w = wire_of(bio);

	free(w->p);
	free(w);
	return 1;
}

static BIO_METHOD *method;

static void make_method(void)
{
	method = BIO_meth_new(BIO_TYPE_SOCKET, "wire");
	if (!method || !BIO_meth_set_write(method, wire_write) ||
		!BIO_meth_set_read(method, wire_read) ||
		!BIO_meth_set_ctrl(method, wire_control) ||
		!BIO_meth_set_destroy(method, wire_free))
		abort();
}

BIO *tls_wire_new(int fd)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct wire *w = xcalloc(1, sizeof *w);
	BIO *bio;

	pthread_once(&once, make_method);
	bio = BIO_new(method);
	if (!bio)
		abort();
	w->fd = fd;
	BIO_set_data(bio, w);
	BIO_set_init(bio, 1);
	return bio;
}
