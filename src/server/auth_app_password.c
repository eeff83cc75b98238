/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/app_password.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/auth_commands.h"

#include <stdio.h>
#include <time.h>

#define DAY_S 86400

static json_t *scope_json(unsigned scope)
{
	json_t *words = json_array();

	if (scope == ACCOUNT_PROTOCOLS_ALL) {
		json_array_append_new(words, json_string("all"));
		return words;
	}
#define X(symbol, word, bit)                                                   \
	if (scope & ACCOUNT_##symbol)                                          \
		json_array_append_new(words, json_string(word));
	ACCOUNT_PROTOCOL_TABLE(X)
#undef X
	return words;
}

static json_t *app_password_json(const struct app_password *p)
{
	return json_pack("{s:s, s:o, s:I, s:I, s:I}", "app_password", p->label,
		"scope", scope_json(p->scope), "expires",
		(json_int_t)p->expires, "last_used", (json_int_t)p->last_used,
		"created", (json_int_t)p->created);
}

static enum err fail_label(struct control_call *call, enum err e,
	const char *name, const char *label)
{
	switch (e) {
	case OK:
		return OK;
	case ERR_NOTFOUND:
		return control_fail(
			call, e, "%s has no app password \"%s\"", name, label);
	case ERR_EXISTS:
		return control_fail(call, e,
			"%s has an app password \"%s\" already; remove it "
			"first, or take another label",
			name, label);
	case ERR_LIMIT:
		return control_fail(call, e,
			"%s has %d app passwords, and cannot have more", name,
			APP_PASSWORDS_MAX);
	case ERR_INVALID:
		return control_fail(call, e,
			"\"%s\" cannot be a label: 1 to %d bytes of UTF-8 "
			"without control characters",
			label, APP_PASSWORD_LABEL_MAX);
	default:
		return control_fail(
			call, e, "app password of %s: %s", name, err_words(e));
	}
}

/* -------- arguments -------- */

static void add_protocols(struct buf *out)
{
#define X(symbol, word, bit) buf_addf(out, " %s", word);
	ACCOUNT_PROTOCOL_TABLE(X)
#undef X
}

static enum err fail_scope(struct control_call *call, str word)
{
	struct buf known = BUF_UNBOUNDED;
	enum err e;

	add_protocols(&known);
	e = control_fail(call, ERR_INVALID,
		"scope: \"%.*s\" is no protocol; there are:%.*s; separate them "
		"by commas, or write all",
		STR_ARG(word), STR_ARG(buf_str(&known)));
	buf_fini(&known);
	return e;
}

/* "imap,pop3"; "all". */
static enum err take_scope(struct control_call *call, unsigned *scope_r)
{
	const char *text = control_string(call, "scope");
	str rest = str_c(text ? text : "all");

	*scope_r = 0;
	if (str_ieq(rest, STR("all"))) {
		*scope_r = ACCOUNT_PROTOCOLS_ALL;
		return OK;
	}
	for (bool more = true; more;) {
		size_t comma = str_find_byte(rest, ',');
		str word = str_trim(str_take(rest, comma));
		unsigned bit = account_protocol_bit(word);

		if (!bit)
			return fail_scope(call, word);
		*scope_r |= bit;
		more = comma < rest.n;
		rest = str_skip(rest, comma + 1);
	}
	return OK;
}

/* "2027-01-01": when that day begins, UTC. */
static bool parse_date(const char *text, int64_t *time_r)
{
	struct tm tm = {0}, made;
	int end = 0;
	time_t t;

	if (sscanf(text, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		    &end) != 3 ||
		text[end])
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	made = tm;
	t = timegm(&made);
	*time_r = t;
	/* the 31st of June */
	return made.tm_mday == tm.tm_mday && made.tm_mon == tm.tm_mon;
}

/* "90d", "12h". */
static bool parse_span(str text, int64_t *seconds_r)
{
	static const struct {
		const char *unit;
		int64_t seconds;
	} units[] = {{"h", 3600}, {"d", DAY_S}, {"w", 7 * DAY_S}};
	uint64_t n;

	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (!str_ends(text, str_c(units[i].unit)))
			continue;
		if (str_to_u64(str_take(text, text.n - 1), 36500, &n))
			return false;
		*seconds_r = (int64_t)n * units[i].seconds;
		return true;
	}
	return false;
}

static enum err take_expiry(struct control_call *call, int64_t *time_r)
{
	const char *text = control_string(call, "expires");
	int64_t now = clock_wall_s(), span;

	*time_r = 0;
	if (!text || str_ieq(str_c(text), STR("never")))
		return OK;
	if (parse_span(str_c(text), &span))
		*time_r = now + span;
	else if (!parse_date(text, time_r))
		return control_fail(call, ERR_INVALID,
			"expires=%s: write a time like 90d (h, d, w), a date "
			"like 2027-01-01, or never",
			text);
	if (*time_r > now)
		return OK;
	return control_fail(
		call, ERR_INVALID, "expires=%s: that is past already", text);
}

/* The request's "label". */
static enum err take_label(struct control_call *call, const char **label_r)
{
	*label_r = control_string(call, "label");
	if (*label_r)
		return OK;
	return control_fail(call, ERR_INVALID, "which app password?");
}

/* -------- the commands -------- */

static void log_change(
	const char *what, const struct account *a, const char *label)
{
	log_info(
		"auth", what, LOG_C("account", a->name), LOG_C("label", label));
}

static enum err make(struct control_call *call, struct auth_context *auth,
	const struct account *a)
{
	struct app_password p = {.account = a->id};
	struct secret password = {0};
	const char *label;
	json_t *answer = control_answer(call);
	enum err e = take_label(call, &label);

	if (!e)
		e = take_scope(call, &p.scope);
	if (!e)
		e = take_expiry(call, &p.expires);
	if (e)
		return e;
	e = strlen(label) < sizeof p.label ? OK : ERR_INVALID;
	if (!e) {
		memcpy(p.label, label, strlen(label));
		e = app_password_add(auth->accounts, &p, &password);
	}
	if (e)
		return fail_label(call, e, a->name, label);
	json_object_update_new(answer, app_password_json(&p));
	json_object_set_new(
		answer, "password", json_stringn(password.p, password.n));
	secret_fini(&password);
	log_change("app password added", a, label);
	return OK;
}

enum err auth_app_password_add(struct control_call *call, void *ctx)
{
	struct account a;
	enum err e = auth_wanted_account(call, ctx, &a);

	if (!e)
		e = make(call, ctx, &a);
	account_fini(&a);
	return e;
}

static void collect(const struct app_password *p, void *arg)
{
	json_array_append_new(arg, app_password_json(p));
}

enum err auth_app_passwords_tell(
	struct control_call *call, struct auth_context *auth, uint64_t account)
{
	json_t *all = json_array();
	enum err e = app_password_each(auth->accounts, account, collect, all);

	for (size_t i = 0; !e && i < json_array_size(all); i++)
		e = control_item(call, json_incref(json_array_get(all, i)));
	json_decref(all);
	return e;
}

enum err auth_app_password_list(struct control_call *call, void *ctx)
{
	struct account a;
	enum err e = auth_wanted_account(call, ctx, &a);

	if (!e)
		e = auth_app_passwords_tell(call, ctx, a.id);
	account_fini(&a);
	return e;
}

static enum err remove_one(struct control_call *call, struct auth_context *auth,
	const struct account *a)
{
	const char *label;
	enum err e = take_label(call, &label);

	if (e)
		return e;
	e = app_password_remove(auth->accounts, a->id, str_c(label));
	if (e)
		return fail_label(call, e, a->name, label);
	log_change("app password removed", a, label);
	if (control_flag(call, "now") && auth->sessions_end)
		auth->sessions_end(auth, a->id, ACCOUNT_PROTOCOLS_ALL);
	return OK;
}

/* With "now" all sessions of the account end: which password began them is not
 * known, and who has another comes back. */
enum err auth_app_password_remove(struct control_call *call, void *ctx)
{
	struct account a;
	enum err e = auth_wanted_account(call, ctx, &a);

	if (!e)
		e = remove_one(call, ctx, &a);
	account_fini(&a);
	return e;
}
