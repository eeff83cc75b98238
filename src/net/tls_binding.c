/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_binding.h"
#include "base/alloc.h"
#include "net/tls_private.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

static bool is_1_3(SSL *ssl)
{
	return SSL_version(ssl) >= TLS1_3_VERSION;
}

/* RFC 9266 section 2 */
static size_t exporter(SSL *ssl, unsigned char *data)
{
	static const str label = STR_LIT("EXPORTER-Channel-Binding");
	const unsigned char empty[1] = {0};

	/* "This channel binding mechanism is defined only when the TLS
	 * handshake results in unique master secrets." */
	if (!is_1_3(ssl) && SSL_get_extms_support(ssl) != 1)
		return 0;
	return SSL_export_keying_material(
		       ssl, data, 32, label.p, label.n, empty, 0, 1) == 1
		       ? 32
		       : 0;
}

/* RFC 5929 section 3.1: "for full TLS handshakes, the first Finished message
 * is sent by the client, while for abbreviated TLS handshakes (session
 * resumption), the first Finished message is sent by the server." */
static size_t unique(SSL *ssl, unsigned char *data)
{
	bool resumed = SSL_session_reused(ssl);

	if (is_1_3(ssl) || (resumed && SSL_get_extms_support(ssl) != 1))
		return 0;
	return resumed == (bool)SSL_is_server(ssl)
		       ? SSL_get_finished(ssl, data, TLS_BINDING_MAX)
		       : SSL_get_peer_finished(ssl, data, TLS_BINDING_MAX);
}

/* RFC 5929 section 4.1: "if that hash function is either MD5 or SHA-1, then
 * use SHA-256"; undefined where there is none. */
static const EVP_MD *end_point_hash(X509 *certificate)
{
	int hash = NID_undef;

	if (X509_get_signature_info(certificate, &hash, NULL, NULL, NULL) != 1)
		return NULL;
	if (hash == NID_md5 || hash == NID_sha1)
		hash = NID_sha256;
	return hash == NID_undef ? NULL : EVP_get_digestbynid(hash);
}

static size_t end_point(SSL *ssl, unsigned char *data)
{
	X509 *certificate = SSL_is_server(ssl) ? SSL_get_certificate(ssl)
					       : SSL_get0_peer_certificate(ssl);
	const EVP_MD *hash = certificate ? end_point_hash(certificate) : NULL;
	unsigned n = 0;

	if (!hash || EVP_MD_get_size(hash) > TLS_BINDING_MAX ||
		X509_digest(certificate, hash, data, &n) != 1)
		return 0;
	return n;
}

static const struct {
	const char *name;
	size_t (*get)(SSL *, unsigned char *data);
} table[] = {
	{"tls-exporter", exporter},
	{"tls-unique", unique},
	{"tls-server-end-point", end_point},
};

const char *tls_binding_name(size_t index)
{
	return index < COUNT_OF(table) ? table[index].name : NULL;
}

enum err tls_binding(const struct tls *tls, const char *name, struct buf *data)
{
	unsigned char room[TLS_BINDING_MAX];
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(table); i++)
		if (strcmp(table[i].name, name) == 0)
			n = table[i].get(ssl_of(tls), room);
	ERR_clear_error();
	if (!n)
		return ERR_UNSUPPORTED;
	buf_add(data, str_of((const char *)room, n));
	return OK;
}
