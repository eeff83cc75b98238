/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can go wrong, as meanings: each protocol turns a meaning into its own
 * words in one function ("NO [NONEXISTENT]", "-ERR [IN-USE]", "452 4.2.2").
 * An error is logged where it is born; callers pass it on.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* name, words for a log line */
#define ERR_TABLE(X)                                                           \
	X(OK, "ok")                                                            \
	X(ERR_INVALID, "malformed input")                                      \
	X(ERR_LIMIT, "over a limit")                                           \
	X(ERR_TOOBIG, "too large")                                             \
	X(ERR_NOTFOUND, "not found")                                           \
	X(ERR_EXISTS, "exists already")                                        \
	X(ERR_DENIED, "not permitted")                                         \
	X(ERR_READONLY, "read-only")                                           \
	X(ERR_QUOTA, "over quota")                                             \
	X(ERR_CONFLICT, "changed by somebody else")                            \
	X(ERR_NOSPACE, "no space left")                                        \
	X(ERR_IO, "input/output error")                                        \
	X(ERR_CORRUPT, "stored data is damaged")                               \
	X(ERR_VERSION, "written by a newer version")                           \
	X(ERR_UNSUPPORTED, "not supported")                                    \
	X(ERR_CHARSET, "unknown charset")                                      \
	X(ERR_CTE, "unknown content transfer encoding")                        \
	X(ERR_INUSE, "in use")                                                 \
	X(ERR_HASCHILDREN, "has children")                                     \
	X(ERR_EXPUNGED, "expunged meanwhile")                                  \
	X(ERR_AUTH, "authentication failed")                                   \
	X(ERR_EXPIRED, "expired")                                              \
	X(ERR_UNAVAILABLE, "temporarily unavailable")                          \
	X(ERR_AGAIN, "would block")                                            \
	X(ERR_CLOSED, "closed by the other side")

enum err {
#define X(name, words) name,
	ERR_TABLE(X)
#undef X
};

/* Every function that returns an enum err is declared with this. */
#define MUST __attribute__((warn_unused_result))

const char *err_words(enum err);

/* The meaning of an errno from a file or socket call. */
enum err err_from_errno(int);

#endif
