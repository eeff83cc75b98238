/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"
#include "auth/scram.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/secret.h"
#include "lookup/lookup.h"
#include "server/auth_commands.h"

#include <pthread.h>
#include <stdlib.h>

#define BUILTIN "builtin"

/* What a request makes of an account. */
struct change {
	struct control_call *call;
	struct auth_context *auth;
	struct account *account;
	unsigned switched; /* protocols that the request names */
	/* Who may log in is another now: sessions end, asked for or not. */
	bool credentials;
};

/* -------- what several need -------- */

/* The request's "name"; NULL after control_fail. */
static const char *wanted_name(struct control_call *call, enum err *e_r)
{
	const char *name = control_string(call, "name");

	if (!name)
		*e_r = control_fail(call, ERR_INVALID, "which account?");
	return name;
}

enum err auth_fail_account(
	struct control_call *call, enum err e, const char *name)
{
	switch (e) {
	case OK:
		return OK;
	case ERR_NOTFOUND:
		return control_fail(call, e, "there is no account %s", name);
	case ERR_EXISTS:
		return control_fail(
			call, e, "there is an account %s already", name);
	case ERR_INVALID:
		return control_fail(call, e,
			"\"%s\" cannot be an account's name: 1 to %d bytes of "
			"letters, digits and ._-+@'=~&!#$^, not starting with "
			"a dot or hyphen",
			name, ACCOUNT_NAME_MAX);
	default:
		return control_fail(
			call, e, "account %s: %s", name, err_words(e));
	}
}

static const char *source_word(const struct account *a)
{
	return *a->source ? a->source : BUILTIN;
}

static json_t *account_json(const struct account *a)
{
	json_t *protocols = json_object(), *scram = json_array(), *account;

#define X(symbol, word, bit)                                                   \
	json_object_set_new(protocols, word,                                   \
		json_boolean(!(a->denied & ACCOUNT_##symbol)));
	ACCOUNT_PROTOCOL_TABLE(X)
#undef X
	if (*a->scram1)
		json_array_append_new(scram, json_string("SCRAM-SHA-1"));
	if (*a->scram256)
		json_array_append_new(scram, json_string("SCRAM-SHA-256"));
	account = json_pack("{s:I, s:s, s:s, s:I, s:b, s:b, s:b}", "id",
		(json_int_t)a->id, "name", a->name, "source", source_word(a),
		"quota", (json_int_t)a->quota, "quota_fixed", a->quota_fixed,
		"enabled", a->enabled, "password", password_is_known(a->hash));
	json_object_set_new(account, "scram", scram);
	json_object_set_new(account, "master", json_boolean(a->master));
	json_object_set_new(account, "detail", json_boolean(a->detail));
	json_object_set_new(account, "protocols", protocols);
	json_object_set_new(account, "created", json_integer(a->created));
	json_object_set_new(account, "changed", json_integer(a->changed));
	return account;
}

static void answer_account(struct control_call *call, const struct account *a)
{
	json_object_set_new(control_answer(call), "account", account_json(a));
}

static void log_change(const char *what, const char *name)
{
	log_info("auth", what, LOG_C("account", name));
}

/* -------- settings -------- */

/* "10gb", "500 MB", "none". */
static enum err parse_quota(str text, uint64_t *quota_r)
{
	static const char units[] = "bkmgt";
	size_t digits = 0;
	uint64_t value;
	const char *unit;
	str rest;

	*quota_r = 0;
	if (str_ieq(text, STR("none")))
		return OK;
	while (digits < text.n && ascii_is_digit(text.p[digits]))
		digits++;
	if (str_to_u64(str_take(text, digits), INT64_MAX, &value))
		return ERR_INVALID;
	rest = str_trim(str_skip(text, digits));
	if (rest.n == 0)
		rest = STR("b");
	unit = memchr(units, ascii_lower(rest.p[0]), sizeof units - 1);
	if (!unit || rest.n > 2 ||
		(rest.n == 2 &&
			(unit == units || ascii_lower(rest.p[1]) != 'b')))
		return ERR_INVALID;
	for (; unit > units; unit--) {
		if (value > INT64_MAX / 1024)
			return ERR_INVALID;
		value *= 1024;
	}
	*quota_r = value;
	return OK;
}

static enum err parse_switch(str text, bool *on_r)
{
	static const char *const yes[] = {"yes", "on", "true", "1"};
	static const char *const no[] = {"no", "off", "false", "0"};

	for (size_t i = 0; i < COUNT_OF(yes); i++) {
		*on_r = str_ieq_c(text, yes[i]);
		if (*on_r || str_ieq_c(text, no[i]))
			return OK;
	}
	return ERR_INVALID;
}

static enum err set_quota(struct change *c, const char *key, str value)
{
	struct account *a = c->account;

	if (str_ieq(value, STR("source"))) {
		a->quota_fixed = false;
		return OK;
	}
	a->quota_fixed = true;
	if (parse_quota(value, &a->quota) == OK)
		return OK;
	return control_fail(c->call, ERR_INVALID,
		"%s=%.*s: write a size like 500mb or 10gb, or none; or source "
		"for what an outside source says",
		key, STR_ARG(value));
}

static enum err take_switch(
	struct change *c, const char *key, str value, bool *on_r)
{
	if (parse_switch(value, on_r) == OK)
		return OK;
	return control_fail(c->call, ERR_INVALID, "%s=%.*s: write yes or no",
		key, STR_ARG(value));
}

static enum err set_enabled(struct change *c, const char *key, str value)
{
	enum err e = take_switch(c, key, value, &c->account->enabled);

	if (!e && !c->account->enabled)
		c->credentials = true;
	return e;
}

static enum err set_master(struct change *c, const char *key, str value)
{
	return take_switch(c, key, value, &c->account->master);
}

static enum err set_detail(struct change *c, const char *key, str value)
{
	return take_switch(c, key, value, &c->account->detail);
}

static enum err set_protocol(struct change *c, const char *key, str value)
{
	struct account *a = c->account;
	unsigned bit = account_protocol_bit(str_c(key));
	bool on;
	enum err e = take_switch(c, key, value, &on);

	if (!e) {
		a->denied = on ? a->denied & ~bit : a->denied | bit;
		c->switched |= bit;
	}
	return e;
}

static void replace(char **at, char *with)
{
	if (*at)
		secret_wipe(*at, strlen(*at));
	free(*at);
	*at = with;
}

/* Keys that are of another password are worse than none. */
static void forget_keys(struct account *a)
{
	replace(&a->scram1, xstrdup(""));
	replace(&a->scram256, xstrdup(""));
}

/* A hash that is itself SCRAM's keys. */
static void keep_keys(struct account *a)
{
	struct scram_keys keys;

	if (scram_keys_parse(str_c(a->hash), &keys) == OK)
		replace(keys.hash == SCRAM_SHA_1 ? &a->scram1 : &a->scram256,
			xstrdup(a->hash));
	secret_wipe(&keys, sizeof keys);
}

/* One that another server made: people move in with it. */
static enum err set_hash(struct change *c, const char *key, str value)
{
	struct account *a = c->account;
	char *hash = xstrndup(value.p, value.n);

	if (value.n > ACCOUNT_HASH_MAX ||
		(value.n && !password_is_known(hash))) {
		replace(&hash, NULL);
		return control_fail(c->call, ERR_UNSUPPORTED,
			"%s: not a hash that is known here: crypt(5), argon2, "
			"or one of those with Dovecot's {SCHEME} before it",
			key);
	}
	replace(&a->hash, hash);
	forget_keys(a);
	keep_keys(a);
	c->credentials = true;
	return OK;
}

static enum err fail_source(struct change *c, const char *key, str value)
{
	struct buf known = BUF_UNBOUNDED;
	enum err e;

	for (size_t i = 0; i < LOOKUP_SOURCES; i++)
		buf_addf(&known, ", %s", lookup_source_names[i]);
	e = control_fail(c->call, ERR_INVALID,
		"%s=%.*s: there is no such source; there are: " BUILTIN "%.*s",
		key, STR_ARG(value), STR_ARG(buf_str(&known)));
	buf_fini(&known);
	return e;
}

/* Who proves from now on that somebody is the account's owner. */
static enum err set_source(struct change *c, const char *key, str value)
{
	struct account *a = c->account;
	const char *source = str_ieq(value, STR(BUILTIN)) ? "" : NULL;

	for (size_t i = 0; i < LOOKUP_SOURCES && !source; i++)
		if (str_ieq_c(value, lookup_source_names[i]))
			source = lookup_source_names[i];
	if (!source)
		return fail_source(c, key, value);
	free(a->source);
	a->source = xstrdup(source);
	c->credentials = true;
	if (*source) {
		replace(&a->hash, xstrdup(""));
		forget_keys(a);
	}
	return OK;
}

static const struct {
	const char *key;
	enum err (*set)(struct change *, const char *key, str value);
} account_keys[] = {{"quota", set_quota}, {"enabled", set_enabled},
	{"master", set_master}, {"detail", set_detail}, {"source", set_source},
	{"password-hash", set_hash},
#define X(symbol, word, bit) {word, set_protocol},
	ACCOUNT_PROTOCOL_TABLE(X)
#undef X
};

static enum err set_key(struct change *c, const char *key, const json_t *value)
{
	struct buf known = BUF_UNBOUNDED;
	enum err e;

	if (!json_is_string(value))
		return control_fail(
			c->call, ERR_INVALID, "%s: a value is missing", key);
	for (size_t i = 0; i < COUNT_OF(account_keys); i++) {
		if (strcmp(account_keys[i].key, key) == 0)
			return account_keys[i].set(c, key,
				str_of(json_string_value(value),
					json_string_length(value)));
		buf_addf(&known, " %s", account_keys[i].key);
	}
	e = control_fail(c->call, ERR_INVALID, "there is no %s; there are:%.*s",
		key, STR_ARG(buf_str(&known)));
	buf_fini(&known);
	return e;
}

/* What only an account of this place has, or only one of another. */
static enum err check_source(struct change *c)
{
	const struct account *a = c->account;

	if (*a->source && *a->hash)
		return control_fail(c->call, ERR_UNSUPPORTED,
			"passwords of %s are kept in %s; change it there, or "
			"set source=" BUILTIN " first",
			a->name, a->source);
	return OK;
}

/* The request's "settings": {"quota":"10gb", …}. */
static enum err take_settings(struct change *c)
{
	/* jansson's iteration takes what it does not change as if it did */
	json_t *settings =
		json_object_get(control_request(c->call), "settings");
	const char *key;
	json_t *value;

	json_object_foreach(settings, key, value)
	{
		enum err e = set_key(c, key, value);

		if (e)
			return e;
	}
	return check_source(c);
}

/* -------- passwords -------- */

static char *make_keys(enum scram_hash hash, str password, uint32_t iterations)
{
	struct scram_keys keys;
	struct buf text = BUF_UNBOUNDED;
	char *copy;

	if (iterations &&
		scram_keys_make(hash, password, iterations, &keys) == OK)
		scram_keys_print(&keys, &text);
	secret_wipe(&keys, sizeof keys);
	copy = xstrndup(buf_str(&text).p, text.n);
	if (text.p)
		secret_wipe(text.p, text.n);
	buf_fini(&text);
	return copy;
}

static enum err set_password(struct change *c, str password)
{
	struct account *a = c->account;
	struct buf hash = BUF_UNBOUNDED;
	uint32_t iterations = c->auth->scram_iterations;
	enum err e = password_hash(password, &hash);

	if (e)
		return control_fail(c->call, e,
			"not a password: 1 to %d bytes of UTF-8 without "
			"control characters",
			PASSWORD_MAX);
	replace(&a->hash, xstrndup(hash.p, hash.n));
	buf_fini(&hash);
	replace(&a->scram1, make_keys(SCRAM_SHA_1, password, iterations));
	replace(&a->scram256, make_keys(SCRAM_SHA_256, password, iterations));
	c->credentials = true;
	return check_source(c);
}

/* The request's "password"; the request's copy is wiped. Nothing happens when
 * there is none. */
static enum err take_password(struct change *c)
{
	const json_t *value =
		json_object_get(control_request(c->call), "password");
	str password =
		str_of(json_string_value(value), json_string_length(value));
	enum err e;

	if (!json_is_string(value))
		return OK;
	e = set_password(c, password);
	secret_wipe((char *)(uintptr_t)password.p, password.n);
	return e;
}

/* -------- the commands -------- */

/* Fills and writes it, or with "dry_run" only looks whether that would do. */
static enum err add_account(struct change *c)
{
	struct account *a = c->account, other;
	enum err e = take_settings(c);

	if (!e)
		e = take_password(c);
	if (e)
		return e;
	if (!control_flag(c->call, "dry_run")) {
		e = accounts_add(c->auth->accounts, a); /* replaces a->name */
		return auth_fail_account(c->call, e, a->name);
	}
	e = accounts_get(c->auth->accounts, str_c(a->name), &other);
	account_fini(&other);
	if (e != ERR_NOTFOUND)
		return auth_fail_account(c->call, e ? e : ERR_EXISTS, a->name);
	return OK;
}

enum err auth_account_add(struct control_call *call, void *ctx)
{
	struct auth_context *auth = ctx;
	struct account a = {.hash = xstrdup(""),
		.scram1 = xstrdup(""),
		.scram256 = xstrdup(""),
		.source = xstrdup(""),
		.enabled = true,
		.detail = true};
	struct change c = {.call = call, .auth = auth, .account = &a};
	enum err e = OK;
	const char *name = wanted_name(call, &e);

	if (!e) {
		a.name = xstrdup(name);
		e = add_account(&c);
	}
	if (!e) {
		answer_account(call, &a);
		if (!control_flag(call, "dry_run")) {
			log_change("account added", a.name);
			auth->changed(auth);
		}
	}
	account_fini(&a);
	return e;
}

static enum err list_one(const struct account *a, void *arg)
{
	struct control_call *call = arg;

	if (control_cancelled(call))
		return ERR_CLOSED;
	return control_item(call, account_json(a));
}

enum err auth_account_list(struct control_call *call, void *ctx)
{
	struct auth_context *auth = ctx;

	return accounts_each(auth->accounts, list_one, call);
}

enum err auth_wanted_account(
	struct control_call *call, struct auth_context *auth, struct account *a)
{
	enum err e = OK;
	const char *name = wanted_name(call, &e);

	*a = (struct account){0};
	if (e)
		return e;
	return auth_fail_account(
		call, accounts_get(auth->accounts, str_c(name), a), name);
}

/* With "all", also its aliases and app passwords, as items. */
enum err auth_account_show(struct control_call *call, void *ctx)
{
	struct account a;
	enum err e = auth_wanted_account(call, ctx, &a);

	if (!e && control_flag(call, "all")) {
		e = auth_aliases_tell(call, ctx, a.name);
		if (!e)
			e = auth_app_passwords_tell(call, ctx, a.id);
	}
	if (!e)
		answer_account(call, &a);
	account_fini(&a);
	return e;
}

static void end_sessions(const struct change *c)
{
	const struct account *a = c->account;
	unsigned ended = 0;

	if (control_flag(c->call, "now"))
		ended = c->switched & a->denied;
	if (c->credentials)
		ended = ACCOUNT_PROTOCOLS_ALL;
	if (ended && c->auth->sessions_end)
		c->auth->sessions_end(c->auth, a->id, ended);
}

/* One at a time: what another has changed since we read it would be undone. */
static enum err change(struct control_call *call, struct auth_context *auth,
	enum err (*take)(struct change *), const char *what)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	struct account a;
	struct change c = {.call = call, .auth = auth, .account = &a};
	enum err e;

	pthread_mutex_lock(&one);
	e = auth_wanted_account(call, auth, &a);
	if (!e)
		e = take(&c);
	if (!e)
		e = auth_fail_account(
			call, accounts_update(auth->accounts, &a), a.name);
	pthread_mutex_unlock(&one);
	if (!e) {
		answer_account(call, &a);
		log_change(what, a.name);
		auth->changed(auth);
		end_sessions(&c);
	}
	account_fini(&a);
	return e;
}

enum err auth_account_set(struct control_call *call, void *ctx)
{
	return change(call, ctx, take_settings, "account changed");
}

enum err auth_account_password(struct control_call *call, void *ctx)
{
	if (!control_string(call, "password"))
		return control_fail(call, ERR_INVALID, "no password was sent");
	return change(call, ctx, take_password, "password changed");
}

enum err auth_account_remove(struct control_call *call, void *ctx)
{
	struct auth_context *auth = ctx;
	enum err e = OK;
	const char *name = wanted_name(call, &e);
	uint64_t id;

	if (e)
		return e;
	e = auth_fail_account(
		call, accounts_remove(auth->accounts, str_c(name), &id), name);
	if (e)
		return e;
	json_object_set_new(
		control_answer(call), "id", json_integer((json_int_t)id));
	log_change("account removed", name);
	auth->changed(auth);
	if (auth->sessions_end)
		auth->sessions_end(auth, id, ACCOUNT_PROTOCOLS_ALL);
	return OK;
}
