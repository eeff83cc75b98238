/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/alias.h"
#include "auth/db.h"
#include "auth/recipient.h"
#include "base/alloc.h"

#include <stdlib.h>

#define PAGE_ROWS 128

/* -------- changing -------- */

/* An address and what its transaction needs to know of it. */
struct change {
	struct accounts *accounts;
	struct buf key;
	const str *names;
	size_t count;
	size_t which; /* of names, that went wrong */
};

static enum err prepare_key(str address, struct buf *key)
{
	struct recipient r;
	enum err e;

	recipient_init(&r);
	e = recipient_parse(&r, address, true);
	if (!e)
		e = recipient_key(&r, buf_str(&r.local), key);
	recipient_fini(&r);
	return e;
}

static enum err account_id(struct accounts *a, str name, uint64_t *id_r)
{
	struct buf prepared = BUF_UNBOUNDED;
	enum err e = account_name_prepare(name, &prepared);
	struct db_query q;
	bool found;

	*id_r = 0;
	if (e) {
		buf_fini(&prepared);
		return ERR_NOTFOUND; /* nobody has such a name */
	}
	q = db_query(a, "SELECT id FROM account WHERE name = ?");
	db_bind_text(&q, buf_str(&prepared));
	found = db_next(&q);
	if (found)
		*id_r = db_number(&q, 0);
	e = db_end(&q);
	buf_fini(&prepared);
	return !e && !found ? ERR_NOTFOUND : e;
}

static enum err insert(struct change *c, uint64_t id)
{
	struct db_query q = db_query(c->accounts,
		"INSERT OR IGNORE INTO alias(address, account) VALUES(?, ?)");

	db_bind_text(&q, buf_str(&c->key));
	db_bind_number(&q, id);
	return db_run(&q);
}

static enum err check_count(struct change *c)
{
	struct db_query q = db_query(
		c->accounts, "SELECT count(*) FROM alias WHERE address = ?");
	bool full;
	enum err e;

	db_bind_text(&q, buf_str(&c->key));
	full = db_next(&q) && db_number(&q, 0) > ALIAS_ACCOUNTS_MAX;
	e = db_end(&q);
	return !e && full ? ERR_LIMIT : e;
}

/* An account of that name would get the mail. */
static enum err check_free(struct change *c)
{
	uint64_t id;
	enum err e = account_id(c->accounts, buf_str(&c->key), &id);

	c->which = c->count;
	if (e == ERR_NOTFOUND)
		return OK;
	return e ? e : ERR_EXISTS;
}

static enum err add(struct change *c)
{
	enum err e = check_free(c);
	uint64_t id;

	for (size_t i = 0; !e && i < c->count; i++) {
		c->which = i;
		e = account_id(c->accounts, c->names[i], &id);
		if (!e)
			e = insert(c, id);
	}
	return e ? e : check_count(c);
}

static enum err delete (struct change *c, const uint64_t *id) {
	struct db_query q = db_query(c->accounts,
		"DELETE FROM alias WHERE address = ?1"
		" AND account = coalesce(?2, account)");
	enum err e;

	db_bind_text(&q, buf_str(&c->key));
	if (id) db_bind_number(&q, *id);
	e = db_run(&q);
	return !e && db_changes(c->accounts) == 0 ? ERR_NOTFOUND : e;
}

static enum err remove_some(struct change *c)
{
	enum err e = OK;
	uint64_t id;

	c->which = c->count;
	if (c->count == 0)
		return delete (c, NULL);
	for (size_t i = 0; !e && i < c->count; i++) {
		c->which = i;
		e = account_id(c->accounts, c->names[i], &id);
		if (!e)
			e = delete (c, &id);
	}
	return e;
}

static enum err change(struct accounts *a, str address, const str *names,
	size_t count, enum err (*fn)(struct change *), size_t *which_r)
{
	struct change c = {a, BUF_UNBOUNDED, names, count, count};
	enum err e = prepare_key(address, &c.key);

	if (!e) {
		pthread_mutex_lock(&a->lock);
		e = db_begin(a);
		if (!e)
			e = fn(&c);
		e = db_finish(a, e);
		pthread_mutex_unlock(&a->lock);
	}
	buf_fini(&c.key);
	*which_r = c.which;
	return e;
}

enum err alias_add(struct accounts *a, str address, const str *accounts,
	size_t count, size_t *which_r)
{
	return change(a, address, accounts, count, add, which_r);
}

enum err alias_remove(struct accounts *a, str address, const str *accounts,
	size_t count, size_t *which_r)
{
	return change(a, address, accounts, count, remove_some, which_r);
}

/* -------- reading -------- */

struct row {
	char *address;
	uint64_t id;
	char *name;
};

struct listing {
	struct accounts *accounts;
	bool all;
	struct buf key, name; /* what it is about; empty: cannot be that */
	alias_fn *fn;
	void *arg;
	/* The last row of the page before. */
	char *address;
	uint64_t id;
};

/* Up to PAGE_ROWS more. */
static enum err read_page(struct listing *l, struct row *page, size_t *count_r)
{
	struct accounts *a = l->accounts;
	struct db_query q;
	enum err e;

	*count_r = 0;
	pthread_mutex_lock(&a->lock);
	q = db_query(a, "SELECT address, account.id, name FROM alias"
			" JOIN account ON account.id = alias.account"
			" WHERE (address, alias.account) > (?1, ?2)"
			" AND (?3 OR address = ?4 OR name = ?5)"
			" ORDER BY address, alias.account LIMIT ?6");
	db_bind_text(&q, str_c(l->address));
	db_bind_number(&q, l->id);
	db_bind_number(&q, l->all);
	db_bind_text(&q, buf_str(&l->key));
	db_bind_text(&q, buf_str(&l->name));
	db_bind_number(&q, PAGE_ROWS);
	while (*count_r < PAGE_ROWS && db_next(&q))
		page[(*count_r)++] = (struct row){
			db_copy(&q, 0), db_number(&q, 1), db_copy(&q, 2)};
	e = db_end(&q);
	pthread_mutex_unlock(&a->lock);
	return e;
}

static enum err tell(struct listing *l, const struct row *row)
{
	struct buf address = BUF_UNBOUNDED;
	struct alias alias;
	enum err e;

	recipient_print_key(str_c(row->address), &address);
	alias = (struct alias){buf_str(&address), str_c(row->name)};
	e = l->fn(&alias, l->arg);
	buf_fini(&address);
	return e;
}

/* Remembers the page's last row, and frees all. */
static void end_page(struct listing *l, struct row *page, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i + 1 == count) {
			free(l->address);
			l->address = page[i].address;
			l->id = page[i].id;
		} else {
			free(page[i].address);
		}
		free(page[i].name);
	}
}

static enum err each(struct listing *l)
{
	struct row *page = xcalloc(PAGE_ROWS, sizeof *page);
	size_t count;
	enum err e;

	l->address = xstrdup("");
	do {
		e = read_page(l, page, &count);
		for (size_t i = 0; !e && i < count; i++)
			e = tell(l, &page[i]);
		end_page(l, page, count);
	} while (!e && count == PAGE_ROWS);
	free(l->address);
	free(page);
	return e;
}

enum err alias_each(struct accounts *a, alias_fn *fn, void *arg)
{
	struct listing l = {.accounts = a,
		.all = true,
		.key = BUF_UNBOUNDED,
		.name = BUF_UNBOUNDED,
		.fn = fn,
		.arg = arg};

	return each(&l);
}

enum err alias_each_of(
	struct accounts *a, str address_or_account, alias_fn *fn, void *arg)
{
	struct listing l = {.accounts = a,
		.key = BUF_UNBOUNDED,
		.name = BUF_UNBOUNDED,
		.fn = fn,
		.arg = arg};
	enum err e;

	if (prepare_key(address_or_account, &l.key))
		buf_reset(&l.key);
	if (account_name_prepare(address_or_account, &l.name))
		buf_reset(&l.name);
	e = each(&l);
	buf_fini(&l.key);
	buf_fini(&l.name);
	return e;
}
