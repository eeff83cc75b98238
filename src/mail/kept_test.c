/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/kept.h"
#include "base/clock.h"
#include "mail/fixture.h"

#include <pthread.h>

#define MANY 300 /* messages: three blocks */
static const str key = STR_LIT("key");

static void set_limit(struct world *w, size_t answers)
{
	struct mail_limits limits = mail_limits_of(w->mail);

	limits.answers = answers;
	mail_set_limits(w->mail, &limits);
}

static void fill(struct world *w, unsigned count)
{
	while (count--)
		add(w, "Subject: x\r\n\r\n", 0);
}

static void expunge(struct world *w, uid_num uid)
{
	struct uidset uids = UIDSET_EMPTY, removed = UIDSET_EMPTY;

	uidset_add(&uids, uid);
	assert_ok(message_remove(w->mail, &w->inbox, &uids, &removed));
	assert_true(uidset_has(&removed, uid));
	uidset_fini(&uids);
	uidset_fini(&removed);
}

/* Whoever looks next sees what changed. */
static void look(struct world *w)
{
	struct view *v;

	assert_ok(view_acquire(w->mail, &w->inbox, &v));
	view_release(w->mail, v);
}

static str text_of(uid_num uid, const char *what, char room[64])
{
	snprintf(room, 64, "%s of %u", what, (unsigned)uid);
	return str_c(room);
}

static void put_range(struct world *w, const struct mailbox_ref *ref, str k,
	uid_num from, uid_num to, const char *what)
{
	struct kept_walk walk;
	char room[64];

	kept_begin(&walk, w->mail, ref, k, true);
	for (uid_num uid = from; uid <= to; uid++)
		if (str_is_none(kept_get(&walk, uid)))
			kept_put(&walk, uid, text_of(uid, what, room));
	kept_end(&walk);
}

/* How many are there; each is what was put. */
static unsigned count_kept(struct world *w, const struct mailbox_ref *ref,
	str k, uid_num from, uid_num to, const char *what)
{
	struct kept_walk walk;
	unsigned n = 0;
	char room[64];

	kept_begin(&walk, w->mail, ref, k, false);
	for (uid_num uid = from; uid <= to; uid++) {
		str text = kept_get(&walk, uid);

		if (str_is_none(text))
			continue;
		assert_true(str_eq(text, text_of(uid, what, room)));
		n++;
	}
	kept_end(&walk);
	return n;
}

static void test_next_walk_finds_it(void **unused)
{
	struct mailbox_ref other, again;
	struct world w;

	(void)unused;
	begin(&w);
	fill(&w, MANY);
	look(&w);
	put_range(&w, &w.inbox, key, 1, MANY, "a");
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, MANY, "a"), MANY);
	/* In any order, and from anywhere on. */
	assert_int_equal(count_kept(&w, &w.inbox, key, 250, MANY, "a"), 51);
	assert_int_equal(count_kept(&w, &w.inbox, key, 7, 7, "a"), 1);
	/* Under this key, in this mailbox, and of these UIDs alone. */
	assert_int_equal(count_kept(&w, &w.inbox, STR("ke"), 1, MANY, "a"), 0);
	assert_int_equal(
		count_kept(&w, &w.inbox, STR("key2"), 1, MANY, "a"), 0);
	other = again = w.inbox;
	other.id++;
	again.uidvalidity++;
	assert_int_equal(count_kept(&w, &other, key, 1, MANY, "a"), 0);
	assert_int_equal(count_kept(&w, &again, key, 1, MANY, "a"), 0);
	other = w.inbox;
	other.account++;
	assert_int_equal(count_kept(&w, &other, key, 1, MANY, "a"), 0);
	end(&w);
}

/* What is missing is added to what is there. */
static void test_parts_come_together(void **unused)
{
	struct kept_walk walk;
	struct world w;
	char room[64];

	(void)unused;
	begin(&w);
	fill(&w, MANY);
	look(&w);
	put_range(&w, &w.inbox, key, 10, 20, "a");
	put_range(&w, &w.inbox, key, 15, 200, "a");
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, MANY, "a"), 191);
	/* One that has less does not take the place of one that has more. */
	kept_begin(&walk, w.mail, &w.inbox, key, true);
	assert_true(str_is_none(kept_get(&walk, 1)));
	kept_put(&walk, 1, text_of(1, "a", room));
	put_range(&w, &w.inbox, key, 1, 9, "a");
	kept_end(&walk);
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, MANY, "a"), 200);
	/* Pauses are not seen. */
	kept_begin(&walk, w.mail, &w.inbox, key, true);
	for (uid_num uid = 201; uid <= MANY; uid++) {
		assert_true(str_is_none(kept_get(&walk, uid)));
		kept_put(&walk, uid, text_of(uid, "a", room));
		if (uid % 7 == 0)
			kept_pause(&walk);
	}
	kept_end(&walk);
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, MANY, "a"), MANY);
	end(&w);
}

static void test_expunged_is_forgotten(void **unused)
{
	struct kept_walk walk;
	struct world w;
	char room[64];

	(void)unused;
	begin(&w);
	fill(&w, MANY);
	look(&w);
	put_range(&w, &w.inbox, key, 1, MANY, "a");
	expunge(&w, 130);
	look(&w);
	assert_int_equal(count_kept(&w, &w.inbox, key, 130, 130, "a"), 0);
	/* Other blocks stay. */
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, 127, "a"), 127);
	assert_int_equal(count_kept(&w, &w.inbox, key, 256, MANY, "a"), 45);
	/* Arrivals and flags change nothing. */
	put_range(&w, &w.inbox, key, 131, 255, "a");
	fill(&w, 1);
	look(&w);
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, MANY, "a"), MANY - 3);
	/* Expunged while somebody walks: nothing of that walk is kept. */
	kept_begin(&walk, w.mail, &w.inbox, key, true);
	look(&w);
	assert_true(str_is_none(kept_get(&walk, 128)));
	kept_put(&walk, 128, text_of(128, "a", room));
	expunge(&w, 128);
	look(&w);
	kept_end(&walk);
	assert_int_equal(count_kept(&w, &w.inbox, key, 128, 128, "a"), 0);
	/* All of them, and the mailbox. */
	expunge(&w, 1);
	expunge(&w, 299);
	look(&w);
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, MANY, "a"), 0);
	put_range(&w, &w.inbox, key, 2, 9, "a");
	kept_forget_mailbox(w.mail, w.inbox.account, w.inbox.id);
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, MANY, "a"), 0);
	assert_int_equal(kept_memory(w.mail), 0);
	end(&w);
}

/* The views of other mailboxes push this one's out; what is expunged then
 * nobody would tell. */
static void test_goes_with_the_view(void **unused)
{
	struct mail_limits limits;
	struct mailbox_ref other;
	struct view *v;
	struct world w;

	(void)unused;
	begin(&w);
	fill(&w, MANY);
	limits = mail_limits_of(w.mail);
	limits.view_cache = 1;
	mail_set_limits(w.mail, &limits);
	look(&w);
	put_range(&w, &w.inbox, key, 1, MANY, "a");
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, MANY, "a"), MANY);
	assert_ok(mailbox_create(w.mail, &ann, STR("x"), 0, 0, &other));
	assert_ok(view_acquire(w.mail, &other, &v));
	view_release(w.mail, v);
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, MANY, "a"), 0);
	end(&w);
}

static void test_memory_is_bounded(void **unused)
{
	const size_t most = 20000;
	struct uidset uids = UIDSET_EMPTY;
	struct buf out = BUF_UNBOUNDED;
	struct kept_walk walk;
	static char huge[20000];
	struct world w;

	(void)unused;
	begin(&w);
	fill(&w, MANY);
	look(&w);
	set_limit(&w, most);
	put_range(&w, &w.inbox, key, 1, MANY, "a");
	assert_in_range(kept_memory(w.mail), MANY * 8, most);
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, MANY, "a"), MANY);
	/* Far more than there is room for: the first ones stay. */
	put_range(&w, &w.inbox, key, 1, 100000, "a");
	assert_in_range(kept_memory(w.mail), most / 2, most);
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, MANY, "a"), MANY);
	assert_in_range(
		count_kept(&w, &w.inbox, key, 1, 100000, "a"), MANY, 2000);
	/* Of several, those go that nobody asked for longest. */
	put_range(&w, &w.inbox, STR("b"), 1, MANY, "b");
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, MANY, "a"), 0);
	put_range(&w, &w.inbox, STR("c"), 1, 5, "c");
	assert_int_equal(count_kept(&w, &w.inbox, STR("b"), 1, 1, "b"), 1);
	put_range(&w, &w.inbox, STR("d"), 1, 100000, "d");
	assert_int_equal(count_kept(&w, &w.inbox, STR("c"), 1, 5, "c"), 0);
	assert_in_range(kept_memory(w.mail), 1, most);
	/* What is too long is not kept. */
	kept_begin(&walk, w.mail, &w.inbox, STR("e"), true);
	kept_put(&walk, 1, str_of(huge, KEPT_TEXT_MAX + 1));
	kept_put(&walk, 2, str_of(huge, KEPT_TEXT_MAX));
	kept_end(&walk);
	kept_begin(&walk, w.mail, &w.inbox, STR("e"), true);
	assert_true(str_is_none(kept_get(&walk, 1)));
	assert_int_equal(kept_get(&walk, 2).n, KEPT_TEXT_MAX);
	kept_end(&walk);
	uidset_add(&uids, 1);
	keep_found(w.mail, &w.inbox, STR("f"), &uids,
		kept_forgotten(w.mail, &w.inbox), str_of(huge, most - 1));
	assert_false(kept_found(w.mail, &w.inbox, STR("f"), &uids, &out));
	assert_in_range(kept_memory(w.mail), 0, most);
	/* None at all. */
	set_limit(&w, 0);
	put_range(&w, &w.inbox, STR("g"), 1, MANY, "g");
	assert_int_equal(count_kept(&w, &w.inbox, STR("g"), 1, MANY, "g"), 0);
	uidset_fini(&uids);
	buf_fini(&out);
	end(&w);
}

static void test_time_passes(void **unused)
{
	uint64_t now;
	struct world w;

	(void)unused;
	begin(&w);
	fill(&w, 20);
	look(&w);
	put_range(&w, &w.inbox, key, 1, 20, "a");
	now = clock_monotonic_ms();
	kept_forget_before(w.mail, now > 60000 ? now - 60000 : 0);
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, 20, "a"), 20);
	kept_forget_before(w.mail, clock_monotonic_ms() + 1);
	assert_int_equal(count_kept(&w, &w.inbox, key, 1, 20, "a"), 0);
	assert_int_equal(kept_memory(w.mail), 0);
	end(&w);
}

static bool found_is(struct world *w, const struct uidset *uids, const char *is)
{
	struct buf out = BUF_UNBOUNDED;
	bool found = kept_found(w->mail, &w->inbox, key, uids, &out);

	if (found)
		assert_str(buf_str(&out), is);
	buf_fini(&out);
	return found;
}

static void test_findings(void **unused)
{
	struct uidset uids = UIDSET_EMPTY;
	struct world w;
	uint32_t forgotten;

	(void)unused;
	begin(&w);
	fill(&w, 20);
	look(&w);
	uidset_add_range(&uids, 1, 20);
	forgotten = kept_forgotten(w.mail, &w.inbox);
	keep_found(w.mail, &w.inbox, key, &uids, forgotten, STR("one"));
	assert_true(found_is(&w, &uids, "one"));
	keep_found(w.mail, &w.inbox, key, &uids, forgotten, STR("two"));
	assert_true(found_is(&w, &uids, "two"));
	/* Of just these messages. */
	uidset_remove(&uids, 20);
	assert_false(found_is(&w, &uids, ""));
	uidset_add_range(&uids, 20, 21);
	assert_false(found_is(&w, &uids, ""));
	uidset_remove(&uids, 21);
	assert_true(found_is(&w, &uids, "two"));
	/* Until one of them is gone; and what was found meanwhile is not
	 * kept. */
	expunge(&w, 3);
	look(&w);
	assert_false(found_is(&w, &uids, ""));
	keep_found(w.mail, &w.inbox, key, &uids, forgotten, STR("three"));
	assert_false(found_is(&w, &uids, ""));
	uidset_fini(&uids);
	end(&w);
}

/* Several at once, while messages are expunged: what is found is right. */
#define THREADS 4
#define ROUNDS 60

static void *walk_along(void *arg)
{
	struct world *w = arg;

	for (int i = 0; i < ROUNDS; i++) {
		uid_num from = 1 + (uid_num)i % 50;

		put_range(w, &w->inbox, key, from, MANY, "a");
		if (count_kept(w, &w->inbox, key, 1, MANY, "a") > MANY)
			return arg;
	}
	return NULL;
}

static void test_many_at_once(void **unused)
{
	pthread_t threads[THREADS];
	struct world w;

	(void)unused;
	begin(&w);
	fill(&w, MANY);
	look(&w);
	set_limit(&w, 30000);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, walk_along, &w), 0);
	for (uid_num uid = MANY; uid > MANY - 30; uid--) {
		expunge(&w, uid);
		look(&w);
	}
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_in_range(kept_memory(w.mail), 0, 30000);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_walk_finds_it),
		cmocka_unit_test(test_parts_come_together),
		cmocka_unit_test(test_expunged_is_forgotten),
		cmocka_unit_test(test_goes_with_the_view),
		cmocka_unit_test(test_memory_is_bounded),
		cmocka_unit_test(test_time_passes),
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
