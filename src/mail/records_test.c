/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/records.h"
#include "base/test.h"

#include <stdlib.h>

enum { MESSAGES = 300, ACCOUNT = 7, LATE = 200 };

/* Half of all messages have something behind their header, some a lot. */
static uint32_t chunks_of(message_num m)
{
	return m % 2 ? 0 : m % 14 ? 1 : 4;
}

static void put(struct store_txn *txn, char letter, struct record_place at)
{
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;

	if (letter == 'c')
		key_chunk(&key, ACCOUNT, at.message, at.chunk);
	else
		key_message(&key, ACCOUNT, letter, at.message);
	buf_addf(&value, "%c%u.%u", letter, (unsigned)at.message, at.chunk);
	store_put(txn, buf_str(&key), buf_str(&value));
	buf_fini(&key);
	buf_fini(&value);
}

static enum err fill(struct store_txn *txn, void *unused)
{
	(void)unused;
	for (message_num m = 1; m <= MESSAGES; m++) {
		put(txn, 'f', (struct record_place){m, 0});
		for (uint32_t c = 1; c <= chunks_of(m); c++)
			put(txn, 'c', (struct record_place){m, c});
	}
	return OK;
}

struct wish {
	char letter;
	struct record_place at;
	unsigned seen;
};

static enum err see(str value, void *arg)
{
	struct wish *w = arg;
	char wanted[32];

	snprintf(wanted, sizeof wanted, "%c%u.%u", w->letter,
		(unsigned)w->at.message, w->at.chunk);
	assert_str(value, wanted);
	w->seen++;
	return OK;
}

static void visit(struct records *r, struct record_place at, bool is_there)
{
	struct wish w = {r->letter, at, 0};
	enum err e = records_visit(r, at, see, &w);

	assert_int_equal(e, is_there ? OK : ERR_NOTFOUND);
	assert_int_equal(w.seen, is_there);
}

/* As FETCH BODY[] does, and what is not there is asked for, too. */
static void visit_message(
	struct records *firsts, struct records *rests, message_num m)
{
	visit(firsts, (struct record_place){m, 0}, m <= MESSAGES);
	if (m > MESSAGES || m % 5 == 0)
		return;
	for (uint32_t c = 1; c <= chunks_of(m) + (m % 3 == 0); c++)
		visit(rests, (struct record_place){m, c}, c <= chunks_of(m));
}

static message_num in_order(unsigned i, unsigned *seed)
{
	(void)seed;
	return i + 1;
}

/* Every third lies before all others, as large ones do. */
static message_num in_two_rows(unsigned i, unsigned *seed)
{
	(void)seed;
	return i % 3 ? LATE / 2 + i - i / 3 : 1 + i / 3;
}

static message_num backwards(unsigned i, unsigned *seed)
{
	(void)seed;
	return MESSAGES - i % MESSAGES;
}

static message_num anywhere(unsigned i, unsigned *seed)
{
	(void)i;
	return 1 + (message_num)rand_r(seed) % (MESSAGES + 10);
}

static message_num with_gaps(unsigned i, unsigned *seed)
{
	(void)seed;
	return 1 + i + i / 4 * 3 + i / 20 * 30;
}

/* Whatever the order, each is what looking it up would have given. */
static void test_orders(void **unused)
{
	static message_num (*const orders[])(unsigned, unsigned *) = {
		in_order, in_two_rows, backwards, anywhere, with_gaps};
	struct store *store = store_open_memory();
	unsigned seed = 1;

	(void)unused;
	assert_ok(store_write(store, STR("A"), fill, NULL));
	for (size_t o = 0; o < COUNT_OF(orders); o++) {
		struct store_txn *txn = store_begin_read(store);
		struct records firsts, rests;

		records_begin(&firsts, txn, ACCOUNT, 'f');
		records_begin(&rests, txn, ACCOUNT, 'c');
		for (unsigned i = 0; i < LATE; i++)
			visit_message(&firsts, &rests, orders[o](i, &seed));
		records_end(&firsts);
		records_end(&rests);
		store_end_read(txn);
	}
	store_close(store);
}

/* Those that lie elsewhere do not end it. */
static void test_two_rows_cost(void **unused)
{
	struct store *store = store_open_memory();
	struct store_txn *txn;
	struct records firsts;

	(void)unused;
	assert_ok(store_write(store, STR("A"), fill, NULL));
	txn = store_begin_read(store);
	records_begin(&firsts, txn, ACCOUNT, 'f');
	visit(&firsts, (struct record_place){100, 0}, true);
	visit(&firsts, (struct record_place){101, 0}, true);
	assert_non_null(firsts.it);
	for (message_num m = 102; m < 150; m++) {
		const struct store_iter *it = firsts.it;

		visit(&firsts, (struct record_place){m % 50 + 1, 0}, true);
		visit(&firsts, (struct record_place){m, 0}, true);
		if (m > 103)
			assert_ptr_equal(firsts.it, it);
	}
	records_end(&firsts);
	store_end_read(txn);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_two_rows_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
