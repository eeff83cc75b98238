/* SPDX-License-Identifier: Apache-2.0 */
/* keys: what SORT and THREAD compare (RFC 5256, RFC 5957), from a message's
 * header. */
#ifndef MESSAGE_KEYS_H
#define MESSAGE_KEYS_H

#include "base/arena.h"
#include "message/digest.h"
#include "message/header.h"

/* Keys are folded from no more than this many bytes of UTF-8. */
#define KEYS_BYTES_MAX 1024

struct keys {
	uint32_t flags; /* DIGEST_HAS_DATE, DIGEST_REPLY */
	int64_t date;
	struct buf subject;
	struct buf from, to, cc;
	struct buf display_from, display_to;
	struct buf message_id, references;
};

void keys_init(struct keys *);
void keys_fini(struct keys *);
void keys_read(struct keys *, struct arena *, const struct header *);
/* The digest's strs then point into the keys. */
void keys_set(const struct keys *, struct digest *);

#endif
