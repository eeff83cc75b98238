/* SPDX-License-Identifier: Apache-2.0 */
/* THREAD without a store: walk_digests is defined here, and gives the digests
 * of messages that a test made up. */
#include "search/thread.h"
#include "base/alloc.h"
#include "base/test.h"
#include "search/walk.h"

#include <stdio.h>
#include <stdlib.h>

#define BUDGET (4 << 20)

struct sent {
	uid_num uid;
	int64_t date;
	const char *id;		/* "": none */
	const char *references; /* with blanks between */
	const char *subject;	/* base; of a reply "Re: " before it */
};

struct box {
	const struct sent *sent;
	size_t count;
	/* Or else, for large ones: */
	struct sent (*make)(size_t i, char *text, size_t room);
};

static const struct box *box;

static bool is_reply(const struct sent *m)
{
	return strncmp(m->subject, "Re: ", 4) == 0;
}

static const char *subject(const struct sent *m)
{
	return m->subject + (is_reply(m) ? 4 : 0);
}

static void add_references(struct buf *out, const char *ids)
{
	str rest = str_c(ids);

	while (rest.n) {
		size_t end = str_find_byte(rest, ' ');

		buf_add_sized(out, str_take(rest, end));
		rest = str_skip(rest, end + 1);
	}
}

enum err walk_digests(const struct search_scope *scope,
	const struct uidset *uids, walk_function *call, void *arg)
{
	static char text[512 * 1024];
	struct buf references = BUF_UNBOUNDED;
	enum err e = OK;

	(void)scope;
	for (size_t i = 0; !e && i < box->count; i++) {
		struct sent m = box->make ? box->make(i, text, sizeof text)
					  : box->sent[i];
		/* INTERNALDATE is of no interest when there is Date. */
		struct membership member = {
			.uid = m.uid, .internal_date = -m.date};
		struct digest d = {.flags = DIGEST_HAS_DATE, .date = m.date};

		if (!uidset_has(uids, m.uid))
			continue;
		buf_reset(&references);
		add_references(&references, m.references);
		d.references = buf_str(&references);
		d.message_id = str_c(m.id);
		d.subject = str_c(subject(&m));
		if (is_reply(&m))
			d.flags |= DIGEST_REPLY;
		e = call(arg, &member, &d);
	}
	buf_fini(&references);
	return e;
}

static struct uidset uids_of(const struct box *b)
{
	char *text = xmalloc(512 * 1024);
	struct uidset uids = UIDSET_EMPTY;

	for (size_t i = 0; i < b->count; i++)
		uidset_add(&uids, b->make ? b->make(i, text, 512 * 1024).uid
					  : b->sent[i].uid);
	free(text);
	return uids;
}

static enum err thread(const struct box *b, bool by_references, size_t budget,
	struct arena *arena, struct thread_node **nodes_r)
{
	struct uidset uids = uids_of(b);
	enum err e;

	box = b;
	arena_init(arena, thread_memory(budget, uidset_count(&uids)));
	e = by_references ? thread_by_references(NULL, &uids, arena, nodes_r)
			  : thread_by_subject(NULL, &uids, arena, nodes_r);
	uidset_fini(&uids);
	return e;
}

/* The grammar of RFC 5256, read downwards; for trees that are not deep. */
static void print(struct buf *out, const struct thread_node *nodes, uint32_t n)
{
	uint32_t child = nodes[n].first;

	if (nodes[n].number)
		buf_addf(out, "%u", nodes[n].number);
	if (!child)
		return;
	if (n && nodes[n].number)
		buf_add_c(out, " ");
	if (n && !nodes[child].next) {
		assert_true(nodes[n].number);
		print(out, nodes, child);
		return;
	}
	for (; child; child = nodes[child].next) {
		assert_int_equal(nodes[child].parent, n);
		buf_add_c(out, "(");
		print(out, nodes, child);
		buf_add_c(out, ")");
	}
}

static void assert_threads(const struct sent *sent, size_t count,
	bool by_references, const char *expected, const char *why)
{
	struct box b = {.sent = sent, .count = count};
	struct buf out = BUF_UNBOUNDED;
	struct thread_node *nodes;
	struct arena arena;

	assert_ok(thread(&b, by_references, BUDGET, &arena, &nodes));
	print(&out, nodes, 0);
	if (!str_eq_c(buf_str(&out), expected))
		print_error("%s\n", why);
	assert_str(buf_str(&out), expected);
	buf_fini(&out);
	arena_fini(&arena);
}

struct row {
	const char *why, *expected;
	struct sent sent[9];
};

static const struct row by_references[] = {
	{"none", "", {{0}}},
	{"RFC 5256, BASE.7.2.THREAD", "(2)(3 6 (4 23)(44 7 96))",
		{{2, 1, "2", "", "a"}, {3, 2, "3", "", "b"},
			{4, 4, "4", "3 6", "Re: b"}, {6, 3, "6", "3", "Re: b"},
			{7, 6, "7", "44", "Re: b"}, {23, 8, "23", "4", "Re: b"},
			{44, 5, "44", "3 6", "Re: b"},
			{96, 9, "96", "7", "Re: b"}}},
	{"RFC 5256: the parent is not there", "((3)(5))",
		{{3, 1, "3", "p", "a"}, {5, 2, "5", "p", "b"}}},
	{"by date, and in the mailbox's order when it is the same",
		"(3)(1)(2)(4)",
		{{1, 5, "1", "", "a"}, {2, 5, "2", "", "b"},
			{3, 4, "3", "", "c"}, {4, 6, "4", "", "d"}}},
	{"an only child of a dummy takes its place", "(1 2)",
		{{1, 1, "1", "p q", "a"}, {2, 2, "2", "p q 1", "a"}}},
	{"dummies within go, their children stay together", "(1 (2)(3))",
		{{1, 1, "1", "", "a"}, {2, 2, "2", "1 x", "a"},
			{3, 3, "3", "1 y z", "a"}}},
	{"a chain of dummies at the top is one", "((1)(2))",
		{{1, 1, "1", "p q r", "a"}, {2, 2, "2", "p", "b"}}},
	{"a dummy that lost its only child is nobody", "(1 2)",
		{{1, 1, "1", "", "a"}, {2, 2, "2", "x 1", "b"}}},
	{"truncated References do not cut a link that is known", "(1 2 3 4)",
		{{1, 1, "1", "", "a"}, {2, 2, "2", "1", "a"},
			{3, 3, "3", "1 2", "a"}, {4, 4, "4", "1 3", "a"}}},
	{"but the message's own say who its parent is", "(1 2 3)",
		{{1, 1, "1", "", "a"}, {3, 3, "3", "1 2", "a"},
			{2, 2, "2", "1", "a"}}},
	{"what truncated References said of a message gives way to its own",
		"(1 2 3 4)",
		{{1, 1, "1", "", "a"}, {2, 2, "2", "1", "a"},
			{4, 4, "4", "1 3", "a"}, {3, 3, "3", "1 2", "a"}}},
	{"a message without references has no parent, though a later one "
	 "gives it one",
		"(1 2 3)",
		{{1, 1, "1", "", "a"}, {2, 2, "2", "", "b"},
			{3, 3, "3", "1 2", "c"}}},
	{"… but not an earlier one", "(1)(2 3)",
		{{1, 1, "1", "", "a"}, {3, 3, "3", "1 2", "c"},
			{2, 2, "2", "", "b"}}},
	{"a loop of two", "(2 1)",
		{{1, 1, "1", "2", "a"}, {2, 2, "2", "1", "b"}}},
	{"a loop of three", "(3 2 1)",
		{{1, 1, "1", "2", "a"}, {2, 2, "2", "3", "b"},
			{3, 3, "3", "1", "c"}}},
	{"a message that refers to itself", "(1)(2)",
		{{1, 1, "1", "1", "a"}, {2, 2, "2", "1 2", "b"}}},
	{"the same reference twice", "(1 2)",
		{{1, 1, "1", "", "a"}, {2, 2, "2", "1 1", "b"}}},
	{"References that return", "(1 3)(2)",
		{{1, 1, "1", "", "a"}, {2, 2, "2", "", "b"},
			{3, 3, "3", "1 x 1", "c"}}},
	{"an id twice is the first one's", "(1 3)(2)",
		{{1, 1, "1", "", "a"}, {2, 2, "1", "", "b"},
			{3, 3, "3", "1", "c"}}},
	{"… and a reply may be before both", "(2 1)(3)",
		{{1, 4, "1", "2", "a"}, {2, 2, "2", "", "b"},
			{3, 3, "2", "", "c"}}},
	{"… the second one's references are followed", "(1 2)",
		{{1, 1, "1", "", "a"}, {2, 2, "1", "1", "b"}}},
	{"without ids", "(1 3)(2)",
		{{1, 1, "1", "", "a"}, {2, 2, "", "", "b"},
			{3, 3, "", "1", "c"}}},
	{"ids differ in case", "(1)(2)",
		{{1, 1, "a", "", "a"}, {2, 2, "2", "A", "b"}}},
	/* Step 5. */
	{"a reply is below its original", "(1 2)",
		{{1, 1, "1", "", "a"}, {2, 2, "2", "", "Re: a"}}},
	{"… also when it came earlier", "(2 1)",
		{{1, 1, "1", "", "Re: a"}, {2, 2, "2", "", "a"}}},
	{"two replies have one above them that is not there", "((1)(2))",
		{{1, 1, "1", "", "Re: a"}, {2, 2, "2", "", "Re: a"}}},
	{"two that are none too", "((1)(2))",
		{{1, 1, "1", "", "a"}, {2, 2, "2", "", "a"}}},
	{"… and those that follow", "((1)(2)(3)(4))",
		{{1, 1, "1", "", "a"}, {2, 2, "2", "", "a"},
			{3, 3, "3", "", "Re: a"}, {4, 4, "4", "", "a"}}},
	{"replies before a second original are below the first",
		"((1 2)(3)(4))",
		{{1, 1, "1", "", "a"}, {2, 2, "2", "", "Re: a"},
			{3, 3, "3", "", "a"}, {4, 4, "4", "", "Re: a"}}},
	{"no subject is no common one", "(1)(2)",
		{{1, 1, "1", "", ""}, {2, 2, "2", "", ""}}},
	{"two dummies become one", "((1)(2)(3)(4))",
		{{1, 1, "1", "p", "a"}, {2, 2, "2", "p", "b"},
			{3, 3, "3", "q", "a"}, {4, 4, "4", "q", "c"}}},
	{"a message joins a dummy, whose first child has the subject",
		"((1)(2)(3))",
		{{1, 1, "1", "p", "a"}, {2, 2, "2", "p", "b"},
			{3, 3, "3", "", "a"}}},
	{"… not its second", "((1)(2))(3)",
		{{1, 1, "1", "p", "a"}, {2, 2, "2", "p", "b"},
			{3, 3, "3", "", "b"}}},
	{"… also when it came earlier, an original", "((1)(2)(3))",
		{{1, 1, "1", "", "a"}, {2, 2, "2", "p", "a"},
			{3, 3, "3", "p", "b"}}},
	{"only heads of threads are gathered", "(1 2)(3)",
		{{1, 1, "1", "", "a"}, {2, 2, "2", "1", "b"},
			{3, 3, "3", "", "b"}}},
	{"a thread is as old as its head", "(3)(1 2)",
		{{1, 3, "1", "", "a"}, {2, 1, "2", "1", "b"},
			{3, 2, "3", "", "c"}}},
	{"… which may become another", "(2 (3)(1))(4)",
		{{1, 5, "1", "", "Re: a"}, {2, 2, "2", "", "a"},
			{3, 3, "3", "2", "c"}, {4, 4, "4", "", "d"}}},
};

static const struct row by_subject[] = {
	{"none", "", {{0}}},
	{"RFC 5256", "(1)(2 (3)(5)(4))(6 7)",
		{{1, 1, "", "", "a"}, {2, 2, "", "", "b"},
			{3, 3, "", "", "Re: b"}, {4, 5, "", "", "b"},
			{5, 4, "", "", "b"}, {6, 6, "", "", "c"},
			{7, 7, "", "", "c"}}},
	{"the first by date", "(2)(3 1)",
		{{1, 5, "", "", "a"}, {2, 3, "", "", "b"},
			{3, 4, "", "", "Re: a"}}},
	{"no subject is a subject", "(1 2)",
		{{1, 1, "", "", ""}, {2, 2, "", "", "Re: "}}},
};

static size_t count_sent(const struct row *row)
{
	size_t n = 0;

	while (n < COUNT_OF(row->sent) && row->sent[n].uid)
		n++;
	return n;
}

static void test_references(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(by_references); i++)
		assert_threads(by_references[i].sent,
			count_sent(&by_references[i]), true,
			by_references[i].expected, by_references[i].why);
}

static void test_subject(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(by_subject); i++)
		assert_threads(by_subject[i].sent, count_sent(&by_subject[i]),
			false, by_subject[i].expected, by_subject[i].why);
}

/*
 * The same, as RFC 5256 tells it, step by step and in quadratic time.
 */

#define FEW 12
#define IDS 10
#define NAIVE_MAX (2 * FEW + IDS + 2)

struct naive_node {
	const struct sent *message; /* NULL: a dummy */
	const char *id;		    /* NULL: unique */
	struct naive_node *parent;
	struct naive_node *kids[NAIVE_MAX];
	size_t kid_count;
};

struct naive {
	struct naive_node nodes[NAIVE_MAX];
	size_t count;
	struct naive_node root;
};

static void unlink_node(struct naive_node *n)
{
	struct naive_node *p = n->parent;
	size_t at = 0;

	if (!p)
		return;
	while (p->kids[at] != n)
		at++;
	memmove(&p->kids[at], &p->kids[at + 1],
		(--p->kid_count - at) * sizeof p->kids[0]);
	n->parent = NULL;
}

static void hang(struct naive_node *n, struct naive_node *parent)
{
	unlink_node(n);
	n->parent = parent;
	parent->kids[parent->kid_count++] = n;
}

static bool is_descendant(
	const struct naive_node *n, const struct naive_node *of)
{
	while (n && n != of)
		n = n->parent;
	return n;
}

static struct naive_node *find_id(struct naive *v, const char *id)
{
	for (size_t i = 0; i < v->count; i++)
		if (v->nodes[i].id && strcmp(v->nodes[i].id, id) == 0)
			return &v->nodes[i];
	return NULL;
}

static struct naive_node *find_or_make(struct naive *v, const char *id)
{
	struct naive_node *n = find_id(v, id);

	if (!n) {
		n = &v->nodes[v->count++];
		n->id = id;
	}
	return n;
}

/* Ids are single letters here. */
static const char *letter(char c)
{
	static const char letters[][2] = {
		"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};

	return letters[c - 'a'];
}

static void step_1(struct naive *v, struct naive_node *n)
{
	struct naive_node *last = NULL;

	for (const char *r = n->message->references; *r; r++) {
		struct naive_node *c;

		if (*r == ' ')
			continue;
		c = find_or_make(v, letter(*r));
		if (last && !c->parent && !is_descendant(last, c))
			hang(c, last);
		last = c;
	}
	unlink_node(n);
	if (last && !is_descendant(last, n))
		hang(n, last);
}

/* One change; false when there is none to be made. */
static bool step_3(struct naive *v)
{
	for (size_t i = 0; i < v->count; i++) {
		struct naive_node *n = &v->nodes[i];

		if (n->message || !n->parent)
			continue;
		if (n->parent == &v->root && n->kid_count > 1)
			continue;
		while (n->kid_count)
			hang(n->kids[0], n->parent);
		unlink_node(n);
		return true;
	}
	return false;
}

static const struct sent *first_message(const struct naive_node *n)
{
	return n->message ? n->message : n->kids[0]->message;
}

static void sort_kids(struct naive_node *n)
{
	for (size_t i = 1; i < n->kid_count; i++)
		for (size_t j = i; j > 0; j--) {
			const struct sent *a = first_message(n->kids[j - 1]);
			const struct sent *b = first_message(n->kids[j]);
			struct naive_node *kid = n->kids[j];

			if (a->date < b->date ||
				(a->date == b->date && a->uid < b->uid))
				break;
			n->kids[j] = n->kids[j - 1];
			n->kids[j - 1] = kid;
		}
}

static void sort_below(struct naive_node *n)
{
	for (size_t i = 0; i < n->kid_count; i++)
		sort_below(n->kids[i]);
	sort_kids(n);
}

static void step_4(struct naive *v)
{
	for (size_t i = 0; i < v->root.kid_count; i++)
		if (!v->root.kids[i]->message)
			sort_kids(v->root.kids[i]);
	sort_kids(&v->root);
}

struct naive_subject {
	const char *text;
	struct naive_node *node;
};

static struct naive_subject *find_subject(
	struct naive_subject *table, size_t *n, const struct naive_node *thread)
{
	const char *text = subject(first_message(thread));
	size_t i = 0;

	if (!*text)
		return NULL;
	while (i < *n && strcmp(table[i].text, text) != 0)
		i++;
	if (i == *n)
		table[(*n)++] = (struct naive_subject){text, NULL};
	return &table[i];
}

static void step_5(struct naive *v)
{
	struct naive_subject table[NAIVE_MAX], *s;
	struct naive_node *roots[NAIVE_MAX];
	size_t n = 0, count = v->root.kid_count;

	memcpy(roots, v->root.kids, sizeof roots);
	for (size_t i = 0; i < count; i++) {
		struct naive_node *now = roots[i];

		s = find_subject(table, &n, now);
		if (!s)
			continue;
		if (!s->node)
			s->node = now;
		else if (s->node->message &&
			 (!now->message || (is_reply(s->node->message) &&
						   !is_reply(now->message))))
			s->node = now;
	}
	for (size_t i = 0; i < count; i++) {
		struct naive_node *now = roots[i], *dummy;

		s = find_subject(table, &n, now);
		if (!s || s->node == now || now->parent != &v->root)
			continue;
		if (!s->node->message && !now->message) {
			while (now->kid_count)
				hang(now->kids[0], s->node);
			unlink_node(now);
		} else if (!s->node->message) {
			hang(now, s->node);
		} else if (is_reply(now->message) &&
			   !is_reply(s->node->message)) {
			hang(now, s->node);
		} else {
			dummy = &v->nodes[v->count++];
			hang(dummy, &v->root);
			hang(s->node, dummy);
			hang(now, dummy);
			s->node = dummy;
		}
	}
}

static void naive_print(struct buf *out, const struct naive_node *n)
{
	if (n->message)
		buf_addf(out, "%u", n->message->uid);
	if (n->message && n->kid_count)
		buf_add_c(out, " ");
	for (size_t i = 0; i < n->kid_count; i++) {
		bool list = n->kid_count > 1 || !n->parent;

		if (list)
			buf_add_c(out, "(");
		naive_print(out, n->kids[i]);
		if (list)
			buf_add_c(out, ")");
	}
}

static void naive_thread(struct buf *out, const struct sent *sent, size_t count)
{
	struct naive v;

	memset(&v, 0, sizeof v);
	for (size_t i = 0; i < count; i++) {
		struct naive_node *n = &v.nodes[v.count];

		n->message = &sent[i];
		if (*sent[i].id && !find_id(&v, sent[i].id))
			n->id = sent[i].id;
		v.count++;
	}
	for (size_t i = 0; i < count; i++)
		step_1(&v, &v.nodes[i]);
	for (size_t i = 0; i < v.count; i++)
		if (!v.nodes[i].parent)
			hang(&v.nodes[i], &v.root);
	while (step_3(&v))
		;
	step_4(&v);
	step_5(&v);
	sort_below(&v.root);
	naive_print(out, &v.root);
}

static uint64_t state;

static unsigned draw(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

static void make_sent(struct sent *m, uid_num uid, char *references)
{
	static const char *const subjects[] = {
		"", "x", "Re: x", "y", "Re: y", "Re: ", "z", "v", "w", "u"};
	unsigned n = draw(4);
	char *at = references;

	for (unsigned i = 0; i < n; i++) {
		if (i)
			*at++ = ' ';
		*at++ = (char)('a' + draw(IDS));
	}
	*at = '\0';
	m->uid = uid;
	m->date = draw(8);
	m->id = draw(8) ? letter((char)('a' + draw(IDS))) : "";
	m->references = references;
	m->subject = subjects[draw(draw(2) ? 5 : COUNT_OF(subjects))];
}

static void test_as_the_rfc_tells_it(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 20000; seed++) {
		struct sent sent[FEW];
		char references[FEW][16];
		struct buf expected = BUF_UNBOUNDED;
		char why[64];
		unsigned n;

		state = seed;
		n = 1 + draw(FEW);
		for (unsigned i = 0; i < n; i++)
			make_sent(&sent[i], i + 1, references[i]);
		naive_thread(&expected, sent, n);
		buf_add_byte(&expected, '\0');
		snprintf(
			why, sizeof why, "seed %llu", (unsigned long long)seed);
		assert_threads(sent, n, true, buf_str(&expected).p, why);
		buf_fini(&expected);
	}
}

/*
 * Written to take long, or much.
 */

#define MANY 100000

static struct thread_node *thread_many(struct arena *arena, size_t count,
	struct sent (*make)(size_t, char *, size_t))
{
	struct box b = {.count = count, .make = make};
	struct thread_node *nodes;

	assert_ok(thread(&b, true, BUDGET, arena, &nodes));
	return nodes;
}

static size_t depth_of(const struct thread_node *nodes)
{
	size_t depth = 0;

	for (uint32_t n = nodes[0].first; n; n = nodes[n].first)
		depth++;
	return depth;
}

static size_t count_children(const struct thread_node *nodes, uint32_t parent)
{
	size_t count = 0;

	for (uint32_t n = nodes[parent].first; n; n = nodes[n].next)
		count++;
	return count;
}

static struct sent make_chain(size_t i, char *text, size_t room)
{
	int n = snprintf(text, room, "%zu", i);

	snprintf(text + n + 1, room - (size_t)n - 1, "%zu", i - 1);
	return (struct sent){
		(uid_num)i + 1, (int64_t)i, text, i ? text + n + 1 : "", "a"};
}

static struct sent make_chain_backwards(size_t i, char *text, size_t room)
{
	struct sent m = make_chain(MANY - 1 - i, text, room);

	m.uid = (uid_num)i + 1;
	return m;
}

/* Each has a reply when its own parent is made known. */
static struct sent make_pairs(size_t i, char *text, size_t room)
{
	size_t at = i / 2;
	int n = snprintf(text, room, i % 2 ? "%zu" : "r%zu", at);

	snprintf(
		text + n + 1, room - (size_t)n - 1, "%zu", i % 2 ? at - 1 : at);
	return (struct sent){(uid_num)i + 1, (int64_t)i, text,
		i == 1 ? "" : text + n + 1, "a"};
}

static struct sent make_same_subject(size_t i, char *text, size_t room)
{
	snprintf(text, room, "%zu", i);
	return (struct sent){(uid_num)i + 1, 0, text, "", "a"};
}

static struct sent make_same_id(size_t i, char *text, size_t room)
{
	(void)text;
	(void)room;
	return (struct sent){(uid_num)i + 1, 0, "x", "x", ""};
}

static void test_many(void **unused)
{
	struct thread_node *nodes;
	struct arena arena;

	(void)unused;
	nodes = thread_many(&arena, MANY, make_chain);
	assert_int_equal(depth_of(nodes), MANY);
	arena_fini(&arena);
	nodes = thread_many(&arena, MANY, make_chain_backwards);
	assert_int_equal(depth_of(nodes), MANY);
	assert_int_equal(nodes[nodes[0].first].number, MANY);
	arena_fini(&arena);
	nodes = thread_many(&arena, MANY, make_pairs);
	assert_int_equal(count_children(nodes, 0), 1);
	arena_fini(&arena);
	nodes = thread_many(&arena, MANY, make_same_subject);
	assert_int_equal(count_children(nodes, 0), 1);
	assert_int_equal(count_children(nodes, nodes[0].first), MANY);
	arena_fini(&arena);
	nodes = thread_many(&arena, MANY, make_same_id);
	assert_int_equal(count_children(nodes, 0), 1);
	assert_int_equal(count_children(nodes, nodes[0].first), MANY - 1);
	arena_fini(&arena);
}

/* Two messages; the first has 60,000 references, of which the second has the
 * one that is the oldest or the last but THREAD_REFERENCES_MAX. */
static struct sent make_references(char *text, size_t room, size_t last)
{
	size_t n = 0;

	for (size_t i = last; i > 0; i--)
		n += (size_t)snprintf(text + n, room - n, "%zu ", i);
	text[n - 1] = '\0';
	return (struct sent){1, 1, "x", text, "a"};
}

static struct sent make_huge(size_t i, char *text, size_t room)
{
	return i ? (struct sent){2, 2, "60000", "", "b"}
		 : make_references(text, room, 60000);
}

static struct sent make_just_so_many(size_t i, char *text, size_t room)
{
	return i ? (struct sent){2, 2, "1000", "", "b"}
		 : make_references(text, room, THREAD_REFERENCES_MAX);
}

static struct sent make_long_ids(size_t i, char *text, size_t room)
{
	size_t n = i / 2 ? THREAD_ID_MAX + 1 : THREAD_ID_MAX;

	(void)room;
	memset(text, i / 2 ? 'y' : 'x', n);
	text[n] = '\0';
	return (struct sent){(uid_num)i + 1, (int64_t)i, i % 2 ? "" : text,
		i % 2 ? text : "", ""};
}

/* Distinct ids, a thousand a message, each as long as may be. */
static struct sent make_too_much(size_t i, char *text, size_t room)
{
	size_t n = 0;

	for (size_t j = 0; j < 500; j++)
		n += (size_t)snprintf(
			text + n, room - n, "%0900zu ", i * 500 + j);
	text[n - 1] = '\0';
	return (struct sent){(uid_num)i + 1, 0, "", text, "a"};
}

static void test_much(void **unused)
{
	struct box b = {.count = 100, .make = make_too_much};
	struct thread_node *nodes;
	struct arena arena;

	(void)unused;
	nodes = thread_many(&arena, 2, make_huge);
	assert_int_equal(count_children(nodes, 0), 2);
	assert_true(arena.used < 1 << 20);
	arena_fini(&arena);
	nodes = thread_many(&arena, 2, make_just_so_many);
	assert_int_equal(count_children(nodes, 0), 1);
	arena_fini(&arena);
	nodes = thread_many(&arena, 4, make_long_ids);
	assert_int_equal(count_children(nodes, 0), 3);
	assert_int_equal(count_children(nodes, nodes[0].first), 1);
	arena_fini(&arena);
	assert_int_equal(thread(&b, true, BUDGET, &arena, &nodes), ERR_LIMIT);
	assert_true(arena.used < BUDGET + 100 * THREAD_MEMORY_EACH + 65536);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_subject),
		cmocka_unit_test(test_as_the_rfc_tells_it),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
