/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/app_password.h"
#include "auth/db.h"
#include "auth/text.h"
#include "base/clock.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define LETTERS 20    /* of a password, 5 bits each */
#define GROUP 5	      /* letters between hyphens */
#define USE_STEP_S 60 /* last_used is written at most so often */
#define HASH_SIZE 32

/* Without letters that look alike. */
static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";

#define COLUMNS "id, account, label, scope, expires, last_used, created"

static void read_row(const struct db_query *q, struct app_password *p)
{
	str label = str_take(db_text(q, 2), APP_PASSWORD_LABEL_MAX);

	*p = (struct app_password){.id = db_number(q, 0),
		.account = db_number(q, 1),
		.scope = (unsigned)db_number(q, 3),
		.expires = (int64_t)db_number(q, 4),
		.last_used = (int64_t)db_number(q, 5),
		.created = (int64_t)db_number(q, 6)};
	memcpy(p->label, label.p, label.n);
}

static void hash_word(const char word[LETTERS], unsigned char hash[HASH_SIZE])
{
	if (!EVP_Digest(word, LETTERS, hash, NULL, EVP_sha256(), NULL))
		abort(); /* out of memory */
}

/* -------- making -------- */

static void make_word(char word[LETTERS])
{
	unsigned char random[LETTERS];

	secret_random(random, sizeof random);
	for (size_t i = 0; i < LETTERS; i++)
		word[i] = letters[random[i] % (sizeof letters - 1)];
	secret_wipe(random, sizeof random);
}

static struct secret with_hyphens(const char word[LETTERS])
{
	char room[LETTERS + LETTERS / GROUP];
	struct secret made;
	size_t n = 0;

	for (size_t i = 0; i < LETTERS; i++) {
		if (i > 0 && i % GROUP == 0)
			room[n++] = '-';
		room[n++] = word[i];
	}
	made = secret_of(str_of(room, n));
	secret_wipe(room, sizeof room);
	return made;
}

static bool is_label(str label)
{
	return label.n > 0 && label.n <= APP_PASSWORD_LABEL_MAX &&
	       text_is_printable(label);
}

static enum err check_count(struct accounts *a, uint64_t account)
{
	struct db_query q = db_query(
		a, "SELECT count(*) FROM app_password WHERE account = ?");
	bool full;
	enum err e;

	db_bind_number(&q, account);
	full = db_next(&q) && db_number(&q, 0) >= APP_PASSWORDS_MAX;
	e = db_end(&q);
	return !e && full ? ERR_LIMIT : e;
}

static enum err insert(
	struct accounts *a, struct app_password *p, const char word[LETTERS])
{
	unsigned char hash[HASH_SIZE];
	struct db_query q = db_query(a,
		"INSERT INTO app_password(account, label, hash, scope,"
		" expires, last_used, created) VALUES(?, ?, ?, ?, ?, 0, ?)");
	enum err e;

	hash_word(word, hash);
	db_bind_number(&q, p->account);
	db_bind_text(&q, str_c(p->label));
	db_bind_blob(&q, str_of((const char *)hash, sizeof hash));
	db_bind_number(&q, p->scope);
	db_bind_number(&q, (uint64_t)p->expires);
	db_bind_number(&q, (uint64_t)p->created);
	e = db_run(&q);
	p->id = (uint64_t)sqlite3_last_insert_rowid(a->db);
	return e;
}

enum err app_password_add(
	struct accounts *a, struct app_password *p, struct secret *password_r)
{
	char word[LETTERS];
	enum err e;

	*password_r = (struct secret){0};
	if (!is_label(str_c(p->label)) || !p->scope || p->expires < 0)
		return ERR_INVALID;
	p->created = clock_wall_s();
	p->last_used = 0;
	make_word(word);
	pthread_mutex_lock(&a->lock);
	e = db_begin(a);
	if (!e)
		e = check_count(a, p->account);
	if (!e)
		e = insert(a, p, word);
	e = db_finish(a, e);
	pthread_mutex_unlock(&a->lock);
	if (!e)
		*password_r = with_hyphens(word);
	secret_wipe(word, sizeof word);
	return e;
}

enum err app_password_remove(struct accounts *a, uint64_t account, str label)
{
	struct db_query q;
	enum err e;

	pthread_mutex_lock(&a->lock);
	q = db_query(
		a, "DELETE FROM app_password WHERE account = ? AND label = ?");
	db_bind_number(&q, account);
	db_bind_text(&q, label);
	e = db_run(&q);
	if (!e && db_changes(a) == 0)
		e = ERR_NOTFOUND;
	pthread_mutex_unlock(&a->lock);
	return e;
}

enum err app_password_each(
	struct accounts *a, uint64_t account, app_password_fn *fn, void *arg)
{
	struct db_query q;
	struct app_password p;
	enum err e;

	pthread_mutex_lock(&a->lock);
	q = db_query(a, "SELECT " COLUMNS " FROM app_password"
			" WHERE account = ? ORDER BY label");
	db_bind_number(&q, account);
	while (db_next(&q)) {
		read_row(&q, &p);
		fn(&p, arg);
	}
	e = db_end(&q);
	pthread_mutex_unlock(&a->lock);
	return e;
}

/* -------- verifying -------- */

/* What was typed, as it was made; false when it cannot be one of ours. */
static bool take_word(str typed, char word[LETTERS])
{
	size_t n = 0;

	for (size_t i = 0; i < typed.n; i++) {
		char c = ascii_lower(typed.p[i]);

		if (c == ' ' || c == '-')
			continue;
		if (n == LETTERS || !c || !strchr(letters, c))
			return false;
		word[n++] = c;
	}
	return n == LETTERS;
}

static enum err find(struct accounts *a, uint64_t account,
	const unsigned char hash[HASH_SIZE], struct app_password *p)
{
	struct db_query q = db_query(a, "SELECT " COLUMNS " FROM app_password"
					" WHERE hash = ? AND account = ?");
	bool found;
	enum err e;

	db_bind_blob(&q, str_of((const char *)hash, HASH_SIZE));
	db_bind_number(&q, account);
	found = db_next(&q);
	if (found)
		read_row(&q, p);
	e = db_end(&q);
	return !e && !found ? ERR_NOTFOUND : e;
}

/* That it could not be written keeps nobody out. */
static void note_use(struct accounts *a, struct app_password *p, int64_t now)
{
	struct db_query q;

	if (now >= p->last_used && now - p->last_used < USE_STEP_S)
		return;
	q = db_query(a, "UPDATE app_password SET last_used = ? WHERE id = ?");
	db_bind_number(&q, (uint64_t)now);
	db_bind_number(&q, p->id);
	if (db_run_lazily(&q) == OK)
		p->last_used = now;
}

enum err app_password_verify(struct accounts *a, uint64_t account, str password,
	unsigned protocol, int64_t now, struct app_password *p)
{
	unsigned char hash[HASH_SIZE];
	char word[LETTERS];
	enum err e;

	*p = (struct app_password){0};
	if (!take_word(password, word)) {
		secret_wipe(word, sizeof word);
		return ERR_NOTFOUND;
	}
	hash_word(word, hash);
	secret_wipe(word, sizeof word);
	pthread_mutex_lock(&a->lock);
	e = find(a, account, hash, p);
	if (!e && p->expires && now >= p->expires)
		e = ERR_EXPIRED;
	if (!e && !(p->scope & protocol))
		e = ERR_DENIED;
	if (!e)
		note_use(a, p, now);
	pthread_mutex_unlock(&a->lock);
	return e;
}
