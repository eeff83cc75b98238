/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of this folder only. */
#ifndef IMAP_PRIVATE_H
#define IMAP_PRIVATE_H

#include "imap/imap.h"
#include "mail/message.h"
#include "mail/upload.h"
#include "mail/view.h"
#include "search/search.h"
#include "wire/imap/command.h"
#include "wire/imap/framer.h"
#include "wire/imap/parse.h"
#include "wire/imap/respond.h"

struct imap_append_run;	 /* cmd/append.c */
struct imap_contexts;	 /* cmd/context.c */
struct imap_multisearch; /* cmd/multisearch.c */
struct imap_fetch_run;	 /* cmd/fetch.c */
struct imap_notifying;	 /* cmd/notify.c */
struct imap;

/* The mailbox that is selected. What the client was told: the messages it
 * knows by number (`known`), and up to which mod-sequence it has their flags
 * (`told`). */
struct imap_selected {
	struct mail_watch watch;
	struct imap *imap;
	struct mailbox_ref ref;
	bool read_only;
	bool gone; /* deleted meanwhile: it looks empty */
	struct uidset known;
	struct uidset recent; /* this session's */
	modseq_num told;
	/* Up to here was looked for changes, of which those of `held` are not
	 * told: NOTIFY says so. Without it: as told, and none. */
	modseq_num looked;
	struct uidset held;
	/* `known` is what there was at `told`, and nothing is held back. */
	bool in_step;
	uid_num recent_seen;	/* arrivals below were looked at for \Recent */
	uint64_t keywords_told; /* hash of the keywords' names */
};

/* What a command that goes on is doing. */
enum imap_doing {
	IMAP_DOING_NOTHING,
	IMAP_DOING_IDLE,       /* until DONE */
	IMAP_DOING_FETCH,      /* between batches */
	IMAP_DOING_SEARCH,     /* ESEARCH: between mailboxes */
	IMAP_DOING_BODY,       /* APPEND: the message is coming */
	IMAP_DOING_AFTER_BODY, /* APPEND: the rest of its command */
};

struct imap {
	struct session session; /* first */
	struct mail_progress progress;
	struct imap_framer framer;
	struct imap_framer_limits limits;
	enum imap_doing doing;
	bool rev2;	/* ENABLE IMAP4rev2 */
	bool utf8;	/* that, or ENABLE UTF8=ACCEPT: names are UTF-8 */
	bool accept;	/* ENABLE UTF8=ACCEPT (RFC 6855) */
	bool condstore; /* it asked for mod-sequences (RFC 7162) */
	bool qresync;	/* ENABLE QRESYNC */
	bool uidonly;	/* ENABLE UIDONLY (RFC 9586) */
	bool metadata;	/* ENABLE METADATA (RFC 5464) */
	bool logged_out;
	bool compress_next; /* after this command */
	bool leaving;	    /* UNAUTHENTICATE was said */
	_Atomic bool idling;
	_Atomic bool listening;		/* NOTIFY: to the selected mailbox */
	struct imap_selected *selected; /* NULL: authenticated state */
	struct uidset saved;		/* SEARCHRES: "$" */
	struct imap_contexts *contexts; /* of UPDATE; NULL: none */
	/* For the next sync: UIDs whose flags this command changed, so that
	 * the client knows them, unless somebody changed them again: the
	 * mod-sequences of these changes are told + each of own_changes. And
	 * UIDs whose flags it wants to be told. */
	struct uidset own, own_changes, to_tell;
	/* And of its own doing, told whatever it wants to know. */
	struct uidset own_added, own_expunged;
	/* Of these, which it changed, it wants the mod-sequence. */
	struct uidset to_date;
	/* Flags of these were told while no command ran: of one that the client
	 * was sending just then it cannot know which came first. */
	struct uidset told_between;
	bool told_modseq;     /* this command did, of a message */
	uint64_t progress_at; /* the command began, or told how far it is */
	char metadata_toobig[64];
	/* RFC 9738: this command may have so many messages, of which the lowest
	 * that was processed is this one (0: none was); 0: it had no more. */
	uint32_t limit;
	uid_num lowest;
	unsigned bad; /* commands in a row that were no commands */
	/* The command that goes on; text and tree are in the arena. */
	struct imap_command *command;
	struct imap_fetch_run *fetch;
	struct imap_multisearch *multisearch; /* in the arena */
	struct imap_append_run *append;
	/* APPENDs whose messages are there: one write makes them mail. */
	struct imap_append_run *waiting;
	uint64_t body_left;
	/* RFC 5465: which events of the selected mailbox it wants to be told,
	 * of IMAP_WANTS_ALL; and whether expunges wait for a command. */
	unsigned wants;
	bool expunges_wait;
	bool fetch_is_news; /* NOTIFY's or UPDATE's, and no command's */
	/* NULL: neither NOTIFY SET nor ENABLE METADATA is in force. */
	struct imap_notifying *notifying;
	bool notified; /* NOTIFY was given */
};

/* What is told without NOTIFY. */
#define IMAP_WANTS_ALL                                                         \
	(unsigned)(IMAP_NOTIFY_NEW | IMAP_NOTIFY_EXPUNGE | IMAP_NOTIFY_FLAGS)

/* Of session.out. */
static inline struct buf *imap_out(struct imap *s)
{
	return &s->session.out;
}

/* enum imap_dialect */
static inline unsigned imap_dialect(const struct imap *s)
{
	return (s->utf8 ? (unsigned)IMAP_UTF8 : 0) |
	       (s->accept ? (unsigned)IMAP_UTF8_ALONE : 0);
}

static inline struct arena *imap_arena(struct imap *s)
{
	return &s->session.arena;
}

static inline struct mail *imap_mail(struct imap *s)
{
	return session_service_mail(s->session.service);
}

/*
 * An executor reads the command, writes untagged answers to imap_out, and
 * returns what its tagged answer says:
 *	OK		"tag OK [code] text", from the reply
 *	ERR_AGAIN	it goes on: s->doing says how
 *	any other	"tag NO [...] ...", in the words of imap_put_error
 * The dispatcher tells the mailbox's changes before the tagged answer.
 */
struct imap_reply {
	struct buf code;  /* "[COPYUID …] " with its space, or empty */
	const char *text; /* NULL: "<name> completed" */
	bool highest;	  /* [HIGHESTMODSEQ n], after what is told */
	bool no_sync;	  /* nothing of a mailbox is to be told now */
	bool bad;	  /* "tag BAD text", whatever is returned but AGAIN */
	bool no;	  /* "tag NO [code] text", the same */
};

typedef enum err imap_executor(
	struct imap *, struct imap_command *, struct imap_reply *);

/* dispatch.c */
/* Why this command may not be given at all now: what BAD says; or NULL. */
const char *imap_why_not_now(const struct imap *, const struct imap_command *);
/* Executes one command; answers, unless it goes on. */
void imap_execute(struct imap *, struct imap_command *);
/* The tagged answer of a command that went on; ends it. */
void imap_complete(
	struct imap *, struct imap_command *, enum err, struct imap_reply *);

/* sync.c */
/* Tells what changed: EXPUNGE (if allowed), EXISTS, RECENT, FLAGS, FETCH. */
MUST enum err imap_sync(struct imap *, bool may_expunge, bool with_uid);
/* "* n FETCH (", or "* uid UIDFETCH (" (RFC 9586). */
void imap_begin_fetch(struct imap *, uint32_t number, uid_num);
/* "* FLAGS (...)" and "* OK [PERMANENTFLAGS (...)]". */
void imap_put_flag_lists(struct imap *, const struct view *);
/* The client knows the flags of these, as of this change. */
void imap_note_own(struct imap *, const struct uidset *, modseq_num);
uint64_t imap_hash_keywords(const struct view *);
/* These were added to a mailbox by this session. */
void imap_note_added(struct imap *, mailbox_num, const struct uidset *);
/* Whether \Recent messages of the selected mailbox become this session's; and
 * that these are, now. */
bool imap_claims_recent(const struct imap *);
void imap_note_recent(struct imap *, uid_num from, uid_num to);
/* The newest view; an empty one when the mailbox was deleted. */
MUST enum err imap_view(struct imap *, struct view **view_r);

/* limit.c: RFC 9738. What was limited the tagged answer tells. */
/* Leaves as many as one command may have, the highest UIDs. */
void imap_limit(struct imap *, struct uidset *uids);
/* ERR_LIMIT: they are more than that. */
MUST enum err imap_limit_all(struct imap *, const struct uidset *uids);
/* The same of COPY, which may be allowed less. */
MUST enum err imap_limit_copy(struct imap *, const struct uidset *uids);
/* Messages that one APPEND may have; 0: nothing is said about it. */
uint32_t imap_limit_append(struct imap *);
/* Before the tagged answer. */
void imap_tell_limit(struct imap *, enum err, struct imap_reply *);

/* progress.c */
/* From now on: of the command that begins. */
void imap_progress_begin(struct imap *);
/* RFC 9585: tells how far it is, when it is time; where an untagged response
 * may stand. */
void imap_tell_progress(struct imap *, uint32_t done, uint32_t of);

/* named_search.c: RFC 5466. Puts what filters stand for in their place in the
 * command's tree; OK, or what to answer. */
MUST enum err imap_insert_filters(
	struct imap *, const struct imap_command *, struct imap_reply *);
/* May the account have this annotation? No, when it were a filter but is none.
 */
bool imap_is_filter_sound(struct imap *, const struct imap_entry *);

/* condstore.c */
/* A command that enables CONDSTORE came (RFC 7162 section 3.1). */
void imap_enable_condstore(struct imap *);
/* The mod-sequence up to which the client knows all, or will when what this
 * command still has to tell is told. */
modseq_num imap_safe_modseq(const struct imap *, const struct view *);
/* Mod-sequences were told above that of expunges which must wait: so that a
 * client that is cut off now asks for these again (section 3.2). */
void imap_tell_held_back(struct imap *, const struct view *);
/* "* VANISHED ...", unless there are none. */
void imap_put_vanished(struct imap *, const struct uidset *, bool earlier);
/* VANISHED (EARLIER): which of these were expunged since. */
MUST enum err imap_tell_vanished(struct imap *, const struct view *,
	const struct uidset *among, modseq_num since);
/* For a client that was here before: tells what vanished; changed_r: messages
 * whose flags it does not know. */
MUST enum err imap_resync(struct imap *, const struct view *,
	const struct imap_qresync *, struct uidset *changed_r);

/* any.c: the list, without CAPABILITY. */
void imap_tell_capabilities(struct imap *);

/* select.c: the tagged answer's code. */
void imap_select_reply(struct imap *, struct imap_reply *);
/* select.c: leaves the selected state, if any. */
void imap_unselect(struct imap *);

/* list.c: is the mailbox's name another than was sent, in Unicode? Not because
 * of INBOX's case or a "/" at the end. */
bool imap_was_normalized(const struct imap_mailbox *);
/* LIST's line of one mailbox. old: for OLDNAME, or absent. */
MUST enum err imap_put_list_of(struct imap *, str name, str old);
/* LIST's lines of names to which something happened, with all attributes as
 * they are now, each name once: those that are wanted. */
struct imap_list_line {
	str name;
	str old;       /* or absent */
	unsigned what; /* for `wanted` */
};
MUST enum err imap_put_list_lines(struct imap *, const struct imap_list_line *,
	size_t count,
	bool (*wanted)(
		void *arg, const struct imap_list_line *, bool subscribed),
	void *arg);
/* list.c: STATUS's line. */
void imap_put_status(
	struct imap *, const struct mailbox_info *, unsigned items);
/* LIST with OLDNAME, for IMAP4rev2, when the name that was asked for is not in
 * the form that the mailbox has it (RFC 9051 section 6.3.9.7). RENAME asks for
 * one and gets another; else both are the same. */
void imap_tell_normalized(struct imap *, const struct imap_mailbox *asked,
	const struct imap_mailbox *name);

/* metadata.c: a METADATA response with these entries. */
MUST enum err imap_put_metadata(
	struct imap *, const struct mailbox_info *, const struct imap_entry *);

/* Private ones are no guest's. */
bool imap_sees_annotation(const struct imap *, str name);

/* sets.c: the UIDs that a command's set names, among those known to the
 * client. `uid`: the set is of UIDs. ERR_INVALID: a message number that does
 * not exist. */
MUST enum err imap_resolve_set(
	struct imap *, const struct seqset *, bool uid, struct uidset *uids_r);
/* Message number of a UID that is known. */
uint32_t imap_number(const struct imap *, uid_num);
/* Adds those of these UIDs, all of them known, to numbers. */
void imap_uids_to_numbers(
	const struct imap *, const struct uidset *uids, struct uidset *numbers);
/* Adds the UIDs of these numbers, none of them above how many are known. */
void imap_numbers_to_uids(
	const struct imap *, const struct uidset *numbers, struct uidset *uids);

/* search.c: what SEARCH, SORT and THREAD have in common. */
struct imap_finding {
	struct view *view;
	struct search_scope scope;
	struct uidset found;   /* UIDs */
	struct uidset partial; /* of these, PARTIAL's */
	struct uidset unread;  /* that could not be looked at */
	bool modseq;	       /* a key asked for mod-sequences */
	uint32_t forgotten;    /* before the view was taken (mail/kept.h) */
};

/* What an ESEARCH response says: numbers or UIDs, as the command has them. */
struct imap_esearch {
	str mailbox; /* that was searched; absent: not to be told */
	uint32_t uidvalidity;
	unsigned returns; /* enum imap_search_return */
	struct imap_partial partial;
	uint32_t count, first, last;
	const struct uidset *set; /* or else, in this order: */
	const uint32_t *sorted;
	modseq_num modseq; /* 0: not to be told */
};

/* Not of SAVE alone (RFC 5182 section 2.1). */
static inline bool imap_is_answered(unsigned returns)
{
	return returns & IMAP_SEARCH_RESULTS || !(returns & IMAP_SEARCH_SAVE);
}

/* For struct search_scope, with the session: tells how far the command is. */
bool imap_search_cancelled(void *, uint32_t done, uint32_t of);
/* imap_find_end follows, whatever it returns. */
MUST enum err imap_find(
	struct imap *, const struct imap_command *, struct imap_finding *);
/* Tells the client of messages that are damaged. mailbox: its name, or absent
 * for the selected one. */
void imap_tell_unread(struct imap *, struct uidset *unread, str mailbox);
/* The same in f->view, with f->scope; it needs no imap_find_end. */
MUST enum err imap_find_in(
	struct imap *, const struct search_node *, struct imap_finding *);
/* Gives back e, having seen to what an error means. */
MUST enum err imap_find_end(struct imap *, const struct imap_command *,
	struct imap_finding *, enum err e, struct imap_reply *);
/* Saves what is returned, if that was asked for; first and last: UIDs, of MIN
 * and MAX; f->partial: of PARTIAL. The greatest mod-sequence of these (RFC 7162
 * section 3.1.5); 0: none is to be told. */
modseq_num imap_find_returned(struct imap *, const struct imap_finding *,
	unsigned returns, uid_num first, uid_num last);
/* Adds those of all that PARTIAL's range says. */
void imap_take_slice(const struct uidset *all, const struct imap_partial *,
	struct uidset *slice);
/* " (MODSEQ n)", unless it is 0. */
void imap_put_modseq(struct buf *, modseq_num);
/* "* ESEARCH (TAG …) UID" */
void imap_begin_esearch(
	struct imap *, str tag, str mailbox, uint32_t uidvalidity, bool uid);
void imap_put_esearch(struct imap *, const struct imap_command *,
	const struct imap_esearch *);

/* idle.c, append.c, fetch.c: commands that go on. */
enum err imap_idle_line(struct imap *, str line);
/* Begins APPEND or REPLACE: the frame's text was parsed, and bytes follow. OK,
 * or what to answer. */
MUST enum err imap_append_begin(
	struct imap *, struct imap_command *, struct imap_reply *);
/* What stands behind a literal: other messages of the same command, or parts of
 * the last one. */
MUST enum err imap_append_next(
	struct imap *, struct imap_command *, str text, struct imap_reply *);
MUST enum err imap_append_bytes(struct imap *, str);
/* All is there, and the command over. */
MUST enum err imap_append_end(
	struct imap *, struct imap_command *, struct imap_reply *);
void imap_append_abort(struct imap *);
/* Of a client that sends APPEND after APPEND without waiting, several share a
 * write and its sync. imap_append_wait, in place of imap_append_end: the
 * command, of which all is there, waits for the next one, or is done with those
 * that waited when they are enough; false: it may not.
 * imap_append_settle: those that wait become mail, and are answered in order.
 * It comes before anything else is executed or answered, and before the session
 * waits for anything. */
bool imap_append_wait(struct imap *, struct imap_command *);
void imap_append_settle(struct imap *);
/* Of a session that ends: neither is done. */
void imap_append_forget(struct imap *);
/* May this one begin while others wait? */
bool imap_append_may_join(const struct imap *, const struct imap_command *);
/* The next batch into imap_out; ERR_AGAIN when there is more. */
MUST enum err imap_fetch_more(struct imap *);
/* Of few messages, and nothing is sent yet: they are likely to be short. */
bool imap_fetch_is_short(const struct imap *);
void imap_fetch_abort(struct imap *);
/* Begins to send flags and mod-sequences of these, whatever the command was;
 * takes the set over. ERR_AGAIN, or OK when there are none. */
MUST enum err imap_fetch_changes(
	struct imap *, struct imap_command *, struct uidset *uids);

/* catenate.c: opens what a URL names, and says how many bytes that is.
 * ERR_NOTFOUND: BADURL. imap_part_close follows, also after an error; the
 * memory is the arena's. */
struct imap_part;
MUST enum err imap_part_open(
	struct imap *, str url, struct imap_part **part_r, uint64_t *length_r);
/* Appends some of it, about 64 KiB at most. ERR_NOTFOUND: gone meanwhile. */
MUST enum err imap_part_read(
	struct imap *, struct imap_part *, struct buf *piece);
bool imap_part_is_done(const struct imap_part *);
void imap_part_close(struct imap_part *);

/* multisearch.c: the next mailbox; ERR_AGAIN when there are more. */
MUST enum err imap_esearch_more(struct imap *, struct imap_reply *);
/* True: it searches many, and said of how many if that was due. */
bool imap_esearch_progress(struct imap *);

/* fetch.c: begins to send these items of these messages, which are taken over;
 * of no command. */
void imap_fetch_news(
	struct imap *, const struct imap_fetch *, struct uidset *uids);

/* context.c: RFC 5267. A context is what a search with UPDATE found, which is
 * told to change until the mailbox is left. */

/* Is it a search with UPDATE whose tag is one's that is told already? */
bool imap_context_reuses_tag(const struct imap *, const struct imap_command *);
/* Of a search with UPDATE; for others nothing. sorted: SORT's result in order,
 * of which this keeps a copy; mailbox: what updates call it, or absent. NULL,
 * or why there will be no updates. */
const char *imap_context_begin(struct imap *, const struct imap_command *,
	const struct imap_finding *, const uid_num *sorted, str mailbox);
void imap_put_noupdate(struct imap *, str tag, const char *why);
/* All of them. */
void imap_contexts_end(struct imap *);
/* Those of message numbers, which may not be told any more. */
void imap_contexts_end_numbers(struct imap *);
/* For imap_sync: what is not in the view any more leaves them, before message
 * numbers change; and, after all else was told, what changed enters and leaves
 * them. arrived: messages that are told for the first time. */
void imap_contexts_expunge(struct imap *, const struct view *);
void imap_contexts_update(
	struct imap *, const struct view *, const struct uidset *arrived);
/* RFC 5465 section 7: FETCH items of new messages are waited for. */
bool imap_contexts_want_fetch(const struct imap *);
/* Takes the next messages that want the same items, be it for contexts or
 * because they are in `arrived` (may be NULL), which wants these items: at
 * least one, if there is any. The items live until the next call. */
const struct imap_fetch *imap_contexts_take_fetch(struct imap *,
	struct uidset *arrived, const struct imap_fetch *, struct uidset *uids);
/* They were sent. */
void imap_contexts_fetched(struct imap *);

/* filter.c: the mailboxes that NOTIFY and ESEARCH name (RFC 5465 section 6, RFC
 * 7377), and what is said of each. Mail can be delivered into any mailbox:
 * "inboxes" is "personal". */

/* Beside the events: NONE was said of it, and wins. */
#define IMAP_FILTER_NEVER (1u << 31)

struct imap_filter_name {
	str name;
	unsigned events; /* enum imap_notify_event, IMAP_FILTER_NEVER */
};

struct imap_filter_names {
	struct imap_filter_name *all; /* sorted, each once */
	size_t count;
};

struct imap_filter {
	unsigned personal, subscribed; /* events */
	struct imap_filter_names trees, twigs, names;
};

/* none: what a group without events says. Memory is the arena's. */
void imap_filter_make(struct imap_filter *, struct arena *,
	const struct imap_notify_group *, unsigned none);
/* 0: it is not meant, or never. */
unsigned imap_filter_events(
	const struct imap_filter *, str name, bool subscribed);

/* notify.c. As if NOTIFY and ENABLE METADATA had never been given. */
void imap_notify_end(struct imap *);
/* ENABLE METADATA. */
void imap_notify_annotations(struct imap *);
/* Tells what happened in other mailboxes, and to names. */
void imap_notify_news(struct imap *);
/* No command runs, or IDLE: tells what may be told now, as far as there is
 * room for output; and whether there is more. */
void imap_notify_between(struct imap *);
bool imap_notify_waits(const struct imap *);
/* These messages were told for the first time. */
void imap_notify_arrived(struct imap *, const struct uidset *arrived);
void imap_notify_forget_arrived(struct imap *);
bool imap_notify_has_arrived(const struct imap *);
/* A copy in the arena. */
const struct imap_fetch *imap_keep_fetch(
	struct arena *, const struct imap_fetch *);
/* True: their FETCH items are being sent from now on. */
bool imap_notify_fetch(struct imap *);

/* The executors, a row each in dispatch.c. */
imap_executor imap_getmetadata, imap_setmetadata;
imap_executor imap_capability, imap_noop, imap_logout, imap_id, imap_enable,
	imap_select, imap_create, imap_delete, imap_rename, imap_subscribe,
	imap_list, imap_lsub, imap_namespace, imap_status, imap_append,
	imap_idle, imap_notify, imap_compress, imap_unauthenticate, imap_check,
	imap_close, imap_unselect_command, imap_expunge, imap_search, imap_sort,
	imap_thread, imap_cancelupdate, imap_esearch, imap_fetch, imap_store,
	imap_copy;

#endif
