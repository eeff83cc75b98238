/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pool.h"
#include "base/alloc.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IDLE_SECONDS = 10 };

/* A thread without a job. The last to lie down is the first to be woken: what
 * it worked with is still in the caches. It is woken after the lock was let go,
 * which it would wait for. */
struct sleeper {
	sem_t wake;
	bool woken; /* or will be in a moment */
	struct sleeper *next;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t quiet; /* nothing queued and nothing running */
	struct sleeper *sleepers;
	struct pool_job *first, **last;
	size_t queued;
	unsigned max, threads, idle, running, waiting;
	unsigned waking;  /* woken or started, and not yet there */
	unsigned surplus; /* threads that are to end, for there may be fewer */
	bool lasting;	  /* one of those that run or are queued is */
	bool ending;
	bool failing; /* to start threads, and it was logged */
	size_t stack;
	/* The thread that ended last; it joined the one before it, so that
	 * joining this one joins them all. */
	pthread_t ended;
	bool has_ended;
};

/* Whether a thread may take a job: those that wait do not count. */
static bool may_run(const struct pool *pool)
{
	return pool->first && pool->running + pool->waking <
				      pool->max + pool->waiting + pool->lasting;
}

static bool is_quiet(const struct pool *pool)
{
	return pool->running <= pool->lasting && !pool->first;
}

static void tell_quiet(struct pool *pool)
{
	if (is_quiet(pool))
		pthread_cond_broadcast(&pool->quiet);
}

static struct pool_job *take_job(struct pool *pool)
{
	struct pool_job *job = pool->first;

	pool->first = job->next;
	if (!pool->first)
		pool->last = &pool->first;
	pool->queued--;
	return job;
}

static void run_job(struct pool *pool)
{
	struct pool_job *job = take_job(pool);

	pool->running++;
	tell_quiet(pool); /* it may be the one that lasts */
	pthread_mutex_unlock(&pool->lock);
	job->run(job);
	pthread_mutex_lock(&pool->lock);
	pool->running--;
	tell_quiet(pool);
}

static void lie_down(struct pool *pool, struct sleeper *s)
{
	sem_init(&s->wake, 0, 0);
	s->woken = false;
	s->next = pool->sleepers;
	pool->sleepers = s;
	pool->idle++;
}

static void get_up(struct pool *pool, struct sleeper *s)
{
	struct sleeper **at = &pool->sleepers;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	pool->idle--;
	s->woken = true;
	pool->waking++;
}

/* With the lock held, which is let go meanwhile; for ever, or some seconds. */
static void sleep_until_woken(struct pool *pool, struct sleeper *s, bool ever)
{
	struct timespec until;
	int failed;

	pthread_mutex_unlock(&pool->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	do
		failed =
			ever ? sem_wait(&s->wake)
			     : sem_clockwait(&s->wake, CLOCK_MONOTONIC, &until);
	while (failed && errno == EINTR);
	pthread_mutex_lock(&pool->lock);
	/* Just now: nobody may touch what is gone. */
	while (failed && s->woken && sem_wait(&s->wake))
		;
}

/* False when none came for so long that the thread may go. The last one stays:
 * there may be no other when it is wanted. */
static bool wait_for_job(struct pool *pool)
{
	struct sleeper self;
	bool woken;

	if (pool->surplus || pool->ending)
		return false;
	lie_down(pool, &self);
	do
		sleep_until_woken(pool, &self, pool->threads == 1);
	while (!self.woken && pool->threads == 1);
	woken = self.woken;
	if (!woken)
		get_up(pool, &self);
	pool->waking--;
	sem_destroy(&self.wake);
	return woken && !pool->surplus && !pool->ending;
}

static struct sleeper *rouse(struct pool *pool);
static void unlock(struct pool *pool, struct sleeper *roused);

/* Joins the thread that ended before this one: it has nothing left to do but
 * to return. */
static void leave(struct pool *pool)
{
	pthread_t before = pool->ended;
	bool has_before = pool->has_ended;
	struct sleeper *roused;

	pool->threads--;
	pool->surplus -= pool->surplus > 0;
	roused = rouse(pool);
	pool->ended = pthread_self();
	pool->has_ended = true;
	pthread_cond_broadcast(&pool->quiet);
	unlock(pool, roused);
	if (has_before)
		pthread_join(before, NULL);
}

static void *work(void *arg)
{
	struct pool *pool = arg;
	bool stays = true;

	pthread_mutex_lock(&pool->lock);
	pool->waking--;
	while (stays)
		if (may_run(pool) && !pool->surplus)
			run_job(pool);
		else
			stays = wait_for_job(pool);
	leave(pool);
	return NULL;
}

/* With the lock held. Without a single thread jobs would never run, which is
 * no better than ending here. */
static void start_thread(struct pool *pool)
{
	pthread_attr_t attr;
	pthread_t thread;
	int failed;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, pool->stack);
	failed = pthread_create(&thread, &attr, work, pool);
	pthread_attr_destroy(&attr);
	if (!failed) {
		pool->threads++;
		pool->waking++;
		pool->failing = false;
		return;
	}
	if (!pool->failing)
		log_error("pool",
			"cannot start a thread; what is to be done waits for "
			"those that are there",
			LOG_C("reason", strerror(failed)),
			LOG_U64("threads", pool->threads));
	pool->failing = true;
	if (!pool->threads)
		abort();
}

struct pool *pool_new(unsigned max_threads, size_t stack)
{
	struct pool *pool = xcalloc(1, sizeof *pool);

	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->quiet, NULL);
	pool->last = &pool->first;
	pool->max = max_threads ? max_threads : 1;
	pool->stack = stack;
	pthread_mutex_lock(&pool->lock);
	start_thread(pool);
	pthread_mutex_unlock(&pool->lock);
	return pool;
}

static struct sleeper *call_first(struct pool *pool)
{
	struct sleeper *s = pool->sleepers;

	get_up(pool, s);
	return s;
}

/* After a job came, or one more may run. Whom it returns is to be woken. */
static struct sleeper *rouse(struct pool *pool)
{
	if (!may_run(pool))
		return NULL;
	if (pool->sleepers)
		return call_first(pool);
	if (pool->threads < pool->max + pool->lasting + POOL_WAITING_MAX)
		start_thread(pool);
	return NULL;
}

static void wake(struct sleeper *s)
{
	if (s)
		sem_post(&s->wake);
}

static void unlock(struct pool *pool, struct sleeper *roused)
{
	pthread_mutex_unlock(&pool->lock);
	wake(roused);
}

void pool_submit(struct pool *pool, struct pool_job *job)
{
	pthread_mutex_lock(&pool->lock);
	assert(!pool->ending);
	job->next = NULL;
	*pool->last = job;
	pool->last = &job->next;
	pool->queued++;
	unlock(pool, rouse(pool));
}

void pool_submit_lasting(struct pool *pool, struct pool_job *job)
{
	pthread_mutex_lock(&pool->lock);
	assert(!pool->ending);
	pool->lasting = true;
	job->next = pool->first;
	pool->first = job;
	if (!job->next)
		pool->last = &job->next;
	pool->queued++;
	unlock(pool, rouse(pool));
}

void pool_lasting_ended(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->lasting = false;
	tell_quiet(pool);
	pthread_mutex_unlock(&pool->lock);
}

void pool_wait_begin(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->waiting++;
	unlock(pool, rouse(pool));
}

void pool_wait_end(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->waiting--;
	pthread_mutex_unlock(&pool->lock);
}

void pool_set_max(struct pool *pool, unsigned max_threads)
{
	unsigned most;

	pthread_mutex_lock(&pool->lock);
	pool->max = max_threads ? max_threads : 1;
	most = pool->max + pool->lasting;
	pool->surplus = pool->threads > most ? pool->threads - most : 0;
	while (pool->surplus && pool->sleepers)
		wake(call_first(pool));
	for (size_t i = 0; i < pool->queued; i++)
		wake(rouse(pool));
	pthread_mutex_unlock(&pool->lock);
}

void pool_drain(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	while (!is_quiet(pool))
		pthread_cond_wait(&pool->quiet, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}

struct pool_stats pool_stats(struct pool *pool)
{
	struct pool_stats stats;

	pthread_mutex_lock(&pool->lock);
	stats = (struct pool_stats){pool->threads, pool->idle, pool->queued};
	pthread_mutex_unlock(&pool->lock);
	return stats;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pool_drain(pool);
	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	while (pool->sleepers)
		wake(call_first(pool));
	while (pool->threads)
		pthread_cond_wait(&pool->quiet, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	if (pool->has_ended)
		pthread_join(pool->ended, NULL);
	pthread_cond_destroy(&pool->quiet);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
