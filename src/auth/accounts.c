/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/accounts.h"
#include "auth/db.h"
#include "auth/text.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/secret.h"

#include <stdlib.h>

#define PAGE_ROWS 128

#define COLUMNS                                                                \
	"id, name, hash, quota, enabled, denied, created, changed, source,"    \
	" scram1, scram256, master, detail, quota_fixed"

unsigned account_protocol_bit(str protocol)
{
#define X(symbol, name, bit)                                                   \
	if (str_eq_c(protocol, name))                                          \
		return ACCOUNT_##symbol;
	ACCOUNT_PROTOCOL_TABLE(X)
#undef X
	return 0;
}

const char *account_protocol_name(unsigned bit)
{
#define X(symbol, name, number)                                                \
	if (bit == ACCOUNT_##symbol)                                           \
		return name;
	ACCOUNT_PROTOCOL_TABLE(X)
#undef X
	return "";
}

static void wipe(char *s)
{
	if (s)
		secret_wipe(s, strlen(s));
	free(s);
}

void account_fini(struct account *a)
{
	wipe(a->hash);
	wipe(a->scram1);
	wipe(a->scram256);
	free(a->name);
	free(a->source);
	*a = (struct account){0};
}

enum err accounts_open(const char *path, struct accounts **accounts_r)
{
	return db_open(path, accounts_r);
}

void accounts_close(struct accounts *a)
{
	db_close(a);
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

static void read_account(const struct db_query *q, struct account *account)
{
	*account = (struct account){.id = db_number(q, 0),
		.name = db_copy(q, 1),
		.hash = db_copy(q, 2),
		.quota = db_number(q, 3),
		.enabled = db_number(q, 4) != 0,
		.denied = (unsigned)db_number(q, 5),
		.created = (int64_t)db_number(q, 6),
		.changed = (int64_t)db_number(q, 7),
		.source = db_copy(q, 8),
		.scram1 = db_copy(q, 9),
		.scram256 = db_copy(q, 10),
		.master = db_number(q, 11) != 0,
		.detail = db_number(q, 12) != 0,
		.quota_fixed = db_number(q, 13) != 0};
}

/* The account of the statement's only row. */
static enum err read_one(struct db_query *q, struct account *account)
{
	bool found = db_next(q);

	*account = (struct account){0};
	if (found)
		read_account(q, account);
	if (db_end(q))
		account_fini(account);
	if (q->err)
		return q->err;
	return found ? OK : ERR_NOTFOUND;
}

static enum err get_prepared(
	struct accounts *a, str name, struct account *account)
{
	struct db_query q =
		db_query(a, "SELECT " COLUMNS " FROM account WHERE name = ?");

	db_bind_text(&q, name);
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

bool accounts_are_held(struct accounts *a)
{
	if (pthread_mutex_trylock(&a->lock))
		return true;
	pthread_mutex_unlock(&a->lock);
	return false;
}

enum err accounts_get_id(
	struct accounts *a, uint64_t id, struct account *account)
{
	struct db_query q;
	enum err e;

	pthread_mutex_lock(&a->lock);
	q = db_query(a, "SELECT " COLUMNS " FROM account WHERE id = ?");
	db_bind_number(&q, id);
	e = read_one(&q, account);
	pthread_mutex_unlock(&a->lock);
	return e;
}

/* Up to PAGE_ROWS accounts after a name. */
static enum err read_page(
	struct accounts *a, str after, struct account *page, size_t *count_r)
{
	struct db_query q;
	enum err e;

	*count_r = 0;
	pthread_mutex_lock(&a->lock);
	q = db_query(a, "SELECT " COLUMNS " FROM account WHERE name > ?"
			" ORDER BY name LIMIT ?");
	db_bind_text(&q, after);
	db_bind_number(&q, PAGE_ROWS);
	while (*count_r < PAGE_ROWS && db_next(&q))
		read_account(&q, &page[(*count_r)++]);
	e = db_end(&q);
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
	struct db_query q;
	enum err e;

	pthread_mutex_lock(&a->lock);
	q = db_query(a, "SELECT count(*) FROM account");
	*count_r = db_next(&q) ? db_number(&q, 0) : 0;
	e = db_end(&q);
	pthread_mutex_unlock(&a->lock);
	return e;
}

/* -------- writing -------- */

/* Called with the lock held, in a transaction. */
static enum err add_news(struct accounts *a, uint64_t account, bool removed)
{
	struct db_query q = db_query(a,
		"INSERT OR REPLACE INTO news(account, removed) VALUES(?, ?)");

	db_bind_number(&q, account);
	db_bind_number(&q, removed);
	return db_run(&q);
}

static str text_of(const char *s)
{
	return str_c(s ? s : "");
}

/* What insert and update both write, in this order. */
static void bind_settings(struct db_query *q, const struct account *account)
{
	db_bind_text(q, text_of(account->hash));
	db_bind_text(q, text_of(account->scram1));
	db_bind_text(q, text_of(account->scram256));
	db_bind_text(q, text_of(account->source));
	db_bind_number(q, account->quota);
	db_bind_number(q, account->quota_fixed);
	db_bind_number(q, account->enabled);
	db_bind_number(q, account->master);
	db_bind_number(q, account->detail);
	db_bind_number(q, account->denied);
	db_bind_number(q, (uint64_t)account->changed);
}

static enum err insert(struct accounts *a, struct account *account)
{
	struct db_query q = db_query(a,
		"INSERT INTO account(hash, scram1, scram256, source, quota,"
		" quota_fixed, enabled, master, detail, denied, changed, name,"
		" created) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	enum err e;

	bind_settings(&q, account);
	db_bind_text(&q, str_c(account->name));
	db_bind_number(&q, (uint64_t)account->created);
	e = db_run(&q);
	account->id = (uint64_t)sqlite3_last_insert_rowid(a->db);
	return e ? e : add_news(a, account->id, false);
}

static enum err update(struct accounts *a, struct account *account)
{
	struct db_query q = db_query(a,
		"UPDATE account SET hash = ?, scram1 = ?, scram256 = ?,"
		" source = ?, quota = ?, quota_fixed = ?, enabled = ?,"
		" master = ?, detail = ?, denied = ?, changed = ?"
		" WHERE id = ?");
	enum err e;

	bind_settings(&q, account);
	db_bind_number(&q, account->id);
	e = db_run(&q);
	if (!e && db_changes(a) == 0)
		e = ERR_NOTFOUND;
	return e ? e : add_news(a, account->id, false);
}

/* Quotas are kept in 63 bits. */
static bool is_sound(const struct account *account)
{
	return text_of(account->hash).n <= ACCOUNT_HASH_MAX &&
	       text_of(account->scram1).n <= ACCOUNT_SCRAM_MAX &&
	       text_of(account->scram256).n <= ACCOUNT_SCRAM_MAX &&
	       text_of(account->source).n <= ACCOUNT_SOURCE_MAX &&
	       account->quota <= INT64_MAX;
}

/* One transaction. With the lock held. */
static enum err write_account(struct accounts *a, struct account *account,
	enum err (*write)(struct accounts *, struct account *))
{
	enum err e = db_begin(a);

	if (!e)
		e = write(a, account);
	return db_finish(a, e);
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
		e = write_account(a, account, insert);
		pthread_mutex_unlock(&a->lock);
	}
	buf_fini(&prepared);
	return e;
}

enum err accounts_update(struct accounts *a, struct account *account)
{
	enum err e;

	if (!is_sound(account))
		return ERR_INVALID;
	account->changed = clock_wall_s();
	pthread_mutex_lock(&a->lock);
	e = write_account(a, account, update);
	pthread_mutex_unlock(&a->lock);
	return e;
}

enum err accounts_rehash(struct accounts *a, uint64_t id, const char *before,
	const char *hash, const char *scram1, const char *scram256)
{
	struct db_query q;
	enum err e;

	if (strlen(hash) > ACCOUNT_HASH_MAX ||
		text_of(scram1).n > ACCOUNT_SCRAM_MAX ||
		text_of(scram256).n > ACCOUNT_SCRAM_MAX)
		return ERR_INVALID;
	pthread_mutex_lock(&a->lock);
	q = db_query(a, "UPDATE account SET hash = ?,"
			" scram1 = coalesce(?, scram1),"
			" scram256 = coalesce(?, scram256)"
			" WHERE id = ? AND hash = ?");
	db_bind_text(&q, str_c(hash));
	db_bind_text(&q, str_c(scram1));
	db_bind_text(&q, str_c(scram256));
	db_bind_number(&q, id);
	db_bind_text(&q, str_c(before));
	e = db_run(&q);
	if (!e && db_changes(a) == 0)
		e = ERR_CONFLICT;
	pthread_mutex_unlock(&a->lock);
	return e;
}

static enum err delete_account(struct accounts *a, str name, uint64_t *id_r)
{
	struct account account;
	struct db_query q;
	enum err e = get_prepared(a, name, &account);

	*id_r = account.id;
	account_fini(&account);
	if (e)
		return e;
	q = db_query(a, "DELETE FROM account WHERE id = ?");
	db_bind_number(&q, *id_r);
	e = db_run(&q);
	return e ? e : add_news(a, *id_r, true);
}

enum err accounts_remove(struct accounts *a, str name, uint64_t *id_r)
{
	struct buf prepared = BUF_UNBOUNDED;
	enum err e = account_name_prepare(name, &prepared);

	*id_r = 0;
	if (!e) {
		pthread_mutex_lock(&a->lock);
		e = db_begin(a);
		if (!e)
			e = delete_account(a, buf_str(&prepared), id_r);
		e = db_finish(a, e);
		pthread_mutex_unlock(&a->lock);
	}
	buf_fini(&prepared);
	return e;
}

/* -------- outside sources -------- */

/* The account that such a name has, made or updated where that is needed. With
 * the lock held. */
static enum err adopt(struct accounts *a, str name,
	const struct accounts_outsider *who, struct account *account,
	bool *news_r)
{
	enum err e = get_prepared(a, name, account);
	bool is_new = e == ERR_NOTFOUND;

	if (is_new)
		*account = (struct account){
			.name = xstrndup(name.p, name.n),
			.hash = xstrdup(""),
			.scram1 = xstrdup(""),
			.scram256 = xstrdup(""),
			.source = xstrdup(who->source),
			.enabled = true,
			.detail = true,
			.created = clock_wall_s(),
		};
	else if (e)
		return e;
	else if (strcmp(account->source, who->source) != 0)
		return ERR_EXISTS;
	if (!is_new && (!who->has_quota || account->quota_fixed ||
			       account->quota == who->quota))
		return OK;
	if (who->has_quota)
		account->quota = who->quota;
	account->changed = clock_wall_s();
	*news_r = true;
	return write_account(a, account, is_new ? insert : update);
}

enum err accounts_adopt(struct accounts *a, const struct accounts_outsider *who,
	struct account *account, bool *news_r)
{
	struct buf prepared = BUF_UNBOUNDED;
	enum err e = account_name_prepare(who->name, &prepared);

	*account = (struct account){0};
	*news_r = false;
	if (!e && (who->quota > INT64_MAX || !*who->source ||
			  strlen(who->source) > ACCOUNT_SOURCE_MAX))
		e = ERR_INVALID;
	if (!e) {
		pthread_mutex_lock(&a->lock);
		e = adopt(a, buf_str(&prepared), who, account, news_r);
		pthread_mutex_unlock(&a->lock);
	}
	if (e)
		account_fini(account);
	buf_fini(&prepared);
	return e;
}

static enum err is_without(struct accounts *a, const char *sql, bool *none_r)
{
	struct db_query q = db_query(a, sql);

	*none_r = !db_next(&q);
	return db_end(&q);
}

enum err accounts_all_have_scram(
	struct accounts *a, bool *scram1_r, bool *scram256_r)
{
	enum err e;

	pthread_mutex_lock(&a->lock);
	/* In the words of the indexes, so that they are used. */
	e = is_without(a,
		"SELECT 1 FROM account WHERE enabled <> 0 AND hash <> ''"
		" AND scram1 = '' LIMIT 1",
		scram1_r);
	if (!e)
		e = is_without(a,
			"SELECT 1 FROM account WHERE enabled <> 0"
			" AND hash <> '' AND scram256 = '' LIMIT 1",
			scram256_r);
	pthread_mutex_unlock(&a->lock);
	if (e)
		*scram1_r = *scram256_r = false;
	return e;
}

/* -------- news -------- */

enum err accounts_news(
	struct accounts *a, uint64_t after, account_news_fn *fn, void *arg)
{
	struct db_query q;
	enum err e;

	pthread_mutex_lock(&a->lock);
	q = db_query(a,
		"SELECT serial, news.account, removed, coalesce(name, ''),"
		" coalesce(quota, 0) FROM news"
		" LEFT JOIN account ON account.id = news.account"
		" WHERE serial > ? ORDER BY serial");
	db_bind_number(&q, after);
	while (db_next(&q)) {
		const struct account_news news = {.serial = db_number(&q, 0),
			.account = db_number(&q, 1),
			.removed = db_number(&q, 2) != 0,
			.name = db_text(&q, 3),
			.quota = db_number(&q, 4)};

		fn(&news, arg);
	}
	e = db_end(&q);
	pthread_mutex_unlock(&a->lock);
	return e;
}

enum err accounts_noted(struct accounts *a, uint64_t account, uint64_t serial)
{
	struct db_query q;
	enum err e;

	pthread_mutex_lock(&a->lock);
	q = db_query(a, "DELETE FROM news WHERE serial = ? AND account = ?");
	db_bind_number(&q, serial);
	db_bind_number(&q, account);
	e = db_run_lazily(&q);
	pthread_mutex_unlock(&a->lock);
	return e;
}
