/* SPDX-License-Identifier: Apache-2.0 */
#include "store/masked.h"
#include "base/crc32c.h"
#include "base/onebit.h"

#define ADDED 0xa282ead8

uint64_t le_get(const char *p, size_t n)
{
	uint64_t value = 0;

	while (n--)
		value = value << 8 | (unsigned char)p[n];
	return value;
}

void le_put(char *p, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(value >> 8 * i);
}

static uint32_t mask(uint32_t crc)
{
	return (crc >> 15 | crc << 17) + ADDED;
}

static uint32_t unmask(uint32_t masked)
{
	uint32_t turned = masked - ADDED;

	return turned << 15 | turned >> 17;
}

uint32_t masked_crc32c(str bytes)
{
	return mask(crc32c(0, bytes));
}

bool masked_wrong_bit(str bytes, uint32_t stored, uint64_t *bit_r)
{
	uint32_t sum = masked_crc32c(bytes);
	uint64_t of_bytes, of_sum;
	bool in_bytes, in_sum;

	if (sum == stored)
		return false;
	in_bytes =
		onebit_crc32c(bytes.n, unmask(sum) ^ unmask(stored), &of_bytes);
	in_sum = onebit_in_sum(sum ^ stored, &of_sum);
	*bit_r = in_bytes ? of_bytes : 8 * (uint64_t)bytes.n + of_sum;
	return in_bytes != in_sum;
}
