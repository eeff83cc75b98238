/* SPDX-License-Identifier: Apache-2.0 */
/* SEARCH: RFC 9051 section 6.4.4, RFC 4731 (ESEARCH), RFC 5182 (SEARCHRES), RFC
 * 9394 (PARTIAL). */
#include "imap/private.h"
#include "mail/kept.h"

bool imap_search_cancelled(void *arg, uint32_t done, uint32_t of)
{
	struct imap *s = arg;

	if (!imap_esearch_progress(s))
		imap_tell_progress(s, done, of);
	return s->session.closed;
}

/* Which messages are searched: by numbers and UIDs that all must have. Adds
 * copies of these keys before *first. */
static void add_places(struct arena *arena, const struct search_node *node,
	struct search_node **first)
{
	enum search_on on = search_row(node->key)->on;
	struct search_node *copy;

	if (on == SEARCH_ON_AND)
		for (node = node->first; node; node = node->next)
			add_places(arena, node, first);
	if (on != SEARCH_ON_SEQUENCE && on != SEARCH_ON_UID &&
		on != SEARCH_ON_UID_ORDER)
		return;
	copy = search_node_new(arena, node->key);
	*copy = *node;
	copy->next = *first;
	*first = copy;
}

/* RFC 9738 section 3.1: the limit is of messages that are searched. Section
 * 3.3: part of a SORT or THREAD is none. */
static enum err limit_search(struct imap *s, const struct imap_command *c,
	const struct search_scope *scope, const struct search_node **where)
{
	struct arena *arena = imap_arena(s);
	struct search_node *root = search_node_new(arena, SEARCH_AND);
	struct search_node *after = search_node_new(arena, SEARCH_UIDAFTER);
	struct search_node *all = search_node_new(arena, SEARCH_AND);
	struct uidset among = UIDSET_EMPTY;
	enum err e;

	add_places(arena, *where, &root->first);
	e = search_run(scope, root, arena, &among);
	if (!e && c->verb != IMAP_SEARCH)
		e = imap_limit_all(s, &among);
	else if (!e)
		imap_limit(s, &among);
	if (!e && s->limit) {
		after->number = s->lowest - 1;
		*all = **where;
		all->next = NULL;
		after->next = all;
		root->first = after;
		*where = root;
	}
	uidset_fini(&among);
	return e;
}

enum err imap_find_in(
	struct imap *s, const struct search_node *where, struct imap_finding *f)
{
	enum err e = search_run(&f->scope, where, imap_arena(s), &f->found);

	if (!e && search_tree_asks(where, SEARCH_ON_MODSEQ)) {
		imap_enable_condstore(s);
		f->modseq = true;
	}
	return e;
}

enum err imap_find(
	struct imap *s, const struct imap_command *c, struct imap_finding *f)
{
	const struct search_node *where = imap_command_search(c)->where;
	enum err e;

	*f = (struct imap_finding){
		.scope = {.mail = imap_mail(s),
			.ref = &s->selected->ref,
			.known = &s->selected->known,
			.recent = &s->selected->recent,
			.saved = &s->saved,
			.cancelled = imap_search_cancelled,
			.arg = s},
		.found = UIDSET_EMPTY,
		.partial = UIDSET_EMPTY,
		.forgotten = kept_forgotten(imap_mail(s), &s->selected->ref),
	};
	f->scope.unread = &f->unread;
	e = imap_view(s, &f->view);
	if (e)
		return e;
	f->scope.view = f->view;
	/* Of ESEARCH the RFC says nothing, nor has its code a mailbox. */
	if (c->verb != IMAP_ESEARCH &&
		session_service_limits(s->session.service).messages)
		e = limit_search(s, c, &f->scope, &where);
	if (e)
		return e;
	return imap_find_in(s, where, f);
}

/* RFC 3501 section 7.1.2: "The untagged form indicates a warning; the command
 * can still complete successfully." The code is RFC 5530's. */
void imap_tell_unread(struct imap *s, struct uidset *unread, str mailbox)
{
	struct buf *out = imap_out(s);

	if (uidset_is_empty(unread))
		return;
	buf_add_c(out, "* NO [CORRUPTION] Damaged and not looked at: UID ");
	imap_put_set(out, unread);
	if (!str_is_none(mailbox)) {
		buf_add_c(out, " in ");
		imap_put_mailbox(out, mailbox, s->utf8);
	}
	buf_add_c(out, "\r\n");
	uidset_fini(unread);
}

enum err imap_find_end(struct imap *s, const struct imap_command *c,
	struct imap_finding *f, enum err e, struct imap_reply *reply)
{
	/* NO empties the saved result; BAD leaves it (RFC 9051 section
	 * 6.4.4.1). */
	if (e && !reply->bad &&
		imap_command_search(c)->returns & IMAP_SEARCH_SAVE)
		uidset_clear(&s->saved);
	imap_tell_unread(s, &f->unread, str_none());
	if (f->view)
		view_release(imap_mail(s), f->view);
	uidset_fini(&f->found);
	uidset_fini(&f->partial);
	return e;
}

/* Of MIN, MAX and PARTIAL alone only these messages are returned: RFC 5182
 * section 2.4 and RFC 9394 section 3.2 (what is saved), RFC 4731 section 3.2
 * (whose mod-sequence is told). */
static void returned(const struct imap_finding *f, unsigned returns,
	uid_num first, uid_num last, struct uidset *uids_r)
{
	const unsigned some =
		IMAP_SEARCH_MIN | IMAP_SEARCH_MAX | IMAP_SEARCH_PARTIAL;

	if (!(returns & some) ||
		returns & (IMAP_SEARCH_ALL | IMAP_SEARCH_COUNT)) {
		uidset_copy(uids_r, &f->found);
	} else if (first) {
		uidset_copy(uids_r, &f->partial);
		if (returns & IMAP_SEARCH_MIN)
			uidset_add(uids_r, first);
		if (returns & IMAP_SEARCH_MAX)
			uidset_add(uids_r, last);
	}
}

modseq_num imap_find_returned(struct imap *s, const struct imap_finding *f,
	unsigned returns, uid_num first, uid_num last)
{
	struct uidset uids = UIDSET_EMPTY;
	struct uidset_iter it;
	modseq_num most = 0;
	uid_num uid;

	returned(f, returns, first, last, &uids);
	it = uidset_iter(&uids, 1);
	while (f->modseq && (uid = uidset_iter_next(&it))) {
		const struct membership *m = view_find(f->view, uid);

		if (m && m->modseq > most)
			most = m->modseq;
	}
	if (returns & IMAP_SEARCH_SAVE) {
		uidset_compact(&uids);
		uidset_swap(&s->saved, &uids);
	}
	uidset_fini(&uids);
	return most;
}

void imap_put_modseq(struct buf *out, modseq_num modseq)
{
	if (modseq)
		buf_addf(out, " (MODSEQ %llu)", (unsigned long long)modseq);
}

void imap_take_slice(const struct uidset *all, const struct imap_partial *range,
	struct uidset *slice)
{
	uint32_t first, last;

	if (!imap_partial_slice(range, uidset_count(all), &first, &last))
		return;
	uidset_add_range(
		slice, uidset_select(all, first), uidset_select(all, last));
	uidset_and(slice, all);
}

/* partial-results = sequence-set / "NIL" */
static void put_partial(struct buf *out, const struct imap_esearch *e)
{
	struct uidset slice = UIDSET_EMPTY;
	uint32_t first, last;

	buf_add_c(out, " PARTIAL (");
	imap_put_partial(out, &e->partial);
	buf_add_byte(out, ' ');
	if (!imap_partial_slice(&e->partial, e->count, &first, &last)) {
		buf_add_c(out, "NIL");
	} else if (e->set) {
		imap_take_slice(e->set, &e->partial, &slice);
		imap_put_set(out, &slice);
	} else {
		imap_put_sequence(
			out, e->sorted + (first - 1), last - first + 1);
	}
	buf_add_byte(out, ')');
	uidset_fini(&slice);
}

void imap_begin_esearch(
	struct imap *s, str tag, str mailbox, uint32_t uidvalidity, bool uid)
{
	struct buf *out = imap_out(s);

	buf_add_c(out, "* ESEARCH (TAG ");
	imap_put_string(out, tag, false);
	if (!str_is_none(mailbox)) {
		buf_add_c(out, " MAILBOX ");
		imap_put_mailbox(out, mailbox, s->utf8);
		buf_addf(out, " UIDVALIDITY %u", uidvalidity);
	}
	buf_add_c(out, uid ? ") UID" : ")");
}

void imap_put_esearch(struct imap *s, const struct imap_command *c,
	const struct imap_esearch *e)
{
	struct buf *out = imap_out(s);
	unsigned returns = e->returns;

	imap_begin_esearch(s, c->tag, e->mailbox, e->uidvalidity, c->uid);
	if (e->count && returns & IMAP_SEARCH_MIN)
		buf_addf(out, " MIN %u", e->first);
	if (e->count && returns & IMAP_SEARCH_MAX)
		buf_addf(out, " MAX %u", e->last);
	if (returns & IMAP_SEARCH_COUNT)
		buf_addf(out, " COUNT %u", e->count);
	if (e->count && returns & IMAP_SEARCH_ALL) {
		buf_add_c(out, " ALL ");
		if (e->set)
			imap_put_set(out, e->set);
		else
			imap_put_sequence(out, e->sorted, e->count);
	}
	if (returns & IMAP_SEARCH_PARTIAL)
		put_partial(out, e);
	if (e->modseq)
		buf_addf(out, " MODSEQ %llu", (unsigned long long)e->modseq);
	buf_add_c(out, "\r\n");
}

static void put_search(
	struct buf *out, const struct uidset *found, modseq_num modseq)
{
	struct uidset_iter it = uidset_iter(found, 1);
	uint32_t n;

	buf_add_c(out, "* SEARCH");
	while ((n = uidset_iter_next(&it))) {
		buf_add_byte(out, ' ');
		buf_add_u64(out, n);
	}
	imap_put_modseq(out, modseq);
	buf_add_c(out, "\r\n");
}

static void answer(
	struct imap *s, const struct imap_command *c, struct imap_finding *f)
{
	const struct imap_search *q = &c->search;
	struct uidset numbers = UIDSET_EMPTY, *found = &f->found;
	struct imap_esearch e = {
		.mailbox = str_none(),
		.returns = q->returns,
		.partial = q->partial,
	};

	if (q->returns & IMAP_SEARCH_PARTIAL)
		imap_take_slice(found, &q->partial, &f->partial);
	e.modseq = imap_find_returned(
		s, f, q->returns, uidset_min(found), uidset_max(found));
	if (!c->uid) {
		imap_uids_to_numbers(s, found, &numbers);
		found = &numbers;
	}
	e.set = found;
	e.count = uidset_count(found);
	e.first = uidset_min(found);
	e.last = uidset_max(found);
	/* An IMAP4rev2 client gets ESEARCH in any case. */
	if (!q->extended && s->rev2)
		e.returns = IMAP_SEARCH_ALL;
	if (!q->extended && !s->rev2)
		put_search(imap_out(s), found, e.modseq);
	else if (imap_is_answered(e.returns))
		imap_put_esearch(s, c, &e);
	uidset_fini(&numbers);
}

enum err imap_search(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct imap_finding f;
	const char *no_update = NULL;
	enum err e = imap_find(s, c, &f);

	if (!e) {
		/* "$" changes with the answer. */
		no_update = imap_context_begin(s, c, &f, NULL, str_none());
		answer(s, c, &f);
	}
	if (no_update)
		imap_put_noupdate(s, c->tag, no_update);
	return imap_find_end(s, c, &f, e, reply);
}
