/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/objectid.h"

static void put(struct buf *out, char kind, uint64_t account, uint64_t number)
{
	buf_add_byte(out, kind);
	buf_add_u64(out, account);
	buf_add_byte(out, '-');
	buf_add_u64(out, number);
}

void objectid_put_mailbox(
	struct buf *out, account_num account, mailbox_num mailbox)
{
	put(out, 'F', account, mailbox);
}

void objectid_put_email(
	struct buf *out, account_num account, message_num message)
{
	put(out, 'M', account, message);
}

message_num objectid_read_email(str id, account_num account)
{
	size_t dash = str_find_byte(id, '-');
	struct buf again = BUF_UNBOUNDED;
	message_num message;

	if (dash >= id.n ||
		str_to_u64(str_skip(id, dash + 1), UINT64_MAX, &message))
		return 0;
	/* One spelling only. */
	objectid_put_email(&again, account, message);
	if (!str_eq(buf_str(&again), id))
		message = 0;
	buf_fini(&again);
	return message;
}
