/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/ipc.h"
#include "server/outbox.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

struct stage {
	struct loop *loop;
	struct loop_watch watch;
	struct outbox outbox;
	int other; /* the end that reads, or does not */
	unsigned stuck;
	struct buf room;
};

static void on_stuck(struct outbox *outbox)
{
	LOOP_OWNER(outbox, struct stage, outbox)->stuck++;
}

static void on_event(
	struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct stage *s = LOOP_OWNER(watch, struct stage, watch);

	(void)loop;
	if (events & EPOLLOUT)
		outbox_flush(&s->outbox);
	if (events & EPOLLHUP)
		loop_want(loop, watch, 0);
}

static void begin(struct stage *s, uint64_t patience_ms)
{
	int fds[2];

	*s = (struct stage){.room = BUF_UNBOUNDED};
	assert_ok(ipc_pair(fds));
	assert_ok(loop_new(&s->loop));
	assert_ok(loop_add(s->loop, &s->watch, fds[0], EPOLLIN, on_event));
	s->other = fds[1];
	outbox_init(&s->outbox, s->loop, &s->watch, patience_ms, on_stuck);
}

static void finish(struct stage *s)
{
	outbox_clear(&s->outbox);
	loop_remove(s->loop, &s->watch);
	close(s->watch.fd);
	if (s->other >= 0)
		close(s->other);
	loop_free(s->loop);
	buf_fini(&s->room);
}

/* How many messages of 1,000 bytes are accepted; with a descriptor each when
 * fd is one. */
static uint32_t fill(struct stage *s, int fd)
{
	char bytes[1000] = {0};
	uint32_t n = 0;

	while (outbox_send(&s->outbox, 1, n, str_of(bytes, sizeof bytes), fd) ==
		OK)
		n++;
	return n;
}

static void test_order(void **unused)
{
	struct stage s;
	struct ipc_msg m;
	uint32_t sent;

	(void)unused;
	begin(&s, 60000);
	sent = fill(&s, -1);
	assert_true(sent > 500);
	assert_true(s.outbox.bytes <= OUTBOX_MAX);
	for (uint32_t i = 0; i < sent; i++) {
		while (ipc_recv(s.other, &s.room, &m) == ERR_AGAIN)
			loop_run_once(s.loop, -1);
		assert_int_equal(m.id, i);
		assert_int_equal(m.payload.n, 1000);
	}
	assert_int_equal(ipc_recv(s.other, &s.room, &m), ERR_AGAIN);
	assert_int_equal(s.outbox.bytes, 0);
	assert_int_equal(s.watch.interest, EPOLLIN);
	assert_int_equal(s.stuck, 0);
	/* Then it goes at once again. */
	assert_ok(outbox_send(&s.outbox, 1, 7, STR("x"), -1));
	assert_ok(ipc_recv(s.other, &s.room, &m));
	assert_int_equal(m.id, 7);
	finish(&s);
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 4096; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* A descriptor is as good when its owner has closed it meanwhile. */
static void test_descriptors(void **unused)
{
	struct stage s;
	struct ipc_msg m;
	int pipe_fds[2];
	uint32_t n = 0;
	char c;

	(void)unused;
	begin(&s, 60000);
	assert_int_equal(pipe(pipe_fds), 0);
	(void)fill(&s, -1);
	/* What waits is bounded: make room for one more. */
	while (ipc_recv(s.other, &s.room, &m) == OK)
		n++;
	assert_true(n > 0);
	loop_run_once(s.loop, -1);
	assert_ok(outbox_send(
		&s.outbox, 2, 0, STR("with a descriptor"), pipe_fds[1]));
	close(pipe_fds[1]);
	do {
		while (ipc_recv(s.other, &s.room, &m) == ERR_AGAIN)
			loop_run_once(s.loop, -1);
	} while (m.type != 2);
	assert_int_equal(write(m.fd, "!", 1), 1);
	assert_int_equal(read(pipe_fds[0], &c, 1), 1);
	close(m.fd);
	close(pipe_fds[0]);
	finish(&s);
}

static void test_stuck(void **unused)
{
	int before, null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct stage s;

	(void)unused;
	begin(&s, 1);
	before = count_fds();
	assert_true(fill(&s, null) > 0);
	while (!s.stuck)
		loop_run_once(s.loop, -1);
	assert_int_equal(s.stuck, 1);
	assert_int_equal(s.outbox.bytes, 0);
	assert_int_equal(count_fds(), before);
	finish(&s);
	close(null);
}

/* The other end goes: nothing is left, nothing is told. */
static void test_gone(void **unused)
{
	struct stage s;

	(void)unused;
	begin(&s, 60000);
	(void)fill(&s, -1);
	close(s.other);
	s.other = -1;
	loop_run_once(s.loop, -1);
	assert_int_equal(s.outbox.bytes, 0);
	assert_int_equal(s.stuck, 0);
	assert_true(outbox_send(&s.outbox, 1, 0, STR("x"), -1) != OK);
	finish(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
