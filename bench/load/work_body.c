/* SPDX-License-Identifier: Apache-2.0 */
/* Single messages, over several connections. */
#include "load/load.h"
#include "load/result.h"
#include "load/work.h"

struct reading {
	struct work_clients clients;
	const struct mail *mails;
	uint64_t count, sent, total, dice;
};

static void ask(struct imap *im)
{
	struct reading *work = im->work;
	uint64_t number;

	if (work->sent == work->total)
		return;
	work->sent++;
	number = 1 + dice_roll(&work->dice) % work->count;
	imap_begin(im, "FETCH %llu BODY.PEEK[]\r\n", (unsigned long long)number)
		->arg = number;
	imap_send(im);
}

static void came(struct imap *im, struct imap_command *command, str answer)
{
	struct reading *work = im->work;
	uint64_t number;
	str rest;

	if (!command || !imap_is_fetch(answer, &number, &rest))
		return;
	if (number != command->arg)
		fail("message %llu was not asked for",
			(unsigned long long)number);
	mail_check(&work->mails[number - 1], imap_literal(rest));
	command->answers++;
	command->bytes = answer.n;
}

static void done(struct imap *im, struct imap_command *command, str line)
{
	if (command->answers != 1)
		fail("%llu answers: %.*s", (unsigned long long)command->answers,
			STR_ARG(line));
	result_op(now_ns() - command->begun, 1, command->bytes);
	ask(im);
}

static void run_random(void)
{
	struct reading work = {
		.dice = 1, .total = option_number("count", 4000)};

	work.clients = work_open(1);
	for (uint64_t i = 0; i < work.clients.count; i++) {
		struct imap *im = &work.clients.all[i];

		work.count = imap_select(im, work_mailbox());
		im->work = &work;
		im->untagged = came;
		im->tagged = done;
	}
	work.mails = mail_make_all(mail_kind_wanted(), work.count);
	result_begin("random");
	for (uint64_t i = 0; i < work.clients.count; i++)
		ask(&work.clients.all[i]);
	work_wait(&work.clients);
	result_end();
	work_close(&work.clients);
}

const struct workload workloads_body[] = {
	{"random", run_random, "BODY.PEEK[] of any message"},
	{0},
};
