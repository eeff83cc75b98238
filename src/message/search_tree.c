/* SPDX-License-Identifier: Apache-2.0 */
#include "message/search_tree.h"

#include "message/date.h"
#include "message/utf8.h"

static const struct search_row rows[SEARCH_KEY_COUNT] = {
#define X(name, key, arg, on, set, clear, recent, order, field)                \
	[SEARCH_##key] = {name, SEARCH_ARG_##arg, SEARCH_ON_##on, set, clear,  \
		recent, order, field},
	SEARCH_TABLE(X)
#undef X
};

const struct search_row *search_row(enum search_key key)
{
	return &rows[key];
}

const struct search_row *search_row_find(str name, enum search_key *key_r)
{
	for (size_t i = 0; i < SEARCH_KEY_COUNT; i++) {
		if (!rows[i].name || !str_ieq_c(name, rows[i].name))
			continue;
		*key_r = (enum search_key)i;
		return &rows[i];
	}
	return NULL;
}

struct search_node *search_node_new(struct arena *arena, enum search_key key)
{
	struct search_node *node = ARENA_NEW(arena, struct search_node);

	node->key = key;
	return node;
}

static str copy_str(struct arena *arena, str s)
{
	return str_is_none(s) ? s : arena_str(arena, s);
}

static void copy_set(struct arena *arena, struct seqset *set)
{
	struct seqrange *ranges =
		ARENA_ARRAY(arena, struct seqrange, set->count);

	if (set->count && !arena_spent(arena))
		memcpy(ranges, set->ranges, set->count * sizeof *ranges);
	set->ranges = ranges;
}

/* Strings and sets of one node; its children are the original's. */
static void copy_argument(struct arena *arena, struct search_node *node)
{
	switch (rows[node->key].arg) {
	case SEARCH_ARG_TEXT:
	case SEARCH_ARG_OBJECT:
	case SEARCH_ARG_FILTER:
		node->text = copy_str(arena, node->text);
		break;
	case SEARCH_ARG_HEADER:
		node->header.name = copy_str(arena, node->header.name);
		node->header.text = copy_str(arena, node->header.text);
		break;
	case SEARCH_ARG_KEYWORD:
		node->keyword = copy_str(arena, node->keyword);
		break;
	case SEARCH_ARG_MODSEQ:
		node->modseq.entry = copy_str(arena, node->modseq.entry);
		node->modseq.type = copy_str(arena, node->modseq.type);
		break;
	case SEARCH_ARG_SET:
		copy_set(arena, &node->set);
		break;
	default:
		break;
	}
}

struct search_node *search_tree_copy(
	struct arena *arena, const struct search_node *node)
{
	struct search_node *copy = search_node_new(arena, node->key);
	const struct search_node *child = node->first;
	struct search_node **end = &copy->first;

	*copy = *node;
	copy->next = NULL;
	if (rows[node->key].arg != SEARCH_ARG_KEYS) {
		copy_argument(arena, copy);
		return copy;
	}
	copy->first = NULL;
	for (; child && !arena_spent(arena); child = child->next) {
		*end = search_tree_copy(arena, child);
		end = &(*end)->next;
	}
	return copy;
}

/* ---- printing ---- */

/* Can it be a quoted string for both dialects? */
static bool is_quotable(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80 || s.p[i] == '\r' ||
			s.p[i] == '\n' || s.p[i] == '\0')
			return false;
	return true;
}

static void print_string(struct buf *out, str s)
{
	if (!is_quotable(s)) {
		buf_addf(out, "{%zu}\r\n", s.n);
		buf_add(out, s);
		return;
	}
	buf_add_byte(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, s.p[i]);
	}
	buf_add_byte(out, '"');
}

static void print_key(struct buf *out, const struct search_node *node);

static void print_keys(struct buf *out, const struct search_node *first)
{
	for (const struct search_node *n = first; n; n = n->next) {
		if (n != first)
			buf_add_byte(out, ' ');
		print_key(out, n);
	}
}

static void print_argument(struct buf *out, const struct search_node *node)
{
	switch (rows[node->key].arg) {
	case SEARCH_ARG_NONE:
		break;
	case SEARCH_ARG_TEXT:
		print_string(out, node->text);
		break;
	case SEARCH_ARG_HEADER:
		print_string(out, node->header.name);
		buf_add_byte(out, ' ');
		print_string(out, node->header.text);
		break;
	case SEARCH_ARG_KEYWORD:
		buf_add(out, node->keyword);
		break;
	case SEARCH_ARG_DATE:
		date_print_imap_day(out, node->day);
		break;
	case SEARCH_ARG_OBJECT:
	case SEARCH_ARG_FILTER:
		buf_add(out, node->text);
		break;
	case SEARCH_ARG_NZ:
	case SEARCH_ARG_NUMBER:
		buf_add_u64(out, node->number);
		break;
	case SEARCH_ARG_MODSEQ:
		if (!str_is_none(node->modseq.entry)) {
			print_string(out, node->modseq.entry);
			buf_addf(out, " %.*s ", STR_ARG(node->modseq.type));
		}
		buf_add_u64(out, node->modseq.number);
		break;
	case SEARCH_ARG_SET:
		seqset_print(out, &node->set);
		break;
	case SEARCH_ARG_UIDS:
		buf_add_c(out, "UID ");
		uidset_print(node->uids, out);
		break;
	case SEARCH_ARG_KEYS:
		print_keys(out, node->first);
		break;
	}
}

static void print_key(struct buf *out, const struct search_node *node)
{
	const struct search_row *row = &rows[node->key];

	if (row->name)
		buf_add_c(out, row->name);
	if (row->name && row->arg != SEARCH_ARG_NONE)
		buf_add_byte(out, ' ');
	if (node->key == SEARCH_AND)
		buf_add_byte(out, '(');
	print_argument(out, node);
	if (node->key == SEARCH_AND)
		buf_add_byte(out, ')');
}

void search_tree_print(struct buf *out, const struct search_node *node)
{
	if (node->key == SEARCH_AND)
		print_keys(out, node->first);
	else
		print_key(out, node);
}

bool search_tree_is_ascii(const struct search_node *node)
{
	const struct search_row *row = &rows[node->key];

	if (row->arg == SEARCH_ARG_TEXT)
		return utf8_is_ascii(node->text);
	if (row->arg == SEARCH_ARG_HEADER)
		return utf8_is_ascii(node->header.name) &&
		       utf8_is_ascii(node->header.text);
	if (row->arg != SEARCH_ARG_KEYS)
		return true;
	for (const struct search_node *n = node->first; n; n = n->next)
		if (!search_tree_is_ascii(n))
			return false;
	return true;
}

bool search_tree_asks(const struct search_node *node, enum search_on on)
{
	const struct search_row *row = &rows[node->key];

	if (row->on == on)
		return true;
	if (row->arg != SEARCH_ARG_KEYS)
		return false;
	for (const struct search_node *n = node->first; n; n = n->next)
		if (search_tree_asks(n, on))
			return true;
	return false;
}
