/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: a certificate made on the spot, and a TLS client. */
#ifndef NET_TLS_FIXTURE_H
#define NET_TLS_FIXTURE_H

#include "base/test.h"
#include "base/buf.h"
#include "net/tls.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>

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

#endif
