/* SPDX-License-Identifier: Apache-2.0 */
/* Time. Only the rim reads clocks; pure code takes the time as a parameter. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds that only grow: for deadlines. */
uint64_t clock_monotonic_ms(void);
/* Seconds, and milliseconds, since 1970 UTC: for dates. */
int64_t clock_wall_s(void);
int64_t clock_wall_ms(void);

#endif
