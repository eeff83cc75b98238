/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A full disk: what does not fit is refused, what was acknowledged stays, and
 * once there is space again writing goes on without a restart. On a small
 * tmpfs in a mount namespace of its own; skipped where that is not allowed.
 * And the same without descriptors.
 */
#include "engines.h"
#include "store/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 100000, WRITES_MAX = 2000 };

static bool write_file(const char *path, const char *words)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 &&
		    write(fd, words, strlen(words)) == (ssize_t)strlen(words);

	if (fd >= 0)
		close(fd);
	return done;
}

/* Without root: as root of a user namespace. */
static bool become_root(void)
{
	char uids[64], gids[64];

	snprintf(uids, sizeof uids, "0 %u 1", (unsigned)getuid());
	snprintf(gids, sizeof gids, "0 %u 1", (unsigned)getgid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       write_file("/proc/self/setgroups", "deny") &&
	       write_file("/proc/self/uid_map", uids) &&
	       write_file("/proc/self/gid_map", gids);
}

static bool mount_small(const char *dir)
{
	if (unshare(CLONE_NEWNS) != 0 && !become_root())
		return false;
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", dir, "tmpfs", 0, "size=300m") == 0;
}

static struct buf make_value(unsigned n)
{
	struct buf b = BUF_UNBOUNDED;
	uint64_t x = n + 1;

	while (b.n < CHUNK) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		buf_add_be64(&b, x);
	}
	return b;
}

static enum err put_nth(struct store_txn *t, void *arg)
{
	unsigned n = *(unsigned *)arg;
	struct buf value = make_value(n);
	char key[32];

	snprintf(key, sizeof key, "%08u", n);
	store_put(t, str_c(key), buf_str(&value));
	store_put(t, STR("last"), str_c(key));
	buf_fini(&value);
	return OK;
}

static enum err write_nth(struct store *s, unsigned n)
{
	return store_write(s, STR("s"), put_nth, &n);
}

static void check(struct store *s, const bool *acked)
{
	struct store_txn *t = store_begin_read(s);
	struct buf got = BUF_UNBOUNDED;
	char key[32];

	for (unsigned n = 0; n < WRITES_MAX; n++) {
		snprintf(key, sizeof key, "%08u", n);
		if (acked[n]) {
			struct buf value = make_value(n);

			assert_ok(store_get(t, str_c(key), &got));
			assert_true(str_eq(buf_str(&got), buf_str(&value)));
			buf_fini(&value);
		} else {
			assert_int_equal(
				store_get(t, str_c(key), &got), ERR_NOTFOUND);
		}
	}
	buf_fini(&got);
	store_end_read(t);
}

/* Leaves so many bytes free. */
static void write_ballast(const char *name, size_t leave)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	struct statvfs fs;
	size_t room;

	assert_true(fd >= 0);
	assert_int_equal(fstatvfs(fd, &fs), 0);
	room = fs.f_bfree * fs.f_bsize;
	assert_true(room > leave);
	assert_int_equal(posix_fallocate(fd, 0, (off_t)(room - leave)), 0);
	close(fd);
}

/* It looks for room once a second. */
static enum err write_patiently(struct store *s, unsigned n)
{
	enum err err = ERR_NOSPACE;

	for (unsigned i = 0; i < 600 && err; i++) {
		err = write_nth(s, n);
		if (err)
			nanosleep(
				&(struct timespec){.tv_nsec = 100000000}, NULL);
	}
	return err;
}

static unsigned fill(
	struct store *s, unsigned n, bool *acked, enum err expected)
{
	enum err err;

	while (n < WRITES_MAX && !(err = write_nth(s, n)))
		acked[n++] = true;
	assert_true(n < WRITES_MAX);
	assert_int_equal(err, expected);
	/* and again: it stays an error, and a clear one */
	assert_int_equal(write_nth(s, n + 1), expected);
	return n + 2;
}

/* Reads what was acknowledged first, all the time. */
struct reader {
	struct store *store;
	_Atomic bool stop;
	unsigned reads;
	bool wrong;
};

static void *read_for_ever(void *arg)
{
	struct reader *r = arg;

	while (!atomic_load(&r->stop) && !r->wrong) {
		struct store_txn *t = store_begin_read(r->store);

		r->wrong = store_has(t, STR("00000000")) != OK;
		r->reads++;
		store_end_read(t);
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	}
	return NULL;
}

/* Fills the disk, makes room, goes on; so often, leaving so much at first. */
static void fill_and_go_on(struct store *s, const char *ballast, bool *acked)
{
	static const size_t leave[] = {3 << 20, 12 << 20, 20 << 20, 0};
	struct reader reader = {.store = s};
	pthread_t thread;
	unsigned n = 0;

	assert_ok(write_nth(s, n));
	acked[n++] = true;
	assert_int_equal(
		pthread_create(&thread, NULL, read_for_ever, &reader), 0);
	for (unsigned round = 0; round < COUNT_OF(leave); round++) {
		write_ballast(ballast, rocksdb_reserve + leave[round]);
		n = fill(s, n, acked, ERR_NOSPACE);
		check(s, acked);
		assert_int_equal(unlink(ballast), 0);
		assert_ok(write_patiently(s, n));
		acked[n++] = true;
		check(s, acked);
	}
	atomic_store(&reader.stop, true);
	pthread_join(thread, NULL);
	assert_false(reader.wrong);
	assert_true(reader.reads > 0);
}

static void run_on_full_disk(const char *dir, uint64_t reserve)
{
	char *store_dir = xasprintf("%s/store", dir);
	char *ballast = xasprintf("%s/ballast", dir);
	bool *acked = xcalloc(WRITES_MAX, sizeof *acked);
	uint64_t reserve_was = rocksdb_reserve;
	struct store *s;

	rocksdb_reserve = reserve;
	assert_int_equal(mkdir(store_dir, 0700), 0);
	assert_ok(store_open_rocksdb(store_dir, &s));
	fill_and_go_on(s, ballast, acked);
	store_close(s);
	assert_ok(store_open_rocksdb(store_dir, &s));
	check(s, acked);
	store_close(s);
	dir_remove(store_dir);
	free(ballast);
	free(acked);
	rocksdb_reserve = reserve_was;
}

static void test_refuses_before_the_disk_is_full(void **state)
{
	if (!*state)
		skip();
	run_on_full_disk(*state, rocksdb_reserve);
}

static void test_goes_on_after_rocksdb_failed(void **state)
{
	if (!*state)
		skip();
	run_on_full_disk(*state, 0);
}

static enum err delete_first(struct store_txn *t, void *unused)
{
	(void)unused;
	store_delete(t, STR("00000000"));
	store_put(t, STR("history"), STR("deleted"));
	return OK;
}

static void test_deleting_still_works(void **state)
{
	char *store_dir, *ballast;
	struct store *s;

	if (!*state)
		skip();
	store_dir = xasprintf("%s/store", (const char *)*state);
	ballast = xasprintf("%s/ballast", (const char *)*state);
	assert_int_equal(mkdir(store_dir, 0700), 0);
	assert_ok(store_open_rocksdb(store_dir, &s));
	assert_ok(write_nth(s, 0));
	write_ballast(ballast, rocksdb_reserve / 4 * 3);
	assert_int_equal(write_nth(s, 1), ERR_NOSPACE);
	assert_ok(store_write(s, STR("s"), delete_first, NULL));
	assert_value(s, "history", "deleted");
	assert_value(s, "00000000", "-");
	assert_int_equal(unlink(ballast), 0);
	write_ballast(ballast, rocksdb_reserve / 4);
	assert_int_equal(
		store_write(s, STR("s"), delete_first, NULL), ERR_NOSPACE);
	assert_int_equal(unlink(ballast), 0);
	assert_ok(write_nth(s, 1));
	store_close(s);
	dir_remove(store_dir);
	free(ballast);
}

/* RocksDB's threads have no more than the process. */
static void leave_descriptors(struct rlimit *was_r)
{
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit none;

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, was_r), 0);
	none = *was_r;
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void test_no_descriptors(void **unused)
{
	bool *acked = xcalloc(WRITES_MAX, sizeof *acked);
	char *dir = dir_make();
	struct rlimit was;
	struct store *s;
	unsigned n = 0;

	(void)unused;
	assert_ok(store_open_rocksdb(dir, &s));
	for (int round = 0; round < 3; round++) {
		assert_ok(write_patiently(s, n));
		acked[n++] = true;
		leave_descriptors(&was);
		n = fill(s, n, acked, ERR_UNAVAILABLE);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		assert_ok(write_patiently(s, n));
		acked[n++] = true;
		check(s, acked);
	}
	store_close(s);
	assert_ok(store_open_rocksdb(dir, &s));
	check(s, acked);
	store_close(s);
	dir_remove(dir);
	free(acked);
}

int main(void)
{
	char *dir = dir_make();
	bool mounted = mount_small(dir);
	struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deleting_still_works),
		cmocka_unit_test(test_refuses_before_the_disk_is_full),
		cmocka_unit_test(test_goes_on_after_rocksdb_failed),
		cmocka_unit_test(test_no_descriptors),
	};
	int failed;

	for (size_t i = 0; i < COUNT_OF(tests); i++)
		tests[i].initial_state = mounted ? dir : NULL;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (mounted)
		umount(dir);
	rmdir(dir);
	free(dir);
	return failed;
}
