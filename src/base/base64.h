/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64: RFC 4648, strict, for protocols: no bytes outside the alphabet, no
 * line breaks, unused bits zero. (Mail's own, which reads what can be read, is
 * message/transfer.h.)
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/* Section 4, with padding. Appends. */
void base64_add(struct buf *out, str in);
/* ERR_INVALID, and nothing appended. */
MUST enum err base64_decode(struct buf *out, str in);

/* Section 5, "base64url", without padding, as JSON Web Tokens have it (RFC
 * 7515 section 2). */
void base64_add_url(struct buf *out, str in);
MUST enum err base64_decode_url(struct buf *out, str in);

#endif
