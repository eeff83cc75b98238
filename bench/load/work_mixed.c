/* SPDX-License-Identifier: Apache-2.0 */
/* Many connections of several accounts, doing what clients do. Each account's
 * mailbox was filled with the same mail; what is added comes behind that. */
#include "load/load.h"
#include "load/result.h"
#include "load/work.h"

#include <stdlib.h>

enum { PAGE = 25 };

struct mixing {
	struct work_clients clients;
	const struct mail *mails, *small;
	uint64_t count, sent, total;
};

enum kind {
	NOOP,
	PAGE_OF_ENVELOPES,
	BODY,
	STORE,
	APPEND,
	SEARCH,
	STATUS,
	SELECT
};

/* Of 20. */
static const enum kind mixture[] = {NOOP, NOOP, NOOP, NOOP, PAGE_OF_ENVELOPES,
	PAGE_OF_ENVELOPES, PAGE_OF_ENVELOPES, PAGE_OF_ENVELOPES, BODY, BODY,
	BODY, BODY, STORE, STORE, STORE, APPEND, APPEND, SEARCH, STATUS,
	SELECT};

/* What the command must be answered by: its kind, and a message. */
static uint64_t pack(enum kind kind, uint64_t number)
{
	return (uint64_t)kind << 32 | number;
}

static void send_fetch(struct imap *im, enum kind kind, uint64_t number)
{
	unsigned long long n = number;

	switch (kind) {
	case PAGE_OF_ENVELOPES:
		imap_begin(im,
			"FETCH %llu:%llu (UID FLAGS ENVELOPE INTERNALDATE "
			"RFC822.SIZE)\r\n",
			n, n + PAGE - 1)
			->arg = pack(kind, number);
		break;
	case BODY:
		imap_begin(im, "FETCH %llu BODY.PEEK[]\r\n", n)->arg =
			pack(kind, number);
		break;
	default:
		imap_begin(im, "STORE %llu %cFLAGS (\\Seen)\r\n", n,
			n % 2 ? '+' : '-')
			->arg = pack(kind, number);
	}
}

static void send_other(struct imap *im, enum kind kind, uint64_t number)
{
	struct mixing *work = im->work;

	switch (kind) {
	case APPEND:
		work_append(im, "INBOX", &work->small[number % 100], 1)->arg =
			pack(kind, 0);
		break;
	case SEARCH:
		imap_begin(im, "UID SEARCH UNSEEN FROM \"%s\"\r\n",
			number % 2 ? "ann" : "grace")
			->arg = pack(kind, 0);
		break;
	case STATUS:
		imap_begin(im, "STATUS Drafts (MESSAGES UNSEEN UIDNEXT)\r\n")
			->arg = pack(kind, 0);
		break;
	case SELECT:
		imap_begin(im, "SELECT INBOX\r\n")->arg = pack(kind, 0);
		break;
	default:
		imap_begin(im, "NOOP\r\n")->arg = pack(NOOP, 0);
	}
}

static void send_next(struct imap *im)
{
	struct mixing *work = im->work;
	uint64_t roll = dice_roll(&im->number);
	enum kind kind = mixture[roll % 20];
	uint64_t number = 1 + (roll >> 8) % (work->count - PAGE);

	if (work->sent == work->total)
		return;
	work->sent++;
	if (kind == PAGE_OF_ENVELOPES || kind == BODY || kind == STORE)
		send_fetch(im, kind, number);
	else
		send_other(im, kind, roll >> 8);
	imap_send(im);
}

/* Other sessions' flags come as well; they have no ENVELOPE and no body. */
static void see_fetch(struct mixing *work, struct imap_command *command,
	uint64_t number, str rest)
{
	uint64_t first = command->arg & UINT32_MAX;

	switch ((enum kind)(command->arg >> 32)) {
	case PAGE_OF_ENVELOPES:
		if (!memmem(rest.p, rest.n, "ENVELOPE (", 10))
			break;
		if (number < first || number >= first + PAGE ||
			!memmem(rest.p, rest.n, work->mails[number - 1].id,
				strlen(work->mails[number - 1].id)))
			fail("wrong: %.*s", STR_ARG(str_take(rest, 300)));
		command->answers++;
		break;
	case BODY:
		if (!memmem(rest.p, rest.n, "BODY[]", 6))
			break;
		if (number != first)
			fail("wrong: %.*s", STR_ARG(str_take(rest, 300)));
		mail_check(&work->mails[number - 1], imap_literal(rest));
		command->answers++;
		break;
	default:
		break;
	}
}

static void see(struct imap *im, struct imap_command *command, str answer)
{
	uint64_t number;
	str rest;

	if (!command)
		return;
	command->bytes += answer.n;
	if (imap_is_fetch(answer, &number, &rest))
		see_fetch(im->work, command, number, rest);
	else if (str_starts(answer, STR("* SEARCH")) ||
		 str_starts(answer, STR("* ESEARCH")) ||
		 str_starts(answer, STR("* STATUS ")))
		command->answers++;
}

static void done(struct imap *im, struct imap_command *command, str line)
{
	uint64_t answers = command->answers;
	bool right = true;

	switch ((enum kind)(command->arg >> 32)) {
	case PAGE_OF_ENVELOPES:
		right = answers == PAGE;
		break;
	case BODY:
	case STATUS:
	case SEARCH:
		right = answers == 1;
		break;
	case APPEND:
		right = str_starts(line, STR("OK [APPENDUID "));
		break;
	default:
		/* Nor need a STORE be told that changed nothing. */
		break;
	}
	if (!right)
		fail("kind %u, %llu answers: %.*s",
			(unsigned)(command->arg >> 32),
			(unsigned long long)answers, STR_ARG(line));
	result_op(now_ns() - command->begun, 0, command->bytes);
	send_next(im);
}

static void run_mixed(void)
{
	struct mixing work = {.total = option_number("count", 10000),
		.count = option_number("messages", 100)};

	work.mails = mail_make_all(MAIL_REALISTIC, work.count);
	work.small = mail_make_all(MAIL_SMALL, 100);
	work.clients = work_open(1);
	for (uint64_t i = 0; i < work.clients.count; i++) {
		struct imap *im = &work.clients.all[i];

		if (i < work.clients.users)
			imap_try(im, "CREATE Drafts");
		if (imap_select(im, "INBOX") < work.count)
			fail("INBOX is not filled");
		im->number = i;
	}
	for (uint64_t i = 0; i < work.clients.count; i++) {
		work.clients.all[i].work = &work;
		work.clients.all[i].untagged = see;
		work.clients.all[i].tagged = done;
	}
	result_begin("mixed");
	for (uint64_t i = 0; i < work.clients.count; i++)
		send_next(&work.clients.all[i]);
	work_wait(&work.clients);
	result_end();
	work_close(&work.clients);
}

const struct workload workloads_mixed[] = {
	{"mixed", run_mixed,
		"NOOP, pages of ENVELOPEs, bodies, STORE, APPEND, SEARCH, "
		"STATUS, SELECT by conns= of users=, whose INBOX was filled "
		"with messages="},
	{0},
};
