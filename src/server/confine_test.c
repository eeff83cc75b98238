/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "server/confine.h"
#include "server/landlock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROLE_UID 60801

static char top[64], home[80];

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	close(fd);
}

/* A copy of true(1), which lookup must not get to run from there. */
static void make_program(void)
{
	char command[128];

	snprintf(command, sizeof command, "cp /bin/true %s/program", home);
	assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
	char path[128];

	(void)state;
	snprintf(top, sizeof top, "/tmp/culver-confine-XXXXXX");
	assert_non_null(mkdtemp(top));
	/* Whoever reads "outside" is not stopped by its permissions. */
	assert_int_equal(chmod(top, 0755), 0);
	snprintf(home, sizeof home, "%s/home", top);
	assert_int_equal(mkdir(home, 0700), 0);
	snprintf(path, sizeof path, "%s/inside", home);
	make_file(path);
	snprintf(path, sizeof path, "%s/outside", top);
	make_file(path);
	make_program();
	if (geteuid() == 0)
		assert_int_equal(chown(home, ROLE_UID, ROLE_UID), 0);
	return 0;
}

static int teardown(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof path, "%s/inside", home);
	unlink(path);
	snprintf(path, sizeof path, "%s/program", home);
	unlink(path);
	snprintf(path, sizeof path, "%s/outside", top);
	unlink(path);
	rmdir(home);
	rmdir(top);
	return 0;
}

static void each_role_can_do_what_it_needs_and_no_more(void **state)
{
	int wrong = 0, cases = CONFINE_CASES,
	    dir = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct confine_attempt *rows;
	size_t count = confine_selftest(dir, ROLE_UID, ROLE_UID, &rows);

	(void)state;
	if (geteuid() != 0 && landlock_abi() == 0)
		skip(); /* nothing keeps it from the user's own files */
	if (landlock_abi() == 0)
		cases = ROLE_LOOKUP; /* nor this from what all may read */
	for (size_t i = 0; i < count; i++) {
		print_message("# %-32s", rows[i].what);
		for (int kind = 0; kind < cases; kind++) {
			char got = rows[i].result[kind];
			bool right = rows[i].allowed[kind]
					     ? got == 'y'
					     : got == 'n' || got == 'k';

			print_message(" %s:%c%s",
				kind < ROLE_KINDS
					? role_kind_name((enum role_kind)kind)
					: "lookup+pam",
				got, right ? "" : "(wrong)");
			wrong += !right;
		}
		print_message("\n");
	}
	close(dir);
	assert_true(count > 15);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			each_role_can_do_what_it_needs_and_no_more, setup,
			teardown),
	};

	return cmocka_run_group_tests_name("confine", tests, NULL, NULL);
}
