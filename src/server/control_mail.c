/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's commands that the mail role answers. */
#include "server/mail_role.h"
#include "session/session.h"
#include "store/store.h"

/* mail.status: {"sessions":…,"store":{…}} */
static enum err status(struct control_call *call, void *ctx)
{
	struct mail_service *service = ctx;
	json_t *answer = control_answer(call);
	struct store_stats stats;

	store_stats(service->store, &stats);
	json_object_set_new(answer, "sessions",
		json_integer(session_service_count(service->sessions)));
	json_object_set_new(answer, "store",
		json_pack("{sIsIsIsIsI}", "commits", (json_int_t)stats.commits,
			"writes", (json_int_t)stats.writes, "syncs",
			(json_int_t)stats.syncs, "reads",
			(json_int_t)stats.gets, "bytes",
			(json_int_t)stats.bytes_on_disk));
	return OK;
}

const struct control_command mail_commands[] = {
	{"mail.status", status},
};

const size_t mail_commands_count =
	sizeof mail_commands / sizeof mail_commands[0];
