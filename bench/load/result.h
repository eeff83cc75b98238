/* SPDX-License-Identifier: Apache-2.0 */
/*
 * result: what is being measured, one thing at a time, and what came of it.
 *
 *	{"begin": "first"}
 *	{"end": "first", "ops": 1, "messages": 2000, "bytes": 812345,
 *	 "seconds": 0.0612, "busy": 0.0611, "p50": ..., "p99": ..., "max": ...,
 *	 "client_cpu": 0.03}
 *
 * seconds: from begin to end; busy: the sum of all latencies; p50, p99 and
 * max: latencies of single operations, in seconds; client_cpu: processor
 * seconds of this program meanwhile. With wait=1 a line of input is waited
 * for after each of the two lines, so that whoever started this can look at
 * the server while nothing happens.
 */
#ifndef LOAD_RESULT_H
#define LOAD_RESULT_H

#include <stdbool.h>
#include <stdint.h>

void result_begin(const char *name);
/* One operation took so long, and moved so many messages and bytes. */
void result_op(uint64_t ns, uint64_t messages, uint64_t bytes);
/* More of the operation that came last. */
void result_more(uint64_t messages, uint64_t bytes);
void result_end(void);

/* Whether fewer than count= operations were counted since the beginning, or
 * less than seconds= went by. */
bool result_wants_more(uint64_t least);
uint64_t result_ops(void);

#endif
