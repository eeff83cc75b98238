/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail: the store and the sessions. Connections come from the fronts with a
 * ticket (session/handover.h); nothing else is believed about who somebody is.
 * One thread waits for sockets, a pool executes, one cleans up.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/secret.h"
#include "imap/imap.h"
#include "lmtp/lmtp.h"
#include "mail/mail.h"
#include "mail/news.h"
#include "net/limits.h"
#include "pop3/pop3.h"
#include "server/config.h"
#include "server/control.h"
#include "server/mail_role.h"
#include "server/outbox.h"
#include "server/role.h"
#include "server/roles.h"
#include "session/session.h"
#include "session/ticket.h"
#include "store/store.h"
#include "wire/lmtp/command.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* RocksDB works on our stacks too, and a sanitizer takes its part. */
#define THREAD_STACK (1024 * 1024)
#define DRAIN_CHECK_MS 50
/* Messages of one peer before others have their turn. */
#define PEER_TURN 16
/* A front reads at once, unless it is stuck. */
#define FRONT_MS 5000
/* How long a session's question to auth may wait. */
#define ANSWER_MS 15000

static const struct session_protocol *const protocols[] = {
	&imap_protocol, &lmtp_protocol, &pop3_protocol};

/* A channel to a front or to auth. */
struct peer {
	struct loop_watch watch;
	struct outbox outbox;
	struct mail_role *mail_role;
	char *name;
	uint32_t serial; /* no other has it */
	int turn;	 /* messages taken at once */
	struct peer *next;
};

struct mail_role {
	struct role role;
	struct mail_service service;
	struct loop *loop;
	struct pool *pool;
	struct limits *limits;
	struct ticket_table *tickets;
	struct peer *peers;
	uint32_t last_serial;
	struct loop_watch master;
	struct loop_timer drain;
	struct control *control;
	pthread_t janitor;
	struct buf room; /* of the message being read */
};

/* Hand-overs. */

static const struct session_protocol *find_protocol(str name)
{
	for (size_t i = 0; i < COUNT_OF(protocols); i++)
		if (str_eq_c(name, protocols[i]->name))
			return protocols[i];
	return NULL;
}

static enum err begin_session(
	struct mail_role *m, int fd, const struct handover *h)
{
	const struct session_protocol *protocol = find_protocol(h->protocol);
	struct ticket ticket;
	bool counted;
	enum err e;

	if (!protocol)
		return ERR_UNSUPPORTED;
	e = ticket_redeem(m->tickets, role_secret(&m->role, "ticket-key"),
		h->ticket, h->protocol, clock_monotonic_ms(), &ticket);
	if (e)
		return e;
	if ((ticket.rights & protocol->needs) != protocol->needs)
		return ERR_DENIED;
	counted = !h->tls_version.n && m->limits;
	if (counted)
		limits_adopt(m->limits, h->peer_key);
	if (!session_begin(m->service.sessions, protocol, fd, h, &ticket) &&
		counted)
		limits_leave(m->limits, h->peer_key);
	return OK;
}

/* Who brought a connection, and by which number he knows it. */
static uint64_t origin_of(const struct peer *p, uint32_t id)
{
	return (uint64_t)p->serial << 32 | id;
}

static void take_handover(
	struct mail_role *m, const struct peer *p, const struct ipc_msg *msg)
{
	struct handover *h;
	enum err e;

	if (msg->fd < 0) {
		log_error("server", "a hand-over without a descriptor");
		return;
	}
	h = xcalloc(1, sizeof *h);
	e = handover_decode(msg->payload, h);
	h->origin = origin_of(p, msg->id);
	if (!e)
		e = begin_session(m, msg->fd, h);
	if (e) {
		log_error("server", "hand-over refused", LOG_ERR(e));
		close(msg->fd);
	}
	free(h);
}

/* Plain connections were counted by a front until they came here. */
static void session_ended(void *arg, const struct session *s)
{
	struct mail_role *m = arg;

	if (!s->tls && m->limits)
		limits_leave(m->limits, s->peer_key);
}

static bool from_auth(const struct peer *p)
{
	return strcmp(p->name, "auth") == 0;
}

/* The front that has the TLS; without TLS any will do. */
static struct peer *find_front(
	const struct mail_role *m, const struct session *s)
{
	uint32_t serial = (uint32_t)(s->origin >> 32);
	struct peer *any = NULL;

	for (struct peer *p = m->peers; p; p = p->next) {
		if (p->serial == serial)
			return p;
		if (!from_auth(p) && !s->tls)
			any = p;
	}
	return any;
}

static enum err hand_back(void *arg, const struct session *s, str unread)
{
	struct peer *front = find_front(arg, s);
	struct handback h = {.protocol = str_c(s->protocol->name),
		.session = str_c(s->id),
		.remote = str_c(s->remote),
		.leftover = unread};
	struct buf payload = BUF_UNBOUNDED;
	enum err e;

	if (!front)
		return ERR_UNAVAILABLE;
	/* In one piece: growing would leave copies of what may be a login. */
	(void)buf_reserve(&payload, unread.n + 512);
	handback_encode(&h, &payload);
	e = outbox_send(&front->outbox, IPC_HANDBACK, (uint32_t)s->origin,
		buf_str(&payload), s->watch.fd);
	secret_wipe(payload.p, payload.n);
	buf_fini(&payload);
	return e;
}

/* News of accounts. */

/* It is on stable storage: auth need not say it again. */
static void note(const struct peer *auth, account_num account, uint64_t serial)
{
	struct buf payload = BUF_UNBOUNDED;

	buf_add_varint(&payload, account);
	buf_add_varint(&payload, serial);
	/* Not said is said again. */
	(void)!ipc_send(
		auth->watch.fd, IPC_ACCOUNT_NOTED, 0, buf_str(&payload), -1);
	buf_fini(&payload);
}

/* Sessions, and what would become sessions. */
static void end_sessions(struct mail_role *m, account_num account, str protocol,
	uint64_t moment_ms)
{
	ticket_table_end(
		m->tickets, account, protocol, moment_ms, clock_monotonic_ms());
	session_service_end(m->service.sessions, account, protocol, moment_ms);
}

static void sessions_end(struct mail_role *m, str payload)
{
	struct cursor c = cursor_of(payload);
	account_num account = cursor_varint(&c);
	str protocol = cursor_sized(&c);
	uint64_t moment_ms = cursor_varint(&c);

	/* 0 is not an account: it is those who deliver. */
	if (cursor_ok(&c) && account)
		end_sessions(m, account, protocol, moment_ms);
}

static void account_removed(
	struct mail_role *m, const struct peer *auth, str payload)
{
	struct cursor c = cursor_of(payload);
	account_num account = cursor_varint(&c);
	uint64_t serial = cursor_varint(&c);
	enum err e;

	if (!cursor_ok(&c) || !account)
		return;
	end_sessions(m, account, STR(""), clock_monotonic_ms());
	e = mail_account_purge(m->service.mail, account);
	if (e)
		log_error("store", "an account's mail cannot be removed",
			LOG_U64("account", account), LOG_ERR(e));
	else
		note(auth, account, serial);
}

static void account_changed(
	struct mail_role *m, const struct peer *auth, str payload)
{
	struct cursor c = cursor_of(payload);
	account_num account = cursor_varint(&c);
	uint64_t serial = cursor_varint(&c), quota;
	enum err e;

	(void)cursor_sized(&c);
	quota = cursor_varint(&c);
	if (!cursor_ok(&c) || !account)
		return;
	e = mail_account_set_quota(m->service.mail, account, quota);
	if (e)
		log_error("store", "a quota cannot be set",
			LOG_U64("account", account), LOG_ERR(e));
	else
		note(auth, account, serial);
}

/* Questions to auth. */

static enum err send_question(
	void *ctx, uint32_t type, uint32_t id, str payload)
{
	struct mail_role *m = ctx;

	for (struct peer *p = m->peers; p; p = p->next)
		if (from_auth(p))
			return ipc_try_send(p->watch.fd, type, id, payload, -1);
	return ERR_UNAVAILABLE;
}

/* Channels. */

static void peer_free(struct mail_role *m, struct peer *p)
{
	struct peer **at = &m->peers;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	outbox_clear(&p->outbox);
	loop_remove(m->loop, &p->watch);
	close(p->watch.fd);
	if (from_auth(p))
		session_service_unanswered(m->service.sessions);
	free(p->name);
	free(p);
}

static void handle_message(
	struct mail_role *m, const struct peer *p, const struct ipc_msg *msg)
{
	if (msg->type == IPC_HANDOVER && !from_auth(p)) {
		take_handover(m, p, msg);
		return;
	}
	if (msg->type == IPC_ACCOUNT_REMOVED && from_auth(p))
		account_removed(m, p, msg->payload);
	else if (msg->type == IPC_ACCOUNT_CHANGED && from_auth(p))
		account_changed(m, p, msg->payload);
	else if (msg->type == IPC_SESSIONS_END && from_auth(p))
		sessions_end(m, msg->payload);
	else if (msg->type == IPC_RESOLVED && from_auth(p))
		session_service_answer(
			m->service.sessions, msg->id, msg->payload);
	else
		log_error("server", "unexpected message",
			LOG_C("from", p->name), LOG_U64("type", msg->type));
	if (msg->fd >= 0)
		close(msg->fd);
}

static void on_peer(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct peer *p = LOOP_OWNER(watch, struct peer, watch);
	struct mail_role *m = p->mail_role;
	struct ipc_msg msg;
	enum err e = OK;
	int got = 0;

	(void)loop;
	if (events & EPOLLOUT)
		outbox_flush(&p->outbox);
	for (; got < p->turn; got++) {
		e = ipc_recv(watch->fd, &m->room, &msg);
		if (e)
			break;
		handle_message(m, p, &msg);
	}
	p->turn = loop_next_turn(p->turn, got, PEER_TURN);
	if (e == ERR_INVALID)
		log_error("server", "a hand-over is lost: no descriptor");
	if (e == ERR_CLOSED)
		peer_free(m, p);
}

/* Clients that it was to get are closed with what was dropped. */
static void peer_is_stuck(struct outbox *outbox)
{
	const struct peer *p = LOOP_OWNER(outbox, struct peer, outbox);

	log_error("server", "another role does not take a message",
		LOG_C("name", p->name));
}

static void take_channel(struct mail_role *m, const char *name)
{
	int fd = role_take_channel(&m->role, name);
	struct peer *p;

	if (fd < 0)
		return;
	p = xcalloc(1, sizeof *p);
	p->mail_role = m;
	p->name = xstrdup(name);
	p->serial = ++m->last_serial;
	p->turn = 1;
	outbox_init(&p->outbox, m->loop, &p->watch, FRONT_MS, peer_is_stuck);
	p->next = m->peers;
	m->peers = p;
	if (loop_add(m->loop, &p->watch, fd, EPOLLIN, on_peer)) {
		p->watch.fd = fd;
		peer_free(m, p);
	}
}

static void take_channels(struct mail_role *m)
{
	const char *name;

	while ((name = role_channel_name(&m->role, 0))) {
		char *copy = xstrdup(name);

		take_channel(m, copy);
		free(copy);
	}
}

/* The master. */

static void set_host(char *room, size_t size, const char *configured)
{
	snprintf(room, size, "%s", configured);
	/* Fails when it does not fit, without its end. */
	if (!*room && (gethostname(room, size) || !lmtp_is_host(str_c(room))))
		snprintf(room, size, "localhost");
}

/* Who asked for it is told what is new. */
static void set_notes(struct mail_role *m)
{
	const struct config *config = m->role.config;
	struct session_notes was, is = {0};

	snprintf(is.comment, sizeof is.comment, "%s", config->server_comment);
	snprintf(is.admin, sizeof is.admin, "%s", config->server_admin);
	session_service_notes(m->service.sessions, &was);
	session_service_set_notes(m->service.sessions, &is);
	if (strcmp(was.admin, is.admin) != 0)
		news_of_server(m->service.mail, STR("/shared/admin"));
	if (strcmp(was.comment, is.comment) != 0)
		news_of_server(m->service.mail, STR("/shared/comment"));
}

static struct mail_limits mail_limits(const struct config *config)
{
	return (struct mail_limits){
		.mailboxes = (uint32_t)config->limits_mailboxes_per_account,
		.literal = (uint64_t)config->limits_literal,
		.view_cache = (size_t)config->store_cache / 2,
		.answers = (size_t)config->store_answers,
		.history = (int64_t)(config->store_history / 1000),
		.history_entries = (uint64_t)config->store_history_entries,
		.annotation = (uint32_t)config->limits_annotation,
		.annotations = (uint32_t)config->limits_annotations,
		.uncompressed =
			config->store_compression == STORE_COMPRESSION_NONE,
	};
}

static void apply_config(struct mail_role *m)
{
	struct mail_limits mail = mail_limits(m->role.config);
	const struct config *config = m->role.config;
	struct session_limits limits = {
		.per_account = (unsigned)config->limits_connections_per_account,
		.idle_ms = (uint64_t)config->limits_autologout,
		.command_memory = (size_t)config->limits_command_memory,
		.line = (size_t)config->limits_line,
		.literal = (uint64_t)config->limits_literal,
		.literal_minus = config->imap_literal_minus,
		.unauthenticate = config->imap_unauthenticate,
		.append_7bit =
			config->imap_append_8bit == IMAP_APPEND_8BIT_REFUSE,
		.id_version = config->imap_id_version,
		.save = (uint32_t)config->limits_save,
		.copy = (uint32_t)config->limits_copy,
		.messages = (uint32_t)config->imap_messagelimit,
		.progress_ms = (int64_t)config->imap_progress,
		.pop3_to_trash = config->pop3_leave == POP3_LEAVE_TRASH,
		.recipients = (unsigned)config->limits_recipients,
		.quota_for_good =
			config->lmtp_quota_full == LMTP_QUOTA_FULL_552,
		.duplicates_ms = config->lmtp_duplicates,
	};

	snprintf(limits.id_name, sizeof(limits.id_name), "%s",
		config->imap_id_name);
	snprintf(limits.pop3_uidl, sizeof(limits.pop3_uidl), "%s",
		config->pop3_uidl);
	set_host(limits.host, sizeof limits.host, config->lmtp_hostname);
	session_service_set_limits(m->service.sessions, &limits);
	mail_set_limits(m->service.mail, &mail);
	/* Half for what the engine reads, half for views. */
	store_set_cache(m->service.store, (size_t)config->store_cache / 2);
	set_notes(m);
	pool_set_max(m->pool, (unsigned)config->workers_mail_threads);
}

static void check_drained(struct loop *loop, struct loop_timer *timer)
{
	struct mail_role *m = LOOP_OWNER(timer, struct mail_role, drain);

	if (session_service_count(m->service.sessions) == 0)
		loop_stop(loop);
	else
		loop_timer_set_exact(
			loop, timer, DRAIN_CHECK_MS, check_drained);
}

static void drain(struct mail_role *m)
{
	session_service_stop(m->service.sessions);
	check_drained(m->loop, &m->drain);
}

static void on_master(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct mail_role *m = LOOP_OWNER(watch, struct mail_role, master);
	enum role_event event;
	str name;

	(void)events;
	while ((event = role_next(&m->role, &name)) != ROLE_NOTHING) {
		switch (event) {
		case ROLE_CONFIG:
			apply_config(m);
			break;
		case ROLE_CHANNEL:
			take_channels(m);
			break;
		case ROLE_STOP:
			drain(m);
			break;
		case ROLE_GONE:
			loop_stop(loop);
			return;
		default:
			break;
		}
	}
}

/* Beginning and end. */

static void *run_janitor(void *arg)
{
	mail_run_janitor(arg);
	return NULL;
}

static enum err open_store(struct mail_role *m)
{
	const struct config *config = m->role.config;
	struct mail_limits limits = mail_limits(config);
	struct mail_service *service = &m->service;
	enum err e = OK;

	if (config->store_engine == STORE_ENGINE_ROCKSDB)
		e = store_open_rocksdb(".", &service->store);
	else
		service->store = store_open_memory();
	if (e)
		return e;
	service->mail = mail_new(service->store, &limits);
	e = mail_regain(service->mail);
	if (e)
		log_error("store", "numbers cannot go on", LOG_ERR(e));
	else if ((e = mail_purge_uploads(service->mail)))
		log_error("store", "cleaning up failed", LOG_ERR(e));
	/* Damage concerns whom it concerns. */
	return e == ERR_CORRUPT ? OK : e;
}

static enum err start(struct mail_role *m)
{
	struct role *role = &m->role;
	enum err e = open_store(m);

	if (!e)
		e = loop_new(&m->loop);
	if (e)
		return e;
	m->pool = pool_new(
		(unsigned)role->config->workers_mail_threads, THREAD_STACK);
	loop_share(m->loop, m->pool);
	store_on_long(m->service.store, session_take_time);
	m->tickets = ticket_table_new(clock_monotonic_ms());
	if (scoreboard_attach(role_memory(role, "scoreboard"), role->index,
		    &m->service.board) ||
		limits_attach(
			role_memory(role, "limits"), role->index, &m->limits))
		log_warn("server", "no shared counters");
	m->service.sessions = session_service_new(
		m->loop, m->pool, m->service.mail, m->service.board);
	session_service_on_end(m->service.sessions, session_ended, m);
	session_service_on_hand_back(m->service.sessions, hand_back, m);
	session_service_set_sender(m->service.sessions,
		&(struct session_sender){send_question, m, ANSWER_MS});
	apply_config(m);
	take_channels(m);
	if (pthread_create(&m->janitor, NULL, run_janitor, m->service.mail))
		return ERR_UNAVAILABLE;
	e = loop_add(m->loop, &m->master, role->master, EPOLLIN, on_master);
	for (size_t i = 0; !e && i < role->listener_count; i++)
		if (strcmp(role->listeners[i].protocol, "control") == 0)
			m->control = control_start(role->listeners[i].fd,
				mail_commands, mail_commands_count,
				&m->service);
	return e ? e : role_ready(role);
}

static void finish(struct mail_role *m)
{
	if (m->control)
		control_stop(m->control);
	pool_free(m->pool);
	mail_stop(m->service.mail);
	pthread_join(m->janitor, NULL);
	/* Sessions that did not end in time go with the process. */
	if (session_service_count(m->service.sessions) == 0) {
		session_service_free(m->service.sessions);
		mail_free(m->service.mail);
	}
	store_close(m->service.store);
}

int mail_main(int master_fd)
{
	struct mail_role *m = xcalloc(1, sizeof *m);

	m->room = BUF_UNBOUNDED;
	if (role_begin(&m->role, ROLE_MAIL, master_fd) || start(m))
		return 1;
	loop_run(m->loop);
	/* While the sessions' service is there: it is told that auth went. */
	while (m->peers)
		peer_free(m, m->peers);
	finish(m);
	loop_free(m->loop);
	ticket_table_free(m->tickets);
	buf_fini(&m->room);
	role_fini(&m->role);
	free(m);
	return 0;
}
