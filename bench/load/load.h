/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: what the parts of bench-load share. One thread; whatever is wrong,
 * an answer of the server included, ends the program with a message and
 * status 1: a figure of wrong answers is worth nothing.
 *
 *	bench-load WORKLOAD [NAME=VALUE...]
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

_Noreturn void fail(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* Nanoseconds that only grow. */
uint64_t now_ns(void);

/* NAME=VALUE of the command line. A name that no workload asked for is
 * complained about by option_check_all(). */
uint64_t option_number(const char *name, uint64_t otherwise);
const char *option_text(const char *name, const char *otherwise);
void option_check_all(void);

/* One way of loading a server: a row of a table, in the work_*.c. */
struct workload {
	const char *name;
	void (*run)(void);
	const char *help;
};

extern const struct workload workloads_append[], workloads_body[],
	workloads_change[], workloads_fetch[], workloads_idle[],
	workloads_limits[], workloads_lmtp[], workloads_login[],
	workloads_mixed[], workloads_pop3[], workloads_search[];

#endif
