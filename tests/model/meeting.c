/* SPDX-License-Identifier: Apache-2.0 */
#include "meeting.h"

#include <stdlib.h>
#include <time.h>

/* How long a wake-up that got lost is missed: glibc loses one now and then
 * where many processes wait on one condition (its bug 25847). */
#define LOOK_NS 100000000

static void await_change(struct meeting *m)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOOK_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	(void)pthread_cond_timedwait(&m->changed, &m->lock, &until);
}

void meeting_open(struct meeting *m, unsigned members)
{
	pthread_mutexattr_t lock;
	pthread_condattr_t changed;

	*m = (struct meeting){.members = members};
	if (pthread_mutexattr_init(&lock) || pthread_condattr_init(&changed) ||
		pthread_mutexattr_setpshared(&lock, PTHREAD_PROCESS_SHARED) ||
		pthread_condattr_setpshared(&changed, PTHREAD_PROCESS_SHARED) ||
		pthread_mutex_init(&m->lock, &lock) ||
		pthread_cond_init(&m->changed, &changed))
		abort();
	pthread_mutexattr_destroy(&lock);
	pthread_condattr_destroy(&changed);
}

void meeting_leave(struct meeting *m)
{
	pthread_mutex_lock(&m->lock);
	m->members--;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

bool meeting_begin(struct meeting *m)
{
	unsigned before;
	bool leads;

	pthread_mutex_lock(&m->lock);
	before = m->begun;
	m->here++;
	while (m->begun == before && m->here < m->members)
		await_change(m);
	leads = m->begun == before;
	if (leads) {
		m->begun++;
		m->here = m->acted = 0;
		pthread_cond_broadcast(&m->changed);
	}
	pthread_mutex_unlock(&m->lock);
	return leads;
}

void meeting_act(struct meeting *m)
{
	pthread_mutex_lock(&m->lock);
	m->acted++;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

void meeting_await_acts(struct meeting *m, unsigned count)
{
	pthread_mutex_lock(&m->lock);
	while (m->acted < count)
		await_change(m);
	pthread_mutex_unlock(&m->lock);
}

void meeting_end(struct meeting *m, bool leads)
{
	pthread_mutex_lock(&m->lock);
	if (leads) {
		m->ended = m->begun;
		pthread_cond_broadcast(&m->changed);
	}
	while (m->ended != m->begun)
		await_change(m);
	pthread_mutex_unlock(&m->lock);
}
