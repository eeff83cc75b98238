/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For LD_PRELOAD: records what the roles that keep files (mail, auth) do to
 * them, so that power_loss.py can make what a power cut at any moment may
 * leave behind. $CULVER_RECORD is the file that the records are appended to, by
 * all processes: its order is the order of what happened, and whoever hears
 * that something was done and then looks at its size knows that all of it is
 * recorded before.
 *
 * A record: struct record, the name, and of a write the bytes. Of a sync there
 * are two, when it begins and when it has come back: what was written before
 * the first is safe after the second. sync_file_range makes nothing safe, and
 * is not recorded. Names are without directories: each role has one, flat.
 *
 * Not seen: what libc's stdio writes (RocksDB's LOG, which nobody reads), and
 * writes through a shared mapping (SQLite's -shm, which it makes anew); other
 * such mappings end the process, since the test would say nothing then.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 65536

struct record {
	char op;   /* see the callers of put() */
	char role; /* 'm', 'a' */
	uint16_t name_n;
	uint32_t file; /* which open file; after 'o' of the same number another
			*/
	uint64_t at, n;
};

static int out = -1;
static char role;
static char known[FDS]; /* 'f': a file, 'd': a directory */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static void put(char op, int fd, const char *name, uint64_t at, const void *p,
	uint64_t n)
{
	struct record r = {op, role, (uint16_t)(name ? strlen(name) : 0),
		((uint32_t)getpid() & 0xffff) << 16 | ((uint32_t)fd & 0xffff),
		at, n};
	struct iovec parts[] = {{&r, sizeof r},
		{(void *)(uintptr_t)(name ? name : ""), r.name_n},
		{(void *)(uintptr_t)p, p ? n : 0}};
	size_t size = parts[0].iov_len + parts[1].iov_len + parts[2].iov_len;
	int saved = errno;

	pthread_mutex_lock(&lock);
	if (writev(out, parts, 3) != (ssize_t)size)
		abort();
	pthread_mutex_unlock(&lock);
	errno = saved;
}

/* The role, from "culver --role mail 3"; nobody else is recorded. */
static char find_role(void)
{
	char line[256] = "";
	FILE *f = fopen("/proc/self/cmdline", "re");
	size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;

	if (f)
		fclose(f);
	for (size_t i = 0; i + 1 < n; i++)
		if (line[i] == '\0')
			line[i] = ' ';
	if (strstr(line, "--role mail"))
		return 'm';
	return strstr(line, "--role auth") ? 'a' : 0;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("CULVER_RECORD");

	role = path ? find_role() : 0;
	if (!role)
		return;
	out = REAL(open)(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (out < 0)
		abort();
	put('b', 0, NULL, 0, NULL, 0);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int is_content(const char *path)
{
	return strncmp(path, "/proc", 5) != 0 &&
	       strncmp(path, "/dev", 4) != 0 && !strstr(path, "-shm");
}

static int opened(int fd, const char *path, int flags)
{
	struct stat st;

	if (out < 0 || fd < 0 || fd >= FDS || fd == out || fstat(fd, &st) != 0)
		return fd;
	known[fd] = 0;
	if (S_ISDIR(st.st_mode))
		known[fd] = 'd';
	if (!S_ISREG(st.st_mode) || !is_content(path))
		return fd;
	known[fd] = 'f';
	put('o', fd, last_part(path), (uint64_t)(unsigned)flags, NULL, 0);
	return fd;
}

#define OPEN(name)                                                             \
	int name(const char *path, int flags, ...)                             \
	{                                                                      \
		mode_t mode = 0;                                               \
		va_list ap;                                                    \
		va_start(ap, flags);                                           \
		if (flags & (O_CREAT | O_TMPFILE))                             \
			mode = va_arg(ap, mode_t);                             \
		va_end(ap);                                                    \
		return opened(REAL(name)(path, flags, mode), path, flags);     \
	}
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                           \
	int name(int dir, const char *path, int flags, ...)                    \
	{                                                                      \
		mode_t mode = 0;                                               \
		va_list ap;                                                    \
		va_start(ap, flags);                                           \
		if (flags & (O_CREAT | O_TMPFILE))                             \
			mode = va_arg(ap, mode_t);                             \
		va_end(ap);                                                    \
		return opened(                                                 \
			REAL(name)(dir, path, flags, mode), path, flags);      \
	}
OPENAT(openat)
OPENAT(openat64)

static char kind_of(int fd)
{
	return out >= 0 && fd >= 0 && fd < FDS ? known[fd] : 0;
}

int close(int fd)
{
	if (kind_of(fd))
		known[fd] = 0;
	return REAL(close)(fd);
}

ssize_t write(int fd, const void *p, size_t size)
{
	ssize_t n = REAL(write)(fd, p, size);

	if (n > 0 && kind_of(fd) == 'f')
		put('w', fd, NULL,
			(uint64_t)lseek(fd, 0, SEEK_CUR) - (uint64_t)n, p,
			(uint64_t)n);
	return n;
}

#define PWRITE(name, type)                                                     \
	ssize_t name(int fd, const void *p, size_t size, type at)              \
	{                                                                      \
		ssize_t n = REAL(name)(fd, p, size, at);                       \
		if (n > 0 && kind_of(fd) == 'f')                               \
			put('w', fd, NULL, (uint64_t)at, p, (uint64_t)n);      \
		return n;                                                      \
	}
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

/* 's' ... 'S': a file; 'd' ... 'D': the directory. */
#define SYNC(name)                                                             \
	int name(int fd)                                                       \
	{                                                                      \
		char kind = kind_of(fd);                                       \
		int e;                                                         \
		if (kind)                                                      \
			put(kind == 'd' ? 'd' : 's', fd, NULL, 0, NULL, 0);    \
		e = REAL(name)(fd);                                            \
		if (kind && e == 0)                                            \
			put(kind == 'd' ? 'D' : 'S', fd, NULL, 0, NULL, 0);    \
		return e;                                                      \
	}
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(name, type)                                                   \
	int name(int fd, type size)                                            \
	{                                                                      \
		int e = REAL(name)(fd, size);                                  \
		if (e == 0 && kind_of(fd) == 'f')                              \
			put('t', fd, NULL, (uint64_t)size, NULL, 0);           \
		return e;                                                      \
	}
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

/* Room is not content; only the size counts. */
#define ALLOCATE(name, type)                                                   \
	int name(int fd, int mode, type at, type n)                            \
	{                                                                      \
		int e = REAL(name)(fd, mode, at, n);                           \
		if (e == 0 && kind_of(fd) == 'f' &&                            \
			!(mode & FALLOC_FL_KEEP_SIZE))                         \
			put('x', fd, NULL, (uint64_t)(at + n), NULL, 0);       \
		return e;                                                      \
	}
ALLOCATE(fallocate, off_t)
ALLOCATE(fallocate64, off64_t)

int posix_fallocate(int fd, off_t at, off_t n)
{
	int e = REAL(posix_fallocate)(fd, at, n);

	if (e == 0 && kind_of(fd) == 'f')
		put('x', fd, NULL, (uint64_t)(at + n), NULL, 0);
	return e;
}

static void put_names(char op, const char *from, const char *to)
{
	char both[1024];

	if (snprintf(both, sizeof both, "%s/%s", last_part(from),
		    last_part(to)) >= (int)sizeof both)
		abort();
	put(op, 0, both, 0, NULL, 0);
}

int rename(const char *from, const char *to)
{
	int e = REAL(rename)(from, to);

	if (e == 0 && out >= 0)
		put_names('r', from, to);
	return e;
}

int link(const char *from, const char *to)
{
	int e = REAL(link)(from, to);

	if (e == 0 && out >= 0)
		put_names('l', from, to);
	return e;
}

int unlink(const char *path)
{
	int e = REAL(unlink)(path);

	if (e == 0 && out >= 0)
		put('u', 0, last_part(path), 0, NULL, 0);
	return e;
}

int unlinkat(int dir, const char *path, int flags)
{
	int e = REAL(unlinkat)(dir, path, flags);

	if (e == 0 && out >= 0)
		put('u', 0, last_part(path), 0, NULL, 0);
	return e;
}

#define MMAP(name, type)                                                       \
	void *name(void *p, size_t n, int prot, int flags, int fd, type at)    \
	{                                                                      \
		if (kind_of(fd) == 'f' && prot & PROT_WRITE &&                 \
			flags & MAP_SHARED)                                    \
			abort();                                               \
		return REAL(name)(p, n, prot, flags, fd, at);                  \
	}
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)
