/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: threads that run jobs, first come, first served. It grows on demand up
 * to a maximum and lets threads go that had nothing to do for some seconds, but
 * one: when no thread is to be had, jobs wait for those that are there.
 * Stacks are small (with a guard page); jobs are embedded in their owner's
 * struct, so that queueing allocates nothing. All functions: any thread.
 */
#ifndef NET_POOL_H
#define NET_POOL_H

#include "base/err.h"

#include <stddef.h>

struct pool;

/* Not queued again before it ran; the pool does not touch it any more once
 * `run` began, so that run may free or queue it again. */
struct pool_job {
	struct pool_job *next;
	void (*run)(struct pool_job *);
};

#define POOL_STACK (256 * 1024)

/* Threads that may be in addition while others wait. */
#define POOL_WAITING_MAX 64

struct pool_stats {
	unsigned threads; /* alive */
	unsigned idle;
	size_t queued; /* not begun */
};

/* Starts the first thread; without one it ends the process. stack: bytes,
 * POOL_STACK unless known better. */
struct pool *pool_new(unsigned max_threads, size_t stack);
/* Drains, ends all threads. */
void pool_free(struct pool *);
/* At least 1. More threads than that end after their job. */
void pool_set_max(struct pool *, unsigned max_threads);

void pool_submit(struct pool *, struct pool_job *);
/* A job that lasts, at once; one of them may. Its thread is in addition to the
 * maximum, and pool_drain does not wait for it. When there is one already, that
 * one is as other jobs are from now on. */
void pool_submit_lasting(struct pool *, struct pool_job *);
void pool_lasting_ended(struct pool *);
/* From a job that is about to wait long for something that many can wait for
 * at once, as for a disk to sync: meanwhile its thread does not count towards
 * the maximum, and others work and come to wait for the same. */
void pool_wait_begin(struct pool *);
void pool_wait_end(struct pool *);
/* Waits until no job is queued or running, also those submitted meanwhile.
 * Never from a job. */
void pool_drain(struct pool *);
struct pool_stats pool_stats(struct pool *);

#endif
