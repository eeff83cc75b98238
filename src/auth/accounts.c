/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/accounts.h"
#include "auth/text.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>

#define VERSION 1
#define BUSY_MS 5000 /* somebody looks into the file with other tools */
#define PAGE_ROWS 128

struct accounts {
	sqlite3 *db;
	pthread_mutex_t lock;
};

static const char schema[] = "BEGIN IMMEDIATE;"
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
			     " removed INTEGER NOT NULL) STRICT;"
			     "PRAGMA user_version = 1;"
			     "COMMIT;";

static const char settings[] = "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = FULL;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA trusted_schema = OFF;"
			       "PRAGMA foreign_keys = ON;";

#define COLUMNS "id, name, hash, quota, enabled, denied, created, changed"

unsigned account_protocol_bit(str protocol)
{
#define X(symbol, name, bit)                                                   \
	if (str_eq_c(protocol, name))                                          \
		return ACCOUNT_##symbol;
	ACCOUNT_PROTOCOL_TABLE(X)
#undef X
	return 0;
}

void account_fini(struct account *a)
{
	if (a->hash)
		secret_wipe(a->hash, strlen(a->hash));
	free(a->hash);
	free(a->name);
	*a = (struct account){0};
}

/* -------- SQLite -------- */

static enum err from_sqlite(int code)
{
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

	if (e && e != ERR_EXISTS)
		log_error("auth", "accounts database",
			LOG_C("reason", sqlite3_errmsg(a->db)),
			LOG_I64("code", sqlite3_extended_errcode(a->db)));
	return e;
}

static enum err execute(struct accounts *a, const char *sql)
{
	return failed(a, sqlite3_exec(a->db, sql, NULL, NULL, NULL));
}

/* One statement: its error sticks, so that binding is a straight line. */
struct query {
	struct accounts *accounts;
	sqlite3_stmt *statement;
	int next; /* parameter */
	enum err err;
};

static struct query query(struct accounts *a, const char *sql)
{
	struct query q = {.accounts = a, .next = 1};

	q.err = failed(a, sqlite3_prepare_v2(a->db, sql, -1, &q.statement, 0));
	return q;
}

static void bind_number(struct query *q, uint64_t value)
{
	if (!q->err)
		q->err = failed(
			q->accounts, sqlite3_bind_int64(q->statement, q->next++,
					     (sqlite3_int64)value));
}

/* The text stays the caller's until the query ends. */
static void bind_text(struct query *q, str s)
{
	if (!q->err)
		q->err = failed(q->accounts,
			sqlite3_bind_text64(q->statement, q->next++, s.p, s.n,
				SQLITE_STATIC, SQLITE_UTF8));
}

static bool next_row(struct query *q)
{
	int code;

	if (q->err)
		return false;
	code = sqlite3_step(q->statement);
	q->err = failed(q->accounts, code);
	return code == SQLITE_ROW;
}

static enum err query_end(struct query *q)
{
	sqlite3_finalize(q->statement);
	q->statement = NULL;
	return q->err;
}

static uint64_t column_number(const struct query *q, int column)
{
	return (uint64_t)sqlite3_column_int64(q->statement, column);
}

static str column_text(const struct query *q, int column)
{
	const void *text = sqlite3_column_text(q->statement, column);

	return str_c(text ? text : "");
}

static char *column_copy(const struct query *q, int column)
{
	str s = column_text(q, column);

	return xstrndup(s.p, s.n);
}

static enum err run(struct query *q)
{
	while (next_row(q))
		;
	return query_end(q);
}

static void read_account(const struct query *q, struct account *account)
{
	*account = (struct account){.id = column_number(q, 0),
		.name = column_copy(q, 1),
		.hash = column_copy(q, 2),
		.quota = column_number(q, 3),
		.enabled = column_number(q, 4) != 0,
		.denied = (unsigned)column_number(q, 5),
		.created = (int64_t)column_number(q, 6),
		.changed = (int64_t)column_number(q, 7)};
}

/* -------- opening -------- */

static enum err check_version(struct accounts *a, const char *path)
{
	struct query q = query(a, "PRAGMA user_version");
	uint64_t version = next_row(&q) ? column_number(&q, 0) : 0;
	enum err e = query_end(&q);

	if (e)
		return e;
	if (version == 0)
		return execute(a, schema);
	if (version <= VERSION)
		return OK;
	log_error("auth",
		"the accounts were written by a newer version of culver; "
		"install that one",
		LOG_C("path", path), LOG_U64("version", version),
		LOG_U64("known", VERSION));
	return ERR_VERSION;
}

enum err accounts_open(const char *path, struct accounts **accounts_r)
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
		e = execute(a, settings);
	}
	if (!e)
		e = check_version(a, path);
	if (e) {
		accounts_close(a);
		a = NULL;
	}
	*accounts_r = a;
	return e;
}

void accounts_close(struct accounts *a)
{
	sqlite3_close(a->db);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* -------- names -------- */

enum err account_name_prepare(str name, struct buf *name_r)
{
	enum err e;

	buf_reset(name_r);
	if (name.n == 0 || name.n > 4 * ACCOUNT_NAME_MAX)
		return ERR_INVALID;
	e = text_prepare_username(name, name_r);
	if (e)
		return e;
	if (name_r->n == 0 || name_r->n > ACCOUNT_NAME_MAX ||
		name_r->p[0] == '.' || name_r->p[0] == '-')
		return ERR_INVALID;
	return OK;
}

/* -------- reading -------- */

/* The account of the statement's only row. */
static enum err read_one(struct query *q, struct account *account)
{
	bool found = next_row(q);

	*account = (struct account){0};
	if (found)
		read_account(q, account);
	if (query_end(q))
		account_fini(account);
	if (q->err)
		return q->err;
	return found ? OK : ERR_NOTFOUND;
}

static enum err get_prepared(
	struct accounts *a, str name, struct account *account)
{
	struct query q =
		query(a, "SELECT " COLUMNS " FROM account WHERE name = ?");

	bind_text(&q, name);
	return read_one(&q, account);
}

enum err accounts_get(struct accounts *a, str name, struct account *account)
{
	struct buf prepared = BUF_UNBOUNDED;
	enum err e = account_name_prepare(name, &prepared);

	*account = (struct account){0};
	if (!e) {
		pthread_mutex_lock(&a->lock);
		e = get_prepared(a, buf_str(&prepared), account);
		pthread_mutex_unlock(&a->lock);
	}
	buf_fini(&prepared);
	return e;
}

enum err accounts_get_id(
	struct accounts *a, uint64_t id, struct account *account)
{
	struct query q;
	enum err e;

	pthread_mutex_lock(&a->lock);
	q = query(a, "SELECT " COLUMNS " FROM account WHERE id = ?");
	bind_number(&q, id);
	e = read_one(&q, account);
	pthread_mutex_unlock(&a->lock);
	return e;
}

/* Up to PAGE_ROWS accounts after a name. */
static enum err read_page(
	struct accounts *a, str after, struct account *page, size_t *count_r)
{
	struct query q;
	enum err e;

	*count_r = 0;
	pthread_mutex_lock(&a->lock);
	q = query(a, "SELECT " COLUMNS " FROM account WHERE name > ?"
		     " ORDER BY name LIMIT ?");
	bind_text(&q, after);
	bind_number(&q, PAGE_ROWS);
	while (*count_r < PAGE_ROWS && next_row(&q))
		read_account(&q, &page[(*count_r)++]);
	e = query_end(&q);
	pthread_mutex_unlock(&a->lock);
	return e;
}

enum err accounts_each(struct accounts *a, accounts_fn *fn, void *arg)
{
	struct account *page = xcalloc(PAGE_ROWS, sizeof *page);
	char *after = xstrdup("");
	size_t count;
	enum err e;

	do {
		e = read_page(a, str_c(after), page, &count);
		if (!e && count) {
			free(after);
			after = xstrdup(page[count - 1].name);
		}
		for (size_t i = 0; i < count; i++) {
			if (!e)
				e = fn(&page[i], arg);
			account_fini(&page[i]);
		}
	} while (!e && count == PAGE_ROWS);
	free(after);
	free(page);
	return e;
}

enum err accounts_count(struct accounts *a, uint64_t *count_r)
{
	struct query q;
	enum err e;

	pthread_mutex_lock(&a->lock);
	q = query(a, "SELECT count(*) FROM account");
	*count_r = next_row(&q) ? column_number(&q, 0) : 0;
	e = query_end(&q);
	pthread_mutex_unlock(&a->lock);
	return e;
}

/* -------- writing -------- */

/* Called with the lock held, in a transaction. */
static enum err add_news(struct accounts *a, uint64_t account, bool removed)
{
	struct query q = query(a,
		"INSERT OR REPLACE INTO news(account, removed) VALUES(?, ?)");

	bind_number(&q, account);
	bind_number(&q, removed);
	return run(&q);
}

/* Ends the transaction that `e` came from. */
static enum err finish(struct accounts *a, enum err e)
{
	if (!e)
		e = execute(a, "COMMIT");
	/* After some errors SQLite has rolled back itself. */
	if (e && !sqlite3_get_autocommit(a->db))
		(void)!execute(a, "ROLLBACK");
	return e;
}

static enum err insert(struct accounts *a, struct account *account)
{
	struct query q = query(a,
		"INSERT INTO account(name, hash, quota, enabled, denied,"
		" created, changed) VALUES(?, ?, ?, ?, ?, ?, ?)");
	enum err e;

	bind_text(&q, str_c(account->name));
	bind_text(&q, str_c(account->hash));
	bind_number(&q, account->quota);
	bind_number(&q, account->enabled);
	bind_number(&q, account->denied);
	bind_number(&q, (uint64_t)account->created);
	bind_number(&q, (uint64_t)account->changed);
	e = run(&q);
	account->id = (uint64_t)sqlite3_last_insert_rowid(a->db);
	return e;
}

/* Quotas are kept in 63 bits. */
static bool is_sound(const struct account *account)
{
	return account->hash && strlen(account->hash) <= ACCOUNT_HASH_MAX &&
	       account->quota <= INT64_MAX;
}

enum err accounts_add(struct accounts *a, struct account *account)
{
	struct buf prepared = BUF_UNBOUNDED;
	enum err e = account_name_prepare(str_c(account->name), &prepared);

	if (!e && !is_sound(account))
		e = ERR_INVALID;
	if (!e) {
		free(account->name);
		account->name = xstrndup(prepared.p, prepared.n);
		account->created = account->changed = clock_wall_s();
		pthread_mutex_lock(&a->lock);
		e = execute(a, "BEGIN IMMEDIATE");
		if (!e)
			e = insert(a, account);
		if (!e)
			e = add_news(a, account->id, false);
		e = finish(a, e);
		pthread_mutex_unlock(&a->lock);
	}
	buf_fini(&prepared);
	return e;
}

static enum err update(struct accounts *a, const struct account *account)
{
	struct query q =
		query(a, "UPDATE account SET hash = ?, quota = ?, enabled = ?,"
			 " denied = ?, changed = ? WHERE id = ?");
	enum err e;

	bind_text(&q, str_c(account->hash));
	bind_number(&q, account->quota);
	bind_number(&q, account->enabled);
	bind_number(&q, account->denied);
	bind_number(&q, (uint64_t)account->changed);
	bind_number(&q, account->id);
	e = run(&q);
	if (!e && sqlite3_changes(a->db) == 0)
		e = ERR_NOTFOUND;
	return e;
}

enum err accounts_update(struct accounts *a, struct account *account)
{
	enum err e;

	if (!is_sound(account))
		return ERR_INVALID;
	account->changed = clock_wall_s();
	pthread_mutex_lock(&a->lock);
	e = execute(a, "BEGIN IMMEDIATE");
	if (!e)
		e = update(a, account);
	if (!e)
		e = add_news(a, account->id, false);
	e = finish(a, e);
	pthread_mutex_unlock(&a->lock);
	return e;
}

static enum err delete_account(struct accounts *a, str name, uint64_t *id_r)
{
	struct account account;
	struct query q;
	enum err e = get_prepared(a, name, &account);

	*id_r = account.id;
	account_fini(&account);
	if (e)
		return e;
	q = query(a, "DELETE FROM account WHERE id = ?");
	bind_number(&q, *id_r);
	e = run(&q);
	return e ? e : add_news(a, *id_r, true);
}

enum err accounts_remove(struct accounts *a, str name, uint64_t *id_r)
{
	struct buf prepared = BUF_UNBOUNDED;
	enum err e = account_name_prepare(name, &prepared);

	*id_r = 0;
	if (!e) {
		pthread_mutex_lock(&a->lock);
		e = execute(a, "BEGIN IMMEDIATE");
		if (!e)
			e = delete_account(a, buf_str(&prepared), id_r);
		e = finish(a, e);
		pthread_mutex_unlock(&a->lock);
	}
	buf_fini(&prepared);
	return e;
}

/* -------- news -------- */

enum err accounts_news(
	struct accounts *a, uint64_t after, account_news_fn *fn, void *arg)
{
	struct query q;
	enum err e;

	pthread_mutex_lock(&a->lock);
	q = query(a, "SELECT serial, news.account, removed, coalesce(name, ''),"
		     " coalesce(quota, 0) FROM news"
		     " LEFT JOIN account ON account.id = news.account"
		     " WHERE serial > ? ORDER BY serial");
	bind_number(&q, after);
	while (next_row(&q)) {
		const struct account_news news = {
			.serial = column_number(&q, 0),
			.account = column_number(&q, 1),
			.removed = column_number(&q, 2) != 0,
			.name = column_text(&q, 3),
			.quota = column_number(&q, 4)};

		fn(&news, arg);
	}
	e = query_end(&q);
	pthread_mutex_unlock(&a->lock);
	return e;
}

enum err accounts_noted(struct accounts *a, uint64_t account, uint64_t serial)
{
	struct query q;
	enum err e;

	pthread_mutex_lock(&a->lock);
	e = execute(a, "PRAGMA synchronous = NORMAL");
	q = query(a, "DELETE FROM news WHERE serial = ? AND account = ?");
	bind_number(&q, serial);
	bind_number(&q, account);
	if (!e)
		e = run(&q);
	else
		(void)!query_end(&q);
	if (execute(a, "PRAGMA synchronous = FULL"))
		abort(); /* no change may be acknowledged without it */
	pthread_mutex_unlock(&a->lock);
	return e;
}
