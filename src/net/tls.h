/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls: the server's side of TLS 1.2 and 1.3 over a non-blocking socket, by
 * OpenSSL. No renegotiation, no compression, no early data; session tickets,
 * no session cache; buffers are released while a connection is idle.
 *
 * A tls_server holds certificate and key; connections made from it keep what
 * they need, so that a new one may replace it at any time. All is read from
 * memory: no call opens a file.
 *
 * ALPN (RFC 7301): a client that offers protocols but not ours gets the alert
 * no_application_protocol (section 3.2), so that nobody's HTTP request is
 * carried to a mail server; a client that offers none is served.
 *
 * One connection belongs to one thread at a time.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/buf.h"

struct tls_server;
struct tls;

#define TLS_TICKET_KEY_SIZE 80

struct tls_settings {
	str certificate; /* PEM: the server's own, then its chain */
	str key;	 /* PEM, without a passphrase */
	bool only_1_3;
	const char *ciphers; /* for TLS 1.2; NULL or "": OpenSSL's own */
	/* What session tickets are sealed with, TLS_TICKET_KEY_SIZE bytes that
	 * all processes share; empty: a key of its own. */
	str ticket_key;
	/* PEM: who may have signed clients' certificates, which are asked for
	 * then (net/tls_identity.h); empty: none are. */
	str client_ca;
};

/* ERR_INVALID; `why` then tells it to a person. */
MUST enum err tls_server_new(const struct tls_settings *,
	struct tls_server **server_r, struct buf *why);
void tls_server_free(struct tls_server *);

/* fd stays the caller's. alpn: "imap"; a literal. */
struct tls *tls_new(struct tls_server *, int fd, const char *alpn);
/* Before the handshake: bytes that were read from the socket already and are
 * the beginning of TLS (a client that pipelined them behind STARTTLS). */
void tls_feed(struct tls *, str);
/* Says nothing to the other side. */
void tls_free(struct tls *);

/*
 * The four calls that move bytes never block. ERR_AGAIN: call again when the
 * socket is ready for tls_wants(); ERR_CLOSED: the other side ended it;
 * ERR_INVALID: it does not speak TLS right, tls_reason() tells; ERR_IO. After
 * the last two only tls_free may follow.
 */
MUST enum err tls_handshake(struct tls *);
/* At least one byte when OK; ERR_AGAIN also after a record that held none for
 * us, while more may wait in the socket. Readiness of the socket means nothing
 * for bytes that the library already has: read until ERR_AGAIN, or ask
 * tls_pending. */
MUST enum err tls_read(struct tls *, char *p, size_t room, size_t *n_r);
/* At least one byte when OK, perhaps not all. What is left comes first the next
 * time, from any address; the other side may have some of it already, or not
 * yet what was told. Several records leave with one system call. */
MUST enum err tls_write(struct tls *, str, size_t *n_r);
/* Tells the other side that no more comes, once; as far as it goes. */
void tls_close_notify(struct tls *);

/* EPOLLIN or EPOLLOUT, after ERR_AGAIN. */
uint32_t tls_wants(const struct tls *);
/* Decrypted bytes wait for tls_read. */
bool tls_pending(const struct tls *);

/* "TLSv1.3", "TLS_AES_256_GCM_SHA384", after the handshake; static strings. */
const char *tls_version(const struct tls *);
const char *tls_cipher(const struct tls *);
bool tls_resumed(const struct tls *);
/* Why the last call in this thread failed; until the next one. */
const char *tls_reason(void);

#endif
