/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers that a seed repeats (splitmix64). */
#ifndef MODEL_DICE_H
#define MODEL_DICE_H

#include <stdint.h>

struct dice {
	uint64_t state;
};

static inline uint64_t dice_next(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline unsigned roll(struct dice *d, unsigned below)
{
	return (unsigned)(dice_next(d) % below);
}

#endif
