/* SPDX-License-Identifier: Apache-2.0 */
/* The names and files of a Maildir. UIDs ascend and stay below UIDNEXT; what
 * maildir_folder_encode() wrote is read back. */
#include "message/dovecot.h"
#include "message/mailbox_name.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_uids(str text)
{
	struct dovecot_uidlist list;
	struct dovecot_uid entry;
	uid_num last = 0;

	if (dovecot_uidlist_begin(&list, text))
		return;
	while (dovecot_uidlist_next(&list, &entry)) {
		if (entry.uid <= last || entry.uid >= list.uid_next ||
			!entry.unique.n)
			abort();
		last = entry.uid;
	}
}

static void check_mailbox(struct arena *arena, str mailbox)
{
	struct buf directory = BUF_UNBOUNDED;
	str again;

	if (!mailbox_name_is_canonical(mailbox))
		abort();
	/* a name with "\2e" in it is the same as one with a dot */
	if (str_find(mailbox, STR("\\2")) == mailbox.n) {
		maildir_folder_encode(&directory, mailbox);
		if (maildir_folder_decode(arena, buf_str(&directory), &again) ||
			!str_eq(again, mailbox))
			abort();
	}
	buf_fini(&directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = str_of((const char *)data, size);
	str keywords[MAILDIR_KEYWORDS], mailbox;
	struct dovecot_subscriptions subscriptions;
	struct maildir_name name;
	struct arena arena;

	arena_init(&arena, 64 << 20);
	read_uids(text);
	dovecot_keywords_parse(text, keywords);
	if (maildir_name_parse(text, &name) == OK && !name.unique.n)
		abort();
	dovecot_subscriptions_begin(&subscriptions, text, '.');
	while (dovecot_subscriptions_next(&subscriptions, &arena, &mailbox))
		check_mailbox(&arena, mailbox);
	if (maildir_folder_decode(&arena, text, &mailbox) == OK)
		check_mailbox(&arena, mailbox);
	arena_fini(&arena);
	return 0;
}
