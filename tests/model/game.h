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
 * own, so that a script that fails is shortened by leaving events out. What was
 * said in the shortest one is printed.
 *
 * CULVER_SCRIPTS: so many; CULVER_SEED: begin there.
 */
#ifndef MODEL_GAME_H
#define MODEL_GAME_H

#include "player.h"

/* Plays scripts; the program's exit code. */
int game_main(const struct stage *);

#endif
