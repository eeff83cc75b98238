/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RocksDB against memory: the same random writes, scans, failures and
 * reopenings on both must give the same answers. CULVER_SEED repeats a run,
 * CULVER_ROUNDS makes it longer.
 */
#include "engines.h"
#include "store/fault.h"

#include <stdlib.h>
#include <time.h>

static uint64_t state;

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *z = getenv(name);
	uint64_t n;

	return z && str_to_u64(str_c(z), UINT64_MAX, &n) == OK ? n : otherwise;
}

static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state * 0x2545f4914f6cdd1d >> 16) % below;
}

/* Few keys, many prefixes of each other, bytes from both ends. */
static void draw_key(struct buf *b, size_t least)
{
	static const char alphabet[] = "\x01"
				       "ab\xfe\xff";
	size_t n = least + draw(4);

	buf_reset(b);
	for (size_t i = 0; i < n; i++)
		buf_add_byte(b, alphabet[draw(sizeof alphabet - 1)]);
	if (n && draw(8) == 0)
		buf_add_byte(b, 0);
}

static void draw_value(struct buf *b)
{
	static const size_t most[] = {1, 20, 300, 5000, 5000, 20000};
	size_t n = draw(most[draw(COUNT_OF(most))]);

	buf_reset(b);
	for (size_t i = 0; i < n; i++)
		buf_add_byte(b, (char)('a' + (i % 7 ? 0 : draw(26))));
}

/* Everything that was seen goes into here, to be compared. */
static void note(struct buf *seen, str s)
{
	buf_add_sized(seen, s);
}

static void note_get(struct store_txn *t, struct buf *seen)
{
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;
	enum err err;

	draw_key(&key, 1);
	err = store_get(t, buf_str(&key), &value);
	assert_true(err == OK || err == ERR_NOTFOUND);
	assert_int_equal(store_has(t, buf_str(&key)), err);
	buf_add_byte(seen, (char)err);
	note(seen, buf_str(&value));
	buf_fini(&key);
	buf_fini(&value);
}

static void note_scan(struct store_txn *t, struct buf *seen)
{
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;
	uint64_t limit = draw(3) ? UINT64_MAX : draw(10);
	bool back = draw(2);
	struct store_iter *it;
	str k, v;

	draw_key(&from, 0);
	draw_key(&to, 0);
	it = back ? store_scan_back(t, buf_str(&from), buf_str(&to))
		  : store_scan(t, buf_str(&from), buf_str(&to));
	while (limit-- && store_iter_next(it, &k, &v)) {
		note(seen, k);
		note(seen, v);
	}
	assert_ok(store_iter_end(it));
	note(seen, STR("end"));
	buf_fini(&from);
	buf_fini(&to);
}

struct step {
	uint64_t seed;
	struct buf *seen;
};

/* Deterministic from the seed, and set up from scratch: may be run twice. */
static enum err random_write(struct store_txn *t, void *arg)
{
	const struct step *step = arg;
	struct buf a = BUF_UNBOUNDED, b = BUF_UNBOUNDED;

	state = step->seed;
	buf_reset(step->seen);
	for (uint64_t n = draw(20); n; n--) {
		draw_key(&a, 1);
		switch (draw(8)) {
		case 0:
			note_get(t, step->seen);
			break;
		case 1:
			note_scan(t, step->seen);
			break;
		case 2:
		case 3:
			store_delete(t, buf_str(&a));
			break;
		case 4:
			draw_key(&b, 1);
			if (draw(3) == 0)
				store_delete_range(t, buf_str(&a), buf_str(&b));
			break;
		default:
			draw_value(&b);
			store_put(t, buf_str(&a), buf_str(&b));
		}
	}
	buf_fini(&a);
	buf_fini(&b);
	return draw(4) ? OK : ERR_QUOTA;
}

static void read_all(struct store_txn *t, struct buf *seen)
{
	struct store_iter *it = store_scan(t, STR(""), STR(""));
	str k, v;

	buf_reset(seen);
	while (store_iter_next(it, &k, &v)) {
		note(seen, k);
		note(seen, v);
	}
	assert_ok(store_iter_end(it));
	for (unsigned i = 0; i < 5; i++) {
		note_get(t, seen);
		note_scan(t, seen);
	}
}

/* Both sides of the comparison, and a snapshot of each that grows old. */
struct side {
	struct store *store;
	struct store_txn *old;
	struct buf seen;
};

static void compare(const struct side *sides, uint64_t seed, const char *what)
{
	if (str_eq(buf_str(&sides[0].seen), buf_str(&sides[1].seen)))
		return;
	fail_msg("%s differ at step CULVER_SEED=%llu", what,
		(unsigned long long)seed);
}

static void step_writes(struct side *sides, uint64_t seed)
{
	enum err errs[2];
	bool lazy = seed % 3 == 0;

	for (unsigned i = 0; i < 2; i++) {
		struct step step = {seed, &sides[i].seen};

		errs[i] = (lazy ? store_write_lazy : store_write)(
			sides[i].store, STR("s"), random_write, &step);
	}
	assert_int_equal(errs[0], errs[1]);
	compare(sides, seed, "reads within a write");
}

static void step_reads(struct side *sides, uint64_t seed)
{
	for (unsigned i = 0; i < 2; i++) {
		struct store_txn *t = store_begin_read(sides[i].store);

		state = seed;
		read_all(t, &sides[i].seen);
		store_end_read(t);
	}
	compare(sides, seed, "reads");
	for (unsigned i = 0; i < 2; i++) {
		state = seed;
		read_all(sides[i].old, &sides[i].seen);
		if (seed % 5 == 0) {
			store_end_read(sides[i].old);
			sides[i].old = store_begin_read(sides[i].store);
		}
	}
	compare(sides, seed, "old snapshots");
}

static void open_rocksdb(struct side *side, const char *dir)
{
	assert_ok(store_open_rocksdb(dir, &side->store));
}

static void test_rocksdb_is_like_memory(void **unused)
{
	struct side sides[2] = {
		{.seen = BUF_UNBOUNDED}, {.seen = BUF_UNBOUNDED}};
	uint64_t seed = number("CULVER_SEED", (uint64_t)time(NULL));
	struct store_fault fault = {.conflicts = seed % 2};
	char *dir = dir_make();

	(void)unused;
	print_message("# CULVER_SEED=%llu\n", (unsigned long long)seed);
	sides[0].store = store_open_fault(store_open_memory(), &fault);
	open_rocksdb(&sides[1], dir);
	for (unsigned i = 0; i < 2; i++)
		sides[i].old = store_begin_read(sides[i].store);
	for (uint64_t n = number("CULVER_ROUNDS", 400); n; n--) {
		uint64_t step = (seed << 20 | n) + 1;

		step_writes(sides, step);
		step_reads(sides, step);
		if (step % 97 == 0) {
			store_end_read(sides[1].old);
			store_close(sides[1].store);
			open_rocksdb(&sides[1], dir);
			sides[1].old = store_begin_read(sides[1].store);
			store_end_read(sides[0].old);
			sides[0].old = store_begin_read(sides[0].store);
		}
	}
	for (unsigned i = 0; i < 2; i++) {
		store_end_read(sides[i].old);
		store_close(sides[i].store);
		buf_fini(&sides[i].seen);
	}
	dir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rocksdb_is_like_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
