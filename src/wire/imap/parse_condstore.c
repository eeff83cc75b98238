/* SPDX-License-Identifier: Apache-2.0 */
/* What the parameters of CONDSTORE and QRESYNC say: RFC 7162 section 7; of
 * PARTIAL: RFC 9394. */
#include "base/alloc.h"
#include "wire/imap/parser.h"

/* One that is known: whether it has a value, and what it says. */
struct known_param {
	str name;
	bool has_value;
	void (*read)(struct imap_parser *, const struct imap_value *, void *);
};

static void read_params(struct imap_parser *p, const struct imap_param *param,
	const struct known_param *known, size_t count, void *into)
{
	unsigned seen = 0;

	for (; imap_ok(p) && param; param = param->next) {
		size_t i = 0;

		while (i < count && !str_ieq(known[i].name, param->name))
			i++;
		if (i == count)
			imap_expected(p, "parameters that are known");
		else if (seen & 1u << i)
			imap_expected(p, "each parameter once");
		else if (known[i].has_value != (param->value != NULL))
			imap_expected(p, known[i].has_value
						 ? "a value of the parameter"
						 : "a parameter without value");
		else
			known[i].read(p, param->value, into);
		seen |= 1u << (i % 32);
	}
}

/* mod-sequence-valzer = "0" / mod-sequence-value
 * mod-sequence-value = 1*DIGIT ; positive, 63 bits */
static uint64_t modseq_valzer(
	struct imap_parser *p, const struct imap_value *value)
{
	uint64_t n = 0;

	if (!value || value->is_list || value->text.n == 0 ||
		str_to_u64(value->text, INT64_MAX, &n))
		imap_expected(p, "a mod-sequence");
	return n;
}

static void condstore(
	struct imap_parser *p, const struct imap_value *value, void *into)
{
	struct imap_select *select = into;

	(void)p;
	(void)value;
	select->condstore = true;
}

/* A set that names its numbers: without "*" and "$". */
static struct seqset plain_set(
	struct imap_parser *p, const struct imap_value *value)
{
	struct cursor c = cursor_of(value->text);
	struct seqset set = {0};
	bool plain = !value->is_list;

	if (plain)
		set = seqset_parse(&c, p->arena);
	plain = plain && cursor_ok(&c) && cursor_done(&c) && !set.saved;
	for (size_t i = 0; plain && i < set.count; i++)
		plain = set.ranges[i].from != SEQSET_STAR &&
			set.ranges[i].to != SEQSET_STAR;
	if (!plain)
		imap_expected(p, "a set of numbers without \"*\"");
	return set;
}

/* How many numbers; 0 unless they ascend. */
static uint64_t ascending(const struct seqset *set)
{
	uint64_t count = 0;
	uint32_t last = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct seqrange *r = &set->ranges[i];

		if (r->from <= last || r->to < r->from)
			return 0;
		last = r->to;
		count += (uint64_t)r->to - r->from + 1;
	}
	return count;
}

/* seq-match-data = "(" known-sequence-set SP known-uid-set ")" */
static void seq_match_data(struct imap_parser *p,
	const struct imap_value *value, struct imap_qresync *q)
{
	const struct imap_value *numbers = value->first;

	if (!numbers || !numbers->next || numbers->next->next) {
		imap_expected(p, "message numbers and their UIDs");
		return;
	}
	q->numbers = plain_set(p, numbers);
	q->uids = plain_set(p, numbers->next);
	if (imap_ok(p) &&
		(ascending(&q->numbers) == 0 ||
			ascending(&q->numbers) != ascending(&q->uids)))
		imap_expected(p, "as many ascending numbers as UIDs");
}

/* "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids]
 * [SP seq-match-data] ")" */
static void qresync(
	struct imap_parser *p, const struct imap_value *value, void *into)
{
	struct imap_select *select = into;
	struct imap_qresync *q = ARENA_NEW(p->arena, struct imap_qresync);
	const struct imap_value *v = value->first;
	uint64_t uidvalidity = 0;

	if (!value->is_list || !v || v->is_list || !v->next ||
		str_to_u64(v->text, UINT32_MAX, &uidvalidity) ||
		uidvalidity == 0) {
		imap_expected(p, "UIDVALIDITY and a mod-sequence");
		return;
	}
	q->uidvalidity = (uint32_t)uidvalidity;
	v = v->next;
	q->modseq = modseq_valzer(p, v);
	if (imap_ok(p) && q->modseq == 0)
		imap_expected(p, "a mod-sequence from 1 on");
	v = v->next;
	if (imap_ok(p) && v && !v->is_list) {
		q->has_known = true;
		q->known = plain_set(p, v);
		v = v->next;
	}
	if (imap_ok(p) && v && v->is_list) {
		seq_match_data(p, v, q);
		v = v->next;
	}
	if (v)
		imap_expected(p, "no more than match data");
	select->qresync = q;
}

static const struct known_param select_params[] = {
	{STR_LIT("CONDSTORE"), false, condstore},
	{STR_LIT("QRESYNC"), true, qresync},
};

void imap_read_select_params(struct imap_parser *p, struct imap_select *select)
{
	read_params(p, select->params, select_params, COUNT_OF(select_params),
		select);
}

/* RFC 7162 has numbers from 1 on; 0 is what clients say that know nothing yet
 * (aerc's library). */
static uint64_t tolerate_since_zero(
	struct imap_parser *p, const struct imap_value *value)
{
	return modseq_valzer(p, value);
}

static void changedsince(
	struct imap_parser *p, const struct imap_value *value, void *into)
{
	struct imap_fetch *fetch = into;

	fetch->changed = true;
	fetch->since = tolerate_since_zero(p, value);
}

static void vanished(
	struct imap_parser *p, const struct imap_value *value, void *into)
{
	struct imap_fetch *fetch = into;

	(void)p;
	(void)value;
	fetch->vanished = true;
}

static void partial(
	struct imap_parser *p, const struct imap_value *value, void *into)
{
	struct imap_fetch *fetch = into;
	struct imap_parser range;

	fetch->some = true;
	if (!value->is_list) {
		range = imap_parser_of(p->arena, value->text, false);
		fetch->partial = imap_partial_range(&range);
	}
	if (value->is_list || !imap_ok(&range) || !cursor_done(&range.c))
		imap_expected(p, "a range of results");
}

static const struct known_param fetch_modifiers[] = {
	{STR_LIT("CHANGEDSINCE"), true, changedsince},
	{STR_LIT("VANISHED"), false, vanished},
	{STR_LIT("PARTIAL"), true, partial},
};

void imap_read_fetch_modifiers(
	struct imap_parser *p, struct imap_fetch *fetch, bool uid)
{
	read_params(p, fetch->modifiers, fetch_modifiers,
		COUNT_OF(fetch_modifiers), fetch);
	if (imap_ok(p) && fetch->vanished && !(uid && fetch->changed))
		imap_expected(p, "VANISHED in UID FETCH with CHANGEDSINCE");
	if (imap_ok(p) && fetch->some && !uid)
		imap_expected(p, "PARTIAL in UID FETCH");
}

static void unchangedsince(
	struct imap_parser *p, const struct imap_value *value, void *into)
{
	struct imap_store *store = into;

	store->conditional = true;
	store->unchanged_since = modseq_valzer(p, value);
}

static const struct known_param store_modifiers[] = {
	{STR_LIT("UNCHANGEDSINCE"), true, unchangedsince},
};

void imap_read_store_modifiers(struct imap_parser *p, struct imap_store *store)
{
	read_params(p, store->modifiers, store_modifiers,
		COUNT_OF(store_modifiers), store);
}
