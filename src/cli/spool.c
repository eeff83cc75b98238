/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/spool.h"
#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE (64 * 1024)

void spool_init(struct spool *s)
{
	*s = (struct spool){.fd = -1};
	buf_init(&s->head, SPOOL_MEMORY);
	buf_init(&s->piece, 2 * PIECE);
}

void spool_fini(struct spool *s)
{
	buf_fini(&s->head);
	buf_fini(&s->piece);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void spool_begin(struct spool *s)
{
	buf_reset(&s->head);
	s->eol = (struct eol){0};
	s->size = 0;
	s->err = OK;
}

static enum err open_file(struct spool *s)
{
	const char *directory = getenv("TMPDIR");
	char *name;

	if (s->fd >= 0)
		return OK;
	name = xasprintf("%s/culver-XXXXXX",
		directory && *directory ? directory : "/var/tmp");
	s->fd = mkostemp(name, O_CLOEXEC);
	if (s->fd >= 0)
		unlink(name);
	free(name);
	return s->fd < 0 ? err_from_errno(errno) : OK;
}

static enum err write_all(struct spool *s, str bytes, uint64_t at)
{
	enum err e = open_file(s);

	while (!e && bytes.n) {
		ssize_t n = pwrite(s->fd, bytes.p, bytes.n, (off_t)at);

		if (n < 0 && errno != EINTR)
			e = err_from_errno(errno);
		if (n > 0) {
			bytes = str_skip(bytes, (size_t)n);
			at += (uint64_t)n;
		}
	}
	return e;
}

/* Bytes with their line ends as they should be. */
static void add(struct spool *s, str bytes)
{
	str first = str_take(bytes, SPOOL_MEMORY - s->head.n);
	str rest = str_skip(bytes, first.n);

	buf_add(&s->head, first);
	if (rest.n)
		s->err = write_all(s, rest, s->size + first.n - SPOOL_MEMORY);
	s->size += bytes.n;
}

void spool_add(struct spool *s, str bytes)
{
	while (!s->err && bytes.n) {
		str some = str_take(bytes, PIECE);

		buf_reset(&s->piece);
		eol_add(&s->eol, &s->piece, some);
		add(s, buf_str(&s->piece));
		bytes = str_skip(bytes, some.n);
	}
}

enum err spool_read(struct spool *s, uint64_t at, str *bytes_r)
{
	ssize_t n;

	*bytes_r = str_take(str_skip(spool_head(s), (size_t)at), PIECE);
	if (s->err || at < s->head.n || at >= s->size)
		return s->err;
	buf_reset(&s->piece);
	do
		n = pread(s->fd, buf_reserve(&s->piece, PIECE),
			s->size - at < PIECE ? s->size - at : PIECE,
			(off_t)(at - s->head.n));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? err_from_errno(errno) : ERR_IO;
	buf_added(&s->piece, (size_t)n);
	*bytes_r = buf_str(&s->piece);
	return OK;
}
