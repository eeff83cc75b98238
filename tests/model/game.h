/* SPDX-License-Identifier: Apache-2.0 */
/*
 * game: several clients, online and offline, do random things to the same
 * mailboxes, in turn and at the same time. Offline, a client keeps what a real
 * one would: UIDVALIDITY, HIGHESTMODSEQ as RFC 7162 section 6 lets it compute
 * it, UIDs, flags and mod-sequences. It is cut off at any byte, or loses the
 * server in the middle of whatever it does, comes back by plain SELECT, with
 * CONDSTORE or with QRESYNC, and must then agree with the model (model.h), as
 * after every command: in numbers, UIDs, flags, mod-sequences.
 *
 * A script is a list of events; each draws what it needs from a seed of its
 * own, so that a script that fails is shortened by leaving events out (run.h).
 */
#ifndef MODEL_GAME_H
#define MODEL_GAME_H

#include "player.h"

#define EVENTS 60

struct event {
	unsigned kind, client;
	bool hold; /* to be sent with what follows */
	uint64_t seed;
};

struct script {
	const struct stage *stage;
	unsigned seed;
	unsigned clients, names;
	struct event events[EVENTS];
	unsigned count;
};

void script_make(struct script *, const struct stage *, unsigned seed);
/* Ends the process when something is not as it must be. */
void script_run(const struct script *);
/* Does it always do the same? */
bool script_is_sure(const struct script *);

#endif
