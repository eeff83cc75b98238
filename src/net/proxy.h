/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy: the header by which a proxy tells whom it speaks for, version 2 of
 * the PROXY protocol (haproxy's doc/proxy-protocol.txt). It stands before the
 * first byte of the client, also before TLS. Pure.
 *
 * It is to be read from connections of proxies that are trusted, where it MUST
 * stand, and from no others, where it is just wrong input: the caller decides.
 * Version 1, the line of text, is not taken.
 *
 * What is told besides the addresses (TLVs) is skipped, but for the checksum.
 */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "net/endpoint.h"

/* Bytes of a header; the format allows 64 KiB, but what a proxy adds is some
 * hundred bytes, or a client's certificate. */
#define PROXY_MAX (16 * 1024)

struct proxy_header {
	/* False: the connection is the proxy's own (a health check), or from
	 * what has no address: a Unix socket of the proxy's machine, or what
	 * it does not know. The socket's addresses are to be used then. */
	bool told;
	struct endpoint remote, local;
};

/* OK: *n_r bytes of the input are the header. ERR_AGAIN: it needs *n_r bytes
 * in all, as far as is known; read no more than that. ERR_UNSUPPORTED,
 * ERR_INVALID, ERR_TOOBIG, ERR_CORRUPT (the checksum): close the connection;
 * *why_r, a static string, is for the log. */
MUST enum err proxy_parse(str input, struct proxy_header *header_r, size_t *n_r,
	const char **why_r);

#endif
