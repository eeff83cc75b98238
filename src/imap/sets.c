/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/private.h"

/* Runs of numbers are runs of ranks. */
void imap_numbers_to_uids(
	const struct imap *s, const struct uidset *numbers, struct uidset *uids)
{
	const struct uidset *known = &s->selected->known;
	struct uidset_iter it = uidset_iter(numbers, 1);
	uint32_t from, to;

	while (uidset_iter_next_range(&it, &from, &to)) {
		struct uidset run = UIDSET_EMPTY;

		uidset_add_range(&run, uidset_select(known, from),
			uidset_select(known, to));
		uidset_and(&run, known);
		uidset_or(uids, &run);
		uidset_fini(&run);
	}
}

enum err imap_resolve_set(struct imap *s, const struct seqset *set, bool uid,
	struct uidset *uids_r)
{
	const struct uidset *known = &s->selected->known;
	struct uidset numbers = UIDSET_EMPTY;

	uidset_clear(uids_r);
	if (set->saved) {
		uidset_copy(uids_r, &s->saved);
		uidset_and(uids_r, known);
		return OK;
	}
	if (uid) {
		seqset_add_to(set, uidset_max(known), uids_r);
		uidset_and(uids_r, known);
		return OK;
	}
	if (seqset_exceeds(set, uidset_count(known)))
		return ERR_INVALID;
	seqset_add_to(set, uidset_count(known), &numbers);
	imap_numbers_to_uids(s, &numbers, uids_r);
	uidset_fini(&numbers);
	return OK;
}

void imap_uids_to_numbers(
	const struct imap *s, const struct uidset *uids, struct uidset *numbers)
{
	struct uidset_iter it = uidset_iter(uids, 1);
	uint32_t from, to;

	while (uidset_iter_next_range(&it, &from, &to)) {
		uint32_t first = imap_number(s, from);

		/* Neighbouring UIDs have neighbouring numbers. */
		uidset_add_range(numbers, first, first + (to - from));
	}
}
