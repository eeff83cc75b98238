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
	 * RFC 8474: 2; RFC 9738: 2. */
	assert_int_equal(named, 46);
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
		"LARGER 1099511627776 SUBJECT \"a \\\"b\\\\\" "
		"HEADER \"List-Id\" \"\" OR NOT ALL (NEW OLD)");
	buf_reset(&out);
	add(&arena, and, SEARCH_BODY)->text = STR("é");
	assert_false(search_tree_is_ascii(root));
	search_tree_print(&out, and);
	assert_str(buf_str(&out), "NEW OLD BODY {2}\r\né");
	buf_fini(&out);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
