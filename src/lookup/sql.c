/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql: accounts in a PostgreSQL database, one prepared statement per
 * connection. Statements are sent without waiting in libpq, so that a server
 * that accepts and then says nothing costs the timeout and no more.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "lookup/connections.h"
#include "lookup/sources.h"
#include "lookup/sql_row.h"
#include "lookup/template.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define STATEMENT "culver_person"
#define TEXT_OID 25
#define KEYWORDS_MAX 64

struct sql {
	struct lookup_source source;
	struct connections connections;
	char *connection; /* a secret */
	char *query;
	unsigned timeout_ms;
};

struct connection {
	PGconn *pg;
	struct sql_columns columns;
	bool broken; /* of no more use */
	bool stale;  /* and another would do: it died, or its plan is old */
};

/* -------- what went wrong -------- */

/* One line of it, without its end; the server's words are not ours. */
static void log_failure(const char *what, const char *words)
{
	str line = str_trim(str_take(str_c(words), 500));

	line = str_take(line, str_find_byte(line, '\n'));
	log_error(
		"auth", what, LOG_C("source", "sql"), LOG_STR("reason", line));
}

static void close_connection(void *connection)
{
	struct connection *c = connection;

	PQfinish(c->pg);
	free(c);
}

/* -------- sending without waiting for ever -------- */

static enum err wait_for(PGconn *pg, short events, uint64_t deadline)
{
	struct pollfd p = {.fd = PQsocket(pg), .events = events};
	uint64_t now = clock_monotonic_ms();

	if (now >= deadline || poll(&p, 1, (int)(deadline - now)) <= 0)
		return ERR_UNAVAILABLE;
	return PQconsumeInput(pg) ? OK : ERR_UNAVAILABLE;
}

static enum err flush(PGconn *pg, uint64_t deadline)
{
	int left = 1;
	enum err e = OK;

	while (!e && (left = PQflush(pg)) == 1)
		e = wait_for(pg, POLLIN | POLLOUT, deadline);
	return e || left < 0 ? ERR_UNAVAILABLE : OK;
}

/* The next result; NULL at the end of a statement's. */
static enum err next_result(PGconn *pg, uint64_t deadline, PGresult **result_r)
{
	enum err e = flush(pg, deadline);

	*result_r = NULL;
	while (!e && PQisBusy(pg))
		e = wait_for(pg, POLLIN, deadline);
	if (!e)
		*result_r = PQgetResult(pg);
	return e;
}

/* Of a statement that gives no rows; the result is the caller's. */
static enum err one_result(
	PGconn *pg, uint64_t deadline, int sent, PGresult **result_r)
{
	PGresult *more = NULL;
	enum err e =
		sent ? next_result(pg, deadline, result_r) : ERR_UNAVAILABLE;

	if (!e)
		e = next_result(pg, deadline, &more);
	if (!e && (more || PQresultStatus(*result_r) != PGRES_COMMAND_OK))
		e = ERR_UNAVAILABLE;
	PQclear(more);
	return e;
}

/* -------- connections -------- */

static enum err set_up(const struct sql *s, PGconn *pg, uint64_t deadline)
{
	PGresult *result = NULL;
	char statement[160];
	enum err e = OK;

	/* Reading is all that is wanted, and not for long. */
	snprintf(statement, sizeof statement,
		"SET statement_timeout = %u; "
		"SET default_transaction_read_only = on",
		s->timeout_ms);
	if (!PQsendQuery(pg, statement))
		e = ERR_UNAVAILABLE;
	do {
		PQclear(result);
		result = NULL;
		if (!e)
			e = next_result(pg, deadline, &result);
		if (result && PQresultStatus(result) != PGRES_COMMAND_OK)
			e = ERR_UNAVAILABLE;
	} while (!e && result);
	PQclear(result);
	return e;
}

static enum err prepare_statement(
	const struct sql *s, PGconn *pg, uint64_t deadline)
{
	Oid types[3];
	PGresult *result = NULL;
	enum err e;

	/* The server finds out the type of what is used (citext, say), and
	 * could not of what is not. */
	for (int i = 0; i < 3; i++)
		types[i] = template_query_uses(str_c(s->query), (char)('1' + i))
				   ? 0
				   : TEXT_OID;
	e = one_result(pg, deadline,
		PQsendPrepare(pg, STATEMENT, s->query, 3, types), &result);
	if (e && result)
		log_failure("sql.user_query is refused",
			PQresultErrorMessage(result));
	PQclear(result);
	return e;
}

static void log_column(enum err e, const char *name)
{
	struct buf known = BUF_UNBOUNDED;

	person_column_list(&known);
	log_error("auth", "sql.user_query has a column that cannot be used",
		LOG_C("column", name),
		LOG_C("reason",
			e == ERR_EXISTS ? "it is there twice" : "not known"),
		LOG_STR("known", buf_str(&known)));
	buf_fini(&known);
}

static enum err describe_columns(struct connection *c, uint64_t deadline)
{
	PGresult *result = NULL;
	enum err e = one_result(c->pg, deadline,
		PQsendDescribePrepared(c->pg, STATEMENT), &result);

	for (int i = 0; !e && i < PQnfields(result); i++) {
		e = sql_columns_add(&c->columns, str_c(PQfname(result, i)));
		if (e)
			log_column(e, PQfname(result, i));
	}
	if (!e && c->columns.count == 0) {
		log_failure("sql.user_query gives no columns", "");
		e = ERR_UNAVAILABLE;
	}
	PQclear(result);
	return e ? ERR_UNAVAILABLE : OK;
}

static bool add_keyword(const char **keywords, const char **values, size_t *n,
	const char *keyword, const char *value)
{
	if (!value || *n == KEYWORDS_MAX)
		return false;
	keywords[*n] = keyword;
	values[*n] = value;
	++*n;
	return true;
}

/* The settings come first: of a keyword that is there twice libpq takes the
 * last. */
static PGconn *dial(const struct sql *s)
{
	const char *keywords[KEYWORDS_MAX + 1] = {0};
	const char *values[KEYWORDS_MAX + 1] = {0};
	char timeout[16];
	size_t n = 0;
	PQconninfoOption *options = PQconninfoParse(s->connection, NULL);
	PGconn *pg;

	if (!options) {
		log_failure("sql.connection is not in libpq's form",
			"see \"Connection Strings\" in PostgreSQL's manual");
		return NULL;
	}
	snprintf(timeout, sizeof timeout, "%u", (s->timeout_ms + 999) / 1000);
	add_keyword(keywords, values, &n, "connect_timeout", timeout);
	add_keyword(
		keywords, values, &n, "fallback_application_name", "culver");
	for (const PQconninfoOption *o = options; o->keyword; o++)
		add_keyword(keywords, values, &n, o->keyword, o->val);
	add_keyword(keywords, values, &n, "client_encoding", "UTF8");
	pg = PQconnectdbParams(keywords, values, 0);
	PQconninfoFree(options);
	return pg;
}

static enum err begin_connection(const struct sql *s, struct connection *c)
{
	uint64_t deadline;
	enum err e = OK;

	c->pg = dial(s);
	if (!c->pg)
		return ERR_UNAVAILABLE;
	if (PQstatus(c->pg) != CONNECTION_OK ||
		PQsetnonblocking(c->pg, 1) != 0) {
		log_failure(
			"database cannot be reached", PQerrorMessage(c->pg));
		return ERR_UNAVAILABLE;
	}
	PQsetErrorVerbosity(c->pg, PQERRORS_TERSE);
	deadline = clock_monotonic_ms() + s->timeout_ms;
	e = set_up(s, c->pg, deadline);
	if (!e)
		e = prepare_statement(s, c->pg, deadline);
	if (!e)
		e = describe_columns(c, deadline);
	if (e)
		log_failure("database cannot be used", PQerrorMessage(c->pg));
	return e;
}

static struct connection *open_connection(struct sql *s)
{
	struct connection *c;

	if (connections_are_resting(&s->connections))
		return NULL;
	c = xcalloc(1, sizeof *c);
	if (begin_connection(s, c) == OK)
		return c;
	close_connection(c);
	connections_rest(&s->connections);
	return NULL;
}

/* -------- questions -------- */

static enum err send_question(PGconn *pg, const struct name_parts *parts)
{
	const str values[3] = {parts->name, parts->local, parts->domain};
	const char *texts[3];
	char *copies[3];
	int sent;

	for (int i = 0; i < 3; i++)
		texts[i] = copies[i] = xstrndup(values[i].p, values[i].n);
	sent = PQsendQueryPrepared(pg, STATEMENT, 3, texts, NULL, NULL, 0) &&
	       PQsetSingleRowMode(pg);
	for (int i = 0; i < 3; i++)
		free(copies[i]);
	return sent ? OK : ERR_UNAVAILABLE;
}

static enum err read_row(const struct connection *c, const PGresult *row,
	str name, struct lookup_person *person_r)
{
	str values[SQL_COLUMNS_MAX];
	const char *wrong = "";
	enum err e;

	if ((size_t)PQnfields(row) != c->columns.count)
		return ERR_UNAVAILABLE;
	for (int i = 0; i < PQnfields(row); i++)
		values[i] = PQgetisnull(row, 0, i)
				    ? str_none()
				    : str_of(PQgetvalue(row, 0, i),
					      (size_t)PQgetlength(row, 0, i));
	e = sql_row_read(&c->columns, values, name, person_r, &wrong);
	if (!e)
		return OK;
	log_error("auth", "a row of the database makes no sense",
		LOG_STR("account", name), LOG_C("column", wrong));
	return ERR_UNAVAILABLE;
}

/* "cached plan must not change result type", "prepared statement does not
 * exist": somebody changed the table, or a pooler the server. */
static bool is_stale(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state &&
	       (strcmp(state, "0A000") == 0 || strcmp(state, "26000") == 0);
}

static void take_refusal(struct connection *c, const PGresult *result)
{
	c->stale = is_stale(result);
	if (!c->stale && PQstatus(c->pg) == CONNECTION_OK)
		log_failure("database refuses to answer",
			PQresultErrorMessage(result));
}

/* Takes results until there are no more. ERR_NOTFOUND without a row. */
static enum err read_answer(struct connection *c, uint64_t deadline, str name,
	struct lookup_person *person_r)
{
	enum err found = ERR_NOTFOUND;
	PGresult *result = NULL;
	enum err e;

	while (!(e = next_result(c->pg, deadline, &result)) && result) {
		ExecStatusType status = PQresultStatus(result);

		if (status == PGRES_SINGLE_TUPLE && found != ERR_NOTFOUND) {
			log_error("auth", "the database knows more than one",
				LOG_STR("account", name));
			e = ERR_UNAVAILABLE;
		} else if (status == PGRES_SINGLE_TUPLE) {
			found = read_row(c, result, name, person_r);
		} else if (status != PGRES_TUPLES_OK) {
			take_refusal(c, result);
			e = ERR_UNAVAILABLE;
		}
		PQclear(result);
		if (e)
			return e;
	}
	return e ? e : found;
}

/* Keeps the connection, or marks it. */
static enum err ask_once(struct sql *s, struct connection *c, str name,
	struct lookup_person *person_r)
{
	struct name_parts parts = name_parts_of(name);
	uint64_t deadline = clock_monotonic_ms() + s->timeout_ms;
	enum err e = send_question(c->pg, &parts);

	if (!e)
		e = read_answer(c, deadline, name, person_r);
	if (e == OK || e == ERR_NOTFOUND)
		return e;
	c->broken = true;
	c->stale |= PQstatus(c->pg) != CONNECTION_OK;
	if (!c->stale && clock_monotonic_ms() >= deadline)
		log_failure("database does not answer in time", "");
	return e;
}

static enum err find(struct sql *s, str name, struct lookup_person *person_r)
{
	struct connection *c = connections_take(&s->connections);
	enum err e = ERR_UNAVAILABLE;

	if (c) {
		e = ask_once(s, c, name, person_r);
		if (!c->stale)
			goto out;
		close_connection(c);
		connections_drop_idle(&s->connections);
		lookup_person_fini(person_r);
	}
	c = open_connection(s);
	if (!c)
		return ERR_UNAVAILABLE;
	e = ask_once(s, c, name, person_r);
out:
	if (c->broken)
		close_connection(c);
	else
		connections_put(&s->connections, c);
	return e;
}

static enum err ask(struct lookup_source *source,
	const struct lookup_request *q, struct lookup_person *person_r)
{
	struct sql *s = (struct sql *)source;
	enum err e;

	if (q->op == LOOKUP_TOKEN)
		return ERR_UNSUPPORTED;
	e = find(s, q->name, person_r);
	return e == OK && q->op == LOOKUP_VERIFY ? ERR_UNSUPPORTED : e;
}

static void prepare(struct lookup_source *source)
{
	struct sql *s = (struct sql *)source;
	struct connection *c = open_connection(s);

	if (c)
		connections_put(&s->connections, c);
}

static void free_source(struct lookup_source *source)
{
	struct sql *s = (struct sql *)source;

	connections_fini(&s->connections);
	secret_wipe(s->connection, strlen(s->connection));
	free(s->connection);
	free(s->query);
	free(s);
}

struct lookup_source *lookup_sql_new(const struct lookup_sql_settings *settings)
{
	struct sql *s = xcalloc(1, sizeof *s);

	s->source = (struct lookup_source){.kind = LOOKUP_SQL,
		.prepare = prepare,
		.ask = ask,
		.free = free_source};
	connections_init(&s->connections, settings->limits.connections,
		close_connection);
	s->connection = xstrdup(settings->connection);
	s->query = xstrdup(settings->user_query);
	s->timeout_ms = settings->limits.timeout_ms;
	return &s->source;
}
