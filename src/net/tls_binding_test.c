/* SPDX-License-Identifier: Apache-2.0 */
/* What the server says is compared with what a client computes by itself. */
#include "net/tls_binding.h"
#include "net/tls_fixture.h"

enum { RESUMED = 1, NO_EMS = 2 };

static size_t client_exporter(SSL *client, unsigned char *room)
{
	assert_int_equal(SSL_export_keying_material(client, room, 32,
				 "EXPORTER-Channel-Binding", 24,
				 (const unsigned char *)"", 0, 1),
		1);
	return 32;
}

/* The client speaks first, unless a session is resumed. */
static size_t client_unique(SSL *client, unsigned char *room)
{
	return SSL_session_reused(client)
		       ? SSL_get_peer_finished(client, room, 64)
		       : SSL_get_finished(client, room, 64);
}

/* The fixture's certificate is signed with SHA-256. */
static size_t client_end_point(SSL *client, unsigned char *room)
{
	X509 *x = SSL_get0_peer_certificate(client);
	unsigned n;

	assert_non_null(x);
	assert_int_equal(X509_digest(x, EVP_sha256(), room, &n), 1);
	return n;
}

static size_t client_binding(SSL *client, const char *name, unsigned char *room)
{
	if (strcmp(name, "tls-exporter") == 0)
		return client_exporter(client, room);
	if (strcmp(name, "tls-unique") == 0)
		return client_unique(client, room);
	return client_end_point(client, room);
}

static void set_client(struct tls_fixture *t, int version, unsigned flags)
{
	SSL_set_max_proto_version(t->client, version);
	if (flags & NO_EMS)
		SSL_set_options(t->client, SSL_OP_NO_EXTENDED_MASTER_SECRET);
}

/* A connection that goes on with the session of one before it. */
static struct tls_fixture resume(
	struct tls_server *server, int version, unsigned flags)
{
	struct tls_fixture t = tls_fixture_open(server);
	SSL_SESSION *session;
	size_t n;

	set_client(&t, version, flags);
	tls_fixture_shake(&t);
	assert_ok(t.server_err);
	assert_ok(tls_write(t.server, STR("x"), &n));
	assert_int_equal(SSL_read(t.client, &n, 1), 1);
	session = SSL_get1_session(t.client);
	SSL_set_shutdown(t.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	tls_fixture_close(&t);
	t = tls_fixture_open(server);
	SSL_set_session(t.client, session);
	SSL_SESSION_free(session);
	return t;
}

static void test_both_agree(void **unused)
{
	static const struct {
		const char *name;
		int version;
		unsigned flags;
		size_t n; /* 0: there is none */
		const char *why;
	} rows[] = {
		{"tls-exporter", TLS1_3_VERSION, 0, 32, "RFC 9266"},
		{"tls-exporter", TLS1_3_VERSION, RESUMED, 32, "resumed"},
		{"tls-exporter", TLS1_2_VERSION, 0, 32, "with EMS"},
		{"tls-exporter", TLS1_2_VERSION, RESUMED, 32, "with EMS"},
		{"tls-exporter", TLS1_2_VERSION, NO_EMS, 0, "without EMS"},
		{"tls-unique", TLS1_3_VERSION, 0, 0, "RFC 8446 has none"},
		{"tls-unique", TLS1_2_VERSION, 0, 12, "the client's Finished"},
		{"tls-unique", TLS1_2_VERSION, RESUMED, 12,
			"the server's Finished"},
		{"tls-unique", TLS1_2_VERSION, NO_EMS, 12, "a full handshake"},
		{"tls-unique", TLS1_2_VERSION, NO_EMS | RESUMED, 0,
			"triple handshake"},
		{"tls-server-end-point", TLS1_3_VERSION, 0, 32, "RFC 5929"},
		{"tls-server-end-point", TLS1_2_VERSION, RESUMED, 32,
			"the same certificate"},
		{"tls-unique-for-telnet", TLS1_2_VERSION, 0, 0, "not ours"},
		{"", TLS1_3_VERSION, 0, 0, "no name"},
	};
	struct tls_server *server = tls_fixture_server(false);

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		unsigned flags = rows[i].flags;
		struct tls_fixture t =
			flags & RESUMED ? resume(server, rows[i].version, flags)
					: tls_fixture_open(server);
		struct buf data = BUF_UNBOUNDED;
		unsigned char room[64];
		enum err err;

		set_client(&t, rows[i].version, flags);
		tls_fixture_shake(&t);
		assert_ok(t.server_err);
		assert_int_equal(tls_resumed(t.server), flags & RESUMED);
		err = tls_binding(t.server, rows[i].name, &data);
		if (err != (rows[i].n ? OK : ERR_UNSUPPORTED) ||
			data.n != rows[i].n)
			fail_msg("%s: %s: error %d, %zu bytes", rows[i].name,
				rows[i].why, err, data.n);
		if (!err) {
			assert_int_equal(
				client_binding(t.client, rows[i].name, room),
				data.n);
			assert_memory_equal(room, data.p, data.n);
		}
		buf_fini(&data);
		tls_fixture_close(&t);
	}
	tls_server_free(server);
}

/* Of each connection its own, but for the end point. */
static void test_unique(void **unused)
{
	struct tls_server *server = tls_fixture_server(false);
	struct tls_fixture t[2] = {
		tls_fixture_open(server), tls_fixture_open(server)};
	const char *name;

	(void)unused;
	tls_fixture_shake(&t[0]);
	tls_fixture_shake(&t[1]);
	for (size_t i = 0; (name = tls_binding_name(i)); i++) {
		struct buf one = BUF_UNBOUNDED, two = BUF_UNBOUNDED;

		if (tls_binding(t[0].server, name, &one) == OK) {
			assert_ok(tls_binding(t[1].server, name, &two));
			assert_int_equal(str_eq(buf_str(&one), buf_str(&two)),
				strcmp(name, "tls-server-end-point") == 0);
		}
		buf_fini(&one);
		buf_fini(&two);
	}
	tls_fixture_close(&t[0]);
	tls_fixture_close(&t[1]);
	tls_server_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_agree),
		cmocka_unit_test(test_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
