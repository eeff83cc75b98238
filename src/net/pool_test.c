/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "net/loop.h"
#include "net/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct counter {
	struct pool_job job;
	atomic_int *ran;
};

static void run_count(struct pool_job *job)
{
	struct counter *c = LOOP_OWNER(job, struct counter, job);

	atomic_fetch_add(c->ran, 1);
	free(c);
}

static void submit_count(struct pool *pool, atomic_int *ran)
{
	struct counter *c = xcalloc(1, sizeof *c);

	c->job.run = run_count;
	c->ran = ran;
	pool_submit(pool, &c->job);
}

static void test_many_jobs(void **unused)
{
	struct pool *pool = pool_new(4, POOL_STACK);
	atomic_int ran = 0;

	(void)unused;
	assert_int_equal(pool_stats(pool).threads, 1);
	for (int i = 0; i < 5000; i++)
		submit_count(pool, &ran);
	assert_true(pool_stats(pool).threads <= 4);
	pool_drain(pool);
	assert_int_equal(ran, 5000);
	submit_count(pool, &ran);
	pool_free(pool);
	assert_int_equal(ran, 5001);
}

/* Jobs that wait for each other: only as many threads as jobs end it. */
struct meeting {
	struct pool_job job;
	pthread_barrier_t *barrier;
};

static void run_meet(struct pool_job *job)
{
	struct meeting *m = LOOP_OWNER(job, struct meeting, job);

	pthread_barrier_wait(m->barrier);
}

static void test_grows_on_demand(void **unused)
{
	struct pool *pool = pool_new(1, POOL_STACK);
	pthread_barrier_t barrier;
	struct meeting meetings[3];

	(void)unused;
	pthread_barrier_init(&barrier, NULL, COUNT_OF(meetings));
	pool_set_max(pool, 3);
	for (size_t i = 0; i < COUNT_OF(meetings); i++) {
		meetings[i] = (struct meeting){{NULL, run_meet}, &barrier};
		pool_submit(pool, &meetings[i].job);
	}
	pool_drain(pool);
	assert_int_equal(pool_stats(pool).threads, 3);
	/* Shrinks to the new maximum, at once when idle. */
	pool_set_max(pool, 1);
	while (pool_stats(pool).threads > 1)
		sched_yield();
	pthread_barrier_destroy(&barrier);
	pool_free(pool);
}

struct ordered {
	struct pool_job job;
	int number;
	int *seen;
	int *seen_count;
};

static void run_ordered(struct pool_job *job)
{
	struct ordered *o = LOOP_OWNER(job, struct ordered, job);

	o->seen[(*o->seen_count)++] = o->number;
}

static void test_first_come_first_served(void **unused)
{
	struct pool *pool = pool_new(1, POOL_STACK);
	struct ordered jobs[50];
	int seen[50], count = 0;

	(void)unused;
	for (int i = 0; i < 50; i++) {
		jobs[i] =
			(struct ordered){{NULL, run_ordered}, i, seen, &count};
		pool_submit(pool, &jobs[i].job);
	}
	pool_drain(pool);
	assert_int_equal(count, 50);
	for (int i = 0; i < 50; i++)
		assert_int_equal(seen[i], i);
	pool_free(pool);
}

/* A job may queue itself again; drain waits for that too. */
struct again {
	struct pool_job job;
	struct pool *pool;
	int left;
};

static void run_again(struct pool_job *job)
{
	struct again *a = LOOP_OWNER(job, struct again, job);

	if (a->left-- > 0)
		pool_submit(a->pool, job);
}

static void test_job_queues_itself(void **unused)
{
	struct pool *pool = pool_new(2, POOL_STACK);
	struct again a = {{NULL, run_again}, pool, 100};

	(void)unused;
	pool_submit(pool, &a.job);
	pool_drain(pool);
	assert_int_equal(a.left, -1);
	pool_free(pool);
}

/* Jobs that wait until all of them do: more than threads that work. */
struct waiter {
	struct pool_job job;
	struct pool *pool;
	pthread_barrier_t *all;
};

static void run_waiter(struct pool_job *job)
{
	struct waiter *w = LOOP_OWNER(job, struct waiter, job);

	pool_wait_begin(w->pool);
	pthread_barrier_wait(w->all);
	pool_wait_end(w->pool);
}

static void test_waiting_threads_do_not_count(void **unused)
{
	struct pool *pool = pool_new(2, POOL_STACK);
	struct waiter jobs[POOL_WAITING_MAX];
	pthread_barrier_t all;

	(void)unused;
	pthread_barrier_init(&all, NULL, POOL_WAITING_MAX);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < POOL_WAITING_MAX; i++) {
			jobs[i] =
				(struct waiter){{NULL, run_waiter}, pool, &all};
			pool_submit(pool, &jobs[i].job);
		}
		pool_drain(pool);
	}
	pthread_barrier_destroy(&all);
	pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_jobs),
		cmocka_unit_test(test_grows_on_demand),
		cmocka_unit_test(test_first_come_first_served),
		cmocka_unit_test(test_job_queues_itself),
		cmocka_unit_test(test_waiting_threads_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
