/* SPDX-License-Identifier: Apache-2.0 */
#include "store/correct.h"
#include "store/wrongbit.h"

#include <errno.h>
#include <unistd.h>

typedef bool wrong_bit_fn(const char *bytes, uint64_t *bit_r);

/* Of n bytes, of which none are wrong if they are not all there. */
static enum err correct_at(struct correcting *c, int fd, const char *file,
	uint64_t at, size_t n, wrong_bit_fn *find)
{
	char bytes[BLOB_FOOTER];
	ssize_t got = pread(fd, bytes, n, (off_t)at);
	uint64_t bit;

	if (got < 0)
		return err_from_errno(errno);
	if ((size_t)got < n || !find(bytes, &bit))
		return OK;
	return correct_bit(c, fd, file, 8 * at + bit);
}

static enum err correct_blob(struct correcting *c, int fd, const char *file)
{
	off_t size = lseek(fd, 0, SEEK_END);
	enum err e;

	e = correct_at(c, fd, file, 0, BLOB_HEADER, wrongbit_in_blob_header);
	if (e || size < BLOB_HEADER + BLOB_FOOTER)
		return e;
	return correct_at(c, fd, file, (uint64_t)size - BLOB_FOOTER,
		BLOB_FOOTER, wrongbit_in_blob_footer);
}

enum err correct_blobs(struct correcting *c)
{
	return correct_each(c, ".blob", correct_blob);
}
