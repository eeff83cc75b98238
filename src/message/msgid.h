/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msgid: message identifiers (RFC 5322 section 3.6.4), normalised as RFC 5256
 * section 3 (THREAD) asks: without the angle brackets, blanks and comments, and
 * with the contents of quoted strings instead of them. Tolerated: ids without
 * "@", and words between ids.
 */
#ifndef MESSAGE_MSGID_H
#define MESSAGE_MSGID_H

#include "base/buf.h"

/* Takes the next id out of *rest and appends it, normalised. False at the end;
 * nothing is appended then. */
bool msgid_next(str *rest, struct buf *id);

/* The id of a Message-ID field; also one without angle brackets, as some
 * mailers write it. Nothing for none. */
void msgid_add(struct buf *out, str value);

#endif
