/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_wire: the socket under a TLS connection, as a BIO of OpenSSL's. Of tls*.c
 * only.
 *
 * The library writes each record by itself. Between tls_wire_gather and
 * tls_wire_send they are put together, and leave with one system call. What the
 * socket does not take then is held; nothing else is written until
 * tls_wire_send could send that. So a connection has ciphertext only while its
 * client is slow.
 */
#ifndef NET_TLS_WIRE_H
#define NET_TLS_WIRE_H

#include "base/err.h"

#include <openssl/bio.h>
#include <stdbool.h>

/* Records of 16 KiB that are put together. */
#define TLS_WIRE_RECORDS 4

/* fd stays the caller's. */
BIO *tls_wire_new(int fd);
/* Nothing may be held. What this thread writes next is put together, as far as
 * there is room; it belongs to the connection that tls_wire_send is called for
 * then. */
void tls_wire_gather(void);
/* Sends what was gathered, or is held. OK: all went; ERR_AGAIN: some is held;
 * ERR_CLOSED, ERR_IO. */
MUST enum err tls_wire_send(BIO *);
bool tls_wire_holds(BIO *);

#endif
