/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/mechanism.h"
#include "server/auth_private.h"

/* What auth can do at all. */
static unsigned implemented(void)
{
	return MECHANISM_PLAIN;
}

void offer_tell(struct peer *p)
{
	struct buf payload = BUF_UNBOUNDED;

	if (p->is_mail)
		return;
	buf_add_varint(&payload, p->auth->offered);
	peer_tell(p, IPC_AUTH_OFFER, 0, buf_str(&payload));
	buf_fini(&payload);
}

void offer_update(struct auth *a)
{
	unsigned bits = implemented();

	if (bits == a->offered)
		return;
	a->offered = bits;
	for (size_t i = 0; i < a->peer_count; i++)
		offer_tell(a->peers[i]);
}
