/* SPDX-License-Identifier: Apache-2.0 */
/* However a file is read in pieces, the same messages come out, and no more
 * bytes than went in. The first byte chooses the dialect, the second the
 * size of pieces. */
#include "base/arena.h"
#include "base/buf.h"
#include "message/mbox.h"
#include "message/mbox_status.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct file {
	str text;
	size_t piece;
};

static enum err read_at(
	void *closure, uint64_t offset, char *room, size_t size, size_t *n_r)
{
	const struct file *file = closure;
	str rest = str_skip(file->text, offset);

	rest = str_take(rest, size < file->piece ? size : file->piece);
	memcpy(room, rest.p, rest.n);
	*n_r = rest.n;
	return OK;
}

static enum err read_messages(
	struct file file, enum mbox_dialect dialect, struct buf *out)
{
	struct mbox m;
	struct mbox_from from;
	enum err e;

	mbox_init(&m, (struct mbox_input){read_at, &file}, dialect);
	while ((e = mbox_next(&m, &from)) == OK) {
		str bytes;

		while (mbox_read(&m, &bytes) == OK && bytes.n)
			buf_add(out, bytes);
	}
	if (mbox_offset(&m) > file.text.n)
		abort();
	mbox_fini(&m);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once = BUF_UNBOUNDED, again = BUF_UNBOUNDED;
	struct mbox_status status;
	struct arena arena;
	struct file file;
	enum mbox_dialect dialect;
	enum err e;

	if (size < 2)
		return 0;
	dialect = (enum mbox_dialect)(data[0] % 5);
	file = (struct file){str_of((const char *)data + 2, size - 2), size};
	e = read_messages(file, dialect, &once);
	if (e != ERR_NOTFOUND && e != ERR_INVALID)
		abort();
	file.piece = 1u + data[1];
	if (read_messages(file, dialect, &again) != e ||
		!str_eq(buf_str(&once), buf_str(&again)) || once.n > size)
		abort();
	arena_init(&arena, 1 << 20);
	mbox_status_parse(&arena, buf_str(&once), &status);
	arena_fini(&arena);
	buf_fini(&once);
	buf_fini(&again);
	return 0;
}
