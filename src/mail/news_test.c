/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/annotation.h"
#include "mail/fixture.h"
#include "mail/news.h"

#include <pthread.h>
#include <stdlib.h>

#define ALL_KINDS 0x7fu

struct listener {
	struct news_watch watch; /* first */
	unsigned called;
};

static void on_change(struct news_watch *watch)
{
	((struct listener *)(void *)watch)->called++;
}

static void listen_to(struct world *w, struct listener *l, account_num account,
	unsigned kinds)
{
	*l = (struct listener){.watch = {.account = account,
				       .kinds = kinds,
				       .changed = on_change}};
	news_watch_add(w->mail, &l->watch);
}

static void put_boxes(struct buf *out, char kind, const struct uidset *boxes)
{
	if (uidset_is_empty(boxes))
		return;
	buf_addf(out, "%c", kind);
	uidset_print(boxes, out);
	buf_add_byte(out, ' ');
}

/* What it heard, in short: added, expunged, flags, then names. */
static void assert_heard(
	struct world *w, struct listener *l, const char *expected)
{
	struct buf out = BUF_UNBOUNDED;
	struct news news;
	struct news_name *name;

	news_init(&news);
	news_take(w->mail, &l->watch, &news);
	assert_int_equal(news_is_empty(&news), *expected == '\0');
	put_boxes(&out, '+', &news.added);
	put_boxes(&out, '-', &news.expunged);
	put_boxes(&out, '*', &news.flags);
	while ((name = news_next_name(&news))) {
		buf_addf(&out, "%u:%.*s", (unsigned)name->kind,
			STR_ARG(name->name));
		if (name->old.p)
			buf_addf(&out, "<%.*s", STR_ARG(name->old));
		if (name->mailbox)
			buf_addf(&out, "@%u", name->mailbox);
		buf_add_byte(&out, ' ');
		free(name);
	}
	assert_false(news.lost);
	assert_str(buf_str(&out), expected);
	news_fini(&news);
	buf_fini(&out);
}

static void test_each_change_is_heard(void **unused)
{
	struct world w;
	struct listener l;
	struct mailbox_ref ref, account;
	struct uidset one = UIDSET_EMPTY, out = UIDSET_EMPTY;
	struct flag_change change = {.op = FLAGS_ADD, .system = FLAG_DELETED};
	struct annotation note = {STR("/private/comment"), STR("x")};
	struct store_result result;
	struct copy_result copied;
	modseq_num modseq;

	(void)unused;
	begin(&w);
	listen_to(&w, &l, ann.account, ALL_KINDS);
	assert_heard(&w, &l, "");
	assert_ok(mailbox_create(w.mail, &ann, STR("a/b/c"), 0, 0, &ref));
	assert_heard(&w, &l, "*4 8:a 8:a/b 8:a/b/c ");
	assert_ok(mailbox_create(w.mail, &ann, STR("a/d"), 0, 0, &ref));
	assert_heard(&w, &l, "*5 8:a/d ");
	add(&w, "a: 1\r\n\r\n", 0);
	add(&w, "a: 2\r\n\r\n", 0);
	assert_heard(&w, &l, "+1 ");
	uidset_add(&one, 1);
	assert_ok(message_store_flags(w.mail, &w.inbox, &one, &change,
		UINT64_MAX, UINT64_MAX, &result));
	store_result_fini(&result);
	assert_heard(&w, &l, "*1 ");
	assert_ok(message_copy(
		w.mail, &ann, &w.inbox, &one, STR("a/d"), COPY_PLAIN, &copied));
	assert_int_equal(copied.mailbox, 5);
	copy_result_fini(&copied);
	assert_ok(message_copy(
		w.mail, &ann, &w.inbox, &one, STR("a/b"), COPY_MOVE, &copied));
	copy_result_fini(&copied);
	assert_heard(&w, &l, "+3,5 -1 ");
	assert_ok(message_expunge(w.mail, &ref, NULL, &out, &modseq));
	assert_heard(&w, &l, "-5 ");
	assert_ok(mailbox_subscribe(w.mail, &ann, STR("any"), true));
	assert_ok(mailbox_subscribe(w.mail, &ann, STR("any"), false));
	assert_heard(&w, &l, "16:any 16:any ");
	assert_ok(mailbox_rename(w.mail, &ann, STR("a/d"), STR("x/y")));
	assert_heard(&w, &l, "8:x 8:x/y<a/d ");
	assert_ok(mailbox_rename(w.mail, &ann, STR("INBOX"), STR("old")));
	assert_heard(&w, &l, "+7 -1 8:old<INBOX ");
	assert_ok(mailbox_set_uids(w.mail, &ref, 0, 100));
	assert_heard(&w, &l, "*5 ");
	assert_ok(annotation_set(w.mail, &ref, &note, 1));
	account = annotation_account(&ann);
	assert_ok(annotation_set(w.mail, &account, &note, 1));
	assert_heard(&w, &l, "32:/private/comment@5 64:/private/comment ");
	assert_ok(mailbox_delete(w.mail, &ann, STR("x/y")));
	assert_heard(&w, &l, "-5 8:x/y ");
	/* What failed is no news. */
	assert_int_equal(
		mailbox_delete(w.mail, &ann, STR("x/y")), ERR_NOTFOUND);
	assert_heard(&w, &l, "");
	news_watch_remove(w.mail, &l.watch);
	uidset_fini(&one);
	uidset_fini(&out);
	end(&w);
}

static void test_who_hears(void **unused)
{
	struct mail_user me = ann;
	struct listener self, names, bob;
	struct mailbox_ref ref;
	struct world w;

	(void)unused;
	begin(&w);
	listen_to(&w, &self, ann.account, ALL_KINDS);
	listen_to(&w, &names, ann.account, NEWS_NAME);
	listen_to(&w, &bob, 2, ALL_KINDS);
	me.by = &self.watch;
	assert_ok(mailbox_create(w.mail, &me, STR("a"), 0, 0, &ref));
	assert_ok(mailbox_subscribe(w.mail, &me, STR("a"), true));
	assert_ptr_equal(ref.by, &self.watch);
	assert_int_equal(self.called, 0);
	assert_heard(&w, &self, "");
	assert_int_equal(names.called, 1);
	assert_heard(&w, &names, "8:a ");
	add(&w, "a: 1\r\n\r\n", 0);
	assert_int_equal(self.called, 1);
	assert_int_equal(names.called, 1);
	assert_int_equal(bob.called, 0);
	news_watch_remove(w.mail, &names.watch);
	news_watch_remove(w.mail, &self.watch);
	news_watch_remove(w.mail, &bob.watch);
	end(&w);
}

/* However many changes, however slow. */
static void test_what_is_kept_is_bounded(void **unused)
{
	struct listener l;
	struct world w;
	struct news news;

	(void)unused;
	begin(&w);
	listen_to(&w, &l, ann.account, ALL_KINDS);
	for (int i = 0; i < NEWS_NAMES_MAX; i++)
		assert_ok(mailbox_subscribe(w.mail, &ann, STR("a"), i % 2));
	assert_false(l.watch.news.lost);
	assert_int_equal(l.watch.news.name_count, NEWS_NAMES_MAX);
	assert_ok(mailbox_subscribe(w.mail, &ann, STR("a"), true));
	assert_ok(mailbox_subscribe(w.mail, &ann, STR("a"), true));
	assert_true(l.watch.news.lost);
	assert_null(l.watch.news.names);
	for (int i = 0; i < 10; i++)
		add(&w, "a: 1\r\n\r\n", 0);
	news_init(&news);
	news_take(w.mail, &l.watch, &news);
	assert_true(news.lost);
	assert_int_equal(uidset_count(&news.added), 1);
	news_fini(&news);
	assert_heard(&w, &l, "");
	news_watch_remove(w.mail, &l.watch);
	end(&w);
}

struct writer {
	struct world *w;
	const char *name;
	pthread_t thread;
};

static void *write_some(void *arg)
{
	struct writer *writer = arg;

	for (int i = 0; i < 50; i++) {
		assert_ok(mailbox_subscribe(
			writer->w->mail, &ann, str_c(writer->name), i % 2));
		add(writer->w, "a: 1\r\n\r\n", 0);
	}
	return NULL;
}

/* Watches come, take and go while others write. */
static void test_at_once(void **unused)
{
	struct writer writers[] = {{.name = "a"}, {.name = "b"}};
	struct listener l;
	struct news news;
	struct world w;

	(void)unused;
	begin(&w);
	for (size_t i = 0; i < 2; i++) {
		writers[i].w = &w;
		assert_int_equal(pthread_create(&writers[i].thread, NULL,
					 write_some, &writers[i]),
			0);
	}
	news_init(&news);
	for (int i = 0; i < 100; i++) {
		listen_to(&w, &l, ann.account, ALL_KINDS);
		news_take(w.mail, &l.watch, &news);
		news_watch_remove(w.mail, &l.watch);
	}
	news_fini(&news);
	for (size_t i = 0; i < 2; i++)
		pthread_join(writers[i].thread, NULL);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_change_is_heard),
		cmocka_unit_test(test_who_hears),
		cmocka_unit_test(test_what_is_kept_is_bounded),
		cmocka_unit_test(test_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
