/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: reads a configuration file (libconfig syntax) into a struct config,
 * and finds everything that is wrong with it at once.
 *
 *	@include "other.conf"
 *
 * on a line of its own is replaced by that file; a relative name is looked up
 * beside the including file. Relative paths in settings are against the
 * current directory, so that one file serves a source tree; the process must
 * not change its directory between start and reload. A setting given twice
 * is an error.
 *
 * The calls that take a path read files and may block; the others are pure.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "server/settings.h"

struct config_error {
	bool warning;  /* the configuration can be used all the same */
	char *file;    /* owned; as the user named it */
	unsigned line; /* 0: the file as a whole */
	char *text;    /* owned; "setting: what is wrong; what to do" */
};

struct config_errors {
	struct config_error *list; /* by file and line; the first 100 */
	size_t count;
	size_t warnings; /* how many of them are such */
};

#define CONFIG_ERRORS_EMPTY ((struct config_errors){0})

/* Reads, checks the file, and what it names: certificate and key (readable,
 * in PEM, belong together), users when started as root. On ERR_INVALID the
 * errors say why, and *config_r is NULL; on OK they hold warnings only. The
 * caller frees both. */
MUST enum err config_load(const char *path, struct config **config_r,
	struct config_errors *errors);
/* The same without looking at any file: `text` is what would be in the file
 * `name`; includes are refused; relative paths are against `directory`. */
MUST enum err config_parse(str text, const char *name, const char *directory,
	struct config **config_r, struct config_errors *errors);
/* All defaults. */
struct config *config_new(void);
void config_free(struct config *); /* takes NULL */

void config_errors_add(struct config_errors *, const char *file, unsigned line,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
void config_warnings_add(struct config_errors *, const char *file,
	unsigned line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* "file:line: text" lines. */
void config_errors_print(const struct config_errors *, struct buf *);
void config_errors_fini(struct config_errors *);

/* From the master to its roles (IPC_CONFIG). Without secrets these are sent
 * empty; with them the caller wipes the bytes. */
void config_encode(const struct config *, bool secrets, struct buf *);
/* ERR_INVALID when the bytes are not config_encode's. */
MUST enum err config_decode(str bytes, struct config **config_r);

/* A reload: the settings that differ, one after another, starting with
 * after == NULL; NULL at the end:
 *	for (s = NULL; (s = config_change(old, new, s));)
 * Those without ->reload need a restart. */
const struct setting *config_change(const struct config *before,
	const struct config *now, const struct setting *after);
/* Puts back in `now` what only a restart may change. */
void config_keep_fixed(struct config *now, const struct config *before);

/* Whether accounts.sources names one besides "builtin": then lookup runs. */
bool config_has_outside_source(const struct config *);

/* log.level and the levels of topics, in this process. */
void config_apply_log_levels(const struct config *);

#endif
