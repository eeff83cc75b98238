/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_identity.h"
#include "net/tls_private.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* What was found so far; a name that comes twice is one. */
struct found {
	struct buf *name;
	bool bad; /* two, or one that is not text */
};

/* NUL is what "anna\0.example.org" deceives with. */
static bool is_text(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0 && s.n <= TLS_IDENTITY_MAX;
}

static void add(struct found *f, const ASN1_STRING *value)
{
	unsigned char *utf8 = NULL;
	int n = ASN1_STRING_to_UTF8(&utf8, value);
	str text = str_of((const char *)utf8, n < 0 ? 0 : (size_t)n);

	if (n < 0 || !is_text(text) ||
		(f->name->n && !str_eq(buf_str(f->name), text)))
		f->bad = true;
	else if (!f->name->n)
		buf_add(f->name, text);
	OPENSSL_free(utf8);
}

static void add_alternatives(struct found *f, X509 *certificate, int type)
{
	GENERAL_NAMES *all =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);

		/* Both kinds are IA5String: d.ia5 of the union. */
		if (one->type == type)
			add(f, one->d.ia5);
	}
	GENERAL_NAMES_free(all);
}

static void add_subject(struct found *f, X509 *certificate, int nid)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);

	for (int i = -1;
		(i = X509_NAME_get_index_by_NID(subject, nid, i)) >= 0;)
		add(f, X509_NAME_ENTRY_get_data(
			       X509_NAME_get_entry(subject, i)));
}

static void find(struct found *f, X509 *certificate, enum tls_identity kind)
{
	switch (kind) {
	case TLS_IDENTITY_EMAIL:
		add_alternatives(f, certificate, GEN_EMAIL);
		if (!f->name->n && !f->bad)
			add_subject(f, certificate, NID_pkcs9_emailAddress);
		break;
	case TLS_IDENTITY_CN:
		add_subject(f, certificate, NID_commonName);
		break;
	case TLS_IDENTITY_DNS:
		add_alternatives(f, certificate, GEN_DNS);
		break;
	}
}

/* A session may be resumed long after its certificate was verified. */
static bool is_current(const X509 *certificate)
{
	return X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

static enum err name_of(X509 *certificate, enum tls_identity kind,
	struct buf *name, const char **reason_r)
{
	struct buf one;
	struct found f = {.name = &one};
	enum err err = ERR_INVALID;

	buf_init(&one, TLS_IDENTITY_MAX);
	find(&f, certificate, kind);
	*reason_r = f.bad    ? "the certificate names more than one, or no text"
		    : !one.n ? "the certificate names nobody"
			     : "";
	if (!f.bad && one.n) {
		buf_add(name, buf_str(&one));
		err = OK;
	}
	buf_fini(&one);
	return err;
}

enum err tls_identity(const struct tls *tls, enum tls_identity kind,
	struct buf *name, const char **reason_r)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl_of(tls));
	long result = SSL_get_verify_result(ssl_of(tls));
	enum err err;

	*reason_r = "no certificate";
	if (!certificate)
		return ERR_NOTFOUND;
	*reason_r = X509_verify_cert_error_string(result);
	if (result != X509_V_OK)
		return ERR_DENIED;
	*reason_r = "certificate has expired";
	if (!is_current(certificate))
		return ERR_EXPIRED;
	err = name_of(certificate, kind, name, reason_r);
	ERR_clear_error();
	return err;
}
