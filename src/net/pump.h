/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pump: carries bytes between a TLS connection and a plain stream socket, both
 * ways, until one of them ends. While nothing flows it holds its struct and
 * nothing else; bytes that one side does not take yet are kept (at most
 * PUMP_ROOM up, PUMP_ROOM_DOWN down, and as much in the TLS) and its source is
 * not read until they went.
 *
 * "Outside" is the client behind TLS, "inside" the session's socket.
 * The client's end of input is passed on (shutdown); the session then ends in
 * its own time. The session's end is told to the client once all is sent.
 *
 * A session may also give the connection back while both go on (pump_drain).
 */
#ifndef NET_PUMP_H
#define NET_PUMP_H

#include "net/loop.h"
#include "net/tls.h"

/* A TLS record's content. */
#define PUMP_ROOM 16384
/* Of what sessions say: some records at a time. */
#define PUMP_ROOM_DOWN (4 * PUMP_ROOM)

/* What could not be written yet; p is NULL when nothing is there. */
struct pump_rest {
	char *p;
	uint32_t at, n;
};

struct pump {
	struct loop_watch outside;
	struct loop_watch inside;
	struct tls *tls;
	/* Both descriptors and the TLS are still open: they are the owner's.
	 * The pump is stopped and may be freed. */
	void (*ended)(struct loop *, struct pump *);
	struct pump_rest up;   /* to inside */
	struct pump_rest down; /* to outside */
	bool up_ended;	       /* the client sends no more */
	bool inside_ended;     /* the session is gone; `down` is its last */
	bool wants_to_write;   /* TLS cannot read before it wrote */
	/* pump_drain was called. */
	void (*drained)(struct loop *, struct pump *);
	bool inside_is_empty;
};

/* After the handshake. Both sockets are non-blocking and not registered; the
 * struct is zeroed, or was drained. May call `ended` before it returns. */
void pump_start(struct loop *, struct pump *, struct tls *, int outside,
	int inside, void (*ended)(struct loop *, struct pump *));
/* The session has written its last byte, and somebody holds its socket, so that
 * it does not end. Nothing more is read from the client; once it has been sent
 * all that the session wrote, the pump is stopped and `drained` is called, or
 * `ended` when that fails; perhaps before this returns. What came from the
 * client and was not taken inside is then in `up`: pump_take gets it out, and
 * pump_start goes on with what is left. */
void pump_drain(struct loop *, struct pump *,
	void (*drained)(struct loop *, struct pump *));
/* At most n bytes of `up`; how many. */
size_t pump_take(struct pump *, char *room, size_t n);
/* Without calling `ended`. Also when it was not started. */
void pump_stop(struct loop *, struct pump *);

#endif
