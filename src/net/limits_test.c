/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "net/limits.h"
#include "net/scoreboard.h"

#include <sys/wait.h>
#include <unistd.h>

struct three {
	struct limits *master, *mail, *front;
	int fd;
};

static struct three open_three(unsigned total, unsigned per_peer)
{
	struct three t;

	assert_ok(limits_create(2, 100, &t.master, &t.fd));
	assert_ok(limits_attach(t.fd, 0, &t.mail));
	assert_ok(limits_attach(t.fd, 1, &t.front));
	limits_set(t.front, total, per_peer);
	return t;
}

static void close_three(struct three *t)
{
	limits_free(t->mail);
	limits_free(t->front);
	limits_free(t->master);
	close(t->fd);
}

static void test_total(void **unused)
{
	struct three t = open_three(3, 0);

	(void)unused;
	assert_int_equal(limits_enter(t.front, 1), LIMITS_OK);
	assert_int_equal(limits_enter(t.front, 2), LIMITS_OK);
	/* What mail holds counts too. */
	limits_adopt(t.mail, 3);
	assert_int_equal(limits_enter(t.front, 4), LIMITS_TOTAL);
	assert_int_equal(limits_total(t.master), 3);
	assert_int_equal(limits_of_peer(t.master, 4), 0);
	limits_leave(t.front, 1);
	assert_int_equal(limits_enter(t.front, 4), LIMITS_OK);
	/* A lower limit applies to those who come. */
	limits_set(t.front, 1, 0);
	assert_int_equal(limits_enter(t.front, 5), LIMITS_TOTAL);
	close_three(&t);
}

static void test_per_peer(void **unused)
{
	struct three t = open_three(0, 2);

	(void)unused;
	limits_adopt(t.mail, 7);
	assert_int_equal(limits_enter(t.front, 7), LIMITS_OK);
	assert_int_equal(limits_enter(t.front, 7), LIMITS_PER_PEER);
	assert_int_equal(limits_enter(t.front, 8), LIMITS_OK);
	assert_int_equal(limits_of_peer(t.front, 7), 2);
	/* Mail died: master forgets what it counted. */
	limits_clear_region(t.master, 0);
	assert_int_equal(limits_of_peer(t.front, 7), 1);
	assert_int_equal(limits_enter(t.front, 7), LIMITS_OK);
	/* More leaving than counted, after a region was cleared. */
	limits_clear_region(t.master, 1);
	limits_leave(t.front, 7);
	assert_int_equal(limits_total(t.front), 0);
	close_three(&t);
}

/* As many peers as connections allowed: each finds its slot, and again. */
static void test_many_peers(void **unused)
{
	struct three t = open_three(0, 0);

	(void)unused;
	for (uint64_t round = 0; round < 50; round++) {
		for (uint64_t peer = 1; peer <= 100; peer++)
			assert_int_equal(
				limits_enter(t.front, peer << 16 | round),
				LIMITS_OK);
		assert_int_equal(limits_total(t.front), 100);
		for (uint64_t peer = 1; peer <= 100; peer++) {
			uint64_t key = peer << 16 | round;

			assert_int_equal(limits_of_peer(t.mail, key), 1);
			limits_leave(t.front, key);
		}
	}
	assert_int_equal(limits_total(t.front), 0);
	close_three(&t);
}

/* Two processes that come and go never let more in than the limit. */
static void enter_and_leave(int fd, unsigned region, unsigned limit)
{
	struct limits *l;

	if (limits_attach(fd, region, &l) != OK)
		_exit(2);
	limits_set(l, 0, limit);
	for (int i = 0; i < 20000; i++) {
		if (limits_enter(l, 9) != LIMITS_OK)
			continue;
		/* Others may have counted themselves and not yet looked. */
		if (limits_of_peer(l, 9) > limit + 1)
			_exit(1);
		limits_leave(l, 9);
	}
	_exit(0);
}

static void test_two_processes(void **unused)
{
	struct three t = open_three(0, 0);
	int status;

	(void)unused;
	for (unsigned region = 0; region < 2; region++) {
		if (fork() == 0)
			enter_and_leave(t.fd, region, 1);
	}
	for (int i = 0; i < 2; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(limits_total(t.master), 0);
	close_three(&t);
}

static void test_attach_refuses(void **unused)
{
	struct three t = open_three(0, 0);
	struct limits *l;
	int fds[2];

	(void)unused;
	assert_int_equal(limits_attach(t.fd, 2, &l), ERR_INVALID);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(limits_attach(fds[0], 0, &l), ERR_INVALID);
	close(fds[0]);
	close(fds[1]);
	/* Nobody can cut it short under the others. */
	assert_int_equal(ftruncate(t.fd, 0), -1);
	close_three(&t);
}

static void test_scoreboard(void **unused)
{
	struct scoreboard *all, *page, *none = NULL;
	int fd;

	(void)unused;
	assert_ok(scoreboard_create(3, &all, &fd));
	assert_ok(scoreboard_attach(fd, 2, &page));
	assert_int_equal(scoreboard_attach(fd, 3, &none), ERR_INVALID);
	SCOREBOARD_ADD(page, bytes_in, 100);
	SCOREBOARD_ADD(page, sessions, 2);
	SCOREBOARD_SUB(page, sessions, 1);
	SCOREBOARD_ADD(none, sessions, 1);
	page = scoreboard_page(all, 2);
	assert_int_equal(SCOREBOARD_GET(page, bytes_in), 100);
	assert_int_equal(SCOREBOARD_GET(page, sessions), 1);
	assert_int_equal(SCOREBOARD_GET(scoreboard_page(all, 0), sessions), 0);
	scoreboard_clear_gauges(page);
	assert_int_equal(SCOREBOARD_GET(page, sessions), 0);
	assert_int_equal(SCOREBOARD_GET(page, bytes_in), 100);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_total),
		cmocka_unit_test(test_per_peer),
		cmocka_unit_test(test_many_peers),
		cmocka_unit_test(test_two_processes),
		cmocka_unit_test(test_attach_refuses),
		cmocka_unit_test(test_scoreboard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
