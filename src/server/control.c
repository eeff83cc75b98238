/* SPDX-License-Identifier: Apache-2.0 */
#include "server/control.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/lines.h"
#include "base/log.h"
#include "base/secret.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_EVERY_MS 200
#define STOP_PATIENCE_S 3

struct slot {
	struct control *control;
	pthread_t thread;
	int fd;	      /* the connection; -1 while the slot is free */
	bool started; /* the thread is to be joined */
};

struct control {
	int listener;
	int wake; /* eventfd: a slot became free, or stop */
	const struct control_command *table;
	size_t count;
	void *ctx;
	pthread_t thread;
	pthread_mutex_t lock; /* over the slots */
	pthread_cond_t ended; /* a connection has, with the lock */
	_Atomic bool stopping;
	struct slot slots[CONTROL_CONNECTIONS];
};

struct control_call {
	struct control *control;
	int fd;
	struct lines *lines;
	json_t *request;
	json_t *item; /* the last of control_next_item */
	json_t *answer;
	uint64_t to_read;  /* raw bytes of the client's last line */
	uint64_t to_write; /* raw bytes announced and not yet written */
	enum err io;	   /* the connection failed; sticks */
	bool ended;	   /* the client said {"end":true} */
	char *words;	   /* of control_fail */
	uint64_t progress_at;
};

const char *control_code(enum err e)
{
	static const char *const names[] = {
#define X(name, words) [name] = #name,
		ERR_TABLE(X)
#undef X
	};

	if ((size_t)e >= COUNT_OF(names))
		return "UNKNOWN";
	return e ? names[e] + strlen("ERR_") : names[e];
}

/* -------- what commands use -------- */

const json_t *control_request(const struct control_call *call)
{
	return call->request;
}

const char *control_string(const struct control_call *call, const char *member)
{
	return json_string_value(json_object_get(call->request, member));
}

int64_t control_integer(
	const struct control_call *call, const char *member, int64_t otherwise)
{
	const json_t *v = json_object_get(call->request, member);

	return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool control_flag(const struct control_call *call, const char *member)
{
	return json_is_true(json_object_get(call->request, member));
}

bool control_cancelled(struct control_call *call)
{
	struct pollfd p = {.fd = call->fd, .events = POLLRDHUP};

	if (call->control->stopping || call->io)
		return true;
	if (poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR))
		call->io = ERR_CLOSED;
	return call->io;
}

static enum err send_bytes(struct control_call *call, str s)
{
	if (!call->io)
		call->io = fd_write_all(call->fd, s);
	return call->io;
}

/* Takes the object over. */
static enum err send_line(struct control_call *call, json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT);
	enum err e = ERR_INVALID; /* not UTF-8 */

	json_decref(line);
	if (text) {
		struct buf out = BUF_UNBOUNDED;

		buf_add_c(&out, text);
		buf_add_byte(&out, '\n');
		e = send_bytes(call, buf_str(&out));
		buf_fini(&out);
	}
	free(text);
	return e;
}

void control_progress(struct control_call *call, const char *what,
	uint64_t done, uint64_t total)
{
	uint64_t now = clock_monotonic_ms();

	if (now < call->progress_at)
		return;
	call->progress_at = now + PROGRESS_EVERY_MS;
	/* A client that went is noticed by control_cancelled. */
	(void)!send_line(call,
		json_pack("{s:{s:s, s:I, s:I}}", "progress", "what", what,
			"done", (json_int_t)done, "total", (json_int_t)total));
}

enum err control_item(struct control_call *call, json_t *item)
{
	return send_line(call, json_pack("{s:o}", "item", item));
}

enum err control_item_begin(
	struct control_call *call, json_t *item, uint64_t size)
{
	call->to_write = size;
	return send_line(call, json_pack("{s:o, s:I}", "item", item, "size",
				       (json_int_t)size));
}

enum err control_write(struct control_call *call, str s)
{
	if (s.n > call->to_write)
		return ERR_INVALID;
	call->to_write -= s.n;
	return send_bytes(call, s);
}

enum err control_item_bytes(struct control_call *call, json_t *item, str s)
{
	enum err e = control_item_begin(call, item, s.n);

	return e ? e : control_write(call, s);
}

uint64_t control_bytes_left(const struct control_call *call)
{
	return call->to_read;
}

enum err control_read(
	struct control_call *call, char *room, size_t size, size_t *n_r)
{
	*n_r = 0;
	if (call->io || call->to_read == 0 || size == 0)
		return call->io;
	if (size > call->to_read)
		size = (size_t)call->to_read;
	call->io = lines_read(call->lines, room, size, n_r);
	call->to_read -= *n_r;
	return call->io;
}

static enum err skip_bytes(struct control_call *call)
{
	char room[4096];
	size_t n;

	while (call->to_read && !call->io)
		(void)!control_read(call, room, sizeof room, &n);
	return call->io;
}

/* The next line as an object; the caller's. */
static enum err read_object(struct control_call *call, json_t **object_r)
{
	const json_t *size;
	str line;

	*object_r = NULL;
	call->io = lines_next(call->lines, &line);
	if (call->io)
		return call->io;
	*object_r = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
	size = json_object_get(*object_r, "size");
	if (!json_is_object(*object_r) ||
		(size && (!json_is_integer(size) ||
				 json_integer_value(size) < 0))) {
		json_decref(*object_r);
		*object_r = NULL;
		/* What follows cannot be told from raw bytes. */
		call->io = ERR_INVALID;
		return call->io;
	}
	call->to_read = (uint64_t)json_integer_value(size);
	return OK;
}

enum err control_next_item(struct control_call *call, const json_t **item_r)
{
	json_t *line;
	enum err e;

	*item_r = NULL;
	if (call->ended)
		return OK;
	e = skip_bytes(call);
	if (!e)
		e = read_object(call, &line);
	if (e)
		return e;
	json_decref(call->item);
	call->item = line;
	call->ended = json_is_true(json_object_get(line, "end"));
	if (call->ended)
		return OK;
	*item_r = json_object_get(line, "item");
	return json_is_object(*item_r) ? OK : ERR_INVALID;
}

json_t *control_answer(struct control_call *call)
{
	return call->answer;
}

enum err control_fail(
	struct control_call *call, enum err e, const char *format, ...)
{
	struct buf words = BUF_UNBOUNDED;
	va_list args;

	va_start(args, format);
	buf_vaddf(&words, format, args);
	va_end(args);
	free(call->words);
	call->words = xstrndup(words.p, words.n);
	buf_fini(&words);
	return e;
}

/* -------- connections -------- */

static enum err run(struct control_call *call)
{
	const struct control *c = call->control;
	const char *name = control_string(call, "cmd");

	for (size_t i = 0; name && i < c->count; i++)
		if (strcmp(c->table[i].name, name) == 0)
			return c->table[i].run(call, c->ctx);
	return control_fail(call, ERR_UNSUPPORTED, "no such command: %s",
		name ? name : "(none)");
}

static void send_answer(struct control_call *call, enum err e)
{
	json_t *line = call->answer;

	call->answer = NULL;
	if (e) {
		json_decref(line);
		line = json_pack("{s:b, s:s, s:s}", "ok", 0, "error",
			call->words ? call->words : err_words(e), "code",
			control_code(e));
	} else {
		json_object_set_new(line, "ok", json_true());
	}
	/* An announced size that was not kept leaves the client nothing to
	 * read the answer by. */
	if (call->to_write)
		call->io = ERR_CLOSED;
	(void)!send_line(call, line);
}

static void log_call(const struct control_call *call, enum err e)
{
	const char *name = control_string(call, "cmd");

	log_debug("control", "command", LOG_C("command", name ? name : ""),
		LOG_C("result", err_words(e)));
}

/* One request and its answer; false when the connection has ended. */
static bool serve_call(struct slot *slot, struct lines *lines)
{
	struct control_call call = {
		.control = slot->control, .fd = slot->fd, .lines = lines};
	enum err e = read_object(&call, &call.request);
	bool alive;

	if (!e) {
		call.answer = json_object();
		e = run(&call);
		log_call(&call, e);
		send_answer(&call, e);
		(void)!skip_bytes(&call);
	} else if (e == ERR_INVALID || e == ERR_TOOBIG) {
		call.io = OK;
		send_answer(&call, e);
		call.io = e;
	}
	alive = !call.io && !slot->control->stopping;
	json_decref(call.item);
	json_decref(call.request);
	json_decref(call.answer);
	free(call.words);
	return alive;
}

static void *connection_thread(void *arg)
{
	struct slot *slot = arg;
	struct control *c = slot->control;
	const uint64_t one = 1;
	struct lines lines;

	lines_init(&lines, slot->fd, CONTROL_LINE_MAX);
	while (serve_call(slot, &lines))
		;
	secret_wipe(lines.room, lines.max); /* passwords came this way */
	lines_fini(&lines);
	pthread_mutex_lock(&c->lock);
	close(slot->fd);
	slot->fd = -1;
	pthread_cond_signal(&c->ended);
	pthread_mutex_unlock(&c->lock);
	(void)!write(c->wake, &one, sizeof one);
	return NULL;
}

/* Root, and who the server is. */
static bool peer_may(int fd)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t size = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	if (peer.uid == 0 || peer.uid == getuid())
		return true;
	log_warn("control", "connection refused", LOG_U64("uid", peer.uid),
		LOG_I64("pid", peer.pid));
	return false;
}

static struct slot *free_slot(struct control *c)
{
	struct slot *found = NULL;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < COUNT_OF(c->slots) && !found; i++)
		if (c->slots[i].fd < 0)
			found = &c->slots[i];
	pthread_mutex_unlock(&c->lock);
	if (found && found->started) {
		pthread_join(found->thread, NULL);
		found->started = false;
	}
	return found;
}

static void accept_one(struct control *c, struct slot *slot)
{
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (!peer_may(fd)) {
		close(fd);
		return;
	}
	pthread_mutex_lock(&c->lock);
	slot->fd = fd;
	pthread_mutex_unlock(&c->lock);
	slot->started =
		!pthread_create(&slot->thread, NULL, connection_thread, slot);
	if (slot->started)
		return;
	log_error("control", "no thread for a connection");
	close(fd);
	slot->fd = -1;
}

static void *accept_thread(void *arg)
{
	struct control *c = arg;

	while (!c->stopping) {
		struct slot *slot = free_slot(c);
		struct pollfd p[2] = {{.fd = c->wake, .events = POLLIN},
			{.fd = slot ? c->listener : -1, .events = POLLIN}};
		uint64_t drained;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents)
			(void)!read(c->wake, &drained, sizeof drained);
		if (slot && p[1].revents && !c->stopping)
			accept_one(c, slot);
	}
	return NULL;
}

struct control *control_start(int listener, const struct control_command *table,
	size_t count, void *ctx)
{
	struct control *c = xcalloc(1, sizeof *c);
	pthread_condattr_t attributes;

	c->listener = listener;
	c->table = table;
	c->count = count;
	c->ctx = ctx;
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&c->ended, &attributes);
	pthread_condattr_destroy(&attributes);
	for (size_t i = 0; i < COUNT_OF(c->slots); i++)
		c->slots[i] = (struct slot){.control = c, .fd = -1};
	if (c->wake >= 0 &&
		pthread_create(&c->thread, NULL, accept_thread, c) == 0)
		return c;
	log_error("control", "no thread for the control socket");
	abort(); /* as out of memory */
}

static void end_connections(struct control *c, int how)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < COUNT_OF(c->slots); i++)
		if (c->slots[i].fd >= 0)
			shutdown(c->slots[i].fd, how);
	pthread_mutex_unlock(&c->lock);
}

static bool any_connection(const struct control *c)
{
	for (size_t i = 0; i < COUNT_OF(c->slots); i++)
		if (c->slots[i].fd >= 0)
			return true;
	return false;
}

/* What works has some time to see `stopping` and to answer; a client that
 * takes nothing must not keep the role. */
static void join_connections(struct control *c)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_PATIENCE_S;
	end_connections(c, SHUT_RD);
	pthread_mutex_lock(&c->lock);
	while (any_connection(c) && r == 0)
		r = pthread_cond_timedwait(&c->ended, &c->lock, &until);
	pthread_mutex_unlock(&c->lock);
	end_connections(c, SHUT_RDWR);
	for (size_t i = 0; i < COUNT_OF(c->slots); i++)
		if (c->slots[i].started)
			pthread_join(c->slots[i].thread, NULL);
}

void control_stop(struct control *c)
{
	const uint64_t one = 1;

	c->stopping = true;
	(void)!write(c->wake, &one, sizeof one);
	pthread_join(c->thread, NULL);
	join_connections(c);
	close(c->wake);
	pthread_cond_destroy(&c->ended);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
