/* SPDX-License-Identifier: Apache-2.0 */
/* The engines that the tests of the store run on, each with a directory. */
#ifndef TESTS_STORE_ENGINES_H
#define TESTS_STORE_ENGINES_H

#include "base/test.h"
#include "store/store.h"

#include <stdlib.h>

struct engine {
	const char *name;
	bool persistent; /* what is closed can be opened again */
	struct store *(*open)(const char *dir);
};

extern const struct engine engines[];
extern const size_t engine_count;

/* A new temporary directory; removed with all that is in it by dir_remove,
 * which frees the name too. */
char *dir_make(void);
void dir_remove(char *);

/* One write of its own. */
void put1(struct store *, const char *key, const char *value);
/* The value, or "-" when there is none; the caller frees it. */
char *get1(struct store *, const char *key);

#define assert_value(store, key, expected)                                     \
	do {                                                                   \
		char *got_ = get1(store, key);                                 \
		assert_string_equal(got_, expected);                           \
		free(got_);                                                    \
	} while (0)

#endif
