/* SPDX-License-Identifier: Apache-2.0 */
/*
 * masked: numbers and checksums as RocksDB writes them in logs and blob files.
 * Numbers are little-endian. A checksum is the CRC-32C of the bytes, turned by
 * 15 bits and with a constant added: that of bytes which have checksums among
 * them is a good one then, too. Private to this folder.
 */
#ifndef STORE_MASKED_H
#define STORE_MASKED_H

#include "base/str.h"

/* Of n bytes, 8 at most. */
uint64_t le_get(const char *p, size_t n);
void le_put(char *p, size_t n, uint64_t value);

#define MASKED_SIZE 4
uint32_t masked_crc32c(str bytes);

/* Which bit is wrong, so that the bytes do not have this sum, as it is stored:
 * one of the bytes, or, from 8 * bytes.n on, of the sum. False: they have it,
 * or more than one bit is wrong, or it may be either (of 32 KiB one time in
 * 16,000). See base/onebit.h for how sure that is. */
bool masked_wrong_bit(str bytes, uint32_t stored, uint64_t *bit_r);

#endif
