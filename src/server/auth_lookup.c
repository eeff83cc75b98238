/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/log.h"
#include "base/secret.h"
#include "server/auth_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* A question under way. Its worker's; in the list until it is answered. */
struct call {
	struct call *next;
	uint32_t id;
	struct lookup_person *person;
	enum err result;
	bool done;
	pthread_cond_t answered;
};

struct lookups {
	pthread_mutex_t lock;
	struct call *calls; /* some dozens at most */
	uint32_t last_id;
};

struct lookups *lookups_new(void)
{
	struct lookups *l = xcalloc(1, sizeof *l);

	pthread_mutex_init(&l->lock, NULL);
	return l;
}

void lookups_free(struct lookups *l)
{
	if (!l)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* -------- on the loop -------- */

/* With the lock held; NULL when nobody waits for it any more. */
static struct call *take(struct lookups *l, uint32_t id)
{
	struct call **at = &l->calls, *call;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	call = *at;
	if (call)
		*at = call->next;
	return call;
}

static void finish(struct call *call, enum err e)
{
	call->result = e;
	call->done = true;
	pthread_cond_signal(&call->answered);
}

static void fail(struct lookups *l, uint32_t id)
{
	struct call *call;

	pthread_mutex_lock(&l->lock);
	call = take(l, id);
	if (call)
		finish(call, ERR_UNAVAILABLE);
	pthread_mutex_unlock(&l->lock);
}

void lookup_answered(struct auth *a, const struct ipc_msg *m)
{
	struct lookups *l = a->lookups;
	enum err answer = ERR_UNAVAILABLE;
	struct call *call;

	pthread_mutex_lock(&l->lock);
	call = take(l, m->id);
	if (call && lookup_answer_decode(m->payload, &answer, call->person)) {
		log_error("auth", "lookup's answer is malformed");
		answer = ERR_UNAVAILABLE;
	}
	if (call)
		finish(call, answer);
	pthread_mutex_unlock(&l->lock);
}

void lookup_gone(struct auth *a)
{
	struct lookups *l = a->lookups;

	pthread_mutex_lock(&l->lock);
	while (l->calls)
		finish(take(l, l->calls->id), ERR_UNAVAILABLE);
	pthread_mutex_unlock(&l->lock);
}

/* The channel is the loop's, so that it does not close under a worker. */
struct question {
	struct auth *auth;
	uint32_t id;
	struct buf bytes;
};

static void send_posted(struct loop *loop, void *arg)
{
	struct question *q = arg;
	struct peer *lookup = peer_find(q->auth, "lookup");
	enum err e = ERR_CLOSED;

	(void)loop;
	if (lookup)
		e = peer_send(lookup, IPC_LOOKUP, q->id, buf_str(&q->bytes));
	if (e) {
		log_error("auth", "lookup cannot be asked", LOG_ERR(e));
		fail(q->auth->lookups, q->id);
	}
	secret_wipe(q->bytes.p, q->bytes.cap);
	buf_fini(&q->bytes);
	free(q);
}

/* -------- on a worker -------- */

static void post_question(
	struct auth *a, uint32_t id, const struct lookup_request *request)
{
	struct question *q = xcalloc(1, sizeof *q);

	*q = (struct question){a, id, BUF_UNBOUNDED};
	/* In one piece: growing would leave copies of the password. */
	(void)buf_reserve(&q->bytes, 64 + request->name.n + request->secret.n +
					     request->remote.n +
					     request->protocol.n);
	lookup_request_encode(request, &q->bytes);
	loop_post(a->loop, send_posted, q);
}

static void begin(struct lookups *l, struct call *call)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&call->answered, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_lock(&l->lock);
	call->id = ++l->last_id;
	call->next = l->calls;
	l->calls = call;
	pthread_mutex_unlock(&l->lock);
}

static void wait_for_answer(struct auth *a, struct call *call)
{
	struct lookups *l = a->lookups;
	struct timespec until;
	int failed = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(a->context.lookup_ms / 1000);
	pthread_mutex_lock(&l->lock);
	while (!call->done && failed != ETIMEDOUT)
		failed = pthread_cond_timedwait(
			&call->answered, &l->lock, &until);
	if (!call->done) {
		(void)take(l, call->id);
		call->result = ERR_UNAVAILABLE;
	}
	pthread_mutex_unlock(&l->lock);
	pthread_cond_destroy(&call->answered);
	if (failed == ETIMEDOUT)
		log_error("auth", "no answer from lookup in time");
}

enum err lookup_call(struct auth *a, const struct lookup_request *request,
	struct lookup_person *person_r)
{
	struct call call = {.person = person_r};

	begin(a->lookups, &call);
	post_question(a, call.id, request);
	wait_for_answer(a, &call);
	return call.result;
}
