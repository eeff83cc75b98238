/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zip: a connection's bytes as raw DEFLATE in both directions (RFC 1951, RFC
 * 4978), made so that waiting costs little. zlib takes some 270 KiB to
 * compress and 40 to decompress; a parked session has neither:
 *
 * - Whatever is sent ends at a byte's edge. Parking forgets the compressor, and
 *   the next one begins with an empty window; the other side need not know.
 * - At the end of a block, which is where a client that waits for us stops, the
 *   decompressor is forgotten too, but for its window: what the client sent
 *   last, 32 KiB at most and mostly some hundred bytes.
 *
 * Input that expands without end comes out in pieces as large as they are
 * asked for; nothing is decompressed ahead, not even the next block: what
 * follows may be no longer compressed (zip_end). Input that becomes nothing,
 * such as empty blocks, is counted.
 */
#ifndef SESSION_ZIP_H
#define SESSION_ZIP_H

#include "base/buf.h"

struct zip;

struct zip *zip_new(void);
void zip_free(struct zip *);

/* Compressed bytes from the other side; kept until zip_read consumed them. */
void zip_feed(struct zip *, str);
/* At least one byte into room. ERR_AGAIN: nothing is left, feed more;
 * ERR_CLOSED: the other side has ended its stream; ERR_INVALID: it is none. */
MUST enum err zip_read(struct zip *, char *room, size_t n, size_t *n_r);

/* Bytes that were fed since the last that came out. */
size_t zip_barren(const struct zip *);

/* Appends them compressed, such that the other side can read all of it. */
void zip_write(struct zip *, str bytes, struct buf *out);

/* Ends what we compress, once all was written: what follows goes as it is. */
void zip_finish(struct zip *, struct buf *out);
/* Where the other side ended it too, after what was read last: its stream has
 * an end, or it flushed. OK: *rest_r is what came behind, as it came, until the
 * next call. ERR_AGAIN: feed more; ERR_INVALID: more was compressed. */
MUST enum err zip_end(struct zip *, str *rest_r);

/* Nothing happens for a while. zip_read must have said ERR_AGAIN last, or not
 * been called since. */
void zip_park(struct zip *);
/* Bytes that it holds, zlib's own included. */
size_t zip_memory(const struct zip *);

#endif
