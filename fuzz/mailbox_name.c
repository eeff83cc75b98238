/* SPDX-License-Identifier: Apache-2.0 */
/* Names: canonical is stable, modified UTF-7 has one form per name, and
 * patterns match what a plain search says. The first line is a name, the
 * second a pattern. */
#include "message/mailbox_name.h"
#include "message/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_canonical(struct arena *arena, str in)
{
	str name, again;

	if (mailbox_name_canonical(arena, in, &name))
		return;
	if (!mailbox_name_is_canonical(name) ||
		mailbox_name_canonical(arena, name, &again) ||
		!str_eq(name, again))
		abort();
	if (!mailbox_name_matches(name, STR("*")) ||
		mailbox_name_matches(name, STR("%")) !=
			(mailbox_name_depth(name) == 1))
		abort();
}

static void check_utf7(str in)
{
	struct buf a = BUF_UNBOUNDED, b = BUF_UNBOUNDED;

	if (mailbox_name_decode_utf7(&a, in) == OK) {
		if (!utf8_is_valid(buf_str(&a)))
			abort();
		mailbox_name_add_utf7(&b, buf_str(&a));
		if (!str_eq(buf_str(&b), in))
			abort();
	}
	buf_reset(&a);
	buf_reset(&b);
	if (utf8_is_valid(in)) {
		mailbox_name_add_utf7(&a, in);
		if (mailbox_name_decode_utf7(&b, buf_str(&a)) ||
			!str_eq(buf_str(&b), in))
			abort();
	}
	buf_fini(&a);
	buf_fini(&b);
}

/* The definition, in exponential time. */
static bool matches_plainly(str name, str pattern)
{
	if (!pattern.n)
		return !name.n;
	char p = pattern.p[0];
	if (p == '*' || p == '%')
		return matches_plainly(name, str_skip(pattern, 1)) ||
		       (name.n && (p == '*' || name.p[0] != '/') &&
			       matches_plainly(str_skip(name, 1), pattern));
	return name.n && name.p[0] == p &&
	       matches_plainly(str_skip(name, 1), str_skip(pattern, 1));
}

static void check_pattern(struct arena *arena, str name, str pattern)
{
	str canonical;

	if (name.n > 16 || pattern.n > 8 || str_istarts(name, STR("INBOX")))
		return;
	bool matches = matches_plainly(name, pattern);
	if (mailbox_name_matches(name, pattern) != matches)
		abort();
	if (utf8_is_ascii(pattern) &&
		mailbox_pattern_canonical(
			arena, STR(""), pattern, &canonical) == OK &&
		mailbox_name_matches(name, canonical) != matches)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str in = str_of((const char *)data, size), pattern;
	str name = str_take(in, str_find_byte(in, '\n'));
	struct arena arena;

	arena_init(&arena, SIZE_MAX);
	check_canonical(&arena, name);
	check_utf7(in);
	check_pattern(&arena, name, str_skip(in, name.n + 1));
	if (mailbox_pattern_canonical(
		    &arena, name, str_skip(in, name.n + 1), &pattern) == OK)
		mailbox_name_matches(name, pattern);
	arena_fini(&arena);
	return 0;
}
