/* SPDX-License-Identifier: Apache-2.0 */
/* A password or key in memory of its own: wiped when it goes, compared in
 * constant time, and without any function that prints it. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/str.h"

struct secret {
	char *p; /* NUL-terminated after n bytes */
	size_t n;
};

struct secret secret_of(str);
void secret_fini(struct secret *);
bool secret_eq(str a, str b);
/* For bytes that held a secret; NULL when there are none. */
void secret_wipe(void *p, size_t n);
/* From the kernel's generator. */
void secret_random(void *p, size_t n);

#endif
