/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope: IMAP's ENVELOPE of a header (RFC 9051 section 7.5.2). Encoded words
 * stay encoded; Sender and Reply-To default to From.
 */
#ifndef MESSAGE_ENVELOPE_H
#define MESSAGE_ENVELOPE_H

#include "base/arena.h"
#include "message/header.h"

void envelope_print(struct arena *, const struct header *, struct buf *out);

/* That of a header without fields. */
#define ENVELOPE_EMPTY "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"

#endif
