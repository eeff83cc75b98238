/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of mailboxes by name, see private.h. */
#include "base/alloc.h"
#include "base/hash.h"
#include "mail/private.h"

#include <stdlib.h>

static struct opened *slot_of(struct mail *mail, account_num account, str name)
{
	uint64_t hash = hash_str(name) ^ hash_u64(account);

	return &mail->opened[hash % OPENED_SLOTS];
}

static bool is_of(const struct opened *slot, account_num account, str name)
{
	return slot->account == account && str_eq(slot->info.name, name);
}

bool opened_get(struct mail *mail, account_num account, str name,
	struct mailbox_info *info_r)
{
	uint64_t moment = write_moment(mail, account);
	const struct opened *slot = slot_of(mail, account, name);
	bool found;

	pthread_mutex_lock(&mail->opened_lock);
	found = moment != NO_MOMENT && slot->moment == moment &&
		is_of(slot, account, name);
	if (found)
		*info_r = slot->info;
	pthread_mutex_unlock(&mail->opened_lock);
	info_r->name = name;
	return found;
}

void opened_put(struct mail *mail, account_num account, uint64_t moment,
	const struct mailbox_info *info)
{
	struct opened *slot = slot_of(mail, account, info->name);

	if (moment == NO_MOMENT)
		return;
	pthread_mutex_lock(&mail->opened_lock);
	if (!is_of(slot, account, info->name)) {
		free(slot->name);
		slot->name = xstrndup(info->name.p, info->name.n);
	}
	slot->account = account;
	slot->moment = moment;
	slot->info = *info;
	slot->info.name = str_of(slot->name, info->name.n);
	pthread_mutex_unlock(&mail->opened_lock);
}

void opened_fini(struct mail *mail)
{
	for (size_t i = 0; i < OPENED_SLOTS; i++)
		free(mail->opened[i].name);
}
