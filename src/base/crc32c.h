/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c: CRC-32C (Castagnoli; RFC 3720, appendix B.4), by the processor's
 * instruction where it has one. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include "base/str.h"

/* Of what has the CRC `crc`, and these bytes behind it; of nothing it is 0. */
uint32_t crc32c(uint32_t crc, str bytes);

/* Whether it is fast. */
bool crc32c_by_instruction(void);

#endif
