/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"
#include "base/alloc.h"
#include "net/tls_private.h"
#include "net/tls_wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/epoll.h>

struct tls_server {
	SSL_CTX *ctx;
};

/* ----------------------------------------------------------------- server */

const char *tls_reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	return reason ? reason : "unknown";
}

static enum err failed(struct buf *why, const char *what)
{
	buf_addf(why, "%s (%s)", what, tls_reason());
	return ERR_INVALID;
}

/* A key with a passphrase is refused; nobody is there to be asked. */
static int no_passphrase(char *room, int size, int writing, void *arg)
{
	(void)room;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static BIO *bio_of(str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);

	if (!bio)
		abort();
	return bio;
}

static enum err use_chain(SSL_CTX *ctx, BIO *bio, struct buf *why)
{
	X509 *cert;

	while ((cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
		if (!SSL_CTX_add0_chain_cert(ctx, cert)) {
			X509_free(cert);
			return failed(why, "the certificate chain is unusable");
		}
	}
	/* The error that ends a file of certificates. */
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return failed(why, "the certificate chain is damaged");
	ERR_clear_error();
	return OK;
}

static enum err use_certificate(SSL_CTX *ctx, str pem, struct buf *why)
{
	BIO *bio = bio_of(pem);
	X509 *own = PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL);
	enum err err = OK;

	if (!own)
		err = failed(why, "there is no certificate in PEM");
	else if (SSL_CTX_use_certificate(ctx, own) != 1)
		err = failed(why, "the certificate is unusable");
	else
		err = use_chain(ctx, bio, why);
	X509_free(own);
	BIO_free(bio);
	return err;
}

static enum err use_key(SSL_CTX *ctx, str pem, struct buf *why)
{
	BIO *bio = bio_of(pem);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	enum err err = OK;

	if (!key)
		err = failed(why, "there is no private key in PEM without a "
				  "passphrase");
	else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
		 SSL_CTX_check_private_key(ctx) != 1)
		err = failed(why, "key and certificate do not belong together");
	EVP_PKEY_free(key);
	BIO_free(bio);
	return err;
}

/* ---------------------------------------------------- client certificates */

/* Room for a chain; the default of 100 KiB is much for a stranger. */
enum { CLIENT_CHAIN_MAX = 32 * 1024, CLIENT_DEPTH_MAX = 8 };

/* The handshake goes on in any case: programs show certificates unasked-for
 * that were made for something else, and their people have passwords.
 * SSL_get_verify_result() tells what came out. */
static int verify_client(X509_STORE_CTX *store, void *arg)
{
	(void)arg;
	(void)X509_verify_cert(store);
	return 1;
}

static enum err add_authority(
	SSL_CTX *ctx, X509_STORE *store, X509 *certificate, struct buf *why)
{
	if (X509_STORE_add_cert(store, certificate) == 1 &&
		SSL_CTX_add_client_CA(ctx, certificate) == 1)
		return OK;
	return failed(why, "a client authority is unusable");
}

static enum err read_authorities(
	SSL_CTX *ctx, X509_STORE *store, str pem, struct buf *why)
{
	BIO *bio = bio_of(pem);
	enum err err = OK;
	size_t count = 0;
	X509 *one;

	while (!err &&
		(one = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
		err = add_authority(ctx, store, one, why);
		X509_free(one);
		count++;
	}
	if (!err && (!count || ERR_GET_REASON(ERR_peek_last_error()) !=
				       PEM_R_NO_START_LINE))
		err = failed(why, "the client authorities are damaged");
	ERR_clear_error();
	BIO_free(bio);
	return err;
}

/* Chain and purpose (clientAuth) are verified by the library. The store is one
 * of its own: the other one would complete our own chain. */
static enum err ask_clients(SSL_CTX *ctx, str pem, struct buf *why)
{
	X509_STORE *store = X509_STORE_new();

	if (!store || SSL_CTX_set0_verify_cert_store(ctx, store) != 1)
		abort();
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_verify_depth(ctx, CLIENT_DEPTH_MAX);
	SSL_CTX_set_max_cert_list(ctx, CLIENT_CHAIN_MAX);
	SSL_CTX_set_cert_verify_callback(ctx, verify_client, NULL);
	return read_authorities(ctx, store, pem, why);
}

static int choose_alpn(SSL *ssl, const unsigned char **out,
	unsigned char *out_n, const unsigned char *in, unsigned in_n, void *arg)
{
	str own = str_c(SSL_get_app_data(ssl));

	(void)arg;
	for (unsigned i = 0; i < in_n; i += 1u + in[i]) {
		if (!str_eq(str_of((const char *)in + i + 1, in[i]), own))
			continue;
		*out = in + i + 1;
		*out_n = in[i];
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void set_options(SSL_CTX *ctx)
{
	static const unsigned char context[] = "culver";

	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				      SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* A call handles one record: whoever sends key updates without end
	 * does not keep the thread. */
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(ctx, context, sizeof context - 1);
	SSL_CTX_set_dh_auto(ctx, 1);
	SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
}

static enum err configure(
	SSL_CTX *ctx, const struct tls_settings *s, struct buf *why)
{
	int minimum = s->only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
	enum err err;

	set_options(ctx);
	if (!SSL_CTX_set_min_proto_version(ctx, minimum))
		return failed(why, "the minimum TLS version is not supported");
	if (s->ciphers && *s->ciphers &&
		!SSL_CTX_set_cipher_list(ctx, s->ciphers))
		return failed(why, "the cipher list holds no cipher");
	if (s->ticket_key.n && SSL_CTX_set_tlsext_ticket_keys(ctx,
				       (void *)(uintptr_t)s->ticket_key.p,
				       (long)s->ticket_key.n) != 1)
		return failed(why, "the ticket key is unusable");
	err = use_certificate(ctx, s->certificate, why);
	if (!err)
		err = use_key(ctx, s->key, why);
	if (!err && s->client_ca.n)
		err = ask_clients(ctx, s->client_ca, why);
	return err;
}

enum err tls_server_new(const struct tls_settings *settings,
	struct tls_server **server_r, struct buf *why)
{
	struct tls_server *server = xcalloc(1, sizeof *server);
	enum err err;

	ERR_clear_error();
	server->ctx = SSL_CTX_new(TLS_server_method());
	if (server->ctx)
		err = configure(server->ctx, settings, why);
	else
		err = failed(why, "TLS is not available");
	ERR_clear_error();
	if (err) {
		tls_server_free(server);
		return err;
	}
	*server_r = server;
	return OK;
}

void tls_server_free(struct tls_server *server)
{
	if (!server)
		return;
	SSL_CTX_free(server->ctx);
	free(server);
}

/* ------------------------------------------------------------- connection */

struct tls *tls_new(struct tls_server *server, int fd, const char *alpn)
{
	SSL *ssl = SSL_new(server->ctx);
	BIO *wire = tls_wire_new(fd);

	if (!ssl)
		abort();
	SSL_set_bio(ssl, wire, wire);
	SSL_set_app_data(ssl, (void *)(uintptr_t)alpn);
	SSL_set_accept_state(ssl);
	return (struct tls *)(void *)ssl;
}

void tls_feed(struct tls *tls, str bytes)
{
	BIO *ahead = BIO_new(BIO_s_mem());

	if (!ahead || BIO_write(ahead, bytes.p, (int)bytes.n) != (int)bytes.n)
		abort();
	SSL_set0_rbio(ssl_of(tls), ahead);
}

/* What was fed is used up: go on with the socket, which is the write side's.
 * True when that was so. */
static bool leave_ahead(SSL *ssl)
{
	BIO *in = SSL_get_rbio(ssl), *out = SSL_get_wbio(ssl);

	if (in == out || BIO_pending(in) || !SSL_want_read(ssl))
		return false;
	/* During the handshake a buffer stands before the socket. */
	out = BIO_find_type(out, BIO_TYPE_SOCKET);
	if (!out || in == out)
		return false;
	BIO_up_ref(out);
	SSL_set0_rbio(ssl, out);
	return true;
}

void tls_free(struct tls *tls)
{
	if (tls)
		SSL_free(ssl_of(tls));
}

/* The error queue belongs to the thread: each call begins with an empty one. */
static enum err meaning(struct tls *tls, int result)
{
	int saved = errno;

	switch (SSL_get_error(ssl_of(tls), result)) {
	case SSL_ERROR_NONE:
		return OK;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return ERR_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return ERR_CLOSED;
	case SSL_ERROR_SYSCALL:
		if (saved == EPIPE || saved == ECONNRESET || saved == 0)
			return ERR_CLOSED;
		return ERR_IO;
	default:
		return ERR_INVALID;
	}
}

enum err tls_handshake(struct tls *tls)
{
	int result;

	do {
		ERR_clear_error();
		errno = 0;
		result = SSL_do_handshake(ssl_of(tls));
	} while (result != 1 && leave_ahead(ssl_of(tls)));
	return meaning(tls, result);
}

enum err tls_read(struct tls *tls, char *p, size_t room, size_t *n_r)
{
	*n_r = 0;
	ERR_clear_error();
	errno = 0;
	return meaning(tls, SSL_read_ex(ssl_of(tls), p, room, n_r));
}

/* As many records as leave together. */
static enum err write_records(struct tls *tls, str bytes, size_t *n_r)
{
	enum err err = OK;

	for (int i = 0; !err && bytes.n && i < TLS_WIRE_RECORDS; i++) {
		size_t n = 0;

		ERR_clear_error();
		errno = 0;
		err = meaning(
			tls, SSL_write_ex(ssl_of(tls), bytes.p, bytes.n, &n));
		bytes = str_skip(bytes, n);
		*n_r += n;
	}
	return err;
}

/* As long as some of it is held, the last byte counts as not written: so it is
 * asked for again, and is the first one then. */
enum err tls_write(struct tls *tls, str bytes, size_t *n_r)
{
	BIO *wire = SSL_get_wbio(ssl_of(tls));
	size_t n = tls_wire_holds(wire);
	enum err err = tls_wire_send(wire), sent;

	*n_r = 0;
	if (err)
		return err;
	tls_wire_gather();
	err = write_records(tls, str_skip(bytes, n), &n);
	sent = tls_wire_send(wire);
	if (err && err != ERR_AGAIN)
		return err;
	if (sent && sent != ERR_AGAIN)
		return sent;
	if (sent && !n)
		return ERR_IO;
	*n_r = sent ? n - 1 : n;
	return *n_r ? OK : ERR_AGAIN;
}

void tls_close_notify(struct tls *tls)
{
	ERR_clear_error();
	if (SSL_is_init_finished(ssl_of(tls)))
		(void)SSL_shutdown(ssl_of(tls));
	ERR_clear_error();
}

uint32_t tls_wants(const struct tls *tls)
{
	SSL *ssl = ssl_of(tls);

	return SSL_want_write(ssl) || tls_wire_holds(SSL_get_wbio(ssl))
		       ? EPOLLOUT
		       : EPOLLIN;
}

bool tls_pending(const struct tls *tls)
{
	return SSL_has_pending(ssl_of(tls));
}

const char *tls_version(const struct tls *tls)
{
	return SSL_get_version(ssl_of(tls));
}

const char *tls_cipher(const struct tls *tls)
{
	return SSL_get_cipher_name(ssl_of(tls));
}

bool tls_resumed(const struct tls *tls)
{
	return SSL_session_reused(ssl_of(tls));
}
