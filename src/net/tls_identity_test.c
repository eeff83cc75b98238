/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_fixture.h"
#include "net/tls_identity.h"

#include <openssl/x509v3.h>

/* A certificate with its key. */
struct pair {
	X509 *x;
	EVP_PKEY *key;
};

/* What stands in a client's certificate. */
struct names {
	const char *cn, *email; /* of the subject; NULL: none */
	str alternatives[3];	/* "E" or "D", then the name */
	const char *purpose;	/* extended key usage; NULL: any */
	int days;		/* valid until then; -1: no more */
};

static void add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static void add_alternatives(X509 *x, const str *all)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

	for (size_t i = 0; i < 3 && all[i].n; i++) {
		GENERAL_NAME *one = GENERAL_NAME_new();
		ASN1_IA5STRING *value = ASN1_IA5STRING_new();

		ASN1_STRING_set(value, all[i].p + 1, (int)all[i].n - 1);
		GENERAL_NAME_set0_value(
			one, all[i].p[0] == 'E' ? GEN_EMAIL : GEN_DNS, value);
		sk_GENERAL_NAME_push(names, one);
	}
	if (sk_GENERAL_NAME_num(names))
		X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0);
	GENERAL_NAMES_free(names);
}

static struct pair make(const struct names *n, const struct pair *issuer)
{
	static long serial = 100;
	struct pair p = {X509_new(), EVP_EC_gen("P-256")};
	X509_NAME *subject = X509_get_subject_name(p.x);

	X509_set_version(p.x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(p.x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(p.x), -10L * 86400);
	X509_gmtime_adj(X509_getm_notAfter(p.x), n->days * 86400L);
	X509_set_pubkey(p.x, p.key);
	if (n->cn)
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
			(const unsigned char *)n->cn, -1, -1, 0);
	if (n->email)
		X509_NAME_add_entry_by_txt(subject, "emailAddress",
			MBSTRING_ASC, (const unsigned char *)n->email, -1, -1,
			0);
	X509_set_issuer_name(
		p.x, X509_get_subject_name(issuer ? issuer->x : p.x));
	if (!issuer)
		add_extension(p.x, NID_basic_constraints, "critical,CA:TRUE");
	if (n->purpose)
		add_extension(p.x, NID_ext_key_usage, n->purpose);
	add_alternatives(p.x, n->alternatives);
	assert_true(
		X509_sign(p.x, issuer ? issuer->key : p.key, EVP_sha256()) > 0);
	return p;
}

static void drop(struct pair *p)
{
	X509_free(p->x);
	EVP_PKEY_free(p->key);
}

static struct tls_server *make_server(const struct pair *ca)
{
	struct buf cert = BUF_UNBOUNDED, key = BUF_UNBOUNDED,
		   why = BUF_UNBOUNDED;
	BIO *out = BIO_new(BIO_s_mem());
	struct tls_server *server;
	char *p;
	long n;

	tls_fixture_make(&cert, &key);
	PEM_write_bio_X509(out, ca->x);
	n = BIO_get_mem_data(out, &p);
	assert_ok(tls_server_new(
		&(struct tls_settings){.certificate = buf_str(&cert),
			.key = buf_str(&key),
			.client_ca = str_of(p, (size_t)n)},
		&server, &why));
	BIO_free(out);
	buf_fini(&cert);
	buf_fini(&key);
	return server;
}

static struct tls_fixture meet(
	struct tls_server *server, const struct pair *client, int version)
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
	struct names names;
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
	struct pair ca = make(&(struct names){.cn = "CA", .days = 1}, NULL);
	struct tls_server *server = make_server(&ca);

	(void)unused;
	for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
		struct pair client = make(&rows[i / 2].names, &ca);
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
		drop(&client);
	}
	tls_server_free(server);
	drop(&ca);
}

static const struct names anna = {.cn = "Anna",
	.alternatives = {STR_LIT("Eanna@example.org")},
	.days = 1};

/* None, and one of somebody else: the handshake goes on. */
static void test_nobody(void **unused)
{
	struct pair ca = make(&(struct names){.cn = "CA", .days = 1}, NULL);
	struct pair other = make(&(struct names){.cn = "CA", .days = 1}, NULL);
	struct pair stranger = make(&anna, &other), self = make(&anna, NULL);
	const struct pair *clients[] = {NULL, &stranger, &self};
	static const enum err expected[] = {
		ERR_NOTFOUND, ERR_DENIED, ERR_DENIED};
	struct tls_server *server = make_server(&ca);

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
	drop(&ca);
	drop(&other);
	drop(&stranger);
	drop(&self);
}

/* Without authorities nobody is asked, and what is shown is not looked at. */
static void test_not_asked(void **unused)
{
	struct tls_server *server = tls_fixture_server(false);
	struct pair self = make(&anna, NULL);
	struct tls_fixture t = meet(server, &self, TLS1_3_VERSION);
	struct buf name = BUF_UNBOUNDED;
	const char *reason;

	(void)unused;
	assert_int_equal(
		tls_identity(t.server, TLS_IDENTITY_EMAIL, &name, &reason),
		ERR_NOTFOUND);
	tls_fixture_close(&t);
	tls_server_free(server);
	drop(&self);
}

/* A resumed session is still the same client's, good or bad. */
static void test_resumed(void **unused)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct pair ca = make(&(struct names){.cn = "CA", .days = 1}, NULL);
	struct pair good = make(&anna, &ca), bad = make(&anna, NULL);
	struct tls_server *server = make_server(&ca);

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
	drop(&ca);
	drop(&good);
	drop(&bad);
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
