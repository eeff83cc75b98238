/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onebit: which bit is wrong. Bytes that do not have the checksum that they
 * should have, for one bit of them turned on the disk, in memory or on the way,
 * have it again with that bit turned back; and a checksum says which that is.
 * It is wrong about what is more than a bit with a chance of one in 2^32 for
 * each bit of the bytes: 1 in 32,000 for 16 KiB.
 *
 * A bit's number: 8 times its byte's, and the power of two within that.
 */
#ifndef BASE_ONEBIT_H
#define BASE_ONEBIT_H

#include "base/str.h"

static inline void onebit_turn(char *bytes, uint64_t bit)
{
	bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
}

/* Of a CRC-32C: the bit of n bytes that, turned, turns just the bits of
 * `difference` (not 0) in their sum. 8n steps, and no byte is looked at. */
bool onebit_crc32c(size_t n, uint32_t difference, uint64_t *bit_r);

/* The same, for a bit of the sum itself that was turned. */
bool onebit_in_sum(uint64_t difference, uint64_t *bit_r);

/* Of any checksum: `right` says whether the bytes have it. It is asked once for
 * each bit, 8n times, with that one turned; in the end the bytes are as they
 * were. */
typedef bool onebit_fn(void *arg);
bool onebit_try(
	char *bytes, size_t n, onebit_fn *right, void *arg, uint64_t *bit_r);

#endif
