/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/text.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/log.h"
#include "base/mechanism.h"
#include "base/secret.h"
#include "net/endpoint.h"
#include "net/scoreboard.h"
#include "server/auth_private.h"
#include "session/ticket.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define EXCHANGES_MAX 4096 /* of one front */
#define WORD_MAX 64	   /* protocol, mechanism, TLS version */

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

/* -------- exchanges -------- */

static struct exchange **find_exchange(struct peer *p, uint32_t id)
{
	struct exchange **at = &p->buckets[id % PEER_BUCKETS];

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

static void answer(
	struct peer *p, uint32_t id, enum err e, const char *told, str ticket)
{
	struct buf payload = BUF_UNBOUNDED;

	buf_add_varint(&payload, (uint64_t)e);
	buf_add_sized(&payload, str_c(told));
	buf_add_sized(&payload, ticket);
	peer_tell(p, IPC_AUTH_DONE, id, buf_str(&payload));
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

static void copy_text(char *room, size_t size, str s)
{
	snprintf(room, size, "%.*s", STR_ARG(s));
}

/* For `culver status`. The name is an outsider's: what is not text is not
 * shown. */
static void remember_failure(const struct exchange *x)
{
	struct auth_failure f = {
		.time = clock_wall_s(), .reason = x->verdict.reason};
	str account = buf_str(&x->account);

	copy_text(f.protocol, sizeof f.protocol, str_c(x->protocol));
	copy_text(f.remote, sizeof f.remote, str_c(x->remote));
	copy_text(f.mechanism, sizeof f.mechanism,
		str_c(x->sasl.mechanism->name));
	if (account.n < sizeof f.account && text_is_utf8(account))
		copy_text(f.account, sizeof f.account, account);
	auth_failures_add(x->auth->context.failures, &f);
}

/* The verdict stands. */
static void finish(struct exchange *x)
{
	struct auth *a = x->auth;
	struct buf ticket = BUF_UNBOUNDED;

	log_attempt(x);
	if (x->verdict.err) {
		remember_failure(x);
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
	auth_check_end(a);
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
		peer_tell(x->peer, IPC_AUTH_CHALLENGE, x->id,
			buf_str(&challenge));
		break;
	case SASL_VERIFY:
		wait_for_turn(x);
		break;
	case SASL_KEYS:
	case SASL_TOKEN:
	case SASL_DONE:
	case SASL_WRONG:
	case SASL_REFUSED:
	case SASL_MALFORMED:
		refuse(x, ERR_INVALID, "malformed credentials",
			"The credentials are malformed");
		break;
	}
	buf_fini(&challenge);
}

/* -------- what fronts ask -------- */

/* "192.0.2.1", "2001:db8::1", or with a port. */
static enum err endpoint_of(str remote, struct endpoint *endpoint_r)
{
	bool v6 = str_find_byte(remote, ':') < remote.n;
	enum err err = endpoint_parse(remote, endpoint_r);
	char *text;

	if (!err)
		return OK;
	text = xasprintf(v6 ? "[%.*s]:0" : "%.*s:0", STR_ARG(remote));
	err = endpoint_parse(str_c(text), endpoint_r);
	free(text);
	return err;
}

/* The throttle's key. This machine's own addresses have none: a webmail here
 * speaks for many. */
static uint64_t address_of(str remote)
{
	struct endpoint e;

	if (endpoint_of(remote, &e))
		return 1; /* what is not an address is all one */
	if (e.any.sa_family == AF_INET6
			? IN6_IS_ADDR_LOOPBACK(&e.v6.sin6_addr)
			: ntohl(e.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET)
		return THROTTLE_NO_ADDRESS;
	return endpoint_peer_key(&e);
}

/* The fields of IPC_AUTH_START; they point into the message. */
struct start {
	str protocol, mechanism, remote, tls, certificate;
	struct sasl_binding bindings[SASL_BINDINGS_MAX];
	size_t binding_count;
	str initial; /* none: the client sent none */
};

static enum err parse_start(str payload, struct start *s)
{
	struct cursor c = cursor_of(payload);
	uint64_t count;

	s->protocol = cursor_sized(&c);
	s->mechanism = cursor_sized(&c);
	s->remote = cursor_sized(&c);
	s->tls = cursor_sized(&c);
	s->certificate = cursor_sized(&c);
	count = cursor_varint(&c);
	if (count > SASL_BINDINGS_MAX)
		return ERR_INVALID;
	for (s->binding_count = 0; s->binding_count < count;
		s->binding_count++) {
		s->bindings[s->binding_count].name = cursor_sized(&c);
		s->bindings[s->binding_count].data = cursor_sized(&c);
	}
	if (cursor_varint(&c) == 1)
		s->initial = cursor_sized(&c);
	else
		(void)cursor_sized(&c);
	if (!cursor_ok(&c) || !cursor_done(&c) || s->protocol.n > WORD_MAX ||
		s->tls.n > WORD_MAX || s->remote.n > 2 * WORD_MAX)
		return ERR_INVALID;
	return OK;
}

static struct exchange *add_exchange(struct peer *p, uint32_t id,
	const struct start *s, const struct mechanism_row *mechanism)
{
	struct exchange *x = xcalloc(1, sizeof *x), **at;

	x->peer = p;
	x->auth = p->auth;
	x->id = id;
	x->protocol = xstrndup(s->protocol.p, s->protocol.n);
	x->remote = xstrndup(s->remote.p, s->remote.n);
	x->tls = xstrndup(s->tls.p, s->tls.n);
	x->address = address_of(s->remote);
	x->account = BUF_UNBOUNDED;
	x->began = clock_monotonic_ms();
	sasl_init(&x->sasl, mechanism,
		&(struct sasl_facts){.bindings = s->bindings,
			.binding_count = s->binding_count,
			.certificate = s->certificate});
	at = find_exchange(p, id);
	x->next = *at;
	*at = x;
	p->count++;
	p->auth->context.exchanges++;
	return x;
}

static bool may_use(
	const struct auth *a, const struct mechanism_row *m, str tls)
{
	return m && a->offered & m->bit &&
	       (!(m->flags & MECHANISM_SHOWS_SECRET) || tls.n > 0 ||
		       a->role.config->login_plaintext_without_tls);
}

/* "-" is a Unix socket (net/endpoint.h). */
static bool is_in(const struct networks *networks, str remote)
{
	struct endpoint e = {.any.sa_family = AF_UNIX};

	if (!str_eq_c(remote, "-") && endpoint_of(remote, &e))
		return false;
	return networks_contain(networks, &e);
}

/* Who delivers proves nothing but where it is. */
static void let_deliver(struct peer *p, uint32_t id, const struct start *s)
{
	const struct config *config = p->auth->role.config;
	bool may = is_in(&config->lmtp_networks, s->remote);
	struct ticket ticket = {.rights = TICKET_MAY_DELIVER,
		.protocol = s->protocol,
		.name = STR("")};
	struct buf bytes = BUF_UNBOUNDED;

	LOG_AT(may ? LOG_DEBUG : LOG_WARN, "auth",
		may ? "may deliver" : "may not deliver",
		LOG_STR("protocol", s->protocol), LOG_STR("remote", s->remote));
	if (is_in(&config->lmtp_xclient, s->remote))
		ticket.rights |= TICKET_MAY_XCLIENT;
	if (may)
		ticket_mint(role_secret(&p->auth->role, "ticket-key"), &ticket,
			clock_monotonic_ms(), &bytes);
	answer(p, id, may ? OK : ERR_DENIED, may ? "" : "Not from this address",
		buf_str(&bytes));
	buf_fini(&bytes);
}

enum err exchange_start(struct peer *p, const struct ipc_msg *m)
{
	struct start s = {.initial = str_none()};
	const struct mechanism_row *known;

	if (parse_start(m->payload, &s) || *find_exchange(p, m->id))
		return ERR_INVALID;
	if (!s.mechanism.n && str_eq_c(s.protocol, "lmtp")) {
		let_deliver(p, m->id, &s);
		return OK;
	}
	known = mechanism_find(s.mechanism);
	if (!may_use(p->auth, known, s.tls)) {
		answer(p, m->id, ERR_DENIED, "This mechanism is not offered",
			STR(""));
		return OK;
	}
	if (p->auth->role.stopping || p->count >= EXCHANGES_MAX) {
		answer(p, m->id, ERR_UNAVAILABLE, "Too busy, try again later",
			STR(""));
		return OK;
	}
	step(add_exchange(p, m->id, &s, known), s.initial);
	return OK;
}

void exchange_continue(struct peer *p, const struct ipc_msg *m)
{
	struct exchange *x = *find_exchange(p, m->id);

	/* It may have been answered meanwhile. */
	if (x && x->state == ASKING)
		step(x, m->payload);
}

void exchange_cancel(struct peer *p, const struct ipc_msg *m)
{
	struct exchange *x = *find_exchange(p, m->id);

	if (x)
		abandon(x);
}

void exchange_abandon_all(struct peer *p)
{
	for (size_t i = 0; i < PEER_BUCKETS; i++)
		while (p->buckets[i]) {
			struct exchange *x = p->buckets[i];

			detach(x);
			abandon(x);
		}
}
