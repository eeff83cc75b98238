/* SPDX-License-Identifier: Apache-2.0 */
#include "server/auth_role.h"
#include "auth/password.h"
#include "auth/throttle.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/secret.h"
#include "net/endpoint.h"
#include "net/loop.h"
#include "net/pool.h"
#include "net/scoreboard.h"
#include "server/role.h"
#include "server/roles.h"
#include "session/ticket.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#define BUCKETS 1024
#define EXCHANGES_MAX 4096 /* of one front */
#define WORD_MAX 64	   /* protocol, mechanism, TLS version */
#define NEWS_RETRY_MS 1000
#define DEAF_MS 60000
/* yescrypt and argon2 keep their memory elsewhere, sanitizers do not. */
#define WORKER_STACK (1024 * 1024)

struct peer;

/* One login attempt. */
struct exchange {
	struct exchange *next; /* in its bucket */
	struct peer *peer;     /* NULL: it went */
	bool abandoned;	       /* nobody waits for the answer any more */
	struct auth *auth;
	uint32_t id;
	enum { ASKING, WAITING, WORKING } state; /* client, throttle, worker */
	char *protocol;
	char *remote;	  /* address and port */
	char *tls;	  /* version; empty: none */
	uint64_t address; /* endpoint_peer_key */
	struct sasl sasl;
	struct buf account; /* prepared, or as typed: the throttle's key */
	uint64_t began;
	struct loop_timer timer;
	struct pool_job job;
	struct auth_verdict verdict;
};

/* Another role at the end of a channel. */
struct peer {
	struct loop_watch watch;
	struct auth *auth;
	char *name; /* "front0", "mail" */
	bool is_mail;
	uint64_t deaf_until; /* it did not take an answer */
	size_t count;
	struct exchange *buckets[BUCKETS];
};

struct auth {
	struct role role;
	struct loop *loop;
	struct loop_watch master;
	struct pool *pool;
	struct throttle *throttle;
	struct scoreboard *page;
	struct peer *peers[ROLE_CHANNELS_MAX];
	size_t peer_count;
	size_t working; /* exchanges whose answer is on its way */
	struct buf room;
	struct control *control;
	struct auth_context context;
	/* News for mail. */
	uint64_t told; /* serial up to which it was sent on this channel */
	struct loop_timer news_timer;
};

/* -------- exchanges -------- */

static struct exchange **find_exchange(struct peer *p, uint32_t id)
{
	struct exchange **at = &p->buckets[id % BUCKETS];

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static void free_exchange(struct exchange *x)
{
	loop_timer_cancel(x->auth->loop, &x->timer);
	x->auth->context.exchanges--;
	sasl_fini(&x->sasl);
	buf_fini(&x->account);
	free(x->verdict.name);
	free(x->protocol);
	free(x->remote);
	free(x->tls);
	free(x);
}

/* Out of its peer's table. */
static void detach(struct exchange *x)
{
	struct exchange **at;

	if (!x->peer)
		return;
	at = find_exchange(x->peer, x->id);
	*at = x->next;
	x->peer->count--;
	x->peer = NULL;
}

/* Nobody waits for it any more. What is being verified is still verified and
 * counted: hanging up is no way around the throttle, and none around
 * EXCHANGES_MAX. */
static void abandon(struct exchange *x)
{
	x->abandoned = true;
	if (x->state == WORKING)
		return;
	detach(x);
	free_exchange(x);
}

/* A front that went needs no answer. One that hangs must not keep auth from
 * the others: after a time its answers are dropped. */
static void tell(struct peer *p, enum ipc_type type, uint32_t id, str payload)
{
	enum err e;

	if (clock_monotonic_ms() < p->deaf_until)
		return;
	e = ipc_send(p->watch.fd, type, id, payload, -1);
	if (e != ERR_UNAVAILABLE)
		return;
	p->deaf_until = clock_monotonic_ms() + DEAF_MS;
	log_error("auth", "a front takes no answers", LOG_C("name", p->name));
}

static void answer(
	struct peer *p, uint32_t id, enum err e, const char *told, str ticket)
{
	struct buf payload = BUF_UNBOUNDED;

	buf_add_varint(&payload, (uint64_t)e);
	buf_add_sized(&payload, str_c(told));
	buf_add_sized(&payload, ticket);
	tell(p, IPC_AUTH_DONE, id, buf_str(&payload));
	if (payload.p)
		secret_wipe(payload.p, payload.n);
	buf_fini(&payload);
}

static void mint(struct exchange *x, struct buf *out)
{
	struct ticket ticket = {.account = x->verdict.account,
		.rights = TICKET_MAY_ALL,
		.protocol = str_c(x->protocol),
		.name = str_c(x->verdict.name)};

	ticket_mint(role_secret(&x->auth->role, "ticket-key"), &ticket,
		clock_monotonic_ms(), out);
}

/* The one line per attempt. */
static void log_attempt(const struct exchange *x)
{
	const struct auth_verdict *v = &x->verdict;
	enum log_level level = v->err ? LOG_WARN : LOG_INFO;
	const char *message = v->err ? "login refused" : "login";

	LOG_AT(level, "auth", message, LOG_C("protocol", x->protocol),
		LOG_C("remote", x->remote),
		LOG_STR("account",
			v->err ? buf_str(&x->account) : str_c(v->name)),
		LOG_C("mechanism", x->sasl.mechanism->name),
		LOG_C("tls", *x->tls ? x->tls : "no"),
		LOG_C("reason", v->reason),
		LOG_U64("ms", clock_monotonic_ms() - x->began));
}

static void check_end(struct auth *a);

/* The verdict stands. */
static void finish(struct exchange *x)
{
	struct auth *a = x->auth;
	struct buf ticket = BUF_UNBOUNDED;

	log_attempt(x);
	if (x->verdict.err) {
		a->context.logins_failed++;
		SCOREBOARD_ADD(a->page, logins_failed, 1);
	} else {
		a->context.logins_ok++;
		SCOREBOARD_ADD(a->page, logins_ok, 1);
		mint(x, &ticket);
	}
	if (x->peer && !x->abandoned)
		answer(x->peer, x->id, x->verdict.err, x->verdict.told,
			buf_str(&ticket));
	if (ticket.p)
		secret_wipe(ticket.p, ticket.n);
	buf_fini(&ticket);
	detach(x);
	free_exchange(x);
	check_end(a);
}

static void refuse(
	struct exchange *x, enum err e, const char *reason, const char *told)
{
	x->verdict =
		(struct auth_verdict){.err = e, .reason = reason, .told = told};
	finish(x);
}

/* -------- verifying -------- */

static struct throttle_who who(const struct exchange *x)
{
	return (struct throttle_who){x->address, buf_str(&x->account)};
}

static void verified(struct loop *loop, void *arg)
{
	struct exchange *x = arg;
	struct throttle_who w = who(x);
	uint64_t now = clock_monotonic_ms();

	(void)loop;
	x->auth->working--;
	if (x->verdict.err == ERR_AUTH)
		throttle_failed(x->auth->throttle, &w, now);
	else if (!x->verdict.err)
		throttle_passed(x->auth->throttle, &w, now);
	finish(x);
}

/* On a worker. */
static void verify(struct pool_job *job)
{
	struct exchange *x = LOOP_OWNER(job, struct exchange, job);

	x->verdict = auth_verify(
		x->auth->context.accounts, &x->sasl, str_c(x->protocol));
	loop_post(x->auth->loop, verified, x);
}

static void start_verifying(struct exchange *x)
{
	x->state = WORKING;
	x->auth->working++;
	x->job.run = verify;
	pool_submit(x->auth->pool, &x->job);
}

static void turn_came(struct loop *loop, struct loop_timer *timer)
{
	(void)loop;
	start_verifying(LOOP_OWNER(timer, struct exchange, timer));
}

static void wait_for_turn(struct exchange *x)
{
	uint64_t now = clock_monotonic_ms(), at;
	struct throttle_who w;

	if (account_name_prepare(buf_str(&x->sasl.authcid), &x->account)) {
		buf_reset(&x->account);
		buf_add(&x->account, buf_str(&x->sasl.authcid));
	}
	w = who(x);
	if (!throttle_reserve(x->auth->throttle, &w, now, &at)) {
		refuse(x, ERR_UNAVAILABLE, "too many failures before",
			"Too many failed logins, try again later");
		return;
	}
	x->state = WAITING;
	if (at == now)
		start_verifying(x);
	else
		loop_timer_set_exact(
			x->auth->loop, &x->timer, at - now, turn_came);
}

static void step(struct exchange *x, str response)
{
	struct buf challenge = BUF_UNBOUNDED;

	switch (sasl_step(&x->sasl, response, &challenge)) {
	case SASL_CHALLENGE:
		x->state = ASKING;
		tell(x->peer, IPC_AUTH_CHALLENGE, x->id, buf_str(&challenge));
		break;
	case SASL_VERIFY:
		wait_for_turn(x);
		break;
	case SASL_MALFORMED:
		refuse(x, ERR_INVALID, "malformed credentials",
			"The credentials are malformed");
		break;
	}
	buf_fini(&challenge);
}

/* -------- what fronts ask -------- */

/* The throttle's key: "192.0.2.1", "2001:db8::1", or with a port. This
 * machine's own addresses have none: a webmail here speaks for many. */
static uint64_t address_of(str remote)
{
	bool v6 = str_find_byte(remote, ':') < remote.n;
	struct endpoint e;
	char *text;
	enum err err = endpoint_parse(remote, &e);

	if (err) {
		text = xasprintf(v6 ? "[%.*s]:0" : "%.*s:0", STR_ARG(remote));
		err = endpoint_parse(str_c(text), &e);
		free(text);
	}
	if (err)
		return 1; /* what is not an address is all one */
	if (e.any.sa_family == AF_INET6
			? IN6_IS_ADDR_LOOPBACK(&e.v6.sin6_addr)
			: ntohl(e.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET)
		return THROTTLE_NO_ADDRESS;
	return endpoint_peer_key(&e);
}

static struct exchange *add_exchange(struct peer *p, uint32_t id, str protocol,
	str remote, str tls, const struct sasl_mechanism *mechanism)
{
	struct exchange *x = xcalloc(1, sizeof *x), **at;

	x->peer = p;
	x->auth = p->auth;
	x->id = id;
	x->protocol = xstrndup(protocol.p, protocol.n);
	x->remote = xstrndup(remote.p, remote.n);
	x->tls = xstrndup(tls.p, tls.n);
	x->address = address_of(remote);
	x->account = BUF_UNBOUNDED;
	x->began = clock_monotonic_ms();
	sasl_init(&x->sasl, mechanism);
	at = find_exchange(p, id);
	x->next = *at;
	*at = x;
	p->count++;
	p->auth->context.exchanges++;
	return x;
}

static bool may_use(
	const struct auth *a, const struct sasl_mechanism *m, str tls)
{
	return !m->plaintext || tls.n > 0 ||
	       a->role.config->login_plaintext_without_tls;
}

static enum err on_start(struct peer *p, const struct ipc_msg *m)
{
	struct cursor c = cursor_of(m->payload);
	str protocol = cursor_sized(&c), mechanism = cursor_sized(&c),
	    remote = cursor_sized(&c), tls = cursor_sized(&c);
	bool has_initial = cursor_varint(&c) == 1;
	str initial = cursor_sized(&c);
	const struct sasl_mechanism *known = sasl_find(mechanism);

	if (!cursor_ok(&c) || protocol.n > WORD_MAX || tls.n > WORD_MAX ||
		remote.n > 2 * WORD_MAX || *find_exchange(p, m->id))
		return ERR_INVALID;
	if (!known || !may_use(p->auth, known, tls)) {
		answer(p, m->id, ERR_DENIED, "This mechanism is not offered",
			STR(""));
		return OK;
	}
	if (p->auth->role.stopping || p->count >= EXCHANGES_MAX) {
		answer(p, m->id, ERR_UNAVAILABLE, "Too busy, try again later",
			STR(""));
		return OK;
	}
	step(add_exchange(p, m->id, protocol, remote, tls, known),
		has_initial ? initial : str_none());
	return OK;
}

static enum err on_continue(struct peer *p, const struct ipc_msg *m)
{
	struct exchange *x = *find_exchange(p, m->id);

	/* It may have been answered meanwhile. */
	if (x && x->state == ASKING)
		step(x, m->payload);
	return OK;
}

static enum err on_cancel(struct peer *p, const struct ipc_msg *m)
{
	struct exchange *x = *find_exchange(p, m->id);

	if (x)
		abandon(x);
	return OK;
}

static enum err on_noted(struct peer *p, const struct ipc_msg *m)
{
	struct cursor c = cursor_of(m->payload);
	uint64_t account = cursor_varint(&c), serial = cursor_varint(&c);

	if (!cursor_ok(&c))
		return ERR_INVALID;
	return accounts_noted(p->auth->context.accounts, account, serial);
}

static enum err on_message(struct peer *p, const struct ipc_msg *m)
{
	if (p->is_mail)
		return m->type == IPC_ACCOUNT_NOTED ? on_noted(p, m)
						    : ERR_INVALID;
	switch (m->type) {
	case IPC_AUTH_START:
		return on_start(p, m);
	case IPC_AUTH_CONTINUE:
		return on_continue(p, m);
	case IPC_AUTH_CANCEL:
		return on_cancel(p, m);
	default:
		return ERR_INVALID;
	}
}

static void drop_peer(struct peer *p)
{
	struct auth *a = p->auth;

	for (size_t i = 0; i < BUCKETS; i++)
		while (p->buckets[i]) {
			struct exchange *x = p->buckets[i];

			detach(x);
			abandon(x);
		}
	for (size_t i = 0; i < a->peer_count; i++)
		if (a->peers[i] == p)
			a->peers[i] = a->peers[--a->peer_count];
	loop_remove(a->loop, &p->watch);
	close(p->watch.fd);
	free(p->name);
	free(p);
}

static void peer_readable(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct peer *p = LOOP_OWNER(watch, struct peer, watch);
	struct buf *room = &p->auth->room;
	struct ipc_msg m;
	enum err e = ipc_recv(watch->fd, room, &m);

	(void)loop;
	(void)events;
	if (e == ERR_AGAIN)
		return;
	if (m.fd >= 0)
		close(m.fd);
	if (!e)
		e = on_message(p, &m);
	/* It may hold a password. */
	secret_wipe(room->p, room->n);
	if (e && e != ERR_CLOSED)
		log_error("auth", "message from another role",
			LOG_C("name", p->name), LOG_U64("type", m.type),
			LOG_ERR(e));
	if (e == ERR_CLOSED || e == ERR_INVALID)
		drop_peer(p);
}

/* -------- news for mail -------- */

struct news_page {
	struct buf bytes; /* type, payload; sized */
	uint64_t last;
	size_t count;
};

static void collect_news(const struct account_news *n, void *arg)
{
	struct news_page *page = arg;
	struct buf payload = BUF_UNBOUNDED;

	buf_add_varint(&payload, n->account);
	buf_add_varint(&payload, n->serial);
	if (!n->removed) {
		buf_add_sized(&payload, n->name);
		buf_add_varint(&payload, n->quota);
	}
	buf_add_varint(&page->bytes,
		n->removed ? IPC_ACCOUNT_REMOVED : IPC_ACCOUNT_CHANGED);
	buf_add_varint(&page->bytes, n->serial);
	buf_add_sized(&page->bytes, buf_str(&payload));
	buf_fini(&payload);
	page->count++;
}

static struct peer *find_peer(const struct auth *a, const char *name)
{
	for (size_t i = 0; i < a->peer_count; i++)
		if (strcmp(a->peers[i]->name, name) == 0)
			return a->peers[i];
	return NULL;
}

static enum err send_page(struct auth *a, const struct peer *mail, str bytes)
{
	struct cursor c = cursor_of(bytes);
	enum err e = OK;

	while (!e && !cursor_done(&c)) {
		uint32_t type = (uint32_t)cursor_varint(&c);
		uint64_t serial = cursor_varint(&c);

		e = ipc_send(mail->watch.fd, type, 0, cursor_sized(&c), -1);
		if (!e)
			a->told = serial;
	}
	return e;
}

static void tell_news(struct loop *loop, struct loop_timer *timer)
{
	struct auth *a = LOOP_OWNER(timer, struct auth, news_timer);
	struct news_page page = {.bytes = BUF_UNBOUNDED};
	struct peer *mail = find_peer(a, "mail");
	enum err e;

	if (!mail)
		return; /* all of it when it comes */
	e = accounts_news(a->context.accounts, a->told, collect_news, &page);
	if (!e)
		e = send_page(a, mail, buf_str(&page.bytes));
	if (e || page.count == ACCOUNTS_NEWS_MAX)
		loop_timer_set_exact(
			loop, timer, e ? NEWS_RETRY_MS : 1, tell_news);
	buf_fini(&page.bytes);
}

static void news_posted(struct loop *loop, void *arg)
{
	struct auth *a = arg;

	tell_news(loop, &a->news_timer);
}

static void accounts_changed(struct auth_context *context)
{
	struct auth *a = LOOP_OWNER(context, struct auth, context);

	loop_post(a->loop, news_posted, a);
}

/* -------- the master -------- */

static void add_peer(struct auth *a, const char *name)
{
	struct peer *p = find_peer(a, name);
	int fd = role_take_channel(&a->role, name);

	if (p)
		drop_peer(p);
	if (fd < 0 || a->peer_count == COUNT_OF(a->peers))
		return;
	p = xcalloc(1, sizeof *p);
	p->auth = a;
	p->name = xstrdup(name);
	p->is_mail = strcmp(name, "mail") == 0;
	a->peers[a->peer_count++] = p;
	if (loop_add(a->loop, &p->watch, fd, EPOLLIN, peer_readable) != OK)
		abort(); /* out of memory */
	if (p->is_mail) {
		a->told = 0;
		accounts_changed(&a->context);
	}
}

static void take_channels(struct auth *a)
{
	const char *name;

	while ((name = role_channel_name(&a->role, 0)))
		add_peer(a, name);
}

static void check_end(struct auth *a)
{
	if (a->role.stopping && a->working == 0)
		loop_stop(a->loop);
}

static void master_readable(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct auth *a = LOOP_OWNER(watch, struct auth, master);
	enum role_event event;
	str name;

	(void)events;
	while ((event = role_next(&a->role, &name)) != ROLE_NOTHING) {
		switch (event) {
		case ROLE_GONE:
			_exit(0);
		case ROLE_CHANNEL:
			take_channels(a);
			break;
		case ROLE_CONFIG:
			pool_set_max(a->pool,
				(unsigned)a->role.config->workers_auth_threads);
			break;
		default:
			break;
		}
	}
	(void)loop;
	check_end(a);
}

/* -------- beginning and end -------- */

static void attach_pages(struct auth *a)
{
	int fd = role_memory(&a->role, "scoreboard");
	unsigned count = a->role.index + 2;

	a->context.pages = xcalloc(count, sizeof(struct scoreboard *));
	a->context.page_count = count;
	for (unsigned i = 0; i < count && fd >= 0; i++)
		if (scoreboard_attach(fd, i, &a->context.pages[i]) != OK)
			a->context.pages[i] = NULL;
	a->page = a->context.pages[a->role.index];
}

static enum err start_control(struct auth *a)
{
	for (size_t i = 0; i < a->role.listener_count; i++) {
		const struct role_listener *l = &a->role.listeners[i];

		if (strcmp(l->protocol, "control") != 0)
			continue;
		a->control = control_start(
			l->fd, auth_commands, auth_command_count, &a->context);
		return OK;
	}
	log_error("server", "no control socket came");
	return ERR_INVALID;
}

static enum err begin(struct auth *a)
{
	enum err e = accounts_open("accounts.db", &a->context.accounts);

	if (!e)
		e = loop_new(&a->loop);
	if (e)
		return e;
	a->pool = pool_new(
		(unsigned)a->role.config->workers_auth_threads, WORKER_STACK);
	a->throttle = throttle_new();
	/* The first stranger must not take longer than the second. */
	password_verify_nobody(STR("x"));
	a->room = BUF_UNBOUNDED;
	a->context.changed = accounts_changed;
	a->context.started_s = (uint64_t)clock_wall_s();
	attach_pages(a);
	e = start_control(a);
	if (e)
		return e;
	take_channels(a);
	return loop_add(
		a->loop, &a->master, a->role.master, EPOLLIN, master_readable);
}

static void end(struct auth *a)
{
	control_stop(a->control);
	pool_free(a->pool);
	while (a->peer_count)
		drop_peer(a->peers[0]);
	loop_timer_cancel(a->loop, &a->news_timer);
	accounts_close(a->context.accounts);
	loop_free(a->loop);
	throttle_free(a->throttle);
	buf_fini(&a->room);
	free(a->context.pages);
	role_fini(&a->role);
}

int auth_main(int master_fd)
{
	static struct auth a;

	if (role_begin(&a.role, ROLE_AUTH, master_fd) || begin(&a) ||
		role_ready(&a.role))
		return 1;
	loop_run(a.loop);
	end(&a);
	return 0;
}
