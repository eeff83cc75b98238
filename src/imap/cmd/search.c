/* SPDX-License-Identifier: Apache-2.0 */
/* SEARCH: RFC 9051 section 6.4.4, RFC 4731 (ESEARCH), RFC 5182 (SEARCHRES). */
#include "imap/private.h"
#include "search/search.h"

/* UIDs to message numbers. */
static void to_numbers(const struct imap *s, struct uidset *found)
{
	struct uidset numbers = UIDSET_EMPTY;
	struct uidset_iter it = uidset_iter(found, 1);
	uint32_t from, to;

	while (uidset_iter_next_range(&it, &from, &to)) {
		uint32_t first = imap_number(s, from);

		/* Neighbouring UIDs have neighbouring numbers. */
		uidset_add_range(&numbers, first, first + (to - from));
	}
	uidset_swap(found, &numbers);
	uidset_fini(&numbers);
}

static void put_search(struct buf *out, const struct uidset *found)
{
	struct uidset_iter it = uidset_iter(found, 1);
	uint32_t n;

	buf_add_c(out, "* SEARCH");
	while ((n = uidset_iter_next(&it))) {
		buf_add_byte(out, ' ');
		buf_add_u64(out, n);
	}
	buf_add_c(out, "\r\n");
}

static void put_esearch(struct buf *out, const struct imap_command *c,
	unsigned returns, const struct uidset *found)
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

static bool cancelled(void *arg)
{
	const struct imap *s = arg;

	return s->session.closed;
}

static enum err run(
	struct imap *s, const struct imap_command *c, struct uidset *found)
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
	view_release(imap_mail(s), v);
	return e;
}

enum err imap_search(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_search *q = &c->search;
	struct uidset found = UIDSET_EMPTY;
	enum err e = run(s, c, &found);

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
			put_search(imap_out(s), &found);
		else if (!q->extended)
			put_esearch(imap_out(s), c, IMAP_SEARCH_ALL, &found);
		else if (q->returns & ~(unsigned)IMAP_SEARCH_SAVE)
			put_esearch(imap_out(s), c, q->returns, &found);
	}
	uidset_fini(&found);
	return e;
}
