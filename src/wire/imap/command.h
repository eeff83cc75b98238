/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command: what a client asked, as a tree. imap_parse() makes it, the executor
 * reads it, imap_print_command() writes it back.
 *
 * A command is a row in the one command table (command_table.c): its name, the
 * function that reads its arguments, where it is valid, what it may do. Adding
 * a command is a verb here, a row there, an argument function in parse_*.c,
 * a row in print.c, and its executor.
 *
 * All memory is the arena's or the parsed text's: the tree lives as long as
 * both. Strings are bytes as the client meant them: without quotes, escapes and
 * literal headers. A list in the order of the command is a chain by `next`.
 */
#ifndef WIRE_IMAP_COMMAND_H
#define WIRE_IMAP_COMMAND_H

#include "message/date.h"
#include "message/flags.h"
#include "message/search_tree.h"
#include "message/seqset.h"
#include "message/sort_key.h"

enum imap_verb {
	IMAP_UNKNOWN,
	/* any state */
	IMAP_CAPABILITY,
	IMAP_NOOP,
	IMAP_LOGOUT,
	IMAP_ID,
	/* not authenticated */
	IMAP_STARTTLS,
	IMAP_AUTHENTICATE,
	IMAP_LOGIN,
	/* authenticated */
	IMAP_ENABLE,
	IMAP_SELECT,
	IMAP_EXAMINE,
	IMAP_CREATE,
	IMAP_DELETE,
	IMAP_RENAME,
	IMAP_SUBSCRIBE,
	IMAP_UNSUBSCRIBE,
	IMAP_LIST,
	IMAP_LSUB,
	IMAP_NAMESPACE,
	IMAP_STATUS,
	IMAP_APPEND,
	IMAP_GETMETADATA,
	IMAP_SETMETADATA,
	IMAP_IDLE,
	IMAP_NOTIFY,
	IMAP_COMPRESS,
	IMAP_UNAUTHENTICATE,
	IMAP_ESEARCH,
	/* selected */
	IMAP_CHECK,
	IMAP_CLOSE,
	IMAP_UNSELECT,
	IMAP_EXPUNGE,
	IMAP_SEARCH,
	IMAP_SORT,
	IMAP_THREAD,
	IMAP_CANCELUPDATE,
	IMAP_FETCH,
	IMAP_STORE,
	IMAP_COPY,
	IMAP_MOVE,
	IMAP_REPLACE,
	IMAP_VERB_COUNT
};

/* RFC 9051 section 3. */
enum imap_state {
	IMAP_NOT_AUTHENTICATED = 1 << 0,
	IMAP_AUTHENTICATED = 1 << 1,
	IMAP_SELECTED = 1 << 2,
	IMAP_LOGGED_OUT = 1 << 3,
	IMAP_ANY_STATE = 0xf,
};

enum imap_command_flag {
	/* "UID name" exists. */
	IMAP_HAS_UID = 1 << 0,
	/* Only "UID name" takes arguments (EXPUNGE). */
	IMAP_UID_ARGUMENTS_ONLY = 1 << 1,
	/* Untagged EXPUNGE may be sent while it runs (RFC 9051 section 7.5.1);
	 * all UID forms may, see imap_may_expunge. */
	IMAP_MAY_EXPUNGE = 1 << 2,
	/* Takes the name of a mailbox. */
	IMAP_TAKES_MAILBOX = 1 << 3,
	/* Changes mail or mailboxes. */
	IMAP_CHANGES = 1 << 4,
	/* Of IMAP4rev1 only. */
	IMAP_OBSOLETE = 1 << 5,
	/* More lines follow, without a tag: imap_framer_set_line_mode. */
	IMAP_CONVERSES = 1 << 6,
	/* Holds a secret: not for logs. */
	IMAP_SECRET = 1 << 7,
	/* Mostly takes no longer than to give it to another thread would, and
	 * waits for nothing, or says so (session_may_last). */
	IMAP_QUICK = 1 << 8,
};

struct imap_parser;
struct imap_command;

struct imap_command_row {
	str name; /* "FETCH" */
	enum imap_verb verb;
	/* Reads what follows the name, from the SP before the first argument
	 * on; the caller checks that nothing is left. NULL: nothing. */
	void (*arguments)(struct imap_parser *, struct imap_command *);
	unsigned states;	/* enum imap_state */
	unsigned flags;		/* enum imap_command_flag */
	const char *capability; /* that announces it; NULL: of IMAP4rev1 */
};

extern const struct imap_command_row imap_command_table[IMAP_VERB_COUNT];

/* The row of IMAP_UNKNOWN has an empty name and is valid nowhere. */
static inline const struct imap_command_row *imap_command_row(enum imap_verb v)
{
	return &imap_command_table[v];
}

/* In any case; the row of IMAP_UNKNOWN when there is none. */
const struct imap_command_row *imap_command_find(str name);

/* Words that stand for a bit each: one table for parsing, printing and
 * answering. The last row has no name. */
struct imap_name {
	str name;
	unsigned bit;
};

extern const struct imap_name imap_special_use_names[]; /* "\\Drafts" */
extern const struct imap_name imap_status_names[];
extern const struct imap_name imap_list_select_names[];
extern const struct imap_name imap_list_return_names[];
extern const struct imap_name imap_search_return_names[];
extern const struct imap_name imap_sort_names[];   /* 1 << enum sort_key */
extern const struct imap_name imap_thread_names[]; /* enum imap_thread_by */
extern const struct imap_name imap_fetch_names[];
extern const struct imap_name imap_notify_filter_names[];
extern const struct imap_name imap_notify_event_names[];

/* In any case; 0 when there is none. */
unsigned imap_name_bit(const struct imap_name *, str name);
/* Absent when there is none. */
str imap_bit_name(const struct imap_name *, unsigned bit);

/* The name of a mailbox in a command. */
struct imap_mailbox {
	str raw; /* as sent */
	/* Canonical (message/mailbox_name.h): decoded by the dialect, NFC,
	 * INBOX in capitals. Absent when no mailbox can have that name;
	 * `err` says why then: ERR_INVALID, ERR_TOOBIG. */
	str name;
	enum err err;
};

struct imap_atom {
	struct imap_atom *next;
	str text;
};

/* How deep values may be nested; search keys: SEARCH_DEPTH_MAX. */
#define IMAP_VALUE_DEPTH_MAX 32

/* tagged-ext-val, option-value (RFC 4466, RFC 5258): one astring, number or
 * set, or a list in parentheses. */
struct imap_value {
	struct imap_value *next;
	bool is_list;
	str text;		  /* !is_list */
	struct imap_value *first; /* is_list: NULL when empty */
};

/* A parameter or modifier that extensions define: name, and perhaps value. What
 * the known ones say stands beside them in the commands' structs. */
struct imap_param {
	struct imap_param *next;
	str name;
	struct imap_value *value; /* NULL: none */
};

struct imap_authenticate {
	str mechanism;
	/* Absent: none was given; still base64, "=" stands for empty
	 * (RFC 4959). */
	str initial;
};

struct imap_login {
	str user;
	str password;
};

struct imap_id {
	struct imap_id *next;
	str field;
	str value; /* absent: NIL */
};

/* What a client knows of the mailbox that it selects: RFC 7162 section 3.2.5.
 */
struct imap_qresync {
	uint32_t uidvalidity;
	uint64_t modseq;
	bool has_known;
	struct seqset known; /* UIDs */
	/* Message numbers, and the UID of each; both ascending, as many of one
	 * as of the other; none: no match data. */
	struct seqset numbers, uids;
};

/* SELECT, EXAMINE (params: RFC 4466 select-params), DELETE, SUBSCRIBE,
 * UNSUBSCRIBE. */
struct imap_select {
	struct imap_mailbox mailbox;
	struct imap_param *params;
	bool condstore;
	struct imap_qresync *qresync; /* NULL: none */
};

/* RFC 6154; also what LIST shows. */
enum imap_special_use {
	IMAP_USE_ALL = 1 << 0,
	IMAP_USE_ARCHIVE = 1 << 1,
	IMAP_USE_DRAFTS = 1 << 2,
	IMAP_USE_FLAGGED = 1 << 3,
	IMAP_USE_JUNK = 1 << 4,
	IMAP_USE_SENT = 1 << 5,
	IMAP_USE_TRASH = 1 << 6,
	/* In a CREATE: one that is not known. NO [USEATTR]. */
	IMAP_USE_UNKNOWN = 1 << 7,
};

struct imap_create {
	struct imap_mailbox mailbox;
	unsigned use; /* enum imap_special_use */
};

struct imap_rename {
	struct imap_mailbox from;
	struct imap_mailbox to;
};

enum imap_status_item {
	IMAP_STATUS_MESSAGES = 1 << 0,
	IMAP_STATUS_RECENT = 1 << 1,
	IMAP_STATUS_UIDNEXT = 1 << 2,
	IMAP_STATUS_UIDVALIDITY = 1 << 3,
	IMAP_STATUS_UNSEEN = 1 << 4,
	IMAP_STATUS_DELETED = 1 << 5,
	IMAP_STATUS_SIZE = 1 << 6,
	IMAP_STATUS_HIGHESTMODSEQ = 1 << 7, /* RFC 7162 */
	IMAP_STATUS_MAILBOXID = 1 << 8,	    /* RFC 8474 */
	IMAP_STATUS_APPENDLIMIT = 1 << 9,   /* RFC 7889 */
};

struct imap_status {
	struct imap_mailbox mailbox;
	unsigned items; /* enum imap_status_item */
};

enum imap_list_select {
	IMAP_LIST_SUBSCRIBED = 1 << 0,
	IMAP_LIST_REMOTE = 1 << 1,
	IMAP_LIST_RECURSIVEMATCH = 1 << 2,
	IMAP_LIST_SPECIAL_USE = 1 << 3,
};

enum imap_list_return {
	IMAP_RETURN_SUBSCRIBED = 1 << 0,
	IMAP_RETURN_CHILDREN = 1 << 1,
	IMAP_RETURN_SPECIAL_USE = 1 << 2,
	IMAP_RETURN_STATUS = 1 << 3,
	IMAP_RETURN_METADATA = 1 << 4, /* RFC 9590 */
};

/* Annotations (RFC 5464): names in lower case, and what they are to be. */
#define IMAP_ENTRY_MAX 255   /* bytes of a name */
#define IMAP_ENTRIES_MAX 100 /* in one command */

struct imap_entry {
	struct imap_entry *next;
	str name;
	str value; /* SETMETADATA; absent: NIL */
};

enum imap_depth {
	IMAP_DEPTH_0,
	IMAP_DEPTH_1,
	IMAP_DEPTH_INFINITY,
};

/* GETMETADATA, SETMETADATA. */
struct imap_metadata {
	struct imap_mailbox mailbox;
	bool server;  /* the mailbox is "": annotations of the server */
	bool limited; /* MAXSIZE */
	uint64_t max;
	enum imap_depth depth;
	struct imap_entry *entries;
};

struct imap_pattern {
	struct imap_pattern *next;
	str raw;
	/* reference + pattern, decoded and in NFC: for mailbox_name_matches.
	 * Absent when nothing can match it. */
	str pattern;
};

/* LIST and LSUB. */
struct imap_list {
	/* Any of RFC 5258's syntax was used: then "" asks for no hierarchy
	 * delimiter, and so on. */
	bool extended;
	unsigned select;  /* enum imap_list_select */
	unsigned returns; /* enum imap_list_return */
	unsigned status;  /* enum imap_status_item */
	struct imap_entry *metadata;
	str reference; /* as sent */
	struct imap_pattern *patterns;
};

struct imap_append_url {
	struct imap_append_url *next;
	str url; /* as sent: wire/imap/url.h */
};

struct imap_append_message {
	struct imap_append_message *next;
	/* Parts of the message before: CATENATE's list goes on behind a
	 * literal. */
	bool continues;
	struct flag_list flags;
	bool has_date;
	struct date date;
	bool catenate; /* RFC 4469 */
	struct imap_append_url *urls;
};

/* Where the text of an APPEND goes on, behind a literal. */
enum imap_append_at {
	IMAP_APPEND_AT_START,
	IMAP_APPEND_AT_OPTIONS, /* behind the mailbox's name, or a message */
	IMAP_APPEND_AT_LIST,	/* in CATENATE's list */
	/* In UTF8's list, which ends: the message, or a part in CATENATE's. */
	IMAP_APPEND_AT_UTF8,
	IMAP_APPEND_AT_UTF8_PART,
};

/* APPEND, REPLACE: what stands before, between, or behind literals. */
struct imap_append {
	struct seqset replaced; /* REPLACE: one message (RFC 8508) */
	struct imap_mailbox mailbox;
	struct imap_append_message *messages;
	/* Bytes follow: the last message, or its next part; more may. */
	bool has_literal;
	uint64_t size;
	bool sync; /* as in struct imap_frame */
	bool binary;
	enum imap_append_at at; /* behind the literal */
};

enum imap_search_return {
	IMAP_SEARCH_MIN = 1 << 0,
	IMAP_SEARCH_MAX = 1 << 1,
	IMAP_SEARCH_ALL = 1 << 2,
	IMAP_SEARCH_COUNT = 1 << 3,
	IMAP_SEARCH_SAVE = 1 << 4,
	IMAP_SEARCH_PARTIAL = 1 << 5,
	IMAP_SEARCH_CONTEXT = 1 << 6, /* RFC 5267 */
	IMAP_SEARCH_UPDATE = 1 << 7,  /* RFC 5267 */
};

/* What is answered; the others say what else is to be done. */
#define IMAP_SEARCH_RESULTS                                                    \
	(IMAP_SEARCH_MIN | IMAP_SEARCH_MAX | IMAP_SEARCH_ALL |                 \
		IMAP_SEARCH_COUNT | IMAP_SEARCH_PARTIAL)

/* partial-range (RFC 9394): the results from this to that, the first is 1; or
 * counted from the end, where the last is 1. As sent: in either order. */
struct imap_partial {
	bool last;
	uint32_t from;
	uint32_t to;
};

/* Which of so many results these are, from 1 on; false: none. */
bool imap_partial_slice(const struct imap_partial *, uint32_t count,
	uint32_t *first_r, uint32_t *last_r);

struct imap_search {
	/* RETURN was there: answer ESEARCH. "RETURN ()" is ALL already. */
	bool extended;
	unsigned returns;	     /* enum imap_search_return */
	struct imap_partial partial; /* of PARTIAL */
	/* Of UPDATE: what is wanted of new messages (RFC 5465 section 7); NULL:
	 * nothing. */
	struct imap_fetch *update;
	/* ESEARCH: which mailboxes (RFC 7377), without events; NULL: the
	 * selected one. */
	struct imap_notify_group *sources;
	str charset;		   /* absent: none */
	struct search_node *where; /* an AND; strings in UTF-8 */
};

/* RFC 5256; with RETURN, RFC 5267 section 3. */
struct imap_sort {
	struct imap_search search; /* the charset is always there */
	struct sort_order order;
};

enum imap_thread_by {
	IMAP_THREAD_ORDEREDSUBJECT = 1 << 0,
	IMAP_THREAD_REFERENCES = 1 << 1,
};

struct imap_thread {
	struct imap_search search; /* the charset is always there */
	enum imap_thread_by by;
};

enum imap_fetch_item {
	IMAP_FETCH_FLAGS = 1 << 0,
	IMAP_FETCH_INTERNALDATE = 1 << 1,
	IMAP_FETCH_SIZE = 1 << 2, /* RFC822.SIZE */
	IMAP_FETCH_ENVELOPE = 1 << 3,
	IMAP_FETCH_BODY = 1 << 4, /* without section: short structure */
	IMAP_FETCH_BODYSTRUCTURE = 1 << 5,
	IMAP_FETCH_UID = 1 << 6,
	IMAP_FETCH_MODSEQ = 1 << 7,    /* RFC 7162 */
	IMAP_FETCH_SAVEDATE = 1 << 8,  /* RFC 8514 */
	IMAP_FETCH_EMAILID = 1 << 9,   /* RFC 8474 */
	IMAP_FETCH_THREADID = 1 << 10, /* RFC 8474 */
	IMAP_FETCH_PREVIEW = 1 << 11,  /* RFC 8970 */
};

/* What the client called it: the answer says the same. */
enum imap_section_name {
	IMAP_SECTION_BODY,	    /* BODY[...], BODY.PEEK[...] */
	IMAP_SECTION_BINARY,	    /* BINARY[...], BINARY.PEEK[...] */
	IMAP_SECTION_BINARY_SIZE,   /* BINARY.SIZE[...] */
	IMAP_SECTION_RFC822,	    /* as BODY[] */
	IMAP_SECTION_RFC822_HEADER, /* as BODY.PEEK[HEADER] */
	IMAP_SECTION_RFC822_TEXT,   /* as BODY[TEXT] */
};

enum imap_section_text {
	IMAP_TEXT_ALL, /* nothing named: the part's body, or the message */
	IMAP_TEXT_HEADER,
	IMAP_TEXT_FIELDS,
	IMAP_TEXT_FIELDS_NOT,
	IMAP_TEXT_TEXT,
	IMAP_TEXT_MIME,
};

#define IMAP_PART_DEPTH_MAX 128

struct imap_section {
	struct imap_section *next;
	enum imap_section_name name;
	bool peek;	/* \Seen stays as it is; also of RFC822.HEADER and
			   BINARY.SIZE */
	uint32_t *part; /* 1.2.3: {1, 2, 3} */
	size_t part_n;
	enum imap_section_text text;
	str *fields; /* FIELDS, FIELDS_NOT */
	size_t fields_n;
	bool partial;
	uint64_t from; /* first byte, from 0 */
	uint64_t length;
};

struct imap_fetch {
	struct seqset set;
	unsigned items; /* enum imap_fetch_item; of macros too. UID FETCH: the
			   executor adds UID */
	struct imap_section *sections;
	struct imap_param *modifiers;
	bool changed; /* CHANGEDSINCE */
	uint64_t since;
	bool vanished;
	bool some; /* PARTIAL */
	struct imap_partial partial;
};

/* RFC 5465 section 6. */
enum imap_notify_filter {
	IMAP_NOTIFY_SELECTED = 1 << 0,
	IMAP_NOTIFY_SELECTED_DELAYED = 1 << 1,
	IMAP_NOTIFY_INBOXES = 1 << 2,
	IMAP_NOTIFY_PERSONAL = 1 << 3,
	IMAP_NOTIFY_SUBSCRIBED = 1 << 4,
	IMAP_NOTIFY_SUBTREE = 1 << 5,
	IMAP_NOTIFY_MAILBOXES = 1 << 6,
	IMAP_NOTIFY_SUBTREE_ONE = 1 << 7, /* only in ESEARCH: RFC 7377 */
};

/* RFC 5465 section 5. */
enum imap_notify_event {
	IMAP_NOTIFY_NEW = 1 << 0,
	IMAP_NOTIFY_EXPUNGE = 1 << 1,
	IMAP_NOTIFY_FLAGS = 1 << 2,
	IMAP_NOTIFY_ANNOTATIONS = 1 << 3,
	IMAP_NOTIFY_NAMES = 1 << 4,
	IMAP_NOTIFY_SUBSCRIPTIONS = 1 << 5,
	IMAP_NOTIFY_METADATA = 1 << 6,
	IMAP_NOTIFY_SERVER_METADATA = 1 << 7,
	IMAP_NOTIFY_UNKNOWN = 1 << 8, /* one that nobody knows */
};

struct imap_notify_mailbox {
	struct imap_notify_mailbox *next;
	struct imap_mailbox mailbox;
};

struct imap_notify_group {
	struct imap_notify_group *next;
	enum imap_notify_filter filter;
	/* SUBTREE, MAILBOXES, SUBTREE_ONE */
	struct imap_notify_mailbox *mailboxes;
	unsigned events;	  /* enum imap_notify_event; none: NONE */
	struct imap_fetch *fetch; /* of MessageNew; NULL: nothing */
};

struct imap_notify {
	bool set; /* else NONE */
	bool status;
	struct imap_notify_group *groups;
};

enum imap_store_op {
	IMAP_STORE_SET,
	IMAP_STORE_ADD,
	IMAP_STORE_REMOVE,
};

struct imap_store {
	struct seqset set;
	struct imap_param *modifiers;
	bool conditional; /* UNCHANGEDSINCE */
	uint64_t unchanged_since;
	enum imap_store_op op;
	bool silent;
	struct flag_list flags;
};

/* COPY and MOVE. */
struct imap_copy {
	struct seqset set;
	struct imap_mailbox mailbox;
};

struct imap_command {
	str tag; /* "*": none could be read */
	enum imap_verb verb;
	bool uid;
	/* When imap_parse() failed: what was expected, and at which byte. */
	const char *expected;
	size_t at;
	union {
		struct imap_authenticate authenticate;
		struct imap_login login;
		struct imap_id *id;	  /* ID; NULL: NIL */
		struct imap_atom *enable; /* capabilities */
		/* SELECT EXAMINE DELETE SUBSCRIBE UNSUBSCRIBE */
		struct imap_select select;
		struct imap_create create;
		struct imap_rename rename;
		struct imap_list list; /* LIST LSUB */
		struct imap_status status;
		struct imap_append append;     /* APPEND REPLACE */
		struct imap_metadata metadata; /* GETMETADATA SETMETADATA */
		struct imap_notify notify;
		str compress;		   /* the mechanism */
		struct imap_atom *cancel;  /* CANCELUPDATE: tags */
		struct seqset expunge;	   /* UID EXPUNGE */
		struct imap_search search; /* SEARCH ESEARCH */
		struct imap_sort sort;
		struct imap_thread thread;
		struct imap_fetch fetch;
		struct imap_store store;
		struct imap_copy copy; /* COPY MOVE */
	};
};

/* What SEARCH, ESEARCH, SORT and THREAD look for; NULL for other commands. */
static inline const struct imap_search *imap_command_search(
	const struct imap_command *c)
{
	return c->verb == IMAP_SEARCH	 ? &c->search
	       : c->verb == IMAP_ESEARCH ? &c->search
	       : c->verb == IMAP_SORT	 ? &c->sort.search
	       : c->verb == IMAP_THREAD	 ? &c->thread.search
					 : NULL;
}

/* May untagged EXPUNGE be sent while it runs? */
static inline bool imap_may_expunge(const struct imap_command *c)
{
	return c->uid || (imap_command_row(c->verb)->flags & IMAP_MAY_EXPUNGE);
}

#endif
