/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ipc.h"
#include "base/clock.h"
#include "base/cursor.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* A message is one packet: type and id, 4 bytes each, big-endian; payload. */
#define HEAD 8
#define PACKET_MAX (HEAD + IPC_PAYLOAD_MAX)
#define PATIENCE_MS 5000

enum err ipc_pair(int fds_r[2])
{
	/* The kernel counts its own overhead against the buffer. */
	const int size = 4 * PACKET_MAX;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0, fds_r) < 0)
		return err_from_errno(errno);
	for (int i = 0; i < 2; i++)
		(void)setsockopt(
			fds_r[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	return OK;
}

static enum err wait_for_room(int sock, uint64_t deadline)
{
	struct pollfd p = {.fd = sock, .events = POLLOUT};
	uint64_t now = clock_monotonic_ms();
	int n;

	if (now >= deadline)
		return ERR_UNAVAILABLE;
	n = poll(&p, 1, (int)(deadline - now));
	if (n < 0 && errno != EINTR)
		return err_from_errno(errno);
	return OK;
}

static enum err send_all(
	int sock, const struct msghdr *message, uint64_t patience_ms)
{
	uint64_t deadline = clock_monotonic_ms() + patience_ms;

	for (;;) {
		enum err e;

		if (sendmsg(sock, message, MSG_NOSIGNAL) >= 0)
			return OK;
		if (errno == EMSGSIZE)
			return ERR_TOOBIG;
		if (errno == ECONNREFUSED || errno == ENOTCONN)
			return ERR_CLOSED;
		/* Too many descriptors in flight also passes with time, but
		 * without POLLOUT to wait for. */
		if (errno == ETOOMANYREFS)
			return ERR_UNAVAILABLE;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || !patience_ms)
			return err_from_errno(errno);
		e = wait_for_room(sock, deadline);
		if (e)
			return e;
	}
}

static enum err send_message(int sock, uint32_t type, uint32_t id, str payload,
	int fd, uint64_t patience_ms)
{
	unsigned char head[HEAD];
	struct iovec parts[2] = {
		{head, sizeof head}, {(void *)(uintptr_t)payload.p, payload.n}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;

	if (payload.n > IPC_PAYLOAD_MAX)
		return ERR_TOOBIG;
	for (int i = 0; i < 4; i++) {
		head[i] = (unsigned char)(type >> (24 - 8 * i));
		head[4 + i] = (unsigned char)(id >> (24 - 8 * i));
	}
	if (fd >= 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof control);
		message.msg_control = control.room;
		message.msg_controllen = sizeof control.room;
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	return send_all(sock, &message, patience_ms);
}

enum err ipc_send(int sock, uint32_t type, uint32_t id, str payload, int fd)
{
	return send_message(sock, type, id, payload, fd, PATIENCE_MS);
}

enum err ipc_try_send(int sock, uint32_t type, uint32_t id, str payload, int fd)
{
	return send_message(sock, type, id, payload, fd, 0);
}

/* The first descriptor; any other is closed and makes the message invalid. */
static enum err take_fds(struct msghdr *message, int *fd_r)
{
	enum err e = OK;

	*fd_r = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
		c = CMSG_NXTHDR(message, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (*fd_r < 0) {
				*fd_r = fd;
				continue;
			}
			close(fd);
			e = ERR_INVALID;
		}
	}
	return e;
}

static enum err receive(int sock, struct msghdr *message, size_t *n_r)
{
	for (;;) {
		ssize_t n = recvmsg(sock, message, MSG_CMSG_CLOEXEC);

		if (n > 0) {
			*n_r = (size_t)n;
			return OK;
		}
		if (n == 0)
			return ERR_CLOSED;
		if (errno != EINTR)
			return err_from_errno(errno);
	}
}

enum err ipc_recv(int sock, struct buf *room, struct ipc_msg *msg_r)
{
	struct iovec part;
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(8 * sizeof(int))];
	} control;
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof control.room};
	struct cursor c;
	size_t n = 0;
	enum err e;

	*msg_r = (struct ipc_msg){.fd = -1};
	buf_reset(room);
	part.iov_base = buf_reserve(room, PACKET_MAX);
	part.iov_len = PACKET_MAX;
	if (!part.iov_base)
		return ERR_TOOBIG;
	e = receive(sock, &message, &n);
	if (e)
		return e;
	buf_added(room, n);
	e = take_fds(&message, &msg_r->fd);
	c = cursor_of(buf_str(room));
	msg_r->type = cursor_be32(&c);
	msg_r->id = cursor_be32(&c);
	msg_r->payload = cursor_rest(&c);
	if (!cursor_ok(&c) || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		e = ERR_INVALID;
	if (e && msg_r->fd >= 0) {
		close(msg_r->fd);
		msg_r->fd = -1;
	}
	return e;
}
