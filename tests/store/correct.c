/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One wrong bit in what holds RocksDB's files together is put right, and
 * nothing else is touched: neither two of them nor what a power cut leaves. The
 * files are those of a store that was not closed: CURRENT, a manifest, a log
 * with writes, and a blob file that was finished.
 */
#include "files.h"
#include "base/crc32c.h"
#include "base/onebit.h"
#include "store/correct.h"
#include "store/fragment.h"
#include "store/masked.h"
#include "store/wal.h"
#include "store/wrongbit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Of fragments, the bits between those that are turned. */
#define STEP 3989

typedef enum err correct_all_fn(struct correcting *);

/* Of the blob file, and of the log: of these some span blocks. */
static const struct written {
	const char *key;
	size_t size;
	bool early;
} writes[] = {
	{"blob", 5000, true},
	{"another blob", 6000, true},
	{"in the table", 100, true},
	{"small", 10, false},
	{"some", 300, false},
	{"to the second block", 40000, false},
	{"small again", 20, false},
	{"to the third", 30000, false},
	{"last but one", 500, false},
	{"last", 100, false},
};

struct home {
	char *dir;
	char *log, *manifest, *current, *blob; /* names */
};

/* Without zeros: these may be what was not written. */
static struct buf value_of(const struct written *w)
{
	struct buf b = BUF_UNBOUNDED;

	while (b.n < w->size)
		buf_addf(&b, "%s at %zu ", w->key, b.n);
	buf_truncate(&b, w->size);
	return b;
}

static void write_some(struct store *s, bool early)
{
	for (size_t i = 0; i < COUNT_OF(writes); i++) {
		struct buf value = value_of(&writes[i]);

		buf_add_byte(&value, 0);
		if (writes[i].early == early)
			put1(s, writes[i].key, value.p);
		buf_fini(&value);
	}
}

static off_t size_of(const char *dir, const char *name)
{
	char *path = path_in(dir, name);
	struct buf bytes = read_file(path);
	off_t n = (off_t)bytes.n;

	buf_fini(&bytes);
	free(path);
	return n;
}

/* The largest file with such a name. */
static char *find(const char *dir, const char *start, const char *end)
{
	DIR *d = opendir(dir);
	char *found = NULL;
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (str_starts(str_c(e->d_name), str_c(start)) &&
			str_ends(str_c(e->d_name), str_c(end)) &&
			(!found || size_of(dir, e->d_name) >
					   size_of(dir, found))) {
			free(found);
			found = xstrdup(e->d_name);
		}
	closedir(d);
	assert_non_null(found);
	return found;
}

/* RocksDB writes what is in the log to tables and blob files when it is opened.
 */
static int setup(void **state)
{
	struct home *h = xcalloc(1, sizeof *h);
	char *dir = dir_make();
	struct store *s;

	assert_ok(store_open_rocksdb(dir, &s));
	write_some(s, true);
	store_close(s);
	assert_ok(store_open_rocksdb(dir, &s));
	write_some(s, false);
	h->dir = copy_of(dir);
	store_close(s);
	dir_remove(dir);
	h->log = find(h->dir, "", ".log");
	h->manifest = find(h->dir, "MANIFEST-", "");
	h->current = find(h->dir, "CURRENT", "");
	h->blob = find(h->dir, "", ".blob");
	assert_true(size_of(h->dir, h->blob) > 11000);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	struct home *h = *state;

	dir_remove(h->dir);
	free(h->log);
	free(h->manifest);
	free(h->current);
	free(h->blob);
	free(h);
	return 0;
}

/* A file that is damaged, and what may be done about it. */
struct damaged {
	const struct home *home;
	const char *file;
	correct_all_fn *correct;
	char *path;
	struct buf bytes; /* as it was */
	/* As it was said. */
	uint64_t bit;
	unsigned said;
	enum err err; /* of a manifest, that it is damaged */
};

static struct damaged damaged_of(
	const struct home *h, const char *file, correct_all_fn *correct)
{
	struct damaged d = {.home = h, .file = file, .correct = correct};

	d.path = path_in(h->dir, file);
	d.bytes = read_file(d.path);
	return d;
}

static void damaged_end(struct damaged *d)
{
	write_file(d->path, buf_str(&d->bytes));
	buf_fini(&d->bytes);
	free(d->path);
}

static void on_bit(void *arg, const char *file, uint64_t bit)
{
	struct damaged *d = arg;

	assert_string_equal(file, d->file);
	d->bit = bit;
	d->said++;
}

static unsigned run(struct damaged *d, bool dry)
{
	struct correcting c = {
		.dir = d->home->dir, .dry = dry, .said = on_bit, .arg = d};

	d->said = 0;
	d->err = d->correct(&c);
	assert_true(d->err == OK ||
		    (d->err == ERR_CORRUPT && d->correct == correct_manifests));
	assert_int_equal(c.corrected, d->said);
	return c.corrected;
}

static void turn_in_file(const struct damaged *d, uint64_t bit)
{
	int fd = open(d->path, O_RDWR | O_CLOEXEC);
	char byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
	onebit_turn(&byte, bit % 8);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
	close(fd);
}

static void assert_file(const struct damaged *d, const struct buf *expected)
{
	struct buf now = read_file(d->path);

	assert_int_equal(now.n, expected->n);
	assert_memory_equal(now.p, expected->p, now.n);
	buf_fini(&now);
}

static void check_bit(struct damaged *d, uint64_t bit)
{
	turn_in_file(d, bit);
	if (run(d, false) != 1)
		fail_msg("%s: bit %ju", d->file, (uintmax_t)bit);
	assert_ok(d->err);
	assert_int_equal(d->bit, bit);
	assert_file(d, &d->bytes);
}

/* Whatever the file is now, it stays so. */
static void check_left(struct damaged *d)
{
	struct buf before = read_file(d->path);

	assert_int_equal(run(d, false), 0);
	assert_file(d, &before);
	buf_fini(&before);
}

static void check_two_bits(struct damaged *d, uint64_t one, uint64_t two)
{
	turn_in_file(d, one);
	turn_in_file(d, two);
	check_left(d);
	turn_in_file(d, one);
	turn_in_file(d, two);
}

static void check_dry(struct damaged *d, uint64_t bit)
{
	struct buf before;

	turn_in_file(d, bit);
	before = read_file(d->path);
	assert_int_equal(run(d, true), 1);
	assert_int_equal(d->bit, bit);
	assert_file(d, &before);
	turn_in_file(d, bit);
	buf_fini(&before);
}

/* Logs and manifests. */

typedef void fragment_fn(struct damaged *, uint64_t at, size_t size);

/* The size of the next one, from *at on; 0: there is none. */
static size_t next_fragment(str log, size_t *at)
{
	while (*at < log.n) {
		size_t rest = FRAGMENT_BLOCK - *at % FRAGMENT_BLOCK;
		size_t size = fragment_size(str_take(str_skip(log, *at), rest));

		if (size)
			return size;
		assert_true(rest < FRAGMENT_HEAD);
		*at += rest;
	}
	return 0;
}

static size_t each_fragment(struct damaged *d, fragment_fn *fn)
{
	size_t at = 0, count = 0, size;

	while ((size = next_fragment(buf_str(&d->bytes), &at))) {
		fn(d, at, size);
		at += size;
		count++;
	}
	return count;
}

static void turn_bits(struct damaged *d, uint64_t at, size_t size)
{
	uint64_t bit = 8 * at, bytes = bit + (uint64_t)8 * FRAGMENT_HEAD;

	for (; bit < bytes; bit++)
		check_bit(d, bit);
	for (; bit < 8 * (at + size); bit += STEP)
		check_bit(d, bit);
	check_bit(d, 8 * (at + size) - 1);
}

static void turn_two_bits(struct damaged *d, uint64_t at, size_t size)
{
	uint64_t last = 8 * (at + size) - 1;

	for (uint64_t bit = 0; bit < (uint64_t)8 * FRAGMENT_HEAD; bit += 3)
		check_two_bits(d, 8 * at + bit, last);
	check_two_bits(d, last - 7, last);
	check_two_bits(d, 8 * at + 1, 8 * at + 30);
}

static void check_fragments(struct damaged *d, size_t least)
{
	check_left(d);
	assert_true(each_fragment(d, turn_bits) >= least);
	each_fragment(d, turn_two_bits);
	check_dry(d, 8 * (d->bytes.n - 3));
	damaged_end(d);
}

static void test_log(void **state)
{
	const struct home *h = *state;
	struct damaged d = damaged_of(h, h->log, correct_logs);

	check_fragments(&d, 9);
}

static void test_manifest(void **state)
{
	const struct home *h = *state;
	struct damaged d = damaged_of(h, h->manifest, correct_manifests);

	check_fragments(&d, 3);
}

static void damage_manifest(struct damaged *d, uint64_t at, size_t size)
{
	bool last = at + size == d->bytes.n;

	/* It seems to go on behind the end. */
	turn_in_file(d, 8 * (at + FRAGMENT_LENGTH) + 14);
	turn_in_file(d, 8 * at);
	check_left(d);
	assert_int_equal(d->err, last ? OK : ERR_CORRUPT);
	turn_in_file(d, 8 * (at + FRAGMENT_LENGTH) + 14);
	turn_in_file(d, 8 * at);
}

/* What RocksDB takes for the end is only one when nothing follows. */
static void test_damaged_manifest(void **state)
{
	const struct home *h = *state;
	struct damaged d = damaged_of(h, h->manifest, correct_manifests);

	each_fragment(&d, damage_manifest);
	for (size_t n = 0; n < d.bytes.n; n++) {
		write_file(d.path, str_take(buf_str(&d.bytes), n));
		check_left(&d);
		assert_ok(d.err);
		assert_int_equal(truncate(d.path, (off_t)(n + 40000)), 0);
		/* What is cut off may be zero but for a bit. */
		if (run(&d, false) == 1) {
			assert_in_range(d.bit, 8 * n, 8 * d.bytes.n - 1);
			assert_true(d.bytes.p[d.bit / 8] >> d.bit % 8 & 1);
		}
		assert_ok(d.err);
	}
	damaged_end(&d);
}

/* Of a long one, a block that is gone. */
static void test_hole_in_a_manifest(void **state)
{
	const struct home *h = *state;
	struct damaged d = damaged_of(h, h->manifest, correct_manifests);
	struct buf log = BUF_UNBOUNDED;

	while (log.n < 5 * FRAGMENT_BLOCK / 2)
		wal_add_record(&log, log.n, STR("a record of some length"));
	for (size_t at = 0; at < 3 * FRAGMENT_BLOCK; at += FRAGMENT_BLOCK) {
		struct buf with = BUF_UNBOUNDED;

		buf_add(&with, buf_str(&log));
		memset(with.p + at, 0, FRAGMENT_BLOCK / 2);
		write_file(d.path, buf_str(&with));
		check_left(&d);
		assert_int_equal(
			d.err, at < 2 * FRAGMENT_BLOCK ? ERR_CORRUPT : OK);
		buf_fini(&with);
	}
	buf_fini(&log);
	damaged_end(&d);
}

/* Each fragment may have one. */
static void test_bits_of_fragments(void **state)
{
	const struct home *h = *state;
	struct damaged d = damaged_of(h, h->log, correct_logs);

	turn_in_file(&d, 3);
	turn_in_file(&d, 8 * (d.bytes.n - 1));
	turn_in_file(&d, (uint64_t)8 * 30000);
	assert_int_equal(run(&d, true), 3);
	assert_int_equal(run(&d, false), 3);
	assert_file(&d, &d.bytes);
	damaged_end(&d);
}

/* What a power cut leaves is no wrong bit: of the log, a part; with zeros
 * behind it; or zeros in it. */
static void test_cut_anywhere(void **state)
{
	const struct home *h = *state;
	struct damaged d = damaged_of(h, h->log, correct_logs);

	for (size_t n = 0; n < d.bytes.n; n += 1 + n % 499) {
		write_file(d.path, str_take(buf_str(&d.bytes), n));
		check_left(&d);
		assert_int_equal(truncate(d.path, (off_t)(n + n % 70000)), 0);
		check_left(&d);
	}
	damaged_end(&d);
}

static void test_unwritten_sectors(void **state)
{
	const struct home *h = *state;
	struct damaged d = damaged_of(h, h->log, correct_logs);
	struct buf with = read_file(d.path);

	for (size_t at = 0; at < with.n; at += 512 * 7) {
		size_t n = with.n - at < 512 ? with.n - at : 512;

		memset(with.p + at, 0, n);
		write_file(d.path, buf_str(&with));
		check_left(&d);
		memcpy(with.p + at, d.bytes.p + at, n);
	}
	buf_fini(&with);
	damaged_end(&d);
}

/* By chance a bit might explain what was not written: here it does. */
static void test_unwritten_by_chance(void **state)
{
	const struct home *h = *state;
	struct damaged d = damaged_of(h, h->log, correct_logs);
	struct buf log = BUF_UNBOUNDED;
	char record[2000];

	memset(record, 'x', sizeof record);
	memset(record + 1024 - FRAGMENT_HEAD - 20, 0, 20);
	wal_add_record(&log, 0, str_of(record, sizeof record));
	onebit_turn(log.p, 8 * 300);
	write_file(d.path, buf_str(&log));
	check_left(&d);
	buf_fini(&log);
	damaged_end(&d);
}

/* The four bytes with which what has the sum `before` comes to have `wanted`:
 * a sum can be computed backwards. */
static void forge(char *bytes, uint32_t before, uint32_t wanted)
{
	uint32_t state = ~wanted;

	for (int i = 0; i < 32; i++)
		state = state >> 31 ? (state ^ 0x82f63b78) << 1 | 1
				    : state << 1;
	le_put(bytes, 4, state ^ ~before);
	assert_int_equal(crc32c(before, str_of(bytes, 4)), wanted);
}

/* A record, of which the last four bytes of the first fragment are such that
 * half of that has the same sum. */
static struct buf make_forged(size_t size)
{
	struct buf record = BUF_UNBOUNDED, log = BUF_UNBOUNDED;
	size_t n = size < FRAGMENT_BLOCK - FRAGMENT_HEAD
			   ? size
			   : FRAGMENT_BLOCK - FRAGMENT_HEAD;
	char type[] = {(char)(n == size ? FRAGMENT_WHOLE : FRAGMENT_FIRST)};
	uint32_t of_type = crc32c(0, str_of(type, 1));
	str half;

	for (size_t i = 0; i < size; i++)
		buf_add_byte(&record, (char)('a' + i % 23));
	half = str_take(buf_str(&record), n & ~(size_t)0x4000);
	assert_true(half.n < n);
	forge(record.p + n - 4,
		crc32c(of_type, str_take(buf_str(&record), n - 4)),
		crc32c(of_type, half));
	wal_add_record(&log, 0, buf_str(&record));
	buf_fini(&record);
	return log;
}

/* Who makes his mail so that a part of it has the sum of all does not have that
 * part read as if it were all, and what follows as records. */
static void test_forged(void **state)
{
	static const struct {
		size_t size, cut;
		uint64_t bit; /* turned; 0: none */
		const char *why;
	} rows[] = {
		{20000, SIZE_MAX, 8 * 19000, "the length, or this bit"},
		{40000, 30000, 0, "not the first part of a record"},
		{40000, SIZE_MAX, 8 * 30000, "neither; a bit of all"},
	};
	const struct home *h = *state;
	struct damaged d = damaged_of(h, h->log, correct_logs);

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf log = make_forged(rows[i].size);
		bool all = rows[i].size == 40000 && rows[i].bit;

		print_message("# %s\n", rows[i].why);
		write_file(d.path, str_take(buf_str(&log), rows[i].cut));
		check_left(&d);
		if (rows[i].bit)
			turn_in_file(&d, rows[i].bit);
		assert_int_equal(run(&d, true), all);
		buf_fini(&log);
	}
	damaged_end(&d);
}

/* Of what is damaged all over not much is looked at. */
static void test_many(void **state)
{
	const struct home *h = *state;
	struct damaged d = damaged_of(h, h->log, correct_logs);
	struct buf log = BUF_UNBOUNDED;

	for (size_t i = 0; i < 40; i++) {
		size_t at = log.n;

		wal_add_record(&log, at, STR("a record of some length"));
		onebit_turn(log.p, 8 * at + 7 * i);
	}
	write_file(d.path, buf_str(&log));
	assert_int_equal(run(&d, true), 16);
	assert_int_equal(run(&d, false), 16);
	/* The state of a generator, as long as several blocks. */
	for (uint64_t n = 1; log.n < 200000; n = n * 6364136223846793005 + 1)
		buf_add_be64(&log, n);
	write_file(d.path, str_skip(buf_str(&log), 2000));
	check_left(&d);
	buf_fini(&log);
	damaged_end(&d);
}

/* CURRENT. */

static bool names_with(const struct damaged *d, uint64_t bit)
{
	char name[CURRENT_MAX];
	bool names;

	onebit_turn(d->bytes.p, bit);
	names = current_names(buf_str(&d->bytes), name);
	onebit_turn(d->bytes.p, bit);
	return names;
}

static void test_current(void **state)
{
	const struct home *h = *state;
	struct damaged d = damaged_of(h, h->current, correct_current);
	str bytes = buf_str(&d.bytes);
	char name[CURRENT_MAX];

	check_left(&d);
	assert_true(current_names(bytes, name));
	assert_string_equal(name, h->manifest);
	for (uint64_t bit = 0; bit < 8 * bytes.n; bit++) {
		if (!names_with(&d, bit)) {
			check_bit(&d, bit);
			continue;
		}
		turn_in_file(&d, bit);
		check_left(&d);
		turn_in_file(&d, bit);
	}
	for (uint64_t bit = 1; bit < 8 * bytes.n; bit++)
		check_two_bits(&d, 0, bit);
	check_dry(&d, 8 * 9 + 6);
	for (size_t n = 0; n < bytes.n; n++) {
		write_file(d.path, str_take(bytes, n));
		check_left(&d);
	}
	damaged_end(&d);
}

static bool is_one_of(void *arg, const char *name)
{
	return strstr(arg, name);
}

static void test_current_names(void **state)
{
	static const struct {
		const char *current, *there;
		int64_t bit; /* -1: none */
		const char *why;
	} rows[] = {
		{"MANIFEST-000005\n", "MANIFEST-000005", -1, "right"},
		{"MANIFEST-000004\n", "MANIFEST-000005", -1,
			"it may be lost, and the other one old"},
		{"MANIFEST-00000u\n", "MANIFEST-000007", -1, "two bits away"},
		{"MANIFEST-000004\n", "MANIFEST-000004 MANIFEST-000005", -1,
			"there, if not the one it was"},
		{"MANIFEST-00000u\n", "MANIFEST-000004 MANIFEST-000005",
			8 * 14 + 6, "no digit"},
		{"MANIFEST-00000=\n", "MANIFEST-000005 MANIFEST-000009", -1,
			"either of two"},
		{"MANIFEST-00000\n", "MANIFEST-00000", -1, "five digits"},
		{"MANIFEST-1000005\x0b", "MANIFEST-1000005", 8 * 16,
			"seven digits"},
		{"MANIFEST-000005\n\n", "MANIFEST-000005", -1, "two lines"},
		{"MANIFEST-0000000000000000000000000000000000000005\n",
			"MANIFEST-", -1, "too long"},
		{"", "MANIFEST-000005", -1, "empty"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *current = xstrdup(rows[i].current);
		void *there = (void *)(uintptr_t)rows[i].there;
		uint64_t bit = 0;
		bool found = wrongbit_in_current(
			current, strlen(current), is_one_of, there, &bit);

		print_message("# %s\n", rows[i].why);
		assert_int_equal(found ? (int64_t)bit : -1, rows[i].bit);
		assert_string_equal(current, rows[i].current);
		free(current);
	}
}

/* A directory that has none of them. */
static void test_nothing_there(void **state)
{
	static correct_all_fn *const all[] = {correct_current,
		correct_manifests, correct_logs, correct_blobs};
	char *dir = dir_make();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		struct correcting c = {.dir = dir};

		assert_ok(all[i](&c));
		assert_int_equal(c.corrected, 0);
	}
	dir_remove(dir);
}

/* Blob files. */

static void test_blob(void **state)
{
	const struct home *h = *state;
	struct damaged d = damaged_of(h, h->blob, correct_blobs);
	uint64_t end = 8 * d.bytes.n;
	uint64_t footer = end - (uint64_t)8 * BLOB_FOOTER;

	check_left(&d);
	for (uint64_t bit = 0; bit < (uint64_t)8 * BLOB_HEADER; bit++)
		check_bit(&d, bit);
	for (uint64_t bit = footer; bit < end; bit++)
		check_bit(&d, bit);
	for (uint64_t bit = 1; bit < (uint64_t)8 * BLOB_HEADER; bit += 3)
		check_two_bits(&d, 0, bit);
	for (uint64_t bit = footer + 1; bit < end; bit += 3)
		check_two_bits(&d, footer, bit);
	check_dry(&d, 9);
	check_dry(&d, footer);
	damaged_end(&d);
}

/* Of one that was not finished, blobs are the end, though these look like a
 * footer but for its magic. */
static void test_unfinished_blob(void **state)
{
	const struct home *h = *state;
	struct damaged d = damaged_of(h, h->blob, correct_blobs);
	struct buf other = read_file(d.path);
	char *end = other.p + other.n - BLOB_FOOTER;

	end[1] = 0;
	le_put(end + BLOB_FOOTER - MASKED_SIZE, MASKED_SIZE,
		masked_crc32c(str_of(end, BLOB_FOOTER - MASKED_SIZE)));
	onebit_turn(end, 77);
	write_file(d.path, buf_str(&other));
	check_left(&d);
	buf_fini(&other);
	for (size_t n = 0; n < d.bytes.n; n += 1 + n % 97) {
		write_file(d.path, str_take(buf_str(&d.bytes), n));
		check_left(&d);
	}
	damaged_end(&d);
}

/* And opened, with all that was written. */

static bool is_as_written(struct store *s, const struct written *w)
{
	struct buf got = BUF_UNBOUNDED, expected = value_of(w);
	struct store_txn *t = store_begin_read(s);
	bool is = !store_get(t, str_c(w->key), &got) &&
		  str_eq(buf_str(&got), buf_str(&expected));

	store_end_read(t);
	buf_fini(&expected);
	buf_fini(&got);
	return is;
}

static void check_opened(const char *dir, const char *file, uint64_t bit)
{
	struct buf lost = BUF_UNBOUNDED;
	struct store *s;

	print_message("# %s: bit %ju\n", file, (uintmax_t)bit);
	assert_ok(store_open_rocksdb(dir, &s));
	assert_int_equal(store_lost_bytes(s), 0);
	assert_int_equal(store_read_lost(s, &lost), ERR_NOTFOUND);
	/* Of a blob file's frame it is the first reader who finds it wrong. */
	if (str_ends(str_c(file), STR(".blob")))
		assert_false(is_as_written(s, &writes[0]));
	for (size_t i = 0; i < COUNT_OF(writes); i++)
		assert_true(is_as_written(s, &writes[i]));
	store_close(s);
	buf_fini(&lost);
}

static void check_open(const struct home *h, const char *file, uint64_t bit)
{
	char *dir = copy_of(h->dir), *path = path_in(dir, file);
	struct buf bytes = read_file(path);

	assert_true(bit < 8 * bytes.n);
	onebit_turn(bytes.p, bit);
	write_file(path, buf_str(&bytes));
	check_opened(dir, file, bit);
	buf_fini(&bytes);
	free(path);
	dir_remove(dir);
}

/* A bit in the length of the last fragment but one: with it the log seems to be
 * cut short there. */
static uint64_t bit_of_length(const struct home *h)
{
	char *path = path_in(h->dir, h->log);
	struct buf log = read_file(path);
	size_t at = 0, last = 0, before = 0, size;

	while ((size = next_fragment(buf_str(&log), &at))) {
		before = last;
		last = at;
		at += size;
	}
	buf_fini(&log);
	free(path);
	return 8 * (before + FRAGMENT_LENGTH) + 12;
}

/* A few of each kind: opening takes its time. */
static void test_open(void **state)
{
	const struct home *h = *state;
	uint64_t log_end = 8 * (uint64_t)size_of(h->dir, h->log);
	uint64_t manifest_end = 8 * (uint64_t)size_of(h->dir, h->manifest);
	uint64_t blob_end = 8 * (uint64_t)size_of(h->dir, h->blob);

	for (uint64_t bit = 0; bit < log_end; bit += 50021)
		check_open(h, h->log, bit);
	check_open(h, h->log, bit_of_length(h));
	check_open(h, h->log, log_end - 1);
	for (uint64_t bit = 5; bit < manifest_end; bit += 397)
		check_open(h, h->manifest, bit);
	check_open(h, h->current, 8);
	check_open(h, h->current, 8 * 14 + 6);
	check_open(h, h->blob, 0);
	check_open(h, h->blob, 8 * 20 + 3);
	check_open(h, h->blob, blob_end - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_damaged_manifest),
		cmocka_unit_test(test_hole_in_a_manifest),
		cmocka_unit_test(test_bits_of_fragments),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_unwritten_sectors),
		cmocka_unit_test(test_unwritten_by_chance),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_current),
		cmocka_unit_test(test_current_names),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_blob),
		cmocka_unit_test(test_unfinished_blob),
		cmocka_unit_test(test_open),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
