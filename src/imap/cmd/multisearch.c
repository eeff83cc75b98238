/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESEARCH: RFC 7377, a search of many mailboxes. They are searched one after
 * the other, each with its own view, and others get their turn in between:
 * what is kept of a mailbox until then is its name.
 */
#include "base/log.h"
#include "imap/private.h"

struct imap_multisearch {
	bool selected; /* it is to be searched */
	bool searched; /* it was */
	bool updated;  /* UPDATE was answered, one way or the other */
	str *names;    /* of mailboxes to search, this one may be among them */
	uint32_t count, done;
};

/* What is said of a mailbox that is meant (struct imap_filter). */
#define MEANT 1u

/* Beginning. */

static bool means_selected(const struct imap_search *q)
{
	const struct imap_notify_group *g = q->sources;

	while (g && g->filter != IMAP_NOTIFY_SELECTED)
		g = g->next;
	return !q->sources || g;
}

static bool means_others(const struct imap_search *q)
{
	const struct imap_notify_group *g = q->sources;

	while (g && g->filter == IMAP_NOTIFY_SELECTED)
		g = g->next;
	return g;
}

/* Section 2.2. */
static const char *why_bad(const struct imap *s, const struct imap_search *q)
{
	if (!s->selected && means_selected(q))
		return "Select a mailbox first";
	if (!s->selected && q->returns & IMAP_SEARCH_UPDATE)
		return "UPDATE is of the selected mailbox";
	if (means_others(q) && q->returns & IMAP_SEARCH_SAVE)
		return "SAVE is of the selected mailbox alone";
	return NULL;
}

static enum err keep_names(struct imap *s, struct imap_multisearch *run,
	const struct imap_filter *filter, const struct mailbox_info *infos,
	size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += infos[i].exists;
	run->names = ARENA_ARRAY(imap_arena(s), str, n);
	for (size_t i = 0; i < count && !arena_spent(imap_arena(s)); i++) {
		const struct mailbox_info *info = &infos[i];

		if (!info->exists || !imap_filter_events(filter, info->name,
					     info->subscribed))
			continue;
		run->names[run->count++] = arena_str(imap_arena(s), info->name);
	}
	return arena_spent(imap_arena(s)) ? ERR_LIMIT : OK;
}

/* Each mailbox once, in the order of LIST. */
static enum err choose(struct imap *s, const struct imap_search *q,
	struct imap_multisearch *run)
{
	struct mailbox_info *infos;
	struct imap_filter filter;
	struct arena arena;
	size_t count;
	enum err e;

	arena_init(&arena, imap_arena(s)->budget);
	imap_filter_make(&filter, &arena, q->sources, MEANT);
	e = arena_spent(&arena) ? ERR_LIMIT
				: mailbox_list(imap_mail(s), &s->session.user,
					  &arena, &infos, &count);
	if (!e)
		e = keep_names(s, run, &filter, infos, count);
	arena_fini(&arena);
	return e;
}

/* One mailbox. */

static void answer(struct imap *s, const struct imap_command *c,
	const struct imap_finding *f, str name)
{
	const struct imap_search *q = &c->search;
	const struct uidset *found = &f->found;
	struct imap_esearch e = {
		.mailbox = name,
		.uidvalidity = f->scope.ref->uidvalidity,
		.returns = q->extended ? q->returns : IMAP_SEARCH_ALL,
		.partial = q->partial,
		.set = found,
		.count = uidset_count(found),
		.first = uidset_min(found),
		.last = uidset_max(found),
	};

	e.modseq = imap_find_returned(s, f, e.returns, e.first, e.last);
	/* Section 2.1: nothing of a mailbox where nothing is found. */
	if (e.count && imap_is_answered(e.returns))
		imap_put_esearch(s, c, &e);
}

bool imap_esearch_progress(struct imap *s)
{
	const struct imap_multisearch *run = s->multisearch;

	if (!run || run->count <= 1)
		return false;
	imap_tell_progress(s, run->done, run->count);
	return true;
}

/* The name is asked for: it is another than in SELECT after a RENAME. */
static enum err search_selected(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct imap_multisearch *run = s->multisearch;
	struct mailbox_info info = {.name = str_none()};
	const char *no_update = NULL;
	struct imap_finding f;
	enum err e = imap_find(s, c, &f);

	run->searched = true;
	if (!e && !s->selected->gone)
		e = mailbox_status(
			imap_mail(s), &s->selected->ref, imap_arena(s), &info);
	/* Then nothing is found. */
	if (e == ERR_NOTFOUND)
		e = OK;
	if (!e) {
		no_update = imap_context_begin(s, c, &f, NULL, info.name);
		run->updated = !no_update;
		if (!str_is_none(info.name))
			answer(s, c, &f, info.name);
	}
	if (no_update)
		imap_put_noupdate(s, c->tag, no_update);
	run->updated |= no_update != NULL;
	return imap_find_end(s, c, &f, e, reply);
}

static bool asks_recent(const struct search_node *node)
{
	const struct search_row *row = search_row(node->key);

	if (row->on == SEARCH_ON_FLAGS && row->recent)
		return true;
	if (row->arg != SEARCH_ARG_KEYS)
		return false;
	for (node = node->first; node; node = node->next)
		if (asks_recent(node))
			return true;
	return false;
}

/* What the next session would be told is \Recent; it still will be. */
static enum err find_recent(struct imap *s, const struct mailbox_ref *ref,
	const struct view *v, struct uidset *recent)
{
	struct mailbox_info info;
	enum err e = mailbox_status(imap_mail(s), ref, imap_arena(s), &info);

	if (!e && info.recent_from)
		uidset_add_range(recent, info.recent_from, UINT32_MAX);
	uidset_and(recent, &v->uids);
	return e;
}

/* Message numbers are of what is there now; "$" is of the selected mailbox. */
static enum err search_other(struct imap *s, struct imap_command *c,
	const struct mailbox_ref *ref, str name)
{
	const struct search_node *where = c->search.where;
	struct uidset recent = UIDSET_EMPTY;
	struct imap_finding f = {.found = UIDSET_EMPTY};
	enum err e = view_acquire(imap_mail(s), ref, &f.view);

	if (e)
		return e;
	f.scope = (struct search_scope){
		.mail = imap_mail(s),
		.ref = ref,
		.view = f.view,
		.known = &f.view->uids,
		.recent = &recent,
		.unread = &f.unread,
		.cancelled = imap_search_cancelled,
		.arg = s,
	};
	if (asks_recent(where))
		e = find_recent(s, ref, f.view, &recent);
	if (!e)
		e = imap_find_in(s, where, &f);
	if (!e)
		answer(s, c, &f, name);
	imap_tell_unread(s, &f.unread, name);
	view_release(imap_mail(s), f.view);
	uidset_fini(&f.found);
	uidset_fini(&f.partial);
	uidset_fini(&recent);
	return e;
}

/* One that is gone, or that may not be read, is none. */
static enum err search_named(struct imap *s, struct imap_command *c, str name,
	struct imap_reply *reply)
{
	struct mailbox_ref ref;
	enum err e = mailbox_open(
		imap_mail(s), &s->session.user, name, RIGHT_READ, &ref);

	if (!e && s->selected && s->selected->ref.id == ref.id)
		return s->multisearch->searched ? OK
						: search_selected(s, c, reply);
	if (!e)
		e = search_other(s, c, &ref, name);
	return e == ERR_NOTFOUND || e == ERR_DENIED ? OK : e;
}

/* All of them. */

static enum err search_next(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct imap_multisearch *run = s->multisearch;
	struct arena_mark mark = arena_mark(imap_arena(s));
	enum err e;

	if (run->selected && !run->searched)
		e = search_selected(s, c, reply);
	else
		e = search_named(s, c, run->names[run->done++], reply);
	arena_rewind(imap_arena(s), mark);
	if (!e && s->session.closed)
		e = ERR_CLOSED;
	imap_esearch_progress(s);
	return e;
}

static bool is_over(const struct imap_multisearch *run)
{
	return run->done == run->count && (run->searched || !run->selected);
}

enum err imap_esearch_more(struct imap *s, struct imap_reply *reply)
{
	struct imap_multisearch *run = s->multisearch;
	struct imap_command *c = s->command;
	enum err e = is_over(run) ? OK : search_next(s, c, reply);

	if (!e && !is_over(run))
		return ERR_AGAIN;
	/* RFC 7377 section 2.2: of the selected mailbox only. */
	if (!e && c->search.returns & IMAP_SEARCH_UPDATE && !run->updated)
		imap_put_noupdate(s, c->tag, "Only the selected mailbox is");
	reply->text = reply->text ? reply->text : "ESEARCH completed";
	s->multisearch = NULL;
	return e;
}

enum err imap_esearch(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct imap_multisearch *run =
		ARENA_NEW(imap_arena(s), struct imap_multisearch);
	const char *bad = why_bad(s, &c->search);
	enum err e = OK;

	if (bad) {
		reply->bad = true;
		reply->text = bad;
		return ERR_INVALID;
	}
	run->selected = means_selected(&c->search);
	if (means_others(&c->search))
		e = choose(s, &c->search, run);
	if (e)
		return e;
	s->multisearch = run;
	e = imap_esearch_more(s, reply);
	if (e == ERR_AGAIN)
		s->doing = IMAP_DOING_SEARCH;
	return e;
}
