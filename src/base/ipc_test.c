/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/ipc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct buf room;

static int setup(void **state)
{
	static int fds[2];

	assert_ok(ipc_pair(fds));
	buf_init(&room, SIZE_MAX);
	*state = fds;
	return 0;
}

static int teardown(void **state)
{
	int *fds = *state;

	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	buf_fini(&room);
	return 0;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void carries_type_id_payload(void **state)
{
	int *fds = *state;
	struct ipc_msg m;

	assert_ok(ipc_send(fds[0], IPC_SECRET, 0xfffffffe, STR("a\0b"), -1));
	assert_ok(ipc_send(fds[0], IPC_STOP, 7, str_none(), -1));
	assert_ok(ipc_recv(fds[1], &room, &m));
	assert_int_equal(m.type, IPC_SECRET);
	assert_int_equal(m.id, 0xfffffffe);
	assert_true(str_eq(m.payload, STR("a\0b")));
	assert_int_equal(m.fd, -1);
	assert_ok(ipc_recv(fds[1], &room, &m));
	assert_int_equal(m.type, IPC_STOP);
	assert_int_equal(m.payload.n, 0);
	assert_int_equal(ipc_recv(fds[1], &room, &m), ERR_AGAIN);
}

static void carries_a_descriptor(void **state)
{
	int *fds = *state, pipe_fds[2];
	struct ipc_msg m;
	char c = 0;

	assert_int_equal(pipe(pipe_fds), 0);
	assert_ok(ipc_send(fds[0], IPC_HANDOVER, 1, STR("x"), pipe_fds[1]));
	assert_true(is_open(pipe_fds[1])); /* it stays the sender's */
	close(pipe_fds[1]);
	assert_ok(ipc_recv(fds[1], &room, &m));
	assert_int_equal(fcntl(m.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(m.fd, "y", 1), 1);
	assert_int_equal(read(pipe_fds[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	close(m.fd);
	close(pipe_fds[0]);
}

static void payload_has_a_bound(void **state)
{
	int *fds = *state;
	char *big = xcalloc(1, IPC_PAYLOAD_MAX + 9);
	struct ipc_msg m;

	assert_int_equal(
		ipc_send(fds[0], 1, 1, str_of(big, IPC_PAYLOAD_MAX + 1), -1),
		ERR_TOOBIG);
	assert_ok(ipc_send(fds[0], 1, 1, str_of(big, IPC_PAYLOAD_MAX), -1));
	assert_ok(ipc_recv(fds[1], &room, &m));
	assert_int_equal(m.payload.n, IPC_PAYLOAD_MAX);
	/* a raw packet that is larger than any message */
	assert_true(send(fds[0], big, IPC_PAYLOAD_MAX + 9, 0) > 0);
	assert_true(send(fds[0], "1234567", 7, 0) > 0);
	assert_int_equal(ipc_recv(fds[1], &room, &m), ERR_INVALID);
	assert_int_equal(ipc_recv(fds[1], &room, &m), ERR_INVALID);
	free(big);
}

static void send_raw(
	int sock, const char *p, size_t n, const int *sent, int count)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(16 * sizeof(int))];
	} control = {0};
	struct iovec part = {(void *)(uintptr_t)p, n};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
	memcpy(CMSG_DATA(c), sent, (size_t)count * sizeof(int));
	assert_true(sendmsg(sock, &message, 0) > 0);
}

static int count_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += is_open(fd);
	return n;
}

/* Whatever a taken-over role sends, no descriptor stays behind. */
static void stray_descriptors_are_closed(void **state)
{
	static const struct {
		const char *bytes;
		int fds;
		const char *why;
	} rows[] = {
		{"12345678", 2, "two descriptors"},
		{"12345678", 8, "as many as there is room for"},
		{"12345678", 16, "more than there is room for"},
		{"1234", 1, "one, with half a header"},
	};
	int *fds = *state, sent[16];

	for (int i = 0; i < 16; i++)
		sent[i] = 0;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int before = count_open();
		struct ipc_msg m;

		send_raw(fds[0], rows[i].bytes, strlen(rows[i].bytes), sent,
			rows[i].fds);
		assert_int_equal(ipc_recv(fds[1], &room, &m), ERR_INVALID);
		assert_int_equal(m.fd, -1);
		assert_int_equal(count_open(), before);
	}
}

static void need_not_wait_for_room(void **state)
{
	static char payload[IPC_PAYLOAD_MAX];
	int *fds = *state, sent = 0;
	struct ipc_msg m;
	enum err e;

	while (!(e = ipc_try_send(
			 fds[0], 1, 1, str_of(payload, sizeof payload), -1)))
		sent++;
	assert_int_equal(e, ERR_AGAIN);
	assert_true(sent > 0);
	while (sent--)
		assert_ok(ipc_recv(fds[1], &room, &m));
	assert_int_equal(ipc_recv(fds[1], &room, &m), ERR_AGAIN);
}

static void tells_that_the_other_side_went(void **state)
{
	int *fds = *state;
	struct ipc_msg m;

	close(fds[1]);
	fds[1] = -1;
	assert_int_equal(ipc_send(fds[0], 1, 1, STR(""), -1), ERR_CLOSED);
	assert_int_equal(ipc_recv(fds[0], &room, &m), ERR_CLOSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(carries_type_id_payload),
		T(carries_a_descriptor),
		T(payload_has_a_bound),
		T(stray_descriptors_are_closed),
		T(need_not_wait_for_room),
		T(tells_that_the_other_side_went),
#undef T
	};

	return cmocka_run_group_tests_name("ipc", tests, NULL, NULL);
}
