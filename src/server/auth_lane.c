/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"
#include "net/scoreboard.h"
#include "server/auth_private.h"

#include <pthread.h>

/* yescrypt and argon2 keep their memory elsewhere, sanitizers do not. */
#define WORKER_STACK (1024 * 1024)
#define QUICK_THREADS 2

/* Logins. Some seconds' work for two threads: who comes later than that is
 * better told so. Those that are trusted do not come in floods. */
static const size_t queue_max[LANES] = {[LANE_TRUSTED] = 1024,
	[LANE_OTHERS] = 256,
	[LANE_TRUSTED_OUTSIDE] = 1024,
	[LANE_OTHERS_OUTSIDE] = 256};

/* Whose threads hash for it. */
static enum lane_kind hashing_of(enum lane_kind kind)
{
	return kind % LANE_TRUSTED_OUTSIDE;
}

void lanes_begin(struct auth *a)
{
	for (enum lane_kind i = 0; i < LANES; i++) {
		struct lane *lane = &a->lanes[i];

		lane->waiting = pool_new(1, WORKER_STACK);
		if (hashing_of(i) == i)
			lane->hashing = pool_new(1, WORKER_STACK);
		else
			lane->hashing = a->lanes[hashing_of(i)].hashing;
		lane->last = &lane->first;
	}
	a->quick = pool_new(QUICK_THREADS, WORKER_STACK);
	a->resolvers = pool_new(1, WORKER_STACK);
}

/* Lookup answers some questions at a time: logins of strangers take half of
 * that at most. */
void lanes_set(struct auth *a)
{
	const struct config *config = a->role.config;

	for (enum lane_kind i = 0; i < LANES; i++) {
		struct lane *lane = &a->lanes[i];
		unsigned hashing = (unsigned)config->workers_auth_threads,
			 asking = (unsigned)config->workers_lookup_threads;

		lane->running_max = hashing;
		if (i == LANE_TRUSTED_OUTSIDE)
			lane->running_max = asking;
		else if (i == LANE_OTHERS_OUTSIDE)
			lane->running_max = (asking + 1) / 2;
		pool_set_max(lane->waiting, lane->running_max);
		if (hashing_of(i) == i)
			pool_set_max(lane->hashing, hashing);
	}
	/* Mail waits for the sources too: a quarter of lookup's threads. */
	pool_set_max(a->resolvers,
		a->rules->outside
			? 1 + (unsigned)config->workers_lookup_threads / 4
			: QUICK_THREADS);
}

void lanes_end(struct auth *a)
{
	pool_free(a->quick);
	pool_free(a->resolvers);
	for (enum lane_kind i = 0; i < LANES; i++)
		pool_free(a->lanes[i].waiting);
	for (enum lane_kind i = 0; i < LANES; i++)
		if (hashing_of(i) == i)
			pool_free(a->lanes[i].hashing);
}

/* -------- the queue -------- */

static struct exchange *pop(struct lane *lane)
{
	struct exchange *x = lane->first;

	lane_leave(lane, x);
	return x;
}

static void pump(struct lane *lane)
{
	while (lane->first && lane->running < lane->running_max) {
		struct exchange *x = pop(lane);

		if (!exchange_turn(x))
			continue;
		lane->running++;
		x->state = WORKING;
		x->auth->working++;
		pool_submit(lane->waiting, &x->job);
	}
}

bool lane_is_full(const struct lane *lane, const struct auth *a)
{
	return lane->queued >= queue_max[lane - a->lanes];
}

bool lane_enter(struct lane *lane, struct exchange *x)
{
	if (lane_is_full(lane, x->auth))
		return false;
	x->lane = lane;
	x->state = QUEUED;
	x->queue_next = NULL;
	x->queue_link = lane->last;
	*lane->last = x;
	lane->last = &x->queue_next;
	lane->queued++;
	x->auth->working++;
	SCOREBOARD_ADD(x->auth->page, logins_queued, 1);
	pump(lane);
	return true;
}

void lane_leave(struct lane *lane, struct exchange *x)
{
	*x->queue_link = x->queue_next;
	if (x->queue_next)
		x->queue_next->queue_link = x->queue_link;
	else
		lane->last = x->queue_link;
	x->queue_link = NULL;
	lane->queued--;
	x->auth->working--;
	SCOREBOARD_SUB(x->auth->page, logins_queued, 1);
}

void lane_done(struct lane *lane, struct exchange *x)
{
	x->lane = NULL;
	x->auth->working--;
	lane->running--;
	pump(lane);
}

/* -------- hashing -------- */

struct hash_call {
	struct pool_job job;
	str password;
	const char *hash;
	enum err result;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool done;
};

static void run_hash(struct pool_job *job)
{
	struct hash_call *call = LOOP_OWNER(job, struct hash_call, job);
	enum err e = ERR_AUTH;

	if (call->hash)
		e = password_verify(call->password, call->hash);
	else
		password_verify_nobody(call->password);
	pthread_mutex_lock(&call->lock);
	call->result = e;
	call->done = true;
	/* The waiter takes the struct away once it has the lock. */
	pthread_cond_signal(&call->ended);
	pthread_mutex_unlock(&call->lock);
}

enum err lane_hash(struct lane *lane, str password, const char *hash)
{
	struct hash_call call = {.job = {.run = run_hash},
		.password = password,
		.hash = hash,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.ended = PTHREAD_COND_INITIALIZER};

	pool_submit(lane->hashing, &call.job);
	pthread_mutex_lock(&call.lock);
	while (!call.done)
		pthread_cond_wait(&call.ended, &call.lock);
	pthread_mutex_unlock(&call.lock);
	pthread_mutex_destroy(&call.lock);
	pthread_cond_destroy(&call.ended);
	return call.result;
}
