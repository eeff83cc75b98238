/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox_name: names of mailboxes. Inside Culver a name is canonical: UTF-8
 * in Unicode NFC (Net-Unicode, RFC 5198; RFC 9051 section 5.1), components
 * separated by "/", INBOX in capitals where it is the first component (both
 * "inbox" and "Inbox/Sent" mean the primary mailbox and its child). Modified
 * UTF-7 (RFC 3501 section 5.1.3) exists only on the wire of IMAP4rev1.
 *
 * Bounds: MAILBOX_NAME_MAX bytes, MAILBOX_DEPTH_MAX components.
 */
#ifndef MESSAGE_MAILBOX_NAME_H
#define MESSAGE_MAILBOX_NAME_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define MAILBOX_NAME_MAX 1000
#define MAILBOX_DEPTH_MAX 32
#define MAILBOX_SEPARATOR '/'

/* The canonical form of what a client gave as UTF-8. One trailing "/" is
 * dropped (RFC 9051 section 6.3.4: the client declares that it will create
 * children). ERR_INVALID: empty, an empty component, malformed UTF-8, control
 * characters (C0, DEL, C1, U+2028, U+2029, U+FEFF), noncharacters. ERR_TOOBIG:
 * longer or deeper than the bounds. */
MUST enum err mailbox_name_canonical(struct arena *, str utf8, str *name_r);

/* Is it canonical already, as stored names must be? */
bool mailbox_name_is_canonical(str name);
bool mailbox_name_is_inbox(str name);

/* "a/b" of "a/b/c"; empty for a top-level name. */
str mailbox_name_parent(str name);
/* "c" of "a/b/c". */
str mailbox_name_leaf(str name);
/* Components: 1 for "a", 3 for "a/b/c". */
size_t mailbox_name_depth(str name);
/* Is name below ancestor, at any depth? Not of itself. */
bool mailbox_name_is_below(str name, str ancestor);
/* name with its leading `from` replaced by `to`, for RENAME of a tree; name
 * is `from` or below it. ERR_TOOBIG when that passes a bound. */
MUST enum err mailbox_name_rebase(
	struct arena *, str name, str from, str to, str *name_r);

/* Modified UTF-7. Encoding takes valid UTF-8. Decoding is strict: 8-bit or
 * control bytes, base64 of what needs none, superfluous shifts ("&AOk-&AOk-"),
 * unused bits that are not zero, lone surrogates, a missing "-" are
 * ERR_INVALID, so that a name has one form. Both append. */
void mailbox_name_add_utf7(struct buf *, str utf8);
MUST enum err mailbox_name_decode_utf7(struct buf *, str utf7);

/* LIST's wildcards (RFC 9051 section 6.3.9): "*" any bytes, "%" any but "/".
 * A first component INBOX matches in any case. Time is at most |pattern| *
 * |name|, without recursion. The pattern is UTF-8 (wire has decoded UTF-7) and
 * is brought into NFC with mailbox_pattern_canonical. */
bool mailbox_name_matches(str name, str pattern);
/* Would a pattern match some name below this one? For "%", to know which
 * parents to list. */
bool mailbox_name_may_match_below(str name, str pattern);

/* reference + pattern in NFC, bounded by MAILBOX_NAME_MAX (ERR_TOOBIG),
 * runs of "*" and "%" reduced. ERR_INVALID for malformed UTF-8. */
MUST enum err mailbox_pattern_canonical(
	struct arena *, str reference, str pattern, str *pattern_r);

#endif
