/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NOTIFY: RFC 5465. What is said of the selected mailbox's messages goes
 * through imap_sync, as ever, with what the client wants of it (struct imap's
 * wants); what is said of all other mailboxes, and of names, comes from a watch
 * of the account (mail/news.h). Both are told before a command's tagged answer,
 * in IDLE, and, once NOTIFY SET was given, whenever no command runs.
 *
 * All mailboxes are the account's own, and every session may look them up and
 * read them, so that there is nothing that RFC 5465's \NoAccess would tell.
 * Mail can be delivered into any of them: "inboxes" is "personal" (section
 * 6.3).
 */
#include "base/alloc.h"
#include "base/log.h"
#include "imap/private.h"
#include "mail/news.h"
#include "message/mailbox_name.h"

#include <stdlib.h>

#define SUPPORTED                                                              \
	(IMAP_NOTIFY_NEW | IMAP_NOTIFY_EXPUNGE | IMAP_NOTIFY_FLAGS |           \
		IMAP_NOTIFY_NAMES | IMAP_NOTIFY_SUBSCRIPTIONS |                \
		IMAP_NOTIFY_METADATA | IMAP_NOTIFY_SERVER_METADATA)
/* Of one session, for names and fetch items. */
#define MEMORY_MAX ((size_t)1 << 20)
/* LIST lines that one reading of the names is good for. */
#define LINES_AT_ONCE 128

struct imap_notifying {
	struct news_watch watch;
	struct imap *imap;
	bool watching; /* it was added */
	bool quiet;    /* not NOTIFY's: tells only with commands, and in IDLE */
	struct news news;
	struct arena arena; /* of what follows */
	struct imap_filter filter;
	const struct imap_fetch *fetch; /* of what arrives; NULL: nothing */
	struct uidset arrived;
};

/* The command's memory ends with it. */
const struct imap_fetch *imap_keep_fetch(
	struct arena *arena, const struct imap_fetch *from)
{
	struct imap_fetch *kept = ARENA_NEW(arena, struct imap_fetch);
	struct imap_section **end = &kept->sections;

	kept->items = from->items;
	for (const struct imap_section *s = from->sections; s; s = s->next) {
		struct imap_section *copy =
			ARENA_NEW(arena, struct imap_section);

		*copy = *s;
		copy->next = NULL;
		copy->part = ARENA_ARRAY(arena, uint32_t, s->part_n);
		if (s->part_n)
			memcpy(copy->part, s->part,
				s->part_n * sizeof *s->part);
		copy->fields = ARENA_ARRAY(arena, str, s->fields_n);
		for (size_t i = 0; i < s->fields_n; i++)
			copy->fields[i] = arena_str(arena, s->fields[i]);
		*end = copy;
		end = &copy->next;
	}
	return kept;
}

/* Beginning and ending. */

static void changed(struct news_watch *watch)
{
	struct imap_notifying *n = (struct imap_notifying *)(void *)watch;

	if (!n->quiet || n->imap->idling)
		session_wake(&n->imap->session);
}

static void notifying_free(struct mail *mail, struct imap_notifying *n)
{
	if (!n)
		return;
	if (n->watching)
		news_watch_remove(mail, &n->watch);
	news_fini(&n->news);
	uidset_fini(&n->arrived);
	arena_fini(&n->arena);
	free(n);
}

static const struct imap_notify_group *selected_group(
	const struct imap_notify *q)
{
	const unsigned either =
		IMAP_NOTIFY_SELECTED | IMAP_NOTIFY_SELECTED_DELAYED;
	const struct imap_notify_group *g = q->groups;

	while (g && !(g->filter & either))
		g = g->next;
	return g;
}

/* Events that some mailbox or name may have, other than the selected one. */
static unsigned all_events(const struct imap_notify *q)
{
	const struct imap_notify_group *selected = selected_group(q);
	unsigned events = 0;

	for (const struct imap_notify_group *g = q->groups; g; g = g->next)
		if (g != selected)
			events |= g->events;
	return events;
}

static unsigned kinds_of(unsigned events)
{
	return (events & IMAP_NOTIFY_NEW ? NEWS_ADDED : 0u) |
	       (events & IMAP_NOTIFY_EXPUNGE ? NEWS_EXPUNGED : 0u) |
	       (events & IMAP_NOTIFY_FLAGS ? NEWS_FLAGS : 0u) |
	       (events & IMAP_NOTIFY_NAMES ? NEWS_NAME : 0u) |
	       (events & IMAP_NOTIFY_SUBSCRIPTIONS ? NEWS_SUBSCRIPTION : 0u) |
	       (events & IMAP_NOTIFY_METADATA ? NEWS_ANNOTATION : 0u) |
	       (events & IMAP_NOTIFY_SERVER_METADATA ? NEWS_ACCOUNT_ANNOTATION
						     : 0u);
}

static void take_filters(struct imap_notifying *n, const struct imap_notify *q)
{
	const struct imap_notify_group *selected = selected_group(q);

	imap_filter_make(&n->filter, &n->arena, q->groups, IMAP_FILTER_NEVER);
	if (selected && selected->fetch)
		n->fetch = imap_keep_fetch(&n->arena, selected->fetch);
}

/* It hears from here on. NULL: it is too much. */
static struct imap_notifying *notifying_new(
	struct imap *s, const struct imap_notify *q)
{
	struct imap_notifying *n = xcalloc(1, sizeof *n);

	n->imap = s;
	news_init(&n->news);
	arena_init(&n->arena, MEMORY_MAX);
	take_filters(n, q);
	if (arena_spent(&n->arena)) {
		notifying_free(imap_mail(s), n);
		return NULL;
	}
	n->watch.account = s->session.user.account;
	n->watch.kinds = kinds_of(all_events(q));
	n->watch.changed = changed;
	n->watching = n->watch.kinds != 0;
	if (n->watching)
		news_watch_add(imap_mail(s), &n->watch);
	return n;
}

/* Whose doing needs not be told: only somebody who watches is asked for. */
static void set_watch(struct imap *s, const struct news_watch *watch)
{
	s->session.user.by = watch;
	if (s->selected)
		s->selected->ref.by = watch;
}

void imap_notify_end(struct imap *s)
{
	set_watch(s, NULL);
	notifying_free(imap_mail(s), s->notifying);
	s->notifying = NULL;
	s->notified = false;
	s->wants = IMAP_WANTS_ALL;
	s->expunges_wait = false;
	s->listening = false;
}

/* Section 5.8, and NOTIFY NONE. */
static void want_nothing(struct imap *s)
{
	imap_notify_end(s);
	s->wants = 0;
	s->notified = true;
}

/* What the one before did not come to tell is told by this one. */
static void take_over(struct imap *s, struct imap_notifying *n)
{
	struct imap_notifying *before = s->notifying;

	if (before) {
		if (before->watching)
			news_take(imap_mail(s), &before->watch, &n->news);
		news_move(&n->news, &before->news);
	}
	imap_notify_end(s);
}

static void install(struct imap *s, struct imap_notifying *n,
	const struct imap_notify_group *selected)
{
	s->notifying = n;
	s->notified = true;
	set_watch(s, &n->watch);
	s->wants = selected ? selected->events : 0;
	s->listening = s->wants != 0;
	s->expunges_wait =
		selected && selected->filter == IMAP_NOTIFY_SELECTED_DELAYED;
}

/* RFC 5464 section 4.4: annotations that others change, until NOTIFY says what
 * is to be told. */
void imap_notify_annotations(struct imap *s)
{
	struct imap_notify_group all = {
		.filter = IMAP_NOTIFY_PERSONAL,
		.events = IMAP_NOTIFY_METADATA | IMAP_NOTIFY_SERVER_METADATA,
	};
	const struct imap_notify q = {.set = true, .groups = &all};

	if (s->notified || s->notifying)
		return;
	s->notifying = notifying_new(s, &q);
	s->notifying->quiet = true;
	set_watch(s, &s->notifying->watch);
}

/* Of other mailboxes. */

static bool is_selected(const struct imap *s, mailbox_num id)
{
	return s->selected && s->selected->ref.id == id;
}

/* events: what happened; or, at the beginning, what may. */
static unsigned status_items(
	const struct imap *s, unsigned events, bool beginning)
{
	unsigned items = IMAP_STATUS_UIDVALIDITY;

	if (events & (IMAP_NOTIFY_NEW | IMAP_NOTIFY_EXPUNGE))
		items |= IMAP_STATUS_MESSAGES | IMAP_STATUS_UIDNEXT;
	if (events & IMAP_NOTIFY_FLAGS)
		items |= IMAP_STATUS_UNSEEN;
	if (s->condstore || (beginning && events & IMAP_NOTIFY_FLAGS))
		items |= IMAP_STATUS_HIGHESTMODSEQ;
	return items;
}

static void put_all_status(struct imap *s, const struct imap_notifying *n,
	const struct mailbox_info *infos, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct mailbox_info *info = &infos[i];
		unsigned events = imap_filter_events(&n->filter, info->name,
					  info->subscribed) &
				  IMAP_WANTS_ALL;

		if (events && info->exists && !is_selected(s, info->id))
			imap_put_status(s, info, status_items(s, events, true));
	}
}

/* The next mailbox of which something is to be told; 0: there is none. */
static mailbox_num next_box(struct news *news, unsigned *events_r)
{
	mailbox_num id = 0;
	struct {
		struct uidset *boxes;
		unsigned event;
	} rows[] = {
		{&news->added, IMAP_NOTIFY_NEW},
		{&news->expunged, IMAP_NOTIFY_EXPUNGE},
		{&news->flags, IMAP_NOTIFY_FLAGS},
	};

	*events_r = 0;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		mailbox_num first = uidset_min(rows[i].boxes);

		if (first && (!id || first < id))
			id = first;
	}
	for (size_t i = 0; id && i < COUNT_OF(rows); i++) {
		if (!uidset_has(rows[i].boxes, id))
			continue;
		*events_r |= rows[i].event;
		uidset_remove(rows[i].boxes, id);
	}
	return id;
}

static enum err tell_box(struct imap *s, mailbox_num id, unsigned happened)
{
	struct mailbox_ref ref = {.account = s->session.user.account, .id = id};
	struct mailbox_info info;
	unsigned events;
	enum err e;

	if (is_selected(s, id))
		return OK;
	e = mailbox_status(imap_mail(s), &ref, imap_arena(s), &info);
	if (e)
		return e == ERR_NOTFOUND ? OK : e;
	events = imap_filter_events(
		&s->notifying->filter, info.name, info.subscribed);
	/* How many are unseen changes with arrivals, too. */
	if (events & happened)
		imap_put_status(s, &info,
			status_items(s, events & (happened | IMAP_NOTIFY_FLAGS),
				false));
	return OK;
}

static bool has_room(const struct imap *s)
{
	return s->session.out.n - s->session.out_at < SESSION_OUT_HIGH;
}

static enum err tell_boxes(struct imap *s)
{
	struct arena_mark mark = arena_mark(imap_arena(s));
	unsigned happened;
	mailbox_num id;
	enum err e = OK;

	while (!e && has_room(s) &&
		(id = next_box(&s->notifying->news, &happened))) {
		e = tell_box(s, id, happened);
		arena_rewind(imap_arena(s), mark);
	}
	return e;
}

/* Of names. */

static bool wants_line(
	void *arg, const struct imap_list_line *line, bool subscribed)
{
	const struct imap_notifying *n = arg;
	/* A name that was subscribed to belonged to "subscribed" as well. */
	bool was = subscribed || line->what == IMAP_NOTIFY_SUBSCRIPTIONS;
	unsigned events = imap_filter_events(&n->filter, line->name, was);

	if (!str_is_none(line->old))
		events |= imap_filter_events(&n->filter, line->old, subscribed);
	return events & line->what;
}

static void add_line(struct imap_list_line *lines, size_t *count,
	const struct imap_list_line *line)
{
	lines[(*count)++] = *line;
	/* Section 5.4: its parent is affected, but by no renaming. */
	if (line->what != IMAP_NOTIFY_NAMES || !str_is_none(line->old) ||
		!mailbox_name_parent(line->name).n)
		return;
	lines[*count] = *line;
	lines[(*count)++].name = mailbox_name_parent(line->name);
}

/* Sections 5.6 and 5.7; which server annotation belongs to which mailboxes is
 * no question. */
static enum err tell_annotation(struct imap *s, const struct news_name *name)
{
	struct mailbox_ref ref = {
		.account = s->session.user.account, .id = name->mailbox};
	struct mailbox_info info = {.name = STR("")};
	enum err e = OK;

	if (ref.id)
		e = mailbox_status(imap_mail(s), &ref, imap_arena(s), &info);
	if (e)
		return e == ERR_NOTFOUND ? OK : e;
	if (!(s->notifying->watch.kinds & name->kind) ||
		!imap_sees_annotation(s, name->name) ||
		(ref.id && !(imap_filter_events(&s->notifying->filter,
				     info.name, info.subscribed) &
				   IMAP_NOTIFY_METADATA)))
		return OK;
	buf_add_c(imap_out(s), "* METADATA ");
	imap_put_mailbox(imap_out(s), info.name, s->utf8);
	buf_add_byte(imap_out(s), ' ');
	imap_put_astring(imap_out(s), name->name, false);
	buf_add_c(imap_out(s), "\r\n");
	return OK;
}

static enum err tell_some_names(struct imap *s)
{
	struct imap_notifying *n = s->notifying;
	struct arena *arena = imap_arena(s);
	struct imap_list_line *lines =
		ARENA_ARRAY(arena, struct imap_list_line, LINES_AT_ONCE);
	size_t count = 0;
	struct news_name *name;
	enum err e = OK;

	while (!e && count + 2 <= LINES_AT_ONCE && has_room(s) &&
		(name = news_next_name(&n->news))) {
		struct imap_list_line line = {
			.name = arena_str(arena, name->name),
			.old = arena_str(arena, name->old),
			.what = name->kind == NEWS_NAME
					? IMAP_NOTIFY_NAMES
					: IMAP_NOTIFY_SUBSCRIPTIONS,
		};

		if (name->kind & (NEWS_NAME | NEWS_SUBSCRIPTION))
			add_line(lines, &count, &line);
		else
			e = tell_annotation(s, name);
		free(name);
	}
	if (e || !count)
		return e;
	return imap_put_list_lines(s, lines, count, wants_line, n);
}

static enum err tell_names(struct imap *s)
{
	enum err e = OK;

	while (!e && has_room(s) && s->notifying->news.names) {
		struct arena_mark mark = arena_mark(imap_arena(s));

		e = tell_some_names(s);
		arena_rewind(imap_arena(s), mark);
	}
	return e;
}

void imap_notify_news(struct imap *s)
{
	struct imap_notifying *n = s->notifying;
	enum err e;

	if (!n || !n->watching)
		return;
	news_take(imap_mail(s), &n->watch, &n->news);
	if (news_is_empty(&n->news))
		return;
	e = n->news.lost ? ERR_LIMIT : tell_names(s);
	if (!e)
		e = tell_boxes(s);
	if (!e)
		return;
	if (e != ERR_LIMIT)
		log_warn("imap", "cannot tell news", LOG_ERR(e),
			LOG_C("session", s->session.id));
	buf_add_c(imap_out(s), "* OK [NOTIFICATIONOVERFLOW] Too much happened; "
			       "nothing more is told\r\n");
	if (n->quiet)
		imap_notify_end(s); /* of annotations; it never gave NOTIFY */
	else
		want_nothing(s);
}

/* When. */

static bool is_free(const struct imap *s)
{
	return s->doing == IMAP_DOING_NOTHING || s->doing == IMAP_DOING_IDLE;
}

static bool is_between(const struct imap *s)
{
	return s->notifying && (s->doing == IMAP_DOING_IDLE ||
				       (s->doing == IMAP_DOING_NOTHING &&
					       !s->notifying->quiet));
}

void imap_notify_between(struct imap *s)
{
	bool idle = s->doing == IMAP_DOING_IDLE;

	if (!is_between(s) || !has_room(s))
		return;
	if (s->selected && s->wants &&
		imap_sync(s, idle || !s->expunges_wait, true))
		log_warn("imap", "cannot tell changes",
			LOG_C("session", s->session.id));
	imap_notify_news(s);
}

bool imap_notify_waits(const struct imap *s)
{
	return is_between(s) && !news_is_empty(&s->notifying->news);
}

/* What arrived. */

void imap_notify_arrived(struct imap *s, const struct uidset *arrived)
{
	struct uidset others = UIDSET_EMPTY;

	if (!s->notifying || !s->notifying->fetch)
		return;
	uidset_copy(&others, arrived);
	uidset_andnot(&others, &s->own_added);
	uidset_or(&s->notifying->arrived, &others);
	uidset_fini(&others);
}

void imap_notify_forget_arrived(struct imap *s)
{
	if (s->notifying)
		uidset_clear(&s->notifying->arrived);
}

bool imap_notify_has_arrived(const struct imap *s)
{
	return is_free(s) && s->selected &&
	       ((s->notifying && !uidset_is_empty(&s->notifying->arrived)) ||
		       imap_contexts_want_fetch(s));
}

bool imap_notify_fetch(struct imap *s)
{
	struct imap_notifying *n = s->notifying;
	struct uidset uids = UIDSET_EMPTY;
	const struct imap_fetch *fetch = NULL;

	if (!imap_notify_has_arrived(s))
		return false;
	if (n)
		uidset_and(&n->arrived, &s->selected->known);
	if (imap_contexts_want_fetch(s))
		fetch = imap_contexts_take_fetch(
			s, n ? &n->arrived : NULL, n ? n->fetch : NULL, &uids);
	else if ((fetch = n->fetch))
		uidset_swap(&uids, &n->arrived);
	if (!uidset_is_empty(&uids))
		imap_fetch_news(s, fetch, &uids);
	uidset_fini(&uids);
	return s->fetch_is_news;
}

/* The command. */

static bool is_supported(const struct imap_notify *q)
{
	for (const struct imap_notify_group *g = q->groups; g; g = g->next)
		if (g->events & ~(unsigned)SUPPORTED)
			return false;
	return true;
}

static enum err notify_set(struct imap *s, const struct imap_notify *q)
{
	struct imap_notifying *n = notifying_new(s, q);
	struct mailbox_info *infos = NULL;
	size_t count = 0;
	enum err e = OK;

	if (!n)
		return ERR_LIMIT;
	if (q->status)
		e = mailbox_list(imap_mail(s), &s->session.user, imap_arena(s),
			&infos, &count);
	if (e) {
		notifying_free(imap_mail(s), n);
		return e;
	}
	take_over(s, n);
	/* Section 3.1: it implies NOOP, as that was before. */
	if (s->selected)
		e = imap_sync(s, true, true);
	install(s, n, selected_group(q));
	if (n->fetch && n->fetch->items & IMAP_FETCH_MODSEQ)
		imap_enable_condstore(s);
	put_all_status(s, n, infos, count);
	return e;
}

enum err imap_notify(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_notify *q = &c->notify;

	(void)reply;
	if (!q->set) {
		want_nothing(s);
		return OK;
	}
	return is_supported(q) ? notify_set(s, q) : ERR_UNSUPPORTED;
}
