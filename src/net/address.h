/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address: an IPv4 or IPv6 address with its port; "127.0.0.1:1143",
 * "[::1]:1143". No names are resolved. An IPv4 address mapped into IPv6
 * (::ffff:192.0.2.1) becomes the IPv4 address.
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/buf.h"

#include <netinet/in.h>

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
};

/* Longest form: brackets, 39 (or 45) digits, colon, port, NUL. */
#define ADDRESS_TEXT_MAX 64

/* ERR_INVALID. Port 0 is allowed: the kernel chooses (address_local). */
MUST enum err address_parse(str, struct address *address_r);
/* With its port; `room` takes ADDRESS_TEXT_MAX bytes; the answer points into
 * it. "-" for what is neither (a UNIX socket). */
str address_print(const struct address *, char *room);
/* The address alone, without brackets and port. */
str address_print_host(const struct address *, char *room);

MUST enum err address_remote(int fd, struct address *address_r);
MUST enum err address_local(int fd, struct address *address_r);

/* What connections are counted by: the IPv4 address, or the /64 that an IPv6
 * customer gets; never 0. The two kinds do not meet (::/64 is not given out).
 * A UNIX socket gives 1. */
uint64_t address_peer_key(const struct address *);

/* A listening, non-blocking, close-on-exec TCP socket; IPv6 sockets take IPv6
 * only. ERR_INUSE, ERR_DENIED, ERR_NOTFOUND (not this machine's), ERR_IO. */
MUST enum err address_listen(const struct address *, int *fd_r);

#endif
