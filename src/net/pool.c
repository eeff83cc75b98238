/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pool.h"
#include "base/alloc.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { IDLE_SECONDS = 10 };

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work;  /* a job was queued, or the pool ends */
	pthread_cond_t quiet; /* nothing queued and nothing running */
	struct pool_job *first, **last;
	size_t queued;
	unsigned max, threads, idle, running, waiting;
	bool ending;
	size_t stack;
	/* The thread that ended last; it joined the one before it, so that
	 * joining this one joins them all. */
	pthread_t ended;
	bool has_ended;
};

struct pool *pool_new(unsigned max_threads, size_t stack)
{
	struct pool *pool = xcalloc(1, sizeof *pool);
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, &attr);
	pthread_cond_init(&pool->quiet, NULL);
	pthread_condattr_destroy(&attr);
	pool->last = &pool->first;
	pool->max = max_threads ? max_threads : 1;
	pool->stack = stack;
	return pool;
}

/* Threads that there may be now. */
static unsigned limit(const struct pool *pool)
{
	return pool->max + (pool->waiting < POOL_WAITING_MAX
					   ? pool->waiting
					   : POOL_WAITING_MAX);
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
	pthread_mutex_unlock(&pool->lock);
	job->run(job);
	pthread_mutex_lock(&pool->lock);
	pool->running--;
	if (!pool->running && !pool->first)
		pthread_cond_broadcast(&pool->quiet);
}

/* False when none came for so long that the thread may go. */
static bool wait_for_job(struct pool *pool)
{
	struct timespec until;
	int failed = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	pool->idle++;
	while (!pool->first && !pool->ending && failed != ETIMEDOUT &&
		pool->threads <= limit(pool))
		failed = pthread_cond_timedwait(
			&pool->work, &pool->lock, &until);
	pool->idle--;
	return pool->first;
}

/* Joins the thread that ended before this one: it has nothing left to do but
 * to return. */
static void leave(struct pool *pool)
{
	pthread_t before = pool->ended;
	bool has_before = pool->has_ended;

	pool->threads--;
	pool->ended = pthread_self();
	pool->has_ended = true;
	pthread_cond_broadcast(&pool->quiet);
	pthread_mutex_unlock(&pool->lock);
	if (has_before)
		pthread_join(before, NULL);
}

static void *work(void *arg)
{
	struct pool *pool = arg;

	pthread_mutex_lock(&pool->lock);
	while (pool->threads <= limit(pool) &&
		(pool->first || wait_for_job(pool)))
		run_job(pool);
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
		return;
	}
	log_error("pool", "cannot start a thread",
		LOG_ERR(err_from_errno(failed)),
		LOG_U64("threads", pool->threads));
	if (!pool->threads)
		abort();
}

static void start_if_needed(struct pool *pool)
{
	if (pool->queued > pool->idle && pool->threads < limit(pool))
		start_thread(pool);
}

void pool_submit(struct pool *pool, struct pool_job *job)
{
	pthread_mutex_lock(&pool->lock);
	assert(!pool->ending);
	job->next = NULL;
	*pool->last = job;
	pool->last = &job->next;
	pool->queued++;
	start_if_needed(pool);
	pthread_cond_signal(&pool->work);
	pthread_mutex_unlock(&pool->lock);
}

void pool_wait_begin(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->waiting++;
	start_if_needed(pool);
	pthread_mutex_unlock(&pool->lock);
}

void pool_wait_end(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->waiting--;
	pthread_mutex_unlock(&pool->lock);
}

void pool_set_max(struct pool *pool, unsigned max_threads)
{
	pthread_mutex_lock(&pool->lock);
	pool->max = max_threads ? max_threads : 1;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
}

void pool_drain(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	while (pool->first || pool->running)
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
	pthread_cond_broadcast(&pool->work);
	while (pool->threads)
		pthread_cond_wait(&pool->quiet, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	if (pool->has_ended)
		pthread_join(pool->ended, NULL);
	pthread_cond_destroy(&pool->work);
	pthread_cond_destroy(&pool->quiet);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
