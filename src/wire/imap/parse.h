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

/* What the client has enabled, as far as commands mean something else then. */
enum imap_dialect {
	/* IMAP4rev2 or UTF8=ACCEPT: quoted strings may be UTF-8, and mailbox
	 * names are; else they are modified UTF-7 (RFC 9051 appendix A). */
	IMAP_UTF8 = 1 << 0,
	/* UTF8=ACCEPT: a SEARCH tells no charset (RFC 6855 section 3). */
	IMAP_UTF8_ALONE = 1 << 1,
};

/*
 * text is a framer's COMMAND or BODY: without the last line end. dialect: enum
 * imap_dialect.
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
MUST enum err imap_parse(struct arena *, str text, unsigned dialect,
	struct imap_command *command_r);

/* A filter (RFC 5466): what is stored under a name, and searched for by it.
 * Gives an AND. depth: of the key that it stands for, so that all of it counts
 * as nested there. keys: so many were counted already; raised. ERR_INVALID and
 * ERR_UNSUPPORTED: no search criteria, in UTF-8; ERR_LIMIT. */
MUST enum err imap_parse_filter(struct arena *, str text, unsigned depth,
	unsigned *keys, struct search_node **where_r);
bool imap_is_filter_name(str);

/* What follows a literal of an APPEND, up to the next one's announcement:
 * another message (RFC 3502), " (\Seen) {20}", or, in the list of a CATENATE
 * (RFC 4469), " URL x TEXT {20}" or ")", after the ")" of UTF8's own list (RFC
 * 6855); or the command's end. It follows what command->append.at says.
 * Replaces the messages and the literal of command->append, and says what was
 * expected. */
MUST enum err imap_parse_append_next(
	struct arena *, str text, unsigned dialect, struct imap_command *);

/* What an APPEND needs next, given its text from the last literal on, or from
 * its beginning, up to a literal's announcement, which is not part of it. For
 * the framer. */
enum imap_append_expects {
	IMAP_APPEND_MAILBOX, /* the literal is the mailbox's name */
	IMAP_APPEND_URL,     /* a URL */
	IMAP_APPEND_MESSAGE, /* or a part of one */
	IMAP_APPEND_NOTHING, /* no literal can stand here: an error */
};
/* *at: what the text is behind; becomes what the literal's end is. */
enum imap_append_expects imap_append_expects(enum imap_append_at *at, str text);

/* Overwrites a LOGIN's password and an AUTHENTICATE's initial response where
 * they stand: in the arena when they had escapes, else in the text, which must
 * be writable. What the text held is its owner's to wipe. */
void imap_command_wipe(struct imap_command *);

/* tag, or "*" when the text does not begin with one. */
str imap_parse_tag(str text);

#endif
