/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/clock.h"
#include "net/loop.h"
#include "net/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <semaphore.h>
#include <unistd.h>

static struct loop *new_loop(void)
{
	struct loop *loop;

	assert_ok(loop_new(&loop));
	return loop;
}

static void make_pair(int fds[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

struct peer {
	struct loop_watch watch;
	int fds[2];
	struct peer *other; /* removed by the callback, when not NULL */
	int calls;
	char got[16];
};

static void on_readable(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct peer *peer = LOOP_OWNER(watch, struct peer, watch);

	(void)events;
	peer->calls++;
	if (!(watch->interest & EPOLLONESHOT))
		assert_true(read(watch->fd, peer->got, sizeof peer->got) > 0);
	if (peer->other)
		loop_remove(loop, &peer->other->watch);
}

static void open_peer(struct loop *loop, struct peer *peer, uint32_t interest)
{
	make_pair(peer->fds);
	assert_ok(loop_add(
		loop, &peer->watch, peer->fds[0], interest, on_readable));
}

static void close_peer(struct loop *loop, struct peer *peer)
{
	loop_remove(loop, &peer->watch);
	close(peer->fds[0]);
	close(peer->fds[1]);
}

static void send_byte(struct peer *peer)
{
	assert_int_equal(write(peer->fds[1], "x", 1), 1);
}

static void test_watch(void **unused)
{
	struct loop *loop = new_loop();
	struct peer peer = {0};

	(void)unused;
	assert_true(sizeof(struct loop_watch) <= 32);
	open_peer(loop, &peer, EPOLLIN);
	loop_run_once(loop, 0);
	assert_int_equal(peer.calls, 0);
	send_byte(&peer);
	loop_run_once(loop, 0);
	assert_int_equal(peer.calls, 1);
	/* Silenced: nothing is told until it is wanted again. */
	loop_want(loop, &peer.watch, 0);
	send_byte(&peer);
	loop_run_once(loop, 0);
	assert_int_equal(peer.calls, 1);
	loop_want(loop, &peer.watch, EPOLLIN);
	loop_run_once(loop, 0);
	assert_int_equal(peer.calls, 2);
	close_peer(loop, &peer);
	loop_free(loop);
}

static void test_oneshot(void **unused)
{
	struct loop *loop = new_loop();
	struct peer peer = {0};

	(void)unused;
	open_peer(loop, &peer, EPOLLIN | EPOLLONESHOT);
	send_byte(&peer);
	loop_run_once(loop, 0);
	loop_run_once(loop, 0);
	assert_int_equal(peer.calls, 1);
	loop_rearm(loop, &peer.watch);
	loop_run_once(loop, 0);
	assert_int_equal(peer.calls, 2);
	close_peer(loop, &peer);
	loop_free(loop);
}

/* Both are ready in one batch; whoever runs first removes the other. */
static void test_removed_in_same_batch(void **unused)
{
	struct loop *loop = new_loop();
	struct peer a = {0}, b = {0};

	(void)unused;
	open_peer(loop, &a, EPOLLIN);
	open_peer(loop, &b, EPOLLIN);
	a.other = &b;
	b.other = &a;
	send_byte(&a);
	send_byte(&b);
	loop_run_once(loop, 0);
	assert_int_equal(a.calls + b.calls, 1);
	loop_run_once(loop, 0);
	close_peer(loop, &a);
	close_peer(loop, &b);
	loop_free(loop);
}

/* ----------------------------------------------------------------- timers */

struct clocked {
	struct loop_timer timer;
	struct clocked *other;
	uint64_t set_at, fired_at;
	int fired;
};

static void on_timer(struct loop *loop, struct loop_timer *t)
{
	struct clocked *c = LOOP_OWNER(t, struct clocked, timer);

	assert_false(loop_timer_is_set(t));
	c->fired++;
	c->fired_at = clock_monotonic_ms();
	if (c->other)
		loop_timer_cancel(loop, &c->other->timer);
}

static void run_until_fired(struct loop *loop, struct clocked *c)
{
	while (!c->fired)
		loop_run_once(loop, -1);
}

static void test_timers_are_never_early(void **unused)
{
	struct loop *loop = new_loop();
	struct clocked coarse = {0}, exact = {0};

	(void)unused;
	coarse.set_at = exact.set_at = clock_monotonic_ms();
	loop_timer_set(loop, &coarse.timer, 10, on_timer);
	loop_timer_set_exact(loop, &exact.timer, 5, on_timer);
	run_until_fired(loop, &exact);
	assert_true(exact.fired_at >= exact.set_at + 5);
	run_until_fired(loop, &coarse);
	assert_true(coarse.fired_at >= coarse.set_at + 10);
	assert_int_equal(exact.fired, 1);
	loop_free(loop);
}

static void test_timer_order_and_cancel(void **unused)
{
	struct loop *loop = new_loop();
	struct clocked late = {0}, soon = {0}, never = {0}, moved = {0};

	(void)unused;
	loop_timer_set_exact(loop, &late.timer, 30, on_timer);
	loop_timer_set_exact(loop, &soon.timer, 1, on_timer);
	loop_timer_set_exact(loop, &never.timer, 20, on_timer);
	loop_timer_set_exact(loop, &moved.timer, 2, on_timer);
	loop_timer_set_exact(loop, &moved.timer, 1000000, on_timer);
	soon.other = &never;
	run_until_fired(loop, &late);
	assert_true(soon.fired_at <= late.fired_at);
	assert_int_equal(soon.fired, 1);
	assert_int_equal(never.fired, 0);
	assert_int_equal(moved.fired, 0);
	loop_timer_cancel(loop, &moved.timer);
	loop_timer_cancel(loop, &moved.timer);
	assert_false(loop_timer_is_set(&moved.timer));
	loop_free(loop);
}

/* Two in one slot of the wheel, of which one cancels the other; and one that
 * is a whole turn of the wheel later in the same slot. */
static void test_wheel_slot(void **unused)
{
	struct loop *loop = new_loop();
	struct clocked a = {0}, b = {0}, next_turn = {0};

	(void)unused;
	/* Not across the border of two seconds. */
	while (clock_monotonic_ms() % 1000 > 900)
		usleep(10000);
	loop_timer_set(loop, &a.timer, 0, on_timer);
	loop_timer_set(loop, &b.timer, 0, on_timer);
	loop_timer_set(loop, &next_turn.timer, 2048 * 1000, on_timer);
	a.other = &b;
	b.other = &a;
	while (!a.fired && !b.fired)
		loop_run_once(loop, -1);
	assert_int_equal(a.fired + b.fired, 1);
	assert_int_equal(next_turn.fired, 0);
	assert_true(loop_timer_is_set(&next_turn.timer));
	loop_timer_cancel(loop, &next_turn.timer);
	loop_free(loop);
}

/* ---------------------------------------------------------------- posting */

enum { POSTERS = 4, POSTS = 2000 };

struct counted {
	struct loop *loop;
	size_t ran; /* only in the loop's thread */
};

static void count(struct loop *loop, void *arg)
{
	struct counted *c = arg;

	if (++c->ran == (size_t)POSTERS * POSTS)
		loop_stop(loop);
}

static void *post_many(void *arg)
{
	struct counted *c = arg;

	for (size_t i = 0; i < POSTS; i++)
		loop_post(c->loop, count, c);
	return NULL;
}

static void test_post(void **unused)
{
	struct counted c = {.loop = new_loop()};
	pthread_t threads[POSTERS];

	(void)unused;
	for (size_t i = 0; i < POSTERS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, post_many, &c), 0);
	loop_run(c.loop);
	for (size_t i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(c.ran, (size_t)POSTERS * POSTS);
	loop_free(c.loop);
}

static void test_stop_runs_what_was_posted(void **unused)
{
	struct counted c = {.loop = new_loop()};

	(void)unused;
	loop_post(c.loop, count, &c);
	loop_stop(c.loop);
	loop_run(c.loop);
	assert_int_equal(c.ran, 1);
	loop_free(c.loop);
}

/* A loop that is let go by every other job, which then waits for the next:
 * somebody else must go on with it, in a pool that has one thread. */
#define RELAYS 100

struct relay {
	struct pool_job job;
	struct shared *shared;
	size_t number;
	sem_t ran;
};

struct shared {
	struct loop *loop;
	struct pool *pool;
	struct relay relays[RELAYS];
	struct pool_job never;
};

static void begin_relay(struct loop *loop, void *arg)
{
	struct relay *r = arg;

	assert_true(loop_run_last(loop, &r->job));
	assert_false(loop_is_here(loop));
}

static void run_relay(struct pool_job *job)
{
	struct relay *r = LOOP_OWNER(job, struct relay, job);
	struct loop *loop = r->shared->loop;

	assert_true(loop_is_here(loop));
	if (r->number + 1 == RELAYS) {
		loop_stop(loop);
	} else if (r->number % 2 == 0) {
		loop_post(loop, begin_relay, r + 1);
	} else {
		loop_let_go();
		assert_false(loop_is_here(loop));
		assert_false(loop_run_last(loop, &r->shared->never));
		loop_let_go();
		loop_post(loop, begin_relay, r + 1);
		sem_wait(&r[1].ran);
	}
	sem_post(&r->ran);
}

static void test_let_go(void **unused)
{
	struct shared *s = xcalloc(1, sizeof *s);

	(void)unused;
	s->loop = new_loop();
	s->pool = pool_new(1, POOL_STACK);
	loop_share(s->loop, s->pool);
	loop_let_go(); /* whoever has no loop */
	for (size_t i = 0; i < RELAYS; i++) {
		s->relays[i] = (struct relay){
			.job.run = run_relay, .shared = s, .number = i};
		sem_init(&s->relays[i].ran, 0, 0);
	}
	assert_false(loop_run_last(s->loop, &s->never));
	loop_post(s->loop, begin_relay, &s->relays[0]);
	loop_run(s->loop);
	pool_drain(s->pool);
	pool_free(s->pool);
	for (size_t i = 0; i < RELAYS; i++)
		sem_destroy(&s->relays[i].ran);
	loop_free(s->loop);
	free(s);
}

/* The jobs of one round, of which one gives the loop away in some way, and
 * waits for all that come after it. */
struct few {
	struct loop *loop;
	struct pool *pool;
	void (*give_away)(struct few *);
	struct few_job {
		struct pool_job job;
		struct few *few;
		pthread_t thread;
	} jobs[LOOP_LAST_MOST + 1];
	sem_t ran;
};

#define GIVES_AWAY 1

static void run_few(struct pool_job *job)
{
	struct few_job *j = LOOP_OWNER(job, struct few_job, job);
	struct few *few = j->few;

	j->thread = pthread_self();
	if (j != &few->jobs[GIVES_AWAY]) {
		sem_post(&few->ran);
		return;
	}
	few->give_away(few);
	assert_false(loop_is_here(few->loop));
	loop_stop(few->loop);
}

static void begin_few(struct loop *loop, void *arg)
{
	struct few *few = arg;

	for (size_t i = 0; i < LOOP_LAST_MOST; i++)
		assert_true(loop_run_last(loop, &few->jobs[i].job));
	assert_false(loop_run_last(loop, &few->jobs[LOOP_LAST_MOST].job));
}

static void wait_for_others(struct few *few)
{
	for (size_t i = 0; i < LOOP_LAST_MOST - 1; i++)
		sem_wait(&few->ran);
}

static void let_go(struct few *few)
{
	loop_let_go();
	wait_for_others(few);
}

/* Only the watchman can help. */
static void last(struct few *few)
{
	loop_may_last();
	assert_false(loop_run_last(few->loop, &few->jobs[LOOP_LAST_MOST].job));
	wait_for_others(few);
}

static void last_and_let_go(struct few *few)
{
	loop_may_last();
	let_go(few);
}

static void give_away(void (*how)(struct few *))
{
	struct few few = {.loop = new_loop(), .give_away = how};

	few.pool = pool_new(2, POOL_STACK);
	sem_init(&few.ran, 0, 0);
	for (size_t i = 0; i < COUNT_OF(few.jobs); i++)
		few.jobs[i] = (struct few_job){.job.run = run_few, .few = &few};
	loop_share(few.loop, few.pool);
	loop_post(few.loop, begin_few, &few);
	loop_run(few.loop);
	pool_free(few.pool);
	assert_true(pthread_equal(few.jobs[0].thread, pthread_self()));
	assert_true(pthread_equal(few.jobs[GIVES_AWAY].thread, pthread_self()));
	for (size_t i = GIVES_AWAY + 1; i < LOOP_LAST_MOST; i++)
		assert_false(pthread_equal(
			few.jobs[i].thread, few.jobs[GIVES_AWAY].thread));
	sem_destroy(&few.ran);
	loop_free(few.loop);
}

static void test_given_away(void **unused)
{
	(void)unused;
	give_away(let_go);
	give_away(last);
	give_away(last_and_let_go);
}

/* Who may last has the loop, once he saw that he has it, until he ends. */
#define STAYERS 30

struct stayer {
	struct pool_job job;
	struct loop *loop;
	unsigned times, stayed;
};

static void begin_stayer(struct loop *loop, void *arg)
{
	struct stayer *s = arg;

	assert_true(loop_run_last(loop, &s->job));
}

static void stay(struct pool_job *job)
{
	struct stayer *s = LOOP_OWNER(job, struct stayer, job);

	loop_may_last();
	if (loop_is_here(s->loop)) {
		/* The watchman looks meanwhile. */
		usleep(s->times % 10 ? 0 : 4000 * LOOP_MOMENT_MS);
		assert_true(loop_is_here(s->loop));
		s->stayed++;
	}
	if (++s->times == STAYERS)
		loop_stop(s->loop);
	else
		loop_post(s->loop, begin_stayer, s);
}

static void test_stays(void **unused)
{
	struct stayer s = {.job.run = stay, .loop = new_loop()};
	struct pool *pool = pool_new(2, POOL_STACK);

	(void)unused;
	loop_share(s.loop, pool);
	loop_post(s.loop, begin_stayer, &s);
	loop_run(s.loop);
	pool_free(pool);
	assert_int_equal(s.times, STAYERS);
	assert_true(s.stayed > 0);
	loop_free(s.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_oneshot),
		cmocka_unit_test(test_removed_in_same_batch),
		cmocka_unit_test(test_timers_are_never_early),
		cmocka_unit_test(test_timer_order_and_cancel),
		cmocka_unit_test(test_wheel_slot),
		cmocka_unit_test(test_post),
		cmocka_unit_test(test_stop_runs_what_was_posted),
		cmocka_unit_test(test_let_go),
		cmocka_unit_test(test_given_away),
		cmocka_unit_test(test_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
