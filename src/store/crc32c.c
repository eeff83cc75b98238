/* SPDX-License-Identifier: Apache-2.0 */
#include "store/crc32c.h"

#ifdef __x86_64__

#include "base/crc32c.h"

#include <dlfcn.h>

uint32_t crc32c_extend(uint32_t crc, const char *p, size_t n)
{
	crc32c_extend_fn *theirs;

	if (crc32c_by_instruction())
		return crc32c(crc, str_of(p, n));
	*(void **)&theirs = dlsym(RTLD_NEXT, CRC32C_SYMBOL);
	return theirs(crc, p, n);
}

#endif
