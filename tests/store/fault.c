/* SPDX-License-Identifier: Apache-2.0 */
/* The wrapper that injects faults, and what the combining of writers does
 * when a commit fails. */
#include "engines.h"
#include "store/engine.h"
#include "store/fault.h"

#include <pthread.h>
#include <time.h>

struct fixture {
	struct store_fault fault;
	struct store *store;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);

	f->store = store_open_fault(store_open_memory(), &f->fault);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_assert_idle();
	store_close(f->store);
	free(f);
	return 0;
}

/* Two gets (one of them in vain), a scan of one entry (two steps), a commit:
 * five calls that can fail. */
static enum err work(struct store_txn *t, void *unused)
{
	struct buf b = BUF_UNBOUNDED;
	struct store_iter *it;
	enum err err = store_get(t, STR("a"), &b);
	str k, v;

	(void)unused;
	buf_fini(&b);
	if (err)
		return err;
	/* an ignored error sticks */
	(void)!store_has(t, STR("none"));
	store_put(t, STR("b"), STR("1"));
	it = store_scan(t, STR("a"), STR("b"));
	while (store_iter_next(it, &k, &v))
		store_put(t, STR("c"), v);
	return store_iter_end(it);
}

static void test_every_call_fails_cleanly(void **state)
{
	struct fixture *f = *state;
	static const enum err errs[] = {
		ERR_NOSPACE, ERR_IO, ERR_CORRUPT, ERR_CONFLICT};

	put1(f->store, "a", "1");
	for (size_t i = 0; i < COUNT_OF(errs); i++) {
		for (uint64_t n = 1; n <= 5; n++) {
			fault_arm(&f->fault, FAULT_ANY, n, errs[i]);
			assert_int_equal(
				store_write(f->store, STR("s"), work, NULL),
				errs[i]);
			assert_true(fault_fired(&f->fault));
			fault_arm(&f->fault, 0, 0, OK);
			assert_value(f->store, "b", "-");
			assert_value(f->store, "c", "-");
		}
	}
	fault_arm(&f->fault, FAULT_ANY, 6, ERR_IO);
	assert_ok(store_write(f->store, STR("s"), work, NULL));
	assert_false(fault_fired(&f->fault));
	assert_int_equal(f->fault.calls, 5);
	fault_arm(&f->fault, 0, 0, OK);
	assert_value(f->store, "c", "1");
}

static void test_kinds_are_counted_apart(void **state)
{
	struct fixture *f = *state;
	static const struct {
		unsigned on;
		uint64_t calls;
	} rows[] = {
		{FAULT_GET, 2},
		{FAULT_SCAN, 2},
		{FAULT_COMMIT, 1},
		{FAULT_GET | FAULT_COMMIT, 3},
	};

	put1(f->store, "a", "1");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		fault_arm(&f->fault, rows[i].on, 0, OK);
		assert_ok(store_write(f->store, STR("s"), work, NULL));
		assert_int_equal(f->fault.calls, rows[i].calls);
	}
}

static enum err write_c(struct store_txn *t, void *arg)
{
	store_put(t, STR("c"), STR("1"));
	++*(unsigned *)arg;
	return OK;
}

static void test_lasting_fault(void **state)
{
	struct fixture *f = *state;
	unsigned runs = 0;

	fault_arm(&f->fault, FAULT_COMMIT, 2, ERR_NOSPACE);
	f->fault.lasting = true;
	put1(f->store, "a", "1");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
			store_write(f->store, STR("s"), write_c, &runs),
			ERR_NOSPACE);
	assert_value(f->store, "c", "-");
	fault_arm(&f->fault, 0, 0, OK);
	assert_ok(store_write(f->store, STR("s"), write_c, &runs));
	assert_int_equal(runs, 4);
	f->fault.conflicts = true;
	assert_ok(store_write(f->store, STR("s"), write_c, &runs));
	assert_int_equal(runs, 6);
}

static void test_power_cut(void **state)
{
	struct fixture *f = *state;
	unsigned runs = 0;

	put1(f->store, "a", "1");
	assert_ok(store_write_lazy(f->store, STR("s"), write_c, &runs));
	assert_value(f->store, "c", "1");
	fault_crash(f->store);
	assert_value(f->store, "c", "-");
	assert_value(f->store, "a", "1");
	assert_ok(store_write_lazy(f->store, STR("s"), write_c, &runs));
	put1(f->store, "b", "another scope's write makes it durable");
	fault_crash(f->store);
	assert_value(f->store, "c", "1");
}

/* A commit fails: all of the group get its error, but who failed alone keeps
 * his own. The first function waits until the others stand behind it. */
enum { CROWD = 5 };

struct member {
	struct store *store;
	_Atomic bool *leading;
	unsigned number;
	enum err answer;
};

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static enum err member_fn(struct store_txn *t, void *arg)
{
	struct member *m = arg;
	char key[16];

	snprintf(key, sizeof key, "m%u", m->number);
	store_put(t, str_c(key), STR("x"));
	if (m->number == 0) {
		atomic_store(m->leading, true);
		while (atomic_load(&m->store->waiting) < CROWD - 1)
			nap();
	}
	return m->number == 2 ? ERR_QUOTA : OK;
}

static void *member_main(void *arg)
{
	struct member *m = arg;

	while (m->number && !atomic_load(m->leading))
		nap();
	m->answer = store_write(m->store, STR("crowd"), member_fn, m);
	return NULL;
}

static void test_failed_commit_fails_its_group(void **state)
{
	struct fixture *f = *state;
	struct member members[CROWD];
	pthread_t threads[CROWD];
	_Atomic bool leading = false;
	struct store_stats stats;

	fault_arm(&f->fault, FAULT_COMMIT, 1, ERR_NOSPACE);
	for (unsigned i = 0; i < CROWD; i++) {
		members[i] = (struct member){f->store, &leading, i, OK};
		assert_int_equal(pthread_create(&threads[i], NULL, member_main,
					 &members[i]),
			0);
	}
	for (unsigned i = 0; i < CROWD; i++) {
		char key[16];

		pthread_join(threads[i], NULL);
		assert_int_equal(
			members[i].answer, i == 2 ? ERR_QUOTA : ERR_NOSPACE);
		snprintf(key, sizeof key, "m%u", i);
		assert_value(f->store, key, "-");
	}
	store_stats(f->store, &stats);
	assert_int_equal(stats.commits, 0);
	assert_int_equal(stats.syncs, 0);
	assert_int_equal(stats.writes, 0);
}

/* Several writes at once are one group: its commit fails for all of them. */
static enum err put_own(struct store_txn *t, void *arg)
{
	store_put(t, str_c(arg), STR("x"));
	return *(const char *)arg == 'q' ? ERR_QUOTA : OK;
}

static void test_failed_commit_fails_all_at_once(void **state)
{
	static char keys[][4] = {"a", "b", "q", "c", "d", "e"};
	struct fixture *f = *state;
	struct store_job jobs[COUNT_OF(keys)];

	for (size_t i = 0; i < COUNT_OF(keys); i++)
		jobs[i] = (struct store_job){
			str_c(keys[i]), put_own, keys[i], OK};
	fault_arm(&f->fault, FAULT_COMMIT, 1, ERR_NOSPACE);
	store_write_each(f->store, jobs, COUNT_OF(jobs));
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		assert_int_equal(jobs[i].err, i == 2 ? ERR_QUOTA : ERR_NOSPACE);
		assert_value(f->store, keys[i], "-");
	}
	f->fault.conflicts = true;
	store_write_each(f->store, jobs, COUNT_OF(jobs));
	f->fault.conflicts = false;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		assert_int_equal(jobs[i].err, i == 2 ? ERR_QUOTA : OK);
		assert_value(f->store, keys[i], i == 2 ? "-" : "x");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		TEST(test_every_call_fails_cleanly),
		TEST(test_kinds_are_counted_apart),
		TEST(test_lasting_fault),
		TEST(test_power_cut),
		TEST(test_failed_commit_fails_its_group),
		TEST(test_failed_commit_fails_all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
