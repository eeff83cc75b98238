/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover: how a client goes from front to mail after login: an IPC_HANDOVER
 * message with one descriptor. Without TLS that is the client's TCP socket,
 * which front forgets; with TLS one end of a stream socket pair, whose other
 * end front pumps through TLS. Mail redeems the ticket (ticket.h) and then
 * answers the login command itself: "<tag> OK [CAPABILITY …] Logged in", or
 * "<tag> NO [UNAVAILABLE] …" and the end. Closing the descriptor ends the
 * connection in both cases; what was written before is delivered.
 *
 * Payload, version 2; "sized" is a varint length and the bytes:
 *
 *	varint	version
 *	sized	protocol, "imap"
 *	sized	ticket
 *	sized	tag of the login command
 *	sized	session id, for logs
 *	sized	remote address and port
 *	sized	local address and port
 *	varint	peer key (net/endpoint.h)
 *	sized	TLS version, "TLSv1.3", or nothing
 *	sized	TLS cipher, or nothing
 *	sized	bytes that the client sent after the login command
 *	sized	what the protocol's part before login tells the one after it,
 *		in their own form (POP3: wire/pop3/respond.h); untrusted
 *	varint	count of ID fields, then of each: the name, sized; a varint, 0
 *		for NIL or 1; the value, sized (empty for NIL)
 *
 * And how it goes back to front, when the client leaves its session and stays
 * connected (UNAUTHENTICATE, RFC 8437; docs/decisions/0011): an IPC_HANDBACK
 * message with the descriptor that mail was given, and the number that came
 * with it: 0 without TLS, else front's for the connection. By then mail has
 * written its last byte, and has not read on, so that nothing is lost or comes
 * in another order: what the client hears is in the descriptor before front
 * says a word, and what it said is the leftover, then what is unread in the
 * descriptor, then what front still has.
 *
 * Payload of that, version 1:
 *
 *	varint	version
 *	sized	protocol, "imap"
 *	sized	session id, as it was given
 *	sized	remote address and port, as they were given
 *	sized	bytes that the client sent behind its last command
 *
 * Front believes none of it where it can know better: it compares the
 * descriptor with the one it gave, and asks the socket for its address unless
 * the client came through a proxy.
 */
#ifndef SESSION_HANDOVER_H
#define SESSION_HANDOVER_H

#include "base/buf.h"

/* RFC 2971 section 3.3: no more than 30 field-value pairs. */
#define HANDOVER_ID_MAX 30
#define HANDOVER_ID_FIELD_MAX 1024
#define HANDOVER_TAG_MAX 256
#define HANDOVER_LEFTOVER_MAX (64 * 1024)
#define HANDOVER_STATE_MAX 64

struct handover_field {
	str name;
	str value; /* p == NULL: NIL */
};

struct handover {
	str protocol;
	str ticket;
	str tag;     /* may be empty: protocols without tags */
	str session; /* printable ASCII, at most 32 bytes */
	str remote;  /* "192.0.2.1:40312" */
	str local;
	uint64_t peer_key;
	str tls_version; /* empty: no TLS; then mail counts the connection */
	str tls_cipher;
	str leftover; /* to be read before the descriptor */
	str state;    /* the protocol's own; mostly empty */
	/* What the client told by ID before login; untrusted, for logs. */
	size_t id_count;
	struct handover_field id[HANDOVER_ID_MAX];
	/* Not in the payload: by whom it was brought, as the receiver knows
	 * him, to give the connection back to. */
	uint64_t origin;
};

struct handback {
	str protocol;
	str session; /* printable ASCII, at most 32 bytes */
	str remote;
	str leftover; /* to be read before the descriptor */
};

/* Appends the payload. */
void handover_encode(const struct handover *, struct buf *out);
/* The strs of *handover_r point into payload. ERR_INVALID for anything that
 * is malformed, too long or too many; ERR_VERSION. */
MUST enum err handover_decode(str payload, struct handover *handover_r);

/* The same of a way back. */
void handback_encode(const struct handback *, struct buf *out);
MUST enum err handback_decode(str payload, struct handback *handback_r);

#endif
