/* SPDX-License-Identifier: Apache-2.0 */
/* Files may be damaged in any way: what is put right of them is one bit for
 * each sum, which is then right. Of a log with one wrong bit all is there
 * again. */
#include "base/onebit.h"
#include "store/fragment.h"
#include "store/masked.h"
#include "store/wal.h"
#include "store/wrongbit.h"

#include <stdlib.h>

#define TRIES 16

static struct buf copy_of(str s)
{
	struct buf b = BUF_UNBOUNDED;

	buf_add(&b, s);
	return b;
}

static void must(bool right)
{
	if (!right)
		abort();
}

/* Of this fragment, which has a sum and did not have it before. */
static void check_found(const struct wrongbit_walk *w, uint64_t bit)
{
	char *here = w->block + w->at;
	size_t n = w->n - w->at, size = fragment_size(str_of(here, n));

	must(size && bit / 8 >= w->at && bit / 8 < w->at + size);
	onebit_turn(w->block, bit);
	must(!fragment_size(str_of(here, n)));
	onebit_turn(w->block, bit);
}

/* How many bits. */
static unsigned correct_block(char *block, size_t n, unsigned *tries)
{
	struct wrongbit_walk w = {.block = block, .n = n, .tries = tries};
	struct buf before = copy_of(str_of(block, n));
	unsigned count = 0, allowed = *tries;
	size_t last = 0;
	uint64_t bit;

	while (wrongbit_in_fragments(&w, &bit)) {
		must(!count || w.at > last);
		last = w.at;
		check_found(&w, bit);
		onebit_turn(before.p, bit);
		count++;
	}
	must(count <= allowed - *tries);
	must(str_eq(buf_str(&before), str_of(block, n)));
	buf_fini(&before);
	return count;
}

static unsigned correct_log(struct buf *log, unsigned *tries)
{
	unsigned count = 0;

	*tries = TRIES;
	for (size_t at = 0; at < log->n; at += FRAGMENT_BLOCK) {
		size_t rest = log->n - at;

		count += correct_block(log->p + at,
			rest < FRAGMENT_BLOCK ? rest : FRAGMENT_BLOCK, tries);
	}
	return count;
}

static void check_fragments(str input)
{
	struct buf log = copy_of(input);
	unsigned left, again;

	/* A second time there is nothing to do. */
	correct_log(&log, &left);
	must(correct_log(&log, &again) == 0 || left == 0);
	buf_fini(&log);
}

static void check_header(str input)
{
	struct buf b = copy_of(str_take(input, BLOB_HEADER));
	uint64_t bit;

	if (b.n == BLOB_HEADER && wrongbit_in_blob_header(b.p, &bit)) {
		onebit_turn(b.p, bit);
		must(!wrongbit_in_blob_header(b.p, &bit));
	}
	buf_fini(&b);
}

static void check_footer(str input)
{
	struct buf b = copy_of(str_take(input, BLOB_FOOTER));
	size_t n = BLOB_FOOTER - MASKED_SIZE;
	uint64_t bit;

	if (b.n == BLOB_FOOTER && wrongbit_in_blob_footer(b.p, &bit)) {
		onebit_turn(b.p, bit);
		must(masked_crc32c(str_take(buf_str(&b), n)) ==
			le_get(b.p + n, MASKED_SIZE));
	}
	buf_fini(&b);
}

static bool is_odd(void *arg, const char *name)
{
	(void)arg;
	return name[strlen(name) - 1] & 1;
}

static void check_current(str input)
{
	struct buf b = copy_of(str_take(input, CURRENT_MAX + 1));
	struct buf before = copy_of(buf_str(&b));
	char name[CURRENT_MAX];
	uint64_t bit;

	if (wrongbit_in_current(b.p, b.n, is_odd, NULL, &bit)) {
		must(str_eq(buf_str(&b), buf_str(&before)));
		onebit_turn(b.p, bit);
		must(current_names(buf_str(&b), name) && is_odd(NULL, name));
	}
	buf_fini(&b);
	buf_fini(&before);
}

/* Of each 8 bytes a record: of these, as often as the first two say. None is
 * zero, as what was not written is. */
static struct buf make_log(str bytes)
{
	struct buf log = BUF_UNBOUNDED;

	for (; bytes.n >= 8; bytes = str_skip(bytes, 8)) {
		struct buf record = BUF_UNBOUNDED;
		unsigned times =
			2u + (uint8_t)bytes.p[0] + 32u * (uint8_t)bytes.p[1];

		while (times--)
			buf_add(&record, str_take(bytes, 8));
		for (size_t i = 0; i < record.n; i++)
			record.p[i] = (char)(record.p[i] | 1);
		wal_add_record(&log, log.n, buf_str(&record));
		buf_fini(&record);
	}
	return log;
}

/* Whether the bit may be one of the sum as well as of the bytes, or is of a
 * block's end, where nothing is. */
static bool nobody_knows(str log, uint64_t bit)
{
	size_t at = bit / 8 - bit / 8 % FRAGMENT_BLOCK;
	str block = str_take(str_skip(log, at), FRAGMENT_BLOCK);
	size_t size;

	for (bit -= 8 * at; (size = fragment_size(block));
		block = str_skip(block, size), bit -= 8 * size)
		if (bit < 8 * size)
			return bit < (uint64_t)8 * MASKED_SIZE && size > 1000;
	return block.n < FRAGMENT_HEAD;
}

static void check_one_bit(uint32_t number, str bytes)
{
	struct buf log = make_log(bytes);
	struct buf made = copy_of(buf_str(&log));
	unsigned left;
	uint64_t bit = log.n ? number % (8 * log.n) : 0;

	must(correct_log(&log, &left) == 0);
	if (log.n) {
		onebit_turn(log.p, bit);
		correct_log(&log, &left);
		must(str_eq(buf_str(&log), buf_str(&made)) ||
			nobody_knows(buf_str(&made), bit));
	}
	buf_fini(&log);
	buf_fini(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = str_of((const char *)data, size);
	uint32_t number = 0;

	check_fragments(input);
	check_header(input);
	check_footer(input);
	check_current(input);
	if (size >= 4)
		number = (uint32_t)le_get(input.p, 4);
	check_one_bit(number, str_take(str_skip(input, 4), 24));
	return 0;
}
