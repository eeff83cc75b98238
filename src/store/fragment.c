/* SPDX-License-Identifier: Apache-2.0 */
#include "store/fragment.h"
#include "base/alloc.h"
#include "store/masked.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

size_t fragment_size_in_head(str s)
{
	return FRAGMENT_HEAD + (size_t)le_get(s.p + FRAGMENT_LENGTH, 2);
}

bool fragment_has_sum(str s)
{
	return masked_crc32c(str_skip(s, FRAGMENT_TYPE)) ==
	       le_get(s.p, MASKED_SIZE);
}

size_t fragment_size(str here)
{
	size_t size;

	if (here.n < FRAGMENT_HEAD || !fragment_has_type(here))
		return 0;
	size = fragment_size_in_head(here);
	return size <= here.n && fragment_has_sum(str_take(here, size)) ? size
									: 0;
}

bool fragment_is_zero(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i])
			return false;
	return true;
}

size_t fragment_wrong_size(str here)
{
	size_t size;

	if (here.n < FRAGMENT_HEAD)
		return here.n;
	size = fragment_size_in_head(here);
	return fragment_size(str_skip(here, size)) ? size : here.n;
}

size_t fragment_skip_whole(str *here)
{
	size_t begun = 0, size;

	while ((size = fragment_size(*here))) {
		begun += here->p[FRAGMENT_TYPE] == FRAGMENT_WHOLE ||
			 here->p[FRAGMENT_TYPE] == FRAGMENT_FIRST;
		*here = str_skip(*here, size);
	}
	return begun;
}

bool fragment_record_follows(str here)
{
	while (here.n > FRAGMENT_HEAD) {
		str rest = here = str_skip(here, 1);

		if (fragment_skip_whole(&rest) &&
			(rest.n < FRAGMENT_HEAD || fragment_is_zero(rest)))
			return true;
	}
	return false;
}

void fragment_add(struct buf *b, enum fragment_type type, str bytes)
{
	size_t size = FRAGMENT_HEAD + bytes.n;
	char *p = buf_reserve(b, size);

	le_put(p + FRAGMENT_LENGTH, 2, bytes.n);
	p[FRAGMENT_TYPE] = (char)type;
	memcpy(p + FRAGMENT_HEAD, bytes.p, bytes.n);
	le_put(p, MASKED_SIZE,
		masked_crc32c(str_of(p + FRAGMENT_TYPE, size - FRAGMENT_TYPE)));
	buf_added(b, size);
}

enum err fragment_read_blocks(int fd, fragment_block_fn *fn, void *arg)
{
	char *block = xmalloc(FRAGMENT_BLOCK);
	bool more = true;
	ssize_t got = 1;
	enum err e;

	for (uint64_t at = 0; more && got > 0; at += FRAGMENT_BLOCK) {
		size_t n = 0;

		while (n < FRAGMENT_BLOCK &&
			(got = pread(fd, block + n, FRAGMENT_BLOCK - n,
				 (off_t)(at + n))) > 0)
			n += (size_t)got;
		if (got >= 0 && n)
			more = fn(arg, at, block, n);
	}
	e = got < 0 ? err_from_errno(errno) : OK;
	free(block);
	return e;
}
