/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that come back from their sessions, also from a mail that lies.
 */
#include "base/log.h"
#include "base/mechanism.h"
#include "server/front_fixture.h"

#include <fcntl.h>
#include <signal.h>

static int drained;

static void on_drained(struct loop *loop)
{
	(void)loop;
	drained++;
}

/* What the session knows of its connection. */
struct held {
	int fd;
	uint32_t id;
	char session[33], remote[64];
	struct buf leftover;
};

static void keep_text(char *room, size_t size, str text)
{
	snprintf(room, size, "%.*s", STR_ARG(text));
}

/* Auth is asked with this password, says yes, and mail gets the connection. */
static struct held log_in(struct stage *s, const char *password)
{
	struct held held = {.leftover = BUF_UNBOUNDED};
	struct handover h;
	size_t n = strlen(password);

	turn(s);
	assert_ok(ipc_recv(s->auth, &s->room, &s->m));
	assert_int_equal(s->m.type, IPC_AUTH_START);
	assert_str(str_skip(s->m.payload, s->m.payload.n - n), password);
	answer(s, OK, "the ticket");
	held.fd = expect_handover(s, &h);
	held.id = s->m.id;
	keep_text(held.session, sizeof held.session, h.session);
	keep_text(held.remote, sizeof held.remote, h.remote);
	buf_add(&held.leftover, h.leftover);
	return held;
}

static void write_down(struct held *held, const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(write(held->fd, text, n), n);
}

static void send_back(struct stage *s, const struct held *held,
	const struct handback *h, int fd)
{
	struct buf payload = BUF_UNBOUNDED;

	handback_encode(h, &payload);
	assert_ok(ipc_send(
		s->mail, IPC_HANDBACK, held->id, buf_str(&payload), fd));
	buf_fini(&payload);
}

static struct handback honest(const struct held *held, const char *leftover)
{
	return (struct handback){.protocol = STR("imap"),
		.session = str_c(held->session),
		.remote = str_c(held->remote),
		.leftover = str_c(leftover)};
}

static void give_back(struct stage *s, struct held *held, const char *leftover)
{
	struct handback h = honest(held, leftover);

	send_back(s, held, &h, held->fd);
	close(held->fd);
	buf_fini(&held->leftover);
	turn(s);
}

static void drop(struct held *held)
{
	close(held->fd);
	buf_fini(&held->leftover);
}

static struct client begin(struct stage *s, bool tls)
{
	struct client c = connect_to(s, tls);

	if (tls)
		shake_hands(s, &c);
	expect_greeting(s, &c);
	return c;
}

static void test_return(void **unused)
{
	(void)unused;
	for (int tls = 0; tls < 2; tls++) {
		struct held first, second;
		struct client c;
		struct stage s;

		open_stage(&s, NULL);
		c = begin(&s, tls);
		say(&s, &c, "a LOGIN anna secret\r\n");
		first = log_in(&s, "secret");
		write_down(&first, "a OK\r\nb OK out\r\n");
		give_back(&s, &first,
			"c NOOP\r\nd LOGIN bert hidden\r\ne NOOP\r\n");
		expect(&s, &c, "a OK\r\nb OK out\r\nc OK NOOP completed\r\n");
		second = log_in(&s, "hidden");
		assert_string_equal(second.session, first.session);
		assert_string_equal(second.remote, first.remote);
		assert_int_equal(second.id, first.id);
		assert_true(!tls || second.id);
		assert_str(buf_str(&second.leftover), "e NOOP\r\n");
		write_down(&second, "d OK\r\ne OK\r\n");
		expect(&s, &c, "d OK\r\ne OK\r\n");
		drop(&second);
		expect_end(&s, &c);
		assert_int_equal(front_connections(s.front), 0);
		hang_up(&c);
		close_stage(&s);
	}
}

/* The dialogue is the one before login: STARTTLS is there, and what it forbids.
 */
static void test_starttls_after_return(void **unused)
{
	static const struct {
		const char *behind;
		bool begins;
		const char *why;
	} rows[] = {
		{"", true, "nothing came behind"},
		{"f LOGIN anna secret\r\n", false, "bytes in clear"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf left = BUF_UNBOUNDED;
		struct held held;
		struct client c;
		struct stage s;

		open_stage(&s, NULL);
		c = begin(&s, false);
		say(&s, &c, "a LOGIN anna secret\r\n");
		held = log_in(&s, "secret");
		buf_addf(&left, "c STARTTLS\r\n%s%c", rows[i].behind, 0);
		give_back(&s, &held, left.p);
		if (rows[i].begins) {
			expect(&s, &c, "c OK Begin TLS\r\n");
			shake_hands(&s, &c);
			say(&s, &c, "d LOGIN bert hidden\r\n");
			held = log_in(&s, "hidden");
			assert_true(held.id);
			drop(&held);
		} else {
			expect(&s, &c,
				"* BYE Bytes in clear after STARTTLS\r\n");
			expect_end(&s, &c);
		}
		hang_up(&c);
		buf_fini(&left);
		close_stage(&s);
	}
}

/* So many commands before it that what stands behind it is not in the login's
 * buffer yet: it is not taken for what came under TLS either. */
static void test_starttls_far_behind(void **unused)
{
	struct buf left = BUF_UNBOUNDED;
	struct held held;
	struct client c;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	c = begin(&s, false);
	say(&s, &c, "a LOGIN anna secret\r\n");
	held = log_in(&s, "secret");
	while (left.n < LOGIN_CHUNK - 12 - 9)
		buf_add_c(&left, "b NOOP\r\n");
	while (left.n < LOGIN_CHUNK - 12 - 2)
		buf_add_byte(&left, 'x');
	buf_add_c(&left, "\r\nc STARTTLS\r\nd LOGIN anna hidden\r\n");
	buf_add_byte(&left, 0);
	assert_memory_equal(left.p + LOGIN_CHUNK - 12, "c STARTTLS\r\n", 12);
	give_back(&s, &held, left.p);
	for (int i = 0; i < 10; i++) {
		turn(&s);
		(void)hear(&c);
	}
	assert_true(
		str_find(buf_str(&c.got), STR("c OK Begin TLS\r\n")) < c.got.n);
	/* They are no TLS. */
	assert_int_equal(front_connections(s.front), 0);
	assert_int_equal(ipc_recv(s.auth, &s.room, &s.m), ERR_AGAIN);
	hang_up(&c);
	buf_fini(&left);
	close_stage(&s);
}

/* Much is on its way in both directions: more than the session has read, than
 * a message takes, and than the client takes at once. */
static void test_return_amid_much(void **unused)
{
	static char big[400000], room[sizeof big];
	struct buf text = BUF_UNBOUNDED;
	size_t sent = 0, got = 0, heard = 0, said = 0;
	struct held held;
	struct client c;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	c = begin(&s, true);
	say(&s, &c, "a LOGIN anna secret\r\n");
	held = log_in(&s, "secret");
	/* The client's next login, and a message of its next session. */
	buf_add_c(&text, "b UNAUTHENTICATE\r\nc LOGIN bert hidden\r\n");
	said = text.n;
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (char)('0' + i % 71);
	buf_add(&text, str_of(big, sizeof big));
	/* The session's words, as much as the pump and sockets take. */
	while ((got = (size_t)write(held.fd, big, 1000)) == 1000) {
		heard += got;
		turn(&s);
	}
	while (sent < text.n) {
		int n = SSL_write(c.ssl, text.p + sent,
			(int)(text.n - sent < 16000 ? text.n - sent : 16000));

		if (n <= 0)
			break;
		sent += (size_t)n;
		turn(&s);
	}
	/* The session reads a little of it. */
	got = (size_t)read(held.fd, room, said + 2);
	assert_int_equal(got, said + 2);
	room[got] = 0;
	give_back(&s, &held, room + strlen("b UNAUTHENTICATE\r\n"));
	assert_int_equal(ipc_recv(s.auth, &s.room, &s.m), ERR_AGAIN);
	while (c.got.n < heard) {
		turn(&s);
		(void)hear(&c);
	}
	for (size_t i = 0; i < heard; i++)
		assert_int_equal(c.got.p[i], big[i % 1000]);
	held = log_in(&s, "hidden");
	got = held.leftover.n;
	assert_true(got >= 2);
	memcpy(room, held.leftover.p, got);
	while (got < sizeof big) {
		ssize_t r = read(held.fd, room + got, sizeof big - got);

		got += r > 0 ? (size_t)r : 0;
		if (sent < text.n) {
			int n = SSL_write(c.ssl, text.p + sent,
				(int)(text.n - sent < 16000 ? text.n - sent
							    : 16000));

			sent += n > 0 ? (size_t)n : 0;
		}
		turn(&s);
	}
	assert_memory_equal(room, big, sizeof big);
	drop(&held);
	hang_up(&c);
	buf_fini(&text);
	close_stage(&s);
}

/* A client that has hung up, or stopped sending, behind its last words. */
static void test_client_goes(void **unused)
{
	(void)unused;
	for (int tls = 0; tls < 2; tls++) {
		struct held held;
		struct client c;
		struct stage s;

		open_stage(&s, NULL);
		c = begin(&s, tls);
		say(&s, &c, "a LOGIN anna secret\r\n");
		held = log_in(&s, "secret");
		if (tls)
			SSL_shutdown(c.ssl);
		else
			shutdown(c.fd, SHUT_WR);
		turn(&s);
		give_back(&s, &held, "c LOGIN bert hidden\r\nd LOGOUT\r\n");
		held = log_in(&s, "hidden");
		assert_str(buf_str(&held.leftover), "d LOGOUT\r\n");
		give_back(&s, &held, "e NOOP\r\n");
		expect(&s, &c, "e OK NOOP completed\r\n");
		turn(&s);
		assert_int_equal(front_connections(s.front), 0);
		hang_up(&c);
		close_stage(&s);
	}
}

static void test_slow_client(void **unused)
{
	struct front_settings settings = plain_settings();
	struct held held;
	struct client c;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	c = begin(&s, true);
	say(&s, &c, "a LOGIN anna secret\r\n");
	held = log_in(&s, "secret");
	settings.login_ms = 1;
	front_configure(s.front, &settings);
	while (write(held.fd, "0123456789", 10) == 10)
		turn(&s);
	give_back(&s, &held, "");
	assert_int_equal(front_connections(s.front), 1);
	while (front_connections(s.front))
		loop_run_once(s.loop, -1);
	hang_up(&c);
	close_stage(&s);
}

static void test_return_while_draining(void **unused)
{
	(void)unused;
	for (int tls = 0; tls < 2; tls++) {
		struct held held;
		struct client c;
		struct stage s;

		drained = 0;
		open_stage(&s, NULL);
		c = begin(&s, tls);
		say(&s, &c, "a LOGIN anna secret\r\n");
		held = log_in(&s, "secret");
		front_drain(s.front, on_drained);
		write_down(&held, "b OK out\r\n");
		give_back(&s, &held, "c LOGIN bert hidden\r\n");
		expect(&s, &c,
			"b OK out\r\n"
			"* BYE [UNAVAILABLE] the server is shutting down\r\n");
		expect_end(&s, &c);
		hang_up(&c);
		turn(&s);
		assert_true(drained > 0);
		close_stage(&s);
	}
}

/* Mail goes, with one that it has just given back. */
static void test_mail_goes(void **unused)
{
	(void)unused;
	for (int tls = 0; tls < 2; tls++) {
		struct held held;
		struct client c;
		struct stage s;
		struct handback h;
		int fds[2];

		open_stage(&s, NULL);
		c = begin(&s, tls);
		say(&s, &c, "a LOGIN anna secret\r\n");
		held = log_in(&s, "secret");
		h = honest(&held, "c LOGIN bert hidden\r\n");
		send_back(&s, &held, &h, held.fd);
		drop(&held);
		close(s.mail);
		s.mail = -1;
		assert_ok(ipc_pair(fds));
		front_set_mail(s.front, fds[0]);
		s.mail = fds[1];
		held = log_in(&s, "hidden");
		drop(&held);
		expect_end(&s, &c);
		hang_up(&c);
		close_stage(&s);
	}
}

/* No session has begun again, no auth was asked, nobody was disturbed. */
static void expect_nothing(struct stage *s, struct client *c)
{
	turn(s);
	assert_int_equal(ipc_recv(s->auth, &s->room, &s->m), ERR_AGAIN);
	assert_int_equal(ipc_recv(s->mail, &s->room, &s->m), ERR_AGAIN);
	(void)hear(c);
	assert_int_equal(c->got.n, 0);
}

static void test_lies(void **unused)
{
	enum lie {
		NO_DESCRIPTOR,
		OTHER_DESCRIPTOR,
		OTHER_NUMBER,
		NO_NUMBER_AT_ALL,
		UNKNOWN_NUMBER,
		OTHER_PROTOCOL,
		NONSENSE,
		LIES
	};

	(void)unused;
	for (int lie = 0; lie < LIES; lie++) {
		struct client anna, bert;
		struct held a, b, told;
		struct handback h;
		struct stage s;
		int fd;

		open_stage(&s, NULL);
		anna = begin(&s, true);
		say(&s, &anna, "a LOGIN anna secret\r\n");
		a = log_in(&s, "secret");
		bert = begin(&s, true);
		say(&s, &bert, "a LOGIN bert hidden\r\n");
		b = log_in(&s, "hidden");
		assert_int_not_equal(a.id, b.id);
		h = honest(&a, "c LOGIN bert guessed\r\n");
		told = a;
		fd = a.fd;
		if (lie == NO_DESCRIPTOR)
			fd = -1;
		else if (lie == OTHER_DESCRIPTOR)
			fd = b.fd;
		else if (lie == OTHER_NUMBER)
			told.id = b.id;
		else if (lie == UNKNOWN_NUMBER)
			told.id = 1000000;
		else if (lie == OTHER_PROTOCOL)
			h.protocol = STR("lmtp");
		if (lie == NONSENSE)
			assert_ok(ipc_send(s.mail, IPC_HANDBACK, told.id,
				STR("\1\2\3"), fd));
		else if (lie != NO_NUMBER_AT_ALL)
			send_back(&s, &told, &h, fd);
		else
			assert_ok(ipc_send(
				s.mail, IPC_AUTH_DONE, 1, STR(""), fd));
		expect_nothing(&s, &anna);
		expect_nothing(&s, &bert);
		/* All goes on. */
		assert_int_equal(front_connections(s.front), 2);
		write_down(&a, "b OK\r\n");
		expect(&s, &anna, "b OK\r\n");
		give_back(&s, &b, "c NOOP\r\n");
		expect(&s, &bert, "c OK NOOP completed\r\n");
		drop(&a);
		hang_up(&anna);
		hang_up(&bert);
		close_stage(&s);
	}
}

/* One that is not a session's any more, or never was. */
static void test_given_back_twice(void **unused)
{
	struct handback h;
	struct held held;
	struct client c;
	struct stage s;
	int copy;

	(void)unused;
	open_stage(&s, NULL);
	c = begin(&s, true);
	say(&s, &c, "a LOGIN anna secret\r\n");
	held = log_in(&s, "secret");
	copy = fcntl(held.fd, F_DUPFD_CLOEXEC, 0);
	h = honest(&held, "");
	send_back(&s, &held, &h, held.fd);
	turn(&s);
	send_back(&s, &held, &h, copy);
	expect_nothing(&s, &c);
	/* A session that keeps what it gave back changes nothing. */
	assert_int_equal(write(copy, "x", 1), 1);
	expect_nothing(&s, &c);
	say(&s, &c, "b NOOP\r\n");
	expect(&s, &c, "b OK NOOP completed\r\n");
	hang_up(&c);
	turn(&s);
	send_back(&s, &held, &h, copy);
	turn(&s);
	assert_int_equal(front_connections(s.front), 0);
	close(copy);
	drop(&held);
	close_stage(&s);
}

/* Without TLS it may be anything; then it is a client that goes at once. */
static void test_strange_descriptors(void **unused)
{
	struct held none = {.leftover = BUF_UNBOUNDED};
	struct handback h = honest(&none, "a NOOP\r\n");
	struct stage s;
	int fds[2];

	(void)unused;
	open_stage(&s, NULL);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	for (int i = 0; i < 2; i++)
		send_back(&s, &none, &h, fds[i]);
	close(fds[0]);
	close(fds[1]);
	fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	send_back(&s, &none, &h, fds[0]);
	close(fds[0]);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	send_back(&s, &none, &h, fds[0]);
	close(fds[0]);
	turn(&s);
	assert_int_equal(front_connections(s.front), 0);
	/* One that blocks does not block the front. */
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	send_back(&s, &none, &h, fds[0]);
	turn(&s);
	assert_int_equal(fcntl(fds[0], F_SETFL, 0), 0);
	assert_int_equal(write(fds[1], "b NO", 4), 4);
	turn(&s);
	turn(&s);
	assert_int_equal(front_connections(s.front), 1);
	close(fds[0]);
	close(fds[1]);
	turn(&s);
	assert_int_equal(front_connections(s.front), 0);
	close_stage(&s);
}

/* Whom the proxy told of is known to mail alone, which cannot tell another
 * address of those that are counted here. */
static void test_proxied_return(void **unused)
{
	static const struct {
		bool tls;
		const char *told, *asked;
	} rows[] = {
		{false, "192.0.2.1:54321", "192.0.2.1"},
		{true, "192.0.2.1:54321", "192.0.2.1"},
		{true, "192.0.2.9:54321", NULL},
		{true, "-", NULL},
		{false, "nonsense", "-"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct limits *limits;
		struct handback h;
		struct client c;
		struct stage s;
		struct held held;
		int fd;

		assert_ok(limits_create(1, 100, &limits, &fd));
		limits_set(limits, 100, 1);
		open_stage(&s, limits);
		trust_all(&s, 60000);
		c = connect_to(&s, rows[i].tls);
		say_bytes(&s, &c, STR(HEADER("\1")));
		if (rows[i].tls)
			shake_hands(&s, &c);
		expect_greeting(&s, &c);
		say(&s, &c, "a LOGIN anna secret\r\n");
		held = log_in(&s, "secret");
		assert_int_equal(limits_total(limits), rows[i].tls);
		h = honest(&held, "b LOGIN bert hidden\r\n");
		h.remote = str_c(rows[i].told);
		send_back(&s, &held, &h, held.fd);
		drop(&held);
		turn(&s);
		if (rows[i].asked) {
			expect_ask_from(&s, rows[i].asked, "hidden");
			assert_int_equal(limits_total(limits), 1);
		} else {
			expect_end(&s, &c);
		}
		hang_up(&c);
		turn(&s);
		assert_int_equal(limits_total(limits), 0);
		close_stage(&s);
		limits_free(limits);
		close(fd);
	}
}

/* Counted like any other, and not more often for having been away. */
static void test_limits_of_returns(void **unused)
{
	(void)unused;
	for (int tls = 0; tls < 2; tls++) {
		struct limits *limits;
		struct client c, other;
		struct stage s;
		int fd;

		assert_ok(limits_create(1, 100, &limits, &fd));
		limits_set(limits, 2, 1);
		open_stage(&s, limits);
		c = begin(&s, tls);
		for (int i = 0; i < 1000; i++) {
			struct held held;

			say(&s, &c, "a LOGIN anna secret\r\n");
			held = log_in(&s, "secret");
			assert_int_equal(limits_total(limits), tls);
			give_back(&s, &held, "");
			turn(&s);
			assert_int_equal(limits_total(limits), 1);
			assert_int_equal(limits_of_peer(limits, 1), 1);
			assert_int_equal(front_connections(s.front), 1);
		}
		say(&s, &c, "b NOOP\r\n");
		expect(&s, &c, "b OK NOOP completed\r\n");
		other = connect_to(&s, false);
		expect(&s, &other,
			"* BYE [UNAVAILABLE] too many connections from your "
			"address\r\n");
		hang_up(&other);
		hang_up(&c);
		turn(&s);
		assert_int_equal(limits_total(limits), 0);
		close_stage(&s);
		limits_free(limits);
		close(fd);
	}
}

/* While it was away others took its place: then there is none for it. */
static void test_full(void **unused)
{
	struct client c, other;
	struct limits *limits;
	struct held held;
	struct stage s;
	int fd;

	(void)unused;
	assert_ok(limits_create(1, 100, &limits, &fd));
	limits_set(limits, 1, 10);
	open_stage(&s, limits);
	c = begin(&s, false);
	say(&s, &c, "a LOGIN anna secret\r\n");
	held = log_in(&s, "secret");
	other = begin(&s, false);
	give_back(&s, &held, "b LOGIN anna hidden\r\n");
	expect(&s, &c, "* BYE [UNAVAILABLE] too many connections\r\n");
	expect_end(&s, &c);
	hang_up(&c);
	hang_up(&other);
	turn(&s);
	assert_int_equal(limits_total(limits), 0);
	close_stage(&s);
	limits_free(limits);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_return),
		cmocka_unit_test(test_starttls_after_return),
		cmocka_unit_test(test_starttls_far_behind),
		cmocka_unit_test(test_return_amid_much),
		cmocka_unit_test(test_client_goes),
		cmocka_unit_test(test_slow_client),
		cmocka_unit_test(test_return_while_draining),
		cmocka_unit_test(test_mail_goes),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_given_back_twice),
		cmocka_unit_test(test_strange_descriptors),
		cmocka_unit_test(test_proxied_return),
		cmocka_unit_test(test_limits_of_returns),
		cmocka_unit_test(test_full),
	};

	/* OpenSSL writes to a connection that was closed. */
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
