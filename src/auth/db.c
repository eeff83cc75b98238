/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/db.h"
#include "base/alloc.h"
#include "base/log.h"

#include <stdlib.h>

#define BUSY_MS 5000 /* somebody looks into the file with other tools */

/* What makes version i + 1 of version i. A new file runs them all. */
static const char *const steps[] = {
	/* 1 */
	"CREATE TABLE account ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL UNIQUE,"
	" hash TEXT NOT NULL,"
	" quota INTEGER NOT NULL,"
	" enabled INTEGER NOT NULL,"
	" denied INTEGER NOT NULL,"
	" created INTEGER NOT NULL,"
	" changed INTEGER NOT NULL) STRICT;"
	"CREATE TABLE news ("
	" serial INTEGER PRIMARY KEY AUTOINCREMENT,"
	" account INTEGER NOT NULL UNIQUE,"
	" removed INTEGER NOT NULL) STRICT;",
	/* 2 */
	"ALTER TABLE account ADD COLUMN source TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE account ADD COLUMN scram1 TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE account ADD COLUMN scram256 TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE account ADD COLUMN master INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN detail INTEGER NOT NULL DEFAULT 1;"
	"ALTER TABLE account ADD COLUMN quota_fixed INTEGER NOT NULL DEFAULT 0;"
	/* for accounts_all_have_scram */
	"CREATE INDEX account_without_scram1 ON account(id)"
	" WHERE enabled <> 0 AND hash <> '' AND scram1 = '';"
	"CREATE INDEX account_without_scram256 ON account(id)"
	" WHERE enabled <> 0 AND hash <> '' AND scram256 = '';"
	"CREATE TABLE app_password ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" account INTEGER NOT NULL"
	"  REFERENCES account(id) ON DELETE CASCADE,"
	" label TEXT NOT NULL,"
	" hash BLOB NOT NULL UNIQUE,"
	" scope INTEGER NOT NULL,"
	" expires INTEGER NOT NULL,"
	" last_used INTEGER NOT NULL,"
	" created INTEGER NOT NULL,"
	" UNIQUE(account, label)) STRICT;"
	"CREATE TABLE alias ("
	" address TEXT NOT NULL,"
	" account INTEGER NOT NULL"
	"  REFERENCES account(id) ON DELETE CASCADE,"
	" PRIMARY KEY(address, account)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX alias_account ON alias(account);",
};

#define VERSION COUNT_OF(steps)

static const char settings[] = "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = FULL;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA trusted_schema = OFF;"
			       "PRAGMA foreign_keys = ON;";

static enum err from_sqlite(int code)
{
	if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
		return ERR_NOTFOUND;
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return OK;
	case SQLITE_CONSTRAINT:
		return ERR_EXISTS;
	case SQLITE_FULL:
		return ERR_NOSPACE;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_UNAVAILABLE;
	case SQLITE_NOMEM:
		abort();
	default:
		return ERR_IO;
	}
}

static enum err failed(struct accounts *a, int code)
{
	enum err e = from_sqlite(code);

	if (e && e != ERR_EXISTS && e != ERR_NOTFOUND)
		log_error("auth", "accounts database",
			LOG_C("reason", sqlite3_errmsg(a->db)),
			LOG_I64("code", sqlite3_extended_errcode(a->db)));
	return e;
}

/* -------- queries -------- */

/* One that nobody uses now; NULL: there is none. */
static sqlite3_stmt *take_idle(struct accounts *a, const char *sql)
{
	for (unsigned i = 0; i < a->idle_count; i++) {
		sqlite3_stmt *found = a->idle[i];

		if (strcmp(sqlite3_sql(found), sql) != 0)
			continue;
		a->idle[i] = a->idle[--a->idle_count];
		return found;
	}
	return NULL;
}

/* The bytes that were bound are somebody else's. */
static void keep_idle(struct accounts *a, sqlite3_stmt *statement)
{
	if (a->idle_count == DB_IDLE_MAX) {
		sqlite3_finalize(statement);
		return;
	}
	/* It says again how its last step ended. */
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	a->idle[a->idle_count++] = statement;
}

struct db_query db_query(struct accounts *a, const char *sql)
{
	struct db_query q = {.accounts = a, .next = 1};

	q.statement = take_idle(a, sql);
	if (!q.statement)
		q.err = failed(a,
			sqlite3_prepare_v3(a->db, sql, -1,
				SQLITE_PREPARE_PERSISTENT, &q.statement, NULL));
	return q;
}

void db_bind_number(struct db_query *q, uint64_t value)
{
	if (!q->err)
		q->err = failed(
			q->accounts, sqlite3_bind_int64(q->statement, q->next++,
					     (sqlite3_int64)value));
}

void db_bind_text(struct db_query *q, str s)
{
	if (!q->err)
		q->err = failed(q->accounts,
			sqlite3_bind_text64(q->statement, q->next++, s.p, s.n,
				SQLITE_STATIC, SQLITE_UTF8));
}

void db_bind_blob(struct db_query *q, str s)
{
	if (!q->err)
		q->err = failed(q->accounts,
			sqlite3_bind_blob64(q->statement, q->next++, s.p, s.n,
				SQLITE_STATIC));
}

bool db_next(struct db_query *q)
{
	int code;

	if (q->err)
		return false;
	code = sqlite3_step(q->statement);
	q->err = failed(q->accounts, code);
	return code == SQLITE_ROW;
}

enum err db_end(struct db_query *q)
{
	if (q->statement && q->err)
		sqlite3_finalize(q->statement);
	else if (q->statement)
		keep_idle(q->accounts, q->statement);
	q->statement = NULL;
	return q->err;
}

enum err db_run(struct db_query *q)
{
	while (db_next(q))
		;
	return db_end(q);
}

enum err db_run_lazily(struct db_query *q)
{
	struct accounts *a = q->accounts;
	enum err e = db_execute(a, "PRAGMA synchronous = NORMAL");
	int code;

	if (!q->err && !e) {
		sqlite3_busy_timeout(a->db, 0);
		code = sqlite3_step(q->statement);
		q->err = from_sqlite(code);
		if (q->err != ERR_UNAVAILABLE)
			q->err = failed(a, code);
		sqlite3_busy_timeout(a->db, BUSY_MS);
	}
	if (!q->err)
		q->err = e;
	e = db_end(q);
	if (db_execute(a, "PRAGMA synchronous = FULL"))
		abort(); /* no change may be acknowledged without it */
	return e;
}

uint64_t db_number(const struct db_query *q, int column)
{
	return (uint64_t)sqlite3_column_int64(q->statement, column);
}

str db_text(const struct db_query *q, int column)
{
	const void *text = sqlite3_column_text(q->statement, column);

	return str_c(text ? text : "");
}

char *db_copy(const struct db_query *q, int column)
{
	str s = db_text(q, column);

	return xstrndup(s.p, s.n);
}

/* -------- transactions -------- */

enum err db_execute(struct accounts *a, const char *sql)
{
	return failed(a, sqlite3_exec(a->db, sql, NULL, NULL, NULL));
}

enum err db_begin(struct accounts *a)
{
	return db_execute(a, "BEGIN IMMEDIATE");
}

enum err db_finish(struct accounts *a, enum err e)
{
	if (!e)
		e = db_execute(a, "COMMIT");
	/* After some errors SQLite has rolled back itself. */
	if (e && !sqlite3_get_autocommit(a->db))
		(void)!db_execute(a, "ROLLBACK");
	return e;
}

uint64_t db_changes(const struct accounts *a)
{
	return (uint64_t)sqlite3_changes64(a->db);
}

/* -------- opening -------- */

static enum err set_version(struct accounts *a, uint64_t version)
{
	char *sql = xasprintf(
		"PRAGMA user_version = %llu", (unsigned long long)version);
	enum err e = db_execute(a, sql);

	free(sql);
	return e;
}

static enum err upgrade(struct accounts *a, uint64_t from)
{
	enum err e = db_begin(a);

	for (uint64_t i = from; !e && i < VERSION; i++)
		e = db_execute(a, steps[i]);
	if (!e)
		e = set_version(a, VERSION);
	e = db_finish(a, e);
	if (!e && from > 0)
		log_info("auth", "accounts database brought up to date",
			LOG_U64("from", from), LOG_U64("to", VERSION));
	return e;
}

static enum err check_version(struct accounts *a, const char *path)
{
	struct db_query q = db_query(a, "PRAGMA user_version");
	uint64_t version = db_next(&q) ? db_number(&q, 0) : 0;
	enum err e = db_end(&q);

	if (e)
		return e;
	if (version < VERSION)
		return upgrade(a, version);
	if (version == VERSION)
		return OK;
	log_error("auth",
		"the accounts were written by a newer version of culver; "
		"install that one",
		LOG_C("path", path), LOG_U64("version", version),
		LOG_U64("known", VERSION));
	return ERR_VERSION;
}

enum err db_open(const char *path, struct accounts **accounts_r)
{
	struct accounts *a = xcalloc(1, sizeof *a);
	int code = sqlite3_open_v2(path, &a->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
		NULL);
	enum err e;

	if (!a->db)
		abort(); /* out of memory */
	pthread_mutex_init(&a->lock, NULL);
	e = failed(a, code);
	if (!e) {
		sqlite3_busy_timeout(a->db, BUSY_MS);
		sqlite3_db_config(
			a->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
		e = db_execute(a, settings);
	}
	if (!e)
		e = check_version(a, path);
	if (e) {
		db_close(a);
		a = NULL;
	}
	*accounts_r = a;
	return e;
}

void db_close(struct accounts *a)
{
	while (a->idle_count)
		sqlite3_finalize(a->idle[--a->idle_count]);
	sqlite3_close(a->db);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
