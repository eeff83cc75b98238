/* SPDX-License-Identifier: Apache-2.0 */
#include "store/correct.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/onebit.h"
#include "store/table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of what holds a table together no block is so large. */
#define BLOCK_MAX ((size_t)64 << 20)

static enum err write_at(int fd, str bytes, uint64_t at)
{
	ssize_t n = pwrite(fd, bytes.p, bytes.n, (off_t)at);

	if (n >= 0 && (size_t)n < bytes.n)
		return ERR_IO;
	return n < 0 || fdatasync(fd) ? err_from_errno(errno) : OK;
}

enum err correct_bit(
	struct correcting *c, int fd, const char *file, uint64_t bit)
{
	uint64_t at = bit / 8;
	char byte;
	enum err e;

	if (!c->dry) {
		if (pread(fd, &byte, 1, (off_t)at) != 1)
			return ERR_IO;
		onebit_turn(&byte, bit % 8);
		e = write_at(fd, str_of(&byte, 1), at);
		if (e)
			return e;
		log_error("store",
			"a bit was wrong and was put right: check the disk, "
			"and the memory",
			LOG_C("where", c->dir), LOG_C("file", file),
			LOG_U64("at", at), LOG_U64("bit", bit % 8));
	}
	c->corrected++;
	if (c->said)
		c->said(c->arg, file, bit);
	return OK;
}

int correct_open(const struct correcting *c, const char *file)
{
	char *path = xasprintf("%s/%s", c->dir, file);
	int fd = open(path, (c->dry ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	free(path);
	return fd;
}

static enum err correct_file(
	struct correcting *c, const char *file, correct_fn *fn)
{
	int fd = correct_open(c, file);
	enum err e;

	/* Who compacts removes files meanwhile. */
	if (fd < 0 && errno == ENOENT)
		return OK;
	e = fd < 0 ? err_from_errno(errno) : fn(c, fd, file);
	if (e)
		log_warn("store", "cannot look at a file",
			LOG_C("where", c->dir), LOG_C("file", file),
			LOG_ERR(e));
	if (fd >= 0)
		close(fd);
	return e;
}

enum err correct_each(struct correcting *c, const char *ending, correct_fn *fn)
{
	DIR *d = opendir(c->dir);
	enum err e = d ? OK : err_from_errno(errno), one;
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		size_t digits = strspn(entry->d_name, "0123456789");

		if (!digits || strcmp(entry->d_name + digits, ending) != 0)
			continue;
		one = correct_file(c, entry->d_name, fn);
		e = e ? e : one;
	}
	if (d)
		closedir(d);
	return e;
}

/* Tables. */

struct table {
	struct correcting *c;
	int fd;
	const char *file;
	uint64_t size;
	char bytes[TABLE_FOOTER];
	struct table_footer footer;
};

/* A block with its trailer, allocated; NULL: it cannot be read. */
static char *read_block(const struct table *t, const struct table_place *p)
{
	size_t n = (size_t)p->size + TABLE_TRAILER;
	char *block;

	if (p->size > BLOCK_MAX || p->offset > t->size ||
		n > t->size - p->offset)
		return NULL;
	block = xmalloc(n);
	if (pread(t->fd, block, n, (off_t)p->offset) == (ssize_t)n)
		return block;
	free(block);
	return NULL;
}

static bool is_right(const struct table *t, const struct table_place *p)
{
	char *block = read_block(t, p);
	bool right =
		block && table_has_sum(str_of(block, p->size + TABLE_TRAILER),
				 t->footer.sum);

	free(block);
	return right;
}

static enum err correct_place(struct table *t, const struct table_place *p)
{
	size_t n = (size_t)p->size + TABLE_TRAILER;
	char *block = read_block(t, p);
	enum err e = OK;
	uint64_t bit;

	if (block && table_find_bit(block, n, t->footer.sum, &bit))
		e = correct_bit(t->c, t->fd, t->file, 8 * p->offset + bit);
	free(block);
	return e;
}

/* The footer is one, and leads to what it should. */
static bool is_footer(void *arg)
{
	struct table *t = arg;

	return table_read_footer(str_of(t->bytes, sizeof t->bytes), t->size,
		       &t->footer) &&
	       is_right(t, &t->footer.metaindex) &&
	       is_right(t, &t->footer.index);
}

static enum err correct_named(struct table *t)
{
	const struct table_place *p = &t->footer.metaindex;
	char *metaindex = read_block(t, p);
	str block = str_of(metaindex, metaindex ? (size_t)p->size : 0);
	struct table_place named;
	size_t at = 0;
	enum err e = OK;

	while (!e && table_next_place(block, &at, &named))
		if (!is_right(t, &named))
			e = correct_place(t, &named);
	free(metaindex);
	return e;
}

static bool open_table(
	struct table *t, struct correcting *c, int fd, const char *file)
{
	struct stat st;

	*t = (struct table){.c = c, .fd = fd, .file = file};
	if (fstat(fd, &st) || st.st_size < TABLE_FOOTER)
		return false;
	t->size = (uint64_t)st.st_size;
	return pread(fd, t->bytes, TABLE_FOOTER, st.st_size - TABLE_FOOTER) ==
	       TABLE_FOOTER;
}

static enum err correct_table(struct correcting *c, int fd, const char *file)
{
	struct table t;
	enum err e = OK;
	uint64_t bit;

	if (!open_table(&t, c, fd, file))
		return OK;
	if (is_footer(&t))
		return correct_named(&t);
	if (onebit_try(t.bytes, TABLE_FOOTER, is_footer, &t, &bit))
		return correct_bit(
			c, fd, file, 8 * (t.size - TABLE_FOOTER) + bit);
	/* It is not the footer that is wrong. */
	if (!table_read_footer(
		    str_of(t.bytes, TABLE_FOOTER), t.size, &t.footer))
		return OK;
	if (!is_right(&t, &t.footer.metaindex))
		e = correct_place(&t, &t.footer.metaindex);
	if (!e && !is_right(&t, &t.footer.index))
		e = correct_place(&t, &t.footer.index);
	return e;
}

enum err correct_tables(struct correcting *c)
{
	return correct_each(c, ".sst", correct_table);
}

/* False: *err_r says why; a file that is gone was compacted. */
static bool open_named(struct table *t, struct correcting *c, const char *file,
	enum err *err_r)
{
	int fd = correct_open(c, file);

	*err_r = fd >= 0	   ? ERR_CORRUPT
		 : errno == ENOENT ? OK
				   : err_from_errno(errno);
	if (fd < 0)
		return false;
	if (open_table(t, c, fd, file) &&
		table_read_footer(
			str_of(t->bytes, TABLE_FOOTER), t->size, &t->footer))
		return true;
	close(fd);
	return false;
}

enum err correct_block(
	struct correcting *c, const char *file, uint64_t offset, uint64_t size)
{
	const struct table_place place = {offset, size};
	struct table t;
	enum err e;

	if (!open_named(&t, c, file, &e))
		return e == ERR_CORRUPT ? OK : e;
	e = correct_place(&t, &place);
	close(t.fd);
	return e;
}

static enum err overwrite(
	const struct table *t, const struct table_place *p, str key)
{
	uint64_t end = table_data_end(t->fd);
	struct buf filler = BUF_UNBOUNDED;
	enum err e = ERR_CORRUPT;

	if (p->size <= end && p->offset <= end - p->size)
		e = table_make_filler(key, p->size, t->footer.sum, &filler);
	if (!e)
		e = write_at(t->fd, buf_str(&filler), p->offset);
	buf_fini(&filler);
	return e;
}

enum err correct_block_away(const char *dir, const char *file, uint64_t offset,
	uint64_t size, str key)
{
	const struct table_place place = {offset, size};
	struct correcting c = {.dir = dir};
	struct table t;
	enum err e;

	if (!open_named(&t, &c, file, &e))
		return e;
	e = is_right(&t, &place) ? OK : overwrite(&t, &place, key);
	close(t.fd);
	return e;
}

enum err correct_frames(struct correcting *c)
{
	enum err blobs = correct_blobs(c), tables = correct_tables(c);

	return blobs ? blobs : tables;
}
