/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: a certificate made on the spot, and a TLS client. */
#ifndef NET_TLS_FIXTURE_H
#define NET_TLS_FIXTURE_H

#include "base/test.h"
#include "base/buf.h"
#include "net/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A new P-256 key and a self-signed certificate for "localhost", in PEM. */
static inline void tls_fixture_make(struct buf *certificate, struct buf *key)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *out = BIO_new(BIO_s_mem());
	char *p;
	long n;

	assert_non_null(pkey);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, pkey);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
	PEM_write_bio_X509(out, x);
	n = BIO_get_mem_data(out, &p);
	buf_add(certificate, str_of(p, (size_t)n));
	(void)BIO_reset(out);
	PEM_write_bio_PrivateKey(out, pkey, NULL, NULL, 0, NULL, NULL);
	n = BIO_get_mem_data(out, &p);
	buf_add(key, str_of(p, (size_t)n));
	BIO_free(out);
	X509_free(x);
	EVP_PKEY_free(pkey);
}

static inline struct tls_server *tls_fixture_server(bool only_1_3)
{
	struct buf certificate = BUF_UNBOUNDED, key = BUF_UNBOUNDED;
	struct buf why = BUF_UNBOUNDED;
	struct tls_server *server;

	tls_fixture_make(&certificate, &key);
	assert_ok(tls_server_new(
		&(struct tls_settings){.certificate = buf_str(&certificate),
			.key = buf_str(&key),
			.only_1_3 = only_1_3},
		&server, &why));
	buf_fini(&certificate);
	buf_fini(&key);
	buf_fini(&why);
	return server;
}

/* Both ends of a connection, in one thread, by turns. */
struct tls_fixture {
	int fds[2];
	struct tls *server;
	SSL_CTX *ctx;
	SSL *client;
	enum err server_err;
	int client_error; /* SSL_ERROR_… */
};

static inline struct tls_fixture tls_fixture_open(struct tls_server *server)
{
	struct tls_fixture t = {.server_err = ERR_AGAIN};

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0, t.fds),
		0);
	t.server = tls_new(server, t.fds[0], "imap");
	t.ctx = SSL_CTX_new(TLS_client_method());
	t.client = SSL_new(t.ctx);
	SSL_set_fd(t.client, t.fds[1]);
	SSL_set_connect_state(t.client);
	return t;
}

static inline void tls_fixture_close(struct tls_fixture *t)
{
	tls_free(t->server);
	SSL_free(t->client);
	SSL_CTX_free(t->ctx);
	close(t->fds[0]);
	close(t->fds[1]);
}

static inline void tls_fixture_shake(struct tls_fixture *t)
{
	for (int i = 0; i < 10; i++) {
		int result = SSL_do_handshake(t->client);

		t->client_error = SSL_get_error(t->client, result);
		if (t->server_err == ERR_AGAIN)
			t->server_err = tls_handshake(t->server);
	}
	ERR_clear_error();
}

#endif
