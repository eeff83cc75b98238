/* SPDX-License-Identifier: Apache-2.0 */
/* FETCH of a whole mailbox, SELECT, STATUS. */
#include "load/load.h"
#include "load/result.h"
#include "load/work.h"

#include <stdio.h>

#define FOUR_FIELDS "FROM SUBJECT DATE MESSAGE-ID"
#define TWELVE_FIELDS                                                          \
	"FROM TO CC BCC SUBJECT DATE MESSAGE-ID PRIORITY X-PRIORITY "          \
	"REFERENCES IN-REPLY-TO CONTENT-TYPE"

/* FETCH 1:* of something. */
struct fetch_kind {
	const char *name, *command;
	/* The answer about one message is right, or this fails. */
	void (*check)(const struct mail *, str answer);
};

struct fetching {
	const struct fetch_kind *kind;
	const struct mail *mails;
	uint64_t seen, count, bytes;
	char set[32]; /* "1:*", or the first of them */
};

static bool contains(str answer, const char *text)
{
	return memmem(answer.p, answer.n, text, strlen(text)) != NULL;
}

static void expect(str answer, const char *text)
{
	if (!contains(answer, text))
		fail("without %s: %.*s", text, STR_ARG(str_take(answer, 500)));
}

static void check_flags(const struct mail *mail, str answer)
{
	(void)mail;
	if (!str_starts(answer, STR("(UID ")) &&
		!str_starts(answer, STR("(FLAGS (")))
		expect(answer, "FLAGS (");
}

static void check_envelope(const struct mail *mail, str answer)
{
	expect(answer, mail->id);
	expect(answer, "INTERNALDATE \"");
	expect(answer, "FLAGS (");
	if (imap_number_after(answer, "RFC822.SIZE") != mail->text.n)
		fail("%s has %zu bytes: %.*s", mail->id, mail->text.n,
			STR_ARG(str_take(answer, 500)));
}

/* Whether the word is there as a string, in whatever case. */
static bool has_string(str answer, const char *word)
{
	size_t n = strlen(word);
	const char *quote;

	while (answer.n > n + 1 && (quote = memchr(answer.p, '"', answer.n))) {
		answer = str_skip(answer, (size_t)(quote - answer.p) + 1);
		if (answer.n > n && answer.p[n] == '"' &&
			str_ieq(str_take(answer, n), str_of(word, n)))
			return true;
	}
	return false;
}

static void check_structure(const struct mail *mail, str answer)
{
	if (!has_string(answer, mail->subtype))
		fail("without \"%s\": %.*s", mail->subtype,
			STR_ARG(str_take(answer, 500)));
	if (!str_starts(answer, STR("(BODYSTRUCTURE (")))
		expect(answer, "BODYSTRUCTURE (");
}

static void check_header(const struct mail *mail, str answer)
{
	str header = imap_literal(answer);

	expect(header, mail->id);
	expect(header, "Subject: ");
	if (!str_ends(header, STR("\r\n\r\n")))
		fail("%s: no empty line at the end", mail->id);
	if (contains(header, "User-Agent"))
		fail("%s: more fields than asked for", mail->id);
}

static void check_body(const struct mail *mail, str answer)
{
	mail_check(mail, imap_literal(answer));
}

static void fetched(struct imap *im, struct imap_command *command, str answer)
{
	struct fetching *work = im->work;
	uint64_t number;
	str rest;

	if (!command || !imap_is_fetch(answer, &number, &rest))
		return;
	if (number != ++work->seen || number > work->count)
		fail("message %llu in place of %llu",
			(unsigned long long)number,
			(unsigned long long)work->seen);
	work->kind->check(&work->mails[number - 1], rest);
	work->bytes += answer.n;
}

static void fetch_all(struct imap *im)
{
	struct fetching *work = im->work;
	uint64_t took;

	work->seen = work->bytes = 0;
	im->untagged = fetched;
	/* The command has the place for the numbers. */
	took = imap_do(im, work->kind->command, work->set);
	im->untagged = NULL;
	if (work->seen != work->count)
		fail("%llu of %llu messages", (unsigned long long)work->seen,
			(unsigned long long)work->count);
	result_op(took, work->seen, work->bytes);
}

static void fetch_kind(const struct fetch_kind *kind)
{
	struct fetching work = {.kind = kind};
	struct imap im = {.work = &work};

	imap_open(&im, 1);
	imap_login(&im, work_first_user());
	work.mails = work_select_filled(&im, &work.count);
	snprintf(work.set, sizeof work.set, "1:*");
	if (option_number("most", work.count) < work.count) {
		work.count = option_number("most", 0);
		snprintf(work.set, sizeof work.set, "1:%llu",
			(unsigned long long)work.count);
	}
	if (option_number("first", 0)) {
		result_begin("first");
		fetch_all(&im);
		result_end();
	}
	result_begin("repeated");
	while (result_wants_more(5))
		fetch_all(&im);
	result_end();
	imap_close(&im);
}

static void run_flags(void)
{
	fetch_kind(&(struct fetch_kind){
		"flags", "UID FETCH %s FLAGS", check_flags});
}

static void run_envelope(void)
{
	fetch_kind(&(struct fetch_kind){"envelope",
		"FETCH %s (ENVELOPE INTERNALDATE RFC822.SIZE FLAGS)",
		check_envelope});
}

static void run_structure(void)
{
	fetch_kind(&(struct fetch_kind){
		"structure", "FETCH %s BODYSTRUCTURE", check_structure});
}

static void run_four_fields(void)
{
	fetch_kind(&(struct fetch_kind){"fields4",
		"FETCH %s BODY.PEEK[HEADER.FIELDS (" FOUR_FIELDS ")]",
		check_header});
}

static void run_twelve_fields(void)
{
	fetch_kind(&(struct fetch_kind){"fields12",
		"FETCH %s (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS "
		"(" TWELVE_FIELDS ")])",
		check_header});
}

static void run_bodies(void)
{
	fetch_kind(&(struct fetch_kind){
		"bodies", "FETCH %s BODY.PEEK[]", check_body});
}

/* -------- SELECT, STATUS -------- */

static void run_select(void)
{
	struct imap im = {0};
	uint64_t count;

	imap_open(&im, 1);
	imap_login(&im, work_first_user());
	count = imap_select(&im, work_mailbox());
	if (count != option_number("messages", count))
		fail("%llu messages", (unsigned long long)count);
	result_begin("select");
	while (result_wants_more(500)) {
		uint64_t begun = now_ns();

		if (imap_select(&im, work_mailbox()) != count)
			fail("EXISTS is another number");
		result_op(now_ns() - begun, 0, 0);
	}
	result_end();
	imap_close(&im);
}

static void check_status(
	struct imap *im, struct imap_command *command, str answer)
{
	uint64_t *count = im->work;

	if (!command || !str_starts(answer, STR("* STATUS ")))
		return;
	if (imap_number_after(answer, "MESSAGES") != *count)
		fail("not %llu: %.*s", (unsigned long long)*count,
			STR_ARG(answer));
	command->answers++;
	*count = imap_number_after(answer, "MESSAGES");
}

static void run_status(void)
{
	uint64_t count;
	struct imap im = {.work = &count};

	imap_open(&im, 1);
	imap_login(&im, work_first_user());
	count = imap_select(&im, work_mailbox());
	imap_do(&im, "UNSELECT");
	im.untagged = check_status;
	result_begin("status");
	while (result_wants_more(1000)) {
		result_op(imap_do(&im,
				  "STATUS %s (MESSAGES UIDNEXT UIDVALIDITY "
				  "UNSEEN)",
				  work_mailbox()),
			0, 0);
		if (im.ring[0].answers != 1)
			fail("no STATUS");
	}
	result_end();
	imap_close(&im);
}

const struct workload workloads_fetch[] = {
	{"flags", run_flags,
		"UID FETCH 1:* FLAGS; first=1, as all of these: "
		"the first time is measured apart"},
	{"envelope", run_envelope,
		"FETCH 1:* (ENVELOPE INTERNALDATE RFC822.SIZE FLAGS); "
		"most=1000: of the first"},
	{"structure", run_structure, "FETCH 1:* BODYSTRUCTURE"},
	{"fields4", run_four_fields, "FETCH 1:* of 4 header fields"},
	{"fields12", run_twelve_fields, "FETCH 1:* of 12 header fields"},
	{"bodies", run_bodies, "FETCH 1:* BODY.PEEK[]"},
	{"select", run_select, "SELECT of box="},
	{"status", run_status, "STATUS of box="},
	{0},
};
