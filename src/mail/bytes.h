/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes: a message's bytes as records of the store ('f' and 'c' in layout.h).
 * The first record of all but small messages is the header, which clients ask
 * for of every message: headers lie together, and are read one after another
 * (records.h). The rest follows in pieces of CHUNK_SIZE, as much as FETCH
 * sends at a time; whoever reads a part of a record pays for all of it.
 *
 * How long the first record is, is nowhere else: it tells where the others
 * begin. A header that does not end within CHUNK_FIRST bytes is cut there.
 *
 * Records behind the first are compressed with LZ4 where that makes them
 * smaller, before the engine has them: its log, its memory and its files are
 * given so much less to write (docs/decisions/0014). A record is
 *
 *	the bytes, or what LZ4 made of them; how many bytes LZ4 made it of, 0
 *	when it did not:4; checksum:8
 *
 * The checksum is XXH3 of all before it and of the record's place. It is made
 * before the engine has the record and checked after it gave it back, before
 * anything is decompressed (docs/decisions/0012).
 */
#ifndef MAIL_BYTES_H
#define MAIL_BYTES_H

#include "base/buf.h"
#include "mail/records.h"

struct message_records;

/* A message up to this size is one record. */
#define CHUNK_WHOLE 4000
#define CHUNK_FIRST (16 * 1024)
#define CHUNK_SIZE (64 * 1024)

/* What is at most behind a record's bytes. */
#define CHUNK_TAIL 12

/* Writing. Of a message that is written record by record: `waiting` are the
 * bytes after `written` records, all that there are (`all`) or at least
 * CHUNK_SIZE of them; how many make the next record. */
size_t chunk_split(str waiting, uint32_t written, bool all);
/* Appends these bytes as a record, all but its checksum, for which there is
 * room: what takes time is done before its message has a number. */
void chunk_encode(str bytes, uint32_t chunk, bool compress, struct buf *out);
/* The record's last bytes are set; its place may be another one each time. */
void chunk_put(struct store_txn *, account_num, message_num, uint32_t chunk,
	char *record, size_t n);
/* Deletes the records of a message of this size, by their keys: a range would
 * read every byte of them first. */
void chunk_delete_all(
	struct store_txn *, account_num, message_num, uint64_t size);
/* The same, whatever its size is. */
void chunk_delete_unknown(struct store_txn *, account_num, message_num);
/* Appends the bytes that the value of such a key stands for. ERR_CORRUPT when
 * the checksum is not theirs; nothing is appended then. */
MUST enum err chunk_decode(
	str value, message_num, uint32_t chunk, struct buf *out);

/* Turns the one bit of such a value that makes the checksum theirs (a second
 * for 64 KiB); false: it is none, or more than one. */
bool chunk_correct(char *value, size_t n, message_num, uint32_t chunk);

/* Reading, in any order; records that follow each other are each read once. */
struct message_reader {
	account_num account;
	message_num message;
	uint64_t first; /* length of its first record; 0: not known yet */
	/* Records are read along with those of other messages; or NULL: each
	 * for itself. */
	struct message_records *along;
};

/* Within a transaction, as records_begin and records_end. */
struct message_records {
	struct records firsts, rests;
};

void message_records_begin(
	struct message_records *, struct store_txn *, account_num);
void message_records_end(struct message_records *);

/* Appends the whole record that has the byte at this offset; start_r: where the
 * record begins in the message. Nothing past the message's end. ERR_EXPUNGED
 * when the message is gone, ERR_CORRUPT. */
MUST enum err message_read_record(struct message_reader *, struct store_txn *,
	uint64_t offset, struct buf *out, uint64_t *start_r);
/* Appends bytes from this offset on, at most n, and as many as its record has:
 * at least one, but for past the message's end. */
MUST enum err message_read(struct message_reader *, struct store_txn *,
	uint64_t offset, uint64_t n, struct buf *out);
/* Appends n bytes from this offset on; fewer only at the message's end. */
MUST enum err message_get_bytes(struct store_txn *, account_num, message_num,
	uint64_t offset, uint64_t n, struct buf *out);

#endif
