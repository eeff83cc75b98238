/* SPDX-License-Identifier: Apache-2.0 */
/* Stored records may be damaged in any way: they decode or not. What decodes
 * encodes to something that decodes to the same. The first byte says what the
 * rest is. */
#include "mail/layout.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BLOCK 7

/* Decodes it and encodes it anew; ERR_CORRUPT: it is none. */
#define RECORD(name)                                                           \
	static enum err again_##name(str value, struct buf *out)               \
	{                                                                      \
		struct name##_record r;                                        \
		enum err e = name##_decode(value, &r);                         \
                                                                               \
		if (!e)                                                        \
			name##_encode(&r, out);                                \
		return e;                                                      \
	}
RECORD(account)
RECORD(mailbox)
RECORD(message)
RECORD(history)

static enum err again_journal(str value, struct buf *out)
{
	struct journal_record r = {.when = 0};
	enum err e = journal_decode(value, &r);

	if (!e)
		journal_encode(&r, out);
	journal_fini(&r);
	return e;
}

static enum err again_block(str value, struct buf *out)
{
	struct membership members[BLOCK_UIDS];
	size_t count;
	enum err e = block_decode(value, BLOCK, members, &count);

	if (e)
		return e;
	if (count > BLOCK_UIDS)
		abort();
	for (size_t i = 0; i < count; i++)
		if (members[i].uid / BLOCK_UIDS != BLOCK ||
			(i > 0 && members[i].uid <= members[i - 1].uid))
			abort();
	block_encode(members, count, BLOCK, out);
	return OK;
}

static enum err again_seen(str value, struct buf *out)
{
	int64_t until;
	enum err e = seen_decode(value, &until);

	if (!e)
		seen_encode(until, out);
	return e;
}

static enum err again_pending(str key, struct buf *out)
{
	account_num account;
	uint64_t number;
	char kind;
	enum err e = key_pending_read(key, &account, &kind, &number);

	if (!e)
		key_pending(out, account, kind, number);
	return e;
}

static enum err (*const kinds[])(str, struct buf *) = {again_account,
	again_mailbox, again_message, again_history, again_journal, again_block,
	again_seen, again_pending};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once = BUF_UNBOUNDED, twice = BUF_UNBOUNDED;
	enum err (*again)(str, struct buf *);

	if (size == 0)
		return 0;
	again = kinds[data[0] % (sizeof kinds / sizeof *kinds)];
	if (!again(str_of((const char *)data + 1, size - 1), &once)) {
		if (again(buf_str(&once), &twice) ||
			!str_eq(buf_str(&once), buf_str(&twice)))
			abort();
	}
	buf_fini(&once);
	buf_fini(&twice);
	return 0;
}
