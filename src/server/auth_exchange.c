/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One login attempt:
 *
 *	step		the mechanism reads what the client sent
 *	await_turn	the throttle lets it pass, now or later
 *	verify		a worker looks at the account (quick); then, in a lane,
 *			hashes or asks an outside source (slow)
 *	settle		logged and counted
 *	reply		the front is told
 */
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
#define AGAIN_MAX 3

/* -------- beginning and end -------- */

static struct exchange **find_exchange(struct peer *p, uint32_t id)
{
	struct exchange **at = &p->buckets[id % PEER_BUCKETS];

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static void clear_verdict(struct auth_verdict *v)
{
	free(v->name);
	free(v->master);
	*v = (struct auth_verdict){.err = OK};
}

static void free_exchange(struct exchange *x)
{
	loop_timer_cancel(x->auth->loop, &x->timer);
	x->auth->context.exchanges--;
	sasl_fini(&x->sasl);
	if (x->response.p)
		secret_wipe(x->response.p, x->response.n);
	buf_fini(&x->response);
	buf_fini(&x->who);
	buf_fini(&x->as);
	account_fini(&x->row);
	secret_wipe(&x->keys, sizeof x->keys);
	clear_verdict(&x->verdict);
	rules_drop(x->rules);
	free(x->session);
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

static void forget(struct exchange *x)
{
	detach(x);
	free_exchange(x);
}

/* Nobody waits for it any more. What is being verified is still verified and
 * counted: hanging up is no way around the throttle, and none around
 * EXCHANGES_MAX. */
static void abandon(struct exchange *x)
{
	struct auth *a = x->auth;

	x->abandoned = true;
	if (x->state == WORKING)
		return;
	if (x->state == QUEUED)
		lane_leave(x->lane, x);
	forget(x);
	auth_check_end(a);
}

/* -------- the answer -------- */

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
		.rights = x->verdict.rights,
		.protocol = str_c(x->protocol),
		.name = str_c(x->verdict.name)};

	ticket_mint(role_secret(&x->auth->role, "ticket-key"), &ticket,
		clock_monotonic_ms(), out);
}

/* A name that an outsider gave; what is not text is not shown. */
static str shown_name(const struct exchange *x)
{
	str who = buf_str(&x->who), as = buf_str(&x->as);

	if (as.n)
		who = as;
	return text_is_utf8(who) ? who : STR("?");
}

/* The one line per attempt. */
static void log_attempt(const struct exchange *x)
{
	const struct auth_verdict *v = &x->verdict;
	enum log_level level = v->err ? LOG_WARN : LOG_INFO;
	const char *message = v->err ? "login refused" : "login";
	str master = x->as.n ? buf_str(&x->who) : STR("");

	LOG_AT(level, "auth", message, LOG_C("session", x->session),
		LOG_C("protocol", x->protocol), LOG_C("remote", x->remote),
		LOG_STR("account", v->err ? shown_name(x) : str_c(v->name)),
		LOG_STR("master", text_is_utf8(master) ? master : STR("?")),
		LOG_C("app", v->app),
		LOG_C("mechanism", x->sasl.mechanism->name),
		LOG_C("tls", *x->tls ? x->tls : "no"),
		LOG_C("result", err_words(v->err)), LOG_C("reason", v->reason),
		LOG_U64("ms", clock_monotonic_ms() - x->began));
}

static void copy_text(char *room, size_t size, str s)
{
	snprintf(room, size, "%.*s", STR_ARG(s));
}

/* For `culver status`. */
static void remember_failure(const struct exchange *x)
{
	struct auth_failure f = {
		.time = clock_wall_s(), .reason = x->verdict.reason};
	str account = shown_name(x);

	copy_text(f.protocol, sizeof f.protocol, str_c(x->protocol));
	copy_text(f.remote, sizeof f.remote, str_c(x->remote));
	copy_text(f.mechanism, sizeof f.mechanism,
		str_c(x->sasl.mechanism->name));
	copy_text(f.account, sizeof f.account,
		account.n < sizeof f.account ? account : STR("?"));
	auth_failures_add(x->auth->context.failures, &f);
}

/* The verdict stands: this happens once. */
static void settle(struct exchange *x)
{
	struct auth *a = x->auth;

	x->settled = true;
	log_attempt(x);
	if (x->verdict.err) {
		remember_failure(x);
		a->context.logins_failed++;
		SCOREBOARD_ADD(a->page, logins_failed, 1);
	} else {
		a->context.logins_ok++;
		SCOREBOARD_ADD(a->page, logins_ok, 1);
	}
}

static void reply(struct exchange *x)
{
	struct buf ticket = BUF_UNBOUNDED;

	if (!x->settled)
		settle(x);
	if (!x->verdict.err)
		mint(x, &ticket);
	if (x->peer && !x->abandoned)
		answer(x->peer, x->id, x->verdict.err, x->verdict.told,
			buf_str(&ticket));
	if (ticket.p)
		secret_wipe(ticket.p, ticket.n);
	buf_fini(&ticket);
	forget(x);
}

static void set_verdict(
	struct exchange *x, enum err e, const char *reason, const char *told)
{
	clear_verdict(&x->verdict);
	x->verdict =
		(struct auth_verdict){.err = e, .reason = reason, .told = told};
}

static void refuse(
	struct exchange *x, enum err e, const char *reason, const char *told)
{
	set_verdict(x, e, reason, told);
	reply(x);
}

static void challenge(struct exchange *x, const struct buf *bytes)
{
	x->state = ASKING;
	if (x->peer)
		peer_tell(x->peer, IPC_AUTH_CHALLENGE, x->id, buf_str(bytes));
}

/* -------- its turn -------- */

static struct throttle_who who(const struct exchange *x)
{
	return (struct throttle_who){x->address, buf_str(&x->who)};
}

static void turn_came(struct loop *loop, struct loop_timer *timer)
{
	struct exchange *x = LOOP_OWNER(timer, struct exchange, timer);

	(void)loop;
	x->after_turn(x);
}

/* True: now. Else the exchange waits until `after` is called, or is refused
 * and gone. */
static bool take_turn(struct exchange *x, void (*after)(struct exchange *))
{
	uint64_t now = clock_monotonic_ms(), at;
	struct throttle_who w = who(x);

	if (!throttle_reserve(x->auth->throttle, &w, now, &at)) {
		refuse(x, ERR_UNAVAILABLE, "too many failures before",
			"Too many failed logins, try again later");
		return false;
	}
	if (at == now)
		return true;
	x->after_turn = after;
	x->state = WAITING;
	loop_timer_set_exact(x->auth->loop, &x->timer, at - now, turn_came);
	return false;
}

static void await_turn(struct exchange *x, void (*after)(struct exchange *))
{
	struct throttle_who w = who(x);

	x->unhindered =
		throttle_is_free(x->auth->throttle, &w, clock_monotonic_ms());
	if (take_turn(x, after))
		after(x);
}

/* -------- verifying -------- */

static void start_verifying(struct exchange *x);

static void count(struct exchange *x)
{
	struct throttle_who w = who(x);
	uint64_t now = clock_monotonic_ms();

	if (x->verdict.err == ERR_AUTH)
		throttle_failed(x->auth->throttle, &w, now);
	else if (!x->verdict.err)
		throttle_passed(x->auth->throttle, &w, now);
}

/* Accounts were switched off while this one was looked at: perhaps it. */
static void verify_again(struct exchange *x)
{
	if (x->again++ >= AGAIN_MAX) {
		refuse(x, ERR_UNAVAILABLE, "accounts change all the time",
			"Temporary failure, try again later");
		return;
	}
	clear_verdict(&x->verdict);
	start_verifying(x);
}

static void refuse_token(struct exchange *x)
{
	struct buf bytes = BUF_UNBOUNDED;

	settle(x);
	sasl_token_refused(&x->sasl, "invalid_token", &bytes);
	challenge(x, &bytes);
	buf_fini(&bytes);
}

static void verified(struct exchange *x)
{
	enum err e = x->verdict.err;

	if (!e && x->ends != x->auth->ends) {
		verify_again(x);
		return;
	}
	count(x);
	if (!e && x->may_rehash)
		rehash_later(x);
	if ((e == ERR_AUTH || e == ERR_EXPIRED) && x->sasl.token.p &&
		!x->abandoned)
		refuse_token(x);
	else
		reply(x);
}

static void slow_done(struct loop *loop, void *arg)
{
	struct exchange *x = arg;
	struct auth *a = x->auth;

	(void)loop;
	lane_done(x->lane, x);
	verified(x);
	auth_check_end(a);
}

static void run_slow(struct pool_job *job)
{
	struct exchange *x = LOOP_OWNER(job, struct exchange, job);

	verify_slowly(x);
	loop_post(x->auth->loop, slow_done, x);
}

static void enter_lane(struct exchange *x)
{
	struct throttle_who w = who(x);
	bool trusted = throttle_is_trusted(
		x->auth->throttle, &w, clock_monotonic_ms());

	x->job.run = run_slow;
	if (!lane_enter(
		    &x->auth->lanes[trusted ? LANE_TRUSTED : LANE_OTHERS], x))
		refuse(x, ERR_UNAVAILABLE, "too many logins at once",
			"Too busy, try again later");
}

/* Many guesses may have come at once, before the first of them failed. */
bool exchange_turn(struct exchange *x)
{
	struct throttle_who w = who(x);

	if (!x->unhindered ||
		throttle_is_free(x->auth->throttle, &w, clock_monotonic_ms()))
		return true;
	x->unhindered = false;
	return take_turn(x, enter_lane);
}

static void quick_done(struct loop *loop, void *arg)
{
	struct exchange *x = arg;
	struct auth *a = x->auth;

	(void)loop;
	a->working--;
	if (x->quick_done)
		verified(x);
	else if (x->abandoned)
		forget(x);
	else
		enter_lane(x);
	auth_check_end(a);
}

static void run_quick(struct pool_job *job)
{
	struct exchange *x = LOOP_OWNER(job, struct exchange, job);

	x->quick_done = verify_quickly(x);
	loop_post(x->auth->loop, quick_done, x);
}

static void start_job(struct exchange *x, void (*run)(struct pool_job *))
{
	x->state = WORKING;
	x->auth->working++;
	x->job.run = run;
	pool_submit(x->auth->quick, &x->job);
}

static void start_verifying(struct exchange *x)
{
	x->ends = x->auth->ends;
	start_job(x, run_quick);
}

/* -------- the mechanism's steps -------- */

static void act(struct exchange *x, enum sasl_step step, struct buf *bytes);

static void keys_fetched(struct loop *loop, void *arg)
{
	struct exchange *x = arg;
	struct auth *a = x->auth;
	struct buf bytes = BUF_UNBOUNDED;

	(void)loop;
	a->working--;
	if (x->abandoned) {
		forget(x);
	} else if (x->verdict.err) {
		reply(x);
	} else {
		x->proof_next = true;
		act(x,
			sasl_set_keys(&x->sasl, x->has_keys ? &x->keys : NULL,
				&bytes),
			&bytes);
	}
	buf_fini(&bytes);
	auth_check_end(a);
}

static void run_fetch_keys(struct pool_job *job)
{
	struct exchange *x = LOOP_OWNER(job, struct exchange, job);

	verify_fetch_keys(x);
	loop_post(x->auth->loop, keys_fetched, x);
}

/* The mechanism itself has found the proof wrong. */
static void act_wrong(struct exchange *x, const struct buf *bytes)
{
	set_verdict(x, ERR_AUTH, x->sasl.reason, "");
	count(x);
	settle(x);
	if (bytes->n)
		challenge(x, bytes);
	else
		reply(x);
}

static void act(struct exchange *x, enum sasl_step step, struct buf *bytes)
{
	switch (step) {
	case SASL_CHALLENGE:
		challenge(x, bytes);
		break;
	case SASL_KEYS:
		verify_names(x);
		start_job(x, run_fetch_keys);
		break;
	case SASL_VERIFY:
	case SASL_TOKEN:
		verify_names(x);
		await_turn(x, start_verifying);
		break;
	case SASL_DONE:
		if (x->who.n) { /* SCRAM's turn came with the proof */
			start_verifying(x);
			break;
		}
		verify_names(x);
		await_turn(x, start_verifying);
		break;
	case SASL_WRONG:
		act_wrong(x, bytes);
		break;
	case SASL_REFUSED:
		reply(x);
		break;
	case SASL_MALFORMED:
		if (x->settled)
			reply(x);
		else
			refuse(x, ERR_INVALID, x->sasl.reason,
				"The credentials are malformed");
		break;
	}
}

static void step(struct exchange *x, str response)
{
	struct buf bytes = BUF_UNBOUNDED;
	enum sasl_step step = sasl_step(&x->sasl, response, &bytes);

	act(x, step, &bytes);
	buf_fini(&bytes);
}

static void step_kept(struct exchange *x)
{
	step(x, buf_str(&x->response));
}

/* -------- what fronts ask -------- */

/* "192.0.2.1", "2001:db8::1", or with a port; "-" for a Unix socket. */
static enum err endpoint_of(str remote, struct endpoint *endpoint_r)
{
	bool v6 = str_find_byte(remote, ':') < remote.n;
	enum err err;
	char *text;

	*endpoint_r = (struct endpoint){.any.sa_family = AF_UNIX};
	if (str_eq_c(remote, "-") || endpoint_parse(remote, endpoint_r) == OK)
		return OK;
	text = xasprintf(v6 ? "[%.*s]:0" : "%.*s:0", STR_ARG(remote));
	err = endpoint_parse(str_c(text), endpoint_r);
	free(text);
	return err;
}

static bool is_this_machine(const struct endpoint *e)
{
	switch (e->any.sa_family) {
	case AF_INET:
		return ntohl(e->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&e->v6.sin6_addr);
	default:
		return true;
	}
}

/* The throttle's key. This machine's own addresses have none: a webmail here
 * speaks for many. */
static uint64_t address_of(str remote)
{
	struct endpoint e;

	if (endpoint_of(remote, &e))
		return 1; /* what is not an address is all one */
	return is_this_machine(&e) ? THROTTLE_NO_ADDRESS
				   : endpoint_peer_key(&e);
}

/* The fields of IPC_AUTH_START; they point into the message. */
struct start {
	str protocol, mechanism, remote, session, tls, certificate;
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
	s->session = cursor_sized(&c);
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
		s->session.n > WORD_MAX || s->tls.n > WORD_MAX ||
		s->remote.n > 2 * WORD_MAX)
		return ERR_INVALID;
	return OK;
}

static void init_sasl(struct exchange *x, const struct start *s,
	const struct mechanism_row *mechanism)
{
	const struct auth *a = x->auth;
	const struct mechanism_view view = {.offered = a->offered,
		.tls = s->tls.n > 0,
		.plaintext = a->role.config->login_plaintext_without_tls,
		.has_certificate = s->certificate.n > 0};
	const struct sasl_facts facts = {.bindings = s->bindings,
		.binding_count = s->binding_count,
		.certificate = s->certificate,
		.announced = mechanisms_usable(&view),
		.decoy_secret = str_of(a->decoy_secret, DECOY_SECRET_SIZE),
		.decoy_iterations =
			(uint32_t)a->role.config->login_scram_iterations,
		.oauth_scope = x->rules->oauth_scope};

	sasl_init(&x->sasl, mechanism, &facts);
}

static struct exchange *add_exchange(struct peer *p, uint32_t id,
	const struct start *s, const struct mechanism_row *mechanism)
{
	struct exchange *x = xcalloc(1, sizeof *x), **at;

	x->peer = p;
	x->auth = p->auth;
	x->id = id;
	x->rules = rules_take(p->auth->rules);
	x->session = xstrndup(s->session.p, s->session.n);
	x->protocol = xstrndup(s->protocol.p, s->protocol.n);
	x->remote = xstrndup(s->remote.p, s->remote.n);
	x->tls = xstrndup(s->tls.p, s->tls.n);
	x->address = address_of(s->remote);
	x->who = x->as = x->response = BUF_UNBOUNDED;
	x->began = clock_monotonic_ms();
	init_sasl(x, s, mechanism);
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

static bool is_in(const struct networks *networks, str remote)
{
	struct endpoint e;

	return endpoint_of(remote, &e) == OK && networks_contain(networks, &e);
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
		LOG_STR("session", s->session),
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
	if (!x || x->state != ASKING)
		return;
	if (!x->proof_next) {
		step(x, m->payload);
		return;
	}
	x->proof_next = false;
	buf_add(&x->response, m->payload);
	await_turn(x, step_kept);
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
