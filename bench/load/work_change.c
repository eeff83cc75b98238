/* SPDX-License-Identifier: Apache-2.0 */
/* STORE, COPY, MOVE, EXPUNGE. */
#include "load/load.h"
#include "load/result.h"
#include "load/work.h"

#include <stdio.h>

/* -------- STORE of all -------- */

/* Who changes nothing is not told (by Dovecot): what ran before may have left
 * some of them. */
static void take_flags_away(struct imap *im)
{
	imap_do(im, "STORE 1:* -FLAGS.SILENT (\\Flagged)");
}

struct storing {
	bool on; /* \Flagged is being set */
	uint64_t seen;
};

static bool is_flagged(str answer)
{
	return memmem(answer.p, answer.n, "\\Flagged", 8) != NULL;
}

static void see_stored(
	struct imap *im, struct imap_command *command, str answer)
{
	struct storing *work = im->work;
	uint64_t number;
	str rest;

	if (!command || !imap_is_fetch(answer, &number, &rest))
		return;
	if (number != ++work->seen)
		fail("message %llu in place of %llu",
			(unsigned long long)number,
			(unsigned long long)work->seen);
	if (is_flagged(rest) != work->on)
		fail("not stored: %.*s", STR_ARG(answer));
}

static void run_store(void)
{
	struct storing work = {0};
	struct imap im = {.work = &work};
	uint64_t count, took;

	imap_open(&im, 1);
	imap_login(&im, work_first_user());
	count = imap_select(&im, work_mailbox());
	take_flags_away(&im);
	im.untagged = see_stored;
	result_begin("store");
	while (result_wants_more(10)) {
		work.on = !work.on;
		work.seen = 0;
		took = imap_do(&im, "STORE 1:* %cFLAGS (\\Flagged)",
			work.on ? '+' : '-');
		if (work.seen != count)
			fail("%llu answers", (unsigned long long)work.seen);
		result_op(took, count, 0);
	}
	result_end();
	imap_close(&im);
}

/* -------- single STOREs, each connection of its own messages -------- */

struct stores {
	struct work_clients clients;
	uint64_t sent, total, count;
};

static void store_one(struct imap *im)
{
	struct stores *work = im->work;
	uint64_t turn, number;

	if (work->sent == work->total)
		return;
	work->sent++;
	/* 1 + i, 1 + i + conns, ...; then the same without the flag. */
	turn = im->sent;
	number =
		1 + (im->number + turn / 2 * work->clients.count) % work->count;
	imap_begin(im, "STORE %llu %cFLAGS (\\Flagged)\r\n",
		(unsigned long long)number, turn % 2 ? '-' : '+')
		->arg = 2 * number + (turn % 2 == 0);
	imap_send(im);
}

static void see_one(struct imap *im, struct imap_command *command, str answer)
{
	uint64_t number;
	str rest;

	(void)im;
	if (!command || !imap_is_fetch(answer, &number, &rest) ||
		number != command->arg / 2)
		return;
	if (is_flagged(rest) != (command->arg % 2 == 1))
		fail("not stored: %.*s", STR_ARG(answer));
	command->answers++;
}

static void one_stored(struct imap *im, struct imap_command *command, str line)
{
	if (command->answers == 0)
		fail("no answer: %.*s", STR_ARG(line));
	result_op(now_ns() - command->begun, 1, 0);
	store_one(im);
}

static void run_stores(void)
{
	struct stores work = {.total = option_number("count", 4000)};

	work.clients = work_open(1);
	for (uint64_t i = 0; i < work.clients.count; i++) {
		struct imap *im = &work.clients.all[i];

		work.count = imap_select(im, work_mailbox());
		if (i == 0)
			take_flags_away(im);
		/* So that the first turn sets the flag. */
		if (im->sent % 2)
			imap_do(im, "NOOP");
	}
	for (uint64_t i = 0; i < work.clients.count; i++) {
		work.clients.all[i].work = &work;
		work.clients.all[i].untagged = see_one;
		work.clients.all[i].tagged = one_stored;
	}
	result_begin("stores");
	for (uint64_t i = 0; i < work.clients.count; i++)
		store_one(&work.clients.all[i]);
	work_wait(&work.clients);
	result_end();
	work_close(&work.clients);
}

/* -------- COPY and MOVE -------- */

static void expect_count(struct imap *im, const char *mailbox, uint64_t count)
{
	if (imap_select(im, mailbox) != count)
		fail("%s has %llu messages", mailbox,
			(unsigned long long)im->exists);
}

/* A name that was not used before: some servers are slow to forget one. */
static const char *create_new(struct imap *im, uint64_t i)
{
	static char name[40];

	snprintf(name, sizeof name, "New%llu-%llu",
		(unsigned long long)now_ns() / 1000000, (unsigned long long)i);
	imap_do(im, "CREATE %s", name);
	return name;
}

static void run_copy(void)
{
	struct imap im = {0};
	uint64_t count;

	imap_open(&im, 1);
	imap_login(&im, work_first_user());
	for (uint64_t i = 0; i < option_number("count", 5); i++) {
		const char *copies = create_new(&im, i);

		count = imap_select(&im, work_mailbox());
		result_begin("copy");
		result_op(imap_do(&im, "COPY 1:* %s", copies), count, 0);
		result_end();
		expect_count(&im, copies, count);
		imap_do(&im, "UNSELECT");
		imap_do(&im, "DELETE %s", copies);
	}
	imap_close(&im);
}

static void count_gone(
	struct imap *im, struct imap_command *command, str answer)
{
	(void)command;
	if (str_ends(answer, STR(" EXPUNGE")))
		++*(uint64_t *)im->work;
}

/* There and back again: the mailbox is as before, with other UIDs. */
static void run_move(void)
{
	uint64_t count, gone;
	struct imap im = {.work = &gone, .untagged = count_gone};
	const char *there[] = {NULL, work_mailbox()};

	imap_open(&im, 1);
	imap_login(&im, work_first_user());
	there[0] = create_new(&im, 0);
	count = imap_select(&im, work_mailbox());
	for (uint64_t i = 0; i < 2 * ((option_number("count", 6) + 1) / 2);
		i++) {
		gone = 0;
		result_begin("move");
		result_op(imap_do(&im, "MOVE 1:* %s", there[i % 2]), count, 0);
		result_end();
		if (gone != count)
			fail("%llu of %llu moved", (unsigned long long)gone,
				(unsigned long long)count);
		expect_count(&im, there[i % 2], count);
	}
	imap_close(&im);
}

/* In lines that every server takes. */
static void delete_every_other(struct imap *im, uint64_t count)
{
	for (uint64_t i = 1; i <= count;) {
		uint64_t end = i + 2000;

		imap_begin(im, "STORE %llu", (unsigned long long)i);
		for (i += 2; i <= count && i < end; i += 2)
			buf_addf(&im->conn.out, ",%llu", (unsigned long long)i);
		imap_add(im, STR(" +FLAGS.SILENT (\\Deleted)\r\n"));
		imap_send(im);
		imap_wait(im);
	}
}

static void run_expunge(void)
{
	uint64_t count, gone;
	struct imap im = {.work = &gone, .untagged = count_gone};

	imap_open(&im, 1);
	imap_login(&im, work_first_user());
	for (uint64_t i = 0; i < option_number("count", 5); i++) {
		const char *half = create_new(&im, i);

		count = imap_select(&im, work_mailbox());
		imap_do(&im, "COPY 1:* %s", half);
		expect_count(&im, half, count);
		delete_every_other(&im, count);
		gone = 0;
		result_begin("expunge");
		result_op(imap_do(&im, "EXPUNGE"), (count + 1) / 2, 0);
		result_end();
		if (gone != (count + 1) / 2)
			fail("%llu expunged", (unsigned long long)gone);
		expect_count(&im, half, count / 2);
		imap_do(&im, "UNSELECT");
		imap_do(&im, "DELETE %s", half);
	}
	imap_close(&im);
}

const struct workload workloads_change[] = {
	{"store", run_store, "STORE 1:* +FLAGS and -FLAGS"},
	{"stores", run_stores, "STORE of one message, on each connection"},
	{"copy", run_copy, "COPY 1:* to an empty mailbox"},
	{"move", run_move, "MOVE 1:* to an empty mailbox, and back"},
	{"expunge", run_expunge, "EXPUNGE of every other message"},
	{0},
};
