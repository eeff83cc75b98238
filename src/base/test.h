/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test starts with: cmocka, and comparisons of str. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

/* cmocka needs these first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/str.h"

/* Fails with both sides printed. */
#define assert_str(actual, expected)                                           \
	assert_str_((actual), (expected), __FILE__, __LINE__)

static inline void assert_str_(
	str actual, const char *expected, const char *file, int line)
{
	if (str_eq_c(actual, expected))
		return;
	print_error("%s:%d:\n  got      \"%.*s\"\n  expected \"%s\"\n", file,
		line, STR_ARG(actual), expected);
	_fail(file, line);
}

#define assert_ok(e) assert_int_equal((e), OK)

#endif
