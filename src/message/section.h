/* SPDX-License-Identifier: Apache-2.0 */
/*
 * section: what BODY[...] names, found in a message's digest: a range of
 * bytes, and whether header fields are to be filtered out of it.
 * RFC 9051 section 6.4.5.1, RFC 3501 section 6.4.5.
 */
#ifndef MESSAGE_SECTION_H
#define MESSAGE_SECTION_H

#include "message/digest.h"

enum section_kind {
	SECTION_WHOLE, /* no text: the message, or the part's body */
	SECTION_HEADER,
	SECTION_HEADER_FIELDS,
	SECTION_HEADER_FIELDS_NOT,
	SECTION_TEXT,
	SECTION_MIME, /* only after numbers */
};

struct section {
	const uint32_t *numbers;
	size_t number_count;
	enum section_kind kind;
	const str *fields; /* names, for HEADER.FIELDS and its NOT */
	size_t field_count;
};

struct section_range {
	uint64_t at, n; /* in the message's bytes */
	bool filter;	/* through a header_filter with the section's fields */
	uint32_t part;	/* whose index; its encoding is what BINARY decodes */
};

/* ERR_NOTFOUND when the message has no such section (NIL to the client),
 * ERR_CORRUPT. Time in the numbers' sum at worst. */
MUST enum err section_resolve(
	const struct digest *, const struct section *, struct section_range *);

/*
 * The fields of a header whose names are among `names` (or, with `except`,
 * are not), with folding and order as they are, and the blank line at the end
 * if the header has one: a message that ends in its header gets none (RFC 9051
 * section 6.4.5.1). Names compare in ASCII without case; blanks before the
 * colon do not count. A line that is no field has no name: only `except`
 * passes it. What comes after the blank line is ignored.
 *
 * Holds a copy of nothing but the start of a line, up to the longest name.
 */
struct header_filter {
	const str *names; /* the caller's; or, when they are many, sorted */
	size_t count;
	size_t longest;
	/* Which lengths and which first letters there are. */
	uint64_t lengths;
	uint32_t letters;
	bool except;
	struct buf
		line; /* the line's beginning while the name is not decided */
	int state;
	bool pass; /* the current field is wanted */
};

/* The names must outlive the filter. */
void header_filter_init(
	struct header_filter *, const str *names, size_t count, bool except);
void header_filter_feed(struct header_filter *, str bytes, struct buf *out);
/* The header ends here, whether there was a blank line or not. */
void header_filter_finish(struct header_filter *, struct buf *out);
void header_filter_fini(struct header_filter *);

#endif
