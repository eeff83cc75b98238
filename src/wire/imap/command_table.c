/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/imap/parser.h"

#define ROW(name, ...)                                                         \
	[IMAP_##name] = {                                                      \
		STR_LIT(#name),                                                \
		IMAP_##name,                                                   \
		__VA_ARGS__,                                                   \
	}

#define AUTH (IMAP_AUTHENTICATED | IMAP_SELECTED)

/* name, arguments, states, flags, capability */
const struct imap_command_row imap_command_table[IMAP_VERB_COUNT] = {
	[IMAP_UNKNOWN] = {STR_LIT(""), IMAP_UNKNOWN, NULL, 0, 0, NULL},

	ROW(CAPABILITY, NULL, IMAP_ANY_STATE, IMAP_MAY_EXPUNGE | IMAP_QUICK,
		NULL),
	ROW(NOOP, NULL, IMAP_ANY_STATE, IMAP_MAY_EXPUNGE | IMAP_QUICK, NULL),
	ROW(LOGOUT, NULL, IMAP_ANY_STATE, IMAP_QUICK, NULL),
	ROW(ID, imap_parse_id, IMAP_ANY_STATE, IMAP_MAY_EXPUNGE | IMAP_QUICK,
		"ID"),

	ROW(STARTTLS, NULL, IMAP_NOT_AUTHENTICATED, 0, "STARTTLS"),
	ROW(AUTHENTICATE, imap_parse_authenticate, IMAP_NOT_AUTHENTICATED,
		IMAP_CONVERSES | IMAP_SECRET, NULL),
	ROW(LOGIN, imap_parse_login, IMAP_NOT_AUTHENTICATED, IMAP_SECRET, NULL),

	/* RFC 5161 section 3.1: ENABLE before a mailbox is selected; clients
	 * that are late are served all the same (RFC 9051 section 6.3.1 has
	 * it in both states). */
	ROW(ENABLE, imap_parse_enable, AUTH, IMAP_MAY_EXPUNGE | IMAP_QUICK,
		"ENABLE"),
	ROW(SELECT, imap_parse_select, AUTH, IMAP_TAKES_MAILBOX | IMAP_QUICK,
		NULL),
	ROW(EXAMINE, imap_parse_select, AUTH, IMAP_TAKES_MAILBOX | IMAP_QUICK,
		NULL),
	ROW(CREATE, imap_parse_create, AUTH,
		IMAP_TAKES_MAILBOX | IMAP_CHANGES | IMAP_MAY_EXPUNGE, NULL),
	ROW(DELETE, imap_parse_mailbox, AUTH,
		IMAP_TAKES_MAILBOX | IMAP_CHANGES | IMAP_MAY_EXPUNGE, NULL),
	ROW(RENAME, imap_parse_rename, AUTH,
		IMAP_TAKES_MAILBOX | IMAP_CHANGES | IMAP_MAY_EXPUNGE, NULL),
	ROW(SUBSCRIBE, imap_parse_mailbox, AUTH,
		IMAP_TAKES_MAILBOX | IMAP_CHANGES | IMAP_MAY_EXPUNGE, NULL),
	ROW(UNSUBSCRIBE, imap_parse_mailbox, AUTH,
		IMAP_TAKES_MAILBOX | IMAP_CHANGES | IMAP_MAY_EXPUNGE, NULL),
	ROW(LIST, imap_parse_list, AUTH, IMAP_MAY_EXPUNGE, NULL),
	ROW(LSUB, imap_parse_lsub, AUTH, IMAP_MAY_EXPUNGE | IMAP_OBSOLETE,
		NULL),
	ROW(NAMESPACE, NULL, AUTH, IMAP_MAY_EXPUNGE | IMAP_QUICK, "NAMESPACE"),
	ROW(STATUS, imap_parse_status, AUTH,
		IMAP_TAKES_MAILBOX | IMAP_MAY_EXPUNGE | IMAP_QUICK, NULL),
	ROW(APPEND, imap_parse_append, AUTH,
		IMAP_TAKES_MAILBOX | IMAP_CHANGES | IMAP_MAY_EXPUNGE, NULL),
	ROW(GETMETADATA, imap_parse_getmetadata, AUTH,
		IMAP_TAKES_MAILBOX | IMAP_MAY_EXPUNGE, "METADATA"),
	ROW(SETMETADATA, imap_parse_setmetadata, AUTH,
		IMAP_TAKES_MAILBOX | IMAP_CHANGES | IMAP_MAY_EXPUNGE,
		"METADATA"),
	ROW(IDLE, NULL, AUTH, IMAP_MAY_EXPUNGE | IMAP_QUICK | IMAP_CONVERSES,
		"IDLE"),

	ROW(NOTIFY, imap_parse_notify, AUTH, IMAP_MAY_EXPUNGE, "NOTIFY"),
	ROW(COMPRESS, imap_parse_compress, AUTH, IMAP_MAY_EXPUNGE,
		"COMPRESS=DEFLATE"),
	ROW(UNAUTHENTICATE, NULL, AUTH, 0, "UNAUTHENTICATE"),
	/* RFC 7377's examples have "UID ESEARCH" too; it is the same. */
	ROW(ESEARCH, imap_parse_esearch, AUTH, IMAP_HAS_UID, "MULTISEARCH"),

	ROW(CHECK, NULL, IMAP_SELECTED,
		IMAP_MAY_EXPUNGE | IMAP_QUICK | IMAP_OBSOLETE, NULL),
	ROW(CLOSE, NULL, IMAP_SELECTED, IMAP_CHANGES, NULL),
	ROW(UNSELECT, NULL, IMAP_SELECTED, IMAP_QUICK, "UNSELECT"),
	ROW(EXPUNGE, imap_parse_expunge, IMAP_SELECTED,
		IMAP_HAS_UID | IMAP_UID_ARGUMENTS_ONLY | IMAP_MAY_EXPUNGE |
			IMAP_CHANGES,
		NULL),
	ROW(SEARCH, imap_parse_search, IMAP_SELECTED, IMAP_HAS_UID, NULL),
	ROW(SORT, imap_parse_sort, IMAP_SELECTED, IMAP_HAS_UID, "SORT"),
	ROW(THREAD, imap_parse_thread, IMAP_SELECTED, IMAP_HAS_UID,
		"THREAD=REFERENCES"),
	ROW(CANCELUPDATE, imap_parse_cancelupdate, IMAP_SELECTED,
		IMAP_MAY_EXPUNGE, "CONTEXT=SEARCH"),
	ROW(FETCH, imap_parse_fetch, IMAP_SELECTED, IMAP_HAS_UID | IMAP_QUICK,
		NULL),
	ROW(STORE, imap_parse_store, IMAP_SELECTED, IMAP_HAS_UID | IMAP_CHANGES,
		NULL),
	ROW(COPY, imap_parse_copy, IMAP_SELECTED,
		IMAP_HAS_UID | IMAP_TAKES_MAILBOX | IMAP_CHANGES |
			IMAP_MAY_EXPUNGE,
		NULL),
	ROW(MOVE, imap_parse_copy, IMAP_SELECTED,
		IMAP_HAS_UID | IMAP_TAKES_MAILBOX | IMAP_CHANGES |
			IMAP_MAY_EXPUNGE,
		"MOVE"),
	ROW(REPLACE, imap_parse_replace, IMAP_SELECTED,
		IMAP_HAS_UID | IMAP_TAKES_MAILBOX | IMAP_CHANGES |
			IMAP_MAY_EXPUNGE,
		"REPLACE"),
};
