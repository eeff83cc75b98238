/* SPDX-License-Identifier: Apache-2.0 */
/* What is RocksDB's alone: opening what is not right, torn logs, damaged
 * files, a disk that fails. */
#include "engines.h"
#include "files.h"
#include "store/engine.h"
#include "store/table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int setup(void **state)
{
	*state = dir_make();
	return 0;
}

static int teardown(void **state)
{
	dir_remove(*state);
	return 0;
}

/* Behind the store's back. */
static void put_raw(const char *dir, str key, str value)
{
	rocksdb_options_t *o = rocksdb_options_create();
	rocksdb_writeoptions_t *w = rocksdb_writeoptions_create();
	char *status = NULL;
	rocksdb_t *db;

	rocksdb_options_set_create_if_missing(o, 1);
	db = rocksdb_open(o, dir, &status);
	assert_null(status);
	rocksdb_put(db, w, key.p, key.n, value.p, value.n, &status);
	assert_null(status);
	rocksdb_close(db);
	rocksdb_options_destroy(o);
	rocksdb_writeoptions_destroy(w);
}

static void assert_record(const char *dir, const char *record)
{
	rocksdb_options_t *o = rocksdb_options_create();
	rocksdb_readoptions_t *r = rocksdb_readoptions_create();
	char *status = NULL, *value;
	rocksdb_t *db = rocksdb_open_for_read_only(o, dir, 0, &status);
	size_t n;

	assert_null(status);
	value = rocksdb_get(db, r, "\0format", 7, &n, &status);
	assert_null(status);
	assert_str(str_of(value, n), record);
	free(value);
	rocksdb_close(db);
	rocksdb_options_destroy(o);
	rocksdb_readoptions_destroy(r);
}

static void test_format_record(void **state)
{
	const char *dir = *state;
	static const struct {
		const char *record;
		enum err err;
		const char *why;
	} rows[] = {
		{"culver 6", ERR_VERSION, "the next version"},
		{"culver 99999999999999999999", ERR_CORRUPT, "not a number"},
		{"culver", ERR_CORRUPT, "no number"},
		{"", ERR_CORRUPT, "empty"},
		{"dove 1", ERR_CORRUPT, "somebody else's"},
		{"culver 4", ERR_VERSION, "an older one"},
		{"culver 5", OK, "ours"},
	};
	struct store *s;

	assert_int_equal(STORE_FORMAT, 5);
	assert_ok(store_open_rocksdb(dir, &s));
	put1(s, "a", "1");
	store_close(s);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("# %s\n", rows[i].why);
		put_raw(dir, STR("\0format"), str_c(rows[i].record));
		assert_int_equal(store_open_rocksdb(dir, &s), rows[i].err);
		if (rows[i].err == OK) {
			assert_value(s, "a", "1");
			store_close(s);
			assert_record(dir, "culver 5");
		}
	}
}

static void test_open_what_cannot_be(void **state)
{
	const char *dir = *state;
	char *missing = xasprintf("%s/not/there", dir);
	struct store *s, *second;

	assert_int_equal(store_open_rocksdb(missing, &s), ERR_IO);
	free(missing);
	put_raw(dir, STR("stranger"), STR("1"));
	assert_int_equal(store_open_rocksdb(dir, &s), ERR_CORRUPT);
	put_raw(dir, STR("\0format"), STR("culver 5"));
	assert_ok(store_open_rocksdb(dir, &s));
	assert_int_equal(store_open_rocksdb(dir, &second), ERR_INUSE);
	store_close(s);
}

/* The names in the directory that end so; the last one in order. */
static char *newest(const char *dir, const char *ending)
{
	DIR *d = opendir(dir);
	char *best = NULL;
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (str_ends(str_c(e->d_name), str_c(ending)) &&
			(!best || strcmp(e->d_name, best) > 0)) {
			free(best);
			best = xstrdup(e->d_name);
		}
	closedir(d);
	if (best) {
		char *path = xasprintf("%s/%s", dir, best);

		free(best);
		best = path;
	}
	return best;
}

static enum err put_three(struct store_txn *t, void *arg)
{
	char key[32], value[2000];

	memset(value, 'v', sizeof value);
	for (char part = 'a'; part <= 'c'; part++) {
		snprintf(key, sizeof key, "%03d%c", *(int *)arg, part);
		store_put(t, str_c(key), str_of(value, sizeof value));
	}
	return OK;
}

/* How many of the writes are there; whole, and none after the first that is
 * missing. */
static int count_whole(struct store *s)
{
	struct store_txn *t = store_begin_read(s);
	struct store_iter *it = store_scan(t, STR(""), STR(""));
	char expected[32];
	int n = 0;
	str k, v;

	while (store_iter_next(it, &k, &v)) {
		snprintf(expected, sizeof expected, "%03d%c", n / 3,
			'a' + n % 3);
		assert_str(k, expected);
		n++;
	}
	assert_ok(store_iter_end(it));
	store_end_read(t);
	assert_int_equal(n % 3, 0);
	return n / 3;
}

/* Writes are 6,000 bytes and a little each in the log. */
static void check_cut(const char *dir, int cut)
{
	enum { WRITES = 20 };
	struct store *s;
	struct stat st;
	char *log;

	assert_ok(store_open_rocksdb(dir, &s));
	for (int i = 0; i < WRITES; i++)
		assert_ok(store_write(s, STR("s"), put_three, &i));
	store_close(s);
	log = newest(dir, ".log");
	assert_non_null(log);
	assert_int_equal(stat(log, &st), 0);
	assert_int_equal(truncate(log, st.st_size - cut), 0);
	free(log);
	assert_ok(store_open_rocksdb(dir, &s));
	assert_in_range(count_whole(s), WRITES - 1 - cut / 6000,
		WRITES - (cut + 6099) / 6100);
	store_close(s);
}

static void test_torn_log(void **state)
{
	static const int cuts[] = {0, 1, 3000, 6050, 12001, 50000, 100000};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cuts); i++) {
		char *dir = dir_make();

		check_cut(dir, cuts[i]);
		dir_remove(dir);
	}
}

static void damage(const char *path, off_t at)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "damaged!", 8, at), 8);
	close(fd);
}

static void test_damaged_file(void **state)
{
	struct store *s;
	struct store_txn *t;
	struct store_iter *it;
	char *file;
	str k, v;

	assert_ok(store_open_rocksdb(*state, &s));
	for (int i = 0; i < 20; i++)
		assert_ok(store_write(s, STR("s"), put_three, &i));
	store_close(s);
	/* Opening moves what is in the log into a table. */
	assert_ok(store_open_rocksdb(*state, &s));
	store_close(s);
	file = newest(*state, ".sst");
	assert_non_null(file);
	damage(file, 500);
	free(file);
	assert_ok(store_open_rocksdb(*state, &s));
	t = store_begin_read(s);
	it = store_scan(t, STR(""), STR(""));
	while (store_iter_next(it, &k, &v))
		assert_int_equal(v.n, 2000);
	assert_int_equal(store_iter_end(it), ERR_CORRUPT);
	assert_ok(store_has(t, STR("000a")));
	store_end_read(t);
	store_close(s);
}

/* A limit on the size of files stands for a disk that fails: writes are
 * refused from then on, reads go on, and a new start has all that was
 * acknowledged. */
/* Damage that is mended: keys and values as they should be. */

#define MANY 4000

static str many_key(char room[16], int i)
{
	return str_of(room, (size_t)snprintf(room, 16, "k%06d", i));
}

static str many_value(char room[200], int i)
{
	unsigned long long x = (unsigned long long)i * 0x9e3779b97f4a7c15;

	/* It does not compress. */
	for (int n = 0; n < 100; n++) {
		x = x * 6364136223846793005 + 1442695040888963407;
		room[n] = (char)(x >> 56);
	}
	return str_of(room, 100);
}

static enum err put_many(struct store_txn *t, void *arg)
{
	char key[16], value[200];

	(void)arg;
	for (int i = 0; i < MANY; i++)
		store_put(t, many_key(key, i), many_value(value, i));
	return OK;
}

struct mending {
	struct store_damage damage; /* the first */
	struct buf from, to;	    /* its gap */
	unsigned gaps, entries;
	bool put;
};

static enum err count_entry(void *arg, str key, str value)
{
	struct mending *m = arg;

	(void)key;
	assert_int_equal(value.n, 100);
	m->entries++;
	return OK;
}

static void keep_gap(void *arg, str from, str to, uint64_t damage)
{
	struct mending *m = arg;

	if (m->gaps++)
		return;
	m->damage.number = damage;
	buf_add(&m->damage.key, from);
	buf_add(&m->from, from);
	buf_add(&m->to, to);
}

/* All that is in the gap is written anew, but for what is no multiple of 7. */
static enum err write_gap(struct store_txn *t, void *arg)
{
	struct mending *m = arg;
	const struct store_salvage how = {count_entry, keep_gap, m};
	char room[16], value[200];
	enum err e;

	m->gaps = m->entries = 0;
	e = store_salvage(t, STR("k"), STR("l"), &how);
	if (e || !m->gaps)
		return e;
	store_bury(t, buf_str(&m->from), buf_str(&m->to));
	for (int i = 0; i < MANY; i += 7) {
		str key = many_key(room, i);

		if (str_cmp(key, buf_str(&m->from)) >= 0 &&
			str_cmp(key, buf_str(&m->to)) < 0)
			store_put(t, key, many_value(value, i));
	}
	return OK;
}

static void check_many(struct store *s, const struct mending *m)
{
	struct store_txn *t = store_begin_read(s);
	struct store_iter *it = store_scan(t, STR("k"), STR("l"));
	char room[16], wanted[200];
	str key, value;

	for (int i = 0; i < MANY; i++) {
		str expected = many_key(room, i);
		bool lost = m->gaps && i % 7 &&
			    str_cmp(expected, buf_str(&m->from)) >= 0 &&
			    str_cmp(expected, buf_str(&m->to)) < 0;

		assert_int_equal(
			store_has(t, expected), lost ? ERR_NOTFOUND : OK);
		if (lost)
			continue;
		assert_true(store_iter_next(it, &key, &value));
		assert_str(key, expected.p);
		assert_true(str_eq(value, many_value(wanted, i)));
	}
	assert_false(store_iter_next(it, &key, &value));
	assert_ok(store_iter_end(it));
	/* Backwards, too. */
	it = store_scan_back(t, STR("k"), STR("l"));
	while (store_iter_next(it, &key, &value))
		;
	assert_ok(store_iter_end(it));
	store_end_read(t);
}

static void compact(const char *dir)
{
	rocksdb_options_t *o = rocksdb_options_create();
	char *status = NULL;
	rocksdb_t *db = rocksdb_open(o, dir, &status);

	assert_null(status);
	rocksdb_compact_range(db, NULL, 0, NULL, 0);
	rocksdb_close(db);
	rocksdb_options_destroy(o);
}

#define ONE_BIT 4
/* More than can be put right by itself. */
#define TWO_BITS 5

static void turn(const char *path, off_t at, char bits)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte = (char)(byte ^ bits);
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* Two bits in every 50,000 bytes of the table, one after another; all but those
 * behind its data can be mended, and are gone then for RocksDB, too. */
static void test_mended_table(void **state)
{
	unsigned mended = 0, not_mended = 0;
	struct stat st = {.st_size = 1000}; /* before it is known */

	for (off_t at = 20; at < st.st_size; at += 50021) {
		struct mending m = {.from = BUF_UNBOUNDED,
			.to = BUF_UNBOUNDED,
			.damage.key = BUF_UNBOUNDED};
		char *dir = dir_make(), *file;
		struct store *s;
		enum err e;

		assert_ok(store_open_rocksdb(dir, &s));
		assert_ok(store_write(s, STR("s"), put_many, NULL));
		store_close(s);
		assert_ok(store_open_rocksdb(dir, &s));
		store_close(s);
		file = newest(dir, ".sst");
		assert_int_equal(stat(file, &st), 0);
		turn(file, at, TWO_BITS);
		e = store_open_rocksdb(dir, &s);
		if (!e) {
			assert_ok(store_write(s, STR("s"), write_gap, &m));
			e = m.gaps ? store_mend(s, &m.damage, 1) : OK;
			assert_true(m.gaps <= 1);
			if (!e) {
				mended += m.gaps;
				check_many(s, &m);
			}
			store_close(s);
		}
		if (!e) {
			compact(dir);
			assert_ok(store_open_rocksdb(dir, &s));
			check_many(s, &m);
			store_close(s);
		}
		not_mended += e != OK;
		buf_fini(&m.from);
		buf_fini(&m.to);
		buf_fini(&m.damage.key);
		free(file);
		dir_remove(dir);
	}
	(void)state;
	assert_in_range(mended, 5, 100);
	assert_in_range(not_mended, 0, 2);
}

/* A store with one table, closed. */
static char *make_table(const char *dir)
{
	struct store *s;

	assert_ok(store_open_rocksdb(dir, &s));
	assert_ok(store_write(s, STR("s"), put_many, NULL));
	store_close(s);
	assert_ok(store_open_rocksdb(dir, &s));
	store_close(s);
	return newest(dir, ".sst");
}

static bool is_as(const char *path, const struct buf *wanted)
{
	struct buf b = read_file(path);
	bool same = str_eq(buf_str(&b), buf_str(wanted));

	buf_fini(&b);
	return same;
}

static unsigned count_gaps(struct store *s)
{
	struct mending m = {.from = BUF_UNBOUNDED,
		.to = BUF_UNBOUNDED,
		.damage.key = BUF_UNBOUNDED};
	const struct store_salvage how = {count_entry, keep_gap, &m};
	struct store_txn *t = store_begin_read(s);

	assert_ok(store_salvage(t, STR("k"), STR("l"), &how));
	store_end_read(t);
	buf_fini(&m.from);
	buf_fini(&m.to);
	buf_fini(&m.damage.key);
	return m.gaps;
}

static void count_bit(void *arg, const char *file, uint64_t bit)
{
	(void)file;
	((uint64_t *)arg)[0]++;
	((uint64_t *)arg)[1] = bit;
}

/* What is met when it is read; a dry run first. */
static void correct_bit_at(struct store *s, off_t at)
{
	uint64_t said[2] = {0};
	struct store_correct c = {.dry = true, .said = count_bit, .arg = said};

	for (int dry = 1; dry >= 0; dry--) {
		c.dry = dry;
		assert_int_equal(count_gaps(s), 1);
		assert_ok(store_correct(s, &c));
		assert_int_equal(c.corrected, 1);
		assert_int_equal(said[0], 2 - dry);
		assert_int_equal(said[1] / 8, at);
		assert_int_equal(store_is_one_bit(s, 1), dry);
	}
	assert_int_equal(count_gaps(s), 0);
	assert_ok(store_correct(s, &c));
	assert_int_equal(c.corrected, 0);
}

enum met { WHEN_OPENED, WHEN_READ, NOT_MET };

static enum met check_one_bit(
	const char *dir, const char *file, off_t at, const struct buf *whole)
{
	const struct mending none = {.gaps = 0};
	enum met met = WHEN_OPENED;
	struct store *s;

	turn(file, at, ONE_BIT);
	assert_ok(store_open_rocksdb(dir, &s));
	if (!is_as(file, whole))
		met = count_gaps(s) ? WHEN_READ : NOT_MET;
	if (met == WHEN_READ)
		correct_bit_at(s, at);
	check_many(s, &none);
	store_close(s);
	if (met == NOT_MET)
		turn(file, at, ONE_BIT);
	assert_true(is_as(file, whole));
	return met;
}

/* What holds the table together is shorter. */
#define TAIL 2500

/* One wrong bit, wherever it is in the table: nothing is lost, and the file
 * becomes as it was, whether it could be opened with it or not. Of filters it
 * is not met: without one, keys are looked for. */
static void test_one_bit(void **state)
{
	char *file = make_table(*state);
	struct buf whole = read_file(file);
	/* Behind the format record, which would be written anew. */
	off_t end = (off_t)whole.n, at = 20000;
	unsigned met[3] = {0};

	while (at < end) {
		met[check_one_bit(*state, file, at, &whole)]++;
		if (at < end - TAIL)
			at = at + 40009 < end - TAIL ? at + 40009 : end - TAIL;
		else
			at += at < end - TABLE_FOOTER ? 29 : 3;
	}
	print_message(
		"# opened %u, read %u, not met %u\n", met[0], met[1], met[2]);
	assert_true(met[WHEN_OPENED] >= 20 && met[WHEN_READ] >= 8);
	assert_true(met[NOT_MET] <= 20);
	buf_fini(&whole);
	free(file);
}

static char *manifest_of(const char *dir)
{
	char *path = xasprintf("%s/CURRENT", dir), *found;
	struct buf name = read_file(path);

	found = xasprintf("%s/%.*s", dir, (int)name.n - 1, name.p);
	buf_fini(&name);
	free(path);
	return found;
}

/* More than a bit of a length: RocksDB would take some of these for the
 * manifest's end, open what was then, and delete what came since. */
static void test_damaged_manifest(void **state)
{
	const struct mending none = {.gaps = 0};
	char *table = make_table(*state), *manifest = manifest_of(*state);
	struct buf whole = read_file(manifest);
	size_t at = 0, next;
	struct store *s;

	while ((next = at + 7 + (unsigned char)whole.p[at + 4] +
		       256u * (unsigned char)whole.p[at + 5]) < whole.n) {
		turn(manifest, (off_t)at + 5, 0x70);
		assert_int_equal(store_open_rocksdb(*state, &s), ERR_CORRUPT);
		assert_int_equal(access(table, F_OK), 0);
		turn(manifest, (off_t)at + 5, 0x70);
		at = next;
	}
	assert_true(at > 0);
	assert_true(is_as(manifest, &whole));
	assert_ok(store_open_rocksdb(*state, &s));
	check_many(s, &none);
	store_close(s);
	buf_fini(&whole);
	free(manifest);
	free(table);
}

/* Of what could not be tried nothing is known: it is tried again. Here a
 * directory is in the file's place for a while. */
static void test_correction_that_fails(void **state)
{
	char *file = make_table(*state);
	char *away = xasprintf("%s.away", file);
	struct store_correct c = {.met_only = true};
	const struct mending none = {.gaps = 0};
	struct store *s;

	turn(file, 60000, ONE_BIT);
	assert_ok(store_open_rocksdb(*state, &s));
	assert_int_equal(count_gaps(s), 1);
	assert_int_equal(rename(file, away), 0);
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(store_correct(s, &c), ERR_IO);
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(rename(away, file), 0);
	assert_ok(store_correct(s, &c));
	assert_int_equal(c.corrected, 1);
	check_many(s, &none);
	store_close(s);
	free(away);
	free(file);
}

/* A file that cannot be opened. */
static void make_loop(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);

	assert_int_equal(symlink(name, path), 0);
	free(path);
}

/* What is not RocksDB's does not keep the store from being opened after a kill;
 * nor does a file that cannot be opened keep the others from being put right.
 */
static void test_other_files(void **state)
{
	char *file = make_table(*state), *log;
	struct store_correct c = {.dry = false};
	const struct mending none = {.gaps = 0};
	struct stat st;
	struct store *s;

	assert_ok(store_open_rocksdb(*state, &s));
	put1(s, "a", "1");
	store_close(s);
	log = newest(*state, ".log");
	assert_int_equal(stat(log, &st), 0);
	assert_int_equal(truncate(log, st.st_size - 3), 0);
	turn(file, 60000, ONE_BIT);
	make_loop(*state, "notes.log");
	assert_ok(store_open_rocksdb(*state, &s));
	make_loop(*state, "9999.sst");
	make_loop(*state, "9999.blob");
	assert_int_equal(count_gaps(s), 1);
	assert_ok(store_correct(s, &c));
	assert_int_equal(c.corrected, 1);
	check_many(s, &none);
	store_close(s);
	free(log);
	free(file);
}

static void *correct_all(void *arg)
{
	struct store_correct c = {.dry = false};

	assert_ok(store_correct(arg, &c));
	return NULL;
}

/* Two that find the same bit turn it once. */
static void test_corrections_at_once(void **state)
{
	char *file = make_table(*state);
	struct buf whole = read_file(file);
	pthread_t threads[4];
	struct store *s;

	turn(file, 60000, ONE_BIT);
	assert_ok(store_open_rocksdb(*state, &s));
	assert_int_equal(count_gaps(s), 1);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, correct_all, s), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		pthread_join(threads[i], NULL);
	assert_true(is_as(file, &whole));
	assert_int_equal(count_gaps(s), 0);
	store_close(s);
	buf_fini(&whole);
	free(file);
}

/* Stands before libc's: what is written in a place is not, when told. */
static _Atomic bool forgets;

__attribute__((visibility("default"))) ssize_t pwrite(
	int fd, const void *p, size_t n, off_t at)
{
	if (atomic_load(&forgets))
		return (ssize_t)n;
	return syscall(SYS_pwrite64, fd, p, n, at);
}

/* What does not stay right is not tried for ever. */
static void test_correction_in_vain(void **state)
{
	char *file = make_table(*state);
	struct buf whole = read_file(file);
	struct store *s;

	/* In the metaindex, which stands before the footer. */
	turn(file, (off_t)whole.n - TABLE_FOOTER - 20, ONE_BIT);
	atomic_store(&forgets, true);
	assert_int_equal(store_open_rocksdb(*state, &s), ERR_CORRUPT);
	atomic_store(&forgets, false);
	assert_ok(store_open_rocksdb(*state, &s));
	assert_true(is_as(file, &whole));
	store_close(s);
	buf_fini(&whole);
	free(file);
}

static void test_failing_disk(void **state)
{
	struct rlimit was, small = {.rlim_cur = 100000};
	struct store *s;
	int i = 0;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small.rlim_max = was.rlim_max;
	assert_ok(store_open_rocksdb(*state, &s));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	while (i < 100 && store_write(s, STR("s"), put_three, &i) == OK)
		i++;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_in_range(i, 5, 40);
	assert_int_equal(store_write(s, STR("s"), put_three, &i), ERR_IO);
	assert_int_equal(count_whole(s), i);
	store_close(s);
	assert_ok(store_open_rocksdb(*state, &s));
	assert_int_equal(count_whole(s), i);
	assert_ok(store_write(s, STR("s"), put_three, &i));
	store_close(s);
}

/* Stands before libc's for RocksDB too: counts, and fails when told. */
static _Atomic unsigned real_syncs;
static _Atomic int sync_errno;

__attribute__((visibility("default"))) int fdatasync(int fd)
{
	int failing = atomic_load(&sync_errno);

	atomic_fetch_add(&real_syncs, 1);
	if (failing) {
		errno = failing;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static void test_real_syncs(void **state)
{
	struct store *s;
	unsigned before;
	int i;

	assert_ok(store_open_rocksdb(*state, &s));
	before = real_syncs;
	for (i = 0; i < 10; i++)
		assert_ok(store_write(s, STR("s"), put_three, &i));
	assert_int_equal(real_syncs - before, 10);
	for (; i < 20; i++)
		assert_ok(store_write_lazy(s, STR("s"), put_three, &i));
	assert_int_equal(real_syncs - before, 10);
	assert_ok(store_write(s, STR("another"), put_three, &i));
	assert_int_equal(real_syncs - before, 11);
	store_close(s);
}

/* What was refused because it could not be synced is not seen, and nothing is
 * written after it, until a new start, which may find it. */
static void test_failing_sync(void **state)
{
	static const struct {
		int error;
		enum err err;
	} rows[] = {
		{EIO, ERR_IO}, {ENOSPC, ERR_NOSPACE}, {EDQUOT, ERR_NOSPACE}};

	for (size_t n = 0; n < COUNT_OF(rows); n++) {
		char *dir = dir_make();
		struct store *s;
		int i = 0;

		assert_ok(store_open_rocksdb(dir, &s));
		assert_ok(store_write(s, STR("s"), put_three, &i));
		i++;
		atomic_store(&sync_errno, rows[n].error);
		assert_int_equal(
			store_write(s, STR("s"), put_three, &i), rows[n].err);
		assert_int_equal(count_whole(s), 1);
		atomic_store(&sync_errno, 0);
		assert_int_equal(
			store_write(s, STR("s"), put_three, &i), rows[n].err);
		assert_int_equal(count_whole(s), 1);
		store_close(s);
		assert_ok(store_open_rocksdb(dir, &s));
		assert_in_range(count_whole(s), 1, 2);
		store_close(s);
		dir_remove(dir);
	}
	(void)state;
}

static enum err has_after_a_second(struct store *s, str key)
{
	struct store_txn *t;
	enum err e;

	nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 100000000}, NULL);
	t = store_begin_read(s);
	e = store_has(t, key);
	store_end_read(t);
	return e;
}

/* Opened again, in the same process, it is looked at in the same way; what
 * could not be opened is not read. */
static void test_damaged_when_opened_again(void **state)
{
	char *manifest;
	struct store *s;
	int i = 0;

	free(make_table(*state));
	assert_ok(store_open_rocksdb(*state, &s));
	atomic_store(&sync_errno, EMFILE);
	assert_int_equal(
		store_write(s, STR("s"), put_three, &i), ERR_UNAVAILABLE);
	atomic_store(&sync_errno, 0);
	manifest = manifest_of(*state);
	turn(manifest, 5, 0x70);
	assert_int_equal(store_write(s, STR("s"), put_three, &i), ERR_CORRUPT);
	assert_int_equal(has_after_a_second(s, STR("a")), ERR_CORRUPT);
	turn(manifest, 5, 0x70);
	assert_int_equal(has_after_a_second(s, STR("a")), ERR_NOTFOUND);
	assert_ok(store_write(s, STR("s"), put_three, &i));
	store_close(s);
	free(manifest);
}

/* Values that do not compress, of tables' blocks. */
static enum err put_noise(struct store_txn *txn, void *arg)
{
	uint64_t x = 88172645463325252;
	uint64_t value[256];
	char key[16];

	(void)arg;
	for (int i = 0; i < 2000; i++) {
		for (size_t n = 0; n < COUNT_OF(value); n++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			value[n] = x;
		}
		snprintf(key, sizeof key, "k%d", i);
		store_put(txn, str_c(key), str_of((char *)value, sizeof value));
	}
	return OK;
}

static uint64_t cached_after_reading(struct store *s, size_t cache)
{
	struct store_stats stats;
	struct store_txn *txn;
	struct store_iter *it;
	str key, value;
	int count = 0;

	store_set_cache(s, cache);
	txn = store_begin_read(s);
	it = store_scan(txn, STR("k"), STR("l"));
	while (store_iter_next(it, &key, &value))
		count++;
	assert_ok(store_iter_end(it));
	store_end_read(txn);
	assert_int_equal(count, 2000);
	store_stats(s, &stats);
	return stats.bytes_cached;
}

/* 4 MB are read. */
static void test_cache(void **state)
{
	struct store *s;

	assert_ok(store_open_rocksdb(*state, &s));
	assert_ok(store_write(s, STR("s"), put_noise, NULL));
	store_close(s);
	assert_ok(store_open_rocksdb(*state, &s));
	assert_in_range(cached_after_reading(s, STORE_CACHE), 4000000, 6000000);
	assert_in_range(cached_after_reading(s, 2 << 20), 0, 3 << 20);
	assert_in_range(cached_after_reading(s, STORE_CACHE), 4000000, 6000000);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		TEST(test_format_record),
		TEST(test_open_what_cannot_be),
		TEST(test_cache),
		TEST(test_torn_log),
		TEST(test_damaged_file),
		TEST(test_mended_table),
		TEST(test_one_bit),
		TEST(test_damaged_manifest),
		TEST(test_correction_that_fails),
		TEST(test_other_files),
		TEST(test_corrections_at_once),
		TEST(test_correction_in_vain),
		TEST(test_failing_disk),
		TEST(test_real_syncs),
		TEST(test_failing_sync),
		TEST(test_damaged_when_opened_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
