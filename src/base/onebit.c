/* SPDX-License-Identifier: Apache-2.0 */
#include "base/onebit.h"

#define POLYNOMIAL 0x82f63b78

/* What a byte's difference becomes by eight bits that follow. */
static uint32_t move_on(uint32_t difference)
{
	for (int i = 0; i < 8; i++)
		difference =
			difference >> 1 ^ (difference & 1 ? POLYNOMIAL : 0);
	return difference;
}

bool onebit_crc32c(size_t n, uint32_t difference, uint64_t *bit_r)
{
	uint32_t of[8]; /* the bits of a byte, the last one first */

	for (unsigned i = 0; i < 8; i++)
		of[i] = move_on((uint32_t)1 << i);
	while (n--)
		for (unsigned i = 0; i < 8; i++) {
			if (of[i] == difference) {
				*bit_r = 8 * (uint64_t)n + i;
				return true;
			}
			of[i] = move_on(of[i]);
		}
	return false;
}

bool onebit_in_sum(uint64_t difference, uint64_t *bit_r)
{
	*bit_r = difference ? (uint64_t)__builtin_ctzll(difference) : 0;
	return difference && (difference & (difference - 1)) == 0;
}

bool onebit_try(
	char *bytes, size_t n, onebit_fn *right, void *arg, uint64_t *bit_r)
{
	bool found = false;

	for (uint64_t bit = 0; !found && bit < 8 * (uint64_t)n; bit++) {
		onebit_turn(bytes, bit);
		found = right(arg);
		onebit_turn(bytes, bit);
		*bit_r = bit;
	}
	return found;
}
