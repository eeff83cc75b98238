/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role: the part of a role's process that faces the master. The program is
 * started anew for each role (`culver --role NAME FD`) and calls
 *
 *	int front_main(int master_fd)	(auth_main, mail_main)
 *
 * which is one pattern:
 *
 *	struct role role;
 *	if (role_begin(&role, ROLE_FRONT, master_fd) != OK)
 *		return 1;		// logged
 *	… take what came (role.config, listeners, channels, secrets), open the
 *	  store by a path relative to ".", start threads …
 *	if (role_ready(&role) != OK)
 *		return 1;
 *	… serve; when role.master is readable:
 *		while ((event = role_next(&role, &name)) != ROLE_NOTHING)
 *			switch (event) …
 *	role_fini(&role);
 *	return 0;
 *
 * role_begin() blocks until the master has said all, then confines the process
 * (confine.h): no thread may run before it, and no file be opened before it
 * that an intruder should not have.
 *
 * The channels by name: a front has "auth" and "mail"; auth has "mail",
 * "lookup" and "front0", "front1", …; mail has "auth" and the fronts; lookup
 * has "auth". When a role was
 * restarted the others get a new channel of the same name: the old one is
 * dead, and what was under way on it has failed.
 */
#ifndef SERVER_ROLE_H
#define SERVER_ROLE_H

#include "base/buf.h"
#include "server/config.h"
#include "server/confine.h"

#define ROLE_LISTENERS_MAX 256
#define ROLE_CHANNELS_MAX 64
#define ROLE_SECRETS_MAX 32
#define ROLE_MEMORY_MAX 8

struct role_listener {
	char *protocol; /* "imap", "pop3", …, or "control" */
	bool tls;	/* TLS from the first byte */
	char *address;	/* as configured, for logs */
	int fd;		/* listening, non-blocking; the role's (see below) */
};

struct role_named_fd {
	char *name;
	int fd; /* -1 once taken */
};

struct role_secret {
	char *name;
	char *p;
	size_t n;
};

struct role {
	enum role_kind kind;
	char name[16]; /* "front0", "auth", …: also in every log line */
	/* The number of this process: fronts from 0, then auth, mail, lookup.
	 * Its page of the scoreboard and its region of the limits. */
	unsigned index;
	int master;	       /* non-blocking; watch it for reading */
	bool stopping;	       /* IPC_STOP came: finish what runs, return 0 */
	struct config *config; /* the present one; replaced by role_next */
	/* Closed by role_fini; a role that stops accepting closes one itself
	 * and sets fd = -1. */
	struct role_listener listeners[ROLE_LISTENERS_MAX];
	size_t listener_count;
	struct role_named_fd channels[ROLE_CHANNELS_MAX];
	size_t channel_count;
	struct role_named_fd memory[ROLE_MEMORY_MAX];
	size_t memory_count;
	struct role_secret secrets[ROLE_SECRETS_MAX];
	size_t secret_count;
	struct buf room; /* of the last message */
};

/* Logs under the role's name, with the configured levels (also after
 * ROLE_CONFIG). What is wrong is logged. SIGPIPE is ignored, SIGTERM, SIGINT
 * and SIGHUP too: the master speaks for them. */
MUST enum err role_begin(struct role *, enum role_kind, int master_fd);
/* Tells the master: confined, and serving. */
MUST enum err role_ready(struct role *);
void role_fini(struct role *);

enum role_event {
	ROLE_NOTHING,  /* no message is waiting */
	ROLE_CONFIG,   /* role->config is new; the old one is freed */
	ROLE_CHANNEL,  /* a channel came: role_take_channel(role, name) */
	ROLE_SECRET,   /* that secret is new: role_secret(role, name) */
	ROLE_LISTENER, /* listeners[listener_count - 1] is new */
	ROLE_OTHER,    /* dealt with here: nothing to do */
	ROLE_STOP,     /* finish what runs; role->stopping is set */
	ROLE_GONE,     /* the master died: end at once */
};

/* One message from the master, without blocking. *name_r (into the role, until
 * the next call) says which channel or secret. */
enum role_event role_next(struct role *, str *name_r);

/* The channel's descriptor, which is then the caller's; -1 when there is none
 * that was not yet taken. */
int role_take_channel(struct role *, const char *name);
/* Names of the channels that can be taken, by index; NULL at the end. For auth
 * and mail, which do not know how many fronts there are. */
const char *role_channel_name(const struct role *, size_t index);
/* A descriptor of shared memory ("limits": net/limits.h, "scoreboard":
 * net/scoreboard.h); the role's. -1 when there is none. */
int role_memory(const struct role *, const char *name);
/* Bytes, valid until a new one of that name comes; none when there is none.
 * "ticket-key" (auth, mail); "tls-tickets", "tls-client-ca",
 * "tls-certificate", "tls-key" (front; but for the first PEM, the key last). */
str role_secret(const struct role *, const char *name);

#endif
