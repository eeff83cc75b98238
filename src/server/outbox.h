/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox: messages for another role (base/ipc.h) that it has not taken yet, so
 * that who has a loop to run never waits for who does not read. Order is kept.
 *
 * The caller has the channel in its loop, and calls outbox_flush when it may
 * be written to. When the first message has waited too long the other side is
 * stuck: all that waits is dropped, and `stuck` is told.
 */
#ifndef SERVER_OUTBOX_H
#define SERVER_OUTBOX_H

#include "base/str.h"
#include "net/loop.h"

/* Bytes that may wait. */
#define OUTBOX_MAX (1024 * 1024)

struct outbox_message;

struct outbox {
	struct loop *loop;
	struct loop_watch *watch; /* the channel's; the caller's */
	uint64_t patience_ms;
	void (*stuck)(struct outbox *);
	struct loop_timer timer;
	struct outbox_message *first, **last;
	size_t bytes;
};

void outbox_init(struct outbox *, struct loop *, struct loop_watch *,
	uint64_t patience_ms, void (*stuck)(struct outbox *));
/* Sends, or keeps a copy that is wiped later, of the descriptor too: fd (or
 * -1) stays the caller's. ERR_UNAVAILABLE when too much waits; else what
 * ipc_try_send says, and nothing was kept. */
MUST enum err outbox_send(
	struct outbox *, uint32_t type, uint32_t id, str payload, int fd);
/* The channel may be written to. */
void outbox_flush(struct outbox *);
/* Drops what waits; before the watch is removed, too. */
void outbox_clear(struct outbox *);

#endif
