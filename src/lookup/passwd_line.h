/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passwd_line: a line of a password file in Dovecot's form, which is that of
 * passwd(5) with one field more:
 *
 *	user:hash:uid:gid:gecos:home:shell:extra fields
 *
 * Fields may be missing at the end. Of the extra fields, separated by spaces,
 * these mean something here; others are passed over, as are uid to shell:
 *
 *	userdb_quota_rule=*:storage=1G	quota; KiB without a unit
 *	userdb_quota_rule=*:bytes=1000	the same in bytes
 *	nologin[=y]			disabled
 *	allow_nets=NET[,NET…]		logins only from these addresses
 *
 * Pure.
 */
#ifndef LOOKUP_PASSWD_LINE_H
#define LOOKUP_PASSWD_LINE_H

#include "lookup/person.h"

#define PASSWD_LINE_MAX 4096

/* Into the line. */
struct passwd_line {
	str name, hash, extra;
};

/* ERR_NOTFOUND: a comment or an empty line. ERR_INVALID, and why_r is what is
 * wrong. */
MUST enum err passwd_line_parse(
	str line, struct passwd_line *line_r, const char **why_r);
/* Hash and extra fields; not the name. ERR_INVALID as above. */
MUST enum err passwd_line_read(const struct passwd_line *,
	struct lookup_person *person_r, const char **why_r);
/* Whether a client of that address may log in. */
bool passwd_line_allows(const struct passwd_line *, str host);

#endif
