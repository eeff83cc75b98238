/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/fixture.h"

static void test_append_and_read_back(void **unused)
{
	struct world w;
	struct view *v;
	struct buf bytes = BUF_UNBOUNDED;
	struct store_txn *txn;
	const struct membership *m;

	(void)unused;
	begin(&w);
	assert_int_equal(add(&w, "Subject: one\r\n\r\nbody\r\n", FLAG_SEEN), 1);
	assert_int_equal(add(&w, "Subject: two\r\n\r\nbody\r\n", 0), 2);
	assert_ok(view_acquire(w.mail, &w.inbox, &v));
	assert_int_equal(v->unseen, 1);
	assert_int_equal(v->uidnext, 3);
	m = view_find(v, 2);
	assert_non_null(m);
	txn = store_begin_read(w.store);
	assert_ok(
		message_get_bytes(txn, ann.account, m->message, 9, 3, &bytes));
	assert_str(buf_str(&bytes), "two");
	store_end_read(txn);
	view_release(w.mail, v);
	buf_fini(&bytes);
	end(&w);
}

static void test_large_upload_streams_in_chunks(void **unused)
{
	struct world w;
	struct buf text = BUF_UNBOUNDED, back = BUF_UNBOUNDED;
	struct store_txn *txn;
	struct view *v;
	uid_num uid, again;

	(void)unused;
	begin(&w);
	buf_add_c(&text, "Subject: big\r\n\r\n");
	while (text.n < 3 * CHUNK_SIZE)
		buf_addf(&text, "line %zu\r\n", text.n);
	buf_truncate(&text, 3 * CHUNK_SIZE);
	assert_ok(append(&w, "INBOX", buf_str(&text), 0, NULL, &uid));
	/* The same bytes again: stored once. */
	assert_ok(append(&w, "INBOX", buf_str(&text), 0, NULL, &again));
	assert_ok(view_acquire(w.mail, &w.inbox, &v));
	assert_true(view_find(v, uid)->message == view_find(v, again)->message);
	txn = store_begin_read(w.store);
	assert_ok(message_get_bytes(txn, ann.account,
		view_find(v, uid)->message, 0, UINT64_MAX, &back));
	store_end_read(txn);
	assert_true(str_eq(buf_str(&back), buf_str(&text)));
	view_release(w.mail, v);
	buf_fini(&text);
	buf_fini(&back);
	end(&w);
}

/* The first chunk is smaller than the others. */
static void test_chunks_join_without_a_seam(void **unused)
{
	static const struct {
		size_t size;
		const char *why;
	} rows[] = {
		{CHUNK_FIRST - 1, "one chunk"},
		{CHUNK_FIRST, "one, full"},
		{CHUNK_FIRST + 1, "a second of one byte"},
		{CHUNK_FIRST + CHUNK_SIZE, "two, full"},
		{CHUNK_FIRST + CHUNK_SIZE + 1, "a third of one byte"},
		{CHUNK_FIRST + 3 * CHUNK_SIZE - 1, "nearly four"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t size = rows[i].size;
		struct buf text = BUF_UNBOUNDED, back = BUF_UNBOUNDED;
		struct store_txn *txn;
		struct world w;
		uid_num uid;

		begin(&w);
		while (text.n < size)
			buf_addf(&text, "a%zu: %zu\r\n", text.n, i);
		buf_truncate(&text, size);
		assert_ok(append(&w, "INBOX", buf_str(&text), 0, NULL, &uid));
		txn = store_begin_read(w.store);
		for (uint64_t at = 0; at < size; at += message_run(at))
			assert_ok(message_get_bytes(txn, ann.account, 1, at,
				message_run(at), &back));
		assert_true(str_eq(buf_str(&back), buf_str(&text)));
		/* Across every seam. */
		buf_reset(&back);
		assert_ok(message_get_bytes(
			txn, ann.account, 1, 5, UINT64_MAX, &back));
		assert_true(
			str_eq(buf_str(&back), str_skip(buf_str(&text), 5)));
		store_end_read(txn);
		buf_fini(&text);
		buf_fini(&back);
		end(&w);
	}
}

static void test_flags_and_what_others_see(void **unused)
{
	struct world w;
	struct uidset uids = UIDSET_EMPTY;
	struct store_result r;
	str work[] = {STR_LIT("work")};
	struct flag_change change = {
		FLAGS_ADD, FLAG_FLAGGED, work, COUNT_OF(work)};
	struct view *v;

	(void)unused;
	begin(&w);
	add(&w, "a: 1\r\n\r\n", 0);
	add(&w, "a: 2\r\n\r\n", 0);
	assert_ok(view_acquire(w.mail, &w.inbox, &v));
	view_release(w.mail, v);
	uidset_add_range(&uids, 2, 5);
	assert_ok(message_store_flags(
		w.mail, &w.inbox, &uids, &change, 0, UINT64_MAX, &r));
	assert_int_equal(uidset_count(&r.changed), 1);
	assert_int_equal(uidset_count(&r.missing), 3);
	store_result_fini(&r);
	assert_ok(view_acquire(w.mail, &w.inbox, &v));
	assert_int_equal(view_keyword(v, STR("WORK")), 0);
	assert_true(view_find(v, 2)->flags ==
		    (FLAG_FLAGGED | flags_keyword_bit(0)));
	assert_int_equal(view_find(v, 1)->flags, 0);
	view_release(w.mail, v);
	uidset_fini(&uids);
	end(&w);
}

static void test_copy_move_expunge(void **unused)
{
	struct world w;
	struct mailbox_ref target;
	struct copy_result r;
	struct uidset uids = UIDSET_EMPTY, gone = UIDSET_EMPTY;
	struct account_record account;
	struct membership kept;
	modseq_num modseq;

	(void)unused;
	begin(&w);
	for (int i = 0; i < 300; i++)
		add(&w, i % 2 ? "x: odd\r\n\r\n" : "x: even\r\n\r\n",
			i == 7 ? FLAG_DELETED : 0);
	assert_ok(mailbox_create(w.mail, &ann, STR("a/b"), 0, 0, &target));
	uidset_add_range(&uids, 100, 299);
	assert_ok(message_copy(
		w.mail, &ann, &w.inbox, &uids, STR("a/b"), COPY_MOVE, &r));
	assert_int_equal(uidset_count(&r.source), 200);
	copy_result_fini(&r);
	assert_uids(&w, &target, "1:200");
	assert_uids(&w, &w.inbox, "1:99,300");
	assert_ok(message_copy(w.mail, &ann, &w.inbox, &uids, STR("none"),
			  COPY_PLAIN, &r) == ERR_NOTFOUND
			  ? OK
			  : ERR_IO);
	assert_ok(message_expunge(w.mail, &w.inbox, NULL, &gone, &modseq));
	assert_uids(&w, &w.inbox, "1:7,9:99,300");
	assert_ok(view_find_expunged(w.mail, &w.inbox, 8, &kept));
	assert_ok(mail_purge(w.mail, false));
	assert_int_equal(
		view_find_expunged(w.mail, &w.inbox, 8, &kept), ERR_EXPUNGED);
	assert_ok(mail_account_info(w.mail, ann.account, &account));
	assert_int_equal(account.messages, 299);
	assert_ok(mailbox_delete(w.mail, &ann, STR("a/b")));
	assert_ok(mail_purge(w.mail, false));
	assert_ok(mail_purge(w.mail, false));
	assert_ok(mail_account_info(w.mail, ann.account, &account));
	assert_int_equal(account.messages, 99);
	uidset_fini(&uids);
	uidset_fini(&gone);
	end(&w);
}

static void test_rename_tree_and_inbox(void **unused)
{
	struct world w;
	struct mailbox_ref ref;

	(void)unused;
	begin(&w);
	add(&w, "a: 1\r\n\r\n", 0);
	assert_ok(mailbox_create(w.mail, &ann, STR("p/q/r"), 0, 0, &ref));
	assert_int_equal(mailbox_rename(w.mail, &ann, STR("p"), STR("p/x")),
		ERR_INVALID);
	assert_ok(mailbox_rename(w.mail, &ann, STR("p"), STR("n/m")));
	assert_ok(mailbox_open(w.mail, &ann, STR("n/m/q/r"), 0, &ref));
	assert_int_equal(
		mailbox_open(w.mail, &ann, STR("p"), 0, &ref), ERR_NOTFOUND);
	assert_ok(mailbox_rename(w.mail, &ann, STR("INBOX"), STR("old")));
	assert_ok(mailbox_open(w.mail, &ann, STR("old"), 0, &ref));
	assert_uids(&w, &ref, "1");
	assert_uids(&w, &w.inbox, "");
	assert_int_equal(add(&w, "a: 2\r\n\r\n", 0), 2);
	end(&w);
}

static void test_quota_is_counted_with_the_mail(void **unused)
{
	struct world w;
	uid_num uid;

	(void)unused;
	begin(&w);
	assert_ok(mail_account_set_quota(w.mail, ann.account, 20));
	assert_ok(append(&w, "INBOX", STR("0123456789"), 0, NULL, &uid));
	assert_int_equal(append(&w, "INBOX", STR("0123456789x"), 0, NULL, &uid),
		ERR_QUOTA);
	assert_ok(append(&w, "INBOX", STR("9876543210"), 0, NULL, &uid));
	assert_int_equal(uid, 2);
	end(&w);
}

static void test_keywords_run_out_and_are_used_again(void **unused)
{
	struct world w;
	struct uidset uids = UIDSET_EMPTY, gone = UIDSET_EMPTY;
	struct store_result r;
	struct flag_change change = {FLAGS_ADD, FLAG_DELETED, NULL, 0};
	modseq_num modseq;
	uid_num uid;
	char name[16];

	(void)unused;
	begin(&w);
	for (int i = 0; i < KEYWORDS_MAX; i++) {
		snprintf(name, sizeof name, "k%d", i);
		assert_ok(append(&w, "INBOX", STR("m"), 0, name, &uid));
	}
	assert_int_equal(
		append(&w, "INBOX", STR("m"), 0, "more", &uid), ERR_LIMIT);
	uidset_add(&uids, 5);
	assert_ok(message_store_flags(
		w.mail, &w.inbox, &uids, &change, 0, UINT64_MAX, &r));
	store_result_fini(&r);
	assert_ok(message_expunge(w.mail, &w.inbox, NULL, &gone, &modseq));
	assert_ok(append(&w, "INBOX", STR("m"), 0, "more", &uid));
	uidset_fini(&uids);
	uidset_fini(&gone);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_and_read_back),
		cmocka_unit_test(test_large_upload_streams_in_chunks),
		cmocka_unit_test(test_chunks_join_without_a_seam),
		cmocka_unit_test(test_flags_and_what_others_see),
		cmocka_unit_test(test_copy_move_expunge),
		cmocka_unit_test(test_rename_tree_and_inbox),
		cmocka_unit_test(test_quota_is_counted_with_the_mail),
		cmocka_unit_test(test_keywords_run_out_and_are_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
