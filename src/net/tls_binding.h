/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_binding: channel bindings (RFC 5056): data that both ends of one TLS
 * connection, and nobody in its middle, come to. After the handshake.
 *
 *	tls-exporter		RFC 9266; TLS 1.3, and TLS 1.2 with extended
 *				master secret (RFC 7627)
 *	tls-unique		RFC 5929 section 3; TLS 1.2. A resumed session
 *				without extended master secret has none: its
 *				Finished can be made the same on two connections
 *				(RFC 7627 section 1)
 *	tls-server-end-point	RFC 5929 section 4; not for certificates whose
 *				signature has no hash of its own (Ed25519)
 */
#ifndef NET_TLS_BINDING_H
#define NET_TLS_BINDING_H

#include "net/tls.h"

#define TLS_BINDING_MAX 64 /* bytes of data */

/* Of all of them, by index; NULL at the end. */
const char *tls_binding_name(size_t index);

/* Appends the data. ERR_UNSUPPORTED: the connection has none of that name. */
MUST enum err tls_binding(
	const struct tls *, const char *name, struct buf *data);

#endif
