/* SPDX-License-Identifier: Apache-2.0 */
/*
 * landlock: the kernel's three system calls for unprivileged confinement
 * (landlock(7)), which glibc does not wrap. Constants are our own, since the
 * kernel that runs may be newer than the headers.
 */
#ifndef SERVER_LANDLOCK_H
#define SERVER_LANDLOCK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* From which version on the kernel handles what. */
enum {
	LANDLOCK_ABI_FILES = 1,
	LANDLOCK_ABI_REFER = 2,
	LANDLOCK_ABI_TRUNCATE = 3,
	LANDLOCK_ABI_NET = 4,
	LANDLOCK_ABI_IOCTL = 5,
	LANDLOCK_ABI_SCOPE = 6,
};

/* The kernel's version; 0 when it has none or it is switched off. */
int landlock_abi(void);

struct landlock_grant {
	const char *path; /* a directory and what is beneath it, or a file */
	bool write;	  /* also what is not there yet; else only read */
	bool execute;
};

/*
 * From now on this thread, and what it starts, uses no files but those granted
 * (regular files and directories; paths that do not exist are left out), binds
 * no TCP port, connects to one only if it may, and reaches no process outside
 * by signals or abstract sockets: each as far as `abi` knows it. Needs
 * no_new_privs. Descriptors that are open stay usable. errno on failure.
 */
MUST enum err landlock_restrict(
	int abi, const struct landlock_grant *, size_t count, bool may_connect);

#endif
