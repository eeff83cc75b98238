/* SPDX-License-Identifier: Apache-2.0 */
/* What tests/transcripts/sort.txt does not see. */
#include "search/sort.h"
#include "mail/fixture.h"
#include "mail/layout.h"

#define BUDGET (4 << 20)

static enum err sort_with(struct world *w, const struct sort_order *order,
	size_t memory, bool (*cancelled)(void *, uint32_t, uint32_t),
	struct buf *out)
{
	struct view *v;
	struct arena arena;
	uid_num *uids;
	enum err e;
	struct uidset unread = UIDSET_EMPTY;
	struct search_scope scope = {.mail = w->mail,
		.ref = &w->inbox,
		.unread = &unread,
		.cancelled = cancelled};

	assert_ok(view_acquire(w->mail, &w->inbox, &v));
	scope.view = v;
	scope.known = &v->uids;
	arena_init(&arena, memory);
	e = sort_run(&scope, &v->uids, order, &arena, &uids);
	for (uint32_t i = 0; !e && i < uidset_count(&v->uids); i++)
		buf_addf(out, i ? " %u" : "%u", uids[i]);
	arena_fini(&arena);
	uidset_fini(&unread);
	view_release(w->mail, v);
	return e;
}

static void assert_order(
	struct world *w, enum sort_key key, bool reverse, const char *expected)
{
	struct sort_order order = {.count = 0};
	struct buf out = BUF_UNBOUNDED;

	sort_order_add(&order, key, reverse);
	assert_ok(sort_with(w, &order, BUDGET, NULL, &out));
	if (expected)
		assert_str(buf_str(&out), expected);
	buf_fini(&out);
}

/* RFC 5255 section 4.6: "the final ordering is as follows: (4) (2) (3) (1)";
 * between (3) and (1), whose octets were not kept, what is left decides. */
static void test_undecoded_come_last(void **unused)
{
	static const char *const subjects[] = {
		"=?utf-8?q?=D0=C0=D0=BD=D0=B4=D1=80=D0=B5=D0=B9?=",
		"=?utf-8?q?=D1=81=D0=95=D0=A0=D0=93=D0=95=D0=99?=",
		"=?utf-8?q?=D0=92=D0=B0=D1=81=D0=B8=D0=BB=D0=B8=FF=B9?=",
		"=?koi8-r?q?=E1=CC=C5=CB=D3=C5=CA?=",
		"=?x-nobody-knows?q?aaa?=",
		"=?x-nobody-knows*en?b?YWFh?=",
		"=?utf-8?x?aaa?=",
		"=?=?",
		"",
	};
	struct world w;

	(void)unused;
	begin(&w);
	for (size_t i = 0; i < COUNT_OF(subjects); i++) {
		char text[200];

		snprintf(text, sizeof text, "Subject: %s\r\n\r\n", subjects[i]);
		add(&w, text, 0);
	}
	assert_order(&w, SORT_SUBJECT, false, "9 8 7 4 2 6 5 3 1");
	assert_order(&w, SORT_SUBJECT, true, "1 3 5 6 2 4 7 8 9");
	end(&w);
}

static void test_ties_keep_their_order(void **unused)
{
	struct world w;

	(void)unused;
	begin(&w);
	for (int i = 0; i < 12; i++)
		add(&w, i % 3 ? "Subject: Re: a\r\n\r\n" : "Subject: B\r\n\r\n",
			0);
	assert_order(&w, SORT_SUBJECT, false, "2 3 5 6 8 9 11 12 1 4 7 10");
	assert_order(&w, SORT_SUBJECT, true, "1 4 7 10 2 3 5 6 8 9 11 12");
	assert_order(&w, SORT_CC, true, "1 2 3 4 5 6 7 8 9 10 11 12");
	end(&w);
}

/* One record for each message, and none for what the view has. */
static void test_reads(void **unused)
{
	static const struct {
		enum sort_key key;
		unsigned reads;
	} rows[] = {
		{SORT_ARRIVAL, 0},
		{SORT_SIZE, 0},
		{SORT_DATE, 600},
		{SORT_SUBJECT, 600},
		{SORT_DISPLAYTO, 600},
	};
	struct world w;

	(void)unused;
	begin(&w);
	for (int i = 0; i < 600; i++) {
		char text[40];

		snprintf(text, sizeof text, "Subject: %d\r\n\r\n", i);
		add(&w, text, 0);
	}
	/* From now on the view is in memory. */
	assert_order(&w, SORT_FROM, true, NULL);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sort_order order = {.count = 0};
		struct store_stats before, after;
		struct buf out = BUF_UNBOUNDED;

		sort_order_add(&order, rows[i].key, false);
		sort_order_add(&order, SORT_ARRIVAL, false);
		store_stats(w.store, &before);
		assert_ok(sort_with(&w, &order, BUDGET, NULL, &out));
		store_stats(w.store, &after);
		/* And one for the view. */
		assert_in_range(after.gets + after.scanned - before.gets -
					before.scanned,
			rows[i].reads, rows[i].reads + 1);
		buf_fini(&out);
	}
	end(&w);
}

/* Some that come to others stand where sorting all of them has them. Reads what
 * comes, and for each a few others: halving 500. */
static void place(struct world *w, const struct sort_order *order,
	unsigned every, uint64_t most_reads)
{
	struct uidset present = UIDSET_EMPTY, coming = UIDSET_EMPTY;
	struct store_stats earlier, later;
	struct search_scope scope = {.mail = w->mail, .ref = &w->inbox};
	uint32_t *before, at = 0, n;
	uid_num *all, *sorted, *uids;
	struct arena arena;
	struct view *v;

	assert_ok(view_acquire(w->mail, &w->inbox, &v));
	scope.view = v;
	scope.known = &v->uids;
	arena_init(&arena, BUDGET);
	n = uidset_count(&v->uids);
	for (uid_num uid = 1; uid <= n; uid++)
		uidset_add(uid % every ? &present : &coming, uid);
	assert_ok(sort_run(&scope, &v->uids, order, &arena, &all));
	assert_ok(sort_run(&scope, &present, order, &arena, &sorted));
	store_stats(w->store, &earlier);
	assert_ok(sort_place(&scope, sorted, &present, &coming, order, &arena,
		&uids, &before));
	store_stats(w->store, &later);
	assert_in_range(later.gets - earlier.gets, 1, most_reads);
	for (uint32_t i = 0, k = 0; i < n; i++) {
		if (k < uidset_count(&coming) && before[k] == at)
			assert_int_equal(all[i], uids[k++]);
		else
			assert_int_equal(all[i], sorted[at++]);
	}
	assert_int_equal(at, uidset_count(&present));
	arena_fini(&arena);
	uidset_fini(&present);
	uidset_fini(&coming);
	view_release(w->mail, v);
}

static void test_place(void **unused)
{
	struct sort_order order = {.count = 0};
	struct world w;

	(void)unused;
	begin(&w);
	for (int i = 0; i < 500; i++) {
		char text[100];

		snprintf(text, sizeof text, "Subject: %d\r\n\r\n",
			i * 7919 % 101);
		add(&w, text, 0);
	}
	sort_order_add(&order, SORT_SUBJECT, true);
	place(&w, &order, 500, 1 + 9);
	place(&w, &order, 100, 5 + 5 * 9);
	place(&w, &order, 2, 500);
	place(&w, &order, 1, 500);
	sort_order_add(&order, SORT_FROM, false);
	place(&w, &order, 250, 2 + 2 * 9);
	end(&w);
}

static bool always(void *arg, uint32_t done, uint32_t of)
{
	(void)arg;
	(void)done;
	(void)of;
	return true;
}

static void test_limits(void **unused)
{
	struct sort_order order = {.count = 0};
	struct buf out = BUF_UNBOUNDED;
	struct world w;
	struct buf text = BUF_UNBOUNDED;

	(void)unused;
	begin(&w);
	/* U+FDFA is 33 bytes when it is folded. */
	buf_add_c(&text, "Subject: ");
	for (int i = 0; i < 300; i++)
		buf_add_c(&text, "\xef\xb7\xba");
	buf_add_c(&text, "\r\n\r\n");
	buf_add_byte(&text, '\0');
	for (int i = 0; i < 20; i++)
		add(&w, buf_str(&text).p, 0);
	sort_order_add(&order, SORT_SUBJECT, false);
	assert_ok(sort_with(&w, &order, 400000, NULL, &out));
	assert_int_equal(sort_with(&w, &order, 50000, NULL, &out), ERR_LIMIT);
	assert_int_equal(
		sort_with(&w, &order, BUDGET, always, &out), ERR_CLOSED);
	buf_fini(&text);
	buf_fini(&out);
	end(&w);
}

static enum err drop_digests(struct store_txn *txn, void *arg)
{
	struct buf prefix = BUF_UNBOUNDED;

	(void)arg;
	key_account_prefix(&prefix, 1, 'd');
	store_delete_prefix(txn, buf_str(&prefix));
	buf_fini(&prefix);
	return OK;
}

/* A message that went meanwhile, or is damaged, is still counted by the client.
 */
static void test_gone_sort_as_empty(void **unused)
{
	struct world w;

	(void)unused;
	begin(&w);
	add(&w, "Subject: b\r\n\r\n", 0);
	add(&w, "Subject: a\r\n\r\n", 0);
	assert_order(&w, SORT_SUBJECT, false, "2 1");
	assert_ok(store_write(w.store, STR("test"), drop_digests, NULL));
	assert_order(&w, SORT_SUBJECT, false, "1 2");
	/* Not end(): the store does not agree with itself any more. */
	mail_free(w.mail);
	store_close(w.store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_undecoded_come_last),
		cmocka_unit_test(test_ties_keep_their_order),
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_gone_sort_as_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
