/* SPDX-License-Identifier: Apache-2.0 */
#include "net/scoreboard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096 };
_Static_assert(sizeof(struct scoreboard) <= PAGE, "one page");

struct scoreboard *scoreboard_page(struct scoreboard *all, unsigned index)
{
	return (struct scoreboard *)(void *)((char *)all +
					     (size_t)index * PAGE);
}

enum err scoreboard_create(unsigned count, struct scoreboard **all_r, int *fd_r)
{
	size_t size = (size_t)count * PAGE;
	int fd = memfd_create(
		"culver-scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *p = MAP_FAILED;
	enum err err;

	if (fd < 0)
		return err_from_errno(errno);
	/* Sealed: whoever cut it short would crash the others. */
	if (ftruncate(fd, (off_t)size) == 0 &&
		fcntl(fd, F_ADD_SEALS,
			F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		err = err_from_errno(errno);
		close(fd);
		return err;
	}
	*all_r = p;
	*fd_r = fd;
	return OK;
}

enum err scoreboard_attach(int fd, unsigned index, struct scoreboard **page_r)
{
	off_t at = (off_t)index * PAGE;
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0 || at + PAGE > st.st_size)
		return ERR_INVALID;
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);
	if (p == MAP_FAILED)
		return err_from_errno(errno);
	*page_r = p;
	return OK;
}

void scoreboard_clear_gauges(struct scoreboard *page)
{
	atomic_store(&page->connections, 0);
	atomic_store(&page->sessions, 0);
	atomic_store(&page->logins_queued, 0);
}
