/* SPDX-License-Identifier: Apache-2.0 */
/* text: names and passwords as RFC 8265 compares them, so that a client that
 * composes characters another way still logs in. */
#ifndef AUTH_TEXT_H
#define AUTH_TEXT_H

#include "base/buf.h"

bool text_is_utf8(str);
/* UTF-8 without control characters. */
bool text_is_printable(str);

/* RFC 8265 section 3.3, UsernameCaseMapped, with the characters that
 * accounts.h lists. Appends. ERR_INVALID. */
MUST enum err text_prepare_username(str, struct buf *out);
/* The same for the local part of an address, with any printable character.
 * Appends. ERR_INVALID. */
MUST enum err text_prepare_local_part(str, struct buf *out);
/* RFC 8265 section 4.2, OpaqueString: other spaces become SPACE, then NFC.
 * Appends. ERR_INVALID for what is not UTF-8, empty, or has control
 * characters. `out` holds a secret then. */
MUST enum err text_prepare_password(str, struct buf *out);
/* RFC 4013, SASLprep, in which SCRAM wants passwords (RFC 5802 section 2.2):
 * NFKC, some characters mapped to nothing. As a query: what was not in Unicode
 * 3.2 passes as it is. What SASLprep prohibits is prepared as above instead:
 * clients let it pass as it is or not at all. Appends. ERR_INVALID. */
MUST enum err text_prepare_saslprep(str, struct buf *out);

#endif
