/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

char *path_in(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

struct buf read_file(const char *path)
{
	struct buf b = BUF_UNBOUNDED;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char room[4096];
	ssize_t n;

	assert_true(fd >= 0);
	while ((n = read(fd, room, sizeof room)) > 0)
		buf_add(&b, str_of(room, (size_t)n));
	close(fd);
	return b;
}

void write_file(const char *path, str bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes.p, bytes.n), bytes.n);
	close(fd);
}

char *copy_of(const char *from)
{
	char *to = dir_make();
	DIR *d = opendir(from);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char *source = path_in(from, e->d_name);
		char *target = path_in(to, e->d_name);
		struct stat st;

		if (stat(source, &st) == 0 && S_ISREG(st.st_mode)) {
			struct buf bytes = read_file(source);

			write_file(target, buf_str(&bytes));
			buf_fini(&bytes);
		}
		free(source);
		free(target);
	}
	closedir(d);
	return to;
}
