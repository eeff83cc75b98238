/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/fixture.h"
#include "mail/annotation.h"
#include "mail/private.h"
#include "base/clock.h"

#include <string.h>

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

static uint64_t count_chunks(struct store_txn *txn, message_num message)
{
	struct buf prefix = BUF_UNBOUNDED;
	struct store_iter *it;
	uint64_t n;
	str key, value;

	key_chunk(&prefix, ann.account, message, 0);
	n = store_has(txn, buf_str(&prefix)) == OK;
	key_message(&prefix, ann.account, 'c', message);
	it = store_scan_prefix(txn, buf_str(&prefix));
	while (store_iter_next(it, &key, &value))
		n++;
	assert_ok(store_iter_end(it));
	buf_fini(&prefix);
	return n;
}

struct put_chunk {
	struct buf *record;
	uint32_t chunk;
};

static enum err put_chunk(struct store_txn *txn, void *arg)
{
	struct put_chunk *q = arg;

	chunk_put(txn, 1, 1, q->chunk, q->record->p, q->record->n);
	return OK;
}

static void check_damaged_chunk(
	const struct buf *record, size_t at, uint32_t chunk)
{
	struct buf b = BUF_UNBOUNDED, out = BUF_UNBOUNDED;

	buf_add(&b, buf_str(record));
	b.p[at] ^= 4;
	assert_int_equal(
		chunk_decode(buf_str(&b), 1, chunk, &out), ERR_CORRUPT);
	assert_int_equal(
		chunk_decode(buf_str(record), 2, chunk, &out), ERR_CORRUPT);
	assert_int_equal(
		chunk_decode(str_take(buf_str(record), at), 1, chunk, &out),
		ERR_CORRUPT);
	assert_int_equal(out.n, 0);
	buf_fini(&b);
	buf_fini(&out);
}

/* A record's form, by how much of it is stored, and that damage is seen before
 * anything is made of it. */
static void test_records_are_compressed(void **unused)
{
	static const struct {
		size_t size;
		bool random; /* its bytes */
		uint32_t chunk;
		bool wanted, compressed;
		const char *why;
	} rows[] = {
		{CHUNK_SIZE, false, 1, true, true, "text"},
		{CHUNK_SIZE, false, 1, false, false, "not wanted"},
		{CHUNK_SIZE, true, 1, true, false, "nothing to be saved"},
		{CHUNK_FIRST, false, 0, true, false, "headers are not"},
		{100, false, 1, true, false, "too little"},
		{0, false, 0, true, false, "nothing"},
	};
	uint64_t dice = 88172645463325252;

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf plain = BUF_UNBOUNDED, record = BUF_UNBOUNDED;
		struct store *store = store_open_memory();
		struct put_chunk put = {&record, rows[i].chunk};

		print_message("# %s\n", rows[i].why);
		while (plain.n < rows[i].size) {
			dice ^= dice << 13;
			dice ^= dice >> 7;
			dice ^= dice << 17;
			buf_add_byte(&plain,
				rows[i].random ? (char)dice
					       : "twelve words"[plain.n % 12]);
		}
		chunk_encode(buf_str(&plain), rows[i].chunk, rows[i].wanted,
			&record);
		assert_int_equal(record.n < plain.n, rows[i].compressed);
		assert_true(record.n <= plain.n + CHUNK_TAIL);
		assert_ok(store_write(store, STR("scope"), put_chunk, &put));
		for (size_t at = 0; at < record.n; at += 1 + record.n / 40)
			check_damaged_chunk(&record, at, rows[i].chunk);
		buf_truncate(&plain, 0);
		buf_add_c(&plain, "before");
		assert_ok(chunk_decode(
			buf_str(&record), 1, rows[i].chunk, &plain));
		assert_int_equal(plain.n, 6 + rows[i].size);
		for (size_t k = 0; !rows[i].random && k < rows[i].size; k++)
			assert_int_equal(
				plain.p[6 + k], "twelve words"[k % 12]);
		store_close(store);
		buf_fini(&plain);
		buf_fini(&record);
	}
}

/* Where a message is cut into records, and that nobody sees it. */
static void test_chunks_join_without_a_seam(void **unused)
{
	static const struct {
		size_t header; /* with the empty line; 0: it has no end */
		size_t size;
		unsigned chunks;
		const char *why;
	} rows[] = {
		{0, 0, 1, "empty"},
		{0, 1, 1, "a byte"},
		{2, CHUNK_WHOLE, 1, "small, without header"},
		{1000, CHUNK_WHOLE, 1, "small"},
		{1000, CHUNK_WHOLE + 1, 2, "header and body"},
		{2, CHUNK_WHOLE + 1, 2, "an empty header"},
		{1000, 1000 + CHUNK_SIZE, 2, "a full body"},
		{1000, 1001 + CHUNK_SIZE, 3, "a third of one byte"},
		{1000, 999 + 4 * CHUNK_SIZE, 5, "nearly four"},
		{CHUNK_WHOLE + 1, CHUNK_WHOLE + 1, 1, "all header"},
		{CHUNK_FIRST, 2 * CHUNK_FIRST, 2, "a header just so long"},
		{CHUNK_FIRST + 1, 2 * CHUNK_FIRST, 2, "a header too long"},
		{0, CHUNK_FIRST, 1, "no end of the header, one, full"},
		{0, CHUNK_FIRST + 1, 2, "a second of one byte"},
		{0, CHUNK_FIRST + CHUNK_SIZE, 2, "two, full"},
		{0, CHUNK_FIRST + CHUNK_SIZE + 1, 3, "a third"},
		{0, CHUNK_FIRST + 3 * CHUNK_SIZE - 1, 4, "nearly four"},
	};

	(void)unused;
	for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
		size_t header = rows[i / 2].header, size = rows[i / 2].size;
		struct message_reader r = {
			.account = ann.account, .message = 1};
		struct buf text = BUF_UNBOUNDED, back = BUF_UNBOUNDED;
		struct store_txn *txn;
		struct world w;
		uid_num uid;

		begin(&w);
		w.put_aside = i % 2;
		print_message("# %s\n", rows[i / 2].why);
		while (text.n < size)
			buf_addf(&text, "a%zu: %zu\r\n", text.n, i);
		buf_truncate(&text, size);
		if (header > 2)
			memcpy(text.p + header - 5, "x\r\n\r\n", 5);
		else if (header)
			memcpy(text.p, "\r\n", 2);
		assert_ok(append(&w, "INBOX", buf_str(&text), 0, NULL, &uid));
		txn = store_begin_read(w.store);
		assert_int_equal(count_chunks(txn, 1), rows[i / 2].chunks);
		do
			assert_ok(message_read(
				&r, txn, back.n, UINT64_MAX, &back));
		while (back.n < size);
		assert_true(str_eq(buf_str(&back), buf_str(&text)));
		/* Across every seam. */
		buf_reset(&back);
		assert_ok(message_get_bytes(
			txn, ann.account, 1, 5, UINT64_MAX, &back));
		assert_true(str_eq(buf_str(&back),
			str_skip(buf_str(&text), size < 5 ? size : 5)));
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

static enum err replace(struct world *w, const struct mailbox_ref *from,
	uid_num uid, const char *to, const char *text, uid_num *uid_r)
{
	struct append_item item = {.upload = upload_new(w->mail, ann.account)};
	struct append_result result;
	enum err e;

	assert_ok(upload_feed(item.upload, str_c(text)));
	e = append_replace(w->mail, &ann, from, uid, str_c(to), &item, &result);
	*uid_r = uidset_min(&result.uids);
	uidset_fini(&result.uids);
	upload_free(item.upload);
	return e;
}

static void test_replace(void **unused)
{
	struct world w;
	struct mailbox_ref other, less;
	struct account_record account;
	uid_num uid;

	(void)unused;
	begin(&w);
	add(&w, "a: 1\r\n\r\n", 0);
	add(&w, "a: 2\r\n\r\n", 0);
	assert_ok(mailbox_create(w.mail, &ann, STR("b"), 0, 0, &other));
	assert_ok(replace(&w, &w.inbox, 1, "INBOX", "a: 3\r\n\r\n", &uid));
	assert_int_equal(uid, 3);
	assert_uids(&w, &w.inbox, "2:3");
	/* By the very same message. */
	assert_ok(replace(&w, &w.inbox, 3, "INBOX", "a: 3\r\n\r\n", &uid));
	assert_uids(&w, &w.inbox, "2,4");
	assert_ok(replace(&w, &w.inbox, 2, "b", "a: 4\r\n\r\n", &uid));
	assert_uids(&w, &w.inbox, "4");
	assert_uids(&w, &other, "1");
	/* All or nothing. */
	assert_int_equal(replace(&w, &w.inbox, 2, "b", "a: 5\r\n\r\n", &uid),
		ERR_EXPUNGED);
	assert_int_equal(replace(&w, &w.inbox, 4, "none", "a: 5\r\n\r\n", &uid),
		ERR_NOTFOUND);
	less = w.inbox;
	less.rights &= ~(uint32_t)RIGHT_EXPUNGE;
	assert_int_equal(
		replace(&w, &less, 4, "b", "a: 5\r\n\r\n", &uid), ERR_DENIED);
	assert_uids(&w, &other, "1");
	/* The quota: what is replaced makes room. */
	assert_ok(mail_account_set_quota(w.mail, ann.account, 16));
	assert_ok(replace(&w, &w.inbox, 4, "b", "a: 6\r\n\r\n", &uid));
	assert_int_equal(
		replace(&w, &other, 2, "INBOX", "a: long\r\n\r\n", &uid),
		ERR_QUOTA);
	assert_uids(&w, &other, "1:2");
	assert_ok(mail_account_set_quota(w.mail, ann.account, 1));
	assert_ok(replace(&w, &other, 2, "INBOX", "a: 7\r\n\r\n", &uid));
	assert_ok(mail_purge(w.mail, false));
	assert_ok(mail_account_info(w.mail, ann.account, &account));
	assert_int_equal(account.messages, 2);
	assert_int_equal(account.bytes, 16);
	end(&w);
}

static void note_annotation(void *arg, str name, str value)
{
	buf_addf(arg, "%.*s=%.*s ", STR_ARG(name), STR_ARG(value));
}

static void assert_annotations(
	struct world *w, const struct mailbox_ref *ref, const char *expected)
{
	struct buf b = BUF_UNBOUNDED;

	assert_ok(annotation_scan(w->mail, ref, note_annotation, &b));
	assert_str(buf_str(&b), expected);
	buf_fini(&b);
}

static enum err annotate(struct world *w, const struct mailbox_ref *ref,
	const char *name, str value)
{
	struct annotation items[] = {
		{STR_LIT("/shared/a"), STR_LIT("A")}, {str_c(name), value}};

	return annotation_set(w->mail, ref, items, 2);
}

static void test_annotations(void **unused)
{
	struct mailbox_ref own = annotation_account(&ann), other, less;
	struct mailbox_info before, after;
	struct buf large = BUF_UNBOUNDED;
	struct arena arena;
	struct world w;
	char name[32];

	(void)unused;
	begin(&w);
	arena_init(&arena, SIZE_MAX);
	assert_ok(mailbox_status(w.mail, &w.inbox, &arena, &before));
	assert_ok(annotate(&w, &w.inbox, "/private/b", STR("")));
	assert_annotations(&w, &w.inbox, "/private/b= /shared/a=A ");
	assert_ok(mailbox_status(w.mail, &w.inbox, &arena, &after));
	assert_true(after.modseq > before.modseq);
	assert_ok(annotate(&w, &w.inbox, "/private/none", str_none()));
	assert_ok(annotate(&w, &own, "/private/c", STR("own")));
	assert_annotations(&w, &own, "/private/c=own /shared/a=A ");
	assert_ok(annotation_get(w.mail, &own, STR("/private/c"), &large));
	assert_str(buf_str(&large), "own");
	assert_ok(annotation_get(w.mail, &w.inbox, STR("/private/b"), &large));
	assert_str(buf_str(&large), "");
	assert_int_equal(
		annotation_get(w.mail, &w.inbox, STR("/private/c"), &large),
		ERR_NOTFOUND);
	/* All or none. */
	less = w.inbox;
	less.rights = RIGHT_READ | RIGHT_LOOKUP;
	assert_int_equal(
		annotate(&w, &less, "/private/d", STR("x")), ERR_DENIED);
	while (large.n <= mail_limits_of(w.mail).annotation)
		buf_add_byte(&large, 'x');
	assert_int_equal(annotate(&w, &w.inbox, "/private/d", buf_str(&large)),
		ERR_TOOBIG);
	for (int i = 2; i < 100; i++) {
		snprintf(name, sizeof name, "/private/%d", i);
		assert_ok(annotate(&w, &w.inbox, name, STR("x")));
	}
	assert_int_equal(
		annotate(&w, &w.inbox, "/private/d", STR("x")), ERR_LIMIT);
	assert_ok(annotate(&w, &w.inbox, "/private/b", STR("B")));
	for (int i = 2; i < 100; i++) {
		snprintf(name, sizeof name, "/private/%d", i);
		assert_ok(annotate(&w, &w.inbox, name, str_none()));
	}
	assert_annotations(&w, &w.inbox, "/private/b=B /shared/a=A ");
	/* Renamed, copied with INBOX, deleted. */
	assert_ok(mailbox_create(w.mail, &ann, STR("m"), 0, 0, &other));
	assert_ok(annotate(&w, &other, "/private/m", STR("M")));
	assert_ok(mailbox_rename(w.mail, &ann, STR("m"), STR("n")));
	assert_ok(mailbox_open(w.mail, &ann, STR("n"), 0, &other));
	assert_annotations(&w, &other, "/private/m=M /shared/a=A ");
	assert_ok(mailbox_delete(w.mail, &ann, STR("n")));
	assert_int_equal(
		annotate(&w, &other, "/private/m", STR("x")), ERR_NOTFOUND);
	assert_ok(mail_purge(w.mail, false));
	assert_annotations(&w, &other, "");
	assert_ok(mailbox_rename(w.mail, &ann, STR("INBOX"), STR("old")));
	assert_ok(mailbox_open(w.mail, &ann, STR("old"), 0, &other));
	assert_annotations(&w, &other, "/private/b=B /shared/a=A ");
	assert_annotations(&w, &w.inbox, "/private/b=B /shared/a=A ");
	arena_fini(&arena);
	buf_fini(&large);
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

static void test_a_name_never_has_a_uidvalidity_twice(void **unused)
{
	struct world w;
	struct mailbox_ref ref;

	(void)unused;
	begin(&w);
	assert_ok(mailbox_create(w.mail, &ann, STR("moved"), 0, 0, &ref));
	assert_ok(mailbox_set_uids(w.mail, &ref, 1275660208, 1));
	/* Nothing was added: an import that was cut off may begin again. */
	assert_ok(mailbox_set_uids(w.mail, &ref, 1275660208, 1));
	assert_ok(mailbox_delete(w.mail, &ann, STR("moved")));
	assert_ok(mailbox_create(w.mail, &ann, STR("moved"), 0, 0, &ref));
	assert_int_equal(
		mailbox_set_uids(w.mail, &ref, 1275660208, 1), ERR_INUSE);
	assert_ok(mailbox_rename(w.mail, &ann, STR("moved"), STR("other")));
	assert_ok(mailbox_open(w.mail, &ann, STR("other"), 0, &ref));
	assert_ok(mailbox_set_uids(w.mail, &ref, 1275660208, 1));
	assert_ok(mailbox_set_uids(w.mail, &ref, UINT32_MAX - 1, 1));
	assert_ok(mailbox_create(w.mail, &ann, STR("next"), 0, 0, &ref));
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

static enum err store_one(struct world *w, uid_num uid, uint64_t flags)
{
	struct flag_change change = {FLAGS_ADD, flags, NULL, 0};
	struct uidset uids = UIDSET_EMPTY;
	struct store_result r;
	enum err e;

	uidset_add(&uids, uid);
	e = message_store_flags(
		w->mail, &w->inbox, &uids, &change, 0, UINT64_MAX, &r);
	store_result_fini(&r);
	uidset_fini(&uids);
	return e;
}

static void expunge_one(struct world *w, uid_num uid)
{
	struct uidset uids = UIDSET_EMPTY, gone = UIDSET_EMPTY;
	modseq_num modseq;

	assert_ok(store_one(w, uid, FLAG_DELETED));
	uidset_add(&uids, uid);
	assert_ok(message_expunge(w->mail, &w->inbox, &uids, &gone, &modseq));
	assert_true(uidset_has(&gone, uid));
	uidset_fini(&uids);
	uidset_fini(&gone);
}

static void on_change(struct mail_watch *watch)
{
	(void)watch;
}

static modseq_num modseq_now(struct world *w)
{
	modseq_num modseq;
	struct view *v;

	assert_ok(view_acquire(w->mail, &w->inbox, &v));
	modseq = v->modseq;
	view_release(w->mail, v);
	return modseq;
}

/* What a session was not told of stays readable, for that session. */
static void test_floors_of_watchers(void **unused)
{
	struct mail_watch early = {.changed = on_change}, late = early;
	struct membership m;
	struct world w;

	(void)unused;
	begin(&w);
	for (int i = 0; i < 3; i++)
		add(&w, "a: 1\r\n\r\n", 0);
	early.account = late.account = ann.account;
	early.mailbox = late.mailbox = w.inbox.id;
	early.floor = modseq_now(&w);
	mail_watch_add(w.mail, &early);
	expunge_one(&w, 1);
	late.floor = modseq_now(&w);
	mail_watch_add(w.mail, &late);
	expunge_one(&w, 2);
	assert_ok(mail_purge(w.mail, false));
	assert_ok(view_find_expunged(w.mail, &w.inbox, 1, &m));
	early.floor = late.floor;
	assert_ok(mail_purge(w.mail, false));
	assert_int_equal(
		view_find_expunged(w.mail, &w.inbox, 1, &m), ERR_EXPUNGED);
	assert_ok(view_find_expunged(w.mail, &w.inbox, 2, &m));
	mail_watch_remove(w.mail, &early);
	mail_watch_remove(w.mail, &late);
	assert_ok(mail_purge(w.mail, false));
	assert_int_equal(
		view_find_expunged(w.mail, &w.inbox, 2, &m), ERR_EXPUNGED);
	end(&w);
}

/* A deleted mailbox stays readable for whoever has it open. */
static void test_deleted_while_open(void **unused)
{
	struct mail_watch watch = {.changed = on_change};
	struct buf bytes = BUF_UNBOUNDED;
	struct mailbox_ref ref;
	struct store_txn *txn;
	struct world w;
	struct view *v;
	uid_num uid;

	(void)unused;
	begin(&w);
	assert_ok(mailbox_create(w.mail, &ann, STR("m"), 0, 0, &ref));
	assert_ok(append(&w, "m", STR("a: 1\r\n\r\n"), 0, NULL, &uid));
	watch.account = ann.account;
	watch.mailbox = ref.id;
	mail_watch_add(w.mail, &watch);
	assert_ok(view_acquire(w.mail, &ref, &v));
	assert_ok(mailbox_delete(w.mail, &ann, STR("m")));
	assert_ok(mail_purge(w.mail, false));
	txn = store_begin_read(w.store);
	assert_ok(message_get_bytes(
		txn, ann.account, view_find(v, uid)->message, 0, 100, &bytes));
	assert_str(buf_str(&bytes), "a: 1\r\n\r\n");
	store_end_read(txn);
	mail_watch_remove(w.mail, &watch);
	assert_ok(mail_purge(w.mail, false));
	txn = store_begin_read(w.store);
	assert_int_equal(message_get_bytes(txn, ann.account,
				 view_find(v, uid)->message, 3, 100, &bytes),
		ERR_EXPUNGED);
	store_end_read(txn);
	view_release(w.mail, v);
	buf_fini(&bytes);
	end(&w);
}

static void test_names_and_uses(void **unused)
{
	static const struct {
		const char *name;
		uint32_t use;
		enum err expected;
		const char *why;
	} rows[] = {
		{"Sent", USE_SENT, OK, "the first"},
		{"Sent", 0, ERR_EXISTS, "the name is taken"},
		{"inbox", 0, ERR_INVALID, "not canonical"},
		{"INBOX", 0, ERR_EXISTS, "always there"},
		{"Post", USE_SENT, ERR_CONFLICT, "somebody has that use"},
		{"Post", USE_SENT | USE_TRASH, ERR_CONFLICT, "one of two"},
		{"Bin", USE_TRASH, OK, "a free use"},
		{"a/", 0, ERR_INVALID, "ends with a separator"},
		{"", 0, ERR_INVALID, "nothing"},
	};
	struct mailbox_ref ref;
	struct world w;

	(void)unused;
	begin(&w);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum err e = mailbox_create(w.mail, &ann, str_c(rows[i].name),
			rows[i].use, 0, &ref);

		if (e != rows[i].expected)
			print_error("%s: %s\n", rows[i].name, rows[i].why);
		assert_int_equal(e, rows[i].expected);
	}
	end(&w);
}

static uint64_t gets_of_view(struct world *w, struct view **view_r)
{
	struct store_stats before, after;

	store_stats(w->store, &before);
	assert_ok(view_acquire(w->mail, &w->inbox, view_r));
	store_stats(w->store, &after);
	return after.gets + after.scans - before.gets - before.scans;
}

/* As long as nobody writes to the account, a view is taken without asking the
 * store; each write is seen at once. */
/* What somebody else wrote is seen before he is told that it is done: POP3
 * counts messages in the store and then lists those of a view. */
static void test_view_while_somebody_writes(void **unused)
{
	struct world w, other;

	(void)unused;
	begin(&w);
	add(&w, "one", 0);
	assert_uids(&w, &w.inbox, "1");
	write_begins(w.mail, ann.account);
	/* Without this mail's knowledge, as if in the midst of that write. */
	other = w;
	other.mail = mail_new(w.store, NULL);
	add(&other, "two", 0);
	assert_uids(&w, &w.inbox, "1:2");
	add(&other, "three", 0);
	assert_uids(&w, &w.inbox, "1:3");
	write_ended(w.mail, ann.account);
	assert_uids(&w, &w.inbox, "1:3");
	mail_free(other.mail);
	end(&w);
}

static void test_view_of_what_nobody_wrote(void **unused)
{
	struct view *first, *v;
	struct mailbox_ref other;
	struct world w;

	(void)unused;
	begin(&w);
	add(&w, "a", 0);
	assert_true(gets_of_view(&w, &first) > 0);
	assert_int_equal(gets_of_view(&w, &v), 0);
	assert_ptr_equal(v, first);
	view_release(w.mail, v);
	/* To another mailbox: it is asked once whether this one changed. */
	assert_ok(mailbox_create(w.mail, &ann, STR("x"), 0, 0, &other));
	assert_true(gets_of_view(&w, &v) > 0);
	assert_ptr_equal(v, first);
	view_release(w.mail, v);
	assert_int_equal(gets_of_view(&w, &v), 0);
	view_release(w.mail, v);
	add(&w, "b", 0);
	assert_true(gets_of_view(&w, &v) > 0);
	assert_int_equal(uidset_count(&v->uids), 2);
	view_release(w.mail, v);
	view_release(w.mail, first);
	assert_ok(mailbox_rename(w.mail, &ann, STR("INBOX"), STR("y")));
	assert_true(gets_of_view(&w, &v) > 0);
	assert_int_equal(uidset_count(&v->uids), 0);
	view_release(w.mail, v);
	end(&w);
}

static void test_limit_of_mailboxes(void **unused)
{
	struct mail_limits limits = {
		.mailboxes = 4, .literal = 1000, .view_cache = 0, .history = 1};
	struct mailbox_ref ref;
	struct world w;

	(void)unused;
	begin(&w);
	mail_free(w.mail);
	w.mail = mail_new(w.store, &limits);
	assert_int_equal(
		mailbox_create(w.mail, &ann, STR("a/b/c/d"), 0, 0, &ref),
		ERR_LIMIT);
	/* All or nothing: no parents are left. */
	assert_int_equal(
		mailbox_open(w.mail, &ann, STR("a"), 0, &ref), ERR_NOTFOUND);
	assert_ok(mailbox_create(w.mail, &ann, STR("a/b"), 0, 0, &ref));
	assert_int_equal(mailbox_rename(w.mail, &ann, STR("INBOX"), STR("x/y")),
		ERR_LIMIT);
	assert_int_equal(mailbox_rename(w.mail, &ann, STR("a/b"), STR("x/y/z")),
		ERR_LIMIT);
	assert_ok(mailbox_rename(w.mail, &ann, STR("INBOX"), STR("y")));
	end(&w);
}

/* What a rename gives one mailbox may be what it takes from another. */
static void test_rename_to_a_place_above(void **unused)
{
	static const char *const orders[][2] = {
		{"a/z/zz", "a/z/z/zz"}, {"a/z/z/zz", "a/z/zz"}};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		struct mailbox_ref first, second, ref;
		struct world w;
		bool deep = i == 1;

		begin(&w);
		assert_ok(mailbox_create(
			w.mail, &ann, str_c(orders[i][0]), 0, 0, &first));
		assert_ok(mailbox_create(
			w.mail, &ann, str_c(orders[i][1]), 0, 0, &second));
		assert_ok(mailbox_delete(w.mail, &ann, STR("a")));
		assert_ok(mailbox_rename(w.mail, &ann, STR("a/z"), STR("a")));
		assert_ok(mailbox_open(w.mail, &ann, STR("a/zz"), 0, &ref));
		assert_int_equal(ref.id, deep ? second.id : first.id);
		assert_ok(mailbox_open(w.mail, &ann, STR("a/z/zz"), 0, &ref));
		assert_int_equal(ref.id, deep ? first.id : second.id);
		end(&w);
	}
}

/* An APPEND to INBOX of a session that has this mailbox selected. */
static void check_append_claims(
	struct world *w, mailbox_num selected, uid_num from, uid_num to)
{
	struct append_item item = {0};
	struct append_result result;

	item.upload = upload_new(w->mail, ann.account);
	assert_ok(upload_feed(item.upload, STR("b: 1\r\n\r\n")));
	assert_ok(append_and_claim(
		w->mail, &ann, STR("INBOX"), &item, 1, selected, &result));
	assert_int_equal(result.recent_from, from);
	assert_int_equal(result.recent_to, to);
	uidset_fini(&result.uids);
	upload_free(item.upload);
}

static void test_recent_is_claimed_once(void **unused)
{
	struct world w;
	uid_num from, to;

	(void)unused;
	begin(&w);
	add(&w, "a: 1\r\n\r\n", 0);
	add(&w, "a: 2\r\n\r\n", 0);
	assert_ok(message_claim_recent(w.mail, &w.inbox, &from, &to));
	assert_int_equal(from, 1);
	assert_int_equal(to, 2);
	assert_ok(message_claim_recent(w.mail, &w.inbox, &from, &to));
	assert_true(from > to);
	add(&w, "a: 3\r\n\r\n", 0);
	assert_ok(message_claim_recent(w.mail, &w.inbox, &from, &to));
	assert_int_equal(from, 3);
	assert_int_equal(to, 3);
	add(&w, "a: 4\r\n\r\n", 0);
	check_append_claims(&w, w.inbox.id + 1, 0, 0);
	check_append_claims(&w, w.inbox.id, 4, 6);
	check_append_claims(&w, w.inbox.id, 7, 7);
	assert_ok(message_claim_recent(w.mail, &w.inbox, &from, &to));
	assert_true(from > to);
	end(&w);
}

static uint64_t gets(struct world *w)
{
	struct store_stats stats;

	store_stats(w->store, &stats);
	return stats.gets;
}

static void expect_opened(struct world *w, str name, uint32_t messages,
	uid_num recent_from, bool read)
{
	struct mailbox_info info;
	struct mailbox_ref ref;
	uint64_t before = gets(w);

	assert_ok(mailbox_open_info(
		w->mail, &ann, name, RIGHT_READ, &ref, &info));
	assert_int_equal(gets(w) - before, read ? 2 : 0);
	assert_int_equal(info.messages, messages);
	assert_int_equal(info.recent_from, recent_from);
	assert_true(str_eq(info.name, name));
	assert_int_equal(ref.id, info.id);
	assert_int_equal(ref.account, ann.account);
}

/* A mailbox is looked up once, until somebody writes. */
static void test_opened_again(void **unused)
{
	const struct mail_user blind = {.account = 1, .rights = RIGHT_LOOKUP};
	struct mailbox_ref ref;
	struct world w;
	uid_num from, to;

	(void)unused;
	begin(&w);
	add(&w, "a: 1\r\n\r\n", 0);
	expect_opened(&w, STR("INBOX"), 1, 1, true);
	expect_opened(&w, STR("INBOX"), 1, 1, false);
	assert_int_equal(
		mailbox_open(w.mail, &blind, STR("INBOX"), RIGHT_READ, &ref),
		ERR_DENIED);
	add(&w, "a: 2\r\n\r\n", 0);
	expect_opened(&w, STR("INBOX"), 2, 1, true);
	assert_ok(message_claim_recent(w.mail, &w.inbox, &from, &to));
	expect_opened(&w, STR("INBOX"), 2, 3, true);
	assert_ok(mailbox_create(w.mail, &ann, STR("old"), 0, 0, &ref));
	expect_opened(&w, STR("old"), 0, 1, true);
	assert_ok(mailbox_rename(w.mail, &ann, STR("old"), STR("new")));
	assert_int_equal(
		mailbox_open(w.mail, &ann, STR("old"), RIGHT_READ, &ref),
		ERR_NOTFOUND);
	expect_opened(&w, STR("new"), 0, 1, true);
	assert_ok(mailbox_delete(w.mail, &ann, STR("new")));
	assert_int_equal(
		mailbox_open(w.mail, &ann, STR("new"), RIGHT_READ, &ref),
		ERR_NOTFOUND);
	end(&w);
}

/* UIDs that are brought along, and those that cannot be. */
static void test_uids_of_an_import(void **unused)
{
	struct upload *u;
	struct append_item item = {0};
	struct append_result result;
	struct mailbox_ref ref;
	struct world w;
	uid_num uid;

	(void)unused;
	begin(&w);
	assert_ok(mailbox_create(w.mail, &ann, STR("m"), 0, 7, &ref));
	assert_int_equal(ref.uidvalidity, 7);
	assert_ok(mailbox_set_uids(w.mail, &ref, 9, 100));
	assert_ok(mailbox_open(w.mail, &ann, STR("m"), 0, &ref));
	assert_int_equal(ref.uidvalidity, 9);
	for (uid_num wanted = 150; wanted >= 149; wanted--) {
		u = upload_new(w.mail, ann.account);
		assert_ok(upload_feed(u, STR("a: 1\r\n\r\n")));
		item = (struct append_item){.upload = u, .uid = wanted};
		assert_int_equal(append_commit(w.mail, &ann, STR("m"), &item, 1,
					 &result),
			wanted == 150 ? OK : ERR_LIMIT);
		uidset_fini(&result.uids);
		upload_free(u);
	}
	assert_int_equal(mailbox_set_uids(w.mail, &ref, 11, 1), ERR_INUSE);
	assert_ok(mailbox_set_uids(w.mail, &ref, 0, 50)); /* not lowered */
	assert_ok(append(&w, "m", STR("x"), 0, NULL, &uid));
	assert_int_equal(uid, 151);
	assert_ok(mailbox_set_uids(w.mail, &ref, 0, UINT32_MAX));
	assert_int_equal(append(&w, "m", STR("x"), 0, NULL, &uid), ERR_LIMIT);
	end(&w);
}

/* Bytes that two messages share stay until the second is gone. */
static void test_shared_bytes(void **unused)
{
	struct account_record account;
	struct membership m;
	struct world w;

	(void)unused;
	begin(&w);
	add(&w, "same: 1\r\n\r\n", 0);
	add(&w, "same: 1\r\n\r\n", 0);
	expunge_one(&w, 1);
	assert_ok(mail_purge(w.mail, false));
	assert_int_equal(
		view_find_expunged(w.mail, &w.inbox, 1, &m), ERR_EXPUNGED);
	assert_ok(mail_account_info(w.mail, ann.account, &account));
	assert_int_equal(account.bytes, 11);
	assert_int_equal(add(&w, "same: 1\r\n\r\n", 0), 3);
	expunge_one(&w, 2);
	expunge_one(&w, 3);
	assert_ok(mail_purge(w.mail, false));
	/* Stored anew. */
	assert_int_equal(add(&w, "same: 1\r\n\r\n", 0), 4);
	end(&w);
}

static size_t count_keys(struct world *w, const char *letters)
{
	struct store_txn *txn = store_begin_read(w->store);
	struct store_iter *it = store_scan(txn, STR("A"), STR("B"));
	size_t n = 0;
	str key, value;

	while (store_iter_next(it, &key, &value))
		n += strchr(letters, key.p[9]) != NULL;
	assert_ok(store_iter_end(it));
	store_end_read(txn);
	return n;
}

/* What vanished since, as a client is told that asks. */
static void assert_vanished(struct world *w, modseq_num since, const char *uids)
{
	struct uidset vanished = UIDSET_EMPTY;
	struct buf text = BUF_UNBOUNDED;
	struct view *v;

	assert_ok(view_acquire(w->mail, &w->inbox, &v));
	assert_ok(view_vanished_since(w->mail, v, since, &vanished));
	uidset_print(&vanished, &text);
	assert_str(buf_str(&text), uids);
	view_release(w->mail, v);
	uidset_fini(&vanished);
	buf_fini(&text);
}

static void remember_last(struct world *w, uint64_t entries)
{
	struct mail_limits limits = mail_limits_of(w->mail);

	limits.history_entries = entries;
	mail_set_limits(w->mail, &limits);
}

static void test_history_is_pruned(void **unused)
{
	int64_t day = 86400, now = clock_wall_s();
	struct world w;
	modseq_num before, between;
	struct view *v;
	size_t all;

	(void)unused;
	begin(&w);
	remember_last(&w, 0);
	for (int i = 0; i < 5; i++)
		add(&w, "a: 1\r\n\r\n", 0);
	assert_ok(view_acquire(w.mail, &w.inbox, &v));
	before = v->modseq;
	view_release(w.mail, v);
	expunge_one(&w, 2);
	assert_ok(view_acquire(w.mail, &w.inbox, &v));
	between = v->modseq;
	view_release(w.mail, v);
	expunge_one(&w, 4);
	all = count_keys(&w, "j");
	assert_int_equal(all, 9);
	assert_ok(mail_prune(w.mail, now + 60));
	assert_int_equal(count_keys(&w, "j"), all);
	/* Only expunges are left; the cached view is older. */
	assert_ok(mail_prune(w.mail, now + 4000));
	assert_int_equal(count_keys(&w, "j"), 2);
	assert_vanished(&w, before, "2,4");
	assert_vanished(&w, between, "4");
	assert_vanished(&w, UINT64_MAX, "");
	assert_uids(&w, &w.inbox, "1,3,5");
	assert_ok(store_one(&w, 1, FLAG_SEEN));
	assert_uids(&w, &w.inbox, "1,3,5");
	assert_ok(mail_prune(w.mail, now + 100 * day));
	assert_int_equal(count_keys(&w, "j"), 2);
	assert_ok(mail_prune(w.mail, now + 181 * day));
	assert_int_equal(count_keys(&w, "j"), 0);
	/* Forgotten: a larger answer that is correct too. */
	assert_vanished(&w, before, "2,4");
	add(&w, "b: 2\r\n\r\n", 0);
	expunge_one(&w, 6);
	assert_vanished(&w, between, "2,4,6");
	expunge_one(&w, 5);
	assert_vanished(&w, UINT64_MAX, "");
	add(&w, "c: 3\r\n\r\n", 0);
	assert_ok(mail_prune(w.mail, now + 181 * day));
	assert_uids(&w, &w.inbox, "1,3,7");
	end(&w);
}

/* However old, the last so many expunges are known; and before both bounds
 * every UID that is not there is told. */
static void test_history_keeps_the_last(void **unused)
{
	int64_t day = 86400, now = clock_wall_s();
	modseq_num at[6];
	struct world w;

	(void)unused;
	begin(&w);
	remember_last(&w, 2);
	for (int i = 0; i < 6; i++)
		add(&w, "a: 1\r\n\r\n", 0);
	for (uid_num uid = 1; uid <= 5; uid++) {
		at[uid] = modseq_now(&w);
		expunge_one(&w, uid);
	}
	/* Young: all of them, however many. */
	assert_ok(mail_prune(w.mail, now + 179 * day));
	assert_int_equal(count_keys(&w, "j"), 5);
	assert_vanished(&w, at[1], "1:5");
	assert_vanished(&w, at[2], "2:5");
	/* Old: the last two. What came before is "all that is not there". */
	assert_ok(mail_prune(w.mail, now + 181 * day));
	assert_int_equal(count_keys(&w, "j"), 2);
	assert_vanished(&w, at[2], "1:5");
	assert_vanished(&w, at[4], "4:5");
	assert_vanished(&w, at[5], "5");
	/* A bound that is lowered counts from the next round on. */
	remember_last(&w, 1);
	assert_vanished(&w, at[4], "4:5");
	assert_ok(mail_prune(w.mail, now + 181 * day));
	assert_vanished(&w, at[4], "1:5");
	assert_vanished(&w, at[5], "5");
	end(&w);
}

/* Steps of the janitor are bounded: of what is thinned out, and forgotten. */
static void test_history_in_many_steps(void **unused)
{
	int64_t day = 86400, now = clock_wall_s();
	struct world w;
	modseq_num begun;

	(void)unused;
	begin(&w);
	remember_last(&w, 7);
	begun = modseq_now(&w);
	for (uid_num uid = 1; uid <= 2100; uid++) {
		add(&w, "a: 1\r\n\r\n", 0);
		expunge_one(&w, uid);
	}
	assert_ok(mail_prune(w.mail, now + day));
	assert_int_equal(count_keys(&w, "j"), 2100);
	assert_vanished(&w, begun, "1:2100");
	assert_vanished(&w, modseq_now(&w) - 2 * 2, "2099:2100");
	assert_ok(mail_prune(w.mail, now + 181 * day));
	assert_int_equal(count_keys(&w, "j"), 7);
	assert_vanished(&w, modseq_now(&w) - 2 * 2, "2099:2100");
	assert_vanished(&w, begun, "1:2100");
	end(&w);
}

/* More than one step's worth of everything. */
static void test_account_is_removed(void **unused)
{
	struct mail_user bob = {.account = 2, .rights = RIGHT_ALL};
	struct mailbox_ref ref;
	struct world w;

	(void)unused;
	begin(&w);
	for (int i = 0; i < 700; i++)
		add(&w, i % 2 ? "x: odd\r\n\r\n" : "x: even\r\n\r\n", 0);
	assert_ok(mailbox_open(w.mail, &bob, STR("INBOX"), 0, &ref));
	assert_ok(mail_account_purge(w.mail, ann.account));
	assert_int_equal(mailbox_open(w.mail, &ann, STR("INBOX"), 0, &ref),
		ERR_NOTFOUND);
	assert_ok(mail_purge(w.mail, false));
	assert_int_equal(mailbox_open(w.mail, &ann, STR("INBOX"), 0, &ref),
		ERR_NOTFOUND);
	/* Bob's account, mailbox and its name. */
	assert_int_equal(count_keys(&w, "abcdhijlmnpsx"), 3);
	assert_ok(mailbox_open(w.mail, &bob, STR("INBOX"), 0, &ref));
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_and_read_back),
		cmocka_unit_test(test_view_while_somebody_writes),
		cmocka_unit_test(test_large_upload_streams_in_chunks),
		cmocka_unit_test(test_records_are_compressed),
		cmocka_unit_test(test_chunks_join_without_a_seam),
		cmocka_unit_test(test_flags_and_what_others_see),
		cmocka_unit_test(test_copy_move_expunge),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_rename_tree_and_inbox),
		cmocka_unit_test(test_a_name_never_has_a_uidvalidity_twice),
		cmocka_unit_test(test_quota_is_counted_with_the_mail),
		cmocka_unit_test(test_keywords_run_out_and_are_used_again),
		cmocka_unit_test(test_floors_of_watchers),
		cmocka_unit_test(test_deleted_while_open),
		cmocka_unit_test(test_names_and_uses),
		cmocka_unit_test(test_view_of_what_nobody_wrote),
		cmocka_unit_test(test_limit_of_mailboxes),
		cmocka_unit_test(test_rename_to_a_place_above),
		cmocka_unit_test(test_recent_is_claimed_once),
		cmocka_unit_test(test_opened_again),
		cmocka_unit_test(test_uids_of_an_import),
		cmocka_unit_test(test_shared_bytes),
		cmocka_unit_test(test_history_is_pruned),
		cmocka_unit_test(test_history_keeps_the_last),
		cmocka_unit_test(test_history_in_many_steps),
		cmocka_unit_test(test_account_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
