/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header: the fields of one header (RFC 5322 section 2.2) that a digest needs,
 * collected as the lines come, in any split. Values are unfolded (line ends
 * dropped, RFC 5322 section 2.2.3), cut at a bound, and otherwise as they came.
 * Other fields cost no memory.
 */
#ifndef MESSAGE_HEADER_H
#define MESSAGE_HEADER_H

#include "base/buf.h"

/* Which headers need a field; an address field is joined when repeated. */
enum header_scope {
	HEADER_PART = 1,    /* any part's, the root's included */
	HEADER_MESSAGE = 2, /* a message's, embedded ones included */
	HEADER_ROOT = 4,    /* the message's own */
	HEADER_JOINED = 8,
};

/* id, name in lower case, scope */
#define HEADER_TABLE(X)                                                        \
	X(HEADER_DATE, "date", HEADER_MESSAGE)                                 \
	X(HEADER_SUBJECT, "subject", HEADER_MESSAGE)                           \
	X(HEADER_FROM, "from", HEADER_MESSAGE | HEADER_JOINED)                 \
	X(HEADER_SENDER, "sender", HEADER_MESSAGE | HEADER_JOINED)             \
	X(HEADER_REPLY_TO, "reply-to", HEADER_MESSAGE | HEADER_JOINED)         \
	X(HEADER_TO, "to", HEADER_MESSAGE | HEADER_JOINED)                     \
	X(HEADER_CC, "cc", HEADER_MESSAGE | HEADER_JOINED)                     \
	X(HEADER_BCC, "bcc", HEADER_MESSAGE | HEADER_JOINED)                   \
	X(HEADER_IN_REPLY_TO, "in-reply-to", HEADER_MESSAGE)                   \
	X(HEADER_MESSAGE_ID, "message-id", HEADER_MESSAGE)                     \
	X(HEADER_REFERENCES, "references", HEADER_ROOT)                        \
	X(HEADER_TYPE, "content-type", HEADER_PART)                            \
	X(HEADER_ENCODING, "content-transfer-encoding", HEADER_PART)           \
	X(HEADER_ID, "content-id", HEADER_PART)                                \
	X(HEADER_DESCRIPTION, "content-description", HEADER_PART)              \
	X(HEADER_MD5, "content-md5", HEADER_PART)                              \
	X(HEADER_DISPOSITION, "content-disposition", HEADER_PART)              \
	X(HEADER_LANGUAGE, "content-language", HEADER_PART)                    \
	X(HEADER_LOCATION, "content-location", HEADER_PART)

enum header_field {
#define X(id, name, scope) id,
	HEADER_TABLE(X)
#undef X
		HEADER_FIELDS,
	HEADER_NONE = HEADER_FIELDS
};

/* Longer names are nobody's. */
#define HEADER_NAME_MAX 64

struct header {
	size_t field_max;
	unsigned scope;
	struct buf values[HEADER_FIELDS];
	bool seen[HEADER_FIELDS];

	/* private: the line that is being read */
	enum { HEADER_AT_START, HEADER_IN_NAME, HEADER_IN_VALUE } state;
	enum header_field field; /* whose value the bytes are */
	bool cr;		 /* a CR was held back */
	size_t name_n;
	char name[HEADER_NAME_MAX];
};

void header_init(struct header *, size_t field_max);
void header_fini(struct header *);
/* For the next header: forgets all values, keeps the memory. */
void header_begin(struct header *, unsigned scope);
/* A line or a piece of one, with its LF when it is the last piece. Returns the
 * number of bytes looked at one by one or kept. */
size_t header_feed(struct header *, str piece);
/* Trimmed; absent when there was no such field, empty when it was empty. Until
 * the next header_begin. */
str header_value(const struct header *, enum header_field);

/* HEADER_NONE when it is no field of the table. Any case. */
enum header_field header_lookup(str name);

size_t header_memory(const struct header *);

#endif
