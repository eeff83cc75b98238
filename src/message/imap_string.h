/* SPDX-License-Identifier: Apache-2.0 */
/*
 * imap_string: a string as IMAP sends it (RFC 9051 section 9: string, nstring):
 * quoted when it is ASCII without CR and LF, else a literal, "{n}" CRLF and n
 * bytes. NULs are dropped, since neither form may have them.
 */
#ifndef MESSAGE_IMAP_STRING_H
#define MESSAGE_IMAP_STRING_H

#include "base/buf.h"

void imap_string_add(struct buf *, str);
/* NIL for an absent one. */
void imap_nstring_add(struct buf *, str);
/* In upper case: for the names of MIME, which are the same in any. */
void imap_string_add_upper(struct buf *, str);

#endif
