/* SPDX-License-Identifier: Apache-2.0 */
#include "session/zip.h"
#include "base/test.h"

#include <string.h>
#include <zlib.h>

/* All that can be read now, in pieces of `step`. */
static enum err read_all(struct zip *z, size_t step, struct buf *out)
{
	char room[4096];
	size_t n;
	enum err e;

	while (!(e = zip_read(z, room, step, &n))) {
		assert_true(n > 0 && n <= step);
		buf_add(out, str_of(room, n));
	}
	return e;
}

/* Sentences that repeat what was said long ago, so that windows matter. */
static void make_text(struct buf *text, unsigned turn)
{
	buf_reset(text);
	for (unsigned i = 0; i < 40 + turn * 97 % 300; i++)
		buf_addf(text, "a%u UID FETCH %u:* (FLAGS MODSEQ)\r\n", turn,
			(turn * 31 + i) % 1000);
}

static void test_both_ways(void **state)
{
	static const size_t steps[] = {1, 7, 4096};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		struct zip *a = zip_new(), *b = zip_new();
		struct buf text = BUF_UNBOUNDED, wire = BUF_UNBOUNDED,
			   back = BUF_UNBOUNDED;

		for (unsigned turn = 0; turn < 60; turn++) {
			make_text(&text, turn);
			buf_reset(&wire);
			buf_reset(&back);
			zip_write(a, buf_str(&text), &wire);
			zip_feed(b, buf_str(&wire));
			assert_int_equal(
				read_all(b, steps[i], &back), ERR_AGAIN);
			assert_true(str_eq(buf_str(&back), buf_str(&text)));
			/* Either may park at any time. */
			if (turn % 2)
				zip_park(a);
			if (turn % 3 == 0)
				zip_park(b);
		}
		zip_free(a);
		zip_free(b);
		buf_fini(&text);
		buf_fini(&wire);
		buf_fini(&back);
	}
}

/* A client that keeps its compressor, as they do: what it refers to is in
 * windows from before the parking. */
static void test_client_keeps_its_window(void **state)
{
	struct zip *client = zip_new(), *server = zip_new();
	struct buf text = BUF_UNBOUNDED, wire = BUF_UNBOUNDED,
		   back = BUF_UNBOUNDED;
	size_t sent = 0, told = 0;

	(void)state;
	for (unsigned turn = 0; turn < 400; turn++) {
		make_text(&text, turn % 5);
		buf_reset(&wire);
		buf_reset(&back);
		zip_write(client, buf_str(&text), &wire);
		sent += wire.n;
		told += text.n;
		zip_feed(server, buf_str(&wire));
		assert_int_equal(read_all(server, 4096, &back), ERR_AGAIN);
		assert_true(str_eq(buf_str(&back), buf_str(&text)));
		zip_park(server);
		/* Its window, and no more than a buffer's growth. */
		assert_true(zip_memory(server) < 70000);
	}
	assert_true(sent < told / 20);
	zip_free(client);
	zip_free(server);
	buf_fini(&text);
	buf_fini(&wire);
	buf_fini(&back);
}

static void test_waiting_is_cheap(void **state)
{
	struct zip *client = zip_new(), *server = zip_new();
	struct buf wire = BUF_UNBOUNDED, back = BUF_UNBOUNDED;

	(void)state;
	zip_write(client, STR("a1 SELECT INBOX\r\na2 IDLE\r\n"), &wire);
	zip_feed(server, buf_str(&wire));
	assert_int_equal(read_all(server, 4096, &back), ERR_AGAIN);
	buf_reset(&wire);
	zip_write(server, STR("* 172 EXISTS\r\n"), &wire);
	assert_true(zip_memory(server) > 100000);
	zip_park(server);
	assert_true(zip_memory(server) < 1024);
	zip_free(client);
	zip_free(server);
	buf_fini(&wire);
	buf_fini(&back);
}

/* Cut anywhere, and parked there: the state is kept where it must be. */
static void test_every_split(void **state)
{
	struct zip *client = zip_new();
	struct buf text = BUF_UNBOUNDED, wire = BUF_UNBOUNDED;

	(void)state;
	make_text(&text, 3);
	zip_write(client, buf_str(&text), &wire);
	for (size_t cut = 0; cut <= wire.n; cut++) {
		struct zip *server = zip_new();
		struct buf back = BUF_UNBOUNDED;

		zip_feed(server, str_take(buf_str(&wire), cut));
		assert_int_equal(read_all(server, 100, &back), ERR_AGAIN);
		zip_park(server);
		zip_feed(server, str_skip(buf_str(&wire), cut));
		assert_int_equal(read_all(server, 100, &back), ERR_AGAIN);
		assert_true(str_eq(buf_str(&back), buf_str(&text)));
		zip_free(server);
		buf_fini(&back);
	}
	zip_free(client);
	buf_fini(&text);
	buf_fini(&wire);
}

static void test_wrong_input(void **state)
{
	struct zip *z = zip_new();
	struct buf back = BUF_UNBOUNDED;
	char room[16];
	size_t n;

	(void)state;
	assert_int_equal(zip_read(z, room, sizeof room, &n), ERR_AGAIN);
	zip_feed(z, STR("a1 NOOP\r\n"));
	assert_int_equal(read_all(z, 16, &back), ERR_INVALID);
	assert_int_equal(zip_read(z, room, sizeof room, &n), ERR_INVALID);
	zip_park(z);
	zip_free(z);
	buf_fini(&back);
}

/* A thousandfold: only as much as is asked for comes to be. */
static void test_bomb(void **state)
{
	struct zip *client = zip_new(), *server = zip_new();
	struct buf zeros = BUF_UNBOUNDED, wire = BUF_UNBOUNDED;
	char room[4096];
	size_t n, total = 0;

	(void)state;
	memset(buf_reserve(&zeros, 1 << 20), 0, 1 << 20);
	buf_added(&zeros, 1 << 20);
	for (int i = 0; i < 16; i++)
		zip_write(client, buf_str(&zeros), &wire);
	assert_true(wire.n < 40000);
	zip_feed(server, buf_str(&wire));
	while (zip_read(server, room, sizeof room, &n) == OK) {
		total += n;
		assert_true(zip_memory(server) < 200000);
	}
	assert_int_equal(total, 16 << 20);
	zip_free(client);
	zip_free(server);
	buf_fini(&zeros);
	buf_fini(&wire);
}

/* What a client's zlib makes of a command that is its last compressed one. */
static void deflate_last(z_stream *s, str bytes, int flush, struct buf *out)
{
	s->next_in = (Bytef *)(uintptr_t)bytes.p;
	s->avail_in = (uInt)bytes.n;
	s->avail_out = 4096;
	s->next_out = (Bytef *)buf_reserve(out, 4096);
	assert_true(deflate(s, flush) >= Z_OK);
	buf_added(out, 4096 - s->avail_out);
}

/* Fed in two pieces, and read in pieces of `step`; the raw bytes come behind.
 */
static void check_end(str wire, size_t raw, size_t cut, size_t step)
{
	const str said = STR("a1 UNAUTHENTICATE\r\n");
	struct zip *z = zip_new();
	struct buf back = BUF_UNBOUNDED, rest = BUF_UNBOUNDED;
	bool second = false;
	str left;
	enum err e;

	zip_feed(z, str_take(wire, cut));
	while (back.n < said.n) {
		char room[64];
		size_t n;

		e = zip_read(z, room, step, &n);
		assert_true(!e || (e == ERR_AGAIN && !second));
		if (e) {
			zip_park(z);
			zip_feed(z, str_skip(wire, cut));
			second = true;
		}
		buf_add(&back, str_of(room, n));
	}
	assert_true(str_eq(buf_str(&back), said));
	e = zip_end(z, &left);
	if (e == ERR_AGAIN) {
		assert_false(second);
		zip_feed(z, str_skip(wire, cut));
		second = true;
		e = zip_end(z, &left);
	}
	assert_ok(e);
	buf_add(&rest, left);
	if (!second)
		buf_add(&rest, str_skip(wire, cut));
	/* Of an end that is not needed, no part came in time. */
	if (rest.n != raw)
		buf_consume(&rest, 2);
	assert_true(str_eq(buf_str(&rest), str_skip(wire, wire.n - raw)));
	zip_free(z);
	buf_fini(&back);
	buf_fini(&rest);
}

static void test_end(void **state)
{
	static const struct {
		int flush, then;
		str raw;
		const char *why;
	} rows[] = {
		{Z_SYNC_FLUSH, 0, STR_LIT("a2 NOOP\r\n"), "a mark"},
		{Z_FULL_FLUSH, 0, STR_LIT("a2 NOOP\r\n"), "a mark too"},
		{Z_FINISH, 0, STR_LIT("a2 NOOP\r\n"), "the stream's end"},
		{Z_SYNC_FLUSH, Z_FINISH, STR_LIT("a2 NOOP\r\n"), "both"},
		{Z_SYNC_FLUSH, 0, STR_LIT(""), "nothing more yet"},
		{Z_FINISH, 0, STR_LIT(""), "nothing more yet"},
		{Z_SYNC_FLUSH, 0, STR_LIT("\xff\xff\xff"), "looks like more"},
	};
	static const size_t steps[] = {1, 19, 64};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf wire = BUF_UNBOUNDED;
		z_stream s = {0};

		assert_int_equal(
			deflateInit2(&s, 6, Z_DEFLATED, -15, 8, 0), Z_OK);
		deflate_last(
			&s, STR("a1 UNAUTHENTICATE\r\n"), rows[i].flush, &wire);
		if (rows[i].then)
			deflate_last(&s, STR(""), rows[i].then, &wire);
		deflateEnd(&s);
		buf_add(&wire, rows[i].raw);
		for (size_t cut = 0; cut <= wire.n; cut++)
			for (size_t k = 0; k < COUNT_OF(steps); k++)
				check_end(buf_str(&wire), rows[i].raw.n, cut,
					steps[k]);
		buf_fini(&wire);
	}
}

/* It was not to compress on. */
static void test_end_that_is_none(void **state)
{
	struct zip *client = zip_new(), *server = zip_new();
	struct buf wire = BUF_UNBOUNDED;
	char room[8];
	size_t n;
	str rest;

	(void)state;
	zip_write(client, STR("a1 UNAUTHENTICATE\r\na2 NOOP\r\n"), &wire);
	zip_feed(server, buf_str(&wire));
	assert_ok(zip_read(server, room, sizeof room, &n));
	assert_int_equal(zip_end(server, &rest), ERR_INVALID);
	zip_free(client);
	zip_free(server);
	buf_fini(&wire);
}

static void test_finish(void **state)
{
	struct zip *client = zip_new(), *server = zip_new();
	struct buf wire = BUF_UNBOUNDED, back = BUF_UNBOUNDED;
	str rest;

	(void)state;
	zip_write(server, STR("a1 OK\r\n"), &wire);
	zip_finish(server, &wire);
	buf_add(&wire, STR("* 1 EXISTS"));
	zip_feed(client, buf_str(&wire));
	assert_int_equal(read_all(client, 100, &back), ERR_CLOSED);
	assert_str(buf_str(&back), "a1 OK\r\n");
	assert_ok(zip_end(client, &rest));
	assert_str(rest, "* 1 EXISTS");
	zip_free(client);
	zip_free(server);
	buf_fini(&wire);
	buf_fini(&back);
}

/* Blocks that have nothing in them. */
static void test_empty_blocks(void **state)
{
	static const char stored[] = "\x00\x00\x00\xff\xff";
	struct zip *client = zip_new(), *server = zip_new();
	struct buf wire = BUF_UNBOUNDED, back = BUF_UNBOUNDED;
	char room[64];
	size_t n;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		zip_feed(server, str_of(stored, 5));
		assert_int_equal(
			zip_read(server, room, sizeof room, &n), ERR_AGAIN);
		assert_int_equal(zip_barren(server), 5 * (i + 1));
		assert_true(zip_memory(server) < 200000);
		if (i % 2)
			zip_park(server);
	}
	zip_write(client, STR("a NOOP\r\n"), &wire);
	zip_feed(server, buf_str(&wire));
	assert_int_equal(read_all(server, 16, &back), ERR_AGAIN);
	assert_str(buf_str(&back), "a NOOP\r\n");
	assert_int_equal(zip_barren(server), 0);
	zip_free(client);
	zip_free(server);
	buf_fini(&wire);
	buf_fini(&back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_client_keeps_its_window),
		cmocka_unit_test(test_waiting_is_cheap),
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_wrong_input),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_end_that_is_none),
		cmocka_unit_test(test_finish),
		cmocka_unit_test(test_empty_blocks),
	};

	return cmocka_run_group_tests_name("zip", tests, NULL, NULL);
}
