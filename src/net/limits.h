/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits: how many connections there are, in total and per peer
 * (endpoint_peer_key), counted over several processes without any message
 * between them: a mapping shared by all of them, made by master.
 *
 * Each process counts in a region of its own and adds up all regions to
 * decide; it first counts itself, then looks, so that two processes together
 * never admit too many. When a process dies, master zeroes its region. A
 * hostile process can write anything here: the worst that it can do is that
 * connections are refused, or not refused.
 *
 * One thread per process uses it.
 */
#ifndef NET_LIMITS_H
#define NET_LIMITS_H

#include "base/err.h"

#include <stdint.h>

#define LIMITS_REGIONS_MAX 128u

struct limits;

/* Master: a new mapping for up to `connections` in each of `regions`; pages
 * are taken by the kernel as they are touched. fd_r: its descriptor, to be
 * passed on; the caller's. */
MUST enum err limits_create(unsigned regions, unsigned connections,
	struct limits **limits_r, int *fd_r);
/* Others: maps a descriptor that limits_create made; fd stays the caller's.
 * ERR_INVALID when it is none, or has no such region. */
MUST enum err limits_attach(int fd, unsigned region, struct limits **limits_r);
void limits_free(struct limits *);

/* Master, when the process with that region died. */
void limits_clear_region(struct limits *, unsigned region);

/* May change while connections are counted; 0: no limit. Each process has its
 * own copy of these two numbers, from its configuration. */
void limits_set(struct limits *, unsigned total, unsigned per_peer);

enum limits_verdict {
	LIMITS_OK,
	LIMITS_TOTAL,	 /* too many altogether */
	LIMITS_PER_PEER, /* too many from this peer */
};

/* Counts a connection in the own region unless it is one too many. */
enum limits_verdict limits_enter(struct limits *, uint64_t peer_key);
/* The same without the limit of a peer, of which more are let in. */
enum limits_verdict limits_enter_total(struct limits *, uint64_t peer_key);
/* Counts it in any case: one that another process had admitted. */
void limits_adopt(struct limits *, uint64_t peer_key);
/* Uncounts what enter (with LIMITS_OK) or adopt counted. */
void limits_leave(struct limits *, uint64_t peer_key);

/* Over all regions. */
unsigned limits_total(const struct limits *);
unsigned limits_of_peer(const struct limits *, uint64_t peer_key);

#endif
