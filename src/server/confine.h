/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine: a role gives away what it does not need, before its first outside
 * byte and before its first thread. In this order: limits on files and cores;
 * into its own directory (and, as root, a root of its own there); its own user
 * and group; no_new_privs; Landlock (files under its directory only, no TCP
 * connections or ports, no signals or abstract sockets beyond itself, as far
 * as the kernel can); a seccomp allow list.
 *
 * Lookup differs: its libraries read the system's files (resolver, name
 * service, CA certificates) and load modules from it, so it has no root of its
 * own. It reads beneath /etc, /usr, /run and what its settings name, writes
 * nowhere, makes connections, and listens nowhere. With PAM it also starts the
 * system's programs, since pam_unix does; these inherit all of this. Unix
 * sockets it gets only where it must: the control socket is one, and takes who
 * reaches it for the administrator, which only another user of its own
 * prevents.
 *
 * After confine_enter() a role names files relative to its directory: "db",
 * not the configured path. Sockets, secrets and memory come from the master as
 * descriptors and bytes. Nothing else can be opened: what a library reads at
 * start (OpenSSL's configuration, time zones) is read by confine_enter first.
 *
 * A system call that is merely unknown fails with EPERM (ENOSYS where glibc
 * then falls back). One that only an intruder would make (execve, ptrace, a
 * new socket, another process, mount, …) ends the process, and the kernel
 * logs it. Builds with sanitizers keep that second list alone.
 */
#ifndef SERVER_CONFINE_H
#define SERVER_CONFINE_H

#include "base/str.h"

#include <sys/types.h>

enum role_kind {
	ROLE_FRONT,  /* nothing but the descriptors it was given */
	ROLE_AUTH,   /* files in its directory */
	ROLE_MAIL,   /* files in its directory */
	ROLE_LOOKUP, /* outgoing connections, the system's files to read */
	ROLE_KINDS,
};

/* "front", "auth", "mail", "lookup" */
const char *role_kind_name(enum role_kind);

#define CONFINE_READABLE 5

struct confine_plan {
	enum role_kind kind;
	int dir;   /* its directory, opened; stays the caller's */
	uid_t uid; /* what to become; looked at only when root */
	gid_t gid;
	bool quiet; /* do not log what the kernel lacks (a restart) */
	/* For lookup alone. */
	bool execute; /* start the system's programs */
	bool local;   /* connect to Unix sockets */
	/* Directories or files to read besides the system's; NULL: none. */
	const char *readable[CONFINE_READABLE];
};

/* The error is logged. The process must then end: it may be half confined.
 * Keeps open descriptors, changes the working directory. */
MUST enum err confine_enter(const struct confine_plan *);

/* Whether this build has the relaxed filter. */
bool confine_is_relaxed(void);

/*
 * What a confined role can still do, tried out in child processes, one
 * forbidden or needed thing each: confine_selftest.c, linked into tests only.
 * `dir` as in the plan, with a file "inside" to be read and, beside it in the
 * parent directory, "outside". Returns the number of rows (static storage).
 */
#define CONFINE_CASES (ROLE_KINDS + 1)

struct confine_attempt {
	const char *what; /* "execute a program" */
	/* What should be: by role; the last is lookup that may execute. */
	bool allowed[CONFINE_CASES];
	/* What was: 'y' it worked, 'n' refused, 'k' killed, '?' the test itself
	 * failed. */
	char result[CONFINE_CASES];
};
size_t confine_selftest(int dir, uid_t, gid_t, struct confine_attempt **rows_r);

#endif
