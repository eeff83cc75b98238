/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "net/endpoint.h"

#include <sys/socket.h>
#include <unistd.h>

static void test_parse(void **unused)
{
	static const struct {
		const char *text, *printed; /* NULL: refused */
	} rows[] = {
		{"127.0.0.1:1143", "127.0.0.1:1143"},
		{"[::1]:993", "[::1]:993"},
		{"[2001:DB8:0:0::1]:0", "[2001:db8::1]:0"},
		{"[::ffff:192.0.2.1]:1", "192.0.2.1:1"},
		{"0.0.0.0:65535", "0.0.0.0:65535"},
		{"127.0.0.1:65536", NULL},
		{"127.0.0.1:", NULL},
		{"127.0.0.1", NULL},
		{":143", NULL},
		{"", NULL},
		{"::1:143", NULL},
		{"[::1:143", NULL},
		{"[]:143", NULL},
		{"[:143", NULL},
		{"localhost:143", NULL},
		{"127.0.0.1:-1", NULL},
		{"1.2.3.4.5.6.7.8.9.10.11.12:1", NULL},
	};
	char room[ENDPOINT_TEXT_MAX];

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct endpoint e;
		enum err err = endpoint_parse(str_c(rows[i].text), &e);

		if (!rows[i].printed)
			assert_int_equal(err, ERR_INVALID);
		else
			assert_str(endpoint_print(&e, room), rows[i].printed);
	}
}

static uint64_t key_of(const char *text)
{
	struct endpoint e;

	assert_ok(endpoint_parse(str_c(text), &e));
	return endpoint_peer_key(&e);
}

static void test_peer_key(void **unused)
{
	(void)unused;
	assert_true(key_of("1.2.3.4:1") == key_of("1.2.3.4:2"));
	assert_true(key_of("1.2.3.4:1") == key_of("[::ffff:1.2.3.4]:1"));
	assert_false(key_of("1.2.3.4:1") == key_of("1.2.3.5:1"));
	assert_true(key_of("[2001:db8:1:2::3]:1") ==
		    key_of("[2001:db8:1:2:ffff::9]:1"));
	assert_false(
		key_of("[2001:db8:1:2::3]:1") == key_of("[2001:db8:1:3::3]:1"));
	assert_true(key_of("[::]:1") != 0);
}

static void test_listen(void **unused)
{
	struct endpoint e, remote;
	char room[ENDPOINT_TEXT_MAX];
	int fd, second, client;

	(void)unused;
	assert_ok(endpoint_parse(STR("127.0.0.1:0"), &e));
	assert_ok(endpoint_listen(&e, &fd));
	assert_ok(endpoint_local(fd, &e));
	assert_true(e.v4.sin_port != 0);
	assert_int_equal(endpoint_listen(&e, &second), ERR_INUSE);
	assert_int_equal(second, -1);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, &e.any, sizeof e.v4), 0);
	assert_ok(endpoint_remote(client, &remote));
	assert_true(remote.v4.sin_port == e.v4.sin_port);
	assert_str(endpoint_print_host(&remote, room), "127.0.0.1");
	close(client);
	close(fd);
	assert_ok(endpoint_parse(STR("192.0.2.77:0"), &e));
	assert_int_equal(endpoint_listen(&e, &fd), ERR_NOTFOUND);
}

static void test_no_ip(void **unused)
{
	char room[ENDPOINT_TEXT_MAX];
	struct endpoint e;
	int fds[2];

	(void)unused;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_ok(endpoint_remote(fds[0], &e));
	assert_str(endpoint_print(&e, room), "-");
	assert_int_equal(endpoint_peer_key(&e), 1);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_peer_key),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_no_ip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
