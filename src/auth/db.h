/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db: the accounts' SQLite connection, for the files of this folder that have
 * tables in it. Every function but db_open and db_close is called with the
 * lock held.
 *
 *	struct db_query q = db_query(a, "SELECT n FROM t WHERE s = ?");
 *
 *	db_bind_text(&q, s);
 *	while (db_next(&q))
 *		… db_number(&q, 0) …
 *	return db_end(&q);
 *
 * Its error sticks, so that this is a straight line. Errors are logged, but
 * for ERR_EXISTS (a row that must be unique) and ERR_NOTFOUND (a row refers to
 * one that is not there).
 */
#ifndef AUTH_DB_H
#define AUTH_DB_H

#include "auth/accounts.h"

#include <pthread.h>
#include <sqlite3.h>

/* Statements that were compiled once and wait to be used again. */
#define DB_IDLE_MAX 32

struct accounts {
	sqlite3 *db;
	pthread_mutex_t lock;
	sqlite3_stmt *idle[DB_IDLE_MAX];
	unsigned idle_count;
};

/* The file and its schema. */
MUST enum err db_open(const char *path, struct accounts **accounts_r);
void db_close(struct accounts *);

struct db_query {
	struct accounts *accounts;
	sqlite3_stmt *statement;
	int next; /* parameter */
	enum err err;
};

struct db_query db_query(struct accounts *, const char *sql);
void db_bind_number(struct db_query *, uint64_t);
/* They stay the caller's until the query ends. None is NULL. */
void db_bind_text(struct db_query *, str);
void db_bind_blob(struct db_query *, str);
/* The next row is there. */
bool db_next(struct db_query *);
MUST enum err db_end(struct db_query *);
/* All rows, then db_end. */
MUST enum err db_run(struct db_query *);
/* The same, for what may be forgotten in a crash, and is not done while
 * somebody else writes: it neither waits nor is it logged then. Not in a
 * transaction. */
MUST enum err db_run_lazily(struct db_query *);

uint64_t db_number(const struct db_query *, int column);
/* Until the next row. */
str db_text(const struct db_query *, int column);
char *db_copy(const struct db_query *, int column);

MUST enum err db_execute(struct accounts *, const char *sql);
MUST enum err db_begin(struct accounts *);
/* Ends the transaction that `e` came from: OK commits. */
MUST enum err db_finish(struct accounts *, enum err e);
/* Rows that the last statement changed. */
uint64_t db_changes(const struct accounts *);

#endif
