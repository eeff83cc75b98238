/* SPDX-License-Identifier: Apache-2.0 */
#include "net/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static socklen_t size_of(const struct endpoint *e)
{
	return e->any.sa_family == AF_INET6 ? sizeof e->v6 : sizeof e->v4;
}

static enum err parse_v6(str host, in_port_t port, struct endpoint *e)
{
	char z[INET6_ADDRSTRLEN];

	if (host.n < 2 || host.n - 2 >= sizeof z || host.p[host.n - 1] != ']')
		return ERR_INVALID;
	memcpy(z, host.p + 1, host.n - 2);
	z[host.n - 2] = 0;
	e->v6.sin6_family = AF_INET6;
	e->v6.sin6_port = port;
	return inet_pton(AF_INET6, z, &e->v6.sin6_addr) == 1 ? OK : ERR_INVALID;
}

static enum err parse_v4(str host, in_port_t port, struct endpoint *e)
{
	char z[INET_ADDRSTRLEN];

	if (host.n >= sizeof z)
		return ERR_INVALID;
	memcpy(z, host.p, host.n);
	z[host.n] = 0;
	e->v4.sin_family = AF_INET;
	e->v4.sin_port = port;
	return inet_pton(AF_INET, z, &e->v4.sin_addr) == 1 ? OK : ERR_INVALID;
}

static void unmap_v4(struct endpoint *e)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};

	if (e->any.sa_family != AF_INET6 ||
		!IN6_IS_ADDR_V4MAPPED(&e->v6.sin6_addr))
		return;
	v4.sin_port = e->v6.sin6_port;
	memcpy(&v4.sin_addr, e->v6.sin6_addr.s6_addr + 12, 4);
	e->v4 = v4;
}

enum err endpoint_parse(str text, struct endpoint *e)
{
	size_t colon = text.n;
	uint64_t port;
	enum err err;

	*e = (struct endpoint){0};
	while (colon > 0 && text.p[colon - 1] != ':')
		colon--;
	if (!colon || memchr(text.p, 0, text.n))
		return ERR_INVALID;
	err = str_to_u64(str_skip(text, colon), 65535, &port);
	if (err)
		return err;
	text = str_take(text, colon - 1);
	if (str_starts(text, STR("[")))
		err = parse_v6(text, htons((in_port_t)port), e);
	else
		err = parse_v4(text, htons((in_port_t)port), e);
	unmap_v4(e);
	return err;
}

struct endpoint endpoint_of_v4(const void *address, uint16_t port)
{
	struct endpoint e = {
		.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};

	memcpy(&e.v4.sin_addr, address, sizeof e.v4.sin_addr);
	return e;
}

struct endpoint endpoint_of_v6(const void *address, uint16_t port)
{
	struct endpoint e = {
		.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};

	memcpy(&e.v6.sin6_addr, address, sizeof e.v6.sin6_addr);
	unmap_v4(&e);
	return e;
}

str endpoint_print_host(const struct endpoint *e, char *room)
{
	const void *address = &e->v4.sin_addr;

	if (e->any.sa_family == AF_INET6)
		address = &e->v6.sin6_addr;
	else if (e->any.sa_family != AF_INET)
		return STR("-");
	if (!inet_ntop(e->any.sa_family, address, room, ENDPOINT_TEXT_MAX))
		return STR("-");
	return str_c(room);
}

str endpoint_print(const struct endpoint *e, char *room)
{
	char host[ENDPOINT_TEXT_MAX];
	str h = endpoint_print_host(e, host);

	if (e->any.sa_family == AF_INET6)
		snprintf(room, ENDPOINT_TEXT_MAX, "[%.46s]:%u", host,
			(unsigned)ntohs(e->v6.sin6_port));
	else if (e->any.sa_family == AF_INET)
		snprintf(room, ENDPOINT_TEXT_MAX, "%.16s:%u", host,
			(unsigned)ntohs(e->v4.sin_port));
	else
		return h;
	return str_c(room);
}

static enum err of_socket(int fd, struct endpoint *e,
	int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage all = {0};
	socklen_t size = sizeof all;

	*e = (struct endpoint){0};
	if (get(fd, (struct sockaddr *)(void *)&all, &size) < 0)
		return err_from_errno(errno);
	if (all.ss_family == AF_INET || all.ss_family == AF_INET6)
		memcpy(e, &all, sizeof *e);
	else
		e->any.sa_family = all.ss_family;
	unmap_v4(e);
	return OK;
}

enum err endpoint_remote(int fd, struct endpoint *e)
{
	return of_socket(fd, e, getpeername);
}

enum err endpoint_local(int fd, struct endpoint *e)
{
	return of_socket(fd, e, getsockname);
}

uint64_t endpoint_peer_key(const struct endpoint *e)
{
	uint64_t key = 0;

	if (e->any.sa_family == AF_INET)
		return UINT64_C(0xffff00000000) | ntohl(e->v4.sin_addr.s_addr);
	if (e->any.sa_family != AF_INET6)
		return 1;
	for (int i = 0; i < 8; i++)
		key = key << 8 | e->v6.sin6_addr.s6_addr[i];
	return key ? key : 1;
}

enum err endpoint_listen(const struct endpoint *e, int *fd_r)
{
	int fd = socket(e->any.sa_family,
		SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1;
	enum err err;

	*fd_r = -1;
	if (fd < 0)
		return err_from_errno(errno);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (e->any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, &e->any, size_of(e)) == 0 && listen(fd, SOMAXCONN) == 0) {
		*fd_r = fd;
		return OK;
	}
	if (errno == EADDRINUSE)
		err = ERR_INUSE;
	else if (errno == EADDRNOTAVAIL)
		err = ERR_NOTFOUND;
	else
		err = err_from_errno(errno);
	close(fd);
	return err;
}
