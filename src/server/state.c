/* SPDX-License-Identifier: Apache-2.0 */
#include "server/state.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Users that need not exist, in the range that Debian leaves to nobody
 * (Debian Policy section 9.2.2). */
#define FALLBACK_UID 60801
/* How long the roles of a master that was killed may take to follow it. */
#define LOCK_PATIENCE_MS 5000

static enum err failed(
	const struct state *s, const char *name, const char *what)
{
	int number = errno;
	char *path = xasprintf("%s%s%s", s->path, *name ? "/" : "", name);

	log_error("server", what, LOG_C("path", path),
		LOG_C("reason", strerror(number)));
	free(path);
	return number ? err_from_errno(number) : ERR_IO;
}

/* -------- users -------- */

static const char *user_of(const struct config *config, enum role_kind kind)
{
	switch (kind) {
	case ROLE_FRONT:
		return config->users_front;
	case ROLE_AUTH:
		return config->users_auth;
	case ROLE_LOOKUP:
		return config->users_lookup;
	default:
		return config->users_mail;
	}
}

static struct state_owner find_owner(
	const struct config *config, enum role_kind kind, bool quiet)
{
	const char *name = user_of(config, kind);
	uid_t fallback = FALLBACK_UID + (uid_t)kind;
	const struct passwd *user;
	uint64_t number;

	if (geteuid() != 0)
		return (struct state_owner){geteuid(), getegid()};
	if (str_to_u64(str_c(name), UINT32_MAX - 1, &number) == OK)
		return (struct state_owner){(uid_t)number, (gid_t)number};
	user = getpwnam(name);
	if (user)
		return (struct state_owner){user->pw_uid, user->pw_gid};
	if (!quiet)
		log_info("server", "no such user; a number is used instead",
			LOG_C("user", name), LOG_U64("uid", fallback));
	return (struct state_owner){fallback, fallback};
}

static bool is_wanted(const struct config *config, enum role_kind kind)
{
	return kind != ROLE_LOOKUP || config_has_outside_source(config);
}

/* -------- directories -------- */

static enum err make_parents(const char *path)
{
	char *copy = xstrdup(path);
	enum err e = OK;

	for (char *slash = copy; !e && (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			e = err_from_errno(errno);
		*slash = '/';
	}
	free(copy);
	return e;
}

static int open_directory(int at, const char *name)
{
	return openat(
		at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static enum err open_top(struct state *s)
{
	struct stat st;

	if (make_parents(s->path) ||
		(mkdir(s->path, 0711) < 0 && errno != EEXIST))
		return failed(s, "", "state directory cannot be made");
	s->top = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->top < 0 || fstat(s->top, &st) < 0)
		return failed(s, "", "state directory cannot be opened");
	if (st.st_uid == geteuid() || geteuid() == 0)
		return OK;
	errno = EPERM;
	return failed(s, "",
		"state directory belongs to another user; start as that user, "
		"or as root");
}

/* Everything in a directory that belonged to somebody else: an earlier run as
 * another user. Never through links, nor a file with a second name, which may
 * be anybody's. */
static enum err give_tree(const struct state *s, const char *name,
	const struct state_owner *owner)
{
	char *path = xasprintf("%s/%s", s->path, name);
	char *const roots[] = {path, NULL};
	FTS *tree = fts_open(roots, FTS_PHYSICAL, NULL);
	enum err e = tree ? OK : ERR_IO;

	for (FTSENT *at; !e && (at = fts_read(tree));) {
		bool file =
			at->fts_info == FTS_F && at->fts_statp->st_nlink == 1;

		if ((file || at->fts_info == FTS_DP) &&
			lchown(at->fts_accpath, owner->uid, owner->gid) < 0)
			e = failed(s, name, "directory cannot be given");
	}
	if (tree)
		fts_close(tree);
	free(path);
	return e;
}

static enum err open_role_directory(
	struct state *s, const char *name, enum role_kind kind)
{
	const struct state_owner *owner = &s->owners[kind];
	struct stat st;

	if (mkdirat(s->top, name, 0700) < 0 && errno != EEXIST)
		return failed(s, name, "directory cannot be made");
	s->dirs[kind] = open_directory(s->top, name);
	if (s->dirs[kind] < 0 || fstat(s->dirs[kind], &st) < 0)
		return failed(s, name, "directory cannot be opened");
	if (geteuid() == 0 &&
		(st.st_uid != owner->uid || st.st_gid != owner->gid))
		return give_tree(s, name, owner);
	if (st.st_uid == owner->uid)
		return OK;
	errno = EPERM;
	return failed(s, name,
		"directory belongs to another user; start as that user, or as "
		"root");
}

static enum err open_empty_directory(struct state *s)
{
	if (mkdirat(s->top, "empty", 0555) < 0 && errno != EEXIST)
		return failed(s, "empty", "directory cannot be made");
	s->dirs[ROLE_FRONT] = open_directory(s->top, "empty");
	s->dirs[ROLE_LOOKUP] = open_directory(s->top, "empty");
	if (s->dirs[ROLE_FRONT] < 0 || s->dirs[ROLE_LOOKUP] < 0)
		return failed(s, "empty", "directory cannot be opened");
	return OK;
}

/* With the lock held, sockets that are there are those of the dead. */
static enum err make_control_directory(const struct state *s)
{
	const struct dirent *entry;
	DIR *dir;
	int fd;

	if (mkdirat(s->top, "control", 0700) < 0 && errno != EEXIST)
		return failed(s, "control", "directory cannot be made");
	fd = open_directory(s->top, "control");
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(fd, entry->d_name, 0);
	if (dir)
		closedir(dir);
	return OK;
}

/* -------- the lock -------- */

static pid_t read_holder(int lock)
{
	char text[24] = {0};
	ssize_t n = pread(lock, text, sizeof text - 1, 0);

	return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static bool is_alive(pid_t pid)
{
	return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

/* The roles of a master that was killed hold the lock until they have ended
 * too, which they do at once. */
static enum err wait_for_lock(const struct state *s, bool quiet)
{
	uint64_t deadline = clock_monotonic_ms() + LOCK_PATIENCE_MS;
	pid_t holder;

	while (flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return failed(s, "lock", "lock cannot be taken");
		holder = read_holder(s->lock);
		if (is_alive(holder) || clock_monotonic_ms() > deadline) {
			if (!quiet)
				log_error("server",
					"another culver uses this state "
					"directory",
					LOG_C("path", s->path),
					LOG_I64("pid", holder));
			return ERR_INUSE;
		}
		usleep(20000);
	}
	return OK;
}

static enum err take_lock(struct state *s, bool quiet)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	enum err e;

	s->lock = openat(s->top, "lock",
		O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return failed(s, "lock", "lock cannot be opened");
	e = wait_for_lock(s, quiet);
	if (e)
		return e;
	if (ftruncate(s->lock, 0) < 0 ||
		pwrite(s->lock, text, (size_t)n, 0) != n)
		return failed(s, "lock", "lock cannot be written");
	return OK;
}

enum err state_open(const struct config *config, bool quiet, struct state *s)
{
	enum err e;

	*s = (struct state){.path = xstrdup(config->state),
		.top = -1,
		.lock = -1,
		.dirs = STATE_NO_DIRS};
	e = open_top(s);
	if (!e)
		e = take_lock(s, quiet);
	for (int kind = 0; kind < ROLE_KINDS && !e; kind++)
		s->owners[kind] = find_owner(config, (enum role_kind)kind,
			quiet || !is_wanted(config, (enum role_kind)kind));
	if (!e)
		e = open_empty_directory(s);
	if (!e)
		e = open_role_directory(s, "auth", ROLE_AUTH);
	if (!e)
		e = open_role_directory(s, "mail", ROLE_MAIL);
	if (!e)
		e = make_control_directory(s);
	if (e)
		state_close(s);
	return e;
}

void state_close(struct state *s)
{
	for (int kind = 0; kind < ROLE_KINDS; kind++)
		if (s->dirs[kind] >= 0)
			close(s->dirs[kind]);
	if (s->lock >= 0)
		close(s->lock);
	if (s->top >= 0)
		close(s->top);
	free(s->path);
	*s = (struct state){.top = -1, .lock = -1, .dirs = STATE_NO_DIRS};
}

/* -------- control sockets -------- */

enum err state_listen(const struct state *s, const char *name, int *fd_r)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int n = snprintf(address.sun_path, sizeof address.sun_path,
		"%s/control/%s", s->path, name);
	mode_t mask;
	int r;

	*fd_r = -1;
	errno = ENAMETOOLONG;
	if (n < 0 || (size_t)n >= sizeof address.sun_path)
		return failed(s, name, "control socket");
	state_unlink_socket(s, name);
	*fd_r = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0177);
	r = *fd_r < 0 ? -1 : bind(*fd_r, (void *)&address, sizeof address);
	umask(mask);
	if (r == 0 && listen(*fd_r, 64) == 0)
		return OK;
	return failed(s, name, "control socket");
}

void state_unlink_socket(const struct state *s, const char *name)
{
	char *path = xasprintf("control/%s", name);

	(void)unlinkat(s->top, path, 0);
	free(path);
}
