/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random changes of one account against a model of arrays, from a seed. Between
 * them: what the views say is what the model has; a view that was brought up
 * to date equals one that was read anew; UIDVALIDITY is never used twice; and
 * now and then, verify.
 */
#include "mail/fixture.h"
#include "base/clock.h"

#include <stdlib.h>

#define BOXES 6
#define MESSAGES 600
#define KEYWORDS 3
#define STEPS 1500

static const char *const names[BOXES] = {
	"INBOX", "INBOX/in", "m", "m/1", "m/1/x", "long name with spaces"};

struct modelled {
	uid_num uid;
	unsigned content;
	uint32_t flags; /* system, then keywords from bit 8 by their number */
};

struct box {
	bool exists;
	uint32_t uidvalidity;
	uid_num uidnext;
	modseq_num modseq;
	unsigned count;
	struct modelled messages[MESSAGES];
};

struct game {
	struct world w;
	unsigned seed, step;
	struct random_data random;
	char random_state[64];
	uint32_t greatest_uidvalidity;
	struct box boxes[BOXES];
};

static unsigned pick(struct game *g, unsigned below)
{
	int32_t n;

	random_r(&g->random, &n);
	return (unsigned)n % below;
}

static void say_where(const struct game *g)
{
	print_error("seed %u, step %u\n", g->seed, g->step);
}

#define CHECK(g, condition)                                                    \
	do {                                                                   \
		if (!(condition)) {                                            \
			say_where(g);                                          \
			assert_true(condition);                                \
		}                                                              \
	} while (0)

static void check_ref(struct game *g, int b, struct mailbox_ref *ref)
{
	CHECK(g, mailbox_open(g->w.mail, &ann, str_c(names[b]), RIGHT_READ,
			 ref) == OK);
	CHECK(g, ref->uidvalidity == g->boxes[b].uidvalidity);
}

/* Comparing. */

static uint32_t flags_of(const struct view *v, const struct membership *m)
{
	uint32_t flags = (uint32_t)m->flags & FLAGS_SYSTEM;

	for (uint32_t k = 0; k < v->keyword_count; k++)
		if (m->flags & flags_keyword_bit(k))
			flags |= 256u << (v->keywords[k].p[1] - '0');
	return flags;
}

static void compare_with_model(
	struct game *g, const struct box *box, const struct view *v)
{
	struct view_iter it = view_iter(v, 1);
	unsigned unseen = 0;

	CHECK(g, v->uidnext == box->uidnext);
	for (unsigned i = 0; i < box->count; i++) {
		const struct membership *m = view_iter_next(&it);
		const struct modelled *expected = &box->messages[i];

		CHECK(g, m && m->uid == expected->uid);
		CHECK(g, flags_of(v, m) == expected->flags);
		CHECK(g, uidset_select(&v->uids, i + 1) == m->uid);
		CHECK(g, m->modseq <= v->modseq);
		unseen += !(m->flags & FLAG_SEEN);
	}
	CHECK(g, !view_iter_next(&it));
	CHECK(g, uidset_count(&v->uids) == box->count);
	CHECK(g, v->unseen == unseen);
}

static void compare_views(
	struct game *g, const struct view *a, const struct view *b)
{
	struct buf left = BUF_UNBOUNDED, right = BUF_UNBOUNDED;

	CHECK(g, a->modseq == b->modseq && a->uidvalidity == b->uidvalidity &&
			 a->block_count == b->block_count &&
			 a->keyword_count == b->keyword_count);
	for (size_t i = 0; i < a->block_count; i++) {
		const struct view_block *x = a->blocks[i], *y = b->blocks[i];

		CHECK(g, x->number == y->number && x->count == y->count &&
				 x->modseq == y->modseq);
		block_encode(x->members, x->count, x->number, &left);
		block_encode(y->members, y->count, y->number, &right);
		CHECK(g, str_eq(buf_str(&left), buf_str(&right)));
	}
	for (uint32_t k = 0; k < a->keyword_count; k++)
		CHECK(g, str_eq(a->keywords[k], b->keywords[k]));
	buf_fini(&left);
	buf_fini(&right);
}

static void compare_box(struct game *g, int b, struct mail *fresh)
{
	struct box *box = &g->boxes[b];
	struct mailbox_ref ref;
	struct view *cached, *anew;

	if (!box->exists) {
		CHECK(g, mailbox_open(g->w.mail, &ann, str_c(names[b]), 0,
				 &ref) == ERR_NOTFOUND);
		return;
	}
	check_ref(g, b, &ref);
	CHECK(g, view_acquire(g->w.mail, &ref, &cached) == OK);
	CHECK(g, view_acquire(fresh, &ref, &anew) == OK);
	compare_with_model(g, box, cached);
	compare_views(g, cached, anew);
	CHECK(g, cached->modseq >= box->modseq);
	box->modseq = cached->modseq;
	view_release(g->w.mail, cached);
	view_release(fresh, anew);
}

static void compare(struct game *g)
{
	struct mail *fresh = mail_new(g->w.store, NULL);
	struct verify v = {.problem = on_problem};

	/* Not all, so that views get old. */
	for (int b = 0; b < BOXES; b++)
		if (!pick(g, 8) || g->step == STEPS)
			compare_box(g, b, fresh);
	mail_free(fresh);
	if (g->step % 50)
		return;
	CHECK(g, verify_mail(g->w.mail, 0, &v) == OK);
	CHECK(g, v.problems == 0);
}

/* The model's side. */

static void box_made(struct game *g, int b)
{
	struct mailbox_ref ref;

	CHECK(g, mailbox_open(g->w.mail, &ann, str_c(names[b]), 0, &ref) == OK);
	CHECK(g, ref.uidvalidity > g->greatest_uidvalidity);
	g->greatest_uidvalidity = ref.uidvalidity;
	g->boxes[b].exists = true;
	g->boxes[b].uidvalidity = ref.uidvalidity;
	g->boxes[b].uidnext = 1;
	g->boxes[b].count = 0;
	g->boxes[b].modseq = 0;
}

static void model_add(struct box *box, struct modelled m)
{
	m.uid = box->uidnext++;
	box->messages[box->count++] = m;
}

static void model_remove(struct box *box, unsigned at)
{
	memmove(&box->messages[at], &box->messages[at + 1],
		(--box->count - at) * sizeof box->messages[0]);
}

/* Some of the box's UIDs, and some that it does not have. */
static void pick_uids(
	struct game *g, const struct box *box, struct uidset *uids)
{
	for (unsigned n = 1 + pick(g, 3); n; n--) {
		uid_num from = 1 + pick(g, box->uidnext + 5);

		uidset_add_range(uids, from, from + pick(g, 40));
	}
}

static int pick_box(struct game *g)
{
	int b;

	do
		b = (int)pick(g, BOXES);
	while (!g->boxes[b].exists);
	return b;
}

/* The operations. */

static void do_append(struct game *g)
{
	int b = pick_box(g);
	unsigned content = pick(g, 40), keyword = pick(g, KEYWORDS + 1);
	char text[64], word[8];
	struct modelled m = {.content = content};
	uid_num uid;

	if (g->boxes[b].count > MESSAGES / 2)
		return;
	snprintf(text, sizeof text, "Subject: %u\r\n\r\n", content);
	snprintf(word, sizeof word, "k%u", keyword);
	m.flags = pick(g, 2) ? FLAG_SEEN : 0;
	CHECK(g, append(&g->w, names[b], str_c(text), m.flags,
			 keyword < KEYWORDS ? word : NULL, &uid) == OK);
	m.flags |= keyword < KEYWORDS ? 256u << keyword : 0;
	CHECK(g, uid == g->boxes[b].uidnext);
	model_add(&g->boxes[b], m);
}

/* Of one that is there, or of one that is not: then nothing happens. */
static void do_replace(struct game *g)
{
	int from = pick_box(g), to = pick_box(g);
	struct box *source = &g->boxes[from], *target = &g->boxes[to];
	struct modelled m = {.content = pick(g, 40)};
	unsigned at = pick(g, source->count + 1);
	bool there = at < source->count;
	struct append_item item = {0};
	struct append_result result;
	struct mailbox_ref ref;
	char text[64];

	if (target->count > MESSAGES / 2)
		return;
	snprintf(text, sizeof text, "Subject: %u\r\n\r\n", m.content);
	item.upload = upload_new(g->w.mail, ann.account);
	CHECK(g, upload_feed(item.upload, str_c(text)) == OK);
	check_ref(g, from, &ref);
	CHECK(g, append_replace(g->w.mail, &ann, &ref,
			 there ? source->messages[at].uid : source->uidnext,
			 str_c(names[to]), &item,
			 &result) == (there ? OK : ERR_EXPUNGED));
	CHECK(g, uidset_count(&result.uids) == there);
	if (there) {
		CHECK(g, uidset_has(&result.uids, target->uidnext));
		CHECK(g, result.uidvalidity == target->uidvalidity);
		model_remove(source, at);
		model_add(target, m);
	}
	uidset_fini(&result.uids);
	upload_free(item.upload);
}

static void do_store(struct game *g)
{
	static const uint32_t system[] = {
		FLAG_SEEN, FLAG_DELETED, FLAG_FLAGGED, 0};
	int b = pick_box(g);
	struct box *box = &g->boxes[b];
	unsigned keyword = pick(g, KEYWORDS), op = pick(g, 3), changed = 0;
	char word[8];
	str words[1];
	struct flag_change change = {.op = op,
		.system = system[pick(g, 4)],
		.keywords = words,
		.keyword_count = pick(g, 2)};
	uint32_t bits = (uint32_t)change.system |
			(change.keyword_count ? 256u << keyword : 0);
	struct uidset uids = UIDSET_EMPTY;
	struct store_result result;
	struct mailbox_ref ref;

	snprintf(word, sizeof word, pick(g, 2) ? "k%u" : "K%u", keyword);
	words[0] = str_c(word);
	pick_uids(g, box, &uids);
	check_ref(g, b, &ref);
	CHECK(g, message_store_flags(g->w.mail, &ref, &uids, &change, 0,
			 UINT64_MAX, &result) == OK);
	for (unsigned i = 0; i < box->count; i++) {
		struct modelled *m = &box->messages[i];
		uint32_t was = m->flags;

		if (!uidset_has(&uids, m->uid))
			continue;
		m->flags = change.op == FLAGS_ADD      ? was | bits
			   : change.op == FLAGS_REMOVE ? was & ~bits
						       : bits;
		changed += m->flags != was;
		CHECK(g, uidset_has(&result.changed, m->uid) ==
				 (m->flags != was));
	}
	CHECK(g, uidset_count(&result.changed) == changed);
	CHECK(g, (result.modseq != 0) == (changed != 0));
	store_result_fini(&result);
	uidset_fini(&uids);
}

static void do_copy(struct game *g)
{
	int from = pick_box(g), to = pick_box(g);
	struct box *source = &g->boxes[from], *target = &g->boxes[to];
	bool move = pick(g, 2);
	struct uidset uids = UIDSET_EMPTY;
	struct copy_result result;
	struct mailbox_ref ref;
	unsigned n = source->count, copied = 0;

	if (target->count + n > MESSAGES)
		return;
	pick_uids(g, source, &uids);
	check_ref(g, from, &ref);
	CHECK(g, message_copy(g->w.mail, &ann, &ref, &uids, str_c(names[to]),
			 move ? COPY_MOVE : COPY_PLAIN, &result) == OK);
	for (unsigned i = 0; i < n; i++) {
		if (!uidset_has(&uids, source->messages[i].uid))
			continue;
		copied++;
		CHECK(g, uidset_select(&result.source, copied) ==
				 source->messages[i].uid);
		CHECK(g, uidset_select(&result.target, copied) ==
				 target->uidnext);
		model_add(target, source->messages[i]);
	}
	CHECK(g, uidset_count(&result.source) == copied);
	CHECK(g, uidset_count(&result.target) == copied);
	CHECK(g, result.uidvalidity == target->uidvalidity);
	for (unsigned i = n; move && i-- > 0;)
		if (uidset_has(&uids, source->messages[i].uid))
			model_remove(source, i);
	copy_result_fini(&result);
	uidset_fini(&uids);
}

static void do_expunge(struct game *g)
{
	int b = pick_box(g);
	struct box *box = &g->boxes[b];
	struct uidset uids = UIDSET_EMPTY, gone = UIDSET_EMPTY;
	bool all = pick(g, 2);
	struct mailbox_ref ref;
	modseq_num modseq;
	unsigned n = 0;

	pick_uids(g, box, &uids);
	check_ref(g, b, &ref);
	CHECK(g, message_expunge(g->w.mail, &ref, all ? NULL : &uids, &gone,
			 &modseq) == OK);
	for (unsigned i = box->count; i-- > 0;) {
		const struct modelled *m = &box->messages[i];

		if (!(m->flags & FLAG_DELETED) ||
			(!all && !uidset_has(&uids, m->uid)))
			continue;
		CHECK(g, uidset_has(&gone, m->uid));
		model_remove(box, i);
		n++;
	}
	CHECK(g, uidset_count(&gone) == n);
	uidset_fini(&uids);
	uidset_fini(&gone);
}

static void do_create(struct game *g)
{
	int b = (int)pick(g, BOXES);
	struct mailbox_ref ref;
	enum err e =
		mailbox_create(g->w.mail, &ann, str_c(names[b]), 0, 0, &ref);

	CHECK(g, e == (g->boxes[b].exists ? ERR_EXISTS : OK));
	if (e)
		return;
	/* Its parents come first in the table. */
	for (int i = 0; i <= b; i++)
		if (!g->boxes[i].exists &&
			(i == b ||
				str_starts(str_c(names[b]), str_c(names[i]))))
			box_made(g, i);
}

static void do_delete(struct game *g)
{
	int b = (int)pick(g, BOXES);
	enum err e = mailbox_delete(g->w.mail, &ann, str_c(names[b]));

	CHECK(g, (e == OK) == (b != 0 && g->boxes[b].exists));
	if (!e)
		g->boxes[b].exists = false;
}

/* Only of mailboxes that have nothing below. */
static void do_rename(struct game *g)
{
	int from = pick(g, 2) ? 4 : 5, to = from == 4 ? 5 : 4;
	enum err e = mailbox_rename(
		g->w.mail, &ann, str_c(names[from]), str_c(names[to]));

	CHECK(g, e == (g->boxes[to].exists	      ? ERR_EXISTS
			      : g->boxes[from].exists ? OK
						      : ERR_NOTFOUND));
	if (e)
		return;
	g->boxes[to] = g->boxes[from];
	g->boxes[from].exists = false;
	for (int i = 2; i < 4 && to == 4; i++)
		if (!g->boxes[i].exists)
			box_made(g, i);
}

static void do_clean(struct game *g)
{
	struct mail_limits limits = mail_limits_of(g->w.mail);

	limits.history_entries = pick(g, 3);
	mail_set_limits(g->w.mail, &limits);
	if (pick(g, 2))
		CHECK(g, mail_purge(g->w.mail, false) == OK);
	else
		CHECK(g, mail_prune(g->w.mail,
				 clock_wall_s() +
					 (pick(g, 2) ? 4000 : 400 * 86400)) ==
				 OK);
}

static void play(unsigned seed)
{
	static void (*const acts[])(struct game *) = {do_append, do_append,
		do_append, do_append, do_store, do_store, do_store, do_copy,
		do_copy, do_replace, do_expunge, do_create, do_create,
		do_delete, do_rename, do_clean};
	struct game *g = xcalloc(1, sizeof *g);

	g->seed = seed;
	initstate_r(seed, g->random_state, sizeof g->random_state, &g->random);
	begin(&g->w);
	box_made(g, 0);
	for (g->step = 1; g->step <= STEPS; g->step++) {
		acts[pick(g, COUNT_OF(acts))](g);
		compare(g);
	}
	end(&g->w);
	free(g);
}

static void test_random_changes(void **unused)
{
	const char *seed = getenv("CULVER_SEED"), *n = getenv("CULVER_GAMES");
	unsigned from = seed ? (unsigned)atoi(seed) : 1;

	(void)unused;
	for (unsigned i = 0; i < (n ? (unsigned)atoi(n) : 2); i++)
		play(from + i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
