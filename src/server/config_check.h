/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_check: what cannot be told from one value alone: settings that need
 * or exclude each other, and the files and users that they name.
 */
#ifndef SERVER_CONFIG_CHECK_H
#define SERVER_CONFIG_CHECK_H

#include "server/config.h"

/* Where each setting was given, for messages; indexed as settings[]. */
struct config_place {
	const char *file;
	unsigned line; /* 0: it was not */
};

/* Pure. */
void config_check_rules(const struct config *, const struct config_place *,
	struct config_errors *);
/* Looks at files and at the list of users. Run after the rules. */
void config_check_files(const struct config *, const struct config_place *,
	struct config_errors *);

#endif
