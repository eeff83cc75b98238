/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_fixture_client.h"
#include "net/tls_identity.h"

static struct tls_fixture meet(
	struct tls_server *server, const struct tls_pair *client, int version)
{
	struct tls_fixture t = tls_fixture_open(server);

	SSL_set_max_proto_version(t.client, version);
	if (client) {
		assert_int_equal(SSL_use_certificate(t.client, client->x), 1);
		assert_int_equal(SSL_use_PrivateKey(t.client, client->key), 1);
	}
	tls_fixture_shake(&t);
	assert_ok(t.server_err);
	return t;
}

static const struct {
	enum tls_identity kind;
	struct tls_names names;
	enum err err;
	const char *name, *why;
} rows[] = {
	{TLS_IDENTITY_EMAIL,
		{"Anna", NULL, {STR_LIT("Eanna@example.org")}, "clientAuth", 1},
		OK, "anna@example.org", "as usual"},
	{TLS_IDENTITY_EMAIL,
		{"Anna", NULL, {STR_LIT("Eanna@example.org")}, NULL, 1}, OK,
		"anna@example.org", "for any purpose"},
	{TLS_IDENTITY_EMAIL,
		{"Anna", "old@example.org",
			{STR_LIT("Ddns.example.org"),
				STR_LIT("Eanna@example.org")},
			"clientAuth", 1},
		OK, "anna@example.org", "before the subject"},
	{TLS_IDENTITY_EMAIL,
		{"Anna", "old@example.org", {{0}}, "clientAuth", 1}, OK,
		"old@example.org", "in the subject only"},
	{TLS_IDENTITY_EMAIL,
		{"Anna", "old@example.org", {STR_LIT("Ddns.example.org")},
			"clientAuth", 1},
		OK, "old@example.org", "other alternatives"},
	{TLS_IDENTITY_EMAIL,
		{"Anna", NULL,
			{STR_LIT("Ea@example.org"), STR_LIT("Eb@example.org")},
			"clientAuth", 1},
		ERR_INVALID, "", "two: which one?"},
	{TLS_IDENTITY_EMAIL,
		{"Anna", NULL,
			{STR_LIT("Ea@example.org"), STR_LIT("Ea@example.org")},
			"clientAuth", 1},
		OK, "a@example.org", "one, twice"},
	{TLS_IDENTITY_EMAIL,
		{"Anna", "b@example.org",
			{STR_LIT("Ea@example.org\0.evil.org")}, "clientAuth",
			1},
		ERR_INVALID, "", "NUL, and no way around it"},
	{TLS_IDENTITY_EMAIL, {"Anna", NULL, {STR_LIT("E")}, "clientAuth", 1},
		ERR_INVALID, "", "empty"},
	{TLS_IDENTITY_EMAIL,
		{"Anna", NULL, {STR_LIT("Ea\r\nb@c.org")}, "clientAuth", 1},
		ERR_INVALID, "", "control characters"},
	{TLS_IDENTITY_EMAIL, {"Anna", NULL, {{0}}, "clientAuth", 1},
		ERR_INVALID, "", "nobody"},
	{TLS_IDENTITY_CN, {"Änna", NULL, {{0}}, "clientAuth", 1}, OK, "Änna",
		"UTF-8"},
	{TLS_IDENTITY_CN, {NULL, "a@example.org", {{0}}, "clientAuth", 1},
		ERR_INVALID, "", "no common name"},
	{TLS_IDENTITY_DNS,
		{"Anna", NULL,
			{STR_LIT("Dpc.example.org"), STR_LIT("Ea@example.org")},
			"clientAuth", 1},
		OK, "pc.example.org", "a machine"},
	{TLS_IDENTITY_EMAIL,
		{"Anna", NULL, {STR_LIT("Eanna@example.org")}, "serverAuth", 1},
		ERR_DENIED, "", "made for servers"},
	{TLS_IDENTITY_EMAIL,
		{"Anna", NULL, {STR_LIT("Eanna@example.org")}, "clientAuth",
			-1},
		ERR_DENIED, "", "expired"},
};

static void test_names(void **unused)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct tls_pair ca =
		tls_pair_make(&(struct tls_names){.cn = "CA", .days = 1}, NULL);
	struct tls_server *server = tls_pair_server(&ca);

	(void)unused;
	for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
		struct tls_pair client = tls_pair_make(&rows[i / 2].names, &ca);
		struct tls_fixture t = meet(server, &client, versions[i % 2]);
		struct buf name = BUF_UNBOUNDED;
		const char *reason;
		enum err err = tls_identity(
			t.server, rows[i / 2].kind, &name, &reason);

		if (err != rows[i / 2].err ||
			!str_eq_c(buf_str(&name), rows[i / 2].name))
			fail_msg("%s: error %d (%s), \"%.*s\"", rows[i / 2].why,
				err, reason, STR_ARG(buf_str(&name)));
		assert_int_equal(err == OK, *reason == 0);
		buf_fini(&name);
		tls_fixture_close(&t);
		tls_pair_drop(&client);
	}
	tls_server_free(server);
	tls_pair_drop(&ca);
}

static const struct tls_names anna = {.cn = "Anna",
	.alternatives = {STR_LIT("Eanna@example.org")},
	.days = 1};

/* None, and one of somebody else: the handshake goes on. */
static void test_nobody(void **unused)
{
	struct tls_pair ca =
		tls_pair_make(&(struct tls_names){.cn = "CA", .days = 1}, NULL);
	struct tls_pair other =
		tls_pair_make(&(struct tls_names){.cn = "CA", .days = 1}, NULL);
	struct tls_pair stranger = tls_pair_make(&anna, &other),
			self = tls_pair_make(&anna, NULL);
	const struct tls_pair *clients[] = {NULL, &stranger, &self};
	static const enum err expected[] = {
		ERR_NOTFOUND, ERR_DENIED, ERR_DENIED};
	struct tls_server *server = tls_pair_server(&ca);

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(clients); i++) {
		struct tls_fixture t = meet(server, clients[i], TLS1_3_VERSION);
		struct buf name = BUF_UNBOUNDED;
		const char *reason;

		assert_int_equal(tls_identity(t.server, TLS_IDENTITY_EMAIL,
					 &name, &reason),
			expected[i]);
		assert_int_equal(name.n, 0);
		assert_true(*reason != 0);
		tls_fixture_close(&t);
	}
	tls_server_free(server);
	tls_pair_drop(&ca);
	tls_pair_drop(&other);
	tls_pair_drop(&stranger);
	tls_pair_drop(&self);
}

/* Without authorities nobody is asked, and what is shown is not looked at. */
static void test_not_asked(void **unused)
{
	struct tls_server *server = tls_fixture_server(false);
	struct tls_pair self = tls_pair_make(&anna, NULL);
	struct tls_fixture t = meet(server, &self, TLS1_3_VERSION);
	struct buf name = BUF_UNBOUNDED;
	const char *reason;

	(void)unused;
	assert_int_equal(
		tls_identity(t.server, TLS_IDENTITY_EMAIL, &name, &reason),
		ERR_NOTFOUND);
	tls_fixture_close(&t);
	tls_server_free(server);
	tls_pair_drop(&self);
}

/* A resumed session is still the same client's, good or bad. */
static void test_resumed(void **unused)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct tls_pair ca =
		tls_pair_make(&(struct tls_names){.cn = "CA", .days = 1}, NULL);
	struct tls_pair good = tls_pair_make(&anna, &ca),
			bad = tls_pair_make(&anna, NULL);
	struct tls_server *server = tls_pair_server(&ca);

	(void)unused;
	for (size_t i = 0; i < 4; i++) {
		struct tls_fixture t =
			meet(server, i / 2 ? &bad : &good, versions[i % 2]);
		struct buf name = BUF_UNBOUNDED;
		SSL_SESSION *session;
		const char *reason;
		size_t n;

		assert_ok(tls_write(t.server, STR("x"), &n));
		assert_int_equal(SSL_read(t.client, &n, 1), 1);
		session = SSL_get1_session(t.client);
		SSL_set_shutdown(
			t.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		tls_fixture_close(&t);
		t = tls_fixture_open(server);
		SSL_set_max_proto_version(t.client, versions[i % 2]);
		SSL_set_session(t.client, session);
		tls_fixture_shake(&t);
		assert_ok(t.server_err);
		assert_true(tls_resumed(t.server));
		assert_int_equal(tls_identity(t.server, TLS_IDENTITY_EMAIL,
					 &name, &reason),
			i / 2 ? ERR_DENIED : OK);
		assert_str(buf_str(&name), i / 2 ? "" : "anna@example.org");
		buf_fini(&name);
		SSL_SESSION_free(session);
		tls_fixture_close(&t);
	}
	tls_server_free(server);
	tls_pair_drop(&ca);
	tls_pair_drop(&good);
	tls_pair_drop(&bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_not_asked),
		cmocka_unit_test(test_resumed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
