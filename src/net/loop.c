/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * Coarse timers lie in a wheel of seconds. A slot holds what is due in any
 * second that is equal to it modulo the wheel's size; what is due a round
 * later stays in it. 34 minutes: more than the longest usual deadline.
 */
enum { SLOTS = 2048, WORDS = SLOTS / 64, BATCH = 128 };
#define EXACT UINT32_MAX
enum { TICK_MS = 1000 };

struct posted {
	void (*fn)(struct loop *, void *);
	void *arg;
};

struct posts {
	struct posted *list;
	size_t count, room;
};

struct loop {
	int epoll;
	struct loop_watch wake; /* an eventfd */
	uint64_t now_ms;
	atomic_bool stopping;

	/* Events fetched and not yet delivered: batch[at..count). */
	struct epoll_event batch[BATCH];
	int at, count;

	struct loop_timer *exact; /* sorted by due */
	struct loop_timer *wheel[SLOTS];
	uint64_t used[WORDS]; /* bit n: wheel[n] is not empty */
	uint64_t tick;	      /* seconds that have been looked at */

	pthread_mutex_t lock; /* of posts and `ended` */
	struct posts posts;

	/* Sharing. */
	struct pool *pool;
	struct pool_job lead; /* goes on with the loop */
	struct pool_job *last;
	bool ended;
	pthread_cond_t end;
};

/* The loop that this thread runs; and that, while it runs its last job. */
static _Thread_local struct loop *led, *lent;

/* ----------------------------------------------------------------- timers */

static void unlink_timer(struct loop *loop, struct loop_timer *t)
{
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->link = NULL;
	if (t->slot != EXACT && !loop->wheel[t->slot])
		loop->used[t->slot / 64] &= ~(UINT64_C(1) << t->slot % 64);
}

static void link_timer(struct loop_timer **at, struct loop_timer *t)
{
	t->next = *at;
	t->link = at;
	if (t->next)
		t->next->link = &t->next;
	*at = t;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *t)
{
	if (t->link)
		unlink_timer(loop, t);
}

void loop_timer_set(struct loop *loop, struct loop_timer *t, uint64_t ms,
	void (*fn)(struct loop *, struct loop_timer *))
{
	loop_timer_cancel(loop, t);
	t->fn = fn;
	/* Rounded up: never early, and never in a second already looked at. */
	t->due = (clock_monotonic_ms() + ms) / TICK_MS + 1;
	t->slot = (uint32_t)(t->due % SLOTS);
	link_timer(&loop->wheel[t->slot], t);
	loop->used[t->slot / 64] |= UINT64_C(1) << t->slot % 64;
}

void loop_timer_set_exact(struct loop *loop, struct loop_timer *t, uint64_t ms,
	void (*fn)(struct loop *, struct loop_timer *))
{
	struct loop_timer **at = &loop->exact;

	loop_timer_cancel(loop, t);
	t->fn = fn;
	t->due = clock_monotonic_ms() + ms;
	t->slot = EXACT;
	while (*at && (*at)->due <= t->due)
		at = &(*at)->next;
	link_timer(at, t);
}

static void run_exact(struct loop *loop)
{
	while (loop->exact && loop->exact->due <= loop->now_ms) {
		struct loop_timer *t = loop->exact;

		unlink_timer(loop, t);
		t->fn(loop, t);
	}
}

/* A callback may cancel any timer of the slot, so that what is due is first
 * moved to a list of its own, which cancelling keeps intact. */
static void run_slot(struct loop *loop, uint32_t slot)
{
	struct loop_timer *due = NULL, *next;

	for (struct loop_timer *t = loop->wheel[slot]; t; t = next) {
		next = t->next;
		if (t->due > loop->tick)
			continue;
		unlink_timer(loop, t);
		t->slot = EXACT;
		link_timer(&due, t);
	}
	while (due) {
		struct loop_timer *t = due;

		unlink_timer(loop, t);
		t->fn(loop, t);
	}
}

/* How many ticks after loop->tick the next slot in use comes; 0: none. */
static uint32_t next_used(const struct loop *loop)
{
	for (uint32_t ahead = 1; ahead <= SLOTS;) {
		uint32_t slot = (uint32_t)((loop->tick + ahead) % SLOTS);
		uint64_t bits = loop->used[slot / 64] >> slot % 64;

		if (bits)
			return ahead + (uint32_t)__builtin_ctzll(bits);
		ahead += 64 - slot % 64;
	}
	return 0;
}

static void run_wheel(struct loop *loop)
{
	uint64_t now = loop->now_ms / TICK_MS;

	while (loop->tick < now) {
		uint32_t ahead = next_used(loop);

		if (!ahead || loop->tick + ahead > now) {
			loop->tick = now;
			return;
		}
		loop->tick += ahead;
		run_slot(loop, (uint32_t)(loop->tick % SLOTS));
	}
}

/* Milliseconds until a timer may be due; at most wait_ms (-1: for ever). */
static int until_timer(const struct loop *loop, int wait_ms)
{
	uint32_t ahead = next_used(loop);
	uint64_t now = clock_monotonic_ms();
	uint64_t due = UINT64_MAX;

	if (ahead)
		due = (loop->tick + ahead) * TICK_MS;
	if (loop->exact && loop->exact->due < due)
		due = loop->exact->due;
	if (due <= now)
		return 0;
	if (due == UINT64_MAX ||
		(wait_ms >= 0 && due - now > (uint64_t)wait_ms))
		return wait_ms;
	return (int)(due - now);
}

/* ---------------------------------------------------------------- posting */

static void wake_up(struct loop *loop)
{
	uint64_t one = 1;
	ssize_t n;

	do
		n = write(loop->wake.fd, &one, sizeof one);
	while (n < 0 && errno == EINTR);
}

void loop_post(struct loop *loop, void (*fn)(struct loop *, void *), void *arg)
{
	struct posts *posts = &loop->posts;
	bool was_empty;

	pthread_mutex_lock(&loop->lock);
	was_empty = posts->count == 0;
	if (posts->count == posts->room) {
		posts->room = posts->room ? posts->room * 2 : 16;
		posts->list =
			xrealloc(posts->list, posts->room, sizeof *posts->list);
	}
	posts->list[posts->count++] = (struct posted){fn, arg};
	pthread_mutex_unlock(&loop->lock);
	if (was_empty)
		wake_up(loop);
}

static void run_posts(struct loop *loop)
{
	struct posts now;

	pthread_mutex_lock(&loop->lock);
	now = loop->posts;
	loop->posts = (struct posts){0};
	pthread_mutex_unlock(&loop->lock);
	for (size_t i = 0; i < now.count; i++)
		now.list[i].fn(loop, now.list[i].arg);
	free(now.list);
}

static void on_wake(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	uint64_t count;
	ssize_t n = read(watch->fd, &count, sizeof count);

	(void)n;
	(void)events;
	run_posts(loop);
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stopping, true);
	wake_up(loop);
}

/* ------------------------------------------------------------ descriptors */

static enum err control(
	struct loop *loop, int operation, struct loop_watch *watch)
{
	struct epoll_event event = {
		.events = watch->interest, .data.ptr = watch};

	if (epoll_ctl(loop->epoll, operation, watch->fd, &event) == 0)
		return OK;
	return err_from_errno(errno);
}

enum err loop_add(struct loop *loop, struct loop_watch *watch, int fd,
	uint32_t interest,
	void (*fn)(struct loop *, struct loop_watch *, uint32_t))
{
	enum err err;

	*watch = (struct loop_watch){fn, fd, interest};
	err = control(loop, EPOLL_CTL_ADD, watch);
	if (err) {
		log_error("loop", "cannot watch a descriptor", LOG_ERR(err));
		watch->fn = NULL;
	}
	return err;
}

void loop_want(struct loop *loop, struct loop_watch *watch, uint32_t interest)
{
	enum err err;

	if (watch->interest == interest)
		return;
	watch->interest = interest;
	err = control(loop, EPOLL_CTL_MOD, watch);
	assert(err == OK);
	(void)err;
}

void loop_rearm(struct loop *loop, struct loop_watch *watch)
{
	enum err err = control(loop, EPOLL_CTL_MOD, watch);

	assert(err == OK);
	(void)err;
}

void loop_remove(struct loop *loop, struct loop_watch *watch)
{
	if (!watch->fn)
		return;
	if (control(loop, EPOLL_CTL_DEL, watch) != OK)
		assert(0 && "removed before its descriptor was closed");
	watch->fn = NULL;
	for (int i = loop->at; i < loop->count; i++) {
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
	}
}

/* ---------------------------------------------------------------- sharing */

static void lead(struct loop *loop);

static void lead_in_pool(struct pool_job *job)
{
	lead(LOOP_OWNER(job, struct loop, lead));
}

void loop_share(struct loop *loop, struct pool *pool)
{
	loop->pool = pool;
	loop->lead.run = lead_in_pool;
}

bool loop_run_last(struct loop *loop, struct pool_job *job)
{
	if (led != loop || !loop->pool || loop->last)
		return false;
	loop->last = job;
	return true;
}

void loop_let_go(void)
{
	struct loop *loop = lent;

	if (!loop)
		return;
	led = lent = NULL;
	pool_submit_lasting(loop->pool, &loop->lead);
}

bool loop_is_here(const struct loop *loop)
{
	return lent == loop;
}

/* ------------------------------------------------------------------- loop */

enum err loop_new(struct loop **loop_r)
{
	struct loop *loop = xcalloc(1, sizeof *loop);
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	enum err err = ERR_IO;

	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->end, NULL);
	loop->wake.fd = fd;
	loop->now_ms = clock_monotonic_ms();
	loop->tick = loop->now_ms / TICK_MS;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (fd >= 0 && loop->epoll >= 0)
		err = loop_add(loop, &loop->wake, fd, EPOLLIN, on_wake);
	if (err) {
		loop_free(loop);
		return err;
	}
	*loop_r = loop;
	return OK;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->wake.fd >= 0)
		close(loop->wake.fd);
	if (loop->epoll >= 0)
		close(loop->epoll);
	pthread_mutex_destroy(&loop->lock);
	pthread_cond_destroy(&loop->end);
	free(loop->posts.list);
	free(loop);
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

/* Others may have the loop when this returns. */
static void run_last(struct loop *loop)
{
	struct pool_job *job = loop->last;

	loop->last = NULL;
	lent = loop;
	job->run(job);
	lent = NULL;
}

void loop_run_once(struct loop *loop, int wait_ms)
{
	int n = epoll_wait(loop->epoll, loop->batch, BATCH,
		loop->last ? 0 : until_timer(loop, wait_ms));

	loop->now_ms = clock_monotonic_ms();
	loop->at = 0;
	loop->count = n > 0 ? n : 0;
	while (loop->at < loop->count) {
		struct epoll_event *event = &loop->batch[loop->at++];
		struct loop_watch *watch = event->data.ptr;

		if (watch)
			watch->fn(loop, watch, event->events);
	}
	run_exact(loop);
	run_wheel(loop);
	if (loop->last)
		run_last(loop);
}

/* Until it is stopped or let go. */
static void lead(struct loop *loop)
{
	led = loop;
	while (led == loop && !atomic_load(&loop->stopping))
		loop_run_once(loop, -1);
	if (led != loop)
		return;
	led = NULL;
	pthread_mutex_lock(&loop->lock);
	loop->ended = true;
	pthread_cond_signal(&loop->end);
	pthread_mutex_unlock(&loop->lock);
}

void loop_run(struct loop *loop)
{
	lead(loop);
	pthread_mutex_lock(&loop->lock);
	while (!loop->ended)
		pthread_cond_wait(&loop->end, &loop->lock);
	loop->ended = false;
	pthread_mutex_unlock(&loop->lock);
	atomic_store(&loop->stopping, false);
	if (loop->pool)
		pool_lasting_ended(loop->pool);
	run_posts(loop);
}
