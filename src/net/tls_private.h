/* SPDX-License-Identifier: Apache-2.0 */
/* Of tls*.c only: a struct tls is an SSL, not one byte more per connection. */
#ifndef NET_TLS_PRIVATE_H
#define NET_TLS_PRIVATE_H

#include "net/tls.h"

#include <openssl/ssl.h>

static inline SSL *ssl_of(const struct tls *tls)
{
	return (SSL *)(void *)(uintptr_t)tls;
}

#endif
