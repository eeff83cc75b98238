/* SPDX-License-Identifier: Apache-2.0 */
/* CONDSTORE and QRESYNC (RFC 7162): what is common to their commands. */
#include "base/alloc.h"
#include "imap/private.h"

modseq_num imap_safe_modseq(const struct imap *s, const struct view *v)
{
	const struct imap_selected *box = s->selected;
	struct uidset untold = UIDSET_EMPTY;
	modseq_num safe = box->told;

	uidset_copy(&untold, &box->known);
	uidset_andnot(&untold, &v->uids);
	if (!uidset_is_empty(&untold) && box->watch.floor < safe)
		safe = box->watch.floor;
	uidset_fini(&untold);
	return safe;
}

static void put_highest(struct imap *s, modseq_num modseq, const char *text)
{
	buf_addf(imap_out(s), "* OK [HIGHESTMODSEQ %llu] %s\r\n",
		(unsigned long long)modseq, text);
}

void imap_enable_condstore(struct imap *s)
{
	struct view *v;

	if (s->condstore)
		return;
	s->condstore = true;
	if (!s->selected || imap_view(s, &v))
		return;
	put_highest(s, imap_safe_modseq(s, v), "Mod-sequences from now on");
	view_release(imap_mail(s), v);
}

void imap_tell_held_back(struct imap *s, const struct view *v)
{
	modseq_num safe = imap_safe_modseq(s, v);

	if (safe < s->selected->told)
		put_highest(s, safe, "Expunges after this are still to come");
}

void imap_put_vanished(struct imap *s, const struct uidset *uids, bool earlier)
{
	struct buf *out = imap_out(s);

	if (uidset_is_empty(uids))
		return;
	buf_addf(out, "* VANISHED %s", earlier ? "(EARLIER) " : "");
	imap_put_set(out, uids);
	buf_add_c(out, "\r\n");
}

/* Expunges that are still to be told with their effect on message numbers are
 * not told here. */
enum err imap_tell_vanished(struct imap *s, const struct view *v,
	const struct uidset *among, modseq_num since)
{
	struct uidset vanished = UIDSET_EMPTY;
	enum err e = s->selected->gone ? OK
				       : view_vanished_since(imap_mail(s), v,
						 since, &vanished);

	uidset_and(&vanished, among);
	uidset_andnot(&vanished, &s->selected->known);
	if (!e)
		imap_put_vanished(s, &vanished, true);
	uidset_fini(&vanished);
	return e;
}

/* Section 3.2.5.2: the UID up to which the client knows all expunges, because
 * its message numbers are ours. Both sets are as long and ascend. */
static uid_num matched_until(
	const struct uidset *known, const struct imap_qresync *q)
{
	uint32_t exists = uidset_count(known);
	size_t u = 0;
	uint32_t in_u = 0;
	uid_num until = 0;

	for (size_t n = 0; n < q->numbers.count; n++) {
		const struct seqrange *numbers = &q->numbers.ranges[n];

		for (uint32_t at = numbers->from; at <= numbers->to; at++) {
			const struct seqrange *uids = &q->uids.ranges[u];
			uid_num uid = uids->from + in_u;

			if (at > exists || uidset_select(known, at) != uid)
				return until;
			until = uid;
			in_u = uid == uids->to ? 0 : in_u + 1;
			u += in_u == 0;
		}
	}
	return until;
}

enum err imap_resync(struct imap *s, const struct view *v,
	const struct imap_qresync *q, struct uidset *changed_r)
{
	struct uidset asked = UIDSET_EMPTY;
	uid_num until;
	enum err e;

	if (q->uidvalidity != v->uidvalidity)
		return OK;
	if (q->has_known)
		seqset_add_to(&q->known, v->uidnext - 1, &asked);
	else if (v->uidnext > 1)
		uidset_add_range(&asked, 1, v->uidnext - 1);
	view_changed_since(v, q->modseq, changed_r);
	uidset_and(changed_r, &asked);
	until = matched_until(&s->selected->known, q);
	if (until)
		uidset_remove_range(&asked, 1, until);
	e = imap_tell_vanished(s, v, &asked, q->modseq);
	uidset_fini(&asked);
	return e;
}
