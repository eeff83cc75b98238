/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a log that cannot be read to its end means: the end of what a power cut
 * let be written, or damage amid what was acknowledged. A log with synced and
 * lazy writes is cut at every length, and bits of each write are turned: two,
 * for one is put right (correct.c).
 */
#include "files.h"
#include "store/wal.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGE 100000
/* The heads of fragment and record, a tag, a length. */
#define BEFORE_KEY (7 + 12 + 2)

/* In this order into the log. Each spans blocks: of a block with damage RocksDB
 * drops the rest. */
static const struct written {
	const char *name;
	size_t size;
	bool lazy;
	/* What a wrong bit in it looks like. Of the last synced write nobody
	 * can tell whether it was acknowledged: it does not say any more that
	 * it was synced. */
	enum wal_state when_wrong;
} writes[] = {
	{"first", 40000, false, WAL_DAMAGED},
	{"lazy one", 50000, true, WAL_DAMAGED},
	{"large", LARGE, false, WAL_DAMAGED},
	{"small", 40000, false, WAL_DAMAGED},
	{"large and lazy", LARGE, true, WAL_DAMAGED},
	{"last synced", 40000, false, WAL_TORN},
	{"last lazy", 40000, true, WAL_TORN},
};

static struct buf value_of(const struct written *w)
{
	struct buf b = BUF_UNBOUNDED;

	while (b.n < w->size)
		buf_addf(&b, "%s at %zu ", w->name, b.n);
	buf_truncate(&b, w->size);
	return b;
}

static enum err put(struct store_txn *t, void *arg)
{
	const struct written *w = arg;
	struct buf value = value_of(w);

	store_put(t, str_c(w->name), buf_str(&value));
	buf_fini(&value);
	return OK;
}

static void write_all(struct store *s)
{
	for (size_t i = 0; i < COUNT_OF(writes); i++) {
		void *arg = (void *)(uintptr_t)&writes[i];

		if (writes[i].lazy)
			assert_ok(store_write_lazy(s, STR("s"), put, arg));
		else
			assert_ok(store_write(s, STR("s"), put, arg));
	}
}

/* The log with something in it. */
static char *find_log(const char *dir)
{
	DIR *d = opendir(dir);
	char *found = NULL;
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char *path = path_in(dir, e->d_name);
		struct stat st;

		if (str_ends(str_c(e->d_name), STR(".log")) &&
			stat(path, &st) == 0 && st.st_size > LARGE && !found)
			found = path;
		else
			free(path);
	}
	closedir(d);
	assert_non_null(found);
	return found;
}

static enum wal_state state_of(const char *dir)
{
	struct wal_finding f;

	assert_ok(wal_check(dir, &f));
	if (f.state != WAL_WHOLE)
		assert_true(*f.file);
	return f.state;
}

/* A store with all writes, not closed: its files as a copy. */
static char *make_log(char **log_r, struct buf *bytes_r)
{
	char *dir = dir_make(), *copy;
	struct store *s;

	assert_ok(store_open_rocksdb(dir, &s));
	write_all(s);
	copy = copy_of(dir);
	store_close(s);
	dir_remove(dir);
	*log_r = find_log(copy);
	*bytes_r = read_file(*log_r);
	return copy;
}

static void test_cut_anywhere(void **unused)
{
	struct buf bytes;
	char *log, *dir = make_log(&log, &bytes);
	size_t cut = 0, whole = 0, lengths = 0;

	(void)unused;
	assert_int_equal(state_of(dir), WAL_WHOLE);
	for (size_t n = 0; n < bytes.n; n += 1 + n % 997) {
		write_file(log, str_take(buf_str(&bytes), n));
		cut += state_of(dir) == WAL_CUT;
		whole += state_of(dir) == WAL_WHOLE;
		lengths++;
	}
	assert_int_equal(cut + whole, lengths);
	assert_true(whole < COUNT_OF(writes) + 2);
	/* Room that was reserved. */
	write_file(log, buf_str(&bytes));
	assert_int_equal(truncate(log, (off_t)bytes.n + 70000), 0);
	assert_int_equal(state_of(dir), WAL_WHOLE);
	dir_remove(dir);
	free(log);
	buf_fini(&bytes);
}

static bool is_there(struct store *s, const struct written *w)
{
	char *got = get1(s, w->name);
	struct buf expected = value_of(w);
	bool there = str_eq(str_c(got), buf_str(&expected));

	assert_true(there || strcmp(got, "-") == 0);
	buf_fini(&expected);
	free(got);
	return there;
}

/* What was acknowledged is there, so nobody has to be careful. */
static void test_cut_is_no_loss(void **unused)
{
	struct buf bytes;
	char *log, *dir = make_log(&log, &bytes);
	size_t at = str_find(buf_str(&bytes), STR("large and lazy at 5"));
	struct store *s;

	(void)unused;
	write_file(log, str_take(buf_str(&bytes), at));
	assert_int_equal(state_of(dir), WAL_CUT);
	assert_ok(store_open_rocksdb(dir, &s));
	assert_int_equal(store_lost_bytes(s), 0);
	for (size_t i = 0; i < COUNT_OF(writes); i++)
		assert_int_equal(is_there(s, &writes[i]), i < 4);
	store_close(s);
	dir_remove(dir);
	free(log);
	buf_fini(&bytes);
}

/* A fragment that is whole may have been acknowledged, also when its length
 * says that more was to come; and what the process wrote has no zeros behind
 * it. */
static void test_end_that_is_not_cut(void **unused)
{
	struct buf bytes;
	char *log, *dir = make_log(&log, &bytes);
	size_t last, end;

	(void)unused;
	bytes.n = str_find(buf_str(&bytes), STR("last lazy")) - BEFORE_KEY;
	end = bytes.n;
	last = end - end % WAL_BLOCK;
	for (size_t bit = 0; bit < 56; bit++) {
		bytes.p[last + bit / 8] ^= (char)(1 << bit % 8);
		write_file(log, buf_str(&bytes));
		bytes.p[last + bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(state_of(dir), WAL_TORN);
	}
	write_file(log, str_take(buf_str(&bytes), end - 10));
	assert_int_equal(state_of(dir), WAL_CUT);
	assert_int_equal(truncate(log, (off_t)end), 0);
	assert_int_equal(state_of(dir), WAL_TORN);
	dir_remove(dir);
	free(log);
	buf_fini(&bytes);
}

static void test_lost_page(void **unused)
{
	struct buf bytes;
	char *log, *dir = make_log(&log, &bytes);
	size_t at = str_find(buf_str(&bytes), STR("large and lazy at 5"));

	/* Of what was not synced when the power went; that a write behind it
	 * came to the disk does not tell more. Without the last one, which
	 * does tell that the one before it was synced. */
	(void)unused;
	buf_truncate(&bytes,
		str_find(buf_str(&bytes), STR("last lazy")) - BEFORE_KEY);
	assert_true(at + 4096 < bytes.n);
	memset(bytes.p + at, 0, 4096);
	write_file(log, buf_str(&bytes));
	assert_int_equal(state_of(dir), WAL_TORN);
	dir_remove(dir);
	free(log);
	buf_fini(&bytes);
}

/* Of damage, what stood there is gone, and it is said until somebody has taken
 * care of it; of what looks like a power cut, all from there on, and it is said
 * once. */
static void check_opened(const char *dir, size_t wrong)
{
	bool damaged = writes[wrong].when_wrong == WAL_DAMAGED;
	struct buf lost = BUF_UNBOUNDED;
	struct store *s;

	for (int round = 0; round < 2; round++) {
		assert_ok(store_open_rocksdb(dir, &s));
		assert_int_equal(
			store_lost_bytes(s) > 0, damaged || round == 0);
		assert_int_equal(
			store_read_lost(s, &lost), damaged ? OK : ERR_NOTFOUND);
		for (size_t i = 0; i < COUNT_OF(writes); i++)
			assert_int_equal(is_there(s, &writes[i]),
				i < wrong || (damaged && i > wrong));
		if (damaged && round)
			store_regained(s);
		store_close(s);
	}
	if (damaged)
		assert_true(str_find(buf_str(&lost),
				    str_c(writes[wrong].name)) < lost.n);
	assert_ok(store_open_rocksdb(dir, &s));
	assert_int_equal(store_lost_bytes(s), 0);
	put1(s, "more", "of it");
	store_close(s);
	buf_fini(&lost);
}

/* One would be put right. */
static void test_wrong_bits(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(writes); i++) {
		struct buf bytes;
		char *log, *dir = make_log(&log, &bytes);
		char *text = xasprintf("%s at 0", writes[i].name);
		size_t at = str_find(buf_str(&bytes), str_c(text));

		assert_true(at < bytes.n);
		bytes.p[at + 3] ^= 0x10;
		bytes.p[at + 4] ^= 0x10;
		write_file(log, buf_str(&bytes));
		print_message("# %s\n", writes[i].name);
		assert_int_equal(state_of(dir), writes[i].when_wrong);
		check_opened(dir, i);
		dir_remove(dir);
		free(text);
		free(log);
		buf_fini(&bytes);
	}
}

/* And one of the bytes, for one alone would be put right. Of some of these
 * RocksDB itself makes a loop without end. */
static void test_wrong_bits_in_a_head(void **unused)
{
	struct buf bytes;
	char *log, *dir = make_log(&log, &bytes);
	size_t start = str_find(buf_str(&bytes), STR("large at 0"));

	/* The block's first fragment. */
	(void)unused;
	start += WAL_BLOCK - start % WAL_BLOCK;
	bytes.p[start + 1000] ^= 1;
	for (size_t bit = 0; bit < 56; bit++) {
		char *copy = copy_of(dir), *path = find_log(copy);
		struct store *s;

		bytes.p[start + bit / 8] ^= (char)(1 << bit % 8);
		write_file(path, buf_str(&bytes));
		bytes.p[start + bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(state_of(copy), WAL_DAMAGED);
		assert_ok(store_open_rocksdb(copy, &s));
		for (size_t i = 0; i < COUNT_OF(writes); i++)
			assert_int_equal(is_there(s, &writes[i]), i != 2);
		store_close(s);
		dir_remove(copy);
		free(path);
	}
	dir_remove(dir);
	free(log);
	buf_fini(&bytes);
}

/* It is put right, and nothing is missing. */
static void check_one_bit(const char *dir, str bytes, size_t bit)
{
	char *copy = copy_of(dir), *path = find_log(copy);
	struct buf turned = BUF_UNBOUNDED;
	struct store *s;

	buf_add(&turned, bytes);
	turned.p[bit / 8] ^= (char)(1 << bit % 8);
	write_file(path, buf_str(&turned));
	assert_int_not_equal(state_of(copy), WAL_WHOLE);
	assert_ok(store_open_rocksdb(copy, &s));
	assert_int_equal(store_lost_bytes(s), 0);
	assert_int_equal(store_read_lost(s, &turned), ERR_NOTFOUND);
	for (size_t i = 0; i < COUNT_OF(writes); i++)
		assert_true(is_there(s, &writes[i]));
	store_close(s);
	dir_remove(copy);
	free(path);
	buf_fini(&turned);
}

static void test_one_bit(void **unused)
{
	struct buf bytes;
	char *log, *dir = make_log(&log, &bytes);
	size_t block = 2 * WAL_BLOCK, last = bytes.n - bytes.n % WAL_BLOCK;

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(writes); i++) {
		char *text = xasprintf("%s at 0", writes[i].name);
		size_t at = str_find(buf_str(&bytes), str_c(text));

		print_message("# %s\n", writes[i].name);
		check_one_bit(dir, buf_str(&bytes), 8 * (at + 3) + 4);
		free(text);
	}
	/* The heads of a block's first fragments: the log's last block seems to
	 * be cut short there when the length is wrong. */
	for (size_t bit = 0; bit < 56; bit += 5) {
		check_one_bit(dir, buf_str(&bytes), 8 * block + bit);
		check_one_bit(dir, buf_str(&bytes), 8 * last + bit);
	}
	dir_remove(dir);
	free(log);
	buf_fini(&bytes);
}

/* A log that an earlier start read to its end, and which is there again. */
static void check_old_log_with_an_end(size_t cut_off, char wrong_bits)
{
	struct buf bytes;
	char *log, *dir = make_log(&log, &bytes), *copy;
	struct store *s;

	bytes.n -= cut_off;
	bytes.p[bytes.n - 1] ^= wrong_bits;
	write_file(log, buf_str(&bytes));
	assert_int_equal(state_of(dir), wrong_bits ? WAL_TORN : WAL_CUT);
	assert_ok(store_open_rocksdb(dir, &s));
	store_regained(s);
	put1(s, "one", "1");
	put1(s, "two", "2");
	put1(s, "three", "3");
	copy = copy_of(dir);
	store_close(s);
	dir_remove(dir);
	dir = path_in(copy, strrchr(log, '/') + 1);
	write_file(dir, buf_str(&bytes));
	assert_int_equal(state_of(copy), WAL_WHOLE);
	assert_ok(store_open_rocksdb(copy, &s));
	assert_value(s, "three", "3");
	store_close(s);
	dir_remove(copy);
	free(dir);
	free(log);
	buf_fini(&bytes);
}

static void test_old_log_with_an_end(void **unused)
{
	(void)unused;
	check_old_log_with_an_end(100, 0);
	check_old_log_with_an_end(0, 5);
}

/* A log that is not there leaves a gap in the numbers. */
static void test_missing_records(void **unused)
{
	struct buf bytes, anew = BUF_UNBOUNDED;
	char *log, *dir = make_log(&log, &bytes);
	size_t from = str_find(buf_str(&bytes), STR("small at 0"));
	size_t to = str_find(buf_str(&bytes), STR("last synced at 0"));
	struct wal_finding f;

	/* Whole blocks of it are zero, and what is cut becomes so by hand. */
	(void)unused;
	(void)to;
	from -= from % WAL_BLOCK;
	memset(bytes.p + from, 0, WAL_BLOCK * 3);
	write_file(log, buf_str(&bytes));
	assert_ok(wal_check(dir, &f));
	assert_int_equal(f.state, WAL_DAMAGED);
	dir_remove(dir);
	free(log);
	buf_fini(&bytes);
	buf_fini(&anew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_cut_is_no_loss),
		cmocka_unit_test(test_end_that_is_not_cut),
		cmocka_unit_test(test_lost_page),
		cmocka_unit_test(test_wrong_bits),
		cmocka_unit_test(test_wrong_bits_in_a_head),
		cmocka_unit_test(test_one_bit),
		cmocka_unit_test(test_old_log_with_an_end),
		cmocka_unit_test(test_missing_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
