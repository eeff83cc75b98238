/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str: a pointer and a length. It owns nothing and is not NUL-terminated
 * unless its maker says so. A str whose p is NULL stands for "absent" (NIL);
 * an empty string has a p.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct str {
	const char *p;
	size_t n;
} str;

/* A str of a string literal; also usable as a static initialiser. */
#define STR_LIT(s)                                                             \
	{                                                                      \
		"" s, sizeof(s) - 1                                            \
	}
#define STR(s) ((str)STR_LIT(s))

/* For printf: printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) (int)(s).n, (s).p

static inline str str_of(const char *p, size_t n)
{
	return (str){p, n};
}

static inline str str_c(const char *z)
{
	return (str){z, z ? strlen(z) : 0};
}

static inline str str_none(void)
{
	return (str){NULL, 0};
}

static inline bool str_is_none(str s)
{
	return !s.p;
}

bool str_eq(str a, str b);
bool str_eq_c(str a, const char *z);
/* ASCII case-insensitive; never the locale's. */
bool str_ieq(str a, str b);
bool str_ieq_c(str a, const char *z);
/* Order of bytes; a prefix comes first. */
int str_cmp(str a, str b);
bool str_starts(str s, str prefix);
bool str_istarts(str s, str prefix);
bool str_ends(str s, str suffix);

/* Index of the first occurrence, or s.n when there is none. */
size_t str_find_byte(str s, char c);
size_t str_find(str s, str needle);

/* From `from` on; the first n bytes. Both clamp. */
str str_skip(str s, size_t from);
str str_take(str s, size_t n);
/* Without leading and trailing space, tab, CR, LF. */
str str_trim(str s);

/* Decimal digits only, all of s, no sign; ERR_INVALID otherwise or on overflow
 * of max. */
MUST enum err str_to_u64(str s, uint64_t max, uint64_t *value_r);

char ascii_lower(char c);
char ascii_upper(char c);
bool ascii_is_digit(char c);
bool ascii_is_alpha(char c);

#endif
