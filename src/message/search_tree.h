/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search_tree: the criteria of SEARCH (RFC 9051 and RFC 3501 section 6.4.4) as
 * data: wire parses them into it, search executes it, search_tree_print writes
 * it back. Everything is in the arena of the command.
 *
 * A key is a row in SEARCH_TABLE: wire knows from the row what arguments
 * follow, search what to compare. A later key is a
 * row, and, where its argument is of a new shape, one value of enum
 * search_arg. Strings are UTF-8: whoever parses converts them from the
 * command's charset.
 */
#ifndef MESSAGE_SEARCH_TREE_H
#define MESSAGE_SEARCH_TREE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "message/flags.h"
#include "message/seqset.h"

/* How deep keys may be nested, and how many one command may have. */
#define SEARCH_DEPTH_MAX 128
#define SEARCH_KEYS_MAX 4096

/* What follows a key's name on the wire, and which member of the node's union
 * holds it. */
enum search_arg {
	SEARCH_ARG_NONE,
	SEARCH_ARG_TEXT,    /* astring: text */
	SEARCH_ARG_HEADER,  /* header field name, astring: header */
	SEARCH_ARG_KEYWORD, /* flag-keyword: keyword */
	SEARCH_ARG_DATE,    /* date: day */
	SEARCH_ARG_NUMBER,  /* number64: number */
	SEARCH_ARG_NZ,	    /* nz-number: number */
	SEARCH_ARG_OBJECT,  /* objectid: text (RFC 8474) */
	SEARCH_ARG_MODSEQ,  /* [entry SP type SP] number64: modseq */
	SEARCH_ARG_SET,	    /* sequence-set: set */
	SEARCH_ARG_FILTER,  /* filter-name: text (RFC 5466) */
	SEARCH_ARG_UIDS,    /* never on the wire: uids */
	SEARCH_ARG_KEYS,    /* child keys: first; count as below */
};

/* What a key looks at; with the row's other columns that is its meaning. */
enum search_on {
	SEARCH_ON_ALL,	    /* matches everything */
	SEARCH_ON_FLAGS,    /* all of `set`, none of `clear`, recent if +1, not
			       recent if -1 */
	SEARCH_ON_KEYWORD,  /* has it (wanted) or not */
	SEARCH_ON_INTERNAL, /* day of INTERNALDATE, compared as `order` */
	SEARCH_ON_AGE,	   /* seconds since INTERNALDATE, compared as `order` */
	SEARCH_ON_SAVED,   /* day of the save date, compared as `order` */
	SEARCH_ON_SENT,	   /* day of the Date field, compared as `order` */
	SEARCH_ON_SIZE,	   /* RFC822.SIZE, compared as `order` */
	SEARCH_ON_EMAILID, /* RFC 8474 */
	SEARCH_ON_THREADID, /* RFC 8474; no message has one */
	SEARCH_ON_MODSEQ,   /* mod-sequence, greater or equal (RFC 7162) */
	SEARCH_ON_FIELD,    /* substring of the field `field` (or the header's
			       name) */
	SEARCH_ON_BODY,	    /* substring of the body's text */
	SEARCH_ON_TEXT,	    /* substring of header or body */
	SEARCH_ON_SEQUENCE, /* message sequence numbers */
	SEARCH_ON_UIDS,	    /* these UIDs, whatever else */
	SEARCH_ON_UID,
	SEARCH_ON_UID_ORDER, /* UID, compared as `order` (RFC 9738) */
	SEARCH_ON_FILTER,    /* stands for other keys, which have to be put in
				its place before anything is searched */
	SEARCH_ON_AND,	     /* all children; an empty AND matches everything */
	SEARCH_ON_OR,	     /* one of two children */
	SEARCH_ON_NOT,	     /* not its one child */
};

/* Name on the wire, key, argument, what it looks at; then
 * flags that must be set, flags that must be clear, recent (-1, 0, +1),
 * order (-1 less, 0 equal, +1 greater, 2 greater or equal), header field.
 * IMAP4rev1 has them all; IMAP4rev2 has not RECENT, NEW and OLD. */
#define SEARCH_TABLE(X)                                                        \
	X("ALL", ALL, NONE, ALL, 0, 0, 0, 0, NULL)                             \
	X("ANSWERED", ANSWERED, NONE, FLAGS, FLAG_ANSWERED, 0, 0, 0, NULL)     \
	X("DELETED", DELETED, NONE, FLAGS, FLAG_DELETED, 0, 0, 0, NULL)        \
	X("DRAFT", DRAFT, NONE, FLAGS, FLAG_DRAFT, 0, 0, 0, NULL)              \
	X("FLAGGED", FLAGGED, NONE, FLAGS, FLAG_FLAGGED, 0, 0, 0, NULL)        \
	X("SEEN", SEEN, NONE, FLAGS, FLAG_SEEN, 0, 0, 0, NULL)                 \
	X("UNANSWERED", UNANSWERED, NONE, FLAGS, 0, FLAG_ANSWERED, 0, 0, NULL) \
	X("UNDELETED", UNDELETED, NONE, FLAGS, 0, FLAG_DELETED, 0, 0, NULL)    \
	X("UNDRAFT", UNDRAFT, NONE, FLAGS, 0, FLAG_DRAFT, 0, 0, NULL)          \
	X("UNFLAGGED", UNFLAGGED, NONE, FLAGS, 0, FLAG_FLAGGED, 0, 0, NULL)    \
	X("UNSEEN", UNSEEN, NONE, FLAGS, 0, FLAG_SEEN, 0, 0, NULL)             \
	X("RECENT", RECENT, NONE, FLAGS, 0, 0, 1, 0, NULL)                     \
	X("NEW", NEW, NONE, FLAGS, 0, FLAG_SEEN, 1, 0, NULL)                   \
	X("OLD", OLD, NONE, FLAGS, 0, 0, -1, 0, NULL)                          \
	X("KEYWORD", KEYWORD, KEYWORD, KEYWORD, 1, 0, 0, 0, NULL)              \
	X("UNKEYWORD", UNKEYWORD, KEYWORD, KEYWORD, 0, 1, 0, 0, NULL)          \
	X("BEFORE", BEFORE, DATE, INTERNAL, 0, 0, 0, -1, NULL)                 \
	X("ON", ON, DATE, INTERNAL, 0, 0, 0, 0, NULL)                          \
	X("SINCE", SINCE, DATE, INTERNAL, 0, 0, 0, 2, NULL)                    \
	X("SENTBEFORE", SENTBEFORE, DATE, SENT, 0, 0, 0, -1, NULL)             \
	X("SENTON", SENTON, DATE, SENT, 0, 0, 0, 0, NULL)                      \
	X("SENTSINCE", SENTSINCE, DATE, SENT, 0, 0, 0, 2, NULL)                \
	/* RFC 8514: all mailboxes have save dates. */                         \
	X("SAVEDBEFORE", SAVEDBEFORE, DATE, SAVED, 0, 0, 0, -1, NULL)          \
	X("SAVEDON", SAVEDON, DATE, SAVED, 0, 0, 0, 0, NULL)                   \
	X("SAVEDSINCE", SAVEDSINCE, DATE, SAVED, 0, 0, 0, 2, NULL)             \
	X("SAVEDATESUPPORTED", SAVEDATESUPPORTED, NONE, ALL, 0, 0, 0, 0, NULL) \
	/* RFC 5032 */                                                         \
	X("OLDER", OLDER, NZ, AGE, 0, 0, 0, 1, NULL)                           \
	X("YOUNGER", YOUNGER, NZ, AGE, 0, 0, 0, -1, NULL)                      \
	X("EMAILID", EMAILID, OBJECT, EMAILID, 0, 0, 0, 0, NULL)               \
	X("THREADID", THREADID, OBJECT, THREADID, 0, 0, 0, 0, NULL)            \
	X("LARGER", LARGER, NUMBER, SIZE, 0, 0, 0, 1, NULL)                    \
	X("SMALLER", SMALLER, NUMBER, SIZE, 0, 0, 0, -1, NULL)                 \
	X("MODSEQ", MODSEQ, MODSEQ, MODSEQ, 0, 0, 0, 2, NULL)                  \
	X("BCC", BCC, TEXT, FIELD, 0, 0, 0, 0, "Bcc")                          \
	X("CC", CC, TEXT, FIELD, 0, 0, 0, 0, "Cc")                             \
	X("FROM", FROM, TEXT, FIELD, 0, 0, 0, 0, "From")                       \
	X("SUBJECT", SUBJECT, TEXT, FIELD, 0, 0, 0, 0, "Subject")              \
	X("TO", TO, TEXT, FIELD, 0, 0, 0, 0, "To")                             \
	X("HEADER", HEADER, HEADER, FIELD, 0, 0, 0, 0, NULL)                   \
	X("BODY", BODY, TEXT, BODY, 0, 0, 0, 0, NULL)                          \
	X("TEXT", TEXT, TEXT, TEXT, 0, 0, 0, 0, NULL)                          \
	X("UID", UID, SET, UID, 0, 0, 0, 0, NULL)                              \
	X("UIDAFTER", UIDAFTER, NZ, UID_ORDER, 0, 0, 0, 1, NULL)               \
	X("UIDBEFORE", UIDBEFORE, NZ, UID_ORDER, 0, 0, 0, -1, NULL)            \
	X("FILTER", FILTER, FILTER, FILTER, 0, 0, 0, 0, NULL)                  \
	X("NOT", NOT, KEYS, NOT, 0, 0, 0, 0, NULL)                             \
	X("OR", OR, KEYS, OR, 0, 0, 0, 0, NULL)                                \
	/* Without a name: a bare set, what such a set once was, and keys in   \
	 * parentheses. */                                                     \
	X(NULL, SEQUENCE, SET, SEQUENCE, 0, 0, 0, 0, NULL)                     \
	X(NULL, UIDS, UIDS, UIDS, 0, 0, 0, 0, NULL)                            \
	X(NULL, AND, KEYS, AND, 0, 0, 0, 0, NULL)

enum search_key {
#define X(name, key, ...) SEARCH_##key,
	SEARCH_TABLE(X)
#undef X
		SEARCH_KEY_COUNT
};

struct search_row {
	const char *name; /* NULL for SEQUENCE, UIDS and AND */
	enum search_arg arg;
	enum search_on on;
	uint64_t set, clear; /* KEYWORD and UNKEYWORD: `set` says which */
	int recent;
	int order;
	const char *field; /* NULL for HEADER: the node names it */
};

struct search_node {
	enum search_key key;
	struct search_node *next; /* the next child of the same parent */
	union {
		str text;
		struct {
			str name, text;
		} header;
		str keyword;
		int32_t day; /* as message/date.h counts */
		uint64_t number;
		struct {
			str entry, type; /* absent: none was given */
			uint64_t number;
		} modseq;
		struct seqset set;
		const struct uidset *uids; /* the maker's */
		struct search_node
			*first; /* AND: any number; OR: two; NOT: one */
	};
};

const struct search_row *search_row(enum search_key);
/* By its name on the wire, in any case; NULL for one that is not known. */
const struct search_row *search_row_find(str name, enum search_key *key_r);

struct search_node *search_node_new(struct arena *, enum search_key);

/* A copy that shares nothing with the original but `uids`. */
struct search_node *search_tree_copy(
	struct arena *, const struct search_node *);

/* Appends the key in IMAP's syntax, such that parsing gives the same tree if
 * the parser's root is an AND always, which is printed without parentheses.
 * Strings are quoted, or literals where they must be (in ASCII they never
 * must but for line ends); CHARSET is the caller's to say
 * (search_tree_is_ascii). */
void search_tree_print(struct buf *, const struct search_node *);
/* No string in it needs CHARSET UTF-8. */
bool search_tree_is_ascii(const struct search_node *);
/* Is there a key that looks at this? */
bool search_tree_asks(const struct search_node *, enum search_on);

#endif
