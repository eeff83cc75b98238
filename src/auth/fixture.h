/* SPDX-License-Identifier: Apache-2.0 */
/* fixture: a database in a directory of its own, for tests. */
#ifndef AUTH_FIXTURE_H
#define AUTH_FIXTURE_H

#include "base/test.h"
#include "auth/accounts.h"

#include <stdlib.h>
#include <unistd.h>

static char dir[64], path[80];
static struct accounts *db;

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/culver-accounts-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/db", dir);
	assert_ok(accounts_open(path, &db));
	return 0;
}

static int teardown(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};

	(void)state;
	if (db)
		accounts_close(db);
	db = NULL;
	for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
		char file[96];

		snprintf(file, sizeof file, "%s%s", path, suffixes[i]);
		unlink(file);
	}
	rmdir(dir);
	return 0;
}

static enum err add(const char *name, uint64_t *id_r)
{
	struct account a = {.name = xstrdup(name),
		.hash = xstrdup("$y$x"),
		.quota = 1000,
		.enabled = true,
		.detail = true,
		.denied = ACCOUNT_POP3};
	enum err e = accounts_add(db, &a);

	if (id_r)
		*id_r = a.id;
	account_fini(&a);
	return e;
}

#endif
