/* SPDX-License-Identifier: Apache-2.0 */
/* preview: the beginning of a text part as people read it, RFC 8970. */
#ifndef MESSAGE_PREVIEW_H
#define MESSAGE_PREVIEW_H

#include "message/digest.h"

#define PREVIEW_CHARACTERS 200

/* From UTF-8, the beginning of a text: appends at most PREVIEW_CHARACTERS
 * characters in one line. Control characters go, blanks and line ends become
 * one space, and lines that quote another message (">") are left out if there
 * are others. */
void preview_add_text(struct buf *out, str utf8);
/* The same from HTML: without tags, comments, scripts, styles and titles, and
 * with the common character references resolved. */
void preview_add_html(struct buf *out, str utf8);

/* The preview of a text part, of whose body `raw` is the beginning, transfer
 * encoded. Nothing when it cannot be decoded. */
void preview_add(struct buf *out, const struct digest_part *, str raw);

#endif
