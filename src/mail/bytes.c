/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/bytes.h"
#include "base/cursor.h"
#include "mail/records.h"
#include "store/store.h"

#include <string.h>
#include <xxhash.h>

#define SUM_SIZE 8

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

void chunk_put(struct store_txn *txn, account_num account, message_num message,
	uint32_t chunk, str bytes)
{
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;

	key_chunk(&key, account, message, chunk);
	buf_add(&value, bytes);
	buf_add_be64(&value, checksum(bytes, message, chunk));
	store_put(txn, buf_str(&key), buf_str(&value));
	buf_fini(&key);
	buf_fini(&value);
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

enum err chunk_decode(
	str value, message_num message, uint32_t chunk, str *bytes_r)
{
	struct cursor c;

	if (value.n < SUM_SIZE)
		return ERR_CORRUPT;
	*bytes_r = str_take(value, value.n - SUM_SIZE);
	c = cursor_of(str_skip(value, bytes_r->n));
	return cursor_be64(&c) == checksum(*bytes_r, message, chunk)
		       ? OK
		       : ERR_CORRUPT;
}

/* Appends a record. */
static enum err get_chunk(const struct message_reader *r, struct store_txn *txn,
	uint32_t chunk, struct buf *out)
{
	struct buf key = BUF_UNBOUNDED;
	size_t before = out->n;
	str bytes;
	enum err e;

	if (!chunk && r->firsts) {
		e = records_get(r->firsts, r->message, out);
	} else {
		key_chunk(&key, r->account, r->message, chunk);
		e = store_get_add(txn, buf_str(&key), true, out);
		buf_fini(&key);
	}
	if (!e)
		e = chunk_decode(str_skip(buf_str(out), before), r->message,
			chunk, &bytes);
	buf_truncate(out, e ? before : out->n - SUM_SIZE);
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
