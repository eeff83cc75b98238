/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pump.h"
#include "net/tls_fixture.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* client ~ TLS ~ pump ~ session, all in this thread. */
struct line {
	struct loop *loop;
	struct pump pump;
	struct tls_server *server;
	int outside[2], inside[2]; /* [0]: the pump's */
	SSL_CTX *ctx;
	SSL *client;
	int ended, drained;
};

static void on_end(struct loop *loop, struct pump *pump)
{
	struct line *l = LOOP_OWNER(pump, struct line, pump);

	(void)loop;
	l->ended++;
	close(l->inside[0]);
	l->inside[0] = -1;
}

static void on_drained(struct loop *loop, struct pump *pump)
{
	(void)loop;
	LOOP_OWNER(pump, struct line, pump)->drained++;
}

static void make_pair(int fds[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0, fds),
		0);
}

static void open_line(struct line *l)
{
	struct tls *tls;
	enum err err = ERR_AGAIN;

	*l = (struct line){0};
	assert_ok(loop_new(&l->loop));
	make_pair(l->outside);
	make_pair(l->inside);
	l->server = tls_fixture_server(false);
	l->ctx = SSL_CTX_new(TLS_client_method());
	l->client = SSL_new(l->ctx);
	SSL_set_fd(l->client, l->outside[1]);
	SSL_set_connect_state(l->client);
	tls = tls_new(l->server, l->outside[0], "imap");
	while (err == ERR_AGAIN) {
		SSL_do_handshake(l->client);
		err = tls_handshake(tls);
	}
	assert_ok(err);
	pump_start(l->loop, &l->pump, tls, l->outside[0], l->inside[0], on_end);
}

static void close_line(struct line *l)
{
	if (!l->ended)
		pump_stop(l->loop, &l->pump);
	assert_true(l->drained || !l->pump.up.p);
	assert_null(l->pump.down.p);
	tls_free(l->pump.tls);
	tls_server_free(l->server);
	SSL_free(l->client);
	SSL_CTX_free(l->ctx);
	loop_free(l->loop);
	for (int i = 0; i < 2; i++) {
		if (l->outside[i] >= 0)
			close(l->outside[i]);
		if (l->inside[i] >= 0)
			close(l->inside[i]);
	}
}

static void turn(struct line *l)
{
	for (int i = 0; i < 3; i++)
		loop_run_once(l->loop, 0);
}

static void test_both_ways(void **unused)
{
	struct line l;
	char room[16];

	(void)unused;
	open_line(&l);
	assert_int_equal(SSL_write(l.client, "hello", 5), 5);
	turn(&l);
	assert_int_equal(read(l.inside[1], room, sizeof room), 5);
	assert_memory_equal(room, "hello", 5);
	assert_int_equal(write(l.inside[1], "world", 5), 5);
	turn(&l);
	assert_int_equal(SSL_read(l.client, room, sizeof room), 5);
	assert_memory_equal(room, "world", 5);
	assert_int_equal(l.ended, 0);
	close_line(&l);
}

/* Byte n of a long stream, so that no piece can be lost or doubled. */
static char pattern(size_t n)
{
	return (char)(n * 31 + n / 251);
}

static size_t write_pattern(int fd, size_t at, size_t total)
{
	char block[1000];
	size_t n = total - at < sizeof block ? total - at : sizeof block;
	ssize_t sent;

	for (size_t i = 0; i < n; i++)
		block[i] = pattern(at + i);
	sent = n ? write(fd, block, n) : 0;
	return sent > 0 ? (size_t)sent : 0;
}

static void check_pattern(const char *p, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != pattern(at + i))
			fail_msg("byte %zu is wrong", at + i);
	}
}

enum { MUCH = 3 << 20 };

/* The client does not read: the session cannot write for ever, and what the
 * pump holds is bounded. Then the session goes, and the client gets it all. */
static void test_slow_client(void **unused)
{
	struct line l;
	size_t sent = 0, got = 0, n;
	char room[5000];
	int r;

	(void)unused;
	open_line(&l);
	do {
		n = write_pattern(l.inside[1], sent, MUCH);
		sent += n;
		turn(&l);
	} while (n);
	assert_true(sent > 0 && sent < MUCH);
	assert_non_null(l.pump.down.p);
	assert_true(l.pump.down.n <= PUMP_ROOM_DOWN);
	close(l.inside[1]);
	l.inside[1] = -1;
	turn(&l);
	/* Not watched any more: it would report its end without pause. */
	assert_true(l.pump.inside_ended);
	assert_null(l.pump.inside.fn);
	assert_int_equal(l.ended, 0);
	while ((r = SSL_read(l.client, room, sizeof room)) > 0 || !l.ended) {
		if (r > 0) {
			check_pattern(room, (size_t)r, got);
			got += (size_t)r;
		}
		loop_run_once(l.loop, 0);
	}
	while ((r = SSL_read(l.client, room, sizeof room)) > 0)
		got += (size_t)r;
	assert_int_equal(got, sent);
	assert_int_equal(SSL_get_error(l.client, r), SSL_ERROR_ZERO_RETURN);
	assert_int_equal(l.ended, 1);
	close_line(&l);
}

/* The session does not read: the client cannot write for ever. */
static void test_slow_session(void **unused)
{
	struct line l;
	size_t sent = 0, got = 0;
	char block[4096];
	ssize_t r;

	(void)unused;
	open_line(&l);
	for (int stuck = 0; !stuck;) {
		for (size_t i = 0; i < sizeof block; i++)
			block[i] = pattern(sent + i);
		stuck = SSL_write(l.client, block, sizeof block) <= 0;
		sent += stuck ? 0 : sizeof block;
		turn(&l);
	}
	assert_true(sent < MUCH);
	assert_non_null(l.pump.up.p);
	while (got < sent) {
		r = read(l.inside[1], block, sizeof block);
		if (r > 0) {
			check_pattern(block, (size_t)r, got);
			got += (size_t)r;
		}
		loop_run_once(l.loop, 0);
	}
	assert_null(l.pump.up.p);
	close_line(&l);
}

/* The client's end is passed on; the session may still answer. */
static void test_client_ends_first(void **unused)
{
	struct line l;
	char room[16];

	(void)unused;
	open_line(&l);
	assert_int_equal(SSL_write(l.client, "LOGOUT", 6), 6);
	SSL_shutdown(l.client);
	turn(&l);
	assert_int_equal(read(l.inside[1], room, sizeof room), 6);
	assert_int_equal(read(l.inside[1], room, sizeof room), 0);
	assert_int_equal(l.ended, 0);
	assert_int_equal(write(l.inside[1], "BYE", 3), 3);
	close(l.inside[1]);
	l.inside[1] = -1;
	turn(&l);
	assert_int_equal(SSL_read(l.client, room, sizeof room), 3);
	assert_int_equal(l.ended, 1);
	close_line(&l);
}

static void test_client_vanishes(void **unused)
{
	struct line l;
	char room[16];

	(void)unused;
	open_line(&l);
	close(l.outside[1]);
	l.outside[1] = -1;
	turn(&l);
	assert_int_equal(l.ended, 1);
	assert_int_equal(read(l.inside[1], room, sizeof room), 0);
	close_line(&l);
}

/* A session that has stopped reading is not the end of what it writes. */
static void test_session_stops_reading(void **unused)
{
	struct line l;
	char room[16];

	(void)unused;
	open_line(&l);
	assert_int_equal(shutdown(l.inside[1], SHUT_RD), 0);
	assert_int_equal(SSL_write(l.client, "x", 1), 1);
	turn(&l);
	assert_int_equal(l.ended, 0);
	assert_int_equal(write(l.inside[1], "BYE", 3), 3);
	turn(&l);
	assert_int_equal(SSL_read(l.client, room, sizeof room), 3);
	close_line(&l);
}

static void test_not_tls_any_more(void **unused)
{
	struct line l;

	(void)unused;
	open_line(&l);
	assert_int_equal(write(l.outside[1], "a1 NOOP\r\n", 9), 9);
	turn(&l);
	assert_int_equal(l.ended, 1);
	close_line(&l);
}

/* What the session said before the pump began waits in the socket. */
static void test_idle_holds_nothing(void **unused)
{
	struct line l;

	(void)unused;
	open_line(&l);
	turn(&l);
	assert_null(l.pump.up.p);
	assert_null(l.pump.down.p);
	assert_true(sizeof(struct pump) <= 112);
	close_line(&l);
}

/* As much as goes, from both sides, while nobody reads. */
static void fill(struct line *l, size_t *up_r, size_t *down_r)
{
	char block[4096];
	size_t n;

	for (*up_r = 0;; *up_r += sizeof block) {
		for (size_t i = 0; i < sizeof block; i++)
			block[i] = pattern(*up_r + i);
		if (SSL_write(l->client, block, sizeof block) <= 0)
			break;
		turn(l);
	}
	for (*down_r = 0; (n = write_pattern(l->inside[1], *down_r, MUCH));
		turn(l))
		*down_r += n;
	assert_non_null(l->pump.up.p);
	assert_non_null(l->pump.down.p);
}

/* The session ends in the middle of both directions, and another one goes on
 * with the same sockets: the client has heard all of the first before, and
 * what it said is there in order, some of it taken by hand between the two. */
static void test_drain(void **unused)
{
	size_t up, down, got = 0, said = 0;
	char room[5000];
	struct line l;
	int r;

	(void)unused;
	open_line(&l);
	fill(&l, &up, &down);
	pump_drain(l.loop, &l.pump, on_drained);
	assert_int_equal(l.drained, 0);
	while ((r = SSL_read(l.client, room, sizeof room)) > 0 || !l.drained) {
		if (r > 0) {
			check_pattern(room, (size_t)r, got);
			got += (size_t)r;
		}
		loop_run_once(l.loop, 0);
	}
	assert_int_equal(l.drained, 1);
	assert_int_equal(l.ended, 0);
	while ((r = SSL_read(l.client, room, sizeof room)) > 0)
		got += (size_t)r;
	assert_int_equal(got, down);
	/* What is inside first, then some of what the pump had. */
	while ((r = (int)read(l.inside[1], room, sizeof room)) > 0) {
		check_pattern(room, (size_t)r, said);
		said += (size_t)r;
	}
	assert_int_equal(pump_take(&l.pump, room, 1000), 1000);
	check_pattern(room, 1000, said);
	said += 1000;
	pump_start(
		l.loop, &l.pump, l.pump.tls, l.outside[0], l.inside[0], on_end);
	while (said < up) {
		r = (int)read(l.inside[1], room, sizeof room);
		if (r > 0) {
			check_pattern(room, (size_t)r, said);
			said += (size_t)r;
		}
		loop_run_once(l.loop, 0);
	}
	l.drained = 0;
	close_line(&l);
}

static void test_drain_idle(void **unused)
{
	struct line l;
	char byte;

	(void)unused;
	open_line(&l);
	turn(&l);
	pump_drain(l.loop, &l.pump, on_drained);
	assert_int_equal(l.drained, 1);
	assert_int_equal(pump_take(&l.pump, &byte, 1), 0);
	close_line(&l);
}

static void test_client_vanishes_while_draining(void **unused)
{
	size_t up, down;
	struct line l;

	(void)unused;
	open_line(&l);
	fill(&l, &up, &down);
	pump_drain(l.loop, &l.pump, on_drained);
	close(l.outside[1]);
	l.outside[1] = -1;
	turn(&l);
	assert_int_equal(l.drained, 0);
	assert_int_equal(l.ended, 1);
	close_line(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_slow_client),
		cmocka_unit_test(test_slow_session),
		cmocka_unit_test(test_client_ends_first),
		cmocka_unit_test(test_client_vanishes),
		cmocka_unit_test(test_session_stops_reading),
		cmocka_unit_test(test_not_tls_any_more),
		cmocka_unit_test(test_idle_holds_nothing),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_drain_idle),
		cmocka_unit_test(test_client_vanishes_while_draining),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
