/* SPDX-License-Identifier: Apache-2.0 */
#include "store/wal.h"
#include "base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD 7
#define RECORD_HEAD 12
#define LOG_DATA 3
#define WRITE_AT_ONCE ((size_t)1 << 20)

enum fragment { WHOLE = 1, FIRST, MIDDLE, LAST };

/* Little-endian. */

static uint64_t get_le(const char *p, size_t n)
{
	uint64_t value = 0;

	while (n--)
		value = value << 8 | (unsigned char)p[n];
	return value;
}

static void put_le(char *p, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(value >> 8 * i);
}

/* CRC-32C (Castagnoli), masked as RocksDB does. */
static uint32_t crc_table[256];

static void make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
		crc_table[i] = c;
	}
}

static uint32_t masked_crc(const char *p, size_t n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint32_t c = ~(uint32_t)0;

	pthread_once(&once, make_table);
	while (n--)
		c = c >> 8 ^ crc_table[(c ^ (unsigned char)*p++) & 0xff];
	c = ~c;
	return (c >> 15 | c << 17) + 0xa282ead8;
}

/* Reading. */

static bool is_zero(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i])
			return false;
	return true;
}

/* With its head; of HEAD bytes at least. */
static size_t size_in_head(str s)
{
	return HEAD + (size_t)get_le(s.p + 4, 2);
}

/* All of `s`, of which the type is within the sum and the length is not. */
static bool has_sum(str s)
{
	return masked_crc(s.p + 6, s.n - 6) == get_le(s.p, 4);
}

/* The length of the fragment here with its head; 0: it is none. */
static size_t fragment_size(str s)
{
	size_t size;

	if (s.n < HEAD || s.p[6] < WHOLE || s.p[6] > LAST)
		return 0;
	size = size_in_head(s);
	return size <= s.n && has_sum(str_take(s, size)) ? size : 0;
}

static void drop_part(struct wal_reader *r)
{
	if (r->in_record)
		r->unreadable(r->arg, r->record_at, buf_str(&r->part));
	r->in_record = false;
	buf_reset(&r->part);
}

static void take_fragment(
	struct wal_reader *r, enum fragment type, uint64_t at, str bytes)
{
	if (type == WHOLE || type == FIRST) {
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
	if (type == FIRST || type == MIDDLE)
		return;
	if (r->part.n < RECORD_HEAD) {
		drop_part(r);
		return;
	}
	r->in_record = false;
	r->record(r->arg, buf_str(&r->part));
	buf_reset(&r->part);
}

/* How much here is no fragment: what its head says, if another one follows
 * there, else the rest of the block. */
static size_t unreadable_size(str s)
{
	size_t size;

	if (s.n < HEAD)
		return s.n;
	size = size_in_head(s);
	return fragment_size(str_skip(s, size)) ? size : s.n;
}

/* Whether the rest of the log's last block is a fragment's beginning, as it can
 * follow here and was not written to its end. */
static bool is_cut_short(const struct wal_reader *r, size_t room, str rest)
{
	bool goes_on;

	if (rest.n < HEAD)
		return true;
	goes_on = rest.p[6] == MIDDLE || rest.p[6] == LAST;
	if (goes_on != r->in_record || rest.p[6] < WHOLE || rest.p[6] > LAST)
		return false;
	return size_in_head(rest) > rest.n && size_in_head(rest) <= room &&
	       !has_sum(rest);
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
	while (block.n > 0 && (block.n >= HEAD || last)) {
		size_t size = fragment_size(block);

		if (size) {
			take_fragment(r, (enum fragment)block.p[6], at,
				str_of(block.p + HEAD, size - HEAD));
		} else if (last && !is_zero(block) &&
			   is_cut_short(r, (size_t)(end - at), block)) {
			take_cut_short(r, at, block);
			return;
		} else {
			drop_part(r);
			if (is_zero(block))
				return;
			size = unreadable_size(block);
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

static enum fragment fragment_type(bool first, bool last)
{
	if (first)
		return last ? WHOLE : FIRST;
	return last ? LAST : MIDDLE;
}

static void add_fragment(struct buf *b, enum fragment type, str bytes)
{
	char *head = buf_reserve(b, HEAD + bytes.n);

	put_le(head + 4, 2, bytes.n);
	head[6] = (char)type;
	memcpy(head + HEAD, bytes.p, bytes.n);
	put_le(head, 4, masked_crc(head + 6, 1 + bytes.n));
	buf_added(b, HEAD + bytes.n);
}

void wal_add_record(struct buf *b, uint64_t at, str record)
{
	size_t before = b->n;
	bool first = true, last = false;

	while (!last) {
		size_t room =
			WAL_BLOCK - (size_t)((at + b->n - before) % WAL_BLOCK);
		str bytes;

		for (; room > 0 && room < HEAD; room--)
			buf_add_byte(b, 0);
		if (room == 0)
			continue;
		bytes = str_take(record, room - HEAD);
		record = str_skip(record, bytes.n);
		last = record.n == 0;
		add_fragment(b, fragment_type(first, last), bytes);
		first = false;
	}
}

/* Files. */

static enum err read_log(struct wal_reader *r, int dir, const char *name)
{
	char *room = xmalloc(WAL_BLOCK);
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	enum err e = fd < 0 ? err_from_errno(errno) : OK;
	ssize_t got = 1;

	while (!e && got > 0) {
		size_t n = 0;

		while (n < WAL_BLOCK &&
			(got = read(fd, room + n, WAL_BLOCK - n)) > 0)
			n += (size_t)got;
		if (got < 0)
			e = err_from_errno(errno);
		else
			wal_read_block(r, str_of(room, n));
	}
	wal_read_end(r);
	free(room);
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
	uint64_t number = get_le(record.p, 8);

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
	c->next = number + get_le(record.p + 8, 4);
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
