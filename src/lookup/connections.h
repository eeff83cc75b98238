/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connections: a few connections of one kind, kept open between questions, for
 * many threads: each takes one for itself and puts it back. The caller opens
 * and closes them, outside the lock.
 *
 *	connection = connections_take(&set);	// NULL: open one
 *	… use it …
 *	connections_put(&set, connection);	// or close it, when broken
 *
 * After a failed attempt to open one, connections_rest() lets nobody try for
 * a second: a server that is away must not hold every thread, and its error
 * is logged once a second at most.
 */
#ifndef LOOKUP_CONNECTIONS_H
#define LOOKUP_CONNECTIONS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connections {
	pthread_mutex_t lock;
	void (*close)(void *connection);
	void **idle;
	size_t count, max;
	uint64_t resting_until; /* clock_monotonic_ms */
};

void connections_init(
	struct connections *, size_t max, void (*close)(void *connection));
/* Closes all that are idle; none may be in use. */
void connections_fini(struct connections *);
/* The one used last; NULL when none is idle. */
void *connections_take(struct connections *);
/* Closes it when there are enough. */
void connections_put(struct connections *, void *connection);
/* Closes all that are idle: the server was restarted, or they are stale. */
void connections_drop_idle(struct connections *);
void connections_rest(struct connections *);
bool connections_are_resting(struct connections *);

#endif
