/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "server/auth_private.h"
#include "session/ticket.h"

#include <stdlib.h>

static struct auth_verdict refuse(
	enum err e, const char *reason, const char *told)
{
	return (struct auth_verdict){.err = e, .reason = reason, .told = told};
}

static struct auth_verdict wrong(const char *reason)
{
	return refuse(ERR_AUTH, reason, "");
}

static struct auth_verdict unavailable(const char *reason)
{
	return refuse(
		ERR_UNAVAILABLE, reason, "Temporary failure, try again later");
}

static bool is_by(const struct exchange *x, unsigned mechanisms_)
{
	return x->sasl.mechanism->bit & mechanisms_;
}

#define BY_PASSWORD (MECHANISM_PLAIN | MECHANISM_LOGIN)
#define BY_TOKEN (MECHANISM_OAUTHBEARER | MECHANISM_XOAUTH2)

static str password_of(const struct exchange *x)
{
	return str_of(x->sasl.password.p, x->sasl.password.n);
}

/* -------- names -------- */

/* What cannot be an account's name stays as it was typed: it is nobody's, and
 * is throttled as such. */
static void prepare(str name, struct buf *out)
{
	struct buf room = BUF_UNBOUNDED; /* much larger than most names */

	if (account_name_prepare(name, &room) == OK)
		name = buf_str(&room);
	buf_reset(out);
	buf_add(out, name);
	buf_fini(&room);
}

/* "user*master" */
static bool split_master(const struct exchange *x, str *user_r, str *master_r)
{
	str authcid = buf_str(&x->sasl.authcid),
	    separator = str_c(x->rules->master_separator);
	size_t at = str_find(authcid, separator);

	if (!x->rules->master_users || !is_by(x, BY_PASSWORD) ||
		at == authcid.n)
		return false;
	*user_r = str_take(authcid, at);
	*master_r = str_skip(authcid, at + separator.n);
	return user_r->n && master_r->n;
}

void verify_names(struct exchange *x)
{
	str who = buf_str(&x->sasl.authcid), as = buf_str(&x->sasl.authzid);

	buf_reset(&x->who);
	buf_reset(&x->as);
	if (is_by(x, MECHANISM_ANONYMOUS)) {
		who = str_c(x->rules->anonymous);
		as = STR("");
	} else if (!as.n) {
		(void)split_master(x, &as, &who);
	}
	if (who.n)
		prepare(who, &x->who);
	if (as.n)
		prepare(as, &x->as);
	if (str_eq(buf_str(&x->who), buf_str(&x->as)))
		buf_reset(&x->as);
}

/* -------- what a proven account may do -------- */

/* Only who has the password learns any of this. */
static struct auth_verdict check_rights(
	const struct exchange *x, const struct account *row, unsigned denied)
{
	struct auth_verdict verdict = {.reason = "",
		.told = "",
		.account = row->id,
		.rights = TICKET_MAY_ALL};

	if (!row->enabled)
		return refuse(ERR_DENIED, "account is disabled",
			"This account is disabled");
	if ((row->denied | denied) & account_protocol_bit(str_c(x->protocol)))
		return refuse(ERR_DENIED, "protocol is off for the account",
			"This account may not use this protocol");
	if (is_by(x, MECHANISM_ANONYMOUS))
		verdict.rights = TICKET_MAY_READ;
	verdict.name = xstrdup(row->name);
	return verdict;
}

static struct auth_verdict locked(void)
{
	return refuse(ERR_DENIED, "account is locked at its source",
		"This account is disabled");
}

/* A master's login is another's: looks like a wrong password where it is not
 * allowed. */
static struct auth_verdict act_as(
	const struct exchange *x, const struct account *master)
{
	struct sources_switches switches;
	struct auth_verdict verdict;
	struct account user;
	enum err e;

	if (!x->rules->master_users || !master->master ||
		!is_by(x, BY_PASSWORD | MECHANISM_EXTERNAL))
		return wrong("may not act as another account");
	e = sources_find(x->auth, x->rules, buf_str(&x->as), str_c(x->protocol),
		&user, &switches);
	if (e == ERR_NOTFOUND)
		return wrong("no such account to act as");
	if (e)
		return unavailable("accounts cannot be read");
	verdict = switches.disabled ? locked()
				    : check_rights(x, &user, switches.denied);
	if (!verdict.err)
		verdict.master = xstrdup(master->name);
	account_fini(&user);
	return verdict;
}

static void proven(
	struct exchange *x, const struct account *row, unsigned denied)
{
	x->verdict = check_rights(x, row, denied);
	if (x->verdict.err || !x->as.n || str_eq_c(buf_str(&x->as), row->name))
		return;
	free(x->verdict.name);
	x->verdict = act_as(x, row);
}

/* -------- quickly -------- */

/* What a password was verified against: when that changes it is no longer
 * known to be right. A source's answer was for a protocol. */
static struct login_cache_key cache_key(
	const struct exchange *x, const struct account *row, struct buf *room)
{
	if (*row->source)
		buf_addf(room, "%s %s%s", row->source, x->protocol,
			x->by_app ? " app" : "");
	else
		buf_add_c(room, row->hash);
	return (struct login_cache_key){row->id, buf_str(room), password_of(x)};
}

static bool is_cached(const struct exchange *x)
{
	struct buf room = BUF_UNBOUNDED;
	struct login_cache_key key = cache_key(x, &x->row, &room);
	bool has = x->rules->cache_ms &&
		   login_cache_has(x->auth->cache, &key, clock_monotonic_ms());

	buf_fini(&room);
	return has;
}

static void add_to_cache(const struct exchange *x, const struct account *row)
{
	struct buf room = BUF_UNBOUNDED;
	struct login_cache_key key = cache_key(x, row, &room);

	login_cache_add(
		x->auth->cache, &key, clock_monotonic_ms(), x->rules->cache_ms);
	buf_fini(&room);
}

/* Tokens are all that OAuth can be asked about. */
static bool has_askable_source(const struct account *row)
{
	return *row->source &&
	       strcmp(row->source, lookup_source_names[LOOKUP_OAUTH]) != 0;
}

static void proven_by_app(struct exchange *x, unsigned denied)
{
	proven(x, &x->row, denied);
	memcpy(x->verdict.app, x->app, sizeof x->app);
}

/* Who has left an outside source has left with all programs. */
static bool quick_app_password(struct exchange *x)
{
	if (has_askable_source(&x->row) && !is_cached(x))
		return false;
	proven_by_app(x, 0);
	return true;
}

/* True: the verdict stands. x->by_app: it is one of the account's app
 * passwords. A master's own password is asked for, no program's. */
static bool try_app_password(struct exchange *x)
{
	struct app_password app;
	enum err e = app_password_verify(x->auth->context.accounts, x->row.id,
		password_of(x), account_protocol_bit(str_c(x->protocol)),
		clock_wall_s(), &app);

	switch (e) {
	case OK:
		x->by_app = true;
		memcpy(x->app, app.label, sizeof app.label);
		return quick_app_password(x);
	case ERR_NOTFOUND:
	case ERR_INVALID:
		return false;
	case ERR_DENIED:
		x->verdict = refuse(e, "app password is for other protocols",
			"This app password may not use this protocol");
		return true;
	case ERR_EXPIRED:
		x->verdict = refuse(e, "app password has expired",
			"This app password has expired");
		return true;
	default:
		x->verdict = unavailable("accounts cannot be read");
		return true;
	}
}

static bool quick_password(struct exchange *x)
{
	if (!x->row.id || x->as.n || !source_is_on(x->rules, x->row.source))
		return false;
	if (try_app_password(x))
		return true;
	if (x->by_app || !is_cached(x))
		return false;
	proven(x, &x->row, 0);
	if (!x->verdict.err)
		x->verdict.reason = "remembered";
	return true;
}

static const char *keys_text(
	const struct exchange *x, const struct account *row)
{
	return sasl_scram_hash(&x->sasl) == SCRAM_SHA_1 ? row->scram1
							: row->scram256;
}

void verify_fetch_keys(struct exchange *x)
{
	enum err e = accounts_get(
		x->auth->context.accounts, buf_str(&x->who), &x->row);

	x->has_keys = false;
	x->verdict = (struct auth_verdict){.err = OK};
	if (e && e != ERR_NOTFOUND && e != ERR_INVALID)
		x->verdict = unavailable("accounts cannot be read");
	if (e || *x->row.source || !source_is_on(x->rules, ""))
		return;
	x->has_keys =
		scram_keys_parse(str_c(keys_text(x, &x->row)), &x->keys) == OK;
}

/* The client has the password that these keys were made from. */
static void quick_scram(struct exchange *x, const struct account *before)
{
	if (!x->row.id || x->row.id != before->id ||
		strcmp(keys_text(x, &x->row), keys_text(x, before)) != 0)
		x->verdict = unavailable("account has just changed");
	else
		proven(x, &x->row, 0);
}

/* A certificate names somebody, or the configuration does. */
static bool quick_named(struct exchange *x)
{
	bool on = x->row.id && source_is_on(x->rules, x->row.source);

	if (on && !has_askable_source(&x->row)) {
		proven(x, &x->row, 0);
		return true;
	}
	if (on || (!x->row.id && x->rules->outside))
		return false;
	x->verdict = wrong("unknown account");
	return true;
}

/* Built-in accounts alone, and of them those whose password is kept as it is
 * (auth/password.h); for all others it looks like a wrong one. */
static void quick_apop(struct exchange *x)
{
	bool ours = x->row.id && !*x->row.source && source_is_on(x->rules, "");
	enum err e = password_verify_apop(buf_str(&x->sasl.stamp),
		password_of(x), ours ? x->row.hash : "");

	if (!ours)
		x->verdict = wrong("unknown account");
	else if (e == ERR_UNSUPPORTED)
		x->verdict = wrong("APOP needs a {PLAIN} password");
	else if (e)
		x->verdict = wrong("wrong password");
	else
		proven(x, &x->row, 0);
}

bool verify_quickly(struct exchange *x)
{
	struct account before = x->row;
	bool settled = true;
	enum err e;

	x->by_app = false;
	e = accounts_get(x->auth->context.accounts, buf_str(&x->who), &x->row);

	if (e && e != ERR_NOTFOUND && e != ERR_INVALID)
		x->verdict = unavailable("accounts cannot be read");
	else if (is_by(x, BY_PASSWORD))
		settled = quick_password(x);
	else if (is_by(x, BY_TOKEN))
		settled = false;
	else if (is_by(x, MECHANISM_APOP))
		quick_apop(x);
	else if (is_by(x, MECHANISM_EXTERNAL | MECHANISM_ANONYMOUS))
		settled = quick_named(x);
	else
		quick_scram(x, &before);
	account_fini(&before);
	return settled;
}

/* Sources before the built-in one know the name too, perhaps. */
static bool is_builtin_first(const struct auth_rules *rules)
{
	for (size_t i = 0; i < rules->sources.count; i++)
		if (rules->sources.list[i] != ACCOUNT_SOURCE_OAUTH)
			return rules->sources.list[i] == ACCOUNT_SOURCE_BUILTIN;
	return false;
}

bool verify_goes_outside(const struct exchange *x)
{
	if (!x->rules->outside)
		return false;
	return !is_by(x, BY_PASSWORD) || !x->row.id || *x->row.source ||
	       x->as.n || !is_builtin_first(x->rules);
}

/* -------- slowly -------- */

/* ERR_NOTFOUND: it is none of the built-in ones. */
static enum err verify_builtin(struct exchange *x)
{
	enum err e;

	if (!x->row.id || *x->row.source)
		return ERR_NOTFOUND;
	e = lane_hash(x->lane, password_of(x), x->row.hash);
	x->hashed = e != ERR_UNSUPPORTED;
	if (e == ERR_UNSUPPORTED) {
		x->verdict = wrong("account has no usable password");
		return ERR_AUTH;
	}
	if (e) {
		x->verdict = wrong("wrong password");
		return ERR_AUTH;
	}
	proven(x, &x->row, 0);
	if (x->verdict.err)
		return x->verdict.err;
	add_to_cache(x, &x->row);
	x->may_rehash = true;
	return OK;
}

/* What a source said, when it knew whom we meant. */
static struct auth_verdict refused_outside(enum err e)
{
	switch (e) {
	case ERR_AUTH:
		return wrong("refused by the source");
	case ERR_EXPIRED:
		return refuse(e, "expired", "Expired, get a new one");
	case ERR_EXISTS:
		return wrong("name is an account of another source");
	case ERR_DENIED:
		/* Some say so before they looked at the password. */
		return wrong("account is locked at its source");
	default:
		return unavailable("source cannot be asked");
	}
}

static enum err verify_outside(struct exchange *x, enum lookup_source_kind kind)
{
	struct account row;
	unsigned denied = 0;
	enum err e = source_verify(x, kind, &row, &denied);

	if (e == ERR_NOTFOUND || e == ERR_UNSUPPORTED)
		return ERR_NOTFOUND;
	if (e)
		x->verdict = refused_outside(e);
	else
		proven(x, &row, denied);
	if (!e && !x->verdict.err && is_by(x, BY_PASSWORD))
		add_to_cache(x, &row);
	account_fini(&row);
	return x->verdict.err;
}

static enum err verify_with(struct exchange *x, unsigned source)
{
	if (source == ACCOUNT_SOURCE_OAUTH) /* it knows no passwords */
		return ERR_NOTFOUND;
	if (source == ACCOUNT_SOURCE_BUILTIN)
		return verify_builtin(x);
	return verify_outside(x, source_kind(source));
}

/* Every way to fail costs the time of one verification at least. */
static void slow_password(struct exchange *x)
{
	const struct words *sources = &x->rules->sources;
	enum err e = ERR_NOTFOUND;

	x->hashed = false;
	for (size_t i = 0; i < sources->count && e == ERR_NOTFOUND; i++)
		e = verify_with(x, sources->list[i]);
	if (e == ERR_NOTFOUND) {
		x->verdict = wrong("unknown account");
		e = ERR_AUTH;
	}
	if (e == ERR_AUTH && !x->hashed)
		(void)!lane_hash(x->lane, password_of(x), NULL);
}

static void slow_token(struct exchange *x)
{
	if (!words_have(&x->rules->sources, ACCOUNT_SOURCE_OAUTH) ||
		verify_outside(x, LOOKUP_OAUTH) == ERR_NOTFOUND) {
		x->verdict = wrong("unknown account");
		return;
	}
	if (!x->verdict.err && x->who.n &&
		!str_eq_c(buf_str(&x->who), x->verdict.name)) {
		free(x->verdict.name);
		x->verdict = wrong("token of another account");
	}
}

/* Somebody known, whom a certificate names or an app password proves. */
static void slow_known(struct exchange *x)
{
	struct sources_switches switches;
	enum err e =
		source_ask(x->auth, &x->row, str_c(x->protocol), &switches);

	if (e)
		x->verdict = e == ERR_NOTFOUND
				     ? refuse(ERR_DENIED,
					       "account has left its source",
					       "This account is disabled")
				     : unavailable("source cannot be asked");
	else if (switches.disabled)
		x->verdict = locked();
	else if (!x->by_app)
		proven(x, &x->row, switches.denied);
	else
		proven_by_app(x, switches.denied);
	if (x->by_app && !x->verdict.err)
		add_to_cache(x, &x->row);
}

static void slow_named(struct exchange *x)
{
	struct sources_switches switches;
	struct account row;
	enum err e = sources_find(x->auth, x->rules, buf_str(&x->who),
		str_c(x->protocol), &row, &switches);

	if (e)
		x->verdict = e == ERR_NOTFOUND
				     ? wrong("unknown account")
				     : unavailable("source cannot be asked");
	else if (switches.disabled)
		x->verdict = locked();
	else
		proven(x, &row, switches.denied);
	account_fini(&row);
}

void verify_slowly(struct exchange *x)
{
	if (x->by_app)
		slow_known(x);
	else if (is_by(x, BY_PASSWORD))
		slow_password(x);
	else if (is_by(x, BY_TOKEN))
		slow_token(x);
	else if (x->row.id)
		slow_known(x);
	else
		slow_named(x);
}
