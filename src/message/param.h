/* SPDX-License-Identifier: Apache-2.0 */
/*
 * param: header field values of the form
 *
 *	token *(";" attribute "=" value)          Content-Disposition
 *	type "/" subtype *(";" attribute "=" value)      Content-Type
 *
 * (RFC 2045 section 5.1, RFC 2183 section 2, RFC 2231), read tolerantly:
 * comments and folding white space anywhere; missing semicolons between
 * parameters; values that should have been quoted; unterminated quotes; bare
 * attributes (dropped). What is not readable at all is skipped to the next
 * ";". Everything that is returned lives in the arena or is part of the input.
 * Linear time; at most PARAM_MAX parameters are kept.
 */
#ifndef MESSAGE_PARAM_H
#define MESSAGE_PARAM_H

#include "base/arena.h"
#include "base/str.h"

#define PARAM_MAX 256

struct param {
	str name;    /* as written, e.g. "filename*0*" */
	str value;   /* as written, without the quotes and their backslashes,
			unfolded; raw bytes */
	bool quoted; /* it was a quoted-string */
	struct param *next;
};

struct param_value {
	str type;    /* absent when the value does not start with a token */
	str subtype; /* absent when there is no "/" or nothing after it */
	struct param *params; /* as written, in order */
};

/* Never fails: what cannot be read is absent. */
struct param_value param_parse(struct arena *, str value);

/* The first parameter of exactly this name (ASCII case-insensitive), as
 * written; absent if there is none. For "boundary" and "charset". */
str param_get(const struct param *, const char *name);

/* What the parameter says, in UTF-8 and with RFC 2231 decoded (charset,
 * percent signs, continuations in the order of their numbers up to the first
 * gap); else the plain one, in which encoded words are decoded too, because
 * most mailers write them against RFC 2047 section 5. The RFC 2231 form wins
 * over the plain one (RFC 6266 section 4.3). Absent if there is none. */
str param_get_decoded(struct arena *, const struct param *, const char *name);

/* The list that BODYSTRUCTURE shows (RFC 9051 section 7.5.2, body-fld-param):
 * as written, but continuations joined where their number 0 stands: "baz*0",
 * "baz*1" become "baz"; "foo*0*", "foo*1*" become "foo*", decoded, converted
 * to UTF-8 and written as RFC 2231 writes it in one piece
 * (utf-8'lang'%E2%82%AC), because that is what "foo*" says to every client.
 * Pieces without a number 0 or after a gap, and those in a charset that is not
 * known, stay as written. No value has a NUL, CR or LF. */
struct param *param_joined(struct arena *, const struct param *);

#endif
