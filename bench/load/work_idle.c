/* SPDX-License-Identifier: Apache-2.0 */
/* From the OK of an APPEND to the EXISTS of the last of those in IDLE. */
#include "load/load.h"
#include "load/result.h"
#include "load/work.h"
#include "base/alloc.h"

#include <stdlib.h>

struct watching {
	uint64_t expected; /* messages */
	uint64_t told;	   /* watchers that know of them */
	uint64_t last;	   /* when the last was told, ns */
};

static void told(struct imap *im, struct imap_command *command, str answer)
{
	struct watching *work = im->work;

	(void)command;
	if (!str_ends(answer, STR(" EXISTS")))
		return;
	if (im->exists > work->expected)
		fail("more messages than there are: %.*s", STR_ARG(answer));
	if (im->exists == work->expected) {
		work->told++;
		work->last = now_ns();
	}
}

static void watch(struct imap *im, struct watching *work)
{
	imap_open(im, 2);
	imap_login(im, work_first_user());
	work->expected = imap_select(im, work_mailbox());
	imap_begin(im, "IDLE\r\n");
	imap_send(im);
	while (!im->going_on)
		loop_step();
	im->work = work;
	im->untagged = told;
}

static void arrive(struct imap *im, struct watching *work, uint64_t watchers,
	const struct mail *mail)
{
	uint64_t ok;

	work->expected++;
	work->told = 0;
	work_append(im, work_mailbox(), mail, 1);
	imap_send(im);
	imap_wait(im);
	ok = now_ns();
	while (work->told < watchers)
		loop_step();
	/* Who was told before the OK did not wait at all. */
	result_op(work->last > ok ? work->last - ok : 0, 1, mail->text.n);
}

/* The server has its time between two: nothing of the one before is left. */
static void pause_ms(uint64_t ms)
{
	uint64_t until = now_ns() + ms * 1000000;

	while (now_ns() < until)
		loop_step_for(1);
}

static void run_idle(void)
{
	uint64_t watchers = option_number("conns", 1);
	uint64_t count = option_number("count", 20);
	const struct mail *mails = mail_make_all(MAIL_SMALL, count);
	struct imap *all = xcalloc(watchers, sizeof *all), im = {0};
	struct watching work = {0};

	imap_open(&im, 1);
	imap_login(&im, work_first_user());
	imap_try(&im, "CREATE %s", work_mailbox());
	for (uint64_t i = 0; i < watchers; i++)
		watch(&all[i], &work);
	pause_ms(option_number("settle", 500));
	result_begin("idle");
	for (uint64_t i = 0; i < count; i++) {
		arrive(&im, &work, watchers, &mails[i]);
		pause_ms(20);
	}
	result_end();
	for (uint64_t i = 0; i < watchers; i++)
		imap_close(&all[i]);
	free(all);
	imap_close(&im);
}

const struct workload workloads_idle[] = {
	{"idle", run_idle,
		"APPEND with conns= watchers in IDLE: from its OK until the "
		"last has EXISTS"},
	{0},
};
