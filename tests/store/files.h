/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a store, for tests that damage them. */
#ifndef TESTS_STORE_FILES_H
#define TESTS_STORE_FILES_H

#include "base/buf.h"
#include "engines.h"

/* Allocated. */
char *path_in(const char *dir, const char *name);
struct buf read_file(const char *path);
void write_file(const char *path, str bytes);
/* As a power cut leaves an open store: another one with the same files. */
char *copy_of(const char *dir);

#endif
