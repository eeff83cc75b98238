/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "message/search_tree.h"

static void test_rows(void **unused)
{
	size_t named = 0;

	(void)unused;
	for (size_t i = 0; i < SEARCH_KEY_COUNT; i++) {
		const struct search_row *row = search_row((enum search_key)i);
		enum search_key key;

		if (!row->name)
			continue;
		named++;
		assert_ptr_equal(search_row_find(str_c(row->name), &key), row);
		assert_int_equal(key, i);
	}
	/* RFC 3501: 35 names; RFC 7162: MODSEQ; RFC 8514: 4; RFC 5032: 2;
	 * RFC 8474: 2; RFC 9738: 2; RFC 5466: FILTER. */
	assert_int_equal(named, 47);
	enum search_key key;
	assert_ptr_equal(search_row_find(STR("unSEEN"), &key),
		search_row(SEARCH_UNSEEN));
	assert_null(search_row_find(STR("SEE"), &key));
	assert_null(search_row_find(STR(""), &key));
}

/* What each key means, in the columns that search executes. */
static void test_columns(void **unused)
{
	(void)unused;
	assert_int_equal(search_row(SEARCH_UNDRAFT)->clear, FLAG_DRAFT);
	assert_int_equal(search_row(SEARCH_NEW)->recent, 1);
	assert_int_equal(search_row(SEARCH_NEW)->clear, FLAG_SEEN);
	assert_int_equal(search_row(SEARCH_OLD)->recent, -1);
	assert_int_equal(search_row(SEARCH_BEFORE)->order, -1);
	assert_int_equal(search_row(SEARCH_SENTSINCE)->order, 2);
	assert_int_equal(search_row(SEARCH_SENTSINCE)->on, SEARCH_ON_SENT);
	assert_string_equal(search_row(SEARCH_BCC)->field, "Bcc");
	assert_null(search_row(SEARCH_HEADER)->field);
}

static struct search_node *add(
	struct arena *arena, struct search_node *parent, enum search_key key)
{
	struct search_node *node = search_node_new(arena, key);
	struct search_node **tail = &parent->first;

	while (*tail)
		tail = &(*tail)->next;
	*tail = node;
	return node;
}

static void test_print(void **unused)
{
	struct arena arena;
	struct buf out = BUF_UNBOUNDED;
	struct seqrange ranges[] = {{1, 3}, {7, SEQSET_STAR}};

	(void)unused;
	arena_init(&arena, 1 << 16);
	struct search_node *root = search_node_new(&arena, SEARCH_AND);
	add(&arena, root, SEARCH_SEQUENCE)->set =
		(struct seqset){ranges, 2, false};
	add(&arena, root, SEARCH_UID)->set = (struct seqset){.saved = true};
	add(&arena, root, SEARCH_UNSEEN);
	add(&arena, root, SEARCH_KEYWORD)->keyword = STR("$Junk");
	add(&arena, root, SEARCH_SINCE)->day = 8797;
	add(&arena, root, SEARCH_FILTER)->text = STR("on-the-road");
	add(&arena, root, SEARCH_LARGER)->number = UINT64_C(1) << 40;
	add(&arena, root, SEARCH_SUBJECT)->text = STR("a \"b\\");
	struct search_node *header = add(&arena, root, SEARCH_HEADER);
	header->header.name = STR("List-Id");
	header->header.text = STR("");
	struct search_node * or = add(&arena, root, SEARCH_OR);
	add(&arena, add(&arena, or, SEARCH_NOT), SEARCH_ALL);
	struct search_node *and = add(&arena, or, SEARCH_AND);
	add(&arena, and, SEARCH_NEW);
	add(&arena, and, SEARCH_OLD);
	assert_true(search_tree_is_ascii(root));
	search_tree_print(&out, root);
	assert_str(buf_str(&out),
		"1:3,7:* UID $ UNSEEN KEYWORD $Junk SINCE 1-Feb-1994 "
		"FILTER on-the-road LARGER 1099511627776 SUBJECT \"a "
		"\\\"b\\\\\" "
		"HEADER \"List-Id\" \"\" OR NOT ALL (NEW OLD)");
	buf_reset(&out);
	add(&arena, and, SEARCH_BODY)->text = STR("é");
	assert_false(search_tree_is_ascii(root));
	search_tree_print(&out, and);
	assert_str(buf_str(&out), "NEW OLD BODY {2}\r\né");
	buf_fini(&out);
	arena_fini(&arena);
}

/* The original goes; under sanitizers, what the copy still has of it shows. */
static void test_copy(void **unused)
{
	static const char *const words[] = {"subject", "List-Id", "list", "kw",
		"M1", "/flags/\\\\draft", "all"};
	str own[COUNT_OF(words)];
	struct arena first, second;
	struct uidset uids = UIDSET_EMPTY;
	struct buf before = BUF_UNBOUNDED, after = BUF_UNBOUNDED;
	struct search_node *root, *copy, *node;

	(void)unused;
	arena_init(&first, 1 << 16);
	arena_init(&second, 1 << 16);
	uidset_add_range(&uids, 3, 5);
	for (size_t i = 0; i < COUNT_OF(words); i++)
		own[i] = arena_str(&first, str_c(words[i]));
	root = search_node_new(&first, SEARCH_AND);
	add(&first, root, SEARCH_SUBJECT)->text = own[0];
	node = add(&first, root, SEARCH_HEADER);
	node->header.name = own[1];
	node->header.text = own[2];
	node = add(&first, root, SEARCH_OR);
	add(&first, node, SEARCH_KEYWORD)->keyword = own[3];
	add(&first, node, SEARCH_EMAILID)->text = own[4];
	node = add(&first, root, SEARCH_NOT);
	node = add(&first, node, SEARCH_AND);
	node = add(&first, node, SEARCH_MODSEQ);
	node->modseq.entry = own[5];
	node->modseq.type = own[6];
	node->modseq.number = 7;
	node = add(&first, root, SEARCH_UID);
	node->set.ranges = ARENA_ARRAY(&first, struct seqrange, 1);
	node->set.ranges[0] = (struct seqrange){9, SEQSET_STAR};
	node->set.count = 1;
	add(&first, root, SEARCH_UIDS)->uids = &uids;
	search_tree_print(&before, root);
	copy = search_tree_copy(&second, root);
	arena_fini(&first);
	search_tree_print(&after, copy);
	assert_str(buf_str(&after),
		"SUBJECT \"subject\" HEADER \"List-Id\" \"list\" OR KEYWORD "
		"kw EMAILID M1 NOT (MODSEQ \"/flags/\\\\\\\\draft\" all 7) UID "
		"9:* UID 3:5");
	assert_true(str_eq(buf_str(&before), buf_str(&after)));
	arena_fini(&second);
	uidset_fini(&uids);
	buf_fini(&before);
	buf_fini(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
