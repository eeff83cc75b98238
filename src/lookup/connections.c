/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup/connections.h"
#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>

#define REST_MS 1000

void connections_init(
	struct connections *c, size_t max, void (*close)(void *connection))
{
	*c = (struct connections){.close = close, .max = max};
	pthread_mutex_init(&c->lock, NULL);
	c->idle = xcalloc(max, sizeof *c->idle);
}

void connections_fini(struct connections *c)
{
	connections_drop_idle(c);
	pthread_mutex_destroy(&c->lock);
	free(c->idle);
}

void *connections_take(struct connections *c)
{
	void *taken = NULL;

	pthread_mutex_lock(&c->lock);
	if (c->count)
		taken = c->idle[--c->count];
	pthread_mutex_unlock(&c->lock);
	return taken;
}

void connections_put(struct connections *c, void *connection)
{
	pthread_mutex_lock(&c->lock);
	if (c->count < c->max) {
		c->idle[c->count++] = connection;
		connection = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	if (connection)
		c->close(connection);
}

void connections_drop_idle(struct connections *c)
{
	void *connection;

	while ((connection = connections_take(c)))
		c->close(connection);
}

void connections_rest(struct connections *c)
{
	pthread_mutex_lock(&c->lock);
	c->resting_until = clock_monotonic_ms() + REST_MS;
	pthread_mutex_unlock(&c->lock);
}

bool connections_are_resting(struct connections *c)
{
	bool resting;

	pthread_mutex_lock(&c->lock);
	resting = clock_monotonic_ms() < c->resting_until;
	pthread_mutex_unlock(&c->lock);
	return resting;
}
