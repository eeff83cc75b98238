/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/imap/command.h"

#define END                                                                    \
	{                                                                      \
		{NULL, 0}, 0                                                   \
	}

const struct imap_name imap_special_use_names[] = {
	{STR_LIT("\\All"), IMAP_USE_ALL},
	{STR_LIT("\\Archive"), IMAP_USE_ARCHIVE},
	{STR_LIT("\\Drafts"), IMAP_USE_DRAFTS},
	{STR_LIT("\\Flagged"), IMAP_USE_FLAGGED},
	{STR_LIT("\\Junk"), IMAP_USE_JUNK},
	{STR_LIT("\\Sent"), IMAP_USE_SENT},
	{STR_LIT("\\Trash"), IMAP_USE_TRASH},
	END,
};

/* RECENT is of IMAP4rev1, DELETED and SIZE of IMAP4rev2; SIZE also of
 * RFC 8438. */
const struct imap_name imap_status_names[] = {
	{STR_LIT("MESSAGES"), IMAP_STATUS_MESSAGES},
	{STR_LIT("RECENT"), IMAP_STATUS_RECENT},
	{STR_LIT("UIDNEXT"), IMAP_STATUS_UIDNEXT},
	{STR_LIT("UIDVALIDITY"), IMAP_STATUS_UIDVALIDITY},
	{STR_LIT("UNSEEN"), IMAP_STATUS_UNSEEN},
	{STR_LIT("DELETED"), IMAP_STATUS_DELETED},
	{STR_LIT("SIZE"), IMAP_STATUS_SIZE},
	{STR_LIT("HIGHESTMODSEQ"), IMAP_STATUS_HIGHESTMODSEQ},
	{STR_LIT("MAILBOXID"), IMAP_STATUS_MAILBOXID},
	{STR_LIT("APPENDLIMIT"), IMAP_STATUS_APPENDLIMIT},
	END,
};

const struct imap_name imap_list_select_names[] = {
	{STR_LIT("SUBSCRIBED"), IMAP_LIST_SUBSCRIBED},
	{STR_LIT("REMOTE"), IMAP_LIST_REMOTE},
	{STR_LIT("RECURSIVEMATCH"), IMAP_LIST_RECURSIVEMATCH},
	{STR_LIT("SPECIAL-USE"), IMAP_LIST_SPECIAL_USE},
	END,
};

const struct imap_name imap_list_return_names[] = {
	{STR_LIT("SUBSCRIBED"), IMAP_RETURN_SUBSCRIBED},
	{STR_LIT("CHILDREN"), IMAP_RETURN_CHILDREN},
	{STR_LIT("SPECIAL-USE"), IMAP_RETURN_SPECIAL_USE},
	{STR_LIT("STATUS"), IMAP_RETURN_STATUS},
	{STR_LIT("METADATA"), IMAP_RETURN_METADATA},
	END,
};

const struct imap_name imap_search_return_names[] = {
	{STR_LIT("MIN"), IMAP_SEARCH_MIN},
	{STR_LIT("MAX"), IMAP_SEARCH_MAX},
	{STR_LIT("ALL"), IMAP_SEARCH_ALL},
	{STR_LIT("COUNT"), IMAP_SEARCH_COUNT},
	{STR_LIT("SAVE"), IMAP_SEARCH_SAVE},
	{STR_LIT("PARTIAL"), IMAP_SEARCH_PARTIAL},
	{STR_LIT("CONTEXT"), IMAP_SEARCH_CONTEXT},
	{STR_LIT("UPDATE"), IMAP_SEARCH_UPDATE},
	END,
};

const struct imap_name imap_sort_names[] = {
#define X(name, of) {STR_LIT(#name), 1u << SORT_##name},
	SORT_KEY_TABLE(X)
#undef X
		END,
};

const struct imap_name imap_thread_names[] = {
	{STR_LIT("ORDEREDSUBJECT"), IMAP_THREAD_ORDEREDSUBJECT},
	{STR_LIT("REFERENCES"), IMAP_THREAD_REFERENCES},
	END,
};

const struct imap_name imap_fetch_names[] = {
	{STR_LIT("FLAGS"), IMAP_FETCH_FLAGS},
	{STR_LIT("INTERNALDATE"), IMAP_FETCH_INTERNALDATE},
	{STR_LIT("RFC822.SIZE"), IMAP_FETCH_SIZE},
	{STR_LIT("ENVELOPE"), IMAP_FETCH_ENVELOPE},
	{STR_LIT("BODY"), IMAP_FETCH_BODY},
	{STR_LIT("BODYSTRUCTURE"), IMAP_FETCH_BODYSTRUCTURE},
	{STR_LIT("UID"), IMAP_FETCH_UID},
	{STR_LIT("MODSEQ"), IMAP_FETCH_MODSEQ},
	{STR_LIT("SAVEDATE"), IMAP_FETCH_SAVEDATE},
	{STR_LIT("EMAILID"), IMAP_FETCH_EMAILID},
	{STR_LIT("THREADID"), IMAP_FETCH_THREADID},
	{STR_LIT("PREVIEW"), IMAP_FETCH_PREVIEW},
	END,
};

const struct imap_name imap_notify_filter_names[] = {
	{STR_LIT("SELECTED"), IMAP_NOTIFY_SELECTED},
	{STR_LIT("SELECTED-DELAYED"), IMAP_NOTIFY_SELECTED_DELAYED},
	{STR_LIT("INBOXES"), IMAP_NOTIFY_INBOXES},
	{STR_LIT("PERSONAL"), IMAP_NOTIFY_PERSONAL},
	{STR_LIT("SUBSCRIBED"), IMAP_NOTIFY_SUBSCRIBED},
	{STR_LIT("SUBTREE"), IMAP_NOTIFY_SUBTREE},
	{STR_LIT("MAILBOXES"), IMAP_NOTIFY_MAILBOXES},
	{STR_LIT("SUBTREE-ONE"), IMAP_NOTIFY_SUBTREE_ONE},
	END,
};

const struct imap_name imap_notify_event_names[] = {
	{STR_LIT("MessageNew"), IMAP_NOTIFY_NEW},
	{STR_LIT("MessageExpunge"), IMAP_NOTIFY_EXPUNGE},
	{STR_LIT("FlagChange"), IMAP_NOTIFY_FLAGS},
	{STR_LIT("AnnotationChange"), IMAP_NOTIFY_ANNOTATIONS},
	{STR_LIT("MailboxName"), IMAP_NOTIFY_NAMES},
	{STR_LIT("SubscriptionChange"), IMAP_NOTIFY_SUBSCRIPTIONS},
	{STR_LIT("MailboxMetadataChange"), IMAP_NOTIFY_METADATA},
	{STR_LIT("ServerMetadataChange"), IMAP_NOTIFY_SERVER_METADATA},
	END,
};

unsigned imap_name_bit(const struct imap_name *row, str name)
{
	while (row->name.p && !str_ieq(row->name, name))
		row++;
	return row->bit;
}

str imap_bit_name(const struct imap_name *row, unsigned bit)
{
	while (row->name.p && row->bit != bit)
		row++;
	return row->name;
}

bool imap_partial_slice(const struct imap_partial *p, uint32_t count,
	uint32_t *first_r, uint32_t *last_r)
{
	uint32_t near = p->from < p->to ? p->from : p->to;
	uint32_t far = p->from < p->to ? p->to : p->from;

	if (near > count)
		return false;
	if (far > count)
		far = count;
	*first_r = p->last ? count - far + 1 : near;
	*last_r = p->last ? count - near + 1 : far;
	return true;
}

const struct imap_command_row *imap_command_find(str name)
{
	for (int v = IMAP_UNKNOWN + 1; v < IMAP_VERB_COUNT; v++)
		if (str_ieq(imap_command_table[v].name, name))
			return &imap_command_table[v];
	return &imap_command_table[IMAP_UNKNOWN];
}
