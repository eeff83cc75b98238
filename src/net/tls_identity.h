/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_identity: whom a client's certificate names, for EXTERNAL (RFC 4422
 * appendix A). A certificate is asked for when tls_settings.client_ca is given,
 * and never needed: a handshake without one, or with one that is not good, goes
 * on without an identity.
 *
 * A resumed session keeps the certificate that it began with, as long as that
 * is valid; who changes the authorities makes new ticket keys too.
 */
#ifndef NET_TLS_IDENTITY_H
#define NET_TLS_IDENTITY_H

#include "net/tls.h"

#define TLS_IDENTITY_MAX 255 /* bytes */

enum tls_identity {
	TLS_IDENTITY_EMAIL, /* subjectAltName rfc822Name; when there is none,
			       the subject's emailAddress */
	TLS_IDENTITY_CN,    /* the subject's common name */
	TLS_IDENTITY_DNS,   /* subjectAltName dNSName */
};

/* Appends it, UTF-8 without control characters. ERR_NOTFOUND: no certificate;
 * ERR_DENIED: it did not verify; ERR_EXPIRED; ERR_INVALID: it names nobody, or
 * more than one. *reason_r says it to a person; a static string. */
MUST enum err tls_identity(const struct tls *, enum tls_identity,
	struct buf *name, const char **reason_r);

#endif
