/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "server/control.h"
#include "base/buf.h"
#include "base/lines.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* -------- commands to try -------- */

static enum err cmd_echo(struct control_call *call, void *ctx)
{
	const char *word = control_string(call, "word");

	(void)ctx;
	json_object_set_new(
		control_answer(call), "word", json_string(word ? word : "?"));
	json_object_set_new(control_answer(call), "number",
		json_integer(control_integer(call, "number", -1)));
	json_object_set_new(control_answer(call), "flag",
		json_boolean(control_flag(call, "flag")));
	return OK;
}

static enum err cmd_fail(struct control_call *call, void *ctx)
{
	(void)ctx;
	if (control_flag(call, "bare"))
		return ERR_NOTFOUND;
	return control_fail(call, ERR_EXISTS, "there is a %s", "dove");
}

/* Sends back each item's bytes, reversed, and the number of items. */
static enum err cmd_reverse(struct control_call *call, void *ctx)
{
	const json_t *item;
	int count = 0;
	enum err e;

	(void)ctx;
	while ((e = control_next_item(call, &item)) == OK && item) {
		char room[64], back[64];
		size_t n = 0, got;

		if (json_is_true(json_object_get(item, "skip")))
			continue;
		do {
			e = control_read(call, room + n, 3, &got);
			assert_ok(e);
			n += got;
		} while (got);
		for (size_t i = 0; i < n; i++)
			back[i] = room[n - 1 - i];
		e = control_item_bytes(call, json_pack("{s:i}", "nr", ++count),
			str_of(back, n));
		assert_ok(e);
	}
	json_object_set_new(control_answer(call), "count", json_integer(count));
	return e;
}

static enum err cmd_progress(struct control_call *call, void *ctx)
{
	(void)ctx;
	for (uint64_t i = 0; i < 100; i++)
		control_progress(call, "counting", i, 100);
	return OK;
}

/* More than any socket buffers. */
static enum err cmd_flood(struct control_call *call, void *ctx)
{
	static char much[16 * 1024 * 1024];
	int *waited = ctx;
	enum err e = control_item_bytes(
		call, json_object(), str_of(much, sizeof much));

	*waited += 1;
	return e;
}

/* Until it is cancelled. */
static enum err cmd_wait(struct control_call *call, void *ctx)
{
	int *waited = ctx;
	enum err e = control_item(call, json_pack("{s:b}", "waiting", 1));

	assert_ok(e);
	while (!control_cancelled(call))
		usleep(1000);
	__atomic_add_fetch(waited, 1, __ATOMIC_SEQ_CST);
	return ERR_CLOSED;
}

static const struct control_command table[] = {
	{"echo", cmd_echo},
	{"fail", cmd_fail},
	{"reverse", cmd_reverse},
	{"progress", cmd_progress},
	{"wait", cmd_wait},
	{"flood", cmd_flood},
};

/* -------- a server and its client -------- */

static struct {
	char path[64];
	int listener;
	struct control *control;
	int waited;
} server;

static int setup(void **state)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/culver-control-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(server.path, sizeof server.path, "%s/s", dir);
	memcpy(name.sun_path, server.path, strlen(server.path));
	server.listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(server.listener, (void *)&name, sizeof name), 0);
	assert_int_equal(listen(server.listener, 16), 0);
	server.waited = 0;
	server.control = control_start(
		server.listener, table, COUNT_OF(table), &server.waited);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (server.control)
		control_stop(server.control);
	close(server.listener);
	unlink(server.path);
	*strrchr(server.path, '/') = '\0';
	rmdir(server.path);
	return 0;
}

static int dial(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(name.sun_path, server.path, strlen(server.path));
	assert_int_equal(connect(fd, (void *)&name, sizeof name), 0);
	return fd;
}

/* Sends all, closes the sending side, and gives everything that comes. */
static str converse(struct buf *room, const char *sent)
{
	int fd = dial();

	buf_init(room, SIZE_MAX);
	assert_ok(fd_write_all(fd, str_c(sent)));
	shutdown(fd, SHUT_WR);
	for (;;) {
		char *at = buf_reserve(room, 4096);
		ssize_t n = read(fd, at, 4096);

		if (n <= 0)
			break;
		buf_added(room, (size_t)n);
	}
	close(fd);
	return buf_str(room);
}

static void answers(void **state)
{
	static const struct {
		const char *sent, *expected, *why;
	} rows[] = {
		{"{\"cmd\":\"echo\",\"word\":\"h\xc3\xa9\",\"number\":7,"
		 "\"flag\":true}\n",
			"{\"word\":\"h\xc3\xa9\",\"number\":7,\"flag\":true,"
			"\"ok\":true}\n",
			"members of each type"},
		{"{\"cmd\":\"echo\",\"word\":3,\"number\":\"x\",\"flag\":1}\n",
			"{\"word\":\"?\",\"number\":-1,\"flag\":false,\"ok\":"
			"true}\n",
			"other types are as absent"},
		{"{\"cmd\":\"fail\"}\n{\"cmd\":\"fail\",\"bare\":true}\n",
			"{\"ok\":false,\"error\":\"there is a "
			"dove\",\"code\":\"EXISTS\"}\n"
			"{\"ok\":false,\"error\":\"not "
			"found\",\"code\":\"NOTFOUND\"}\n",
			"two commands on one connection, both fail"},
		{"{\"cmd\":\"nosuch\"}\n",
			"{\"ok\":false,\"error\":\"no such command: "
			"nosuch\",\"code\":\"UNSUPPORTED\"}\n",
			"unknown command"},
		{"{}\n",
			"{\"ok\":false,\"error\":\"no such command: "
			"(none)\",\"code\":\"UNSUPPORTED\"}\n",
			"no command"},
		{"nonsense\n{\"cmd\":\"echo\"}\n",
			"{\"ok\":false,\"error\":\"malformed "
			"input\",\"code\":\"INVALID\"}\n",
			"not JSON ends the connection"},
		{"{\"cmd\":\"echo\",\"size\":-1}\n",
			"{\"ok\":false,\"error\":\"malformed "
			"input\",\"code\":\"INVALID\"}\n",
			"a negative size"},
		{"{\"cmd\":\"fail\",\"size\":9}\n{\"cmd\":x}{\"cmd\":\"fail\","
		 "\"bare\":true}\n",
			"{\"ok\":false,\"error\":\"there is a "
			"dove\",\"code\":\"EXISTS\"}\n"
			"{\"ok\":false,\"error\":\"not "
			"found\",\"code\":\"NOTFOUND\"}\n",
			"raw bytes that the command leaves are skipped"},
		{"{\"cmd\":\"reverse\"}\n{\"item\":{},\"size\":5}\nab\n\"d{"
		 "\"item\":{\"skip\":true},\"size\":2}\nzz{\"item\":{}}\n{"
		 "\"end\":true}\n",
			"{\"item\":{\"nr\":1},\"size\":5}\nd\"\nba{\"item\":{"
			"\"nr\":2},\"size\":0}\n{\"count\":2,\"ok\":true}\n",
			"items with bytes, both ways"},
		{"{\"cmd\":\"reverse\"}\n{\"thing\":{}}\n",
			"{\"ok\":false,\"error\":\"malformed "
			"input\",\"code\":\"INVALID\"}\n",
			"an item that is none"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf room;
		str got = converse(&room, rows[i].sent);

		if (!str_eq_c(got, rows[i].expected))
			print_error("%s\n", rows[i].why);
		assert_str(got, rows[i].expected);
		buf_fini(&room);
	}
}

static void line_has_a_bound(void **state)
{
	char *line = xmalloc(CONTROL_LINE_MAX + 2);
	struct buf room;

	(void)state;
	memset(line, ' ', CONTROL_LINE_MAX + 1);
	line[CONTROL_LINE_MAX] = '\n';
	line[CONTROL_LINE_MAX + 1] = '\0';
	assert_str(converse(&room, line),
		"{\"ok\":false,\"error\":\"too large\",\"code\":\"TOOBIG\"}\n");
	buf_fini(&room);
	free(line);
}

static void progress_is_thinned(void **state)
{
	struct buf room;
	str got = converse(&room, "{\"cmd\":\"progress\"}\n");

	(void)state;
	assert_true(str_starts(got, STR("{\"progress\":{\"what\":\"counting\","
					"\"done\":0,\"total\":100}}\n")));
	assert_true(str_ends(got, STR("{\"ok\":true}\n")));
	assert_true(got.n < 2000); /* of 6,000, were all sent */
	buf_fini(&room);
}

static void take_line(int fd)
{
	char c;

	do
		assert_int_equal(read(fd, &c, 1), 1);
	while (c != '\n');
}

static int dial_and_wait(void)
{
	int fd = dial();

	assert_ok(fd_write_all(fd, STR("{\"cmd\":\"wait\"}\n")));
	take_line(fd);
	return fd;
}

static void client_going_cancels(void **state)
{
	(void)state;
	close(dial_and_wait());
	control_stop(server.control);
	server.control = NULL;
	assert_int_equal(server.waited, 1);
}

static void stop_cancels(void **state)
{
	int fd = dial_and_wait(), idle = dial();

	(void)state;
	control_stop(server.control);
	server.control = NULL;
	assert_int_equal(server.waited, 1);
	close(fd);
	close(idle);
}

static void stop_does_not_wait_for_who_takes_nothing(void **state)
{
	int fd = dial();

	(void)state;
	assert_ok(fd_write_all(fd, STR("{\"cmd\":\"flood\"}\n")));
	take_line(fd);
	control_stop(server.control);
	server.control = NULL;
	assert_int_equal(server.waited, 1);
	close(fd);
}

/* One more than there are slots is served when one becomes free. */
static void connections_are_bounded(void **state)
{
	int fds[CONTROL_CONNECTIONS], more;

	(void)state;
	for (int i = 0; i < CONTROL_CONNECTIONS; i++)
		fds[i] = dial_and_wait();
	more = dial();
	assert_ok(fd_write_all(more, STR("{\"cmd\":\"fail\"}\n")));
	close(fds[3]);
	take_line(more);
	close(more);
	for (int i = 0; i < CONTROL_CONNECTIONS; i++)
		if (i != 3)
			close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(answers),
		T(line_has_a_bound),
		T(progress_is_thinned),
		T(client_going_cancels),
		T(stop_cancels),
		T(stop_does_not_wait_for_who_takes_nothing),
		T(connections_are_bounded),
#undef T
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
