/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lines.h"
#include "base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void lines_init(struct lines *l, int fd, size_t max)
{
	*l = (struct lines){.fd = fd, .room = xmalloc(max), .max = max};
}

void lines_fini(struct lines *l)
{
	free(l->room);
	*l = (struct lines){.fd = -1};
}

static enum err read_some(int fd, char *room, size_t size, size_t *n_r)
{
	for (;;) {
		ssize_t n = read(fd, room, size);

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

enum err lines_next(struct lines *l, str *line_r)
{
	size_t searched = 0, n = 0;

	for (;;) {
		str have = str_of(l->room + l->begin, l->end - l->begin);
		size_t lf = searched +
			    str_find_byte(str_skip(have, searched), '\n');
		enum err e;

		if (lf < have.n) {
			*line_r = str_take(have, lf);
			l->begin += lf + 1;
			return OK;
		}
		searched = have.n;
		if (l->begin > 0) {
			memmove(l->room, have.p, have.n);
			l->begin = 0;
			l->end = have.n;
		}
		if (l->end == l->max)
			return ERR_TOOBIG;
		e = read_some(l->fd, l->room + l->end, l->max - l->end, &n);
		if (e)
			return e;
		l->end += n;
	}
}

enum err lines_read(struct lines *l, char *room, size_t size, size_t *n_r)
{
	size_t have = l->end - l->begin;

	if (have == 0)
		return read_some(l->fd, room, size, n_r);
	*n_r = have < size ? have : size;
	memcpy(room, l->room + l->begin, *n_r);
	l->begin += *n_r;
	return OK;
}

enum err fd_write_all(int fd, str s)
{
	while (s.n) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n < 0 && errno == ENOTSOCK)
			n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_from_errno(errno);
		s = str_skip(s, (size_t)n);
	}
	return OK;
}
