/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LIST, LSUB and STATUS: RFC 9051 sections 6.3.9 and 6.3.11, RFC 3501 section
 * 6.3.9, RFC 5258 (LIST-EXTENDED), RFC 5819 (LIST-STATUS), RFC 6154
 * (SPECIAL-USE).
 *
 * The names: mailboxes, subscriptions, and the parents of both that do not
 * exist themselves, in one sorted table. A name is listed when a pattern
 * matches it and the selection options choose it; or, with RECURSIVEMATCH,
 * when something below it that no pattern matches is chosen.
 */
#include "base/log.h"
#include "imap/private.h"
#include "mail/objectid.h"
#include "message/mailbox_name.h"
#include "message/utf8.h"

#include <stdlib.h>

struct node {
	str name;
	const struct mailbox_info *info; /* NULL: a parent only */
	bool children;			 /* a mailbox is below it */
	bool child_chosen;		 /* something below it is chosen */
	bool child_hidden;		 /* and no pattern matches that */
	bool listed;
};

struct listing {
	struct imap *imap;
	const struct imap_list *q;
	struct node *nodes;
	size_t count;
	bool lsub;
	size_t metadata; /* bytes of METADATA responses */
};

/* The table. */

/* INBOX first, then in order of bytes. */
static int compare_nodes(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	bool x_inbox = mailbox_name_is_inbox(x->name);
	bool y_inbox = mailbox_name_is_inbox(y->name);

	return x_inbox != y_inbox ? y_inbox - x_inbox
				  : str_cmp(x->name, y->name);
}

static struct node *find(const struct listing *l, str name)
{
	struct node wanted = {.name = name};

	if (l->count == 0)
		return NULL;
	return bsearch(
		&wanted, l->nodes, l->count, sizeof wanted, compare_nodes);
}

static bool exists(const struct node *n)
{
	return n->info && n->info->exists;
}

/* Every name and all its parents, sorted, each once: the one with info. */
static void build(struct listing *l, struct mailbox_info *infos, size_t count)
{
	size_t room = 0, n = 0;

	for (size_t i = 0; i < count; i++)
		room += mailbox_name_depth(infos[i].name);
	l->nodes = ARENA_ARRAY(imap_arena(l->imap), struct node, room);
	for (size_t i = 0; i < count; i++) {
		str name = infos[i].name;

		l->nodes[n++] = (struct node){.name = name, .info = &infos[i]};
		while ((name = mailbox_name_parent(name)).n)
			l->nodes[n++] = (struct node){.name = name};
	}
	if (n)
		qsort(l->nodes, n, sizeof *l->nodes, compare_nodes);
	for (size_t i = 0; i < n; i++) {
		struct node *last = l->count ? &l->nodes[l->count - 1] : NULL;

		if (last && str_eq(last->name, l->nodes[i].name)) {
			if (!last->info)
				last->info = l->nodes[i].info;
			continue;
		}
		l->nodes[l->count++] = l->nodes[i];
	}
}

static void note_children(struct listing *l)
{
	for (size_t i = 0; i < l->count; i++) {
		str name = l->nodes[i].name;

		if (!exists(&l->nodes[i]))
			continue;
		while ((name = mailbox_name_parent(name)).n)
			find(l, name)->children = true;
	}
}

/* Choosing. */

static bool matches(const struct listing *l, str name)
{
	for (const struct imap_pattern *p = l->q->patterns; p; p = p->next)
		if (!str_is_none(p->pattern) &&
			mailbox_name_matches(name, p->pattern))
			return true;
	return false;
}

/* Do the selection options choose it, whatever the patterns say? */
static bool chosen(const struct listing *l, const struct node *n)
{
	unsigned select = l->q->select;

	if (l->lsub)
		return n->info && n->info->subscribed;
	if (select & IMAP_LIST_SUBSCRIBED && !(n->info && n->info->subscribed))
		return false;
	if (select & IMAP_LIST_SPECIAL_USE &&
		!(n->info && n->info->special_use))
		return false;
	if (select & (IMAP_LIST_SUBSCRIBED | IMAP_LIST_SPECIAL_USE))
		return true;
	return exists(n) || n->children;
}

/* For RECURSIVEMATCH, and LSUB's "%" (RFC 3501 section 6.3.9): ancestors that
 * match stand for what is chosen below them and does not match itself. */
static void choose_ancestors(struct listing *l)
{
	for (size_t i = 0; i < l->count; i++) {
		str name = l->nodes[i].name;
		bool hidden;

		if (!chosen(l, &l->nodes[i]))
			continue;
		hidden = !matches(l, name);
		while ((name = mailbox_name_parent(name)).n) {
			struct node *ancestor = find(l, name);

			ancestor->child_chosen = true;
			ancestor->child_hidden |= hidden;
		}
	}
}

/* Answers. */

static void put_attribute(struct buf *out, bool *first, const char *name)
{
	if (!*first)
		buf_add_byte(out, ' ');
	*first = false;
	buf_add_c(out, name);
}

static void put_uses(struct buf *out, bool *first, uint32_t uses)
{
	const struct imap_name *row = imap_special_use_names;

	for (; row->name.n; row++) {
		if (!(uses & row->bit))
			continue;
		put_attribute(out, first, row->name.p);
	}
}

static void put_attributes(
	struct listing *l, const struct node *n, struct buf *out)
{
	const struct imap_list *q = l->q;
	bool first = true;
	bool subscribed = q->returns & IMAP_RETURN_SUBSCRIBED ||
			  q->select & IMAP_LIST_SUBSCRIBED;

	/* \NonExistent implies \Noselect; who speaks the older dialect knows
	 * only that one. */
	if (!exists(n) && !l->lsub)
		put_attribute(out, &first,
			q->extended || l->imap->rev2 ? "\\NonExistent"
						     : "\\Noselect");
	if (l->lsub && !chosen(l, n))
		put_attribute(out, &first, "\\Noselect");
	if (subscribed && n->info && n->info->subscribed)
		put_attribute(out, &first, "\\Subscribed");
	if (!l->lsub)
		put_attribute(out, &first,
			n->children ? "\\HasChildren" : "\\HasNoChildren");
	if (n->info && !l->lsub)
		put_uses(out, &first, n->info->special_use);
}

/* old: another name that the client had for it, or absent (OLDNAME, RFC 9051
 * section 6.3.9.7). CHILDINFO is never with it. */
static void put_list(struct listing *l, const struct node *n, str old)
{
	struct buf *out = imap_out(l->imap);

	buf_add_c(out, l->lsub ? "* LSUB (" : "* LIST (");
	put_attributes(l, n, out);
	buf_add_c(out, ") \"/\" ");
	imap_put_mailbox(out, n->name, l->imap->utf8);
	/* RECURSIVEMATCH is only valid with SUBSCRIBED. */
	if (l->q->select & IMAP_LIST_RECURSIVEMATCH && n->child_chosen)
		buf_add_c(out, " (\"CHILDINFO\" (\"SUBSCRIBED\"))");
	if (!str_is_none(old)) {
		buf_add_c(out, " (\"OLDNAME\" (");
		imap_put_mailbox(out, old, l->imap->utf8);
		buf_add_c(out, "))");
	}
	buf_add_c(out, "\r\n");
}

/* RECENT counts what the next session would be told of. */
static uint32_t count_recent(struct imap *s, const struct mailbox_info *info)
{
	struct mailbox_ref ref = {.account = s->session.user.account,
		.id = info->id,
		.rights = RIGHT_ALL};
	struct view *v;
	uint32_t n = 0;

	if (info->recent_from >= info->uidnext)
		return 0;
	if (view_acquire(imap_mail(s), &ref, &v) == OK) {
		n = uidset_count_range(&v->uids, info->recent_from, UINT32_MAX);
		view_release(imap_mail(s), v);
	}
	return n;
}

static void put_number(
	struct buf *out, bool *first, const char *name, uint64_t n)
{
	put_attribute(out, first, name);
	buf_addf(out, " %llu", (unsigned long long)n);
}

void imap_put_status(
	struct imap *s, const struct mailbox_info *info, unsigned items)
{
	struct buf *out = imap_out(s);
	bool first = true;

	if (info->damaged)
		return; /* STATUS of it alone says why */
	buf_add_c(out, "* STATUS ");
	imap_put_mailbox(out, info->name, s->utf8);
	buf_add_c(out, " (");
	if (items & IMAP_STATUS_MESSAGES)
		put_number(out, &first, "MESSAGES", info->messages);
	if (items & IMAP_STATUS_RECENT)
		put_number(out, &first, "RECENT", count_recent(s, info));
	if (items & IMAP_STATUS_UIDNEXT)
		put_number(out, &first, "UIDNEXT", info->uidnext);
	if (items & IMAP_STATUS_UIDVALIDITY)
		put_number(out, &first, "UIDVALIDITY", info->uidvalidity);
	if (items & IMAP_STATUS_UNSEEN)
		put_number(out, &first, "UNSEEN", info->unseen);
	if (items & IMAP_STATUS_DELETED)
		put_number(out, &first, "DELETED", info->deleted);
	if (items & IMAP_STATUS_SIZE)
		put_number(out, &first, "SIZE", info->bytes);
	if (items & IMAP_STATUS_HIGHESTMODSEQ)
		put_number(out, &first, "HIGHESTMODSEQ", info->modseq);
	if (items & IMAP_STATUS_MAILBOXID) {
		put_attribute(out, &first, "MAILBOXID (");
		objectid_put_mailbox(out, s->session.user.account, info->id);
		buf_add_byte(out, ')');
	}
	if (items & IMAP_STATUS_APPENDLIMIT)
		put_number(out, &first, "APPENDLIMIT", s->limits.body);
	buf_add_c(out, ")\r\n");
}

/* A name that is not chosen itself is listed for what is chosen below it only
 * if that is not listed itself: RFC 9051 sections 6.3.9.3 and 6.3.9.6 (of whose
 * examples one, number 8's last, has such redundant names too). */
static bool is_listed(const struct listing *l, const struct node *n)
{
	if (!matches(l, n->name))
		return false;
	if (chosen(l, n))
		return true;
	if (l->lsub || l->q->select & IMAP_LIST_RECURSIVEMATCH)
		return n->child_hidden;
	return false;
}

/* RFC 9590 section 3: what cannot be looked up may be left out; so may what is
 * more than any client can want at once. */
#define METADATA_MAX ((size_t)1 << 20)

static void put_metadata(struct listing *l, const struct node *n)
{
	struct buf *out = imap_out(l->imap);
	size_t before = out->n;

	if (l->metadata >= METADATA_MAX)
		return;
	if (imap_put_metadata(l->imap, n->info, l->q->metadata))
		log_warn("imap", "cannot read annotations",
			LOG_C("session", l->imap->session.id));
	l->metadata += out->n - before;
}

static void put_all(struct listing *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct node *n = &l->nodes[i];

		if (!is_listed(l, n))
			continue;
		put_list(l, n, str_none());
		/* Not for what is here because of its children (RFC 9051
		 * section 6.3.9.8 example 11). */
		if (l->q->returns & IMAP_RETURN_STATUS && exists(n) &&
			chosen(l, n))
			imap_put_status(l->imap, n->info, l->q->status);
		if (l->q->returns & IMAP_RETURN_METADATA && exists(n) &&
			chosen(l, n))
			put_metadata(l, n);
	}
}

/* LIST "" "": asks for the delimiter and the root of the reference. */
static bool asks_for_delimiter(const struct imap_list *q)
{
	return !q->extended && q->patterns && !q->patterns->next &&
	       q->patterns->raw.n == 0;
}

bool imap_was_normalized(const struct imap_mailbox *m)
{
	str raw = m->raw;

	if (raw.n && raw.p[raw.n - 1] == MAILBOX_SEPARATOR)
		raw.n--;
	return !m->err && !utf8_is_ascii(raw) && !str_eq(raw, m->name);
}

enum err imap_put_list_of(struct imap *s, str name, str old)
{
	static const struct imap_list q = {.extended = true};
	struct listing l = {.imap = s, .q = &q};
	struct node absent = {.name = name};
	const struct node *n;
	struct mailbox_info *infos;
	size_t count;
	enum err e = mailbox_list(
		imap_mail(s), &s->session.user, imap_arena(s), &infos, &count);

	if (e)
		return e;
	build(&l, infos, count);
	note_children(&l);
	n = find(&l, name);
	put_list(&l, n ? n : &absent, old);
	return OK;
}

/* RFC 5465 sections 5.4 and 5.5. */
enum err imap_put_list_lines(struct imap *s, const struct imap_list_line *lines,
	size_t line_count,
	bool (*wanted)(void *, const struct imap_list_line *, bool), void *arg)
{
	static const struct imap_list q = {
		.extended = true, .returns = IMAP_RETURN_SUBSCRIBED};
	struct listing l = {.imap = s, .q = &q};
	struct mailbox_info *infos;
	size_t count;
	enum err e = mailbox_list(
		imap_mail(s), &s->session.user, imap_arena(s), &infos, &count);

	if (e)
		return e;
	build(&l, infos, count);
	note_children(&l);
	for (size_t i = 0; i < line_count; i++) {
		struct node absent = {.name = lines[i].name};
		struct node *n = find(&l, lines[i].name);

		n = n ? n : &absent;
		if (n->listed && str_is_none(lines[i].old))
			continue;
		if (!wanted(arg, &lines[i], n->info && n->info->subscribed))
			continue;
		put_list(&l, n, lines[i].old);
		n->listed = true;
	}
	return OK;
}

void imap_tell_normalized(struct imap *s, const struct imap_mailbox *asked,
	const struct imap_mailbox *name)
{
	if (!s->rev2 ||
		(!imap_was_normalized(asked) && !imap_was_normalized(name)))
		return;
	/* It is only a courtesy. */
	if (imap_put_list_of(s, name->name, asked->raw))
		log_warn("imap", "cannot tell a mailbox's name",
			LOG_C("session", s->session.id));
}

/* What is listed nevertheless; nobody is to take it for gone. */
static void tell_damage(
	struct imap *s, const struct mailbox_info *infos, size_t count)
{
	struct buf *out = imap_out(s);
	size_t damaged = 0, assumed = 0;

	for (size_t i = 0; i < count; i++) {
		damaged += infos[i].damaged;
		assumed += infos[i].assumed;
	}
	if (damaged)
		buf_addf(out,
			"* NO [CORRUPTION] Damaged and not to be opened: %zu "
			"mailboxes\r\n",
			damaged);
	if (assumed)
		buf_add_c(out, "* NO [CORRUPTION] Damaged and taken for "
			       "subscribed: all mailboxes\r\n");
}

static enum err list(struct imap *s, const struct imap_list *q, bool lsub)
{
	struct listing l = {.imap = s, .q = q, .lsub = lsub};
	struct mailbox_info *infos;
	size_t count;
	enum err e;

	if (asks_for_delimiter(q) && !lsub) {
		buf_add_c(imap_out(s), "* LIST (\\Noselect) \"/\" \"\"\r\n");
		return OK;
	}
	e = mailbox_list(
		imap_mail(s), &s->session.user, imap_arena(s), &infos, &count);
	if (e)
		return e;
	if (q->status & IMAP_STATUS_HIGHESTMODSEQ)
		imap_enable_condstore(s);
	build(&l, infos, count);
	note_children(&l);
	if (lsub || q->select & IMAP_LIST_RECURSIVEMATCH)
		choose_ancestors(&l);
	put_all(&l);
	tell_damage(s, infos, count);
	return OK;
}

enum err imap_list(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	(void)reply;
	return list(s, &c->list, false);
}

enum err imap_lsub(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	(void)reply;
	return list(s, &c->list, true);
}

enum err imap_status(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_mailbox *name = &c->status.mailbox;
	struct mailbox_info info;
	struct mailbox_ref ref;
	enum err e;

	(void)reply;
	if (name->err)
		return ERR_NOTFOUND;
	e = mailbox_open_info(imap_mail(s), &s->session.user, name->name,
		RIGHT_READ, &ref, &info);
	if (!e && c->status.items & IMAP_STATUS_HIGHESTMODSEQ)
		imap_enable_condstore(s);
	if (!e)
		imap_put_status(s, &info, c->status.items);
	return e;
}
