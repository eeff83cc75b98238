/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master: binds the sockets, prepares the state directory, starts the roles
 * (front×N, auth, mail, and lookup when there are sources of accounts outside:
 * each this program anew, `--role NAME FD`), connects
 * them with each other, starts again what dies, and passes configuration on.
 * It reads the configuration and what its signals say; no byte from outside.
 *
 *	SIGHUP	reads the file and the certificates again; roles that died do
 *		not wait any longer
 *	SIGTERM, SIGINT	ends in order; a second one, at once
 *
 * A role that dies comes back after 100 ms, doubled each time up to 10 s,
 * and 100 ms again once it held for a minute, or after a SIGHUP. If one dies
 * before all have been ready once, the start has failed.
 */
#ifndef SERVER_MASTER_H
#define SERVER_MASTER_H

#include "base/str.h"

struct config;

struct master_options {
	const char *config_path;
	/* For one command while no server runs: no listeners, logs errors
	 * only, and ends when the process that started it does. */
	bool private_instance;
	/* Gets one byte when all roles are ready; closed either way. -1: none
	 */
	int ready_fd;
};

/* What the process exits with. */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_CONFIG = 2, /* wrong usage or configuration */
	EXIT_NO_SERVER = 3,
	EXIT_IN_USE = 4, /* another instance has the state directory */
};

/* Takes the configuration over. Blocks until the end; gives the exit code. */
int master_run(const struct master_options *, struct config *);

#endif
