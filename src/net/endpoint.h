/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoint: an IPv4 or IPv6 address with its port; "127.0.0.1:1143",
 * "[::1]:1143". No names are resolved. An IPv4 address mapped into IPv6
 * (::ffff:192.0.2.1) becomes the IPv4 address.
 */
#ifndef NET_ENDPOINT_H
#define NET_ENDPOINT_H

#include "base/buf.h"

#include <netinet/in.h>

struct endpoint {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
};

/* Longest form: brackets, 39 (or 45) digits, colon, port, NUL. */
#define ENDPOINT_TEXT_MAX 64

/* ERR_INVALID. Port 0 is allowed: the kernel chooses (endpoint_local). */
MUST enum err endpoint_parse(str, struct endpoint *endpoint_r);
/* Of 4 or 16 bytes in network order, and a port in the host's. */
struct endpoint endpoint_of_v4(const void *address, uint16_t port);
struct endpoint endpoint_of_v6(const void *address, uint16_t port);
/* With its port; `room` takes ENDPOINT_TEXT_MAX bytes; the answer points into
 * it. "-" for what is neither (a UNIX socket). */
str endpoint_print(const struct endpoint *, char *room);
/* The address alone, without brackets and port. */
str endpoint_print_host(const struct endpoint *, char *room);

MUST enum err endpoint_remote(int fd, struct endpoint *endpoint_r);
MUST enum err endpoint_local(int fd, struct endpoint *endpoint_r);

/* What connections are counted by: the IPv4 address, or the /64 that an IPv6
 * customer gets; never 0. The two kinds do not meet (::/64 is not given out).
 * A UNIX socket gives 1. */
uint64_t endpoint_peer_key(const struct endpoint *);

/* A listening, non-blocking, close-on-exec TCP socket; IPv6 sockets take IPv6
 * only. ERR_INUSE, ERR_DENIED, ERR_NOTFOUND (not this machine's), ERR_IO. */
MUST enum err endpoint_listen(const struct endpoint *, int *fd_r);

#endif
