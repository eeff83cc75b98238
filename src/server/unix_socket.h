/* SPDX-License-Identifier: Apache-2.0 */
/* unix_socket: Unix sockets in the file system, for the master to listen on. */
#ifndef SERVER_UNIX_SOCKET_H
#define SERVER_UNIX_SOCKET_H

#include "base/str.h"

#include <sys/types.h>

/* Listening, non-blocking, close-on-exec; nobody can connect before mode and
 * group are right. group: name or number, "" leaves it as it comes. What was
 * left behind by a server that died is replaced. ERR_INUSE when somebody
 * listens there, ERR_EXISTS when it is no socket, ERR_NOTFOUND for a directory
 * or group that is not there, ERR_DENIED, ERR_IO. */
MUST enum err unix_socket_listen(
	const char *path, mode_t mode, const char *group, int *fd_r);
/* Closes it, which nobody else may have by now, and removes the file; not when
 * another server listens there instead. */
void unix_socket_remove(const char *path, int fd);

#endif
