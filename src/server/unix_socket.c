/* SPDX-License-Identifier: Apache-2.0 */
#include "server/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static enum err address_of(const char *path, struct sockaddr_un *address_r)
{
	*address_r = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address_r->sun_path)
		return ERR_TOOBIG;
	memcpy(address_r->sun_path, path, strlen(path));
	return OK;
}

static int stream_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* True when nobody listens; whoever has no time just now listens. */
static bool is_dead(const struct sockaddr_un *address)
{
	int fd = stream_socket();
	bool dead = fd >= 0 &&
		    connect(fd, (const void *)address, sizeof *address) < 0 &&
		    errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return dead;
}

static enum err clear_way(const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? OK : err_from_errno(errno);
	if (!S_ISSOCK(st.st_mode))
		return ERR_EXISTS;
	if (!is_dead(address))
		return ERR_INUSE;
	return unlink(address->sun_path) < 0 ? err_from_errno(errno) : OK;
}

static enum err find_group(const char *group, gid_t *gid_r)
{
	const struct group *found;
	uint64_t number;

	if (str_to_u64(str_c(group), UINT32_MAX - 1, &number) == OK) {
		*gid_r = (gid_t)number;
		return OK;
	}
	found = getgrnam(group);
	if (!found)
		return ERR_NOTFOUND;
	*gid_r = found->gr_gid;
	return OK;
}

/* By a descriptor, so that nobody who can write in the directory has another
 * file given away. */
static enum err give_to_group(const char *path, const char *group)
{
	int fd = -1;
	struct stat st;
	gid_t gid = 0;
	enum err err;

	if (!*group)
		return OK;
	err = find_group(group, &gid);
	if (err)
		return err;
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_from_errno(errno);
	if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
		err = ERR_IO;
	else if (fchownat(fd, "", (uid_t)-1, gid, AT_EMPTY_PATH) < 0)
		err = err_from_errno(errno);
	close(fd);
	return err;
}

/* The file is made with the mode of the socket that is bound. */
static enum err bind_with_mode(
	int fd, const struct sockaddr_un *address, mode_t mode)
{
	mode_t mask;
	int r;

	if (fchmod(fd, mode) < 0)
		return err_from_errno(errno);
	mask = umask(0);
	r = bind(fd, (const void *)address, sizeof *address);
	umask(mask);
	if (r < 0)
		return errno == EADDRINUSE ? ERR_INUSE : err_from_errno(errno);
	return OK;
}

enum err unix_socket_listen(
	const char *path, mode_t mode, const char *group, int *fd_r)
{
	struct sockaddr_un address;
	enum err err = address_of(path, &address);
	int fd;

	*fd_r = -1;
	if (!err)
		err = clear_way(&address);
	if (err)
		return err;
	fd = stream_socket();
	if (fd < 0)
		return err_from_errno(errno);
	err = bind_with_mode(fd, &address, mode);
	if (err) {
		close(fd);
		return err;
	}
	err = give_to_group(path, group);
	if (!err && listen(fd, SOMAXCONN) < 0)
		err = err_from_errno(errno);
	if (err) {
		(void)unlink(path);
		close(fd);
		return err;
	}
	*fd_r = fd;
	return OK;
}

void unix_socket_remove(const char *path, int fd)
{
	struct sockaddr_un address;

	close(fd);
	if (address_of(path, &address) == OK)
		(void)!clear_way(&address);
}
