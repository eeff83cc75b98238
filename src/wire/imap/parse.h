/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse: the grammar of IMAP commands, RFC 9051 section 9 and RFC 3501 section
 * 9 at once, with the extensions that the command table announces. Pure:
 * bytes in, a tree in the arena out.
 *
 * The parser is strict. What it accepts beyond the grammar are functions named
 * tolerate_*(), each with the client it is for and a row in the tests.
 */
#ifndef WIRE_IMAP_PARSE_H
#define WIRE_IMAP_PARSE_H

#include "wire/imap/command.h"

/*
 * text is a framer's COMMAND or BODY: without the last line end. `utf8`: the
 * client enabled IMAP4rev2 or UTF8=ACCEPT; then quoted strings may be UTF-8 and
 * mailbox names are UTF-8; else they are modified UTF-7 (RFC 9051 appendix A).
 *
 * On an error *command_r still has what was read: the tag and the verb if they
 * were, `expected`, `at`. The errors, and what IMAP answers (imap_put_parse_
 * error in respond.h):
 *	ERR_INVALID	syntax: BAD
 *	ERR_NOTFOUND	no such command: BAD
 *	ERR_UNSUPPORTED	an option or parameter that is not known: BAD
 *	ERR_LIMIT	nested too deep, too many keys, the arena's budget: NO
 *[LIMIT] ERR_CHARSET	SEARCH in a charset that is not known: NO [BADCHARSET]
 */
MUST enum err imap_parse(
	struct arena *, str text, bool utf8, struct imap_command *command_r);

/* What follows an APPEND's message, up to the next one's announcement (RFC
 * 3502): " (\Seen) {20}". Leaves append_r->mailbox alone. */
MUST enum err imap_parse_append_next(
	struct arena *, str text, struct imap_append *append_r);

/* What an APPEND needs next, given its text up to a literal's announcement,
 * which is not part of it. For the framer. */
enum imap_append_expects {
	IMAP_APPEND_MAILBOX, /* the literal is the mailbox's name */
	IMAP_APPEND_MESSAGE,
	IMAP_APPEND_NOTHING, /* no literal can stand here: an error */
};
enum imap_append_expects imap_append_expects(str text);
enum imap_append_expects imap_append_next_expects(str text);

/* Overwrites a LOGIN's password and an AUTHENTICATE's initial response where
 * they stand: in the arena when they had escapes, else in the text, which must
 * be writable. What the text held is its owner's to wipe. */
void imap_command_wipe(struct imap_command *);

/* tag, or "*" when the text does not begin with one. */
str imap_parse_tag(str text);

#endif
