/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state: the state directory, as the master prepares it for the roles.
 *
 *	path		mode	owner (as root; else all the user's, 0700)
 *	STATE		0711	root
 *	STATE/lock	0600	root	one instance; the number of its process
 *	STATE/empty	0555	root	all that front sees, and where lookup is
 *	STATE/auth	0700	auth's user, with everything in it
 *	STATE/mail	0700	mail's user, with everything in it
 *	STATE/control	0700	root	the sockets "auth" and "mail"
 */
#ifndef SERVER_STATE_H
#define SERVER_STATE_H

#include "server/config.h"
#include "server/confine.h"

struct state_owner {
	uid_t uid;
	gid_t gid;
};

#define STATE_NO_DIRS                                                          \
	{                                                                      \
		-1, -1, -1, -1                                                 \
	}

struct state {
	char *path; /* STATE */
	int top;    /* STATE, opened */
	int lock;   /* locked; inherited by the roles that write, so that it
		     * stays locked until the last of them ended */
	int dirs[ROLE_KINDS]; /* what confine_enter wants */
	struct state_owner owners[ROLE_KINDS];
};

/* Makes what is missing, takes the lock, hands over to the right owners. What
 * is wrong is logged, with the remedy. ERR_INUSE: another instance runs.
 * quiet: nothing about users that do not exist. */
MUST enum err state_open(const struct config *, bool quiet, struct state *);
void state_close(struct state *);

/* A listening socket STATE/control/NAME, for the owner of the master only. */
MUST enum err state_listen(const struct state *, const char *name, int *fd_r);
void state_unlink_socket(const struct state *, const char *name);

#endif
