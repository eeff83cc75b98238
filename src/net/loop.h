/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop: one thread that waits for many descriptors. A registered descriptor
 * costs its owner's struct and nothing here: the watch (16 bytes) and the
 * timer (40) are embedded in it, and no allocation is made per descriptor.
 *
 * Threads: a loop belongs to the thread that runs it. Only loop_post,
 * loop_stop, loop_add and loop_rearm may be called from others; everything else
 * that another thread wants done, it posts. A loop that is shared with a pool
 * can change its thread between two rounds (loop_let_go, loop_may_last).
 *
 * Lifetime: a callback may remove and free any watch or timer, its own too;
 * events already fetched for a removed watch are dropped.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;

/*
 * Interest and events are epoll's: EPOLLIN, EPOLLOUT, EPOLLRDHUP, with
 * EPOLLONESHOT (after one event it is silent until loop_rearm) and
 * EPOLLEXCLUSIVE (listeners shared by processes). EPOLLHUP and EPOLLERR come
 * unasked. Level-triggered unless EPOLLET is given.
 */
struct loop_watch {
	void (*fn)(struct loop *, struct loop_watch *, uint32_t events);
	int fd; /* the owner's; the loop never closes it */
	uint32_t interest;
};

struct loop_timer {
	struct loop_timer *next;
	struct loop_timer **link; /* what points here; NULL when not set */
	void (*fn)(struct loop *, struct loop_timer *);
	uint64_t due; /* clock_monotonic_ms */
	uint32_t slot;
};

/* The struct that a watch or timer is embedded in. */
#define LOOP_OWNER(part, type, member)                                         \
	((type *)(void *)((char *)(part)-offsetof(type, member)))

MUST enum err loop_new(struct loop **loop_r);
/* Nothing registered is told. */
void loop_free(struct loop *);
/* Until loop_stop. */
void loop_run(struct loop *);
/* Waits at most `wait_ms` (-1: for ever), runs what is due, returns. */
void loop_run_once(struct loop *, int wait_ms);
/* Any thread; also before loop_run, which then returns at once. */
void loop_stop(struct loop *);

/* The time when this round's events were fetched: clock_monotonic_ms without
 * its cost. */
uint64_t loop_now_ms(const struct loop *);

/* Sets fn, fd and interest of the watch and registers it. Any thread, as
 * loop_rearm. */
MUST enum err loop_add(struct loop *, struct loop_watch *, int fd,
	uint32_t interest,
	void (*fn)(struct loop *, struct loop_watch *, uint32_t events));
/* Changes what is waited for; 0 keeps the descriptor registered but silent
 * (but for EPOLLHUP and EPOLLERR). No system call when nothing changes. */
void loop_want(struct loop *, struct loop_watch *, uint32_t interest);
/* Wakes an EPOLLONESHOT watch up again, with its interest. Any thread, but the
 * next event may run in the loop's thread before this returns: last thing to
 * do with the watch's owner. */
void loop_rearm(struct loop *, struct loop_watch *);
/* Before the descriptor is closed. Nothing happens when it is not registered
 * (fn is NULL, as in zeroed memory). */
void loop_remove(struct loop *, struct loop_watch *);

/*
 * Fires once, after at least `ms` and up to 1 s later: for the deadlines of
 * very many connections. Setting it again moves it; O(1) all of it. A timer
 * of zeroed memory is not set.
 */
void loop_timer_set(struct loop *, struct loop_timer *, uint64_t ms,
	void (*fn)(struct loop *, struct loop_timer *));
/* To the millisecond; for a few timers at a time (a sorted list). */
void loop_timer_set_exact(struct loop *, struct loop_timer *, uint64_t ms,
	void (*fn)(struct loop *, struct loop_timer *));
void loop_timer_cancel(struct loop *, struct loop_timer *);

static inline bool loop_timer_is_set(const struct loop_timer *t)
{
	return t->link;
}

/* Any thread: fn(loop, arg) runs in the loop's thread, in order of posting.
 * What was posted before loop_stop runs before loop_run returns. */
void loop_post(struct loop *, void (*fn)(struct loop *, void *arg), void *arg);

/* A queue that others fill is asked so often at once: as often as it had
 * something last time, and once more if it did not run empty. */
static inline int loop_next_turn(int turn, int got, int max)
{
	if (got < turn)
		return got ? got : 1;
	return turn < max ? turn + 1 : max;
}

/*
 * Sharing. What is short is best done where its event came: the loop's thread
 * takes a few jobs at the end of each round, while nobody else has a turn. When
 * one of them turns out to be long it lets the loop go, and a thread of the
 * pool goes on with it; the job stays where it is, and others have those after
 * it. Of what is short nearly always, and may have to wait for a disk, nobody
 * knows before: a watchman, a thread that sleeps while there is no such job,
 * lets the loop go for it after a moment (LOOP_MOMENT_MS, up to twice that).
 */
#define LOOP_MOMENT_MS 1
struct pool;
struct pool_job;

/* Before loop_run. */
void loop_share(struct loop *, struct pool *);
/* The job runs at the end of this round, in the loop's thread. False, and
 * nothing was done: there are LOOP_LAST_MOST, or this is not the loop's thread.
 * To wake up another thread takes as long as that many short jobs. */
#define LOOP_LAST_MOST 4
bool loop_run_last(struct loop *, struct pool_job *);
/* From a job that is about to wait or to take long: it is no longer in the
 * loop's thread, if it was. Anywhere else it does nothing. */
void loop_let_go(void);
/* From a job that is mostly short: from now on others may be given the loop. It
 * has what loop_let_go would have cost before only if it lasts. */
void loop_may_last(void);
/* Called from such a job: is it in the loop's thread? Then it stays there until
 * it ends or lets it go. */
bool loop_is_here(struct loop *);

#endif
