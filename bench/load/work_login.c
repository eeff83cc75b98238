/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting, LOGIN, LOGOUT; connections that are held. */
#include "load/load.h"
#include "load/result.h"
#include "load/work.h"
#include "base/alloc.h"

#include <stdlib.h>

/* One at a time on each of conns= connections. */
struct visiting {
	bool counted;
	struct imap *all;
	uint64_t count, visits, begun, total, ended;
};

/* After LOGOUT the server closes; until it did, nobody else comes. */
static void gone(struct imap *im, struct imap_command *command, str line)
{
	(void)command;
	(void)line;
	im->tagged = NULL;
}

static void logged_in(struct imap *im, struct imap_command *command, str line)
{
	(void)command;
	(void)line;
	im->tagged = gone;
	im->conn.may_end = true;
	imap_begin(im, "LOGOUT\r\n");
	imap_send(im);
}

static void welcomed(struct imap *im)
{
	struct visiting *work = im->work;

	imap_begin(im, "LOGIN %s pw\r\n",
		imap_user(work_first_user() +
			  work->begun++ % option_number("users", 1)));
	imap_send(im);
}

static void come(struct imap *im, struct visiting *work)
{
	work->visits++;
	im->work = work;
	im->number = now_ns();
	im->welcomed = welcomed;
	im->tagged = logged_in;
	imap_connect(im, 2);
}

static void see_ended(struct visiting *work)
{
	for (uint64_t i = 0; i < work->count; i++) {
		struct imap *im = &work->all[i];

		if (im->conn.fd < 0 || !im->conn.ended)
			continue;
		if (im->done != 2)
			fail("closed before the answer to LOGOUT");
		if (work->counted)
			result_op(now_ns() - im->number, 0, 0);
		imap_close(im);
		work->ended++;
		if (result_wants_more(work->total) && work->begun < work->total)
			come(im, work);
	}
}

static void visit_all(uint64_t conns, uint64_t total, bool counted)
{
	struct visiting work = {
		.count = conns, .total = total, .counted = counted};

	work.all = xcalloc(conns, sizeof *work.all);
	for (uint64_t i = 0; i < conns; i++) {
		work.all[i].conn.fd = -1;
		if (work.visits < work.total)
			come(&work.all[i], &work);
	}
	while (work.ended < work.total) {
		loop_step();
		see_ended(&work);
	}
	free(work.all);
}

/* Everybody was here before: what a server remembers of that, it may. */
static void run_login(void)
{
	uint64_t conns = option_number("conns", 8);

	if (option_number("warm", 1))
		visit_all(conns, option_number("users", 1), false);
	result_begin("login");
	visit_all(conns, option_number("count", 1000), true);
	result_end();
}

/* Sessions that wait. "warm" of them before the measuring begins, and the
 * others after that; each is logged in, has a mailbox and is in IDLE. */
static void hold_one(struct imap *im, uint64_t number)
{
	imap_open(im, 2);
	imap_login(im, work_first_user() + number % option_number("users", 1));
	imap_select(im, work_mailbox());
	if (option_number("idle", 1)) {
		imap_begin(im, "IDLE\r\n");
		imap_send(im);
		while (!im->going_on)
			loop_step();
	}
}

static void run_hold(void)
{
	uint64_t warm = option_number("warm", 20);
	uint64_t count = warm + option_number("conns", 200);
	struct imap *all = xcalloc(count, sizeof *all);
	uint64_t until;

	for (uint64_t i = 0; i < warm; i++)
		hold_one(&all[i], i);
	until = now_ns() + 1000000000 * option_number("settle", 1);
	while (now_ns() < until)
		loop_step_for(100);
	result_begin("hold");
	for (uint64_t i = warm; i < count; i++) {
		uint64_t begun = now_ns();

		hold_one(&all[i], i);
		result_op(now_ns() - begun, 0, 0);
	}
	until = now_ns() + 1000000000 * option_number("settle", 1);
	while (now_ns() < until)
		loop_step_for(100);
	result_end();
	for (uint64_t i = 0; i < count; i++)
		imap_close(&all[i]);
}

const struct workload workloads_login[] = {
	{"login", run_login,
		"connect, LOGIN, LOGOUT, count= times by conns= at once; "
		"warm=0: nobody was here before"},
	{"hold", run_hold,
		"warm= and then conns= sessions in IDLE (idle=0: not) wait for "
		"settle= seconds"},
	{0},
};
