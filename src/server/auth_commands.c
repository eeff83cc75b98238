/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/clock.h"
#include "net/scoreboard.h"
#include "server/auth_commands.h"
#include "server/confine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

static json_t *failures_json(const struct auth_context *auth)
{
	struct auth_failure *room = xcalloc(AUTH_FAILURES, sizeof *room);
	size_t count = auth_recent_failures(auth, room);
	json_t *all = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct auth_failure *f = &room[i];

		json_array_append_new(
			all, json_pack("{s:I, s:s, s:s, s:s, s:s, s:s}", "time",
				     (json_int_t)f->time, "protocol",
				     f->protocol, "remote", f->remote,
				     "account", f->account, "mechanism",
				     f->mechanism, "reason", f->reason));
	}
	free(room);
	return all;
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
		json_integer(
			(json_int_t)((clock_monotonic_ms() - auth->started_ms) /
				     1000)));
	json_object_set_new(
		answer, "accounts", json_integer((json_int_t)count));
	json_object_set_new(
		answer, "logins_ok", json_integer((json_int_t)auth->logins_ok));
	json_object_set_new(answer, "logins_failed",
		json_integer((json_int_t)auth->logins_failed));
	json_object_set_new(
		answer, "exchanges", json_integer((json_int_t)auth->exchanges));
	json_object_set_new(answer, "processes", processes);
	json_object_set_new(answer, "failures", failures_json(auth));
	return e;
}

const struct control_command auth_commands[] = {
	{"account.add", auth_account_add},
	{"account.list", auth_account_list},
	{"account.show", auth_account_show},
	{"account.set", auth_account_set},
	{"account.password", auth_account_password},
	{"account.remove", auth_account_remove},
	{"app-password.add", auth_app_password_add},
	{"app-password.list", auth_app_password_list},
	{"app-password.remove", auth_app_password_remove},
	{"alias.add", auth_alias_add},
	{"alias.list", auth_alias_list},
	{"alias.remove", auth_alias_remove},
	{"status", status},
};
const size_t auth_command_count = COUNT_OF(auth_commands);
