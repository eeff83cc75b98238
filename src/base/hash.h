/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-1-3 with a key drawn once per process: for hash tables whose keys
 * outsiders choose. Not for anything stored. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

uint64_t hash_str(str);
uint64_t hash_u64(uint64_t);

#endif
