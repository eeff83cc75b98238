/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flags: a message's flags as one 64-bit word. Bits 0..4 are the system flags
 * (RFC 9051 section 2.3.2), 5..7 are not used, 8..63 are the mailbox's
 * keywords, by their position in the mailbox's table of names. \Recent is a
 * session's matter and is never stored.
 */
#ifndef MESSAGE_FLAGS_H
#define MESSAGE_FLAGS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum {
	FLAG_ANSWERED = 1 << 0,
	FLAG_FLAGGED = 1 << 1,
	FLAG_DELETED = 1 << 2,
	FLAG_SEEN = 1 << 3,
	FLAG_DRAFT = 1 << 4,
	FLAGS_SYSTEM = 0x1f,
};

#define FLAGS_KEYWORD_FIRST 8
#define FLAGS_KEYWORD_MAX 56
/* Bytes of a keyword. */
#define FLAGS_KEYWORD_LENGTH_MAX 128

/* The bit of a keyword's index in the table. */
static inline uint64_t flags_keyword_bit(size_t index)
{
	return UINT64_C(1) << (FLAGS_KEYWORD_FIRST + index);
}

/* A list of flags as a client wrote it. */
struct flag_list {
	uint64_t system; /* FLAG_* */
	bool recent;	 /* \Recent was in it: to be refused, or ignored */
	str *keywords;	 /* without repetitions, whatever their case */
	size_t count;
};

/* The bit of a system flag with its backslash, any case; 0 for any other. */
uint64_t flags_system_bit(str name);
/* With the backslash; bit is one of FLAG_*. */
str flags_system_name(uint64_t bit);

/* Can it be a keyword? An atom (RFC 9051 flag-keyword) of bounded length,
 * and no backslash. */
bool flags_keyword_is_valid(str);
/* Keywords are the same whatever their ASCII case (RFC 9051 section 2.3.2). */
bool flags_keyword_eq(str, str);
/* The registered spelling of a well-known keyword ("$forwarded" gives
 * "$Forwarded"), else the keyword itself. */
str flags_keyword_spelling(str);

/* Adds one flag as written. ERR_INVALID: not a system flag and not a possible
 * keyword. ERR_LIMIT: more than FLAGS_KEYWORD_MAX keywords. Keeps the str, not
 * a copy. A list that is all zero is empty. */
MUST enum err flag_list_add(struct arena *, struct flag_list *, str name);

/* Appends "\Seen $Forwarded", the system flags first, without parentheses.
 * keywords[i] names bit 8+i; bits beyond count, and those whose name is
 * absent or empty, are left out. */
void flags_print(struct buf *, uint64_t flags, bool recent, const str *keywords,
	size_t count);
/* The same for a list. */
void flag_list_print(struct buf *, const struct flag_list *);

#endif
