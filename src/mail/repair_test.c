/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that are damaged, of each kind: wrong bytes, gone, or where the store
 * cannot read. What it is, is said; other mailboxes and accounts are served;
 * nothing is overwritten. Then it is repaired: verify has no word, a second
 * repair nothing to do, all messages are there, and no UID has other bytes than
 * before.
 */
#include "mail/fixture.h"
#include "base/clock.h"
#include "mail/annotation.h"
#include "mail/deliver.h"
#include "mail/repair.h"
#include "store/fault.h"

#include <stdlib.h>

#define MANY 300
#define KINDS "abdehijlmnopqrsx"

struct place {
	struct store_fault fault;
	struct world w;
	struct mail_watch watch; /* what is expunged is kept for it */
	struct buf keys[FAULT_DAMAGES * 2];
	unsigned damages;
};

static const struct mail_user bob = {.account = 2, .rights = RIGHT_ALL};

/* What was there: a message for each mailbox and UID. */
struct known {
	str mailbox;
	uint32_t uidvalidity;
	uid_num uid;
	str text;
};

struct state {
	struct arena arena;
	struct known *list;
	size_t count;
};

static void changed(struct mail_watch *w)
{
	(void)w;
}

static void add_uidl(struct place *p)
{
	struct upload *u = upload_new(p->w.mail, ann.account);
	struct append_item item = {.upload = u, .uidl = STR("own-one")};
	struct append_result result = {0};

	assert_ok(upload_feed(u, STR("Subject: with a unique-id\r\n\r\n")));
	assert_ok(append_commit(
		p->w.mail, &ann, STR("INBOX"), &item, 1, &result));
	uidset_fini(&result.uids);
	upload_free(u);
}

static void append_text(struct place *p, const char *mailbox, unsigned n)
{
	char text[80];
	uid_num uid;

	snprintf(text, sizeof text,
		"Subject: number %u\r\nMessage-ID: <%u@x>\r\n\r\nText\n", n, n);
	assert_ok(append(&p->w, mailbox, str_c(text), n % 3 ? FLAG_SEEN : 0,
		n % 7 ? NULL : "seven", &uid));
}

static void deliver_to(struct place *p, account_num account, const char *text)
{
	struct delivery_options options = {
		.now = clock_wall_s(), .duplicates_ms = 1000000};
	struct delivery *d = delivery_new(p->w.mail, &options);
	size_t copy;

	assert_ok(delivery_add(d, account, STR(""), &copy));
	assert_ok(delivery_feed(d, str_c(text)));
	delivery_commit(d);
	assert_ok(delivery_result(d, copy));
	delivery_free(d);
}

static void copy_some(struct place *p, uid_num from, uid_num to, str mailbox,
	enum copy_how how)
{
	struct uidset uids = UIDSET_EMPTY;
	struct copy_result copied;

	uidset_add_range(&uids, from, to);
	assert_ok(message_copy(
		p->w.mail, &ann, &p->w.inbox, &uids, mailbox, how, &copied));
	copy_result_fini(&copied);
	uidset_fini(&uids);
}

static void populate(struct place *p)
{
	const struct annotation note = {STR_LIT("/private/a"), STR_LIT("b")};
	struct mailbox_ref ref;

	assert_ok(mailbox_create(p->w.mail, &ann, STR("a/b"), 0, 0, &ref));
	assert_ok(
		mailbox_create(p->w.mail, &ann, STR("box"), USE_SENT, 0, &ref));
	assert_ok(mailbox_subscribe(p->w.mail, &ann, STR("box"), true));
	for (unsigned i = 1; i <= MANY; i++)
		append_text(p, "INBOX", i);
	for (unsigned i = 1; i <= 10; i++)
		append_text(p, "box", 1000 + i);
	add_uidl(p);
	copy_some(p, 5, 9, STR("a"), COPY_PLAIN);
	p->watch = (struct mail_watch){.account = 1,
		.mailbox = p->w.inbox.id,
		.changed = changed,
		.floor = 1};
	mail_watch_add(p->w.mail, &p->watch);
	copy_some(p, 20, 29, STR("a/b"), COPY_MOVE);
	assert_ok(annotation_set(p->w.mail, &p->w.inbox, &note, 1));
	assert_ok(mail_prune(p->w.mail, clock_wall_s() + 7200));
	deliver_to(p, 1, "Message-ID: <d@x>\r\n\r\nOne\r\n");
	deliver_to(p, 2, "Message-ID: <e@x>\r\n\r\nOne\r\n");
	append_text(p, "INBOX", 2000);
	assert_ok(mailbox_create(p->w.mail, &ann, STR("old"), 0, 0, &ref));
	assert_ok(mailbox_rename(p->w.mail, &ann, STR("old"), STR("new")));
}

static void place_begin(struct place *p)
{
	*p = (struct place){0};
	p->w.store = store_open_fault(store_open_memory(), &p->fault);
	p->w.mail = mail_new(p->w.store, NULL);
	assert_ok(mailbox_open(
		p->w.mail, &ann, STR("INBOX"), RIGHT_READ, &p->w.inbox));
	populate(p);
	/* What was read before the damage would hide it. */
	view_cache_free(p->w.mail);
}

/* As after a new start. */
static void start_again(struct place *p)
{
	mail_watch_remove(p->w.mail, &p->watch);
	mail_free(p->w.mail);
	p->w.mail = mail_new(p->w.store, NULL);
	mail_watch_add(p->w.mail, &p->watch);
}

static void place_end(struct place *p)
{
	mail_watch_remove(p->w.mail, &p->watch);
	mail_free(p->w.mail);
	store_close(p->w.store);
	for (unsigned i = 0; i < COUNT_OF(p->keys); i++)
		buf_fini(&p->keys[i]);
}

/* What is there. */

static void note_message(struct place *p, struct state *s, str mailbox,
	const struct view *v, const struct membership *m)
{
	struct store_txn *txn = store_begin_read(p->w.store);
	struct buf text = BUF_UNBOUNDED;

	if (message_get_bytes(txn, 1, m->message, 0, UINT64_MAX, &text) == OK)
		s->list[s->count++] = (struct known){mailbox, v->uidvalidity,
			m->uid, arena_str(&s->arena, buf_str(&text))};
	store_end_read(txn);
	buf_fini(&text);
}

static void look(struct place *p, struct state *s)
{
	struct mailbox_info *infos;
	size_t count;

	*s = (struct state){0};
	arena_init(&s->arena, SIZE_MAX);
	s->list = ARENA_ARRAY(&s->arena, struct known, 2000);
	assert_ok(mailbox_list(p->w.mail, &ann, &s->arena, &infos, &count));
	for (size_t i = 0; i < count; i++) {
		struct mailbox_ref ref = {.account = 1,
			.id = infos[i].id,
			.uidvalidity = infos[i].uidvalidity};
		const struct membership *m;
		struct view_iter it;
		struct view *v;

		if (!infos[i].exists || view_acquire(p->w.mail, &ref, &v))
			continue;
		it = view_iter(v, 1);
		while ((m = view_iter_next(&it)))
			note_message(p, s, infos[i].name, v, m);
		view_release(p->w.mail, v);
	}
}

static bool has_text(const struct state *s, str text)
{
	for (size_t i = 0; i < s->count; i++)
		if (str_eq(s->list[i].text, text))
			return true;
	return false;
}

static const struct known *find_uid(
	const struct state *s, const struct known *k)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].uid == k->uid &&
			s->list[i].uidvalidity == k->uidvalidity &&
			str_eq(s->list[i].mailbox, k->mailbox))
			return &s->list[i];
	return NULL;
}

/* No text is gone, but for so many; none has another's UID. How many have
 * theirs. */
static size_t compare(
	const struct state *before, const struct state *after, size_t lost)
{
	size_t same = 0, gone = 0;

	for (size_t i = 0; i < before->count; i++) {
		const struct known *k = &before->list[i],
				   *is = find_uid(after, k);

		gone += !has_text(after, k->text);
		if (is)
			assert_true(str_eq(is->text, k->text));
		same += is != NULL;
	}
	assert_true(gone <= lost);
	return same;
}

/* Damage. */

enum manner { WRONG, GONE, UNREADABLE, MANNERS };

struct search {
	char letter;
	unsigned skip;
	struct buf key, value;
	bool found;
};

/* The key of this kind after so many; of few, the last. */
static void find_key(struct place *p, struct search *s)
{
	struct store_txn *txn = store_begin_read(p->w.store);
	struct buf prefix = BUF_UNBOUNDED;
	struct store_iter *it;
	str key, value;

	s->key = s->value = BUF_UNBOUNDED;
	s->found = false;
	key_account_prefix(&prefix, 1, s->letter);
	it = store_scan_prefix(txn, buf_str(&prefix));
	while (store_iter_next(it, &key, &value)) {
		s->found = true;
		buf_reset(&s->key);
		buf_add(&s->key, key);
		buf_reset(&s->value);
		buf_add(&s->value, value);
		if (s->skip-- == 0)
			break;
	}
	(void)!store_iter_end(it);
	store_end_read(txn);
	buf_fini(&prefix);
}

static enum err write_wrong(struct store_txn *t, void *arg)
{
	const struct search *s = arg;

	store_put(t, buf_str(&s->key), STR("\xff\xff\xff"));
	return OK;
}

static enum err write_gone(struct store_txn *t, void *arg)
{
	const struct search *s = arg;

	store_delete(t, buf_str(&s->key));
	return OK;
}

static void damage(struct place *p, struct search *s, enum manner how)
{
	find_key(p, s);
	if (s->found && how == WRONG)
		assert_ok(store_write(p->w.store, STR("t"), write_wrong, s));
	if (s->found && how == GONE)
		assert_ok(store_write(p->w.store, STR("t"), write_gone, s));
	if (s->found && how == UNREADABLE && p->damages < FAULT_DAMAGES) {
		struct buf *from = &p->keys[2 * p->damages], *to = from + 1;

		*from = *to = BUF_UNBOUNDED;
		buf_add(from, buf_str(&s->key));
		buf_add(to, buf_str(&s->key));
		buf_add_byte(to, '\0');
		p->fault.damaged[p->damages].from = buf_str(from);
		p->fault.damaged[p->damages++].to = buf_str(to);
	}
	start_again(p);
}

static void search_fini(struct search *s)
{
	buf_fini(&s->key);
	buf_fini(&s->value);
}

/* Checking. */

static void quiet(void *arg, str words)
{
	(void)arg;
	(void)words;
}

static void said(void *arg, str words, bool lost)
{
	(void)arg;
	(void)words;
	(void)lost;
}

static uint64_t problems(struct place *p, bool loud)
{
	struct verify v = {.problem = loud ? on_problem : quiet};

	assert_ok(verify_mail(p->w.mail, 0, &v));
	return v.problems;
}

static void on_said(void *arg, str words, bool lost)
{
	(void)arg;
	print_error("repair%s: %.*s\n", lost ? " (lost)" : "", STR_ARG(words));
}

static enum err repair(struct place *p, bool dry, bool loud, uint64_t *did_r)
{
	struct repair r = {.said = loud ? on_said : said, .dry = dry};
	enum err e = repair_mail(p->w.mail, 0, &r);

	*did_r = r.done + r.lost;
	return e;
}

/* Bob knows nothing of it. */
static void others_are_served(struct place *p)
{
	struct mailbox_ref ref;
	struct view *v;

	deliver_to(p, 2, "Message-ID: <f@x>\r\n\r\nTwo\r\n");
	assert_ok(
		mailbox_open(p->w.mail, &bob, STR("INBOX"), RIGHT_READ, &ref));
	assert_ok(view_acquire(p->w.mail, &ref, &v));
	view_release(p->w.mail, v);
}

/* Whatever people do; what comes of it is one of two. */
static void try_all(struct place *p)
{
	static const struct flag_change seen = {
		.op = FLAGS_ADD, .system = FLAG_FLAGGED};
	struct uidset uids = UIDSET_EMPTY, gone = UIDSET_EMPTY;
	struct store_result stored;
	struct copy_result copied;
	struct mailbox_info *infos;
	struct arena arena;
	modseq_num modseq;
	struct view *v;
	uid_num uid;
	size_t count;
	enum err e[8];

	arena_init(&arena, SIZE_MAX);
	uidset_add_range(&uids, 1, MANY);
	e[0] = view_acquire(p->w.mail, &p->w.inbox, &v);
	if (!e[0])
		view_release(p->w.mail, v);
	e[1] = append(
		&p->w, "INBOX", STR("Subject: more\r\n\r\n"), 0, NULL, &uid);
	e[2] = message_store_flags(
		p->w.mail, &p->w.inbox, &uids, &seen, 0, UINT64_MAX, &stored);
	store_result_fini(&stored);
	e[3] = message_copy(p->w.mail, &ann, &p->w.inbox, &uids, STR("box"),
		COPY_PLAIN, &copied);
	copy_result_fini(&copied);
	e[4] = message_expunge(p->w.mail, &p->w.inbox, NULL, &gone, &modseq);
	e[5] = mailbox_list(p->w.mail, &ann, &arena, &infos, &count);
	e[6] = mail_purge(p->w.mail, false);
	e[7] = mail_prune(p->w.mail, clock_wall_s());
	for (size_t i = 0; i < COUNT_OF(e); i++)
		assert_true(e[i] == OK || e[i] == ERR_CORRUPT);
	uidset_fini(&uids);
	uidset_fini(&gone);
	arena_fini(&arena);
}

static void all_bytes(struct place *p, struct buf *out)
{
	struct store_txn *txn = store_begin_read(p->w.store);
	const struct store_fault was = p->fault;
	struct store_iter *it;
	str key, value;

	for (unsigned i = 0; i < FAULT_DAMAGES; i++)
		p->fault.damaged[i].to.n = 0;
	buf_reset(out);
	it = store_scan(txn, STR(""), STR(""));
	while (store_iter_next(it, &key, &value)) {
		buf_add_sized(out, key);
		buf_add_sized(out, value);
	}
	assert_ok(store_iter_end(it));
	store_end_read(txn);
	memcpy(p->fault.damaged, was.damaged, sizeof was.damaged);
}

static void repair_it(struct place *p)
{
	struct buf before = BUF_UNBOUNDED, after = BUF_UNBOUNDED;
	uint64_t planned, did;

	all_bytes(p, &before);
	assert_ok(repair(p, true, false, &planned));
	all_bytes(p, &after);
	assert_true(str_eq(buf_str(&before), buf_str(&after)));
	assert_ok(repair(p, false, false, &did));
	assert_int_equal(planned, did);
	if (problems(p, false)) {
		assert_ok(repair(p, true, true, &did));
		(void)problems(p, true);
		fail();
	}
	assert_ok(repair(p, true, true, &did));
	assert_int_equal(did, 0);
	buf_fini(&before);
	buf_fini(&after);
}

/* Nobody can tell: its value is any bytes, or it is known from nothing else. */
static bool is_silent(char letter, enum manner how)
{
	if (how == WRONG)
		return strchr("elqrs", letter) != NULL;
	return how == GONE && strchr("aehjoprs", letter) != NULL;
}

static void check_kind(char letter, unsigned skip, enum manner how)
{
	struct search s = {.letter = letter, .skip = skip};
	struct state before, after;
	struct place p;
	size_t same;

	print_message("# %c %u %d\n", letter, skip, how);
	place_begin(&p);
	look(&p, &before);
	damage(&p, &s, how);
	assert_true(s.found);
	if (how != GONE || letter == 'b' || letter == 'm')
		assert_true(
			(problems(&p, false) > 0) != is_silent(letter, how));
	others_are_served(&p);
	repair_it(&p);
	start_again(&p);
	look(&p, &after);
	same = compare(&before, &after, 0);
	/* Delivered and appended mail gets its UID back. */
	if (letter == 'b')
		assert_true(same + 10 >= before.count);
	else if (letter != 'm')
		assert_int_equal(same, before.count);
	arena_fini(&before.arena);
	arena_fini(&after.arena);
	search_fini(&s);
	place_end(&p);
}

static void test_each_kind(void **state)
{
	(void)state;
	for (const char *at = KINDS; *at; at++)
		for (unsigned skip = 0; skip < 3; skip += 2)
			for (enum manner how = WRONG; how < MANNERS; how++)
				if (!is_silent(*at, how))
					check_kind(*at, skip, how);
}

/* People go on while something is damaged: nothing is overwritten. */
static void test_nothing_is_overwritten(void **state)
{
	(void)state;
	for (const char *at = KINDS; *at; at++)
		for (enum manner how = WRONG; how < MANNERS; how++) {
			struct search s = {.letter = *at, .skip = 1};
			struct state before, after;
			struct place p;

			if (how == GONE || is_silent(*at, how))
				continue;
			print_message("# %c %d\n", *at, how);
			place_begin(&p);
			look(&p, &before);
			damage(&p, &s, how);
			try_all(&p);
			repair_it(&p);
			start_again(&p);
			look(&p, &after);
			(void)compare(&before, &after, 0);
			arena_fini(&before.arena);
			arena_fini(&after.arena);
			search_fini(&s);
			place_end(&p);
		}
}

static void test_clients_are_told(void **state)
{
	struct uidset vanished = UIDSET_EMPTY;
	struct search s = {.letter = 'b', .skip = 1000};
	struct mailbox_ref box;
	struct place p;
	struct view *v;
	modseq_num since;
	uint64_t did;

	(void)state;
	place_begin(&p);
	/* The last block is of copies: these come back with new UIDs. */
	assert_ok(mailbox_open(p.w.mail, &ann, STR("new"), RIGHT_READ, &box));
	copy_some(&p, 200, 209, STR("new"), COPY_PLAIN);
	copy_some(&p, 100, 103, STR("new"), COPY_MOVE);
	assert_ok(view_acquire(p.w.mail, &box, &v));
	since = v->modseq;
	view_release(p.w.mail, v);
	mail_watch_remove(p.w.mail, &p.watch);
	assert_ok(mail_purge(p.w.mail, false));
	mail_watch_add(p.w.mail, &p.watch);
	damage(&p, &s, WRONG);
	assert_int_equal(view_acquire(p.w.mail, &box, &v), ERR_CORRUPT);
	assert_ok(repair(&p, false, false, &did));
	assert_ok(view_acquire(p.w.mail, &box, &v));
	/* Four were nowhere else. */
	assert_int_equal(uidset_count(&v->uids), 4);
	assert_int_equal(uidset_min(&v->uids), 15);
	assert_true(v->modseq > since);
	assert_ok(view_vanished_since(p.w.mail, v, since, &vanished));
	assert_int_equal(uidset_count(&vanished), 14);
	assert_int_equal(uidset_max(&vanished), 14);
	view_release(p.w.mail, v);
	assert_int_equal(problems(&p, true), 0);
	uidset_fini(&vanished);
	search_fini(&s);
	place_end(&p);
}

/* A store that fails at any of its calls: nothing was done, or all. */
static void test_failing_store(void **state)
{
	static const char kinds[] = "abdijmnx";
	struct buf before = BUF_UNBOUNDED, after = BUF_UNBOUNDED;
	struct state was, is;
	struct place p;
	uint64_t did, failed = 0;
	enum err e;

	(void)state;
	place_begin(&p);
	look(&p, &was);
	for (const char *at = kinds; *at; at++) {
		struct search s = {.letter = *at, .skip = 1};

		damage(&p, &s, *at == 'b' || *at == 'j' ? UNREADABLE : WRONG);
		search_fini(&s);
	}
	all_bytes(&p, &before);
	for (uint64_t n = 1;; n += 1 + n / 24) {
		fault_arm(&p.fault, FAULT_ANY, n, ERR_IO);
		e = repair(&p, false, false, &did);
		if (!fault_fired(&p.fault))
			break;
		fault_arm(&p.fault, 0, 0, OK);
		all_bytes(&p, &after);
		failed += e != OK;
		/* Bob is next; then all of Ann's was done. */
		if (!e || !str_eq(buf_str(&before), buf_str(&after)))
			break;
	}
	fault_arm(&p.fault, 0, 0, OK);
	assert_true(failed > 50);
	p.fault.conflicts = true;
	repair_it(&p);
	p.fault.conflicts = false;
	start_again(&p);
	look(&p, &is);
	(void)compare(&was, &is, 0);
	buf_fini(&before);
	buf_fini(&after);
	arena_fini(&was.arena);
	arena_fini(&is.arena);
	place_end(&p);
}

/* Several at once, of any kind. */
static void test_random_damage(void **state)
{
	unsigned first = (unsigned)clock_wall_s(), seeds = 8;
	const char *chosen = getenv("CULVER_SEED"),
		   *many = getenv("CULVER_SEEDS");

	(void)state;
	if (chosen)
		first = (unsigned)strtoul(chosen, NULL, 10), seeds = 1;
	if (many)
		seeds = (unsigned)strtoul(many, NULL, 10);
	for (unsigned seed = first; seed < first + seeds; seed++) {
		struct state before, after;
		unsigned rest = seed;
		struct place p;
		bool gone = false;
		int n;

		print_message("# CULVER_SEED=%u\n", seed);
		place_begin(&p);
		look(&p, &before);
		n = 1 + rand_r(&rest) % 6;
		while (n--) {
			struct search s = {
				.letter = KINDS[(unsigned)rand_r(&rest) %
						(sizeof KINDS - 1)],
				.skip = (unsigned)rand_r(&rest) % 40};

			enum manner how = (enum manner)(
				(unsigned)rand_r(&rest) % MANNERS);

			damage(&p, &s, how);
			gone |= how == GONE;
			search_fini(&s);
		}
		/* What is gone without a trace cannot be told. */
		if (!gone)
			try_all(&p);
		repair_it(&p);
		start_again(&p);
		look(&p, &after);
		(void)compare(&before, &after, 0);
		arena_fini(&before.arena);
		arena_fini(&after.arena);
		place_end(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind),
		cmocka_unit_test(test_nothing_is_overwritten),
		cmocka_unit_test(test_clients_are_told),
		cmocka_unit_test(test_failing_store),
		cmocka_unit_test(test_random_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
