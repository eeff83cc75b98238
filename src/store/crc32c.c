/* SPDX-License-Identifier: Apache-2.0 */
#include "store/crc32c.h"

#ifdef __x86_64__

#include <dlfcn.h>
#include <nmmintrin.h>
#include <string.h>

__attribute__((target("sse4.2"))) static uint32_t extend(
	uint32_t crc, const char *p, size_t n)
{
	uint64_t state = crc ^ UINT32_MAX;

	for (; n >= 8; p += 8, n -= 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		state = _mm_crc32_u64(state, word);
	}
	for (; n; p++, n--)
		state = _mm_crc32_u8((uint32_t)state, (unsigned char)*p);
	return (uint32_t)state ^ UINT32_MAX;
}

uint32_t crc32c_extend(uint32_t crc, const char *p, size_t n)
{
	crc32c_extend_fn *theirs;

	if (__builtin_cpu_supports("sse4.2"))
		return extend(crc, p, n);
	*(void **)&theirs = dlsym(RTLD_NEXT, CRC32C_SYMBOL);
	return theirs(crc, p, n);
}

#endif
