/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "server/unix_socket.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[] = "/tmp/culver-unix-XXXXXX", path[64];

static int make_place(void **unused)
{
	(void)unused;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/socket", dir);
	return 0;
}

static int remove_place(void **unused)
{
	(void)unused;
	return rmdir(dir);
}

static int call(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	memcpy(address.sun_path, path, strlen(path));
	r = connect(fd, (void *)&address, sizeof address);
	close(fd);
	return r;
}

static void test_life(void **unused)
{
	struct stat st;
	char group[16];
	int fd, other;

	(void)unused;
	snprintf(group, sizeof group, "%u", (unsigned)getgid());
	assert_ok(unix_socket_listen(path, 0660, group, &fd));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, getgid());
	assert_int_equal(call(), 0);
	assert_int_equal(unix_socket_listen(path, 0600, "", &other), ERR_INUSE);
	assert_int_equal(call(), 0);
	/* The process dies: the file stays, and is replaced. */
	close(fd);
	assert_int_equal(call(), -1);
	assert_ok(unix_socket_listen(path, 0600, "", &fd));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	unix_socket_remove(path, fd);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_another_came(void **unused)
{
	int fd, other;

	(void)unused;
	assert_ok(unix_socket_listen(path, 0600, "", &fd));
	assert_int_equal(unlink(path), 0);
	assert_ok(unix_socket_listen(path, 0600, "", &other));
	unix_socket_remove(path, fd);
	assert_int_equal(call(), 0);
	unix_socket_remove(path, other);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_refused(void **unused)
{
	char *missing = xasprintf("%s/none/socket", dir);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)unused;
	close(fd);
	assert_int_equal(unix_socket_listen(path, 0600, "", &fd), ERR_EXISTS);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(
		unix_socket_listen(missing, 0600, "", &fd), ERR_NOTFOUND);
	assert_int_equal(unix_socket_listen(path, 0600, "no-such-group", &fd),
		ERR_NOTFOUND);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(fd, -1);
	free(missing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_another_came),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, make_place, remove_place);
}
