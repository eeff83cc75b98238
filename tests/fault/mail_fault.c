/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes mail, with a store that fails at its n-th call, for every n and
 * each kind of error. Whatever happens: an operation that failed left the mail
 * as it was, or did all of it; one that succeeded did all of it, also after a
 * power cut; `verify` has nothing to say; and done again without faults it
 * succeeds.
 */
#include "dump.h"
#include "mail/fixture.h"
#include "base/clock.h"
#include "mail/annotation.h"
#include "mail/deliver.h"
#include "store/fault.h"

#include <stdlib.h>

#define LARGE (2 * CHUNK_SIZE + 1000)

struct place {
	struct store_fault fault;
	struct world w;
	bool purged; /* the operation may be one of many steps */
};

static str text_of(struct buf *b, unsigned number, size_t size)
{
	buf_reset(b);
	buf_addf(b, "Subject: message %u\r\n\r\n", number);
	while (b->n < size)
		buf_addf(b, "line at %zu of %u\r\n", b->n, number);
	return buf_str(b);
}

static enum err append_text(struct place *p, const char *mailbox,
	unsigned number, size_t size, uint64_t flags, const char *keyword)
{
	struct buf text = BUF_UNBOUNDED;
	uid_num uid;
	enum err e = append(&p->w, mailbox, text_of(&text, number, size), flags,
		keyword, &uid);

	buf_fini(&text);
	return e;
}

/* A mailbox of everything: flags, keywords, copies, gaps, large and small. */
static void populate(struct place *p)
{
	struct mailbox_ref ref;
	struct uidset uids = UIDSET_EMPTY, gone = UIDSET_EMPTY;
	const struct annotation annotation = {
		STR_LIT("/private/a"), STR_LIT("before")};
	struct copy_result copied;
	modseq_num modseq;

	for (unsigned i = 1; i <= 6; i++)
		assert_ok(append_text(p, "INBOX", i, 30,
			i == 2 || i == 3 ? FLAG_DELETED : 0,
			i % 2 ? "odd" : NULL));
	assert_ok(append_text(p, "INBOX", 7, LARGE, FLAG_SEEN, "large"));
	assert_ok(mailbox_create(p->w.mail, &ann, STR("a/b/c"), 0, 0, &ref));
	assert_ok(
		mailbox_create(p->w.mail, &ann, STR("box"), USE_SENT, 0, &ref));
	assert_ok(append_text(p, "box", 8, 30, 0, "other"));
	uidset_add(&uids, 3);
	assert_ok(
		message_expunge(p->w.mail, &p->w.inbox, &uids, &gone, &modseq));
	uidset_add_range(&uids, 4, 5);
	assert_ok(message_copy(p->w.mail, &ann, &p->w.inbox, &uids, STR("a"),
		COPY_PLAIN, &copied));
	copy_result_fini(&copied);
	assert_ok(annotation_set(p->w.mail, &p->w.inbox, &annotation, 1));
	uidset_fini(&uids);
	uidset_fini(&gone);
}

static void place_begin(struct place *p)
{
	*p = (struct place){0};
	p->w.store = store_open_fault(store_open_memory(), &p->fault);
	p->w.mail = mail_new(p->w.store, NULL);
	assert_ok(mailbox_open(
		p->w.mail, &ann, STR("INBOX"), RIGHT_READ, &p->w.inbox));
	populate(p);
}

static void place_end(struct place *p)
{
	mail_free(p->w.mail);
	store_close(p->w.store);
}

static void dump(struct place *p, struct buf *out)
{
	fault_arm(&p->fault, 0, 0, OK);
	dump_account(p->w.mail, p->w.store, ann.account, out);
}

static void check_verified(struct place *p)
{
	fault_arm(&p->fault, 0, 0, OK);
	check_mail(p->w.mail);
}

/* The operations. */

static enum err append_small(struct place *p)
{
	return append_text(p, "INBOX", 20, 50, FLAG_FLAGGED, "new");
}

static enum err append_large(struct place *p)
{
	return append_text(p, "a/b", 21, LARGE, 0, "large");
}

static enum err append_known(struct place *p)
{
	return append_text(p, "box", 7, LARGE, 0, NULL);
}

/* As an import does it: many at once, with UIDs of their own. */
static enum err append_batch(struct place *p)
{
	enum { N = 5 };
	struct append_item items[N];
	struct append_result result = {0};
	struct buf text = BUF_UNBOUNDED;
	str keyword = STR("imported");
	enum err e = OK;

	for (unsigned i = 0; i < N; i++) {
		items[i] = (struct append_item){
			.upload = upload_new(p->w.mail, ann.account),
			.keywords = &keyword,
			.keyword_count = 1,
			.uid = 100 + i * 70,
		};
		if (upload_feed(items[i].upload,
			    text_of(&text, 30 + i, i == 3 ? LARGE : 40)))
			continue; /* it sticks */
	}
	e = append_commit(p->w.mail, &ann, STR("box"), items, N, &result);
	for (unsigned i = 0; i < N; i++)
		upload_free(items[i].upload);
	uidset_fini(&result.uids);
	buf_fini(&text);
	return e;
}

/* For Ann and somebody else, of whom it is enough that verify is content; into
 * two mailboxes, and not twice within a minute. What came of Ann's. */
static enum err deliver_text(struct place *p, unsigned number, size_t size)
{
	struct delivery_options options = {.duplicates_ms = 60000, .now = 1};
	struct delivery *d = delivery_new(p->w.mail, &options);
	struct buf text = BUF_UNBOUNDED;
	size_t ann_copy = 0, other_copy;
	enum err e = delivery_add(d, 2, STR("To: bob\r\n"), &other_copy);

	if (!e)
		delivery_into(d, other_copy, STR("none"));
	e = delivery_add(d, ann.account, STR("Message-ID: <1>\r\n"), &ann_copy);
	if (!e) {
		delivery_into(d, ann_copy, STR("box"));
		delivery_into(d, ann_copy, STR("none"));
		e = delivery_feed(d, text_of(&text, number, size));
	}
	if (!e) {
		delivery_commit(d);
		e = delivery_result(d, ann_copy);
	}
	delivery_free(d);
	buf_fini(&text);
	return e;
}

static enum err deliver(struct place *p)
{
	return deliver_text(p, 40, 50);
}

static enum err deliver_large(struct place *p)
{
	return deliver_text(p, 41, LARGE);
}

static enum err replace_in(
	struct place *p, const char *mailbox, unsigned number, size_t size)
{
	struct append_item item = {.system_flags = FLAG_DRAFT};
	struct append_result result = {0};
	struct buf text = BUF_UNBOUNDED;
	enum err e;

	item.upload = upload_new(p->w.mail, ann.account);
	e = upload_feed(item.upload, text_of(&text, number, size));
	if (!e)
		e = append_replace(p->w.mail, &ann, &p->w.inbox, 4,
			str_c(mailbox), &item, &result);
	upload_free(item.upload);
	uidset_fini(&result.uids);
	buf_fini(&text);
	return e;
}

static enum err replace_here(struct place *p)
{
	return replace_in(p, "INBOX", 50, 50);
}

static enum err replace_there(struct place *p)
{
	return replace_in(p, "box", 51, LARGE);
}

static enum err annotate(struct place *p)
{
	static const struct annotation items[] = {
		{STR_LIT("/private/a"), STR_LIT("a")},
		{STR_LIT("/shared/b"), STR_LIT("b")}};

	return annotation_set(p->w.mail, &p->w.inbox, items, 2);
}

static enum err store_flags(struct place *p)
{
	str keywords[] = {STR_LIT("work"), STR_LIT("odd")};
	struct flag_change change = {FLAGS_ADD, FLAG_SEEN, keywords, 2};
	struct uidset uids = UIDSET_EMPTY;
	struct store_result result;
	enum err e;

	uidset_add_range(&uids, 1, 9);
	e = message_store_flags(
		p->w.mail, &p->w.inbox, &uids, &change, 0, UINT64_MAX, &result);
	store_result_fini(&result);
	uidset_fini(&uids);
	return e;
}

static enum err copy_to(struct place *p, const char *to, enum copy_how how)
{
	struct uidset uids = UIDSET_EMPTY;
	struct copy_result result;
	enum err e;

	uidset_add_range(&uids, 4, 7);
	e = message_copy(
		p->w.mail, &ann, &p->w.inbox, &uids, str_c(to), how, &result);
	copy_result_fini(&result);
	uidset_fini(&uids);
	return e;
}

static enum err copy(struct place *p)
{
	return copy_to(p, "box", COPY_PLAIN);
}

static enum err copy_here(struct place *p)
{
	return copy_to(p, "INBOX", COPY_PLAIN);
}

static enum err move(struct place *p)
{
	return copy_to(p, "box", COPY_MOVE);
}

static enum err move_here(struct place *p)
{
	return copy_to(p, "INBOX", COPY_MOVE);
}

static enum err expunge(struct place *p)
{
	struct uidset gone = UIDSET_EMPTY;
	modseq_num modseq;
	enum err e =
		message_expunge(p->w.mail, &p->w.inbox, NULL, &gone, &modseq);

	uidset_fini(&gone);
	return e;
}

static enum err create(struct place *p)
{
	struct mailbox_ref ref;

	return mailbox_create(
		p->w.mail, &ann, STR("new/er/est"), USE_JUNK, 0, &ref);
}

static enum err delete (struct place *p) {
	return mailbox_delete(p->w.mail, &ann, STR("a"));
}

static enum err rename_tree(struct place *p)
{
	return mailbox_rename(p->w.mail, &ann, STR("a"), STR("x/y"));
}

static enum err rename_inbox(struct place *p)
{
	return mailbox_rename(p->w.mail, &ann, STR("INBOX"), STR("old/in"));
}

static enum err subscribe(struct place *p)
{
	return mailbox_subscribe(p->w.mail, &ann, STR("none"), true);
}

static enum err set_quota(struct place *p)
{
	return mail_account_set_quota(p->w.mail, ann.account, 1 << 30);
}

static enum err set_uids(struct place *p)
{
	struct mailbox_ref ref;
	enum err e =
		mailbox_open(p->w.mail, &ann, STR("a/b"), RIGHT_INSERT, &ref);

	return e ? e : mailbox_set_uids(p->w.mail, &ref, 77, 1000);
}

static enum err claim_recent(struct place *p)
{
	uid_num from, to;

	return message_claim_recent(p->w.mail, &p->w.inbox, &from, &to);
}

static enum err purge(struct place *p)
{
	return mail_purge(p->w.mail, true);
}

static enum err prune(struct place *p)
{
	struct mail_limits limits = mail_limits_of(p->w.mail);

	limits.history_entries = 0;
	mail_set_limits(p->w.mail, &limits);
	return mail_prune(p->w.mail, clock_wall_s() + 400 * 86400);
}

static const struct operation {
	const char *name;
	enum err (*fn)(struct place *);
	/* Its OK is not said to be durable (message.h, mail.h). */
	bool lazy;
} operations[] = {
	{"append small", append_small, false},
	{"append large", append_large, false},
	{"append known", append_known, false},
	{"append batch", append_batch, false},
	{"deliver", deliver, false},
	{"deliver large", deliver_large, false},
	{"replace here", replace_here, false},
	{"replace there", replace_there, false},
	{"annotate", annotate, false},
	{"store flags", store_flags, false},
	{"copy", copy, false},
	{"copy here", copy_here, false},
	{"move", move, false},
	{"move here", move_here, false},
	{"expunge", expunge, false},
	{"create", create, false},
	{"delete", delete, false},
	{"rename tree", rename_tree, false},
	{"rename inbox", rename_inbox, false},
	{"subscribe", subscribe, false},
	{"set quota", set_quota, false},
	{"set uids", set_uids, false},
	{"claim recent", claim_recent, true},
	{"purge", purge, true},
	{"prune", prune, true},
};

/* One run with the n-th call failing; true when there was an n-th call. */
static bool run(const struct operation *op, unsigned on, uint64_t n,
	enum err error, const struct buf *expected)
{
	struct place p;
	struct buf before = BUF_UNBOUNDED, after = BUF_UNBOUNDED;
	bool fired;
	enum err e;

	place_begin(&p);
	dump(&p, &before);
	fault_arm(&p.fault, on, n, error);
	e = op->fn(&p);
	fired = fault_fired(&p.fault);
	dump(&p, &after);
	assert_str(buf_str(&after), e ? before.p : expected->p);
	check_verified(&p);
	if (!e && !op->lazy) {
		fault_crash(p.w.store);
		mail_free(p.w.mail);
		p.w.mail = mail_new(p.w.store, NULL);
		dump(&p, &after);
		assert_str(buf_str(&after), expected->p);
		check_verified(&p);
	} else if (e) {
		/* The caches must not remember what did not happen. */
		assert_ok(op->fn(&p));
		dump(&p, &after);
		assert_str(buf_str(&after), expected->p);
	}
	assert_ok(mail_purge(p.w.mail, true));
	check_verified(&p);
	dump(&p, &after);
	assert_str(buf_str(&after), expected->p);
	place_end(&p);
	buf_fini(&before);
	buf_fini(&after);
	return fired;
}

static void expect_of(
	const struct operation *op, bool conflicts, struct buf *expected)
{
	struct place p;

	place_begin(&p);
	p.fault.conflicts = conflicts;
	assert_ok(op->fn(&p));
	p.fault.conflicts = false;
	dump(&p, expected);
	check_verified(&p);
	place_end(&p);
}

static void try_operation(const struct operation *op)
{
	static const struct {
		unsigned on;
		enum err err;
	} faults[] = {
		{FAULT_ANY, ERR_IO},
		{FAULT_COMMIT, ERR_NOSPACE},
		{FAULT_GET | FAULT_SCAN, ERR_CORRUPT},
	};
	struct buf expected = BUF_UNBOUNDED, again = BUF_UNBOUNDED;

	expect_of(op, false, &expected);
	expect_of(op, true, &again);
	assert_str(buf_str(&again), expected.p);
	for (size_t i = 0; i < COUNT_OF(faults); i++)
		for (uint64_t n = 1;
			run(op, faults[i].on, n, faults[i].err, &expected); n++)
			;
	buf_fini(&expected);
	buf_fini(&again);
}

static void test_operation(void **state)
{
	try_operation(*state);
}

/* From this key on there is nothing but the note that the account was removed,
 * which stays for a day. */
static void assert_only_note(struct place *p, str from, account_num removed)
{
	struct store_txn *txn = store_begin_read(p->w.store);
	struct store_iter *it = store_scan(txn, from, str_none());
	account_num account;
	uint64_t number;
	char kind;
	str key, value;

	assert_true(store_iter_next(it, &key, &value));
	assert_ok(key_pending_read(key, &account, &kind, &number));
	assert_int_equal(kind, 'a');
	assert_int_equal(account, removed);
	assert_int_equal(value.n, 8);
	assert_false(store_iter_next(it, &key, &value));
	assert_ok(store_iter_end(it));
	store_end_read(txn);
}

/* A purge that failed anywhere is finished by the next one. */
static void test_nothing_is_left_at_last(void **unused)
{
	uint64_t n = 1;
	bool fired = true;

	(void)unused;
	for (; fired; n++) {
		struct mailbox_ref ref = {
			.account = ann.account, .rights = RIGHT_ALL};
		struct place p;

		place_begin(&p);
		assert_ok(rename_inbox(&p));
		assert_ok(delete (&p));
		assert_ok(mailbox_delete(p.w.mail, &ann, STR("old/in")));
		assert_ok(mail_account_purge(p.w.mail, 99));
		fault_arm(&p.fault, FAULT_ANY, n, ERR_IO);
		if (mail_purge(p.w.mail, true) == OK)
			assert_false(fault_fired(&p.fault));
		fired = fault_fired(&p.fault);
		check_verified(&p);
		assert_ok(mail_purge(p.w.mail, true));
		check_verified(&p);
		assert_only_note(&p, STR("P"), 99);
		assert_ok(mailbox_open(
			p.w.mail, &ann, STR("box"), RIGHT_READ, &ref));
		place_end(&p);
	}
}

/* An account is removed, whatever fails on the way. */
static void test_account_is_purged(void **unused)
{
	bool fired = true;

	(void)unused;
	for (uint64_t n = 1; fired; n++) {
		struct account_record record;
		struct mailbox_ref ref;
		struct place p;

		place_begin(&p);
		assert_ok(mail_account_purge(p.w.mail, ann.account));
		assert_int_equal(
			mailbox_open(p.w.mail, &ann, STR("INBOX"), 0, &ref),
			ERR_NOTFOUND);
		assert_int_equal(
			mail_account_info(p.w.mail, ann.account, &record),
			ERR_NOTFOUND);
		fault_arm(&p.fault, FAULT_ANY, n, ERR_IO);
		if (mail_purge(p.w.mail, false) == OK)
			assert_false(fault_fired(&p.fault));
		fired = fault_fired(&p.fault);
		check_verified(&p);
		assert_ok(mail_purge(p.w.mail, false));
		assert_only_note(&p, STR("A"), ann.account);
		place_end(&p);
	}
}

/* The number that an upload could not have is another one's; when the first is
 * forgotten, the other keeps its bytes. */
static void test_number_of_a_failed_upload(void **unused)
{
	struct buf text = BUF_UNBOUNDED;
	struct append_result result = {0};
	struct append_item item = {0};
	struct upload *failed, *other;
	struct place p;

	(void)unused;
	place_begin(&p);
	failed = upload_new(p.w.mail, ann.account);
	fault_arm(&p.fault, FAULT_COMMIT, 1, ERR_IO);
	assert_int_equal(
		upload_feed(failed, text_of(&text, 50, LARGE)), ERR_IO);
	assert_true(fault_fired(&p.fault));
	other = upload_new(p.w.mail, ann.account);
	assert_ok(upload_feed(other, text_of(&text, 51, LARGE)));
	item.upload = other;
	assert_ok(
		append_commit(p.w.mail, &ann, STR("INBOX"), &item, 1, &result));
	upload_free(failed);
	upload_free(other);
	check_verified(&p);
	uidset_fini(&result.uids);
	buf_fini(&text);
	place_end(&p);
}

int main(void)
{
	struct CMUnitTest tests[COUNT_OF(operations) + 3] = {
		cmocka_unit_test(test_number_of_a_failed_upload),
		cmocka_unit_test(test_nothing_is_left_at_last),
		cmocka_unit_test(test_account_is_purged),
	};

	for (size_t i = 0; i < COUNT_OF(operations); i++)
		tests[i + 3] = (struct CMUnitTest){
			.name = operations[i].name,
			.test_func = test_operation,
			.initial_state = (void *)&operations[i],
		};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
