/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "base/test.h"

#include <sys/wait.h>
#include <unistd.h>

/* What a process of its own has for it. Only before the first hash here: then
 * the key is drawn. */
static uint64_t hash_elsewhere(const char *text)
{
	uint64_t hash = 0;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		hash = hash_str(str_c(text));
		_exit(write(fds[1], &hash, sizeof hash) != sizeof hash);
	}
	assert_true(pid > 0);
	assert_int_equal(read(fds[0], &hash, sizeof hash), sizeof hash);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(fds[0]);
	close(fds[1]);
	return hash;
}

/* Who finds names that collide in one server has found nothing for another. */
static void each_process_has_its_own_hashes(void **state)
{
	uint64_t one = hash_elsewhere("a"), other = hash_elsewhere("a");

	(void)state;
	assert_int_not_equal(one, other);
	assert_int_not_equal(one, hash_str(STR("a")));
	assert_int_equal(hash_str(STR("a")), hash_str(STR("a")));
}

/* "Aa" and "BB" are the same to sums with a factor of 31, in any mixture. */
static void names_made_to_collide_do_not(void **state)
{
	enum { PAIRS = 12, NAMES = 1 << PAIRS };
	static unsigned in_bucket[NAMES];
	char name[2 * PAIRS];

	(void)state;
	for (unsigned i = 0; i < NAMES; i++) {
		for (unsigned k = 0; k < PAIRS; k++)
			memcpy(name + 2 * k, i >> k & 1 ? "BB" : "Aa", 2);
		in_bucket[hash_str(str_of(name, sizeof name)) % NAMES]++;
	}
	for (unsigned i = 0; i < NAMES; i++)
		assert_true(in_bucket[i] < 24);
}

static void bytes_count_wherever_they_stand(void **state)
{
	(void)state;
	assert_int_not_equal(hash_str(STR("")), hash_str(str_of("", 1)));
	assert_int_not_equal(
		hash_str(STR("12345678")), hash_str(STR("12345679")));
	assert_int_not_equal(
		hash_str(STR("123456781")), hash_str(STR("123456782")));
	assert_int_not_equal(hash_u64(1), hash_u64(1ull << 32));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: it draws the key. */
		cmocka_unit_test(each_process_has_its_own_hashes),
		cmocka_unit_test(names_made_to_collide_do_not),
		cmocka_unit_test(bytes_count_wherever_they_stand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
