/* SPDX-License-Identifier: Apache-2.0 */
/* ESEARCH (RFC 7377) of very many mailboxes; transcripts have the rest. */
#include "imap/fixture.h"
#include "base/log.h"
#include "mail/mail.h"

#define FOLDERS 1000 /* each with one below it */
#define EVERY 10     /* of the inner ones have mail */
#define LONG "-a-name-that-takes-some-room-in-an-answer-so-that-these-are-many"

static void make_folders(struct world *w, struct client *c)
{
	struct mail_user user = {.account = 1, .rights = RIGHT_ALL};
	struct mailbox_ref ref;
	char name[200];

	for (unsigned i = 0; i < FOLDERS; i++) {
		snprintf(name, sizeof name, "f%03u/x" LONG, i);
		assert_ok(mailbox_create(
			w->mail, &user, str_c(name), 0, 0, &ref));
		if (i % EVERY)
			continue;
		say(c, "a APPEND \"");
		say(c, name);
		say(c, "\" (\\Flagged) {8+}\r\na: 1\r\n\r\n\r\n");
		hear(c, "a OK");
	}
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

/* Each mailbox that has something once, however often it is meant. */
static void assert_each_once(struct client *c, const char *command)
{
	char name[60];
	str all;

	say(c, command);
	all = hear(c, "b OK");
	for (unsigned i = 0; i < FOLDERS; i++) {
		snprintf(name, sizeof name, "(TAG \"b\" MAILBOX f%03u/", i);
		assert_int_equal(count_of(all, name), i % EVERY == 0);
	}
	assert_int_equal(count_of(all, "* ESEARCH "), FOLDERS / EVERY);
}

/* "b ESEARCH IN (subtree (f000 f000/x…) mailboxes …) FLAGGED" */
static void ask_by_name(struct client *c)
{
	static const char *const filters[] = {
		"subtree", "mailboxes", "subtree-one", "subtree"};
	struct buf command = BUF_UNBOUNDED;

	buf_add_c(&command, "b ESEARCH IN (personal");
	for (size_t f = 0; f < COUNT_OF(filters); f++) {
		buf_addf(&command, " %s (", filters[f]);
		for (unsigned i = 0; i < FOLDERS; i++)
			buf_addf(&command, "%sf%03u%s", i ? " " : "", i,
				f % 2 ? "/x" : "");
		buf_add_c(&command, ")");
	}
	buf_add_c(&command, ") FLAGGED\r\n");
	buf_add_byte(&command, '\0');
	assert_each_once(c, command.p);
	buf_fini(&command);
}

static void test_many(void **unused)
{
	struct world w;
	struct client c, other;

	(void)unused;
	log_set_level(LOG_ERROR);
	world_begin(&w);
	client_begin(&w, &c);
	client_begin(&w, &other);
	make_folders(&w, &c);
	assert_each_once(&c, "b ESEARCH IN (inboxes) RETURN (COUNT) ALL\r\n");
	ask_by_name(&c);
	/* The answer waits for a client that does not read; others do not, and
	 * what they do in the meantime is found or not. */
	for (int i = 0; i < 50; i++)
		say(&c, "c ESEARCH IN (personal) FLAGGED\r\n");
	expect(&other, "d DELETE f990/x" LONG "\r\n", "d OK",
		"d OK DELETE completed\r\n");
	say(&c, "e NOOP\r\n");
	assert_in_range(count_of(hear(&c, "e OK"), "* ESEARCH "),
		50 * (FOLDERS / EVERY - 1), 50 * (FOLDERS / EVERY));
	/* Who goes in the middle of it leaves nothing behind. */
	for (int i = 0; i < 50; i++)
		say(&c, "c ESEARCH IN (personal) FLAGGED\r\n");
	close(c.fd);
	buf_fini(&c.in);
	client_end(&other);
	world_end(&w);
}

/* RFC 9585: how many mailboxes are done; or of one, messages. */
static void test_progress(void **unused)
{
	struct session_limits limits;
	struct world w;
	struct client c;
	str all;

	(void)unused;
	world_begin(&w);
	limits = session_service_limits(w.service);
	limits.progress_ms = -1;
	session_service_set_limits(w.service, &limits);
	client_begin(&w, &c);
	for (int i = 0; i < 20; i++) {
		say(&c, "a APPEND INBOX {15+}\r\na: b\r\n\r\nfound\r\n\r\n");
		hear(&c, "a OK");
	}
	expect(&c, "b ESEARCH IN (mailboxes INBOX) TEXT nothing\r\n", "b OK",
		"* OK [INPROGRESS (\"b\" 16 20)] Still working\r\n"
		"b OK ESEARCH completed\r\n");
	for (int i = 0; i < 3; i++) {
		say(&c, i == 0	 ? "a CREATE a\r\n"
			: i == 1 ? "a CREATE b\r\n"
				 : "a CREATE c\r\n");
		hear(&c, "a OK");
	}
	say(&c, "b ESEARCH IN (personal) RETURN (COUNT) TEXT found\r\n");
	all = hear(&c, "b OK");
	assert_int_equal(count_of(all, "[INPROGRESS (\"b\" 1 4)]"), 2 + 1);
	assert_int_equal(count_of(all, "[INPROGRESS (\"b\" 2 4)]"), 1);
	assert_int_equal(count_of(all, "[INPROGRESS (\"b\" 3 4)]"), 1);
	assert_int_equal(count_of(all, " 4 4)]"), 0);
	assert_int_equal(count_of(all, "UID COUNT 20\r\n"), 1);
	client_end(&c);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
