/* SPDX-License-Identifier: Apache-2.0 */
/*
 * networks: a list of networks, and whether an endpoint is in one of them:
 * who is trusted with PROXY headers, XCLIENT, and so on.
 *
 *	10.0.0.0/8  192.0.2.1  2001:db8::/32  ::1  unix
 *
 * An address alone is a network of one; "unix" is who comes by a Unix socket.
 * IPv4 networks hold no IPv6 addresses and the other way round (::/0 is not
 * everybody); an IPv4 address mapped into IPv6 is an IPv4 address, as in
 * endpoint.h.
 */
#ifndef NET_NETWORKS_H
#define NET_NETWORKS_H

#include "net/endpoint.h"

struct network {
	sa_family_t family;   /* AF_INET, AF_INET6, AF_UNIX */
	unsigned char prefix; /* bits that count */
	unsigned char address[16];
};

struct networks {
	struct network *list; /* owned */
	size_t count;
};

/* One. ERR_INVALID; bits behind the prefix must be 0, so that what stands
 * there is what is meant. `why` (may be NULL) then tells it to a person. */
MUST enum err network_parse(
	str word, struct network *network_r, struct buf *why);
/* Separated by spaces; "" is none. *networks_r is overwritten when OK. */
MUST enum err networks_parse(
	str text, struct networks *networks_r, struct buf *why);
/* dst is overwritten. */
void networks_copy(struct networks *dst, const struct networks *);
void networks_fini(struct networks *);
/* The text form, which networks_parse reads. */
void networks_print(const struct networks *, struct buf *);

bool networks_contain(const struct networks *, const struct endpoint *);

#endif
