/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries, over both engines. tests/fault/ has them with a store that
 * fails. */
#include "mail/deliver.h"
#include "mail/fixture.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW 1700000000
#define LARGE (3 * CHUNK_SIZE)

static const struct mail_user bob = {.account = 2, .rights = RIGHT_ALL};

/* The engine under test. */

static bool embedded;

struct place {
	struct world w;
	char dir[32];
};

static void place_begin(struct place *p)
{
	*p = (struct place){0};
	if (!embedded) {
		begin(&p->w);
		return;
	}
	snprintf(p->dir, sizeof p->dir, "/tmp/culver-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_ok(store_open_rocksdb(p->dir, &p->w.store));
	p->w.mail = mail_new(p->w.store, NULL);
	assert_ok(mailbox_open(
		p->w.mail, &ann, STR("INBOX"), RIGHT_READ, &p->w.inbox));
}

static void remove_dir(const char *name)
{
	DIR *dir = opendir(name);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	assert_int_equal(rmdir(name), 0);
}

static void place_end(struct place *p)
{
	end(&p->w);
	if (embedded)
		remove_dir(p->dir);
}

/* Helpers. */

static struct delivery *begin_delivery(
	struct place *p, uint64_t window_ms, int64_t now)
{
	return delivery_new(p->w.mail,
		&(struct delivery_options){
			.duplicates_ms = window_ms, .now = now, .zone = 60});
}

static size_t add_copy(
	struct delivery *d, account_num account, const char *header)
{
	size_t copy;

	assert_ok(delivery_add(d, account, str_c(header), &copy));
	return copy;
}

/* One message for Ann; true when it was stored. */
static bool deliver_to(struct place *p, const char *detail, const char *text,
	uint64_t window_ms, int64_t now)
{
	struct delivery *d = begin_delivery(p, window_ms, now);
	size_t copy = add_copy(d, ann.account, "Delivered-To: ann\r\n");
	bool stored;

	delivery_into(d, copy, str_c(detail));
	assert_ok(delivery_feed(d, str_c(text)));
	delivery_commit(d);
	assert_ok(delivery_result(d, copy));
	stored = !delivery_was_duplicate(d, copy);
	delivery_free(d);
	return stored;
}

static struct mailbox_ref open_box(
	struct place *p, const struct mail_user *user, const char *name)
{
	struct mailbox_ref ref;

	assert_ok(mailbox_open(p->w.mail, user, str_c(name), RIGHT_READ, &ref));
	return ref;
}

static uint32_t count_in(
	struct place *p, const struct mail_user *user, const char *name)
{
	struct mailbox_ref ref = open_box(p, user, name);
	struct view *v;
	uint32_t n;

	assert_ok(view_acquire(p->w.mail, &ref, &v));
	n = uidset_count(&v->uids);
	view_release(p->w.mail, v);
	return n;
}

static struct membership read_message(struct place *p,
	const struct mail_user *user, const char *name, uid_num uid,
	struct buf *bytes)
{
	struct mailbox_ref ref = open_box(p, user, name);
	struct membership m;
	struct store_txn *txn;
	struct view *v;

	assert_ok(view_acquire(p->w.mail, &ref, &v));
	assert_non_null(view_find(v, uid));
	m = *view_find(v, uid);
	txn = store_begin_read(p->w.store);
	assert_ok(message_get_bytes(
		txn, user->account, m.message, 0, UINT64_MAX, bytes));
	store_end_read(txn);
	view_release(p->w.mail, v);
	return m;
}

static size_t count_keys(struct place *p, account_num account, char letter)
{
	struct store_txn *txn = store_begin_read(p->w.store);
	struct buf prefix = BUF_UNBOUNDED;
	struct store_iter *it;
	size_t n = 0;
	str key, value;

	key_account_prefix(&prefix, account, letter);
	it = store_scan_prefix(txn, buf_str(&prefix));
	while (store_iter_next(it, &key, &value))
		n++;
	assert_ok(store_iter_end(it));
	store_end_read(txn);
	buf_fini(&prefix);
	return n;
}

static void make_box(struct place *p, const char *name)
{
	struct mailbox_ref ref;

	assert_ok(mailbox_create(p->w.mail, &ann, str_c(name), 0, 0, &ref));
}

static void set_quota(struct place *p, account_num account, uint64_t bytes)
{
	assert_ok(mail_account_set_quota(p->w.mail, account, bytes));
}

/* Tests. */

static void test_each_account_has_its_own(void **unused)
{
	struct buf bytes = BUF_UNBOUNDED;
	struct membership m;
	struct delivery *d;
	struct place p;
	size_t a, b;

	(void)unused;
	place_begin(&p);
	d = begin_delivery(&p, 0, NOW);
	a = add_copy(d, ann.account, "Delivered-To: ann\r\n");
	b = add_copy(d, bob.account, "Delivered-To: bob\r\n");
	delivery_into(d, a, STR(""));
	assert_ok(delivery_feed(d, STR("Message-ID:  <x@y> \r\n\r\nHel")));
	assert_ok(delivery_feed(d, STR("lo\r\n")));
	delivery_commit(d);
	assert_ok(delivery_result(d, a));
	assert_ok(delivery_result(d, b));
	assert_false(delivery_was_duplicate(d, a));
	assert_str(delivery_mailbox(d, a, STR("")), "INBOX");
	assert_str(delivery_message_id(d), "x@y");
	delivery_free(d);
	m = read_message(&p, &ann, "INBOX", 1, &bytes);
	assert_str(buf_str(&bytes), "Delivered-To: ann\r\n"
				    "Message-ID:  <x@y> \r\n\r\nHello\r\n");
	assert_int_equal(m.internal_date, NOW);
	assert_int_equal(m.zone, 60);
	assert_int_equal(m.size, bytes.n);
	assert_int_equal(m.flags, 0);
	buf_reset(&bytes);
	read_message(&p, &bob, "INBOX", 1, &bytes);
	assert_str(buf_str(&bytes), "Delivered-To: bob\r\n"
				    "Message-ID:  <x@y> \r\n\r\nHello\r\n");
	buf_fini(&bytes);
	place_end(&p);
}

static void test_details(void **unused)
{
	static const struct {
		const char *detail, *mailbox, *why;
	} rows[] = {
		{"", "INBOX", "none"},
		{"lists", "lists", "it exists"},
		{"lists/dev", "lists/dev", "with the separator"},
		{"caf\xc3\xa9", "caf\xc3\xa9", "NFC"},
		{"cafe\xcc\x81", "caf\xc3\xa9", "NFD means the same"},
		{"INBOX", "INBOX", "by its name"},
		{"inbox", "INBOX", "it is there that all goes"},
		{"INBOX/x", "INBOX/x", "below INBOX"},
		{"inbox/x", "INBOX", "names are exact"},
		{"Lists", "INBOX", "names are exact"},
		{"lists.dev", "INBOX", "another separator is none"},
		{"lists/", "INBOX", "no name"},
		{"/lists", "INBOX", "no name"},
		{"lists//dev", "INBOX", "no name"},
		{"none", "INBOX", "it is not made"},
		{"\xff", "INBOX", "not UTF-8"},
		{"a\x01", "INBOX", "a control"},
		{"%", "INBOX", "no wildcards"},
	};
	struct place p;

	(void)unused;
	place_begin(&p);
	make_box(&p, "lists/dev");
	make_box(&p, "caf\xc3\xa9");
	make_box(&p, "INBOX/x");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t before = count_in(&p, &ann, rows[i].mailbox);
		struct delivery *d = begin_delivery(&p, 0, NOW);
		size_t copy = add_copy(d, ann.account, "a: b\r\n");
		str detail = str_c(rows[i].detail);

		delivery_into(d, copy, detail);
		assert_ok(delivery_feed(d, STR("\r\n")));
		delivery_commit(d);
		assert_ok(delivery_result(d, copy));
		assert_str(delivery_mailbox(d, copy, detail), rows[i].mailbox);
		assert_int_equal(
			count_in(&p, &ann, rows[i].mailbox), before + 1);
		delivery_free(d);
	}
	assert_int_equal(
		mailbox_open(p.w.mail, &ann, STR("none"), 0, &p.w.inbox),
		ERR_NOTFOUND);
	place_end(&p);
}

/* Several addresses of one account: a membership for each mailbox, and one
 * message. */
static void test_one_copy_for_an_account(void **unused)
{
	static const char *const details[] = {
		"", "lists", "none", "lists", "INBOX", "cafe\xcc\x81"};
	struct account_record record;
	struct delivery *d;
	struct place p;
	size_t copy;

	(void)unused;
	place_begin(&p);
	make_box(&p, "lists");
	make_box(&p, "caf\xc3\xa9");
	d = begin_delivery(&p, 60000, NOW);
	copy = add_copy(d, ann.account, "a: b\r\n");
	for (size_t i = 0; i < COUNT_OF(details); i++)
		delivery_into(d, copy, str_c(details[i]));
	assert_ok(delivery_feed(d, STR("Message-ID: <1>\r\n\r\nx")));
	delivery_commit(d);
	assert_ok(delivery_result(d, copy));
	assert_str(delivery_mailbox(d, copy, STR("none")), "INBOX");
	assert_str(delivery_mailbox(d, copy, STR("lists")), "lists");
	delivery_free(d);
	assert_int_equal(count_in(&p, &ann, "INBOX"), 1);
	assert_int_equal(count_in(&p, &ann, "lists"), 1);
	assert_int_equal(count_in(&p, &ann, "caf\xc3\xa9"), 1);
	assert_int_equal(count_keys(&p, ann.account, 'i'), 1);
	assert_ok(mail_account_info(p.w.mail, ann.account, &record));
	assert_int_equal(record.messages, 3);
	place_end(&p);
}

static void test_quota(void **unused)
{
	struct delivery *d;
	struct place p;
	size_t a, b, keys;

	(void)unused;
	place_begin(&p);
	set_quota(&p, ann.account, 60);
	keys = count_keys(&p, ann.account, 'm');
	d = begin_delivery(&p, 60000, NOW);
	a = add_copy(d, ann.account, "");
	b = add_copy(d, bob.account, "");
	assert_ok(
		delivery_feed(d, STR("Message-ID: <1>\r\n\r\n"
				     "0123456789012345678901234567890123456789"
				     "\r\n")));
	delivery_commit(d);
	assert_int_equal(delivery_result(d, a), ERR_QUOTA);
	assert_ok(delivery_result(d, b));
	delivery_free(d);
	assert_int_equal(count_in(&p, &ann, "INBOX"), 0);
	assert_int_equal(count_in(&p, &bob, "INBOX"), 1);
	/* Not even that it was seen. */
	assert_int_equal(count_keys(&p, ann.account, 'o'), 0);
	assert_int_equal(count_keys(&p, ann.account, 'i'), 0);
	assert_int_equal(count_keys(&p, ann.account, 'm'), keys);
	set_quota(&p, ann.account, 10);
	d = begin_delivery(&p, 0, NOW);
	a = add_copy(d, ann.account, "");
	assert_ok(delivery_feed(d, STR("a: b\r\n\r\n12")));
	delivery_commit(d);
	assert_ok(delivery_result(d, a));
	assert_int_equal(delivery_add(d, ann.account, STR(""), &b), ERR_QUOTA);
	delivery_free(d);
	place_end(&p);
}

static void test_duplicates(void **unused)
{
	static const struct {
		const char *detail, *text;
		uint64_t window_ms;
		int64_t at;
		bool stored;
		const char *why;
	} rows[] = {
		{"", "Message-ID: <1@x>\r\n\r\n1", 60000, 0, true, "the first"},
		{"", "Message-ID: <1@x>\r\n\r\n1", 60000, 0, false, "again"},
		{"", "Message-ID:\r\n <1@x>\r\n\r\n2", 60000, 59, false,
			"other bytes"},
		{"", "Message-ID: <2@x>\r\n\r\n1", 60000, 0, true,
			"another message"},
		{"", "Message-ID: <1@X>\r\n\r\n1", 60000, 0, true,
			"ids have case"},
		{"b", "Message-ID: <1@x>\r\n\r\n1", 60000, 0, true,
			"another mailbox"},
		{"none", "Message-ID: <1@x>\r\n\r\n1", 60000, 1, false,
			"INBOX after all"},
		{"", "Message-ID: <1@x>\r\n\r\n1", 0, 1, true, "no window"},
		{"", "Message-ID: <1@x>\r\n\r\n1", 60000, 60, true, "later"},
		{"", "Message-ID: <1@x>\r\n\r\n1", 60000, 60, false,
			"and again"},
		{"", "Message-ID: <1@x>\r\n\r\n1", 60000, 119, false,
			"until later"},
		{"", "Subject: x\r\n\r\n1", 60000, 0, true, "no id"},
		{"", "Subject: x\r\n\r\n1", 60000, 0, true, "no id again"},
		{"", "Message-ID: \r\n\r\n1", 60000, 0, true, "an empty one"},
		{"", "Message-ID: \r\n\r\n1", 60000, 0, true, "again"},
		{"", "a: b\r\n\r\nMessage-ID: <1@x>\r\n", 60000, 0, true,
			"in the body"},
	};
	struct place p;

	(void)unused;
	place_begin(&p);
	make_box(&p, "b");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("# %s\n", rows[i].why);
		assert_int_equal(deliver_to(&p, rows[i].detail, rows[i].text,
					 rows[i].window_ms, NOW + rows[i].at),
			rows[i].stored);
	}
	place_end(&p);
}

/* What is not a duplicate any more is forgotten, and with its mailbox too. */
static void test_seen_is_forgotten(void **unused)
{
	struct place p;
	char text[64];

	(void)unused;
	place_begin(&p);
	make_box(&p, "b");
	for (unsigned i = 0; i < 1100; i++) {
		snprintf(text, sizeof text, "Message-ID: <%u>\r\n\r\n", i);
		assert_true(deliver_to(
			&p, i % 10 ? "" : "b", text, 60000, NOW + i % 2));
	}
	assert_int_equal(count_keys(&p, ann.account, 'o'), 1100);
	assert_ok(mail_prune(p.w.mail, NOW + 59));
	assert_int_equal(count_keys(&p, ann.account, 'o'), 1100);
	assert_ok(mail_prune(p.w.mail, NOW + 60));
	assert_int_equal(count_keys(&p, ann.account, 'o'), 550);
	assert_ok(mail_prune(p.w.mail, NOW + 61));
	assert_int_equal(count_keys(&p, ann.account, 'o'), 0);
	assert_true(deliver_to(
		&p, "b", "Message-ID: <1>\r\n\r\n", 60000, NOW + 100));
	assert_ok(mailbox_delete(p.w.mail, &ann, STR("b")));
	assert_ok(mail_purge(p.w.mail, false));
	assert_int_equal(count_keys(&p, ann.account, 'o'), 0);
	place_end(&p);
}

/* What verify finds wrong with the notes. */

struct note {
	mailbox_num mailbox;
	const char *value; /* NULL: deleted */
	size_t size;
};

static enum err write_note(struct store_txn *txn, void *arg)
{
	static const unsigned char hash[SEEN_HASH_SIZE] = "one";
	const struct note *note = arg;
	struct buf key = BUF_UNBOUNDED;

	key_seen(&key, ann.account, note->mailbox, hash);
	if (note->value)
		store_put(txn, buf_str(&key), str_of(note->value, note->size));
	else
		store_delete(txn, buf_str(&key));
	buf_fini(&key);
	return OK;
}

static void count_problem(void *arg, str words)
{
	(void)arg;
	(void)words;
}

static void test_verify_looks_at_notes(void **unused)
{
	static const struct {
		struct note note;
		unsigned problems;
		const char *why;
	} rows[] = {
		{{1, "12345678", 8}, 0, "as it should be"},
		{{1, "1234567", 7}, 1, "too short"},
		{{1, "123456789", 9}, 1, "too long"},
		{{99, "12345678", 8}, 1, "of no mailbox"},
	};
	struct place p;

	(void)unused;
	place_begin(&p);
	assert_int_equal(p.w.inbox.id, 1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct verify v = {.problem = count_problem};
		struct note note = rows[i].note;

		assert_ok(
			store_write(p.w.store, STR("test"), write_note, &note));
		assert_ok(verify_mail(p.w.mail, 0, &v));
		assert_int_equal(v.problems, rows[i].problems);
		note.value = NULL;
		assert_ok(
			store_write(p.w.store, STR("test"), write_note, &note));
	}
	place_end(&p);
}

static void *deliver_again(void *arg)
{
	return (void *)(uintptr_t)deliver_to(
		arg, "", "Message-ID: <1>\r\n\r\n", 60000, NOW);
}

static void test_two_at_once(void **unused)
{
	enum { THREADS = 8 };
	pthread_t threads[THREADS];
	unsigned stored = 0;
	struct place p;

	(void)unused;
	place_begin(&p);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, deliver_again, &p),
			0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *one;

		pthread_join(threads[i], &one);
		stored += one != NULL;
	}
	assert_int_equal(stored, 1);
	assert_int_equal(count_in(&p, &ann, "INBOX"), 1);
	place_end(&p);
}

static void feed_lines(struct delivery *d, size_t size)
{
	char line[64];

	for (size_t n = 0; n < size;) {
		int len = snprintf(line, sizeof line, "line at %zu\r\n", n);

		assert_ok(delivery_feed(d, str_of(line, (size_t)len)));
		n += (size_t)len;
	}
}

/* Nothing stays of what is not committed; a small message is in memory until
 * then. */
static void test_not_committed(void **unused)
{
	static const size_t sizes[] = {0, 1000, 60000, LARGE};
	struct store_stats before, after;
	struct place p;

	(void)unused;
	place_begin(&p);
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct delivery *d = begin_delivery(&p, 60000, NOW);
		size_t copy = add_copy(d, ann.account, "");

		delivery_into(d, copy, STR(""));
		store_stats(p.w.store, &before);
		feed_lines(d, sizes[i]);
		store_stats(p.w.store, &after);
		assert_true((after.writes > before.writes) ==
			    (sizes[i] > CHUNK_SIZE));
		delivery_free(d);
		assert_int_equal(count_keys(&p, ann.account, 'f'), 0);
	}
	assert_int_equal(count_in(&p, &ann, "INBOX"), 0);
	place_end(&p);
}

static void test_large(void **unused)
{
	struct delivery *d;
	struct place p;
	size_t a, b;

	(void)unused;
	place_begin(&p);
	set_quota(&p, bob.account, 10);
	d = begin_delivery(&p, 0, NOW);
	a = add_copy(d, ann.account, "a: b\r\n");
	b = add_copy(d, bob.account, "a: b\r\n");
	feed_lines(d, LARGE);
	delivery_commit(d);
	assert_ok(delivery_result(d, a));
	assert_int_equal(delivery_result(d, b), ERR_QUOTA);
	delivery_free(d);
	assert_int_equal(count_keys(&p, bob.account, 'c'), 0);
	assert_int_equal(count_keys(&p, bob.account, 'f'), 0);
	assert_int_equal(count_in(&p, &ann, "INBOX"), 1);
	place_end(&p);
}

/* The limit is of what was sent, without what we put before it. */
static void test_too_large(void **unused)
{
	struct mail_limits limits = {.mailboxes = 10,
		.literal = 1000,
		.view_cache = 1 << 20,
		.history = 86400};
	static const char bytes[2000];
	struct place p;

	(void)unused;
	place_begin(&p);
	mail_free(p.w.mail);
	p.w.mail = mail_new(p.w.store, &limits);
	for (size_t n = 999; n <= 1001; n++) {
		struct delivery *d = begin_delivery(&p, 0, NOW);
		size_t a = add_copy(d, ann.account, "Delivered-To: ann\r\n");
		size_t b = add_copy(d, bob.account, "Delivered-To: bob\r\n");
		enum err expected = n > 1000 ? ERR_TOOBIG : OK;

		assert_int_equal(delivery_feed(d, str_of(bytes, n)), expected);
		assert_int_equal(delivery_feed(d, STR("")), expected);
		delivery_commit(d);
		assert_int_equal(delivery_result(d, a), expected);
		assert_int_equal(delivery_result(d, b), expected);
		delivery_free(d);
	}
	place_end(&p);
}

static void test_removed_account(void **unused)
{
	struct delivery *d;
	struct place p;
	size_t a, b;

	(void)unused;
	place_begin(&p);
	assert_true(deliver_to(&p, "", "a: b\r\n\r\n", 0, NOW));
	open_box(&p, &bob, "INBOX");
	d = begin_delivery(&p, 0, NOW);
	a = add_copy(d, ann.account, "");
	b = add_copy(d, bob.account, "");
	assert_ok(delivery_feed(d, STR("a: b\r\n\r\n")));
	assert_ok(mail_account_purge(p.w.mail, ann.account));
	/* Nothing is left of it, but that it was. */
	assert_ok(mail_purge(p.w.mail, false));
	delivery_commit(d);
	assert_int_equal(delivery_result(d, a), ERR_NOTFOUND);
	assert_ok(delivery_result(d, b));
	delivery_free(d);
	assert_int_equal(count_in(&p, &bob, "INBOX"), 1);
	assert_ok(mail_purge(p.w.mail, false));
	place_end(&p);
}

/* However many accounts: one commit, one sync. */
static void test_accounts_share_a_sync(void **unused)
{
	struct store_stats before, after;
	struct delivery *d;
	struct place p;

	(void)unused;
	place_begin(&p);
	d = begin_delivery(&p, 60000, NOW);
	for (account_num account = 1; account <= 40; account++)
		add_copy(d, account, "a: b\r\n");
	assert_ok(delivery_feed(d, STR("Message-ID: <1>\r\n\r\n")));
	store_stats(p.w.store, &before);
	delivery_commit(d);
	store_stats(p.w.store, &after);
	assert_int_equal(after.syncs - before.syncs, 1);
	assert_int_equal(after.writes - before.writes, 40);
	for (size_t i = 0; i < 40; i++)
		assert_ok(delivery_result(d, i));
	delivery_free(d);
	place_end(&p);
}

/* Who watches a mailbox is told. */
static _Atomic unsigned told;

static void on_change(struct mail_watch *watch)
{
	(void)watch;
	told++;
}

static void test_watchers_are_told(void **unused)
{
	struct mail_watch watch = {.account = 1, .changed = on_change};
	struct place p;

	(void)unused;
	place_begin(&p);
	watch.mailbox = p.w.inbox.id;
	told = 0;
	mail_watch_add(p.w.mail, &watch);
	deliver_to(&p, "", "Message-ID: <1>\r\n\r\n", 60000, NOW);
	assert_int_equal(told, 1);
	deliver_to(&p, "", "Message-ID: <1>\r\n\r\n", 60000, NOW);
	assert_int_equal(told, 1);
	mail_watch_remove(p.w.mail, &watch);
	place_end(&p);
}

/* Nobody's message. */
static void test_no_copies(void **unused)
{
	struct delivery *d;
	struct place p;

	(void)unused;
	place_begin(&p);
	d = begin_delivery(&p, 0, NOW);
	assert_ok(delivery_feed(d, STR("x")));
	delivery_commit(d);
	assert_str(delivery_message_id(d), "");
	delivery_free(d);
	delivery_free(NULL);
	place_end(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_account_has_its_own),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_one_copy_for_an_account),
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_seen_is_forgotten),
		cmocka_unit_test(test_verify_looks_at_notes),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_not_committed),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_removed_account),
		cmocka_unit_test(test_accounts_share_a_sync),
		cmocka_unit_test(test_watchers_are_told),
		cmocka_unit_test(test_no_copies),
	};

	embedded = argc > 1 && strcmp(argv[1], "rocksdb") == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
