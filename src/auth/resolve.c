/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/resolve.h"
#include "auth/db.h"
#include "auth/recipient.h"
#include "base/alloc.h"
#include "base/log.h"

#include <stdlib.h>

struct resolve_rules {
	bool any_domain;
	struct buf domains; /* " example.org b\xc3\xbccher.example " */
	char *postmaster;
	char *separators;
};

/* -------- rules -------- */

static void add_rule_domain(struct resolve_rules *rules, str word)
{
	size_t before = rules->domains.n;

	if (str_eq_c(word, "*")) {
		rules->any_domain = true;
		return;
	}
	if (recipient_prepare_domain(word, &rules->domains)) {
		buf_truncate(&rules->domains, before);
		log_warn("auth", "not a domain", LOG_STR("domain", word));
		return;
	}
	buf_add_byte(&rules->domains, ' ');
}

struct resolve_rules *resolve_rules_new(
	const char *domains, const char *postmaster, const char *separators)
{
	struct resolve_rules *rules = xcalloc(1, sizeof *rules);
	str rest = str_trim(str_c(domains));

	rules->domains = BUF_UNBOUNDED;
	rules->postmaster = xstrdup(postmaster);
	rules->separators = xstrdup(separators);
	buf_add_byte(&rules->domains, ' ');
	while (rest.n > 0) {
		str word = str_take(rest, str_find_byte(rest, ' '));

		add_rule_domain(rules, word);
		rest = str_trim(str_skip(rest, word.n));
	}
	return rules;
}

void resolve_rules_free(struct resolve_rules *rules)
{
	if (!rules)
		return;
	buf_fini(&rules->domains);
	free(rules->postmaster);
	free(rules->separators);
	free(rules);
}

/* An address without a domain is in ours. */
static bool is_our_domain(const struct resolve_rules *rules, str domain)
{
	str all = buf_str(&rules->domains);

	if (rules->any_domain || domain.n == 0)
		return true;
	for (size_t at = 0; at < all.n;) {
		str word = str_skip(all, at);

		word = str_take(word, str_find_byte(word, ' '));
		if (str_eq(word, domain))
			return true;
		at += word.n + 1;
	}
	return false;
}

/* -------- the search -------- */

struct search {
	struct accounts *accounts;
	const struct resolve_rules *rules;
	struct recipient recipient;
	unsigned protocol;
	bool denied; /* there were some, and it is off for them */
	struct resolved *found;
};

void resolved_fini(struct resolved *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->list[i].name);
	free(r->list);
	buf_fini(&r->detail);
	*r = (struct resolved){0};
}

static void take_row(struct search *s, const struct db_query *q)
{
	struct resolved *r = s->found;

	if ((unsigned)db_number(q, 2) & s->protocol) {
		s->denied = true;
		return;
	}
	r->list = xrealloc(r->list, r->count + 1, sizeof *r->list);
	r->list[r->count++] = (struct resolved_account){
		db_number(q, 0), db_copy(q, 1), db_number(q, 3) != 0};
}

/* Whoever the query gives for the key. ERR_NOTFOUND, also in place of
 * ERR_INVALID: what is no name is nobody's. */
static enum err take_all(struct search *s, const char *sql, str key)
{
	struct db_query q = db_query(s->accounts, sql);
	bool any = false;
	enum err e;

	db_bind_text(&q, key);
	while (db_next(&q)) {
		any = true;
		take_row(s, &q);
	}
	e = db_end(&q);
	return !e && !any ? ERR_NOTFOUND : e;
}

static enum err by_name(struct search *s, str name)
{
	struct buf prepared = BUF_UNBOUNDED;
	enum err e = account_name_prepare(name, &prepared);

	if (!e)
		e = take_all(s,
			"SELECT id, name, denied, detail FROM account"
			" WHERE name = ?",
			buf_str(&prepared));
	buf_fini(&prepared);
	return e == ERR_INVALID ? ERR_NOTFOUND : e;
}

static enum err by_alias(struct search *s, str key)
{
	return take_all(s,
		"SELECT id, name, denied, detail FROM alias"
		" JOIN account ON account.id = alias.account"
		" WHERE address = ? ORDER BY id",
		key);
}

/* local@domain in one form of the domain. */
static enum err by_whole_name(struct search *s, str local, str domain)
{
	struct buf name = BUF_UNBOUNDED;
	enum err e;

	buf_add(&name, local);
	if (domain.n > 0) {
		buf_add_byte(&name, '@');
		buf_add(&name, domain);
	}
	e = by_name(s, buf_str(&name));
	buf_fini(&name);
	return e;
}

static enum err by_key(struct search *s, str local)
{
	struct buf key = BUF_UNBOUNDED;
	enum err e = recipient_key(&s->recipient, local, &key);

	if (!e)
		e = by_alias(s, buf_str(&key));
	buf_fini(&key);
	return e == ERR_INVALID ? ERR_NOTFOUND : e;
}

/* An "@" in it comes from quotes, and makes it nobody else's address. */
static enum err by_local_part(struct search *s, str local)
{
	struct recipient bare;
	struct buf key = BUF_UNBOUNDED;
	enum err e;

	if (str_find_byte(local, '@') < local.n ||
		!is_our_domain(s->rules, buf_str(&s->recipient.domain)))
		return ERR_NOTFOUND;
	e = by_name(s, local);
	if (e != ERR_NOTFOUND)
		return e;
	recipient_init(&bare);
	e = recipient_key(&bare, local, &key);
	if (!e)
		e = by_alias(s, buf_str(&key));
	buf_fini(&key);
	recipient_fini(&bare);
	return e == ERR_INVALID ? ERR_NOTFOUND : e;
}

/* Steps 1 to 3, for the local part or what stands before its detail. */
static enum err by_local(struct search *s, str local)
{
	str unicode = buf_str(&s->recipient.domain);
	str ascii = buf_str(&s->recipient.ascii);
	enum err e = by_whole_name(s, local, unicode);

	if (e == ERR_NOTFOUND && !str_eq(unicode, ascii))
		e = by_whole_name(s, local, ascii);
	if (e == ERR_NOTFOUND)
		e = by_key(s, local);
	if (e == ERR_NOTFOUND)
		e = by_local_part(s, local);
	return e;
}

/* Where the detail's separator is; local.n when there is none. */
static size_t find_separator(const struct resolve_rules *rules, str local)
{
	for (size_t i = 1; i < local.n; i++)
		if (local.p[i] && strchr(rules->separators, local.p[i]))
			return i;
	return local.n;
}

static enum err by_detail(struct search *s)
{
	str local = buf_str(&s->recipient.local);
	size_t at = find_separator(s->rules, local);
	enum err e;

	if (at == local.n)
		return ERR_NOTFOUND;
	e = by_local(s, str_take(local, at));
	if (!e)
		buf_add(&s->found->detail, str_skip(local, at + 1));
	return e;
}

static enum err by_postmaster(struct search *s)
{
	enum err e;

	if (!str_ieq_c(buf_str(&s->recipient.local), "postmaster") ||
		!*s->rules->postmaster)
		return ERR_NOTFOUND;
	e = by_name(s, str_c(s->rules->postmaster));
	if (e == ERR_NOTFOUND)
		log_warn("auth", "accounts.postmaster names no account",
			LOG_C("account", s->rules->postmaster));
	return e;
}

static enum err by_catch_all(struct search *s)
{
	if (s->recipient.domain.n == 0)
		return ERR_NOTFOUND;
	return by_key(s, STR(""));
}

static enum err search(struct search *s)
{
	enum err e = by_local(s, buf_str(&s->recipient.local));

	s->found->last_resort = false;
	if (e == ERR_NOTFOUND)
		e = by_detail(s);
	if (e != ERR_NOTFOUND)
		return e;
	s->found->last_resort = true;
	e = by_postmaster(s);
	if (e == ERR_NOTFOUND)
		e = by_catch_all(s);
	return e;
}

enum err accounts_resolve(struct accounts *a, const struct resolve_rules *rules,
	str address, unsigned protocol, struct resolved *resolved_r)
{
	struct search s = {.accounts = a,
		.rules = rules,
		.protocol = protocol,
		.found = resolved_r};
	enum err e;

	*resolved_r = (struct resolved){.detail = BUF_UNBOUNDED};
	recipient_init(&s.recipient);
	e = recipient_parse(&s.recipient, address, false);
	if (!e) {
		pthread_mutex_lock(&a->lock);
		e = search(&s);
		pthread_mutex_unlock(&a->lock);
	}
	if (!e && resolved_r->count == 0)
		e = ERR_DENIED;
	recipient_fini(&s.recipient);
	return e;
}

/* -------- names for outside sources -------- */

static bool tell_name(str local, str domain, resolve_name_fn *fn, void *arg)
{
	struct buf name = BUF_UNBOUNDED, prepared = BUF_UNBOUNDED;
	bool done;

	buf_add(&name, local);
	if (domain.n > 0) {
		buf_add_byte(&name, '@');
		buf_add(&name, domain);
	}
	done = account_name_prepare(buf_str(&name), &prepared) == OK &&
	       fn(buf_str(&prepared), arg);
	buf_fini(&name);
	buf_fini(&prepared);
	return done;
}

static bool tell_names(const struct resolve_rules *rules,
	const struct recipient *r, str local, resolve_name_fn *fn, void *arg)
{
	str unicode = buf_str(&r->domain), ascii = buf_str(&r->ascii);

	if (tell_name(local, unicode, fn, arg))
		return true;
	if (unicode.n == 0)
		return false;
	if (!str_eq(unicode, ascii) && tell_name(local, ascii, fn, arg))
		return true;
	return str_find_byte(local, '@') == local.n &&
	       is_our_domain(rules, unicode) &&
	       tell_name(local, STR(""), fn, arg);
}

void resolve_each_name(const struct resolve_rules *rules, str address,
	resolve_name_fn *fn, void *arg)
{
	struct recipient r;
	size_t at;
	str local;

	recipient_init(&r);
	if (recipient_parse(&r, address, false) == OK) {
		local = buf_str(&r.local);
		at = find_separator(rules, local);
		if (!tell_names(rules, &r, local, fn, arg) && at < local.n)
			tell_names(rules, &r, str_take(local, at), fn, arg);
	}
	recipient_fini(&r);
}
