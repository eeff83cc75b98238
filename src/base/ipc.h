/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between Culver's own processes, over SOCK_SEQPACKET socket pairs:
 * a type, a number that pairs answers with questions, a payload, and at most
 * one descriptor. Payloads are made with buf_add_varint/buf_add_sized and read
 * with a cursor; a receiver treats them as hostile.
 */
#ifndef BASE_IPC_H
#define BASE_IPC_H

#include "base/buf.h"

#define IPC_PAYLOAD_MAX (128 * 1024)

struct ipc_msg {
	uint32_t type;
	uint32_t id;
	str payload; /* into the receiver's buffer, until the next receive */
	int fd;	     /* -1 when none; the receiver owns it */
};

/* Both ends non-blocking and close-on-exec. */
MUST enum err ipc_pair(int fds_r[2]);
/* Waits (poll) up to 5 s when the other side is slow; ERR_TOOBIG,
 * ERR_CLOSED, ERR_UNAVAILABLE. fd (or -1) stays the caller's. */
MUST enum err ipc_send(
	int sock, uint32_t type, uint32_t id, str payload, int fd);
/* The same without waiting: ERR_AGAIN. */
MUST enum err ipc_try_send(
	int sock, uint32_t type, uint32_t id, str payload, int fd);
/* ERR_AGAIN when nothing is there, ERR_CLOSED when the other side went,
 * ERR_INVALID for a message that is not one (its descriptors are closed). */
MUST enum err ipc_recv(int sock, struct buf *room, struct ipc_msg *msg_r);

/* Types, all in one list so that no two meet. */
enum ipc_type {
	/* master -> any role, right after start */
	IPC_CONFIG = 1, /* payload: settings, serialised */
	IPC_LISTENER,	/* fd; payload: protocol name, "tls" or "", address */
	IPC_CHANNEL,	/* fd: a pair to another role; payload: its name */
	IPC_SECRET,	/* payload: name, bytes (ticket key, TLS certificate) */
	IPC_MEMORY,	/* fd: memory shared by all roles; payload: its name */
	IPC_LOG,	/* fd: where log lines go from now on */
	IPC_START,	/* all is said: confine, then serve. fd: the role's
			   directory; varint uid, gid to become, the index of
			   the process, 1 for a restart */
	IPC_STOP,	/* finish what runs, then exit 0 */
	/* role -> master */
	IPC_READY, /* confined, and serving */

	/* front -> auth: SASL, one exchange per id */
	IPC_AUTH_START = 32, /* sized: protocol, mechanism, remote address,
				session id for logs, TLS version or "", identity
				of a verified client certificate or ""; varint
				count of channel bindings, of each: sized name
				("tls-exporter", RFC 9266), sized data; then
				varint has-initial, sized initial response
				(decoded). Mechanism "" and protocol "lmtp":
				a ticket to deliver, by the address alone */
	IPC_AUTH_CONTINUE,   /* the client's next response, decoded */
	IPC_AUTH_CANCEL,
	/* auth -> front */
	IPC_AUTH_CHALLENGE, /* bytes for the client */
	IPC_AUTH_DONE,	    /* varint enum err (OK, ERR_AUTH, ERR_DENIED,
			       ERR_EXPIRED, ERR_UNAVAILABLE), sized reason for
			       the client, sized ticket */
	IPC_AUTH_OFFER,	    /* varint: enum mechanism bits that may be offered
			       from now on; the first message on a channel */

	/* front -> mail */
	IPC_HANDOVER = 64, /* fd: the client; id: 0, or under TLS what front
			      knows it by; payload: see session/handover.h */
	/* mail -> front */
	IPC_HANDBACK, /* fd and id: as they were given; payload: the same */
	/* auth -> mail */
	/* All that mail has not noted is sent again whenever the channel is
	 * new, in the order of serials; doing it twice does no harm. */
	IPC_ACCOUNT_REMOVED, /* varint account id, varint serial: end sessions,
				purge mail */
	IPC_ACCOUNT_CHANGED, /* varint account id, varint serial, sized name,
				varint quota: also when it is new */
	/* mail -> auth */
	IPC_ACCOUNT_NOTED, /* varint account id, varint serial: it is done, and
			      on stable storage */
	/* auth -> mail: the account may not go on as it did. */
	IPC_SESSIONS_END, /* varint account id; sized protocol, "" for all;
			     varint moment (clock_monotonic_ms): ends these
			     sessions if their tickets were minted up to then,
			     and takes no more of such tickets */

	/* mail -> auth: whose is this address? */
	IPC_RESOLVE = 80, /* sized protocol ("lmtp"), sized address, RFC 5321
			     Mailbox without brackets */
	/* auth -> mail */
	IPC_RESOLVED, /* varint enum err (OK, ERR_NOTFOUND, ERR_DENIED: switched
			 off, ERR_UNAVAILABLE); sized detail, what stood behind
			 "+" if it was not part of the address found, or "";
			 varint count of accounts, of each: varint id, sized
			 name, varint 1 when the detail is for it too */

	/* auth -> lookup; the types' names are those of server/lookup.h. */
	IPC_LOOKUP = 96,
	/* lookup -> auth */
	IPC_LOOKUP_DONE,
};

#endif
