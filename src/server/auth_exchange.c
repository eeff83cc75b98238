/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One login attempt:
 *
 *	step		the mechanism reads what the client sent
 *	await_turn	the throttle lets it pass, now or later
 *	verify		looks at the account (quick), in a worker when somebody
 *			holds the accounts; then, in a lane, hashes or asks an
 *			outside source (slow)
 *	settle		logged and counted
 *	reply		the front is told
 */
#include "base/clock.h"
#include "base/secret.h"
#include "server/auth_private.h"

#include <stdlib.h>

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

/* -------- the answer -------- */

static void reply(struct exchange *x)
{
	answer_verdict(x);
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

	answer_settle(x);
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

/* It was looked at quickly, and no more: the client has learnt that the
 * password is none that is remembered, nor of a program's. That was a guess as
 * well. This machine's own do not guess in a flood; they give up waiting. */
static void count_quick_guess(struct exchange *x)
{
	struct throttle_who w = who(x);

	if (x->address != THROTTLE_NO_ADDRESS)
		throttle_failed(x->auth->throttle, &w, clock_monotonic_ms());
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
	/* A front that died hung up for people who did not. */
	if (x->looked_at && !x->settled && x->peer) {
		set_verdict(x, ERR_AUTH, "hung up before it was verified", "");
		count_quick_guess(x);
		answer_settle(x);
	} else if (x->state == ASKING && x->proof_seen && !x->settled) {
		/* SCRAM has told it that the password is right. */
		set_verdict(x, ERR_INVALID, "hung up after a right proof", "");
		answer_settle(x);
	}
	forget(x);
	auth_check_end(a);
}

static void too_many(struct exchange *x)
{
	refuse(x, ERR_UNAVAILABLE, "too many logins at once",
		"Too busy, try again later");
}

static struct lane *lane_of(const struct exchange *x, bool outside)
{
	struct throttle_who w = who(x);
	bool trusted = throttle_is_trusted(
		x->auth->throttle, &w, clock_monotonic_ms());
	enum lane_kind kind = trusted ? LANE_TRUSTED : LANE_OTHERS;

	return &x->auth->lanes[outside ? kind + LANE_TRUSTED_OUTSIDE : kind];
}

static void enter_lane(struct exchange *x)
{
	x->job.run = run_slow;
	if (lane_enter(lane_of(x, verify_goes_outside(x)), x))
		return;
	count_quick_guess(x);
	too_many(x);
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

static void looked_at(struct exchange *x)
{
	x->looked_at = !x->quick_done;
	if (x->quick_done)
		verified(x);
	else if (x->abandoned)
		forget(x);
	else
		enter_lane(x);
}

static void quick_done(struct loop *loop, void *arg)
{
	struct exchange *x = arg;
	struct auth *a = x->auth;

	(void)loop;
	a->working--;
	looked_at(x);
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
	if (accounts_are_held(x->auth->context.accounts)) {
		start_job(x, run_quick);
		return;
	}
	/* Two changes of threads would take longer than the look. */
	x->state = WORKING;
	x->quick_done = verify_quickly(x);
	looked_at(x);
}

/* Not while its lane is full: a quick look alone would be a guess that costs
 * nothing. (Which lane that is, is known only then.) */
static void start_guess(struct exchange *x)
{
	if (x->address != THROTTLE_NO_ADDRESS &&
		lane_is_full(lane_of(x, false), x->auth) &&
		(!x->rules->outside || lane_is_full(lane_of(x, true), x->auth)))
		too_many(x);
	else
		start_verifying(x);
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
	answer_settle(x);
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
		await_turn(x, start_guess);
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
	x->proof_seen = true;
	step(x, buf_str(&x->response));
}

/* -------- from the front -------- */

void exchange_begin(struct peer *p, struct exchange *x, str initial)
{
	struct exchange **at = find_exchange(p, x->id);

	x->peer = p;
	x->next = *at;
	*at = x;
	p->count++;
	p->auth->context.exchanges++;
	step(x, initial);
}

struct exchange *exchange_find(struct peer *p, uint32_t id)
{
	return *find_exchange(p, id);
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
