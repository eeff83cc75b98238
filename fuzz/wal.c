/* SPDX-License-Identifier: Apache-2.0 */
/* A log may be damaged in any way. What can be read of it, written anew, can be
 * read again, all of it; and nothing is both. */
#include "base/cursor.h"
#include "store/wal.h"

#include <stdlib.h>

struct reading {
	struct buf records; /* each with its length */
	struct buf anew;
	uint64_t unreadable, bytes;
};

static void on_record(void *arg, str record)
{
	struct reading *r = arg;

	r->bytes += record.n;
	buf_add_sized(&r->records, record);
	wal_add_record(&r->anew, r->anew.n, record);
}

static void on_unreadable(void *arg, uint64_t at, str bytes)
{
	struct reading *r = arg;

	(void)at;
	r->unreadable++;
	r->bytes += bytes.n;
}

static struct reading read_log(str log)
{
	struct reading r = {.records = BUF_UNBOUNDED, .anew = BUF_UNBOUNDED};
	struct wal_reader reader = {
		.record = on_record,
		.unreadable = on_unreadable,
		.cut_short = on_unreadable,
		.arg = &r,
	};
	size_t n = log.n;

	for (; log.n; log = str_skip(log, WAL_BLOCK))
		wal_read_block(&reader, str_take(log, WAL_BLOCK));
	wal_read_end(&reader);
	if (r.bytes > n)
		abort();
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void free_reading(struct reading *r)
{
	buf_fini(&r->records);
	buf_fini(&r->anew);
}

static void check_anew(str log)
{
	struct reading r = read_log(log);
	struct reading again = read_log(buf_str(&r.anew));

	if (again.unreadable ||
		!str_eq(buf_str(&r.records), buf_str(&again.records)))
		abort();
	free_reading(&r);
	free_reading(&again);
}

/* Of each 8 bytes a record: of these, as often as the first two say. */
static void make_log(struct reading *made, str bytes)
{
	for (; bytes.n >= 8; bytes = str_skip(bytes, 8)) {
		struct buf record = BUF_UNBOUNDED;
		unsigned times =
			2u + (uint8_t)bytes.p[0] + 32u * (uint8_t)bytes.p[1];

		while (times--)
			buf_add(&record, str_take(bytes, 8));
		on_record(made, buf_str(&record));
		buf_fini(&record);
	}
}

static bool has_in_order(str all, str some)
{
	struct cursor a = cursor_of(all), b = cursor_of(some);

	while (!cursor_done(&b)) {
		str one = cursor_sized(&b);

		do
			if (cursor_done(&a))
				return false;
		while (!str_eq(cursor_sized(&a), one));
	}
	return true;
}

static void check_wrong_bit(uint32_t bit, str bytes)
{
	struct reading made = {.records = BUF_UNBOUNDED, .anew = BUF_UNBOUNDED};
	struct reading r;

	make_log(&made, bytes);
	r = read_log(buf_str(&made.anew));
	if (r.unreadable ||
		!str_eq(buf_str(&r.records), buf_str(&made.records)))
		abort();
	free_reading(&r);
	if (made.anew.n)
		made.anew.p[bit / 8 % made.anew.n] ^= (char)(1 << bit % 8);
	r = read_log(buf_str(&made.anew));
	if (!has_in_order(buf_str(&made.records), buf_str(&r.records)))
		abort();
	free_reading(&r);
	free_reading(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = str_of((const char *)data, size);
	struct cursor c = cursor_of(input);
	uint32_t bit = cursor_be32(&c);

	check_anew(input);
	check_wrong_bit(bit, str_take(cursor_rest(&c), 256));
	return 0;
}
