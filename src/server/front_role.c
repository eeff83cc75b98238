/* SPDX-License-Identifier: Apache-2.0 */
/* front: the role's process; what it does is in front.h. */
#include "base/alloc.h"
#include "base/log.h"
#include "server/front.h"
#include "server/listen.h"
#include "server/role.h"
#include "server/roles.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections taken at once before others have their turn; how long accepting
 * rests when descriptors have run out, and when mail has enough to take; how
 * long an orderly end may take. */
enum { ACCEPT_TURN = 16, REST_MS = 1000, BEHIND_MS = 10, DRAIN_MS = 30000 };
/* Other roles read at once, unless they are stuck. */
enum { ROLE_MS = 5000 };

struct door {
	struct loop_watch watch;
	struct front_door what;
	int turn; /* how many are taken at once */
};

/* One per process: callbacks find it here. */
static struct {
	struct role role;
	struct loop *loop;
	struct front *front;
	struct limits *limits;
	struct scoreboard *board;
	struct loop_watch master;
	struct loop_timer rest, deadline;
	struct door doors[ROLE_LISTENERS_MAX];
	size_t door_count; /* listeners[0..door_count) are open */
} me;

/* -------------------------------------------------------------- listeners */

static void on_client(struct loop *, struct loop_watch *, uint32_t events);

/* The fronts share the listeners: one is woken for a client, not all. */
static enum err open_door(struct door *door, int fd)
{
	return loop_add(
		me.loop, &door->watch, fd, EPOLLIN | EPOLLEXCLUSIVE, on_client);
}

static void open_again(struct loop *loop, struct loop_timer *timer)
{
	(void)loop;
	(void)timer;
	for (size_t i = 0; i < me.door_count; i++)
		if (me.doors[i].what.protocol &&
			open_door(&me.doors[i], me.role.listeners[i].fd))
			log_error("net", "cannot serve a listener again");
}

static void rest(uint64_t ms)
{
	for (size_t i = 0; i < me.door_count; i++)
		loop_remove(me.loop, &me.doors[i].watch);
	loop_timer_set_exact(me.loop, &me.rest, ms, open_again);
}

static void on_client(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct door *door = LOOP_OWNER(watch, struct door, watch);
	int got = 0;

	(void)loop;
	(void)events;
	/* Mostly one waits, and to ask for the next is in vain. */
	for (; got < door->turn; got++) {
		int fd;

		if (front_is_behind(me.front)) {
			rest(BEHIND_MS);
			return;
		}
		fd = accept4(
			watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			front_serve(me.front, fd, &door->what);
		} else if (errno == EMFILE || errno == ENFILE ||
			   errno == ENOBUFS || errno == ENOMEM) {
			log_error("net",
				"cannot accept connections for a moment",
				LOG_C("reason", strerror(errno)));
			rest(REST_MS);
			return;
		} else if (errno == EAGAIN) {
			break;
		}
	}
	door->turn = loop_next_turn(door->turn, got, ACCEPT_TURN);
}

/* NULL: none of that name. */
static const struct login_protocol *find_protocol(const char *name)
{
	static const struct login_protocol *const protocols[] = {
#define X(field, protocol, flags) &login_##protocol,
		LISTEN_TABLE(X)
#undef X
	};

	for (size_t i = 0; i < COUNT_OF(protocols); i++)
		if (strcmp(name, protocols[i]->name) == 0)
			return protocols[i];
	return NULL;
}

static void open_doors(void)
{
	struct role *role = &me.role;

	for (; me.door_count < role->listener_count; me.door_count++) {
		const struct role_listener *l = &role->listeners[me.door_count];
		struct door *door = &me.doors[me.door_count];

		door->what =
			(struct front_door){find_protocol(l->protocol), l->tls};
		door->turn = 1;
		front_tune(me.front, l->fd);
		if (!door->what.protocol || open_door(door, l->fd))
			log_error("net", "cannot serve a listener",
				LOG_C("protocol", l->protocol),
				LOG_C("address", l->address));
	}
}

static void close_doors(void)
{
	loop_timer_cancel(me.loop, &me.rest);
	for (size_t i = 0; i < me.door_count; i++) {
		loop_remove(me.loop, &me.doors[i].watch);
		close(me.role.listeners[i].fd);
		me.role.listeners[i].fd = -1;
	}
}

/* ----------------------------------------------------------- configuration */

static void apply_config(void)
{
	const struct config *c = me.role.config;

	if (me.limits)
		limits_set(me.limits, (unsigned)c->limits_connections,
			(unsigned)c->limits_connections_per_address);
	front_configure(me.front,
		&(struct front_settings){
			.login = {.plaintext = c->login_plaintext_without_tls,
				.literal_minus = c->imap_literal_minus,
				.failures_max =
					(unsigned)c->limits_login_failures,
				.id_name = c->imap_id_name,
				.id_version = c->imap_id_version
						      ? CULVER_VERSION
						      : NULL},
			.handshake_ms = c->limits_handshake_time,
			.login_ms = c->limits_login_time,
			.stall_ms = c->limits_stall_time,
			.role_ms = ROLE_MS,
			.client_identity =
				(enum tls_identity)c->tls_client_identity,
			.proxies = c->proxy_networks});
	for (size_t i = 0; i < me.door_count; i++)
		front_tune(me.front, me.role.listeners[i].fd);
}

/* The certificate in use stays when the new one is of no use. */
static void apply_tls(void)
{
	const struct config *c = me.role.config;
	struct tls_settings wanted = {
		.certificate = role_secret(&me.role, "tls-certificate"),
		.key = role_secret(&me.role, "tls-key"),
		.only_1_3 = c->tls_minimum == TLS_MINIMUM_1_3,
		.ciphers = c->tls_ciphers,
		.ticket_key = role_secret(&me.role, "tls-tickets"),
		.client_ca = role_secret(&me.role, "tls-client-ca")};
	struct buf why = BUF_UNBOUNDED;
	struct tls_server *server;

	if (!wanted.certificate.n || !wanted.key.n)
		front_set_tls(me.front, NULL);
	else if (tls_server_new(&wanted, &server, &why) == OK)
		front_set_tls(me.front, server);
	else
		log_error("tls", "certificate not used",
			LOG_STR("reason", buf_str(&why)));
	buf_fini(&why);
}

static void take_channels(void)
{
	int auth = role_take_channel(&me.role, "auth");
	int mail = role_take_channel(&me.role, "mail");

	if (auth >= 0)
		front_set_auth(me.front, auth);
	if (mail >= 0)
		front_set_mail(me.front, mail);
}

/* ------------------------------------------------------------------ master */

static void give_up(struct loop *loop, struct loop_timer *timer)
{
	(void)timer;
	log_warn("server", "ended with connections left",
		LOG_U64("connections", front_connections(me.front)));
	loop_stop(loop);
}

static void stop(void)
{
	close_doors();
	loop_timer_set_exact(me.loop, &me.deadline, DRAIN_MS, give_up);
	front_drain(me.front, loop_stop);
}

static void on_master(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	enum role_event event;
	str name;

	(void)watch;
	(void)events;
	while ((event = role_next(&me.role, &name)) != ROLE_NOTHING) {
		if (event == ROLE_CONFIG) {
			apply_config();
			log_debug("server", "settings applied");
		} else if (event == ROLE_CHANNEL) {
			take_channels();
		} else if (event == ROLE_SECRET && str_eq_c(name, "tls-key")) {
			/* It comes last, after settings and certificate. */
			apply_tls();
		} else if (event == ROLE_LISTENER) {
			open_doors();
		} else if (event == ROLE_STOP) {
			stop();
		} else if (event == ROLE_GONE) {
			loop_stop(loop);
			return;
		}
	}
}

static enum err attach(void)
{
	int limits = role_memory(&me.role, "limits");
	int board = role_memory(&me.role, "scoreboard");
	enum err err = OK;

	if (limits >= 0)
		err = limits_attach(limits, me.role.index, &me.limits);
	if (!err && board >= 0)
		err = scoreboard_attach(board, me.role.index, &me.board);
	return err;
}

static enum err begin(void)
{
	enum err err = attach();

	if (!err)
		err = loop_new(&me.loop);
	if (!err)
		err = loop_add(me.loop, &me.master, me.role.master, EPOLLIN,
			on_master);
	if (err) {
		log_error("server", "cannot begin", LOG_ERR(err));
		return err;
	}
	me.front = front_new(me.loop, me.limits, me.board);
	apply_tls();
	apply_config();
	take_channels();
	open_doors();
	return OK;
}

int front_main(int master_fd)
{
	if (role_begin(&me.role, ROLE_FRONT, master_fd) || begin() ||
		role_ready(&me.role))
		return 1;
	loop_run(me.loop);
	front_free(me.front);
	loop_free(me.loop);
	limits_free(me.limits);
	role_fini(&me.role);
	return 0;
}
