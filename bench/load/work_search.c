/* SPDX-License-Identifier: Apache-2.0 */
/* SORT and THREAD of a mailbox. */
#include "load/load.h"
#include "load/result.h"
#include "load/work.h"
#include "base/alloc.h"

struct sorting {
	const struct mail *mails;
	uint64_t count, seen;
	uint64_t *order; /* message numbers as they came */
	bool *there;
};

static void note_number(struct sorting *work, uint64_t number)
{
	if (number < 1 || number > work->count || work->there[number - 1])
		fail("message %llu twice, or none", (unsigned long long)number);
	work->there[number - 1] = true;
	work->order[work->seen++] = number;
}

/* Every number of "* SORT 3 1 2" and of "* THREAD (3 (1)(2))". */
static void note_all(struct imap *im, struct imap_command *command, str answer)
{
	struct sorting *work = im->work;
	uint64_t number = 0;
	bool inside = false;

	if (!command || (!str_starts(answer, STR("* SORT ")) &&
				!str_starts(answer, STR("* THREAD "))))
		return;
	for (size_t i = 0; i <= answer.n; i++) {
		char c = i < answer.n ? answer.p[i] : ' ';

		if (ascii_is_digit(c)) {
			number = 10 * number + (uint64_t)(c - '0');
			inside = true;
		} else if (inside) {
			note_number(work, number);
			number = 0;
			inside = false;
		}
	}
}

static void check_by_date(const struct sorting *work)
{
	for (uint64_t i = 1; i < work->count; i++) {
		uint64_t a = work->order[i - 1], b = work->order[i];
		time_t before = work->mails[a - 1].date;
		time_t after = work->mails[b - 1].date;

		if (before > after || (before == after && a > b))
			fail("%llu stands before %llu", (unsigned long long)a,
				(unsigned long long)b);
	}
}

static void ask(struct imap *im, const char *command, bool by_date)
{
	struct sorting *work = im->work;
	uint64_t took;

	work->seen = 0;
	memset(work->there, 0, work->count * sizeof *work->there);
	im->untagged = note_all;
	took = imap_do(im, "%s", command);
	im->untagged = NULL;
	if (work->seen != work->count)
		fail("%llu of %llu messages", (unsigned long long)work->seen,
			(unsigned long long)work->count);
	if (by_date)
		check_by_date(work);
	result_op(took, work->count, 0);
}

static void sort_by_all(struct imap *im)
{
	ask(im, "SORT (DATE) UTF-8 ALL", true);
	ask(im, "SORT (SUBJECT) UTF-8 ALL", false);
	ask(im, "SORT (FROM) UTF-8 ALL", false);
}

static void thread(struct imap *im)
{
	ask(im, "THREAD REFERENCES UTF-8 ALL", false);
}

static void first_and_repeated(void (*run)(struct imap *))
{
	struct sorting work = {0};
	struct imap im = {.work = &work};

	imap_open(&im, 1);
	imap_login(&im, work_first_user());
	work.mails = work_select_filled(&im, &work.count);
	work.order = xcalloc(work.count, sizeof *work.order);
	work.there = xcalloc(work.count, sizeof *work.there);
	if (option_number("first", 0)) {
		result_begin("first");
		run(&im);
		result_end();
	}
	result_begin("repeated");
	while (result_wants_more(30))
		run(&im);
	result_end();
	imap_close(&im);
}

static void run_sort(void)
{
	first_and_repeated(sort_by_all);
}

static void run_thread(void)
{
	first_and_repeated(thread);
}

const struct workload workloads_search[] = {
	{"sort", run_sort, "SORT by DATE, SUBJECT, FROM, in turns; first=1"},
	{"thread", run_thread, "THREAD REFERENCES; first=1"},
	{0},
};
