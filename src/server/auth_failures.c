/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "server/auth_role.h"

#include <pthread.h>
#include <stdlib.h>

struct auth_failures {
	pthread_mutex_t lock;
	size_t count; /* ever */
	struct auth_failure ring[AUTH_FAILURES];
};

struct auth_failures *auth_failures_new(void)
{
	struct auth_failures *f = xcalloc(1, sizeof *f);

	pthread_mutex_init(&f->lock, NULL);
	return f;
}

void auth_failures_free(struct auth_failures *f)
{
	if (!f)
		return;
	pthread_mutex_destroy(&f->lock);
	free(f);
}

void auth_failures_add(
	struct auth_failures *f, const struct auth_failure *failure)
{
	pthread_mutex_lock(&f->lock);
	f->ring[f->count++ % AUTH_FAILURES] = *failure;
	pthread_mutex_unlock(&f->lock);
}

size_t auth_recent_failures(const struct auth_context *context,
	struct auth_failure room[AUTH_FAILURES])
{
	struct auth_failures *f = context->failures;
	size_t n = 0;

	pthread_mutex_lock(&f->lock);
	while (n < AUTH_FAILURES && n < f->count) {
		room[n] = f->ring[(f->count - 1 - n) % AUTH_FAILURES];
		n++;
	}
	pthread_mutex_unlock(&f->lock);
	return n;
}
