/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every engine keeps: each case below runs on each engine. A case gets
 * an empty store and may close and open it again.
 */
#include "engines.h"
#include "store/engine.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct fixture {
	const struct engine *engine;
	char *dir;
	struct store *store;
};

static int setup(void **state)
{
	struct fixture *f = *state;

	f->dir = dir_make();
	f->store = f->engine->open(f->dir);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_assert_idle();
	store_close(f->store);
	dir_remove(f->dir);
	return 0;
}

static void reopen(struct fixture *f)
{
	store_close(f->store);
	f->store = f->engine->open(f->dir);
}

/* A script of writes in one function: words "key=value", "-key", "-from..to",
 * "?key=value" (asserts what is read), "!" (fails from here with ERR_QUOTA). */
static enum err run_script(struct store_txn *t, void *arg)
{
	char *script = xstrdup(arg), *word, *save = NULL;
	struct buf b = BUF_UNBOUNDED;
	enum err err = OK;

	for (word = strtok_r(script, " ", &save); word && !err;
		word = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(word, '='), *dots = strstr(word, "..");

		if (*word == '!') {
			err = ERR_QUOTA;
		} else if (*word == '-' && dots) {
			store_delete_range(t,
				str_of(word + 1, (size_t)(dots - word - 1)),
				str_c(dots + 2));
		} else if (*word == '-') {
			store_delete(t, str_c(word + 1));
		} else if (*word == '?') {
			str key = str_of(word + 1, (size_t)(eq - word - 1));

			err = store_get(t, key, &b);
			if (eq[1] == '-') {
				assert_int_equal(err, ERR_NOTFOUND);
				assert_int_equal(
					store_has(t, key), ERR_NOTFOUND);
				err = OK;
			} else if (!err) {
				assert_str(buf_str(&b), eq + 1);
				assert_ok(store_has(t, key));
			}
		} else {
			store_put(t, str_of(word, (size_t)(eq - word)),
				str_c(eq + 1));
		}
	}
	buf_fini(&b);
	free(script);
	return err;
}

static enum err script(struct store *s, const char *words)
{
	return store_write(
		s, STR("test"), run_script, (void *)(uintptr_t)words);
}

/* The scan as "a=1 b=2". */
static void list(struct store_txn *t, bool back, str from, str to,
	struct buf *out, enum err *err_r)
{
	struct store_iter *it =
		back ? store_scan_back(t, from, to) : store_scan(t, from, to);
	str k, v;

	buf_reset(out);
	while (store_iter_next(it, &k, &v)) {
		if (out->n)
			buf_add_byte(out, ' ');
		buf_add(out, k);
		buf_add_byte(out, '=');
		buf_add(out, v);
	}
	*err_r = store_iter_end(it);
}

static void assert_list_txn(struct store_txn *t, bool back, const char *from,
	const char *to, const char *expected)
{
	struct buf out = BUF_UNBOUNDED;
	enum err err;

	list(t, back, str_c(from), str_c(to), &out, &err);
	assert_ok(err);
	assert_str(buf_str(&out), expected);
	buf_fini(&out);
}

static void assert_all(struct store *s, const char *expected)
{
	struct store_txn *t = store_begin_read(s);

	assert_list_txn(t, false, "", "", expected);
	store_end_read(t);
}

static void test_scripts(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *words;
		enum err err;
		const char *after, *why;
	} rows[] = {
		{"", OK, "", "a write may write nothing"},
		{"?a=- a=1 ?a=1", OK, "a=1", "it reads what it wrote"},
		{"b=2 !", ERR_QUOTA, "a=1", "an error undoes it all"},
		{"a=x -a !", ERR_QUOTA, "a=1", "deletions too"},
		{"-a ?a=-", OK, "", "it sees what it deleted as gone"},
		{"-nothing", OK, "", "what is not there may be deleted"},
		{"a=1 a=2 a=3", OK, "a=3", "the last one stands"},
		{"-a a=4 -a a=5 ?a=5", OK, "a=5", "in whatever order"},
		{"a=6 -a ?a=-", OK, "", "the deletion stands"},
		{"a= ?a=", OK, "a=", "an empty value is a value"},
		{"b=1 c=1 d=1 -b..d", OK, "a= d=1", "own writes in a range"},
		{"bb=1 -b..c bc=2", OK, "a= bc=2 d=1",
			"what comes later stays"},
		{"-..", OK, "", "the range of everything"},
		{"=1", ERR_INVALID, "", "a key is not empty"},
		{"a=1 =1", ERR_INVALID, "", "that error sticks"},
		{"-", ERR_INVALID, "", "in deletions too"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("# %s\n", rows[i].why);
		assert_int_equal(script(f->store, rows[i].words), rows[i].err);
		assert_all(f->store, rows[i].after);
	}
	if (!f->engine->persistent)
		return;
	put1(f->store, "kept", "1");
	reopen(f);
	assert_all(f->store, "kept=1");
}

struct borders {
	const char *from, *to, *expected, *back, *why;
};

static const struct borders borders[] = {
	{"", "", "a=1 ab=2 b=3 \xff=4 \xff\xff=5",
		"\xff\xff=5 \xff=4 b=3 ab=2 a=1", "everything"},
	{"a", "b", "a=1 ab=2", "ab=2 a=1", "from is in, to is not"},
	{"aa", "az", "ab=2", "ab=2", "borders need not exist"},
	{"ab", "", "ab=2 b=3 \xff=4 \xff\xff=5", "\xff\xff=5 \xff=4 b=3 ab=2",
		"to the end"},
	{"", "ab", "a=1", "a=1", "from the beginning"},
	{"", "a", "", "", "nothing before the first"},
	{"\xff\xff\xff", "", "", "", "nothing after the last"},
	{"b", "a", "", "", "borders in the wrong order"},
	{"b", "b", "", "", "an empty range"},
	{"\xff", "\xff\xff", "\xff=4", "\xff=4", "bytes are unsigned"},
};

static enum err check_borders(struct store_txn *t, void *unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(borders); i++) {
		const struct borders *b = &borders[i];

		print_message("# %s\n", b->why);
		assert_list_txn(t, false, b->from, b->to, b->expected);
		assert_list_txn(t, true, b->from, b->to, b->back);
	}
	return OK;
}

static enum err write_borders(struct store_txn *t, void *unused)
{
	store_put(t, STR("b"), STR("3"));
	store_put(t, STR("a"), STR("1"));
	store_put(t, STR("\xff\xff"), STR("5"));
	store_delete(t, STR("aa"));
	store_delete(t, STR("\xff\xff\xff"));
	return check_borders(t, unused);
}

static void test_borders(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;

	assert_ok(script(f->store, "ab=2 aa=x a=x \xff=4 \xff\xff\xff=x"));
	assert_ok(store_write(f->store, STR("test"), write_borders, NULL));
	t = store_begin_read(f->store);
	assert_ok(check_borders(t, NULL));
	store_end_read(t);
	assert_ok(store_write(f->store, STR("test"), check_borders, NULL));
}

static void test_snapshots(void **state)
{
	struct fixture *f = *state;
	struct store_txn *before, *between;
	struct store_iter *it;
	str k, v;

	assert_ok(script(f->store, "a=1 b=1 c=1"));
	before = store_begin_read(f->store);
	it = store_scan(before, STR(""), STR(""));
	assert_true(store_iter_next(it, &k, &v));
	assert_ok(script(f->store, "a=2 -b c=2 d=2"));
	between = store_begin_read(f->store);
	assert_ok(script(f->store, "-.."));
	assert_str(k, "a");
	assert_str(v, "1");
	assert_true(store_iter_next(it, &k, &v));
	assert_str(k, "b");
	assert_ok(store_iter_end(it));
	assert_list_txn(before, false, "", "", "a=1 b=1 c=1");
	assert_list_txn(between, true, "", "", "d=2 c=2 a=2");
	assert_int_equal(store_has(between, STR("b")), ERR_NOTFOUND);
	assert_ok(store_has(before, STR("b")));
	store_end_read(before);
	store_end_read(between);
	assert_all(f->store, "");
}

/* A value of n bytes that does not compress away. */
static struct buf big_value(size_t n, uint64_t seed)
{
	struct buf b = BUF_UNBOUNDED;
	char *room = buf_reserve(&b, n + 8);

	for (size_t i = 0; i < n; i += 8) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		memcpy(room + i, &seed, 8);
	}
	buf_added(&b, n);
	return b;
}

static enum err put_big(struct store_txn *t, void *arg)
{
	const struct buf *b = arg;
	char key[32];

	snprintf(key, sizeof key, "%09zu", b->n);
	store_put(t, str_c(key), buf_str(b));
	return OK;
}

static void check_big(struct store *s, size_t n)
{
	struct store_txn *t = store_begin_read(s);
	struct buf expected = big_value(n, n), got = BUF_UNBOUNDED;
	char key[32];

	snprintf(key, sizeof key, "%09zu", n);
	assert_ok(store_get(t, str_c(key), &got));
	assert_true(str_eq(buf_str(&got), buf_str(&expected)));
	buf_fini(&got);
	buf_init(&got, n ? n - 1 : 0);
	assert_int_equal(store_get(t, str_c(key), &got), n ? ERR_TOOBIG : OK);
	store_end_read(t);
	buf_fini(&got);
	buf_fini(&expected);
}

static void test_sizes_of_values(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 65536, 256 << 10,
		(256 << 10) + 1, 5 << 20, 20 << 20};

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct buf b = big_value(sizes[i], sizes[i]);

		assert_ok(store_write(f->store, STR("test"), put_big, &b));
		check_big(f->store, sizes[i]);
		buf_fini(&b);
	}
	if (f->engine->persistent)
		reopen(f);
	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		check_big(f->store, sizes[i]);
}

static enum err put_key(struct store_txn *t, void *arg)
{
	const str *key = arg;

	store_put(t, *key, STR("v"));
	return OK;
}

static void test_sizes_of_keys(void **state)
{
	struct fixture *f = *state;
	char long_key[STORE_KEY_MAX + 1];
	str keys[] = {
		{long_key, STORE_KEY_MAX},
		{long_key, STORE_KEY_MAX + 1},
		{"\0reserved", 9},
		{"z\0", 2},
	};
	const enum err expected[] = {OK, ERR_TOOBIG, ERR_INVALID, OK};
	struct store_txn *t;
	struct store_iter *it;
	str k, v;

	memset(long_key, 'k', sizeof long_key);
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		assert_int_equal(
			store_write(f->store, STR(""), put_key, &keys[i]),
			expected[i]);
		t = store_begin_read(f->store);
		assert_int_equal(store_has(t, keys[i]), expected[i]);
		store_end_read(t);
	}
	t = store_begin_read(f->store);
	it = store_scan(t, STR("l"), STR(""));
	assert_true(store_iter_next(it, &k, &v));
	assert_true(str_eq(k, keys[3]));
	assert_false(store_iter_next(it, &k, &v));
	assert_ok(store_iter_end(it));
	store_end_read(t);
}

static enum err put_prefixes(struct store_txn *t, void *unused)
{
	static const str keys[] = {STR_LIT("j\xff"), STR_LIT("k"),
		STR_LIT("k\xff"), STR_LIT("k\xff\xff"), STR_LIT("l"),
		STR_LIT("\xff"), STR_LIT("\xff\xff")};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		store_put(t, keys[i], STR("v"));
	return OK;
}

static enum err drop_prefix(struct store_txn *t, void *prefix)
{
	store_delete_prefix(t, *(const str *)prefix);
	return OK;
}

static size_t count_prefix(struct store *s, str prefix)
{
	struct store_txn *t = store_begin_read(s);
	struct store_iter *it = store_scan_prefix(t, prefix);
	str k, v;
	size_t n = 0;

	while (store_iter_next(it, &k, &v)) {
		assert_true(str_starts(k, prefix));
		n++;
	}
	assert_ok(store_iter_end(it));
	store_end_read(t);
	return n;
}

static void test_prefixes(void **state)
{
	struct fixture *f = *state;
	str k = STR_LIT("k\xff");

	assert_ok(store_write(f->store, STR(""), put_prefixes, NULL));
	assert_int_equal(count_prefix(f->store, STR("k")), 3);
	assert_int_equal(count_prefix(f->store, k), 2);
	assert_int_equal(count_prefix(f->store, STR("\xff")), 2);
	assert_int_equal(count_prefix(f->store, STR("m")), 0);
	assert_ok(store_write(f->store, STR(""), drop_prefix, &k));
	assert_int_equal(count_prefix(f->store, STR("k")), 1);
	assert_int_equal(count_prefix(f->store, STR("")), 5);
}

/* Iterates while it changes what it iterates over: keys ascend strictly, and
 * what stood there before and was not touched comes exactly once. */
static enum err churn(struct store_txn *t, void *unused)
{
	struct store_iter *it = store_scan(t, STR("k"), STR("l"));
	struct buf last = BUF_UNBOUNDED;
	unsigned old = 0;
	char key[32];
	str k, v;

	(void)unused;
	for (unsigned i = 0; store_iter_next(it, &k, &v); i++) {
		assert_true(str_cmp(buf_str(&last), k) < 0);
		buf_reset(&last);
		buf_add(&last, k);
		old += str_eq_c(v, "old");
		snprintf(key, sizeof key, "k%03u", i);
		store_delete(t, str_c(key));
		snprintf(key, sizeof key, "k%03u-between", i + 200);
		store_put(t, str_c(key), STR("new"));
		assert_true(str_eq(buf_str(&last), k));
	}
	assert_int_equal(old, 100);
	buf_fini(&last);
	return store_iter_end(it);
}

static enum err fill(struct store_txn *t, void *unused)
{
	char key[32];

	(void)unused;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(key, sizeof key, "k%03u", i);
		store_put(t, str_c(key), STR("old"));
	}
	return OK;
}

static void test_changes_under_a_scan(void **state)
{
	struct fixture *f = *state;

	assert_ok(store_write(f->store, STR("test"), fill, NULL));
	assert_ok(store_write(f->store, STR("test"), churn, NULL));
}

/* Many threads add to counters, one per scope, and to a log of their own;
 * every third function fails after it wrote. */
enum { THREADS = 8, ROUNDS = 60 };

struct adder {
	struct store *store;
	unsigned number, round;
	bool fails;
	uint64_t seen;
};

static enum err add_one(struct store_txn *t, void *arg)
{
	struct adder *a = arg;
	struct buf b = BUF_UNBOUNDED;
	uint64_t n = 0;
	char key[32], own[32];
	enum err err;

	snprintf(key, sizeof key, "count-%u", a->number % 2);
	snprintf(own, sizeof own, "log-%u-%03u", a->number, a->round);
	err = store_get(t, str_c(key), &b);
	if (!err)
		err = str_to_u64(buf_str(&b), UINT64_MAX, &n);
	else if (err == ERR_NOTFOUND)
		err = OK;
	buf_reset(&b);
	buf_add_u64(&b, n + 1);
	store_put(t, str_c(own), buf_str(&b));
	store_put(t, str_c(key), buf_str(&b));
	a->seen = n + 1;
	buf_fini(&b);
	return a->fails && !err ? ERR_QUOTA : err;
}

/* What was wrong, or NULL. */
static const char *add_until_done(struct adder *a)
{
	uint64_t last = 0;

	for (a->round = 0; a->round < ROUNDS; a->round++) {
		struct store_txn *t;
		char own[32];

		a->fails = a->round % 3 == 2;
		snprintf(own, sizeof own, "log-%u-%03u", a->number, a->round);
		if (store_write(a->store, a->number % 2 ? STR("1") : STR("0"),
			    add_one, a) != (a->fails ? ERR_QUOTA : OK))
			return "wrong answer";
		if (!a->fails && a->seen <= last)
			return "not ascending";
		if (!a->fails)
			last = a->seen;
		t = store_begin_read(a->store);
		if (store_has(t, str_c(own)) != (a->fails ? ERR_NOTFOUND : OK))
			return "own write wrong";
		store_end_read(t);
		store_assert_idle();
	}
	return NULL;
}

static void *add_many(void *arg)
{
	return (void *)(uintptr_t)add_until_done(arg);
}

static void test_threads(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	struct adder adders[THREADS];
	char expected[32];

	for (unsigned i = 0; i < THREADS; i++) {
		adders[i] = (struct adder){.store = f->store, .number = i};
		assert_int_equal(
			pthread_create(&threads[i], NULL, add_many, &adders[i]),
			0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	snprintf(expected, sizeof expected, "%d", THREADS / 2 * ROUNDS * 2 / 3);
	assert_value(f->store, "count-0", expected);
	assert_value(f->store, "count-1", expected);
}

/* The leader's function waits until all others stand behind it. */
enum { CROWD = 16 };

struct member {
	struct store *store; /* whose queue it is */
	struct store *top;   /* who is asked */
	unsigned number;
	bool lazy;
	enum err err, answer;
	_Atomic bool *leading;
};

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static enum err member_fn(struct store_txn *t, void *arg)
{
	struct member *m = arg;
	char key[32];

	if (m->number == 0) {
		atomic_store(m->leading, true);
		while (atomic_load(&m->store->waiting) < CROWD - 1)
			nap();
	}
	snprintf(key, sizeof key, "m%02u", m->number);
	/* What a failed one wrote is gone for those that come after it. */
	assert_int_equal(store_has(t, STR("shared")),
		m->number == 0 ? ERR_NOTFOUND : OK);
	store_put(t, str_c(key), STR("x"));
	store_put(t, STR("shared"), STR("x"));
	if (m->err)
		store_delete(t, STR("shared"));
	return m->err;
}

static void *member_main(void *arg)
{
	struct member *m = arg;

	while (m->number && !atomic_load(m->leading))
		nap();
	m->answer = (m->lazy ? store_write_lazy : store_write)(
		m->top, STR("crowd"), member_fn, m);
	return NULL;
}

static void crowd(struct fixture *f, enum err failing, bool lazy)
{
	pthread_t threads[CROWD];
	struct member members[CROWD];
	_Atomic bool leading = false;

	for (unsigned i = 0; i < CROWD; i++) {
		members[i] = (struct member){
			.store = f->store,
			.top = f->store,
			.number = i,
			.lazy = lazy,
			.err = i % 5 == 3 ? failing : OK,
			.leading = &leading,
		};
		assert_int_equal(pthread_create(&threads[i], NULL, member_main,
					 &members[i]),
			0);
	}
	for (unsigned i = 0; i < CROWD; i++) {
		char key[32];

		pthread_join(threads[i], NULL);
		assert_int_equal(members[i].answer, members[i].err);
		snprintf(key, sizeof key, "m%02u", i);
		assert_value(f->store, key, members[i].err ? "-" : "x");
	}
	assert_ok(script(f->store, "-.."));
}

static void test_writers_share_a_sync(void **state)
{
	struct fixture *f = *state;
	struct store_stats before, after;

	store_stats(f->store, &before);
	crowd(f, OK, false);
	store_stats(f->store, &after);
	/* and one to clean up */
	assert_int_equal(after.syncs - before.syncs, 2);
	assert_int_equal(after.commits - before.commits, 2);
	assert_int_equal(after.writes - before.writes, CROWD + 1);
}

/* Several writes at once. */

struct part {
	const char *words;
	enum err err;
};

static enum err part_fn(struct store_txn *t, void *arg)
{
	struct part *p = arg;
	enum err e = run_script(t, (void *)(uintptr_t)p->words);

	return e ? e : p->err;
}

static void test_each_has_its_own_result(void **state)
{
	struct fixture *f = *state;
	struct part parts[] = {
		{.words = "?a=- a=1"}, {.words = "b=1", .err = ERR_QUOTA},
		{.words = "c=1"},
		{.words = "?a=1 d=1"}, /* of a's scope: after it */
		{.words = "?b=- !"},   /* of b's scope: fails on its own */
	};
	static const char *const scopes[] = {"A", "B", "C", "A", "B"};
	struct store_job jobs[COUNT_OF(parts)];
	struct store_stats before, after;

	for (size_t i = 0; i < COUNT_OF(parts); i++)
		jobs[i] = (struct store_job){
			str_c(scopes[i]), part_fn, &parts[i], ERR_IO};
	store_stats(f->store, &before);
	store_write_each(f->store, jobs, COUNT_OF(jobs));
	store_write_each(f->store, jobs, 0);
	store_stats(f->store, &after);
	assert_int_equal(jobs[0].err, OK);
	assert_int_equal(jobs[1].err, ERR_QUOTA);
	assert_int_equal(jobs[2].err, OK);
	assert_int_equal(jobs[3].err, OK);
	assert_int_not_equal(jobs[4].err, OK);
	assert_value(f->store, "a", "1");
	assert_value(f->store, "b", "-");
	assert_value(f->store, "c", "1");
	assert_value(f->store, "d", "1");
	assert_int_equal(after.commits - before.commits, 1);
	assert_int_equal(after.syncs - before.syncs, 1);
	assert_int_equal(after.writes - before.writes, 3);
}

/* Threads whose writes cross: each adds one to all counters, in an order of its
 * own, the same one twice. */
enum { CROSSERS = 8, CROSSED = 6, CROSSINGS = 50 };

struct crosser {
	struct store *store;
	unsigned number;
};

static enum err count_one(struct store_txn *t, void *arg)
{
	struct buf value = BUF_UNBOUNDED;
	uint64_t n = 0;
	str key = str_c(arg);
	enum err e = store_get(t, key, &value);

	if (!e)
		e = str_to_u64(buf_str(&value), UINT64_MAX, &n);
	buf_reset(&value);
	buf_add_u64(&value, n + 1);
	if (!e || e == ERR_NOTFOUND)
		store_put(t, key, buf_str(&value));
	buf_fini(&value);
	return e == ERR_NOTFOUND ? OK : e;
}

static void *crosser_main(void *arg)
{
	static char keys[CROSSED][8] = {"k0", "k1", "k2", "k3", "k4", "k5"};
	const struct crosser *c = arg;
	struct store_job jobs[CROSSED + 1];

	for (unsigned i = 0; i < CROSSINGS; i++) {
		for (unsigned k = 0; k <= CROSSED; k++) {
			char *key = keys[c->number % 2
						 ? (k + c->number) % CROSSED
						 : (CROSSED * 2 - k) % CROSSED];

			jobs[k] = (struct store_job){
				str_c(key), count_one, key, OK};
		}
		store_write_each(c->store, jobs, COUNT_OF(jobs));
		for (size_t k = 0; k < COUNT_OF(jobs); k++)
			if (jobs[k].err)
				return (void *)c;
	}
	return NULL;
}

static void test_crossing_writes(void **state)
{
	struct fixture *f = *state;
	struct crosser crossers[CROSSERS];
	pthread_t threads[CROSSERS];
	unsigned sum = 0;

	for (unsigned i = 0; i < CROSSERS; i++) {
		crossers[i] = (struct crosser){f->store, i};
		assert_int_equal(pthread_create(&threads[i], NULL, crosser_main,
					 &crossers[i]),
			0);
	}
	for (unsigned i = 0; i < CROSSERS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	for (unsigned k = 0; k < CROSSED; k++) {
		char key[8];
		char *value;

		snprintf(key, sizeof key, "k%u", k);
		value = get1(f->store, key);
		sum += (unsigned)atoi(value);
		free(value);
	}
	assert_int_equal(sum, CROSSERS * CROSSINGS * (CROSSED + 1));
}

static void test_one_fails_in_a_crowd(void **state)
{
	struct fixture *f = *state;
	struct store_stats before, after;

	store_stats(f->store, &before);
	crowd(f, ERR_QUOTA, false);
	store_stats(f->store, &after);
	assert_int_equal(after.commits - before.commits, 2);
	assert_int_equal(after.writes - before.writes, CROWD - 3 + 1);
}

static void test_syncs_are_counted(void **state)
{
	struct fixture *f = *state;
	struct store_stats before, after;
	static const struct {
		const char *words;
		bool lazy;
		unsigned commits, syncs;
		const char *why;
	} rows[] = {
		{"a=1", false, 1, 1, "a write is a sync"},
		{"a=2", false, 1, 1, "each one alone"},
		{"?a=2", false, 0, 0, "nothing written, nothing to sync"},
		{"a=3 !", false, 0, 0, "undone, nothing to sync"},
		{"b=1", true, 1, 0, "lazy is not synced"},
		{"b=2", true, 1, 0, "nor the next"},
		{"?b=2", false, 0, 1, "an empty write makes them durable"},
		{"?b=2", false, 0, 0, "once"},
		{"b=3", true, 1, 0, "lazy"},
		{"b=4", false, 1, 1, "a write makes it durable"},
		{"?b=4", false, 0, 0, "so that nothing is left"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("# %s\n", rows[i].why);
		store_stats(f->store, &before);
		(void)!(rows[i].lazy ? store_write_lazy : store_write)(f->store,
			STR("test"), run_script,
			(void *)(uintptr_t)rows[i].words);
		store_stats(f->store, &after);
		assert_int_equal(
			after.commits - before.commits, rows[i].commits);
		assert_int_equal(after.syncs - before.syncs, rows[i].syncs);
	}
}

static void test_reads_are_counted(void **state)
{
	struct fixture *f = *state;
	struct store_stats before, after;

	assert_ok(script(f->store, "a=1 b=1 c=1"));
	store_stats(f->store, &before);
	assert_value(f->store, "a", "1");
	assert_value(f->store, "none", "-");
	assert_all(f->store, "a=1 b=1 c=1");
	store_stats(f->store, &after);
	assert_int_equal(after.gets - before.gets, 2);
	assert_int_equal(after.scans - before.scans, 1);
	assert_int_equal(after.scanned - before.scanned, 3);
	if (f->engine->persistent)
		assert_true(after.bytes_on_disk > 0);
}

/* Readers see each commit whole: two keys that are always written alike. */
struct pair_test {
	struct store *store;
	_Atomic bool stop;
};

static void *read_pairs(void *arg)
{
	struct pair_test *p = arg;
	struct buf a = BUF_UNBOUNDED, z = BUF_UNBOUNDED;
	const char *wrong = NULL;

	while (!wrong && !atomic_load(&p->stop)) {
		struct store_txn *t = store_begin_read(p->store);

		if (store_get(t, STR("a"), &a) || store_get(t, STR("z"), &z) ||
			!str_eq(buf_str(&a), buf_str(&z)))
			wrong = "half a commit seen";
		store_end_read(t);
	}
	buf_fini(&a);
	buf_fini(&z);
	return (void *)(uintptr_t)wrong;
}

static void test_readers_see_commits_whole(void **state)
{
	struct fixture *f = *state;
	struct pair_test p = {.store = f->store};
	pthread_t reader;
	void *wrong;

	assert_ok(script(f->store, "a=0 z=0"));
	assert_int_equal(pthread_create(&reader, NULL, read_pairs, &p), 0);
	for (unsigned i = 1; i <= 100; i++) {
		char words[64];

		snprintf(words, sizeof words, "a=%u z=%u", i, i);
		assert_ok(script(f->store, words));
		snprintf(words, sizeof words, "a=x%u z=y%u !", i, i);
		assert_int_equal(script(f->store, words), ERR_QUOTA);
	}
	atomic_store(&p.stop, true);
	pthread_join(reader, &wrong);
	assert_null(wrong);
}

#define CASE(fn)                                                               \
	{                                                                      \
#fn, fn, setup, teardown, NULL                                 \
	}
static const struct CMUnitTest cases[] = {
	CASE(test_scripts),
	CASE(test_borders),
	CASE(test_snapshots),
	CASE(test_sizes_of_values),
	CASE(test_sizes_of_keys),
	CASE(test_prefixes),
	CASE(test_changes_under_a_scan),
	CASE(test_threads),
	CASE(test_writers_share_a_sync),
	CASE(test_one_fails_in_a_crowd),
	CASE(test_each_has_its_own_result),
	CASE(test_crossing_writes),
	CASE(test_syncs_are_counted),
	CASE(test_reads_are_counted),
	CASE(test_readers_see_commits_whole),
};

int main(void)
{
	size_t count = engine_count * COUNT_OF(cases);
	struct CMUnitTest *tests = xcalloc(count, sizeof *tests);
	struct fixture *f = xcalloc(engine_count, sizeof *f);
	char **names = xcalloc(count, sizeof *names);
	int failed;

	for (size_t i = 0; i < count; i++) {
		size_t e = i / COUNT_OF(cases);

		f[e].engine = &engines[e];
		tests[i] = cases[i % COUNT_OF(cases)];
		names[i] = xasprintf("%s: %s", engines[e].name, tests[i].name);
		tests[i].name = names[i];
		tests[i].initial_state = &f[e];
	}
	failed = _cmocka_run_group_tests(
		"store/conformance", tests, count, NULL, NULL);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	free(tests);
	free(f);
	return failed != 0;
}
