/* SPDX-License-Identifier: Apache-2.0 */
#include "store/correct.h"
#include "store/fragment.h"
#include "store/wrongbit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Of a file that is damaged all over no more than that is looked at. */
#define TRIES 16

#define CURRENT "CURRENT"

/* Fragments. */

struct correcting_log {
	struct correcting *c;
	int fd;
	const char *file;
	unsigned tries;
	enum err err;
};

static bool correct_in_block(void *arg, uint64_t at, char *block, size_t n)
{
	struct correcting_log *l = arg;
	struct wrongbit_walk w = {.block = block, .n = n, .tries = &l->tries};
	uint64_t bit;

	while (!l->err && wrongbit_in_fragments(&w, &bit))
		l->err = correct_bit(l->c, l->fd, l->file, 8 * at + bit);
	return !l->err && l->tries;
}

static enum err correct_fragments(
	struct correcting *c, int fd, const char *file)
{
	struct correcting_log l = {
		.c = c, .fd = fd, .file = file, .tries = TRIES};
	enum err e = fragment_read_blocks(fd, correct_in_block, &l);

	return e ? e : l.err;
}

enum err correct_logs(struct correcting *c)
{
	return correct_each(c, ".log", correct_fragments);
}

/* Whether a record begins behind what could not be corrected: that is done when
 * what stands before it is on stable storage (but for edits of one moment,
 * which RocksDB may sync together), so it is no power cut. */

struct left {
	bool wrong, amid;
};

static bool look_at_block(void *arg, uint64_t at, char *p, size_t n)
{
	struct left *l = arg;
	str rest = str_of(p, n);
	size_t begun = fragment_skip_whole(&rest);

	(void)at;
	l->amid = l->wrong ? begun > 0 : fragment_record_follows(rest);
	l->wrong |= rest.n >= FRAGMENT_HEAD;
	return !l->amid;
}

static enum err look_for_damage(int fd)
{
	struct left l = {false, false};
	enum err e = fragment_read_blocks(fd, look_at_block, &l);

	if (!e && l.amid)
		e = ERR_CORRUPT;
	return e;
}

/* CURRENT and its manifest. A store that is new has neither. */

static bool is_there(void *arg, const char *name)
{
	int fd = correct_open(arg, name);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* One that is too long is none. */
static enum err read_current(
	int fd, char current_r[CURRENT_MAX + 1], size_t *n_r)
{
	ssize_t n = pread(fd, current_r, CURRENT_MAX + 1, 0);

	*n_r = n < 0 ? 0 : (size_t)n;
	return n < 0 ? err_from_errno(errno) : OK;
}

typedef enum err with_current_fn(
	struct correcting *, int fd, char *current, size_t n);

static enum err with_current(struct correcting *c, with_current_fn *fn)
{
	int fd = correct_open(c, CURRENT);
	char current[CURRENT_MAX + 1];
	size_t n;
	enum err e;

	if (fd < 0)
		return errno == ENOENT ? OK : err_from_errno(errno);
	e = read_current(fd, current, &n);
	if (!e)
		e = fn(c, fd, current, n);
	close(fd);
	return e;
}

static enum err correct_name(
	struct correcting *c, int fd, char *current, size_t n)
{
	uint64_t bit;

	if (!wrongbit_in_current(current, n, is_there, c, &bit))
		return OK;
	return correct_bit(c, fd, CURRENT, bit);
}

enum err correct_current(struct correcting *c)
{
	return with_current(c, correct_name);
}

static enum err correct_manifest(
	struct correcting *c, int current_fd, char *current, size_t n)
{
	char name[CURRENT_MAX];
	enum err e;
	int fd;

	(void)current_fd;
	if (!current_names(str_of(current, n), name))
		return OK;
	fd = correct_open(c, name);
	if (fd < 0)
		return errno == ENOENT ? OK : err_from_errno(errno);
	e = correct_fragments(c, fd, name);
	if (!e && !c->dry)
		e = look_for_damage(fd);
	close(fd);
	return e;
}

enum err correct_manifests(struct correcting *c)
{
	return with_current(c, correct_manifest);
}
