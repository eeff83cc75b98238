/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that comes back to a large mailbox after few changes costs what the
 * changes cost, not what the mailbox does: bytes told, and records read.
 */
#include "imap/fixture.h"
#include "base/log.h"
#include "mail/layout.h"
#include "mail/message.h"
#include "message/flags.h"

#define MESSAGES 100000
#define FLAGGED 40
#define EXPUNGED 10

/* Each change is read as its block and its journal entry, this one twice: for
 * the messages that are there, and for those that are not. And there are some
 * reads that every SELECT has. */
#define READS_MAX (3 * (FLAGGED + EXPUNGED) + 20)
#define BYTES_MAX 4096
/* In a new process all blocks are read, once for all clients of a mailbox. */
#define READS_COLD_MAX (MESSAGES / BLOCK_UIDS + 2 + READS_MAX)

/* One message, and copies of copies. */
static void fill(struct client *c)
{
	char text[64];
	unsigned n = 1;

	say(c, "a APPEND INBOX (\\Seen) {8+}\r\na: 1\r\n\r\n\r\n");
	hear(c, "a OK");
	while (n < MESSAGES) {
		unsigned more = MESSAGES - n < n ? MESSAGES - n : n;

		snprintf(text, sizeof text, "b UID COPY 1:%u INBOX\r\n", more);
		say(c, text);
		hear(c, "b OK");
		n += more;
	}
}

static void change_flag(struct world *w, const struct mailbox_ref *box,
	uid_num uid, uint64_t flag)
{
	struct flag_change change = {.op = FLAGS_ADD, .system = flag};
	struct uidset uids = UIDSET_EMPTY;
	struct store_result result;

	uidset_add(&uids, uid);
	assert_ok(message_store_flags(
		w->mail, box, &uids, &change, UINT64_MAX, UINT64_MAX, &result));
	uidset_fini(&uids);
	store_result_fini(&result);
}

static void remove_message(
	struct world *w, const struct mailbox_ref *box, uid_num uid)
{
	struct uidset uids = UIDSET_EMPTY, removed = UIDSET_EMPTY;

	uidset_add(&uids, uid);
	assert_ok(message_remove(w->mail, box, &uids, &removed));
	uidset_fini(&uids);
	uidset_fini(&removed);
}

/* All over the mailbox, and by nobody who looks at it, so that what is kept in
 * memory is as old as the client. */
static void make_changes(struct world *w)
{
	struct mail_user user = {.account = 1, .rights = RIGHT_ALL};
	struct mailbox_ref box;

	assert_ok(mailbox_open(w->mail, &user, STR("INBOX"), RIGHT_ALL, &box));
	for (uid_num i = 1; i <= FLAGGED; i++)
		change_flag(w, &box, i * (MESSAGES / FLAGGED), FLAG_FLAGGED);
	for (uid_num i = 1; i <= EXPUNGED; i++)
		remove_message(w, &box, i * (MESSAGES / EXPUNGED) - 1);
}

static uint64_t reads(struct world *w)
{
	struct store_stats stats;

	store_stats(w->store, &stats);
	return stats.gets + stats.scans + stats.scanned;
}

static unsigned long long number_after(str text, const char *mark)
{
	str rest = str_skip(text, str_find(text, str_c(mark)) + strlen(mark));
	unsigned long long n = 0;

	while (rest.n && ascii_is_digit(rest.p[0])) {
		n = n * 10 + (unsigned)(rest.p[0] - '0');
		rest = str_skip(rest, 1);
	}
	return n;
}

static unsigned count_of(str text, const char *what)
{
	unsigned n = 0;
	size_t at;

	while ((at = str_find(text, str_c(what))) < text.n) {
		text = str_skip(text, at + 1);
		n++;
	}
	return n;
}

struct position {
	unsigned long long uidvalidity, modseq;
};

static void come_back(
	struct world *w, const struct position *at, uint64_t reads_max)
{
	struct client c;
	uint64_t before, after;
	char text[128];
	str told;

	client_begin(w, &c);
	expect(&c, "u ENABLE QRESYNC\r\n", "u OK",
		"* ENABLED QRESYNC\r\nu OK ENABLE completed\r\n");
	before = reads(w);
	snprintf(text, sizeof text, "v SELECT INBOX (QRESYNC (%llu %llu))\r\n",
		at->uidvalidity, at->modseq);
	say(&c, text);
	told = hear(&c, "v OK");
	after = reads(w);
	assert_int_equal(count_of(told, " FETCH (UID "), FLAGGED);
	assert_int_equal(count_of(told, "VANISHED (EARLIER) 9999,19999,"), 1);
	print_message("# %zu bytes, %llu reads\n", told.n,
		(unsigned long long)(after - before));
	assert_in_range(told.n, 1, BYTES_MAX - 1);
	assert_in_range(after - before, 1, reads_max);
	client_end(&c);
}

static void test_client_comes_back(void **unused)
{
	struct position at;
	struct world w;
	struct client c;
	str told;

	(void)unused;
	log_set_level(LOG_ERROR);
	world_begin(&w);
	client_begin(&w, &c);
	say(&c, "s SELECT INBOX\r\n");
	hear(&c, "s OK");
	fill(&c);
	say(&c, "t SELECT INBOX\r\n");
	told = hear(&c, "t OK");
	at.uidvalidity = number_after(told, "[UIDVALIDITY ");
	at.modseq = number_after(told, "[HIGHESTMODSEQ ");
	client_end(&c);
	make_changes(&w);
	come_back(&w, &at, READS_MAX);
	world_stop(&w);
	world_begin_on(&w, w.store);
	come_back(&w, &at, READS_COLD_MAX);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
