/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passwd: accounts in a file that somebody else writes. It is read into a hash
 * table, and read anew when the file under its name is another or has changed.
 * A line that is wrong is logged with its number and left out.
 */
#include "base/alloc.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/secret.h"
#include "lookup/passwd_line.h"
#include "lookup/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64 * 1024 * 1024)
#define COMPLAINTS_MAX 20 /* logged lines, of one reading */

struct entry {
	char *name; /* prepared */
	struct passwd_line line;
	size_t next; /* in its bucket: index + 1; 0: none */
};

/* The file as it was read. */
struct table {
	char *content; /* lines point into it */
	size_t size;
	struct entry *entries;
	size_t count, room;
	size_t *buckets; /* index + 1 of the first entry; 0: none */
	size_t bucket_count;
};

struct passwd_file {
	struct lookup_source source;
	char *path;
	pthread_mutex_t lock; /* of all below; held for a look or a reading */
	bool has_table;
	struct table table;
	struct stat seen; /* the file that `table` was read from */
	int complained;	  /* errno of the last failure, which was logged */
};

/* -------- the table -------- */

static void free_table(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->entries[i].name);
	free(t->entries);
	free(t->buckets);
	if (t->content)
		secret_wipe(t->content, t->size);
	free(t->content);
	*t = (struct table){0};
}

static const struct entry *find_entry(const struct table *t, str name)
{
	size_t at = t->bucket_count
			    ? t->buckets[hash_str(name) % t->bucket_count]
			    : 0;

	while (at && !str_eq_c(name, t->entries[at - 1].name))
		at = t->entries[at - 1].next;
	return at ? &t->entries[at - 1] : NULL;
}

static void link_entries(struct table *t)
{
	free(t->buckets);
	t->bucket_count = t->room;
	t->buckets = xcalloc(t->bucket_count, sizeof *t->buckets);
	for (size_t i = 0; i < t->count; i++) {
		struct entry *e = &t->entries[i];
		size_t *bucket =
			&t->buckets[hash_str(str_c(e->name)) % t->bucket_count];

		e->next = *bucket;
		*bucket = i + 1;
	}
}

static void add_entry(struct table *t, str name, const struct passwd_line *line)
{
	size_t *bucket;

	if (t->count == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->entries = xrealloc(t->entries, t->room, sizeof *t->entries);
		link_entries(t);
	}
	bucket = &t->buckets[hash_str(name) % t->bucket_count];
	t->entries[t->count++] =
		(struct entry){xstrndup(name.p, name.n), *line, *bucket};
	*bucket = t->count;
}

/* -------- reading -------- */

/* A line that could not be used later is told now. */
static enum err take_line(struct table *t, str text, const char **why_r)
{
	struct buf name = BUF_UNBOUNDED;
	struct lookup_person person;
	struct passwd_line line;
	enum err e = passwd_line_parse(text, &line, why_r);

	if (e)
		return e == ERR_NOTFOUND ? OK : e;
	lookup_person_init(&person);
	e = passwd_line_read(&line, &person, why_r);
	lookup_person_fini(&person);
	if (!e && account_name_prepare(line.name, &name)) {
		*why_r = "has a name that no account may have";
		e = ERR_INVALID;
	}
	if (!e && find_entry(t, buf_str(&name))) {
		*why_r = "has a name that stands in a line before";
		e = ERR_INVALID;
	}
	if (!e)
		add_entry(t, buf_str(&name), &line);
	buf_fini(&name);
	return e;
}

static void read_lines(struct table *t, const char *path)
{
	str rest = str_of(t->content, t->size);
	unsigned complaints = 0;

	for (uint64_t number = 1; rest.n; number++) {
		str line = str_take(rest, str_find_byte(rest, '\n'));
		const char *why = "";

		rest = str_skip(rest, line.n + 1);
		if (str_ends(line, STR("\r")))
			line.n--;
		if (take_line(t, line, &why) == OK)
			continue;
		if (complaints++ < COMPLAINTS_MAX)
			log_error("auth", "line of passwd.file is left out",
				LOG_C("file", path), LOG_U64("line", number),
				LOG_C("reason", why));
	}
	if (complaints > COMPLAINTS_MAX)
		log_error("auth", "more lines of passwd.file are left out",
			LOG_C("file", path), LOG_U64("lines", complaints));
}

static int read_content(int fd, const struct stat *st, struct table *t)
{
	size_t want = (size_t)st->st_size;
	ssize_t n = 0;

	if (!S_ISREG(st->st_mode) || st->st_size > FILE_MAX)
		return S_ISREG(st->st_mode) ? EFBIG : EINVAL;
	t->content = xmalloc(want + 1);
	while (t->size < want &&
		(n = read(fd, t->content + t->size, want - t->size)) > 0)
		t->size += (size_t)n;
	return n < 0 ? errno : 0;
}

static int read_file(const char *path, struct table *t, struct stat *seen_r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int number;

	*t = (struct table){0};
	if (fd < 0 || fstat(fd, seen_r) < 0)
		number = errno;
	else
		number = read_content(fd, seen_r, t);
	if (fd >= 0)
		close(fd);
	if (number)
		free_table(t);
	else
		read_lines(t, path);
	return number;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* With the lock. What cannot be read any more is not known any more: somebody
 * may have been taken out of it. */
static enum err refresh(struct passwd_file *f)
{
	struct stat now;
	int number = 0;

	if (stat(f->path, &now) == 0 && f->has_table && is_same(&now, &f->seen))
		return OK;
	free_table(&f->table);
	number = read_file(f->path, &f->table, &f->seen);
	f->has_table = number == 0;
	if (number && number != f->complained)
		log_error("auth", "passwd.file cannot be read",
			LOG_C("file", f->path),
			LOG_C("reason", strerror(number)));
	f->complained = number;
	if (number)
		return ERR_UNAVAILABLE;
	log_info("auth", "passwd.file was read", LOG_C("file", f->path),
		LOG_U64("accounts", f->table.count));
	return OK;
}

/* -------- the source -------- */

static enum err answer(const struct entry *entry,
	const struct lookup_request *q, struct lookup_person *person_r)
{
	const char *why;

	if (!entry)
		return ERR_NOTFOUND;
	if (q->op == LOOKUP_VERIFY &&
		!passwd_line_allows(&entry->line, lookup_host(q->remote)))
		return ERR_DENIED;
	if (passwd_line_read(&entry->line, person_r, &why) ||
		person_take_name(person_r, str_c(entry->name)))
		return ERR_UNAVAILABLE; /* cannot be: it was read before */
	return q->op == LOOKUP_VERIFY ? ERR_UNSUPPORTED : OK;
}

static enum err ask(struct lookup_source *source,
	const struct lookup_request *q, struct lookup_person *person_r)
{
	struct passwd_file *f = (struct passwd_file *)source;
	struct buf name = BUF_UNBOUNDED;
	enum err e;

	if (q->op == LOOKUP_TOKEN)
		return ERR_UNSUPPORTED;
	if (account_name_prepare(q->name, &name)) {
		buf_fini(&name);
		return ERR_NOTFOUND;
	}
	pthread_mutex_lock(&f->lock);
	e = refresh(f);
	if (!e)
		e = answer(find_entry(&f->table, buf_str(&name)), q, person_r);
	pthread_mutex_unlock(&f->lock);
	buf_fini(&name);
	return e;
}

static void prepare(struct lookup_source *source)
{
	struct passwd_file *f = (struct passwd_file *)source;

	pthread_mutex_lock(&f->lock);
	(void)!refresh(f);
	pthread_mutex_unlock(&f->lock);
}

static void free_source(struct lookup_source *source)
{
	struct passwd_file *f = (struct passwd_file *)source;

	free_table(&f->table);
	pthread_mutex_destroy(&f->lock);
	free(f->path);
	free(f);
}

struct lookup_source *lookup_passwd_new(const char *path)
{
	struct passwd_file *f = xcalloc(1, sizeof *f);

	f->source = (struct lookup_source){.kind = LOOKUP_PASSWD,
		.prepare = prepare,
		.ask = ask,
		.free = free_source};
	f->path = xstrdup(path);
	pthread_mutex_init(&f->lock, NULL);
	return &f->source;
}
