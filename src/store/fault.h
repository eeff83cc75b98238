/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault: a store over another store (memory or RocksDB) that fails where it
 * is told to, for tests of all that stands above the store. To try a fault at
 * every call:
 *
 *	for (uint64_t n = 1;; n++) {
 *		fault_arm(&fault, FAULT_ANY, n, ERR_IO);
 *		... the operation; check that it failed cleanly ...
 *		if (!fault_fired(&fault))
 *			break;
 *	}
 */
#ifndef STORE_FAULT_H
#define STORE_FAULT_H

#include "store/store.h"

enum fault_call {
	FAULT_GET = 1,	  /* store_get, store_has */
	FAULT_SCAN = 2,	  /* store_iter_next: the scan ends early */
	FAULT_COMMIT = 4, /* of a group of writers: all of them fail */
	FAULT_ANY = 7,
};

#define FAULT_DAMAGES 8

/* The caller's, must outlive the store; start with {0}. The plain members may
 * be changed while no call runs. */
struct store_fault {
	unsigned on;	/* which calls are counted, FAULT_... */
	uint64_t nth;	/* the n-th of them fails, from 1; 0: none */
	bool lasting;	/* so do all after it */
	enum err err;	/* with this */
	bool conflicts; /* each write function runs twice; the first run is
			 * undone, as after a conflict */
	/* What the engine cannot read: keys in these ranges, until they are
	 * buried, which lets go of them. */
	struct fault_damage {
		str from, to; /* to.n == 0: there is none */
		bool index;   /* it cannot be mended */
		bool buried;
	} damaged[FAULT_DAMAGES];
	_Atomic uint64_t calls;	 /* counted since fault_arm */
	_Atomic uint64_t failed; /* how many of them failed */
};

/* Takes over inner: store_close closes it too. */
struct store *store_open_fault(struct store *inner, struct store_fault *);

/* Lets the n-th of these calls from now on fail, once. n == 0: none. */
void fault_arm(struct store_fault *, unsigned on, uint64_t n, enum err);
/* Whether it failed. */
bool fault_fired(const struct store_fault *);

/* What a power cut does: lazy writes that no later write made durable are
 * gone. Only over memory; with no transaction open. */
void fault_crash(struct store *);

#endif
