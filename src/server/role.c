/* SPDX-License-Identifier: Apache-2.0 */
#include "server/role.h"
#include "base/alloc.h"
#include "base/cursor.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/secret.h"
#include "server/lookup_role.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What IPC_START says. */
struct start {
	bool came;
	int dir;
	uint64_t uid, gid, index, again;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* -------- what the master sends -------- */

static enum err take_config(struct role *r, const struct ipc_msg *m)
{
	struct config *config;
	enum err e = config_decode(m->payload, &config);

	if (e)
		return e;
	config_free(r->config);
	r->config = config;
	config_apply_log_levels(config);
	log_setup(r->name, STDERR_FILENO, (enum log_format)config->log_format);
	return OK;
}

static enum err take_listener(struct role *r, struct ipc_msg *m)
{
	struct cursor c = cursor_of(m->payload);
	str protocol = cursor_sized(&c), tls = cursor_sized(&c),
	    address = cursor_sized(&c);
	struct role_listener *l = &r->listeners[r->listener_count];

	if (!cursor_ok(&c) || m->fd < 0)
		return ERR_INVALID;
	if (r->listener_count == ROLE_LISTENERS_MAX)
		return ERR_LIMIT;
	*l = (struct role_listener){
		.protocol = xstrndup(protocol.p, protocol.n),
		.tls = tls.n > 0,
		.address = xstrndup(address.p, address.n),
		.fd = m->fd};
	m->fd = -1;
	r->listener_count++;
	return OK;
}

static struct role_named_fd *find_fd(
	struct role_named_fd *list, size_t count, str name)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_c(name, list[i].name))
			return &list[i];
	return NULL;
}

/* Under its name, in place of an earlier one that was not taken. */
static enum err keep_fd(struct role_named_fd *list, size_t *count, size_t max,
	struct ipc_msg *m)
{
	struct role_named_fd *at = find_fd(list, *count, m->payload);

	if (m->fd < 0 || m->payload.n == 0)
		return ERR_INVALID;
	if (!at) {
		if (*count == max)
			return ERR_LIMIT;
		at = &list[(*count)++];
		*at = (struct role_named_fd){
			xstrndup(m->payload.p, m->payload.n), -1};
	}
	close_fd(&at->fd);
	at->fd = m->fd;
	m->fd = -1;
	return OK;
}

static void free_secret(struct role_secret *s)
{
	if (s->p)
		secret_wipe(s->p, s->n);
	free(s->p);
	s->p = NULL;
}

static enum err take_secret(struct role *r, const struct ipc_msg *m)
{
	struct cursor c = cursor_of(m->payload);
	str name = cursor_sized(&c), bytes = cursor_sized(&c);
	struct role_secret *at = NULL;

	if (!cursor_ok(&c))
		return ERR_INVALID;
	for (size_t i = 0; i < r->secret_count && !at; i++)
		if (str_eq_c(name, r->secrets[i].name))
			at = &r->secrets[i];
	if (!at) {
		if (r->secret_count == ROLE_SECRETS_MAX)
			return ERR_LIMIT;
		at = &r->secrets[r->secret_count++];
		at->name = xstrndup(name.p, name.n);
	}
	free_secret(at);
	at->p = xstrndup(bytes.p, bytes.n);
	at->n = bytes.n;
	return OK;
}

static enum err take_start(struct ipc_msg *m, struct start *start)
{
	struct cursor c = cursor_of(m->payload);

	start->uid = cursor_varint(&c);
	start->gid = cursor_varint(&c);
	start->index = cursor_varint(&c);
	start->again = cursor_varint(&c);
	if (!cursor_ok(&c) || m->fd < 0)
		return ERR_INVALID;
	start->came = true;
	start->dir = m->fd;
	m->fd = -1;
	return OK;
}

static enum err take_log(struct ipc_msg *m)
{
	if (m->fd < 0 || dup2(m->fd, STDERR_FILENO) < 0)
		return ERR_INVALID;
	return OK;
}

/* Keeps what the message brings; leaves m->fd when it did not take it. */
static enum err keep(struct role *r, struct ipc_msg *m, struct start *start)
{
	switch (m->type) {
	case IPC_CONFIG:
		return take_config(r, m);
	case IPC_LISTENER:
		return take_listener(r, m);
	case IPC_CHANNEL:
		return keep_fd(
			r->channels, &r->channel_count, ROLE_CHANNELS_MAX, m);
	case IPC_MEMORY:
		return keep_fd(r->memory, &r->memory_count, ROLE_MEMORY_MAX, m);
	case IPC_SECRET:
		return take_secret(r, m);
	case IPC_LOG:
		return take_log(m);
	case IPC_START:
		return start->came ? ERR_INVALID : take_start(m, start);
	case IPC_STOP:
		r->stopping = true;
		return OK;
	default:
		return ERR_UNSUPPORTED;
	}
}

static enum err receive(struct role *r, struct ipc_msg *m, struct start *start)
{
	enum err e = ipc_recv(r->master, &r->room, m);

	if (e == ERR_AGAIN || e == ERR_CLOSED)
		return e;
	if (!e)
		e = keep(r, m, start);
	close_fd(&m->fd);
	if (e)
		log_error("server", "message from the master",
			LOG_U64("type", m->type), LOG_ERR(e));
	return e;
}

/* -------- the role's side -------- */

static void ignore_signals(void)
{
	static const int ignored[] = {SIGPIPE, SIGINT, SIGTERM, SIGHUP};
	sigset_t none;

	for (size_t i = 0; i < COUNT_OF(ignored); i++)
		signal(ignored[i], SIG_IGN);
	/* The master's mask came with exec. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static enum err wait_for_start(struct role *r, struct start *start)
{
	while (!start->came && !r->stopping) {
		struct pollfd p = {.fd = r->master, .events = POLLIN};
		struct ipc_msg m;
		enum err e = receive(r, &m, start);

		if (e == ERR_AGAIN)
			(void)poll(&p, 1, -1);
		else if (e)
			return e;
	}
	return r->config && start->came ? OK : ERR_INVALID;
}

enum err role_begin(struct role *r, enum role_kind kind, int master_fd)
{
	struct start start = {.dir = -1};
	enum err e;

	*r = (struct role){
		.kind = kind, .master = master_fd, .room = BUF_UNBOUNDED};
	snprintf(r->name, sizeof r->name, "%s", role_kind_name(kind));
	log_setup(r->name, STDERR_FILENO, LOG_LOGFMT);
	ignore_signals();
	e = wait_for_start(r, &start);
	if (!e) {
		struct confine_plan plan = {.kind = kind,
			.dir = start.dir,
			.uid = (uid_t)start.uid,
			.gid = (gid_t)start.gid,
			.quiet = start.again};

		if (kind == ROLE_LOOKUP)
			lookup_confine(r->config, &plan);
		r->index = (unsigned)start.index;
		if (kind == ROLE_FRONT)
			snprintf(r->name, sizeof r->name, "front%u", r->index);
		e = confine_enter(&plan);
	}
	close_fd(&start.dir);
	if (e)
		role_fini(r);
	return e;
}

enum err role_ready(struct role *r)
{
	return ipc_send(r->master, IPC_READY, 0, str_none(), -1);
}

static str name_of(const struct ipc_msg *m)
{
	struct cursor c = cursor_of(m->payload);

	return m->type == IPC_SECRET ? cursor_sized(&c) : m->payload;
}

enum role_event role_next(struct role *r, str *name_r)
{
	struct start never = {.came = true, .dir = -1};
	struct ipc_msg m;
	enum err e;

	*name_r = STR("");
	/* What could not be understood was logged; go on with the next. */
	do
		e = receive(r, &m, &never);
	while (e && e != ERR_AGAIN && e != ERR_CLOSED && e != ERR_IO);
	if (e)
		return e == ERR_AGAIN ? ROLE_NOTHING : ROLE_GONE;
	*name_r = name_of(&m);
	switch (m.type) {
	case IPC_CONFIG:
		return ROLE_CONFIG;
	case IPC_CHANNEL:
		return ROLE_CHANNEL;
	case IPC_SECRET:
		return ROLE_SECRET;
	case IPC_LISTENER:
		return ROLE_LISTENER;
	case IPC_STOP:
		return ROLE_STOP;
	default:
		return ROLE_OTHER;
	}
}

int role_take_channel(struct role *r, const char *name)
{
	struct role_named_fd *at =
		find_fd(r->channels, r->channel_count, str_c(name));
	int fd = at ? at->fd : -1;

	if (at)
		at->fd = -1;
	return fd;
}

const char *role_channel_name(const struct role *r, size_t index)
{
	for (size_t i = 0; i < r->channel_count; i++)
		if (r->channels[i].fd >= 0 && index-- == 0)
			return r->channels[i].name;
	return NULL;
}

int role_memory(const struct role *r, const char *name)
{
	for (size_t i = 0; i < r->memory_count; i++)
		if (strcmp(r->memory[i].name, name) == 0)
			return r->memory[i].fd;
	return -1;
}

str role_secret(const struct role *r, const char *name)
{
	for (size_t i = 0; i < r->secret_count; i++)
		if (strcmp(r->secrets[i].name, name) == 0)
			return str_of(r->secrets[i].p, r->secrets[i].n);
	return str_none();
}

void role_fini(struct role *r)
{
	for (size_t i = 0; i < r->listener_count; i++) {
		close_fd(&r->listeners[i].fd);
		free(r->listeners[i].protocol);
		free(r->listeners[i].address);
	}
	for (size_t i = 0; i < r->channel_count; i++) {
		close_fd(&r->channels[i].fd);
		free(r->channels[i].name);
	}
	for (size_t i = 0; i < r->memory_count; i++) {
		close_fd(&r->memory[i].fd);
		free(r->memory[i].name);
	}
	for (size_t i = 0; i < r->secret_count; i++) {
		free_secret(&r->secrets[i]);
		free(r->secrets[i].name);
	}
	config_free(r->config);
	if (r->room.p)
		secret_wipe(r->room.p, r->room.cap);
	buf_fini(&r->room);
	*r = (struct role){.master = -1};
}
