/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's commands that the mail role answers. */
#include "mail/repair.h"
#include "mail/verify.h"
#include "server/import.h"
#include "server/mail_role.h"
#include "session/session.h"
#include "store/store.h"

/* An answer is one line of bounded length. */
#define SESSIONS_MAX 500

struct listing {
	json_t *list;
	json_int_t count; /* of all */
};

static void add_session(const struct session *s, void *arg)
{
	struct listing *l = arg;
	json_t *list = l->list;

	if (l->count++ >= SESSIONS_MAX)
		return;
	json_array_append_new(list,
		json_pack("{sssssssbsIsI}", "account", s->account, "remote",
			s->remote, "protocol", s->protocol->name, "tls",
			(int)s->tls, "in", (json_int_t)s->bytes_in, "out",
			(json_int_t)s->bytes_out));
}

/* mail.status: {"sessions":[…],"session_count":n,"store":{…}}; of very many
 * sessions the first are listed. */
static enum err status(struct control_call *call, void *ctx)
{
	struct mail_service *service = ctx;
	json_t *answer = control_answer(call);
	struct listing sessions = {json_array(), 0};
	struct store_stats stats;

	store_stats(service->store, &stats);
	session_service_each(service->sessions, add_session, &sessions);
	json_object_set_new(answer, "sessions", sessions.list);
	json_object_set_new(
		answer, "session_count", json_integer(sessions.count));
	json_object_set_new(answer, "store",
		json_pack("{sIsIsIsIsIsIsIsI}", "commits",
			(json_int_t)stats.commits, "writes",
			(json_int_t)stats.writes, "syncs",
			(json_int_t)stats.syncs, "reads",
			(json_int_t)stats.gets, "scans",
			(json_int_t)stats.scans, "scanned",
			(json_int_t)stats.scanned, "bytes",
			(json_int_t)stats.bytes_on_disk, "cached",
			(json_int_t)stats.bytes_cached));
	return OK;
}

/* mail.verify {"account":7}: an item {"account":7,"problem":"…"} for each. */
struct verifying {
	struct control_call *call;
	const struct verify *figures;
	enum err err;
};

static void on_problem(void *arg, str words)
{
	struct verifying *v = arg;

	if (!v->err)
		v->err = control_item(
			v->call, json_pack("{sIss%}", "account",
					 (json_int_t)v->figures->account,
					 "problem", words.p, words.n));
}

static bool on_progress(void *arg, uint64_t messages)
{
	struct verifying *v = arg;

	control_progress(v->call, "messages", messages, 0);
	return v->err || control_cancelled(v->call);
}

static enum err verify(struct control_call *call, void *ctx)
{
	struct mail_service *service = ctx;
	struct verifying v = {.call = call};
	struct verify figures = {
		.problem = on_problem,
		.progress = on_progress,
		.arg = &v,
	};
	json_t *answer = control_answer(call);
	enum err e;

	v.figures = &figures;
	e = verify_mail(service->mail,
		(account_num)control_integer(call, "account", 0), &figures);

	json_object_set_new(
		answer, "accounts", json_integer((json_int_t)figures.accounts));
	json_object_set_new(answer, "mailboxes",
		json_integer((json_int_t)figures.mailboxes));
	json_object_set_new(answer, "messages",
		json_integer((json_int_t)figures.memberships));
	json_object_set_new(
		answer, "bytes", json_integer((json_int_t)figures.bytes));
	json_object_set_new(
		answer, "problems", json_integer((json_int_t)figures.problems));
	return e;
}

/* mail.repair {"account":7,"write":true}: items as of mail.verify. Without
 * "write" nothing is changed. */
struct repairing {
	struct control_call *call;
	const struct repair *figures;
	enum err err;
};

static void on_said(void *arg, str words, bool lost)
{
	struct repairing *r = arg;
	json_t *item = json_pack("{sIss%sb}", "account",
		(json_int_t)r->figures->account, "problem", words.p, words.n,
		"lost", (int)lost);

	if (r->err)
		json_decref(item);
	else
		r->err = control_item(r->call, item);
}

static bool on_repaired(void *arg, uint64_t accounts)
{
	struct repairing *r = arg;

	control_progress(r->call, "accounts", accounts, 0);
	return r->err || control_cancelled(r->call);
}

static enum err repair(struct control_call *call, void *ctx)
{
	struct mail_service *service = ctx;
	struct repairing r = {.call = call};
	struct repair figures = {
		.said = on_said,
		.progress = on_repaired,
		.arg = &r,
		.dry = !control_flag(call, "write"),
	};
	json_t *answer = control_answer(call);
	enum err e;

	r.figures = &figures;
	e = repair_mail(service->mail,
		(account_num)control_integer(call, "account", 0), &figures);
	json_object_set_new(answer, "dry", json_boolean(figures.dry));
	json_object_set_new(
		answer, "accounts", json_integer((json_int_t)figures.accounts));
	json_object_set_new(
		answer, "done", json_integer((json_int_t)figures.done));
	json_object_set_new(
		answer, "lost", json_integer((json_int_t)figures.lost));
	if (e == ERR_CORRUPT)
		return control_fail(
			call, e, "not all that is damaged can be repaired");
	return e;
}

const struct control_command mail_commands[] = {
	{"export", export_run},
	{"import", import_run},
	{"mail.status", status},
	{"mail.repair", repair},
	{"mail.verify", verify},
};

const size_t mail_commands_count =
	sizeof mail_commands / sizeof mail_commands[0];
