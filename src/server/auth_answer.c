/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/text.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "net/scoreboard.h"
#include "server/auth_private.h"
#include "session/ticket.h"

#include <stdio.h>

void answer_send(
	struct peer *p, uint32_t id, enum err e, const char *told, str ticket)
{
	struct buf payload = BUF_UNBOUNDED;

	buf_add_varint(&payload, (uint64_t)e);
	buf_add_sized(&payload, str_c(told));
	buf_add_sized(&payload, ticket);
	peer_tell(p, IPC_AUTH_DONE, id, buf_str(&payload));
	if (payload.p)
		secret_wipe(payload.p, payload.n);
	buf_fini(&payload);
}

/* Whose verdict stands after an end was ordered was looked at again, and comes
 * after it, be it in the same millisecond. */
static void mint(struct exchange *x, struct buf *out)
{
	uint64_t now = clock_monotonic_ms(), ended = x->auth->ended_ms;
	struct ticket ticket = {.account = x->verdict.account,
		.rights = x->verdict.rights,
		.protocol = str_c(x->protocol),
		.name = str_c(x->verdict.name)};

	ticket_mint(role_secret(&x->auth->role, "ticket-key"), &ticket,
		now > ended ? now : ended + 1, out);
}

/* A name that an outsider gave; what is not text is not shown. */
static str shown_name(const struct exchange *x)
{
	str who = buf_str(&x->who), as = buf_str(&x->as);

	if (as.n)
		who = as;
	return text_is_utf8(who) ? who : STR("?");
}

/* The one line per attempt. */
static void log_attempt(const struct exchange *x)
{
	const struct auth_verdict *v = &x->verdict;
	enum log_level level = v->err ? LOG_WARN : LOG_INFO;
	const char *message = v->err ? "login refused" : "login";
	str master = x->as.n ? buf_str(&x->who) : STR("");

	LOG_AT(level, "auth", message, LOG_C("session", x->session),
		LOG_C("protocol", x->protocol), LOG_C("remote", x->remote),
		LOG_STR("account", v->err ? shown_name(x) : str_c(v->name)),
		LOG_STR("master", text_is_utf8(master) ? master : STR("?")),
		LOG_C("app", v->app),
		LOG_C("mechanism", x->sasl.mechanism->name),
		LOG_C("tls", *x->tls ? x->tls : "no"),
		LOG_C("result", err_words(v->err)), LOG_C("reason", v->reason),
		LOG_U64("ms", clock_monotonic_ms() - x->began));
}

static void copy_text(char *room, size_t size, str s)
{
	snprintf(room, size, "%.*s", STR_ARG(s));
}

/* For `culver status`. */
static void remember_failure(const struct exchange *x)
{
	struct auth_failure f = {
		.time = clock_wall_s(), .reason = x->verdict.reason};
	str account = shown_name(x);

	copy_text(f.protocol, sizeof f.protocol, str_c(x->protocol));
	copy_text(f.remote, sizeof f.remote, str_c(x->remote));
	copy_text(f.mechanism, sizeof f.mechanism,
		str_c(x->sasl.mechanism->name));
	copy_text(f.account, sizeof f.account,
		account.n < sizeof f.account ? account : STR("?"));
	auth_failures_add(x->auth->context.failures, &f);
}

void answer_settle(struct exchange *x)
{
	struct auth *a = x->auth;

	x->settled = true;
	log_attempt(x);
	if (x->verdict.err) {
		remember_failure(x);
		a->context.logins_failed++;
		SCOREBOARD_ADD(a->page, logins_failed, 1);
	} else {
		a->context.logins_ok++;
		SCOREBOARD_ADD(a->page, logins_ok, 1);
	}
}

void answer_verdict(struct exchange *x)
{
	struct buf ticket = BUF_UNBOUNDED;

	if (!x->settled)
		answer_settle(x);
	if (!x->verdict.err)
		mint(x, &ticket);
	if (x->peer && !x->abandoned)
		answer_send(x->peer, x->id, x->verdict.err, x->verdict.told,
			buf_str(&ticket));
	if (ticket.p)
		secret_wipe(ticket.p, ticket.n);
	buf_fini(&ticket);
}
