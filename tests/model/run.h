/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run: plays scripts, in processes of their own, so that whatever one does can
 * be told; several at the same time, if the stage has room. One that fails is
 * shortened: events are left out as long as it fails. What was said in the
 * shortest one is printed.
 *
 *	CULVER_SCRIPTS	so many
 *	CULVER_SEED	begin with this one
 *	CULVER_PLAYERS	so many at the same time
 */
#ifndef MODEL_RUN_H
#define MODEL_RUN_H

#include "game.h"

/* The program's exit code. */
int run_main(const struct stage *);

#endif
