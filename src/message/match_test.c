/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "message/match.h"

#define NEEDLES 4

static void test_table(void **unused)
{
	static const struct {
		const char *needles[NEEDLES]; /* up to the first NULL */
		const char *text;
		unsigned found; /* bits */
		const char *why;
	} rows[] = {
		{{"abc"}, "xxabcxx", 1, ""},
		{{"abc"}, "ababab", 0, ""},
		{{"aab"}, "aaab", 1, "overlaps itself"},
		{{"abab"}, "abaabab", 1, "falls back"},
		{{"a"}, "", 0, "empty text"},
		{{""}, "", 1, "empty needle"},
		{{"", "b"}, "a", 1, ""},
		{{"he", "she", "his", "hers"}, "ushers", 11, "Aho's example"},
		{{"abcd", "bc"}, "abcx", 2, "suffix of a longer one"},
		{{"abcd", "bcx"}, "abcx", 2, "falls to a suffix"},
		{{"a", "a", "b"}, "a", 3, "one twice"},
		{{"b", "ab", "aab", "aaab"}, "aab", 7, "all suffixes"},
		{{"\xFF", "\x80"}, "\x80", 2, "high bytes"},
		{{"abc", "abd"}, "abxabd", 2, "common prefix"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		str needles[NEEDLES];
		size_t count = 0;

		arena_init(&arena, 1 << 20);
		while (count < NEEDLES && rows[i].needles[count]) {
			needles[count] = str_c(rows[i].needles[count]);
			count++;
		}
		struct match_set *set = match_set_new(&arena, needles, count);
		struct match *m = match_new(&arena, set);
		str text = str_c(rows[i].text);
		for (size_t cut = 0; cut <= text.n; cut++) {
			unsigned found = 0;

			match_reset(m);
			match_feed(m, str_take(text, cut));
			match_feed(m, str_skip(text, cut));
			for (size_t k = 0; k < count; k++)
				found |= (unsigned)match_found(m, k) << k;
			if (found != rows[i].found)
				fail_msg("%s (%s): %u", rows[i].text,
					rows[i].why, found);
			assert_int_equal(
				match_done(m), found == (1u << count) - 1);
		}
		arena_fini(&arena);
	}
}

static void test_break(void **unused)
{
	struct arena arena;
	str needles[] = {STR("ab"), STR("c")};

	(void)unused;
	arena_init(&arena, 1 << 20);
	struct match *m = match_new(&arena, match_set_new(&arena, needles, 2));
	match_feed(m, STR("ca"));
	match_break(m);
	match_feed(m, STR("b"));
	assert_false(match_found(m, 0));
	assert_true(match_found(m, 1));
	match_feed(m, STR("ab"));
	assert_true(match_done(m));
	arena_fini(&arena);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 16;
}

static str random_text(char *p, size_t max, uint32_t *seed)
{
	size_t n = next_random(seed) % (max + 1);

	for (size_t i = 0; i < n; i++)
		p[i] = (char)('a' + next_random(seed) % 2);
	return str_of(p, n);
}

/* Against the plain search, on texts of two letters. */
static void test_random(void **unused)
{
	uint32_t seed = 1;

	(void)unused;
	for (int round = 0; round < 3000; round++) {
		struct arena arena;
		char bytes[NEEDLES][8], text_bytes[32];
		str needles[NEEDLES];

		arena_init(&arena, 1 << 20);
		for (size_t i = 0; i < NEEDLES; i++)
			needles[i] = random_text(bytes[i], 7, &seed);
		str text = random_text(text_bytes, 31, &seed);
		size_t cut = next_random(&seed) % (text.n + 1);
		struct match *m = match_new(
			&arena, match_set_new(&arena, needles, NEEDLES));
		match_feed(m, str_take(text, cut));
		match_feed(m, str_skip(text, cut));
		for (size_t i = 0; i < NEEDLES; i++) {
			bool found = str_find(text, needles[i]) < text.n ||
				     !needles[i].n;

			if (match_found(m, i) != found)
				fail_msg("%.*s in %.*s, round %d",
					STR_ARG(needles[i]), STR_ARG(text),
					round);
		}
		arena_fini(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_break),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
