/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scoreboard: figures that each process keeps and `culver status` shows: a
 * page per process in a mapping shared with master. Counting is one relaxed
 * atomic addition; any thread. What a hostile process writes there is wrong
 * numbers in a report.
 */
#ifndef NET_SCOREBOARD_H
#define NET_SCOREBOARD_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>

/* name, one line of help. Gauges go up and down; the others only up. Each is
 * counted in one place, so that the pages can be added up: connections and TLS
 * in front, logins in auth, sessions and commands in mail; bytes in front
 * before login, in mail after it. */
#define SCOREBOARD_TABLE(X)                                                    \
	X(connections, "open connections that this process holds (gauge)")     \
	X(connections_total, "connections accepted")                           \
	X(connections_refused, "connections refused by a limit")               \
	X(tls_total, "TLS handshakes completed")                               \
	X(tls_failed, "TLS handshakes failed")                                 \
	X(logins_ok, "logins that succeeded")                                  \
	X(logins_failed, "logins that failed")                                 \
	X(logins_queued, "logins whose password waits to be checked (gauge)")  \
	X(sessions, "sessions after login (gauge)")                            \
	X(sessions_total, "sessions begun")                                    \
	X(commands_total, "commands executed")                                 \
	X(bytes_in, "bytes from clients, without TLS")                         \
	X(bytes_out, "bytes to clients, without TLS")

struct scoreboard {
#define X(name, help) _Atomic uint64_t name;
	SCOREBOARD_TABLE(X)
#undef X
};

/* Master: a page for each of `count` processes. Gives the array; page i is
 * scoreboard_page(all, i). fd_r is the caller's. */
MUST enum err scoreboard_create(
	unsigned count, struct scoreboard **all_r, int *fd_r);
/* Others: only the own page, at `index`. The fd stays the caller's. The
 * mapping lives as long as the process. ERR_INVALID. */
MUST enum err scoreboard_attach(
	int fd, unsigned index, struct scoreboard **page_r);
struct scoreboard *scoreboard_page(struct scoreboard *all, unsigned index);
/* Master, when the process died: its gauges go to 0. */
void scoreboard_clear_gauges(struct scoreboard *);

#define SCOREBOARD_ADD(page, name, n)                                          \
	((void)((page) && atomic_fetch_add_explicit(&(page)->name,             \
				  (uint64_t)(n), memory_order_relaxed)))
#define SCOREBOARD_SUB(page, name, n)                                          \
	((void)((page) && atomic_fetch_sub_explicit(&(page)->name,             \
				  (uint64_t)(n), memory_order_relaxed)))
#define SCOREBOARD_GET(page, name)                                             \
	atomic_load_explicit(&(page)->name, memory_order_relaxed)

#endif
