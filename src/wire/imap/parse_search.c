/* SPDX-License-Identifier: Apache-2.0 */
/* SEARCH (RFC 9051 section 6.4.4, RFC 3501, RFC 4731, RFC 5182), and what is
 * made of it: SORT and THREAD (RFC 5256, RFC 5267 section 3). */
#include "message/charset.h"
#include "message/utf8.h"
#include "wire/imap/parse.h"
#include "wire/imap/parser.h"

/* Strings in a command without CHARSET are US-ASCII in IMAP4rev1 and UTF-8 in
 * IMAP4rev2. 8-bit bytes before ENABLE are read as what they look like. For
 * imaplib, whose users seldom say CHARSET. */
static void tolerate_unlabelled(struct buf *utf8, str s)
{
	charset_add_unlabelled(utf8, s);
}

/* A search string, as UTF-8. */
static str to_utf8(struct imap_parser *p, str s)
{
	struct buf utf8;
	enum err e = OK;

	if (str_is_none(p->charset) && utf8_is_ascii(s))
		return s;
	buf_init(&utf8, s.n * 4 + 16);
	if (str_is_none(p->charset))
		tolerate_unlabelled(&utf8, s);
	else
		e = charset_add_utf8(&utf8, p->charset, s);
	if (!e)
		e = buf_err(&utf8);
	if (e)
		cursor_fail(&p->c, e, "a string in that charset");
	else
		s = arena_str(p->arena, buf_str(&utf8));
	buf_fini(&utf8);
	/* UTF-16 and its like can spell it. */
	if (s.n && memchr(s.p, '\0', s.n))
		imap_expected(p, "a string without NUL");
	return s;
}

static str search_string(struct imap_parser *p)
{
	str s = imap_astring(p, "a string");

	return imap_ok(p) ? to_utf8(p, s) : s;
}

/* flag-keyword, as "KEYWORD" has it */
static str keyword(struct imap_parser *p)
{
	struct cursor before = p->c;
	str s = imap_atom(p, "a keyword");

	if (cursor_ok(&p->c) && !flags_keyword_is_valid(s)) {
		p->c = before;
		imap_expected(p, "a keyword");
	}
	return s;
}

static struct search_node *search_key(struct imap_parser *p);

/* "NOT" SP search-key / "OR" SP search-key SP search-key */
static struct search_node *operands(struct imap_parser *p, enum search_key key)
{
	struct search_node *first = search_key(p);

	if (key == SEARCH_OR) {
		imap_sp(p);
		first->next = search_key(p);
	}
	return first;
}

/* entry-name = DQUOTE "/flags/" attr-flag DQUOTE
 * entry-type-req = "priv" / "shared" / "all"
 * search-modseq-ext, RFC 7162 section 7, without "MODSEQ" SP */
static void search_modseq(struct imap_parser *p, struct search_node *node)
{
	static const struct imap_name types[] = {{STR_LIT("priv"), 1},
		{STR_LIT("shared"), 2}, {STR_LIT("all"), 4}, {{NULL, 0}, 0}};

	node->modseq.entry = node->modseq.type = str_none();
	if (cursor_peek(&p->c) == '"') {
		node->modseq.entry = imap_string(p, "the name of an entry");
		if (!utf8_is_ascii(node->modseq.entry))
			imap_expected(p, "the name of a flag");
		imap_sp(p);
		node->modseq.type = imap_bit_name(
			types, imap_one_of(p, types, "priv, shared or all"));
		imap_sp(p);
	}
	node->modseq.number = imap_number64(p);
}

/* objectid = 1*255(ALPHA / DIGIT / "_" / "-") */
static str objectid(struct imap_parser *p)
{
	struct cursor before = p->c;
	str id = imap_atom(p, "an object's identifier");
	bool good = id.n <= 255;

	for (size_t i = 0; good && i < id.n; i++)
		good = ascii_is_alpha(id.p[i]) || ascii_is_digit(id.p[i]) ||
		       id.p[i] == '_' || id.p[i] == '-';
	if (cursor_ok(&p->c) && !good) {
		p->c = before;
		imap_expected(p, "an object's identifier");
	}
	return id;
}

/* filter-name = 1*<any ATOM-CHAR except "/"> (RFC 5466) */
static str filter_name(struct imap_parser *p)
{
	struct cursor before = p->c;
	str name = imap_atom(p, "the name of a filter");

	if (cursor_ok(&p->c) && !imap_is_filter_name(name)) {
		p->c = before;
		imap_expected(p, "the name of a filter");
	}
	return name;
}

static void argument(
	struct imap_parser *p, enum search_arg arg, struct search_node *node)
{
	if (arg != SEARCH_ARG_NONE)
		imap_sp(p);
	switch (arg) {
	case SEARCH_ARG_NONE:
	case SEARCH_ARG_UIDS:
		break;
	case SEARCH_ARG_TEXT:
		node->text = search_string(p);
		break;
	case SEARCH_ARG_HEADER:
		node->header.name =
			imap_astring(p, "the name of a header field");
		imap_sp(p);
		node->header.text = search_string(p);
		break;
	case SEARCH_ARG_KEYWORD:
		node->keyword = keyword(p);
		break;
	case SEARCH_ARG_DATE:
		node->day = imap_date(p);
		break;
	case SEARCH_ARG_NUMBER:
		node->number = imap_number64(p);
		break;
	case SEARCH_ARG_NZ:
		node->number = imap_nz_number(p);
		break;
	case SEARCH_ARG_OBJECT:
		node->text = objectid(p);
		break;
	case SEARCH_ARG_FILTER:
		node->text = filter_name(p);
		break;
	case SEARCH_ARG_MODSEQ:
		search_modseq(p, node);
		break;
	case SEARCH_ARG_SET:
		node->set = imap_sequence_set(p);
		break;
	case SEARCH_ARG_KEYS:
		node->first = operands(p, node->key);
		break;
	}
}

/* "(" search-key *(SP search-key) ")" */
static struct search_node *group(struct imap_parser *p)
{
	struct search_node *and = search_node_new(p->arena, SEARCH_AND);
	struct search_node **end = &and->first;

	imap_open(p);
	do {
		*end = search_key(p);
		end = &(*end)->next;
	} while (imap_next_item(p));
	return and;
}

static struct search_node *named_key(struct imap_parser *p)
{
	enum search_key key = SEARCH_ALL;
	struct cursor before = p->c;
	str name = imap_atom(p, "a search key");
	const struct search_row *row = search_row_find(name, &key);
	struct search_node *node = search_node_new(p->arena, key);

	if (!row && cursor_ok(&p->c)) {
		p->c = before;
		imap_expected(p, "a search key");
	}
	if (row)
		argument(p, row->arg, node);
	return node;
}

static bool begins_set(int c)
{
	return (c >= '0' && c <= '9') || c == '*' || c == '$';
}

/* search-key = "ALL" / ... / sequence-set /
 *              "(" search-key *(SP search-key) ")" */
static struct search_node *search_key(struct imap_parser *p)
{
	int next = cursor_peek(&p->c);
	struct search_node *node;

	if (++p->keys > SEARCH_KEYS_MAX)
		cursor_fail(&p->c, ERR_LIMIT, "fewer search keys");
	if (!imap_enter(p, SEARCH_DEPTH_MAX))
		return search_node_new(p->arena, SEARCH_ALL);
	if (next == '(') {
		node = group(p);
	} else if (begins_set(next)) {
		node = search_node_new(p->arena, SEARCH_SEQUENCE);
		node->set = imap_sequence_set(p);
	} else {
		node = named_key(p);
	}
	imap_leave(p);
	return node;
}

/* modifier-update = "UPDATE" ["(" fetch-att *(SP fetch-att) ")"]
 * RFC 5465 section 8, whose section 7 has a space before the list. */
static void update_atts(struct imap_parser *p, struct imap_search *s)
{
	if (!cursor_accept_istr(&p->c, STR(" (")) && !cursor_accept(&p->c, '('))
		return;
	s->update = ARENA_NEW(p->arena, struct imap_fetch);
	imap_fetch_att_list(p, s->update);
}

/* search-return-opt = "MIN" / "MAX" / "ALL" / "COUNT" / "SAVE" /
 *                     "PARTIAL" SP partial-range / "CONTEXT" /
 *                     modifier-update
 * One PARTIAL or ALL at most (RFC 9394 section 3.1). */
static void search_return_opt(struct imap_parser *p, struct imap_search *s)
{
	const unsigned lists = IMAP_SEARCH_ALL | IMAP_SEARCH_PARTIAL;
	unsigned before = s->returns & lists;
	unsigned bit = imap_one_of(
		p, imap_search_return_names, "a SEARCH return option");

	if (bit == IMAP_SEARCH_PARTIAL) {
		imap_sp(p);
		s->partial = imap_partial_range(p);
	}
	if (bit == IMAP_SEARCH_UPDATE)
		update_atts(p, s);
	if (imap_ok(p) && bit & lists && (before | bit) & IMAP_SEARCH_PARTIAL &&
		before)
		imap_expected(p, "one PARTIAL or ALL");
	s->returns |= bit;
}

/* search-return-opts = SP "RETURN" SP "(" [search-return-opt
 *                      *(SP search-return-opt)] ")" */
static void search_return_opts(struct imap_parser *p, struct imap_search *s)
{
	s->extended = true;
	imap_sp(p);
	if (imap_open_some(p))
		do
			search_return_opt(p, s);
		while (imap_next_item(p));
	if (s->returns == 0)
		s->returns = IMAP_SEARCH_ALL;
	imap_sp(p);
}

/* charset = atom / quoted; RFC 3501 has astring. */
static void charset(struct imap_parser *p, struct imap_search *s)
{
	struct cursor before;

	imap_sp(p);
	before = p->c;
	s->charset = p->charset = imap_astring(p, "a charset");
	if (cursor_ok(&p->c) && !charset_is_known(s->charset)) {
		p->c = before;
		cursor_fail(&p->c, ERR_CHARSET, "a charset that is known");
	}
	imap_sp(p);
}

/* search-key *(SP search-key) */
static void search_keys(struct imap_parser *p, struct imap_search *search)
{
	struct search_node **end;

	search->where = search_node_new(p->arena, SEARCH_AND);
	end = &search->where->first;
	do {
		*end = search_key(p);
		end = &(*end)->next;
	} while (imap_ok(p) && imap_accept_sp(p));
}

bool imap_is_filter_name(str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!imap_is_atom_char(name.p[i]) || name.p[i] == '/')
			return false;
	return name.n > 0;
}

/* search-criteria = search-key *(SP search-key), of RFC 5466 */
enum err imap_parse_filter(struct arena *arena, str text, unsigned depth,
	unsigned *keys, struct search_node **where_r)
{
	struct imap_parser p = imap_parser_of(arena, text, true);
	struct imap_search search = {.extended = false};

	if (!utf8_is_valid(text))
		return ERR_INVALID;
	p.charset = STR("UTF-8");
	p.depth = depth;
	p.keys = *keys;
	search_keys(&p, &search);
	if (imap_ok(&p) && !cursor_done(&p.c))
		imap_expected(&p, "the end of the search criteria");
	*keys = p.keys;
	*where_r = search.where;
	return p.c.err;
}

/* search-program = ["CHARSET" SP charset SP] search-key *(SP search-key) */
static void search_program(struct imap_parser *p, struct imap_search *search)
{
	if (imap_accept_word(p, STR("RETURN")))
		search_return_opts(p, search);
	if (imap_accept_word(p, STR("CHARSET"))) {
		/* RFC 6855 section 3: "due to the conflicting charset labels"
		 */
		if (p->utf8_alone)
			imap_expected(p, "no CHARSET with UTF8=ACCEPT");
		charset(p, search);
	}
	search_keys(p, search);
}

/* search = "SEARCH" [search-return-opts] SP search-program */
void imap_parse_search(struct imap_parser *p, struct imap_command *cmd)
{
	p->utf8_quoted = true;
	imap_sp(p);
	search_program(p, &cmd->search);
}

/* scope-options: there are none that are known. */
static void scope_options(struct imap_parser *p)
{
	struct cursor before = p->c;

	if (!imap_accept_sp(p))
		return;
	imap_params(p);
	if (imap_ok(p)) {
		p->c = before;
		imap_expected(p, "no scope options");
	}
}

/* esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"
 * source-mbox = filter-mailboxes *(SP filter-mailboxes)
 * with the space behind it */
static void source_opts(struct imap_parser *p, struct imap_search *search)
{
	struct imap_notify_group **end = &search->sources;

	imap_sp(p);
	imap_open(p);
	do {
		*end = ARENA_NEW(p->arena, struct imap_notify_group);
		imap_filter_mailboxes(
			p, *end, (unsigned)IMAP_NOTIFY_SELECTED_DELAYED);
		end = &(*end)->next;
		if (!imap_ok(p) || cursor_peek(&p->c) != ' ')
			break;
		if (str_starts(
			    str_of(p->c.at, cursor_left(&p->c)), STR(" ("))) {
			scope_options(p);
			break;
		}
	} while (imap_accept_sp(p));
	cursor_expect(&p->c, ')', "\")\"");
	imap_sp(p);
}

/* esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP
 *           search-program */
void imap_parse_esearch(struct imap_parser *p, struct imap_command *cmd)
{
	struct imap_search *search = &cmd->search;

	/* Answers have UIDs in any case (RFC 7377 section 2.1). */
	cmd->uid = true;
	p->utf8_quoted = true;
	imap_sp(p);
	if (imap_accept_word(p, STR("IN")))
		source_opts(p, search);
	search_program(p, search);
}

/* cancelupdate = "CANCELUPDATE" 1*(SP quoted) */
void imap_parse_cancelupdate(struct imap_parser *p, struct imap_command *cmd)
{
	struct imap_atom **end = &cmd->cancel;

	imap_sp(p);
	do {
		*end = ARENA_NEW(p->arena, struct imap_atom);
		(*end)->text = imap_quoted(p);
		end = &(*end)->next;
	} while (imap_ok(p) && imap_accept_sp(p));
}

/* search-criteria = charset 1*(SP search-key), with the SP before it */
static void search_criteria(struct imap_parser *p, struct imap_search *search)
{
	charset(p, search);
	search_keys(p, search);
}

/* sort-criteria  = "(" sort-criterion *(SP sort-criterion) ")"
 * sort-criterion = ["REVERSE" SP] sort-key */
static void sort_criteria(struct imap_parser *p, struct sort_order *order)
{
	imap_open(p);
	do {
		bool reverse = imap_accept_word(p, STR("REVERSE"));
		unsigned bit;

		if (reverse)
			imap_sp(p);
		bit = imap_one_of(p, imap_sort_names, "a sort key");
		if (bit)
			sort_order_add(order, (enum sort_key)__builtin_ctz(bit),
				reverse);
	} while (imap_next_item(p));
}

/* sort          = "SORT" SP sort-criteria SP search-criteria
 * extended-sort = "SORT" search-return-opts SP sort-criteria SP
 *                 search-criteria */
void imap_parse_sort(struct imap_parser *p, struct imap_command *cmd)
{
	struct imap_sort *sort = &cmd->sort;

	p->utf8_quoted = true;
	imap_sp(p);
	if (imap_accept_word(p, STR("RETURN")))
		search_return_opts(p, &sort->search);
	sort_criteria(p, &sort->order);
	search_criteria(p, &sort->search);
}

/* thread = "THREAD" SP thread-alg SP search-criteria */
void imap_parse_thread(struct imap_parser *p, struct imap_command *cmd)
{
	p->utf8_quoted = true;
	imap_sp(p);
	cmd->thread.by =
		imap_one_of(p, imap_thread_names, "a threading algorithm");
	search_criteria(p, &cmd->thread.search);
}
