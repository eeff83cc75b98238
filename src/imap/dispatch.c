/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "imap/private.h"

static imap_executor *const executors[IMAP_VERB_COUNT] = {
	[IMAP_CAPABILITY] = imap_capability,
	[IMAP_NOOP] = imap_noop,
	[IMAP_LOGOUT] = imap_logout,
	[IMAP_ID] = imap_id,
	[IMAP_ENABLE] = imap_enable,
	[IMAP_SELECT] = imap_select,
	[IMAP_EXAMINE] = imap_select,
	[IMAP_CREATE] = imap_create,
	[IMAP_DELETE] = imap_delete,
	[IMAP_RENAME] = imap_rename,
	[IMAP_SUBSCRIBE] = imap_subscribe,
	[IMAP_UNSUBSCRIBE] = imap_subscribe,
	[IMAP_LIST] = imap_list,
	[IMAP_LSUB] = imap_lsub,
	[IMAP_NAMESPACE] = imap_namespace,
	[IMAP_STATUS] = imap_status,
	[IMAP_APPEND] = imap_append,
	[IMAP_GETMETADATA] = imap_getmetadata,
	[IMAP_SETMETADATA] = imap_setmetadata,
	[IMAP_IDLE] = imap_idle,
	[IMAP_NOTIFY] = imap_notify,
	[IMAP_COMPRESS] = imap_compress,
	[IMAP_UNAUTHENTICATE] = imap_unauthenticate,
	[IMAP_ESEARCH] = imap_esearch,
	[IMAP_CHECK] = imap_check,
	[IMAP_CLOSE] = imap_close,
	[IMAP_UNSELECT] = imap_unselect_command,
	[IMAP_EXPUNGE] = imap_expunge,
	[IMAP_SEARCH] = imap_search,
	[IMAP_SORT] = imap_sort,
	[IMAP_THREAD] = imap_thread,
	[IMAP_CANCELUPDATE] = imap_cancelupdate,
	[IMAP_FETCH] = imap_fetch,
	[IMAP_STORE] = imap_store,
	[IMAP_COPY] = imap_copy,
	[IMAP_MOVE] = imap_copy,
	[IMAP_REPLACE] = imap_append,
};

static unsigned state_of(const struct imap *s)
{
	return s->selected ? IMAP_SELECTED : IMAP_AUTHENTICATED;
}

static const char *wrong_state(unsigned states)
{
	if (states == IMAP_SELECTED)
		return "Select a mailbox first";
	if (states == IMAP_NOT_AUTHENTICATED)
		return "Already logged in";
	return "Not valid in this state";
}

/* "tag OK [code] text" */
static void put_ok(struct imap *s, const struct imap_command *c,
	const struct imap_reply *reply)
{
	struct buf *out = imap_out(s);
	const struct imap_command_row *row = imap_command_row(c->verb);

	buf_add(out, c->tag);
	buf_add_c(out, " OK ");
	buf_add(out, buf_str(&reply->code));
	if (reply->highest && s->selected)
		buf_addf(out, "[HIGHESTMODSEQ %llu] ",
			(unsigned long long)s->selected->told);
	if (reply->text) {
		buf_add_c(out, reply->text);
	} else {
		buf_add_c(out, c->uid ? "UID " : "");
		buf_add(out, row->name);
		buf_add_c(out, " completed");
	}
	buf_add_c(out, "\r\n");
}

/* "tag NO [code] text" */
static void put_no(struct imap *s, const struct imap_command *c,
	const struct imap_reply *reply)
{
	buf_add(imap_out(s), c->tag);
	buf_addf(imap_out(s), " NO %.*s%s\r\n", STR_ARG(buf_str(&reply->code)),
		reply->text);
}

/* RFC 7162 section 3.2.10.2: message numbers in a search keep their meaning. */
static bool may_expunge(const struct imap_command *c)
{
	const struct imap_search *search = imap_command_search(c);

	return imap_may_expunge(c) &&
	       !(search && search_tree_asks(search->where, SEARCH_ON_SEQUENCE));
}

/* Changes of the mailbox are told before the tagged answer, also of a command
 * that failed. */
static enum err tell_changes(struct imap *s, const struct imap_command *c,
	const struct imap_reply *reply)
{
	enum err e = OK;

	if (reply->no_sync)
		return OK;
	if (s->selected)
		e = imap_sync(s, may_expunge(c), c->uid || s->rev2);
	imap_notify_news(s);
	return e;
}

void imap_complete(struct imap *s, struct imap_command *c, enum err e,
	struct imap_reply *reply)
{
	enum err told = tell_changes(s, c, reply);

	if (told)
		log_warn("imap", "cannot tell changes", LOG_ERR(told),
			LOG_C("session", s->session.id));
	imap_tell_limit(s, e, reply);
	if (e == ERR_CORRUPT)
		log_error("imap", "a command met damaged data",
			LOG_C("session", s->session.id),
			LOG_C("account", s->session.account),
			LOG_STR("verb", imap_command_row(c->verb)->name));
	if (reply->bad)
		imap_put_bad(imap_out(s), c->tag, reply->text);
	else if (reply->no)
		put_no(s, c, reply);
	else if (e)
		imap_put_error(imap_out(s), c->tag, c->verb, e);
	else
		put_ok(s, c, reply);
	buf_fini(&reply->code);
	s->limit = s->lowest = 0;
	uidset_clear(&s->told_between);
	s->doing = IMAP_DOING_NOTHING;
}

/* RFC 9586 sections 3.2, 3.5, 3.7 and 3.8. */
static bool takes_numbers(const struct imap_command *c)
{
	const unsigned both = IMAP_HAS_UID | IMAP_UID_ARGUMENTS_ONLY;
	const struct imap_search *search = imap_command_search(c);

	if ((imap_command_row(c->verb)->flags & both) == IMAP_HAS_UID &&
		!c->uid)
		return true;
	if (c->verb == IMAP_SELECT || c->verb == IMAP_EXAMINE)
		return c->select.qresync && c->select.qresync->numbers.count;
	return search && search_tree_asks(search->where, SEARCH_ON_SEQUENCE);
}

const char *imap_why_not_now(const struct imap *s, const struct imap_command *c)
{
	unsigned states = imap_command_row(c->verb)->states;

	if (s->uidonly && takes_numbers(c))
		return "[UIDREQUIRED] Message numbers are not allowed once "
		       "UIDONLY is enabled";
	if (!(states & state_of(s)) || !executors[c->verb])
		return wrong_state(states);
	if (imap_context_reuses_tag(s, c))
		return "Tag reuse";
	return NULL;
}

void imap_execute(struct imap *s, struct imap_command *c)
{
	const struct imap_command_row *row = imap_command_row(c->verb);
	const char *bad = imap_why_not_now(s, c);
	struct imap_reply reply = {.code = BUF_UNBOUNDED};
	enum err e = OK;

	/* With filters message numbers may have come in. */
	if (!bad)
		e = imap_insert_filters(s, c, &reply);
	if (!bad && !e)
		bad = imap_why_not_now(s, c);
	if (bad) {
		imap_put_bad(imap_out(s), c->tag, bad);
		return;
	}
	imap_progress_begin(s);
	log_debug("imap", "command", LOG_C("session", s->session.id),
		LOG_STR("verb", row->name));
	if (!(row->flags & IMAP_QUICK))
		session_take_time();
	if (!e)
		e = executors[c->verb](s, c, &reply);
	if (e == ERR_AGAIN && s->doing != IMAP_DOING_NOTHING) {
		buf_fini(&reply.code);
		return;
	}
	imap_complete(s, c, e, &reply);
}
