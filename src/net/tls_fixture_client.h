/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: authorities, and the certificates that they make for clients. */
#ifndef NET_TLS_FIXTURE_CLIENT_H
#define NET_TLS_FIXTURE_CLIENT_H

#include "net/tls_fixture.h"

#include <openssl/x509v3.h>

/* A certificate with its key. */
struct tls_pair {
	X509 *x;
	EVP_PKEY *key;
};

/* What stands in a client's certificate. */
struct tls_names {
	const char *cn, *email; /* of the subject; NULL: none */
	str alternatives[3];	/* "E" or "D", then the name */
	const char *purpose;	/* extended key usage; NULL: any */
	int days;		/* valid until then; -1: no more */
};

static inline void tls_pair_add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static inline void tls_pair_add_names(X509 *x, const str *all)
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

static inline struct tls_pair tls_pair_make(
	const struct tls_names *n, const struct tls_pair *issuer)
{
	static long serial = 100;
	struct tls_pair p = {X509_new(), EVP_EC_gen("P-256")};
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
		tls_pair_add_extension(
			p.x, NID_basic_constraints, "critical,CA:TRUE");
	if (n->purpose)
		tls_pair_add_extension(p.x, NID_ext_key_usage, n->purpose);
	tls_pair_add_names(p.x, n->alternatives);
	assert_true(
		X509_sign(p.x, issuer ? issuer->key : p.key, EVP_sha256()) > 0);
	return p;
}

static inline void tls_pair_drop(struct tls_pair *p)
{
	X509_free(p->x);
	EVP_PKEY_free(p->key);
}

static inline struct tls_server *tls_pair_server(const struct tls_pair *ca)
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

#endif
