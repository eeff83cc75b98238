/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "net/scoreboard.h"
#include "server/auth_role.h"
#include "server/confine.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* -------- what several need -------- */

/* The request's "name"; NULL after control_fail. */
static const char *wanted_name(struct control_call *call, enum err *e_r)
{
	const char *name = control_string(call, "name");

	if (!name)
		*e_r = control_fail(call, ERR_INVALID, "which account?");
	return name;
}

static enum err fail_account(
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

static json_t *account_json(const struct account *a)
{
	json_t *protocols = json_object();

#define X(symbol, word, bit)                                                   \
	json_object_set_new(protocols, word,                                   \
		json_boolean(!(a->denied & ACCOUNT_##symbol)));
	ACCOUNT_PROTOCOL_TABLE(X)
#undef X
	return json_pack("{s:I, s:s, s:I, s:b, s:b, s:o, s:I, s:I}", "id",
		(json_int_t)a->id, "name", a->name, "quota",
		(json_int_t)a->quota, "enabled", a->enabled, "password",
		password_is_known(a->hash), "protocols", protocols, "created",
		(json_int_t)a->created, "changed", (json_int_t)a->changed);
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

static enum err set_quota(struct control_call *call, struct account *a,
	const char *key, str value)
{
	if (parse_quota(value, &a->quota) == OK)
		return OK;
	return control_fail(call, ERR_INVALID,
		"%s=%.*s: write a size like 500mb or 10gb, or none", key,
		STR_ARG(value));
}

static enum err take_switch(
	struct control_call *call, const char *key, str value, bool *on_r)
{
	if (parse_switch(value, on_r) == OK)
		return OK;
	return control_fail(call, ERR_INVALID, "%s=%.*s: write yes or no", key,
		STR_ARG(value));
}

static enum err set_enabled(struct control_call *call, struct account *a,
	const char *key, str value)
{
	return take_switch(call, key, value, &a->enabled);
}

static enum err set_protocol(struct control_call *call, struct account *a,
	const char *key, str value)
{
	unsigned bit = account_protocol_bit(str_c(key));
	bool on;
	enum err e = take_switch(call, key, value, &on);

	if (!e)
		a->denied = on ? a->denied & ~bit : a->denied | bit;
	return e;
}

/* One that another server made: people move in with it. */
static enum err set_hash(struct control_call *call, struct account *a,
	const char *key, str value)
{
	char *hash = xstrndup(value.p, value.n);

	if (value.n > ACCOUNT_HASH_MAX ||
		(value.n && !password_is_known(hash))) {
		free(hash);
		return control_fail(call, ERR_UNSUPPORTED,
			"%s: not a hash that crypt(5) or argon2 knows", key);
	}
	free(a->hash);
	a->hash = hash;
	return OK;
}

static const struct {
	const char *key;
	enum err (*set)(struct control_call *, struct account *,
		const char *key, str value);
} account_keys[] = {{"quota", set_quota}, {"enabled", set_enabled},
	{"password-hash", set_hash},
#define X(symbol, word, bit) {word, set_protocol},
	ACCOUNT_PROTOCOL_TABLE(X)
#undef X
};

static enum err set_key(struct control_call *call, struct account *a,
	const char *key, const json_t *value)
{
	struct buf known = BUF_UNBOUNDED;
	enum err e;

	if (!json_is_string(value))
		return control_fail(
			call, ERR_INVALID, "%s: a value is missing", key);
	for (size_t i = 0; i < COUNT_OF(account_keys); i++) {
		if (strcmp(account_keys[i].key, key) == 0)
			return account_keys[i].set(call, a, key,
				str_of(json_string_value(value),
					json_string_length(value)));
		buf_addf(&known, " %s", account_keys[i].key);
	}
	e = control_fail(call, ERR_INVALID, "there is no %s; there are:%.*s",
		key, STR_ARG(buf_str(&known)));
	buf_fini(&known);
	return e;
}

/* The request's "settings": {"quota":"10gb", …}. */
static enum err take_settings(struct control_call *call, struct account *a)
{
	/* jansson's iteration takes what it does not change as if it did */
	json_t *settings = json_object_get(control_request(call), "settings");
	const char *key;
	json_t *value;

	json_object_foreach(settings, key, value)
	{
		enum err e = set_key(call, a, key, value);

		if (e)
			return e;
	}
	return OK;
}

/* The request's "password", as a hash; the request's copy is wiped. Nothing
 * happens when there is none. */
static enum err take_password(struct control_call *call, struct account *a)
{
	const json_t *value =
		json_object_get(control_request(call), "password");
	struct buf hash = BUF_UNBOUNDED;
	enum err e;

	if (!value)
		return OK;
	e = password_hash(
		str_of(json_string_value(value), json_string_length(value)),
		&hash);
	secret_wipe((char *)(uintptr_t)json_string_value(value),
		json_string_length(value));
	if (e)
		return control_fail(call, e,
			"not a password: 1 to %d bytes of UTF-8 without "
			"control characters",
			PASSWORD_MAX);
	free(a->hash);
	a->hash = xstrndup(hash.p, hash.n);
	buf_fini(&hash);
	return OK;
}

/* -------- the commands -------- */

static enum err account_add(struct control_call *call, void *ctx)
{
	struct auth_context *auth = ctx;
	struct account a = {
		.hash = xstrdup(""), .enabled = true, .detail = true};
	enum err e = OK;
	const char *name = wanted_name(call, &e);

	if (!e)
		e = take_settings(call, &a);
	if (!e)
		e = take_password(call, &a);
	if (!e) {
		a.name = xstrdup(name);
		e = fail_account(call, accounts_add(auth->accounts, &a), name);
	}
	if (!e) {
		answer_account(call, &a);
		log_change("account added", a.name);
		auth->changed(auth);
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

static enum err account_list(struct control_call *call, void *ctx)
{
	struct auth_context *auth = ctx;

	return accounts_each(auth->accounts, list_one, call);
}

/* The account that the request names. */
static enum err get_wanted(
	struct control_call *call, struct auth_context *auth, struct account *a)
{
	enum err e = OK;
	const char *name = wanted_name(call, &e);

	*a = (struct account){0};
	if (e)
		return e;
	return fail_account(
		call, accounts_get(auth->accounts, str_c(name), a), name);
}

static enum err account_show(struct control_call *call, void *ctx)
{
	struct account a;
	enum err e = get_wanted(call, ctx, &a);

	if (!e)
		answer_account(call, &a);
	account_fini(&a);
	return e;
}

/* One at a time: what another has changed since we read it would be undone. */
static enum err change(struct control_call *call, struct auth_context *auth,
	enum err (*take)(struct control_call *, struct account *),
	const char *what)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	struct account a;
	enum err e;

	pthread_mutex_lock(&one);
	e = get_wanted(call, auth, &a);
	if (!e)
		e = take(call, &a);
	if (!e)
		e = fail_account(
			call, accounts_update(auth->accounts, &a), a.name);
	pthread_mutex_unlock(&one);
	if (!e) {
		answer_account(call, &a);
		log_change(what, a.name);
		auth->changed(auth);
	}
	account_fini(&a);
	return e;
}

static enum err account_set(struct control_call *call, void *ctx)
{
	return change(call, ctx, take_settings, "account changed");
}

static enum err account_password(struct control_call *call, void *ctx)
{
	if (!control_string(call, "password"))
		return control_fail(call, ERR_INVALID, "no password was sent");
	return change(call, ctx, take_password, "password changed");
}

static enum err account_remove(struct control_call *call, void *ctx)
{
	struct auth_context *auth = ctx;
	enum err e = OK;
	const char *name = wanted_name(call, &e);
	uint64_t id;

	if (e)
		return e;
	e = fail_account(
		call, accounts_remove(auth->accounts, str_c(name), &id), name);
	if (e)
		return e;
	json_object_set_new(
		control_answer(call), "id", json_integer((json_int_t)id));
	log_change("account removed", name);
	auth->changed(auth);
	return OK;
}

/* -------- status -------- */

static json_t *process_json(const struct auth_context *auth, unsigned index)
{
	const struct scoreboard *page = auth->pages[index];
	json_t *figures = json_object();
	char name[16];

	if (index + 2 < auth->page_count)
		snprintf(name, sizeof name, "front%u", index);
	else
		snprintf(name, sizeof name, "%s",
			role_kind_name(index + 2 == auth->page_count
					       ? ROLE_AUTH
					       : ROLE_MAIL));
	json_object_set_new(figures, "name", json_string(name));
#define X(figure, help)                                                        \
	json_object_set_new(figures, #figure,                                  \
		json_integer((json_int_t)SCOREBOARD_GET(page, figure)));
	if (page) {
		SCOREBOARD_TABLE(X)
	}
#undef X
	return figures;
}

static enum err status(struct control_call *call, void *ctx)
{
	struct auth_context *auth = ctx;
	json_t *answer = control_answer(call), *processes = json_array();
	uint64_t count = 0;
	enum err e = accounts_count(auth->accounts, &count);

	for (unsigned i = 0; i < auth->page_count; i++)
		json_array_append_new(processes, process_json(auth, i));
	json_object_set_new(answer, "version", json_string(CULVER_VERSION));
	json_object_set_new(answer, "pid", json_integer(getpid()));
	json_object_set_new(answer, "uptime",
		json_integer(clock_wall_s() - (int64_t)auth->started_s));
	json_object_set_new(
		answer, "accounts", json_integer((json_int_t)count));
	json_object_set_new(
		answer, "logins_ok", json_integer((json_int_t)auth->logins_ok));
	json_object_set_new(answer, "logins_failed",
		json_integer((json_int_t)auth->logins_failed));
	json_object_set_new(
		answer, "exchanges", json_integer((json_int_t)auth->exchanges));
	json_object_set_new(answer, "processes", processes);
	return e;
}

const struct control_command auth_commands[] = {
	{"account.add", account_add},
	{"account.list", account_list},
	{"account.show", account_show},
	{"account.set", account_set},
	{"account.password", account_password},
	{"account.remove", account_remove},
	{"status", status},
};
const size_t auth_command_count = COUNT_OF(auth_commands);
