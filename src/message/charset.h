/* SPDX-License-Identifier: Apache-2.0 */
/*
 * charset: any charset that mail uses, to UTF-8. Streaming: the result does
 * not depend on how the input is split, and a decoder holds a few bytes of
 * state however long the input is.
 *
 * What the names mean: ICU's names and aliases, case-insensitive, blanks and
 * quotes around them ignored, and a leading "x-" dropped if that makes a known
 * name. As the WHATWG Encoding Standard and mail clients do, and because most
 * mail so labelled is:
 * - iso-8859-1 is windows-1252, iso-8859-9 windows-1254, gb2312 and gbk
 * gb18030, euc-kr windows-949;
 * - us-ascii, and no label, is UTF-8 where the bytes are that, and
 *   windows-1252 where not, character by character.
 * A byte order mark stays where ICU leaves it (U+FEFF in UTF-8).
 *
 * Malformed input gives U+FFFD and never an error.
 *
 * Errors: ERR_CHARSET for a name that is not known. Thread-safe: idle
 * converters are kept in a small process-wide cache under a mutex, because
 * opening one costs much more than a header is worth.
 */
#ifndef MESSAGE_CHARSET_H
#define MESSAGE_CHARSET_H

#include "base/buf.h"
#include "base/str.h"

struct charset_decoder;

/* ERR_CHARSET leaves *decoder_r NULL. An absent or empty name is us-ascii. */
MUST enum err charset_decoder_open(
	str name, struct charset_decoder **decoder_r);
/* Gives the converter back to the cache; NULL is fine. */
void charset_decoder_close(struct charset_decoder *);

/* Appends what `in` completes; at most 4 bytes per byte of input, and then
 * some for what was held back. */
void charset_decoder_feed(struct charset_decoder *, str in, struct buf *out);
/* The end of the input: appends U+FFFD for a character that was cut off. The
 * decoder can then be used for another input. */
void charset_decoder_finish(struct charset_decoder *, struct buf *out);

/* Is the beginning of a character held back? */
bool charset_decoder_is_pending(const struct charset_decoder *);

bool charset_is_known(str name);

/* All of `in` at once. Nothing is appended on ERR_CHARSET. */
MUST enum err charset_add_utf8(struct buf *out, str name, str in);

/* Bytes without a label (raw 8-bit headers): UTF-8 if they are that, else
 * windows-1252. */
void charset_add_unlabelled(struct buf *out, str in);

/* Closes the idle converters; for leak checks at exit. */
void charset_cache_clear(void);

#endif
