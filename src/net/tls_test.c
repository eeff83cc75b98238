/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

static void test_echo(void **unused)
{
	struct tls_server *server = tls_fixture_server(false);
	struct tls_fixture t = tls_fixture_open(server);
	char room[64];
	size_t n;

	(void)unused;
	/* A reload takes the server away under its connections. */
	tls_server_free(server);
	tls_fixture_shake(&t);
	assert_ok(t.server_err);
	assert_string_equal(tls_version(t.server), "TLSv1.3");
	assert_true(strlen(tls_cipher(t.server)) > 5);
	assert_int_equal(tls_read(t.server, room, sizeof room, &n), ERR_AGAIN);
	assert_int_equal(tls_wants(t.server), EPOLLIN);
	assert_int_equal(SSL_write(t.client, "hello", 5), 5);
	assert_ok(tls_read(t.server, room, 2, &n));
	assert_int_equal(n, 2);
	assert_true(tls_pending(t.server));
	assert_ok(tls_read(t.server, room, sizeof room, &n));
	assert_str(str_of(room, n), "llo");
	assert_ok(tls_write(t.server, STR("world"), &n));
	assert_int_equal(SSL_read(t.client, room, sizeof room), 5);
	tls_close_notify(t.server);
	assert_int_equal(SSL_read(t.client, room, sizeof room), 0);
	assert_int_equal(SSL_get_error(t.client, 0), SSL_ERROR_ZERO_RETURN);
	SSL_shutdown(t.client);
	assert_int_equal(tls_read(t.server, room, sizeof room, &n), ERR_CLOSED);
	tls_fixture_close(&t);
}

/* A client that goes without close_notify is one that closed. */
static void test_bare_end(void **unused)
{
	struct tls_server *server = tls_fixture_server(false);
	struct tls_fixture t = tls_fixture_open(server);
	char room[64];
	size_t n;

	(void)unused;
	tls_fixture_shake(&t);
	assert_int_equal(shutdown(t.fds[1], SHUT_WR), 0);
	assert_int_equal(tls_read(t.server, room, sizeof room, &n), ERR_CLOSED);
	tls_fixture_close(&t);
	tls_server_free(server);
}

static void fill_pattern(char *p, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (char)((at + i) * 31 + (at + i) / 251);
}

/* What was not told as taken comes again, from another address. */
static enum err write_on(struct tls *tls, size_t *at)
{
	enum { MUCH = 100 * 1000 };
	char *block = xmalloc(MUCH);
	size_t n;
	enum err err;

	fill_pattern(block, MUCH, *at);
	err = tls_write(tls, str_of(block, MUCH), &n);
	*at += n;
	free(block);
	return err;
}

/* The answer is a message of its own. */
static void ask_for_new_keys(struct tls_fixture *t)
{
	char room[16];
	size_t n;

	assert_int_equal(
		SSL_key_update(t->client, SSL_KEY_UPDATE_REQUESTED), 1);
	assert_int_equal(SSL_do_handshake(t->client), 1);
	assert_int_equal(tls_read(t->server, room, sizeof room, &n), ERR_AGAIN);
}

/* A slow reader: bytes are taken until the socket is full, none is lost, and
 * what else TLS has to say in the middle does not come between. */
static void test_backpressure(void **unused)
{
	struct tls_server *server = tls_fixture_server(false);
	struct tls_fixture t = tls_fixture_open(server);
	char room[5000], wanted[5000];
	size_t sent = 0, got = 0;
	enum err err = OK;
	int r;

	(void)unused;
	tls_fixture_shake(&t);
	while (!err)
		err = write_on(t.server, &sent);
	assert_int_equal(err, ERR_AGAIN);
	assert_int_equal(tls_wants(t.server), EPOLLOUT);
	for (int i = 0; sent < 3 << 20; i++) {
		r = SSL_read(t.client, room, sizeof room);
		if (r > 0) {
			fill_pattern(wanted, (size_t)r, got);
			assert_memory_equal(room, wanted, (size_t)r);
			got += (size_t)r;
		}
		if (i % 10 == 0)
			ask_for_new_keys(&t);
		err = write_on(t.server, &sent);
		assert_true(!err || err == ERR_AGAIN);
		assert_true(got <= sent + 1);
	}
	while ((r = SSL_read(t.client, room, sizeof room)) > 0)
		got += (size_t)r;
	assert_true(got + 100 * 1000 > sent);
	tls_close_notify(t.server);
	tls_fixture_close(&t);
	tls_server_free(server);
}

static void test_versions(void **unused)
{
	static const struct {
		bool only_1_3;
		int client_max;
		bool works;
	} rows[] = {
		{false, TLS1_3_VERSION, true},
		{false, TLS1_2_VERSION, true},
		{false, TLS1_1_VERSION, false},
		{true, TLS1_2_VERSION, false},
		{true, TLS1_3_VERSION, true},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tls_server *server =
			tls_fixture_server(rows[i].only_1_3);
		struct tls_fixture t = tls_fixture_open(server);

		/* Old versions need the client's own consent. */
		SSL_set_security_level(t.client, 0);
		SSL_set_min_proto_version(t.client, TLS1_VERSION);
		SSL_set_max_proto_version(t.client, rows[i].client_max);
		tls_fixture_shake(&t);
		assert_int_equal(
			t.server_err, rows[i].works ? OK : ERR_INVALID);
		tls_fixture_close(&t);
		tls_server_free(server);
	}
}

static void test_alpn(void **unused)
{
	static const struct {
		const char *offer; /* with lengths; NULL: no extension */
		const char *chosen;
		bool works;
	} rows[] = {
		{NULL, "", true},
		{"\4imap", "imap", true},
		{"\2h2\10http/1.1\4imap", "imap", true},
		{"\2h2\10http/1.1", NULL, false},
		{"\5imaps", NULL, false},
	};
	struct tls_server *server = tls_fixture_server(false);

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tls_fixture t = tls_fixture_open(server);
		const unsigned char *got;
		unsigned n;

		if (rows[i].offer)
			SSL_set_alpn_protos(t.client,
				(const unsigned char *)rows[i].offer,
				(unsigned)strlen(rows[i].offer));
		tls_fixture_shake(&t);
		SSL_get0_alpn_selected(t.client, &got, &n);
		if (rows[i].works) {
			assert_ok(t.server_err);
			assert_str(
				str_of((const char *)got, n), rows[i].chosen);
		} else {
			assert_int_equal(t.server_err, ERR_INVALID);
			assert_int_equal(t.client_error, SSL_ERROR_SSL);
		}
		tls_fixture_close(&t);
	}
	tls_server_free(server);
}

/* With the same ticket key, another process goes on with the session. */
static void test_resumption(void **unused)
{
	struct buf cert = BUF_UNBOUNDED, key = BUF_UNBOUNDED;
	struct buf why = BUF_UNBOUNDED;
	char ticket_key[TLS_TICKET_KEY_SIZE] = "any bytes";
	struct tls_server *servers[2];
	SSL_SESSION *session;
	struct tls_fixture t;
	size_t n;

	(void)unused;
	tls_fixture_make(&cert, &key);
	for (int i = 0; i < 2; i++)
		assert_ok(tls_server_new(
			&(struct tls_settings){.certificate = buf_str(&cert),
				.key = buf_str(&key),
				.ticket_key =
					str_of(ticket_key, sizeof ticket_key)},
			&servers[i], &why));
	t = tls_fixture_open(servers[0]);
	tls_fixture_shake(&t);
	assert_false(tls_resumed(t.server));
	assert_ok(tls_write(t.server, STR("x"), &n));
	assert_int_equal(SSL_read(t.client, &n, 1), 1);
	session = SSL_get1_session(t.client);
	/* Without an orderly end OpenSSL would not take it up again. */
	SSL_set_shutdown(t.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	tls_fixture_close(&t);
	t = tls_fixture_open(servers[1]);
	SSL_set_session(t.client, session);
	tls_fixture_shake(&t);
	assert_ok(t.server_err);
	assert_true(tls_resumed(t.server));
	tls_fixture_close(&t);
	SSL_SESSION_free(session);
	tls_server_free(servers[0]);
	tls_server_free(servers[1]);
	buf_fini(&cert);
	buf_fini(&key);
	buf_fini(&why);
}

/* The first bytes were read by somebody else, split at any place. */
static void test_fed(void **unused)
{
	static const size_t rows[] = {1, 4, 5, 100, 4096};
	struct tls_server *server = tls_fixture_server(false);

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tls_fixture t = tls_fixture_open(server);
		char hello[4096], room[16];
		size_t n;
		ssize_t got;

		assert_int_equal(SSL_do_handshake(t.client), -1);
		got = read(t.fds[0], hello, rows[i]);
		assert_true(got > 0);
		tls_feed(t.server, str_of(hello, (size_t)got));
		tls_fixture_shake(&t);
		assert_ok(t.server_err);
		assert_int_equal(SSL_write(t.client, "hello", 5), 5);
		assert_ok(tls_read(t.server, room, sizeof room, &n));
		assert_str(str_of(room, n), "hello");
		tls_fixture_close(&t);
	}
	tls_server_free(server);
}

/* A client that sends nothing but key updates must not keep the thread that
 * reads: each costs us more than it costs the client. */
static void test_key_updates(void **unused)
{
	struct tls_server *server = tls_fixture_server(false);
	struct tls_fixture t = tls_fixture_open(server);
	char room[16];
	int left = 0, calls = 0;
	size_t n;

	(void)unused;
	tls_fixture_shake(&t);
	assert_ok(t.server_err);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(
			SSL_key_update(t.client, SSL_KEY_UPDATE_NOT_REQUESTED),
			1);
		assert_int_equal(SSL_do_handshake(t.client), 1);
	}
	assert_int_equal(SSL_write(t.client, "x", 1), 1);
	assert_int_equal(tls_read(t.server, room, sizeof room, &n), ERR_AGAIN);
	assert_int_equal(ioctl(t.fds[0], FIONREAD, &left), 0);
	assert_true(left > 0);
	while (tls_read(t.server, room, sizeof room, &n) == ERR_AGAIN)
		assert_true(++calls < 200);
	assert_str(str_of(room, n), "x");
	tls_fixture_close(&t);
	tls_server_free(server);
}

static void test_not_tls(void **unused)
{
	static const char *const rows[] = {
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"a1 LOGIN anna secret\r\n",
		"\x16\x03\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	};
	struct tls_server *server = tls_fixture_server(false);

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tls_fixture t = tls_fixture_open(server);
		ssize_t n = (ssize_t)strlen(rows[i]);

		assert_int_equal(write(t.fds[1], rows[i], (size_t)n), n);
		assert_int_equal(tls_handshake(t.server), ERR_INVALID);
		assert_string_not_equal(tls_reason(), "unknown");
		tls_fixture_close(&t);
	}
	tls_server_free(server);
}

static void test_bad_files(void **unused)
{
	struct buf cert = BUF_UNBOUNDED, key = BUF_UNBOUNDED;
	struct buf other_cert = BUF_UNBOUNDED, other_key = BUF_UNBOUNDED;
	struct buf damaged = BUF_UNBOUNDED;

	(void)unused;
	tls_fixture_make(&cert, &key);
	tls_fixture_make(&other_cert, &other_key);
	buf_add(&damaged, buf_str(&cert));
	buf_add_c(&damaged, "-----BEGIN CERTIFICATE-----\nAAAA\n"
			    "-----END CERTIFICATE-----\n");
	{
		const struct {
			str cert, key;
			const char *ciphers, *why;
		} rows[] = {
			{STR(""), buf_str(&key), NULL, "no certificate"},
			{buf_str(&cert), STR("x"), NULL, "no private key"},
			{buf_str(&cert), buf_str(&other_key), NULL,
				"do not belong together"},
			{buf_str(&damaged), buf_str(&key), NULL, "damaged"},
			{buf_str(&cert), buf_str(&key), "NOSUCH", "no cipher"},
		};

		for (size_t i = 0; i < COUNT_OF(rows); i++) {
			struct tls_settings s = {.certificate = rows[i].cert,
				.key = rows[i].key,
				.ciphers = rows[i].ciphers};
			struct buf why = BUF_UNBOUNDED;
			struct tls_server *server;

			assert_int_equal(
				tls_server_new(&s, &server, &why), ERR_INVALID);
			if (str_find(buf_str(&why), str_c(rows[i].why)) ==
				why.n)
				fail_msg("%.*s: no \"%s\"",
					STR_ARG(buf_str(&why)), rows[i].why);
			buf_fini(&why);
		}
	}
	buf_fini(&cert);
	buf_fini(&key);
	buf_fini(&other_cert);
	buf_fini(&other_key);
	buf_fini(&damaged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_bare_end),
		cmocka_unit_test(test_backpressure),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_alpn),
		cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_fed),
		cmocka_unit_test(test_key_updates),
		cmocka_unit_test(test_not_tls),
		cmocka_unit_test(test_bad_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
