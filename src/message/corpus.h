/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: each file of the mail corpus that $CULVER_CORPUS names. */
#ifndef MESSAGE_CORPUS_H
#define MESSAGE_CORPUS_H

#include "base/alloc.h"
#include "base/str.h"

#include <fts.h>
#include <stdio.h>
#include <stdlib.h>

/* The file's bytes, NUL-terminated after n; the caller frees p. */
static inline str corpus_read(const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t cap = 1 << 16, n = 0, got;
	char *p = xmalloc(cap);
	while (f && (got = fread(p + n, 1, cap - n - 1, f)) > 0) {
		n += got;
		if (n == cap - 1)
			p = xrealloc(p, cap *= 2, 1);
	}
	if (f)
		fclose(f);
	p[n] = '\0';
	return str_of(p, n);
}

/* How many files there were; 0 without a corpus. */
static inline size_t corpus_each(
	void (*check)(const char *path, str bytes, void *arg), void *arg)
{
	char *root = getenv("CULVER_CORPUS");
	char *const roots[] = {root, NULL};
	FTS *fts = root ? fts_open(roots, FTS_PHYSICAL, NULL) : NULL;
	size_t count = 0;
	for (FTSENT *e; fts && (e = fts_read(fts));) {
		str name = str_c(e->fts_name);
		if (e->fts_info != FTS_F ||
			(!str_ends(name, STR(".eml")) &&
				!str_ends(name, STR(".mbox"))))
			continue;
		str bytes = corpus_read(e->fts_path);
		check(e->fts_path, bytes, arg);
		free((char *)bytes.p);
		count++;
	}
	if (fts)
		fts_close(fts);
	return count;
}

#endif
