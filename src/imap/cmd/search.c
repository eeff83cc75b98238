/* SPDX-License-Identifier: Apache-2.0 */
/* SEARCH: RFC 9051 section 6.4.4, RFC 4731 (ESEARCH), RFC 5182 (SEARCHRES). */
#include "imap/private.h"
#include "search/search.h"

static void to_numbers(const struct imap *s, struct uidset *found)
{
	struct uidset numbers = UIDSET_EMPTY;

	imap_uids_to_numbers(s, found, &numbers);
	uidset_swap(found, &numbers);
	uidset_fini(&numbers);
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
	if (modseq)
		buf_addf(out, " (MODSEQ %llu)", (unsigned long long)modseq);
	buf_add_c(out, "\r\n");
}

static void put_esearch(struct buf *out, const struct imap_command *c,
	unsigned returns, const struct uidset *found, modseq_num modseq)
{
	bool any = !uidset_is_empty(found);

	buf_add_c(out, "* ESEARCH (TAG ");
	imap_put_string(out, c->tag, false);
	buf_add_c(out, c->uid ? ") UID" : ")");
	if (any && returns & IMAP_SEARCH_MIN)
		buf_addf(out, " MIN %u", uidset_min(found));
	if (any && returns & IMAP_SEARCH_MAX)
		buf_addf(out, " MAX %u", uidset_max(found));
	if (returns & IMAP_SEARCH_COUNT)
		buf_addf(out, " COUNT %u", uidset_count(found));
	if (any && returns & IMAP_SEARCH_ALL) {
		buf_add_c(out, " ALL ");
		uidset_print(found, out);
	}
	if (modseq)
		buf_addf(out, " MODSEQ %llu", (unsigned long long)modseq);
	buf_add_c(out, "\r\n");
}

/* RFC 5182 section 2.1: with MIN or MAX alone, only these are saved. */
static void save(struct imap *s, unsigned returns, const struct uidset *found)
{
	unsigned ends = returns & (IMAP_SEARCH_MIN | IMAP_SEARCH_MAX);

	if (!(returns & IMAP_SEARCH_SAVE))
		return;
	uidset_clear(&s->saved);
	if (!ends || returns & (IMAP_SEARCH_ALL | IMAP_SEARCH_COUNT)) {
		uidset_copy(&s->saved, found);
	} else if (!uidset_is_empty(found)) {
		if (ends & IMAP_SEARCH_MIN)
			uidset_add(&s->saved, uidset_min(found));
		if (ends & IMAP_SEARCH_MAX)
			uidset_add(&s->saved, uidset_max(found));
	}
	uidset_compact(&s->saved);
}

/* RFC 7162 section 3.1.5: the greatest of what is returned; with MIN and MAX
 * alone, of these (RFC 4731 section 3.2). 0: nothing was found. */
static modseq_num highest(
	const struct view *v, unsigned returns, const struct uidset *found)
{
	struct uidset_iter it = uidset_iter(found, 1);
	modseq_num most = 0;
	uint32_t uid;

	while ((uid = uidset_iter_next(&it))) {
		const struct membership *m = view_find(v, uid);
		bool counts =
			returns & (IMAP_SEARCH_ALL | IMAP_SEARCH_COUNT) ||
			!(returns & (IMAP_SEARCH_MIN | IMAP_SEARCH_MAX)) ||
			(returns & IMAP_SEARCH_MIN &&
				uid == uidset_min(found)) ||
			(returns & IMAP_SEARCH_MAX && uid == uidset_max(found));

		if (m && counts && m->modseq > most)
			most = m->modseq;
	}
	return most;
}

static bool cancelled(void *arg)
{
	const struct imap *s = arg;

	return s->session.closed;
}

static enum err run(struct imap *s, const struct imap_command *c,
	struct uidset *found, modseq_num *highest_r)
{
	struct search_scope scope = {
		.mail = imap_mail(s),
		.ref = &s->selected->ref,
		.known = &s->selected->known,
		.recent = &s->selected->recent,
		.saved = &s->saved,
		.cancelled = cancelled,
		.arg = s,
	};
	struct view *v;
	enum err e = imap_view(s, &v);

	if (e)
		return e;
	scope.view = v;
	e = search_run(&scope, c->search.where, imap_arena(s), found);
	if (!e && search_tree_asks(c->search.where, SEARCH_ON_MODSEQ)) {
		imap_enable_condstore(s);
		*highest_r = highest(v, c->search.returns, found);
	}
	view_release(imap_mail(s), v);
	return e;
}

enum err imap_search(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_search *q = &c->search;
	struct uidset found = UIDSET_EMPTY;
	modseq_num modseq = 0;
	enum err e = run(s, c, &found, &modseq);

	if (e == ERR_INVALID) {
		reply->bad = true;
		reply->text = "No such message number";
	}
	/* NO empties the saved result; BAD leaves it (RFC 9051 section
	 * 6.4.4.1). */
	if (e && !reply->bad && q->returns & IMAP_SEARCH_SAVE)
		uidset_clear(&s->saved);
	if (!e) {
		save(s, q->returns, &found);
		if (!c->uid)
			to_numbers(s, &found);
		/* An IMAP4rev2 client gets ESEARCH in any case. */
		if (!q->extended && !s->rev2)
			put_search(imap_out(s), &found, modseq);
		else if (!q->extended)
			put_esearch(imap_out(s), c, IMAP_SEARCH_ALL, &found,
				modseq);
		else if (q->returns & ~(unsigned)IMAP_SEARCH_SAVE)
			put_esearch(imap_out(s), c, q->returns, &found, modseq);
	}
	uidset_fini(&found);
	return e;
}
