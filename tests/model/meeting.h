/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meeting: processes that do what they do on their own, and now and then wait
 * for each other, to go through the same thing together. One of them leads.
 * Lies in memory that they share; the first call is their parent's, when none
 * of them is there.
 */
#ifndef MODEL_MEETING_H
#define MODEL_MEETING_H

#include <pthread.h>
#include <stdbool.h>

struct meeting {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned members, here, acted;
	unsigned begun, ended; /* meetings */
};

void meeting_open(struct meeting *, unsigned members);
void meeting_leave(struct meeting *);
/* Returns when all are here; true in the one that leads. */
bool meeting_begin(struct meeting *);
/* I did what I came for. */
void meeting_act(struct meeting *);
/* The leader: until so many acted. */
void meeting_await_acts(struct meeting *, unsigned);
/* The leader ends it; the others wait for that. */
void meeting_end(struct meeting *, bool leads);

#endif
