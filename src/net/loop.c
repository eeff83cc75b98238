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
	struct pool_job lead;		       /* goes on with the loop */
	struct pool_job *last[LOOP_LAST_MOST]; /* of this round */
	unsigned last_count, last_at;	       /* from here on they wait */
	bool ended;
	pthread_cond_t end;

	/* The number of the job that may last while the loop is its thread's;
	 * 0: there is none, or somebody took the loop from it. Who sets it to 0
	 * says what becomes of the loop. */
	_Atomic uint64_t watched;
	uint64_t number; /* of the last such job */
	/* The watchman, once there was one. */
	pthread_t watchman;
	pthread_mutex_t watch_lock; /* of all that follows */
	pthread_cond_t watch_wake;
	bool has_watchman, watch_ends;
	_Atomic bool watches; /* he does not sleep */
};

/* The loop that this thread runs; and that, while it runs its last job; whether
 * that one may last, and its number. */
static _Thread_local struct loop *led, *lent;
static _Thread_local uint64_t lasts;

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
	if (led != loop || !loop->pool || lasts ||
		loop->last_count == LOOP_LAST_MOST)
		return false;
	loop->last[loop->last_count++] = job;
	return true;
}

/* By whoever has the loop. */
static void give_away(struct loop *loop)
{
	while (loop->last_at < loop->last_count)
		pool_submit(loop->pool, loop->last[loop->last_at++]);
	loop->last_at = loop->last_count = 0;
	pool_submit_lasting(loop->pool, &loop->lead);
}

/* False: the watchman was faster, the loop is no longer this thread's. */
static bool take_back(struct loop *loop)
{
	uint64_t number = lasts;

	lasts = 0;
	if (!number ||
		atomic_compare_exchange_strong(&loop->watched, &number, 0))
		return true;
	led = lent = NULL;
	return false;
}

void loop_let_go(void)
{
	struct loop *loop = lent;

	if (!loop || !take_back(loop))
		return;
	led = lent = NULL;
	give_away(loop);
}

bool loop_is_here(struct loop *loop)
{
	return lent == loop && take_back(loop);
}

/* -------------------------------------------------------------- watchman */

/* Rounds without a job to watch before he sleeps. */
#define QUIET_ROUNDS 3

static void sleep_a_moment(void)
{
	const struct timespec moment = {.tv_nsec = LOOP_MOMENT_MS * 1000000};

	(void)nanosleep(&moment, NULL);
}

/* Until there is no such job any more. */
static void watch(struct loop *loop)
{
	uint64_t seen = 0;

	for (int quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
		uint64_t number;

		sleep_a_moment();
		number = atomic_load(&loop->watched);
		if (number && number == seen &&
			atomic_compare_exchange_strong(
				&loop->watched, &number, 0))
			give_away(loop);
		if (number)
			quiet = 0;
		seen = number;
	}
}

static void *run_watchman(void *arg)
{
	struct loop *loop = arg;

	pthread_mutex_lock(&loop->watch_lock);
	while (!loop->watch_ends) {
		atomic_store(&loop->watches, false);
		/* Who did not see that is seen here. */
		if (!atomic_load(&loop->watched))
			pthread_cond_wait(&loop->watch_wake, &loop->watch_lock);
		atomic_store(&loop->watches, true);
		pthread_mutex_unlock(&loop->watch_lock);
		watch(loop);
		pthread_mutex_lock(&loop->watch_lock);
	}
	pthread_mutex_unlock(&loop->watch_lock);
	return NULL;
}

static bool start_watchman(struct loop *loop)
{
	pthread_attr_t attr;

	if (loop->has_watchman)
		return true;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, POOL_STACK);
	loop->has_watchman =
		pthread_create(&loop->watchman, &attr, run_watchman, loop) == 0;
	pthread_attr_destroy(&attr);
	return loop->has_watchman;
}

static void wake_watchman(struct loop *loop)
{
	pthread_mutex_lock(&loop->watch_lock);
	atomic_store(&loop->watches, true);
	pthread_cond_signal(&loop->watch_wake);
	pthread_mutex_unlock(&loop->watch_lock);
}

static void end_watchman(struct loop *loop)
{
	if (!loop->has_watchman)
		return;
	pthread_mutex_lock(&loop->watch_lock);
	loop->watch_ends = true;
	pthread_cond_signal(&loop->watch_wake);
	pthread_mutex_unlock(&loop->watch_lock);
	pthread_join(loop->watchman, NULL);
}

void loop_may_last(void)
{
	struct loop *loop = lent;

	if (!loop || lasts)
		return;
	if (!start_watchman(loop)) {
		loop_let_go();
		return;
	}
	lasts = ++loop->number;
	atomic_store(&loop->watched, lasts);
	if (!atomic_load(&loop->watches))
		wake_watchman(loop);
}

/* ------------------------------------------------------------------- loop */

enum err loop_new(struct loop **loop_r)
{
	struct loop *loop = xcalloc(1, sizeof *loop);
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	enum err err = ERR_IO;

	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->end, NULL);
	pthread_mutex_init(&loop->watch_lock, NULL);
	pthread_cond_init(&loop->watch_wake, NULL);
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
	end_watchman(loop);
	if (loop->wake.fd >= 0)
		close(loop->wake.fd);
	if (loop->epoll >= 0)
		close(loop->epoll);
	pthread_mutex_destroy(&loop->lock);
	pthread_cond_destroy(&loop->end);
	pthread_mutex_destroy(&loop->watch_lock);
	pthread_cond_destroy(&loop->watch_wake);
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
	struct pool_job *job = loop->last[loop->last_at++];

	lent = loop;
	job->run(job);
	if (lent && take_back(loop))
		lent = NULL;
}

void loop_run_once(struct loop *loop, int wait_ms)
{
	int n = epoll_wait(loop->epoll, loop->batch, BATCH,
		loop->last_count ? 0 : until_timer(loop, wait_ms));

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
	while (led == loop && loop->last_at < loop->last_count)
		run_last(loop);
	if (led == loop)
		loop->last_at = loop->last_count = 0;
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
