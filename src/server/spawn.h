/* SPDX-License-Identifier: Apache-2.0 */
/* spawn: starts this program anew as a role, so that it shares no memory (and
 * no address layout) with the master or another role. */
#ifndef SERVER_SPAWN_H
#define SERVER_SPAWN_H

#include "server/confine.h"

/* The role dies with this process (whose main thread must call this). It has
 * standard error, its end of the channel, and `inherited` unless that is -1;
 * every other descriptor is closed. channel_r: the master's end. */
MUST enum err spawn_role(
	enum role_kind, int inherited, pid_t *pid_r, int *channel_r);

#endif
