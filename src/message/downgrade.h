/* SPDX-License-Identifier: Apache-2.0 */
/*
 * downgrade: a message with UTF-8 in its header (RFC 6532) as a surrogate for
 * clients that did not ask for UTF-8 (RFC 6858): addresses that cannot be
 * written in ASCII become ones that belong to nobody, with the address as
 * their name; names and the Subject are encoded (RFC 2047); parameters and
 * other fields that cannot be written are left out. The message's own header
 * only; the rest passes as it is.
 *
 * A field that is not UTF-8 passes too: it was never right, and no charset is
 * known that would make it so. A stream in pieces of any size; memory is one
 * field, at most DOWNGRADE_FIELD_MAX bytes: of longer ones, what is not ASCII
 * becomes "?".
 */
#ifndef MESSAGE_DOWNGRADE_H
#define MESSAGE_DOWNGRADE_H

#include "base/buf.h"

#define DOWNGRADE_FIELD_MAX (32 * 1024)

struct downgrade {
	struct buf field; /* lines of the field that is being read */
	bool amid_line;	  /* of it */
	bool too_long;	  /* what is over was given away already */
	bool in_body;
};

void downgrade_init(struct downgrade *);
void downgrade_fini(struct downgrade *);
void downgrade_feed(struct downgrade *, str bytes, struct buf *out);
/* What is left of a message that ends in its header. */
void downgrade_finish(struct downgrade *, struct buf *out);

#endif
