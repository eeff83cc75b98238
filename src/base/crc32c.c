/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#ifdef __x86_64__
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t by_instruction(
	uint32_t state, str s)
{
	uint64_t wide = state;

	for (; s.n >= 8; s = str_skip(s, 8)) {
		uint64_t word;

		memcpy(&word, s.p, 8);
		wide = _mm_crc32_u64(wide, word);
	}
	for (; s.n; s = str_skip(s, 1))
		wide = _mm_crc32_u8((uint32_t)wide, (unsigned char)*s.p);
	return (uint32_t)wide;
}

bool crc32c_by_instruction(void)
{
	return __builtin_cpu_supports("sse4.2");
}

#else

static uint32_t by_instruction(uint32_t state, str s)
{
	(void)s;
	return state;
}

bool crc32c_by_instruction(void)
{
	return false;
}

#endif

/* Half a byte at a time. */
static uint32_t by_table(uint32_t state, str s)
{
	static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede,
		0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4,
		0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

	for (size_t i = 0; i < s.n; i++) {
		state ^= (unsigned char)s.p[i];
		state = state >> 4 ^ table[state & 15];
		state = state >> 4 ^ table[state & 15];
	}
	return state;
}

uint32_t crc32c(uint32_t crc, str bytes)
{
	return crc32c_by_instruction() ? ~by_instruction(~crc, bytes)
				       : ~by_table(~crc, bytes);
}
