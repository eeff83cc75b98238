/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime: a message read once, as it comes: bytes are pushed in any split, and
 * at the end stands its digest (digest.h). No I/O, no clock. RFC 5322 header
 * syntax, RFC 2045 and 2046 (MIME), RFC 2231 (parameters), RFC 6532.
 *
 *	struct mime_parser *p = mime_parser_new(NULL);
 *	while (...)
 *		mime_parser_feed(p, bytes);
 *	mime_parser_finish(p, &digest);
 *	mime_parser_free(p);
 *
 * Memory follows the structure and the header text that the digest keeps,
 * never the size of the message; time is linear in the bytes. Every input is
 * a message: there are no errors, only best efforts:
 *
 * - A line ends with LF; a CR right before it belongs to the end. Bytes are
 *   never changed: all offsets are those of the bytes fed.
 * - A header ends with its blank line, which belongs to it, or, inside a
 *   multipart, with a boundary line. Lines in it that are no fields ("From "
 *   of mbox among them) are skipped with their continuations.
 * - Of a field that may come once, the first counts; address fields are
 *   joined, so that none can hide behind another.
 * - A line "--boundary" matches as RFC 2046 section 5.1.1 says, by its
 *   beginning; when several open boundaries match, the longest, and of equal
 *   ones the innermost. An outer boundary ends all parts inside.
 * - The line end before a boundary line belongs to the boundary, except
 *   where it is the end of the header.
 * - A message that ends inside a boundary line has no part after it.
 * - A multipart without a usable boundary parameter is text/plain (RFC 2045
 *   section 5.2: the default for a Content-Type that is invalid).
 * - A multipart in which no boundary was found has one empty part, because
 *   IMAP has no syntax for none.
 * - message/rfc822 and message/global are looked into unless they have a
 *   transfer encoding that changes bytes; then they are leaves.
 * - What is over `depth` is a leaf; when there are `parts` parts, no further
 *   boundary is seen.
 */
#ifndef MESSAGE_MIME_H
#define MESSAGE_MIME_H

#include "base/buf.h"

struct mime_limits {
	uint32_t parts; /* parts in the table */
	uint32_t depth; /* multiparts and messages in one another */
	size_t field; /* bytes of one header field, unfolded; the rest is cut */
	size_t text;  /* bytes of header text in the digest; parts described
			 after that have neither parameters nor envelope */
	size_t preview; /* encoded bytes looked at for the preview */
};

#define MIME_LIMITS_DEFAULT                                                    \
	((struct mime_limits){.parts = 200000,                                 \
		.depth = 100,                                                  \
		.field = 65536,                                                \
		.text = 4 << 20,                                               \
		.preview = 16384})

struct mime_parser;

/* NULL: the default limits. */
struct mime_parser *mime_parser_new(const struct mime_limits *);
void mime_parser_feed(struct mime_parser *, str bytes);
/* Appends the encoded digest of all that was fed. Once; then only free. */
void mime_parser_finish(struct mime_parser *, struct buf *digest_out);
void mime_parser_free(struct mime_parser *);

/* All at once, with the default limits. */
void mime_parse(str message, struct buf *digest_out);

/* What a parser did, for tests of its bounds. */
struct mime_stats {
	uint64_t bytes; /* fed */
	uint64_t steps; /* bytes looked at one by one */
	size_t memory;	/* bytes held now, without the digest */
	uint32_t parts;
};
struct mime_stats mime_parser_stats(const struct mime_parser *);

#endif
