/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crc32c: RocksDB computes CRC32C over all that it writes: its log, and values
 * that lie in files of their own. Debian builds it for processors that have no
 * instruction for that (amd64 as of 2003), and a seventh of the time of mail
 * coming in goes there. Its function is a symbol like any other, so the program
 * has one of the same name and meaning that uses the instruction; where the
 * processor has none, it calls RocksDB's own. Should a later RocksDB name it
 * otherwise, ours is called no more, and nothing else changes.
 * docs/decisions/0014.
 */
#ifndef STORE_CRC32C_H
#define STORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* rocksdb::crc32c::Extend(uint32_t, const char *, size_t) */
#define CRC32C_SYMBOL "_ZN7rocksdb6crc32c6ExtendEjPKcm"

/* The CRC of what `crc` is that of, and these bytes behind it. */
typedef uint32_t crc32c_extend_fn(uint32_t crc, const char *p, size_t n);

#ifdef __x86_64__
__attribute__((visibility("default")))
crc32c_extend_fn crc32c_extend __asm__(CRC32C_SYMBOL);
#endif

#endif
