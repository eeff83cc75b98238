/* SPDX-License-Identifier: Apache-2.0 */
/* CATENATE with what transcripts cannot have: great messages, quotas, a store
 * that fails. */
#include "imap/fixture.h"
#include "mail/bytes.h"
#include "mail/view.h"
#include "store/fault.h"

#define LARGE ((size_t)700000) /* several chunks of the store */
#define MANY 6000

static const struct mail_user ann = {.account = 1, .rights = RIGHT_ALL};

static void say_bytes(struct client *c, str bytes)
{
	while (bytes.n) {
		ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		assert_true(n > 0);
		bytes = str_skip(bytes, (size_t)n);
	}
}

/* Lines of which no two are the same. */
static void make_large(struct buf *text, size_t n)
{
	buf_add_c(text, "Subject: large\r\n\r\n");
	for (unsigned i = 0; text->n < n; i++)
		buf_addf(text, "line %u of this message\r\n", i * 7919);
}

static void append(struct client *c, str text)
{
	struct buf head = BUF_UNBOUNDED;

	buf_addf(&head, "a APPEND INBOX {%zu+}\r\n", text.n);
	say_bytes(c, buf_str(&head));
	say_bytes(c, text);
	say(c, "\r\n");
	hear(c, "a OK");
	buf_fini(&head);
}

/* The bytes of a message in INBOX. */
static void get_message(struct world *w, uid_num uid, struct buf *bytes)
{
	const struct membership *m;
	struct mailbox_ref ref;
	struct store_txn *txn;
	struct view *v;

	assert_ok(mailbox_open(w->mail, &ann, STR("INBOX"), RIGHT_READ, &ref));
	assert_ok(view_acquire(w->mail, &ref, &v));
	m = view_find(v, uid);
	assert_non_null(m);
	txn = store_begin_read(w->store);
	assert_ok(message_get_bytes(
		txn, ann.account, m->message, 0, UINT64_MAX, bytes));
	store_end_read(txn);
	view_release(w->mail, v);
}

static void test_large(void **unused)
{
	struct world w;
	struct client c;
	struct buf text = BUF_UNBOUNDED, expected = BUF_UNBOUNDED,
		   made = BUF_UNBOUNDED;
	const size_t from = 262000, n = 300000;

	(void)unused;
	world_begin(&w);
	client_begin(&w, &c);
	make_large(&text, LARGE);
	append(&c, buf_str(&text));
	say(&c, "b APPEND INBOX CATENATE (URL /INBOX/;UID=1/;SECTION=HEADER "
		"URL /INBOX/;UID=1/;PARTIAL=262000.300000 TEXT {3+}\r\nabc URL "
		"/INBOX/;UID=1/;SECTION=TEXT)\r\n");
	hear(&c, "b OK");
	buf_add(&expected, str_take(buf_str(&text), 18));
	buf_add(&expected, str_take(str_skip(buf_str(&text), from), n));
	buf_add_c(&expected, "abc");
	buf_add(&expected, str_skip(buf_str(&text), 18));
	get_message(&w, 2, &made);
	assert_true(str_eq(buf_str(&made), buf_str(&expected)));
	client_end(&c);
	world_end(&w);
	buf_fini(&text);
	buf_fini(&expected);
	buf_fini(&made);
}

/* However many texts there are, no more memory is needed. */
static void test_many_texts(void **unused)
{
	struct world w;
	struct client c;
	struct buf said = BUF_UNBOUNDED, made = BUF_UNBOUNDED;

	(void)unused;
	world_begin(&w);
	client_begin(&w, &c);
	append(&c, STR("a: b\r\n\r\nx"));
	buf_add_c(&said, "b APPEND INBOX (k1 k2) CATENATE (TEXT {0+}\r\n");
	for (int i = 0; i < MANY; i++)
		buf_addf(&said,
			" URL \"/INBOX/;UID=1/;SECTION=TEXT\" TEXT "
			"{%d+}\r\n%.*s",
			i % 7, i % 7, "012345");
	buf_add_c(&said, ")\r\n");
	say_bytes(&c, buf_str(&said));
	hear(&c, "b OK");
	get_message(&w, 2, &made);
	assert_int_equal(made.n, MANY + MANY / 7 * 21 + 0 + 0);
	assert_true(str_starts(buf_str(&made), STR("xx0x01x012")));
	say(&c, "c SELECT INBOX\r\n");
	hear(&c, "c OK");
	expect(&c, "d FETCH 2 FLAGS\r\n", "d OK",
		"* 2 FETCH (FLAGS (\\Recent k1 k2))\r\nd OK FETCH "
		"completed\r\n");
	client_end(&c);
	world_end(&w);
	buf_fini(&said);
	buf_fini(&made);
}

static void test_quota(void **unused)
{
	struct world w;
	struct client c;

	(void)unused;
	world_begin(&w);
	client_begin(&w, &c);
	append(&c, STR("0123456789"));
	assert_ok(mail_account_set_quota(w.mail, ann.account, 25));
	expect(&c, "b APPEND INBOX CATENATE (URL /INBOX/;UID=1 TEXT {6}\r\n",
		"b NO", "b NO [OVERQUOTA] The quota is exceeded\r\n");
	expect(&c,
		"b APPEND INBOX CATENATE (TEXT {6+}\r\n012345 URL "
		"/INBOX/;UID=1 TEXT {3+}\r\nabc)\r\n",
		"b NO", "b NO [OVERQUOTA] The quota is exceeded\r\n");
	/* What is replaced makes room. */
	say(&c, "c SELECT INBOX\r\n");
	hear(&c, "c OK");
	say(&c, "d REPLACE 1 INBOX CATENATE (URL ;UID=1 URL ;UID=1 TEXT "
		"{5+}\r\n01234)\r\n");
	hear(&c, "d OK");
	expect(&c, "e REPLACE 1 INBOX CATENATE (URL ;UID=2 TEXT {1}\r\n",
		"e NO", "e NO [OVERQUOTA] The quota is exceeded\r\n");
	client_end(&c);
	world_end(&w);
}

/* A failing store makes a NO, or no mail; afterwards all is as before. */
static void test_failing_store(void **unused)
{
	struct store_fault fault = {0};
	struct world w;
	struct client c;
	struct buf text = BUF_UNBOUNDED;
	bool fired = true;

	(void)unused;
	world_begin_on(&w, store_open_fault(store_open_memory(), &fault));
	client_begin(&w, &c);
	make_large(&text, LARGE / 2);
	append(&c, buf_str(&text));
	append(&c, STR("a: b\r\n\r\nc"));
	for (uint64_t n = 1; fired; n++) {
		str answer;

		fault_arm(&fault, FAULT_ANY, n, ERR_IO);
		say(&c, "b APPEND INBOX CATENATE (URL /INBOX/;UID=1 TEXT "
			"{3+}\r\nabc URL /INBOX/;UID=2/;SECTION=1) CATENATE "
			"(URL /INBOX/;UID=1/;PARTIAL=1)\r\n");
		answer = hear(&c, "b ");
		fired = fault_fired(&fault);
		fault_arm(&fault, 0, 0, OK);
		if (str_starts(answer, STR("b OK")))
			continue;
		assert_true(str_starts(answer, STR("b NO [UNAVAILABLE]")));
		expect(&c, "c STATUS INBOX (MESSAGES UIDNEXT)\r\n", "c OK",
			"* STATUS INBOX (MESSAGES 2 UIDNEXT 3)\r\n"
			"c OK STATUS completed\r\n");
		assert_true(n < 1000);
	}
	expect(&c, "c STATUS INBOX (MESSAGES UIDNEXT)\r\n", "c OK",
		"* STATUS INBOX (MESSAGES 4 UIDNEXT 5)\r\n"
		"c OK STATUS completed\r\n");
	client_end(&c);
	world_end(&w);
	buf_fini(&text);
}

/* RFC 9585, while URLs are read. */
static void test_progress(void **unused)
{
	struct session_limits limits;
	struct world w;
	struct client c;
	struct buf text = BUF_UNBOUNDED;
	str answer;

	(void)unused;
	world_begin(&w);
	limits = session_service_limits(w.service);
	limits.progress_ms = -1;
	session_service_set_limits(w.service, &limits);
	client_begin(&w, &c);
	make_large(&text, LARGE / 2);
	append(&c, buf_str(&text));
	say(&c, "b APPEND INBOX CATENATE (URL /INBOX/;UID=1)\r\n");
	answer = hear(&c, "b OK");
	assert_true(str_starts(answer, STR("* OK [INPROGRESS (\"b\" ")));
	assert_true(str_find(answer, STR(" 341)] Still working")) < answer.n);
	client_end(&c);
	world_end(&w);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_many_texts),
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_failing_store),
		cmocka_unit_test(test_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
