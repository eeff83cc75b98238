/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/bytes.h"
#include "base/cursor.h"
#include "base/onebit.h"

#include <lz4.h>
#include <string.h>
#include <xxhash.h>
#ifdef __x86_64__
/* The library's own choice of the processor's widest instructions. */
#include <xxh_x86dispatch.h>
#endif

#define SUM_SIZE 8
#define PLAIN_SIZE 4
/* Less is not worth a header of its own. */
#define COMPRESS_MIN 512
/* Bytes of the header with the empty line after it; 0: it does not end here. */
static size_t header_size(str bytes)
{
	size_t at = 0;

	while (at < bytes.n) {
		const char *lf = memchr(bytes.p + at, '\n', bytes.n - at);
		size_t next = lf ? (size_t)(lf - bytes.p) + 1 : bytes.n;

		if (lf && (next - at == 1 ||
				  (next - at == 2 && bytes.p[at] == '\r')))
			return next;
		at = next;
	}
	return 0;
}

size_t chunk_split(str waiting, uint32_t written, bool all)
{
	size_t n;

	if (written)
		return waiting.n < CHUNK_SIZE ? waiting.n : CHUNK_SIZE;
	if (all && waiting.n <= CHUNK_WHOLE)
		return waiting.n;
	n = header_size(str_take(waiting, CHUNK_FIRST));
	if (!n)
		n = waiting.n < CHUNK_FIRST ? waiting.n : CHUNK_FIRST;
	return n;
}

/* Also of where it belongs: a record in the place of another is damage too. */
static uint64_t checksum(str bytes, message_num message, uint32_t chunk)
{
	return XXH3_64bits_withSeed(
		bytes.p, bytes.n, message * 0x9E3779B97F4A7C15u + chunk);
}

/* Appends it compressed, if that saves an eighth. The first record is not:
 * headers lie many to a block, which the engine compresses better. */
static size_t add_compressed(str bytes, uint32_t chunk, struct buf *out)
{
	size_t most = bytes.n - bytes.n / 8;
	char *room;
	int n;

	if (!chunk || bytes.n < COMPRESS_MIN)
		return 0;
	room = buf_reserve(out, most + CHUNK_TAIL);
	n = LZ4_compress_default(bytes.p, room, (int)bytes.n, (int)most);
	if (n <= 0)
		return 0;
	buf_added(out, (size_t)n);
	return bytes.n;
}

void chunk_encode(str bytes, uint32_t chunk, bool compress, struct buf *out)
{
	size_t plain = compress ? add_compressed(bytes, chunk, out) : 0;

	if (!plain) {
		(void)buf_reserve(out, bytes.n + CHUNK_TAIL);
		buf_add(out, bytes);
	}
	buf_add_be32(out, (uint32_t)plain);
	buf_add_be64(out, 0);
}

void chunk_put(struct store_txn *txn, account_num account, message_num message,
	uint32_t chunk, char *record, size_t n)
{
	struct buf key = BUF_UNBOUNDED;
	uint64_t sum = checksum(str_of(record, n - SUM_SIZE), message, chunk);

	for (size_t i = 0; i < SUM_SIZE; i++)
		record[n - SUM_SIZE + i] =
			(char)(sum >> (8 * (SUM_SIZE - 1 - i)));
	key_chunk(&key, account, message, chunk);
	store_put(txn, buf_str(&key), str_of(record, n));
	buf_fini(&key);
}

void chunk_delete_all(struct store_txn *txn, account_num account,
	message_num message, uint64_t size)
{
	/* One more than there are, if the first one is full. */
	uint64_t count = size <= CHUNK_WHOLE
				 ? 1
				 : 1 + (size + CHUNK_SIZE - 1) / CHUNK_SIZE;
	struct buf key = BUF_UNBOUNDED;

	for (uint64_t i = 0; i < count; i++) {
		key_chunk(&key, account, message, (uint32_t)i);
		store_delete(txn, buf_str(&key));
	}
	buf_fini(&key);
}

void chunk_delete_unknown(
	struct store_txn *txn, account_num account, message_num message)
{
	struct buf key = BUF_UNBOUNDED;

	key_chunk(&key, account, message, 0);
	store_delete(txn, buf_str(&key));
	key_message(&key, account, 'c', message);
	store_delete_prefix(txn, buf_str(&key));
	buf_fini(&key);
}

static enum err decompress(str bytes, size_t plain, struct buf *out)
{
	char *room = plain > CHUNK_SIZE ? NULL : buf_reserve(out, plain);
	int got;

	if (!room)
		return plain > CHUNK_SIZE ? ERR_CORRUPT : buf_err(out);
	got = LZ4_decompress_safe(bytes.p, room, (int)bytes.n, (int)plain);
	if (got < 0 || (size_t)got != plain)
		return ERR_CORRUPT;
	buf_added(out, plain);
	return OK;
}

struct stored {
	str value;
	message_num message;
	uint32_t chunk;
};

static bool is_right(void *arg)
{
	const struct stored *s = arg;
	size_t n = s->value.n - SUM_SIZE;
	struct cursor c = cursor_of(str_skip(s->value, n));

	return s->value.n >= CHUNK_TAIL &&
	       cursor_be64(&c) ==
		       checksum(str_take(s->value, n), s->message, s->chunk);
}

bool chunk_correct(char *value, size_t n, message_num message, uint32_t chunk)
{
	struct stored s = {str_of(value, n), message, chunk};
	uint64_t bit;

	if (is_right(&s))
		return true;
	if (n > CHUNK_SIZE + CHUNK_TAIL ||
		!onebit_try(value, n, is_right, &s, &bit))
		return false;
	onebit_turn(value, bit);
	return true;
}

enum err chunk_decode(
	str value, message_num message, uint32_t chunk, struct buf *out)
{
	struct stored s = {value, message, chunk};
	size_t n = value.n - CHUNK_TAIL;
	struct cursor c = cursor_of(str_skip(value, n));
	uint32_t plain;

	if (!is_right(&s))
		return ERR_CORRUPT;
	plain = cursor_be32(&c);
	if (plain)
		return n <= plain ? decompress(str_take(value, n), plain, out)
				  : ERR_CORRUPT;
	buf_add(out, str_take(value, n));
	return buf_err(out);
}

void message_records_begin(
	struct message_records *r, struct store_txn *txn, account_num account)
{
	records_begin(&r->firsts, txn, account, 'f');
	records_begin(&r->rests, txn, account, 'c');
}

void message_records_end(struct message_records *r)
{
	records_end(&r->firsts);
	records_end(&r->rests);
}

struct wanted_chunk {
	struct record_place at;
	struct buf *out;
};

static enum err decode_wanted(str value, void *arg)
{
	const struct wanted_chunk *w = arg;

	return chunk_decode(value, w->at.message, w->at.chunk, w->out);
}

/* Appends a record. */
static enum err get_chunk(const struct message_reader *r, struct store_txn *txn,
	uint32_t chunk, struct buf *out)
{
	struct wanted_chunk wanted = {{r->message, chunk}, out};
	struct buf key = BUF_UNBOUNDED;
	enum err e;

	if (r->along)
		return records_visit(
			chunk ? &r->along->rests : &r->along->firsts, wanted.at,
			decode_wanted, &wanted);
	key_chunk(&key, r->account, r->message, chunk);
	/* As in records.c: first ones lie with others that have no sum. */
	e = store_look(txn, buf_str(&key), chunk != 0, decode_wanted, &wanted);
	buf_fini(&key);
	return e;
}

/* There is no such record: past the end, or gone? */
static enum err why_none(const struct message_reader *r, struct store_txn *txn)
{
	struct buf key = BUF_UNBOUNDED;
	enum err e;

	key_message(&key, r->account, 'i', r->message);
	e = store_has(txn, buf_str(&key));
	buf_fini(&key);
	return e == ERR_NOTFOUND ? ERR_EXPUNGED : e;
}

enum err message_read_record(struct message_reader *r, struct store_txn *txn,
	uint64_t offset, struct buf *out, uint64_t *start_r)
{
	size_t before = out->n;
	uint64_t chunk;
	enum err e = OK;

	*start_r = 0;
	if (offset < r->first || !r->first) {
		e = get_chunk(r, txn, 0, out);
		if (e)
			return e == ERR_NOTFOUND ? why_none(r, txn) : e;
		r->first = out->n - before;
		if (offset < r->first || !r->first)
			return OK;
		buf_truncate(out, before);
	}
	chunk = (offset - r->first) / CHUNK_SIZE;
	*start_r = r->first + chunk * CHUNK_SIZE;
	if (chunk < UINT32_MAX)
		e = get_chunk(r, txn, (uint32_t)chunk + 1, out);
	return e == ERR_NOTFOUND ? why_none(r, txn) : e;
}

enum err message_read(struct message_reader *r, struct store_txn *txn,
	uint64_t offset, uint64_t n, struct buf *out)
{
	size_t before = out->n, has, skip;
	uint64_t start;
	enum err e = message_read_record(r, txn, offset, out, &start);

	if (e)
		return e;
	has = out->n - before;
	skip = offset - start < has ? (size_t)(offset - start) : has;
	if (skip)
		memmove(out->p + before, out->p + before + skip, has - skip);
	has -= skip;
	buf_truncate(out, before + (has < n ? has : (size_t)n));
	return buf_err(out);
}

enum err message_get_bytes(struct store_txn *txn, account_num account,
	message_num message, uint64_t offset, uint64_t n, struct buf *out)
{
	struct message_reader r = {.account = account, .message = message};
	enum err e = OK;

	while (!e && n) {
		size_t before = out->n;

		e = message_read(&r, txn, offset, n, out);
		if (!e && out->n == before)
			break;
		offset += out->n - before;
		n -= out->n - before;
	}
	return e;
}
