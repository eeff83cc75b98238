/* SPDX-License-Identifier: Apache-2.0 */
/* text: names and passwords as RFC 8265 compares them, so that a client that
 * composes characters another way still logs in. */
#ifndef AUTH_TEXT_H
#define AUTH_TEXT_H

#include "base/buf.h"

bool text_is_utf8(str);

/* RFC 8265 section 3.3, UsernameCaseMapped, with the characters that
 * accounts.h lists. Appends. ERR_INVALID. */
MUST enum err text_prepare_username(str, struct buf *out);
/* RFC 8265 section 4.2, OpaqueString: other spaces become SPACE, then NFC.
 * Appends. ERR_INVALID for what is not UTF-8, empty, or has control
 * characters. `out` holds a secret then. */
MUST enum err text_prepare_password(str, struct buf *out);

#endif
