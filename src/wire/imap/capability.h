/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capability: what the server announces (RFC 9051 sections 6.1.1 and 7.2.2),
 * one table for the protocol before login and after it. What stands here is
 * complete and has transcripts.
 */
#ifndef WIRE_IMAP_CAPABILITY_H
#define WIRE_IMAP_CAPABILITY_H

#include "base/buf.h"
#include "base/mechanism.h"

/* What a connection is, as far as the list depends on it. */
struct imap_capability_view {
	bool authenticated;
	bool tls;		/* the connection is encrypted */
	bool tls_available;	/* there is a certificate */
	bool literal_minus;	/* imap.literal_minus */
	uint64_t append_limit;	/* limits.literal, after login */
	uint32_t save_limit;	/* limits.save, after login; 0: none */
	uint32_t message_limit; /* imap.messagelimit, the same */
	unsigned mechanisms;	/* usable now (base/mechanism.h) */
	bool unauthenticate;	/* imap.unauthenticate */
};

/* "IMAP4rev2 IMAP4rev1 …", separated by spaces. */
void imap_put_capabilities(struct buf *, const struct imap_capability_view *);

/* Is LOGIN allowed? It is PLAIN in other words. */
static inline bool imap_capability_password(
	const struct imap_capability_view *view)
{
	return view->mechanisms & MECHANISM_PLAIN;
}

#endif
