/* SPDX-License-Identifier: Apache-2.0 */
#include "store/wal.h"
#include "base/alloc.h"
#include "store/masked.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RECORD_HEAD 12
#define LOG_DATA 3
#define WRITE_AT_ONCE ((size_t)1 << 20)

/* Reading. */

static void drop_part(struct wal_reader *r)
{
	if (r->in_record)
		r->unreadable(r->arg, r->record_at, buf_str(&r->part));
	r->in_record = false;
	buf_reset(&r->part);
}

static void take_fragment(
	struct wal_reader *r, enum fragment_type type, uint64_t at, str bytes)
{
	if (type == FRAGMENT_WHOLE || type == FRAGMENT_FIRST) {
		drop_part(r);
		r->in_record = true;
		r->record_at = at;
	}
	/* Or the rest of one whose beginning is unreadable. */
	if (!r->in_record) {
		r->unreadable(r->arg, at, bytes);
		return;
	}
	buf_add(&r->part, bytes);
	if (type == FRAGMENT_FIRST || type == FRAGMENT_MIDDLE)
		return;
	if (r->part.n < RECORD_HEAD) {
		drop_part(r);
		return;
	}
	r->in_record = false;
	r->record(r->arg, buf_str(&r->part));
	buf_reset(&r->part);
}

/* Whether the rest of the log's last block is a fragment's beginning, as it can
 * follow here and was not written to its end. */
static bool is_cut_short(const struct wal_reader *r, size_t room, str rest)
{
	bool goes_on;

	if (rest.n < FRAGMENT_HEAD)
		return true;
	goes_on = rest.p[FRAGMENT_TYPE] == FRAGMENT_MIDDLE ||
		  rest.p[FRAGMENT_TYPE] == FRAGMENT_LAST;
	if (goes_on != r->in_record || !fragment_has_type(rest))
		return false;
	return fragment_size_in_head(rest) > rest.n &&
	       fragment_size_in_head(rest) <= room && !fragment_has_sum(rest);
}

static void take_cut_short(struct wal_reader *r, uint64_t at, str rest)
{
	if (!r->in_record)
		r->record_at = at;
	r->in_record = true;
	buf_add(&r->part, rest);
}

void wal_read_block(struct wal_reader *r, str block)
{
	bool last = block.n < WAL_BLOCK;
	uint64_t at = r->at, end = at + WAL_BLOCK;

	r->part.max = SIZE_MAX;
	r->at += block.n;
	while (block.n > 0 && (block.n >= FRAGMENT_HEAD || last)) {
		size_t size = fragment_size(block);

		if (size) {
			take_fragment(r,
				(enum fragment_type)block.p[FRAGMENT_TYPE], at,
				str_of(block.p + FRAGMENT_HEAD,
					size - FRAGMENT_HEAD));
		} else if (last && !fragment_is_zero(block) &&
			   is_cut_short(r, (size_t)(end - at), block)) {
			take_cut_short(r, at, block);
			return;
		} else {
			drop_part(r);
			if (fragment_is_zero(block))
				return;
			size = fragment_wrong_size(block);
			r->unreadable(r->arg, at, str_take(block, size));
		}
		block = str_skip(block, size);
		at += size;
	}
}

void wal_read_end(struct wal_reader *r)
{
	if (r->in_record)
		r->cut_short(r->arg, r->record_at, buf_str(&r->part));
	r->in_record = false;
	buf_fini(&r->part);
	r->at = 0;
}

/* Writing. */

static enum fragment_type type_of(bool first, bool last)
{
	if (first)
		return last ? FRAGMENT_WHOLE : FRAGMENT_FIRST;
	return last ? FRAGMENT_LAST : FRAGMENT_MIDDLE;
}

void wal_add_record(struct buf *b, uint64_t at, str record)
{
	size_t before = b->n;
	bool first = true, last = false;

	while (!last) {
		size_t room =
			WAL_BLOCK - (size_t)((at + b->n - before) % WAL_BLOCK);
		str bytes;

		for (; room > 0 && room < FRAGMENT_HEAD; room--)
			buf_add_byte(b, 0);
		if (room == 0)
			continue;
		bytes = str_take(record, room - FRAGMENT_HEAD);
		record = str_skip(record, bytes.n);
		last = record.n == 0;
		fragment_add(b, type_of(first, last), bytes);
		first = false;
	}
}

/* Files. */

static bool read_block(void *arg, uint64_t at, char *block, size_t n)
{
	(void)at;
	wal_read_block(arg, str_of(block, n));
	return true;
}

static enum err read_log(struct wal_reader *r, int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	enum err e = fd < 0 ? err_from_errno(errno)
			    : fragment_read_blocks(fd, read_block, r);

	wal_read_end(r);
	if (fd >= 0)
		close(fd);
	return e;
}

static int is_log(const struct dirent *e)
{
	size_t digits = strspn(e->d_name, "0123456789");

	return digits > 0 && digits < 20 &&
	       strcmp(e->d_name + digits, ".log") == 0;
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	unsigned long long x = strtoull((*a)->d_name, NULL, 10);
	unsigned long long y = strtoull((*b)->d_name, NULL, 10);

	return (x > y) - (x < y);
}

typedef enum err log_fn(int dir, const char *name, void *arg);

/* Calls for each log, from the oldest on, until it fails. What is no directory
 * has none. */
static enum err each_log(const char *path, log_fn *fn, void *arg)
{
	struct dirent **logs = NULL;
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int count = dir < 0 ? 0 : scandir(path, &logs, is_log, by_number);
	enum err e = count < 0 ? err_from_errno(errno) : OK;

	for (int i = 0; i < count; i++) {
		if (!e)
			e = fn(dir, logs[i]->d_name, arg);
		free(logs[i]);
	}
	free(logs);
	if (dir >= 0)
		close(dir);
	return e;
}

/* What the log is like. */

struct checking {
	struct wal_finding *finding;
	const char *file;
	bool numbered;	   /* next is known */
	uint64_t next;	   /* the number of the record to come */
	bool synced_after; /* what is unreadable: a synced record */
};

/* The first place counts, and the worst state. */
static void note(struct checking *c, enum wal_state state, uint64_t at)
{
	struct wal_finding *f = c->finding;

	if (f->state == WAL_WHOLE) {
		f->at = at;
		snprintf(f->file, sizeof f->file, "%s", c->file);
	}
	if (f->state < state)
		f->state = state;
}

static void check_no_record(
	struct checking *c, enum wal_state state, uint64_t at, str bytes)
{
	note(c, c->synced_after ? WAL_DAMAGED : state, at);
	c->finding->lost += bytes.n;
}

static void check_cut_short(void *arg, uint64_t at, str bytes)
{
	check_no_record(arg, WAL_CUT, at, bytes);
}

static void check_unreadable(void *arg, uint64_t at, str bytes)
{
	check_no_record(arg, WAL_TORN, at, bytes);
}

static bool is_synced(str record)
{
	static const char mark[] = {LOG_DATA, sizeof WAL_MARK - 1};
	str changes = str_skip(record, RECORD_HEAD);

	return str_starts(changes, str_of(mark, sizeof mark)) &&
	       str_starts(str_skip(changes, sizeof mark), STR(WAL_MARK));
}

static void check_record(void *arg, str record)
{
	struct checking *c = arg;
	struct wal_finding *f = c->finding;
	uint64_t number = le_get(record.p, 8);

	if (c->synced_after)
		f->state = WAL_DAMAGED;
	if (c->numbered && number > c->next)
		note(c, WAL_TORN, 0);
	if (f->state != WAL_DAMAGED && c->numbered && number == c->next &&
		strcmp(f->file, c->file) != 0)
		*f = (struct wal_finding){.state = WAL_WHOLE};
	if (f->state != WAL_WHOLE && is_synced(record))
		c->synced_after = true;
	c->numbered = true;
	c->next = number + le_get(record.p + 8, 4);
}

static enum err check_log(int dir, const char *name, void *arg)
{
	struct checking *c = arg;
	struct wal_reader r = {
		.record = check_record,
		.unreadable = check_unreadable,
		.cut_short = check_cut_short,
		.arg = c,
	};

	c->file = name;
	return read_log(&r, dir, name);
}

enum err wal_check(const char *dir, struct wal_finding *finding_r)
{
	struct checking c = {.finding = finding_r};

	*finding_r = (struct wal_finding){.state = WAL_WHOLE};
	return each_log(dir, check_log, &c);
}

/* Writing it anew. */

struct mending {
	int fd;		 /* the new log */
	uint64_t at;	 /* bytes in it */
	struct buf out;	 /* of it, not yet written */
	struct buf lost; /* of this log */
	enum err err;
};

static enum err write_all(int fd, str s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0)
			return err_from_errno(errno);
		s = str_skip(s, (size_t)n);
	}
	return OK;
}

static void flush(struct mending *m)
{
	if (!m->err)
		m->err = write_all(m->fd, buf_str(&m->out));
	m->at += m->out.n;
	buf_reset(&m->out);
}

static void copy_record(void *arg, str record)
{
	struct mending *m = arg;

	wal_add_record(&m->out, m->at + m->out.n, record);
	if (m->out.n >= WRITE_AT_ONCE)
		flush(m);
}

static void keep_unreadable(void *arg, uint64_t at, str bytes)
{
	struct mending *m = arg;

	(void)at;
	buf_add(&m->lost, bytes);
}

/* Durable, before the log that has them is gone. */
static enum err add_to_lost(int dir, str bytes)
{
	int fd = openat(dir, WAL_LOST_FILE,
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	enum err e = fd < 0 ? err_from_errno(errno) : write_all(fd, bytes);

	if (!e && (fsync(fd) || fsync(dir)))
		e = err_from_errno(errno);
	if (fd >= 0)
		close(fd);
	return e;
}

static enum err copy_log(struct mending *m, int dir, const char *name)
{
	struct wal_reader r = {
		.record = copy_record,
		.unreadable = keep_unreadable,
		.cut_short = keep_unreadable,
		.arg = m,
	};
	enum err e = read_log(&r, dir, name);

	flush(m);
	if (!e)
		e = m->err;
	if (!e && fsync(m->fd))
		e = err_from_errno(errno);
	return e;
}

static enum err mend_log(int dir, const char *name, void *arg)
{
	struct mending m = {.out = BUF_UNBOUNDED, .lost = BUF_UNBOUNDED};
	char *anew = xasprintf("%s.mending", name);
	enum err e;

	(void)arg;
	m.fd = openat(
		dir, anew, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	e = m.fd < 0 ? err_from_errno(errno) : copy_log(&m, dir, name);
	if (m.fd >= 0)
		close(m.fd);
	if (!e)
		e = add_to_lost(dir, buf_str(&m.lost));
	if (!e && m.lost.n && (renameat(dir, anew, dir, name) || fsync(dir)))
		e = err_from_errno(errno);
	if (e || !m.lost.n)
		unlinkat(dir, anew, 0);
	buf_fini(&m.out);
	buf_fini(&m.lost);
	free(anew);
	return e;
}

enum err wal_mend(const char *dir)
{
	return each_log(dir, mend_log, NULL);
}
