/* SPDX-License-Identifier: Apache-2.0 */
/* The front until login, and after it under TLS. */
#include "base/log.h"
#include "base/mechanism.h"
#include "server/front_fixture.h"

static int drained;

static void on_drained(struct loop *loop)
{
	(void)loop;
	drained++;
}

/* ------------------------------------------------------------------ tests */

static void test_plain(void **unused)
{
	struct handover h;
	struct client c;
	struct stage s;
	int fd;

	(void)unused;
	open_stage(&s, NULL);
	c = connect_to(&s, false);
	expect_greeting(&s, &c);
	say(&s, &c, "t1 LOGIN anna secret\r\nt2 SELECT INBOX\r\n");
	expect_ask(&s, "secret");
	answer(&s, OK, "the ticket");
	fd = expect_handover(&s, &h);
	assert_str(h.ticket, "the ticket");
	assert_str(h.tag, "t1");
	assert_str(h.leftover, "t2 SELECT INBOX\r\n");
	assert_str(h.tls_version, "");
	assert_int_equal(h.session.n, 12);
	/* Nothing of it is left here. */
	assert_int_equal(front_connections(s.front), 0);
	assert_int_equal(write(fd, "t1 OK\r\n", 7), 7);
	expect(&s, &c, "t1 OK\r\n");
	close(fd);
	hang_up(&c);
	close_stage(&s);
}

static void test_tls(void **unused)
{
	struct client c;
	struct stage s;
	char room[16];
	int fd;

	(void)unused;
	open_stage(&s, NULL);
	fd = log_in_by_tls(&s, &c);
	assert_int_equal(write(fd, "t1 OK\r\n", 7), 7);
	expect(&s, &c, "t1 OK\r\n");
	say(&s, &c, "t2 NOOP\r\n");
	assert_int_equal(read(fd, room, sizeof room), 9);
	assert_int_equal(front_connections(s.front), 1);
	assert_int_equal(write(fd, "* BYE\r\n", 7), 7);
	close(fd);
	expect(&s, &c, "* BYE\r\n");
	expect_end(&s, &c);
	assert_int_equal(front_connections(s.front), 0);
	hang_up(&c);
	close_stage(&s);
}

/* A whole record of pipelined commands: some of it goes with the hand-over,
 * the rest after it, in order. */
static void test_pipelined(void **unused)
{
	char text[12000], room[sizeof text];
	size_t head, got, n;
	struct handover h;
	struct client c;
	struct stage s;
	int fd;

	(void)unused;
	open_stage(&s, NULL);
	c = connect_to(&s, true);
	shake_hands(&s, &c);
	expect_greeting(&s, &c);
	head = (size_t)snprintf(text, sizeof text, "a LOGIN anna secret\r\n");
	for (size_t i = head; i < sizeof text; i++)
		text[i] = (char)('0' + i % 71);
	assert_int_equal(SSL_write(c.ssl, text, sizeof text), sizeof text);
	expect_ask(&s, "secret");
	answer(&s, OK, "the ticket");
	fd = expect_handover(&s, &h);
	got = h.leftover.n;
	assert_true(got > 0);
	memcpy(room, h.leftover.p, got);
	while (got < sizeof text - head) {
		ssize_t r = read(fd, room + got, sizeof room - got);

		turn(&s);
		n = r > 0 ? (size_t)r : 0;
		got += n;
	}
	assert_memory_equal(room, text + head, got);
	close(fd);
	hang_up(&c);
	close_stage(&s);
}

static void test_starttls(void **unused)
{
	struct client c;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	c = connect_to(&s, false);
	expect_greeting(&s, &c);
	say(&s, &c, "a STARTTLS\r\n");
	expect(&s, &c, "a OK Begin TLS\r\n");
	shake_hands(&s, &c);
	say(&s, &c, "b STARTTLS\r\nc NOOP\r\n");
	expect(&s, &c,
		"b BAD TLS is active already\r\nc OK NOOP completed\r\n");
	say(&s, &c, "d LOGIN anna secret\r\n");
	expect_ask(&s, "secret");
	hang_up(&c);
	close_stage(&s);
}

static void test_starttls_injection(void **unused)
{
	struct client c;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	c = connect_to(&s, false);
	expect_greeting(&s, &c);
	say(&s, &c, "a STARTTLS\r\nb LOGIN anna secret\r\n");
	expect(&s, &c, "* BYE Bytes in clear after STARTTLS\r\n");
	expect_end(&s, &c);
	assert_int_equal(ipc_recv(s.auth, &s.room, &s.m), ERR_AGAIN);
	hang_up(&c);
	/* In packets of their own they are taken for TLS, which they are not.
	 */
	c = connect_to(&s, false);
	expect_greeting(&s, &c);
	say(&s, &c, "a STARTTLS\r\n");
	expect(&s, &c, "a OK Begin TLS\r\n");
	say(&s, &c, "b LOGIN anna secret\r\n");
	assert_int_equal(front_connections(s.front), 0);
	assert_int_equal(ipc_recv(s.auth, &s.room, &s.m), ERR_AGAIN);
	hang_up(&c);
	close_stage(&s);
}

static void test_wrong_password(void **unused)
{
	struct client c;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	c = connect_to(&s, false);
	expect_greeting(&s, &c);
	say(&s, &c, "a LOGIN anna wrong\r\nb LOGIN anna secret\r\n");
	expect_ask(&s, "wrong");
	/* The second waits for the first. */
	turn(&s);
	assert_int_equal(ipc_recv(s.auth, &s.room, &s.m), ERR_AGAIN);
	s.m.id = 1;
	answer(&s, ERR_AUTH, "");
	expect(&s, &c, "a NO [AUTHENTICATIONFAILED] Authentication failed\r\n");
	expect_ask(&s, "secret");
	hang_up(&c);
	close_stage(&s);
}

static void test_auth_goes_and_comes(void **unused)
{
	static const char *const away =
		" NO [UNAVAILABLE] Logins are not possible just now\r\n";
	struct client c;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	c = connect_to(&s, false);
	expect_greeting(&s, &c);
	say(&s, &c, "a LOGIN anna secret\r\n");
	expect_ask(&s, "secret");
	/* It dies while it is asked. */
	close(s.auth);
	turn(&s);
	expect(&s, &c, "a");
	expect(&s, &c, away);
	say(&s, &c, "b LOGIN anna secret\r\n");
	expect(&s, &c, "b");
	expect(&s, &c, away);
	give_auth(&s);
	say(&s, &c, "c LOGIN anna secret\r\n");
	expect_ask(&s, "secret");
	/* A new channel comes before the old one's end was seen. */
	close(s.auth);
	give_auth(&s);
	expect(&s, &c, "c");
	expect(&s, &c, away);
	hang_up(&c);
	close_stage(&s);
}

static void test_mail_is_away(void **unused)
{
	struct client c;
	struct stage s;

	(void)unused;
	for (int tls = 0; tls < 2; tls++) {
		open_stage(&s, NULL);
		close(s.mail);
		s.mail = -1;
		c = connect_to(&s, tls);
		if (tls)
			shake_hands(&s, &c);
		expect_greeting(&s, &c);
		say(&s, &c, "a LOGIN anna secret\r\n");
		expect_ask(&s, "secret");
		answer(&s, OK, "the ticket");
		expect(&s, &c,
			"a NO [UNAVAILABLE] Logins are not possible just "
			"now\r\n");
		say(&s, &c, "b NOOP\r\n");
		expect(&s, &c, "b OK NOOP completed\r\n");
		hang_up(&c);
		close_stage(&s);
	}
}

/* The client goes while auth thinks: auth is told, its answer not missed. */
static void test_client_gives_up(void **unused)
{
	struct client c;
	struct stage s;
	uint32_t id;

	(void)unused;
	open_stage(&s, NULL);
	c = connect_to(&s, false);
	expect_greeting(&s, &c);
	say(&s, &c, "a LOGIN anna secret\r\n");
	expect_ask(&s, "secret");
	id = s.m.id;
	hang_up(&c);
	turn(&s);
	assert_int_equal(front_connections(s.front), 0);
	assert_ok(ipc_recv(s.auth, &s.room, &s.m));
	assert_int_equal(s.m.type, IPC_AUTH_CANCEL);
	assert_int_equal(s.m.id, id);
	answer(&s, OK, "too late");
	assert_int_equal(ipc_recv(s.mail, &s.room, &s.m), ERR_AGAIN);
	close_stage(&s);
}

/* Whoever has taken auth over cannot take the front over, too. */
static void test_hostile_auth(void **unused)
{
	static const struct {
		uint32_t type;
		const char *payload;
	} rows[] = {
		{IPC_AUTH_DONE, ""},
		{IPC_AUTH_DONE, "\377\377\377\377\377\377\377\377\377\377"},
		{IPC_AUTH_DONE, "\1\377"},
		{IPC_HANDOVER, "x"},
		{9999, ""},
	};
	struct client c;
	struct stage s;

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		open_stage(&s, NULL);
		c = connect_to(&s, false);
		expect_greeting(&s, &c);
		say(&s, &c, "a LOGIN anna secret\r\n");
		expect_ask(&s, "secret");
		assert_ok(ipc_send(s.auth, rows[i].type, s.m.id,
			str_c(rows[i].payload), s.auth));
		assert_ok(ipc_send(s.auth, rows[i].type, 12345,
			str_c(rows[i].payload), -1));
		turn(&s);
		assert_int_equal(ipc_recv(s.mail, &s.room, &s.m), ERR_AGAIN);
		assert_int_equal(front_connections(s.front), 1);
		hang_up(&c);
		close_stage(&s);
	}
}

enum { CROWD = 600 };

static void crowd_asks(struct stage *s, struct client *crowd)
{
	char line[1200];

	for (size_t i = 0; i < CROWD; i++) {
		crowd[i] = connect_to(s, false);
		expect_greeting(s, &crowd[i]);
		snprintf(line, sizeof line, "a LOGIN anna %01000zu\r\n", i);
		say(s, &crowd[i], line);
	}
}

/* Whatever is asked while auth does not read is asked in order when it does:
 * the front waits for nobody. */
static void test_auth_is_slow(void **unused)
{
	struct client crowd[CROWD];
	char password[16];
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	crowd_asks(&s, crowd);
	for (size_t i = 0; i < CROWD; i++) {
		snprintf(password, sizeof password, "%010zu", i);
		expect_ask(&s, password);
	}
	assert_int_equal(ipc_recv(s.auth, &s.room, &s.m), ERR_AGAIN);
	for (size_t i = 0; i < CROWD; i++)
		hang_up(&crowd[i]);
	close_stage(&s);
}

/* It never reads: those who asked are told, as are those who ask then. */
static void test_auth_is_stuck(void **unused)
{
	static const char *const away =
		" NO [UNAVAILABLE] Logins are not possible just now\r\n";
	struct front_settings settings = plain_settings();
	struct client crowd[CROWD], late;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	settings.role_ms = 1;
	front_configure(s.front, &settings);
	close(s.auth);
	give_auth(&s);
	crowd_asks(&s, crowd);
	late = connect_to(&s, false);
	expect_greeting(&s, &late);
	for (size_t i = 0; i < CROWD; i++) {
		while (hear(&crowd[i]) && !crowd[i].got.n)
			loop_run_once(s.loop, -1);
		expect(&s, &crowd[i], "a");
		expect(&s, &crowd[i], away);
	}
	say(&s, &late, "b LOGIN anna secret\r\n");
	expect(&s, &late, "b");
	expect(&s, &late, away);
	for (size_t i = 0; i < CROWD; i++)
		hang_up(&crowd[i]);
	hang_up(&late);
	close_stage(&s);
}

static void test_limits(void **unused)
{
	struct limits *limits;
	struct client first, second, third;
	struct stage s;
	int fd;

	(void)unused;
	assert_ok(limits_create(1, 100, &limits, &fd));
	limits_set(limits, 100, 2);
	open_stage(&s, limits);
	first = connect_to(&s, false);
	second = connect_to(&s, true);
	shake_hands(&s, &second);
	third = connect_to(&s, false);
	expect(&s, &third,
		"* BYE [UNAVAILABLE] too many connections from your "
		"address\r\n");
	expect_end(&s, &third);
	hang_up(&third);
	limits_set(limits, 2, 100);
	third = connect_to(&s, true);
	shake_hands(&s, &third);
	expect(&s, &third, "* BYE [UNAVAILABLE] too many connections\r\n");
	expect_end(&s, &third);
	hang_up(&third);
	turn(&s);
	assert_int_equal(limits_total(limits), 2);
	hang_up(&first);
	turn(&s);
	first = connect_to(&s, false);
	expect_greeting(&s, &first);
	hang_up(&first);
	hang_up(&second);
	turn(&s);
	assert_int_equal(limits_total(limits), 0);
	close_stage(&s);
	limits_free(limits);
	close(fd);
}

/* Half commands, and one that is quick among them. */
static void test_slow_clients(void **unused)
{
	struct front_settings settings = plain_settings();
	struct client slow[200], quick;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	settings.login_ms = settings.handshake_ms = 1;
	front_configure(s.front, &settings);
	for (size_t i = 0; i < COUNT_OF(slow); i++) {
		slow[i] = connect_to(&s, i % 10 == 0);
		assert_int_equal(write(slow[i].fd, "\x16", 1), 1);
	}
	turn(&s);
	assert_int_equal(front_connections(s.front), COUNT_OF(slow));
	settings.login_ms = 60000;
	front_configure(s.front, &settings);
	quick = connect_to(&s, false);
	expect_greeting(&s, &quick);
	while (front_connections(s.front) > 1) {
		loop_run_once(s.loop, -1);
		for (size_t i = 0; i < COUNT_OF(slow); i++) {
			if (slow[i].fd >= 0 && !hear(&slow[i])) {
				str heard = buf_str(&slow[i].got);

				if (i % 10)
					assert_true(str_ends(heard,
						STR("* BYE [UNAVAILABLE] no "
						    "login in time\r\n")));
				hang_up(&slow[i]);
			}
		}
	}
	say(&s, &quick, "a NOOP\r\n");
	expect(&s, &quick, "a OK NOOP completed\r\n");
	hang_up(&quick);
	for (size_t i = 0; i < COUNT_OF(slow); i++)
		hang_up(&slow[i]);
	close_stage(&s);
}

/* A client that asks and does not read is not read either. */
static void test_client_does_not_read(void **unused)
{
	static const char ask[] = "a CAPABILITY\r\n";
	size_t sent = 0, heard = 0, lines = 0;
	struct client c;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	c = connect_to(&s, false);
	expect_greeting(&s, &c);
	while (write(c.fd, ask, sizeof ask - 1) == (ssize_t)sizeof ask - 1) {
		sent++;
		turn(&s);
		assert_true(sent < 100000);
	}
	/* Then it does, and nothing was lost. */
	for (int idle = 0; idle < 10; idle++) {
		size_t before = c.got.n;

		turn(&s);
		(void)hear(&c);
		if (c.got.n > before)
			idle = 0;
	}
	for (str rest = buf_str(&c.got); rest.n;) {
		heard = str_find(rest, STR("a OK CAPABILITY completed\r\n"));
		lines += heard < rest.n;
		rest = str_skip(rest, heard + 1);
	}
	assert_true(lines >= sent);
	hang_up(&c);
	close_stage(&s);
}

static void test_drain(void **unused)
{
	struct client early, late, shaking;
	struct stage s;
	int fd;

	(void)unused;
	drained = 0;
	open_stage(&s, NULL);
	fd = log_in_by_tls(&s, &late);
	early = connect_to(&s, false);
	expect_greeting(&s, &early);
	shaking = connect_to(&s, true);
	turn(&s);
	front_drain(s.front, on_drained);
	expect(&s, &early,
		"* BYE [UNAVAILABLE] the server is shutting down\r\n");
	expect_end(&s, &early);
	expect_end(&s, &shaking);
	hang_up(&early);
	turn(&s);
	/* The session goes on until mail ends it. */
	assert_int_equal(drained, 0);
	assert_int_equal(write(fd, "* BYE\r\n", 7), 7);
	close(fd);
	expect(&s, &late, "* BYE\r\n");
	turn(&s);
	assert_int_equal(drained, 1);
	hang_up(&late);
	hang_up(&shaking);
	close_stage(&s);
	/* With nobody there it is done at once. */
	open_stage(&s, NULL);
	front_drain(s.front, on_drained);
	assert_int_equal(drained, 2);
	close_stage(&s);
}

static void test_no_certificate(void **unused)
{
	struct client c;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	front_set_tls(s.front, NULL);
	c = connect_to(&s, true);
	expect_end(&s, &c);
	hang_up(&c);
	c = connect_to(&s, false);
	expect_greeting(&s, &c);
	say(&s, &c, "a STARTTLS\r\n");
	expect(&s, &c, "a NO [UNAVAILABLE] TLS is not configured\r\n");
	hang_up(&c);
	close_stage(&s);
}

/* ------------------------------------------------------------------ PROXY */

static void test_proxied(void **unused)
{
	static const struct {
		str header;
		bool tls;
		const char *remote, *handed;
		size_t piece;
	} rows[] = {
		{STR_LIT(HEADER("\1")), false, "192.0.2.1", "192.0.2.1:54321",
			100},
		{STR_LIT(HEADER("\1")), true, "192.0.2.1", "192.0.2.1:54321",
			100},
		{STR_LIT(HEADER("\1")), true, "192.0.2.1", "192.0.2.1:54321",
			1},
		{STR_LIT(HEADER("\7")), false, "192.0.2.7", "192.0.2.7:54321",
			15},
		{STR_LIT(SIGNATURE "\x20\0\0\0"), false, "-", "-", 100},
		{STR_LIT(SIGNATURE "\x21\0\0\0"), true, "-", "-", 3},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str rest = rows[i].header;
		struct handover h;
		struct client c;
		struct stage s;

		open_stage(&s, NULL);
		trust_all(&s, 60000);
		c = connect_to(&s, rows[i].tls);
		turn(&s);
		assert_int_equal(recv(c.fd, &h, 1, 0), -1);
		for (; rest.n; rest = str_skip(rest, rows[i].piece))
			say_bytes(&s, &c, str_take(rest, rows[i].piece));
		if (rows[i].tls)
			shake_hands(&s, &c);
		expect_greeting(&s, &c);
		say(&s, &c, "a LOGIN anna secret\r\n");
		expect_ask_from(&s, rows[i].remote, "secret");
		answer(&s, OK, "the ticket");
		close(expect_handover(&s, &h));
		assert_str(h.remote, rows[i].handed);
		hang_up(&c);
		close_stage(&s);
	}
}

/* What the client sent in the same packet is not lost. */
static void test_proxied_pipelined(void **unused)
{
	struct client c;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	trust_all(&s, 60000);
	c = connect_to(&s, false);
	say_bytes(&s, &c, STR(HEADER("\1") "a LOGIN anna secret\r\n"));
	expect_greeting(&s, &c);
	expect_ask_from(&s, "192.0.2.1", "secret");
	hang_up(&c);
	close_stage(&s);
}

static void test_proxy_refused(void **unused)
{
	static const str rows[] = {
		STR_LIT("PROXY TCP4 192.0.2.1 198.51.100.2 54321 143\r\n"),
		STR_LIT("a LOGIN anna secret\r\n"),
		STR_LIT("\x16\3\1\0\xa5\1\0\0\xa1\3\3\0\0\0\0\0\0"),
		STR_LIT(SIGNATURE "\x21\x11\0\4\xc0\0\2\1"),
		STR_LIT(SIGNATURE "\x21\x11\xff\xff"),
	};
	struct client c;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	trust_all(&s, 60000);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		c = connect_to(&s, i % 2);
		say_bytes(&s, &c, rows[i]);
		assert_int_equal(front_connections(s.front), 0);
		assert_int_equal(c.got.n, 0);
		hang_up(&c);
	}
	/* One that goes amid it. */
	c = connect_to(&s, false);
	say_bytes(&s, &c, STR(SIGNATURE "\x21"));
	assert_int_equal(front_connections(s.front), 1);
	hang_up(&c);
	turn(&s);
	assert_int_equal(front_connections(s.front), 0);
	/* One that never says it all. */
	trust_all(&s, 1);
	c = connect_to(&s, false);
	say_bytes(&s, &c, STR(SIGNATURE "\x21\x11\0"));
	while (front_connections(s.front))
		loop_run_once(s.loop, -1);
	assert_int_equal(recv(c.fd, &s.m, 1, 0), 0);
	hang_up(&c);
	close_stage(&s);
}

/* Limits are those of the client, not of the proxy. */
static void test_proxy_limits(void **unused)
{
	struct client c[5];
	struct limits *limits;
	struct stage s;
	int fd;

	(void)unused;
	assert_ok(limits_create(1, 100, &limits, &fd));
	limits_set(limits, 100, 2);
	open_stage(&s, limits);
	trust_all(&s, 60000);
	/* All of them at once, before any has told its address. */
	for (size_t i = 0; i < COUNT_OF(c); i++)
		c[i] = connect_to(&s, false);
	assert_int_equal(limits_total(limits), 5);
	for (size_t i = 0; i < 3; i++)
		say_bytes(&s, &c[i], STR(HEADER("\1")));
	say_bytes(&s, &c[3], STR(HEADER("\2")));
	expect_greeting(&s, &c[0]);
	expect_greeting(&s, &c[1]);
	expect(&s, &c[2],
		"* BYE [UNAVAILABLE] too many connections from your "
		"address\r\n");
	expect_greeting(&s, &c[3]);
	assert_int_equal(limits_of_peer(limits, 0xffffc0000201), 2);
	assert_int_equal(limits_of_peer(limits, 0xffffc0000202), 1);
	hang_up(&c[4]);
	c[4] = connect_to(&s, false);
	/* The total counts from the beginning. */
	limits_set(limits, 4, 100);
	hang_up(&c[2]);
	turn(&s);
	c[2] = connect_to(&s, false);
	say_bytes(&s, &c[2], STR(HEADER("\3")));
	expect(&s, &c[2], "* BYE [UNAVAILABLE] too many connections\r\n");
	for (size_t i = 0; i < COUNT_OF(c); i++)
		hang_up(&c[i]);
	turn(&s);
	assert_int_equal(limits_total(limits), 0);
	close_stage(&s);
	limits_free(limits);
	close(fd);
}

/* A mail transport comes with many connections, behind a proxy too; a webmail
 * on the same machine has the limit of its address all the same. */
static void test_limits_of_deliveries(void **unused)
{
	struct client c[6], imap;
	struct limits *limits;
	struct handover h;
	struct stage s;
	int fd;

	(void)unused;
	assert_ok(limits_create(1, 100, &limits, &fd));
	limits_set(limits, 100, 2);
	open_stage(&s, limits);
	for (size_t i = 0; i < COUNT_OF(c); i++) {
		if (i == 4)
			trust_all(&s, 60000);
		c[i] = connect_by(&s, &login_lmtp, false);
		if (i >= 4)
			say_bytes(&s, &c[i], STR(HEADER("\1")));
	}
	turn(&s);
	assert_int_equal(limits_total(limits), COUNT_OF(c));
	for (size_t i = 0; i < COUNT_OF(c); i++) {
		assert_ok(ipc_recv(s.auth, &s.room, &s.m));
		assert_int_equal(s.m.type, IPC_AUTH_START);
	}
	/* The last may deliver; mail counts it by the key that it is told. */
	answer(&s, OK, "the ticket");
	close(expect_handover(&s, &h));
	assert_int_equal(limits_of_peer(limits, h.peer_key), COUNT_OF(c) - 1);
	imap = connect_to(&s, false);
	say_bytes(&s, &imap, STR(HEADER("\1")));
	expect_greeting(&s, &imap);
	assert_int_equal(limits_of_peer(limits, 0xffffc0000201), 1);
	hang_up(&imap);
	turn(&s);
	/* The total is for all. */
	limits_set(limits, COUNT_OF(c) - 1, 2);
	imap = connect_by(&s, &login_lmtp, false);
	say_bytes(&s, &imap, STR(HEADER("\1")));
	expect(&s, &imap, "421 4.3.2 Too many connections\r\n");
	for (size_t i = 0; i < COUNT_OF(c); i++)
		hang_up(&c[i]);
	hang_up(&imap);
	turn(&s);
	assert_int_equal(limits_total(limits), 0);
	close_stage(&s);
	limits_free(limits);
	close(fd);
}

/* --------------------------------------------------- what TLS adds to START */

static void offer(struct stage *s, uint64_t bits)
{
	struct buf out = BUF_UNBOUNDED;

	buf_add_varint(&out, bits);
	assert_ok(ipc_send(s->auth, IPC_AUTH_OFFER, 0, buf_str(&out), -1));
	buf_fini(&out);
	turn(s);
}

static void test_bindings(void **unused)
{
	unsigned char expected[32];
	struct cursor start;
	struct client c;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	offer(&s, MECHANISM_SCRAM_SHA_256_PLUS | MECHANISM_SCRAM_SHA_256);
	for (int plus = 0; plus < 2; plus++) {
		c = connect_to(&s, true);
		shake_hands(&s, &c);
		expect_greeting(&s, &c);
		say(&s, &c,
			plus ? "a AUTHENTICATE SCRAM-SHA-256-PLUS eA==\r\n"
			     : "a AUTHENTICATE SCRAM-SHA-256 eA==\r\n");
		assert_ok(ipc_recv(s.auth, &s.room, &s.m));
		start = cursor_of(s.m.payload);
		assert_str(cursor_sized(&start), "imap");
		assert_str(cursor_sized(&start),
			plus ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256");
		assert_str(cursor_sized(&start), "-");
		(void)cursor_sized(&start); /* the session's name */
		assert_str(cursor_sized(&start), "TLSv1.3");
		assert_str(cursor_sized(&start), "");
		assert_int_equal(cursor_varint(&start), plus ? 2 : 0);
		if (plus) {
			assert_int_equal(
				SSL_export_keying_material(c.ssl, expected, 32,
					"EXPORTER-Channel-Binding", 24,
					(const unsigned char *)"", 0, 1),
				1);
			assert_str(cursor_sized(&start), "tls-exporter");
			assert_memory_equal(
				cursor_sized(&start).p, expected, 32);
			assert_str(
				cursor_sized(&start), "tls-server-end-point");
			assert_int_equal(cursor_sized(&start).n, 32);
		}
		assert_int_equal(cursor_varint(&start), 1);
		assert_str(cursor_sized(&start), "x");
		assert_true(cursor_ok(&start) && cursor_done(&start));
		hang_up(&c);
		turn(&s);
		assert_ok(ipc_recv(s.auth, &s.room, &s.m));
		assert_int_equal(s.m.type, IPC_AUTH_CANCEL);
	}
	close_stage(&s);
}

/* With a certificate of the authority there is EXTERNAL, also after STARTTLS;
 * with another there is not. */
static void test_certificate(void **unused)
{
	const struct tls_names anna = {.cn = "Anna",
		.alternatives = {STR_LIT("Eanna@example.org")},
		.days = 1};
	struct tls_pair ca =
		tls_pair_make(&(struct tls_names){.cn = "CA", .days = 1}, NULL);
	struct tls_pair clients[] = {
		tls_pair_make(&anna, &ca), tls_pair_make(&anna, NULL)};
	struct cursor start;
	struct client c;
	struct stage s;

	(void)unused;
	open_stage(&s, NULL);
	front_set_tls(s.front, tls_pair_server(&ca));
	offer(&s, MECHANISM_EXTERNAL | MECHANISM_PLAIN);
	for (int i = 0; i < 4; i++) {
		bool inside = i % 2, good = i / 2 == 0;

		c = connect_to(&s, inside);
		if (!inside) {
			expect_greeting(&s, &c);
			say(&s, &c, "s STARTTLS\r\n");
			expect(&s, &c, "s OK Begin TLS\r\n");
		}
		shake_hands_as(&s, &c, &clients[i / 2]);
		if (inside)
			expect_greeting(&s, &c);
		say(&s, &c, "a AUTHENTICATE EXTERNAL =\r\n");
		if (!good) {
			expect(&s, &c,
				"a NO Authentication mechanism not "
				"supported\r\n");
			hang_up(&c);
			continue;
		}
		turn(&s);
		assert_ok(ipc_recv(s.auth, &s.room, &s.m));
		start = cursor_of(s.m.payload);
		assert_str(cursor_sized(&start), "imap");
		assert_str(cursor_sized(&start), "EXTERNAL");
		for (int k = 0; k < 3; k++) /* address, session, TLS */
			(void)cursor_sized(&start);
		assert_str(cursor_sized(&start), "anna@example.org");
		hang_up(&c);
		turn(&s);
		assert_ok(ipc_recv(s.auth, &s.room, &s.m));
	}
	close_stage(&s);
	tls_pair_drop(&ca);
	tls_pair_drop(&clients[0]);
	tls_pair_drop(&clients[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_starttls_injection),
		cmocka_unit_test(test_wrong_password),
		cmocka_unit_test(test_auth_goes_and_comes),
		cmocka_unit_test(test_mail_is_away),
		cmocka_unit_test(test_client_gives_up),
		cmocka_unit_test(test_hostile_auth),
		cmocka_unit_test(test_auth_is_slow),
		cmocka_unit_test(test_auth_is_stuck),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_slow_clients),
		cmocka_unit_test(test_client_does_not_read),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_no_certificate),
		cmocka_unit_test(test_proxied),
		cmocka_unit_test(test_proxied_pipelined),
		cmocka_unit_test(test_proxy_refused),
		cmocka_unit_test(test_proxy_limits),
		cmocka_unit_test(test_limits_of_deliveries),
		cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_certificate),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
