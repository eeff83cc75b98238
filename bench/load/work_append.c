/* SPDX-License-Identifier: Apache-2.0 */
/* Putting mail in, by IMAP. */
#include "load/load.h"
#include "load/result.h"
#include "load/work.h"

#include <stdio.h>

struct appending {
	struct work_clients clients;
	const struct mail *mails;
	uint64_t sent, total, batch;
	uint64_t bytes;
};

static void send_more(struct imap *im)
{
	struct appending *work = im->work;
	uint64_t n = work->total - work->sent;

	if (n == 0 || !imap_room(im))
		return;
	if (n > work->batch)
		n = work->batch;
	work_append(im, work_mailbox(), work->mails + work->sent, n);
	work->sent += n;
	imap_send(im);
}

static void appended(struct imap *im, struct imap_command *command, str line)
{
	struct appending *work = im->work;

	if (!str_starts(line, STR("OK [APPENDUID ")))
		fail("no APPENDUID: %.*s", STR_ARG(line));
	result_op(now_ns() - command->begun, command->arg, command->bytes);
	work->bytes += command->bytes;
	send_more(im);
}

/* Messages in the mailboxes of all users. */
static uint64_t count_messages(struct appending *work)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < work->clients.users; i++)
		sum += imap_select(&work->clients.all[i], work_mailbox());
	return sum;
}

static void add_size(struct imap *im, struct imap_command *command, str answer)
{
	uint64_t number;
	str rest;

	(void)im;
	if (command && imap_is_fetch(answer, &number, &rest))
		*(uint64_t *)im->work += imap_number_after(rest, "RFC822.SIZE");
}

/* The bytes that the server says are there, of one mailbox. */
static uint64_t sum_sizes(struct imap *im)
{
	uint64_t sum = 0;

	im->work = &sum;
	im->untagged = add_size;
	im->tagged = NULL;
	if (imap_select(im, work_mailbox()) > 0)
		imap_do(im, "FETCH 1:* RFC822.SIZE");
	im->untagged = NULL;
	return sum;
}

static uint64_t sum_all_sizes(struct appending *work)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < work->clients.users; i++)
		sum += sum_sizes(&work->clients.all[i]);
	return sum;
}

static void drive(struct appending *work)
{
	struct work_clients *clients = &work->clients;

	result_begin("append");
	for (uint64_t round = 0; round < clients->all[0].depth; round++)
		for (uint64_t i = 0; i < clients->count; i++)
			send_more(&clients->all[i]);
	work_wait(clients);
	result_end();
}

static void create_all(struct appending *work)
{
	if (option_number("create", 0))
		for (uint64_t i = 0; i < work->clients.users; i++)
			imap_try(&work->clients.all[i], "CREATE %s",
				work_mailbox());
}

static void set_work(struct appending *work)
{
	for (uint64_t i = 0; i < work->clients.count; i++) {
		work->clients.all[i].work = work;
		work->clients.all[i].tagged = appended;
	}
}

static void run_append(void)
{
	bool sizes = option_number("check", 1);
	struct appending work = {.batch = option_number("batch", 1)};
	uint64_t before, size_before;

	work.total = option_number("count", 400);
	work.mails = mail_make_all(mail_kind_wanted(), work.total);
	work.clients = work_open(option_number("depth", 1));
	create_all(&work);
	before = count_messages(&work);
	size_before = sizes ? sum_all_sizes(&work) : 0;
	set_work(&work);
	drive(&work);
	for (uint64_t i = 0; i < work.clients.count; i++)
		work.clients.all[i].tagged = NULL;
	if (count_messages(&work) - before != work.total)
		fail("other than %llu messages are there",
			(unsigned long long)work.total);
	if (sizes && sum_all_sizes(&work) - size_before != work.bytes)
		fail("other than %llu bytes are there",
			(unsigned long long)work.bytes);
	work_close(&work.clients);
}

/* Nothing is measured: each of users= gets count= messages in box=, unless
 * they are there. */
static void fill_user(const struct mail *mails, uint64_t user, uint64_t count)
{
	uint64_t batch = option_number("batch", 100), sent;
	struct imap im = {0};

	imap_open(&im, 4);
	imap_login(&im, user);
	imap_try(&im, "CREATE %s", work_mailbox());
	sent = imap_select(&im, work_mailbox());
	imap_do(&im, "UNSELECT");
	while (sent < count) {
		uint64_t n = count - sent < batch ? count - sent : batch;

		while (!imap_room(&im))
			loop_step();
		work_append(&im, work_mailbox(), mails + sent, n);
		imap_send(&im);
		sent += n;
	}
	imap_wait(&im);
	if (imap_select(&im, work_mailbox()) != count)
		fail("%s is not filled", work_mailbox());
	imap_close(&im);
}

static void run_fill(void)
{
	uint64_t count = option_number("count", 2000);
	const struct mail *mails = mail_make_all(mail_kind_wanted(), count);

	for (uint64_t i = 0; i < option_number("users", 1); i++)
		fill_user(mails, work_first_user() + i, count);
}

static void run_delete(void)
{
	struct imap im = {0};

	imap_open(&im, 1);
	imap_login(&im, work_first_user());
	imap_do(&im, "DELETE %s", work_mailbox());
	imap_close(&im);
}

static void run_mail(void)
{
	uint64_t count = option_number("count", 2000);
	const struct mail *mails = mail_make_all(mail_kind_wanted(), count);

	result_begin("sizes");
	for (uint64_t i = 0; i < count; i++)
		/* Bytes as nanoseconds: the median size is "p50" times 1e9. */
		result_op(mails[i].text.n, 1, mails[i].text.n);
	result_end();
	if (option_number("show", 0))
		for (uint64_t i = 0; i < count; i++)
			fwrite(mails[i].text.p, 1, mails[i].text.n, stderr);
}

const struct workload workloads_append[] = {
	{"append", run_append,
		"APPEND; batch=100: MULTIAPPEND; create=1; check=0: sizes are "
		"not asked for"},
	{"fill", run_fill, "box= gets count= messages of mail= (not measured)"},
	{"delete", run_delete, "DELETE box= (not measured)"},
	{"mail", run_mail, "no server: the sizes of the mail; show=1"},
	{0},
};
