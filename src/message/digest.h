/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest: what was parsed from a message once, ready to send: the texts of
 * FETCH items, the keys of SORT and THREAD, and the part table that makes
 * every section a range of bytes. Made by mime.h, kept beside the message.
 *
 * Decoding is lazy and takes hostile bytes: strs point into them, and only
 * what is asked for is looked at (the part table record by record).
 *
 * Layout (varint: LEB128; sized: varint length, then the bytes):
 *
 *	u8      version, DIGEST_VERSION
 *	varint  flags, DIGEST_*
 *	varint  size of the message in bytes
 *	varint  sent date, seconds since 1970 UTC, zigzag; 0 when absent
 *	sized   envelope
 *	sized   bodystructure
 *	sized   body
 *	sized   base subject
 *	sized   from, to, cc: addr-mailbox of the first address
 *	sized   from, to: display form
 *	sized   Message-ID
 *	sized   parent ids: sized each, oldest first
 *	sized   preview
 *	sized   pool: types, subtypes and charsets of the parts
 *	sized   part table: DIGEST_PART_BYTES for each part, in preorder
 *
 * A record of the part table (big-endian):
 *
 *	 0 u32  parent, an index; the root's own is 0
 *	 4 u32  children
 *	 8 u32  parts in its subtree, itself included: the next sibling's
 *	        index is this much greater
 *	12 u8   kind
 *	13 u8   transfer encoding
 *	14 u8   flags, DIGEST_PART_*
 *	15 u8   0
 *	16 u64  header: offset in the message
 *	24 u64  header: length, blank line included
 *	32 u64  body: offset
 *	40 u64  body: length
 *	48 u32  header: lines (LFs)
 *	52 u32  body: lines (LFs)
 *	56 u32  offset of type, subtype, charset in the pool, in that order
 *	60 u8   length of type
 *	61 u8   length of subtype
 *	62 u16  length of charset
 */
#ifndef MESSAGE_DIGEST_H
#define MESSAGE_DIGEST_H

#include "base/buf.h"

#define DIGEST_VERSION 1
#define DIGEST_PART_BYTES 64

enum digest_flag {
	DIGEST_HAS_DATE = 1,   /* Date: could be read */
	DIGEST_ATTACHMENT = 2, /* some part is one to save or open apart */
	DIGEST_REPLY = 4, /* the subject says reply or forward (RFC 5256) */
};

struct digest {
	uint32_t flags;
	uint64_t size; /* RFC822.SIZE */
	int64_t date;  /* seconds since 1970 UTC, when DIGEST_HAS_DATE */

	/* IMAP texts as sent, with their parentheses; literals inside. */
	str envelope;
	str bodystructure;
	str body;

	/* Sort keys: UTF-8, folded (message/fold.h) so that memcmp orders
	 * them; empty when there is none. */
	str subject;		      /* base subject, RFC 5256 section 2.1 */
	str from, to, cc;	      /* addr-mailbox */
	str display_from, display_to; /* RFC 5957 */

	/* Normalised: without <>, without needless quotes. */
	str message_id; /* empty when there is none */
	str references; /* read with digest_reference_next */

	str preview; /* UTF-8, at most 200 characters, RFC 8970 */

	uint32_t part_count; /* at least 1 */

	/* Encoded; for digest_part and digest_encode. */
	str pool;
	str parts;
};

enum digest_kind {
	DIGEST_LEAF,
	DIGEST_MULTIPART,
	DIGEST_MESSAGE, /* one child: the embedded message's root */
};

/* Content-Transfer-Encoding. */
enum digest_encoding {
	ENCODING_7BIT, /* also when there is none */
	ENCODING_8BIT,
	ENCODING_BINARY,
	ENCODING_BASE64,
	ENCODING_QP,
	ENCODING_UUENCODE, /* x-uuencode and its other names */
	ENCODING_UNKNOWN, /* nobody can decode it: BINARY answers UNKNOWN-CTE */
};

enum digest_part_flag {
	DIGEST_PART_ATTACHMENT = 1,
};

struct digest_part {
	uint32_t parent;
	uint32_t children;
	uint32_t subtree;
	enum digest_kind kind;
	enum digest_encoding encoding;
	uint32_t flags;
	uint64_t header_at, header_n;
	uint64_t body_at, body_n;
	uint32_t header_lines, body_lines;
	/* Lower case. charset is empty when none was given and for what is not
	 * text. */
	str type, subtype, charset;
};

/* ERR_CORRUPT; ERR_VERSION for a version that is not ours (parse again). */
MUST enum err digest_decode(str bytes, struct digest *);
void digest_encode(const struct digest *, struct buf *);

/* The part with that index, 0 being the message itself. ERR_NOTFOUND when
 * index >= part_count, ERR_CORRUPT. Ranges are checked against the message's
 * size, and links against the table. */
MUST enum err digest_part(
	const struct digest *, uint32_t index, struct digest_part *);
void digest_part_encode(
	const struct digest_part *, uint32_t pool_at, struct buf *);

/* The child with that number, from 1. ERR_NOTFOUND, ERR_CORRUPT. Takes time
 * in the number of elder siblings. */
MUST enum err digest_child(const struct digest *, uint32_t parent,
	uint32_t number, uint32_t *index_r);

/* The ids that THREAD=REFERENCES uses: those of References, else the first
 * of In-Reply-To; oldest first.
 *	str rest = d.references, id;
 *	while (digest_reference_next(&rest, &id))
 */
bool digest_reference_next(str *rest, str *id_r);

#endif
