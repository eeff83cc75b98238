/* SPDX-License-Identifier: Apache-2.0 */
#include "server/master.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/secret.h"
#include "net/endpoint.h"
#include "net/limits.h"
#include "net/scoreboard.h"
#include "net/tls.h"
#include "server/config.h"
#include "server/listen.h"
#include "server/notify.h"
#include "server/privileges.h"
#include "server/spawn.h"
#include "server/state.h"
#include "server/unix_socket.h"
#include "session/ticket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES_MAX (64 + 3)
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 10000
#define HELD_MS 60000  /* then the back-off starts anew */
#define DRAIN_MS 40000 /* longer than the roles take */
#define TLS_FILE_MAX (100 * 1024)

enum phase {
	DEAD,	  /* to be started at `due` */
	STARTING, /* told everything, not confined yet */
	READY,
};

struct process {
	enum role_kind kind;
	unsigned index; /* see struct role */
	char name[16];
	enum phase phase;
	pid_t pid;
	int channel;
	uint64_t since; /* of the present process */
	uint64_t due;	/* of the next, when DEAD */
	unsigned backoff_ms;
	bool again; /* not its first start */
};

struct listener {
	const char *protocol;
	bool tls;
	bool path;	     /* address is that of a Unix socket */
	enum role_kind kind; /* who gets it */
	char address[120];
	int fd;
};

struct master {
	const struct master_options *options;
	struct config *config;
	struct state state;
	struct process processes[PROCESSES_MAX];
	size_t process_count;
	struct listener *listeners;
	size_t listener_count;
	struct limits *limits;
	int limits_fd;
	struct scoreboard *scoreboard;
	int scoreboard_fd;
	unsigned char ticket_key[TICKET_KEY_SIZE];
	unsigned char tls_tickets[TLS_TICKET_KEY_SIZE];
	struct secret certificate, key, client_ca;
	int signals;
	int first_stderr; /* where "stderr" is, when logs went to a file */
	bool was_ready;	  /* all roles were, once */
	bool stopping;
	uint64_t stop_by;
	int exit_code;
};

/* -------- sending -------- */

/* A role that does not take its messages is of no use: its end, and its
 * restart, follow. */
static void tell(struct process *p, enum ipc_type type, str payload, int fd)
{
	enum err e;

	if (p->phase == DEAD)
		return;
	e = ipc_send(p->channel, type, 0, payload, fd);
	if (!e)
		return;
	log_error("server", "role does not listen", LOG_C("name", p->name),
		LOG_ERR(e));
	kill(p->pid, SIGKILL);
}

static void tell_secret(struct process *p, const char *name, str bytes)
{
	struct buf payload = BUF_UNBOUNDED;

	buf_add_sized(&payload, str_c(name));
	buf_add_sized(&payload, bytes);
	tell(p, IPC_SECRET, buf_str(&payload), -1);
	secret_wipe(payload.p, payload.n);
	buf_fini(&payload);
}

static void tell_settings(const struct master *m, struct process *p)
{
	struct buf payload = BUF_UNBOUNDED;

	tell(p, IPC_LOG, str_none(), STDERR_FILENO);
	config_encode(m->config, p->kind == ROLE_LOOKUP, &payload);
	tell(p, IPC_CONFIG, buf_str(&payload), -1);
	secret_wipe(payload.p, payload.cap);
	buf_fini(&payload);
	if (p->kind != ROLE_FRONT)
		return;
	tell_secret(p, "tls-tickets",
		str_of((const char *)m->tls_tickets, sizeof m->tls_tickets));
	tell_secret(p, "tls-client-ca", str_of(m->client_ca.p, m->client_ca.n));
	tell_secret(p, "tls-certificate",
		str_of(m->certificate.p, m->certificate.n));
	tell_secret(p, "tls-key", str_of(m->key.p, m->key.n));
}

static void tell_listener(struct process *p, const struct listener *l)
{
	struct buf payload = BUF_UNBOUNDED;

	buf_add_sized(&payload, str_c(l->protocol));
	buf_add_sized(&payload, l->tls ? STR("tls") : STR(""));
	buf_add_sized(&payload, str_c(l->address));
	tell(p, IPC_LISTENER, buf_str(&payload), l->fd);
	buf_fini(&payload);
}

static void introduce(const struct master *m, struct process *p)
{
	tell_settings(m, p);
	/* It signs nothing, believes no ticket, and counts nothing. */
	if (p->kind == ROLE_LOOKUP)
		return;
	if (p->kind != ROLE_FRONT)
		tell_secret(p, "ticket-key",
			str_of((const char *)m->ticket_key,
				sizeof m->ticket_key));
	for (size_t i = 0; i < m->listener_count; i++)
		if (m->listeners[i].kind == p->kind)
			tell_listener(p, &m->listeners[i]);
	tell(p, IPC_MEMORY, STR("limits"), m->limits_fd);
	tell(p, IPC_MEMORY, STR("scoreboard"), m->scoreboard_fd);
}

/* Fronts have nothing to say to each other, and lookup speaks to auth alone.
 */
static bool have_channel(enum role_kind a, enum role_kind b)
{
	if (a == ROLE_LOOKUP || b == ROLE_LOOKUP)
		return a == ROLE_AUTH || b == ROLE_AUTH;
	return a != ROLE_FRONT || b != ROLE_FRONT;
}

static void wire(struct process *a, struct process *b)
{
	int fds[2];
	enum err e;

	if (a == b || a->phase == DEAD || b->phase == DEAD ||
		!have_channel(a->kind, b->kind))
		return;
	e = ipc_pair(fds);
	if (e) {
		log_error("server", "no channel between roles", LOG_ERR(e));
		kill(a->pid, SIGKILL);
		return;
	}
	tell(a, IPC_CHANNEL, str_c(b->name), fds[0]);
	tell(b, IPC_CHANNEL, str_c(a->name), fds[1]);
	close(fds[0]);
	close(fds[1]);
}

static void tell_start(const struct master *m, struct process *p)
{
	const struct state_owner *owner = &m->state.owners[p->kind];
	struct buf payload = BUF_UNBOUNDED;

	buf_add_varint(&payload, owner->uid);
	buf_add_varint(&payload, owner->gid);
	buf_add_varint(&payload, p->index);
	buf_add_varint(&payload, p->again || m->options->private_instance);
	tell(p, IPC_START, buf_str(&payload), m->state.dirs[p->kind]);
	buf_fini(&payload);
}

/* -------- processes -------- */

static void add_process(struct master *m, enum role_kind kind)
{
	struct process *p = &m->processes[m->process_count];

	*p = (struct process){.kind = kind,
		.index = (unsigned)m->process_count,
		.channel = -1,
		.backoff_ms = BACKOFF_FIRST_MS};
	if (kind == ROLE_FRONT)
		snprintf(p->name, sizeof p->name, "front%u", p->index);
	else
		snprintf(p->name, sizeof p->name, "%s", role_kind_name(kind));
	m->process_count++;
}

static void add_processes(struct master *m)
{
	uint64_t fronts =
		m->options->private_instance ? 0 : m->config->workers_fronts;

	for (uint64_t i = 0; i < fronts && i < PROCESSES_MAX - 3; i++)
		add_process(m, ROLE_FRONT);
	add_process(m, ROLE_AUTH);
	add_process(m, ROLE_MAIL);
	if (config_has_outside_source(m->config) &&
		!m->options->private_instance)
		add_process(m, ROLE_LOOKUP);
}

static void schedule(struct process *p)
{
	uint64_t now = clock_monotonic_ms();

	if (now - p->since >= HELD_MS)
		p->backoff_ms = BACKOFF_FIRST_MS;
	p->due = now + p->backoff_ms;
	p->backoff_ms *= 2;
	if (p->backoff_ms > BACKOFF_MAX_MS)
		p->backoff_ms = BACKOFF_MAX_MS;
}

static void start_process(struct master *m, struct process *p)
{
	/* Those that write keep the lock until they end. */
	bool writes = p->kind == ROLE_AUTH || p->kind == ROLE_MAIL;
	int inherited = writes ? m->state.lock : -1;
	enum err e;

	p->since = clock_monotonic_ms();
	e = spawn_role(p->kind, inherited, &p->pid, &p->channel);
	if (e) {
		log_error("server", "role cannot be started",
			LOG_C("name", p->name), LOG_ERR(e));
		schedule(p);
		return;
	}
	p->phase = STARTING;
}

static void start_all(struct master *m)
{
	for (size_t i = 0; i < m->process_count; i++) {
		start_process(m, &m->processes[i]);
		introduce(m, &m->processes[i]);
		for (size_t j = 0; j < i; j++)
			wire(&m->processes[i], &m->processes[j]);
	}
	for (size_t i = 0; i < m->process_count; i++)
		tell_start(m, &m->processes[i]);
}

static void start_again(struct master *m, struct process *p)
{
	p->again = true;
	start_process(m, p);
	introduce(m, p);
	for (size_t i = 0; i < m->process_count; i++)
		wire(p, &m->processes[i]);
	tell_start(m, p);
}

static const char *how_it_ended(int status, char *room, size_t size)
{
	if (WIFEXITED(status))
		snprintf(room, size, "exit code %d", WEXITSTATUS(status));
	else if (WTERMSIG(status) == SIGSYS)
		snprintf(room, size,
			"killed by SIGSYS: it made a forbidden "
			"system call");
	else
		snprintf(room, size, "killed by SIG%s",
			sigabbrev_np(WTERMSIG(status)));
	return room;
}

static void begin_stop(struct master *m, int exit_code);

static void log_end(const struct master *m, const struct process *p, int status)
{
	char room[80];

	how_it_ended(status, room, sizeof room);
	if (m->stopping && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		log_debug("server", "role ended", LOG_C("name", p->name));
	else
		log_error("server", "role died", LOG_C("name", p->name),
			LOG_I64("pid", p->pid), LOG_C("reason", room));
}

static void process_ended(struct master *m, struct process *p, int status)
{
	log_end(m, p, status);
	close(p->channel);
	p->channel = -1;
	p->phase = DEAD;
	limits_clear_region(m->limits, p->index);
	scoreboard_clear_gauges(scoreboard_page(m->scoreboard, p->index));
	if (m->stopping)
		return;
	if (!m->was_ready) {
		log_error("server", "start failed");
		begin_stop(m, EXIT_FAILED);
		return;
	}
	schedule(p);
	log_info("server", "role will be started again", LOG_C("name", p->name),
		LOG_U64("after_ms", p->due - clock_monotonic_ms()));
}

static void reap(struct master *m)
{
	for (size_t i = 0; i < m->process_count; i++) {
		struct process *p = &m->processes[i];
		int status;

		if (p->phase != DEAD &&
			waitpid(p->pid, &status, WNOHANG) == p->pid)
			process_ended(m, p, status);
	}
}

/* -------- settings -------- */

static enum err read_file(const char *path, struct secret *content)
{
	char *room;
	ssize_t n = -1;
	int fd;

	if (!*path) {
		*content = secret_of(STR(""));
		return OK;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	room = xmalloc(TLS_FILE_MAX + 1);
	if (fd >= 0)
		n = read(fd, room, TLS_FILE_MAX + 1);
	if (n < 0 || n > TLS_FILE_MAX) {
		log_error("server", "file cannot be read", LOG_C("path", path),
			LOG_C("reason", n < 0 ? strerror(errno) : "too large"));
		n = -1;
	} else {
		*content = secret_of(str_of(room, (size_t)n));
		secret_wipe(room, (size_t)n);
	}
	if (fd >= 0)
		close(fd);
	free(room);
	return n < 0 ? ERR_IO : OK;
}

/* Changes all or nothing. */
static enum err read_tls(struct master *m, const struct config *config)
{
	struct secret certificate = {0}, key = {0}, client_ca = {0};
	enum err e = read_file(config->tls_certificate, &certificate);

	if (!e)
		e = read_file(config->tls_client_ca, &client_ca);
	if (!e)
		e = read_file(config->tls_key, &key);
	if (e) {
		secret_fini(&certificate);
		secret_fini(&client_ca);
		return e;
	}
	secret_fini(&m->certificate);
	secret_fini(&m->key);
	secret_fini(&m->client_ca);
	m->certificate = certificate;
	m->key = key;
	m->client_ca = client_ca;
	/* One for all fronts, so that any of them resumes a session; a new one
	 * with each reload, so that none lives for ever. */
	secret_random(m->tls_tickets, sizeof m->tls_tickets);
	return OK;
}

/* Log lines always go to our standard error, which a file may become. */
static enum err set_log(struct master *m, const struct config *config)
{
	const char *path = config->log_destination;
	bool file = strcmp(path, "stderr") != 0;
	int fd = m->first_stderr;

	if (file)
		fd = open(
			path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) {
		log_error("server", "log cannot be opened", LOG_C("path", path),
			LOG_C("reason", strerror(errno)));
		return ERR_IO;
	}
	if (file)
		close(fd);
	log_setup("master", STDERR_FILENO, (enum log_format)config->log_format);
	config_apply_log_levels(config);
	return OK;
}

static void log_errors(const struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++) {
		const struct config_error *e = &errors->list[i];

		LOG_AT(e->warning ? LOG_WARN : LOG_ERROR, "server", e->text,
			LOG_C("file", e->file), LOG_U64("line", e->line));
	}
}

static void log_changes(const struct config *before, const struct config *now)
{
	const struct setting *s = NULL;

	while ((s = config_change(before, now, s))) {
		if (s->reload)
			log_info("server", "setting changed",
				LOG_C("setting", s->name));
		else
			log_warn("server",
				"setting changes with the next start only",
				LOG_C("setting", s->name));
	}
}

static void apply(struct master *m, struct config *now)
{
	log_changes(m->config, now);
	config_keep_fixed(now, m->config);
	if (set_log(m, now) || read_tls(m, now)) {
		(void)!set_log(m, m->config);
		log_error("server", "configuration is kept as it was");
		config_free(now);
		return;
	}
	config_free(m->config);
	m->config = now;
	for (size_t i = 0; i < m->process_count; i++)
		tell_settings(m, &m->processes[i]);
	log_info("server", "configuration reloaded");
}

static void reload(struct master *m)
{
	struct config_errors errors = CONFIG_ERRORS_EMPTY;
	struct config *now = NULL;

	notify_reloading();
	if (config_load(m->options->config_path, &now, &errors) == OK) {
		log_errors(&errors);
		apply(m, now);
	} else {
		log_errors(&errors);
		log_error("server", "configuration is kept as it was");
	}
	config_errors_fini(&errors);
	notify_ready();
}

/* What kept a role from running may have been mended just now. */
static void begin_anew(struct master *m)
{
	for (size_t i = 0; i < m->process_count; i++) {
		m->processes[i].backoff_ms = BACKOFF_FIRST_MS;
		m->processes[i].due = 0;
	}
}

/* -------- listeners -------- */

static struct listener *add_listener(struct master *m)
{
	m->listeners = xrealloc(
		m->listeners, m->listener_count + 1, sizeof *m->listeners);
	m->listeners[m->listener_count] = (struct listener){.fd = -1};
	return &m->listeners[m->listener_count++];
}

static enum err listen_tcp(struct listener *l, const char *text)
{
	struct endpoint at;
	char room[ENDPOINT_TEXT_MAX];
	enum err e = endpoint_parse(str_c(text), &at);

	if (!e)
		e = endpoint_listen(&at, &l->fd);
	/* What port the kernel chose. */
	if (!e)
		e = endpoint_local(l->fd, &at);
	if (!e)
		snprintf(l->address, sizeof l->address, "%.*s",
			STR_ARG(endpoint_print(&at, room)));
	return e;
}

static enum err listen_path(
	struct listener *l, const char *path, const struct config *config)
{
	static const mode_t modes[] = {
		[SOCKET_MODE_0600] = 0600,
		[SOCKET_MODE_0660] = 0660,
		[SOCKET_MODE_0666] = 0666,
	};
	enum err e = unix_socket_listen(path, modes[config->listen_socket_mode],
		config->listen_socket_group, &l->fd);

	if (!e)
		snprintf(l->address, sizeof l->address, "%s", path);
	return e;
}

static enum err listen_address(struct master *m, const char *protocol, bool tls,
	const struct listen_address *at)
{
	struct listener *l = add_listener(m);
	enum err e;

	l->protocol = protocol;
	l->tls = tls;
	l->kind = ROLE_FRONT;
	l->path = at->sock.ss_family == AF_UNIX;
	e = l->path ? listen_path(l, at->text, m->config)
		    : listen_tcp(l, at->text);
	if (e)
		log_error("server", "cannot listen", LOG_C("address", at->text),
			LOG_C("protocol", protocol), LOG_ERR(e));
	return e;
}

static enum err listen_addresses(struct master *m, const char *protocol,
	bool tls, const struct addresses *addresses)
{
	enum err first = OK;

	for (size_t i = 0; i < addresses->count; i++) {
		enum err e =
			listen_address(m, protocol, tls, &addresses->list[i]);

		if (!first)
			first = e;
	}
	return first;
}

/* A private instance is for one command, which knows its process: another
 * must not come to rely on it. */
static void control_name(
	const struct master *m, enum role_kind kind, char *room, size_t size)
{
	if (m->options->private_instance)
		snprintf(room, size, "%s.%d", role_kind_name(kind),
			(int)getpid());
	else
		snprintf(room, size, "%s", role_kind_name(kind));
}

static enum err listen_control(struct master *m, enum role_kind kind)
{
	struct listener *l = add_listener(m);

	l->protocol = "control";
	l->kind = kind;
	control_name(m, kind, l->address, sizeof l->address);
	return state_listen(&m->state, l->address, &l->fd);
}

/* All are tried, so that all errors are told at once. */
static enum err listen_doors(struct master *m)
{
	enum err first = OK, e;

#define X(field, protocol, flags)                                              \
	e = listen_addresses(                                                  \
		m, #protocol, (flags)&LISTEN_TLS, &m->config->field);          \
	first = first ? first : e;
	LISTEN_TABLE(X)
#undef X
	return first;
}

static enum err listen_all(struct master *m)
{
	enum err e = listen_control(m, ROLE_AUTH);

	if (!e)
		e = listen_control(m, ROLE_MAIL);
	if (e || m->options->private_instance)
		return e;
	return listen_doors(m);
}

static void log_ready(const struct master *m)
{
	struct buf text = BUF_UNBOUNDED;

	for (size_t i = 0; i < m->listener_count; i++) {
		const struct listener *l = &m->listeners[i];

		if (l->kind == ROLE_FRONT)
			buf_addf(&text, "%s%s%s:%s", text.n ? " " : "",
				l->protocol, l->tls ? "s" : "", l->address);
	}
	const struct log_field fields[] = {
		LOG_C("version", CULVER_VERSION),
		LOG_I64("pid", getpid()),
		LOG_STR("listen", buf_str(&text)),
	};

	/* Whatever the level: scripts wait for this line. */
	log_write(LOG_INFO, "server", "ready", fields, COUNT_OF(fields));
	buf_fini(&text);
}

/* -------- the loop -------- */

static void begin_stop(struct master *m, int exit_code)
{
	if (m->stopping)
		return;
	m->stopping = true;
	m->exit_code = exit_code;
	m->stop_by = clock_monotonic_ms() + DRAIN_MS;
	notify_stopping();
	log_info("server", "stopping");
	for (size_t i = 0; i < m->process_count; i++)
		tell(&m->processes[i], IPC_STOP, str_none(), -1);
}

static void kill_all(const struct master *m)
{
	for (size_t i = 0; i < m->process_count; i++)
		if (m->processes[i].phase != DEAD)
			kill(m->processes[i].pid, SIGKILL);
}

static void on_signal(struct master *m, uint32_t number)
{
	switch (number) {
	case SIGCHLD:
		reap(m);
		break;
	case SIGHUP:
		if (m->stopping)
			break;
		reap(m);
		reload(m);
		begin_anew(m);
		break;
	default:
		if (m->stopping)
			kill_all(m);
		begin_stop(m, EXIT_OK);
	}
}

static void read_signals(struct master *m)
{
	struct signalfd_siginfo info;

	while (read(m->signals, &info, sizeof info) == sizeof info)
		on_signal(m, info.ssi_signo);
}

static void tell_readiness(struct master *m)
{
	m->was_ready = true;
	if (!m->options->private_instance)
		log_ready(m);
	notify_ready();
	if (m->options->ready_fd >= 0) {
		(void)!write(m->options->ready_fd, "r", 1);
		close(m->options->ready_fd);
	}
}

static void on_ready(struct master *m, struct process *p)
{
	p->phase = READY;
	if (p->again)
		log_info("server", "role is back", LOG_C("name", p->name),
			LOG_I64("pid", p->pid));
	for (size_t i = 0; i < m->process_count; i++)
		if (m->processes[i].phase != READY)
			return;
	if (!m->was_ready && !m->stopping)
		tell_readiness(m);
}

/* All that a role has to say is that it is ready. */
static void read_channel(struct master *m, struct process *p)
{
	struct buf room = BUF_UNBOUNDED;
	struct ipc_msg message;
	enum err e;

	while ((e = ipc_recv(p->channel, &room, &message)) == OK) {
		if (message.fd >= 0)
			close(message.fd);
		if (message.type == IPC_READY && p->phase == STARTING)
			on_ready(m, p);
		else
			e = ERR_INVALID;
		if (e)
			break;
	}
	if (e != ERR_AGAIN && e != ERR_CLOSED)
		log_error("server", "role talks nonsense",
			LOG_C("name", p->name));
	/* One that closed its end has ended, or should. */
	if (e != ERR_AGAIN)
		kill(p->pid, SIGKILL);
	buf_fini(&room);
}

static bool all_dead(const struct master *m)
{
	for (size_t i = 0; i < m->process_count; i++)
		if (m->processes[i].phase != DEAD)
			return false;
	return true;
}

/* Starts what is due; how long to wait for the next. */
static int run_timers(struct master *m)
{
	uint64_t now = clock_monotonic_ms(), next = UINT64_MAX;

	if (m->stopping) {
		if (now >= m->stop_by) {
			log_warn("server", "roles take too long to end");
			kill_all(m);
			m->stop_by = now + DRAIN_MS;
		}
		return (int)(m->stop_by - now);
	}
	for (size_t i = 0; i < m->process_count; i++) {
		struct process *p = &m->processes[i];

		if (p->phase == DEAD && now >= p->due)
			start_again(m, p);
		if (p->phase == DEAD && p->due < next)
			next = p->due;
	}
	if (next == UINT64_MAX)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

static void wait_for_events(struct master *m, int wait_ms)
{
	struct pollfd polls[PROCESSES_MAX + 1];

	polls[0] = (struct pollfd){.fd = m->signals, .events = POLLIN};
	for (size_t i = 0; i < m->process_count; i++)
		polls[i + 1] = (struct pollfd){
			.fd = m->processes[i].channel, .events = POLLIN};
	if (poll(polls, m->process_count + 1, wait_ms) <= 0)
		return;
	for (size_t i = 0; i < m->process_count; i++)
		if (polls[i + 1].revents & POLLIN &&
			m->processes[i].channel >= 0)
			read_channel(m, &m->processes[i]);
	if (polls[0].revents)
		read_signals(m);
}

static void run(struct master *m)
{
	start_all(m);
	while (!(m->stopping && all_dead(m)))
		wait_for_events(m, run_timers(m));
}

/* -------- beginning and end -------- */

static enum err take_signals(struct master *m)
{
	static const int wanted[] = {SIGCHLD, SIGHUP, SIGINT, SIGTERM};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < COUNT_OF(wanted); i++) {
		/* One that is ignored (nohup) is not told either. */
		signal(wanted[i], SIG_DFL);
		sigaddset(&set, wanted[i]);
	}
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	m->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return m->signals < 0 ? ERR_IO : OK;
}

static enum err make_shared_memory(struct master *m)
{
	unsigned count = (unsigned)m->process_count;
	enum err e =
		limits_create(count, (unsigned)m->config->limits_connections,
			&m->limits, &m->limits_fd);

	if (!e)
		e = scoreboard_create(count, &m->scoreboard, &m->scoreboard_fd);
	if (e)
		log_error("server", "no shared memory", LOG_ERR(e));
	return e;
}

static enum err prepare(struct master *m)
{
	enum err e = take_signals(m);

	if (!e)
		e = set_log(m, m->config);
	if (!e)
		e = state_open(
			m->config, m->options->private_instance, &m->state);
	if (!e)
		e = read_tls(m, m->config);
	if (!e)
		e = listen_all(m);
	if (e)
		return e;
	secret_random(m->ticket_key, sizeof m->ticket_key);
	add_processes(m);
	e = make_shared_memory(m);
	if (!e)
		e = privileges_reduce();
	return e;
}

static void close_listeners(struct master *m)
{
	for (size_t i = 0; i < m->listener_count; i++) {
		const struct listener *l = &m->listeners[i];

		if (l->path && l->fd >= 0)
			unix_socket_remove(l->address, l->fd);
		else if (l->fd >= 0)
			close(l->fd);
		if (l->kind != ROLE_FRONT && m->state.top >= 0)
			state_unlink_socket(&m->state, l->address);
	}
	free(m->listeners);
}

static void fini(struct master *m)
{
	close_listeners(m);
	secret_fini(&m->certificate);
	secret_fini(&m->key);
	secret_fini(&m->client_ca);
	secret_wipe(m->ticket_key, sizeof m->ticket_key);
	secret_wipe(m->tls_tickets, sizeof m->tls_tickets);
	if (m->limits)
		limits_free(m->limits);
	state_close(&m->state);
	close(m->signals);
	close(m->first_stderr);
	config_free(m->config);
}

/* For one command: what goes wrong, on the terminal. */
static void log_errors_only(struct config *config)
{
	config->log_level = LOG_ERROR;
	for (size_t i = 0; i < settings_count; i++)
		if (settings[i].kind == SETTING_TOPIC)
			*(unsigned *)(void *)((char *)config +
					      settings[i].offset) =
				LOG_TOPIC_DEFAULT;
	free(config->log_destination);
	config->log_destination = xstrdup("stderr");
}

/* Here are the private key and what tickets are signed with. The roles inherit
 * the limit. */
static void keep_no_core(void)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
}

int master_run(const struct master_options *options, struct config *config)
{
	struct master m = {.options = options,
		.config = config,
		.state = {.top = -1, .lock = -1, .dirs = STATE_NO_DIRS},
		.signals = -1};
	enum err e;

	keep_no_core();
	m.first_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	log_setup("master", STDERR_FILENO, LOG_LOGFMT);
	if (options->private_instance)
		log_errors_only(config);
	e = prepare(&m);
	if (!e)
		run(&m);
	else
		m.exit_code = e == ERR_INUSE && m.state.lock < 0 ? EXIT_IN_USE
								 : EXIT_FAILED;
	if (!e && !options->private_instance)
		log_info("server", "stopped");
	fini(&m);
	return m.exit_code;
}
