/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_source: the text of a configuration file with its includes put in,
 * and for each line of it, which file and line it came from. libconfig could
 * include by itself, but ends the process when it is given a directory, tells
 * only the first missing file, and looks beside the current directory.
 *
 * Bounds: 256 KiB in all, 64 files, 10 levels.
 */
#ifndef SERVER_CONFIG_SOURCE_H
#define SERVER_CONFIG_SOURCE_H

#include "server/config.h"

struct config_source {
	struct buf text; /* ends with a NUL byte */
	unsigned lines;	 /* in text, complete ones */
	char **files;	 /* owned names */
	size_t file_count;
	struct config_span *spans; /* by their first line */
	size_t span_count;
	bool can_include;
};

/* Reads `path` and what it includes. Adds to errors. ERR_INVALID when `path`
 * itself cannot be read; then nothing is to be given back. */
MUST enum err config_source_read(struct config_source *source_r,
	const char *path, struct config_errors *errors);
/* Takes text in place of a file; an @include in it is an error. */
void config_source_take(struct config_source *source_r, str text,
	const char *name, struct config_errors *errors);
void config_source_fini(struct config_source *);

/* Where a line of the text, from 1, came from. The name is the source's. */
void config_source_locate(const struct config_source *, unsigned line,
	const char **file_r, unsigned *line_r);

#endif
